//! The gateway's compression.
//!
//! | | a message is | memory of a connection |
//! |---|---|---|
//! | [`Compression::Payload`] | a zlib stream of its own (RFC 1950), where the server thinks it worth while | 44 KiB |
//! | [`Compression::ZlibStream`] | what stands up to a sync flush (`00 00 FF FF`) in one zlib stream | 44 KiB |
//! | [`Compression::ZstdStream`] | what a WebSocket message flushes out of one zstd stream | the server's window and 160 KiB |
//!
//! and eight KiB of output, in each case.

use alloc::vec::Vec;
use core::fmt;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// How the gateway compresses what it sends. What the client sends is never compressed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// Not at all.
    None,
    /// Each message by itself, if the server likes to: asked for in Identify.
    Payload,
    /// One zlib stream for the life of the connection.
    ZlibStream,
    /// One zstd stream for the life of the connection.
    ZstdStream,
}

impl Compression {
    /// The cheapest in CPU time of those that are compiled in: zstd, then zlib.
    #[must_use]
    pub const fn preferred() -> Self {
        if cfg!(feature = "zstd") {
            Self::ZstdStream
        } else if cfg!(feature = "zlib") {
            Self::ZlibStream
        } else {
            Self::None
        }
    }

    /// Whether it is compiled in.
    #[must_use]
    pub const fn is_available(self) -> bool {
        match self {
            Self::None => true,
            Self::Payload | Self::ZlibStream => cfg!(feature = "zlib"),
            Self::ZstdStream => cfg!(feature = "zstd"),
        }
    }

    /// What asks for it in the gateway's URL, behind the other parameters.
    #[must_use]
    pub const fn query(self) -> &'static str {
        match self {
            Self::None | Self::Payload => "",
            Self::ZlibStream => "&compress=zlib-stream",
            Self::ZstdStream => "&compress=zstd-stream",
        }
    }

    /// Whether it is Identify's `compress` that asks for it.
    #[must_use]
    pub const fn in_identify(self) -> bool {
        matches!(self, Self::Payload)
    }
}

/// The preferred one.
impl Default for Compression {
    fn default() -> Self {
        Self::preferred()
    }
}

