//! Packets of 50 speakers over loopback UDP, and calls in which nobody speaks: CPU time of the receiving process.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use sanscord::rtp::aead::{Backend, Cipher, Mode};
use sanscord_bench::adapter::{Adapter, Running};
use sanscord_bench::measure::print_table;
use sanscord_bench::packets::CLEAR;
use sanscord_bench::stage::{self, KEY_BYTES};
use sanscord_bench::traffic::{self, Plan, Server};
use sanscord_bench::wired::Wired;

const MODE: Mode = Mode::AeadAes256GcmRtpsize;
const SPEAKERS: u32 = 50;
/// Bytes of Opus in a packet.
const OPUS: usize = 160;
/// Packets a second of all speakers: as they speak, and eight times that, for numbers that vary less.
const RATES: [u32; 2] = [2500, 20_000];
const ROUNDS: usize = 3;
/// How long is measured each time, after the packets have begun to come.
const WARM: Duration = Duration::from_millis(300);
const WINDOW: Duration = Duration::from_secs(2);
/// How long the packets go on: longer than it takes to start and both of the above.
const SENT: Duration = Duration::from_millis(3500);

/// Calls at once in which nobody speaks, and how long.
const IDLE_CALLS: u64 = 50;
const IDLE: Duration = Duration::from_secs(10);

/// Who receives.
#[derive(Clone, Copy, Debug)]
enum Receiver {
    /// A thread that does nothing but receive and decrypt.
    Bare,
    Ours(Adapter),
}

const RECEIVERS: [Receiver; 4] = [
    Receiver::Bare,
    Receiver::Ours(Adapter::Blocking),
    Receiver::Ours(Adapter::Tokio),
    Receiver::Ours(Adapter::Smol),
];

fn main() {
    if traffic::serve_if_asked() {
        return;
    }
    let rows: Vec<Vec<String>> = RATES.into_iter().flat_map(speakers).collect();
    let head = ["receiver", "packets a second", "arrived", "CPU ns a packet", "x the bare loop"];
    print_table(&format!("{SPEAKERS} speakers over loopback UDP"), &head, &rows);
    println!(
        "\nCPU time of the receiving process over the packets that it decrypted, kernel included; the sender is another \
         process. Medians of {ROUNDS} interleaved windows of {WINDOW:?}. {OPUS} bytes of Opus, AES-256-GCM, no DAVE. Bare: \
         one thread, a blocking `recv`, the AEAD. Ours: a client in one call, its gateways played in memory."
    );
    let rows: Vec<Vec<String>> = Adapter::ALL.into_iter().map(idle).collect();
    let head = ["adapter", "CPU ms in all", "us a second and call"];
    print_table(&format!("{IDLE_CALLS} calls in one client for {IDLE:?}, nobody speaks"), &head, &rows);
    println!(
        "\nKeepalives go out over UDP; heartbeats go to gateways in memory, which are in it: no socket, no TLS."
    );
}

/// CPU nanoseconds of a packet, and packets in a second.
#[derive(Clone, Copy, Debug)]
struct Window {
    nanos: f64,
    rate: f64,
}

fn speakers(rate: u32) -> Vec<Vec<String>> {
    let mut windows = [const { Vec::new() }; RECEIVERS.len()];
    for _ in 0..ROUNDS {
        for (receiver, windows) in RECEIVERS.into_iter().zip(&mut windows) {
            windows.push(window(receiver, rate));
        }
    }
    let middle = windows.map(|mut windows| {
        windows.sort_by(|a, b| a.nanos.total_cmp(&b.nanos));
        windows[ROUNDS / 2]
    });
    RECEIVERS
        .into_iter()
        .zip(middle)
        .map(|(receiver, Window { nanos, rate: arrived })| {
            let name = match receiver {
                Receiver::Bare => "bare loop".to_owned(),
                Receiver::Ours(adapter) => format!("Client, {}", adapter.name()),
            };
            let ratio = nanos / middle[0].nanos;
            vec![
                name,
                rate.to_string(),
                format!("{arrived:.0}"),
                format!("{nanos:.0}"),
                format!("{ratio:.2}"),
            ]
        })
        .collect()
}

fn window(receiver: Receiver, rate: u32) -> Window {
    let server = Server::start(Plan { mode: MODE, speakers: SPEAKERS, rate, time: SENT, opus: OPUS });
    let heard = Arc::new(AtomicU64::new(0));
    match receiver {
        Receiver::Bare => {
            let ends = Arc::new(AtomicBool::new(false));
            let bare = {
                let (heard, ends) = (Arc::clone(&heard), Arc::clone(&ends));
                thread::spawn(move || bare(server.address, &heard, &ends))
            };
            let window = look(&heard);
            ends.store(true, Ordering::Relaxed);
            bare.join().expect("a receiver");
            window
        }
        Receiver::Ours(adapter) => {
            let machine = Wired::client(MODE, server.address, 1, SPEAKERS);
            let count = Arc::clone(&heard);
            let running = Running::start(adapter, machine, move |_, opus| {
                assert_eq!(opus.len(), OPUS);
                count.fetch_add(1, Ordering::Relaxed);
            });
            let window = look(&heard);
            drop(running);
            window
        }
    }
}

/// Receives and decrypts until it is told to end.
fn bare(server: std::net::SocketAddr, heard: &AtomicU64, ends: &AtomicBool) {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
    socket.connect(server).expect("a server");
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a limit");
    socket.send(&[0; 74]).expect("a server");
    let cipher = Cipher::new(Backend::default(), MODE, &KEY_BYTES);
    let mut buffer = [0; 2048];
    while !ends.load(Ordering::Relaxed) {
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        let Some((packet, nonce)) = buffer[..length].split_last_chunk_mut() else { continue };
        let (clear, sealed) = packet.split_at_mut(CLEAR);
        if cipher.open(*nonce, clear, sealed).is_ok() {
            heard.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Waits for the first packets, and measures.
fn look(heard: &AtomicU64) -> Window {
    let start = Instant::now();
    while heard.load(Ordering::Relaxed) == 0 {
        assert!(start.elapsed() < Duration::from_secs(5), "no packet came");
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(WARM);
    let (clock, cpu, before) = (Instant::now(), ProcessTime::now(), heard.load(Ordering::Relaxed));
    thread::sleep(WINDOW);
    let (cpu, packets) = (cpu.elapsed(), heard.load(Ordering::Relaxed) - before);
    let packets = packets as f64;
    Window { nanos: cpu.as_nanos() as f64 / packets, rate: packets / clock.elapsed().as_secs_f64() }
}

fn idle(adapter: Adapter) -> Vec<String> {
    let server = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
    let address = server.local_addr().expect("its address");
    let running = Running::start(adapter, Wired::client(MODE, address, IDLE_CALLS, 1), |_, _| {});
    thread::sleep(Duration::from_secs(1));
    let live = running.call(|wired, _| {
        let is_live = |guild| {
            let phase = wired.machine().call(guild).map(sanscord::voice::Call::phase);
            matches!(phase, Some(sanscord::voice::phase::Phase::Live { .. }))
        };
        stage::guilds(IDLE_CALLS).filter(|&guild| is_live(guild)).count()
    });
    assert_eq!(live as u64, IDLE_CALLS, "calls that are live");
    let cpu = ProcessTime::now();
    thread::sleep(IDLE);
    let cpu = cpu.elapsed().as_secs_f64();
    drop(running);
    let each = cpu / IDLE.as_secs_f64() / IDLE_CALLS as f64;
    vec![adapter.name().to_owned(), format!("{:.2}", cpu * 1e3), format!("{:.1}", each * 1e6)]
}
