//! A track as it is recorded, in another format.

use std::fs::File;
use std::io;
use std::path::Path;

use sanscord::machine::Encoding;

use super::decode::StreamDecoder;
use super::encode::OpusWriter;
use super::encoder::Encoder;
use super::flac::FlacWriter;
use super::plain;
use super::wav::WavWriter;

/// An encoder into this file; for [`Encoding::Plain`] to Ogg Opus.
pub(super) fn encoder(file: File, encoding: &Encoding) -> io::Result<Box<dyn Encoder>> {
    Ok(match encoding {
        Encoding::Plain => Box::new(OpusWriter::new(file)?),
        Encoding::Wav => Box::new(WavWriter::new(file)?),
        Encoding::Flac => Box::new(FlacWriter::new(file)?),
        Encoding::Ffmpeg { .. } => return Err(io::Error::other("ffmpeg takes no samples")),
    })
}

/// Decodes an Ogg Opus stream, page by page, and writes it in another format.
pub(super) struct Transcoder {
    stream: StreamDecoder,
    encoder: Box<dyn Encoder>,
}

impl Transcoder {
    pub(super) fn create(path: &Path, encoding: &Encoding) -> io::Result<Self> {
        Ok(Self::new(encoder(plain::create(path)?, encoding)?))
    }

    pub(super) fn new(encoder: Box<dyn Encoder>) -> Self {
        Self { stream: StreamDecoder::new(), encoder }
    }

    /// Takes pages. The file can be played up to there, but for what the format keeps back.
    pub(super) fn append(&mut self, pages: &[u8]) -> io::Result<()> {
        self.stream.push(pages);
        while self.stream.next(&mut *self.encoder)? {}
        self.encoder.flush()
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.stream.finish(&mut *self.encoder)?;
        self.encoder.finish()
    }
}
