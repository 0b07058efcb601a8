//! What cannot be left out: decompression into one buffer, and a look at the head.

use std::hint::black_box;

use sanscord::gateway::Compression;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Longer than any message of the streams.
const BUFFER: usize = 4 << 20;

/// One connection.
pub(crate) struct Floor {
    context: Context,
    buffer: Vec<u8>,
}

enum Context {
    None,
    Zlib(zlib_rs::Inflate),
    Zstd(zstd_safe::DCtx<'static>),
}

impl Floor {
    pub(crate) fn new(compression: Compression) -> Self {
        let context = match compression {
            Compression::None => Context::None,
            Compression::Payload | Compression::ZlibStream => Context::Zlib(zlib_rs::Inflate::new(true, 15)),
            Compression::ZstdStream => Context::Zstd(zstd_safe::DCtx::create()),
        };
        Self { context, buffer: vec![0; BUFFER] }
    }

    pub(crate) fn inflate<'a>(&'a mut self, frame: &'a [u8]) -> &'a [u8] {
        let len = match &mut self.context {
            Context::None => return frame,
            Context::Zlib(inflate) => {
                let before = inflate.total_out();
                let status = inflate.decompress(frame, &mut self.buffer, zlib_rs::InflateFlush::SyncFlush);
                assert!(status.is_ok());
                (inflate.total_out() - before) as usize
            }
            Context::Zstd(context) => {
                let mut input = zstd_safe::InBuffer::around(frame);
                let mut output = zstd_safe::OutBuffer::around(&mut self.buffer[..]);
                context.decompress_stream(&mut output, &mut input).expect("a stream of our own");
                assert_eq!(input.pos(), frame.len());
                output.pos()
            }
        };
        &self.buffer[..len]
    }
}

/// Name, sequence number and opcode of a dispatch in Discord's own form; answers whether it is one.
pub(crate) fn scan(message: &[u8]) -> bool {
    fn number(text: &[u8]) -> (u64, &[u8]) {
        let mut number = 0;
        for (at, byte) in text.iter().enumerate() {
            if !byte.is_ascii_digit() {
                return (number, &text[at..]);
            }
            number = number * 10 + u64::from(byte - b'0');
        }
        (number, &[])
    }
    let scanned = || {
        let rest = message.strip_prefix(br#"{"t":""#)?;
        let end = rest.iter().position(|&byte| byte == b'"')?;
        let name = &rest[..end];
        let (seq, rest) = number(rest[end..].strip_prefix(br#"","s":"#)?);
        let (op, rest) = number(rest.strip_prefix(br#","op":"#)?);
        let data = rest.strip_prefix(br#","d":"#)?.strip_suffix(b"}")?;
        black_box((name, seq, op, data));
        Some(())
    };
    scanned().is_some()
}

#[derive(Deserialize)]
struct Envelope<'a> {
    op: u64,
    s: Option<u64>,
    t: Option<&'a str>,
    #[serde(borrow)]
    d: &'a RawValue,
}

/// One pass over the whole; answers whether it is a dispatch.
pub(crate) fn validate(message: &[u8]) -> bool {
    let envelope = std::str::from_utf8(message).ok().and_then(|text| serde_json::from_str(text).ok());
    envelope.is_some_and(|Envelope { op, s, t, d }| {
        black_box((op, s, t, d.get()));
        s.is_some()
    })
}
