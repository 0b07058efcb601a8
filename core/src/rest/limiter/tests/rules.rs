//! One rule after the other.

use alloc::vec::Vec;

use super::super::*;
use crate::machine::Method;
use crate::rest::route::mix;

const T: Timestamp = Timestamp::from_millis(1_000_000);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn limiter() -> Limiter {
    Limiter::new(Config::default())
}

fn route(path: &str) -> Route {
    Route::new(Method::Post, path)
}

fn window(limit: u32, remaining: u32, reset_after: u64, bucket: u64) -> Limits {
    Limits {
        status: 200,
        limit: Some(limit),
        remaining: Some(remaining),
        reset_after: Some(ms(reset_after)),
        bucket: Some(BucketHash(mix(bucket))),
        ..Limits::default()
    }
}

fn limited(by: Limited, wait: u64) -> Limits {
    Limits { status: 429, limited: Some(by), retry_after: Some(ms(wait)), ..Limits::default() }
}

fn status(status: u16, code: u64) -> Limits {
    Limits { status, code, ..Limits::default() }
}

fn events(limiter: &mut Limiter, now: Timestamp) -> Vec<Event> {
    core::iter::from_fn(|| limiter.poll(now)).collect()
}

fn granted(limiter: &mut Limiter, now: Timestamp) -> Vec<Ticket> {
    let granted = |event| if let Event::Granted(ticket) = event { Some(ticket) } else { None };
    events(limiter, now).into_iter().filter_map(granted).collect()
}

fn ask<const N: usize>(limiter: &mut Limiter, now: Timestamp, route: &Route) -> [Ticket; N] {
    [(); N].map(|()| limiter.request(now, route).unwrap())
}

fn answer(limiter: &mut Limiter, now: Timestamp, ticket: Ticket, limits: Limits) {
    limiter.complete(now, ticket, &Outcome::Answered(limits));
}

/// A route whose window is known: `remaining` of 5 for two seconds from `T`.
fn known(limiter: &mut Limiter, path: &str, remaining: u32, bucket: u64) -> Route {
    let route = route(path);
    let [first] = ask(limiter, T, &route);
    assert_eq!(granted(limiter, T), [first]);
    answer(limiter, T, first, window(5, remaining, 2000, bucket));
    route
}

#[test]
fn one_goes_ahead_and_then_as_many_as_are_left() {
    let mut limiter = limiter();
    let route = route("/channels/5/messages");
    let [a, b, c, d, e] = ask(&mut limiter, T, &route);
    assert_eq!(granted(&mut limiter, T), [a]);
    assert_eq!(limiter.wait(a), None);
    assert_eq!(limiter.wait(b), Some(Wait { reason: Reason::FirstAnswer, until: None }));
    assert_eq!(limiter.wait(d), Some(Wait { reason: Reason::Order(2), until: None }));
    answer(&mut limiter, T + ms(50), a, window(3, 2, 1000, 1));
    assert_eq!(granted(&mut limiter, T + ms(50)), [b, c]);
    let end = T + ms(1051);
    assert_eq!(limiter.deadline(), Some(end));
    assert_eq!(limiter.wait(d), Some(Wait { reason: Reason::Bucket { limit: 3 }, until: Some(end) }));
    // Answers in another order change nothing.
    answer(&mut limiter, T + ms(90), c, window(3, 0, 950, 1));
    answer(&mut limiter, T + ms(95), b, window(3, 1, 955, 1));
    assert_eq!(granted(&mut limiter, T + ms(95)), []);
    // The best one of three tells the end: 50 + 1000, 90 + 950, 95 + 955.
    assert_eq!(limiter.deadline(), Some(T + ms(1041)));
    assert_eq!(granted(&mut limiter, T + ms(1040)), []);
    assert_eq!(granted(&mut limiter, T + ms(1041)), [d, e]);
}

