//! Calls whose futures are dropped.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "common/dropped.rs"]
mod dropped;

use sanscord::machine::Response;
use sanscord::rest::{Draft, Error};
use sanscord_host::discord::Desk;
use sanscord_tokio::{Discord, Network, Options};
use tokio::runtime::{Builder, Runtime};

struct Tokio {
    discord: Discord,
    _runtime: Runtime,
}

impl dropped::Client for Tokio {
    fn start(options: Options) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let make = async { Discord::new(options.network(Network::new().no_proxy())) };
        let discord = runtime.block_on(make).unwrap();
        Self { discord, _runtime: runtime }
    }

    fn send(&self, draft: Draft) -> impl Future<Output = Result<Response, Error>> {
        self.discord.send(draft)
    }

    async fn on_desk<T: Send + 'static>(&self, act: impl FnOnce(&mut Desk) -> T + Send + 'static) -> T {
        self.discord.handle().call(|desk, _| act(desk)).await.unwrap()
    }
}

#[test]
fn calls_that_were_made_are_taken_back() {
    dropped::calls_that_were_made_are_taken_back::<Tokio>();
}

#[test]
fn calls_that_wait_for_the_driver_are_not_made() {
    dropped::calls_that_wait_for_the_driver_are_not_made::<Tokio>();
}
