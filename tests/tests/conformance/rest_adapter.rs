//! The REST clients of the three adapters behind one face.

use std::thread;
use std::time::Duration;

use sanscord::machine::{Progress, Response};
use sanscord::rest::session::Session;
use sanscord::rest::{Call, Draft, Endpoint, Error, Task};
use sanscord_blocking::Options;

use super::adapter::{Blocking, RUNTIME, Smol, Tokio};

/// What a task brought, and the task.
pub(crate) type Brought<T> = (Vec<Result<<T as Task>::Item, Error>>, T);

/// A REST client on one of the adapters. What it does is done when its functions come back.
pub(crate) trait RestAdapter: Sized + 'static {
    type Discord: Clone + Send + Sync + 'static;

    fn start(options: Options) -> Self::Discord;

    fn call<E: Endpoint>(discord: &Self::Discord, call: Call<E>) -> Result<E::Answer, Error>;

    fn call_with<E: Endpoint>(
        discord: &Self::Discord,
        call: Call<E>,
        watch: impl FnMut(Progress) + Send + 'static,
    ) -> Result<E::Answer, Error>;

    fn send(discord: &Self::Discord, draft: Draft) -> Result<Response, Error>;

    /// Runs a task until it has brought so much, or is done.
    fn run<T: Task>(discord: &Self::Discord, task: T, most: usize) -> Brought<T>;

    /// All of these at once, each on a clone in a task or thread of its own.
    fn all<E: Endpoint<Answer: Send> + 'static>(
        discord: &Self::Discord,
        calls: Vec<Call<E>>,
    ) -> Vec<Result<E::Answer, Error>>;

    /// Takes a call back after so long.
    fn give_up<E: Endpoint>(discord: &Self::Discord, call: Call<E>, after: Duration);

    /// Looks at the machine; `None` if it has ended.
    fn look<T: Send + 'static>(
        discord: &Self::Discord,
        look: impl FnOnce(&Session) -> T + Send + 'static,
    ) -> Option<T>;

    fn base(discord: &Self::Discord) -> &str;

    fn stop(discord: &Self::Discord);
}

impl RestAdapter for Blocking {
    type Discord = sanscord_blocking::Discord;

    fn start(options: Options) -> Self::Discord {
        sanscord_blocking::Discord::new(options).unwrap()
    }

    fn call<E: Endpoint>(discord: &Self::Discord, call: Call<E>) -> Result<E::Answer, Error> {
        discord.call(call)
    }

    fn call_with<E: Endpoint>(
        discord: &Self::Discord,
        call: Call<E>,
        watch: impl FnMut(Progress) + Send + 'static,
    ) -> Result<E::Answer, Error> {
        discord.call_with(call, watch)
    }

    fn send(discord: &Self::Discord, draft: Draft) -> Result<Response, Error> {
        discord.send(draft)
    }

    fn run<T: Task>(discord: &Self::Discord, task: T, most: usize) -> Brought<T> {
        let mut run = discord.run(task);
        let brought = run.by_ref().take(most).collect();
        (brought, run.into_task())
    }

    fn all<E: Endpoint<Answer: Send> + 'static>(
        discord: &Self::Discord,
        calls: Vec<Call<E>>,
    ) -> Vec<Result<E::Answer, Error>> {
        let threads: Vec<_> = calls
            .into_iter()
            .map(|call| {
                let discord = discord.clone();
                thread::spawn(move || discord.call(call))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }

    /// A thread that waits cannot be told to stop: whoever wants that takes the call to the machine.
    fn give_up<E: Endpoint>(discord: &Self::Discord, call: Call<E>, after: Duration) {
        let draft = call.into_draft();
        let begun = discord.handle().call(move |desk, now| desk.call(now, draft, Box::new(|_| ()), None));
        let call = begun.unwrap();
        thread::sleep(after);
        discord.handle().call(move |desk, now| desk.cancel(now, call)).unwrap();
    }

    fn look<T: Send + 'static>(
        discord: &Self::Discord,
        look: impl FnOnce(&Session) -> T + Send + 'static,
    ) -> Option<T> {
        discord.handle().call(|desk, _| look(desk.session())).ok()
    }

    fn base(discord: &Self::Discord) -> &str {
        discord.base()
    }

    fn stop(discord: &Self::Discord) {
        discord.stop();
    }
}

