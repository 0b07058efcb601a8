//! What has become of a request, as its connection sees it: ureq does not say whether anything was sent, and can cut
//! no single request.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, ShutdownHandle, Transport,
};

/// A request under way.
#[derive(Default)]
pub(crate) struct Flight {
    sent: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cancelled: bool,
    socket: Option<Socket>,
}

type Socket = Weak<dyn ShutdownHandle>;

thread_local! {
    /// The request that this thread is at.
    static ABOARD: RefCell<Option<Arc<Flight>>> = const { RefCell::new(None) };
}

/// Does this on behalf of a request.
pub(crate) fn aboard<T>(flight: &Arc<Flight>, act: impl FnOnce() -> T) -> T {
    struct Landing;
    impl Drop for Landing {
        fn drop(&mut self) {
            ABOARD.set(None);
        }
    }
    ABOARD.set(Some(Arc::clone(flight)));
    let _landing = Landing;
    act()
}

fn current() -> Option<Arc<Flight>> {
    ABOARD.with_borrow(Clone::clone)
}

impl Flight {
    /// Whether the server may have seen the whole head of the request.
    pub(crate) fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// Whether nobody waits for it any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Cuts its connection, or keeps it from being made.
    pub(crate) fn cancel(&self) {
        let mut state = self.lock();
        state.cancelled = true;
        // Under the lock: once it is let go, the connection may be another request's.
        if let Some(socket) = state.socket.take().and_then(|socket| socket.upgrade()) {
            socket.shutdown();
        }
    }

    fn uses(&self, socket: Option<&Socket>) -> io::Result<()> {
        let mut state = self.lock();
        if state.cancelled {
            return Err(io::Error::other("the request was cancelled"));
        }
        state.socket = socket.cloned();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("sent", &self.sent).finish_non_exhaustive()
    }
}

/// ureq's own connector, watched.
#[derive(Debug, Default)]
pub(crate) struct Connect(DefaultConnector);

impl Connector for Connect {
    type Out = Watched;

    fn connect(&self, details: &ConnectionDetails, chained: Option<()>) -> Result<Option<Watched>, Error> {
        let socket: Arc<Mutex<Option<Socket>>> = Arc::default();
        let (register, slot) = (Arc::clone(&details.register_shutdown), Arc::clone(&socket));
        let details = ConnectionDetails {
            uri: details.uri,
            addrs: details.addrs.clone(),
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: Arc::clone(&details.current_time),
            run_connector: Arc::clone(&details.run_connector),
            register_shutdown: Arc::new(move |socket| {
                register(Weak::clone(&socket))?;
                if let Some(flight) = current() {
                    flight.uses(Some(&socket))?;
                }
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
                Ok(())
            }),
        };
        let made = self.0.connect(&details, chained);
        if let Some(flight) = current() {
            // What a proxy was told is not the request.
            flight.sent.store(false, Ordering::Relaxed);
        }
        Ok(made?.map(|transport| Watched { transport, socket }))
    }
}

/// A connection. It serves one request after the other, each on a thread of its own.
pub(crate) struct Watched {
    transport: Box<dyn Transport>,
    socket: Arc<Mutex<Option<Socket>>>,
}

impl Transport for Watched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let flight = current();
        if let Some(flight) = &flight {
            flight.uses(self.socket.lock().unwrap_or_else(PoisonError::into_inner).as_ref())?;
        }
        self.transport.transmit_output(amount, timeout)?;
        if let Some(flight) = flight {
            flight.sent.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.transport.await_input(timeout)
    }

    /// ureq asks before it keeps a connection, and before it uses a kept one.
    fn is_open(&mut self) -> bool {
        if let Some(flight) = current() {
            flight.lock().socket = None;
        }
        self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(&self.transport).finish()
    }
}
