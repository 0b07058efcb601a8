//! Ogg Opus (RFC 7845) to samples: 48 kHz, stereo, 16 bits.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};

use ogg::reading::{BasePacketReader, OggReadError, PageParser};
use opus::{Channels, Decoder};
use sanscord::opus::{LONGEST, RATE, SILENCE, duration};

/// Takes samples: left and right in turn.
pub(super) trait Sink {
    /// Takes these.
    fn write(&mut self, pcm: &[i16]) -> io::Result<()>;

    /// Takes so many samples of silence for each side.
    fn silence(&mut self, samples: u64) -> io::Result<()>;
}

/// Decodes one stream, whatever pieces it comes in.
#[derive(Debug)]
pub(super) struct StreamDecoder {
    pages: Pages,
    audio: Option<Audio>,
    has_tags: bool,
}

#[derive(Debug)]
struct Audio {
    decoder: Decoder,
    /// Samples before this one are not played (RFC 7845, section 4.2).
    pre_skip: u64,
    /// Samples so far, pre-skip included.
    decoded: u64,
    /// How much of that was silence, at the end.
    quiet: u64,
    /// A lost frame that the next packet may bring: its samples, and where its page ends.
    lost: Option<(u64, u64)>,
    frame: Vec<i16>,
}

impl StreamDecoder {
    pub(super) fn new() -> Self {
        Self { pages: Pages::new(), audio: None, has_tags: false }
    }

    /// Takes a piece of the stream, to be decoded by [`StreamDecoder::next`].
    pub(super) fn push(&mut self, data: &[u8]) {
        self.pages.buffer.extend(data);
    }

    /// Decodes the next packet. Answers whether there was one.
    pub(super) fn next(&mut self, sink: &mut (impl Sink + ?Sized)) -> io::Result<bool> {
        let Some(packet) = self.pages.next()? else { return Ok(false) };
        match &mut self.audio {
            None => self.audio = Some(Audio::new(&packet.data)?),
            Some(_) if !self.has_tags => {
                if !packet.data.starts_with(b"OpusTags") {
                    return Err(damaged("it has no comments (OpusTags)"));
                }
                self.has_tags = true;
            }
            Some(audio) => audio.packet(&packet.data, packet.absgp_page(), sink)?,
        }
        Ok(true)
    }

    /// The stream is over.
    pub(super) fn finish(&mut self, sink: &mut (impl Sink + ?Sized)) -> io::Result<()> {
        self.audio.as_mut().ok_or_else(|| damaged("it has no beginning"))?.conceal(sink)
    }
}

impl Audio {
    /// Reads the head (RFC 7845, section 5.1).
    fn new(head: &[u8]) -> io::Result<Self> {
        let Some(
            &[
                b'O',
                b'p',
                b'u',
                b's',
                b'H',
                b'e',
                b'a',
                b'd',
                version,
                channels,
                p0,
                p1,
                _,
                _,
                _,
                _,
                g0,
                g1,
                family,
            ],
        ) = head.first_chunk::<19>()
        else {
            return Err(damaged("it is no Ogg Opus"));
        };
        // The upper four bits are for what a decoder cannot pass over.
        if version >> 4 != 0 || family != 0 || !(1..=2).contains(&channels) {
            return Err(damaged("it is of a kind of Ogg Opus that is not known here"));
        }
        let decoder = Decoder::new(RATE as u32, Channels::Stereo).and_then(|mut decoder| {
            decoder.set_gain(i16::from_le_bytes([g0, g1]).into())?;
            Ok(decoder)
        });
        Ok(Self {
            decoder: decoder.map_err(|error| damaged(&error.to_string()))?,
            pre_skip: u16::from_le_bytes([p0, p1]).into(),
            decoded: 0,
            quiet: 0,
            lost: None,
            frame: vec![0; 2 * LONGEST as usize],
        })
    }

    fn packet(&mut self, packet: &[u8], page_end: u64, sink: &mut (impl Sink + ?Sized)) -> io::Result<()> {
        // What is no Opus has no length.
        let Some(samples) = duration(packet) else { return Ok(()) };
        if packet.len() == 1 {
            // A frame that was lost, or not sent because it is silent: the next may bring it, if it is none itself.
            self.conceal(sink)?;
            self.lost = Some((samples, page_end));
            self.quiet = 0;
            return Ok(());
        }
        if is_silence(packet) {
            self.conceal(sink)?;
            self.quiet += samples;
            if self.quiet > SETTLED {
                return self.play(samples, page_end, false, sink);
            }
        } else {
            self.quiet = 0;
        }
        if let Some((lost, lost_end)) = self.lost.take() {
            // Without forward error correction in the packet, the decoder conceals.
            self.decode(packet, lost, true);
            self.play(lost, lost_end, true, sink)?;
        }
        self.decode(packet, samples, false);
        self.play(samples, page_end, true, sink)
    }

