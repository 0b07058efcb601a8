//! IP discovery: our own address as the voice server sees it (discord-api-docs, Voice Connections, IP Discovery).

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::str;

use bytes::Bytes;

use crate::time::{Duration, Timestamp};

/// Length of request and response in bytes.
pub const LENGTH: usize = 74;

/// Length of everything after type and length, as the packet states it.
const BODY: u16 = 70;
/// Packet types.
const REQUEST: u16 = 1;
const RESPONSE: u16 = 2;
/// Where the address and the port are.
const ADDRESS: core::ops::Range<usize> = 8..72;

/// The request for this SSRC.
#[must_use]
pub fn request(ssrc: u32) -> [u8; LENGTH] {
    let mut packet = [0; LENGTH];
    let head = [REQUEST.to_be_bytes(), BODY.to_be_bytes()].concat();
    for (to, from) in packet.iter_mut().zip(head.into_iter().chain(ssrc.to_be_bytes())) {
        *to = from;
    }
    packet
}

/// Why a datagram is not the response to our request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ResponseError {
    /// It has not 74 bytes, or another type or length in its head.
    #[error("not a discovery response")]
    Form,
    /// It is for another SSRC.
    #[error("a discovery response for another SSRC")]
    Ssrc,
    /// Its address is not an IP address that a zero ends, or its port is 0.
    #[error("a discovery response without a usable address")]
    Address,
}

/// Reads the response to the request for this SSRC.
///
/// # Errors
/// If it is anything else.
pub fn response(ssrc: u32, packet: &[u8]) -> Result<SocketAddr, ResponseError> {
    let packet: &[u8; LENGTH] = packet.try_into().map_err(|_| ResponseError::Form)?;
    let word = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    if word(0) != RESPONSE || word(2) != BODY {
        return Err(ResponseError::Form);
    }
    if packet[4..8] != ssrc.to_be_bytes() {
        return Err(ResponseError::Ssrc);
    }
    let text = packet[ADDRESS].split(|&byte| byte == 0).next().filter(|text| text.len() < ADDRESS.len());
    let address: Option<IpAddr> =
        text.and_then(|text| str::from_utf8(text).ok()).and_then(|text| text.parse().ok());
    match (address, word(ADDRESS.end)) {
        (Some(address), port @ 1..) => Ok(SocketAddr::new(address, port)),
        _ => Err(ResponseError::Address),
    }
}

/// Asks until the answer comes: UDP loses packets.
#[derive(Debug)]
pub struct Discovery {
    ssrc: u32,
    sent: u32,
    next: Timestamp,
}

/// How often to ask before giving up: about twelve seconds in all.
const TRIES: u32 = 8;
/// The wait after the first request; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What a discovery wants at its deadline.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Due {
    /// Nothing yet.
    Wait,
    /// Send this datagram.
    Send(Bytes),
    /// Nobody answers.
    GiveUp,
}

impl Discovery {
    /// A discovery that is due at once.
    #[must_use]
    pub const fn new(now: Timestamp, ssrc: u32) -> Self {
        Self { ssrc, sent: 0, next: now }
    }

    /// When to call [`Discovery::due`].
    #[must_use]
    pub const fn deadline(&self) -> Timestamp {
        self.next
    }

    /// How many requests were sent.
    #[must_use]
    pub const fn sent(&self) -> u32 {
        self.sent
    }

    /// What is due.
    pub fn due(&mut self, now: Timestamp) -> Due {
        if now < self.next {
            return Due::Wait;
        }
        if self.sent == TRIES {
            return Due::GiveUp;
        }
        self.next = now + (FIRST_WAIT * (1 << self.sent.min(8))).min(LONGEST_WAIT);
        self.sent += 1;
        Due::Send(Bytes::from(Vec::from(request(self.ssrc))))
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// If it is none.
    pub fn answer(&self, packet: &[u8]) -> Result<SocketAddr, ResponseError> {
        response(self.ssrc, packet)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(ssrc: u32, address: &str, port: u16) -> [u8; LENGTH] {
        let mut packet = request(ssrc);
        packet[1] = 2;
        packet[8..8 + address.len()].copy_from_slice(address.as_bytes());
        packet[72..].copy_from_slice(&port.to_be_bytes());
        packet
    }

    #[test]
    fn the_request_has_the_documented_layout() {
        let packet = request(0x0102_0304);
        assert_eq!(packet[..8], [0, 1, 0, 70, 1, 2, 3, 4]);
        assert_eq!(packet[8..], [0; 66]);
    }

    #[test]
    fn reads_addresses_of_both_families() {
        for address in ["203.0.113.7", "2001:db8::7", "255.255.255.255"] {
            let expected = SocketAddr::new(address.parse().unwrap(), 50_000);
            assert_eq!(response(9, &reply(9, address, 50_000)), Ok(expected));
        }
    }

    #[test]
    fn refuses_every_other_packet() {
        let good = reply(9, "203.0.113.7", 50_000);
        assert_eq!(response(8, &good), Err(ResponseError::Ssrc));
        assert_eq!(response(9, &good[..73]), Err(ResponseError::Form));
        assert_eq!(response(9, &request(9)), Err(ResponseError::Form));
        assert_eq!(response(9, &reply(9, "203.0.113.7", 0)), Err(ResponseError::Address));
        assert_eq!(response(9, &reply(9, "203.0.113.256", 1)), Err(ResponseError::Address));
        assert_eq!(response(9, &reply(9, "", 1)), Err(ResponseError::Address));
        let mut endless = good;
        endless[8..72].fill(b'1');
        assert_eq!(response(9, &endless), Err(ResponseError::Address));
        let mut length = good;
        length[3] = 71;
        assert_eq!(response(9, &length), Err(ResponseError::Form));
    }

    #[test]
    fn asks_again_and_gives_up() {
        let mut discovery = Discovery::new(Timestamp::ZERO, 1);
        let mut at = Vec::new();
        loop {
            let now = discovery.deadline();
            match discovery.due(now) {
                Due::Send(packet) => {
                    assert_eq!(packet.as_ref(), request(1));
                    at.push(now.as_nanos() / 1_000_000);
                }
                Due::GiveUp => break,
                Due::Wait => panic!("due at its own deadline"),
            }
            assert_eq!(discovery.due(now), Due::Wait);
        }
        assert_eq!(at, [0, 250, 750, 1750, 3750, 5750, 7750, 9750]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(ssrc: u32, packet in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = response(ssrc, &packet);
            let mut framed = reply(ssrc, "", 1);
            for (to, from) in framed[8..].iter_mut().zip(&packet) {
                *to = *from;
            }
            let _ = response(ssrc, &framed);
        }
    }
}
