//! One 20 ms audio packet, from datagram to recording, beside the bare decryption of the same bytes, davey, and what
//! songbird calls.

mod songbird;

use std::hint::black_box;
use std::time::{Duration, Instant};

use davey::MediaType;
use sanscord::dave::cipher;
use sanscord::dave::receiver::AUDIO;
use sanscord::id::UserId;
use sanscord::machine::{Machine, Output, Scope};
use sanscord::record::Recorder;
use sanscord::rtp::aead::{Backend, Cipher, Mode};
use sanscord::time::Timestamp;
use sanscord::voice::Call;
use sanscord_bench::group::{Group, LISTENER};
use sanscord_bench::measure::{interleave, median, print_table};
use sanscord_bench::packets::{CLEAR, EXTENSION, SPACING, Spurt, write_opus};
use sanscord_bench::stage::{self, KEY_BYTES, SPEAKER, Staged};

use songbird::Songbird;

/// Bytes of Opus: 24, 64, 128 and 480 kbit/s.
const SIZES: [usize; 4] = [60, 160, 320, 1200];
/// Packets of a pass: 80 seconds of one speaker.
const PACKETS: u16 = 4000;
const ROUNDS: usize = 25;

/// Everything that is measured, interleaved, for packets of one size.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Level {
    Aead,
    Call,
    CallPolled,
    CallRecorder,
    Client,
    Aeads,
    Dave,
    DavePolled,
    DaveRecorder,
    Session,
    Davey,
    Songbird,
    SongbirdDavey,
}

use Level::*;

const LEVELS: [Level; 13] = [
    Aead,
    Call,
    CallPolled,
    CallRecorder,
    Client,
    Aeads,
    Dave,
    DavePolled,
    DaveRecorder,
    Session,
    Davey,
    Songbird,
    SongbirdDavey,
];

/// A table: title, and its columns, whose ratios are to the first or to the named one.
struct Table {
    title: &'static str,
    columns: &'static [(&'static str, Level, Level)],
}

const TABLES: [Table; 3] = [
    Table {
        title: "A voice packet with transport encryption, ns (x the AEAD alone)",
        columns: &[
            ("AEAD alone", Aead, Aead),
            ("Call", Call, Aead),
            ("Call, polled", CallPolled, Aead),
            ("Call + Recorder, polled", CallRecorder, Aead),
            ("Client, polled", Client, Aead),
        ],
    },
    Table {
        title: "A voice packet with end-to-end encryption, ns (x the AEADs of both layers alone)",
        columns: &[
            ("AEADs of both layers alone", Aeads, Aeads),
            ("Call with DAVE", Dave, Aeads),
            ("Call with DAVE, polled", DavePolled, Aeads),
            ("Call with DAVE + Recorder, polled", DaveRecorder, Aeads),
        ],
    },
    Table {
        title: "Beside peers, ns (x ours)",
        columns: &[
            ("Call, polled", CallPolled, CallPolled),
            ("songbird 0.6.1's calls", Songbird, CallPolled),
            ("our DAVE session, a frame", Session, Session),
            ("davey 0.2, the same frame", Davey, Session),
            ("Call with DAVE, polled", DavePolled, DavePolled),
            ("songbird's calls with davey", SongbirdDavey, DavePolled),
        ],
    },
];

