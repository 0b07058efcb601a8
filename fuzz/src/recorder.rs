//! A recorder, whatever packets it gets, and the files that come of it.

use std::io::Cursor;
use std::sync::Arc;

use arbitrary::Unstructured;
use ogg::PacketReader;
use ogg::reading::PageParsingOptions;
use sanscord::id::UserId;
use sanscord::machine::Scope;
use sanscord::opus::duration;
use sanscord::record::{Event, Recorder, Recording};
use sanscord::rtp::extension::Extensions;
use sanscord::time::{Duration, Timestamp};
use sanscord::voice::Packet;

use crate::drive::Drive;
use crate::message::Rtp;
use crate::step::{Step, steps};

/// Time stands still from here on: hours of silence tell nothing new.
const LONGEST: Timestamp = Timestamp::from_millis(300_000);

/// Steps, of which packets, passing time, files' reports and the stop concern a recorder. Of a packet's flags,
/// the lower two bits are the user, and the rest its age in units of 40 ms.
pub fn recorder(data: &[u8]) {
    let mut drive = Drive::new(Recorder::new(Timestamp::ZERO, "calls", Scope::new(0)), true);
    let mut finished = None;
    for step in steps(Unstructured::new(data)) {
        match step {
            Step::Rtp(_, rtp) => drive.act(|recorder, now| take(recorder, now, &rtp)),
            Step::Command(..) => drive.act(Recorder::stop),
            Step::Sleep(_) | Step::Timeout if drive.now() > LONGEST => drive.step(&Step::Sleep(0)),
            step => drive.step(&step),
        }
        note(&drive, &mut finished);
    }
    drive.act(Recorder::stop);
    note(&drive, &mut finished);
    // One file a user, and four users, and then the index: all are closed.
    for _ in 0..5 {
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
            let (marker, extensions) = (false, Extensions::default());
            let packet = Packet { user, ssrc, sequence, timestamp, marker, extensions, age, opus };
            recorder.handle_packet(now, &packet);
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
    let (indices, files): (Vec<_>, Vec<_>) = files.partition(|file| file.starts_with(b"{"));
    for index in indices {
        let index: serde_json::Value = match serde_json::from_slice(index) {
            Ok(index) => index,
            Err(error) => panic!("the index is no JSON: {error}"),
        };
        let count = index["speakers"].as_array().map_or(0, Vec::len);
        // It may have failed before the end.
        assert!(count == recording.tracks.len() || recording.index.is_none());
    }
    let mut lengths = Vec::new();
    let mut count = 0;
    for file in files {
        count += 1;
        let read = read(file);
        let track = recording.tracks.iter().find(|track| track.user == read.user);
        let Some(track) = track else { panic!("a file of {:?} and no track", read.user) };
        // A file may fail behind its last page, while it is being closed.
        assert!(read.complete || track.failed.is_some());
        if read.complete {
            assert!(read.packets >= track.counters.packets, "{} of {:?}", read.packets, track.counters);
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
        Ok(Some(packet)) => packet.data,
        Ok(None) => panic!("a page has more packets than the file"),
        Err(error) => panic!("{error}"),
    };
    let pages = pages(file);
    let [first, second, audio @ ..] = &pages[..] else { panic!("a file without a head") };
    assert_eq!((first.flags, first.packets, first.granule), (2, 1, 0));
    assert_eq!((second.flags, second.packets, second.granule), (0, 1, 0));
    let head = next();
    assert!(head.len() == 19 && head.starts_with(b"OpusHead\x01\x02"));
    let pre_skip = u64::from(u16::from_le_bytes([head[10], head[11]]));
    let tags = next();
    assert!(tags.starts_with(b"OpusTags"));
    let text = String::from_utf8_lossy(&tags);
    let Some(user) = text.rsplit_once('=').and_then(|(_, user)| user.parse().ok()) else {
        panic!("no user in {text:?}")
    };

    let (mut packets, mut samples, mut granule, mut complete) = (0, 0, 0, false);
    for page in audio {
        assert!(!complete, "a page behind the last");
        for _ in 0..page.packets {
            let packet = next();
            let Some(lasts) = duration(&packet) else { panic!("no Opus: {packet:02x?}") };
            samples += lasts;
        }
        packets += page.packets;
        assert!(page.granule >= granule, "the granule position falls");
        granule = page.granule;
        // RFC 7845, section 4.4: only the last page may end within a packet.
        complete = page.flags == 4;
        assert!(if complete { granule <= samples } else { page.flags == 0 && granule == samples });
    }
    Read { user, packets, complete, played: granule.saturating_sub(pre_skip).into() }
}

/// A page's head (RFC 3533, section 6), as far as it must be as the recorder means it.
struct Page {
    flags: u8,
    granule: u64,
    packets: u64,
}

/// Cuts a file into pages: whole ones of one stream, numbered from zero, each of whole packets.
fn pages(mut file: &[u8]) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut serial = None;
    while let Some((head, rest)) = file.split_first_chunk::<27>() {
        let [b'O', b'g', b'g', b'S', 0, flags, fields @ ..] = *head else { panic!("no page: {head:02x?}") };
        let [g0, g1, g2, g3, g4, g5, g6, g7, s0, s1, s2, s3, n0, n1, n2, n3, _, _, _, _, segments] = fields;
        let stream = u32::from_le_bytes([s0, s1, s2, s3]);
        assert_eq!(*serial.get_or_insert(stream), stream);
        assert_eq!(u32::from_le_bytes([n0, n1, n2, n3]) as usize, pages.len());
        let (lacing, rest) = rest.split_at(usize::from(segments));
        assert_ne!(lacing.last(), Some(&255), "a packet goes on behind its page");
        let length: usize = lacing.iter().map(|&length| usize::from(length)).sum();
        let packets = lacing.iter().filter(|&&length| length < 255).count() as u64;
        let granule = u64::from_le_bytes([g0, g1, g2, g3, g4, g5, g6, g7]);
        pages.push(Page { flags, granule, packets });
        file = &rest[length..];
    }
    assert!(file.is_empty(), "half a page at the end");
    pages
}