    /// Plays what the decoder makes of the lost frame, if there is one.
    fn conceal(&mut self, sink: &mut (impl Sink + ?Sized)) -> io::Result<()> {
        let Some((samples, page_end)) = self.lost.take() else { return Ok(()) };
        self.decode(&[], samples, false);
        self.play(samples, page_end, true, sink)
    }

    /// Decodes so many samples to the frame. What cannot be decoded is concealed.
    fn decode(&mut self, packet: &[u8], samples: u64, fec: bool) {
        let length = 2 * samples as usize;
        self.frame.resize(length, 0);
        let decoded = self.decoder.decode(packet, &mut self.frame, fec);
        if decoded.is_ok_and(|decoded| decoded as u64 == samples) {
            return;
        }
        tracing::debug!(bytes = packet.len(), "an Opus packet cannot be decoded and is concealed");
        if self.decoder.decode(&[], &mut self.frame, false).is_err() {
            self.frame.fill(0);
        }
    }

    /// Plays samples, those in the frame or silence: not the pre-skip, and nothing behind the page's end, which
    /// cuts the last page (RFC 7845, section 4.4).
    fn play(
        &mut self,
        samples: u64,
        page_end: u64,
        is_sound: bool,
        sink: &mut (impl Sink + ?Sized),
    ) -> io::Result<()> {
        let begin = self.pre_skip.max(self.decoded) - self.decoded;
        let end = page_end.saturating_sub(self.decoded).min(samples);
        self.decoded += samples;
        if begin >= end {
            return Ok(());
        }
        if is_sound {
            let range = 2 * begin as usize..2 * end as usize;
            sink.write(self.frame.get(range).unwrap_or_default())
        } else {
            sink.silence(end - begin)
        }
    }
}

/// Digital silence as it fills gaps.
fn is_silence(packet: &[u8]) -> bool {
    SILENCE.iter().any(|(silence, _)| *silence == packet)
}

/// Cuts a stream into pages and packets.
struct Pages {
    /// Less than a page that is not whole, and what was pushed since: 65,307 bytes and that.
    buffer: VecDeque<u8>,
    packets: BasePacketReader,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pages({} bytes)", self.buffer.len())
    }
}

impl Pages {
    fn new() -> Self {
        Self { buffer: VecDeque::new(), packets: BasePacketReader::new() }
    }

    fn next(&mut self) -> io::Result<Option<ogg::Packet>> {
        loop {
            if let Some(packet) = self.packets.read_packet() {
                return Ok(Some(packet));
            }
            if !self.page()? {
                return Ok(None);
            }
        }
    }

    /// Takes a whole page from the buffer (RFC 3533, section 6). Answers whether there was one.
    fn page(&mut self) -> io::Result<bool> {
        let buffer = self.buffer.make_contiguous();
        if !buffer.iter().zip(b"OggS").all(|(found, expected)| found == expected) {
            return Err(damaged("it is no Ogg stream"));
        }
        let Some((header, rest)) = buffer.split_first_chunk::<27>() else { return Ok(false) };
        let segments = usize::from(header[26]);
        let Some((lengths, rest)) = rest.split_at_checked(segments) else { return Ok(false) };
        let length: usize = lengths.iter().map(|&length| usize::from(length)).sum();
        let Some(body) = rest.get(..length) else { return Ok(false) };
        let whole = header.len() + segments + length;
        let (mut parser, _) = PageParser::new(*header).map_err(bad_page)?;
        parser.parse_segments(lengths.to_vec());
        let page = parser.parse_packet_data(body.to_vec()).map_err(bad_page)?;
        self.buffer.drain(..whole);
        self.packets.push_page(page).map_err(bad_page)?;
        Ok(true)
    }
}

fn bad_page(error: OggReadError) -> io::Error {
    damaged(&error.to_string())
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the sound cannot be read: {what}"))
}

/// After so many samples of silence, 200 ms, a decoder has nothing left to say.
const SETTLED: u64 = RATE / 5;
