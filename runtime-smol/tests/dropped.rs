//! Calls whose futures are dropped.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "../../runtime-tokio/tests/common/dropped.rs"]
mod dropped;

use std::time::Instant;

use sanscord::machine::Response;
use sanscord::rest::{Draft, Error};
use sanscord::secret::Token;
use sanscord_host::discord::Desk;
use sanscord_smol::{Discord, Network, Options};
use smol::future::FutureExt;

use self::dropped::Waits;

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

#[test]
fn a_wait_begins_anew() {
    smol::block_on(async {
        let mut run = Discord::new(Options::new(Token::new("token"))).unwrap().run(Waits::new());
        let began = Instant::now();
        let soon = async {
            smol::Timer::after(Waits::WAIT / 10).await;
            Some(Ok(()))
        };
        assert!(run.next().or(soon).await.is_some(), "it waits");
        assert!(run.next().await.is_none());
        assert!(began.elapsed() >= Waits::WAIT, "{:?}", began.elapsed());
    });
}
