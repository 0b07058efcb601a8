//! Files to be mixed, as samples.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flac_codec::decode::FlacSampleReader;
use sanscord::opus::RATE;
use sanscord::record::Format;

use super::decode::{Sink, StreamDecoder};
use super::wav;

/// A file that is read from its beginning to its end: 48 kHz, stereo, 16 bits.
pub(super) enum Source {
    Opus { file: File, stream: Box<StreamDecoder>, is_over: bool },
    Wav { file: BufReader<File>, left: u64 },
    Flac { reader: Box<FlacSampleReader<BufReader<File>>>, samples: Vec<i32> },
}

/// Samples that were read and not yet taken: at most a packet of 120 ms and what was asked for.
#[derive(Debug, Default)]
pub(super) struct Samples(pub(super) Vec<i16>);

impl Sink for Samples {
    fn write(&mut self, pcm: &[i16]) -> io::Result<()> {
        self.0.extend_from_slice(pcm);
        Ok(())
    }

    fn silence(&mut self, samples: u64) -> io::Result<()> {
        self.0.resize(self.0.len() + 2 * samples as usize, 0);
        Ok(())
    }
}

impl Source {
    /// Whether files of this name can be read without ffmpeg.
    pub(super) fn reads(path: &Path) -> bool {
        let format = path.to_str().map(Format::of_path);
        matches!(format, Some(Ok(Format::Opus | Format::Wav | Format::Flac)))
    }

    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        match path.to_str().map(Format::of_path) {
            Some(Ok(Format::Wav)) => {
                let mut file = BufReader::new(file);
                let left = wav::open(&mut file)?;
                Ok(Self::Wav { file, left })
            }
            Some(Ok(Format::Flac)) => {
                let reader = FlacSampleReader::new(BufReader::new(file)).map_err(unreadable)?;
                use flac_codec::metadata::Metadata;
                let kind = (reader.sample_rate(), reader.channel_count(), reader.bits_per_sample());
                if kind != (RATE as u32, 2, 16) {
                    return Err(io::Error::other("it is not 48 kHz, stereo, 16 bits, as recordings are"));
                }
                Ok(Self::Flac { reader: Box::new(reader), samples: vec![0; BLOCK] })
            }
            _ => Ok(Self::Opus { file, stream: Box::new(StreamDecoder::new()), is_over: false }),
        }
    }

    /// Reads until there are at least so many samples, both sides counted, or the file is over. What a crash has cut
    /// off is as the end.
    pub(super) fn fill(&mut self, samples: &mut Samples, wanted: usize) -> io::Result<()> {
        while samples.0.len() < wanted {
            let is_over = match self {
                Self::Opus { file, stream, is_over } => {
                    if stream.next(samples)? {
                        continue;
                    }
                    let mut piece = [0; PIECE];
                    let length = if *is_over { 0 } else { file.read(&mut piece)? };
                    stream.push(piece.get(..length).unwrap_or_default());
                    if length == 0 && !*is_over {
                        *is_over = true;
                        stream.finish(samples)?;
                    }
                    *is_over
                }
                Self::Wav { file, left } => {
                    let mut piece = [0; PIECE];
                    let want = PIECE.min(usize::try_from(*left).unwrap_or(PIECE));
                    let mut length = 0;
                    while let Some(room) = piece.get_mut(length..want).filter(|room| !room.is_empty()) {
                        match file.read(room)? {
                            0 => break,
                            read => length += read,
                        }
                    }
                    *left = if length < want { 0 } else { *left - length as u64 };
                    let (frames, _) = piece.get(..length).unwrap_or_default().as_chunks::<4>();
                    let sides = frames.iter().flat_map(|[a, b, c, d]| [[*a, *b], [*c, *d]]);
                    samples.0.extend(sides.map(i16::from_le_bytes));
                    length == 0
                }
                Self::Flac { reader, samples: block } => {
                    let length = reader.read(block).map_err(unreadable)?;
                    samples.0.extend(block.iter().take(length).map(|&sample| sample as i16));
                    length == 0
                }
            };
            if is_over {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn unreadable(error: flac_codec::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the FLAC decoder failed: {error:?}"))
}

/// Bytes that are read at once, and samples.
const PIECE: usize = 8192;
const BLOCK: usize = 8192;
