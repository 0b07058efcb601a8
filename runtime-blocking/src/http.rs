//! HTTP requests, each on a thread of its own for as long as it lasts.

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sanscord::machine::{Fault, MAX_BODY, Request, RequestId, Response, Unanswered};
use sanscord_host::Network;
use sanscord_host::failure::{CUT, explain, is_cut, rustls_error};
use tracing::debug;
use ureq::http;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Error};

use crate::report::{Report, Reporter};

#[derive(Debug)]
pub(crate) struct Http {
    agent: Agent,
    reporter: Reporter,
    running: usize,
    wanted: HashSet<RequestId>,
    waiting: VecDeque<Exchange>,
}

#[derive(Debug)]
struct Exchange {
    id: RequestId,
    request: Request,
    deadline: Instant,
}

impl Http {
    pub(crate) fn new(network: &Network, reporter: Reporter) -> Self {
        let roots = if network.trusted().is_empty() {
            RootCerts::WebPki
        } else {
            let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
            let all = mozilla.chain(network.trusted()).map(|der| Certificate::from_der(der).to_owned());
            RootCerts::from(all)
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent("")
            .accept("")
            .accept_encoding("")
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Self { agent: config.into(), reporter, running: 0, wanted: HashSet::new(), waiting: VecDeque::new() }
    }

    pub(crate) fn send(&mut self, id: RequestId, request: Request) {
        // A deadline beyond the end of the clock is a day.
        let now = Instant::now();
        let deadline = now.checked_add(request.deadline).unwrap_or_else(|| now + Duration::from_secs(86_400));
        self.wanted.insert(id);
        self.waiting.push_back(Exchange { id, request, deadline });
        self.start();
    }

    /// One has been answered: its place is free.
    /// Whether it had not been cancelled.
    pub(crate) fn finished(&mut self, id: RequestId) -> bool {
        self.running -= 1;
        self.start();
        self.wanted.remove(&id)
    }

    /// Its answer is not wanted any more.
    pub(crate) fn cancel(&mut self, id: RequestId) {
        self.wanted.remove(&id);
        self.waiting.retain(|exchange| exchange.id != id);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.running == 0
    }

    fn start(&mut self) {
        while self.running < AT_ONCE {
            let Some(exchange) = self.waiting.pop_front() else { return };
            self.running += 1;
            let id = exchange.id;
            let (agent, reporter) = (self.agent.clone(), self.reporter.clone());
            let thread = thread::Builder::new().name("sanscord-http".into()).spawn(move || {
                let answer = catch_unwind(AssertUnwindSafe(|| perform(&agent, exchange)));
                let answer = answer.unwrap_or_else(|_| Err("the HTTP client panicked".to_owned()));
                report(&reporter, id, answer);
            });
            if let Err(error) = thread {
                report(&self.reporter, id, Err(format!("no thread for the request: {error}")));
            }
        }
    }
}

fn report(reporter: &Reporter, id: RequestId, answer: Result<Response, String>) {
    let answer = answer.map_err(|reason| Unanswered::new(Fault::Lost, reason));
    debug!(request = id.as_u64(), ?answer, "answered");
    reporter.send(Report::Answered(id, answer));
}

fn perform(agent: &Agent, Exchange { request, deadline, .. }: Exchange) -> Result<Response, String> {
    let left = deadline.saturating_duration_since(Instant::now());
    let host = request.url.parse::<http::Uri>().ok().and_then(|url| url.host().map(str::to_owned));
    let host = host.unwrap_or_else(|| request.url.to_string());
    let late = || format!("{host} did not answer within {:?}", request.deadline);
    if left.is_zero() {
        return Err(late());
    }
    let fail = |error: Error| match error {
        Error::Timeout(_) => late(),
        Error::HostNotFound => format!("{host} could not be found"),
        Error::Io(error) if rustls_error(&error).is_some() => explain(&host, &error),
        Error::Rustls(error) => explain(&host, &error),
        Error::Io(error) if is_cut(&error) => format!("the request to {host} failed: {CUT}"),
        Error::Io(error) => format!("the request to {host} failed: {error}"),
        error => format!("the request to {host} failed: {error}"),
    };
    let mut head = http::Request::builder().method(request.method.as_str()).uri(&*request.url);
    for (name, value) in &request.headers {
        head = head.header(*name, &**value);
    }
    let answer = if request.body == sanscord::machine::Body::Empty
        && matches!(request.method.as_str(), "GET" | "DELETE")
    {
        run(agent, head.body(()), left)
    } else {
        run(agent, head.body(bytes(&request.body)), left)
    };
    let (head, mut body) = answer.map_err(fail)?.into_parts();
    let body = body.with_config().limit(MAX_BODY as u64).read_to_vec().map_err(fail)?;
    let headers = head.headers.iter();
    let headers =
        headers.filter_map(|(name, value)| Some((name.as_str().into(), value.to_str().ok()?.into())));
    Ok(Response { status: head.status.as_u16(), headers: headers.collect(), body: Bytes::from(body) })
}

fn bytes(body: &sanscord::machine::Body) -> &[u8] {
    match body {
        sanscord::machine::Body::Bytes(bytes) => bytes,
        _ => &[],
    }
}

fn run(
    agent: &Agent,
    request: http::Result<http::Request<impl ureq::AsSendBody>>,
    left: Duration,
) -> Result<http::Response<Body>, Error> {
    agent.run(agent.configure_request(request?).timeout_global(Some(left)).build())
}

const AT_ONCE: usize = 32;
