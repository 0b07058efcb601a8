//! Memory of many shards in one process: machines alone, and whole connections over the loopback.
//!
//! Which side a number belongs to is told by a process: each row is one of its own, started by this one.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;

use allocation_counter::measure;
use sanscord::entropy::Entropy;
use sanscord::gateway::shard::Start;
use sanscord::gateway::{Compression, Config, Event, Intents, Shard};
use sanscord::machine::{Frame, Input, Machine, Output, Scope};
use sanscord::secret::Token;
use sanscord::time::Timestamp;
use sanscord_bench::measure::print_table;
use sanscord_bench::stage;
use sanscord_bench::stream::Session;
use sanscord_tokio::Network;
use tokio::runtime::Builder;

/// What there are many of.
const SHARDS: usize = 1000;
/// What each takes in: 2,000 events and one of 66 KB.
const EVENTS: usize = 2000;
const LONG: usize = 66 << 10;

const COMPRESSIONS: [Compression; 4] =
    [Compression::None, Compression::Payload, Compression::ZlibStream, Compression::ZstdStream];

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    match (arguments.next().as_deref(), arguments.next(), arguments.next()) {
        (Some("machines"), Some(compression), _) => println!("{}", machines(parse(&compression))),
        (Some("connections"), Some(side), Some(compression)) => {
            println!("{}", connections(&side, parse(&compression)));
        }
        _ => print(),
    }
}

fn parse(name: &str) -> Compression {
    serde_json::from_str(&format!("\"{name}\"")).expect("a compression")
}

fn name(compression: Compression) -> String {
    serde_json::to_string(&compression).unwrap_or_default().trim_matches('"').to_owned()
}

fn print() {
    let rows = COMPRESSIONS.map(|compression| {
        let (idle, busy) = heap(compression);
        let mut row = vec![name(compression), format!("{idle:.1}"), format!("{busy:.1}")];
        row.extend(numbers(&["machines", &name(compression)]));
        row.push(aim(compression).to_owned());
        row
    });
    print_table(
        "A shard's machine, KiB",
        &[
            "",
            "heap, in session",
            "heap, after traffic",
            "resident, in session",
            "resident, after traffic",
            "aim, after traffic",
        ],
        &rows,
    );
    println!(
        "\nTraffic: {EVENTS} events and one of 66 KB, each dropped once it was seen. Heap: one shard, by Rust's \
         allocator; libzstd's memory is not among it. Resident: of {SHARDS} shards in a process, each."
    );
    let mut rows = Vec::new();
    for compression in [Compression::None, Compression::ZlibStream, Compression::ZstdStream] {
        for side in ["sanscord-tokio", "twilight"] {
            if side == "twilight" && !twilight::speaks(compression) {
                continue;
            }
            let mut row = vec![format!("{side}, {}", name(compression))];
            row.extend(numbers(&["connections", side, &name(compression)]));
            rows.push(row);
        }
    }
    print_table("A connection over the loopback, resident KiB", &["", "in session", "after traffic"], &rows);
    println!("\nOf {SHARDS} connections in a process, each; the server, a thread of it, holds no buffers.");
}

const fn aim(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "",
        Compression::Payload | Compression::ZlibStream => "<= 60",
        Compression::ZstdStream => "<= 500",
    }
}

/// What this program prints when it is run with these arguments, split at blanks.
fn numbers(arguments: &[&str]) -> Vec<String> {
    let program = std::env::current_exe().expect("a program");
    let output = Command::new(program).args(arguments).output().expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    text.split_whitespace().map(str::to_owned).collect()
}

fn traffic() -> Session {
    let mut session = Session::steady(1, EVENTS / 2);
    let (long, more) = (Session::long(2, 1, LONG), Session::steady(3, EVENTS / 2));
    session.events.extend(long.events.into_iter().chain(more.events));
    session.renumber();
    session
}

fn config(compression: Compression) -> Config {
    let mut config = Config::new(Token::new("token"), Intents::ALL);
    config.compression = compression;
    config
}

/// Kibibytes of one machine on Rust's heap, in session and after traffic.
fn heap(compression: Compression) -> (f64, f64) {
    let (opening, events) = traffic().frames(compression);
    let config = Arc::new(config(compression));
    let mut machine = None;
    let idle = measure(|| machine = Some(stage::shard_on(Arc::clone(&config), &opening)));
    let Some((mut shard, socket)) = machine else { return (0.0, 0.0) };
    let busy = measure(|| {
        for frame in &events {
            shard.handle_input(Timestamp::from_millis(2000), Input::Frame(socket, frame.clone()));
            while !matches!(shard.poll_output(), Output::Wait(_)) {}
        }
    });
    assert_eq!(shard.counters().dispatches, events.len() as u64 + 1);
    let kib = |bytes: i64| (bytes + size_of::<Shard>() as i64) as f64 / 1024.0;
    (kib(idle.bytes_current), kib(idle.bytes_current + busy.bytes_current))
}

/// Kibibytes of this process that are in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}

fn each(before: f64, now: f64) -> String {
    format!("{:.1}", (now - before) / SHARDS as f64)
}

