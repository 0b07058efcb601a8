//! What recording a speaker takes: CPU time, memory, and how many speakers one core records.
//!
//! With the feature `opus`, WAV and FLAC too.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use cpu_time::{ProcessTime, ThreadTime};
use sanscord::id::UserId;
use sanscord::machine::{FileId, FileReport, Input, Machine, Output, Scope};
use sanscord::record::{Config, Event, Format, Recorder};
use sanscord::rtp::aead::{Backend, Cipher, Mode};
use sanscord::time::Timestamp;
use sanscord::voice::Call;
use sanscord_bench::measure::{interleave, median, print_table};
use sanscord_bench::packets::{self, Number, SAMPLES, SPACING, write_opus};
use sanscord_bench::stage::{self, KEY_BYTES, SPEAKER, SPEAKER_SSRC, Staged};
use sanscord_host::disk::Step;
use sanscord_testing::clip::Clip;

/// Bytes of Opus in 20 ms: 64 kbit/s.
const OPUS: usize = 160;
/// Packets of an hour.
const HOUR: u32 = 180_000;
/// Packets of six minutes: what is decoded takes room.
const DECODED: u32 = HOUR / 10;
/// Packets that are made at once, while no clock runs: a minute.
const CHUNK: u32 = 3000;
/// Hours of each kind.
const ROUNDS: usize = 5;
const MODE: Mode = Mode::AeadAes256GcmRtpsize;

fn main() {
    time();
    memory();
}

type Pass = Box<dyn Fn() -> Duration>;

fn time() {
    let mut passes: Vec<(&str, Pass)> = vec![
        (
            "Recorder, pages dropped",
            Box::new(|| recorder(&mut Nowhere::default(), Config::new("recordings"), HOUR)),
        ),
        ("Recorder, Ogg Opus written to a file", Box::new(|| recorder_on_disk(Format::Opus, HOUR))),
        ("Call + Recorder, pages dropped", Box::new(|| call(stage::call(Backend::default(), MODE), false))),
        (
            "Call with DAVE + Recorder, pages dropped",
            Box::new(|| call(stage::encrypted_call(Backend::default(), MODE), true)),
        ),
    ];
    if cfg!(feature = "opus") {
        passes.push(("Recorder, WAV written to a file", Box::new(|| recorder_on_disk(Format::Wav, DECODED))));
        passes
            .push(("Recorder, FLAC written to a file", Box::new(|| recorder_on_disk(Format::Flac, DECODED))));
    }
    let times = interleave(ROUNDS, &mut passes.iter_mut().map(|(_, pass)| pass).collect::<Vec<_>>());
    let rows: Vec<Vec<String>> = passes
        .iter()
        .zip(times)
        .map(|((name, _), times)| {
            let time = median(times).as_secs_f64();
            vec![
                (*name).to_owned(),
                format!("{:.1}", time * 1e3),
                format!("{:.0}", time * 1e9 / f64::from(HOUR)),
                format!("{:.0}", 3600.0 / time),
            ]
        })
        .collect();
    let head = ["what", "CPU ms", "ns a packet", "speakers that a core records as they speak"];
    print_table("An hour of a speaker who never pauses", &head, &rows);
    println!(
        "\nMedians of {ROUNDS} hours, interleaved; CPU time. Packets of 20 ms: speech where there is no call, else {OPUS} \
         bytes and AES-256-GCM. `poll_output` after each packet until it says Wait. The file's system calls are in it, the \
         disk's time is not. Of WAV and FLAC six minutes are recorded, and counted tenfold."
    );
}

/// Where pages go.
trait Disk {
    fn perform(&mut self, output: Output<Event>);

    /// What became of a file.
    fn report(&mut self) -> Option<Input>;
}

#[derive(Default)]
struct Nowhere(Vec<FileId>);

impl Disk for Nowhere {
    fn perform(&mut self, output: Output<Event>) {
        if let Output::CloseFile(file) = std::hint::black_box(output) {
            self.0.push(file);
        }
    }

    fn report(&mut self) -> Option<Input> {
        self.0.pop().map(|file| Input::File(file, FileReport::Closed))
    }
}

/// What the adapters have, on the thread that asks.
struct Hosted {
    disk: sanscord_host::disk::Disk,
    reports: Receiver<(FileId, FileReport)>,
}

impl Hosted {
    fn new() -> Self {
        let (sender, reports) = channel();
        let disk = sanscord_host::disk::Disk::new(move |file, report| {
            let _ = sender.send((file, report));
        });
        Self { disk, reports }
    }
}

impl Disk for Hosted {
    fn perform(&mut self, output: Output<Event>) {
        let (file, step) = match output {
            Output::OpenFile { file, path, encoding } => (file, Step::Open { path, encoding }),
            Output::Append(file, page) => (file, Step::Append(page)),
            Output::Replace(file, data) => (file, Step::Replace(data)),
            Output::CloseFile(file) => (file, Step::Close),
            Output::CheckFormat { file, path, encoding, mix } => (file, Step::Check { path, encoding, mix }),
            _ => return,
        };
        self.disk.perform(file, step);
    }

    fn report(&mut self) -> Option<Input> {
        let (file, report) = self.reports.try_recv().ok()?;
        assert_eq!(report, FileReport::Closed, "a file");
        Some(Input::File(file, report))
    }
}

