//! The smol adapter against real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[macro_use]
#[path = "../../runtime-blocking/tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::thread;
use std::time::Duration;

use common::{Next, Rig, Setup, Told, Toy};
use sanscord::time::Timestamp;
use sanscord_smol::{Events, Handle, Network, start_with_audio};
use smol::Timer;
use smol::future::{block_on, or};

struct Smol {
    handle: Handle<Toy>,
    events: Option<Events<Told>>,
}

impl Rig for Smol {
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
        thread::spawn(move || block_on(driver.run()));
        Self { handle, events: Some(events) }
    }

    fn call<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Toy, Timestamp) -> T + Send + 'static,
    ) -> Option<T> {
        block_on(self.handle.call(command)).ok()
    }

    fn next(&mut self, timeout: Duration) -> Next {
        let events = self.events.as_mut().unwrap();
        let next = async { events.next().await.map_or(Next::Ended, Next::Event) };
        let late = async {
            Timer::after(timeout).await;
            Next::Timeout
        };
        block_on(or(next, late))
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

scenarios!(Smol);
