//! Gateway events, from WebSocket messages to the user's hands, beside twilight and what cannot be left out.

mod floor;
mod loopback;
mod peer;
mod view;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cpu_time::ThreadTime;
use sanscord::gateway::inflate::Inflater;
use sanscord::gateway::message::Message;
use sanscord::gateway::{Compression, Config, Dispatch, Event, EventName, Intents, Interest};
use sanscord::machine::{Frame, Input, Machine, Output};
use sanscord::object::Typed;
use sanscord::secret::Token;
use sanscord::time::Timestamp;
use sanscord_bench::measure::{interleave, least, print_table};
use sanscord_bench::stage;
use sanscord_bench::stream::Session;
use twilight_gateway::EventTypeFlags;

use floor::Floor;
use peer::Twilight;

const SEED: u64 = 1;
const EVENTS: usize = 40_000;
const ROUNDS: usize = 9;

const ENCODINGS: [(&str, Compression); 3] =
    [("text", Compression::None), ("zlib", Compression::ZlibStream), ("zstd", Compression::ZstdStream)];

/// What one connection sends, and how.
struct Stream {
    compression: Compression,
    opening: Vec<Frame>,
    events: Vec<Frame>,
}

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let (steady, startup) = (Session::steady(SEED, EVENTS), Session::startup(SEED));
    check(&steady);
    check(&startup);
    if wanted("process") {
        in_process("steady", &steady, ROUNDS);
        in_process("startup", &startup, 3 * ROUNDS);
    }
    if wanted("loopback") {
        loopback::print(&steady);
    }
}

/// The streams are what they should be: events that all sides understand.
fn check(session: &Session) {
    for event in &session.events {
        let text = std::str::from_utf8(event).expect("text").to_owned();
        let parsed = twilight_gateway::parse(text, EventTypeFlags::all());
        assert!(matches!(parsed, Ok(Some(_))), "{parsed:?}");
        let message = Message::read(event).expect("a message");
        let name = message.name.expect("a dispatch");
        let typed = Typed::parse(name.as_str(), &message.data);
        assert!(typed.is_ok(), "{name}: {typed:?}");
    }
}

type Pass = fn(&Stream) -> Duration;

/// What each level does beyond the one before it, if anything, and the aim for it.
const LEVELS: [(&str, Pass, &str); 15] = [
    ("decompression alone", decompression, ""),
    ("floor: and a look at the head", floor_scan, ""),
    ("floor: and all JSON validated", floor_validated, ""),
    ("`Inflater`", inflater, ""),
    ("`Inflater`, `Message::read`", messages, ""),
    ("`Shard`, `d` unread", unread, "<= 1.25 x floor; text <= 280 ns"),
    ("`Shard`, one name wanted of all", one_wanted, ""),
    ("`Shard`, `d` validated", validated, "<= 1.15 x floor validated"),
    ("`Shard`, views that borrow", viewed, ">= 2 x twilight typed"),
    ("`Shard`, own objects", objects, ">= 1 x twilight typed"),
    ("`Shard`, twilight's objects", twilights_objects, ""),
    ("twilight, raw text", twilight_raw, ""),
    ("twilight, one name wanted of all", twilight_one, ""),
    ("twilight, typed", twilight_typed, "1"),
    ("serde_json::Value", values, ""),
];
const SCAN: usize = 1;
const VALIDATED: usize = 2;
const TYPED: usize = 13;

