//! An office on a socket: one limiter for the clients of several processes.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use sanscord_host::office::Office;
//!
//! let office = Office::listen("127.0.0.1:7071")?;
//! office.wait(); // Elsewhere: Options::from_env().limits_at("ws://127.0.0.1:7071")
//! # Ok(())
//! # }
//! ```
//!
//! It is written once, on threads, for programs of any runtime: one accepts, one has the limiters, and each client
//! takes two, which sleep unless something is said. A program on tokio or smol may run it beside its runtime.
//!
//! | what | bound | at the bound |
//! |---|---|---|
//! | clients | [`share::Config::clients`] | refused with HTTP status 503 |
//! | connections, those included that are no clients yet | 256 | dropped |
//! | the handshake | 5 s | dropped |
//! | a message | 64 KiB | the client is cut off |
//! | messages that wait for the limiters | 256 | their senders wait |
//! | messages that wait for a client | 65,536, each for 10 s | it is cut off |

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sanscord::rest::share::{self, ClientId, Saved, Told};
use sanscord::time::Timestamp;
use tracing::{debug, info, warn};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use crate::{Ended, SetupError};

/// Has the limits of a bot, and lets the clients of several processes use them in turn: those that
/// [`Options::limits_at`](crate::discord::Options::limits_at) sends here.
///
/// It ends when it is dropped. Clients wait then, and go on with the next that listens at this address: see
/// [`share`]. Whoever can connect can use turns up, so the address is one of the loopback, or of a network where only
/// clients are. Web pages are refused.
#[derive(Debug)]
pub struct Office {
    address: SocketAddr,
    words: SyncSender<Word>,
    ends: Arc<AtomicBool>,
    clerk: Option<JoinHandle<()>>,
    porter: Option<JoinHandle<()>>,
}

/// What the thread with the limiters is told.
enum Word {
    /// Somebody has shaken hands, on this connection.
    Join(TcpStream, Sender<Option<Seat>>),
    Said(ClientId, Bytes),
    Ping(ClientId, Bytes),
    Gone(ClientId),
    Do(Act),
    End,
}

type Act = Box<dyn FnOnce(&mut share::Office, Timestamp) + Send>;

/// A client's place: its name, and what is to be sent to it.
type Seat = (ClientId, Receiver<Message>);

impl Office {
    /// An office that knows of no limit yet, listening at this address; port 0 takes any that is free.
    ///
    /// # Errors
    ///
    /// [`SetupError::Io`] if that address cannot be had.
    pub fn listen(address: impl ToSocketAddrs) -> Result<Self, SetupError> {
        Self::listen_with(address, share::Office::new(share::Config::default()))
    }

