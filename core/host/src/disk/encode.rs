//! Samples to Ogg Opus, for mixes.

use std::fs::File;
use std::io::{self, Write};

use opus::{Application, Bitrate, Channels};
use sanscord::opus::RATE;
use sanscord::record::ogg::PageWriter;

use super::decode::Sink;
use super::encoder::Encoder;

/// Samples of a packet for each side: 20 ms. And packets of a page: one second.
const FRAME: usize = 960;
const PAGE: usize = 50;
/// Bits per second: several voices at once, without an audible loss.
const BITRATE: i32 = 128_000;
/// The longest packet that libopus recommends to make room for.
const MAX_PACKET: usize = 4000;

/// Writes a file that can be played up to the last page.
#[derive(Debug)]
pub(super) struct OpusWriter {
    file: File,
    encoder: opus::Encoder,
    pages: PageWriter,
    pre_skip: u64,
    /// Less than a packet, both sides.
    pcm: Vec<i16>,
    /// Samples of a side.
    length: u64,
    packet: Vec<u8>,
}

impl OpusWriter {
    pub(super) fn new(mut file: File) -> io::Result<Self> {
        let made =
            opus::Encoder::new(RATE as u32, Channels::Stereo, Application::Audio).and_then(|mut encoder| {
                encoder.set_bitrate(Bitrate::Bits(BITRATE))?;
                let lookahead = encoder.get_lookahead()?;
                Ok((encoder, u16::try_from(lookahead).unwrap_or_default()))
            });
        let (encoder, pre_skip) = made.map_err(io::Error::other)?;
        let (pages, head) = PageWriter::new(SERIAL, pre_skip, &[]);
        file.write_all(&head)?;
        let (pcm, packet) = (Vec::with_capacity(2 * FRAME), vec![0; MAX_PACKET]);
        Ok(Self { file, encoder, pages, pre_skip: pre_skip.into(), pcm, length: 0, packet })
    }

    fn take(&mut self, samples: impl Iterator<Item = i16>) -> io::Result<()> {
        for sample in samples {
            self.pcm.push(sample);
            if self.pcm.len() == 2 * FRAME {
                self.encode()?;
            }
        }
        Ok(())
    }

    fn encode(&mut self) -> io::Result<()> {
        let length = self.encoder.encode(&self.pcm, &mut self.packet).map_err(io::Error::other)?;
        self.pcm.clear();
        if let Some(page) = self.pages.push(self.packet.get(..length).unwrap_or_default(), FRAME as u64) {
            self.file.write_all(&page)?;
        }
        if self.pages.waiting() >= PAGE
            && let Some(page) = self.pages.flush()
        {
            self.file.write_all(&page)?;
        }
        Ok(())
    }
}

impl Sink for OpusWriter {
    fn write(&mut self, pcm: &[i16]) -> io::Result<()> {
        self.length += pcm.len() as u64 / 2;
        self.take(pcm.iter().copied())
    }

    fn silence(&mut self, samples: u64) -> io::Result<()> {
        self.length += samples;
        self.take((0..2 * samples).map(|_| 0))
    }
}

impl Encoder for OpusWriter {
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        // The encoder gives each sample that much later. The last page needs a packet of its own.
        let end = self.length + self.pre_skip;
        while self.pages.samples() < end || self.pages.waiting() == 0 {
            self.pcm.resize(2 * FRAME, 0);
            self.encode()?;
        }
        let cut = self.pages.samples() - end;
        self.file.write_all(&self.pages.finish(cut))?;
        self.file.sync_all()
    }
}

/// A file has one stream only: any number will do.
const SERIAL: u32 = 1;
