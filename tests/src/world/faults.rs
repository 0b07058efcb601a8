//! Which faults befall a world, and how often.

use std::ops::RangeInclusive;

use fastrand::Rng;
use sanscord::time::{Duration, Timestamp};

use crate::link;

/// How often what goes wrong. Rates are per virtual second, over the whole world; probabilities are per attempt
/// and in `0.0..=1.0`. The default has no fault at all.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultPlan {
    /// Rate at which one of the open WebSockets is cut.
    pub cut: f64,
    /// Rate at which one of the open WebSockets falls into a black hole: what either side sends vanishes, and
    /// at the hole's end both sides find the connection lost.
    pub black_hole: f64,
    /// Rate at which one of the open WebSockets stalls: all that is sent arrives at the stall's end.
    pub stall: f64,
    /// Rate at which bursts begin in which every datagram is lost.
    pub loss_burst: f64,
    /// How long a black hole, a stall or a burst lasts.
    pub duration: RangeInclusive<Duration>,
    /// Probability that a WebSocket connection is refused.
    pub refused_connect: f64,
    /// Probability that a WebSocket connection is neither made nor refused for as long as an operating system
    /// tries, some two minutes.
    pub hung_connect: f64,
    /// Probability that an HTTP request goes unanswered. Half of these reach the server.
    pub http_failure: f64,
}

impl FaultPlan {
    /// No fault.
    pub const NONE: Self = Self {
        cut: 0.0,
        black_hole: 0.0,
        stall: 0.0,
        loss_burst: 0.0,
        duration: RangeInclusive::new(Duration::from_secs(1), Duration::from_secs(90)),
        refused_connect: 0.0,
        hung_connect: 0.0,
        http_failure: 0.0,
    };

    /// Some of everything: a cut about every ten minutes, the rest somewhat rarer, and one attempt in ten fails.
    pub const ROUGH: Self = Self {
        cut: 1.0 / 600.0,
        black_hole: 1.0 / 1800.0,
        stall: 1.0 / 900.0,
        loss_burst: 1.0 / 300.0,
        refused_connect: 0.1,
        hung_connect: 0.01,
        http_failure: 0.1,
        ..Self::NONE
    };

    const fn rate(&self, fault: Fault) -> f64 {
        match fault {
            Fault::Cut => self.cut,
            Fault::BlackHole => self.black_hole,
            Fault::Stall => self.stall,
            Fault::LossBurst => self.loss_burst,
        }
    }
}

impl Default for FaultPlan {
    fn default() -> Self {
        Self::NONE
    }
}

/// A fault that comes at its own time, not with an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    Cut,
    BlackHole,
    Stall,
    LossBurst,
}

const FAULTS: [Fault; 4] = [Fault::Cut, Fault::BlackHole, Fault::Stall, Fault::LossBurst];

/// What becomes of a connection attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Connect {
    Made,
    Refused,
    Hung,
}

/// What becomes of an HTTP request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Exchange {
    Done,
    /// The request does not arrive.
    Unsent,
    /// The request arrives, its answer does not.
    Unanswered,
}

/// Draws faults from a seed.
#[derive(Debug)]
pub(super) struct Injector {
    plan: FaultPlan,
    rng: Rng,
    next: [Option<Timestamp>; FAULTS.len()],
}

impl Injector {
    pub(super) const fn new(seed: u64) -> Self {
        Self { plan: FaultPlan::NONE, rng: Rng::with_seed(seed), next: [None; FAULTS.len()] }
    }

    pub(super) fn set_plan(&mut self, now: Timestamp, plan: FaultPlan) {
        self.plan = plan;
        for fault in FAULTS {
            self.next[fault as usize] = self.draw_next(now, fault);
        }
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.next.iter().flatten().min().copied()
    }

    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Fault> {
        let fault =
            FAULTS.into_iter().find(|fault| self.next[*fault as usize].is_some_and(|at| at <= now))?;
        self.next[fault as usize] = self.draw_next(now, fault);
        Some(fault)
    }

    pub(super) fn draw_duration(&mut self) -> Duration {
        link::draw(&mut self.rng, &self.plan.duration)
    }

    pub(super) fn draw_connect(&mut self) -> Connect {
        let drawn = self.rng.f64();
        if drawn < self.plan.refused_connect {
            Connect::Refused
        } else if drawn < self.plan.refused_connect + self.plan.hung_connect {
            Connect::Hung
        } else {
            Connect::Made
        }
    }

    pub(super) fn draw_exchange(&mut self) -> Exchange {
        let drawn = self.rng.f64();
        if drawn < self.plan.http_failure / 2.0 {
            Exchange::Unsent
        } else if drawn < self.plan.http_failure {
            Exchange::Unanswered
        } else {
            Exchange::Done
        }
    }

    pub(super) fn choose<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.rng.usize(..from.len())])
    }

    /// Evenly from zero to twice the mean: bounded, and without the logarithm that platforms compute differently.
    fn draw_next(&mut self, now: Timestamp, fault: Fault) -> Option<Timestamp> {
        let rate = self.plan.rate(fault);
        let drawn = self.rng.f64();
        // Over three hundred years apart is never.
        (rate > 1e-10).then(|| now + Duration::from_secs_f64(drawn * 2.0 / rate) + Duration::from_nanos(1))
    }
}
