//! The bytes of an encrypted frame (dave-protocol, Frame format).
//!
//! ```text
//! media ‖ tag[8] ‖ ULEB128 nonce ‖ { ULEB128 offset ‖ ULEB128 size }* ‖ u8 size ‖ FA FA
//! ```
//! The ranges say which bytes of the media are in the clear; Opus has none. All after the media is the trailer,
//! whose size the one byte before the marker counts. A receiver's ranges are whatever the peer wrote, and are
//! checked before anything is authenticated.

use alloc::vec::Vec;
use core::iter;
use core::ops::Range;

use crate::dave::cipher::TAG;

/// The Opus frame of silence that the voice server puts in where a speaker is muted. It is never encrypted there.
pub const SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];

const MARKER: [u8; 2] = [0xFA, 0xFA];
/// The shortest trailer in bytes: tag, a nonce of one byte, the size, the marker.
const MIN_TRAILER: usize = TAG + 1 + 1 + MARKER.len();

/// Why a frame is not one of the protocol's.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FrameError {
    /// It does not end in the marker: it is not encrypted.
    #[error("the frame is not encrypted")]
    Marker,
    /// The trailer is said to be longer than the frame, or shorter than a trailer can be.
    #[error("the trailer's size does not fit")]
    Size,
    /// The nonce has no end, or exceeds 32 bits.
    #[error("the nonce does not fit")]
    Nonce,
    /// The ranges are cut off, out of order, overlap, or exceed the media.
    #[error("the unencrypted ranges do not fit")]
    Ranges,
}

/// What follows the media of an encrypted frame.
#[derive(Clone, Debug)]
pub struct Trailer<'a> {
    /// The truncated nonce; its upper eight bits are those of the key's generation.
    pub nonce: u32,
    /// The authentication tag.
    pub tag: [u8; TAG],
    /// What of the media is in the clear.
    pub ranges: Ranges<'a>,
    /// Length of the media in bytes.
    pub media_len: usize,
}

impl<'a> Trailer<'a> {
    /// Reads a frame's trailer.
    ///
    /// # Errors
    /// If the frame is not one of the protocol's.
    pub fn parse(frame: &'a [u8]) -> Result<Self, FrameError> {
        let media_len = media_len(frame)?;
        Self::read(media_len, frame.get(media_len..).unwrap_or_default())
    }

    fn read(media_len: usize, trailer: &'a [u8]) -> Result<Self, FrameError> {
        let (&tag, rest) = trailer.split_first_chunk::<TAG>().ok_or(FrameError::Size)?;
        let (mut rest, _) = rest.split_last_chunk::<3>().ok_or(FrameError::Size)?;
        let nonce = read_uleb128(&mut rest).ok_or(FrameError::Nonce)?;
        let nonce = u32::try_from(nonce).map_err(|_| FrameError::Nonce)?;
        let ranges = Ranges(rest);
        let mut end = 0;
        while !rest.is_empty() {
            let range = read_range(&mut rest).ok_or(FrameError::Ranges)?;
            if range.start < end || range.end > media_len {
                return Err(FrameError::Ranges);
            }
            end = range.end;
        }
        Ok(Self { nonce, tag, ranges, media_len })
    }
}

/// Parts a frame into its media and its trailer.
///
/// # Errors
/// If the frame is not one of the protocol's.
pub fn split(frame: &mut [u8]) -> Result<(&mut [u8], Trailer<'_>), FrameError> {
    let media_len = media_len(frame)?;
    let (media, trailer) = frame.split_at_mut_checked(media_len).ok_or(FrameError::Size)?;
    Ok((media, Trailer::read(media_len, trailer)?))
}

/// Whether the frame is one of the protocol's: marker, size, nonce and ranges are as they must be. That it is
/// authentic, only decryption shows.
#[must_use]
pub fn is_protocol_frame(frame: &[u8]) -> bool {
    Trailer::parse(frame).is_ok()
}

