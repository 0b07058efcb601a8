//! HTTP answers.

use sanscord::machine::Response;
use sanscord::rest::error::field::MAX_FAULTS;
use sanscord::rest::{GatewayBot, RestError};

/// Two bytes are the status, one the length of a `retry-after` field, which follows, and the rest is the body.
pub fn rest_error(data: &[u8]) {
    let Some((&[s0, s1, length], rest)) = data.split_first_chunk() else { return };
    let (field, body) = rest.split_at(usize::from(length).min(rest.len()));
    let headers = match std::str::from_utf8(field) {
        Ok(value) if !value.is_empty() => vec![("retry-after".into(), value.into())],
        _ => Vec::new(),
    };
    let status = u16::from_be_bytes([s0, s1]);
    let response = Response { status, headers, body: body.to_vec().into() };

    let error = RestError::new(&response);
    assert_eq!(error.status, status);
    assert_eq!(error.is_transient(), status == 429 || status >= 500);
    assert!(error.message.len() <= 3 * body.len(), "a message longer than its body");
    assert!(error.to_string().contains(&error.message));
    assert!(error.fields.len() <= MAX_FAULTS);
    assert!(error.omitted == 0 || error.omitted < body.len());
    for fault in &error.fields {
        for text in [&fault.path, &fault.reason, &fault.code] {
            assert!(text.chars().count() <= 300, "a fault longer than its bound");
        }
        assert!(error.to_string().contains(&fault.to_string()));
    }
    match GatewayBot::read(&response) {
        Ok(_) => assert_eq!(status, 200),
        Err(refused) => assert_eq!(refused, error),
    }
}