fn in_process(title: &str, session: &Session, rounds: usize) {
    for (name, compression) in ENCODINGS {
        let (opening, events) = session.frames(compression);
        let wire: usize = events.iter().map(Frame::len).sum();
        let stream = &Stream { compression, opening, events };
        let times = interleave(rounds, &mut LEVELS.map(|(_, pass, _)| move || pass(stream)));
        let count = stream.events.len();
        let nanos: Vec<f64> =
            times.iter().map(|times| least(times).as_nanos() as f64 / count as f64).collect();
        let rows: Vec<Vec<String>> = LEVELS
            .iter()
            .zip(&nanos)
            .map(|((level, _, aim), &time)| {
                vec![
                    (*level).to_owned(),
                    duration(time),
                    format!("{:.2}", time / nanos[SCAN]),
                    format!("{:.2}", time / nanos[VALIDATED]),
                    format!("{:.2}", nanos[TYPED] / time),
                    (*aim).to_owned(),
                ]
            })
            .collect();
        print_table(&format!("Ingest in process, {title}, {name}"), &HEAD, &rows);
        println!(
            "\n{count} events of {} bytes on average, compressed {:.1} to 1. Thread CPU time, the least of {rounds} \
             interleaved rounds.",
            session.bytes() / count,
            session.bytes() as f64 / wire as f64,
        );
    }
}

const HEAD: [&str; 6] = ["", "CPU per event", "x floor", "x floor validated", "twilight typed / this", "aim"];

fn duration(nanos: f64) -> String {
    if nanos < 10_000.0 { format!("{nanos:.0} ns") } else { format!("{:.0} µs", nanos / 1000.0) }
}

/// Times one step a frame, after the opening; the step tells whether it gave an event.
fn pass(stream: &Stream, mut step: impl FnMut(&[u8]) -> bool) -> Duration {
    for frame in &stream.opening {
        step(bytes(frame));
    }
    let mut given = 0;
    let time = receive(&stream.events, |frame| given += usize::from(step(black_box(bytes(&frame)))));
    assert_eq!(given, stream.events.len());
    time
}

/// Times what is done with each frame. A batch at a time is copied to where a WebSocket library would have it, side
/// by side in a buffer that was just written.
fn receive(frames: &[Frame], mut take: impl FnMut(Frame)) -> Duration {
    let mut time = Duration::ZERO;
    let mut frames = frames.iter().peekable();
    while frames.peek().is_some() {
        let mut buffer = BytesMut::with_capacity(2 * BATCH);
        let mut batch = Vec::new();
        let mut len = 0;
        while let Some(frame) = frames.next_if(|frame| len == 0 || len + frame.len() <= BATCH) {
            len += frame.len();
            buffer.extend_from_slice(bytes(frame));
            let data = buffer.split().freeze();
            batch.push(match frame {
                Frame::Text(_) => Frame::Text(data),
                Frame::Binary(_) => Frame::Binary(data),
            });
        }
        drop(buffer);
        let clock = ThreadTime::now();
        batch.into_iter().for_each(&mut take);
        time += clock.elapsed();
    }
    time
}

/// What comes at once, in bytes: as much as a socket's buffer may hold, and a processor's cache.
const BATCH: usize = 128 << 10;

fn bytes(frame: &Frame) -> &Bytes {
    let (Frame::Text(data) | Frame::Binary(data)) = frame;
    data
}

fn decompression(stream: &Stream) -> Duration {
    let mut floor = Floor::new(stream.compression);
    pass(stream, |frame| !black_box(floor.inflate(frame)).is_empty())
}

fn floor_scan(stream: &Stream) -> Duration {
    let mut floor = Floor::new(stream.compression);
    pass(stream, |frame| floor::scan(floor.inflate(frame)))
}

fn floor_validated(stream: &Stream) -> Duration {
    let mut floor = Floor::new(stream.compression);
    pass(stream, |frame| floor::validate(floor.inflate(frame)))
}

fn inflater(stream: &Stream) -> Duration {
    inflated(stream, |message| !black_box(message).is_empty())
}

fn messages(stream: &Stream) -> Duration {
    inflated(stream, |message| black_box(Message::read(&message)).is_ok())
}

