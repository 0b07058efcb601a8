//! A network link as a machine: what goes in comes out later, or never, as a seed decides.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use fastrand::Rng;
use sanscord::time::{Duration, Timestamp};

/// How a link treats what passes through it, in each direction alike.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkConfig {
    /// One way delay, drawn anew for each item.
    pub delay: RangeInclusive<Duration>,
    /// Probability in `0.0..=1.0` that a datagram is lost.
    pub loss: f64,
    /// Probability in `0.0..=1.0` that a datagram arrives twice.
    pub duplicate: f64,
    /// Probability in `0.0..=1.0` that a datagram is held back for up to four times the longest delay, so that
    /// later ones overtake it. The others keep their order.
    pub reorder: f64,
}

impl LinkConfig {
    /// A fixed delay and no fault.
    #[must_use]
    pub const fn steady(delay: Duration) -> Self {
        Self { delay: RangeInclusive::new(delay, delay), loss: 0.0, duplicate: 0.0, reorder: 0.0 }
    }

    /// A bad mobile network: 20 to 200 ms, and some of every fault.
    #[must_use]
    pub const fn rough() -> Self {
        Self {
            delay: RangeInclusive::new(Duration::from_millis(20), Duration::from_millis(200)),
            loss: 0.03,
            duplicate: 0.01,
            reorder: 0.02,
        }
    }

    /// Draws a one way delay.
    pub(crate) fn draw_delay(&self, rng: &mut Rng) -> Duration {
        draw(rng, &self.delay)
    }
}

impl Default for LinkConfig {
    /// A steady 20 ms.
    fn default() -> Self {
        Self::steady(Duration::from_millis(20))
    }
}

/// Draws a duration from a range; an empty range gives its start.
pub(crate) fn draw(rng: &mut Rng, range: &RangeInclusive<Duration>) -> Duration {
    let nanos = |duration: &Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let (start, end) = (nanos(range.start()), nanos(range.end()));
    Duration::from_nanos(if start < end { rng.u64(start..=end) } else { start })
}

/// What [`Link::poll_delivery`] answers.
#[derive(Debug, Eq, PartialEq)]
#[must_use]
pub enum Delivery<T> {
    /// This has arrived.
    Deliver(T),
    /// Nothing more has arrived; the next item will at this time. `None`: the link is empty.
    Wait(Option<Timestamp>),
}

/// One direction of a link.
///
/// Holds whatever was sent and has not arrived: its bound is what its users send within the longest delay.
#[derive(Debug)]
pub struct Link<T> {
    config: LinkConfig,
    rng: Rng,
    flight: Schedule<T>,
    /// The arrival of the latest item that keeps order.
    last: Timestamp,
    held_until: Timestamp,
    fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    BlackHole,
    Cut,
}

impl<T: Clone> Link<T> {
    /// An empty link; the same seed and the same sends give the same deliveries.
    #[must_use]
    pub const fn new(config: LinkConfig, seed: u64) -> Self {
        Self {
            config,
            rng: Rng::with_seed(seed),
            flight: Schedule::new(),
            last: Timestamp::ZERO,
            held_until: Timestamp::ZERO,
            fault: None,
        }
    }

    /// Sends what TCP would carry: never lost, never overtaken.
    pub fn send_ordered(&mut self, now: Timestamp, item: T) {
        if self.fault.is_none() {
            let at = now + self.config.draw_delay(&mut self.rng);
            self.send_in_order(at, item);
        }
    }

    /// Sends what UDP would carry: it may be lost, doubled or overtaken.
    pub fn send_datagram(&mut self, now: Timestamp, item: T) {
        // Drawn whatever the link's state, so that a fault does not change the fate of later datagrams.
        let lost = self.chance(self.config.loss);
        let doubled = self.chance(self.config.duplicate);
        let late = self.chance(self.config.reorder);
        let at = now + self.config.draw_delay(&mut self.rng);
        let longest = *self.config.delay.end();
        let again = draw(&mut self.rng, &(Duration::ZERO..=longest));
        let held_back = draw(&mut self.rng, &(longest..=longest.saturating_mul(4)));
        if lost || self.fault.is_some() {
            return;
        }
        if doubled {
            self.flight.insert(at + again, item.clone());
        }
        if late {
            self.flight.insert(at + held_back, item);
        } else {
            self.send_in_order(at, item);
        }
    }

    /// The next item that has arrived by `now`, in the order of arrival.
    pub fn poll_delivery(&mut self, now: Timestamp) -> Delivery<T> {
        match self.flight.take_due(now) {
            Some(item) => Delivery::Deliver(item),
            None => Delivery::Wait(self.next_delivery()),
        }
    }

    /// When the next item arrives.
    #[must_use]
    pub fn next_delivery(&self) -> Option<Timestamp> {
        self.flight.next_due()
    }

    /// From now on whatever is sent vanishes, while it looks sent. What is on its way arrives.
    pub fn set_black_hole(&mut self, on: bool) {
        match self.fault {
            Some(Fault::Cut) => {}
            None | Some(Fault::BlackHole) => self.fault = on.then_some(Fault::BlackHole),
        }
    }

