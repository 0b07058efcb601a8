//! The MLS delivery service of a voice server, as DAVE wants it (dave-protocol, Delivery Service and Voice Gateway).
//!
//! It signs the proposals that add and remove members, lets the first valid commit of an epoch win, hands welcomes to
//! those who are added, and executes transitions once all are ready. It has no sockets and no clock; whoever drives it
//! carries its [`Message`]s.

mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use p256::ecdsa::SigningKey;
use sanscord::id::{ChannelId, UserId};

use wire::Proposal;

/// A message for one member.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// Op 25, binary.
    ExternalSender(Vec<u8>),
    /// Op 27, binary.
    Proposals(Vec<u8>),
    /// Op 29, binary.
    AnnounceCommit(Vec<u8>),
    /// Op 30, binary.
    Welcome(Vec<u8>),
    /// Op 21, JSON.
    PrepareTransition {
        /// The transition.
        transition: u16,
        /// The version after it.
        version: u16,
    },
    /// Op 22, JSON.
    ExecuteTransition(u16),
    /// Op 24, JSON.
    PrepareEpoch {
        /// The version of the group.
        version: u16,
        /// 1 for a new group.
        epoch: u64,
    },
}

/// A message of a member that a well-behaved one does not send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejected {
    /// The member.
    pub user: UserId,
    /// What was wrong.
    pub what: &'static str,
}

/// A transition that is prepared.
#[derive(Debug)]
struct Prepared {
    /// Who takes part in it.
    members: BTreeSet<UserId>,
    /// Who of them is not ready yet.
    unready: BTreeSet<UserId>,
}

impl Prepared {
    fn new(members: BTreeSet<UserId>) -> Self {
        Self { unready: members.clone(), members }
    }
}

/// The delivery service of one call.
#[derive(Debug)]
pub struct Delivery {
    key: SigningKey,
    group: [u8; 8],
    epoch: u64,
    /// The leaves of the ratchet tree; none while there is no group.
    leaves: Vec<Option<UserId>>,
    /// In the call, and not in the group: with a key package once that came.
    pending: BTreeMap<UserId, Option<Vec<u8>>>,
    /// The newest key package of each member.
    newest: BTreeMap<UserId, Vec<u8>>,
    /// Proposals of this epoch.
    proposals: Vec<([u8; 32], UserId, Proposal)>,
    /// Proposals to add somebody who is not in the call.
    strange: Vec<[u8; 32]>,
    /// Members to be removed as soon as the proposals under way are committed.
    removals: BTreeSet<UserId>,
    transitions: u16,
    /// Transitions that are prepared.
    unready: BTreeMap<u16, Prepared>,
    out: VecDeque<(UserId, Message)>,
    rejected: Vec<Rejected>,
}

impl Delivery {
    /// A delivery service for this channel, whose signature key derives from the seed.
    ///
    /// # Panics
    /// If the seed is no scalar of the curve, as one in 2^32 is not.
    #[must_use]
    pub fn new(channel: ChannelId, seed: [u8; 32]) -> Self {
        Self {
            key: SigningKey::from_slice(&seed).expect("a scalar of the curve"),
            group: channel.0.to_be_bytes(),
            epoch: 0,
            leaves: Vec::new(),
            pending: BTreeMap::new(),
            newest: BTreeMap::new(),
            proposals: Vec::new(),
            strange: Vec::new(),
            removals: BTreeSet::new(),
            transitions: 0,
            unready: BTreeMap::new(),
            out: VecDeque::new(),
            rejected: Vec::new(),
        }
    }

    /// The next message, and for whom.
    pub fn next_message(&mut self) -> Option<(UserId, Message)> {
        self.out.pop_front()
    }

    /// What members did wrong.
    #[must_use]
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// The members of the group.
    pub fn members(&self) -> impl Iterator<Item = UserId> {
        self.leaves.iter().copied().flatten()
    }

    /// The group's epoch; 0 while there is no group.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Transitions for which someone is not ready.
    pub fn unready(&self) -> impl Iterator<Item = u16> {
        self.unready.keys().copied()
    }