fn inflated(stream: &Stream, mut step: impl FnMut(Bytes) -> bool) -> Duration {
    let mut inflater = Inflater::new(stream.compression, 256 << 20);
    let mut step = |frame: &Frame| match inflater.inflate(bytes(frame)) {
        Ok(Some(message)) => step(message),
        _ => false,
    };
    for frame in &stream.opening {
        step(frame);
    }
    let mut given = 0;
    let time = receive(&stream.events, |frame| given += usize::from(step(&frame)));
    assert_eq!(given, stream.events.len());
    time
}

fn config(compression: Compression) -> Config {
    let mut config = Config::new(Token::new("token"), Intents::ALL);
    config.compression = compression;
    config
}

/// Runs a shard from the opening on; `use_it` tells whether the dispatch is what it should be.
fn shard(stream: &Stream, config: Config, mut use_it: impl FnMut(Dispatch) -> bool) -> Duration {
    let (mut shard, socket) = stage::shard_on(Arc::new(config), &stream.opening);
    let now = Timestamp::from_millis(2000);
    let mut given = 0;
    let time = receive(&stream.events, |frame| {
        shard.handle_input(now, Input::Frame(socket, frame));
        loop {
            match shard.poll_output() {
                Output::Event(Event::Dispatch(dispatch)) => given += usize::from(use_it(dispatch)),
                Output::Wait(deadline) => {
                    black_box(deadline);
                    return;
                }
                output => drop(black_box(output)),
            }
        }
    });
    let counters = shard.counters();
    assert_eq!(counters.dispatches + counters.unwanted, stream.events.len() as u64 + 1);
    assert_eq!(given as u64, counters.dispatches - 1);
    time
}

fn unread(stream: &Stream) -> Duration {
    shard(stream, config(stream.compression), |dispatch| {
        drop(black_box(dispatch));
        true
    })
}

fn one_wanted(stream: &Stream) -> Duration {
    let mut config = config(stream.compression);
    config.interest = Interest::only([EventName::MessageCreate]);
    shard(stream, config, |dispatch| Typed::parse(dispatch.name.as_str(), &dispatch.data).is_ok())
}

fn validated(stream: &Stream) -> Duration {
    shard(stream, config(stream.compression), |dispatch| black_box(dispatch.json()).is_ok())
}

fn viewed(stream: &Stream) -> Duration {
    shard(stream, config(stream.compression), |dispatch| view::read(&dispatch))
}

fn objects(stream: &Stream) -> Duration {
    shard(stream, config(stream.compression), |dispatch| {
        black_box(Typed::parse(dispatch.name.as_str(), &dispatch.data)).is_ok()
    })
}

fn twilights_objects(stream: &Stream) -> Duration {
    use serde::de::DeserializeSeed;
    use twilight_model::gateway::event::DispatchEventWithTypeDeserializer;
    shard(stream, config(stream.compression), |dispatch| {
        let mut json = serde_json::Deserializer::from_slice(&dispatch.data);
        let event = DispatchEventWithTypeDeserializer::new(dispatch.name.as_str()).deserialize(&mut json);
        black_box(event).is_ok()
    })
}

fn values(stream: &Stream) -> Duration {
    shard(stream, config(stream.compression), |dispatch| {
        black_box(serde_json::from_slice::<serde_json::Value>(&dispatch.data)).is_ok()
    })
}

fn twilight_raw(stream: &Stream) -> Duration {
    let mut twilight = Twilight::new(stream.compression);
    pass(stream, |frame| black_box(twilight.raw(frame)).is_some())
}

fn twilight_one(stream: &Stream) -> Duration {
    let mut twilight = Twilight::new(stream.compression);
    pass(stream, |frame| {
        black_box(twilight.typed(frame, EventTypeFlags::MESSAGE_CREATE));
        true
    })
}

fn twilight_typed(stream: &Stream) -> Duration {
    let mut twilight = Twilight::new(stream.compression);
    pass(stream, |frame| black_box(twilight.typed(frame, EventTypeFlags::all())).is_some())
}
