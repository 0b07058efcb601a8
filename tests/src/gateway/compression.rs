//! Compression of what the gateway sends: a stream for the life of a connection, or each message by itself.

use bytes::Bytes;
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush};
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

use crate::config::Config;

/// Messages of at least so many bytes are worth being compressed by themselves.
pub(super) const WORTH_WHILE: usize = 1_024;
/// What every message of a zlib stream ends with: an empty stored block (RFC 1951, section 3.2.4).
const SYNC_FLUSH: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// One connection's compression.
pub(super) enum Stream {
    None,
    Zlib(Deflate),
    Zstd(CCtx<'static>),
}

impl Stream {
    /// The stream that a target's `compress` names, if there is one of this name.
    pub(super) fn named(name: &str, config: &Config) -> Option<Self> {
        match name {
            "zlib-stream" => {
                let window_bits = i32::from(config.zlib_window.clamp(9, 15));
                Some(Self::Zlib(Deflate::new_with_config(small(window_bits))))
            }
            "zstd-stream" => {
                let mut context = CCtx::try_create()?;
                let window = u32::from(config.zstd_window.clamp(10, 18));
                for parameter in [
                    CParameter::CompressionLevel(1),
                    CParameter::WindowLog(window),
                    CParameter::HashLog(window.min(12)),
                ] {
                    context.set_parameter(parameter).ok()?;
                }
                Some(Self::Zstd(context))
            }
            _ => None,
        }
    }

    /// The next message of the stream, flushed. `None` if there is no stream.
    pub(super) fn compress(&mut self, text: &[u8], scratch: &mut Vec<u8>) -> Option<Bytes> {
        match self {
            Self::None => None,
            Self::Zlib(deflate) => Some(flush_zlib(deflate, text, scratch)),
            Self::Zstd(context) => Some(flush_zstd(context, text, scratch)),
        }
    }
}

/// Level 1 in little memory: 256 KiB less than zlib's own choice.
fn small(window_bits: i32) -> DeflateConfig {
    DeflateConfig { level: 1, window_bits, mem_level: 4, ..DeflateConfig::default() }
}

/// A message as a zlib stream of its own.
pub(super) fn whole(text: &[u8]) -> Bytes {
    let mut output = vec![0; zlib_rs::compress_bound(text.len())];
    let (written, _) = zlib_rs::compress_slice(&mut output, text, small(15));
    Bytes::copy_from_slice(written)
}

fn flush_zlib(deflate: &mut Deflate, text: &[u8], scratch: &mut Vec<u8>) -> Bytes {
    // With that much room one call does it, and no flush marker comes twice.
    let room = zlib_rs::compress_bound(text.len()) + 64;
    if scratch.len() < room {
        scratch.resize(room, 0);
    }
    let before = deflate.total_out();
    let done = deflate.compress(text, scratch, DeflateFlush::SyncFlush).is_ok();
    let written = usize::try_from(deflate.total_out() - before).unwrap_or(0);
    scratch.get(..written).filter(|_| done).map(Bytes::copy_from_slice).unwrap_or_default()
}

fn flush_zstd(context: &mut CCtx<'static>, text: &[u8], scratch: &mut Vec<u8>) -> Bytes {
    let room = zstd_safe::compress_bound(text.len()) + 64;
    if scratch.len() < room {
        scratch.resize(room, 0);
    }
    let mut output = OutBuffer::around(scratch.as_mut_slice());
    let mut input = InBuffer::around(text);
    while input.pos() < text.len()
        && context.compress_stream(&mut output, &mut input).is_ok_and(|left| left > 0)
    {}
    let done = context.flush_stream(&mut output) == Ok(0) && input.pos() == text.len();
    if done { Bytes::copy_from_slice(output.as_slice()) } else { Bytes::new() }
}

/// The message such that no decompressor takes it, whether it is the first of its stream or not: as the beginning
/// of a zlib stream it names a compression method that does not exist (RFC 1950, section 2.2), of a block a
/// reserved type (RFC 1951, section 3.2.3), of a zstd frame no magic number, of a zstd block a reserved type
/// (RFC 8878, sections 3.1.1 and 3.1.1.2.2).
pub(super) fn damaged(message: &Bytes) -> Bytes {
    let mut message = message.to_vec();
    if let Some(first) = message.first_mut() {
        *first = 0xFF;
    }
    Bytes::from(message)
}

/// Cuts a message of a zlib stream into at most three pieces, such that what came so far looks complete only with
/// the last.
pub(super) fn pieces(message: &Bytes, rng: &mut fastrand::Rng) -> Vec<Bytes> {
    let mut cuts: Vec<_> = (0..2).map(|_| rng.usize(..message.len().max(1))).collect();
    cuts.retain(|at| *at > 0 && !message.slice(..*at).ends_with(&SYNC_FLUSH));
    cuts.sort_unstable();
    cuts.dedup();
    cuts.push(message.len());
    let mut from = 0;
    cuts.into_iter().map(|to| message.slice(std::mem::replace(&mut from, to)..to)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_whole_and_look_complete_only_with_the_last() {
        let message = Bytes::from([SYNC_FLUSH; 3].concat());
        for seed in 0..200 {
            let pieces = pieces(&message, &mut fastrand::Rng::with_seed(seed));
            assert_eq!(pieces.concat(), message);
            let complete =
                |count: usize| pieces.get(..count).is_some_and(|p| p.concat().ends_with(&SYNC_FLUSH));
            assert!(!(1..pieces.len()).any(complete), "{pieces:?}");
            assert!(pieces.len() <= 3 && pieces.iter().all(|piece| !piece.is_empty()));
        }
        assert_eq!(pieces(&Bytes::from_static(b"x"), &mut fastrand::Rng::with_seed(0)), ["x"]);
    }
}
