//! Files: uploaded, listed, fetched.

use super::*;

const TYPE: [(&str, &str); 1] = [("content-type", "multipart/form-data; boundary=limit")];

fn form(payload: &Value, files: &[(u64, &str, &str)]) -> Vec<u8> {
    let mut body = format!(
        "--limit\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n{payload}"
    );
    for (number, name, data) in files {
        body.push_str(&format!(
            "\r\n--limit\r\nContent-Disposition: form-data; name=\"files[{number}]\"; filename=\"{name}\"\r\nContent-Type: text/plain\r\n\r\n{data}"
        ));
    }
    body.push_str("\r\n--limit--\r\n");
    body.into_bytes()
}

fn upload(
    api: &mut Api,
    method: Method,
    path: &str,
    payload: &Value,
    files: &[(u64, &str, &str)],
) -> (u16, Value) {
    let answer = api.send(method, path, &TYPE, form(payload, files)).unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

/// Fetches from the CDN, which asks for no token and no agent.
fn fetch(api: &mut Api, url: &str) -> Response {
    let target = url.strip_prefix("https://cdn.discordapp.com").unwrap();
    api.client.input(ServerInput::Request {
        exchange: ExchangeId(1),
        method: Some(Method::Get),
        target: target.into(),
        headers: vec![],
        body: Bytes::new(),
    });
    api.client.responses.pop().unwrap()
}

#[test]
fn files_come_back_as_they_were_sent() {
    let mut api = Api::free(calm());
    let path = api.messages();
    let payload =
        json!({"attachments": [{"id": 0, "description": "a note"}, {"id": 1, "filename": "b c.txt"}]});
    let files = [(0, "a.txt", "alpha\r\n--limi"), (1, "../b.txt", "")];
    let (status, message) = upload(&mut api, Method::Post, &path, &payload, &files);
    assert_eq!(status, 200, "{message}");
    let attachments = message["attachments"].as_array().unwrap();
    assert_eq!((&attachments[0]["filename"], &attachments[0]["size"]), (&json!("a.txt"), &json!(13)));
    assert_eq!(attachments[0]["description"], "a note");
    assert_eq!(attachments[1]["filename"], "b c.txt");
    let url = attachments[0]["url"].as_str().unwrap().to_owned();
    let fetched = fetch(&mut api, &url);
    assert_eq!((fetched.status, &fetched.body[..]), (200, &b"alpha\r\n--limi"[..]));
    assert_eq!(fetched.header("content-type"), Some("text/plain"));
    let other = attachments[1]["url"].as_str().unwrap().to_owned();
    assert_eq!((fetch(&mut api, &other).status, fetch(&mut api, &other).body.len()), (200, 0));
    for wrong in [url.replace("a.txt", "b.txt"), url.replace("&hm=", "&hm=0"), url.replace("?ex=", "?ex=f")] {
        assert_eq!(fetch(&mut api, &wrong).status, 404, "{wrong}");
    }
    api.client.sleep(24 * 3_600_000);
    assert_eq!(fetch(&mut api, &url).status, 404, "it has expired");
    assert_eq!(api.rules(), []);
}

#[test]
fn changes_keep_what_they_list() {
    let mut api = Api::free(calm());
    let path = api.messages();
    let files = [(0, "a", "x"), (1, "b", "y")];
    let (_, message) = upload(&mut api, Method::Post, &path, &json!({"content": "c"}), &files);
    let own = format!("{path}/{}", message["id"].as_str().unwrap());
    let names = |message: &Value| {
        let all = message["attachments"].as_array().unwrap().iter();
        all.map(|file| file["filename"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&message), ["a", "b"]);
    let (_, edited) = api.call(Method::Patch, &own, json!({"content": "d"}));
    assert_eq!(names(&edited), ["a", "b"], "not listed at all: all stay");
    let kept = json!({"attachments": [{"id": message["attachments"][1]["id"]}, {"id": 0}]});
    let (status, edited) = upload(&mut api, Method::Patch, &own, &kept, &[(0, "c", "z")]);
    assert_eq!((status, names(&edited)), (200, vec!["b".to_owned(), "c".into()]));
    let (_, edited) = api.call(Method::Patch, &own, json!({"attachments": []}));
    assert_eq!(names(&edited), Vec::<String>::new());
    assert_eq!(api.rules(), []);
}

#[test]
fn uploads_have_their_limits() {
    let mut config = calm();
    config.rest.file_limit = 100;
    config.rest.body_limit = 2_000;
    let mut api = Api::free(config);
    let path = api.messages();
    let payload = json!({"content": "x"});
    let large = "x".repeat(101);
    let (status, refusal) = upload(&mut api, Method::Post, &path, &payload, &[(0, "a", &large)]);
    assert_eq!((status, &refusal["code"]), (413, &json!(40_005)));
    let many: Vec<_> = (0..10).map(|number| (number, "a", &large[..100])).collect();
    let (status, refusal) = upload(&mut api, Method::Post, &path, &payload, &many);
    assert_eq!((status, &refusal["code"]), (413, &json!(40_005)));
    assert_eq!(api.rules(), []);
    let (status, _) = upload(&mut api, Method::Post, &path, &payload, &[(10, "a", "x")]);
    assert_eq!((status, api.rules()), (400, vec![Rule::RestBody]));
    // A file that no entry lists is taken, but was surely forgotten.
    let listed = json!({"attachments": [{"id": 0}]});
    let (status, _) = upload(&mut api, Method::Post, &path, &listed, &[(0, "a", "x"), (1, "b", "y")]);
    assert_eq!((status, api.rules().len()), (200, 2));
}

#[test]
fn old_files_are_forgotten() {
    let mut config = calm();
    config.rest.files_kept = 10;
    let mut api = Api::free(config);
    let path = api.messages();
    let urls: Vec<_> = (0..3)
        .map(|_| {
            let (_, message) = upload(&mut api, Method::Post, &path, &json!({}), &[(0, "a", "12345")]);
            message["attachments"][0]["url"].as_str().unwrap().to_owned()
        })
        .collect();
    let statuses: Vec<_> = urls.iter().map(|url| fetch(&mut api, url).status).collect();
    assert_eq!(statuses, [404, 200, 200]);
}
