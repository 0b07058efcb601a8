//! The tokio adapter against real sockets, on a current-thread runtime.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[macro_use]
#[path = "../../runtime-blocking/tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::thread;
use std::time::Duration;

use common::{Next, Rig, Setup, Told, Toy};
use sanscord::time::Timestamp;
use sanscord_tokio::{Events, Handle, Network, start_with_audio};
use tokio::runtime::{Builder, Runtime};

struct Tokio {
    runtime: Runtime,
    handle: Handle<Toy>,
    events: Option<Events<Told>>,
}

impl Rig for Tokio {
    fn start(setup: Setup) -> Self {
        let mut network = Network::new().connect_timeout(setup.connect_timeout);
        network = match setup.proxy {
            Some(url) => network.proxy(&url).unwrap(),
            None => network.no_proxy(),
        };
        if let Some(path) = setup.trust {
            network = network.trust_pem_file(path).unwrap();
        }
        let (driver, handle, events) = start_with_audio(setup.toy, network, setup.audio).unwrap();
        thread::spawn(move || {
            Builder::new_current_thread().enable_all().build().unwrap().block_on(driver.run())
        });
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        Self { runtime, handle, events: Some(events) }
    }

    fn call<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Toy, Timestamp) -> T + Send + 'static,
    ) -> Option<T> {
        self.runtime.block_on(self.handle.call(command)).ok()
    }

    fn next(&mut self, timeout: Duration) -> Next {
        let events = self.events.as_mut().unwrap();
        match self.runtime.block_on(async { tokio::time::timeout(timeout, events.next()).await }) {
            Ok(Some(event)) => Next::Event(event),
            Ok(None) => Next::Ended,
            Err(_) => Next::Timeout,
        }
    }

    fn dropped(&self) -> u64 {
        self.events.as_ref().unwrap().dropped()
    }

    fn drop_events(&mut self) {
        self.events = None;
    }

    fn trust(path: &Path) -> Result<(), String> {
        Network::new().trust_pem_file(path).map(drop).map_err(|error| error.to_string())
    }
}

scenarios!(Tokio);
