//! Limits in HTTP answers.

use sanscord::machine::{Method, Response};
use sanscord::rest::limiter::{Config, Event, Limiter, Limits, Outcome, Ticket};
use sanscord::rest::route::Route;
use sanscord::time::{Duration, Timestamp};

/// Answers to requests of one route, each a status, a length, and so many bytes: lines of header fields, an empty
/// line, a body. They are read, and a limiter lives on them: each request is granted in the end or refused.
pub fn limits(data: &[u8]) {
    let mut limiter = Limiter::new(Config { invalid: 3, ..Config::default() });
    let routes =
        [Route::new(Method::Post, "/channels/5/messages"), Route::new(Method::Post, "/webhooks/5/token")];
    let mut now = Timestamp::ZERO;
    let mut rest = data;
    for round in 0..MAX_ANSWERS {
        let Some((&[s0, s1, l0, l1], more)) = rest.split_first_chunk() else { break };
        let length = usize::from(u16::from_be_bytes([l0, l1])).min(more.len());
        let (answer, more) = more.split_at(length);
        rest = more;
        let limits = read(u16::from_be_bytes([s0, s1]), answer);

        let ticket = limiter.request(now, &routes[round % routes.len()]);
        let granted = drain(&mut limiter, &mut now, ticket.as_ref().ok().copied());
        if let (Ok(ticket), true) = (ticket, granted) {
            assert_eq!(limiter.wait(ticket), None);
            now += Duration::from_millis(u64::from(l1));
            let outcome = Outcome::Answered(limits);
            if l0 % 2 == 0 {
                limiter.complete(now, ticket, &outcome);
            } else if limiter.requeue(now, ticket, &outcome).is_ok()
                && drain(&mut limiter, &mut now, Some(ticket))
            {
                limiter.complete(now, ticket, &Outcome::Lost);
            }
        }
        assert!(limiter.is_empty(), "a ticket is left");
    }
    let saved = limiter.save(now);
    let mut next = Limiter::new(Config::default());
    next.restore(now, &saved, Duration::ZERO);
    assert!(next.routes() <= limiter.routes());
}

fn read(status: u16, answer: &[u8]) -> Limits {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let headers = fields.map(|(name, value)| (name.to_lowercase().into(), value.into())).collect();
    let limits = Limits::read(&Response { status, headers, body: body.to_owned().into() });
    assert_eq!(limits.status, status);
    assert_eq!(limits.limited.is_some(), status == 429);
    assert!(limits.limit != Some(0), "a window that takes nothing");
    if let (Some(limit), Some(remaining)) = (limits.limit, limits.remaining) {
        assert!(remaining <= limit);
    }
    let json = serde_json::to_string(&limits).expect("plain values");
    assert_eq!(serde_json::from_str::<Limits>(&json).ok().as_ref(), Some(&limits));
    limits
}

/// Waits until nothing more comes before this ticket is granted; says whether it was.
fn drain(limiter: &mut Limiter, now: &mut Timestamp, ticket: Option<Ticket>) -> bool {
    for _ in 0..MAX_STEPS {
        while let Some(event) = limiter.poll(*now) {
            match event {
                Event::Granted(granted) => {
                    assert_eq!(Some(granted), ticket, "somebody else's");
                    return true;
                }
                Event::Refused(refused, _) => {
                    assert_eq!(Some(refused), ticket, "somebody else's");
                    return false;
                }
                _ => {}
            }
        }
        let Some(deadline) = limiter.deadline().filter(|_| ticket.is_some()) else { return false };
        assert!(deadline > *now, "a deadline that has passed after all was drained");
        *now = deadline;
    }
    panic!("never granted");
}

const MAX_ANSWERS: usize = 200;
const MAX_STEPS: usize = 1000;
