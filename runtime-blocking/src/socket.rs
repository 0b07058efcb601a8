//! WebSockets and UDP sockets.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use rustls::ClientConfig;
use sanscord::machine::{CloseFrame, Closed, Frame, SocketId};
use sanscord_host::failure::{CUT, Unreached, is_cut};
use sanscord_host::http::{Proxies, Proxy, Target, Tunnel};
use sanscord_host::{Network, SetupError};
use tungstenite::client::IntoClientRequest;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, HandshakeError, Message, Utf8Bytes, WebSocket};

use crate::tls::Stream;

/// A TCP socket that obeys a deadline as long as it blocks.
#[derive(Debug)]
pub(crate) struct Tcp {
    io: mio::net::TcpStream,
    /// The same socket, to set its timeouts, and until when the handshakes must be over.
    handshake: Option<(TcpStream, Instant)>,
}

impl Tcp {
    fn connect(addresses: &[SocketAddr], deadline: Instant) -> io::Result<Self> {
        let mut last = io::Error::new(ErrorKind::NotFound, "it has no address");
        for (index, address) in addresses.iter().enumerate() {
            let share = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            match TcpStream::connect_timeout(address, left(deadline)? / share) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    let io = mio::net::TcpStream::from_std(stream.try_clone()?);
                    return Ok(Self { io, handshake: Some((stream, deadline)) });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// From now on, nothing blocks.
    fn unblock(&mut self) -> io::Result<()> {
        if let Some((socket, _)) = self.handshake.take() {
            socket.set_nonblocking(true)?;
        }
        Ok(())
    }

    pub(crate) fn source(&mut self) -> &mut mio::net::TcpStream {
        &mut self.io
    }

    fn within<T>(
        &mut self,
        limit: impl FnOnce(&TcpStream, Option<Duration>) -> io::Result<()>,
        act: impl FnOnce(&mut mio::net::TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        let Some((socket, deadline)) = &self.handshake else { return act(&mut self.io) };
        limit(socket, Some(left(*deadline)?))?;
        act(&mut self.io).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
            _ => error,
        })
    }
}

impl Read for Tcp {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.within(TcpStream::set_read_timeout, |io| io.read(buf))
    }
}

impl Write for Tcp {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.within(TcpStream::set_write_timeout, |io| io.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.io.flush()
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// How WebSockets are reached.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    tls: Arc<ClientConfig>,
    proxies: Arc<Proxies>,
    /// How long it may take.
    limit: Duration,
}

impl Dialer {
    pub(crate) fn new(network: &Network) -> Result<Self, SetupError> {
        Ok(Self {
            tls: Arc::new(network.client_config()?),
            proxies: Arc::new(network.proxies()),
            limit: network.connect_limit(),
        })
    }

