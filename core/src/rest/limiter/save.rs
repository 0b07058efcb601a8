//! The limiter's state on its way to another process.

use crate::rest::route::{RouteKey, Traits};
use crate::time::{Duration, Timestamp};

use super::Limiter;
use super::bucket::Kind;
use super::message::{Saved, SavedBucket};

impl Limiter {
    /// The state, for [`restore`](Self::restore).
    #[must_use]
    pub fn save(&self, now: Timestamp) -> Saved {
        let now = self.now.max(now);
        // Rounded up, ages down: both on the safe side.
        let left = |at: Timestamp| if at > now { millis(at.since(now)).saturating_add(1) } else { 0 };
        let age = |at: Timestamp| millis(now.since(at));
        let mut saved = Saved {
            stopped: left(self.global.stopped),
            banned: left(self.global.banned),
            ..Saved::default()
        };
        for index in self.table.all() {
            let lane = self.table.lane(index);
            if lane.held > now {
                saved.held.push((lane.key, left(lane.held)));
            }
            let bucket = self.table.bucket(lane.bucket);
            if bucket.kind == Kind::Windowed && bucket.lanes == index {
                let routes = self.table.of(lane.bucket).map(|lane| self.table.lane(lane).key);
                saved.buckets.push(SavedBucket {
                    routes: routes.collect(),
                    name: bucket.hash,
                    limit: bucket.limit,
                    remaining: bucket.remaining,
                    ends_in: left(bucket.end),
                    period: millis(bucket.period).saturating_add(1),
                    uncertain: bucket.in_flight.saturating_add(bucket.ghosts(now)),
                });
            }
        }
        saved.names = self.table.templates.iter().map(|(template, hash)| (*template, *hash)).collect();
        saved.counted = self.global.answered.iter().map(|at| age(*at)).collect();
        saved.counted.extend(core::iter::repeat_n(0, self.global.held));
        saved.invalid = self.breaker.slices.iter().map(|(at, count)| (age(*at), *count)).collect();
        saved.gone = self.breaker.deaths().collect();
        saved
    }

    /// Takes over what an earlier process [saved](Self::save), `age` ago by the wall clock; if that is unknown, zero
    /// is safe. What this limiter already knows of a route stays.
    pub fn restore(&mut self, now: Timestamp, saved: &Saved, age: Duration) {
        self.tick(now);
        let now = self.now;
        let left = |ms: u64| now + Duration::from_millis(ms).saturating_sub(age);
        // Times before the clock's origin become the origin: then the rest is waited in whole, which is longer.
        let before = |ms: u64| {
            let ago = Duration::from_millis(ms).saturating_add(age).as_nanos();
            Timestamp::from_nanos(now.as_nanos().saturating_sub(u64::try_from(ago).unwrap_or(u64::MAX)))
        };
        self.global.stopped = self.global.stopped.max(left(saved.stopped));
        self.global.banned = self.global.banned.max(left(saved.banned));
        for (template, hash) in saved.names.iter().take(super::table::MAX_TEMPLATES) {
            self.table.templates.entry(*template).or_insert(*hash);
        }
        for bucket in saved.buckets.iter().take(self.config.routes) {
            let mut fresh = None;
            for key in bucket.routes.iter().take(self.config.routes) {
                let Some(lane) = self.restore_lane(*key) else { continue };
                if let Some(hash) = bucket.name {
                    self.table.tell(lane, hash, now, now);
                }
                fresh = Some(self.table.lane(lane).bucket);
            }
            let Some(index) = fresh else { continue };
            let state = self.table.bucket_mut(index);
            if state.kind != Kind::Windowed {
                state.restore(
                    bucket.limit,
                    bucket.remaining,
                    left(bucket.ends_in),
                    Duration::from_millis(bucket.period),
                );
                state.haunt(now, bucket.uncertain);
            }
        }
        for (key, ms) in saved.held.iter().take(self.config.routes) {
            let found = self.table.find(*key).or_else(|| self.restore_lane(*key));
            if let Some(lane) = found {
                self.hold(lane, left(*ms));
            }
        }
        for ms in &saved.counted {
            if self.global.answered.len() < self.config.per_second as usize {
                self.global.hold(before(*ms));
            }
        }
        for (ms, count) in &saved.invalid {
            if self.breaker.add(before(*ms), *count) {
                let wait = self.breaker.resumes().unwrap_or_default().since(now);
                self.out.push_back(super::Event::Tripped { invalid: self.breaker.count(), wait });
            }
        }
        for webhook in &saved.gone {
            self.breaker.bury(*webhook);
        }
        self.tick(now);
    }

    /// A lane that is new, and not one too many.
    fn restore_lane(&mut self, key: RouteKey) -> Option<u32> {
        if self.table.find(key).is_some() || self.table.len() >= self.config.routes {
            return None;
        }
        self.table.add(self.now, key, Traits::default())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
