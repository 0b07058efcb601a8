//! HTTP requests, through ureq: each on a thread of its own for as long as it lasts.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sanscord::machine::{AT_ONCE, Fault, Request, RequestId, Response, TRANSFERS, Unanswered};
use sanscord_host::http::{Exchange, Faults, KEPT, KEPT_FOR, PIECE, Proxies, Proxy};
use sanscord_host::{Network, SetupError};
use tracing::debug;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::{Agent, Body, Error, SendBody, http};

use crate::flight::{Connect, Flight, aboard};
use crate::report::{Report, Reporter};

#[derive(Debug)]
pub(crate) struct Http {
    client: Arc<Client>,
    reporter: Reporter,
    /// Those whose answer is wanted.
    wanted: HashMap<RequestId, Arc<Flight>>,
    calls: Lane,
    transfers: Lane,
}

/// Requests that take turns.
#[derive(Debug)]
struct Lane {
    /// How many at once.
    limit: usize,
    running: HashSet<RequestId>,
    waiting: VecDeque<Waiting>,
}

impl Lane {
    fn new(limit: usize) -> Self {
        Self { limit, running: HashSet::new(), waiting: VecDeque::new() }
    }

    /// The next that has its turn.
    fn next(&mut self) -> Option<Waiting> {
        if self.running.len() >= self.limit {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.running.insert(next.id);
        Some(next)
    }
}

#[derive(Debug)]
struct Waiting {
    id: RequestId,
    request: Request,
    deadline: Instant,
    flight: Arc<Flight>,
}

/// What all requests share.
#[derive(Debug)]
struct Client {
    direct: Agent,
    /// What the agents are made with.
    roots: RootCerts,
    connect_limit: Duration,
    proxies: Proxies,
    /// An agent has one proxy. There are at most two of them: one for `https:`, one for `http:`.
    by_proxy: Mutex<Vec<(Proxy, Agent)>>,
}

impl Http {
    pub(crate) fn new(network: &Network, reporter: Reporter) -> Result<Self, SetupError> {
        let (roots, connect_limit) = (roots(network)?, network.connect_limit());
        let client = Client {
            direct: agent(roots.clone(), connect_limit, None),
            roots,
            connect_limit,
            proxies: network.proxies(),
            by_proxy: Mutex::default(),
        };
        let client = Arc::new(client);
        let (calls, transfers) = (Lane::new(AT_ONCE), Lane::new(TRANSFERS));
        Ok(Self { client, reporter, wanted: HashMap::new(), calls, transfers })
    }

    pub(crate) fn send(&mut self, id: RequestId, request: Request) {
        // A deadline beyond the end of the clock is a day.
        let now = Instant::now();
        let deadline = now.checked_add(request.deadline).unwrap_or_else(|| now + Duration::from_secs(86_400));
        let flight = Arc::new(Flight::default());
        self.wanted.insert(id, Arc::clone(&flight));
        let lane = if request.is_transfer() { &mut self.transfers } else { &mut self.calls };
        lane.waiting.push_back(Waiting { id, request, deadline, flight });
        self.start();
    }

    /// A thread has ended: there is room for the next. Answers whether its answer is wanted.
    pub(crate) fn finished(&mut self, id: RequestId) -> bool {
        for lane in [&mut self.calls, &mut self.transfers] {
            lane.running.remove(&id);
        }
        self.start();
        self.wanted.remove(&id).is_some()
    }

    /// Whether its answer is wanted.
    pub(crate) fn is_wanted(&self, id: RequestId) -> bool {
        self.wanted.contains_key(&id)
    }

    /// Its answer is not wanted any more.
    pub(crate) fn cancel(&mut self, id: RequestId) {
        for lane in [&mut self.calls, &mut self.transfers] {
            lane.waiting.retain(|waiting| waiting.id != id);
        }
        if let Some(flight) = self.wanted.remove(&id) {
            flight.cancel();
        }
    }

    /// When the first of those that wait will have waited too long.
    pub(crate) fn next_late(&self) -> Option<Instant> {
        let waiting = self.calls.waiting.iter().chain(&self.transfers.waiting);
        waiting.map(|waiting| waiting.deadline).min()
    }

    /// Those that have waited too long.
    pub(crate) fn take_late(&mut self) -> Vec<(RequestId, Unanswered)> {
        let now = Instant::now();
        let mut late = Vec::new();
        for lane in [&mut self.calls, &mut self.transfers] {
            lane.waiting.retain(|waiting| {
                let is_late = waiting.deadline <= now;
                if is_late {
                    late.push((waiting.id, Faults::new(&waiting.request).no_turn()));
                }
                !is_late
            });
        }
        for (id, _) in &late {
            self.wanted.remove(id);
        }
        late
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.calls.running.is_empty() && self.transfers.running.is_empty()
    }