#[test]
fn what_is_on_its_way_counts_in_the_next_window() {
    let mut limiter = limiter();
    let route = known(&mut limiter, "/channels/5/messages", 1, 1);
    let late = T + ms(1990);
    let [slow] = ask(&mut limiter, late, &route);
    assert_eq!(granted(&mut limiter, late), [slow]);
    let next = T + ms(2001);
    let more: [Ticket; 5] = ask(&mut limiter, next, &route);
    assert_eq!(granted(&mut limiter, next), more[..4]);
    assert_eq!(limiter.wait(more[4]).unwrap().reason, Reason::Bucket { limit: 5 });
    // It was of the old window after all.
    answer(&mut limiter, T + ms(2020), slow, window(5, 0, 2, 1));
    assert_eq!(granted(&mut limiter, T + ms(2020)), more[4..]);
}

#[test]
fn lost_requests_count_until_an_answer_tells() {
    let mut limiter = limiter();
    let route = known(&mut limiter, "/channels/5/messages", 2, 1);
    let [a, b, c, d] = ask(&mut limiter, T, &route);
    assert_eq!(granted(&mut limiter, T), [a, b]);
    limiter.complete(T + ms(10), a, &Outcome::Lost);
    answer(&mut limiter, T + ms(20), b, window(5, 1, 1980, 1));
    // Perhaps `a` was counted after `b`.
    assert_eq!(granted(&mut limiter, T + ms(20)), []);
    assert_eq!(granted(&mut limiter, T + ms(2010)), [c, d]);
    assert_eq!(limiter.counters().lost, 1);
}

#[test]
fn routes_that_share_a_name_share_a_bucket() {
    let mut limiter = limiter();
    let one = known(&mut limiter, "/channels/5/one", 2, 1);
    let other = known(&mut limiter, "/channels/5/other", 1, 1);
    let elsewhere = known(&mut limiter, "/channels/6/one", 4, 1);
    let [a] = ask(&mut limiter, T, &one);
    let [b] = ask(&mut limiter, T, &other);
    let far: [Ticket; 4] = ask(&mut limiter, T, &elsewhere);
    let now = granted(&mut limiter, T);
    assert!(
        now.contains(&a) && !now.contains(&b) && far.iter().all(|ticket| now.contains(ticket)),
        "{now:?}"
    );
    // A third channel's bucket is found by the name, and still asks first: nothing is known of its window.
    let third: [Ticket; 2] = ask(&mut limiter, T, &route("/channels/7/one"));
    assert_eq!(granted(&mut limiter, T), third[..1]);
}

#[test]
fn a_route_follows_its_buckets_name() {
    let mut limiter = limiter();
    let one = known(&mut limiter, "/channels/5/one", 3, 1);
    let other = known(&mut limiter, "/channels/5/other", 2, 1);
    let [a, b] = ask(&mut limiter, T + ms(1), &one);
    assert_eq!(granted(&mut limiter, T + ms(1)), [a, b]);
    answer(&mut limiter, T + ms(10), b, window(9, 8, 5000, 2));
    // An answer from before the change is no change back.
    answer(&mut limiter, T + ms(11), a, window(5, 1, 1990, 1));
    assert_eq!((limiter.counters().moved, limiter.routes()), (1, 2));
    let mine: [Ticket; 9] = ask(&mut limiter, T + ms(20), &one);
    let others: [Ticket; 3] = ask(&mut limiter, T + ms(20), &other);
    let now = granted(&mut limiter, T + ms(20));
    assert!(now.iter().filter(|ticket| mine.contains(ticket)).eq(&mine[..8]), "{now:?}");
    assert!(now.iter().filter(|ticket| others.contains(ticket)).eq(&others[..2]), "{now:?}");
}

#[test]
fn a_route_without_limits_has_none() {
    let mut limiter = limiter();
    let route = route("/gateway/bot");
    let tickets: [Ticket; 49] = ask(&mut limiter, T, &route);
    assert_eq!(granted(&mut limiter, T).len(), 1);
    answer(&mut limiter, T, tickets[0], status(200, 0));
    assert_eq!(granted(&mut limiter, T), tickets[1..]);
    // What a proxy says of nothing is no such answer.
    let [a, _] = ask(&mut limiter, T, &self::route("/users/@me"));
    assert_eq!(granted(&mut limiter, T), [a]);
    answer(&mut limiter, T + ms(1), a, status(502, 0));
    assert_eq!(granted(&mut limiter, T + ms(2000)).len(), 1);
}