    /// Leads to the target itself, through the proxy if there is one; shakes hands if TLS is asked for.
    fn dial(
        &self,
        target: &Target,
        proxy: Option<&Proxy>,
        deadline: Instant,
    ) -> Result<Stream<Tcp>, Unreached> {
        let tcp = match proxy.and_then(|proxy| Some((proxy, proxy.target()?))) {
            Some((proxy, at)) => tunnel(reach(at, deadline)?, Tunnel::new(proxy, target))?,
            None => reach(target, deadline)?,
        };
        match target.secure {
            true => Stream::handshake(Arc::clone(&self.tls), &target.host, tcp),
            false => Ok(Stream::Plain(tcp)),
        }
    }
}

/// Connects and shakes hands, by the proxy that there is for the URL, blocking for at most as long as the dialer
/// allows. The socket that comes out does not block.
pub(crate) fn connect(url: &str, dialer: &Dialer) -> Result<WebSocket<Stream<Tcp>>, Closed> {
    let refused = |reason: String| Closed::Refused { status: None, reason: reason.into() };
    let no_url = |why: &str| refused(format!("{url} is no WebSocket URL: {why}"));
    let request = url.into_client_request().map_err(|error| no_url(&error.to_string()))?;
    let target = Target::parse_web_socket(url).ok_or_else(|| no_url("it needs ws: or wss:, and a host"))?;
    let proxy = dialer.proxies.choose(&target).map_err(|unusable| refused(unusable.reason.into()))?;
    let (host, limit) = (&target.host, dialer.limit);
    let deadline = Instant::now() + limit;
    let late = || refused(format!("{host} did not answer within {limit:?}"));

    let stream = dialer.dial(&target, proxy, deadline).map_err(|why| match left(deadline) {
        Ok(_) => refused(why.reason),
        Err(_) => late(),
    })?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let (mut socket, _) = tungstenite::client::client_with_config(request, stream, Some(config)).map_err(
        |error| match error {
            HandshakeError::Failure(Error::Http(response)) => Closed::Refused {
                status: Some(response.status().as_u16()),
                reason: format!("{host} answered {}", response.status()).into(),
            },
            _ if left(deadline).is_err() => late(),
            HandshakeError::Failure(error) => {
                refused(format!("the WebSocket handshake with {host} failed: {error}"))
            }
            HandshakeError::Interrupted(_) => late(),
        },
    )?;
    let tcp = socket.get_mut().socket();
    tcp.unblock().map_err(|error| refused(format!("the socket to {host} failed: {error}")))?;
    Ok(socket)
}

/// Tries one address after the other.
fn reach(target: &Target, deadline: Instant) -> Result<Tcp, Unreached> {
    let Target { host, port, .. } = target;
    let addresses = resolve(host, *port, deadline)
        .map_err(|error| format!("the name {host} could not be resolved: {error}"))?;
    Tcp::connect(&addresses, deadline)
        .map_err(|error| format!("{host} port {port} could not be reached: {error}").into())
}

fn tunnel(mut tcp: Tcp, mut tunnel: Tunnel) -> Result<Tcp, Unreached> {
    tcp.write_all(tunnel.request()).map_err(|error| tunnel.failed(&error))?;
    loop {
        let mut byte = [0];
        tcp.read_exact(&mut byte).map_err(|error| tunnel.failed(&error))?;
        if tunnel.push(byte[0])? {
            return Ok(tcp);
        }
    }
}

/// The system's resolver knows no timeout, so it runs on a thread that may outlive the question.
fn resolve(host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    let (answer, answered) = sync_channel(1);
    let name = host.to_owned();
    thread::Builder::new().name("sanscord-dns".into()).spawn(move || {
        let found = (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
        let _ = answer.send(found);
    })?;
    answered.recv_timeout(left(deadline)?).unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => Err(io::Error::new(ErrorKind::TimedOut, "no answer in time")),
        RecvTimeoutError::Disconnected => Err(io::Error::other("the resolver failed")),
    })
}

/// An open WebSocket, with what waits to be sent.
#[derive(Debug)]
pub(crate) struct Link {
    /// `None` once the machine has done with it, or has been told of its end.
    pub(crate) id: Option<SocketId>,
    /// Gone as soon as all is sent: there is nothing to wait for from the peer.
    hasty: bool,
    socket: WebSocket<Stream<Tcp>>,
    waiting: VecDeque<Message>,
    waiting_bytes: usize,
    /// Sending failed. What the peer said before it cut the connection is still to be read.
    broken: Option<Closed>,
}

/// What reading brought.
#[derive(Debug)]
pub(crate) enum Got {
    Frame(Frame),
    /// Pings and pongs stay here.
    Control,
    /// Nothing until the socket is readable again.
    Blocked,
    Closed(Closed),
}

impl Link {
    pub(crate) fn new(id: SocketId, socket: WebSocket<Stream<Tcp>>) -> Self {
        Self { id: Some(id), hasty: false, socket, waiting: VecDeque::new(), waiting_bytes: 0, broken: None }
    }

    pub(crate) fn source(&mut self) -> &mut mio::net::TcpStream {
        self.socket.get_mut().socket().source()
    }

    /// Queues a frame; [`Link::pump`] sends it.
    pub(crate) fn queue(&mut self, frame: Frame) -> Result<(), Closed> {
        if self.waiting_bytes > MAX_WAITING {
            let reason = "the peer does not read: more than 1 MiB is waiting to be sent";
            return Err(Closed::Lost { reason: reason.into() });
        }
        let cost = frame.len() + FRAME_COST;
        let message = match frame {
            Frame::Text(data) => {
                Message::Text(Utf8Bytes::try_from(data).map_err(|error| lost(error.into()))?)
            }
            Frame::Binary(data) => Message::Binary(data),
        };
        self.waiting_bytes += cost;
        self.waiting.push_back(message);
        Ok(())
    }

