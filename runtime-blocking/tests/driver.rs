//! The blocking adapter against real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[macro_use]
mod common;

use std::path::Path;
use std::time::Duration;

use common::{Next, Rig, Setup, Told, Toy};
use sanscord::time::Timestamp;
use sanscord_blocking::{Events, Handle, Network, NextError, start_with_audio};

struct Blocking {
    handle: Handle<Toy>,
    events: Option<Events<Told>>,
}

impl Rig for Blocking {
    fn start(setup: Setup) -> Self {
        let mut network = Network::new().connect_timeout(setup.connect_timeout);
        network = match setup.proxy {
            Some(url) => network.proxy(&url).unwrap(),
            None => network.no_proxy(),
        };
        if let Some(path) = setup.trust {
            network = network.trust_pem_file(path).unwrap();
        }
        let (handle, events) = start_with_audio(setup.toy, network, setup.audio).unwrap();
        Self { handle, events: Some(events) }
    }

    fn call<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Toy, Timestamp) -> T + Send + 'static,
    ) -> Option<T> {
        self.handle.call(command).ok()
    }

    fn next(&mut self, timeout: Duration) -> Next {
        match self.events.as_mut().unwrap().next_timeout(timeout) {
            Ok(event) => Next::Event(event),
            Err(NextError::Timeout) => Next::Timeout,
            Err(_) => Next::Ended,
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

scenarios!(Blocking);
