//! The same with sockets: a server of our own on the loopback, and whole clients.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use futures_util::StreamExt as _;
use sanscord::entropy::Entropy;
use sanscord::gateway::shard::Start;
use sanscord::gateway::{Compression, Config, Dispatch, Event, EventName, Interest, Shard};
use sanscord::machine::Scope;
use sanscord::object::Typed;
use sanscord_bench::measure::{least, print_table};
use sanscord_bench::stage;
use sanscord_bench::stream::Session;
use sanscord_tokio::Network;
use tokio::runtime::{Builder, Runtime};
use twilight_gateway::{ConfigBuilder, EventTypeFlags, Intents, Message, ShardId, StreamExt as _};

use crate::floor::{self, Floor};
use crate::view;

const ROUNDS: usize = 7;

/// What twilight-gateway can read as it was built.
const ENCODINGS: &[(&str, Compression)] = &[
    ("text", Compression::None),
    #[cfg(feature = "peer-zstd")]
    ("zstd", Compression::ZstdStream),
    #[cfg(all(feature = "peer-zlib", not(feature = "peer-zstd")))]
    ("zlib", Compression::ZlibStream),
];

/// What a connection is sent: Hello, and after Identify READY and everything else.
struct Script {
    hello: Vec<u8>,
    rest: Vec<u8>,
    events: usize,
    compression: Compression,
}

/// CPU and wall time from READY to the last event.
#[derive(Clone, Copy)]
struct Spent {
    cpu: Duration,
    wall: Duration,
}

struct Watch(ThreadTime, Instant);

impl Watch {
    fn start() -> Self {
        Self(ThreadTime::now(), Instant::now())
    }

    fn stop(&self) -> Spent {
        Spent { cpu: self.0.elapsed(), wall: self.1.elapsed() }
    }
}

type Client = fn(&Runtime, &str, &Script) -> Spent;

const CLIENTS: [(&str, Client, &str); 9] = [
    ("floor: blocking, one buffer, a look at the head", floor, ""),
    ("sanscord-tokio, `d` unread", unread, "3 x twilight typed (zstd), 2 x (zlib), 10 x (text)"),
    ("sanscord-tokio, one name wanted", one_wanted, ""),
    ("sanscord-tokio, `d` validated", validated, "2.1 x / 1.7 x / 3.2 x"),
    ("sanscord-tokio, views that borrow", viewed, ">= 2 x (zstd)"),
    ("sanscord-tokio, own objects", objects, ">= 1 x"),
    ("twilight, raw text", twilight_raw, ""),
    ("twilight, one name wanted", twilight_one, ""),
    ("twilight, typed", twilight_typed, "1"),
];
const TYPED: usize = 8;

pub(crate) fn print(session: &Session) {
    for &(name, compression) in ENCODINGS {
        let (opening, events) = session.frames(compression);
        let script = Arc::new(Script {
            hello: stage::framed(&opening[..1]),
            rest: [stage::framed(&opening[1..]), stage::framed(&events)].concat(),
            events: events.len(),
            compression,
        });
        let url = serve(Arc::clone(&script));
        let mut spent: Vec<Vec<Spent>> = vec![Vec::new(); CLIENTS.len()];
        for _ in 0..ROUNDS {
            for ((_, client, _), spent) in CLIENTS.iter().zip(&mut spent) {
                let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
                spent.push(client(&runtime, &url, &script));
            }
        }
        let nanos = |time: Duration| time.as_nanos() as f64 / script.events as f64;
        let pick = |part: fn(&Spent) -> Duration| -> Vec<f64> {
            spent.iter().map(|spent| nanos(least(&spent.iter().map(part).collect::<Vec<_>>()))).collect()
        };
        let (cpu, wall) = (pick(|spent| spent.cpu), pick(|spent| spent.wall));
        let rows: Vec<Vec<String>> = CLIENTS
            .iter()
            .zip(&cpu)
            .zip(wall)
            .map(|(((name, _, aim), &time), wall)| {
                vec![
                    (*name).to_owned(),
                    format!("{time:.0} ns"),
                    format!("{:.0} k", 1e6 / wall),
                    format!("{:.2}", time / cpu[0]),
                    format!("{:.2}", cpu[TYPED] / time),
                    (*aim).to_owned(),
                ]
            })
            .collect();
        print_table(
            &format!("Ingest over the loopback, steady, {name}"),
            &[
                "",
                "CPU per event",
                "events/s",
                "x floor",
                "twilight typed / this",
                "aim, times twilight typed",
            ],
            &rows,
        );
        println!(
            "\n{} events in a burst; CPU time of the client's thread, its system calls included; the least of {ROUNDS} \
             interleaved rounds.",
            script.events
        );
    }
}

/// Serves one connection after the other, on a thread of its own; answers with the URL.
fn serve(script: Arc<Script>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that has seen enough cuts the connection.
            let _ = converse(stream, &script);
        }
    });
    url
}

fn converse(stream: TcpStream, script: &Script) -> Result<(), Box<dyn std::error::Error>> {
    stream.set_nodelay(true)?;
    let mut socket = tungstenite::accept(stream).map_err(|error| error.to_string())?;
    socket.get_mut().write_all(&script.hello)?;
    while !socket.read()?.to_text()?.contains("\"op\":2") {}
    socket.get_mut().write_all(&script.rest)?;
    while socket.read().is_ok() {}
    Ok(())
}

fn floor(_: &Runtime, url: &str, script: &Script) -> Spent {
    blocking(url, script).expect("a connection")
}

