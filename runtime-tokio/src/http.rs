//! HTTP requests, through reqwest.

use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::redirect::Policy;
use reqwest::{Body, Client};
use rustls::ClientConfig;
use sanscord::machine::{Method, Progress, Request, Response, Unanswered};
use sanscord_host::http::{
    AT_ONCE, Exchange, Faults, KEPT, KEPT_FOR, Proxies, Receiver, TRANSFERS, Target, Upload, is_transfer,
    uses_disk,
};
use sanscord_host::{Network, SetupError};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

/// What all requests share.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    proxies: Arc<Proxies>,
    slots: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
}

impl Http {
    pub(crate) fn new(network: &Network, tls: ClientConfig) -> Result<Self, SetupError> {
        let proxies = Arc::new(network.proxies());
        let chosen = Arc::clone(&proxies);
        let proxy = reqwest::Proxy::custom(move |url| {
            let target = Target::parse(url.as_str())?;
            // One that cannot be used has been told of before.
            Some(chosen.choose(&target).ok()??.url().to_owned())
        });
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .proxy(proxy)
            .connect_timeout(network.connect_limit())
            .pool_idle_timeout(KEPT_FOR)
            .pool_max_idle_per_host(KEPT)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| SetupError::Tls { reason: error.to_string() })?;
        let [slots, transfers] = [AT_ONCE, TRANSFERS].map(|count| Arc::new(Semaphore::new(count)));
        Ok(Self { client, proxies, slots, transfers })
    }

    pub(crate) async fn perform(
        self,
        request: Request,
        report: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Response, Unanswered> {
        let faults = Faults::new(&request);
        let (late, begun) = (faults.late(), Instant::now());
        let slots = Arc::clone(if is_transfer(&request) { &self.transfers } else { &self.slots });
        let slot = timeout(request.deadline, slots.acquire()).await;
        // Nobody closes them.
        let _slot = slot.map_err(|_| faults.no_turn())?;
        let left = request.deadline.saturating_sub(begun.elapsed());
        let exchange = timeout(left, self.exchange(request, faults, report)).await;
        let receiver = exchange.unwrap_or(Err(late))?;
        // The server has done its part: a file that gets its name now is not to be told of as late.
        if receiver.uses_disk() { on_disk(move || receiver.finish()).await } else { receiver.finish() }
    }

    async fn exchange(
        self,
        request: Request,
        faults: Faults,
        report: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Receiver, Unanswered> {
        let (must_wait, proxies, known) = (uses_disk(&request), Arc::clone(&self.proxies), faults.clone());
        let prepare = move || Exchange::prepare(request, &proxies, &known, report);
        let Exchange { method, url, headers, upload, answer, .. } =
            if must_wait { on_disk(prepare).await } else { prepare() }?;

        let mut call = self.client.request(named(method), &*url);
        for (name, value) in &headers {
            call = call.header(*name, &**value);
        }
        if upload.length() > 0 {
            call = call.body(Body::wrap(StreamBody::new(pieces(upload))));
        }
        let fault = |error: reqwest::Error| {
            let error = error.without_url();
            if error.is_builder() {
                faults.refused(&error)
            } else if error.is_connect() {
                faults.unsent(&error)
            } else {
                faults.lost(&error)
            }
        };
        let mut got = call.send().await.map_err(fault)?;
        let fields = got.headers().iter();
        let fields =
            fields.filter_map(|(name, value)| Some((name.as_str().into(), value.to_str().ok()?.into())));
        let (status, fields) = (got.status().as_u16(), fields.collect());
        let must_wait = answer.uses_disk();
        let begin = move || answer.begin(status, fields);
        let mut receiver = if must_wait { on_disk(begin).await } else { begin() }?;
        while let Some(piece) = got.chunk().await.map_err(fault)? {
            receiver.push(&piece)?;
            if receiver.is_full() {
                receiver = on_disk(move || receiver.flush().map(|()| receiver)).await?;
            }
        }
        Ok(receiver)
    }
}

fn named(method: Method) -> reqwest::Method {
    match method {
        Method::Delete => reqwest::Method::DELETE,
        Method::Get => reqwest::Method::GET,
        Method::Patch => reqwest::Method::PATCH,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
    }
}

/// The pieces of a body, each read when the one before has gone out.
fn pieces(upload: Upload) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send + Sync {
    stream::unfold(upload, |mut upload| async {
        let must_wait = upload.uses_disk();
        let next = move || (upload.next_piece(), upload);
        let (piece, upload) = if must_wait { on_disk(next).await } else { next() };
        let piece = piece?.map(Frame::data);
        Some((piece.map_err(|unanswered| io::Error::other(unanswered.reason.into_string())), upload))
    })
}

/// Lets the disk keep a thread of the blocking pool waiting, not the driver's.
async fn on_disk<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let error = match spawn_blocking(act).await {
        Ok(done) => return done,
        Err(error) => error,
    };
    if error.is_panic() {
        resume_unwind(error.into_panic())
    }
    // The runtime ends, and this task with it.
    std::future::pending().await
}
