//! Discord's REST API: `discord.call(request).await`.

use std::time::Duration;

use sanscord::rest::session::Event;
use sanscord::time::Timestamp;
use sanscord_host::client::{self, Runtime};
use sanscord_host::discord::Desk;

use crate::{Ended, Events, Handle, Network, SetupError, start};

/// Makes calls of Discord's REST API: see [`client::Discord`]. Its driver runs on smol's global executor.
pub type Discord = client::Discord<Smol>;

/// What takes several requests, on its way: see [`client::Run`].
pub type Run<T> = client::Run<Smol, T>;

/// What [`Discord`] runs on.
#[derive(Debug)]
pub enum Smol {}

impl Runtime for Smol {
    type Handle = Handle<Desk>;

    fn start(desk: Desk, network: Network) -> Result<(Handle<Desk>, Events<Event>), SetupError> {
        let (driver, handle, events) = start(desk, network)?;
        smol::spawn(driver.run()).detach();
        Ok((handle, events))
    }

    async fn call(
        handle: &Handle<Desk>,
        command: impl FnOnce(&mut Desk, Timestamp) + Send + 'static,
    ) -> Result<(), Ended> {
        handle.call(command).await
    }

    fn tell(handle: &Handle<Desk>, command: impl FnOnce(&mut Desk, Timestamp) + Send + 'static) {
        handle.tell(command);
    }

    async fn sleep(time: Duration) {
        smol::Timer::after(time).await;
    }
}
