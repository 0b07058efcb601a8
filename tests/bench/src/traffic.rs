//! A voice server's packets over loopback UDP, from a process of their own.
//!
//! A bench that wants them calls [`serve_if_asked`] first: the process is the same program once more.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sanscord::rtp::aead::{Backend, Cipher, Mode};

use crate::packets::{self, Number, SAMPLES};
use crate::stage::{KEY_BYTES, SPEAKER_SSRC};

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How it is sealed.
    pub mode: Mode,
    /// How many sources take turns.
    pub speakers: u32,
    /// Packets a second, of all together.
    pub rate: u32,
    /// For how long.
    pub time: Duration,
    /// Bytes of Opus in each.
    pub opus: usize,
}

/// A process that sends to whoever sends to it first.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it is.
    pub address: SocketAddr,
}

const ARGUMENT: &str = "--serve";

impl Server {
    /// Starts it.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn start(plan: Plan) -> Self {
        let Plan { mode, speakers, rate, time, opus } = plan;
        let numbers = [speakers as usize, rate as usize, time.as_millis() as usize, opus];
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .arg(ARGUMENT)
            .arg(mode.name())
            .args(numbers.map(|number| number.to_string()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("its address");
        let address = line.trim().parse().expect("its address");
        Self { child, address }
    }
}

/// Ends the process.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// If this process is to be a [`Server`], does that, and answers with true when it is done.
///
/// # Panics
/// If there is no loopback socket.
#[must_use]
pub fn serve_if_asked() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [first, mode, speakers, rate, time, opus] = &arguments[..] else { return false };
    if first != ARGUMENT {
        return false;
    }
    let number = |text: &str| text.parse::<u32>().expect("a number");
    serve(Plan {
        mode: Mode::from_name(mode).expect("a mode"),
        speakers: number(speakers),
        rate: number(rate),
        time: Duration::from_millis(number(time).into()),
        opus: number(opus) as usize,
    });
    true
}

fn serve(plan: Plan) {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
    println!("{}", socket.local_addr().expect("its address"));
    let mut buffer = [0; 2048];
    let (_, client) = socket.recv_from(&mut buffer).expect("somebody");
    socket.connect(client).expect("somebody");
    // Who opens the socket has still to learn the key and who speaks.
    std::thread::sleep(Duration::from_millis(100));
    let cipher = Cipher::new(Backend::default(), plan.mode, &KEY_BYTES);
    let mut datagram = Vec::new();
    let start = Instant::now();
    let mut sent = 0_u32;
    while start.elapsed() < plan.time {
        let due = start.elapsed().as_secs_f64() * f64::from(plan.rate);
        while f64::from(sent) < due {
            let (speaker, number) = (sent % plan.speakers, sent / plan.speakers);
            let number = Number {
                ssrc: SPEAKER_SSRC + speaker,
                sequence: number as u16,
                timestamp: number.wrapping_mul(SAMPLES),
            };
            datagram.clear();
            packets::seal(&cipher, number, &mut datagram, |out| {
                packets::write_opus(number.sequence, plan.opus, out);
            });
            if socket.send(&datagram).is_err() {
                // Nobody is there any more.
                return;
            }
            sent += 1;
        }
        std::thread::sleep(Duration::from_secs_f64(1.0 / f64::from(plan.rate)));
    }
}
