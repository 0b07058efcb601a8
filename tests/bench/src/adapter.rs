//! The three adapters, for whoever runs the same machine on each.

use sanscord::machine::{Audio, Machine};
use sanscord::time::Timestamp;

/// An adapter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Adapter {
    /// Plain threads.
    Blocking,
    /// tokio, with a runtime of one thread for each machine.
    Tokio,
    /// smol, with a thread for each machine beside that of its reactor.
    Smol,
}

impl Adapter {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Blocking, Self::Tokio, Self::Smol];

    /// The name of its package, without ours.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
        }
    }
}

/// A machine that is driven. The driver ends when this is dropped.
#[derive(Debug)]
pub enum Running<M: Machine> {
    /// By plain threads.
    Blocking(sanscord_blocking::Handle<M>, sanscord_blocking::Events<M::Event>),
    /// By tokio.
    Tokio(sanscord_tokio::Handle<M>, sanscord_tokio::Events<M::Event>),
    /// By smol.
    Smol(sanscord_smol::Handle<M>, sanscord_smol::Events<M::Event>),
}

impl<M> Running<M>
where
    M: Machine + Send + 'static,
    M::Event: Send + 'static,
{
    /// Starts it in a thread of its own.
    ///
    /// # Panics
    /// If the system gives no thread.
    pub fn start(adapter: Adapter, machine: M, audio: impl FnMut(&Audio, &[u8]) + Send + 'static) -> Self {
        match adapter {
            Adapter::Blocking => {
                let network = sanscord_blocking::Network::new();
                let (handle, events) =
                    sanscord_blocking::start_with_audio(machine, network, audio).expect("a thread");
                Self::Blocking(handle, events)
            }
            Adapter::Tokio => {
                let network = sanscord_tokio::Network::new();
                let (driver, handle, events) =
                    sanscord_tokio::start_with_audio(machine, network, audio).expect("TLS");
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                std::thread::spawn(move || runtime.block_on(driver.run()));
                Self::Tokio(handle, events)
            }
            Adapter::Smol => {
                let network = sanscord_smol::Network::new();
                let (driver, handle, events) =
                    sanscord_smol::start_with_audio(machine, network, audio).expect("TLS");
                std::thread::spawn(move || smol::block_on(driver.run()));
                Self::Smol(handle, events)
            }
        }
    }

    /// Does something with the machine, and answers what came of it.
    ///
    /// # Panics
    /// If the driver has ended.
    pub fn call<T: Send + 'static>(&self, act: impl FnOnce(&mut M, Timestamp) -> T + Send + 'static) -> T {
        match self {
            Self::Blocking(handle, _) => handle.call(act).expect("a driver"),
            Self::Tokio(handle, _) => smol::block_on(handle.call(act)).expect("a driver"),
            Self::Smol(handle, _) => smol::block_on(handle.call(act)).expect("a driver"),
        }
    }
}