#[test]
fn emoji_routes_believe_only_a_429() {
    let mut limiter = limiter();
    let route = route("/guilds/5/emojis");
    let [a, b, _] = ask(&mut limiter, T, &route);
    assert_eq!(granted(&mut limiter, T), [a]);
    answer(&mut limiter, T, a, window(50, 0, 3_600_000, 1));
    assert_eq!(granted(&mut limiter, T), [b]);
    let refused = Limits { remaining: Some(49), ..limited(Limited::User, 7000) };
    limiter.requeue(T, b, &Outcome::Answered(refused)).unwrap();
    assert_eq!(granted(&mut limiter, T + ms(7099)), []);
    assert_eq!(limiter.wait(b).unwrap().reason, Reason::Held);
    assert_eq!(granted(&mut limiter, T + ms(7100)), [b]);
}

#[test]
fn shared_and_sub_limits_hold_their_route_alone() {
    for by in [Limited::Shared, Limited::Sub] {
        let mut limiter = limiter();
        let one = known(&mut limiter, "/channels/5/one", 4, 1);
        let other = known(&mut limiter, "/channels/5/other", 3, 1);
        let [a] = ask(&mut limiter, T, &one);
        assert_eq!(granted(&mut limiter, T), [a]);
        let day = 30 * 3600 * 1000;
        let refused =
            Limits { limited: Some(by), status: 429, retry_after: Some(ms(day)), ..window(5, 3, 2000, 1) };
        limiter.requeue(T, a, &Outcome::Answered(refused)).unwrap();
        let [b] = ask(&mut limiter, T, &other);
        let told = events(&mut limiter, T);
        assert!(told.contains(&Event::Limited { ticket: a, by, wait: ms(day) }));
        assert!(told.contains(&Event::Granted(b)) && !told.contains(&Event::Granted(a)), "{by:?}");
        assert_eq!(limiter.wait(a), Some(Wait { reason: Reason::Held, until: Some(T + ms(day + 100)) }));
        assert_eq!(limiter.invalid(), u32::from(by == Limited::Sub));
    }
}

#[test]
fn a_retry_takes_its_old_place() {
    let mut limiter = limiter();
    let route = known(&mut limiter, "/channels/5/messages", 2, 1);
    let [a, b, c] = ask(&mut limiter, T, &route);
    assert_eq!(granted(&mut limiter, T), [a, b]);
    let refused = || Outcome::Answered(limited(Limited::User, 2500));
    limiter.requeue(T, b, &refused()).unwrap();
    limiter.requeue(T, a, &refused()).unwrap();
    assert_eq!(granted(&mut limiter, T + ms(2499)), []);
    let now = T + ms(2600);
    assert_eq!(granted(&mut limiter, T + ms(2599)), []);
    assert_eq!(limiter.deadline(), Some(now));
    assert_eq!(granted(&mut limiter, now), [a, b, c]);
    limiter.complete(now, a, &Outcome::Lost);
    assert_eq!(limiter.requeue(now, a, &refused()), Err(Refused::Unknown));
}

#[test]
fn a_429_that_says_to_wait_for_nothing_is_not_answered_at_once() {
    let mut limiter = limiter();
    let [a] = ask(&mut limiter, T, &route("/channels/5/messages"));
    let (mut now, mut waits) = (T, Vec::new());
    let refuse = |limiter: &mut Limiter, now: Timestamp| {
        let refused = Limits { retry_after: Some(ms(0)), ..limited(Limited::Shared, 0) };
        limiter.requeue(now, a, &Outcome::Answered(refused)).unwrap();
    };
    for _ in 0..9 {
        assert_eq!(granted(&mut limiter, now), [a]);
        now += ms(20);
        refuse(&mut limiter, now);
        assert_eq!(granted(&mut limiter, now), []);
        let next = limiter.deadline().unwrap();
        waits.push(next.since(now).as_millis());
        now = next;
    }
    assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 6400, 6400]);
    // A success begins anew.
    assert_eq!(granted(&mut limiter, now), [a]);
    answer(&mut limiter, now + ms(20), a, window(5, 4, 2000, 1));
    let [b] = ask(&mut limiter, now + ms(30), &route("/channels/5/messages"));
    assert_eq!(granted(&mut limiter, now + ms(30)), [b]);
    limiter.requeue(now + ms(50), b, &Outcome::Answered(limited(Limited::Shared, 0))).unwrap();
    assert_eq!(granted(&mut limiter, now + ms(149)), []);
    assert_eq!(granted(&mut limiter, now + ms(150)), [b]);
}

