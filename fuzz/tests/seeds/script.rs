//! Conversations written by hand, step by step.

use std::slice;

use sanscord_fuzz::message::{GATEWAY, Message, Rtp, VOICE};
use sanscord_fuzz::step::Step;

use super::Seed;

/// A first byte and steps.
pub(super) fn input(choice: u8, steps: &[Step]) -> Vec<u8> {
    let mut input = vec![choice];
    steps.iter().for_each(|step| step.encode(&mut input));
    input
}

fn kind(names: &[&str], name: &str) -> u8 {
    let Some(kind) = names.iter().position(|known| *known == name) else { panic!("no message {name}") };
    kind as u8
}

/// A message of the main gateway.
pub(super) fn gateway_message(name: &str, number: u64) -> Message {
    Message::new(kind(&GATEWAY, name), number)
}

fn gateway_says(name: &str, number: u64) -> Step {
    Step::Gateway(0, gateway_message(name, number))
}

fn voice_says(name: &str, number: u64) -> Step {
    Step::Voice(0, Message::new(kind(&VOICE, name), number))
}

const SECOND: Step = Step::Sleep(1_000_000);

fn in_session() -> Vec<Step> {
    vec![Step::Opened(0), gateway_says("Hello", 41_250), gateway_says("READY", 1)]
}

pub(super) fn gateway() -> Vec<Seed> {
    let then = |steps: &[Step]| [in_session(), steps.to_vec()].concat();
    let with = |first: &[Step], then: &[Step]| [first, then].concat();
    let beats = [Step::Timeout, gateway_says("Heartbeat ACK", 0), Step::Timeout, Step::Timeout];
    let resume = [Step::Timeout, Step::Opened(0), gateway_says("Hello", 5_000), gateway_says("RESUMED", 9)];
    let commands: Vec<Step> = (0..140).map(|length| Step::Command(3, length)).collect();
    let gap = [gateway_says("MESSAGE_CREATE", u64::MAX), gateway_says("Invalid Session", 0), Step::Timeout];
    let dispatches = [gateway_says("MESSAGE_CREATE", 2), gateway_says("MESSAGE_CREATE", 3)];
    let acknowledged = with(&with(&dispatches, &[Step::Command(251, 1), Step::Gone(0, 0)]), &resume);
    let members = Step::Command(249, 0);
    let chunk = |seq: u64, index: u64| gateway_says("GUILD_MEMBERS_CHUNK", seq | index << 16 | 2 << 24);
    let limited = gateway_says("RATE_LIMITED", 2 | 1 << 16 | 40 << 17);
    let asked = vec![[gateway_says("Heartbeat", 0), gateway_says("Heartbeat ACK", 0)]; 125].concat();
    let often = vec![[Step::Timeout, gateway_says("Heartbeat ACK", 0)]; 130].concat();
    let compressed = with(&dispatches, &with(&[Step::Closed(0, 4000)], &resume));
    let wanted = [gateway_says("READY with guilds", 1 | 3 << 16), gateway_says("GUILD_CREATE", 2)];
    let cut = Message { at: 30, byte: b'}', ..Message::new(0, 41_250) };
    vec![
        ("session_with_heartbeats_and_a_zombie", input(0, &then(&beats))),
        ("close_and_resume", input(0, &then(&with(&[Step::Gone(0, 0)], &resume)))),
        ("saved_session_resumes", input(1, &resume)),
        ("reconnect_is_asked_for", input(0, &then(&with(&[gateway_says("Reconnect", 0)], &resume)))),
        (
            "session_invalid_and_resumable",
            input(0, &then(&[gateway_says("Invalid Session", 1), Step::Timeout])),
        ),
        ("token_refused", input(0, &[Step::Opened(0), gateway_says("Hello", 1), Step::Closed(0, 4004)])),
        ("gives_up", input(4, &[Step::Gone(0, 1), Step::Timeout, Step::Gone(0, 1), Step::Timeout])),
        ("more_commands_than_the_budget", input(0, &then(&with(&commands, &[Step::Timeout, Step::Timeout])))),
        ("the_server_asks_for_heartbeats", input(0, &then(&vec![gateway_says("Heartbeat", 0); 130]))),
        ("sequence_gaps_add_up", input(0, &then(&with(&with(&gap, &in_session()), &gap)))),
        ("malformed_hello", input(0, &[Step::Opened(0), Step::Gateway(0, cut)])),
        (
            "stopped_by_the_user",
            input(0, &then(&[Step::Command(255, 0), Step::Stale(1, 0), Step::Command(3, 1)])),
        ),
        ("nobody_answers", input(0, &vec![Step::Timeout; 12])),
        ("messages_of_their_own_zlib_streams", input(1 << 3, &then(&compressed))),
        ("a_zlib_stream", input(2 << 3, &then(&compressed))),
        ("a_zstd_stream", input(3 << 3, &then(&compressed))),
        ("a_corrupt_zstd_stream", input(3 << 3, &[Step::Opened(0), Step::Binary(0, vec![1; 9])])),
        ("acknowledged_dispatches", input(0x21, &with(&resume, &acknowledged))),
        ("members_come_in_chunks", input(0, &then(&[members.clone(), chunk(2, 1), chunk(3, 0)]))),
        ("members_are_refused", input(0, &then(&[members.clone(), limited, members.clone(), Step::Timeout]))),
        ("members_do_not_come", input(0, &then(&[&[members], &often[..8]].concat()))),
        ("few_events_are_wanted", input(0x40, &with(&in_session()[..2], &with(&wanted, &dispatches)))),
        ("identifies_when_granted", input(0x80, &with(&[Step::Command(253, 0)], &in_session()))),
        (
            "the_user_wants_another_connection",
            input(0, &then(&[Step::Command(252, 1), Step::Command(252, 0), Step::Command(250, 0)])),
        ),
        ("suspended", input(0, &then(&[Step::Command(254, 0), Step::Command(251, 0)]))),
        ("asked_heartbeats_leave_room_for_others", input(0, &then(&with(&asked, &vec![Step::Timeout; 3])))),
        (
            "heartbeats_every_millisecond",
            input(
                0,
                &[&[Step::Opened(0), gateway_says("Hello", 1), gateway_says("READY", 1)], &often[..]]
                    .concat(),
            ),
        ),
        (
            "unknown_opcode",
            input(0, &then(&[gateway_says("unknown", 77), Step::Binary(0, vec![0x78, 0x9C])])),
        ),
    ]
}

