//! One 20 ms audio packet, from datagram to recording, beside the bare decryption of the same bytes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sanscord::machine::{Machine, Output, Scope};
use sanscord::record::Recorder;
use sanscord::rtp::aead::{Backend, Cipher, Mode};
use sanscord::time::Timestamp;
use sanscord_bench::measure::{interleave, median, print_table};
use sanscord_bench::packets::{CLEAR, SPACING, Spurt};
use sanscord_bench::stage::{self, KEY_BYTES};

/// Bytes of Opus: 24, 64 and 128 kbit/s.
const SIZES: [usize; 3] = [60, 160, 320];
/// Packets of a pass: 80 seconds of one speaker.
const PACKETS: u16 = 4000;
const ROUNDS: usize = 61;

type Pass = fn(Backend, Mode, &Spurt) -> Duration;

const LEVELS: [(&str, Pass); 5] = [
    ("AEAD alone", aead),
    ("Call", call),
    ("Call, polled", call_polled),
    ("Call + Recorder, polled", call_recorder),
    ("Client, polled", client),
];

fn main() {
    let mut rows = Vec::new();
    for mode in Mode::ALL {
        for &backend in Backend::ALL {
            for size in SIZES {
                rows.push(row(backend, mode, size));
            }
        }
    }
    let mut head = vec!["mode, backend, bytes of Opus"];
    head.extend(LEVELS.map(|(name, _)| name));
    print_table("A voice packet, ns (x the AEAD alone)", &head, &rows);
    println!(
        "\nMedians of {ROUNDS} interleaved rounds of {PACKETS} fresh packets; each level copies the datagram into \
         the receive buffer first. Polled: `poll_output` after each packet until it says Wait, as a driver does."
    );
    print_table(
        "A voice packet in a client that records several calls at once, ns",
        &["calls, one speaker each (AES-256-GCM, 160 bytes)", "Client, polled"],
        &CALLS.map(|calls| vec![calls.to_string(), format!("{:.0}", many(calls))]),
    );
}

/// How many calls at once.
const CALLS: [u16; 3] = [1, 10, 100];

/// Nanoseconds of a packet when each of so many calls gets one in turn.
fn many(calls: u16) -> f64 {
    let mode = Mode::AeadAes256GcmRtpsize;
    let spurt = Spurt::new(mode, 160, PACKETS / calls);
    let mut round = || {
        let mut staged = stage::client(Backend::default(), mode, calls.into(), true);
        let mut buffer = [0; 2048];
        pass(&spurt, staged.now, |now, datagram| {
            let data = &mut buffer[..datagram.len()];
            let mut heard = true;
            for &socket in staged.peer.udp() {
                data.copy_from_slice(datagram);
                heard &= black_box(staged.machine.handle_datagram(now, socket, data)).is_some();
                drain(&mut staged.machine);
            }
            heard
        })
    };
    let times = interleave(ROUNDS, &mut [&mut round]).concat();
    median(times).as_nanos() as f64 / f64::from(PACKETS)
}

fn row(backend: Backend, mode: Mode, size: usize) -> Vec<String> {
    let spurt = &Spurt::new(mode, size, PACKETS);
    let times = interleave(ROUNDS, &mut LEVELS.map(|(_, pass)| move || pass(backend, mode, spurt)));
    let nanos: Vec<f64> =
        times.into_iter().map(|times| median(times).as_nanos() as f64 / f64::from(PACKETS)).collect();
    let name = match mode {
        Mode::AeadAes256GcmRtpsize => "AES-256-GCM",
        Mode::AeadXChaCha20Poly1305Rtpsize => "XChaCha20-Poly1305",
    };
    let mut row = vec![format!("{name}, {backend:?}, {size}")];
    row.extend(nanos.iter().map(|&time| format!("{time:.0} ({:.2})", time / nanos[0])));
    row
}

/// Times one step a packet, with the datagram in a receive buffer; the step tells whether it gave audio.
fn pass(spurt: &Spurt, start: Timestamp, mut step: impl FnMut(Timestamp, &mut [u8]) -> bool) -> Duration {
    let mut buffer = [0; 2048];
    let mut now = start.as_nanos();
    let mut heard = 0;
    let clock = Instant::now();
    for datagram in spurt.datagrams() {
        let data = &mut buffer[..datagram.len()];
        data.copy_from_slice(datagram);
        heard += usize::from(step(Timestamp::from_nanos(now), black_box(data)));
        now += SPACING;
    }
    let time = clock.elapsed();
    assert_eq!(heard, spurt.len());
    time
}

fn aead(backend: Backend, mode: Mode, spurt: &Spurt) -> Duration {
    let cipher = Cipher::new(backend, mode, &KEY_BYTES);
    pass(spurt, Timestamp::ZERO, |_, data| {
        let Some((packet, nonce)) = data.split_last_chunk_mut() else { return false };
        let (clear, sealed) = packet.split_at_mut(CLEAR);
        black_box(cipher.open(*nonce, clear, sealed)).is_ok()
    })
}

fn call(backend: Backend, mode: Mode, spurt: &Spurt) -> Duration {
    let mut staged = stage::call(backend, mode);
    let socket = staged.udp();
    pass(spurt, staged.now, |now, data| {
        black_box(staged.machine.handle_datagram(now, socket, data)).is_some()
    })
}

fn call_polled(backend: Backend, mode: Mode, spurt: &Spurt) -> Duration {
    let mut staged = stage::call(backend, mode);
    let socket = staged.udp();
    pass(spurt, staged.now, |now, data| {
        let audio = black_box(staged.machine.handle_datagram(now, socket, data));
        drain(&mut staged.machine);
        audio.is_some()
    })
}

fn call_recorder(backend: Backend, mode: Mode, spurt: &Spurt) -> Duration {
    let mut staged = stage::call(backend, mode);
    let socket = staged.udp();
    let mut recorder = Recorder::new(staged.now, "recordings", Scope::new(2));
    pass(spurt, staged.now, |now, data| {
        let Some(audio) = staged.machine.handle_datagram(now, socket, data) else { return false };
        let opus = &data[audio.opus];
        recorder.handle_audio(now, audio.user, audio.ssrc, audio.sequence, audio.timestamp, opus);
        drain(&mut staged.machine);
        drain(&mut recorder);
        true
    })
}

fn client(backend: Backend, mode: Mode, spurt: &Spurt) -> Duration {
    let mut staged = stage::client(backend, mode, 1, true);
    let socket = staged.udp();
    pass(spurt, staged.now, |now, data| {
        let audio = black_box(staged.machine.handle_datagram(now, socket, data));
        drain(&mut staged.machine);
        audio.is_some()
    })
}

fn drain<M: Machine>(machine: &mut M) {
    loop {
        match machine.poll_output() {
            Output::Wait(deadline) => {
                black_box(deadline);
                return;
            }
            output => drop(black_box(output)),
        }
    }
}
