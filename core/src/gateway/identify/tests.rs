//! The queue call by call, and against a small model of Discord.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn limit(total: u32, remaining: u32, reset_after: u64, max_concurrency: u32) -> SessionStartLimit {
    SessionStartLimit { total, remaining, reset_after, max_concurrency }
}

fn id(number: u32) -> ShardId {
    ShardId::new(number, 64)
}

fn ms(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Empties the queue.
fn drain(queue: &mut IdentifyQueue) -> (Vec<Event>, Option<Timestamp>) {
    let mut events = Vec::new();
    loop {
        match queue.poll_output() {
            Output::Event(event) => events.push(event),
            Output::Wait(until) => return (events, until),
            other => panic!("a queue does not ask for {other:?}"),
        }
    }
}

fn events(queue: &mut IdentifyQueue) -> Vec<Event> {
    drain(queue).0
}

fn granted(queue: &mut IdentifyQueue) -> Vec<u32> {
    let number = |event| match event {
        Event::Granted(shard) => shard.number,
        other => panic!("{other:?}"),
    };
    events(queue).into_iter().map(number).collect()
}

/// Sleeps to the deadline.
fn sleep(queue: &mut IdentifyQueue) -> (Timestamp, Vec<Event>) {
    let until = drain(queue).1.expect("a deadline");
    queue.handle_input(until, Input::Timeout);
    (until, events(queue))
}

#[test]
fn one_grant_for_each_bucket_in_ascending_order() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 1000, 0, 2));
    for number in [0, 6, 5, 4, 3, 2, 1] {
        queue.request(ms(0), id(number));
    }
    assert_eq!(granted(&mut queue), [0, 5]);
    assert_eq!((queue.len(), queue.is_granted(id(5)), queue.is_granted(id(3))), (5, true, false));
    let position = |number| queue.position(id(number));
    assert_eq!([0, 2, 4, 6].map(position), [Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!([5, 1, 3, 7].map(position), [Some(0), Some(1), Some(2), None]);
    // Nothing is due but the grants' end.
    assert_eq!(drain(&mut queue).1, Some(ms(90_000)));
    queue.sent(ms(100), id(0));
    queue.sent(ms(200), id(5));
    assert_eq!((queue.remaining(), queue.resets_in(ms(200))), (998, Duration::from_millis(86_399_900)));
    let mut order = Vec::new();
    while !queue.is_empty() {
        let (at, events) = sleep(&mut queue);
        for event in events {
            let Event::Granted(shard) = event else { panic!("{event:?}") };
            order.push((at.since_origin().as_millis(), shard.number));
            queue.sent(at, shard);
        }
    }
    assert_eq!(order, [(5_600, 2), (5_700, 1), (11_100, 4), (11_200, 3), (16_600, 6)]);
    assert_eq!(queue.remaining(), 993);
}

#[test]
fn asking_again_changes_nothing() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 1000, 0, 1));
    for _ in 0..3 {
        queue.request(ms(1), id(0));
        queue.request(ms(1), id(1));
    }
    assert_eq!(granted(&mut queue), [0]);
    assert_eq!(queue.len(), 1);
    queue.withdraw(ms(2), id(0));
    assert_eq!(granted(&mut queue), [1]);
    queue.withdraw(ms(2), id(1));
    queue.withdraw(ms(2), id(7));
    assert!(events(&mut queue).is_empty());
    assert_eq!((queue.len(), queue.remaining(), queue.deadline()), (0, 1000, None));
}