#[test]
fn a_window_that_was_never_true_is_corrected() {
    let mut limiter = limiter();
    let route = route("/channels/5/messages");
    let [a, b, c] = ask(&mut limiter, T, &route);
    assert_eq!(granted(&mut limiter, T), [a]);
    answer(&mut limiter, T + ms(50), a, window(5, 1, 600_000, 1));
    assert_eq!(granted(&mut limiter, T + ms(60)), [b]);
    answer(&mut limiter, T + ms(100), b, window(5, 0, 2000, 1));
    let end = T + ms(2101);
    assert_eq!(granted(&mut limiter, T + ms(2100)), []);
    assert_eq!(granted(&mut limiter, end), [c]);
    // Nor does a lost answer wait for that long.
    limiter.complete(end, c, &Outcome::Lost);
    let more: [Ticket; 5] = ask(&mut limiter, end, &route);
    assert_eq!(granted(&mut limiter, end), more[..4]);
    assert_eq!(granted(&mut limiter, end + ms(2000)), more[4..]);
}

#[test]
fn no_second_sees_more_than_fifty() {
    let mut limiter = limiter();
    let route = route("/gateway/bot");
    let [first] = ask(&mut limiter, T, &route);
    granted(&mut limiter, T);
    answer(&mut limiter, T, first, status(200, 0));
    let tickets: [Ticket; 60] = ask(&mut limiter, T, &route);
    assert_eq!(granted(&mut limiter, T), tickets[..49]);
    let exempt = Route::new(Method::Post, "/interactions/5/token/callback");
    let [callback] = ask(&mut limiter, T, &exempt);
    assert_eq!(granted(&mut limiter, T), [callback]);
    assert_eq!(limiter.wait(tickets[49]), Some(Wait { reason: Reason::Global, until: Some(T + ms(1000)) }));
    assert_eq!(limiter.deadline(), Some(T + ms(1000)));
    // Answered at once, but for the last one, of which nothing is heard.
    for ticket in &tickets[..48] {
        answer(&mut limiter, T + ms(100), *ticket, status(200, 0));
    }
    assert_eq!(granted(&mut limiter, T + ms(1000)), tickets[49..50]);
    assert_eq!(granted(&mut limiter, T + ms(1099)), []);
    assert_eq!(granted(&mut limiter, T + ms(1100)), tickets[50..]);
}

#[test]
fn global_429s_stop_all_but_interactions_and_cloudflare_everything() {
    for (by, reason) in [(Limited::Global, Reason::GlobalStop), (Limited::Cloudflare, Reason::Cloudflare)] {
        let mut limiter = limiter();
        let [a] = ask(&mut limiter, T, &route("/channels/5/messages"));
        granted(&mut limiter, T);
        answer(&mut limiter, T, a, limited(by, 90_000));
        let [b] = ask(&mut limiter, T, &route("/channels/6/messages"));
        let [c] = ask(&mut limiter, T, &route("/interactions/5/token/callback"));
        let told = events(&mut limiter, T);
        assert!(!told.contains(&Event::Granted(b)));
        assert_eq!(told.contains(&Event::Granted(c)), by == Limited::Global);
        let until = T + ms(90_100);
        assert_eq!(limiter.wait(b), Some(Wait { reason, until: Some(until) }));
        assert_eq!(limiter.deadline(), Some(until));
        assert!(granted(&mut limiter, until).contains(&b));
    }
}

