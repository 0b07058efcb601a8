//! What Discord refuses, and how it says so.

use super::*;

/// A form error's places with their codes.
fn places(errors: &Value, path: &str, found: &mut Vec<String>) {
    for (key, value) in errors.as_object().unwrap() {
        if key == "_errors" {
            found.push(format!("{path}: {}", value[0]["code"].as_str().unwrap()));
        } else {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            places(value, &path, found);
        }
    }
}

#[test]
fn forms_are_judged_field_by_field() {
    let mut api = Api::free(calm());
    let long = |length: usize| "x".repeat(length);
    let path = api.messages();
    for (body, expected) in [
        (json!({"content": long(2_001)}), vec!["content: BASE_TYPE_MAX_LENGTH"]),
        (json!({"content": 5}), vec!["content: STRING_TYPE_CONVERT"]),
        (
            json!({"content": long(2_001), "embeds": [{}, {"title": long(257)}], "tts": "no"}),
            vec![
                "content: BASE_TYPE_MAX_LENGTH",
                "embeds.1.title: BASE_TYPE_MAX_LENGTH",
                "tts: BOOLEAN_TYPE_CONVERT",
            ],
        ),
        (json!({"embeds": vec![json!({"title": "x"}); 11]}), vec!["embeds: BASE_TYPE_MAX_LENGTH"]),
        (
            json!({"embeds": vec![json!({"description": long(3_001)}); 2]}),
            vec!["embeds: MAX_EMBED_SIZE_EXCEEDED"],
        ),
        (
            json!({"embeds": [{"fields": [{"name": "", "value": "x"}, {"name": "x"}]}]}),
            vec![
                "embeds.0.fields.0.name: BASE_TYPE_BAD_LENGTH",
                "embeds.0.fields.1.value: BASE_TYPE_REQUIRED",
            ],
        ),
        (json!({"content": "x", "nonce": long(26)}), vec!["nonce: BASE_TYPE_MAX_LENGTH"]),
        (
            json!({"content": "x", "sticker_ids": ["1", "2", "3", "4"]}),
            vec!["sticker_ids: BASE_TYPE_MAX_LENGTH"],
        ),
        (
            json!({"content": "x", "allowed_mentions": {"parse": ["users", "all"], "users": ["1"]}}),
            vec![
                "allowed_mentions.parse.1: BASE_TYPE_CHOICES",
                "allowed_mentions.parse: MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
            ],
        ),
        (
            json!({"content": "x", "flags": 1 << 15}),
            vec!["content: MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"],
        ),
        (json!({"content": "x", "attachments": [{"id": 0}]}), vec!["attachments.0.id: ATTACHMENT_NOT_FOUND"]),
        (
            json!({"content": "x", "message_reference": {}}),
            vec!["message_reference.message_id: BASE_TYPE_REQUIRED"],
        ),
    ] {
        let (status, refusal) = api.call(Method::Post, &path, body.clone());
        assert_eq!((status, &refusal["code"]), (400, &json!(50_035)), "{refusal}");
        let mut found = Vec::new();
        places(&refusal["errors"], "", &mut found);
        found.sort();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
    assert_eq!(api.rules(), []);
    assert_eq!(api.get(&path), json!([]), "nothing was posted");
}

#[test]
fn what_is_not_there_or_not_allowed_has_its_code() {
    let mut api = Api::free(calm());
    let id = api.post("x");
    let messages = api.messages();
    let voice = api.client.discord.config().voice_channels[0].0;
    let guild = format!("/guilds/{}", api.guild);
    for (method, path, body, status, code) in [
        (Method::Get, "/channels/5".to_owned(), Value::Null, 404, 10_003),
        (Method::Post, "/channels/5/messages".into(), json!({"content": "x"}), 404, 10_003),
        (Method::Get, "/guilds/5".into(), Value::Null, 404, 10_004),
        (Method::Get, "/guilds/5/roles".into(), Value::Null, 404, 10_004),
        (Method::Get, format!("{guild}/members/5"), Value::Null, 404, 10_007),
        (Method::Get, format!("{messages}/5"), Value::Null, 404, 10_008),
        (Method::Get, format!("{guild}/roles/5"), Value::Null, 404, 10_011),
        (Method::Get, "/users/5".into(), Value::Null, 404, 10_013),
        (Method::Get, "/webhooks/5".into(), Value::Null, 404, 10_015),
        (Method::Post, "/interactions/5/abc/callback".into(), json!({"type": 1}), 404, 10_062),
        (Method::Get, format!("/applications/{}/commands/5", api.bot), Value::Null, 404, 10_063),
        (Method::Get, "/applications/5/commands".into(), Value::Null, 403, 20_012),
        (Method::Post, messages.clone(), json!({"content": " "}), 400, 50_006),
        (Method::Post, messages.clone(), json!({}), 400, 50_006),
        (Method::Patch, format!("{messages}/{id}"), json!({"content": ""}), 400, 50_006),
        (Method::Post, "/users/@me/channels".into(), json!({"recipient_id": "5"}), 400, 50_033),
        (Method::Post, "/users/@me/channels".into(), json!({}), 400, 50_035),
        (Method::Post, format!("/channels/{voice}/threads"), json!({"name": "x"}), 400, 50_024),
        (Method::Get, "/channels/abc".into(), Value::Null, 400, 50_035),
        (Method::Put, "/channels/5".into(), Value::Null, 405, 0),
        (Method::Get, "/nowhere".into(), Value::Null, 404, 0),
    ] {
        assert_eq!(api.code(method, &path, body), (status, code), "{path}");
    }
    let others = format!("{messages}/{id}");
    api.client.discord.config_mut().bots = Config::more_bots(1);
    api.token = format!("Bot {}", Config::more_bots(1)[0].token);
    assert_eq!(api.code(Method::Patch, &others, json!({"content": "mine"})), (403, 50_005));
    assert_eq!(api.rules(), []);
}

#[test]
fn access_and_permissions_are_refused_on_request() {
    let mut config = calm();
    config.rest.no_access.insert(config.text_channel.0);
    config.rest.forbidden.insert("PATCH /channels/{channel_id}".into());
    let mut api = Api::free(config);
    let path = api.messages();
    assert_eq!(api.code(Method::Get, &path, Value::Null), (403, 50_001));
    let channel = format!("/channels/{}", api.channel);
    assert_eq!(api.code(Method::Patch, &channel, json!({"name": "x"})), (403, 50_013));
    assert_eq!(api.client.discord.report().rest_invalid, 2);
}

#[test]
fn mistakes_of_the_client_are_written_down() {
    let json = [("content-type", "application/json")];
    let reason = |text: &'static str| [("content-type", "application/json"), ("x-audit-log-reason", text)];
    let text = r#"{"content":"x"}"#;
    for (headers, body, status, rule) in [
        (&json[..], text, 200, None),
        (&[("content-type", "application/json; charset=utf-8")], text, 200, None),
        (&[], text, 400, Some(Rule::RestBody)),
        (&[("content-type", "text/plain")], text, 400, Some(Rule::RestBody)),
        (&json, r#"{"content":"#, 400, Some(Rule::RestBody)),
        (&json, r#"{"content":"x","contents":"y"}"#, 200, Some(Rule::RestBody)),
        (&[("content-type", "multipart/form-data")], text, 400, Some(Rule::RestBody)),
        (&[("content-type", "multipart/form-data; boundary=a")], text, 400, Some(Rule::RestBody)),
        (&reason("tidying%20up%20%E2%9C%93"), text, 200, None),
        (&reason("tidying up"), text, 200, Some(Rule::RestReason)),
        (&reason("%FF"), text, 200, Some(Rule::RestReason)),
        (&reason(""), text, 200, Some(Rule::RestReason)),
    ] {
        let mut api = Api::free(calm());
        let path = api.messages();
        let answer = api.send(Method::Post, &path, headers, body).unwrap();
        assert_eq!((answer.status, api.rules()), (status, rule.into_iter().collect()), "{headers:?} {body}");
    }
    let mut api = Api::free(calm());
    let path = api.messages();
    api.send(Method::Post, &path, &reason("tidying%20up%20%E2%9C%93"), text).unwrap();
    let reasons: Vec<_> = api.client.discord.reasons().collect();
    assert_eq!(reasons, [(MESSAGES, "tidying up \u{2713}")]);
    // A body that no GET has, and a query that is not encoded.
    api.send(Method::Get, &path, &json, text).unwrap();
    assert_eq!(api.send(Method::Get, &format!("{path}?after=\u{1F525}"), &[], "").unwrap().status, 400);
    assert_eq!(api.rules(), [Rule::RestBody, Rule::RestBody]);
}