fn state(session: u64, channel: u64) -> Step {
    gateway_says("VOICE_STATE_UPDATE", (session << 19) | (channel << 16))
}

fn server(token: u64) -> Step {
    gateway_says("VOICE_SERVER_UPDATE", token << 16)
}

/// Until Session Description came; the mode's number.
fn connected(mode: u64) -> Vec<Step> {
    vec![
        state(1, 0),
        server(1),
        Step::Opened(0),
        voice_says("Hello", 13_750),
        voice_says("Ready", mode),
        Step::Opened(0),
        Step::Discovered(0, 7, 50_000),
        voice_says("Session Description", mode),
    ]
}

fn packet(flags: u8, sequence: u16) -> Step {
    let payload = vec![0xF8, 0xFF, 0xFE, 1, 2];
    Step::Rtp(0, Rtp { flags, ssrc: 1, sequence, timestamp: u32::from(sequence) * 960, payload })
}

pub(super) fn call() -> Vec<Seed> {
    let then = |mode: u64, steps: &[Step]| input(0, &[connected(mode), steps.to_vec()].concat());
    let speaking = voice_says("Speaking", 1 | 5 << 2);
    let resume = [Step::Gone(0, 0), Step::Timeout, Step::Opened(0), voice_says("Resumed", 0), packet(0, 9)];
    let lost = [
        packet(0, 65_534),
        packet(0, 65_535),
        packet(0, 65_535),
        packet(0, 3),
        packet(0, 2),
        packet(0, 40_000),
    ];
    let hostile = [packet(4 | 0x10, 1), packet(8, 2), packet(2, 3), Step::Datagram(0, vec![0x80; 40])];
    let beats = [Step::Timeout, Step::Timeout, voice_says("Heartbeat ACK", 0), voice_says("Heartbeat", 0)];
    let silence = vec![Step::Timeout; 12];
    let away = Step::Datagram(0, vec![0, 0, 0, 0, 0, 0, 0, 1]);
    let mls = Step::Binary(0, vec![0, 3, 25, 0, 1, 2]);
    let bound = &connected(0)[..6];
    vec![
        ("speaker_known_before_the_packets", then(0, &[speaking.clone(), packet(0, 1), packet(0, 2), away])),
        ("packets_before_the_speaker", then(1, &[packet(1, 1), packet(1, 2), SECOND, speaking.clone()])),
        ("late_lost_and_repeated_packets", then(0, &[slice::from_ref(&speaking), &lost[..]].concat())),
        ("extensions_reports_and_forgeries", then(0, &[&[speaking], &hostile[..]].concat())),
        ("resumed", then(0, &resume)),
        ("heartbeats_and_a_zombie", then(0, &[&beats[..], &silence].concat())),
        ("moved_to_another_server", then(0, &[server(2), state(2, 1), Step::Opened(0), Step::Stale(1, 0)])),
        ("server_lost", then(0, &[gateway_says("VOICE_SERVER_UPDATE without an endpoint", 0), server(3)])),
        ("removed_from_the_channel", then(0, &[state(1, 3), state(1, 1), server(4)])),
        ("key_changes", then(0, &[voice_says("Session Description", 1), packet(1, 5), mls])),
        (
            "end_to_end_encryption_asked_for",
            input(0, &[connected(0), vec![voice_says("Session Description", 2)]].concat()),
        ),
        ("closed_and_asked_again", then(0, &[Step::Closed(0, 4006), Step::Timeout, state(3, 0), server(5)])),
        ("disconnected_by_discord", then(0, &[Step::Closed(0, 4014), Step::Timeout, Step::Timeout])),
        ("refused_without_encryption", then(0, &[Step::Closed(0, 4017), Step::Timeout])),
        ("udp_lost", then(0, &[Step::Gone(1, 0), Step::Timeout, state(3, 0), server(5)])),
        ("discovery_unanswered", input(0, &[bound, &silence[..]].concat())),
        ("nobody_answers", input(0, &silence)),
        (
            "gives_up",
            input(2, &[&[state(1, 0), server(1)], &vec![Step::Gone(0, 1); 4][..], &silence].concat()),
        ),
        ("new_gateway_session", then(0, &[Step::Command(0, 0), state(9, 0), server(9), Step::Command(2, 0)])),
        ("left_by_the_user", then(0, &[Step::Command(1, 0), state(1, 2), server(6), Step::Stale(0, 0)])),
    ]
}

