//! What a request costs in the limiter: asking, being granted, handing the answer's limits back.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use sanscord::machine::{Method, Response};
use sanscord::rest::limiter::{Config, Event, Limiter, Limits, Outcome};
use sanscord::rest::route::{Route, RouteKey};
use sanscord::time::Timestamp;
use sanscord_bench::measure::{interleave, least, print_table};
use tokio::runtime;
use twilight_http_ratelimiting::{Endpoint, Method as PeerMethod, RateLimitHeaders, RateLimiter};

const BUCKETS: [usize; 3] = [1, 1000, 100_000];
const ROUNDS: usize = 7;
/// Requests of a pass.
const REQUESTS: usize = 100_000;
/// Of twilight's, which takes longer.
const PEER_REQUESTS: usize = 10_000;
/// Between two requests, on the virtual clock: below 50 a second.
const SPACING: Duration = Duration::from_millis(25);

fn main() {
    let rows: Vec<Vec<String>> = BUCKETS.into_iter().map(grants).collect();
    let head = ["buckets", "plain map", "Limiter", "twilight-http-ratelimiting"];
    print_table("Nanoseconds for a grant and its completion, nothing waits", &head, &rows);
    println!(
        "\nThe least of {ROUNDS} interleaved passes over all buckets in turn. Plain map: a std HashMap, looked up to \
         take a request and to put down the answer. twilight: on a current-thread runtime; paths and headers are its \
         own copies, as it wants them."
    );
    let rows = [
        ("queued: 5 of a window, 1,000 buckets", queued()),
        ("Route::new", route()),
        ("Limits::read", read()),
    ];
    let rows = rows.map(|(name, nanos)| vec![name.to_owned(), format!("{nanos:.0}")]);
    print_table("Nanoseconds beside that", &["", "ns"], &rows);
    let rows: Vec<Vec<String>> = BUCKETS.into_iter().map(memory).collect();
    print_table("Memory", &["buckets", "bytes each", "allocations of 10,000 requests"], &rows);
}

fn routes(count: usize) -> Vec<Route> {
    (0..count).map(|channel| Route::new(Method::Post, &format!("/channels/{channel}/messages"))).collect()
}

fn answer(limit: &str, remaining: &str) -> Response {
    let headers = [
        ("date", "Sat, 21 Nov 2026 00:00:00 GMT"),
        ("content-type", "application/json"),
        ("x-ratelimit-bucket", "80c17d2f203122d936070c88c8d10f33"),
        ("x-ratelimit-limit", limit),
        ("x-ratelimit-remaining", remaining),
        ("x-ratelimit-reset", "1470173023.123"),
        ("x-ratelimit-reset-after", "1.000"),
        ("via", "1.1 google"),
    ];
    let headers = headers.map(|(name, value)| (name.into(), value.into())).into();
    Response { status: 200, headers, body: "{}".into() }
}

/// A limiter, its routes, and the time.
struct Ours {
    limiter: Limiter,
    routes: Vec<Route>,
    outcome: Outcome,
    now: Timestamp,
}

impl Ours {
    fn new(routes: Vec<Route>) -> Self {
        let config = Config { routes: routes.len(), ..Config::default() };
        let outcome = Outcome::Answered(Limits::read(&answer("100", "99")));
        let (limiter, count) = (Limiter::new(config), routes.len());
        let mut ours = Self { limiter, routes, outcome, now: Timestamp::ZERO };
        ours.run(count);
        ours
    }

    fn run(&mut self, requests: usize) {
        for number in 0..requests {
            self.now += SPACING;
            let route = &self.routes[number % self.routes.len()];
            let asked = self.limiter.request(self.now, route).expect("room");
            let Some(Event::Granted(ticket)) = self.limiter.poll(self.now) else { panic!("no grant") };
            assert_eq!(asked, ticket);
            self.limiter.complete(self.now, ticket, &self.outcome);
        }
    }
}

