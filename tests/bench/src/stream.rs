//! What the gateway sends, made up: the same from the same seed.
//!
//! Shapes and order of keys follow Discord's payloads. The mix and the texts are assumptions: 60 % presences, 20 %
//! messages of 1.7 KB on average, and members, reactions, voice states and typing for the rest.

mod words;
mod world;

use bytes::Bytes;
use sanscord::gateway::inflate::Compression;
use sanscord::machine::Frame;
use zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_flush;

use world::World;

/// How many guilds the bot is in.
pub const GUILDS: usize = 20;

/// One session's messages as JSON, from Hello on; dispatches are numbered from 1.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Hello and READY: what comes before there is a session.
    pub opening: Vec<Bytes>,
    /// Everything after that.
    pub events: Vec<Bytes>,
}

impl Session {
    /// What a bot meets at the start: its guilds, of 71 KB to 1.1 MB.
    #[must_use]
    pub fn startup(seed: u64) -> Self {
        let mut world = World::new(seed);
        let mut session = world.open();
        for index in 0..GUILDS {
            let members = 60 + index * 81;
            let d = world.guild(index, members);
            session.events.push(world.dispatch("GUILD_CREATE", &d));
        }
        session
    }

    /// What a bot meets from then on: so many events of some 750 bytes.
    #[must_use]
    pub fn steady(seed: u64, events: usize) -> Self {
        let mut world = World::new(seed);
        let mut session = world.open();
        session.events = (0..events).map(|_| world.event()).collect();
        session
    }

    /// Events of this length.
    #[must_use]
    pub fn long(seed: u64, events: usize, len: usize) -> Self {
        let mut world = World::new(seed);
        let mut session = world.open();
        for _ in 0..events {
            let mut d = world.message();
            d.truncate(d.len() - 1);
            d.push_str(",\"filler\":\"");
            while d.len() < len - 60 {
                let words = world.words(8);
                d.push_str(&words);
            }
            d.push_str("\"}");
            session.events.push(world.dispatch("MESSAGE_CREATE", &d));
        }
        session
    }

    /// Numbers the events anew, after they were put together from several sessions.
    pub fn renumber(&mut self) {
        for (event, seq) in self.events.iter_mut().zip(2_u64..) {
            let text = String::from_utf8_lossy(event);
            if let Some((head, (_, tail))) =
                text.split_once("\"s\":").and_then(|(head, rest)| Some((head, rest.split_once(',')?)))
            {
                *event = format!("{head}\"s\":{seq},{tail}").into();
            }
        }
    }

    /// What crosses the WebSocket, opening first.
    ///
    /// # Panics
    /// If a compressor fails.
    #[must_use]
    pub fn frames(&self, compression: Compression) -> (Vec<Frame>, Vec<Frame>) {
        let mut encoder = Encoder::new(compression);
        let mut encode = |messages: &[Bytes]| messages.iter().map(|message| encoder.frame(message)).collect();
        (encode(&self.opening), encode(&self.events))
    }

    /// Bytes of JSON in the events.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.events.iter().map(Bytes::len).sum()
    }
}

/// The server's side of a compression.
enum Encoder {
    Text,
    Payload,
    Zlib(zlib_rs::Deflate),
    Zstd(zstd_safe::CCtx<'static>),
}

impl Encoder {
    fn new(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::Text,
            Compression::Payload => Self::Payload,
            Compression::ZlibStream => Self::Zlib(zlib_rs::Deflate::new(6, true, 15)),
            Compression::ZstdStream => {
                let mut context = zstd_safe::CCtx::create();
                for parameter in
                    [zstd_safe::CParameter::CompressionLevel(6), zstd_safe::CParameter::WindowLog(18)]
                {
                    context.set_parameter(parameter).expect("a parameter of zstd");
                }
                Self::Zstd(context)
            }
        }
    }

    fn frame(&mut self, message: &Bytes) -> Frame {
        let mut buffer = vec![0; message.len() + message.len() / 100 + 200];
        match self {
            Self::Text => return Frame::Text(message.clone()),
            Self::Payload => {
                let mut deflate = zlib_rs::Deflate::new(6, true, 15);
                deflate.compress(message, &mut buffer, zlib_rs::DeflateFlush::Finish).expect("room");
                buffer.truncate(deflate.total_out() as usize);
            }
            Self::Zlib(deflate) => {
                let before = deflate.total_out();
                deflate.compress(message, &mut buffer, zlib_rs::DeflateFlush::SyncFlush).expect("room");
                buffer.truncate((deflate.total_out() - before) as usize);
            }
            Self::Zstd(context) => {
                let mut input = zstd_safe::InBuffer::around(message);
                let mut output = zstd_safe::OutBuffer::around(&mut buffer[..]);
                let left = context.compress_stream2(&mut output, &mut input, ZSTD_e_flush).expect("room");
                assert_eq!(left, 0);
                let len = output.pos();
                buffer.truncate(len);
            }
        }
        Frame::Binary(buffer.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let [one, two, other] = [1, 1, 2].map(|seed| Session::steady(seed, 50));
        assert_eq!(one.events, two.events);
        assert_ne!(one.events, other.events);
    }

    #[test]
    fn lengths_are_as_documented() {
        let steady = Session::steady(1, 20_000);
        let mean = steady.bytes() / steady.events.len();
        assert!((700..800).contains(&mean), "{mean}");
        let messages: Vec<usize> = steady
            .events
            .iter()
            .filter(|event| event.starts_with(br#"{"t":"MESSAGE_CREATE""#))
            .map(Bytes::len)
            .collect();
        let mean = messages.iter().sum::<usize>() / messages.len();
        assert!((1600..1800).contains(&mean), "{mean}");
        let startup = Session::startup(1);
        let lengths: Vec<usize> = startup.events.iter().map(Bytes::len).collect();
        assert!((60_000..90_000).contains(&lengths[0]), "{lengths:?}");
        assert!((900_000..1_300_000).contains(&lengths[GUILDS - 1]), "{lengths:?}");
    }
}
