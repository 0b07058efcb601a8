use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use serde_json::Value;

use crate::capture::redact::{Redactor, Secret};

fn redactor() -> Redactor {
    let mut redactor = Redactor::new();
    redactor.learn(Secret::Token("MTk4.Cl2FMQ.ZnCjm1XVW7"));
    redactor.learn(Secret::Session("session/\"\n\u{1F512}one"));
    redactor
}

fn clean(redactor: &mut Redactor, text: &str) -> String {
    String::from_utf8(redactor.clean(text.as_bytes())).unwrap()
}

#[test]
fn known_secrets_are_found_however_they_are_written() {
    for (text, expected) in [
        ("MTk4.Cl2FMQ.ZnCjm1XVW7", "<token>"),
        ("Bot MTk4.Cl2FMQ.ZnCjm1XVW7, twice: MTk4.Cl2FMQ.ZnCjm1XVW7!", "Bot <token>, twice: <token>!"),
        (r#"{"token":"MTk4.Cl2FMQ.ZnCjm1XVW7","a":"\u00e9"}"#, r#"{"token":"<token>","a":"\u00e9"}"#),
        (r#"{"x":"a\u004dTk4.\u0043l2FMQ.ZnCjm1XVW\u0037\n"}"#, r#"{"x":"a<token>\n"}"#),
        (r#"{"x":["\u004D\u0054\u006b4.Cl2FMQ.ZnCjm1XVW7"]}"#, r#"{"x":["<token>"]}"#),
        (r#"{"MTk4.Cl2FMQ.\u005anCjm1XVW7": 1}"#, r#"{"<token>": 1}"#),
        (r#""session\/\"\n\ud83d\udD12one""#, r#""<session 1>""#),
        (r#""session/\u0022\u000a🔒one""#, r#""<session 1>""#),
        // Not JSON: cut off, a lone quote, broken escapes.
        (r#"{"token":"MTk4.Cl2FMQ.ZnCjm1XVW7"#, r#"{"token":"<token>"#),
        (r#"5" and MTk4.Cl2FMQ.ZnCjm1XVW7"#, r#"5" and <token>"#),
        (r#""\u00 \ud800 \q MTk4.Cl2FMQ.\u005anCjm1XVW7""#, r#""\u00 \ud800 \q <token>""#),
        // JSON in JSON.
        (
            r#"{"content":"{\"token\":\"MTk4.Cl2FMQ.ZnCjm1XVW7\"}"}"#,
            r#"{"content":"{\"token\":\"<token>\"}"}"#,
        ),
        // Nothing to be done.
        ("MTk4.Cl2FMQ.ZnCjm1XVW", "MTk4.Cl2FMQ.ZnCjm1XVW"),
        (r#"{ "a" : [ 1.0, "\u0041" ] }"#, r#"{ "a" : [ 1.0, "\u0041" ] }"#),
        ("", ""),
    ] {
        assert_eq!(clean(&mut redactor(), text), expected);
    }
    let bytes = [&b"\xff\xfe"[..], b"MTk4.Cl2FMQ.ZnCjm1XVW7", b"\xff"].concat();
    assert_eq!(redactor().clean(&bytes), b"\xff\xfe<token>\xff");
}

#[test]
fn members_and_paths_tell_what_is_a_secret() {
    let mut redactor = redactor();
    for (text, expected) in [
        (r#"{"token" : "voice-\u0061bc","x":"voice-abc"}"#, r#"{"token" : "<secret 1>","x":"<secret 1>"}"#),
        ("again voice-abc", "again <secret 1>"),
        // Named only after it was used.
        (
            r#"{"x":"voice-session","session_id":"voice-session"}"#,
            r#"{"x":"<session 2>","session_id":"<session 2>"}"#,
        ),
        (r#"{"access_token":"Bearer abcdefghij"}"#, r#"{"access_token":"Bearer <secret 2>"}"#),
        (
            "https://discord.com/api/webhooks/17/Web_hook-token?wait=true",
            "https://discord.com/api/webhooks/17/<secret 3>?wait=true",
        ),
        (
            r#"{"content":"/api\/interactions/9/aW50ZXJh/callback"}"#,
            r#"{"content":"/api\/interactions/9/<secret 4>/callback"}"#,
        ),
        ("/webhooks/not-an-id/whatever1 /webhooks/5", "/webhooks/not-an-id/whatever1 /webhooks/5"),
        // User names and passwords, and what a query says.
        (
            r#"{"url":"wss:\/\/proxy-user:pass-w%40rd@gateway.test?v=10"}"#,
            r#"{"url":"wss:\/\/<secret 5>@gateway.test?v=10"}"#,
        ),
        ("https://a.test/@me https://b.test?x=c@d", "https://a.test/@me https://b.test?x=c@d"),
        (
            "wss://r.test/?token=query-%7Etoken&v=10#access_token=fragment.token",
            "wss://r.test/?token=<secret 6>&v=10#access_token=<secret 7>",
        ),
        ("a broken=but-no-secret", "a broken=but-no-secret"),
        // Too plain to be looked for everywhere.
        (
            r#"{"token":"1234567890","session_id":"abc"}"#,
            r#"{"token":"<secret 8>","session_id":"<session 3>"}"#,
        ),
        (
            r#"{"id":1234567890,"x":"abc","session_id":"abc"}"#,
            r#"{"id":1234567890,"x":"abc","session_id":"<session 3>"}"#,
        ),
        // A key is one only before its value.
        (r#"["token","a-value-of-a-list"]"#, r#"["token","a-value-of-a-list"]"#),
        (r#"{"token":null,"name":"a-value-of-name"}"#, r#"{"token":null,"name":"a-value-of-name"}"#),
        (r#"{"token":["in-a-list-there"]}"#, r#"{"token":["in-a-list-there"]}"#),
        (r#"{"token":""}"#, r#"{"token":""}"#),
    ] {
        assert_eq!(clean(&mut redactor, text), expected);
    }
    for (name, value, expected) in [
        ("Authorization", "Bot MTk4.Cl2FMQ.ZnCjm1XVW7", "Bot <token>"),
        ("authorization", "Bearer some-other-token", "Bearer <secret 9>"),
        ("set-cookie", "__cfruid=1", "<cookie>"),
        ("x-audit-log-reason", "for some-other-token", "for <secret 9>"),
    ] {
        assert_eq!(redactor.clean_header(name, value), expected.as_bytes());
    }
    assert_eq!(redactor.len(), 12);
}

#[test]
fn the_longest_is_meant() {
    let mut redactor = Redactor::new();
    redactor.learn(Secret::Other("abcdefgh"));
    redactor.learn(Secret::Other("abcdefghij"));
    redactor.learn(Secret::Other("abcdefgh"));
    assert_eq!(clean(&mut redactor, "abcdefgh abcdefghij abcdefghi"), "<secret 1> <secret 2> <secret 1>i");
}

#[test]
fn an_escaped_backslash_at_its_end_belongs_to_a_secret() {
    let mut redactor = Redactor::new();
    redactor.learn(Secret::Other(r"abcdefgh\"));
    for text in [r#"["abcdefgh\u005c"]"#, r#"["abcdefgh\\"]"#] {
        assert_eq!(clean(&mut redactor, text), r#"["<secret 1>"]"#);
    }
}

/// Writes a string as JSON, each character escaped or not.
fn escaped(text: &str, escapes: &[bool]) -> String {
    let mut escapes = escapes.iter().cycle();
    let mut json = String::new();
    for c in text.chars() {
        if *escapes.next().unwrap() || c.is_control() || matches!(c, '"' | '\\') {
            for unit in c.encode_utf16(&mut [0; 2]) {
                json += &format!("\\u{unit:04x}");
            }
        } else {
            json.push(c);
        }
    }
    json
}

proptest! {
    #[test]
    fn no_escape_hides_a_secret(
        secret in "[a-zA-Z._-][a-zA-Z0-9._é🔒\"\\\\/-]{7,20}",
        around in prop::collection::vec(".{0,10}", 1..4),
        escapes in prop::collection::vec(any::<bool>(), 1..40)
    ) {
        prop_assume!(around.iter().all(|text| !text.contains('/')));
        let mut redactor = Redactor::new();
        redactor.learn(Secret::Token(&secret));
        let text = around.join(&secret);
        let json = format!("{{\"k\" : [1,\"{}\"]}}", escaped(&text, &escapes));
        let cleaned = redactor.clean(json.as_bytes());
        let value: Value = serde_json::from_slice(&cleaned).unwrap();
        prop_assert_eq!(value["k"][1].as_str().unwrap(), text.replace(&secret, "<token>"));
    }

    #[test]
    fn what_holds_no_secret_stays_as_it_is(bytes in prop::collection::vec(any::<u8>(), 0..80), text in ".{0,60}") {
        for text in [bytes, text.into_bytes()] {
            prop_assert_eq!(Redactor::new().replace(&text).into_owned(), text.clone());
            let is_plain = !text.windows(3).any(|w| w == b"ken") && !text.contains(&b'/');
            prop_assume!(is_plain);
            prop_assert_eq!(redactor().clean(&text), text);
        }
    }

    #[test]
    fn cleaning_twice_is_cleaning_once(parts in prop::collection::vec(prop::sample::select(vec![
        "\"", ":", "token", "session_id", "\\", "u0041", "/webhooks/1/", "abcdefgh-ij", "\\\"", ",", "{", "x",
        "MTk4.Cl2FMQ.ZnCjm1XVW7", " ", "é",
    ]), 0..24)) {
        let mut redactor = redactor();
        let once = redactor.clean(parts.concat().as_bytes());
        prop_assert!(!once.windows(22).any(|w| w == b"MTk4.Cl2FMQ.ZnCjm1XVW7"));
        let known: Vec<u8> = redactor.replace(&once).into_owned();
        prop_assert_eq!(known, once);
    }
}