    /// The same with a configuration of its own, or with limits that an earlier office has learned
    /// ([`share::Office::restore`]). Its clock begins now.
    ///
    /// # Errors
    ///
    /// As with [`listen`](Self::listen).
    pub fn listen_with(address: impl ToSocketAddrs, office: share::Office) -> Result<Self, SetupError> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let (words, heard) = sync_channel(WORDS);
        let ends = Arc::new(AtomicBool::new(false));
        let clerk = Clerk { office, origin: Instant::now(), desks: BTreeMap::new() };
        let clerk = thread::Builder::new().name("sanscord-office".into()).spawn(move || clerk.run(&heard))?;
        let (to_clerk, over) = (words.clone(), Arc::clone(&ends));
        let porter = thread::Builder::new()
            .name("sanscord-door".into())
            .spawn(move || receive(&listener, &to_clerk, &over))?;
        info!(%address, "an office listens");
        Ok(Self { address, words, ends, clerk: Some(clerk), porter: Some(porter) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for [`Options::limits_at`](crate::discord::Options::limits_at).
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// What was learned, for [`share::Office::restore`].
    ///
    /// # Errors
    ///
    /// [`Ended`] if it has ended, by a panic.
    pub fn save(&self) -> Result<Saved, Ended> {
        self.with(|office, now| office.save(now))
    }

    /// Looks at the machine, or acts on it, on its thread; everything else there waits.
    ///
    /// # Errors
    ///
    /// [`Ended`] if it has ended, by a panic.
    pub fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut share::Office, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        let (answer, answered) = channel();
        let act = Box::new(move |office: &mut share::Office, now| {
            let _ = answer.send(act(office, now));
        });
        self.words.send(Word::Do(act)).map_err(|_| Ended)?;
        answered.recv().map_err(|_| Ended)
    }

    /// Waits for as long as it serves: for ever, but for a panic.
    pub fn wait(mut self) {
        if let Some(clerk) = self.clerk.take() {
            let _ = clerk.join();
        }
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.words.send(Word::End);
        // Whoever accepts wakes up by one more.
        let mut own = self.address;
        match own.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => own.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => own.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let woken = TcpStream::connect_timeout(&own, HANDSHAKE).is_ok();
        let porter = self.porter.take().filter(|_| woken);
        for thread in self.clerk.take().into_iter().chain(porter) {
            let _ = thread.join();
        }
    }
}

/// Has the limiters.
struct Clerk {
    office: share::Office,
    origin: Instant,
    desks: BTreeMap<ClientId, Desk>,
}

/// The way to a client.
struct Desk {
    messages: SyncSender<Message>,
    stream: TcpStream,
}

impl Clerk {
    fn run(mut self, words: &Receiver<Word>) {
        loop {
            let patience = self.office.deadline().map(|at| at.since(self.now()));
            let word = match patience {
                None => words.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(patience) => words.recv_timeout(patience),
            };
            let now = self.now();
            match word {
                Ok(Word::Join(stream, seat)) => {
                    let _ = seat.send(self.join(now, stream));
                }
                Ok(Word::Said(client, text)) => self.office.hear(now, client, &text),
                Ok(Word::Ping(client, data)) => self.send(client, Message::Pong(data)),
                Ok(Word::Gone(client)) => {
                    if self.desks.remove(&client).is_some() {
                        debug!(client = client.as_u64(), "a client has gone");
                        self.office.leave(now, client);
                    }
                }
                Ok(Word::Do(act)) => act(&mut self.office, now),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Word::End) | Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Some(told) = self.office.poll(now) {
                match told {
                    Told::Answer(client, answer) => self.send(client, Message::text(answer.to_text())),
                    Told::Dismiss(client, why) => {
                        warn!(client = client.as_u64(), %why, "a client is cut off");
                        let (code, reason) = (CloseCode::Policy, why.to_string().into());
                        self.send(client, Message::Close(Some(CloseFrame { code, reason })));
                        self.desks.remove(&client);
                    }
                }
            }
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.origin.elapsed()
    }

    fn join(&mut self, now: Timestamp, stream: TcpStream) -> Option<Seat> {
        let client = self.office.join(now)?;
        let (messages, queue) = sync_channel(MESSAGES);
        debug!(client = client.as_u64(), "a client has come");
        self.desks.insert(client, Desk { messages, stream });
        Some((client, queue))
    }

    fn send(&mut self, client: ClientId, message: Message) {
        let Some(desk) = self.desks.get(&client) else { return };
        if desk.messages.try_send(message).is_err() {
            debug!(client = client.as_u64(), "a client does not take what it is sent");
            let _ = desk.stream.shutdown(Shutdown::Both);
            self.desks.remove(&client);
            self.office.leave(self.now(), client);
        }
    }
}

/// Takes connections in until it is over.
fn receive(listener: &TcpListener, words: &SyncSender<Word>, over: &Arc<AtomicBool>) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let accepted = listener.accept();
        if over.load(Ordering::Relaxed) {
            return;
        }
        let stream = match accepted {
            Ok((stream, _)) if open.load(Ordering::Relaxed) < CONNECTIONS => stream,
            Ok(_) => continue,
            Err(error) => {
                // Too many files, perhaps: that may pass.
                debug!(%error, "a connection could not be accepted");
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        open.fetch_add(1, Ordering::Relaxed);
        let (words, count) = (words.clone(), Leaves(Arc::clone(&open)));
        let spawned = thread::Builder::new().name("sanscord-client".into()).spawn(move || {
            let _count = count;
            if let Err(error) = serve(stream, &words) {
                debug!(%error, "a connection to the office failed");
            }
        });
        if let Err(error) = spawned {
            debug!(%error, "no thread for a client");
        }
    }
}

/// Counts a connection out.
struct Leaves(Arc<AtomicUsize>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Shakes hands, and hands on what the client says until it has gone.
fn serve(stream: TcpStream, words: &SyncSender<Word>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(HANDSHAKE))?;
    stream.set_write_timeout(Some(SENDING))?;
    let (for_clerk, for_writer) = (stream.try_clone()?, stream.try_clone()?);
    let ours = stream.try_clone()?;
    let half = Half { stream, until: Some(Instant::now() + HANDSHAKE), mute: false };
    let mut seat = None;
    #[expect(clippy::result_large_err, reason = "the WebSocket library asks for this type")]
    let callback = |request: &Request, response: Response| {
        let refuse = |status| {
            let mut refused = ErrorResponse::new(None);
            *refused.status_mut() = status;
            Err(refused)
        };
        // Browsers let any page speak to the loopback, and say so.
        if request.headers().contains_key("origin") {
            return refuse(StatusCode::FORBIDDEN);
        }
        let (answer, answered) = channel();
        if words.send(Word::Join(for_clerk, answer)).is_ok() {
            seat = answered.recv().ok().flatten();
        }
        if seat.is_some() { Ok(response) } else { refuse(StatusCode::SERVICE_UNAVAILABLE) }
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MESSAGE))
        .max_frame_size(Some(MESSAGE));
    let opened = tungstenite::accept_hdr_with_config(half, callback, Some(config))
        .map_err(|error| io::Error::other(error.to_string()));
    let Some((client, queue)) = seat else { return Ok(()) };
    let ended = opened.and_then(|mut socket| {
        socket.get_mut().listen()?;
        let thread = thread::Builder::new().name("sanscord-answers".into());
        thread.spawn(move || write(for_writer, &queue))?;
        hear(&mut socket, client, words)
    });
    let _ = words.send(Word::Gone(client));
    let _ = ours.shutdown(Shutdown::Read);
    ended
}

fn hear(socket: &mut WebSocket<Half>, client: ClientId, words: &SyncSender<Word>) -> io::Result<()> {
    loop {
        let word = match socket.read() {
            Ok(Message::Text(text)) => Word::Said(client, text.into()),
            Ok(Message::Binary(data)) => Word::Said(client, data),
            Ok(Message::Ping(data)) => Word::Ping(client, data),
            Ok(Message::Pong(_) | Message::Frame(_)) => continue,
            Ok(Message::Close(_))
            | Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => return Ok(()),
            Err(error) => return Err(io::Error::other(error.to_string())),
        };
        if words.send(word).is_err() {
            return Ok(());
        }
    }
}

/// Sends until nothing more will come, or the client does not take it.
fn write(stream: TcpStream, queue: &Receiver<Message>) {
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
    let mut send_all = || -> Result<(), tungstenite::Error> {
        while let Ok(first) = queue.recv() {
            socket.write(first)?;
            while let Ok(next) = queue.try_recv() {
                socket.write(next)?;
            }
            socket.flush()?;
        }
        socket.close(None)?;
        socket.flush()
    };
    // Whatever the reason, whoever reads learns by the end of the stream.
    let _ = send_all();
    let _ = socket.get_ref().shutdown(Shutdown::Both);
}

/// The side that listens. Once the handshake is over it only reads: another thread writes.
struct Half {
    stream: TcpStream,
    /// When the handshake must be over.
    until: Option<Instant>,
    mute: bool,
}

impl Half {
    fn listen(&mut self) -> io::Result<()> {
        (self.until, self.mute) = (None, true);
        // Silence is for the limiters' thread to judge.
        self.stream.set_read_timeout(None)
    }
}

impl Read for Half {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.until.is_some_and(|until| until <= Instant::now()) {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.read(buffer)
    }
}

impl Write for Half {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.mute { Ok(data.len()) } else { self.stream.write(data) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

const CONNECTIONS: usize = 256;
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a client may take to take what it is sent.
const SENDING: Duration = Duration::from_secs(10);
const WORDS: usize = 256;
const MESSAGES: usize = 65_536;
/// Bytes of a message; a route and an outcome have some 400.
const MESSAGE: usize = 64 << 10;
const READ_BUFFER: usize = 16 << 10;

#[cfg(test)]
mod tests;
