//! Answers of IP discovery.

use sanscord::voice::discovery::{LENGTH, ResponseError, request, response};

/// The first four bytes are the SSRC that asked, the rest the answer: an address that stands in it, or refused.
pub fn discovery(data: &[u8]) {
    let Some((ssrc, packet)) = data.split_first_chunk() else { return };
    let ssrc = u32::from_be_bytes(*ssrc);
    match response(ssrc, packet) {
        Ok(address) => {
            assert_eq!((packet.len(), address.port() == 0), (LENGTH, false));
            assert_eq!(packet[4..8], ssrc.to_be_bytes());
            assert_eq!(packet[72..], address.port().to_be_bytes());
            let text: Vec<u8> = packet[8..72].iter().copied().take_while(|&byte| byte != 0).collect();
            let read = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
            assert_eq!(read, Some(address.ip()));
            assert_ne!(response(!ssrc, packet), Ok(address));
        }
        Err(ResponseError::Form) => {
            assert!(packet.len() != LENGTH || packet[..4] != [0, 2, 0, 70]);
        }
        Err(ResponseError::Ssrc) => assert_ne!(packet[4..8], ssrc.to_be_bytes()),
        Err(ResponseError::Address) => assert_eq!(packet.len(), LENGTH),
    }
    assert_eq!(response(ssrc, &request(ssrc)), Err(ResponseError::Form));
}
