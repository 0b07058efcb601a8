//! Calls whose futures are dropped.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "../../runtime-tokio/tests/common/dropped.rs"]
mod dropped;

use sanscord::machine::Response;
use sanscord::rest::{Draft, Error};
use sanscord_host::discord::Desk;
use sanscord_smol::{Discord, Network, Options};

struct Smol {
    discord: Discord,
}

impl dropped::Client for Smol {
    fn start(options: Options) -> Self {
        Self { discord: Discord::new(options.network(Network::new().no_proxy())).unwrap() }
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
    dropped::calls_that_were_made_are_taken_back::<Smol>();
}

#[test]
fn calls_that_wait_for_the_driver_are_not_made() {
    dropped::calls_that_wait_for_the_driver_are_not_made::<Smol>();
}