    /// A user joins the call, at this version: tell it the version of the call (op 4), and the others of it (op 11).
    pub fn connect(&mut self, user: UserId) {
        let mut sender = Vec::new();
        wire::vector(&mut sender, self.key.verifying_key().to_sec1_point(false).as_bytes());
        sender.extend(1_u16.to_be_bytes());
        wire::vector(&mut sender, &[0]);
        self.out.push_back((user, Message::ExternalSender(sender)));
        self.pending.insert(user, None);
        if self.leaves.is_empty() {
            let added: Vec<_> = self.proposals.iter().map(|(_, _, proposal)| proposal.clone()).collect();
            for proposal in added {
                self.propose_to(&[user], &proposal);
            }
        }
    }

    /// A user leaves the call.
    pub fn disconnect(&mut self, user: UserId) {
        for prepared in self.unready.values_mut() {
            prepared.unready.remove(&user);
        }
        self.pending.remove(&user);
        self.newest.remove(&user);
        self.revoke(user);
        if self.leaves.contains(&Some(user)) {
            self.remove(user);
        }
        self.execute_ready();
    }

    /// Op 26: a member's key package. One that came already changes nothing: each serves once (RFC 9420, section 10), so
    /// it was sent again for fear that it was lost.
    pub fn key_package(&mut self, user: UserId, key_package: &[u8]) {
        match wire::key_package(key_package) {
            None => return self.reject(user, "its key package cannot be read, or is not bare"),
            Some(read) if read.identity != user.0.to_be_bytes() => {
                return self.reject(user, "its key package is of somebody else");
            }
            Some(read) if read.lifetime != (0, u64::MAX) => {
                return self.reject(user, "its key package does not live from 0 to the end of time");
            }
            Some(_) => {}
        }
        if self.newest.get(&user).is_some_and(|newest| newest == key_package) {
            return;
        }
        self.newest.insert(user, key_package.to_vec());
        self.revoke(user);
        self.pending.insert(user, Some(key_package.to_vec()));
        if self.leaves.contains(&Some(user)) && !self.removals.contains(&user) {
            // It gave up the group.
            self.remove(user);
        }
        self.add(user);
    }

    /// Op 28: a member's commit to all proposals, and the welcome.
    pub fn commit(&mut self, user: UserId, payload: &[u8]) {
        let Some(commit) = wire::commit(payload) else {
            return self.reject(user, "its commit cannot be read");
        };
        let is_new = self.leaves.is_empty();
        if commit.group != self.group {
            return self.reject(user, "its commit is of another group");
        }
        // The first wins; the others of the epoch are late.
        if commit.epoch != self.epoch {
            return;
        }
        let Some(references) = commit.proposals else {
            return self.reject(user, "its commit carries a proposal by value");
        };
        if references.iter().any(|reference| self.strange.contains(reference)) {
            return self.reject(user, "its commit adds somebody of whom it was not told");
        }
        if references.is_empty() {
            return self.reject(user, "its commit names no proposal");
        }
        let place = self.leaves.iter().position(|leaf| *leaf == Some(user));
        if is_new && (commit.sender != 0 || !self.pending.contains_key(&user)) {
            return self.reject(user, "its commit is not from the first leaf");
        }
        // It gave up an earlier group, and may not have known that when it sent this.
        if !is_new && place.is_none() && self.pending.contains_key(&user) {
            return;
        }
        if !is_new && place != Some(commit.sender as usize) {
            return self.reject(user, "its commit is not from its own leaf");
        }
        let expected: BTreeSet<_> =
            self.proposals.iter().filter(|(_, of, _)| !is_new || *of != user).map(|(r, ..)| *r).collect();
        // Proposals under way may not have reached it.
        if references.iter().copied().collect::<BTreeSet<_>>() != expected
            || references.len() != expected.len()
        {
            return;
        }
        let named: Vec<_> = references
            .iter()
            .filter_map(|reference| self.proposals.iter().find(|(other, ..)| other == reference).cloned())
            .collect();
        let adds = named.iter().any(|(_, _, proposal)| matches!(proposal, Proposal::Add(_)));
        let removes = named.iter().any(|(_, _, proposal)| matches!(proposal, Proposal::Remove(_)));
        let (message, welcome) = payload.split_at(commit.length);
        if adds == welcome.is_empty() {
            return self.reject(user, "its commit has no welcome though it adds, or one though it does not");
        }
        if removes && !commit.has_path {
            return self.reject(user, "its commit removes without a path");
        }
        if is_new {
            self.leaves.push(Some(user));
            self.pending.remove(&user);
            self.proposals.retain(|(_, of, _)| *of != user);
        }
        let mut before: BTreeSet<UserId> = self.members().collect();
        let mut added = BTreeSet::new();
        for (_, of, proposal) in &named {
            if let Proposal::Remove(leaf) = proposal {
                before.remove(of);
                self.removals.remove(of);
                if let Some(leaf) = self.leaves.get_mut(*leaf as usize) {
                    *leaf = None;
                }
            }
        }
        for (_, of, proposal) in &named {
            if let Proposal::Add(_) = proposal {
                added.insert(*of);
                self.pending.remove(of);
                match self.leaves.iter_mut().find(|leaf| leaf.is_none()) {
                    Some(leaf) => *leaf = Some(*of),
                    None => self.leaves.push(Some(*of)),
                }
            }
        }
        while self.leaves.last() == Some(&None) {
            self.leaves.pop();
        }
        self.epoch += 1;
        self.proposals.clear();
        self.transitions = self.transitions.wrapping_add(1).max(1);
        let transition = self.transitions;
        let head = transition.to_be_bytes();
        for member in &before {
            self.out.push_back((*member, Message::AnnounceCommit([&head, message].concat())));
        }
        for member in &added {
            self.out.push_back((*member, Message::Welcome([&head, welcome].concat())));
        }
        let sole = before.len() + added.len() == 1;
        self.unready.insert(transition, Prepared::new(before.into_iter().chain(added).collect()));
        if sole {
            self.reset_sole();
        }
        // What waited for this commit.
        for user in self.removals.clone() {
            self.remove(user);
        }
        let waiting: Vec<_> =
            self.pending.iter().filter(|(_, key)| key.is_some()).map(|(user, _)| *user).collect();
        for user in waiting {
            self.add(user);
        }
    }