/// Why a message could not be inflated, or taken in at all. The connection is of no more use.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{kind}")]
pub struct InflateError {
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum Kind {
    #[error("the compressed stream is corrupt")]
    Corrupt,
    #[error("a message is longer than {0} bytes")]
    TooLong(usize),
    #[error("{0:?} is not compiled in")]
    Unavailable(Compression),
}

impl InflateError {
    /// A message is longer than `limit` bytes.
    pub(crate) const fn too_long(limit: usize) -> Self {
        Self { kind: Kind::TooLong(limit) }
    }
}

impl From<Kind> for InflateError {
    fn from(kind: Kind) -> Self {
        Self { kind }
    }
}

/// Length of the buffer that short messages share, in bytes.
const CHUNK: usize = 8 << 10;
/// How much room a message gets at first, as a multiple of its compressed length: Discord's shrink to a fifth.
const RATIO: usize = 6;
/// The least room that a message gets at once, in bytes.
const LEAST_ROOM: usize = 1 << 10;
/// The largest window of zlib (RFC 1950, section 2.2): 32 KiB.
#[cfg(feature = "zlib")]
const WINDOW_BITS: u8 = 15;
/// The largest zstd window that is taken, 8 MiB: the least that decoders should support (RFC 8878, section
/// 3.1.1.1.2).
#[cfg(feature = "zstd")]
const WINDOW_LOG_MAX: u32 = 23;

/// Inflates what one connection receives: each connection has its own.
///
/// Messages are written where they stay: up to 8 KiB side by side in a shared buffer, longer ones in buffers of
/// their own. So a retained message pins at most 8 KiB more than its own length. Without messages in
/// between, an inflater holds one such buffer and the decompressor's state, and before the first message nothing.
pub struct Inflater {
    compression: Compression,
    max_message: usize,
    context: Option<Context>,
    output: Output,
    /// The last four bytes that came of an unfinished zlib-stream message.
    tail: [u8; 4],
    bytes_in: u64,
    bytes_out: u64,
}

impl Inflater {
    /// An inflater for one connection. A message of more than `max_message` bytes, inflated, is an error.
    #[must_use]
    pub fn new(compression: Compression, max_message: usize) -> Self {
        Self {
            compression,
            max_message,
            context: None,
            output: Output::new(max_message),
            tail: [0; 4],
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// What it inflates.
    #[must_use]
    pub const fn compression(&self) -> Compression {
        self.compression
    }

    /// Bytes taken in.
    #[must_use]
    pub const fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    /// Bytes of the messages that were inflated.
    #[must_use]
    pub const fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    /// Inflates a binary WebSocket message. `None` if the gateway's message goes on in the next one, which happens
    /// with zlib-stream only.
    ///
    /// Without compression the message stays as it is.
    ///
    /// # Errors
    /// If the stream is corrupt, the gateway's message too long, or the compression not compiled in. The stream
    /// cannot be read any further then: all later calls fail too.
    pub fn inflate(&mut self, frame: &Bytes) -> Result<Option<Bytes>, InflateError> {
        self.bytes_in += frame.len() as u64;
        if self.compression == Compression::None {
            if frame.len() > self.max_message {
                return Err(Kind::TooLong(self.max_message).into());
            }
            self.bytes_out += frame.len() as u64;
            return Ok(Some(frame.clone()));
        }
        let context = match &mut self.context {
            Some(context) => context,
            None => self.context.insert(Context::new(self.compression)),
        };
        if let Err(kind) = context.inflate(frame, &mut self.output) {
            self.context = Some(Context::Failed(kind));
            self.output = Output::new(self.max_message);
            return Err(kind.into());
        }
        if self.compression == Compression::ZlibStream && !self.is_flushed(frame) {
            return Ok(None);
        }
        let message = self.output.take();
        self.bytes_out += message.len() as u64;
        Ok(Some(message))
    }

    /// Whether a zlib-stream message is complete with this frame: it then ends in the mark of a sync flush.
    fn is_flushed(&mut self, frame: &[u8]) -> bool {
        const FLUSHED: [u8; 4] = [0, 0, 0xFF, 0xFF];
        let flushed = match frame.last_chunk() {
            Some(tail) => {
                self.tail = *tail;
                self.tail == FLUSHED
            }
            None => {
                self.tail.rotate_left(frame.len());
                self.tail[4 - frame.len()..].copy_from_slice(frame);
                self.tail == FLUSHED
            }
        };
        if flushed {
            self.tail = [0; 4];
        }
        flushed
    }
}

/// Leaves out what was inflated.
impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { compression, bytes_in, bytes_out, .. } = self;
        write!(f, "Inflater({compression:?}, {bytes_in} bytes in, {bytes_out} out)")
    }
}

/// A decompressor's state.
enum Context {
    #[cfg(feature = "zlib")]
    Payload(zlib_rs::Inflate),
    #[cfg(feature = "zlib")]
    Zlib(zlib_rs::Inflate),
    #[cfg(feature = "zstd")]
    Zstd(zstd_safe::DCtx<'static>),
    Failed(Kind),
}

/// What a step of decompression came to.
struct Step {
    consumed: usize,
    produced: usize,
    /// A zlib stream has ended.
    ended: bool,
}

impl Context {
    fn new(compression: Compression) -> Self {
        match compression {
            #[cfg(feature = "zlib")]
            Compression::Payload => Self::Payload(zlib_rs::Inflate::new(true, WINDOW_BITS)),
            #[cfg(feature = "zlib")]
            Compression::ZlibStream => Self::Zlib(zlib_rs::Inflate::new(true, WINDOW_BITS)),
            #[cfg(feature = "zstd")]
            Compression::ZstdStream => {
                let context = zstd_safe::DCtx::try_create().and_then(|mut context| {
                    context.set_parameter(zstd_safe::DParameter::WindowLogMax(WINDOW_LOG_MAX)).ok()?;
                    Some(context)
                });
                context.map_or(Self::Failed(Kind::Corrupt), Self::Zstd)
            }
            // `Inflater` handles no compression itself.
            _ => Self::Failed(Kind::Unavailable(compression)),
        }
    }

