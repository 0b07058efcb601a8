//! Calls whose futures are dropped.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "common/dropped.rs"]
mod dropped;

use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use sanscord::machine::Response;
use sanscord::rest::{Draft, Error};
use sanscord::secret::Token;
use sanscord_host::discord::Desk;
use sanscord_tokio::{Discord, Network, Options};
use tokio::runtime::Builder;
use tokio::time::timeout;

use self::dropped::Waits;

struct Tokio {
    discord: Discord,
}

impl dropped::Client for Tokio {
    fn start(options: Options) -> Self {
        let (made, client) = channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                made.send(Discord::new(options.network(Network::new().no_proxy())).unwrap()).unwrap();
                std::future::pending::<()>().await;
            })
        });
        Self { discord: client.recv().unwrap() }
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

#[tokio::test]
async fn a_wait_begins_anew() {
    let mut run = Discord::new(Options::new(Token::new("token"))).unwrap().run(Waits::new());
    let began = Instant::now();
    assert!(timeout(Waits::WAIT / 10, run.next()).await.is_err(), "it waits");
    assert!(run.next().await.is_none());
    assert!(began.elapsed() >= Waits::WAIT, "{:?}", began.elapsed());
}
