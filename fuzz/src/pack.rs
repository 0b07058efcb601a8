//! Messages in the forms in which a gateway compresses them, but stored: what a fuzzer can change and still be read.

use sanscord::gateway::Compression;

/// What a zstd stream begins with: magic, no checksum, a window of 1 KiB (RFC 8878, section 3.1.1.1).
const ZSTD_HEAD: [u8; 6] = [0x28, 0xB5, 0x2F, 0xFD, 0, 0];
/// What a zlib stream begins with (RFC 1950, section 2.2).
const ZLIB_HEAD: [u8; 2] = [0x78, 0x01];
/// The longest stored part: what a zstd block of the smallest window may hold.
const PART: usize = 1024;

/// Packs the messages of one connection.
#[derive(Debug)]
pub struct Packer {
    compression: Compression,
    is_first: bool,
}

impl Packer {
    /// A packer for one connection.
    #[must_use]
    pub const fn new(compression: Compression) -> Self {
        Self { compression, is_first: true }
    }

    /// The message as it goes over the wire.
    #[must_use]
    pub fn pack(&mut self, message: &[u8]) -> Vec<u8> {
        let is_first = std::mem::take(&mut self.is_first);
        let mut packed = Vec::new();
        match self.compression {
            Compression::None => packed.extend_from_slice(message),
            Compression::Payload => {
                packed.extend(ZLIB_HEAD);
                zlib_blocks(message, &mut packed);
                packed.extend([1, 0, 0, 0xFF, 0xFF]);
                packed.extend(adler32(message).to_be_bytes());
            }
            Compression::ZlibStream => {
                packed.extend(is_first.then_some(ZLIB_HEAD).into_iter().flatten());
                zlib_blocks(message, &mut packed);
                packed.extend([0, 0, 0, 0xFF, 0xFF]);
            }
            Compression::ZstdStream => {
                packed.extend(is_first.then_some(ZSTD_HEAD).into_iter().flatten());
                for part in message.chunks(PART) {
                    packed.extend(&((part.len() as u32) << 3).to_le_bytes()[..3]);
                    packed.extend_from_slice(part);
                }
            }
        }
        packed
    }
}

/// Stored blocks, none of them the last (RFC 1951, section 3.2.4).
fn zlib_blocks(message: &[u8], to: &mut Vec<u8>) {
    for part in message.chunks(PART) {
        let length = part.len() as u16;
        to.push(0);
        to.extend(length.to_le_bytes());
        to.extend((!length).to_le_bytes());
        to.extend_from_slice(part);
    }
}

/// The checksum behind a zlib stream (RFC 1950, section 9).
fn adler32(data: &[u8]) -> u32 {
    let (a, b) = data.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use sanscord::gateway::inflate::Inflater;

    use super::*;

    #[test]
    fn what_is_packed_is_inflated() {
        let messages = [b"{}".to_vec(), vec![b'a'; 3000], b"{\"op\":11}".to_vec()];
        for compression in
            [Compression::None, Compression::Payload, Compression::ZlibStream, Compression::ZstdStream]
        {
            let (mut packer, mut inflater) = (Packer::new(compression), Inflater::new(compression, 4096));
            for message in &messages {
                let inflated = inflater.inflate(&packer.pack(message).into()).unwrap();
                assert_eq!(inflated.as_deref(), Some(&message[..]), "{compression:?}");
            }
        }
    }
}
