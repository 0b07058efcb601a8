//! Allocations for each packet, bytes of idle machines, sizes of what moves between machine and driver.

use std::mem::size_of;

use allocation_counter::{AllocationInfo, measure};
use sanscord::client::{self, Client};
use sanscord::gateway::{self, Shard};
use sanscord::machine::{Audio, Input, Machine, Output, Scope};
use sanscord::record::{self, Recorder};
use sanscord::rtp::aead::{Backend, Mode};
use sanscord::time::Timestamp;
use sanscord::voice::{self, Call};
use sanscord_bench::measure::print_table;
use sanscord_bench::packets::{SPACING, Spurt, write_opus};
use sanscord_bench::stage::{self, Staged};

const MODE: Mode = Mode::AeadAes256GcmRtpsize;
const OPUS: usize = 160;
/// Packets before the count starts, so that all buffers have their size, and packets that are counted.
const WARM: u16 = 1000;
const COUNTED: u16 = 1000;

fn main() {
    allocations();
    idle();
    sizes();
}

fn allocations() {
    let spurt = Spurt::new(MODE, OPUS, WARM + COUNTED);
    let staged = stage::call(Backend::default(), MODE);
    let (socket, now, mut call) = (staged.udp(), staged.now, staged.machine);
    let alone = steady(&spurt, now, |now, data| {
        assert!(call.handle_datagram(now, socket, data).is_some());
        drain(&mut call);
    });
    let mut staged = stage::encrypted_call(Backend::default(), MODE);
    let encrypted = encrypted(&mut staged);
    let (socket, now, mut call) = (staged.udp(), staged.now, staged.machine);
    let dave = steady(&encrypted, now, |now, data| {
        assert!(call.handle_datagram(now, socket, data).is_some());
        drain(&mut call);
    });
    let staged = stage::call(Backend::default(), MODE);
    let (socket, now, mut call) = (staged.udp(), staged.now, staged.machine);
    let mut recorder = Recorder::new(now, "recordings", Scope::new(2));
    let recorded = steady(&spurt, now, |now, data| {
        if let Some(audio) = call.handle_datagram(now, socket, data) {
            let opus = &data[audio.opus];
            recorder.handle_audio(now, audio.user, audio.ssrc, audio.sequence, audio.timestamp, opus);
        }
        drain(&mut call);
        drain(&mut recorder);
    });
    let staged = stage::client(Backend::default(), MODE, 1, true);
    let (socket, now, mut client) = (staged.udp(), staged.now, staged.machine);
    let whole = steady(&spurt, now, |now, data| {
        assert!(client.handle_datagram(now, socket, data).is_some());
        drain(&mut client);
    });
    let rows = [
        ("Call", alone),
        ("Call with DAVE", dave),
        ("Call + Recorder", recorded),
        ("Client, recording", whole),
    ]
    .map(|(name, info)| {
        vec![
            name.to_owned(),
            info.count_total.to_string(),
            format!("{:.1}", info.count_total as f64 / (f64::from(COUNTED) / PAGE)),
            info.bytes_total.to_string(),
        ]
    });
    let head = ["level", "allocations", "for each Ogg page of 50 packets", "bytes"];
    print_table(&format!("Allocations for {COUNTED} packets in order, steady state"), &head, &rows);
}

/// The same packets, sealed with the speaker's key of the group.
fn encrypted(staged: &mut Staged<Call>) -> Spurt {
    let speaker = staged.peer.group().session(stage::SPEAKER);
    let mut opus = Vec::new();
    Spurt::of(MODE, WARM + COUNTED, |sequence, out| {
        opus.clear();
        write_opus(sequence, OPUS, &mut opus);
        speaker.seal(&opus, out).expect("a key");
    })
}

/// Packets of an Ogg page.
const PAGE: f64 = 50.0;

/// What the packets after the first ones allocate.
fn steady(spurt: &Spurt, start: Timestamp, mut step: impl FnMut(Timestamp, &mut [u8])) -> AllocationInfo {
    let mut buffer = [0; 2048];
    let mut now = start.as_nanos();
    let mut datagrams = spurt.datagrams();
    let mut feed = |packets: u16| {
        for datagram in datagrams.by_ref().take(packets.into()) {
            let data = &mut buffer[..datagram.len()];
            data.copy_from_slice(datagram);
            step(Timestamp::from_nanos(now), data);
            now += SPACING;
        }
    };
    feed(WARM);
    measure(|| feed(COUNTED))
}

fn drain<M: Machine>(machine: &mut M) {
    while !matches!(machine.poll_output(), Output::Wait(_)) {}
}

fn idle() {
    let spurt = Spurt::new(MODE, OPUS, WARM);
    let rows = [
        idle_row("Shard in session", size_of::<Shard>(), || stage::shard().machine),
        idle_row("Call, live", size_of::<Call>(), || stage::call(Backend::default(), MODE).machine),
        idle_row("Call with DAVE, live, group of three", size_of::<Call>(), || {
            stage::encrypted_call(Backend::default(), MODE).machine
        }),
        idle_row("Recorder with one track", size_of::<Recorder>(), || {
            let mut recorder = Recorder::new(Timestamp::ZERO, "recordings", Scope::new(2));
            for (sequence, _) in (0..).zip(spurt.datagrams()) {
                let now = Timestamp::from_nanos(u64::from(sequence) * SPACING);
                let timestamp = u32::from(sequence) * sanscord_bench::packets::SAMPLES;
                recorder.handle_audio(
                    now,
                    stage::SPEAKER,
                    stage::SPEAKER_SSRC,
                    sequence,
                    timestamp,
                    &[0xFC; OPUS],
                );
                drain(&mut recorder);
            }
            recorder
        }),
        idle_row("Client in one call", size_of::<Client>(), || {
            stage::client(Backend::default(), MODE, 1, false).machine
        }),
    ];
    let head = ["machine", "itself", "on the heap", "together", "heap, at most so far"];
    print_table("An idle machine, bytes", &head, &rows);
}

fn idle_row<M>(name: &str, itself: usize, make: impl FnOnce() -> M) -> Vec<String> {
    let mut machine = None;
    let info = measure(|| machine = Some(make()));
    drop(machine);
    let heap = info.bytes_current;
    let together = heap + i64::try_from(itself).unwrap_or(i64::MAX);
    vec![
        name.to_owned(),
        itself.to_string(),
        heap.to_string(),
        together.to_string(),
        info.bytes_max.to_string(),
    ]
}

fn sizes() {
    let rows = [
        ("Input", size_of::<Input>()),
        ("Audio", size_of::<Audio>()),
        ("Output<()>", size_of::<Output<()>>()),
        ("Output<gateway::Event>", size_of::<Output<gateway::Event>>()),
        ("Output<voice::Event>", size_of::<Output<voice::Event>>()),
        ("Output<record::Event>", size_of::<Output<record::Event>>()),
        ("Output<client::Event>", size_of::<Output<client::Event>>()),
    ]
    .map(|(name, size)| vec![format!("`{name}`"), size.to_string()]);
    print_table("What moves between machine and driver, bytes", &["type", "size"], &rows);
}