fn main() {
    let mut kinds = Vec::new();
    for mode in Mode::ALL {
        for &backend in Backend::ALL {
            for size in SIZES {
                kinds.push((Kind { backend, mode, size }, measure(Kind { backend, mode, size })));
            }
        }
    }
    for Table { title, columns } in TABLES {
        let mut head = vec!["mode, backend, bytes of Opus"];
        head.extend(columns.iter().map(|(name, ..)| name));
        let rows: Vec<Vec<String>> = kinds.iter().map(|(kind, times)| kind.row(columns, times)).collect();
        print_table(title, &head, &rows);
    }
    println!(
        "\nMedians of {ROUNDS} rounds of {PACKETS} fresh packets, all columns of the three tables interleaved; each level \
         copies the datagram into a receive buffer first. Polled: `poll_output` after each packet until it says Wait, as a \
         driver does. With DAVE: a group of three that was joined in the call. The backend is that of our \
         transport encryption; frames of Opus are opened by {AUDIO:?} in either, davey and songbird have their own."
    );
    print_table(
        "A voice packet in a client that records several calls at once, ns",
        &["calls, one speaker each (AES-256-GCM, 160 bytes)", "Client, polled"],
        &CALLS.map(|calls| vec![calls.to_string(), format!("{:.0}", many(calls))]),
    );
}

/// What the packets are, and who decrypts.
#[derive(Clone, Copy, Debug)]
struct Kind {
    backend: Backend,
    mode: Mode,
    size: usize,
}

impl Kind {
    fn row(self, columns: &[(&str, Level, Level)], nanos: &[(Level, f64)]) -> Vec<String> {
        let Self { backend, mode, size } = self;
        let name = match mode {
            Mode::AeadAes256GcmRtpsize => "AES-256-GCM",
            Mode::AeadXChaCha20Poly1305Rtpsize => "XChaCha20-Poly1305",
        };
        let of = |level| nanos.iter().find(|(of, _)| *of == level).map_or(f64::NAN, |(_, nanos)| *nanos);
        let mut row = vec![format!("{name}, {backend:?}, {size}")];
        row.extend(
            columns.iter().map(|&(_, level, to)| format!("{:.0} ({:.2})", of(level), of(level) / of(to))),
        );
        row
    }
}

