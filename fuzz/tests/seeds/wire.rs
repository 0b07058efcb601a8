//! Single messages, datagrams and HTTP answers.
#![expect(clippy::unwrap_used, reason = "a seed that cannot be made is a failure")]

use std::net::IpAddr;

use sanscord::object::Typed;
use sanscord::rtp::header::Header;
use sanscord_fuzz::inflate::COMPRESSIONS;
use sanscord_fuzz::message::{Message, Rtp, discovered};
use sanscord_fuzz::objects::{ANSWERS, FIRST};
use sanscord_fuzz::pack::Packer;
use zlib_rs::{Deflate, DeflateFlush};
use zstd_safe::{CCtx, InBuffer, OutBuffer};

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

pub(super) fn message() -> Vec<Seed> {
    let texts = [
        ("keys_behind_the_payload", r#"{"t":"A","s":1,"op":0,"d":{},"x":{}}"#),
        ("another_payload_behind", r#"{"t":"A","s":1,"op":0,"d":[],"d":[]}"#),
        ("opcode_twice", r#"{"t":"A","s":1,"op":0,"d":"","op":""}"#),
        ("payload_of_one_quote", r#"{"t":null,"s":null,"op":1,"d":"}"#),
        ("large_number", r#"{"t":null,"s":18446744073709551615,"op":9999999999999999999,"d":null}"#),
        ("leading_zero", r#"{"t":null,"s":01,"op":0,"d":null}"#),
        ("spaces", r#"{ "t": "TYPING_START", "s": 4, "op": 0, "d": {} }"#),
    ];
    let mut seeds = envelope();
    seeds.extend(texts.map(|(name, text)| (name, text.into())));
    seeds
}

/// The first byte: the compression, and a bound in units of 256 bytes.
const fn bounded(compression: u8, units: u8) -> u8 {
    compression | units << 2
}

fn frames(choice: u8, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut input = vec![choice];
    for frame in frames {
        input.extend((frame.len() as u16).to_le_bytes());
        input.extend_from_slice(frame);
    }
    input
}

pub(super) fn inflate() -> Vec<Seed> {
    let messages = [b"{\"op\":11}".to_vec(), b"ab".repeat(700), b"{}".to_vec(), b"{\"op\":11}".to_vec()];
    let stored = |which: usize| {
        let mut packer = Packer::new(COMPRESSIONS[which]);
        messages.iter().map(|message| packer.pack(message)).collect::<Vec<_>>()
    };
    let mut deflate = Deflate::new(6, true, 15);
    let deflated = messages.iter().map(|message| {
        let (mut space, before) = (vec![0; 4096], deflate.total_out());
        deflate.compress(message, &mut space, DeflateFlush::SyncFlush).unwrap();
        space.truncate((deflate.total_out() - before) as usize);
        space
    });
    let deflated: Vec<Vec<u8>> = deflated.collect();
    let mut context = CCtx::create();
    let zstd = messages.iter().map(|message| {
        let mut space = vec![0; 4096];
        let mut output = OutBuffer::around(&mut space[..]);
        context.compress_stream(&mut output, &mut InBuffer::around(message)).unwrap();
        context.flush_stream(&mut output).unwrap();
        let length = output.pos();
        space.truncate(length);
        space
    });
    let zstd: Vec<Vec<u8>> = zstd.collect();
    let whole = deflated.concat();
    let pieces: Vec<Vec<u8>> = whole.chunks(7).map(Vec::from).collect();
    let mut corrupt = deflated.clone();
    corrupt[1][3] ^= 0x55;
    let mut wide = zstd.clone();
    wide[0][5] = 0xFF;
    let mut payload = stored(1);
    payload[0].push(0);
    vec![
        ("none", frames(bounded(0, 4), &messages)),
        ("payloads", frames(bounded(1, 8), &stored(1))),
        ("payload_with_more_behind", frames(bounded(1, 8), &payload)),
        ("zlib_stored", frames(bounded(2, 8), &stored(2))),
        ("zlib_stream", frames(bounded(2, 8), &deflated)),
        ("zlib_in_pieces", frames(bounded(2, 8), &pieces)),
        ("zlib_too_long", frames(bounded(2, 2), &deflated)),
        ("zlib_corrupt", frames(bounded(2, 8), &corrupt)),
        ("zlib_two_messages_in_one_frame", frames(bounded(2, 8), &[deflated.concat()])),
        ("zstd_stored", frames(bounded(3, 8), &stored(3))),
        ("zstd_stream", frames(bounded(3, 8), &zstd)),
        ("zstd_too_long", frames(bounded(3, 2), &zstd)),
        ("zstd_cut", frames(bounded(3, 8), &[zstd[0][..9].to_vec(), zstd[0][9..].to_vec()])),
        ("zstd_wide_window", frames(bounded(3, 8), &wide)),
        ("nothing", frames(bounded(2, 0), &[Vec::new(), vec![0x78]])),
    ]
}

pub(super) fn objects() -> Vec<Seed> {
    let payload = |name: &str, json: &str| {
        let which = Typed::NAMES.iter().position(|known| *known == name).unwrap_or(255);
        let mut input = vec![which as u8];
        input.extend(json.bytes());
        input
    };
    let answer = |name: &str, json: &str| {
        let which = ANSWERS.iter().position(|(known, _)| *known == name).unwrap();
        let mut input = vec![FIRST + which as u8];
        input.extend(json.bytes());
        input
    };
    let user = r#"{"id":"80351110224678912","username":"mason","avatar":null,"bot":true,"new":[1.50]}"#;
    let message = format!(
        r#"{{"id":"1","channel_id":"2","guild_id":"3","author":{user},"content":"h\u00e9 <@1>","timestamp":
        "2026-01-01T00:00:00+00:00","edited_timestamp":null,"tts":false,"mention_everyone":false,"mentions":[],
        "mention_roles":[],"attachments":[],"embeds":[{{"title":"a","color":1,"fields":[]}}],"pinned":false,
        "type":0,"reactions":[{{"count":1,"me":false,"emoji":{{"id":null,"name":"a"}}}}]}}"#
    );
    let rich = r#"{"id":"1","channel_id":"2","content":"https://discord.com/channels/@me/2/1","embeds":[{"fields":[
        {"name":"a","value":"b"}]}],"poll":{"question":{"text":"?"},"answers":[{"answer_id":1,"poll_media":{}}]},
        "attachments":[{"id":"3","filename":"../a:\u202e.png"}],"sticker_items":[{"id":"4","format_type":9}],
        "components":[{"type":1,"components":[{"type":2}]}],"message_snapshots":[{"message":{"content":"c"}}]}"#;
    let member =
        format!(r#"{{"user":{user},"roles":["5"],"joined_at":"2020-01-01","guild_id":"3","deaf":1e0}}"#);
    vec![
        ("message", payload("MESSAGE_CREATE", &message)),
        ("part_of_a_message", payload("MESSAGE_UPDATE", r#"{"id":"1","channel_id":"2","embeds":null}"#)),
        ("guild_unavailable", payload("GUILD_CREATE", r#"{"id":"1","unavailable":true}"#)),
        ("guild_left", payload("GUILD_DELETE", r#"{"id":"1"}"#)),
        ("member", payload("GUILD_MEMBER_UPDATE", &member)),
        ("channel", payload("CHANNEL_CREATE", r#"{"id":"1","type":99,"name":null,"topic":"\ud83d"}"#)),
        ("presence", payload("PRESENCE_UPDATE", r#"{"user":{"id":"1"},"status":"new","guild_id":"3"}"#)),
        (
            "voice_state",
            payload("VOICE_STATE_UPDATE", r#"{"channel_id":null,"user_id":"1","session_id":"a"}"#),
        ),
        (
            "interaction",
            payload("INTERACTION_CREATE", r#"{"id":"1","application_id":"2","type":2,"token":"a"}"#),
        ),
        ("key_twice", payload("USER_UPDATE", r#"{"id":"1","id":"2","username":"a"}"#)),
        ("escaped_key", payload("TYPING_START", r#"{"\u0069d":"1","channel_id":"2","user_id":"3"}"#)),
        ("unknown_event", payload("NEW", r#"{"a":{"b":[1e400,-0,null]}}"#)),
        ("no_object", payload("MESSAGE_DELETE", "[]")),
        ("not_utf8", [payload("MESSAGE_CREATE", "{\"content\":\""), vec![0xFF, b'"', b'}']].concat()),
        ("messages", answer("messages", &format!("[{message},{rich}]"))),
        (
            "search_page",
            answer("search_page", &format!(r#"{{"total_results":1,"messages":[[{rich}]],"new":[]}}"#)),
        ),
        ("pin_page", answer("pin_page", &format!(r#"{{"items":[{{"message":{rich}}}],"has_more":true}}"#))),
        ("members", answer("members", &format!("[{member}]"))),
        ("user_guilds", answer("user_guilds", r#"[{"id":"1","name":"<b>","owner":true,"permissions":"8"}]"#)),
        (
            "application",
            answer("application", r#"{"id":"1","name":"a","team":{"id":"2"},"flags":18446744073709551615}"#),
        ),
        (
            "application_command",
            answer(
                "application_command",
                r#"{"id":"1","name":"a","options":[{"type":1,"name":"b","options":[{"type":3,"min_length":0}]}]}"#,
            ),
        ),
        (
            "audit_log",
            answer(
                "audit_log",
                r#"{"audit_log_entries":[{"id":"1","action_type":999,"changes":[{"key":"a","new_value":null}]}]}"#,
            ),
        ),
        ("ban", answer("ban", &format!(r#"{{"user":{user},"reason":"a\nb"}}"#))),
        (
            "component",
            answer("component", r#"{"type":9,"components":[{"type":10}],"accessory":{"type":2,"style":5}}"#),
        ),
        (
            "invite",
            answer("invite", r#"{"type":0,"code":"a","guild":{"id":"1"},"channel":{"id":"2","type":0}}"#),
        ),
        (
            "thread_list",
            answer(
                "thread_list",
                r#"{"threads":[{"id":"1","type":11,"applied_tags":["2"]}],"members":[{"id":"1"}],"has_more":false}"#,
            ),
        ),
        (
            "auto_moderation_rules",
            answer(
                "auto_moderation_rules",
                r#"[{"id":"1","trigger_type":9,"trigger_metadata":{"presets":[1]},"actions":[{"type":3,"metadata":{}}]}]"#,
            ),
        ),
        (
            "guild_templates",
            answer(
                "guild_templates",
                r#"[{"code":"a","serialized_source_guild":{"roles":[{"id":0}],"channels":[{"id":1,"parent_id":null}]}}]"#,
            ),
        ),
        (
            "integrations",
            answer(
                "integrations",
                r#"[{"id":"twitch-partners","type":"twitch","account":{"id":"2"},"scopes":null}]"#,
            ),
        ),
        (
            "onboarding",
            answer(
                "onboarding",
                r#"{"guild_id":"1","prompts":[{"id":"2","options":[{"id":"3","emoji":{"id":null}}]}]}"#,
            ),
        ),
        ("role_connection", answer("role_connection", r#"{"metadata":{"a":"1","\u0061":"2"}}"#)),
        (
            "scheduled_events",
            answer(
                "scheduled_events",
                r#"[{"id":"1","recurrence_rule":{"by_n_weekday":[{"n":-1,"day":4}],"by_month":null},"status":9}]"#,
            ),
        ),
        (
            "sounds",
            answer("sounds", r#"[{"sound_id":"1","name":"a","volume":1.50},{"sound_id":"2","volume":"x"}]"#),
        ),
        ("widget", answer("widget", r#"{"id":"1","members":[{"id":"0","status":"new","activity":{}}]}"#)),
    ]
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

pub(super) fn limits() -> Vec<Seed> {
    let answer = |status: u16, text: &str| {
        [&status.to_be_bytes()[..], &(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
    };
    let window = |remaining: u32, after: &str| {
        format!(
            "x-ratelimit-limit: 5\nx-ratelimit-remaining: {remaining}\nx-ratelimit-reset: 1470173023.123\n\
             x-ratelimit-reset-after: {after}\nx-ratelimit-bucket: abcd1234\n"
        )
    };
    let wait = |seconds: &str| format!(r#"{{"message":"","retry_after":{seconds},"global":false}}"#);
    let seen: Vec<u8> = (0..5).rev().flat_map(|left| answer(200, &window(left, "0.750"))).collect();
    let absurd = ["-1", "nan", "1e30", "inf", ""].map(|value| answer(200, &window(0, value)));
    let user = answer(429, &format!("{}\n\n{}", window(0, "1.5").trim_end(), wait("1.25")));
    let sub = answer(429, &format!("{}\n\n{}", window(3, "1.5").trim_end(), wait("600")));
    let shared = answer(429, &format!("x-ratelimit-scope: shared\n\n{}", wait("90000")));
    let global = answer(429, &format!("x-ratelimit-global: true\nretry-after: 3\n\n{}", wait("2.5")));
    let banned = answer(429, "retry-after: 600\n\n<html>error code: 1015</html>");
    let gone = answer(404, "\n\n{\"message\":\"Unknown Webhook\",\"code\":10015}");
    let renamed = answer(200, &window(2, "0.5").replace("abcd", "dcba"));
    vec![
        ("a_window", seen.clone()),
        ("absurd", absurd.concat()),
        ("limited", [user.clone(), seen.clone(), sub, shared].concat()),
        ("stopped", [global, seen.clone(), banned].concat()),
        ("gone", [seen.clone(), gone, seen.clone()].concat()),
        ("unauthorized", [answer(401, ""), answer(200, ""), answer(401, "")].concat()),
        ("renamed", [seen, renamed, answer(502, "")].concat()),
        ("invalid", [user.clone(), user.clone(), user.clone(), user].concat()),
        ("endless", answer(429, &format!("\n\n{}", wait("1e300")))),
    ]
}

pub(super) fn rtcp() -> Vec<Seed> {
    let report = |count: u8| {
        let mut report = vec![0x80 | count, 200, 0, 6 + 6 * count];
        report.extend([1; 24]);
        report.extend(vec![2; 24 * usize::from(count)]);
        report
    };
    let bye = [0x81, 203, 0, 3, 0, 0, 0, 7, 3, b'b', b'y', b'e', 0, 0, 0, 0];
    vec![
        ("a_sender_report", report(0)),
        ("a_sender_report_with_blocks", report(3)),
        ("a_compound", [report(1), vec![0x81, 202, 0, 1, 1, 1, 1, 1], bye.to_vec()].concat()),
        ("a_receiver_report", [&[0x81, 201, 0, 7][..], &[3; 28]].concat()),
        ("padded", vec![0xA0, 203, 0, 1, 0, 0, 0, 4]),
        ("shorter_than_it_says", vec![0x80, 200, 0, 6, 1, 2]),
        ("fewer_blocks_than_it_counts", vec![0x9F, 201, 0, 1, 0, 0, 0, 1]),
        ("one_byte_extension", vec![0xBE, 0xDE, 0x10, 0x89, 0x90, 2, 0x51, 1, 2, 0]),
        ("two_byte_extension", vec![0x10, 0, 1, 1, 7, 0, 200, 0, 5, 2, 1, 2]),
    ]
}

pub(super) fn jitter() -> Vec<Seed> {
    // Whether adaptive, least and most; then kind, wait, sequence number and timestamp of each.
    let script = |packets: &[(u8, u8, u16)]| {
        let mut script = vec![1, 20, 50];
        for &(kind, wait, sequence) in packets {
            script.extend([kind, wait]);
            script.extend(sequence.to_le_bytes());
            script.extend(0_u32.to_le_bytes());
        }
        script.push(0);
        script
    };
    let speech: Vec<_> = (0..40).map(|n| (7, 20, n)).collect();
    let lossy: Vec<_> = (0..60_u16).filter(|n| n % 5 != 3).map(|n| (7, 20, n.wrapping_add(65_500))).collect();
    let burst: Vec<_> = (0..30).map(|n| (7, if n == 12 { 250 } else { 0 }, n)).collect();
    let swapped: Vec<_> = (0..40).map(|n| (7, 20, n ^ 1)).collect();
    let restarted = [(7, 20, 5), (0, 0, 0), (7, 20, 40_000), (3, 20, 40_001), (7, 20, 40_002), (2, 0, 0)];
    vec![
        ("speech", script(&speech)),
        ("losses_over_the_wrap", script(&lossy)),
        ("a_burst", script(&burst)),
        ("every_second_late", script(&swapped)),
        ("another_ssrc_and_padding", script(&restarted)),
    ]
}