#[test]
fn too_many_invalid_requests_stop_everything_for_a_while() {
    let mut limiter = Limiter::new(Config { invalid: 10, ..Config::default() });
    let route = known(&mut limiter, "/channels/5/messages", 4, 1);
    let [waits] = ask(&mut limiter, T, &self::route("/channels/5/other"));
    let mut told = Vec::new();
    for round in 0..10 {
        let now = T + ms(round * 20_000);
        let [ticket] = ask(&mut limiter, now, &route);
        told.extend(events(&mut limiter, now));
        answer(&mut limiter, now, ticket, Limits { status: 403, ..window(5, 4, 2000, 1) });
    }
    assert!(told.contains(&Event::Granted(waits)));
    let now = T + ms(180_000);
    let tripped = |event: &&Event| matches!(event, Event::Tripped { invalid: 10, .. });
    assert_eq!(events(&mut limiter, now).iter().filter(tripped).count(), 1);
    let wait = match limiter.request(now, &route) {
        Err(Refused::Invalid { wait }) => wait,
        other => panic!("{other:?}"),
    };
    // Half of them are forgotten 10 minutes after the fifth, and 10 s more.
    assert_eq!(now + wait, T + ms(80_000 + 610_000));
    assert_eq!(limiter.deadline().map(|at| at <= now + wait), Some(true));
    assert!(limiter.request(now + wait, &route).is_ok());
    assert!(events(&mut limiter, now + wait).contains(&Event::Resumed));
    assert_eq!(limiter.counters().refused, 1);
}

#[test]
fn a_refused_token_is_not_shown_again() {
    let mut limiter = limiter();
    let [one, other] = [route("/channels/5/messages"), route("/channels/6/messages")];
    let [a, b] = ask(&mut limiter, T, &one);
    let [c] = ask(&mut limiter, T, &other);
    assert_eq!(granted(&mut limiter, T), [a, c]);
    answer(&mut limiter, T, a, status(401, 0));
    assert_eq!(events(&mut limiter, T), [Event::Unauthorized, Event::Refused(b, Refused::Unauthorized)]);
    assert_eq!(limiter.request(T, &one), Err(Refused::Unauthorized));
    assert!(limiter.request(T, &route("/webhooks/5/token")).is_ok());
    limiter.token_changed(T + ms(1));
    assert!(limiter.request(T + ms(1), &one).is_ok());
    // The old token's last answer does not concern the new one.
    answer(&mut limiter, T + ms(2), c, status(401, 0));
    assert!(limiter.request(T + ms(2), &one).is_ok());
}

#[test]
fn a_webhook_that_is_gone_is_never_asked_again() {
    let mut limiter = limiter();
    let hook = route("/webhooks/5/token");
    let [a, b] = ask(&mut limiter, T, &hook);
    assert_eq!(granted(&mut limiter, T), [a]);
    answer(&mut limiter, T, a, status(404, 10_008));
    assert_eq!(granted(&mut limiter, T), [b]);
    let [c] = ask(&mut limiter, T, &hook);
    events(&mut limiter, T);
    answer(&mut limiter, T, b, status(404, 10_015));
    let told = events(&mut limiter, T);
    assert_eq!(told.first(), Some(&Event::WebhookGone(hook.webhook().unwrap())));
    assert!(told.contains(&Event::Refused(c, Refused::Webhook)) || limiter.wait(c).is_none());
    let message = Route::new(Method::Get, "/webhooks/5/token/messages/6");
    assert_eq!(limiter.request(T, &message), Err(Refused::Webhook));
    assert!(limiter.request(T, &route("/webhooks/5/another")).is_ok());
    assert!(limiter.request(T, &route("/webhooks/5")).is_ok());
}

#[test]
fn cancelled_and_forgotten_tickets_make_room() {
    let mut limiter = Limiter::new(Config { tickets: 3, hold: ms(60_000), ..Config::default() });
    let route = route("/channels/5/messages");
    let [a, b, c] = ask(&mut limiter, T, &route);
    assert_eq!(limiter.request(T, &route), Err(Refused::Full));
    limiter.cancel(T, b);
    assert_eq!(granted(&mut limiter, T), [a]);
    // Never sent: the next one goes ahead in its place.
    limiter.cancel(T, a);
    assert_eq!(granted(&mut limiter, T), [c]);
    limiter.cancel(T, a);
    limiter.complete(T, b, &Outcome::Lost);
    assert_eq!(limiter.len(), 1);
    assert_eq!(limiter.deadline(), Some(T + ms(60_000)));
    assert_eq!(events(&mut limiter, T + ms(60_000)), [Event::Expired(c)]);
    assert!(limiter.is_empty());
    assert_eq!((limiter.counters().expired, limiter.deadline()), (1, None));
    let [d] = ask(&mut limiter, T, &route);
    assert!(![a, b, c].contains(&d));
}

