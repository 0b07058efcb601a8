//! RTP and RTCP as Discord encrypts them, written a second time: the oracle for the library's own.
//!
//! A datagram is `AAD ‖ ciphertext ‖ tag (16) ‖ nonce (4)`. For RTP the AAD is the fixed header, the CSRCs
//! and the four bytes in front of the extension's body; the body, the payload and the padding are encrypted.
//! For RTCP the AAD is the first eight bytes (Discord docs: Voice Connections, Transport Encryption Modes).

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use bytes::Bytes;
use chacha20poly1305::XChaCha20Poly1305;

/// The RTP payload type of Opus on Discord.
pub const PAYLOAD_TYPE: u8 = 120;

const TAG: usize = 16;
const SUFFIX: usize = 4;

/// A working transport encryption mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "named as on the wire")]
pub enum Mode {
    AeadAes256GcmRtpsize,
    AeadXChaCha20Poly1305Rtpsize,
}

impl Mode {
    /// The mode of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::AeadAes256GcmRtpsize, Self::AeadXChaCha20Poly1305Rtpsize]
            .into_iter()
            .find(|m| m.name() == name)
    }

    /// The mode's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AeadAes256GcmRtpsize => "aead_aes256_gcm_rtpsize",
            Self::AeadXChaCha20Poly1305Rtpsize => "aead_xchacha20_poly1305_rtpsize",
        }
    }
}

/// An RTP packet before encryption, or after decryption.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Packet {
    /// The marker bit.
    pub marker: bool,
    /// The payload type.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
    /// The contributing sources, at most 15.
    pub csrc: Vec<u32>,
    /// The body of the header extension of profile 0xBEDE, if there is one. A multiple of four bytes.
    pub extension: Option<Vec<u8>>,
    /// How many bytes of padding there are, the count itself included; 0: no padding.
    pub padding: u8,
    /// The payload.
    pub payload: Bytes,
}

/// Encrypts what a session sends.
pub(crate) struct Seal {
    mode: Mode,
    key: [u8; 32],
    /// One count for RTP and RTCP: a nonce must not serve twice.
    nonce: u32,
}

impl Seal {
    pub(crate) const fn new(mode: Mode, key: [u8; 32], first_nonce: u32) -> Self {
        Self { mode, key, nonce: first_nonce }
    }

    pub(crate) fn rtp(&mut self, packet: &Packet) -> Bytes {
        let flags = 0x80
            | if packet.padding > 0 { 0x20 } else { 0 }
            | if packet.extension.is_some() { 0x10 } else { 0 }
            | packet.csrc.len() as u8;
        let mut data = vec![flags, u8::from(packet.marker) << 7 | packet.payload_type];
        data.extend(packet.sequence.to_be_bytes());
        data.extend(packet.timestamp.to_be_bytes());
        data.extend(packet.ssrc.to_be_bytes());
        packet.csrc.iter().for_each(|csrc| data.extend(csrc.to_be_bytes()));
        if let Some(body) = &packet.extension {
            data.extend([0xBE, 0xDE]);
            data.extend(((body.len() / 4) as u16).to_be_bytes());
        }
        let clear = data.len();
        data.extend(packet.extension.iter().flatten());
        data.extend(&packet.payload);
        if let Some(zeros) = packet.padding.checked_sub(1) {
            data.resize(data.len() + usize::from(zeros), 0);
            data.push(packet.padding);
        }
        self.seal(data, clear)
    }

    /// Encrypts an RTCP packet, compound or not.
    pub(crate) fn rtcp(&mut self, packet: Vec<u8>) -> Bytes {
        self.seal(packet, 8)
    }

    fn seal(&mut self, mut data: Vec<u8>, clear: usize) -> Bytes {
        let suffix = self.nonce.to_be_bytes();
        self.nonce = self.nonce.wrapping_add(1);
        let (aad, text) = data.split_at_mut(clear);
        let tag: [u8; TAG] = match self.mode {
            Mode::AeadAes256GcmRtpsize => Aes256Gcm::new(&self.key.into()).encrypt_inout_detached(
                &nonce::<12>(suffix).into(),
                aad,
                text.into(),
            ),
            Mode::AeadXChaCha20Poly1305Rtpsize => XChaCha20Poly1305::new(&self.key.into())
                .encrypt_inout_detached(&nonce::<24>(suffix).into(), aad, text.into()),
        }
        // Only texts of more than 2^36 bytes fail (RFC 5116, section 5.2).
        .map_or([0; TAG], Into::into);
        data.extend(tag);
        data.extend(suffix);
        data.into()
    }
}