/// Nanoseconds of a packet at each level.
fn measure(kind: Kind) -> Vec<(Level, f64)> {
    let Kind { backend, mode, size } = kind;
    let spurt = &Spurt::new(mode, size, PACKETS);
    let mut passes = LEVELS.map(|level| {
        move || match level {
            Aead => aead(backend, mode, spurt),
            Call => call(stage::call(backend, mode), spurt, false),
            CallPolled => call(stage::call(backend, mode), spurt, true),
            CallRecorder => call_recorder(stage::call(backend, mode), spurt),
            Client => client(backend, mode, spurt),
            Aeads => aeads(kind),
            Dave | DavePolled => {
                let mut staged = stage::encrypted_call(backend, mode);
                let spurt = encrypted(kind, staged.peer.group());
                call(staged, &spurt, level == DavePolled)
            }
            DaveRecorder => {
                let mut staged = stage::encrypted_call(backend, mode);
                let spurt = encrypted(kind, staged.peer.group());
                call_recorder(staged, &spurt)
            }
            Session => session(kind),
            Davey => davey(kind),
            Songbird => songbird(Songbird::new(mode, &KEY_BYTES, None), kind, spurt),
            SongbirdDavey => {
                let mut group = Group::of_two(Timestamp::ZERO);
                let spurt = encrypted(kind, &mut group);
                songbird(Songbird::new(mode, &KEY_BYTES, Some(group.take_davey(LISTENER))), kind, &spurt)
            }
        }
    });
    let times = interleave(ROUNDS, &mut passes).into_iter();
    let nanos = times.map(|times| median(times).as_nanos() as f64 / f64::from(PACKETS));
    LEVELS.into_iter().zip(nanos).collect()
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

fn call(mut staged: Staged<Call>, spurt: &Spurt, polled: bool) -> Duration {
    let socket = staged.udp();
    pass(spurt, staged.now, |now, data| {
        let audio = black_box(staged.machine.handle_datagram(now, socket, data));
        if polled {
            drain(&mut staged.machine);
        }
        audio.is_some()
    })
}

fn call_recorder(mut staged: Staged<Call>, spurt: &Spurt) -> Duration {
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

/// Packets of the speaker, sealed with its key of the group.
fn encrypted(kind: Kind, group: &mut Group) -> Spurt {
    let speaker = group.session(SPEAKER);
    let mut opus = Vec::new();
    Spurt::of(kind.mode, PACKETS, |sequence, out| {
        opus.clear();
        write_opus(sequence, kind.size, &mut opus);
        speaker.seal(&opus, out).expect("a key");
    })
}

/// Both layers, each by the library that a call takes for it, with the tag and the nonce of the inner one where they are
/// known to be.
fn aeads(kind: Kind) -> Duration {
    let Kind { backend, mode, size } = kind;
    let inner = cipher::Cipher::new(AUDIO, &[7; cipher::KEY]);
    let spurt = Spurt::of(mode, PACKETS, |sequence, out| {
        let start = out.len();
        write_opus(sequence, size, out);
        let tag = inner.seal(sequence.into(), &[], &mut out[start..]).expect("a short frame");
        out.extend(tag);
        out.extend(sequence.to_be_bytes());
        out.extend([13, 0xFA, 0xFA]);
    });
    let outer = Cipher::new(backend, mode, &KEY_BYTES);
    let (mut scratch, mut sequence) = (Vec::new(), 0);
    pass(&spurt, Timestamp::ZERO, |_, data| {
        let Some((packet, nonce)) = data.split_last_chunk_mut() else { return false };
        let (clear, sealed) = packet.split_at_mut(CLEAR);
        if black_box(outer.open(*nonce, clear, sealed)).is_err() {
            return false;
        }
        let (opus, rest) = sealed[EXTENSION.len()..].split_at_mut(size);
        let Some(tag) = rest.first_chunk() else { return false };
        let opened = inner.open(sequence, &[], opus, tag, &mut scratch);
        sequence += 1;
        black_box(opened).is_ok()
    })
}

/// Frames as they come out of the transport encryption.
struct Frames(Vec<Vec<u8>>);

impl Frames {
    fn new(kind: Kind, group: &mut Group) -> Self {
        let speaker = group.session(SPEAKER);
        let mut opus = Vec::new();
        Self(
            (0..PACKETS)
                .map(|sequence| {
                    opus.clear();
                    write_opus(sequence, kind.size, &mut opus);
                    let mut frame = Vec::new();
                    speaker.seal(&opus, &mut frame).expect("a key");
                    frame
                })
                .collect(),
        )
    }

    fn pass(&self, mut step: impl FnMut(&mut [u8]) -> bool) -> Duration {
        let mut buffer = [0; 2048];
        let clock = Instant::now();
        for frame in &self.0 {
            let data = &mut buffer[..frame.len()];
            data.copy_from_slice(frame);
            assert!(step(black_box(data)));
        }
        clock.elapsed()
    }
}

/// A third member, of ours, that opens the speaker's frames.
fn session(kind: Kind) -> Duration {
    const THIRD: UserId = UserId(45);
    let mut group = Group::of_two(Timestamp::ZERO);
    group.join(THIRD, sanscord_bench::group::Member::ours(THIRD, kind.backend));
    let frames = Frames::new(kind, &mut group);
    let third = group.session(THIRD);
    frames.pass(|data| black_box(third.open(Timestamp::ZERO, SPEAKER, data)) == Ok(kind.size))
}

fn davey(kind: Kind) -> Duration {
    let mut group = Group::of_two(Timestamp::ZERO);
    let frames = Frames::new(kind, &mut group);
    let mut davey = group.take_davey(LISTENER);
    frames.pass(|data| {
        let media = black_box(davey.decrypt(SPEAKER.0, MediaType::AUDIO, data));
        media.is_ok_and(|media| media.len() == kind.size)
    })
}

fn songbird(mut songbird: Songbird, kind: Kind, spurt: &Spurt) -> Duration {
    let mut heard = 0;
    let clock = Instant::now();
    for datagram in spurt.datagrams() {
        heard += usize::from(songbird.receive(black_box(datagram), kind.size));
    }
    let time = clock.elapsed();
    assert_eq!(heard, spurt.len());
    time
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