fn grants(count: usize) -> Vec<String> {
    let mut ours = Ours::new(routes(count));
    let mut books: HashMap<RouteKey, (u32, u32, Timestamp)> =
        ours.routes.iter().map(|route| (route.key(), (100, 99, Timestamp::ZERO))).collect();
    let keys: Vec<RouteKey> = ours.routes.iter().map(Route::key).collect();
    let mut now = Timestamp::ZERO;
    let runtime = runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let peer = runtime.block_on(async { RateLimiter::new(u16::MAX) });
    let paths: Vec<String> = (0..count).map(|channel| format!("channels/{channel}/messages")).collect();
    let mut floor = || {
        let start = Instant::now();
        for number in 0..REQUESTS {
            now += SPACING;
            let key = keys[number % keys.len()];
            if let Some((limit, remaining, end)) = books.get_mut(&key) {
                if *end <= now {
                    *remaining = *limit;
                }
                *remaining -= 1;
            }
            if let Some(book) = black_box(&mut books).get_mut(&key) {
                *book = (100, 99, now + Duration::from_secs(1));
            }
        }
        start.elapsed()
    };
    let mut limiter = || {
        let start = Instant::now();
        ours.run(REQUESTS);
        start.elapsed()
    };
    let mut twilight = || {
        let start = Instant::now();
        runtime.block_on(async {
            for number in 0..PEER_REQUESTS {
                let path = paths[number % paths.len()].clone();
                let permit = peer.acquire(Endpoint { method: PeerMethod::Post, path }).await;
                permit.complete(Some(RateLimitHeaders {
                    bucket: b"80c17d2f203122d936070c88c8d10f33".to_vec(),
                    limit: 100,
                    remaining: 99,
                    reset_at: Instant::now() + Duration::from_secs(1),
                }));
            }
        });
        start.elapsed()
    };
    let mut passes: [&mut dyn FnMut() -> Duration; 3] = [&mut floor, &mut limiter, &mut twilight];
    let times = interleave(ROUNDS, &mut passes);
    let mut row = vec![count.to_string()];
    for (times, requests) in times.iter().zip([REQUESTS, REQUESTS, PEER_REQUESTS]) {
        row.push(format!("{:.0}", least(times).as_nanos() as f64 / requests as f64));
    }
    row
}

/// Each bucket gets ten requests at once, of which a window takes five.
fn queued() -> f64 {
    const BUCKETS: usize = 1000;
    const EACH: usize = 10;
    let mut limiter = Limiter::new(Config { per_second: 1_000_000, ..Config::default() });
    let routes = routes(BUCKETS);
    let outcomes = ["4", "3", "2", "1", "0"].map(|left| Outcome::Answered(Limits::read(&answer("5", left))));
    let mut now = Timestamp::ZERO;
    let mut pass = || {
        let start = Instant::now();
        for route in &routes {
            for _ in 0..EACH {
                black_box(limiter.request(now, route).expect("room"));
            }
        }
        let (mut done, mut granted) = (0, Vec::new());
        while done < BUCKETS * EACH {
            while let Some(event) = limiter.poll(now) {
                if let Event::Granted(ticket) = event {
                    granted.push(ticket);
                }
            }
            for ticket in granted.drain(..) {
                limiter.complete(now, ticket, &outcomes[done % 5]);
                done += 1;
            }
            now = limiter.deadline().unwrap_or(now).max(now);
        }
        now += Duration::from_secs(10);
        start.elapsed()
    };
    let times = interleave(ROUNDS, &mut [&mut pass]);
    least(&times[0]).as_nanos() as f64 / (BUCKETS * EACH) as f64
}

fn route() -> f64 {
    alone(|| {
        black_box(Route::new(
            Method::Patch,
            black_box("/channels/1073741824000000000/messages/1073741824000000001"),
        ));
    })
}

fn read() -> f64 {
    let response = answer("5", "4");
    alone(|| {
        black_box(Limits::read(black_box(&response)));
    })
}

fn alone(mut work: impl FnMut()) -> f64 {
    let mut pass = || {
        let start = Instant::now();
        (0..REQUESTS).for_each(|_| work());
        start.elapsed()
    };
    let times = interleave(ROUNDS, &mut [&mut pass]);
    least(&times[0]).as_nanos() as f64 / REQUESTS as f64
}

fn memory(count: usize) -> Vec<String> {
    let routes = routes(count);
    let mut kept = None;
    let made = measure(|| kept = Some(Ours::new(routes)));
    let steady = kept.as_mut().map(|ours| {
        ours.run(10_000);
        measure(|| ours.run(10_000))
    });
    let bytes = made.bytes_current as f64 / count as f64;
    vec![count.to_string(), format!("{bytes:.0}"), steady.map_or(0, |info| info.count_total).to_string()]
}