#[test]
fn a_withdrawn_grant_is_free_at_once_and_costs_nothing() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 1000, 0, 1));
    for number in 0..3 {
        queue.request(ms(0), id(number));
    }
    assert_eq!(granted(&mut queue), [0]);
    queue.withdraw(ms(10), id(1));
    assert!(granted(&mut queue).is_empty());
    queue.withdraw(ms(10), id(0));
    assert_eq!((granted(&mut queue), queue.remaining()), (vec![2], 1000));
    // But the spacing of an earlier identify stays.
    queue.sent(ms(20), id(2));
    queue.request(ms(30), id(3));
    let (at, events) = sleep(&mut queue);
    assert_eq!((at, events), (ms(5_520), vec![Event::Granted(id(3))]));
    queue.withdraw(ms(5_521), id(3));
    queue.request(ms(5_522), id(4));
    assert_eq!(granted(&mut queue), [4]);
}

#[test]
fn a_silent_holder_counts_as_sent() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 1000, 0, 1));
    queue.request(ms(0), id(0));
    queue.request(ms(0), id(1));
    assert_eq!(granted(&mut queue), [0]);
    assert_eq!(sleep(&mut queue), (ms(90_000), vec![Event::Expired(id(0))]));
    assert_eq!((queue.remaining(), queue.position(id(0))), (999, None));
    assert_eq!(sleep(&mut queue), (ms(95_500), vec![Event::Granted(id(1))]));
    // It lived after all: counted again rather than not at all.
    queue.sent(ms(95_600), id(0));
    queue.sent(ms(95_700), id(1));
    assert_eq!(queue.remaining(), 997);
}

#[test]
fn an_identify_without_a_grant_is_counted_and_spaced() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 1000, 0, 4));
    queue.sent(ms(0), id(4));
    queue.request(ms(1), id(0));
    queue.request(ms(1), id(1));
    assert_eq!(granted(&mut queue), [1]);
    // Waiting, but sent: it wants no longer.
    queue.sent(ms(2), id(0));
    assert_eq!((queue.len(), queue.remaining()), (0, 998));
    queue.request(ms(3), id(8));
    assert_eq!(sleep(&mut queue), (ms(5_502), vec![Event::Granted(id(8))]));
}

#[test]
fn two_counts_share_the_buckets_by_number() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 1000, 0, 16));
    let (old, new, far) = (ShardId::new(1, 16), ShardId::new(1, 32), ShardId::new(17, 32));
    for shard in [far, new, old] {
        queue.request(ms(0), shard);
    }
    assert_eq!(events(&mut queue), [Event::Granted(far)]);
    assert_eq!([old, new].map(|shard| queue.position(shard)), [Some(1), Some(2)]);
    queue.withdraw(ms(0), far);
    assert_eq!(events(&mut queue), [Event::Granted(old)]);
}

#[test]
fn nothing_is_granted_from_the_reserve_until_the_period_ends() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 52, 60_000, 16));
    assert_eq!((queue.reserve(), queue.total(), queue.resets_in(ms(0))), (50, 1000, Duration::from_secs(60)));
    for number in 0..4 {
        queue.request(ms(0), id(number));
    }
    // Two are left, and a grant counts before it is sent.
    assert_eq!(granted(&mut queue), [0, 1]);
    queue.sent(ms(10), id(0));
    assert!(granted(&mut queue).is_empty());
    queue.sent(ms(20), id(1));
    let exhausted = |ms| Event::Exhausted {
        remaining: 50,
        total: 1000,
        reserve: 50,
        resets_in: Duration::from_millis(ms),
    };
    assert_eq!(drain(&mut queue), (vec![exhausted(59_980)], Some(ms(60_000))));
    queue.handle_input(ms(6_000), Input::Timeout);
    queue.request(ms(6_000), id(7));
    assert_eq!(drain(&mut queue), (vec![], Some(ms(60_000))));
    let (_, events) = sleep(&mut queue);
    assert_eq!(events[0], Event::Refilled { total: 1000 });
    assert_eq!(events[1..], [2, 3, 7].map(|number| Event::Granted(id(number))));
    assert_eq!((queue.remaining(), queue.resets_in(ms(60_000))), (1000, Duration::ZERO));
    // The next period starts with its first identify.
    queue.sent(ms(70_000), id(2));
    assert_eq!(queue.resets_in(ms(70_000)), PERIOD);
}

