//! Ogg Opus files as they are played.

use std::io::Cursor;
use std::time::Duration;

use arbitrary::Unstructured;
use sanscord::opus;
use sanscord_host::source::SourceError;
use sanscord_host::source::ogg::{Block, OggOpus};

/// The longest packet that is given, in bytes.
const LONGEST: usize = 4000;
/// In files up to this length, a seek passes every packet on its way; in longer ones a hostile one may mislead it.
const SHORT: usize = 64 * 1024;
/// What a decoder hears before it is exact (RFC 7845, section 4.6).
const PRE_ROLL: Duration = Duration::from_millis(80);

type File = OggOpus<Cursor<Vec<u8>>>;

/// What stands before a file: how it is read, and where it is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice {
    /// Its checksums are put right, so that changes reach what lies behind them.
    pub mend: bool,
    /// It is read for a decoder.
    pub decode: bool,
    /// Where to seek, in milliseconds.
    pub at: u16,
}

impl Choice {
    /// As the target reads it, followed by the file.
    #[must_use]
    pub fn before(self, file: &[u8]) -> Vec<u8> {
        let flags = u8::from(self.mend) | u8::from(self.decode) << 1;
        let [low, high] = self.at.to_le_bytes();
        [&[flags, low, high], file].concat()
    }
}

/// A packet, and where the reader stood.
struct Given {
    block: Block,
    before: Duration,
    /// What is heard of it.
    heard: Duration,
    after: Duration,
}

/// Any bytes are read to an end or refused; every packet is one of Opus, and none begins before the one before it has
/// ended; a seek leaves out only what is heard before, and what follows is as it was.
pub fn ogg(data: &[u8]) {
    let mut data = Unstructured::new(data);
    // At the end of the data, everything is zero.
    let flags: u8 = data.arbitrary().unwrap_or_default();
    let at = Duration::from_millis(u16::from_le_bytes(data.arbitrary().unwrap_or_default()).into());
    let mut file = data.take_rest().to_vec();
    if flags & 1 != 0 {
        mend(&mut file);
    }
    let length = file.len();
    let Ok(mut reader) = File::new(Cursor::new(file)) else { return };
    let is_decoded = flags & 2 != 0;
    let whole = read(&mut reader, is_decoded, length);
    let pre_roll = if is_decoded { PRE_ROLL } else { Duration::ZERO };
    let Ok(here) = reader.seek(at, pre_roll) else { return };
    assert_eq!(here, reader.position(), "it is not where it says");
    let rest = read(&mut reader, is_decoded, length);
    if length > SHORT {
        return;
    }
    let left_out = whole.len().checked_sub(rest.len()).expect("a seek makes no packets");
    let (passed, expected) = whole.split_at(left_out);
    for (given, again) in expected.iter().zip(&rest) {
        assert_eq!((&given.block.opus, given.block.start), (&again.block.opus, again.block.start));
    }
    for given in passed {
        // Times are rounded down to nanoseconds.
        assert!(given.before + given.heard <= at + Duration::from_nanos(2), "what is heard then is left out");
    }
    // Earlier than at the beginning is within the pre-skip.
    if let (Some(first), Some(begin)) = (rest.first(), at.checked_sub(pre_roll)) {
        assert!(first.after > begin, "it begins too early");
    }
}

/// Reads to the end, or to what cannot be read.
fn read(reader: &mut File, is_decoded: bool, length: usize) -> Vec<Given> {
    let next = |reader: &mut File| -> Result<Option<Block>, SourceError> {
        if is_decoded { reader.read_to_decode() } else { reader.read() }
    };
    let mut all: Vec<Given> = Vec::new();
    loop {
        let before = reader.position();
        let block = match next(reader) {
            Ok(Some(block)) => block,
            Ok(None) => {
                assert_eq!(next(reader), Ok(None), "the end is no end");
                return all;
            }
            Err(_) => return all,
        };
        let after = reader.position();
        assert_eq!(opus::duration(&block.opus), Some(block.samples), "it is no Opus packet");
        assert!(block.opus.len() <= LONGEST && (1..=block.samples).contains(&block.played), "{block:?}");
        assert!(before <= after, "from {before:?} back to {after:?}");
        if let Some(last) = all.last().filter(|_| !block.chained) {
            assert!(block.start >= last.block.start + last.block.samples, "two packets at once");
        }
        let pre_skip = u64::from(reader.head().pre_skip);
        let heard = (block.start + block.played).saturating_sub(block.start.max(pre_skip));
        let heard = Duration::from_nanos(heard * 1_000_000_000 / opus::RATE);
        assert!(
            after + Duration::from_nanos(2) >= before + heard,
            "{after:?} after {before:?} and {heard:?}"
        );
        all.push(Given { block, before, heard, after });
        assert!(all.len() <= length, "more packets than bytes");
    }
}

/// Puts right the checksum of each whole page (RFC 3533, section 6).
fn mend(file: &mut [u8]) {
    let mut begin = 0;
    while let Some(at) = file[begin..].windows(4).position(|part| part == b"OggS") {
        begin += at;
        let Some(count) = file.get(begin + 26).map(|&count| usize::from(count)) else { return };
        let Some(segments) = file.get(begin + 27..begin + 27 + count) else { return };
        let length = 27 + count + segments.iter().map(|&length| usize::from(length)).sum::<usize>();
        let Some(page) = file.get_mut(begin..begin + length) else {
            begin += 4;
            continue;
        };
        page[22..26].fill(0);
        let checksum = crc(page);
        page[22..26].copy_from_slice(&checksum.to_le_bytes());
        begin += length;
    }
}

fn crc(data: &[u8]) -> u32 {
    data.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
            (crc << 1) ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 }
        })
    })
}
