//! What must hold of calls that have settled.

use std::collections::{BTreeMap, BTreeSet};

use sanscord::id::UserId;
use sanscord::time::Duration;
use sanscord::voice::Call;
use sanscord::voice::phase::Phase;

use super::stage::{EXPIRY, Stage};

/// Frames that each member says in a settled call.
const FRAMES: u32 = 4;

impl Stage {
    pub(super) fn call(&self, member: usize) -> Option<&Call> {
        self.world.client(member).call(self.world.server().config().guild)
    }

    /// The members of each channel.
    fn rooms(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut rooms: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (member, place) in self.places.iter().enumerate() {
            if let Some(channel) = place {
                rooms.entry(*channel).or_default().push(member);
            }
        }
        rooms
    }

    /// Whether every call is in order; an error says what is not.
    pub(super) fn look(&self) -> Result<(), String> {
        for (channel, members) in self.rooms() {
            let group: Vec<_> =
                members.iter().copied().filter(|member| Some(*member) != self.excluded).collect();
            let users: BTreeSet<UserId> = group.iter().map(|member| self.users[*member]).collect();
            let mut codes = BTreeSet::new();
            for member in group {
                let call = self.call(member).ok_or_else(|| format!("member {member} has no call"))?;
                let say = |what: &str| format!("member {member} {what} ({:?})", call.phase());
                let dave = call.dave().filter(|_| matches!(call.phase(), Phase::Live { .. }));
                let dave = dave.ok_or_else(|| say("is not live"))?;
                if call.channel() != self.channels[channel] {
                    return Err(say("is in the wrong channel"));
                }
                // Whoever is alone has no key to speak under.
                let is_heard = users.len() > 1 || self.is_clear;
                if is_heard && (call.is_sending() || call.queued() > 0) {
                    return Err(say("still speaks"));
                }
                if self.is_clear {
                    if dave.version() != 0 || !call.can_send() {
                        return Err(say("does not speak in the clear"));
                    }
                } else if users.len() == 1 {
                    if dave.epoch().is_some() {
                        return Err(say("is alone in a group"));
                    }
                } else {
                    let found: BTreeSet<UserId> = dave.members().into_iter().collect();
                    if found != users {
                        return Err(say(&format!("is in a group of {found:?}, not of {users:?}")));
                    }
                    if !call.can_send() || dave.version() != 1 {
                        return Err(say("has no key"));
                    }
                    codes.insert(dave.privacy_code());
                }
            }
            if codes.len() > 1 {
                return Err(format!("channel {channel} has {} privacy codes", codes.len()));
            }
        }
        let in_clear = self.world.server().report().client_clear;
        if !self.was_clear && in_clear > 0 {
            return Err(format!("{in_clear} frames were said in the clear"));
        }
        let elsewhere = |member: &usize| self.places[*member].is_none();
        let late = (0..self.users.len())
            .filter(elsewhere)
            .find(|member| self.call(*member).is_some_and(|call| call.phase() != Phase::Ended));
        late.map_or(Ok(()), |member| Err(format!("member {member} has not left")))
    }

    /// Everybody says something, and it is heard by those that it is for.
    pub(super) fn converse(&mut self) -> Result<(), String> {
        for member in 0..self.users.len() {
            self.ears.take(member);
        }
        let rooms = self.rooms();
        let mut said: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for members in rooms.values().filter(|members| members.len() > 1) {
            for member in members {
                said.insert(*member, self.say(*member, FRAMES));
            }
        }
        self.run_for(Duration::from_secs(2))?;
        let is_lossless = self.link.loss == 0.0;
        for (channel, members) in &rooms {
            for listener in members {
                let heard = self.ears.take(*listener);
                let opens = Some(*listener) != self.excluded;
                let speakers = members.iter().filter(|speaker| *speaker != listener && opens);
                let all: BTreeSet<(UserId, u32)> = speakers
                    .filter(|speaker| Some(**speaker) != self.excluded)
                    .flat_map(|speaker| {
                        let numbers = said.get(speaker).into_iter().flatten();
                        numbers.map(|number| (self.users[*speaker], *number))
                    })
                    .collect();
                self.outcome.said += all.len() as u64;
                // What came before its speaker's SSRC was announced is heard when it is.
                let begins = |speaker: &UserId| {
                    all.iter().find(|(user, _)| user == speaker).map_or(0, |(_, number)| *number)
                };
                let heard: BTreeSet<(UserId, u32)> =
                    heard.into_iter().filter(|(speaker, number)| *number >= begins(speaker)).collect();
                let right = if is_lossless { heard == all } else { heard.is_subset(&all) };
                if !right {
                    let missing: Vec<_> = all.difference(&heard).collect();
                    let surplus: Vec<_> = heard.difference(&all).collect();
                    return Err(format!(
                        "member {listener} in channel {channel} did not hear {missing:?}, and heard {surplus:?}"
                    ));
                }
            }
        }
        for member in (0..self.users.len()).filter(|member| self.places[*member].is_none()) {
            if !self.ears.take(member).is_empty() {
                return Err(format!("member {member} heard something though it has left"));
            }
        }
        Ok(())
    }

    /// Puts one of a call out of its group, though it goes on getting what is said.
    pub(super) fn put_one_out(&mut self) -> Result<(), String> {
        let rooms = self.rooms();
        let Some(members) = rooms.values().find(|members| members.len() > 2) else { return Ok(()) };
        let out = members[self.rng.usize(..members.len())];
        let user = self.users[out];
        let unopened = |stage: &Self| stage.call(out).map_or(0, |call| call.counters().dropped.undecryptable);
        self.excluded = Some(out);
        self.world.with_server(|discord, now| discord.exclude(now, user));
        self.settle()?;
        let before = unopened(self);
        // Its own keys live on for a while.
        self.run_for(EXPIRY)?;
        self.converse()?;
        let count = unopened(self) - before;
        if count == 0 {
            return Err(format!("nothing of what was said came to member {out}, who cannot open it"));
        }
        self.outcome.unopened += count;
        Ok(())
    }
}
