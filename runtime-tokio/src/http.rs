//! HTTP requests, through hyper.

use std::io;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::Uri;
use hyper::body::Frame;
use hyper::header::PROXY_AUTHORIZATION;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use sanscord::machine::{AT_ONCE, Progress, Request, Response, TRANSFERS, Unanswered};
use sanscord_host::failure::Unreached;
use sanscord_host::http::{Exchange, Faults, KEPT, KEPT_FOR, Proxy, Receiver, Target, Upload, uses_disk};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use tower_service::Service;

use crate::dial::Dialer;
use crate::tls::Stream as Transport;

/// What all requests share.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client<Connect, Outgoing>,
    dialer: Dialer,
    slots: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
}

/// What goes out.
type Outgoing = UnsyncBoxBody<Bytes, io::Error>;

impl Http {
    pub(crate) fn new(dialer: Dialer) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT_FOR)
            .pool_max_idle_per_host(KEPT)
            .build(Connect(dialer.clone()));
        let [slots, transfers] = [AT_ONCE, TRANSFERS].map(|count| Arc::new(Semaphore::new(count)));
        Self { client, dialer, slots, transfers }
    }

    pub(crate) async fn perform(
        self,
        request: Request,
        report: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Response, Unanswered> {
        let (faults, begun) = (Faults::new(&request), Instant::now());
        let slots = Arc::clone(if request.is_transfer() { &self.transfers } else { &self.slots });
        let slot = timeout(request.deadline, slots.acquire()).await;
        // Nobody closes them.
        let _slot = slot.map_err(|_| faults.no_turn())?;
        let left = request.deadline.saturating_sub(begun.elapsed());
        let mut way = None;
        let exchange = timeout(left, self.exchange(request, faults.clone(), report, &mut way)).await;
        let receiver = exchange.unwrap_or_else(|_| {
            let is_there = way.is_some_and(|way: CaptureConnection| way.connection_metadata().is_some());
            Err(if is_there { faults.late() } else { faults.no_connection() })
        })?;
        // The server has done its part: a file that gets its name now is not to be told of as late.
        if receiver.uses_disk() { on_disk(move || receiver.finish()).await } else { receiver.finish() }
    }

    /// `way` tells whether there was a connection: nothing is sent before.
    async fn exchange(
        self,
        request: Request,
        faults: Faults,
        report: impl FnMut(Progress) + Send + 'static,
        way: &mut Option<CaptureConnection>,
    ) -> Result<Receiver, Unanswered> {
        let (must_wait, proxies, known) =
            (uses_disk(&request), Arc::clone(&self.dialer.proxies), faults.clone());
        let prepare = move || Exchange::prepare(request, &proxies, &known, report);
        let Exchange { method, url, target, proxy, headers, upload, answer } =
            if must_wait { on_disk(prepare).await } else { prepare() }?;

        let mut call = hyper::Request::builder().method(method.as_str()).uri(without_user(&url));
        if let Some(authorization) = proxy.as_ref().filter(|_| !target.secure).and_then(Proxy::authorization)
        {
            call = call.header(PROXY_AUTHORIZATION, authorization);
        }
        for (name, value) in &headers {
            call = call.header(*name, &**value);
        }
        let body = if upload.length() > 0 {
            StreamBody::new(pieces(upload)).boxed_unsync()
        } else {
            Empty::new().map_err(|never| match never {}).boxed_unsync()
        };
        let mut call = call.body(body).map_err(|error| faults.refused(&error))?;
        *way = Some(capture_connection(&mut call));
        let got = self.client.request(call).await;
        let got = got.map_err(|error| match error.is_connect() {
            true => faults.unsent(&error),
            false => faults.lost(&error),
        })?;
        let (head, mut body) = got.into_parts();
        let fields = head.headers.iter();
        let fields =
            fields.filter_map(|(name, value)| Some((name.as_str().into(), value.to_str().ok()?.into())));
        let (status, fields) = (head.status.as_u16(), fields.collect());
        let must_wait = answer.uses_disk();
        let begin = move || answer.begin(status, fields);
        let mut receiver = if must_wait { on_disk(begin).await } else { begin() }?;
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|error| faults.lost(&error))?.into_data() else { continue };
            receiver.push(&piece)?;
            if receiver.is_full() {
                receiver = on_disk(move || receiver.flush().map(|()| receiver)).await?;
            }
        }
        Ok(receiver)
    }
}

/// The URL as it goes out: what stands before the host is not for it.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Makes the connections of hyper's client.
#[derive(Clone, Debug)]
struct Connect(Dialer);

impl Connect {
    async fn connect(self, url: Uri) -> Result<TokioIo<Transport>, Unreached> {
        let target = Target::parse(&url.to_string()).ok_or_else(|| format!("{url} names no host"))?;
        let proxy = self.0.proxies.choose(&target).map_err(|unusable| unusable.reason.into_string())?;
        let limit = self.0.limit;
        let first = proxy.and_then(Proxy::target);
        let made = timeout(limit, async {
            match first {
                // A proxy without a tunnel.
                Some(at) if !target.secure => self.0.reach(at).await.map(Transport::Proxied),
                _ => self.0.dial(&target, proxy).await,
            }
        });
        let late = |_| {
            Err(format!("{} could not be reached within {limit:?}", first.unwrap_or(&target).host).into())
        };
        made.await.unwrap_or_else(late).map(TokioIo::new)
    }
}

impl Service<Uri> for Connect {
    type Response = TokioIo<Transport>;
    type Error = Unreached;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unreached>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unreached>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        Box::pin(self.clone().connect(url))
    }
}

/// The pieces of a body, each read when the one before has gone out.
fn pieces(upload: Upload) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
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