    /// Op 23: a member is ready for a transition.
    pub fn ready(&mut self, user: UserId, transition: u16) {
        // Ids count upwards, and wrap.
        if transition == 0 || transition.wrapping_sub(self.transitions).wrapping_sub(1) < 1 << 15 {
            return self.reject(user, "it was ready for a transition that nobody prepares");
        }
        // One that is not there was executed already, or is void since a new group began. Whoever says it twice fears
        // that it was lost.
        let is_its = self.unready.get_mut(&transition).is_none_or(|prepared| {
            prepared.unready.remove(&user);
            prepared.members.contains(&user)
        });
        if !is_its {
            self.reject(user, "it was ready for a transition in which it has no part");
        }
        self.execute_ready();
    }

    /// Op 31: a member could not use the commit or the welcome of a transition. Its key package follows.
    pub fn invalid(&mut self, user: UserId, _transition: u16) {
        for prepared in self.unready.values_mut() {
            prepared.unready.remove(&user);
        }
        self.pending.insert(user, None);
        if self.leaves.contains(&Some(user)) {
            self.remove(user);
        }
        self.execute_ready();
    }

    /// Executes a transition though not all are ready, as a server does after some seconds.
    pub fn execute(&mut self, transition: u16) {
        if self.unready.remove(&transition).is_some() {
            self.tell_execute(transition);
        }
    }

    /// Prepares a change of version: 0 ends encryption.
    pub fn prepare_version(&mut self, version: u16) -> u16 {
        self.transitions = self.transitions.wrapping_add(1).max(1);
        let transition = self.transitions;
        let members: BTreeSet<UserId> = self.everyone();
        for &user in &members {
            self.out.push_back((user, Message::PrepareTransition { transition, version }));
        }
        if version == 0 {
            self.leaves.clear();
            self.epoch = 0;
            self.proposals.clear();
            self.removals.clear();
            self.pending = members.iter().map(|user| (*user, None)).collect();
        }
        self.unready.insert(transition, Prepared::new(members));
        transition
    }

    /// Makes a new group of everyone: after it was off, encryption is on again.
    pub fn new_group(&mut self) {
        let everyone = self.everyone();
        self.leaves.clear();
        self.epoch = 0;
        self.proposals.clear();
        self.removals.clear();
        self.unready.clear();
        self.pending = everyone.iter().map(|user| (*user, None)).collect();
        let alone = everyone.len() == 1;
        for user in everyone {
            self.out.push_back((user, Message::PrepareEpoch { version: 1, epoch: 1 }));
            if alone {
                self.out.push_back((user, Message::PrepareTransition { transition: 0, version: 1 }));
            }
        }
    }

