//! Frames of the end-to-end encryption.

use std::ops::Range;

use arbitrary::Unstructured;
use sanscord::dave::frame::{Trailer, is_protocol_frame, split};
use sanscord::dave::receiver::Receiver;
use sanscord::dave::sender::Sender;
use sanscord::rtp::aead::Backend;
use sanscord::time::Timestamp;

/// What the keys derive from.
const BASE: [u8; 16] = [7; 16];

/// Hostile frames are refused alike by all backends, and never taken apart beyond their bytes. What was sealed, whatever
/// of it is in the clear, opens once; changed, it does not open.
pub fn dave_frame(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let flip: (u16, u8) = data.arbitrary().unwrap_or_default();
    let ranges: [(u8, u8); 3] = data.arbitrary().unwrap_or_default();
    let rest = data.take_rest();
    hostile(rest);
    sealed(rest, &ranges, flip);
}

fn hostile(frame: &[u8]) {
    if let Ok(trailer) = Trailer::parse(frame) {
        assert!(is_protocol_frame(frame));
        assert!(trailer.media_len < frame.len());
        let mut end = 0;
        for range in trailer.ranges {
            assert!(range.start >= end && range.end <= trailer.media_len, "{range:?}");
            end = range.end;
        }
        let mut taken = frame.to_vec();
        assert_eq!(split(&mut taken).map(|(media, _)| media.len()), Ok(trailer.media_len));
    } else {
        assert!(!is_protocol_frame(frame));
    }
    let opened = Backend::ALL.iter().map(|&backend| {
        let mut receiver = Receiver::new(backend);
        receiver.install(Timestamp::ZERO, &BASE);
        open(&mut receiver, frame)
    });
    let opened: Vec<_> = opened.collect();
    assert!(opened.windows(2).all(|pair| pair[0] == pair[1]), "the backends do not agree: {opened:?}");
}

fn open(receiver: &mut Receiver, frame: &[u8]) -> Result<Vec<u8>, String> {
    let mut frame = frame.to_vec();
    let length = receiver.open(Timestamp::from_millis(1), &mut frame, &mut Vec::new());
    length.map(|length| frame[..length].to_vec()).map_err(|error| error.to_string())
}

fn sealed(media: &[u8], ranges: &[(u8, u8)], flip: (u16, u8)) {
    // Ascending, and within the media.
    let mut clear: Vec<Range<usize>> = Vec::new();
    for &(gap, length) in ranges {
        let start = clear.last().map_or(0, |range| range.end) + usize::from(gap);
        let end = start + usize::from(length);
        if length > 0 && end <= media.len() {
            clear.push(start..end);
        }
    }
    let mut sender = Sender::new(Backend::default(), &BASE);
    let mut frame = Vec::new();
    if sender.seal(media, &clear, &mut frame).is_err() {
        assert!(frame.is_empty());
        return;
    }
    let mut receiver = Receiver::new(Backend::default());
    receiver.install(Timestamp::ZERO, &BASE);
    let mut forged = frame.clone();
    let at = usize::from(flip.0) % forged.len();
    forged[at] ^= flip.1;
    if forged != frame {
        let opened = open(&mut receiver, &forged);
        assert!(opened.is_err() || forged == [0xF8, 0xFF, 0xFE], "a forged frame opened: {opened:?}");
    }
    assert_eq!(open(&mut receiver, &frame).as_deref(), Ok(media), "{clear:?}");
    assert!(open(&mut receiver, &frame).is_err(), "a frame opened twice");
}