/// Decrypts an RTP datagram and strips extension and padding.
///
/// # Errors
/// If it is malformed or does not authenticate.
pub fn open_rtp(mode: Mode, key: &[u8; 32], datagram: &[u8]) -> Result<Packet, Malformed> {
    let fixed: &[u8; 12] = datagram.first_chunk().ok_or(Malformed("shorter than an RTP header"))?;
    let [flags, kind, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
    if flags >> 6 != 2 {
        return Err(Malformed("not RTP version 2"));
    }
    let csrc_end = 12 + 4 * usize::from(flags & 0x0F);
    let csrc = datagram.get(12..csrc_end).ok_or(Malformed("its CSRCs are cut off"))?;
    let (clear, body) = if flags & 0x10 == 0 {
        (csrc_end, None)
    } else {
        match datagram.get(csrc_end..).and_then(<[u8]>::first_chunk) {
            Some([_, _, high, low]) => {
                (csrc_end + 4, Some(4 * usize::from(u16::from_be_bytes([*high, *low]))))
            }
            None => return Err(Malformed("its header extension is cut off")),
        }
    };
    let mut text = open(mode, key, datagram, clear)?;
    let extension = match body {
        Some(length) if length > text.len() => {
            return Err(Malformed("its header extension is longer than itself"));
        }
        Some(length) => Some(text.drain(..length).collect()),
        None => None,
    };
    let padding = if flags & 0x20 == 0 { 0 } else { text.last().copied().unwrap_or(0) };
    if flags & 0x20 != 0 && (padding == 0 || usize::from(padding) > text.len()) {
        return Err(Malformed("its padding count is wrong"));
    }
    text.truncate(text.len() - usize::from(padding));
    Ok(Packet {
        marker: kind & 0x80 != 0,
        payload_type: kind & 0x7F,
        sequence: u16::from_be_bytes([s0, s1]),
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        csrc: csrc.as_chunks().0.iter().map(|word| u32::from_be_bytes(*word)).collect(),
        extension,
        padding,
        payload: text.into(),
    })
}

/// Decrypts an RTCP datagram; answers with all of its bytes.
///
/// # Errors
/// If it is malformed or does not authenticate.
pub fn open_rtcp(mode: Mode, key: &[u8; 32], datagram: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut packet = datagram.first_chunk::<8>().ok_or(Malformed("shorter than an RTCP header"))?.to_vec();
    packet.extend(open(mode, key, datagram, 8)?);
    Ok(packet)
}

/// Whether a datagram with RTP's version bits is RTCP: its packet types are 192 to 223 (RFC 5761, section 4).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [_, 192..=223, ..])
}

/// The nonce that a datagram carries, as it stands there.
#[must_use]
pub fn nonce_of(datagram: &[u8]) -> Option<[u8; 4]> {
    datagram.last_chunk().copied()
}

/// The tag that a datagram carries.
pub(crate) fn tag_of(datagram: &[u8]) -> Option<[u8; TAG]> {
    datagram.split_last_chunk::<SUFFIX>()?.0.last_chunk().copied()
}

/// What is wrong with a datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

fn open(mode: Mode, key: &[u8; 32], datagram: &[u8], clear: usize) -> Result<Vec<u8>, Malformed> {
    const SHORT: Malformed = Malformed("too short for its tag and nonce");
    let (rest, suffix) = datagram.split_last_chunk::<SUFFIX>().ok_or(SHORT)?;
    let (rest, tag) = rest.split_last_chunk::<TAG>().ok_or(SHORT)?;
    let (aad, text) = rest.split_at_checked(clear).ok_or(SHORT)?;
    let mut text = text.to_vec();
    match mode {
        Mode::AeadAes256GcmRtpsize => Aes256Gcm::new(&(*key).into()).decrypt_inout_detached(
            &nonce::<12>(*suffix).into(),
            aad,
            text.as_mut_slice().into(),
            &(*tag).into(),
        ),
        Mode::AeadXChaCha20Poly1305Rtpsize => XChaCha20Poly1305::new(&(*key).into()).decrypt_inout_detached(
            &nonce::<24>(*suffix).into(),
            aad,
            text.as_mut_slice().into(),
            &(*tag).into(),
        ),
    }
    .map_err(|_| Malformed("it does not authenticate"))?;
    Ok(text)
}

/// The suffix in front, zeros behind.
fn nonce<const N: usize>(suffix: [u8; 4]) -> [u8; N] {
    std::array::from_fn(|i| suffix.get(i).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(digits: &str) -> [u8; N] {
        std::array::from_fn(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
    }

    #[test]
    fn a_captured_sender_report_opens() {
        // Published in Discord-RE/Discord-video-stream, issue 50.
        let key = hex("4405dfc5d83d86c231d3313a59cef41d6b780641acf007c9af841dc616b278a2");
        let datagram: [u8; 72] = hex(concat!(
            "80c800060005ec188af5b6fb63a15a19f519ab9b502e933c6ae101ae685f5e7f42b4fab783bb0eed",
            "a73e70e994cbaea0fdb0652f91a52d695a000080000000000000000000000000"
        ));
        let opened = open_rtcp(Mode::AeadAes256GcmRtpsize, &key, &datagram[..60]).unwrap();
        let text: [u8; 32] = hex("e957a59b69374bc60a5b61d000005b8e001e661b81ca00020005ec1801000000");
        assert_eq!(opened[8..], text);
    }

    #[test]
    fn sealed_packets_open_again_in_every_shape() {
        for mode in [Mode::AeadAes256GcmRtpsize, Mode::AeadXChaCha20Poly1305Rtpsize] {
            let mut seal = Seal::new(mode, [7; 32], u32::MAX);
            for shape in 0..8 {
                let packet = Packet {
                    marker: shape == 0,
                    payload_type: PAYLOAD_TYPE,
                    sequence: 65_535,
                    timestamp: u32::MAX,
                    ssrc: 0x0102_0304,
                    csrc: if shape & 1 == 0 { vec![] } else { vec![5, 6] },
                    extension: (shape & 2 != 0).then(|| vec![0x10, 0x80, 0, 0]),
                    padding: if shape & 4 == 0 { 0 } else { 9 },
                    payload: Bytes::from_static(b"opus"),
                };
                let datagram = seal.rtp(&packet);
                assert_eq!(open_rtp(mode, &[7; 32], &datagram).unwrap(), packet);
                assert!(open_rtp(mode, &[8; 32], &datagram).is_err());
                for length in 0..datagram.len() {
                    assert!(open_rtp(mode, &[7; 32], &datagram[..length]).is_err());
                }
            }
        }
    }
}