    /// Takes in a frame whole, and flushes what it gives.
    fn inflate(&mut self, frame: &[u8], output: &mut Output) -> Result<(), Kind> {
        #[cfg(feature = "zlib")]
        if let Self::Payload(context) = self {
            context.reset(true);
        }
        let mut rest = frame;
        let mut room = RATIO.saturating_mul(frame.len()).max(LEAST_ROOM);
        loop {
            let space = output.space(room);
            let full = space.len();
            let step = self.step(rest, space)?;
            output.advance(step.produced)?;
            rest = &rest[step.consumed..];
            if step.ended || step.produced < full && rest.is_empty() {
                let complete = match self {
                    #[cfg(feature = "zlib")]
                    Self::Payload(_) => step.ended && rest.is_empty(),
                    _ => !step.ended,
                };
                return if complete { Ok(()) } else { Err(Kind::Corrupt) };
            }
            if step.consumed == 0 && step.produced == 0 {
                return Err(Kind::Corrupt);
            }
            room = output.written.max(LEAST_ROOM);
        }
    }

    #[cfg_attr(
        not(any(feature = "zlib", feature = "zstd")),
        expect(unused_variables, reason = "there is nothing to inflate")
    )]
    fn step(&mut self, input: &[u8], space: &mut [u8]) -> Result<Step, Kind> {
        match self {
            #[cfg(feature = "zlib")]
            Self::Payload(context) | Self::Zlib(context) => {
                let (total_in, total_out) = (context.total_in(), context.total_out());
                let status = context
                    .decompress(input, space, zlib_rs::InflateFlush::SyncFlush)
                    .map_err(|_| Kind::Corrupt)?;
                // Each is at most the length of a slice.
                Ok(Step {
                    consumed: (context.total_in() - total_in) as usize,
                    produced: (context.total_out() - total_out) as usize,
                    ended: status == zlib_rs::Status::StreamEnd,
                })
            }
            #[cfg(feature = "zstd")]
            Self::Zstd(context) => {
                let mut input = zstd_safe::InBuffer::around(input);
                let mut output = zstd_safe::OutBuffer::around(space);
                context.decompress_stream(&mut output, &mut input).map_err(|_| Kind::Corrupt)?;
                Ok(Step { consumed: input.pos(), produced: output.pos(), ended: false })
            }
            Self::Failed(kind) => Err(*kind),
        }
    }
}

/// Where a message is written.
struct Output {
    /// The unused rest of the shared buffer, all of it initialised. A short message starts at its front.
    chunk: BytesMut,
    /// The message, if it has outgrown a chunk; all of it initialised.
    long: Vec<u8>,
    /// Length of the message so far.
    written: usize,
    max_message: usize,
}

impl Output {
    fn new(max_message: usize) -> Self {
        Self { chunk: BytesMut::new(), long: Vec::new(), written: 0, max_message }
    }

    /// Space for more of the message: this much, if the bound leaves it, and at least a byte. One byte beyond the
    /// bound is what shows that a message is too long.
    fn space(&mut self, room: usize) -> &mut [u8] {
        let left = (self.max_message - self.written).saturating_add(1);
        let room = room.min(left);
        let buffer: &mut [u8] = if self.long.is_empty() && self.written + room <= CHUNK {
            if self.chunk.len() - self.written < room {
                self.refresh();
            }
            &mut self.chunk
        } else {
            if self.long.is_empty() {
                self.long = Vec::with_capacity(self.written + room);
                self.long.extend_from_slice(&self.chunk[..self.written]);
            }
            let len = self.written + room;
            if self.long.len() < len {
                self.long.reserve_exact(len - self.long.len());
                self.long.resize(len, 0);
            }
            &mut self.long
        };
        let space = &mut buffer[self.written..];
        let len = space.len().min(left);
        &mut space[..len]
    }

    /// A whole chunk, with the message so far at its front. The old one is used again if no message is left in it.
    fn refresh(&mut self) {
        self.chunk.truncate(self.written);
        if !self.chunk.try_reclaim(CHUNK - self.written) {
            let mut fresh = BytesMut::with_capacity(CHUNK);
            fresh.extend_from_slice(&self.chunk);
            self.chunk = fresh;
        }
        self.chunk.resize(CHUNK, 0);
    }

    fn advance(&mut self, produced: usize) -> Result<(), Kind> {
        self.written += produced;
        if self.written > self.max_message { Err(Kind::TooLong(self.max_message)) } else { Ok(()) }
    }

    /// The message; the next one starts.
    fn take(&mut self) -> Bytes {
        let written = core::mem::take(&mut self.written);
        if self.long.is_empty() {
            return self.chunk.split_to(written).freeze();
        }
        let mut long = core::mem::take(&mut self.long);
        long.truncate(written);
        if long.capacity() - written > CHUNK {
            long.shrink_to_fit();
        }
        long.into()
    }
}

