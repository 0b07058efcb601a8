//! The least that still fails.

use super::plan::{Plan, Step};
use super::stage::{Failure, run};

/// Takes away from a plan that fails what it does not need: steps, shards, guilds and time. What is left fails in the
/// same way, as far as [`Failure::is_like`] tells. Runs at most `runs` plans.
#[must_use]
pub fn shrink(plan: &Plan, runs: usize) -> Plan {
    let Err(failure) = run(plan) else { return plan.clone() };
    let mut shrinker = Shrinker { best: plan.clone(), failure, left: runs };
    loop {
        let before = shrinker.best.clone();
        shrinker.drop_steps();
        shrinker.simplify();
        if shrinker.best == before || shrinker.left == 0 {
            return shrinker.best;
        }
    }
}

struct Shrinker {
    best: Plan,
    failure: Failure,
    left: usize,
}

impl Shrinker {
    /// Keeps this plan if it fails.
    fn offer(&mut self, plan: Plan) -> bool {
        let fails = self.left > 0 && plan != self.best && {
            self.left -= 1;
            run(&plan).is_err_and(|failure| failure.is_like(&self.failure))
        };
        if fails {
            self.best = plan;
        }
        fails
    }

    /// Takes away halves, quarters and so on, down to single steps.
    fn drop_steps(&mut self) {
        let mut size = self.best.steps.len().div_ceil(2);
        while size > 0 && self.left > 0 {
            let mut from = 0;
            while from < self.best.steps.len() {
                let mut plan = self.best.clone();
                plan.steps.drain(from..(from + size).min(plan.steps.len()));
                if !self.offer(plan) {
                    from += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    fn simplify(&mut self) {
        let last = self.best.steps.last().map_or(0, |(at, _)| *at);
        for extra in [1_000, 60_000, 600_000] {
            self.offer(Plan { length: self.best.length.min(last + extra), ..self.best.clone() });
        }
        let quiet = Plan::quiet(self.best.seed, self.best.length);
        self.offer(Plan { shards: quiet.shards, ..self.best.clone() });
        self.offer(Plan { guilds: quiet.guilds, ..self.best.clone() });
        self.offer(Plan { delay: quiet.delay, ..self.best.clone() });
        self.offer(Plan { max_concurrency: quiet.max_concurrency, ..self.best.clone() });
        self.offer(Plan { identifies: quiet.identifies, ..self.best.clone() });
        self.offer(Plan { compression: quiet.compression, ..self.best.clone() });
        self.offer(Plan { acknowledges: None, ..self.best.clone() });
        self.offer(Plan { replay_pace: 0, ..self.best.clone() });
        self.offer(Plan { heartbeat: quiet.heartbeat, ..self.best.clone() });
        self.offer(Plan { ending: quiet.ending, ..self.best.clone() });
        for index in 0..self.best.steps.len() {
            let mut plan = self.best.clone();
            if let Some((_, step)) = plan.steps.get_mut(index) {
                soften(step);
            }
            self.offer(plan);
        }
    }
}

/// Makes a step smaller, if it has a size.
fn soften(step: &mut Step) {
    match step {
        Step::BlackHole { time, .. }
        | Step::Stall { time, .. }
        | Step::LoseCloseFrames { time }
        | Step::RefuseConnects { time }
        | Step::HangConnects { time }
        | Step::SilenceAcks { time }
        | Step::Freeze { time }
        | Step::Jump { time, .. }
        | Step::Hold { time } => *time /= 2,
        Step::Crash { down, .. } | Step::Suspend { down } | Step::Stop { down } => *down /= 2,
        Step::FailRequests { count }
        | Step::RefuseRequests { count, .. }
        | Step::RefuseUpgrades { count, .. }
        | Step::ReconnectInsteadOfHello { count }
        | Step::Flood { count, .. } => *count = count.div_ceil(2),
        _ => {}
    }
}