fn blocking(url: &str, script: &Script) -> io::Result<Spent> {
    let address = url.trim_start_matches("ws://");
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut buffer = vec![0; 1 << 17];
    let (mut start, mut end) = (0, 0);
    let head = loop {
        end += read(&mut stream, &mut buffer[end..])?;
        if let Some(at) = buffer[..end].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
    };
    start += head;
    let identify = br#"{"op":2}"#;
    // Masked with zeros.
    stream.write_all(&[&[0x81, 0x80 | identify.len() as u8, 0, 0, 0, 0], &identify[..]].concat())?;
    let mut floor = Floor::new(script.compression);
    let (mut seen, mut watch) = (0, Watch::start());
    loop {
        while let Some((payload, len)) = payload(&buffer[start..end]) {
            if floor::scan(floor.inflate(&buffer[start..][payload..len])) {
                if seen == 0 {
                    watch = Watch::start();
                }
                seen += 1;
            }
            start += len;
        }
        if seen > script.events {
            return Ok(watch.stop());
        }
        buffer.copy_within(start..end, 0);
        (start, end) = (0, end - start);
        end += read(&mut stream, &mut buffer[end..])?;
    }
}

fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    match stream.read(buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => Ok(read),
    }
}

/// Where the payload of a whole frame starts, and where the frame ends.
fn payload(bytes: &[u8]) -> Option<(usize, usize)> {
    let (start, len) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
        len => (2, len.into()),
    };
    (bytes.len() >= start + len).then_some((start, start + len))
}

fn sanscord(
    runtime: &Runtime,
    url: &str,
    script: &Script,
    config: Config,
    mut use_it: impl FnMut(Dispatch) -> bool,
) -> Spent {
    let wanted = config.interest == Interest::all();
    let shard = Shard::new(Arc::new(config), Start::new(url), Scope::new(1), Entropy::new([7; 32]));
    runtime.block_on(async {
        let (driver, handle, mut events) = sanscord_tokio::start(shard, Network::new()).expect("a driver");
        let driver = tokio::spawn(driver.run());
        let (mut seen, mut watch) = (0, Watch::start());
        while let Some(event) = events.next().await {
            let Event::Dispatch(dispatch) = event else { continue };
            if dispatch.name == EventName::Ready {
                watch = Watch::start();
                continue;
            }
            seen = dispatch.seq - 1;
            assert!(use_it(dispatch));
            if seen == script.events as u64 {
                break;
            }
            // The last events may not be wanted: then the counters tell.
            if !wanted && seen + 100 > script.events as u64 {
                loop {
                    let counters = handle.call(|shard, _| shard.counters()).await.expect("a driver");
                    if counters.unwanted + counters.dispatches > script.events as u64 {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                break;
            }
        }
        let spent = watch.stop();
        assert!(seen > 0);
        driver.abort();
        spent
    })
}

fn unread(runtime: &Runtime, url: &str, script: &Script) -> Spent {
    sanscord(runtime, url, script, crate::config(script.compression), |dispatch| {
        drop(black_box(dispatch));
        true
    })
}

fn one_wanted(runtime: &Runtime, url: &str, script: &Script) -> Spent {
    let mut config = crate::config(script.compression);
    config.interest = Interest::only([EventName::MessageCreate]);
    sanscord(runtime, url, script, config, |dispatch| own(&dispatch))
}

fn validated(runtime: &Runtime, url: &str, script: &Script) -> Spent {
    let config = crate::config(script.compression);
    sanscord(runtime, url, script, config, |dispatch| black_box(dispatch.json()).is_ok())
}

fn viewed(runtime: &Runtime, url: &str, script: &Script) -> Spent {
    sanscord(runtime, url, script, crate::config(script.compression), |dispatch| view::read(&dispatch))
}

fn objects(runtime: &Runtime, url: &str, script: &Script) -> Spent {
    sanscord(runtime, url, script, crate::config(script.compression), |dispatch| own(&dispatch))
}

fn own(dispatch: &Dispatch) -> bool {
    black_box(Typed::parse(dispatch.name.as_str(), &dispatch.data)).is_ok()
}

/// A shard of twilight's, after READY.
async fn twilight(url: &str) -> twilight_gateway::Shard {
    let config = ConfigBuilder::new("token".to_owned(), Intents::all()).proxy_url(url.to_owned()).build();
    let mut shard = twilight_gateway::Shard::with_config(ShardId::ONE, config);
    loop {
        match shard.next().await {
            Some(Ok(Message::Text(text))) if text.starts_with(r#"{"t":"READY""#) => return shard,
            Some(Ok(_)) => {}
            other => panic!("no READY: {other:?}"),
        }
    }
}

fn twilight_raw(runtime: &Runtime, url: &str, script: &Script) -> Spent {
    runtime.block_on(async {
        let mut shard = twilight(url).await;
        let watch = Watch::start();
        for _ in 0..script.events {
            let message = shard.next().await;
            assert!(matches!(black_box(message), Some(Ok(Message::Text(_)))));
        }
        watch.stop()
    })
}

fn twilight_one(runtime: &Runtime, url: &str, script: &Script) -> Spent {
    runtime.block_on(async {
        let mut shard = twilight(url).await;
        let watch = Watch::start();
        for _ in 0..script.events {
            // As `next_event` does, which does not tell of events that are not wanted.
            let Some(Ok(Message::Text(text))) = shard.next().await else { panic!("no message") };
            assert!(black_box(twilight_gateway::parse(text, EventTypeFlags::MESSAGE_CREATE)).is_ok());
        }
        watch.stop()
    })
}

fn twilight_typed(runtime: &Runtime, url: &str, script: &Script) -> Spent {
    runtime.block_on(async {
        let mut shard = twilight(url).await;
        let watch = Watch::start();
        for _ in 0..script.events {
            let event = shard.next_event(EventTypeFlags::all()).await;
            assert!(matches!(black_box(event), Some(Ok(_))));
        }
        watch.stop()
    })
}
