use alloc::format;
use alloc::string::ToString;
use alloc::vec;

use super::field::MAX_FAULTS;
use super::*;

fn response(status: u16, body: impl Into<bytes::Bytes>) -> Response {
    let headers = vec![("retry-after".into(), "3".into())];
    Response { status, headers, body: body.into() }
}

#[test]
fn reads_discords_errors_and_other_peoples() {
    let error = RestError::new(&response(429, r#"{"message":"slow","retry_after":0.5,"global":false}"#));
    assert_eq!((error.retry_after, error.is_transient()), (Some(Duration::from_millis(500)), true));
    let error = RestError::new(&response(401, r#"{"message":"401: Unauthorized","code":0}"#));
    assert!(error.to_string().contains("DISCORD_BOT_TOKEN"));
    assert!(!error.is_transient());
    let error = RestError::new(&response(503, "<html>"));
    assert_eq!((error.code, &*error.message, error.retry_after), (0, "<html>", Some(Duration::from_secs(3))));
    let endless = RestError::new(&response(429, r#"{"message":"","retry_after":-1}"#));
    assert_eq!(endless.retry_after, None);
    let error = RestError::new(&response(400, r#"{"error":"invalid_grant","error_description":"Bad code"}"#));
    assert_eq!(error.message, "Bad code");
}

#[test]
fn an_odd_field_hides_no_other() {
    for (odd, code) in [("null", 0), (r#""50013""#, 50013), ("-1", 0), ("1.5", 0), ("{}", 0), ("[[]]", 0)] {
        let body = format!(r#"{{"code":{odd},"message":"no","retry_after":2}}"#);
        let error = RestError::new(&response(403, body));
        assert_eq!(
            (error.code, &*error.message, error.retry_after),
            (code, "no", Some(Duration::from_secs(2)))
        );
    }
    for (odd, wait) in [("null", 3.0), (r#""0.5""#, 0.5), (r#""soon""#, 3.0), ("true", 3.0)] {
        let error =
            RestError::new(&response(429, format!(r#"{{"code":9,"message":"no","retry_after":{odd}}}"#)));
        assert_eq!((error.code, &*error.message), (9, "no"));
        assert_eq!(error.retry_after, Some(Duration::from_secs_f64(wait)), "{odd}");
    }
    let error = RestError::new(&response(400, r#"{"code":50035,"message":null}"#));
    assert_eq!((error.code, &*error.message), (50035, r#"{"code":50035,"message":null}"#));
}

#[test]
fn what_is_no_json_keeps_its_beginning() {
    let long = "é".repeat(5000);
    assert_eq!(RestError::new(&response(502, long)).message, "é".repeat(200));
    let broken = vec![0xC3; 5000];
    assert_eq!(RestError::new(&response(502, broken)).message.chars().count(), 200);
}

#[test]
fn faults_of_fields_are_flattened() {
    let body = r#"{"code":50035,"message":"Invalid Form Body","errors":{
        "content":{"_errors":[{"code":"BASE_TYPE_MAX_LENGTH","message":"Must be 2000 or fewer in length."}]},
        "embeds":{"0":{"fields":{"1":{"name":{"_errors":[
            {"code":"BASE_TYPE_REQUIRED","message":"This field is required"}]}}}}},
        "_errors":[{"code":"X","message":"at the root"}]}}"#;
    let error = RestError::new(&response(400, body));
    let lines: Vec<_> = error.fields.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "at the root (X)",
            "content: Must be 2000 or fewer in length. (BASE_TYPE_MAX_LENGTH)",
            "embeds[0].fields[1].name: This field is required (BASE_TYPE_REQUIRED)",
        ]
    );
    assert_eq!(
        error.to_string(),
        format!(
            "Discord answered with HTTP status 400, code 50035 INVALID_FORM: Invalid Form Body; {}; {}; {} \
             (correct the fields that are named)",
            lines[0], lines[1], lines[2]
        )
    );
    // Reasons without codes are told as well.
    let error = RestError::new(&response(400, r#"{"message":"m","errors":{"a":["b"],"c":"d"}}"#));
    assert_eq!(error.fields.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a: b", "c: d"]);
}

#[test]
fn faults_are_bounded() {
    let many: Vec<_> = (0..60).map(|n| format!(r#""{n}":{{"_errors":[{{"message":"m"}}]}}"#)).collect();
    let error =
        RestError::new(&response(400, format!(r#"{{"message":"m","errors":{{{}}}}}"#, many.join(","))));
    assert_eq!((error.fields.len(), error.omitted), (MAX_FAULTS, 10));
    assert!(error.to_string().contains("; and 10 more"));
    // 100 levels, then more than the parser takes.
    for (depth, omitted) in [(100, 1), (1000, 0)] {
        let body =
            format!(r#"{{"message":"m","errors":{}1{}}}"#, r#"{"a":"#.repeat(depth), "}".repeat(depth));
        let error = RestError::new(&response(400, body));
        assert_eq!((error.fields.len(), error.omitted), (0, omitted), "{depth}");
    }
    let long = "x".repeat(5000);
    let body = format!(r#"{{"message":"m","errors":{{"{long}":{{"_errors":[{{"message":"{long}"}}]}}}}}}"#);
    let fault = &RestError::new(&response(400, body)).fields[0];
    assert_eq!((fault.path.len(), fault.reason.len()), (300, 300));
}

#[test]
fn codes_have_names_and_advice() {
    let error =
        |status, code: u64| RestError::new(&response(status, format!(r#"{{"message":"m","code":{code}}}"#)));
    assert_eq!(error(404, 10008).kind(), Code::UNKNOWN_MESSAGE);
    assert_eq!(error(404, 10008).kind().to_string(), "10008 UNKNOWN_MESSAGE");
    assert_eq!(error(400, 99).kind().to_string(), "99");
    for (status, code, advice) in [
        (401, 0, "token"),
        (403, 0, "permission"),
        (403, 50001, "VIEW_CHANNEL"),
        (403, 50013, "permission"),
        (404, 0, "ids"),
        (429, 0, "wait"),
        (500, 0, "later"),
    ] {
        assert!(error(status, code).advice().is_some_and(|text| text.contains(advice)), "{status} {code}");
    }
    assert_eq!(error(400, 99).advice(), None);
    assert!(Code::KNOWN.is_sorted(), "the table is in the order of its numbers");
}
