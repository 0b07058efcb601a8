//! How late packets go out, on each adapter, beside the machine's own timers.
//!
//! `--seconds N` or `--minutes N` says for how long; 20 seconds if neither is given.

use std::net::{SocketAddr, UdpSocket};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lexopt::Arg;
use sanscord::rtp::aead::Mode;
use sanscord::voice::Call;
use sanscord_bench::adapter::{Adapter, Running};
use sanscord_bench::measure::print_table;
use sanscord_bench::packets::{SPACING, write_opus};
use sanscord_bench::wired::Wired;

const MODE: Mode = Mode::AeadAes256GcmRtpsize;
const SPACE: Duration = Duration::from_nanos(SPACING);
/// Bytes of Opus in a packet.
const OPUS: usize = 160;
/// What is queued ahead, in packets, and how often more is queued.
const AHEAD: usize = 200;
const REFILL: Duration = Duration::from_secs(1);
/// Between the starts of what runs side by side, so that nothing is due at the same time as another.
const STAGGER: Duration = Duration::from_millis(33);

fn main() {
    let time = match length() {
        Ok(time) => time,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(2);
        }
    };
    let packets = (time.as_nanos() / SPACE.as_nanos()).max(1) as usize;
    // Everything side by side, so that all meet the same disturbances.
    let calls = Adapter::ALL.map(|adapter| {
        thread::sleep(STAGGER);
        (adapter, thread::spawn(move || call(adapter, packets)))
    });
    let bare = [Timer::Sleep, Timer::Mio, Timer::Tokio, Timer::Smol].map(|timer| {
        thread::sleep(STAGGER);
        (timer, thread::spawn(move || timer.late(packets)))
    });
    let mut rows = Vec::new();
    for (adapter, paced) in calls {
        let Paced { driver, arrivals, stalls } = paced.join().expect("a call");
        rows.push(row(&format!("{}: the driver came", adapter.name()), driver, stalls.to_string()));
        rows.push(row(&format!("{}: arrived over loopback", adapter.name()), arrivals, String::new()));
    }
    for (timer, late) in bare {
        let late: JoinHandle<Vec<Duration>> = late;
        rows.push(row(timer.name(), late.join().expect("a timer"), String::new()));
    }
    let head = ["", "packets", "median", "99 %", "most", "schedules begun anew"];
    print_table(&format!("How late, of a packet every 20 ms for {time:?}, us"), &head, &rows);
    println!(
        "\nThe driver's lateness is by its own clock, against the machine's schedule. Arrivals are against the least late of \
         them, so a delay that all have in common does not show. Timers: a bare loop that sleeps until each 20 ms of a \
         fixed schedule, in its own thread, at the same time as the rest. mio and tokio wait whole milliseconds, rounded up: \
         where in a millisecond a schedule lies makes up to 1,000 us of difference between two rows of one kind."
    );
}

fn length() -> Result<Duration, lexopt::Error> {
    let mut time = Duration::from_secs(20);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            // cargo says so.
            Arg::Long("bench") => {}
            Arg::Long("seconds") => time = Duration::from_secs(lexopt::ValueExt::parse(&parser.value()?)?),
            Arg::Long("minutes") => {
                let minutes: u64 = lexopt::ValueExt::parse(&parser.value()?)?;
                time = Duration::from_secs(60 * minutes);
            }
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(time)
}

fn row(name: &str, mut late: Vec<Duration>, stalls: String) -> Vec<String> {
    late.sort_unstable();
    let at = |share: f64| {
        let place = (late.len() as f64 * share) as usize;
        let late = late.get(place.min(late.len().saturating_sub(1))).copied().unwrap_or_default();
        format!("{:.0}", late.as_secs_f64() * 1e6)
    };
    vec![name.to_owned(), late.len().to_string(), at(0.5), at(0.99), at(1.0), stalls]
}

/// How late the packets of a call were.
struct Paced {
    driver: Vec<Duration>,
    arrivals: Vec<Duration>,
    stalls: u64,
}