pub(super) fn client() -> Vec<Seed> {
    let bot = |url: &str, remaining: u32| {
        let limit =
            format!(r#"{{"total":1000,"remaining":{remaining},"reset_after":14400000,"max_concurrency":1}}"#);
        let body = format!(r#"{{"url":"{url}","shards":1,"session_start_limit":{limit}}}"#);
        Step::Response(0, 200, body.into_bytes())
    };
    let join = Step::Command(0, 0);
    let start =
        [&[join, Step::Command(2, 0), bot("wss://gateway.discord.gg", 900)], &in_session()[..]].concat();
    // The voice messages go to the second WebSocket, behind the gateway's.
    let aimed = connected(0).into_iter().map(|step| match step {
        Step::Voice(_, message) => Step::Voice(1, message),
        step => step,
    });
    let mut seq = 1;
    let mut live = start.clone();
    live.extend(aimed.map(|step| match step {
        Step::Gateway(socket, mut message) => {
            seq += 1;
            message.number |= seq;
            Step::Gateway(socket, message)
        }
        step => step,
    }));
    live.extend([
        Step::Voice(1, Message::new(kind(&VOICE, "Speaking"), 1 | 5 << 2)),
        packet(0, 1),
        packet(0, 3),
    ]);
    let then = |steps: &[Step]| input(0, &[&live[..], steps].concat());
    let stop = Step::Command(5, 0);
    vec![
        (
            "gateway_unavailable",
            input(2, &[Step::Response(0, 503, Vec::new()), Step::Timeout, Step::Unanswered(0)]),
        ),
        (
            "token_wrong",
            input(0, &[Step::Response(0, 401, br#"{"message":"401: Unauthorized","code":0}"#.to_vec())]),
        ),
        ("no_sessions_left", input(0, &[bot("wss://gateway.discord.gg", 0)])),
        ("url_of_another_scheme", input(0, &[bot("https://gateway.discord.gg", 900), Step::Opened(0)])),
        ("url_without_a_scheme", input(0, &[bot("gateway", 900), Step::Opened(0)])),
        ("recorded_and_stopped", then(&[Step::Timeout, stop.clone(), Step::FileClosed(0)])),
        ("file_fails", then(&[Step::FileFailed(0), packet(0, 4), stop.clone()])),
        (
            "recording_restarted",
            then(&[Step::Command(2, 0), packet(0, 5), Step::FileClosed(0), Step::Command(3, 0)]),
        ),
        ("moved_by_the_user", then(&[Step::Command(0, 1), Step::Timeout, Step::Command(1, 0)])),
        ("gateway_refuses", then(&[Step::Closed(0, 4004), Step::FileClosed(0), Step::Timeout])),
        (
            "gateway_session_lost",
            then(&[Step::Closed(0, 4009), Step::Timeout, Step::Opened(0), gateway_says("Hello", 1)]),
        ),
        (
            "joined_after_the_stop",
            then(&[stop.clone(), Step::FileClosed(0), Step::Command(0, 0), Step::Timeout]),
        ),
        (
            "recorded_after_the_stop",
            then(&[stop, Step::Command(2, 0), Step::FileClosed(0), Step::Command(4, 1)]),
        ),
    ]
}

pub(super) fn recorder() -> Vec<Seed> {
    let say = |flags: u8, ssrc: u8, sequence: u16, timestamp: u32, opus: &[u8]| {
        Step::Rtp(0, Rtp { flags, ssrc, sequence, timestamp, payload: opus.into() })
    };
    let frame = Step::Sleep(20_000);
    let opus = [0xF8, 1, 2, 3];
    let spurt = |flags: u8, from: u16, to: u16, step: u32| -> Vec<Step> {
        let packets = (from..to).map(|n| say(flags, flags & 3, n, u32::from(n).wrapping_mul(step), &opus));
        packets.flat_map(|packet| [packet, Step::Sleep(20_000)]).collect()
    };
    let steps = |steps: &[Step]| input(0, steps)[1..].to_vec();
    let stop = Step::Command(0, 0);
    let order: Vec<Step> =
        [1, 4, 3, 2, 9, 5, 6, 7, 2, 70].map(|n| say(0, 1, n, u32::from(n) * 960, &opus)).into();
    let kinds: [&[u8]; 8] =
        [&[0x08, 1], &[0x1B, 2], &[0xE3, 48], &[], &[0xFB, 0], &[0xFB, 6, 1], &[0x79], &[0xFF, 0xFF]];
    let kinds: Vec<Step> = (0..).zip(kinds).map(|(n, opus)| say(0, 1, n, u32::from(n) * 960, opus)).collect();
    let ahead: Vec<Step> = (0..80).map(|n| say(1, 1, 2 * n + 1, u32::from(n) * 1920, &opus)).collect();
    let pause = [&spurt(0, 1, 9, 960)[..], &vec![Step::Timeout; 5], &spurt(0, 9, 12, 960)].concat();
    let jump =
        [say(0, 1, 1, 0, &opus), frame.clone(), say(0, 1, 2, u32::MAX / 2, &opus), say(0, 1, 3, 5, &opus)];
    let large =
        [say(0, 1, 1, 0, &[0xF8; 3000]), frame.clone(), say(0, 1, 2, 960, &[0xF8; 255]), Step::Timeout];
    let moved = [say(0, 1, 1, 0, &opus), frame.clone(), say(0, 2, 500, 99, &opus), say(0, 1, 2, 960, &opus)];
    vec![
        (
            "two_speakers",
            steps(
                &[&spurt(0, 1, 8, 960)[..], &spurt(1, 65_530, 65_535, 960), slice::from_ref(&stop)].concat(),
            ),
        ),
        ("out_of_order", steps(&[order, vec![Step::Timeout, Step::Timeout]].concat())),
        ("every_kind_of_opus", steps(&kinds)),
        ("more_held_than_allowed", steps(&ahead)),
        ("a_pause_of_a_minute", steps(&pause)),
        ("timestamps_jump", steps(&jump)),
        ("two_clocks", steps(&[spurt(0, 1, 9, 1000), spurt(1, 1, 9, 900)].concat())),
        ("large_packets", steps(&large)),
        ("another_ssrc", steps(&moved)),
        (
            "a_file_fails",
            steps(
                &[
                    &spurt(2, 1, 3, 960)[..],
                    &spurt(3, 1, 3, 960),
                    &[Step::FileFailed(0), frame],
                    &spurt(2, 3, 5, 960),
                ]
                .concat(),
            ),
        ),
        (
            "packets_that_waited",
            steps(&[Step::Sleep(500_000), say(4 * 3, 1, 1, 0, &opus), say(4 * 63, 1, 2, 960, &opus)]),
        ),
        ("stopped_without_a_packet", steps(&[Step::Sleep(1), stop, say(0, 1, 1, 1, &opus)])),
        (
            "late_driver",
            steps(&[say(0, 1, 1, 0, &opus), Step::Sleep(u32::MAX), say(1, 2, 1, 0, &opus), Step::Timeout]),
        ),
    ]
}
