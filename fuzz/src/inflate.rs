//! The gateway's compression against any frames.

use arbitrary::Unstructured;
use bytes::Bytes;
use sanscord::gateway::Compression;
use sanscord::gateway::inflate::Inflater;
use zstd_safe::{DCtx, InBuffer, OutBuffer};

/// What the first byte's lower two bits choose.
pub const COMPRESSIONS: [Compression; 4] =
    [Compression::None, Compression::Payload, Compression::ZlibStream, Compression::ZstdStream];

/// The first byte chooses: bits 0 and 1, the compression; the others, the longest message, in units of 256 bytes.
/// Frames follow, each with a length of two bytes.
pub fn inflate(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let choice: u8 = data.arbitrary().unwrap_or_default();
    let compression = COMPRESSIONS[usize::from(choice & 3)];
    let max_message = usize::from(choice >> 2) * 256;
    let mut inflater = Inflater::new(compression, max_message);
    // What was read without an error, and what it came to.
    let (mut input, mut output) = (Vec::new(), Vec::new());
    let mut failed = false;
    while !data.is_empty() {
        let length = usize::from(data.arbitrary::<u16>().unwrap_or_default()).min(data.len());
        let frame = Bytes::copy_from_slice(data.bytes(length).unwrap_or_default());
        let message = inflater.inflate(&frame);
        assert!(!failed || message.is_err(), "a stream that failed goes on");
        let Ok(message) = message else {
            // Without compression, and with payloads of their own, nothing connects two messages.
            failed = compression != Compression::None;
            continue;
        };
        assert!(message.is_some() || compression == Compression::ZlibStream, "a message was withheld");
        let message = message.unwrap_or_default();
        assert!(message.len() <= max_message, "{} bytes of at most {max_message}", message.len());
        match compression {
            Compression::None => assert_eq!(message, frame),
            Compression::Payload => assert_eq!(message, whole(compression, &frame, message.len())),
            Compression::ZlibStream | Compression::ZstdStream => {
                input.extend_from_slice(&frame);
                output.extend_from_slice(&message);
                assert!(whole(compression, &input, output.len()).starts_with(&output));
            }
        }
    }
    assert_eq!(inflater.compression(), compression);
}

/// All that comes of a stream in one go: up to a byte more than is expected.
fn whole(compression: Compression, input: &[u8], expected: usize) -> Vec<u8> {
    let mut output = vec![0; expected + 1];
    let length = if compression == Compression::ZstdStream {
        let mut context = DCtx::create();
        let (mut input, mut buffer) = (InBuffer::around(input), OutBuffer::around(&mut output[..]));
        // It stops at the end of each frame of the stream, and when the output is full.
        loop {
            let before = (input.pos(), buffer.pos());
            if context.decompress_stream(&mut buffer, &mut input).is_err()
                || (input.pos(), buffer.pos()) == before
            {
                break buffer.pos();
            }
        }
    } else {
        let mut context = zlib_rs::Inflate::new(true, 15);
        // An error is none of the part that came before it.
        let _ = context.decompress(input, &mut output, zlib_rs::InflateFlush::SyncFlush);
        context.total_out() as usize
    };
    output.truncate(length);
    output
}