fn media_len(frame: &[u8]) -> Result<usize, FrameError> {
    let [.., size, m0, m1] = *frame else { return Err(FrameError::Marker) };
    if [m0, m1] != MARKER {
        return Err(FrameError::Marker);
    }
    let size = usize::from(size);
    frame.len().checked_sub(size).filter(|_| size >= MIN_TRAILER).ok_or(FrameError::Size)
}

/// Appends a trailer to the media that stands at the end of `out`. Ranges are in bytes of the media.
///
/// # Errors
/// If the ranges are out of order, overlap, exceed the media, or need more than 243 bytes with the nonce. Nothing
/// is appended then.
pub fn write_trailer(
    media_len: usize,
    nonce: u32,
    tag: [u8; TAG],
    ranges: &[Range<usize>],
    out: &mut Vec<u8>,
) -> Result<(), FrameError> {
    let size = trailer_len(media_len, nonce, ranges)?;
    out.extend_from_slice(&tag);
    write_uleb128(u64::from(nonce), out);
    for range in ranges {
        write_uleb128(range.start as u64, out);
        write_uleb128(range.len() as u64, out);
    }
    out.push(size);
    out.extend_from_slice(&MARKER);
    Ok(())
}

/// The length in bytes of a trailer with these ranges.
///
/// # Errors
/// As [`write_trailer`].
pub fn trailer_len(media_len: usize, nonce: u32, ranges: &[Range<usize>]) -> Result<u8, FrameError> {
    let mut size = MIN_TRAILER - 1 + uleb128_len(u64::from(nonce));
    let mut end = 0;
    for range in ranges {
        if range.start < end || range.end < range.start || range.end > media_len {
            return Err(FrameError::Ranges);
        }
        end = range.end;
        size += uleb128_len(range.start as u64) + uleb128_len(range.len() as u64);
    }
    u8::try_from(size).map_err(|_| FrameError::Ranges)
}

/// The unencrypted ranges of a frame, in bytes of its media: ascending, without overlap, within the media.
#[derive(Clone, Debug, Default)]
pub struct Ranges<'a>(&'a [u8]);

impl Ranges<'_> {
    /// Whether all of the media is encrypted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Iterator for Ranges<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        read_range(&mut self.0)
    }
}

/// Puts what is in the clear at the end of `gathered`, in one piece, then all the rest. Answers with the length in
/// bytes of the clear part, which is what the tag authenticates besides.
pub(crate) fn gather<R>(media: &[u8], ranges: R, gathered: &mut Vec<u8>) -> usize
where
    R: Iterator<Item = Range<usize>> + Clone,
{
    let start = gathered.len();
    for range in ranges.clone() {
        gathered.extend_from_slice(media.get(range).unwrap_or_default());
    }
    let clear = gathered.len() - start;
    for gap in gaps(ranges, media.len()) {
        gathered.extend_from_slice(media.get(gap).unwrap_or_default());
    }
    clear
}

/// Writes `rest` to where [`gather`] took it from.
pub(crate) fn scatter(media: &mut [u8], ranges: impl Iterator<Item = Range<usize>>, mut rest: &[u8]) {
    for gap in gaps(ranges, media.len()) {
        if let (Some(gap), Some((part, after))) =
            (media.get_mut(gap.clone()), rest.split_at_checked(gap.len()))
        {
            gap.copy_from_slice(part);
            rest = after;
        }
    }
}

fn gaps(ranges: impl Iterator<Item = Range<usize>>, len: usize) -> impl Iterator<Item = Range<usize>> {
    ranges.chain(iter::once(len..len)).scan(0, |end, range| {
        let gap = *end..range.start;
        *end = range.end;
        Some(gap)
    })
}

fn read_range(data: &mut &[u8]) -> Option<Range<usize>> {
    let start = usize::try_from(read_uleb128(data)?).ok()?;
    let size = usize::try_from(read_uleb128(data)?).ok()?;
    Some(start..start.checked_add(size)?)
}

