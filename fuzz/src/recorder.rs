//! A recorder, whatever packets it gets, and the files that come of it.

use std::io::Cursor;
use std::sync::Arc;

use arbitrary::Unstructured;
use ogg::PacketReader;
use ogg::reading::PageParsingOptions;
use sanscord::id::UserId;
use sanscord::machine::Scope;
use sanscord::record::opus::duration;
use sanscord::record::{Event, Recorder, Recording};
use sanscord::time::{Duration, Timestamp};
use sanscord::voice::Packet;

use crate::drive::Drive;
use crate::message::Rtp;
use crate::step::{Step, steps};

/// Steps, of which packets, passing time, files' reports and the stop concern a recorder. Of a packet's flags,
/// the lower two bits are the user, and the rest its age in units of 40 ms.
pub fn recorder(data: &[u8]) {
    let mut drive = Drive::new(Recorder::new(Timestamp::ZERO, "calls", Scope::new(0)), true);
    let mut finished = None;
    for step in steps(Unstructured::new(data)) {
        match step {
            Step::Rtp(_, rtp) => drive.act(|recorder, now| take(recorder, now, &rtp)),
            Step::Command(..) => drive.act(Recorder::stop),
            step => drive.step(&step),
        }
        note(&drive, &mut finished);
    }
    drive.act(Recorder::stop);
    note(&drive, &mut finished);
    // One file a user, and four users: all are closed.
    for _ in 0..4 {
        drive.step(&Step::FileClosed(0));
        note(&drive, &mut finished);
    }
    let Some(recording) = finished else { panic!("a stopped recorder did not finish") };
    check(&drive, &recording);
}

fn take(recorder: &mut Recorder, now: Timestamp, rtp: &Rtp) {
    let user = UserId(u64::from(rtp.flags & 3) + 1);
    let (ssrc, sequence, timestamp) = (u32::from(rtp.ssrc), rtp.sequence, rtp.timestamp);
    match rtp.flags >> 2 {
        0 => recorder.handle_audio(now, user, ssrc, sequence, timestamp, &rtp.payload),
        age => {
            let age = Duration::from_millis(u64::from(age) * 40);
            let opus = rtp.payload.clone().into();
            recorder.handle_packet(now, &Packet { user, ssrc, sequence, timestamp, age, opus });
        }
    }
}

fn note(drive: &Drive<Recorder>, finished: &mut Option<Recording>) {
    for event in &drive.events {
        if let Event::Finished { recording } = event {
            assert!(finished.replace(recording.clone()).is_none(), "finished twice");
        }
    }
}

fn check(drive: &Drive<Recorder>, recording: &Recording) {
    let files = drive.book.written.iter().flatten().map(|(_, file)| file);
    // Files are named in the order in which users were heard, tracks listed by user: match by user comment.
    let mut lengths = Vec::new();
    let mut count = 0;
    for file in files {
        count += 1;
        let read = read(file);
        let track = recording.tracks.iter().find(|track| track.user == read.user);
        let Some(track) = track else { panic!("a file of {:?} and no track", read.user) };
        assert!(read.packets >= track.counters.packets, "{} of {:?}", read.packets, track.counters);
        assert_eq!(read.complete, track.failed.is_none());
        if read.complete {
            assert!(
                read.played >= recording.length.as_nanos() * 48 / 1_000_000,
                "shorter than the recording"
            );
            lengths.push(read.played);
        }
    }
    assert_eq!(count, recording.tracks.len());
    assert!(lengths.windows(2).all(|pair| pair[0] == pair[1]), "unequal lengths: {lengths:?}");
}

/// What a file holds.
struct Read {
    user: UserId,
    packets: u64,
    /// Whether it has a last page.
    complete: bool,
    /// Samples that a player plays.
    played: u128,
}

fn read(file: &[u8]) -> Read {
    let mut options = PageParsingOptions::default();
    options.verify_checksum = true;
    let mut reader = PacketReader::new_with_page_parse_opts(Cursor::new(file), Arc::new(options));
    let mut next = || match reader.read_packet() {
        Ok(packet) => packet,
        Err(error) => panic!("{error}"),
    };
    let (Some(head), Some(tags)) = (next(), next()) else { panic!("a file without a head") };
    assert!(head.first_in_stream() && head.data.len() == 19 && head.data.starts_with(b"OpusHead\x01\x02"));
    let pre_skip = u64::from(u16::from_le_bytes([head.data[10], head.data[11]]));
    assert!(tags.data.starts_with(b"OpusTags"));
    let text = String::from_utf8_lossy(&tags.data);
    let user = text.rsplit_once('=').and_then(|(_, user)| user.parse().ok());
    let Some(user) = user else { panic!("no user in {text:?}") };

    let (mut packets, mut samples, mut granule, mut complete) = (0, 0, 0, false);
    while let Some(packet) = next() {
        assert!(!complete, "a packet behind the last");
        packets += 1;
        let Some(lasts) = duration(&packet.data) else { panic!("no Opus: {:02x?}", packet.data) };
        samples += lasts;
        complete = packet.last_in_stream();
        if packet.last_in_page() {
            assert!(packet.absgp_page() >= granule, "the granule position falls");
            granule = packet.absgp_page();
            // RFC 7845, section 4.4: only the last page may end within a packet.
            assert!(if complete { granule <= samples } else { granule == samples });
        }
    }
    Read { user, packets, complete, played: granule.saturating_sub(pre_skip).into() }
}