#[test]
fn the_reserve_leaves_at_least_one() {
    for (total, default) in [(0, 0), (1, 0), (2, 1), (9, 4), (50, 5), (1000, 50), (2000, 100)] {
        let mut queue = IdentifyQueue::new(ms(0), &limit(total, total, 0, 1));
        assert_eq!(queue.reserve(), default, "{total}");
        queue.set_reserve(u32::MAX);
        assert_eq!(queue.reserve(), total.saturating_sub(1));
    }
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 30, 60_000, 1));
    queue.request(ms(0), id(0));
    assert!(matches!(events(&mut queue)[..], [Event::Exhausted { remaining: 30, .. }]));
    queue.set_reserve(29);
    assert_eq!(events(&mut queue), [Event::Refilled { total: 1000 }, Event::Granted(id(0))]);
}

#[test]
fn a_fresh_answer_is_believed_but_spacing_stays() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 50, 60_000, 1));
    queue.request(ms(0), id(0));
    queue.request(ms(0), id(1));
    assert!(matches!(events(&mut queue)[..], [Event::Exhausted { .. }]));
    queue.refresh(ms(1_000), &limit(1000, 700, 5_000, 1));
    assert_eq!(events(&mut queue), [Event::Refilled { total: 1000 }, Event::Granted(id(0))]);
    assert_eq!((queue.remaining(), queue.resets_in(ms(1_000))), (700, Duration::from_secs(5)));
    queue.sent(ms(1_000), id(0));
    // The answer may not know of that identify yet.
    queue.refresh(ms(1_100), &limit(1000, 700, 60_000, 1));
    assert_eq!((queue.remaining(), granted(&mut queue)), (699, vec![]));
    queue.refresh(ms(1_200), &limit(1000, 600, 60_000, 1));
    assert_eq!(queue.remaining(), 600);
    assert_eq!(sleep(&mut queue), (ms(6_500), vec![Event::Granted(id(1))]));
    queue.refresh(ms(7_000), &limit(10, 900, 0, 0));
    assert_eq!((queue.remaining(), queue.max_concurrency()), (10, 1));
}

#[test]
fn other_buckets_keep_grants_and_spacing() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 1000, 0, 4));
    for number in 0..8 {
        queue.request(ms(0), id(number));
    }
    assert_eq!(granted(&mut queue), [0, 1, 2, 3]);
    queue.sent(ms(100), id(0));
    queue.sent(ms(200), id(1));
    queue.refresh(ms(300), &limit(1000, 998, 60_000, 1));
    assert_eq!(queue.position(id(4)), Some(2));
    // Two hold grants still, in what is one bucket now.
    queue.withdraw(ms(6_000), id(2));
    assert!(granted(&mut queue).is_empty());
    queue.withdraw(ms(6_001), id(3));
    assert_eq!(granted(&mut queue), [4]);
    queue.sent(ms(6_100), id(4));
    queue.refresh(ms(6_200), &limit(1000, 997, 60_000, 4));
    // Bucket 0 rests for shard 4; the others are free.
    assert_eq!(granted(&mut queue), [5, 6, 7]);
    queue.request(ms(6_200), id(8));
    assert_eq!(drain(&mut queue), (vec![], Some(ms(11_600))));
}

