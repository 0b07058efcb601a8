//! HTTP requests, through hyper.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Instant;

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::Uri;
use hyper::body::Frame;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use sanscord::machine::{AT_ONCE, Progress, Request, Response, TRANSFERS, Unanswered};
use sanscord_host::failure::Unreached;
use sanscord_host::http::{Exchange, Faults, Proxy, Receiver, Target, Upload, uses_disk};
use smol::Executor;
use smol::lock::Semaphore;
use smol_hyper::rt::FuturesIo;

use crate::clock::timeout;
use crate::dial::Dialer;
use crate::pool::{Pool, Sender, Way};
use crate::tls::Stream as Transport;

/// What all requests share.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    dialer: Dialer,
    slots: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
    pool: Pool,
    /// Runs the connections. Weak, since the requests that it runs hold this.
    executor: Weak<Executor<'static>>,
}

impl Http {
    pub(crate) fn new(dialer: Dialer, executor: Weak<Executor<'static>>) -> Self {
        Self {
            dialer,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            transfers: Arc::new(Semaphore::new(TRANSFERS)),
            pool: Pool::default(),
            executor,
        }
    }

    pub(crate) async fn perform(
        self,
        request: Request,
        report: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Response, Unanswered> {
        let (faults, begun) = (Faults::new(&request), Instant::now());
        let slots = Arc::clone(if request.is_transfer() { &self.transfers } else { &self.slots });
        let slot = timeout(request.deadline, slots.acquire()).await;
        let _slot = slot.ok_or_else(|| faults.no_turn())?;
        let left = request.deadline.saturating_sub(begun.elapsed());
        let pool = self.pool.clone();
        let mut is_out = false;
        let exchange = timeout(left, self.exchange(request, faults.clone(), report, &mut is_out)).await;
        let late = || Err(if is_out { faults.late() } else { faults.no_connection() });
        let (receiver, way, sender) = exchange.unwrap_or_else(late)?;
        // The answer is there: no deadline may take it away again.
        pool.keep(way, sender).await;
        // The server has done its part: a file that gets its name now is not to be told of as late.
        if receiver.uses_disk() { smol::unblock(move || receiver.finish()).await } else { receiver.finish() }
    }

    /// `is_out` tells whether something of the request may have been written.
    async fn exchange(
        self,
        request: Request,
        faults: Faults,
        report: impl FnMut(Progress) + Send + 'static,
        is_out: &mut bool,
    ) -> Result<(Receiver, Way, Sender), Unanswered> {
        let (must_wait, known) = (uses_disk(&request), faults.clone());
        let proxies = Arc::clone(&self.dialer.proxies);
        let prepare = move || Exchange::prepare(request, &proxies, &known, report);
        let exchange = if must_wait { smol::unblock(prepare).await } else { prepare() }?;

        let url = exchange.url.parse::<Uri>().map_err(|error| faults.refused(&error))?;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let authority = url.authority().map_or("", |authority| authority.as_str());
        let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
        // A proxy without a tunnel is asked for the whole URL (RFC 9112, section 3.2.2).
        let by_proxy = exchange.proxy.as_ref().filter(|_| !exchange.target.secure);
        let asked = if by_proxy.is_some() { format!("http://{authority}{path}") } else { path.to_owned() };
        let mut call = hyper::Request::builder().method(exchange.method.as_str()).uri(asked);
        if let Ok(authority) = HeaderValue::from_str(authority) {
            call = call.header(HOST, authority);
        }
        if let Some(authorization) = by_proxy.and_then(Proxy::authorization) {
            call = call.header(PROXY_AUTHORIZATION, authorization);
        }
        for (name, value) in &exchange.headers {
            call = call.header(*name, &**value);
        }
        let body = if exchange.upload.length() > 0 {
            StreamBody::new(pieces(exchange.upload)).boxed_unsync()
        } else {
            Empty::new().map_err(|never| match never {}).boxed_unsync()
        };
        let mut call = call.body(body).map_err(|error| faults.refused(&error))?;

        let proxy = exchange.proxy;
        let way = (exchange.target, proxy.as_ref().and_then(Proxy::target).cloned());
        let (sender, got) = loop {
            let (mut sender, is_new) = match self.pool.take(&way) {
                Some(sender) => (sender, false),
                None => {
                    let made = self.connect(&way.0, proxy.as_ref()).await;
                    (made.map_err(Faults::unreached)?, true)
                }
            };
            *is_out = true;
            match sender.try_send_request(call).await {
                Ok(got) => break (sender, got),
                Err(mut error) => match error.take_message() {
                    // The server had closed a kept connection: nothing was written.
                    Some(unsent) if !is_new => {
                        *is_out = false;
                        call = unsent;
                    }
                    Some(_) => return Err(faults.unsent(&error.into_error())),
                    None => return Err(faults.lost(&error.into_error())),
                },
            }
        };
        let (head, mut body) = got.into_parts();
        let fields = head.headers.iter();
        let fields =
            fields.filter_map(|(name, value)| Some((name.as_str().into(), value.to_str().ok()?.into())));
        let (status, fields, answer) = (head.status.as_u16(), fields.collect(), exchange.answer);
        let must_wait = answer.uses_disk();
        let begin = move || answer.begin(status, fields);
        let mut receiver = if must_wait { smol::unblock(begin).await } else { begin() }?;
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|error| faults.lost(&error))?.into_data() else { continue };
            receiver.push(&piece)?;
            if receiver.is_full() {
                receiver = smol::unblock(move || receiver.flush().map(|()| receiver)).await?;
            }
        }
        Ok((receiver, way, sender))
    }

    async fn connect(&self, target: &Target, proxy: Option<&Proxy>) -> Result<Sender, Unreached> {
        let limit = self.dialer.limit;
        let first = proxy.and_then(Proxy::target);
        let made = timeout(limit, async {
            let stream = match first {
                // A proxy without a tunnel.
                Some(at) if !target.secure => Transport::Plain(self.dialer.reach(at).await?),
                _ => self.dialer.dial(target, proxy).await?,
            };
            http1::handshake(FuturesIo::new(stream)).await.map_err(|error| Unreached::from(error.to_string()))
        });
        let late =
            || Err(format!("{} could not be reached within {limit:?}", first.unwrap_or(target).host).into());
        let (sender, connection) = made.await.unwrap_or_else(late)?;
        if let Some(executor) = self.executor.upgrade() {
            // What goes wrong with it is told to whoever sends or receives.
            executor.spawn(async { drop(connection.await) }).detach();
        }
        Ok(sender)
    }
}

/// The pieces of a body, each read when the one before has gone out.
fn pieces(upload: Upload) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
    stream::unfold(upload, |mut upload| async {
        let must_wait = upload.uses_disk();
        let next = move || (upload.next_piece(), upload);
        let (piece, upload) = if must_wait { smol::unblock(next).await } else { next() };
        let piece = piece?.map(Frame::data);
        Some((piece.map_err(|unanswered| io::Error::other(unanswered.reason.into_string())), upload))
    })
}