    fn start(&mut self) {
        while let Some(waiting) = self.calls.next().or_else(|| self.transfers.next()) {
            let (id, faults) = (waiting.id, Faults::new(&waiting.request));
            let (client, reporter) = (Arc::clone(&self.client), self.reporter.clone());
            let thread = thread::Builder::new().name("sanscord-http".into()).spawn(move || {
                let answer = catch_unwind(AssertUnwindSafe(|| client.perform(waiting, &reporter)));
                let answer = answer.unwrap_or_else(|_| Err(faults.panicked()));
                report(&reporter, id, answer);
            });
            if let Err(error) = thread {
                let reason = format!("no thread for the request: {error}");
                report(&self.reporter, id, Err(Unanswered::new(Fault::Unsent, reason)));
            }
        }
    }
}

fn report(reporter: &Reporter, id: RequestId, answer: Result<Response, Unanswered>) {
    debug!(request = id.as_u64(), ?answer, "answered");
    reporter.send(Report::Answered(id, answer));
}

fn roots(network: &Network) -> Result<RootCerts, SetupError> {
    let trusted = network.trusted()?;
    if trusted.is_empty() {
        return Ok(RootCerts::WebPki);
    }
    let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    Ok(RootCerts::from(mozilla.chain(&trusted).map(|der| Certificate::from_der(der).to_owned())))
}

fn agent(roots: RootCerts, connect_limit: Duration, proxy: Option<ureq::Proxy>) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent("")
        .accept("")
        .accept_encoding("")
        .proxy(proxy)
        .max_idle_age(KEPT_FOR)
        .max_idle_connections(4 * KEPT)
        .max_idle_connections_per_host(KEPT)
        .timeout_connect(Some(connect_limit))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build();
    Agent::with_parts(config, Connect::default(), DefaultResolver::default())
}

impl Client {
    fn perform(&self, waiting: Waiting, reporter: &Reporter) -> Result<Response, Unanswered> {
        let Waiting { id, request, deadline, flight } = waiting;
        let faults = Faults::new(&request);
        let told = reporter.clone();
        let tell = move |progress| told.send(Report::Progress(id, progress));
        let exchange = Exchange::prepare(request, &self.proxies, &faults, tell)?;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(faults.no_connection());
        }
        let agent = match &exchange.proxy {
            Some(proxy) => self.agent_by(proxy).map_err(|error| faults.refused(&error))?,
            None => self.direct.clone(),
        };
        let fault = |error: Error| match error {
            Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) if Instant::now() < deadline => {
                faults.unsent(&Error::Timeout(ureq::Timeout::Connect))
            }
            Error::Timeout(_) if !flight.is_sent() => faults.no_connection(),
            Error::Timeout(_) => faults.late(),
            // It would show the URL, which may hold a token.
            Error::BadUri(_) => faults.refused(&io::Error::other("it is no HTTP URL")),
            Error::Http(_) => faults.refused(&error),
            Error::Io(error) if flight.is_sent() => faults.lost(&error),
            Error::Io(error) => faults.unsent(&error),
            Error::Rustls(error) if !flight.is_sent() => faults.unsent(&error),
            error if flight.is_sent() => faults.lost(&error),
            error => faults.unsent(&error),
        };
        let mut call = http::Request::builder().method(exchange.method.as_str()).uri(&*exchange.url);
        for (name, value) in &exchange.headers {
            call = call.header(*name, &**value);
        }
        let has_length = exchange.headers.iter().any(|(name, _)| *name == "content-length");
        let mut upload = exchange.upload;
        let answer = aboard(&flight, || {
            if has_length {
                run(&agent, call.body(SendBody::from_reader(&mut upload)), left)
            } else {
                run(&agent, call.body(()), left)
            }
        });
        let (head, mut body) = answer.map_err(fault)?.into_parts();
        let fields = head.headers.iter();
        let fields =
            fields.filter_map(|(name, value)| Some((name.as_str().into(), value.to_str().ok()?.into())));
        let mut receiver = exchange.answer.begin(head.status.as_u16(), fields.collect())?;
        let mut reader = body.as_reader();
        let mut piece = vec![0; PIECE];
        loop {
            let read = aboard(&flight, || reader.read(&mut piece));
            let length = read.map_err(|error| fault(Error::from(error)))?;
            if length == 0 {
                break;
            }
            receiver.push(&piece[..length])?;
            if receiver.is_full() {
                receiver.flush()?;
            }
        }
        if flight.is_cancelled() {
            // Nobody is told; a file that nobody waits for is not to appear.
            return Err(faults.lost(&io::Error::from(io::ErrorKind::Interrupted)));
        }
        receiver.finish()
    }

    fn agent_by(&self, proxy: &Proxy) -> Result<Agent, Error> {
        let mut agents = self.by_proxy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, agent)) = agents.iter().find(|(found, _)| found == proxy) {
            return Ok(agent.clone());
        }
        let by = ureq::Proxy::new(proxy.url())?;
        let made = agent(self.roots.clone(), self.connect_limit, Some(by));
        agents.push((proxy.clone(), made.clone()));
        Ok(made)
    }
}

fn run(
    agent: &Agent,
    request: http::Result<http::Request<impl ureq::AsSendBody>>,
    left: Duration,
) -> Result<http::Response<Body>, Error> {
    agent.run(agent.configure_request(request?).timeout_global(Some(left)).build())
}