/// Sends so many packets.
fn call(adapter: Adapter, packets: usize) -> Paced {
    let server = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
    let address: SocketAddr = server.local_addr().expect("its address");
    let stamps = thread::spawn(move || arrivals(&server, packets));
    let running = Running::start(adapter, Wired::call(MODE, address), |_, _| {});
    let mut left = packets;
    let mut driver = Vec::new();
    let mut stalls = 0;
    while driver.len() < packets {
        let (late, counted, sent) = running.call(move |wired, now| {
            let sent = wired.act(now, |call, now| fill(call, now, left));
            (wired.take_lateness(), wired.machine().counters().stalls, sent)
        });
        left -= sent;
        driver.extend(late);
        stalls = counted;
        thread::sleep(REFILL);
    }
    driver.truncate(packets);
    drop(running);
    Paced { driver, arrivals: stamps.join().expect("a receiver"), stalls }
}

/// Queues packets until enough are ahead; answers with how many were queued.
fn fill(call: &mut Call, now: sanscord::time::Timestamp, left: usize) -> usize {
    let count = AHEAD.saturating_sub(call.queued()).min(left);
    for number in 0..count {
        let mut opus = Vec::new();
        write_opus(number as u16, OPUS, &mut opus);
        call.send_opus(now, Bytes::from(opus)).expect("room");
    }
    count
}

/// How long after its time each packet arrived, against the least late.
fn arrivals(server: &UdpSocket, packets: usize) -> Vec<Duration> {
    server.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    let mut buffer = [0; 2048];
    let mut stamps = Vec::with_capacity(packets);
    while stamps.len() < packets {
        let Ok(length) = server.recv(&mut buffer) else { break };
        let at = Instant::now();
        // RTP has version 2 in its first two bits, discovery and keepalives have 0.
        if buffer[..length].first().is_some_and(|first| first >> 6 == 2) {
            stamps.push(at);
        }
    }
    let Some(&start) = stamps.first() else { return Vec::new() };
    let spaces = (0..).map(|number: u32| SPACE * number);
    let late: Vec<i128> = stamps
        .into_iter()
        .zip(spaces)
        .map(|(at, due)| at.duration_since(start).as_nanos() as i128 - due.as_nanos() as i128)
        .collect();
    let least = late.iter().copied().min().unwrap_or_default();
    late.into_iter().map(|late| Duration::from_nanos((late - least) as u64)).collect()
}

/// What a driver could wait with.
#[derive(Clone, Copy, Debug)]
enum Timer {
    Sleep,
    Mio,
    Tokio,
    Smol,
}

impl Timer {
    const fn name(self) -> &'static str {
        match self {
            Self::Sleep => "bare timer: `std::thread::sleep`",
            Self::Mio => "bare timer: mio, as the blocking adapter waits",
            Self::Tokio => "bare timer: tokio",
            Self::Smol => "bare timer: smol",
        }
    }

    /// Sleeps until each time of a schedule, and answers with how late it woke.
    fn late(self, sleeps: usize) -> Vec<Duration> {
        let start = Instant::now();
        let due = (1..=sleeps as u32).map(|number| start + SPACE * number);
        match self {
            Self::Sleep => due
                .map(|due| {
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    due.elapsed()
                })
                .collect(),
            Self::Mio => {
                let mut poll = mio::Poll::new().expect("an event queue");
                let mut events = mio::Events::with_capacity(1);
                due.map(|due| {
                    let wait = due.saturating_duration_since(Instant::now());
                    poll.poll(&mut events, Some(wait)).expect("an event queue");
                    due.elapsed()
                })
                .collect()
            }
            Self::Tokio => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
                runtime.expect("a runtime").block_on(async {
                    let mut late = Vec::with_capacity(sleeps);
                    for due in due {
                        tokio::time::sleep_until(due.into()).await;
                        late.push(due.elapsed());
                    }
                    late
                })
            }
            Self::Smol => smol::block_on(async {
                let mut late = Vec::with_capacity(sleeps);
                for due in due {
                    smol::Timer::at(due).await;
                    late.push(due.elapsed());
                }
                late
            }),
        }
    }
}
