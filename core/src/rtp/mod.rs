//! RTP (RFC 3550) as Discord's voice servers speak it.
//!
//! [`header`] reads and writes the bytes, [`aead`] has the ciphers, [`transport`] takes the encryption off and
//! puts it on, [`replay`] knows which packets have been seen. Nothing here knows of calls or users.

pub mod aead;
pub mod header;
pub mod replay;
pub mod transport;
