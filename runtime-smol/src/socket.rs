//! WebSockets, each with a task of its own, and UDP sockets.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_tungstenite::tungstenite::client::IntoClientRequest;
use async_tungstenite::tungstenite::error::ProtocolError;
use async_tungstenite::tungstenite::protocol::WebSocketConfig;
use async_tungstenite::tungstenite::{self, Error, Message, Utf8Bytes};
use async_tungstenite::{WebSocketReceiver, WebSocketSender, WebSocketStream, client_async_with_config};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use sanscord::machine::{CloseFrame, Closed, Frame, SocketId};
use sanscord_host::failure::{CUT, is_cut};
use sanscord_host::http::Target;
use smol::channel::{Receiver, Sender, bounded, unbounded};
use smol::{Async, Timer};

use crate::clock::timeout;
use crate::dial::Dialer;
use crate::tls::Stream;

pub(crate) type Socket = WebSocketStream<Stream>;

/// Connects and shakes hands, by the proxy that there is for the URL, for at most as long as the dialer allows.
pub(crate) async fn connect(url: &str, dialer: &Dialer) -> Result<Socket, Closed> {
    let no_url = |why: &str| refused(format!("{url} is no WebSocket URL: {why}"));
    let request = url.into_client_request().map_err(|error| no_url(&error.to_string()))?;
    let target = Target::parse_web_socket(url).ok_or_else(|| no_url("it needs ws: or wss:, and a host"))?;
    let proxy = dialer.proxies.choose(&target).map_err(|unusable| refused(unusable.reason.into()))?;
    let (host, limit) = (&target.host, dialer.limit);
    let made = timeout(limit, async {
        let stream = dialer.dial(&target, proxy).await.map_err(|why| refused(why.reason))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => Err(Closed::Refused {
                status: Some(response.status().as_u16()),
                reason: format!("{host} answered {}", response.status()).into(),
            }),
            Err(error) => Err(refused(format!("the WebSocket handshake with {host} failed: {error}"))),
        }
    });
    made.await.unwrap_or_else(|| Err(refused(format!("{host} did not answer within {limit:?}"))))
}

pub(crate) fn refused(reason: String) -> Closed {
    Closed::Refused { status: None, reason: reason.into() }
}

/// The driver's end of an open WebSocket. Dropped, it lets the task send what is waiting and end, within
/// [`CLOSING`].
#[derive(Debug)]
pub(crate) struct Link {
    outbox: Sender<Message>,
    waiting: Arc<AtomicUsize>,
    _open: Sender<()>,
}

/// What a WebSocket brought, in order.
#[derive(Debug)]
pub(crate) enum Incoming {
    Frame(Frame),
    Closed(Closed),
}

pub(crate) type Inbox = Sender<(SocketId, Incoming)>;

impl Link {
    /// The link, and the task that serves it.
    pub(crate) fn new(id: SocketId, socket: Socket, inbox: Inbox) -> (Self, impl Future<Output = ()> + Send) {
        let (outbox, outgoing) = unbounded();
        let (open, closing) = bounded(1);
        let waiting = Arc::new(AtomicUsize::new(0));
        let task = serve(id, socket, inbox, outgoing, Arc::clone(&waiting), closing);
        (Self { outbox, waiting, _open: open }, task)
    }

    pub(crate) fn send(&self, frame: Frame) -> Result<(), Closed> {
        if self.waiting.load(Ordering::Relaxed) > MAX_WAITING {
            let reason = "the peer does not read: more than 1 MiB is waiting to be sent";
            return Err(Closed::Lost { reason: reason.into() });
        }
        let message = match frame {
            Frame::Text(data) => {
                Message::Text(Utf8Bytes::try_from(data).map_err(|error| lost(error.into()))?)
            }
            Frame::Binary(data) => Message::Binary(data),
        };
        self.waiting.fetch_add(message.len() + FRAME_COST, Ordering::Relaxed);
        // A task that is gone has told why, or will have.
        let _ = self.outbox.try_send(message);
        Ok(())
    }