#[test]
fn who_fails_again_and_again_starves_nobody() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 1000, 0, 1));
    let mut turns = Vec::new();
    for number in 0..3 {
        queue.request(ms(0), id(number));
    }
    for _ in 0..9 {
        let [number] = granted(&mut queue)[..] else { panic!("one at a time") };
        turns.push(number);
        queue.withdraw(ms(0), id(number));
        queue.request(ms(0), id(number));
    }
    assert_eq!(turns, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
    // Where identifies are short, the buckets take turns too.
    let mut queue = IdentifyQueue::new(ms(0), &limit(2, 2, 0, 3));
    let mut now = ms(0);
    let mut turns = Vec::new();
    for number in 0..3 {
        queue.request(now, id(number));
    }
    while turns.len() < 6 {
        for event in events(&mut queue) {
            if let Event::Granted(shard) = event {
                turns.push(shard.number);
                queue.sent(now, shard);
                queue.request(now, shard);
            }
        }
        now = queue.deadline().unwrap();
        queue.handle_input(now, Input::Timeout);
    }
    assert_eq!(turns, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_full_queue_refuses() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 1000, 0, 1));
    let many = u32::try_from(MAX_SHARDS).unwrap();
    for number in 0..=many {
        queue.request(ms(0), ShardId::new(number, u32::MAX));
    }
    assert_eq!(queue.len(), MAX_SHARDS);
    queue.request(ms(0), ShardId::new(many + 1, u32::MAX));
    let refused = Event::Refused(ShardId::new(many + 1, u32::MAX));
    assert_eq!(events(&mut queue), [Event::Granted(ShardId::new(0, u32::MAX)), refused]);
    assert_eq!(queue.len(), MAX_SHARDS);
}

#[test]
fn another_process_goes_on() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 500, 3_600_000, 4));
    queue.set_reserve(7);
    for number in 0..8 {
        queue.request(ms(0), id(number));
    }
    queue.sent(ms(1_000), id(0));
    queue.sent(ms(3_000), id(1));
    queue.withdraw(ms(3_000), id(2));
    queue.withdraw(ms(3_000), id(6));
    let saved = queue.save(ms(4_000));
    let json = serde_json::to_string(&saved).unwrap();
    assert_eq!(
        json,
        r#"{"total":1000,"remaining":498,"reset_after_ms":3596001,"reset_is_certain":true,"#.to_owned()
            + r#""max_concurrency":4,"reserve":7,"recent":[{"shard":[0,64],"ago_ms":3000},{"shard":[1,64],"ago_ms":1000}],"#
            + r#""granted":[{"shard":[3,64],"ago_ms":4000}]}"#
    );
    let saved: Saved = serde_json::from_str(&json).unwrap();
    let start = ms(1_000_000);
    let mut queue = IdentifyQueue::restore(start, &saved, Duration::from_millis(500));
    assert_eq!((queue.remaining(), queue.reserve(), queue.len()), (498, 7, 0));
    for number in 4..8 {
        queue.request(start, id(number));
    }
    assert_eq!(granted(&mut queue), [6]);
    assert!(queue.is_granted(id(3)));
    assert_eq!(sleep(&mut queue), (ms(1_002_000), vec![Event::Granted(id(4))]));
    assert_eq!(sleep(&mut queue), (ms(1_004_000), vec![Event::Granted(id(5))]));
    // A holder from before the change still holds.
    assert_eq!(queue.position(id(7)), Some(1));
    queue.sent(ms(1_005_000), id(3));
    assert_eq!(sleep(&mut queue), (ms(1_010_500), vec![Event::Granted(id(7))]));
    assert_eq!(queue.remaining(), 497);
}

#[test]
fn a_lost_grant_counts_as_sent() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 1000, 0, 1));
    queue.request(ms(0), id(0));
    let saved = queue.save(ms(0));
    let mut queue = IdentifyQueue::restore(ms(0), &saved, Duration::ZERO);
    queue.request(ms(100), id(0));
    assert_eq!((queue.remaining(), queue.len(), granted(&mut queue)), (999, 1, vec![]));
    queue.request(ms(200), id(0));
    assert_eq!(queue.remaining(), 999);
    assert_eq!(sleep(&mut queue), (ms(5_600), vec![Event::Granted(id(0))]));
    // Nothing was heard of it, and nobody asks again.
    let mut queue = IdentifyQueue::restore(ms(200_000), &saved, Duration::from_secs(100));
    assert_eq!(events(&mut queue), [Event::Expired(id(0))]);
    assert_eq!(queue.remaining(), 999);
}