    /// Lets go of the machine; queues a close frame after all that is waiting, if there is one.
    pub(crate) fn close(&mut self, frame: Option<CloseFrame>) {
        self.id = None;
        self.hasty = frame.is_none();
        if let Some(CloseFrame { code, reason }) = frame {
            let reason = Utf8Bytes::from(reason.into_string());
            let frame = tungstenite::protocol::CloseFrame { code: code.into(), reason };
            self.waiting.push_back(Message::Close(Some(frame)));
        }
    }

    /// The peer has closed: only the answer is still to be sent.
    pub(crate) fn acknowledge(&mut self) {
        self.id = None;
        self.hasty = true;
        self.waiting.clear();
    }

    /// Whether sending has failed, so that reading will tell how the connection ended.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Sends what the socket takes. Answers whether the link is still needed.
    pub(crate) fn pump(&mut self) -> bool {
        while self.broken.is_none() {
            match self.socket.flush() {
                Ok(()) => {}
                Err(error) if blocked(&error) => return true,
                Err(error) => {
                    self.broken = Some(lost(error));
                    break;
                }
            }
            let Some(message) = self.waiting.pop_front() else { return !self.hasty };
            if !message.is_close() {
                self.waiting_bytes -= message.len() + FRAME_COST;
            }
            match self.socket.write(message) {
                Err(error) if !blocked(&error) => self.broken = Some(lost(error)),
                _ => {}
            }
        }
        true
    }

    pub(crate) fn read(&mut self) -> Got {
        match self.socket.read() {
            Ok(Message::Text(text)) => Got::Frame(Frame::Text(text.into())),
            Ok(Message::Binary(data)) => Got::Frame(Frame::Binary(data)),
            Ok(Message::Close(frame)) => {
                Got::Closed(Closed::ByPeer(frame.map(|frame| CloseFrame {
                    code: frame.code.into(),
                    reason: frame.reason.as_str().into(),
                })))
            }
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Got::Control,
            Err(error) if blocked(&error) => self.broken.take().map_or(Got::Blocked, Got::Closed),
            Err(error) => Got::Closed(lost(error)),
        }
    }
}

fn blocked(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == ErrorKind::WouldBlock)
}

fn lost(error: Error) -> Closed {
    let reason = match error {
        Error::ConnectionClosed | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            CUT.to_owned()
        }
        error if is_cut(&error) => CUT.to_owned(),
        Error::Io(error) => error.to_string(),
        error => error.to_string(),
    };
    Closed::Lost { reason: reason.into() }
}

/// A UDP socket that hears and speaks to one peer only.
#[derive(Debug)]
pub(crate) struct Udp {
    pub(crate) id: SocketId,
    pub(crate) socket: UdpSocket,
    /// Errors since the last datagram. ICMP reports come as errors and pass.
    errors: u32,
}

impl Udp {
    pub(crate) fn open(id: SocketId, peer: SocketAddr) -> io::Result<Self> {
        let any = match peer {
            SocketAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
            SocketAddr::V6(_) => SocketAddr::from(([0; 16], 0)),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(peer)?;
        Ok(Self { id, socket, errors: 0 })
    }

    /// The length of the next datagram, `None` if there is none now, an error if there will be none ever.
    pub(crate) fn receive(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.socket.recv(buf) {
                Ok(length) => {
                    self.errors = 0;
                    return Ok(Some(length));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.errors = 0;
                    return Ok(None);
                }
                Err(error) => {
                    self.errors += 1;
                    if self.errors == MAX_ERRORS {
                        return Err(error);
                    }
                }
            }
        }
    }
}

/// What a frame costs besides its payload, so that empty ones are bounded too.
const FRAME_COST: usize = 64;
const MAX_MESSAGE: usize = 256 << 20;
const MAX_WAITING: usize = 1 << 20;
/// What a connection holds while nothing comes, in bytes. tungstenite clears it before each read: with its own 128 KiB a
/// short message takes three times as long, below 8 KiB nothing is gained (measured).
const READ_BUFFER: usize = 8 << 10;
/// A socket that answers nothing but errors this often in a row is unusable: a peer's ICMP reports are handed over
/// one at a time, and between them the socket would block.
const MAX_ERRORS: u32 = 64;
