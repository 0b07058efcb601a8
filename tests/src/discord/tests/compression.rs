//! Compressed streams and payloads.

use zlib_rs::{Inflate, InflateFlush};
use zstd_safe::{DCtx, InBuffer, OutBuffer};

use super::*;

/// A decompressor written after the documentation, for one connection.
pub(super) enum Inflater {
    /// Each message by itself.
    Whole,
    /// A zlib stream, with what came of an unfinished message.
    Zlib(Box<Inflate>, Vec<u8>),
    Zstd(DCtx<'static>),
}

impl Inflater {
    pub(super) fn new(target: &str) -> Self {
        match target.split_once("compress=") {
            Some((_, "zlib-stream")) => Self::Zlib(Box::new(Inflate::new(true, 15)), Vec::new()),
            Some((_, "zstd-stream")) => Self::Zstd(DCtx::create()),
            _ => Self::Whole,
        }
    }

    /// The message that is now complete, if one is.
    pub(super) fn inflate(&mut self, data: &[u8]) -> Result<Option<Vec<u8>>, ()> {
        let mut output = vec![0; 1 << 20];
        let length = match self {
            Self::Whole => {
                let mut inflate = Inflate::new(true, 15);
                inflate.decompress(data, &mut output, InflateFlush::Finish).map_err(drop)?;
                inflate.total_out() as usize
            }
            Self::Zlib(inflate, pending) => {
                pending.extend_from_slice(data);
                if !pending.ends_with(&[0, 0, 0xFF, 0xFF]) {
                    return Ok(None);
                }
                let before = inflate.total_out();
                inflate.decompress(pending, &mut output, InflateFlush::SyncFlush).map_err(drop)?;
                pending.clear();
                (inflate.total_out() - before) as usize
            }
            Self::Zstd(context) => {
                let mut input = InBuffer::around(data);
                let mut around = OutBuffer::around(output.as_mut_slice());
                while input.pos() < data.len() {
                    context.decompress_stream(&mut around, &mut input).map_err(drop)?;
                }
                around.pos()
            }
        };
        output.truncate(length);
        Ok(Some(output))
    }
}

const STREAMS: [&str; 2] = ["zlib-stream", "zstd-stream"];

fn identify_on(client: &mut Client, stream: &str) -> ConnectionId {
    let connection = client.open(Service::Gateway, &format!("{GATEWAY}&compress={stream}"));
    let d = identify(&client.discord.config().token.clone());
    client.send(connection, 2, d);
    connection
}

#[test]
fn streams_carry_the_same_messages_in_fewer_bytes() {
    let play = |stream: Option<&str>, split_frames| {
        let mut config = Config { chatter: Some(Duration::from_millis(200)), ..calm() };
        config.faults.split_frames = split_frames;
        let mut client = Client::new(config, 3);
        let gateway = match stream {
            Some(stream) => identify_on(&mut client, stream),
            None => client.identify(),
        };
        client.live(60, Some(gateway), None);
        assert_eq!(client.discord.violations(), []);
        let messages: Vec<_> = client.frames.iter().map(|(_, value)| value.clone()).collect();
        (messages, client)
    };
    let (plain, client) = play(None, false);
    assert!(client.packed.is_empty() && plain.len() > 300);
    let length: usize = plain.iter().map(|value| value.to_string().len()).sum();
    for stream in STREAMS {
        let (messages, client) = play(Some(stream), false);
        assert!(messages == plain, "{stream}");
        assert_eq!(client.packed.len(), plain.len());
        let packed: usize = client.packed.iter().map(|(_, data)| data.len()).sum();
        assert!(packed * 3 < length, "{stream}: {packed} of {length} bytes");
        let report = client.discord.report();
        let zlib = u64::from(stream == "zlib-stream");
        assert_eq!((report.zlib_upgrades, report.zstd_upgrades), (zlib, 1 - zlib));
    }
    let (messages, client) = play(Some("zlib-stream"), true);
    assert!(messages == plain, "split");
    assert!(client.packed.len() > plain.len() * 2);
}

#[test]
fn each_window_works() {
    for (zlib_window, zstd_window) in [(9, 10), (12, 14), (15, 18)] {
        for stream in STREAMS {
            let config = Config { zlib_window, zstd_window, members: 2_000, ..Config::quiet() };
            let guild = config.guild;
            let mut client = Client::new(config, 4);
            let connection = client.open(Service::Gateway, &format!("{GATEWAY}&compress={stream}"));
            let mut d = identify(&client.discord.config().token.clone());
            d["intents"] = json!(0x03);
            client.send(connection, 2, d);
            for nonce in ["a", "b"] {
                client.send(
                    connection,
                    8,
                    json!({"guild_id": guild, "query": "", "limit": 0, "nonce": nonce}),
                );
                client.sleep(31_000);
                client.beat(connection);
            }
            let chunks = client.dispatches(connection);
            let chunks = chunks.iter().filter(|(t, _, _)| *t == "GUILD_MEMBERS_CHUNK");
            assert_eq!(chunks.map(|(_, _, d)| d["members"].as_array().unwrap().len()).sum::<usize>(), 4_000);
            assert!(client.broken.is_empty());
        }
    }
}

#[test]
fn each_connection_has_a_stream_of_its_own() {
    for stream in STREAMS {
        let mut client = Client::new(calm(), 5);
        let first = identify_on(&mut client, stream);
        let session = client.named(first, "READY").unwrap()["session_id"].clone();
        client.discord.cut_gateway(client.now);
        client.drain();
        client.discord.dispatch(client.now, "TYPING_START", json!({}));
        let second = client.open(Service::Gateway, &format!("{RESUME}&compress={stream}"));
        let token = client.discord.config().token.clone();
        client.send(second, 6, json!({"token": token, "session_id": session, "seq": 2}));
        let names: Vec<_> = client.dispatches(second).iter().map(|(t, _, _)| t.to_string()).collect();
        assert_eq!(names, ["TYPING_START", "RESUMED"]);
        assert_eq!((client.broken.len(), client.discord.violations().len()), (0, 0));
    }
}

#[test]
fn payloads_are_compressed_if_they_are_long() {
    let mut client = Client::new(calm(), 6);
    let gateway = client.identify_with(json!({"compress": true}));
    client.discord.dispatch(client.now, "TYPING_START", json!({}));
    client.drain();
    let names: Vec<_> = client.dispatches(gateway).iter().map(|(t, _, _)| t.to_string()).collect();
    assert_eq!(names, ["READY", "GUILD_CREATE", "TYPING_START"]);
    assert_eq!(client.packed.len(), 1, "only the guild is long");

    // The session stays as it was identified.
    let session = client.named(gateway, "READY").unwrap()["session_id"].clone();
    client.close(gateway, 4000);
    let second = client.resume(&session, 1);
    let names: Vec<_> = client.dispatches(second).iter().map(|(t, _, _)| t.to_string()).collect();
    assert_eq!(names, ["GUILD_CREATE", "TYPING_START", "RESUMED"]);
    assert_eq!(client.packed.len(), 2);
}

#[test]
fn a_damaged_message_cannot_be_inflated() {
    for stream in STREAMS {
        for fresh in [true, false] {
            let mut client = Client::new(calm(), 7);
            let gateway = client.open(Service::Gateway, &format!("{GATEWAY}&compress={stream}"));
            if fresh {
                client.inflaters.insert(gateway, Inflater::new(&format!("compress={stream}")));
            } else {
                let d = identify(&client.discord.config().token.clone());
                client.send(gateway, 2, d);
            }
            let before = client.frames.len();
            client.discord.corrupt_stream(client.now);
            client.discord.request_heartbeat(client.now);
            client.drain();
            assert_eq!((client.broken.as_slice(), client.frames.len()), (&[gateway][..], before), "{stream}");
            let next = identify_on(&mut client, stream);
            assert_eq!(client.broken, [gateway], "only what is open now");
            assert!(client.last(next, 10).is_some());
        }
    }
    let mut client = Client::new(calm(), 7);
    let gateway = client.identify_with(json!({"compress": true}));
    client.discord.corrupt_stream(client.now);
    client.discord.dispatch(client.now, "SHORT", json!({}));
    client.discord.dispatch(client.now, "LONG", json!({"content": "long ".repeat(300)}));
    client.drain();
    assert_eq!((client.broken.as_slice(), client.seq(gateway)), (&[gateway][..], Some(3)));
}

#[test]
fn what_was_sent_behind_a_damaged_message_has_not_arrived() {
    let mut client = Client::new(calm(), 8);
    let first = identify_on(&mut client, "zlib-stream");
    let session = client.named(first, "READY").unwrap()["session_id"].clone();
    client.discord.corrupt_stream(client.now);
    for _ in 0..3 {
        client.discord.dispatch(client.now, "TYPING_START", json!({}));
    }
    client.sleep(3_000);
    client.send(first, 1, json!(2));
    client.close(first, 4000);
    let second = client.resume(&session, 2);
    assert_eq!(client.dispatches(second).len(), 4);
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn streams_can_be_refused() {
    let mut client = Client::new(Config { compression: false, ..calm() }, 9);
    for stream in STREAMS {
        client.open(Service::Gateway, &format!("{GATEWAY}&compress={stream}"));
        assert_eq!(client.refused.pop(), Some(400));
    }
    let gateway = client.identify_with(json!({"compress": true}));
    assert!(client.named(gateway, "GUILD_CREATE").is_some() && client.packed.is_empty());
    assert_eq!(client.discord.violations(), []);
}
