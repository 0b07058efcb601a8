//! A server machine on loopback sockets: TLS, HTTP, WebSocket and UDP as Discord has them.
//!
//! One thread owns the machine and all sockets. Nothing blocks it: a client that is slow, silent or talks
//! nonsense costs one connection, of which there may be [`MAX_CONNECTIONS`].

mod connection;
mod http;
mod tls;
mod worker;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::{Poll, Waker};
use sanscord::time::Timestamp;

use self::worker::{Sockets, WAKER, Worker};
use crate::certificate::Certificate;
use crate::server::{Addresses, Server};

/// The most TCP connections at a time; further ones are dropped as soon as they are made.
pub const MAX_CONNECTIONS: usize = 1024;

/// How long a connection that has ended may take to take its last bytes and to answer the close frame.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// A server machine at work on a thread of its own, which ends when this value is dropped.
#[derive(Debug)]
pub struct Loopback<S> {
    addresses: Addresses,
    certificate: Certificate,
    shared: Arc<Shared>,
    tasks: Sender<Task<S>>,
    thread: Option<JoinHandle<S>>,
}

#[derive(Debug)]
struct Shared {
    waker: Waker,
    stops: AtomicBool,
    refuses_tls: AtomicBool,
}

/// Something to do with the server; what it gives back is called when the server's outputs are performed.
type Task<S> = Box<dyn FnOnce(&mut S, Timestamp) -> Box<dyn FnOnce()> + Send>;

impl<S: Server + Send + 'static> Loopback<S> {
    /// Binds sockets on 127.0.0.1, makes a certificate, and starts the server that `build` makes for these
    /// addresses. HTTP and the gateway share a port, as the `Upgrade` field tells them apart.
    ///
    /// # Errors
    /// If the operating system gives no sockets, no thread or no randomness.
    pub fn start(build: impl FnOnce(&Addresses) -> S) -> io::Result<Self> {
        let certificate = Certificate::generate()?;
        let poll = Poll::new()?;
        let sockets = Sockets::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &poll)?;
        let main = sockets.main.local_addr()?;
        let addresses = Addresses {
            api_base: format!("https://{main}/api/v10"),
            gateway_url: format!("wss://{main}"),
            voice_endpoint: sockets.voice.local_addr()?.to_string(),
            voice_udp: sockets.udp.local_addr()?,
        };
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (stops, refuses_tls) = (AtomicBool::new(false), AtomicBool::new(false));
        let shared = Arc::new(Shared { waker, stops, refuses_tls });
        let (tasks, queue) = mpsc::channel();
        let (tls, origin) = (certificate.server_config(), Instant::now());
        let server = build(&addresses);
        let worker = Worker::new(server, Arc::clone(&shared), queue, poll, sockets, tls, origin);
        let thread = thread::Builder::new().name("sanscord-loopback".into()).spawn(move || worker.run())?;
        Ok(Self { addresses, certificate, shared, tasks, thread: Some(thread) })
    }

    /// Where clients find the server.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The certificate authority that clients must trust, as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        self.certificate.authority_pem()
    }

    /// Writes [`Loopback::certificate_pem`] to a file, for clients that read `SSL_CERT_FILE`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_certificate(&self, path: impl AsRef<Path>) -> io::Result<()> {
        std::fs::write(path, self.certificate_pem())
    }

    /// Closes every new connection before TLS, or serves again.
    pub fn set_refuse_tls(&self, on: bool) {
        self.shared.refuses_tls.store(on, Ordering::Relaxed);
    }

    /// Runs a closure on the server's thread, performs what the server then asks for, and gives the closure's
    /// answer back.
    ///
    /// # Panics
    /// If the closure does, with its panic, or if the server has panicked before.
    pub fn with<T: Send + 'static>(&self, act: impl FnOnce(&mut S, Timestamp) -> T + Send + 'static) -> T {
        let (answer, answered) = mpsc::sync_channel(1);
        let task: Task<S> = Box::new(move |server, now| {
            // The server stays in whatever state the panic left it: the test fails anyway.
            let result = catch_unwind(AssertUnwindSafe(|| act(server, now)));
            Box::new(move || {
                let _ = answer.send(result);
            })
        });
        let is_sent = self.tasks.send(task).is_ok() && self.shared.waker.wake().is_ok();
        match is_sent.then(|| answered.recv()) {
            Some(Ok(Ok(answer))) => answer,
            Some(Ok(Err(panic))) => resume_unwind(panic),
            None | Some(Err(_)) => panic!("the server on loopback has panicked"),
        }
    }

    /// Ends the thread, drops all connections, and gives the server back.
    ///
    /// # Panics
    /// If the server has, with its panic.
    #[must_use]
    pub fn stop(mut self) -> S {
        self.shared.stop();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(server)) => server,
            Some(Err(panic)) => resume_unwind(panic),
            None => unreachable!("the thread is taken only here and in drop"),
        }
    }
}

impl<S> Drop for Loopback<S> {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // Its panic, if it had one, has been printed.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn stop(&self) {
        self.stops.store(true, Ordering::Relaxed);
        // It fails only where the poll is gone, and the thread with it.
        let _ = self.waker.wake();
    }
}
