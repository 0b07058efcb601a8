//! The three adapters behind one face, each on the kind of runtime that its users have.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use sanscord::client::{Client, Event};
use sanscord::machine::Audio;
use sanscord::time::Timestamp;

/// What a client is started with.
pub(crate) struct Setup {
    pub(crate) client: Client,
    /// The certificate authority to trust.
    pub(crate) trust: Option<PathBuf>,
    pub(crate) audio: Listener,
    /// Whether the driver gets a thread of its own, in which commands run too. All others share a runtime.
    pub(crate) alone: bool,
}

pub(crate) type Listener = Box<dyn FnMut(&Audio, &[u8]) + Send>;

pub(crate) enum Next {
    Event(Event),
    Timeout,
    Ended,
}

/// A client at work on one of the adapters.
pub(crate) trait Adapter: Sized + Send + 'static {
    fn start(setup: Setup) -> Self;
    /// `None` if the driver has ended.
    fn call<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Client, Timestamp) -> T + Send + 'static,
    ) -> Option<T>;
    fn next(&mut self, timeout: Duration) -> Next;
    /// Ends the driver as abruptly as the adapter allows.
    fn kill(self);
}

macro_rules! network {
    ($adapter:ident, $trust:expr) => {{
        let network = $adapter::Network::new();
        match &$trust {
            Some(path) => network.trust_pem_file(path as &Path).unwrap(),
            None => network,
        }
    }};
}

pub(crate) struct Blocking {
    handle: sanscord_blocking::Handle<Client>,
    events: sanscord_blocking::Events<Event>,
}

impl Adapter for Blocking {
    fn start(setup: Setup) -> Self {
        let network = network!(sanscord_blocking, setup.trust);
        let (handle, events) =
            sanscord_blocking::start_with_audio(setup.client, network, setup.audio).unwrap();
        Self { handle, events }
    }

    fn call<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Client, Timestamp) -> T + Send + 'static,
    ) -> Option<T> {
        self.handle.call(command).ok()
    }

    fn next(&mut self, timeout: Duration) -> Next {
        match self.events.next_timeout(timeout) {
            Ok(event) => Next::Event(event),
            Err(sanscord_blocking::NextError::Timeout) => Next::Timeout,
            Err(_) => Next::Ended,
        }
    }

    /// A thread cannot be killed: letting go of it is all there is.
    fn kill(self) {}
}

pub(crate) struct Smol {
    handle: sanscord_smol::Handle<Client>,
    events: sanscord_smol::Events<Event>,
    driver: Option<smol::Task<()>>,
}

impl Adapter for Smol {
    fn start(setup: Setup) -> Self {
        let network = network!(sanscord_smol, setup.trust);
        let (driver, handle, events) =
            sanscord_smol::start_with_audio(setup.client, network, setup.audio).unwrap();
        let driver = if setup.alone {
            thread::spawn(move || smol::block_on(driver.run()));
            None
        } else {
            Some(smol::spawn(driver.run()))
        };
        Self { handle, events, driver }
    }

    fn call<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Client, Timestamp) -> T + Send + 'static,
    ) -> Option<T> {
        smol::block_on(self.handle.call(command)).ok()
    }

    fn next(&mut self, timeout: Duration) -> Next {
        let next = async { self.events.next().await.map_or(Next::Ended, Next::Event) };
        let late = async {
            smol::Timer::after(timeout).await;
            Next::Timeout
        };
        smol::block_on(smol::future::or(next, late))
    }

    fn kill(mut self) {
        // A task that is dropped is cancelled.
        self.driver = None;
    }
}

impl Drop for Smol {
    /// Letting go of the client is not to kill its driver.
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.detach();
        }
    }
}

pub(crate) struct Tokio {
    handle: sanscord_tokio::Handle<Client>,
    events: sanscord_tokio::Events<Event>,
    driver: Option<tokio::task::JoinHandle<()>>,
}

pub(crate) static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

impl Adapter for Tokio {
    fn start(setup: Setup) -> Self {
        let network = network!(sanscord_tokio, setup.trust);
        let (driver, handle, events) =
            sanscord_tokio::start_with_audio(setup.client, network, setup.audio).unwrap();
        let driver = if setup.alone {
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(driver.run());
            });
            None
        } else {
            Some(RUNTIME.spawn(driver.run()))
        };
        Self { handle, events, driver }
    }

    fn call<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Client, Timestamp) -> T + Send + 'static,
    ) -> Option<T> {
        RUNTIME.block_on(self.handle.call(command)).ok()
    }

    fn next(&mut self, timeout: Duration) -> Next {
        let events = &mut self.events;
        match RUNTIME.block_on(async { tokio::time::timeout(timeout, events.next()).await }) {
            Ok(Some(event)) => Next::Event(event),
            Ok(None) => Next::Ended,
            Err(_) => Next::Timeout,
        }
    }

    fn kill(self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}
