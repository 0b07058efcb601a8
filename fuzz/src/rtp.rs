//! RTP headers.

use sanscord::rtp::header::{FIXED, Header, HeaderError, is_rtcp};

/// Any bytes are a header or refused, and all that a header points to lies within its packet.
pub fn rtp(packet: &[u8]) {
    let version = packet.first().map(|first| first >> 6);
    let rtcp = is_rtcp(packet);
    assert!(!rtcp || version == Some(2));
    let header = match Header::parse(packet) {
        Ok(header) => header,
        Err(HeaderError::Version) => return assert_ne!(version, Some(2)),
        Err(HeaderError::Truncated) => return assert!(packet.len() < FIXED + 15 * 4 + 4),
    };
    assert_eq!(version, Some(2));
    // RFC 5761, section 4: with the marker bit, payload types 64 to 95 look like RTCP.
    assert_eq!(rtcp, header.marker && (64..96).contains(&header.payload_type));
    assert!(header.payload_type < 0x80 && header.extension <= usize::from(u16::MAX) * 4);
    assert!((FIXED..=packet.len()).contains(&header.clear));

    let written = header.to_bytes();
    let reread = Header { clear: FIXED, extension: 0, ..header };
    assert_eq!(Header::parse(&written), Ok(reread));
    assert_eq!(written[1..], packet[1..FIXED]);

    let plain = &packet[header.clear..];
    let padding = if header.padding { plain.last().copied().map(usize::from) } else { Some(0) };
    match (header.payload(plain), padding) {
        (Some(payload), Some(padding)) => {
            assert_eq!((payload.start, payload.end), (header.extension, plain.len() - padding));
            assert!(payload.start <= payload.end && (padding > 0) == header.padding);
        }
        (Some(_), None) => panic!("padding without a length"),
        (None, Some(padding)) => {
            assert!(header.extension + padding > plain.len() || header.padding && padding == 0);
        }
        (None, None) => assert!(plain.is_empty()),
    }
}