macro_rules! future_client {
    ($adapter:ident, $crate_name:ident, $block_on:expr, $spawn:expr, $sleep:expr) => {
        impl RestAdapter for $adapter {
            type Discord = $crate_name::Discord;

            fn start(options: Options) -> Self::Discord {
                // Where the driver is to be spawned.
                let _runtime = RUNTIME.enter();
                $crate_name::Discord::new(options).unwrap()
            }

            fn call<E: Endpoint>(discord: &Self::Discord, call: Call<E>) -> Result<E::Answer, Error> {
                $block_on(discord.call(call))
            }

            fn call_with<E: Endpoint>(
                discord: &Self::Discord,
                call: Call<E>,
                watch: impl FnMut(Progress) + Send + 'static,
            ) -> Result<E::Answer, Error> {
                $block_on(discord.call_with(call, watch))
            }

            fn send(discord: &Self::Discord, draft: Draft) -> Result<Response, Error> {
                $block_on(discord.send(draft))
            }

            fn run<T: Task>(discord: &Self::Discord, task: T, most: usize) -> Brought<T> {
                $block_on(async {
                    let mut run = discord.run(task);
                    let mut brought = Vec::new();
                    while brought.len() < most {
                        match run.next().await {
                            Some(item) => brought.push(item),
                            None => break,
                        }
                    }
                    (brought, run.into_task())
                })
            }

            fn all<E: Endpoint<Answer: Send> + 'static>(
                discord: &Self::Discord,
                calls: Vec<Call<E>>,
            ) -> Vec<Result<E::Answer, Error>> {
                let tasks: Vec<_> = calls
                    .into_iter()
                    .map(|call| {
                        let discord = discord.clone();
                        $spawn(async move { discord.call(call).await })
                    })
                    .collect();
                $block_on(async {
                    let mut answers = Vec::new();
                    for task in tasks {
                        answers.push(task.await.into_answer());
                    }
                    answers
                })
            }

            fn give_up<E: Endpoint>(discord: &Self::Discord, call: Call<E>, after: Duration) {
                let late = async {
                    $sleep(after).await;
                    None
                };
                let called = async { Some(discord.call(call).await.map(|_| ())) };
                let answer = $block_on(smol::future::or(called, late));
                assert!(answer.is_none(), "it was done before: {answer:?}");
            }

            fn look<T: Send + 'static>(
                discord: &Self::Discord,
                look: impl FnOnce(&Session) -> T + Send + 'static,
            ) -> Option<T> {
                $block_on(discord.handle().call(|desk, _| look(desk.session()))).ok()
            }

            fn base(discord: &Self::Discord) -> &str {
                discord.base()
            }

            fn stop(discord: &Self::Discord) {
                $block_on(discord.stop());
            }
        }
    };
}

future_client!(Smol, sanscord_smol, smol::block_on, smol::spawn, smol::Timer::after);
future_client!(Tokio, sanscord_tokio, block_on_tokio, spawn_on_tokio, tokio::time::sleep);

fn block_on_tokio<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

fn spawn_on_tokio<F: Future<Output: Send> + Send + 'static>(future: F) -> tokio::task::JoinHandle<F::Output> {
    RUNTIME.spawn(future)
}

/// What a spawned task ends with.
trait IntoAnswer<T> {
    fn into_answer(self) -> T;
}

impl<T, E> IntoAnswer<Self> for Result<T, E> {
    fn into_answer(self) -> Self {
        self
    }
}

impl<T, E> IntoAnswer<Result<T, E>> for Result<Result<T, E>, tokio::task::JoinError> {
    fn into_answer(self) -> Result<T, E> {
        self.unwrap()
    }
}
