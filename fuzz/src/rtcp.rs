//! RTCP compounds and header extensions, as they are after decryption.

use sanscord::rtp::extension::{Extensions, elements};
use sanscord::rtp::rtcp::{Packet, packets};

/// Any bytes are packets up to where they can be read, and all that a packet points to lies within them. The same bytes
/// are read as an extension of the profile that their first two name.
pub fn rtcp(data: &[u8]) {
    let mut bytes = 0;
    let (mut count, mut failed) = (0, false);
    for packet in packets(data) {
        assert!(!failed, "packets behind an error");
        count += 1;
        match packet {
            Ok(Packet::SenderReport { reports, .. }) => bytes += 28 + 24 * reports.count(),
            Ok(Packet::ReceiverReport { reports, .. }) => bytes += 8 + 24 * reports.count(),
            Ok(Packet::Goodbye { ssrcs, reason, .. }) => bytes += 4 + 4 * ssrcs.count() + reason.len(),
            Ok(Packet::Other { ssrc, body, .. }) => {
                assert!(ssrc.is_none_or(|ssrc| body.starts_with(&ssrc.to_be_bytes())));
                bytes += 4 + body.len();
            }
            Err(_) => failed = true,
        }
    }
    assert!(bytes <= data.len() && count <= data.len() / 4 + 1, "{bytes} of {} bytes", data.len());

    let Some((profile, body)) = data.split_first_chunk::<2>() else { return };
    let mut read = elements(u16::from_be_bytes(*profile), body);
    let mut length = 0;
    for element in read.by_ref() {
        assert!(element.id != 0);
        length += 1 + element.data.len();
    }
    assert!(length <= body.len() && read.next().is_none());
    let _ = Extensions::read(elements(u16::from_be_bytes(*profile), body));
}