    /// Proposes to one member somebody who is not in the call, as no honest server does: nothing comes of it.
    pub fn propose_stranger(&mut self, user: UserId, key_package: &[u8]) {
        let proposal = Proposal::Add(key_package.to_vec());
        let (_, reference) = self.sign(&proposal);
        self.strange.push(reference);
        self.propose_to(&[user], &proposal);
    }

    fn everyone(&self) -> BTreeSet<UserId> {
        self.members().chain(self.pending.keys().copied()).collect()
    }

    fn reject(&mut self, user: UserId, what: &'static str) {
        self.rejected.push(Rejected { user, what });
    }

    /// The only member left starts a new group (dave-protocol, Sole Member Reset).
    fn reset_sole(&mut self) {
        let Some(user) = self.members().next() else { return };
        self.leaves.clear();
        self.epoch = 0;
        self.unready.clear();
        self.pending.insert(user, None);
        self.out.push_back((user, Message::PrepareEpoch { version: 1, epoch: 1 }));
        self.out.push_back((user, Message::PrepareTransition { transition: 0, version: 1 }));
    }

    /// Proposes to add a pending user, once no proposal for its removal is under way.
    fn add(&mut self, user: UserId) {
        let Some(Some(key_package)) = self.pending.get(&user) else { return };
        if self.removals.contains(&user) && !self.is_proposed(user) {
            return;
        }
        let proposal = Proposal::Add(key_package.clone());
        if self.proposals.iter().any(|(_, _, other)| *other == proposal) {
            return;
        }
        let (_, reference) = self.sign(&proposal);
        self.proposals.push((reference, user, proposal.clone()));
        let members: Vec<_> = match self.leaves.is_empty() {
            true => self.pending.keys().copied().filter(|other| *other != user).collect(),
            false => self.members().filter(|other| *other != user).collect(),
        };
        self.propose_to(&members, &proposal);
    }

    fn is_proposed(&self, user: UserId) -> bool {
        self.proposals.iter().any(|(_, of, _)| *of == user)
    }

    /// Proposes to remove a member. Where nobody would be left who could commit to that, the group is given up, and
    /// those who wait make a new one.
    fn remove(&mut self, user: UserId) {
        let Some(leaf) = self.leaves.iter().position(|leaf| *leaf == Some(user)) else {
            self.removals.remove(&user);
            return;
        };
        self.removals.insert(user);
        if self.members().all(|member| self.removals.contains(&member)) {
            return self.give_up();
        }
        let removed = |proposal: &Proposal| *proposal == Proposal::Remove(leaf as u32);
        if self.proposals.iter().any(|(_, _, proposal)| removed(proposal)) {
            return;
        }
        let proposal = Proposal::Remove(leaf as u32);
        let (_, reference) = self.sign(&proposal);
        self.proposals.push((reference, user, proposal.clone()));
        let members: Vec<_> = self.members().filter(|other| *other != user).collect();
        self.propose_to(&members, &proposal);
    }

    /// Forgets the group. Who has a key package has a new group of its own, and may add the others to that.
    fn give_up(&mut self) {
        self.leaves.clear();
        self.epoch = 0;
        self.proposals.clear();
        self.removals.clear();
        let waiting: Vec<_> =
            self.pending.iter().filter(|(_, key)| key.is_some()).map(|(user, _)| *user).collect();
        for user in waiting {
            self.add(user);
        }
    }

    /// Revokes the addition of a user.
    fn revoke(&mut self, user: UserId) {
        let is_add = |(_, of, proposal): &([u8; 32], UserId, Proposal)| {
            *of == user && matches!(proposal, Proposal::Add(_))
        };
        let Some(place) = self.proposals.iter().position(is_add) else { return };
        let (reference, ..) = self.proposals.remove(place);
        let (mut list, mut payload) = (Vec::new(), vec![1]);
        wire::vector(&mut list, &reference);
        wire::vector(&mut payload, &list);
        let members: Vec<_> = match self.leaves.is_empty() {
            true => self.pending.keys().copied().filter(|other| *other != user).collect(),
            false => self.members().filter(|other| *other != user).collect(),
        };
        for member in members {
            self.out.push_back((member, Message::Proposals(payload.clone())));
        }
    }

