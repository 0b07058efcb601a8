//! What stops requests that would do harm: too many invalid ones, a dead token, dead webhooks.

use alloc::collections::{BTreeSet, VecDeque};

use crate::rest::route::WebhookKey;
use crate::time::{Duration, Timestamp};

/// Counts invalid requests, and remembers what is dead.
#[derive(Debug)]
pub(super) struct Breaker {
    limit: u32,
    /// When a slice of [`SLICE`] began and how many there were in it: [`SLICES`] at most.
    pub(super) slices: VecDeque<(Timestamp, u32)>,
    sum: u32,
    pub(super) tripped: bool,
    /// The bot's token was refused.
    pub(super) unauthorized: bool,
    dead: BTreeSet<WebhookKey>,
    /// The dead ones in the order in which they died: [`MAX_DEAD`] at most, beyond which the first is forgotten.
    deaths: VecDeque<WebhookKey>,
}

impl Breaker {
    pub(super) const fn new(limit: u32) -> Self {
        Self {
            limit,
            slices: VecDeque::new(),
            sum: 0,
            tripped: false,
            unauthorized: false,
            dead: BTreeSet::new(),
            deaths: VecDeque::new(),
        }
    }

    /// Invalid requests in the last 10 minutes.
    pub(super) const fn count(&self) -> u32 {
        self.sum
    }

    /// Counts invalid requests; says whether that was too many.
    pub(super) fn add(&mut self, at: Timestamp, count: u32) -> bool {
        match self.slices.back_mut() {
            Some((began, slice)) if at < *began + SLICE => *slice = slice.saturating_add(count),
            _ => {
                if self.slices.len() >= SLICES {
                    self.drop_first();
                }
                self.slices.push_back((at, count));
            }
        }
        self.sum = self.sum.saturating_add(count);
        let trips = !self.tripped && self.sum >= self.limit;
        self.tripped |= trips;
        trips
    }

    /// Forgets what is 10 minutes old; says whether requests may go on.
    pub(super) fn tick(&mut self, now: Timestamp) -> bool {
        while self.slices.front().is_some_and(|(began, _)| *began + SLICE + WINDOW <= now) {
            self.drop_first();
        }
        let resumes = self.tripped && self.sum <= self.limit / 2;
        self.tripped &= !resumes;
        resumes
    }

    /// When requests go on, if they are stopped.
    pub(super) fn resumes(&self) -> Option<Timestamp> {
        let (mut left, mut at) = (self.sum, Timestamp::ZERO);
        for (began, count) in self.slices.iter().take_while(|_| self.tripped) {
            if left <= self.limit / 2 {
                break;
            }
            left = left.saturating_sub(*count);
            at = *began + SLICE + WINDOW;
        }
        self.tripped.then_some(at)
    }

    pub(super) fn is_dead(&self, webhook: WebhookKey) -> bool {
        !self.dead.is_empty() && self.dead.contains(&webhook)
    }

    pub(super) fn bury(&mut self, webhook: WebhookKey) -> bool {
        if self.deaths.len() >= MAX_DEAD
            && let Some(first) = self.deaths.pop_front()
        {
            self.dead.remove(&first);
        }
        let new = self.dead.insert(webhook);
        if new {
            self.deaths.push_back(webhook);
        }
        new
    }

    pub(super) fn deaths(&self) -> impl Iterator<Item = WebhookKey> {
        self.deaths.iter().copied()
    }

    fn drop_first(&mut self) {
        if let Some((_, count)) = self.slices.pop_front() {
            self.sum = self.sum.saturating_sub(count);
        }
    }
}

/// Discord counts invalid requests in this time (discord-api-docs, Rate Limits, Invalid Request Limit).
const WINDOW: Duration = Duration::from_secs(600);
/// They are counted together in slices, and forgotten with a slice: at most so much too late.
const SLICE: Duration = Duration::from_secs(10);
const SLICES: usize = 64;
/// Dead webhooks that are kept in mind.
const MAX_DEAD: usize = 10_000;
