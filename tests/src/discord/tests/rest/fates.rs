//! Answers that go wrong on request.

use super::*;

fn with(fault: RestFault) -> Api {
    let mut config = calm();
    config.faults.rest.push_back(fault);
    Api::free(config)
}

#[test]
fn answers_are_spoilt_as_they_are_told_to_be() {
    let get = |api: &mut Api| api.send(Method::Get, "/users/@me", &[], "");
    let whole = get(&mut Api::free(calm())).unwrap().body;

    let mut api = with(RestFault::Status(502));
    assert_eq!(get(&mut api).unwrap().status, 502);
    assert_eq!(get(&mut api).unwrap().body, whole, "each fault has one occasion");

    let cut = get(&mut with(RestFault::Truncated(9))).unwrap();
    assert_eq!((cut.status, &cut.body), (200, &whole.slice(..9)));

    let huge = get(&mut with(RestFault::Huge(1 << 20))).unwrap();
    assert_eq!((huge.body.len(), serde_json::from_slice(&huge.body).unwrap()), (1 << 20, json!(0)));

    let packed = get(&mut with(RestFault::Gzip)).unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut unpacked = vec![0; whole.len() + 1];
    let config = zlib_rs::InflateConfig { window_bits: 15 + 16 };
    let (unpacked, _) = zlib_rs::decompress_slice(&mut unpacked, &packed.body, config);
    assert_eq!(unpacked, &whole[..]);

    let moved = get(&mut with(RestFault::Redirect)).unwrap();
    assert_eq!(moved.header("location"), Some("https://discord.com/api/v10/users/@me"));
    assert_eq!(moved.status, 302);

    for (header, body) in [("-5", "-5"), ("1e309", "1e300"), ("soon", "null"), ("31536000000", "31536000000")]
    {
        let absurd = get(&mut with(RestFault::absurd_wait(header, body))).unwrap();
        assert_eq!((absurd.status, absurd.header("retry-after")), (429, Some(header)));
    }
    let any = RestFault::Answer { status: 418, headers: vec![], body: Bytes::from_static(b"\xFF") };
    assert_eq!(get(&mut with(any)).unwrap().body, Bytes::from_static(b"\xFF"));
}

#[test]
fn slow_answers_come_when_they_are_due() {
    let mut api = with(RestFault::Slow(Duration::from_secs(20)));
    assert_eq!(api.send(Method::Get, "/users/@me", &[], ""), None);
    api.client.sleep(19_999);
    assert!(api.client.responses.is_empty());
    api.client.sleep(1);
    assert_eq!(api.client.responses.pop().map(|response| response.status), Some(200));
}

#[test]
fn lost_requests_were_served_or_not() {
    for (fault, resets, posted) in [
        (RestFault::Lost { processed: true }, 1, 1),
        (RestFault::Lost { processed: false }, 1, 0),
        (RestFault::Silent { processed: true }, 0, 1),
        (RestFault::Silent { processed: false }, 0, 0),
    ] {
        let mut api = with(fault.clone());
        let path = api.messages();
        let headers = [("content-type", "application/json")];
        assert_eq!(api.send(Method::Post, &path, &headers, r#"{"content":"x"}"#), None, "{fault:?}");
        assert_eq!(api.client.resets, resets, "{fault:?}");
        assert_eq!(api.get(&path).as_array().unwrap().len(), posted, "{fault:?}");
    }
}

#[test]
fn faults_of_a_route_wait_for_it() {
    let mut config = calm();
    let error = RestFault::Error { status: 500, code: 0, message: "500: Internal Server Error".into() };
    config.faults.rest_routes.push_back((MESSAGES.into(), error));
    let mut api = Api::free(config);
    api.get("/users/@me");
    let path = api.messages();
    assert_eq!(api.code(Method::Post, &path, json!({"content": "x"})), (500, 0));
    api.post("x");
}
