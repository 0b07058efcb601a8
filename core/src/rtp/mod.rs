//! RTP (RFC 3550) as Discord's voice servers speak it.
//!
//! [`header`] reads and writes the bytes, [`aead`] has the ciphers, [`transport`] takes the encryption off and
//! puts it on, [`replay`] knows which packets have been seen, [`extension`] and [`rtcp`] read what comes beside the
//! audio. Nothing here knows of calls or users.

pub mod aead;
pub mod extension;
pub mod header;
pub mod replay;
pub mod rtcp;
pub mod transport;
