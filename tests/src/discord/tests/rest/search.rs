//! Search for messages.

use super::*;

#[test]
fn search_is_paged_by_offset() {
    let mut api = Api::free(calm().history(calm().text_channel.0, 12_000));
    let path = format!("/guilds/{}/messages/search", api.guild);
    let page = api.get(&format!("{path}?content=message"));
    assert_eq!((&page["total_results"], page["messages"].as_array().unwrap().len()), (&json!(12_000), 25));
    assert_eq!(page["messages"][0][0]["content"], "message 11999");
    assert_eq!(page["messages"][0][0]["hit"], true);
    let last = api.get(&format!("{path}?offset=9975"));
    assert_eq!(last["messages"][24][0]["content"], "message 2000");
    assert_eq!(api.code(Method::Get, &format!("{path}?offset=9976"), Value::Null), (400, 50_035));
    let max = last["messages"][24][0]["id"].as_str().unwrap().to_owned();
    let further = api.get(&format!("{path}?max_id={max}"));
    assert_eq!(
        (&further["total_results"], &further["messages"][0][0]["content"]),
        (&json!(2_000), &json!("message 1999"))
    );
    let oldest = api.get(&format!("{path}?sort_order=asc&limit=1"));
    assert_eq!(oldest["messages"][0][0]["content"], "message 0");
    for query in ["limit=26", "has=nothing", "author_id=x", "sort_by=size", "pinned=maybe", "slop=101"] {
        assert_eq!(api.code(Method::Get, &format!("{path}?{query}"), Value::Null), (400, 50_035), "{query}");
    }
    assert_eq!(api.rules(), []);
}

#[test]
fn conditions_narrow_a_search() {
    let mut api = Api::free(calm());
    let path = api.messages();
    let plain = api.post("alpha beta");
    let link = api.post("Beta https://example.org");
    let embed = json!({"embeds": [{"title": "gamma"}], "content": "<@700000000000000000>"});
    let (_, embed) = api.call(Method::Post, &path, embed);
    let embed = embed["id"].as_str().unwrap().to_owned();
    let search = format!("/guilds/{}/messages/search", api.guild);
    let bot = api.bot;
    for (query, expected) in [
        ("content=beta".to_owned(), vec![&link, &plain]),
        ("content=alpha+beta".into(), vec![&plain]),
        ("has=link".into(), vec![&link]),
        ("has=-link".into(), vec![&embed, &plain]),
        ("has=embed&has=-link".into(), vec![&embed]),
        ("mentions=700000000000000000".into(), vec![&embed]),
        (format!("author_id={bot}"), vec![&embed, &link, &plain]),
        ("author_id=5".into(), vec![]),
        ("author_type=-bot".into(), vec![]),
        (format!("min_id={plain}"), vec![&embed, &link]),
        (format!("max_id={link}"), vec![&plain]),
        ("channel_id=5".into(), vec![]),
        ("pinned=true".into(), vec![]),
    ] {
        let page = api.get(&format!("{search}?{query}"));
        let ids: Vec<_> = page["messages"].as_array().unwrap().iter().map(|hit| &hit[0]["id"]).collect();
        assert_eq!(ids, expected, "{query}");
        assert_eq!(page["total_results"], expected.len(), "{query}");
    }
}

#[test]
fn an_index_may_not_be_ready() {
    let mut config = calm();
    let route = "GET /guilds/{guild_id}/messages/search";
    config.faults.rest_routes.push_back((route.into(), RestFault::NotReady { retry_after: 0 }));
    let mut api = Api::free(config);
    let path = format!("/guilds/{}/messages/search", api.guild);
    let (status, told) = api.call(Method::Get, &path, Value::Null);
    assert_eq!((status, &told["code"], &told["retry_after"]), (202, &json!(110_000), &json!(0)));
    assert_eq!(api.get(&path)["total_results"], 0);
}