/// Does what the recorder asks for, and tells it what came of that.
fn drain(now: Timestamp, recorder: &mut Recorder, disk: &mut impl Disk) {
    loop {
        match recorder.poll_output() {
            Output::Wait(_) => match disk.report() {
                Some(input) => recorder.handle_input(now, input),
                None => return,
            },
            output => disk.perform(output),
        }
    }
}

/// So many packets and the end of the recording, counted as an hour.
fn recorder(disk: &mut impl Disk, config: Config, packets: u32) -> Duration {
    let mut recorder = Recorder::new(Timestamp::ZERO, config, Scope::new(2));
    let clip = Clip::alice();
    let opus = clip.packets();
    let clock = ProcessTime::now();
    for (number, opus) in (0..packets).zip(opus.iter().cycle()) {
        let now = Timestamp::from_nanos(u64::from(number) * SPACING);
        let timestamp = number.wrapping_mul(SAMPLES);
        recorder.handle_audio(now, SPEAKER, SPEAKER_SSRC, number as u16, timestamp, opus);
        drain(now, &mut recorder, disk);
    }
    let end = Timestamp::from_nanos(u64::from(packets) * SPACING);
    recorder.stop(end);
    drain(end, &mut recorder, disk);
    let time = clock.elapsed();
    assert!(recorder.is_finished());
    time * (HOUR / packets)
}

fn recorder_on_disk(format: Format, packets: u32) -> Duration {
    let folder = Folder::new();
    let mut config = Config::new(folder.0.to_str().expect("a temporary folder with a readable name"));
    config.format = format;
    let time = recorder(&mut Hosted::new(), config, packets);
    let length = fs::read_dir(&folder.0).into_iter().flatten().flatten();
    let length: u64 = length.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum();
    let opus: usize = Clip::alice().packets().iter().map(|opus| opus.len()).sum();
    let least = opus / Clip::alice().packets().len() * packets as usize / 2;
    assert!(length > least as u64, "{length} bytes were written");
    time
}

/// A folder for one recording.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("sanscord-bench-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The same, from the datagrams on.
fn call(mut staged: Staged<Call>, is_encrypted: bool) -> Duration {
    let socket = staged.udp();
    let start = staged.now;
    let cipher = Cipher::new(Backend::default(), MODE, &KEY_BYTES);
    let mut recorder = Recorder::new(start, "recordings", Scope::new(2));
    let (mut opus, mut time, mut nowhere) = (Vec::new(), Duration::ZERO, Nowhere::default());
    let mut heard = 0;
    for chunk in 0..HOUR / CHUNK {
        let numbers = chunk * CHUNK..(chunk + 1) * CHUNK;
        let mut datagrams: Vec<Vec<u8>> = Vec::new();
        for number in numbers.clone() {
            let (sequence, timestamp) = (number as u16, number.wrapping_mul(SAMPLES));
            opus.clear();
            write_opus(sequence, OPUS, &mut opus);
            let mut datagram = Vec::new();
            packets::seal(
                &cipher,
                Number { ssrc: SPEAKER_SSRC, sequence, timestamp },
                &mut datagram,
                |out| {
                    if is_encrypted {
                        staged.peer.group().session(SPEAKER).seal(&opus, out).expect("a key");
                    } else {
                        out.extend_from_slice(&opus);
                    }
                },
            );
            datagrams.push(datagram);
        }
        let clock = ThreadTime::now();
        for (number, data) in numbers.zip(&mut datagrams) {
            let now = start + Duration::from_nanos(u64::from(number) * SPACING);
            if let Some(audio) = staged.machine.handle_datagram(now, socket, data) {
                let opus = &data[audio.opus];
                recorder.handle_audio(now, audio.user, audio.ssrc, audio.sequence, audio.timestamp, opus);
                heard += 1;
            }
            while !matches!(staged.machine.poll_output(), Output::Wait(_)) {}
            drain(now, &mut recorder, &mut nowhere);
        }
        time += clock.elapsed();
    }
    assert_eq!(heard, HOUR);
    time
}

/// Speakers at once.
const SPEAKERS: [u64; 3] = [1, 50, 500];

fn memory() {
    let rows = SPEAKERS.map(|speakers| {
        let mut recorder = None;
        let info = allocation_counter::measure(|| recorder = Some(minute(speakers)));
        drop(recorder);
        let each = |bytes: i64| format!("{:.0}", bytes as f64 / speakers as f64);
        let most = i64::try_from(info.bytes_max).unwrap_or(i64::MAX);
        vec![speakers.to_string(), each(info.bytes_current), each(most)]
    });
    let head = ["speakers", "bytes for each", "at most so far"];
    print_table("Memory of a recording after a minute", &head, &rows);
    println!(
        "\nThe recorder's heap over the number of speakers; pages are dropped as soon as they are asked to be written."
    );
}

fn minute(speakers: u64) -> Recorder {
    let mut recorder = Recorder::new(Timestamp::ZERO, "recordings", Scope::new(2));
    let (opus, mut nowhere) = ([0xFC; OPUS], Nowhere::default());
    for number in 0..CHUNK {
        let now = Timestamp::from_nanos(u64::from(number) * SPACING);
        for speaker in 0..speakers {
            let (user, ssrc) = (UserId(SPEAKER.0 + speaker), SPEAKER_SSRC + speaker as u32);
            let timestamp = number.wrapping_mul(SAMPLES);
            recorder.handle_audio(now, user, ssrc, number as u16, timestamp, &opus);
            drain(now, &mut recorder, &mut nowhere);
        }
    }
    recorder
}
