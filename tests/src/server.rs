//! The vocabulary of the server side: what may happen to our Discord, and what it may ask for.

use std::net::SocketAddr;

use bytes::Bytes;
use sanscord::machine::{CloseFrame, Frame, Method, Response};
use sanscord::time::Timestamp;

/// Names a client's WebSocket connection; minted by whoever drives the server, never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnectionId(pub u64);

/// Names one HTTP exchange; minted by whoever drives the server, never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ExchangeId(pub u64);

/// Which of Discord's hosts a connection was made to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// The main gateway.
    Gateway,
    /// A voice server's gateway.
    Voice,
}

/// What happened to the server.
#[derive(Debug)]
pub enum ServerInput {
    /// The time that the last [`ServerOutput::Wait`] named has come.
    Timeout,
    /// A client asks for a WebSocket. Answered with [`ServerOutput::Accept`] or [`ServerOutput::Refuse`].
    Upgrade {
        /// The connection's name from now on.
        connection: ConnectionId,
        /// The host that was connected to.
        service: Service,
        /// Path and query, as in the request line.
        target: String,
    },
    /// One whole WebSocket message arrived.
    Frame(ConnectionId, Frame),
    /// The client closed the connection, with its close frame if it sent one. The last input for it.
    Closed(ConnectionId, Option<CloseFrame>),
    /// A datagram arrived at the voice server's UDP port.
    Datagram {
        /// The sender as the server sees it.
        from: SocketAddr,
        /// What it sent.
        data: Bytes,
    },
    /// An HTTP request. Answered with [`ServerOutput::Respond`].
    Request {
        /// The exchange's name from now on.
        exchange: ExchangeId,
        /// The method, if it is one that Discord uses.
        method: Option<Method>,
        /// Path and query.
        target: String,
        /// Header fields, names in lower case.
        headers: Vec<(String, String)>,
        /// The whole body.
        body: Bytes,
    },
}

/// What the server asks for, in this order.
#[derive(Debug)]
#[must_use]
pub enum ServerOutput {
    /// Finish the WebSocket handshake.
    Accept(ConnectionId),
    /// Answer the upgrade with this HTTP status instead.
    Refuse(ConnectionId, u16),
    /// Send one WebSocket message.
    SendFrame(ConnectionId, Frame),
    /// Close the WebSocket with this frame.
    Close(ConnectionId, CloseFrame),
    /// Cut the connection without a word.
    Cut(ConnectionId),
    /// Send a datagram from the voice server's UDP port.
    SendDatagram {
        /// The receiver.
        to: SocketAddr,
        /// What to send.
        data: Bytes,
    },
    /// Answer an HTTP request.
    Respond(ExchangeId, Response),
    /// Cut the connection of an HTTP request without an answer.
    Reset(ExchangeId),
    /// Drained. Come back at this time, or with any other input before it.
    Wait(Option<Timestamp>),
}

/// A server side machine: our Discord, or a test's own.
pub trait Server {
    /// Takes what happened at `now`. Inputs for a connection or exchange that is no longer known change nothing.
    fn handle_input(&mut self, now: Timestamp, input: ServerInput);

    /// The next thing to do. Call it until it answers [`ServerOutput::Wait`].
    fn poll_output(&mut self) -> ServerOutput;
}

/// Where clients find a server, for it to tell them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Addresses {
    /// Where REST paths begin, as in `https://discord.com/api/v10`.
    pub api_base: String,
    /// The gateway, with its scheme, without path or query.
    pub gateway_url: String,
    /// The voice gateway as `VOICE_SERVER_UPDATE` names it: host and port without a scheme.
    pub voice_endpoint: String,
    /// The voice server's UDP port.
    pub voice_udp: SocketAddr,
}

impl Addresses {
    /// The addresses of a server in memory: names as Discord's are, and an address kept for documentation
    /// (RFC 5737).
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            api_base: "https://discord.com/api/v10".into(),
            gateway_url: "wss://gateway.discord.gg".into(),
            voice_endpoint: "voice.discord.media:443".into(),
            voice_udp: SocketAddr::from(([198, 51, 100, 1], 50_000)),
        }
    }
}