#[test]
fn a_period_that_ended_in_between_refills() {
    let mut queue = IdentifyQueue::new(ms(0), &limit(1000, 50, 60_000, 1));
    assert!(matches!(events(&mut queue)[..], [Event::Exhausted { .. }]));
    let saved = queue.save(ms(0));
    let mut early = IdentifyQueue::restore(ms(0), &saved, Duration::from_secs(60));
    assert!(matches!(events(&mut early)[..], [Event::Exhausted { .. }]));
    let mut late = IdentifyQueue::restore(ms(0), &saved, Duration::from_secs(61));
    assert_eq!(events(&mut late), [Event::Refilled { total: 1000 }]);
    assert_eq!((late.remaining(), late.deadline()), (1000, None));
}

#[test]
fn a_clock_that_steps_back_changes_nothing() {
    let mut queue = IdentifyQueue::new(ms(10_000), &limit(1000, 1000, 0, 1));
    queue.sent(ms(10_000), id(0));
    queue.request(ms(0), id(1));
    assert_eq!(drain(&mut queue).1, Some(ms(15_500)));
}

#[test]
fn events_are_values() {
    let all = [
        Event::Granted(id(1)),
        Event::Expired(id(2)),
        Event::Refused(id(3)),
        Event::Exhausted { remaining: 1, total: 2, reserve: 1, resets_in: Duration::from_millis(1_500) },
        Event::Refilled { total: 2 },
    ];
    for event in all {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    }
}

/// What may happen, in any order.
#[derive(Clone, Debug)]
enum Step {
    Request(u32),
    Withdraw(u32),
    /// A shard that has a grant obeys it; one that has none sends nothing.
    Sent(u32),
    Sleep(u64),
    /// To the deadline, at most this long.
    Wake(u64),
    Refresh,
    /// The queue moves to another process, which takes so long.
    Restore(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let shard = || 0..12_u32;
    let step = prop_oneof![
        6 => shard().prop_map(Step::Request),
        2 => shard().prop_map(Step::Withdraw),
        6 => shard().prop_map(Step::Sent),
        3 => (0..8_000_u64).prop_map(Step::Sleep),
        1 => (0..100_000_u64).prop_map(Step::Sleep),
        4 => (0..100_000_u64).prop_map(Step::Wake),
        1 => Just(Step::Wake(PERIOD.as_millis() as u64)),
        1 => Just(Step::Refresh),
        1 => (0..10_000_u64).prop_map(Step::Restore),
    ];
    prop::collection::vec(step, 0..160)
}

/// Discord's side and the shards': who was told what, and what Discord would object to.
struct Model {
    queue: IdentifyQueue,
    now: Timestamp,
    total: u32,
    reserve: u32,
    concurrency: u32,
    /// Grants as their holders know them.
    held: BTreeSet<ShardId>,
    asked: BTreeSet<ShardId>,
    last: BTreeMap<u32, Timestamp>,
    /// Start of the period and identifies in it.
    period: Option<(Timestamp, u32)>,
    transcript: Vec<(Timestamp, Event)>,
}

impl Model {
    fn new(total: u32, reserve: u32, concurrency: u32) -> Self {
        let now = ms(1_000_000);
        let mut queue = IdentifyQueue::new(now, &limit(total, total, 0, concurrency));
        queue.set_reserve(reserve);
        let reserve = queue.reserve();
        let (held, asked, last) = Default::default();
        Self { queue, now, total, reserve, concurrency, held, asked, last, period: None, transcript: vec![] }
    }

    fn spent(&mut self) -> u32 {
        self.period = self.period.filter(|&(start, _)| self.now < start + PERIOD);
        self.period.map_or(0, |(_, spent)| spent)
    }

