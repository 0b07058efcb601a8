//! twilight-gateway, without its socket: its decompressor is private, so it is called here as it calls its
//! libraries (a buffer of 32 KiB, a fresh `String` for each message, checked to be UTF-8); everything behind it is its
//! own and public.

use sanscord::gateway::Compression;
use twilight_gateway::{Event, EventTypeFlags};
use twilight_model::gateway::event::GatewayEventDeserializer;

const BUFFER: usize = 32 << 10;

/// One connection.
pub(crate) struct Twilight {
    context: Context,
    buffer: Box<[u8]>,
}

enum Context {
    None,
    Zlib(flate2::Decompress),
    Zstd(zstd_safe::DCtx<'static>),
}

impl Twilight {
    pub(crate) fn new(compression: Compression) -> Self {
        let context = match compression {
            Compression::None => Context::None,
            Compression::Payload | Compression::ZlibStream => Context::Zlib(flate2::Decompress::new(true)),
            Compression::ZstdStream => Context::Zstd(zstd_safe::DCtx::create()),
        };
        Self { context, buffer: vec![0; BUFFER].into() }
    }

    fn text(&mut self, frame: &[u8]) -> String {
        let mut text = Vec::new();
        match &mut self.context {
            Context::None => text.extend_from_slice(frame),
            Context::Zlib(context) => {
                let start = context.total_in();
                let mut taken = 0;
                while taken < frame.len() {
                    let before = context.total_out();
                    context
                        .decompress(&frame[taken..], &mut self.buffer, flate2::FlushDecompress::Sync)
                        .expect("a stream of our own");
                    taken = (context.total_in() - start) as usize;
                    text.extend_from_slice(&self.buffer[..(context.total_out() - before) as usize]);
                }
            }
            Context::Zstd(context) => {
                let mut input = zstd_safe::InBuffer::around(frame);
                loop {
                    let mut output = zstd_safe::OutBuffer::around(&mut self.buffer[..]);
                    context.decompress_stream(&mut output, &mut input).expect("a stream of our own");
                    let full = output.pos() == output.capacity();
                    text.extend_from_slice(output.as_slice());
                    if input.pos() == frame.len() && !full {
                        break;
                    }
                }
            }
        }
        String::from_utf8(text).expect("text")
    }

    /// What a shard gives to who wants no more than the text.
    pub(crate) fn raw(&mut self, frame: &[u8]) -> Option<String> {
        let text = self.text(frame);
        let (op, seq, name) = GatewayEventDeserializer::from_json(&text)?.into_parts();
        (op == 0 && seq.is_some() && name.is_some()).then_some(text)
    }

    /// What `StreamExt::next_event` gives.
    pub(crate) fn typed(&mut self, frame: &[u8], wanted: EventTypeFlags) -> Option<Event> {
        let text = self.raw(frame)?;
        twilight_gateway::parse(text, wanted).expect("an event").map(Into::into)
    }
}