#[test]
fn idle_routes_are_forgotten_at_the_bound_and_after_a_while() {
    let mut limiter = Limiter::new(Config { routes: 3, ..Config::default() });
    for channel in 0..5 {
        known(&mut limiter, &alloc::format!("/channels/{channel}/messages"), 4, 1);
    }
    assert_eq!((limiter.routes(), limiter.counters().forgotten), (3, 2));
    let mut limiter = Limiter::new(Config { routes: 2, ..Config::default() });
    for channel in 0..2 {
        limiter.request(T, &route(&alloc::format!("/channels/{channel}/messages"))).unwrap();
    }
    assert_eq!(limiter.request(T, &route("/channels/9/messages")), Err(Refused::Full));

    let mut limiter = self::limiter();
    for channel in 0..50 {
        let [ticket] = ask(&mut limiter, T, &route(&alloc::format!("/channels/{channel}/messages")));
        granted(&mut limiter, T + ms(2000 * channel));
        answer(&mut limiter, T + ms(2000 * channel), ticket, window(5, 4, 2000, 1));
    }
    assert_eq!(limiter.routes(), 50);
    let later = T + ms(5_000_000);
    for channel in 100..150 {
        let [ticket] = ask(&mut limiter, later, &route(&alloc::format!("/channels/{channel}/messages")));
        limiter.cancel(later, ticket);
    }
    assert_eq!((limiter.routes(), limiter.counters().forgotten), (50, 0));
}

#[test]
fn another_process_goes_on() {
    let mut limiter = Limiter::new(Config { invalid: 2, ..Config::default() });
    let one = known(&mut limiter, "/channels/5/one", 3, 1);
    let other = known(&mut limiter, "/channels/5/other", 2, 1);
    let hook = route("/webhooks/5/token");
    let [a] = ask(&mut limiter, T, &one);
    let [gone] = ask(&mut limiter, T, &hook);
    granted(&mut limiter, T);
    answer(&mut limiter, T, gone, status(404, 10_015));
    let [held] = ask(&mut limiter, T, &route("/channels/6/one"));
    granted(&mut limiter, T);
    answer(&mut limiter, T, held, limited(Limited::Shared, 60_000));
    let saved = serde_json::to_string(&limiter.save(T)).unwrap();
    let _ = a;

    let mut next = Limiter::new(Config { invalid: 2, ..Config::default() });
    let now = Timestamp::from_millis(100);
    next.restore(now, &serde_json::from_str(&saved).unwrap(), ms(1000));
    assert_eq!(next.request(now, &hook), Err(Refused::Webhook));
    // Two were left, and one was on its way.
    let [b, c] = ask(&mut next, now, &other);
    assert_eq!(granted(&mut next, now), [b]);
    assert_eq!(next.wait(c).unwrap().reason, Reason::Bucket { limit: 5 });
    let [d] = ask(&mut next, now, &route("/channels/6/one"));
    assert_eq!(granted(&mut next, now), []);
    assert_eq!(next.wait(d), Some(Wait { reason: Reason::Held, until: Some(now + ms(59_101)) }));
    let told = granted(&mut next, now + ms(1500));
    assert!(told.contains(&c), "{told:?}");
    // What nobody ever saved is harmless.
    let mut odd: Saved = serde_json::from_str(&saved).unwrap();
    odd.counted = Vec::from([u64::MAX; 1000]);
    odd.invalid = Vec::from([(u64::MAX, u32::MAX); 1000]);
    odd.stopped = u64::MAX;
    odd.buckets.iter_mut().for_each(|bucket| (bucket.ends_in, bucket.period) = (u64::MAX, u64::MAX));
    let mut restored = self::limiter();
    restored.restore(T, &odd, Duration::ZERO);
    let _ = (restored.poll(T), restored.deadline(), restored.save(T));
}