    fn drain(&mut self) {
        let (events, until) = drain(&mut self.queue);
        assert!(until.is_none_or(|until| until > self.now), "a deadline that is past");
        for event in events {
            match &event {
                Event::Granted(shard) => {
                    assert!(self.asked.remove(shard), "{shard} did not ask");
                    assert!(self.held.insert(*shard));
                }
                Event::Expired(shard) => {
                    self.held.remove(shard);
                }
                Event::Exhausted { remaining, reserve, .. } => assert!(remaining <= reserve),
                Event::Refilled { total } => assert_eq!(*total, self.total),
                Event::Refused(_) => panic!("not full"),
            }
            self.transcript.push((self.now, event));
        }
        assert_eq!(self.queue.len(), self.asked.len());
        for shard in &self.held {
            assert_eq!(self.queue.position(*shard), Some(0));
        }
    }

    fn identify(&mut self, shard: ShardId) {
        if !self.held.remove(&shard) {
            return;
        }
        let bucket = shard.bucket(self.concurrency);
        if let Some(last) = self.last.insert(bucket, self.now) {
            assert!(self.now.since(last) >= Duration::from_secs(5), "bucket {bucket} too fast");
        }
        let spent = self.spent() + 1;
        assert!(spent <= self.total - self.reserve, "one too many");
        self.period = Some((self.period.map_or(self.now, |(start, _)| start), spent));
        self.asked.remove(&shard);
        self.queue.sent(self.now, shard);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Request(number) => {
                let shard = id(number);
                if !self.held.contains(&shard) {
                    self.asked.insert(shard);
                    self.queue.request(self.now, shard);
                }
            }
            Step::Withdraw(number) => {
                let shard = id(number);
                self.held.remove(&shard);
                self.asked.remove(&shard);
                self.queue.withdraw(self.now, shard);
            }
            Step::Sent(number) => self.identify(id(number)),
            Step::Sleep(millis) => {
                self.now += Duration::from_millis(millis);
                self.queue.handle_input(self.now, Input::Timeout);
            }
            Step::Wake(most) => {
                let until = self.queue.deadline().unwrap_or(self.now);
                self.now = until.min(self.now + Duration::from_millis(most));
                self.queue.handle_input(self.now, Input::Timeout);
            }
            Step::Refresh => {
                let spent = self.spent();
                let ends = self.period.map_or(self.now, |(start, _)| start + PERIOD);
                let reset_after = millis(ends.since(self.now)) + 1;
                let answer = limit(self.total, self.total - spent, reset_after, self.concurrency);
                self.queue.refresh(self.now, &answer);
            }
            Step::Restore(elapsed) => {
                let saved = self.queue.save(self.now);
                let elapsed = Duration::from_millis(elapsed);
                self.now += elapsed;
                self.queue = IdentifyQueue::restore(self.now, &saved, elapsed);
                for shard in self.asked.clone() {
                    self.queue.request(self.now, shard);
                }
            }
        }
        self.drain();
    }

    fn run(mut self, steps: &[Step]) -> Self {
        for step in steps {
            self.step(step);
        }
        self
    }
}

proptest! {
    #[test]
    fn no_order_of_calls_leads_to_an_identify_too_many(
        total in 1..20_u32, reserve in 0..8_u32, concurrency in 1..5_u32, steps in steps()
    ) {
        let new = || Model::new(total, reserve, concurrency);
        let mut model = new().run(&steps);
        prop_assert_eq!(&new().run(&steps).transcript, &model.transcript, "not deterministic");
        // Nobody starves: whoever holds or waits identifies, within as many rounds as there are shards.
        let mut rounds = 0;
        while !model.held.is_empty() || !model.asked.is_empty() {
            for shard in model.held.clone() {
                model.identify(shard);
                model.drain();
            }
            if let Some(until) = model.queue.deadline() {
                model.now = until;
                model.step(&Step::Sleep(0));
            }
            rounds += 1;
            prop_assert!(rounds < 100, "starved: {:?}", model.asked);
        }
    }
}
