//! Several processes and one limiter: everything between them is JSON.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::super::*;
use crate::machine::Method;

/// What a process tells the one that has the limiter.
#[derive(Deserialize, Serialize)]
enum Ask {
    Want { call: u64, route: Route },
    Done { ticket: Ticket, outcome: Outcome },
}

/// What it hears.
#[derive(Deserialize, Serialize)]
enum Answer {
    Granted { call: u64, ticket: Ticket },
    Refused { call: u64, why: Refused },
}

struct Owner {
    limiter: Limiter,
    calls: BTreeMap<Ticket, (usize, u64)>,
    granted: Vec<(usize, Ticket)>,
}

impl Owner {
    fn hear(&mut self, now: Timestamp, process: usize, message: &str) -> Option<String> {
        match serde_json::from_str(message).unwrap() {
            Ask::Want { call, route } => match self.limiter.request(now, &route) {
                Ok(ticket) => {
                    self.calls.insert(ticket, (process, call));
                }
                Err(why) => return Some(serde_json::to_string(&Answer::Refused { call, why }).unwrap()),
            },
            Ask::Done { ticket, outcome } => {
                self.limiter.complete(now, ticket, &outcome);
                self.granted.retain(|(_, other)| *other != ticket);
            }
        }
        None
    }

    /// What is to be sent to whom.
    fn tell(&mut self, now: Timestamp) -> Vec<(usize, String)> {
        let mut messages = Vec::new();
        while let Some(event) = self.limiter.poll(now) {
            let (ticket, refused) = match event {
                Event::Granted(ticket) => (ticket, None),
                Event::Refused(ticket, why) => (ticket, Some(why)),
                _ => continue,
            };
            let (process, call) = self.calls.remove(&ticket).unwrap();
            let answer = match refused {
                None => {
                    self.granted.push((process, ticket));
                    Answer::Granted { call, ticket }
                }
                Some(why) => Answer::Refused { call, why },
            };
            messages.push((process, serde_json::to_string(&answer).unwrap()));
        }
        messages
    }

    /// A process has ended: what it was granted may have been sent, what it wants is not to be.
    fn gone(&mut self, now: Timestamp, process: usize) {
        for (_, ticket) in self.granted.extract_if(.., |(owner, _)| *owner == process) {
            self.limiter.complete(now, ticket, &Outcome::Lost);
        }
        for (ticket, _) in self.calls.extract_if(.., |_, (owner, _)| *owner == process) {
            self.limiter.cancel(now, ticket);
        }
    }
}

#[test]
fn two_processes_share_one_limiter() {
    const LIMIT: u32 = 3;
    let config = Config { tickets: 30, ..Config::default() };
    let mut owner = Owner { limiter: Limiter::new(config), calls: BTreeMap::new(), granted: Vec::new() };
    let mut to_owner: VecDeque<(usize, String)> = VecDeque::new();
    for call in 0..16 {
        for process in [1, 2] {
            let route = Route::new(Method::Post, "/channels/5/messages");
            to_owner.push_back((process, serde_json::to_string(&Ask::Want { call, route }).unwrap()));
        }
    }
    let (mut refused, mut served, mut now) = (0, Vec::new(), Timestamp::ZERO);
    // Discord's side: the window's end, and how many came in it.
    let (mut end, mut used) = (Timestamp::ZERO, 0);
    while !to_owner.is_empty() || !owner.limiter.is_empty() {
        let mut messages = Vec::new();
        while let Some((process, message)) = to_owner.pop_front() {
            messages.extend(owner.hear(now, process, &message).map(|answer| (process, answer)));
        }
        messages.extend(owner.tell(now));
        for (process, message) in messages {
            let (call, ticket) = match serde_json::from_str(&message).unwrap() {
                Answer::Granted { call, ticket } => (call, ticket),
                Answer::Refused { why, .. } => {
                    assert_eq!(why, Refused::Full);
                    refused += 1;
                    continue;
                }
            };
            if now >= end {
                (end, used) = (now + Duration::from_secs(2), 0);
            }
            used += 1;
            assert!(used <= LIMIT, "more than the limit");
            served.push((process, call));
            let limits = Limits {
                status: 200,
                limit: Some(LIMIT),
                remaining: Some(LIMIT - used),
                reset_after: Some(end.since(now)),
                bucket: Some(BucketHash(9)),
                ..Limits::default()
            };
            let outcome = Outcome::Answered(limits);
            // The second process ends in the middle of its work.
            if served.len() < 10 || process == 1 {
                to_owner.push_back((process, serde_json::to_string(&Ask::Done { ticket, outcome }).unwrap()));
            } else {
                owner.gone(now, process);
            }
        }
        if to_owner.is_empty() {
            let Some(next) = owner.limiter.deadline() else { break };
            now = now.max(next);
        }
    }
    assert!(owner.limiter.is_empty() && owner.granted.is_empty() && owner.calls.is_empty());
    assert_eq!(refused, 2, "the last ones of each");
    let of = |process| served.iter().filter(move |(other, _)| *other == process).map(|(_, call)| *call);
    assert_eq!(of(1).collect::<Vec<_>>(), (0..15).collect::<Vec<_>>());
    assert_eq!(of(2).collect::<Vec<_>>(), (0..of(2).count() as u64).collect::<Vec<_>>());
    assert!(of(2).count() >= 4);
}