    fn sign(&self, proposal: &Proposal) -> (Vec<u8>, [u8; 32]) {
        wire::proposal(&self.key, &self.group, self.epoch, proposal)
    }

    fn propose_to(&mut self, members: &[UserId], proposal: &Proposal) {
        let (message, _) = self.sign(proposal);
        let mut payload = vec![0];
        wire::vector(&mut payload, &message);
        for member in members {
            self.out.push_back((*member, Message::Proposals(payload.clone())));
        }
    }

    fn execute_ready(&mut self) {
        let ready: Vec<u16> = self
            .unready
            .iter()
            .filter(|(_, prepared)| prepared.unready.is_empty())
            .map(|(id, _)| *id)
            .collect();
        for transition in ready {
            self.unready.remove(&transition);
            self.tell_execute(transition);
        }
    }

    fn tell_execute(&mut self, transition: u16) {
        for user in self.everyone() {
            self.out.push_back((user, Message::ExecuteTransition(transition)));
        }
    }
}

#[cfg(test)]
mod tests {
    use sanscord::dave::{Output, Session};
    use sanscord::entropy::Entropy;
    use sanscord::rtp::aead::Backend;
    use sanscord::time::Timestamp;

    use super::*;

    const USER: UserId = UserId(0x0102_0304_0506_0708);
    const OTHER: UserId = UserId(9);

    fn key_package() -> Vec<u8> {
        let mut session = Session::new(USER, ChannelId(1), Backend::default(), Entropy::new([1; 32]));
        session.handle_description(Timestamp::ZERO, 1);
        match session.poll_output() {
            Some(Output::KeyPackage(payload)) => payload.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
        let at = bytes.windows(old.len()).position(|window| window == old).expect("it is there");
        [&bytes[..at], new, &bytes[at + old.len()..]].concat()
    }

    #[test]
    fn key_packages_are_looked_at() {
        let good = key_package();
        let lifetime = [[0; 8], [0xFF; 8]].concat();
        let wrong = [
            good[..good.len() - 1].to_vec(),
            [&good[..], &[0]].concat(),
            [&[0, 1, 0, 5][..], &good].concat(),
            replaced(&good, &USER.0.to_be_bytes(), &OTHER.0.to_be_bytes()),
            replaced(&good, &lifetime, &[[0; 8], [0x0F; 8]].concat()),
        ];
        let mut delivery = Delivery::new(ChannelId(1), [7; 32]);
        delivery.connect(OTHER);
        delivery.connect(USER);
        while delivery.next_message().is_some() {}
        for (count, wrong) in wrong.iter().enumerate() {
            delivery.key_package(USER, wrong);
            assert_eq!(delivery.rejected().len(), count + 1);
        }
        assert_eq!(delivery.next_message(), None);
        // The same once more changes nothing.
        for _ in 0..2 {
            delivery.key_package(USER, &good);
        }
        assert!(matches!(delivery.next_message(), Some((OTHER, Message::Proposals(_)))));
        assert_eq!(delivery.next_message(), None);
        assert_eq!(delivery.rejected().len(), wrong.len());
    }

    #[test]
    fn only_what_is_prepared_can_be_ready() {
        let mut delivery = Delivery::new(ChannelId(1), [7; 32]);
        delivery.connect(USER);
        let transition = delivery.prepare_version(0);
        for (id, rejected) in [(0, 1), (transition + 1, 2), (u16::MAX, 2), (transition, 2)] {
            delivery.ready(USER, id);
            assert_eq!(delivery.rejected().len(), rejected, "{id}");
        }
        assert_eq!(delivery.unready().count(), 0);
    }

    #[test]
    fn readiness_may_be_said_twice() {
        let mut delivery = Delivery::new(ChannelId(1), [7; 32]);
        delivery.connect(USER);
        delivery.connect(OTHER);
        let transition = delivery.prepare_version(0);
        for _ in 0..2 {
            delivery.ready(USER, transition);
        }
        assert_eq!((delivery.rejected(), delivery.unready().count()), (&[][..], 1));
        delivery.ready(UserId(10), transition);
        assert_eq!(delivery.rejected().len(), 1);
        delivery.ready(OTHER, transition);
        assert_eq!(delivery.unready().count(), 0);
    }
}
