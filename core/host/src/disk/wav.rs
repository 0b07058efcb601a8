//! WAV: 48 kHz, stereo, 16 bits; RF64 once that needs more than 32 bits (EBU Tech 3306).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::decode::Sink;
use super::encoder::Encoder;
use sanscord::opus::RATE;

/// Bytes of a sample of both sides, and of the header: `RIFF`, `JUNK` or `ds64`, `fmt ` and `data`.
const FRAME: u64 = 4;
const HEADER: u64 = 80;
/// The most that a file may be to be a `RIFF`, in bytes.
const MAX_RIFF: u64 = u32::MAX as u64;

/// Writes a file that is whole after each [`Encoder::flush`].
#[derive(Debug)]
pub(super) struct WavWriter {
    file: File,
    /// Bytes of sound.
    length: u64,
    max_riff: u64,
    bytes: Vec<u8>,
}

impl WavWriter {
    pub(super) fn new(file: File) -> io::Result<Self> {
        Self::with_max_riff(file, MAX_RIFF)
    }

    /// The same with another bound for `RIFF`.
    pub(super) fn with_max_riff(file: File, max_riff: u64) -> io::Result<Self> {
        let mut writer = Self { file, length: 0, max_riff, bytes: Vec::new() };
        writer.flush()?;
        Ok(writer)
    }

    fn header(&self) -> Vec<u8> {
        let whole = HEADER - 8 + self.length;
        let is_long = whole > self.max_riff;
        let short = |length: u64| if is_long { u32::MAX } else { length as u32 }.to_le_bytes();
        let mut header = Vec::with_capacity(HEADER as usize);
        header.extend(if is_long { b"RF64" } else { b"RIFF" });
        header.extend(short(whole));
        header.extend(b"WAVE");
        header.extend(if is_long { b"ds64" } else { b"JUNK" });
        header.extend(28_u32.to_le_bytes());
        for long in [whole, self.length, self.length / FRAME] {
            header.extend(if is_long { long } else { 0 }.to_le_bytes());
        }
        header.extend([0; 4]);
        header.extend(b"fmt ");
        header.extend(16_u32.to_le_bytes());
        header.extend([1_u16, 2].map(u16::to_le_bytes).as_flattened());
        header.extend([RATE as u32, (RATE * FRAME) as u32].map(u32::to_le_bytes).as_flattened());
        header.extend([FRAME as u16, 16].map(u16::to_le_bytes).as_flattened());
        header.extend(b"data");
        header.extend(short(self.length));
        header
    }
}

impl Sink for WavWriter {
    fn write(&mut self, pcm: &[i16]) -> io::Result<()> {
        self.bytes.clear();
        self.bytes.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
        self.file.write_all(&self.bytes)?;
        self.length += self.bytes.len() as u64;
        Ok(())
    }

    /// Leaves a hole, which costs nothing where the file system knows holes.
    fn silence(&mut self, samples: u64) -> io::Result<()> {
        self.length += samples * FRAME;
        self.file.seek(SeekFrom::Start(HEADER + self.length))?;
        Ok(())
    }
}

impl Encoder for WavWriter {
    fn flush(&mut self) -> io::Result<()> {
        let end = HEADER + self.length;
        if self.file.metadata()?.len() < end {
            self.file.set_len(end)?;
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&self.header())?;
        self.file.seek(SeekFrom::Start(end))?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.flush()?;
        self.file.sync_all()
    }
}

/// Finds the sound of a file as [`WavWriter`] writes it, and how long it is in bytes. Other chunks are passed over.
pub(super) fn open(file: &mut (impl Read + Seek)) -> io::Result<u64> {
    let [riff, _, wave] = words(file)?;
    if !(matches!(&riff, b"RIFF" | b"RF64") && wave == *b"WAVE") {
        return Err(strange("it is no WAV file"));
    }
    let mut long = None;
    let mut has_format = false;
    loop {
        let [name, length] = words(file)?;
        let length = u64::from(u32::from_le_bytes(length));
        let mut left = length;
        match &name {
            b"ds64" => {
                let [_, _, low, high] = words(file)?;
                left = left.saturating_sub(16);
                long = Some(u64::from(u32::from_le_bytes(high)) << 32 | u64::from(u32::from_le_bytes(low)));
            }
            b"fmt " => {
                let [kind, rate, _, size] = words(file)?;
                left = left.saturating_sub(16);
                has_format =
                    (kind, u32::from_le_bytes(rate), size) == ([1, 0, 2, 0], RATE as u32, [4, 0, 16, 0]);
                if !has_format {
                    return Err(strange("it is not 48 kHz, stereo, 16 bits, as recordings are"));
                }
            }
            b"data" if has_format => {
                let is_long = length == u64::from(u32::MAX);
                return Ok(long.filter(|_| is_long).unwrap_or(length));
            }
            _ => {}
        }
        // Chunks are padded to even lengths.
        let left = i64::try_from(left.next_multiple_of(2)).unwrap_or(i64::MAX);
        file.seek(SeekFrom::Current(left))?;
    }
}

fn words<const N: usize>(file: &mut impl Read) -> io::Result<[[u8; 4]; N]> {
    let mut words = [[0; 4]; N];
    file.read_exact(words.as_flattened_mut()).map_err(|_| strange("it has no sound, or is cut off"))?;
    Ok(words)
}

fn strange(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