/// Reads an unsigned LEB128 number of 64 bits. Longer forms than needed are read, as official clients do.
fn read_uleb128(data: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = data.split_first()?;
        *data = rest;
        let bits = u64::from(byte & 0x7F);
        let shifted = bits << shift;
        if shifted >> shift != bits {
            return None;
        }
        value |= shifted;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn write_uleb128(mut value: u64, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

const fn uleb128_len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(media: usize, trailer: &[u8]) -> Vec<u8> {
        let mut frame = Vec::from_iter(iter::repeat_n(0x55, media));
        frame.extend([1, 2, 3, 4, 5, 6, 7, 8]);
        frame.extend(trailer);
        frame.push(u8::try_from(TAG + trailer.len() + 3).unwrap());
        frame.extend(MARKER);
        frame
    }

    fn ranges(frame: &[u8]) -> Result<Vec<Range<usize>>, FrameError> {
        Trailer::parse(frame).map(|trailer| trailer.ranges.collect())
    }

    #[test]
    fn reads_a_trailer() {
        let frame = frame(10, &[0x80, 0x80, 0x80, 0x08, 1, 2, 3, 0, 8, 2]);
        let trailer = Trailer::parse(&frame).unwrap();
        assert_eq!((trailer.nonce, trailer.media_len), (0x0100_0000, 10));
        assert_eq!(trailer.tag, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(trailer.ranges.collect::<Vec<_>>(), [1..3, 3..3, 8..10]);
        assert!(is_protocol_frame(&frame));
    }

    #[test]
    fn hostile_trailers_are_refused() {
        let wide = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
        let with = |ranges: &[&[u8]]| frame(10, &[&[&[1][..]], ranges].concat().concat());
        let table: &[(Vec<u8>, FrameError)] = &[
            (Vec::new(), FrameError::Marker),
            (Vec::from([0xFA, 0xFA]), FrameError::Marker),
            (SILENCE.to_vec(), FrameError::Marker),
            (Vec::from([12, 0xFA, 0xFA]), FrameError::Size),
            (Vec::from([0; 20]), FrameError::Marker),
            // A trailer of 11 bytes has no nonce.
            (frame(10, &[]), FrameError::Size),
            (Vec::from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFA, 0xFA]), FrameError::Size),
            // One byte more than the frame has.
            (Vec::from([0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 0xFA, 0xFA]), FrameError::Size),
            (frame(10, &[0x80]), FrameError::Nonce),
            (frame(10, &[0xFF, 0xFF, 0xFF, 0xFF, 0x1F]), FrameError::Nonce),
            (frame(10, &wide), FrameError::Nonce),
            (frame(10, &[0xFF; 10]), FrameError::Nonce),
            (with(&[&[5]]), FrameError::Ranges),
            (with(&[&[5, 0x80]]), FrameError::Ranges),
            (with(&[&[5, 6]]), FrameError::Ranges),
            (with(&[&[11, 0]]), FrameError::Ranges),
            // Within the frame, but in the trailer.
            (with(&[&[10, 1]]), FrameError::Ranges),
            (with(&[&[0, 4, 3, 1]]), FrameError::Ranges),
            (with(&[&[5, 1, 0, 1]]), FrameError::Ranges),
            (with(&[&wide, &wide]), FrameError::Ranges),
            (with(&[&[1], &wide]), FrameError::Ranges),
            // 2^64 + 5: the lower 64 bits alone would fit.
            (with(&[&[0x85], &[0x80; 8], &[0x02], &[1]]), FrameError::Ranges),
        ];
        for (frame, error) in table {
            assert_eq!(ranges(frame), Err(*error), "{frame:x?}");
            assert_eq!(split(&mut frame.clone()).map(|_| ()), Err(*error), "{frame:x?}");
            assert!(!is_protocol_frame(frame));
        }
    }

    #[test]
    fn what_is_merely_odd_is_read() {
        assert_eq!(ranges(&frame(0, &[0])), Ok(Vec::new()));
        assert_eq!(
            ranges(&frame(10, &[0x81, 0x80, 0x00, 0x85, 0x00, 2, 7, 3])),
            Ok(Vec::from([5..7, 7..10]))
        );
        assert_eq!(Trailer::parse(&frame(0, &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F])).unwrap().nonce, u32::MAX);
        let most: Vec<u8> = iter::once(0).chain(iter::repeat_n(0, 242)).collect();
        assert_eq!(ranges(&frame(1, &most)).unwrap().len(), 121);
    }

    #[test]
    fn unwritable_ranges_are_refused() {
        let reversed = Range { start: 3, end: 2 };
        let many = Vec::from_iter(iter::repeat_n(0..0, 122));
        for bad in [&[0..2, 2..11][..], &[4..6, 5..7], &[4..6, 0..1], &[reversed], &many] {
            let mut out = Vec::new();
            assert_eq!(write_trailer(10, 1, [0; TAG], bad, &mut out), Err(FrameError::Ranges));
            assert!(out.is_empty());
        }
        // 253 bytes besides the nonce.
        for (nonce, size) in
            [(0x7F, Ok(254)), (0x80, Ok(255)), (0x3FFF, Ok(255)), (0x4000, Err(FrameError::Ranges))]
        {
            assert_eq!(trailer_len(10, nonce, &many[1..]), size, "{nonce:x}");
        }
    }

    /// Ascending ranges within a media of this length, by pairs of cuts.
    fn some_ranges() -> impl Strategy<Value = (Vec<u8>, Vec<Range<usize>>)> {
        (
            prop::collection::vec(any::<u8>(), 0..400),
            prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        )
            .prop_map(|(media, cuts)| {
                let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(media.len() + 1)).collect();
                cuts.sort_unstable();
                let ranges = cuts.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect();
                (media, ranges)
            })
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back((media, ranges) in some_ranges(), nonce: u32, tag: [u8; TAG]) {
            let mut frame = media.clone();
            write_trailer(media.len(), nonce, tag, &ranges, &mut frame).unwrap();
            prop_assert_eq!(
                frame.len() - media.len(),
                usize::from(trailer_len(media.len(), nonce, &ranges).unwrap())
            );
            let (parted, trailer) = split(&mut frame).unwrap();
            prop_assert_eq!(&*parted, &media[..]);
            prop_assert_eq!((trailer.nonce, trailer.tag, trailer.media_len), (nonce, tag, media.len()));
            prop_assert_eq!(trailer.ranges.is_empty(), ranges.is_empty());
            prop_assert_eq!(trailer.ranges.collect::<Vec<_>>(), ranges);
        }

        #[test]
        fn what_was_gathered_scatters_back((media, ranges) in some_ranges()) {
            let mut gathered = Vec::from([9]);
            let clear = gather(&media, ranges.iter().cloned(), &mut gathered);
            prop_assert_eq!(clear, ranges.iter().map(Range::len).sum::<usize>());
            prop_assert_eq!(gathered.len(), 1 + media.len());
            let mut restored = Vec::from_iter(iter::repeat_n(0, media.len()));
            for range in &ranges {
                restored[range.clone()].copy_from_slice(&media[range.clone()]);
            }
            scatter(&mut restored, ranges.iter().cloned(), &gathered[1 + clear..]);
            prop_assert_eq!(restored, media);
        }

        #[test]
        fn hostile_frames_give_ranges_that_fit(
            mut frame in prop::collection::vec(prop_oneof![0..16_u8, any::<u8>()], 9..60), size in 10..62_u8
        ) {
            frame.extend([size, 0xFA, 0xFA]);
            if let Ok(trailer) = Trailer::parse(&frame) {
                let mut end = 0;
                for range in trailer.ranges {
                    prop_assert!(end <= range.start && range.start <= range.end);
                    end = range.end;
                }
                prop_assert!(end <= trailer.media_len && trailer.media_len < frame.len());
            }
        }
    }
}