    /// What is on its way, and what is sent until then, arrives no earlier than `until`, in order: the other
    /// end of a TCP stall.
    pub fn stall(&mut self, until: Timestamp) {
        self.held_until = self.held_until.max(until);
        self.flight.hold(until);
    }

    /// Cuts the link for good: what is on its way is lost.
    pub fn cut(&mut self) {
        self.fault = Some(Fault::Cut);
        self.flight.clear();
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.next_delivery().is_none()
    }

    fn send_in_order(&mut self, at: Timestamp, item: T) {
        self.last = self.last.max(at).max(self.held_until);
        self.flight.insert(self.last, item);
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.rng.f64() < probability
    }
}

/// Items by the time at which they are due; those of one time in the order of their insertion.
#[derive(Debug)]
pub(crate) struct Schedule<T> {
    /// Soonest first. Most are inserted at the end.
    items: VecDeque<(Timestamp, T)>,
}

impl<T> Schedule<T> {
    pub(crate) const fn new() -> Self {
        Self { items: VecDeque::new() }
    }

    pub(crate) fn insert(&mut self, at: Timestamp, item: T) {
        let later = self.items.iter().rev().take_while(|(due, _)| *due > at).count();
        match later {
            0 => self.items.push_back((at, item)),
            _ => self.items.insert(self.items.len() - later, (at, item)),
        }
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.items.front().map(|(at, _)| *at)
    }

    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<T> {
        self.next_due().filter(|at| *at <= now)?;
        self.items.pop_front().map(|(_, item)| item)
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }

    /// Moves what is due before `until` to `until`; the order stays.
    fn hold(&mut self, until: Timestamp) {
        for (at, _) in self.items.iter_mut().take_while(|(at, _)| *at < until) {
            *at = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn drain(link: &mut Link<u32>, now: Timestamp) -> Vec<u32> {
        let mut arrived = Vec::new();
        while let Delivery::Deliver(item) = link.poll_delivery(now) {
            arrived.push(item);
        }
        arrived
    }

    fn run(seed: u64, datagrams: bool) -> Vec<(u64, u32)> {
        let mut link = Link::new(LinkConfig::rough(), seed);
        let mut arrived = Vec::new();
        for now in 0..20_000 {
            if now % 20 == 0 && now < 10_000 {
                let item = u32::try_from(now / 20).unwrap();
                if datagrams { link.send_datagram(ms(now), item) } else { link.send_ordered(ms(now), item) }
            }
            arrived.extend(drain(&mut link, ms(now)).into_iter().map(|item| (now, item)));
        }
        assert!(link.is_empty());
        arrived
    }

    #[test]
    fn a_seed_decides_everything() {
        assert_eq!(run(7, true), run(7, true));
        assert_ne!(run(7, true), run(8, true));
    }

    #[test]
    fn ordered_items_all_arrive_in_order_and_after_their_delay() {
        let arrived = run(3, false);
        assert!(arrived.iter().map(|(_, item)| *item).eq(0..500));
        assert!(arrived.iter().all(|(at, item)| *at >= u64::from(*item) * 20 + 20));
    }

    #[test]
    fn datagrams_are_lost_doubled_and_overtaken() {
        let items: Vec<u32> = run(3, true).into_iter().map(|(_, item)| item).collect();
        let mut distinct = items.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() < 500, "none was lost");
        assert!(distinct.len() < items.len(), "none was doubled");
        assert!(items.windows(2).any(|pair| pair[1] < pair[0]), "none was overtaken");
    }

    #[test]
    fn a_steady_link_harms_nothing() {
        let mut link = Link::new(LinkConfig::steady(Duration::from_millis(5)), 1);
        link.send_datagram(ms(0), 1);
        link.send_datagram(ms(1), 2);
        assert_eq!(link.poll_delivery(ms(4)), Delivery::Wait(Some(ms(5))));
        assert_eq!(drain(&mut link, ms(5)), [1]);
        assert_eq!(drain(&mut link, ms(100)), [2]);
        assert_eq!(link.poll_delivery(ms(100)), Delivery::Wait(None));
    }

    #[test]
    fn a_black_hole_swallows_what_is_sent_and_a_cut_everything() {
        let mut link = Link::new(LinkConfig::steady(Duration::from_millis(5)), 1);
        link.send_ordered(ms(0), 1);
        link.set_black_hole(true);
        link.send_ordered(ms(1), 2);
        link.set_black_hole(false);
        link.send_ordered(ms(2), 3);
        assert_eq!(drain(&mut link, ms(100)), [1, 3]);
        link.send_ordered(ms(100), 4);
        link.cut();
        link.set_black_hole(false);
        link.send_ordered(ms(101), 5);
        assert!(link.is_empty());
    }

    #[test]
    fn a_stall_delays_in_order() {
        let mut link = Link::new(LinkConfig::steady(Duration::from_millis(5)), 1);
        link.send_ordered(ms(0), 1);
        link.send_ordered(ms(95), 2);
        link.stall(ms(100));
        link.send_ordered(ms(10), 3);
        link.send_ordered(ms(200), 4);
        assert!(drain(&mut link, ms(99)).is_empty());
        assert_eq!(drain(&mut link, ms(100)), [1, 2, 3]);
        assert_eq!(drain(&mut link, ms(205)), [4]);
    }
}
