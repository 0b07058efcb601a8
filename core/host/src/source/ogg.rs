//! Ogg Opus (RFC 7845), packets as they are.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

use bytes::Bytes;
use ogg::{OggReadError, Packet, PacketReader};
use sanscord::opus;
use tracing::{debug, warn};

use super::{SourceError, samples, time};

/// The longest packet that is taken for one of audio, in bytes: as long as any that is ever sent.
const MAX_PACKET: usize = 4000;
/// How near in bytes a search by halves comes before it reads on: about as long as the longest page.
const NEAR: u64 = 64 * 1024;
/// A granule position behind this is no place in a stream, in samples: some 180 years. There is room to add up many.
const LAST: u64 = u64::MAX >> 16;
/// A granule position that says that no packet ends on the page (RFC 3533, section 6).
const NO_GRANULE: u64 = u64::MAX;
/// Where the length of a file is looked for: pages of at most 65,307 bytes, and a few of them.
const TAIL: u64 = 4 * 65_307;

/// The identification header (RFC 7845, section 5.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// Channels, one or two.
    pub channels: u8,
    /// Samples at 48 kHz to decode and drop at the beginning.
    pub pre_skip: u16,
    /// Gain in 1/256 dB that a decoder is to apply.
    pub gain: i16,
}

impl Head {
    fn parse(packet: &[u8]) -> Result<Self, SourceError> {
        let bad = |reason: &str| Err(format!("its Opus header is damaged: {reason}").into());
        let Some(rest) = packet.strip_prefix(b"OpusHead") else { return bad("it has another name") };
        let &[version, channels, skip_low, skip_high, _, _, _, _, gain_low, gain_high, family, ..] = rest
        else {
            return bad("it is too short");
        };
        // Versions with the same upper half are compatible.
        if version >> 4 != 0 {
            return bad("its version is unknown");
        }
        if family != 0 {
            let text = "only mono and stereo can be sent as they are: convert it to stereo";
            return Err(format!("it has {channels} channels in mapping family {family}; {text}").into());
        }
        if !(1..=2).contains(&channels) {
            return bad("it has neither one channel nor two");
        }
        Ok(Self {
            channels,
            pre_skip: u16::from_le_bytes([skip_low, skip_high]),
            gain: i16::from_le_bytes([gain_low, gain_high]),
        })
    }
}

/// A packet, and what it covers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Block {
    /// The Opus packet.
    pub opus: Bytes,
    /// Where it begins, in samples at 48 kHz since the beginning of its stream, pre-skip included.
    pub start: u64,
    /// How many samples it covers.
    pub samples: u64,
    /// How many of them are to be played: the last packet of a stream may be cut.
    pub played: u64,
    /// Whether it is the first of a stream that follows another in the same file.
    pub chained: bool,
}

/// Reads the Opus packets of an Ogg file.
///
/// Damaged pages are passed over; what follows them is read. A file that breaks off ends there. Streams that
/// follow each other are read as one; other streams beside it are not read.
pub struct OggOpus<R: Read + Seek> {
    reader: PacketReader<R>,
    /// Bytes of the file.
    size: u64,
    serial: u32,
    head: Head,
    /// The granule position at which the stream's first packet begins: not 0 where it was cut (RFC 7845, section 4.5).
    base: u64,
    /// That of the first stream.
    first_base: u64,
    /// Samples until the end of the file, pre-skip not included, if it has one stream.
    length: Option<u64>,
    /// Where the next packet begins, from the beginning of its stream.
    at: u64,
    /// Samples of the streams before it, without their pre-skip.
    before: u64,
    /// Packets that end by then are not played.
    skip: u64,
    /// What is left of the page that is read: whether its end is cut off shows in its last packet.
    page: VecDeque<Packet>,
    headers: Headers,
    /// A stream has begun behind another, and no packet of it was given yet.
    chained: bool,
    damaged: u64,
}

/// Which headers are still to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Headers {
    Tags,
    Done,
    /// The stream has ended; another may follow.
    Ended,
}

