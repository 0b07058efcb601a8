//! FLAC (RFC 9639): 48 kHz, stereo, 16 bits.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use flac_codec::Error;
use flac_codec::encode::{FlacStreamWriter, Options};
use sanscord::opus::RATE;

use super::decode::Sink;
use super::encoder::Encoder;

/// Samples of a block, for each side: 85 ms.
const BLOCK: usize = 4096;

/// Writes a file that lacks its length and its checksum until [`Encoder::finish`], as a stream does, and can be played
/// up to the last whole block.
pub(super) struct FlacWriter {
    file: File,
    frames: FlacStreamWriter<Shared>,
    encoded: Shared,
    /// Less than a block, both sides.
    pcm: Vec<i32>,
    /// Samples of a side.
    length: u64,
    digest: md5::Context,
    /// Bytes of the shortest and of the longest frame.
    shortest: usize,
    longest: usize,
}

/// Where the encoder puts its bytes, one by one.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FlacWriter {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let encoded = Shared::default();
        let mut writer = Self {
            file,
            frames: FlacStreamWriter::new(encoded.clone(), Options::default()),
            encoded,
            pcm: Vec::with_capacity(2 * BLOCK),
            length: 0,
            digest: md5::Context::new(),
            shortest: 0,
            longest: 0,
        };
        writer.write_head(0, [0; 16])?;
        Ok(writer)
    }

    /// The marker, and the block of metadata that there must be (RFC 9639, sections 6 and 8.2). No samples: unknown.
    fn write_head(&mut self, samples: u64, digest: [u8; 16]) -> io::Result<()> {
        let mut head = Vec::from(*b"fLaC");
        // The last block of metadata, of the type 0, with 34 bytes.
        head.extend([0x80, 0, 0, 34]);
        head.extend([BLOCK as u16; 2].map(u16::to_be_bytes).as_flattened());
        for length in [self.shortest, self.longest] {
            head.extend(u32::try_from(length).unwrap_or_default().to_be_bytes().iter().skip(1));
        }
        // 20 bits of the rate, 3 of the channels less one, 5 of the bits less one, 36 of the samples.
        let samples = if samples < 1 << 36 { samples } else { 0 };
        head.extend((RATE << 44 | 1 << 41 | 15 << 36 | samples).to_be_bytes());
        head.extend(digest);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&head)
    }

    fn take(&mut self, samples: impl Iterator<Item = i16>) -> io::Result<()> {
        for sample in samples {
            self.pcm.push(sample.into());
            if self.pcm.len() == 2 * BLOCK {
                self.encode()?;
            }
        }
        Ok(())
    }

    fn encode(&mut self) -> io::Result<()> {
        let before = self.buffered();
        self.frames.write(RATE as u32, 2, 16, &self.pcm).map_err(refused)?;
        let frame = self.buffered() - before;
        self.shortest = if self.shortest == 0 { frame } else { self.shortest.min(frame) };
        self.longest = self.longest.max(frame);
        self.length += self.pcm.len() as u64 / 2;
        let bytes: Vec<u8> = self.pcm.iter().flat_map(|&sample| (sample as i16).to_le_bytes()).collect();
        self.digest.consume(&bytes);
        self.pcm.clear();
        if self.buffered() > BUFFER { self.flush() } else { Ok(()) }
    }

    fn buffered(&self) -> usize {
        self.encoded.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Sink for FlacWriter {
    fn write(&mut self, pcm: &[i16]) -> io::Result<()> {
        self.take(pcm.iter().copied())
    }

    fn silence(&mut self, samples: u64) -> io::Result<()> {
        self.take((0..2 * samples).map(|_| 0))
    }
}

impl Encoder for FlacWriter {
    fn flush(&mut self) -> io::Result<()> {
        let mut encoded = self.encoded.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.write_all(&encoded)?;
        encoded.clear();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if !self.pcm.is_empty() {
            self.encode()?;
        }
        self.flush()?;
        let digest = self.digest.clone().finalize().0;
        self.write_head(self.length, digest)?;
        self.file.sync_all()
    }
}

fn refused(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(format!("the FLAC encoder failed: {error:?}")),
    }
}

/// Encoded bytes that wait at most, but for a frame.
const BUFFER: usize = 64 * 1024;