fn machines(compression: Compression) -> String {
    let (opening, events) = traffic().frames(compression);
    let config = Arc::new(config(compression));
    let mut shards = Vec::with_capacity(SHARDS);
    let before = resident();
    shards.extend((0..SHARDS).map(|_| stage::shard_on(Arc::clone(&config), &opening)));
    let idle = resident();
    for (shard, socket) in &mut shards {
        for frame in &events {
            shard.handle_input(Timestamp::from_millis(2000), Input::Frame(*socket, frame.clone()));
            while !matches!(shard.poll_output(), Output::Wait(_)) {}
        }
    }
    let busy = resident();
    format!("{} {}", each(before, idle), each(before, busy))
}

/// Many clients at a server that sends all of them the same, in three steps: the opening, then to each in turn the
/// events once this side says so.
fn connections(side: &str, compression: Compression) -> String {
    let (opening, events) = traffic().frames(compression);
    let count = events.len();
    let server = Server::start(&opening, &events);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        if side == "twilight" {
            return twilight::connections(&server, count).await;
        }
        let (mut clients, mut drivers) = (Vec::new(), Vec::new());
        let config = Arc::new(config(compression));
        let mut before = 0.0;
        for number in 0..=SHARDS {
            if number == 1 {
                // The first one pays for what all share.
                before = resident();
            }
            let start = Start::new(&server.url);
            let shard = Shard::new(Arc::clone(&config), start, Scope::new(1), Entropy::new([7; 32]));
            let (driver, handle, mut events) =
                sanscord_tokio::start(shard, Network::new()).expect("a driver");
            drivers.push(tokio::spawn(driver.run()));
            while !matches!(events.next().await, Some(Event::Connected { .. })) {}
            clients.push((handle, events));
        }
        let idle = resident();
        for (number, (_, events)) in clients.iter_mut().enumerate() {
            server.send_events(number);
            let mut seen = 0;
            while seen < count {
                seen += usize::from(matches!(events.next().await, Some(Event::Dispatch(_))));
            }
        }
        let busy = resident();
        format!("{} {}", each(before, idle), each(before, busy))
    })
}

/// Accepts and opens connections on a thread of its own; sends events when it is told to.
struct Server {
    url: String,
    events: Vec<u8>,
    streams: Arc<std::sync::Mutex<Vec<TcpStream>>>,
}

impl Server {
    fn start(opening: &[Frame], events: &[Frame]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("ws://{}", listener.local_addr().expect("an address"));
        let streams = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (hello, ready) = (stage::framed(&opening[..1]), stage::framed(&opening[1..]));
        let accepted = Arc::clone(&streams);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = stream.try_clone().expect("a handle");
                let mut socket = tungstenite::accept(stream).expect("a handshake");
                socket.get_mut().write_all(&hello).expect("a connection");
                while !socket.read().expect("Identify").to_text().is_ok_and(|text| text.contains("\"op\":2"))
                {
                }
                accepted.lock().expect("a lock").push(kept);
                socket.get_mut().write_all(&ready).expect("a connection");
            }
        });
        Self { url, events: stage::framed(events), streams }
    }

    /// On a thread, as the socket does not take them all at once.
    fn send_events(&self, number: usize) {
        let mut stream = self.streams.lock().expect("a lock")[number].try_clone().expect("a handle");
        let events = self.events.clone();
        std::thread::spawn(move || stream.write_all(&events));
    }
}

mod twilight {
    use futures_util::StreamExt as _;
    use sanscord::gateway::Compression;
    use twilight_gateway::{ConfigBuilder, Intents, Message, ShardId};

    use super::{SHARDS, Server, each, resident};

    /// Whether it was built so.
    pub(crate) const fn speaks(compression: Compression) -> bool {
        match compression {
            Compression::None => true,
            Compression::Payload => false,
            Compression::ZlibStream => cfg!(all(feature = "peer-zlib", not(feature = "peer-zstd"))),
            Compression::ZstdStream => cfg!(feature = "peer-zstd"),
        }
    }

    pub(crate) async fn connections(server: &Server, count: usize) -> String {
        let mut shards = Vec::new();
        let mut before = 0.0;
        // Its queue would let one identify in five seconds.
        let queue = twilight_gateway::queue::InMemoryQueue::new(0, 0, std::time::Duration::ZERO, 0);
        for number in 0..=SHARDS {
            if number == 1 {
                before = resident();
            }
            let config = ConfigBuilder::new("token".to_owned(), Intents::all())
                .proxy_url(server.url.clone())
                .queue(queue.clone())
                .build();
            let mut shard = twilight_gateway::Shard::with_config(ShardId::ONE, config);
            loop {
                match shard.next().await {
                    Some(Ok(Message::Text(text))) if text.starts_with(r#"{"t":"READY""#) => break,
                    Some(Ok(_)) => {}
                    other => panic!("no READY: {other:?}"),
                }
            }
            shards.push(shard);
        }
        let idle = resident();
        for (number, shard) in shards.iter_mut().enumerate() {
            server.send_events(number);
            for _ in 0..count {
                assert!(matches!(shard.next().await, Some(Ok(Message::Text(_)))));
            }
        }
        let busy = resident();
        format!("{} {}", each(before, idle), each(before, busy))
    }
}