#[cfg(test)]
#[cfg(all(feature = "zlib", feature = "zstd"))]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec;

    use proptest::prelude::*;
    use zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_flush;

    use super::*;

    const COMPRESSED: [Compression; 3] =
        [Compression::Payload, Compression::ZlibStream, Compression::ZstdStream];
    const MAX: usize = 4 << 20;

    /// A server's side of a connection.
    enum Server {
        None,
        Payload,
        Zlib(zlib_rs::Deflate),
        Zstd(zstd_safe::CCtx<'static>),
    }

    impl Server {
        fn new(compression: Compression) -> Self {
            match compression {
                Compression::None => Self::None,
                Compression::Payload => Self::Payload,
                Compression::ZlibStream => Self::Zlib(zlib_rs::Deflate::new(6, true, 15)),
                Compression::ZstdStream => Self::zstd(18),
            }
        }

        fn zstd(window_log: u32) -> Self {
            let mut context = zstd_safe::CCtx::create();
            context.set_parameter(zstd_safe::CParameter::WindowLog(window_log)).unwrap();
            Self::Zstd(context)
        }

        fn send(&mut self, message: &[u8]) -> Bytes {
            let mut frame = vec![0; message.len() + message.len() / 100 + 200];
            match self {
                Self::None => return Bytes::copy_from_slice(message),
                Self::Payload => {
                    let mut deflate = zlib_rs::Deflate::new(6, true, 15);
                    deflate.compress(message, &mut frame, zlib_rs::DeflateFlush::Finish).unwrap();
                    frame.truncate(deflate.total_out() as usize);
                }
                Self::Zlib(deflate) => {
                    let before = deflate.total_out();
                    deflate.compress(message, &mut frame, zlib_rs::DeflateFlush::SyncFlush).unwrap();
                    frame.truncate((deflate.total_out() - before) as usize);
                }
                Self::Zstd(context) => {
                    let mut input = zstd_safe::InBuffer::around(message);
                    let mut output = zstd_safe::OutBuffer::around(&mut frame[..]);
                    let left = context.compress_stream2(&mut output, &mut input, ZSTD_e_flush).unwrap();
                    assert_eq!((left, input.pos()), (0, message.len()));
                    let len = output.pos();
                    frame.truncate(len);
                }
            }
            frame.into()
        }
    }

    /// Something like JSON of this length.
    fn text(len: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut text = Vec::with_capacity(len + 40);
        while text.len() < len {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.extend_from_slice(format!("\"user\":{{\"id\":\"{}\"}},", state >> 20).as_bytes());
        }
        text.truncate(len);
        text
    }

    #[test]
    fn messages_of_any_length_come_out_as_they_went_in() {
        for compression in COMPRESSED.into_iter().chain([Compression::None]) {
            let (mut server, mut inflater) = (Server::new(compression), Inflater::new(compression, MAX));
            let (mut sent, mut kept) = (Vec::new(), Vec::new());
            let (mut bytes_in, mut bytes_out) = (0, 0);
            for (seed, len) in [1, 100, 8191, 8192, 8193, 2000, 3000, 100_000, 7000, 40, 1_500_000, 1]
                .into_iter()
                .enumerate()
            {
                for (number, message) in [text(len, seed as u64), vec![b' '; len]].into_iter().enumerate() {
                    let frame = server.send(&message);
                    let inflated = inflater.inflate(&frame).unwrap().unwrap();
                    assert_eq!(inflated, message, "{compression:?} {len}");
                    bytes_in += frame.len() as u64;
                    bytes_out += len as u64;
                    if number == 0 {
                        kept.push(inflated);
                        sent.push(message);
                    }
                }
            }
            assert_eq!(kept, sent);
            assert_eq!((inflater.bytes_in(), inflater.bytes_out()), (bytes_in, bytes_out));
        }
    }

    #[test]
    fn a_zlib_stream_message_may_come_in_any_pieces() {
        let messages = [text(300, 1), text(20, 2)];
        let mut server = Server::new(Compression::ZlibStream);
        let frames = [server.send(&messages[0]), server.send(&messages[1])];
        for cut in 0..=frames[0].len() {
            for second in cut..=frames[0].len() {
                let mut inflater = Inflater::new(Compression::ZlibStream, MAX);
                let pieces =
                    [frames[0].slice(..cut), frames[0].slice(cut..second), frames[0].slice(second..)];
                let mut inflated = Vec::new();
                for piece in pieces {
                    inflated.extend(inflater.inflate(&piece).unwrap());
                }
                assert_eq!(inflated, [&messages[0][..]], "{cut} {second}");
                assert_eq!(inflater.inflate(&frames[1]).unwrap().unwrap(), messages[1]);
            }
        }
    }

    #[test]
    fn the_bound_is_exact() {
        for compression in COMPRESSED.into_iter().chain([Compression::None]) {
            for max in [0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 100_000] {
                for message in [text(max + 1, 7), vec![b' '; max + 1]] {
                    let (mut server, mut inflater) =
                        (Server::new(compression), Inflater::new(compression, max));
                    for len in [max.min(10), max] {
                        let inflated = inflater.inflate(&server.send(&message[..len])).unwrap();
                        assert_eq!(inflated.unwrap_or_default(), message[..len], "{compression:?} {max}");
                    }
                    let error = inflater.inflate(&server.send(&message)).unwrap_err();
                    assert_eq!(error.to_string(), format!("a message is longer than {max} bytes"));
                }
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_goes_off() {
        for compression in COMPRESSED {
            let frame = Server::new(compression).send(&vec![b'['; 64 << 20]);
            assert!(frame.len() < 100_000);
            let mut inflater = Inflater::new(compression, 1 << 20);
            let error = inflater.inflate(&frame).unwrap_err();
            assert_eq!(error, inflater.inflate(&frame).unwrap_err());
            assert!(inflater.output.long.is_empty());
        }
    }

    /// Pieces add up, and what is held meanwhile stays within the bound and a chunk.
    #[test]
    fn the_bound_counts_over_all_pieces_of_a_message() {
        let max = 200_000;
        for (len, fits) in [(max, true), (max + 1, false)] {
            let frame = Server::new(Compression::ZlibStream).send(&text(len, 3));
            let mut inflater = Inflater::new(Compression::ZlibStream, max);
            let mut inflated = Ok(None);
            for piece in frame.chunks(1000) {
                inflated = inflater.inflate(&Bytes::copy_from_slice(piece));
                assert!(inflater.output.long.capacity() + inflater.output.chunk.len() <= max + 1 + CHUNK);
                if inflated.is_err() {
                    break;
                }
            }
            assert_eq!(
                inflated.is_ok_and(|message| message.is_some_and(|message| message.len() == len)),
                fits
            );
        }
    }

    #[test]
    fn a_chunk_is_used_again_once_its_messages_are_gone() {
        for compression in COMPRESSED {
            let (mut server, mut inflater) = (Server::new(compression), Inflater::new(compression, MAX));
            let places: Vec<usize> = (0..1000)
                .map(|seed| {
                    let message = inflater.inflate(&server.send(&text(700, seed))).unwrap().unwrap();
                    message.as_ptr() as usize
                })
                .collect();
            let (first, last) = (places.iter().min().unwrap(), places.iter().max().unwrap());
            assert!(last - first < CHUNK, "{compression:?}: {} bytes apart", last - first);
        }
    }

    /// What a retained message pins: the documented 8 KiB more than its length.
    #[test]
    fn a_long_message_has_a_buffer_of_about_its_length() {
        for compression in COMPRESSED {
            // Compresses to about a half, so that the estimate is too large.
            let random: Vec<u8> = text(40_000, 5).into_iter().filter(u8::is_ascii_digit).collect();
            let (mut server, mut inflater) = (Server::new(compression), Inflater::new(compression, MAX));
            let message = inflater.inflate(&server.send(&random)).unwrap().unwrap();
            let capacity = message.try_into_mut().unwrap().capacity();
            assert!(capacity <= random.len() + CHUNK, "{compression:?}: {capacity} for {}", random.len());
        }
    }

    #[test]
    fn corruption_is_an_error_or_another_message() {
        for compression in COMPRESSED {
            let mut server = Server::new(compression);
            let frames: Vec<Bytes> = (0..3).map(|seed| server.send(&text(200, seed))).collect();
            let mut errors = 0;
            for (number, frame) in frames.iter().enumerate() {
                for place in 0..frame.len() {
                    for mask in [0x01, 0x80, 0xFF] {
                        let mut corrupt = frame.to_vec();
                        corrupt[place] ^= mask;
                        let mut inflater = Inflater::new(compression, 10_000);
                        let mut failed = None;
                        for (other, frame) in frames.iter().enumerate() {
                            let frame = if other == number { corrupt.clone().into() } else { frame.clone() };
                            let result = inflater.inflate(&frame);
                            if let (Some(error), failed) = (&failed, &result) {
                                assert_eq!(failed.as_ref().unwrap_err(), error);
                            }
                            failed = failed.or_else(|| result.err());
                        }
                        errors += usize::from(failed.is_some());
                    }
                }
            }
            assert!(errors > 100, "{compression:?}: {errors}");
        }
    }

    #[test]
    fn a_payload_is_one_whole_stream() {
        let frame = Server::Payload.send(b"{}");
        let inflate = |frame: &[u8]| {
            Inflater::new(Compression::Payload, MAX).inflate(&Bytes::copy_from_slice(frame)).is_ok()
        };
        assert!(inflate(&frame));
        for len in 0..frame.len() {
            assert!(!inflate(&frame[..len]), "{len}");
        }
        assert!(!inflate(&[&frame[..], b"x"].concat()));
        // A stream that ends is not zlib-stream.
        assert!(Inflater::new(Compression::ZlibStream, MAX).inflate(&frame).is_err());
    }

    #[test]
    fn a_window_beyond_eight_mebibytes_is_refused() {
        for (window_log, fits) in [(WINDOW_LOG_MAX, true), (WINDOW_LOG_MAX + 1, false)] {
            let frame = Server::zstd(window_log).send(&text(100, 1));
            let result = Inflater::new(Compression::ZstdStream, MAX).inflate(&frame);
            assert_eq!(result.is_ok(), fits, "{window_log}");
        }
    }

    #[test]
    fn holds_nothing_before_the_first_message_and_shows_nothing_of_it() {
        for compression in COMPRESSED {
            let mut inflater = Inflater::new(compression, MAX);
            assert!(inflater.context.is_none() && inflater.output.chunk.capacity() == 0);
            inflater.inflate(&Server::new(compression).send(b"secret")).unwrap();
            assert!(!format!("{inflater:?}").contains("secret"));
        }
    }

    #[test]
    fn compressions_are_asked_for_as_documented() {
        let asked =
            [Compression::None, Compression::Payload, Compression::ZlibStream, Compression::ZstdStream].map(
                |compression| (compression.query(), compression.in_identify(), compression.is_available()),
            );
        assert_eq!(
            asked,
            [
                ("", false, true),
                ("", true, true),
                ("&compress=zlib-stream", false, true),
                ("&compress=zstd-stream", false, true)
            ]
        );
        assert_eq!(Compression::default(), Compression::ZstdStream);
        assert_eq!(serde_json::to_string(&Compression::ZlibStream).unwrap(), "\"zlib-stream\"");
    }

    proptest! {
        #[test]
        fn any_messages_in_any_pieces(
            kind in 1..4_usize, messages in prop::collection::vec((1..20_000_usize, any::<u64>()), 1..8),
            piece in 1..4000_usize
        ) {
            let compression = [Compression::None, COMPRESSED[0], COMPRESSED[1], COMPRESSED[2]][kind];
            let (mut server, mut inflater) = (Server::new(compression), Inflater::new(compression, MAX));
            let mut kept = Vec::new();
            for &(len, seed) in &messages {
                let frame = server.send(&text(len, seed));
                let piece = if compression == Compression::ZlibStream { piece } else { frame.len() };
                for piece in frame.chunks(piece) {
                    kept.extend(inflater.inflate(&Bytes::copy_from_slice(piece)).unwrap());
                }
            }
            let sent: Vec<Vec<u8>> = messages.iter().map(|&(len, seed)| text(len, seed)).collect();
            prop_assert_eq!(kept, sent);
        }

        #[test]
        fn any_bytes_are_inflated_or_refused(
            kind in 0..3_usize, frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..4),
            start: bool
        ) {
            let mut inflater = Inflater::new(COMPRESSED[kind], 10_000);
            if start {
                inflater.inflate(&Server::new(COMPRESSED[kind]).send(&text(50, 1))).unwrap();
            }
            for frame in frames {
                if let Ok(Some(message)) = inflater.inflate(&frame.into()) {
                    prop_assert!(message.len() <= 10_000);
                }
            }
        }
    }
}