    pub(crate) fn close(self, frame: Option<CloseFrame>) {
        if let Some(CloseFrame { code, reason }) = frame {
            let reason = Utf8Bytes::from(reason.into_string());
            let frame = tungstenite::protocol::CloseFrame { code: code.into(), reason };
            let _ = self.outbox.try_send(Message::Close(Some(frame)));
        }
    }
}

async fn serve(
    id: SocketId,
    socket: Socket,
    inbox: Inbox,
    outgoing: Receiver<Message>,
    waiting: Arc<AtomicUsize>,
    closing: Receiver<()>,
) {
    let (sender, receiver) = socket.split();
    let cut = closing.clone();
    let exchange = pin!(async {
        let reading = pin!(read(id, receiver, &inbox, closing));
        match select(reading, pin!(write(sender, outgoing, &waiting))).await {
            Either::Left(((), _)) | Either::Right((Ok(Sent::All), _)) => {}
            Either::Right((Ok(Sent::Close), reading)) => reading.await,
            // What the peer said before it cut the connection is still to be read.
            Either::Right((Err(error), reading)) => {
                if timeout(CLOSING, reading).await.is_none() {
                    let _ = inbox.send((id, Incoming::Closed(lost(error)))).await;
                }
            }
        }
    });
    let cut = pin!(async {
        let _ = cut.recv().await;
        Timer::after(CLOSING).await;
    });
    select(exchange, cut).await;
}

async fn read(id: SocketId, mut receiver: WebSocketReceiver<Stream>, inbox: &Inbox, closing: Receiver<()>) {
    loop {
        let incoming =
            match receiver.next().await {
                Some(Ok(Message::Text(text))) => Incoming::Frame(Frame::Text(text.into())),
                Some(Ok(Message::Binary(data))) => Incoming::Frame(Frame::Binary(data)),
                Some(Ok(Message::Close(frame))) => Incoming::Closed(Closed::ByPeer(frame.map(|frame| {
                    CloseFrame { code: frame.code.into(), reason: frame.reason.as_str().into() }
                }))),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(error)) => Incoming::Closed(lost(error)),
                None => Incoming::Closed(lost(Error::ConnectionClosed)),
            };
        let (last, by_peer) = (
            matches!(incoming, Incoming::Closed(_)),
            matches!(incoming, Incoming::Closed(Closed::ByPeer(_))),
        );
        // Nobody wants to hear from a socket that is closing.
        let unwanted = match select(pin!(closing.recv()), pin!(inbox.send((id, incoming)))).await {
            Either::Left(_) => true,
            Either::Right((sent, _)) => sent.is_err(),
        };
        if by_peer && !unwanted {
            // Reading on sends our answer; the server is the one to close the connection.
            let _ = timeout(CLOSING, async { while receiver.next().await.is_some() {} }).await;
        }
        if last {
            return;
        }
    }
}

enum Sent {
    /// All, and there will be no more.
    All,
    /// A close frame, after all.
    Close,
}

async fn write(
    mut sender: WebSocketSender<Stream>,
    outgoing: Receiver<Message>,
    waiting: &AtomicUsize,
) -> Result<Sent, Error> {
    while let Ok(message) = outgoing.recv().await {
        if message.is_close() {
            sender.send(message).await?;
            return Ok(Sent::Close);
        }
        let cost = message.len() + FRAME_COST;
        sender.send(message).await?;
        waiting.fetch_sub(cost, Ordering::Relaxed);
    }
    Ok(Sent::All)
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
    socket: Async<UdpSocket>,
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
        Ok(Self { id, socket: Async::new(socket)?, errors: 0 })
    }

    pub(crate) fn send(&self, data: &[u8]) -> io::Result<usize> {
        self.socket.get_ref().send(data)
    }

    /// The length of the next datagram, or an error if there will be none ever.
    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.socket.get_ref().recv(buffer) {
                Ok(length) => {
                    self.errors = 0;
                    return Poll::Ready(Ok(length));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.errors = 0;
                    ready!(self.socket.poll_readable(cx))?;
                }
                Err(error) => {
                    self.errors += 1;
                    if self.errors == MAX_ERRORS {
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
    }
}

const CLOSING: Duration = Duration::from_secs(2);
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
