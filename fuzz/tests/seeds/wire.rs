//! Single messages, datagrams and HTTP answers.

use std::net::IpAddr;

use sanscord::rtp::header::Header;
use sanscord_fuzz::message::{Message, Rtp, discovered};

use super::Seed;

pub(super) fn envelope() -> Vec<Seed> {
    let texts = [
        ("hello", r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250,"_trace":["[]"]}}"#),
        ("dispatch", r#"{"t":"MESSAGE_CREATE","s":3,"op":0,"d":{"id":"1","content":"h\u00e9 \"hi\""}}"#),
        ("payload_first", r#"{"d":[1,{"a":null}],"op":0,"s":4,"t":"TYPING_START","new":{}}"#),
        ("no_payload", r#"{"op":11}"#),
        ("escaped_name", r#"{"t":"\u0041\ud83d\ude00","s":1,"op":0,"d":1e3}"#),
        ("voice_sequence", r#"{"op":5,"d":{"speaking":1,"ssrc":7,"user_id":"5"},"seq":65535}"#),
        ("number_out_of_range", r#"{"op":0,"d":1e999}"#),
        ("lone_surrogate", r#"{"op":0,"d":"\ud800"}"#),
        ("sequence_twice", r#"{"op":0,"s":1,"seq":2}"#),
        ("truncated", r#"{"op":0,"d":{"a":[1"#),
        ("opcode_negative", r#"{"op":-1}"#),
    ];
    let mut seeds: Vec<Seed> = texts.map(|(name, text)| (name, text.into())).into();
    let deep = format!(r#"{{"op":0,"d":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    seeds.push(("nested_200_deep", deep.into()));
    seeds.push(("not_utf8", b"{\"op\":0,\"d\":\"\xff\"}".to_vec()));
    seeds
}

pub(super) fn rtp() -> Vec<Seed> {
    let fixed = Header::new(0xFFFE, 0x1_0002, 0xABCD).to_bytes();
    let behind_head = |first: u8, second: u8, rest: &[u8]| {
        let mut packet = fixed.to_vec();
        (packet[0], packet[1]) = (first, second);
        packet.extend(rest);
        packet
    };
    vec![
        ("plain", behind_head(0x80, 0x78, &[7; 20])),
        ("extension", behind_head(0x90, 0x78, &[0xBE, 0xDE, 0, 1, 0x10, 1, 2, 3, 9, 9])),
        ("extension_too_long", behind_head(0x90, 0x78, &[0xBE, 0xDE, 0xFF, 0xFF, 1])),
        ("padding", behind_head(0xA0, 0x78, &[1, 2, 0, 0, 3])),
        ("padding_only", behind_head(0xA0, 0x78, &[0, 0, 0, 4])),
        ("padding_zero", behind_head(0xA0, 0x78, &[1, 0])),
        ("sources", behind_head(0x82, 0xF8, &[0, 0, 0, 1, 0, 0, 0, 2, 5])),
        ("sources_missing", behind_head(0x8F, 0x78, &[1; 9])),
        ("everything", behind_head(0xB1, 0xF8, &[0, 0, 0, 1, 0xBE, 0xDE, 0, 1, 5, 5, 5, 5, 6, 0, 2])),
        ("sender_report", behind_head(0x80, 200, &[0; 20])),
        ("keepalive", vec![0, 0, 0, 0, 0, 0, 0, 9]),
    ]
}

/// A sender report captured from a live voice server, published with its key; under ours it is a forgery.
const CAPTURED: [u8; 60] = [
    0x80, 0xc8, 0x00, 0x06, 0x00, 0x05, 0xec, 0x18, 0x8a, 0xf5, 0xb6, 0xfb, 0x63, 0xa1, 0x5a, 0x19, 0xf5,
    0x19, 0xab, 0x9b, 0x50, 0x2e, 0x93, 0x3c, 0x6a, 0xe1, 0x01, 0xae, 0x68, 0x5f, 0x5e, 0x7f, 0x42, 0xb4,
    0xfa, 0xb7, 0x83, 0xbb, 0x0e, 0xed, 0xa7, 0x3e, 0x70, 0xe9, 0x94, 0xcb, 0xae, 0xa0, 0xfd, 0xb0, 0x65,
    0x2f, 0x91, 0xa5, 0x2d, 0x69, 0x5a, 0x00, 0x00, 0x80,
];

pub(super) fn decrypt() -> Vec<Seed> {
    // Mode, a flip of two bytes and one, a cut, and the packet.
    let input = |mode: u8, flip: u8, cut: u8, packet: &[u8]| {
        let mut input = vec![mode, 12, 0, flip, cut];
        input.extend_from_slice(packet);
        input
    };
    let sealed = |flags: u8, payload: &[u8]| {
        let rtp = Rtp { flags, ssrc: 1, sequence: 2, timestamp: 3, payload: payload.into() };
        input(flags & 1, 0, 0, &rtp.seal())
    };
    vec![
        ("captured_sender_report", input(0, 0, 0, &CAPTURED)),
        ("aes_authentic", sealed(0, &[0xF8, 0xFF, 0xFE])),
        ("xchacha_authentic", sealed(1, &[0xF8, 0xFF, 0xFE])),
        ("aes_extension_and_padding", sealed(0x26, &[1, 2, 3, 0, 2])),
        ("xchacha_padding_too_long", sealed(3, &[1, 2, 9])),
        ("aes_report", sealed(8, &[0; 20])),
        ("xchacha_report", sealed(9, &[0; 20])),
        ("aes_flipped", input(0, 1, 0, &CAPTURED)),
        ("xchacha_cut", input(1, 0, 5, &CAPTURED)),
        ("nothing_behind_the_header", input(0, 0, 0, &CAPTURED[..12])),
    ]
}

pub(super) fn discovery() -> Vec<Seed> {
    let answer = |asked: u32, answered: u32, address: IpAddr, port: u16| {
        let mut input = asked.to_be_bytes().to_vec();
        input.extend(discovered(answered, address, port));
        input
    };
    let documentation = IpAddr::from([203, 0, 113, 7]);
    let good = answer(9, 9, documentation, 50_000);
    let changed = |at: usize, byte: u8| {
        let mut input = good.clone();
        input[at] = byte;
        input
    };
    vec![
        ("ipv4", good.clone()),
        ("ipv6", answer(9, 9, [0x2001, 0xDB8, 0, 0, 0, 0, 0, 7].into(), 1)),
        ("other_ssrc", answer(9, 8, documentation, 50_000)),
        ("port_zero", answer(9, 9, documentation, 0)),
        ("request", changed(5, 1)),
        ("other_length", changed(7, 71)),
        ("no_address", changed(12, 0)),
        ("not_an_address", changed(12, b'x')),
        ("short", good[..70].to_vec()),
    ]
}

pub(super) fn rest_error() -> Vec<Seed> {
    let answer = |status: u16, field: &str, body: &str| {
        let mut input = status.to_be_bytes().to_vec();
        input.push(field.len() as u8);
        input.extend(field.bytes());
        input.extend(body.bytes());
        input
    };
    let bot = r#"{"url":"wss://gateway.discord.gg","shards":1,"session_start_limit":{"total":1000,
        "remaining":999,"reset_after":14400000,"max_concurrency":1}}"#;
    let limited = r#"{"message":"You are being rate limited.","retry_after":64.57,"global":false}"#;
    vec![
        ("gateway_bot", answer(200, "", bot)),
        ("success_of_something_else", answer(200, "", "<html>")),
        ("unauthorized", answer(401, "", r#"{"message":"401: Unauthorized","code":0}"#)),
        ("rate_limited", answer(429, "65", limited)),
        ("rate_limited_by_a_proxy", answer(429, " 1.5 ", "error code: 1015")),
        ("endless_wait", answer(429, "1e300", r#"{"message":"","retry_after":-1}"#)),
        ("unavailable", answer(503, "", "\u{fffd}\u{1F600}")),
        ("unknown_channel", answer(404, "nan", r#"{"message":"Unknown Channel","code":10003}"#)),
        ("echo", answer(400, "", &String::from_utf8_lossy(&Message::new(3, 1).gateway()))),
    ]
}