impl<R: Read + Seek> fmt::Debug for OggOpus<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OggOpus")
            .field("head", &self.head)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl<R: Read + Seek> OggOpus<R> {
    /// Reads the headers.
    ///
    /// # Errors
    /// [`SourceError`] if this is no Ogg Opus of one or two channels.
    pub fn new(mut reader: R) -> Result<Self, SourceError> {
        let size = reader.seek(SeekFrom::End(0)).map_err(|error| unreadable(&error))?;
        reader.rewind().map_err(|error| unreadable(&error))?;
        let mut this = Self {
            reader: PacketReader::new(reader),
            size,
            serial: 0,
            head: Head { channels: 2, pre_skip: 0, gain: 0 },
            base: 0,
            first_base: 0,
            length: None,
            at: 0,
            before: 0,
            skip: 0,
            page: VecDeque::new(),
            headers: Headers::Ended,
            chained: false,
            damaged: 0,
        };
        this.read_first_head()?;
        this.measure()?;
        this.rewind()?;
        Ok(this)
    }

    /// The header of the stream that is read.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// How long the file plays; `None` if it holds several streams, or its end is damaged.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.length.map(time)
    }

    /// Pages that were passed over because they are damaged.
    #[must_use]
    pub const fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Where the next packet begins, for a listener.
    #[must_use]
    pub fn position(&self) -> Duration {
        time(self.before.saturating_add(self.heard()))
    }

    /// Samples at 48 kHz from the beginning of the next packet to what is heard at this time; 0 if that lies behind.
    #[must_use]
    pub fn until(&self, at: Duration) -> u64 {
        let here = self.before.saturating_add(self.at);
        samples(at).saturating_add(self.head.pre_skip.into()).saturating_sub(here)
    }

    /// The next packet that has something to be played; `None` at the end.
    ///
    /// # Errors
    /// [`SourceError`] if the file cannot be read, or a stream in it cannot be played.
    pub fn read(&mut self) -> Result<Option<Block>, SourceError> {
        loop {
            match self.next_block()? {
                Some(block) if block.played == 0 || block.start + block.samples <= self.skip => {}
                block => return Ok(self.given(block)),
            }
        }
    }

    /// The next packet for a decoder: those that lie wholly within the pre-skip are decoded too, and what comes of
    /// them is not played (RFC 7845, section 4.2). `None` at the end.
    ///
    /// # Errors
    /// As [`OggOpus::read`].
    pub fn read_to_decode(&mut self) -> Result<Option<Block>, SourceError> {
        loop {
            match self.next_block()? {
                Some(block) if block.played == 0 => {}
                block => return Ok(self.given(block)),
            }
        }
    }

    /// Goes to the packet that is heard at this time, or to the end. `pre_roll`: so much earlier, for a decoder
    /// to converge (RFC 7845, section 4.6). Answers where the next packet begins.
    ///
    /// # Errors
    /// [`SourceError`] if the file cannot be read.
    pub fn seek(&mut self, at: Duration, pre_roll: Duration) -> Result<Duration, SourceError> {
        let (target, pre_roll) = (samples(at), samples(pre_roll));
        self.rewind()?;
        if self.length.is_some() {
            self.approach(target.saturating_add(self.head.pre_skip.into()).saturating_sub(pre_roll))?;
        }
        // Packet by packet, so that it is exact, and over the borders of streams.
        while self.fill()? {
            let goal = target.saturating_sub(self.before).saturating_add(self.head.pre_skip.into());
            self.skip = goal.saturating_sub(pre_roll);
            let next = self.played();
            if self.at.saturating_add(next) > self.skip {
                break;
            }
            self.next_block()?;
        }
        self.chained = false;
        Ok(self.position())
    }

    fn next_block(&mut self) -> Result<Option<Block>, SourceError> {
        if !self.fill()? {
            return Ok(None);
        }
        let played = self.played();
        let Some(packet) = self.page.pop_front() else { return Ok(None) };
        let (first, samples) = (self.at, samples_of(&packet));
        self.at = first + samples;
        if packet.last_in_page() && packet.absgp_page() != NO_GRANULE {
            let end = packet.absgp_page().saturating_sub(self.base);
            // Pages that were lost are time that has passed.
            self.at = match end {
                _ if packet.last_in_stream() => first + played,
                ..=LAST => end.max(self.at),
                _ => self.at,
            };
        }
        if packet.last_in_stream() {
            self.headers = Headers::Ended;
            self.before = self.before.saturating_add(self.heard());
            self.at = self.head.pre_skip.into();
        }
        Ok(Some(Block { opus: packet.data.into(), start: first, samples, played, chained: self.chained }))
    }

    /// A packet leaves: those that follow are no longer the first of their stream.
    const fn given(&mut self, block: Option<Block>) -> Option<Block> {
        if block.is_some() {
            self.chained = false;
        }
        block
    }

    /// Samples of this stream before the next packet, without its pre-skip.
    fn heard(&self) -> u64 {
        self.at.saturating_sub(self.head.pre_skip.into())
    }

    /// How many samples of the next packet are to be played: the end of the last page may be cut off (RFC 7845,
    /// section 4.4).
    fn played(&self) -> u64 {
        let samples = self.page.front().map_or(0, samples_of);
        match self.page.back() {
            Some(last) if last.last_in_stream() && last.absgp_page() != NO_GRANULE => {
                samples.min(last.absgp_page().saturating_sub(self.base).saturating_sub(self.at))
            }
            _ => samples,
        }
    }

    /// Sees to it that the next page of audio is at hand; `false` at the end.
    fn fill(&mut self) -> Result<bool, SourceError> {
        if !self.page.is_empty() {
            return Ok(true);
        }
        while let Some(packet) = self.packet()? {
            if packet.first_in_stream() && packet.data.starts_with(b"OpusHead") {
                // Beside a stream that has not begun it is another one to choose from.
                if self.headers != Headers::Tags {
                    self.begin(&packet)?;
                }
            } else if packet.stream_serial() == self.serial {
                match self.headers {
                    Headers::Tags => self.headers = Headers::Done,
                    Headers::Done => {
                        if samples_of(&packet) == 0 {
                            self.note_damage("a packet that is no Opus");
                        }
                        // Those of one page come one after the other, at most 255.
                        let is_whole = packet.last_in_page();
                        self.page.push_back(packet);
                        if is_whole {
                            return Ok(true);
                        }
                    }
                    Headers::Ended => {}
                }
            }
        }
        Ok(!self.page.is_empty())
    }

    /// A stream that follows another.
    fn begin(&mut self, packet: &Packet) -> Result<(), SourceError> {
        let head = Head::parse(&packet.data)?;
        if self.headers == Headers::Done {
            // The one before has broken off.
            self.before = self.before.saturating_add(self.heard());
        }
        debug!(serial = packet.stream_serial(), "another stream begins");
        self.head = head;
        self.serial = packet.stream_serial();
        self.headers = Headers::Tags;
        self.at = 0;
        self.base = 0;
        self.skip = head.pre_skip.into();
        self.chained = true;
        Ok(())
    }

    fn read_first_head(&mut self) -> Result<(), SourceError> {
        let Some(packet) = self.packet()? else {
            return Err("it breaks off before its first header".into());
        };
        let mut first = Some(packet);
        // The headers of all streams come first.
        while let Some(packet) = first {
            if packet.data.starts_with(b"OpusHead") {
                self.head = Head::parse(&packet.data)?;
                self.serial = packet.stream_serial();
                self.headers = Headers::Tags;
                return Ok(());
            }
            if !packet.first_in_stream() {
                break;
            }
            first = self.packet()?;
        }
        Err("there is no Opus in this Ogg file".into())
    }

    /// Finds where the first packet begins, and how long the file is.
    fn measure(&mut self) -> Result<(), SourceError> {
        let (mut sum, mut tags) = (0, false);
        while let Some(packet) = self.packet()? {
            if packet.stream_serial() != self.serial {
                continue;
            }
            if !tags {
                if !packet.data.starts_with(b"OpusTags") {
                    return Err("its Opus comments are damaged".into());
                }
                tags = true;
                continue;
            }
            sum += opus::duration(&packet.data).unwrap_or(0);
            if packet.last_in_page() && packet.absgp_page() != NO_GRANULE {
                // The only page may be cut at its end, which says nothing of the beginning.
                self.base = if packet.last_in_stream() { 0 } else { packet.absgp_page().saturating_sub(sum) };
                self.first_base = self.base;
                break;
            }
        }
        if !tags {
            return Err("it breaks off within its headers".into());
        }
        self.reader
            .seek_bytes(SeekFrom::Start(self.size.saturating_sub(TAIL)))
            .map_err(|error| unreadable(&error))?;
        let (mut granule, mut is_only) = (None, true);
        while let Some(packet) = self.packet()? {
            is_only &= packet.stream_serial() == self.serial;
            if is_only
                && packet.last_in_page()
                && packet.absgp_page() != NO_GRANULE
                && packet.absgp_page() > 0
                && packet.absgp_page().saturating_sub(self.base) <= LAST
            {
                granule = Some(packet.absgp_page());
            }
        }
        let length =
            |granule: u64| granule.saturating_sub(self.base).saturating_sub(self.head.pre_skip.into());
        self.length = granule.filter(|_| is_only).map(length);
        self.damaged = 0;
        Ok(())
    }

    /// Back to the beginning.
    fn rewind(&mut self) -> Result<(), SourceError> {
        self.reader.seek_bytes(SeekFrom::Start(0)).map_err(|error| unreadable(&error))?;
        self.page.clear();
        self.read_first_head()?;
        self.base = self.first_base;
        self.at = 0;
        self.before = 0;
        self.skip = self.head.pre_skip.into();
        self.chained = false;
        Ok(())
    }

    /// Comes near to a place before `goal`, by halves. Only where there is one stream.
    fn approach(&mut self, goal: u64) -> Result<(), SourceError> {
        let end = self.size;
        let (mut low, mut high) = (0, end);
        while high - low > NEAR {
            let middle = low + (high - low) / 2;
            match self.end_of_page_after(middle)? {
                Some(at) if at <= goal => low = middle,
                _ => high = middle,
            }
        }
        if low == 0 {
            return self.rewind();
        }
        self.page.clear();
        if let Some(at) = self.end_of_page_after(low)? {
            self.at = at.min(LAST);
            self.headers = Headers::Done;
        }
        Ok(())
    }

    /// Reads a page that begins after this byte to its end, and answers where that is in the stream.
    fn end_of_page_after(&mut self, byte: u64) -> Result<Option<u64>, SourceError> {
        self.reader.seek_bytes(SeekFrom::Start(byte)).map_err(|error| unreadable(&error))?;
        while let Some(packet) = self.packet()? {
            if packet.stream_serial() == self.serial
                && packet.last_in_page()
                && packet.absgp_page() != NO_GRANULE
            {
                return Ok(Some(packet.absgp_page().saturating_sub(self.base)));
            }
        }
        Ok(None)
    }

    /// The next packet of any stream; `None` at the end, or where the file breaks off.
    fn packet(&mut self) -> Result<Option<Packet>, SourceError> {
        loop {
            match self.reader.read_packet() {
                Ok(packet) => return Ok(packet),
                Err(OggReadError::ReadError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.note_damage("it breaks off");
                    return Ok(None);
                }
                Err(OggReadError::ReadError(error)) => return Err(unreadable(&error)),
                // The reader is behind the page, or at the end.
                Err(OggReadError::NoCapturePatternFound) if self.is_at_end()? => return Ok(None),
                Err(error) => self.note_damage(&error.to_string()),
            }
        }
    }

    fn is_at_end(&mut self) -> Result<bool, SourceError> {
        let here = self.reader.get_mut().stream_position().map_err(|error| unreadable(&error))?;
        Ok(here >= self.size)
    }

    fn note_damage(&mut self, what: &str) {
        if self.damaged == 0 {
            warn!(what, "an Ogg file is damaged; what is good of it is played");
        }
        self.damaged += 1;
    }
}

/// How long a packet lasts; 0 if it is none that can be played.
fn samples_of(packet: &Packet) -> u64 {
    if packet.data.len() > MAX_PACKET { 0 } else { opus::duration(&packet.data).unwrap_or(0) }
}

fn unreadable(error: &io::Error) -> SourceError {
    format!("it could not be read: {error}").into()
}
