//! The group of one call: what the voice server says of it, and under which keys frames are opened and sealed.
//!
//! Receivers get an epoch's keys as soon as it is known, the sender only when the server executes the transition
//! (dave-protocol, Transitions): whoever switches early is heard by all.

mod frames;
mod transition;

pub use frames::SealError;
pub use transition::DOWNGRADE_LIMIT;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::dave::VERSION;
use crate::dave::code;
use crate::dave::event::{Event, MlsError, Output};
use crate::dave::mls::{Applied, Identity, Membership};
use crate::dave::ratchet::{self, EXPIRY};
use crate::dave::receiver::{self, Receiver};
use crate::dave::sender::Sender;
use crate::dave::watch::Watch;
use crate::entropy::Entropy;
use crate::id::{ChannelId, UserId};
use crate::rtp::aead::Backend;
use crate::time::{Timestamp, soonest};
use transition::Pending;

/// Transitions that may be prepared and not executed. At the bound the oldest is forgotten, and is not executed.
pub const MAX_PENDING: usize = 16;
/// Users of whom it is remembered that they are in the call: far more than a voice channel holds. Others cannot join
/// the group.
pub const MAX_EXPECTED: usize = 4096;

/// Number of an epoch within its session, over all groups.
type Serial = u64;

/// The DAVE session of one voice session.
#[derive(Debug)]
pub struct Session {
    user: UserId,
    channel: ChannelId,
    /// Who seals.
    backend: Backend,
    entropy: Entropy,
    /// The same key for all groups of the session.
    identity: Identity,
    /// The version in force; 0 without encryption.
    version: u16,
    /// The version of the group.
    group_version: u16,
    membership: Option<Membership>,
    /// The newest key package and commit, as sent.
    key_package: Option<Bytes>,
    commit_welcome: Option<Bytes>,
    /// Op 25's payload. It outlives the groups.
    external_sender: Option<Bytes>,
    expected: BTreeSet<UserId>,
    /// The newest epoch.
    serial: Option<Serial>,
    serials: Serial,
    pending: VecDeque<Pending>,
    /// Senders of epochs that no transition has put in force, the oldest first.
    prepared: VecDeque<(Serial, Sender)>,
    sending: Sending,
    receivers: BTreeMap<UserId, Receiver>,
    /// Members no more: when their keys go.
    departing: BTreeMap<UserId, Timestamp>,
    /// Until when unencrypted frames pass.
    passthrough_until: Timestamp,
    /// When keys expire.
    deadline: Option<Timestamp>,
    /// The transition that led into the newest epoch.
    entered: Option<u16>,
    watch: Watch,
    /// The latest time that was told.
    now: Timestamp,
    scratch: Vec<u8>,
    out: VecDeque<Output>,
}

#[expect(clippy::large_enum_variant, reason = "one a call; a box would cost a look-up a frame")]
#[derive(Debug)]
enum Sending {
    /// There is no key: nothing is sent.
    Nothing,
    Clear,
    Sealed(Serial, Sender),
}

const FOREVER: Timestamp = Timestamp::from_nanos(u64::MAX);

impl Session {
    /// A session in which nothing is known. Frames are neither sealed nor passed until the voice server has named the
    /// version.
    #[must_use]
    pub fn new(user: UserId, channel: ChannelId, backend: Backend, mut entropy: Entropy) -> Self {
        Self {
            user,
            channel,
            backend,
            identity: Identity::new(&mut entropy),
            entropy,
            version: 0,
            group_version: 0,
            membership: None,
            key_package: None,
            commit_welcome: None,
            external_sender: None,
            expected: BTreeSet::new(),
            serial: None,
            serials: 0,
            pending: VecDeque::new(),
            prepared: VecDeque::new(),
            sending: Sending::Nothing,
            receivers: BTreeMap::new(),
            departing: BTreeMap::new(),
            passthrough_until: Timestamp::ZERO,
            deadline: None,
            entered: None,
            watch: Watch::default(),
            now: Timestamp::ZERO,
            scratch: Vec::new(),
            out: VecDeque::new(),
        }
    }

    /// The version in force: 0 without encryption.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// Whether frames can be sealed, or need not be.
    #[must_use]
    pub const fn can_send(&self) -> bool {
        !matches!(self.sending, Sending::Nothing)
    }

    /// The group's epoch, once we are in it.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        self.membership.as_ref().and_then(Membership::epoch)
    }

    /// The members of the group, us included; none before we are in it.
    #[must_use]
    pub fn members(&self) -> Vec<UserId> {
        self.roster().into_iter().map(|(user, _)| user).collect()
    }

    fn roster(&self) -> Vec<(UserId, Vec<u8>)> {
        let established = self.membership.as_ref().filter(|membership| membership.is_established());
        established.map(Membership::members).unwrap_or_default()
    }

    /// The call's privacy code, the same for all members of the epoch (dave-protocol, Voice Privacy Code).
    #[must_use]
    pub fn privacy_code(&self) -> Option<String> {
        let authenticator = self.membership.as_ref()?.epoch_authenticator()?;
        Some(code::privacy_code(authenticator.as_slice().try_into().ok()?))
    }

    /// The fingerprint of us and another member, the same on both sides (dave-protocol, Verification Fingerprint). It
    /// is slow on purpose: tens of milliseconds.
    #[must_use]
    pub fn fingerprint(&self, user: UserId) -> Option<[u8; code::FINGERPRINT]> {
        let roster = self.roster();
        let (_, key) = roster.iter().find(|(member, _)| *member == user)?;
        code::fingerprint((self.user, &self.identity.public()), (user, key))
    }

    /// The code by which we and another member verify each other. As slow as [`fingerprint`](Self::fingerprint).
    #[must_use]
    pub fn verification_code(&self, user: UserId) -> Option<String> {
        Some(code::verification_code(&self.fingerprint(user)?))
    }

    /// What to send or tell next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Whether the group is about to change: proposals are not committed yet, or we wait for a welcome. A frame that no
    /// key opens may then be one of the next epoch, which came before the message that leads there.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.membership.as_ref().is_some_and(Membership::is_changing)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout): keys expire then, a wait has lasted long enough to be
    /// told, or the group is to be given up because frames do not open.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        soonest(self.deadline, self.watch.deadline())
    }

    /// Does what is due: erases what has expired, tells of a wait, gives up a group whose keys open nothing.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.tick(now);
        if let Some(since) = self.watch.overdue(now) {
            self.out.push_back(Output::Event(Event::Waiting { since }));
        }
        // Number 0 is a transition as any other here, the one by which a welcome commonly leads in: the client that
        // took it for none never recovered (openclaw/openclaw#117381).
        if let (Some(failures), Some(transition)) = (self.watch.lost(now), self.entered)
            && self.is_settled()
        {
            let problem = format_args!("{failures} frames of members in a row failed");
            self.recover(transition, MlsError::new("opening frames", problem));
        }
    }

    fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.erase(now);
    }

    /// Erases what has expired.
    fn erase(&mut self, now: Timestamp) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        let Self { departing, receivers, .. } = self;
        departing.retain(|user, at| {
            let stays = now < *at;
            if !stays {
                receivers.remove(user);
            }
            stays
        });
        receivers.values_mut().for_each(|receiver| receiver.expire(now));
        self.set_deadline();
    }

    /// Whether the group is joined, no change of it is under way, and no transition waits: then every member's frames
    /// should open.
    fn is_settled(&self) -> bool {
        self.pending.is_empty() && !self.is_changing() && self.serial.is_some()
    }

    /// Looks whether a key of ours is waited for: there is to be encryption, somebody else is in the call, and we do
    /// not send under the newest epoch's key.
    fn watch_for_key(&mut self) {
        let sends = matches!(&self.sending, Sending::Sealed(serial, _) if Some(*serial) == self.serial);
        let is_alone = self.expected.iter().all(|user| *user == self.user);
        self.watch.waits(self.now, self.group_version > 0 && !sends && !is_alone);
    }

    fn set_deadline(&mut self) {
        let departing = self.departing.values().copied().min();
        self.deadline =
            self.receivers.values().fold(departing, |at, receiver| soonest(at, receiver.deadline()));
    }

    /// We are in another channel. Answers whether no group had begun yet: a group is named after its channel, and in
    /// that of another channel nobody can be.
    pub(crate) const fn move_to(&mut self, channel: ChannelId) -> bool {
        self.channel = channel;
        self.membership.is_none()
    }

    /// Op 4, Session Description: the version of the call.
    pub fn handle_description(&mut self, now: Timestamp, version: u16) {
        self.tick(now);
        self.pending.clear();
        self.prepared.clear();
        self.version = version;
        if version == 0 {
            self.group_version = 0;
            self.membership = None;
            self.sending = Sending::Clear;
            self.pass_through_until(FOREVER);
        } else {
            self.sending = Sending::Nothing;
            self.end_passthrough(now);
            self.begin_group(version);
        }
        self.watch_for_key();
    }

    /// Op 9, Resumed. What we sent last may have been lost with the connection: it is sent again (ops 26, 28 and 23).
    /// That is a choice: only the server's messages are numbered, so nobody can tell what it has of ours. Lost, each of
    /// them would leave us outside the group, or hold up everybody's transition. Twice, each says what was said: the
    /// same key package, a commit of an epoch that has its winner or the very same commit, a member that is ready
    /// already.
    pub fn handle_resumed(&mut self) {
        let Some(membership) = &self.membership else { return };
        if let Some(key_package) = self.key_package.clone().filter(|_| !membership.is_established()) {
            self.out.push_back(Output::KeyPackage(key_package));
        }
        if membership.has_commit()
            && let Some(commit) = self.commit_welcome.clone()
        {
            self.out.push_back(Output::CommitWelcome(commit));
        }
        let ready: Vec<u16> = self.pending.iter().map(|pending| pending.transition).collect();
        self.out.extend(ready.into_iter().map(Output::TransitionReady));
    }

    /// Op 11, Clients Connect: these users are in the call.
    pub fn handle_connect(&mut self, users: &[UserId]) {
        let room = MAX_EXPECTED.saturating_sub(self.expected.len());
        self.expected.extend(users.iter().take(room));
        self.watch_for_key();
    }

    /// Op 13, Client Disconnect: this user is not.
    pub fn handle_disconnect(&mut self, user: UserId) {
        self.expected.remove(&user);
        self.watch_for_key();
    }

    /// Op 25, MLS External Sender, of which a group is made once the version is known. One that is known already changes
    /// nothing.
    pub fn handle_external_sender(&mut self, sender: Bytes) {
        if self.external_sender.as_ref() == Some(&sender) {
            return;
        }
        if self.membership.as_ref().is_some_and(Membership::is_established) {
            let error = MlsError::new("taking the external sender", "the group is joined already");
            self.out.push_back(Output::Event(Event::Refused(error)));
            return;
        }
        self.external_sender = Some(sender);
        self.create_group();
    }

    /// Op 27, MLS Proposals.
    pub fn handle_proposals(&mut self, payload: &[u8]) {
        let Self { membership, expected, user, .. } = self;
        let Some(membership) = membership else { return };
        match membership.handle_proposals(payload, |other| other == *user || expected.contains(&other)) {
            Ok(proposals) => {
                self.out
                    .extend(proposals.refused.into_iter().map(|error| Output::Event(Event::Refused(error))));
                self.commit_welcome = proposals.commit_welcome.map(Bytes::from);
                self.out.extend(self.commit_welcome.clone().map(Output::CommitWelcome));
            }
            Err(error) => self.out.push_back(Output::Event(Event::Refused(error))),
        }
    }

    /// Op 29, MLS Announce Commit Transition.
    pub fn handle_commit(&mut self, now: Timestamp, payload: &[u8]) {
        self.tick(now);
        let Some((transition, commit)) = self.split_transition(payload) else { return };
        let Some(membership) = &mut self.membership else { return };
        match membership.handle_commit(commit) {
            Ok(Applied::NextEpoch) => self.enter_epoch(now, transition),
            Ok(Applied::Ignored) => {}
            Err(reason) => self.recover(transition, reason),
        }
    }

    /// Op 30, MLS Welcome.
    pub fn handle_welcome(&mut self, now: Timestamp, payload: &[u8]) {
        self.tick(now);
        let Some((transition, welcome)) = self.split_transition(payload) else { return };
        let Some(membership) = &mut self.membership else { return };
        if membership.is_established() {
            let error = MlsError::new("joining by a welcome", "the group is joined already");
            self.out.push_back(Output::Event(Event::Refused(error)));
            return;
        }
        let joined = match &self.external_sender {
            Some(sender) => membership.handle_welcome(welcome, sender),
            None => Err(MlsError::new("joining by a welcome", "the external sender is not known")),
        };
        match joined {
            Ok(()) => self.enter_epoch(now, transition),
            Err(reason) => self.recover(transition, reason),
        }
    }

    fn split_transition<'a>(&mut self, payload: &'a [u8]) -> Option<(u16, &'a [u8])> {
        let split = payload.split_first_chunk().map(|(id, rest)| (u16::from_be_bytes(*id), rest));
        if split.is_none() {
            let error = MlsError::new("reading a transition", "it is too short");
            self.out.push_back(Output::Event(Event::Refused(error)));
        }
        split
    }

    /// Op 24, DAVE Prepare Epoch: epoch 1 is a new group, later ones change the version of the one that is. The
    /// transition is there in some servers' messages.
    pub fn handle_prepare_epoch(
        &mut self,
        now: Timestamp,
        transition: Option<u16>,
        version: u16,
        epoch: u64,
    ) {
        self.tick(now);
        if version == 0 || version > VERSION {
            self.refuse_version(version);
        } else if epoch == 1 {
            // What was prepared belongs to a group that is no more.
            self.pending.clear();
            self.prepared.clear();
            if self.version > 0 {
                self.end_passthrough(now + EXPIRY);
            }
            self.begin_group(version);
        } else {
            self.group_version = version;
            if let Some(transition) = transition {
                self.prepare(now, transition, version);
            }
        }
    }

    /// Gives up the group, if there is one, and asks to be added to the next. What is in force stays so.
    fn begin_group(&mut self, version: u16) {
        self.group_version = version;
        self.serial = None;
        self.watch_for_key();
        let identity = self.identity.clone();
        let membership = Membership::new(self.user, self.channel, identity, &mut self.entropy);
        let key_package = membership.key_package();
        self.membership = Some(membership);
        match key_package {
            Ok(key_package) => {
                let key_package = Bytes::from(key_package);
                self.key_package = Some(key_package.clone());
                self.out.push_back(Output::KeyPackage(key_package));
            }
            Err(error) => self.out.push_back(Output::Event(Event::Refused(error))),
        }
        self.create_group();
    }

    fn create_group(&mut self) {
        if let (Some(membership), Some(sender)) = (&mut self.membership, &self.external_sender)
            && let Err(error) = membership.create(sender)
        {
            self.out.push_back(Output::Event(Event::Refused(error)));
        }
    }

    fn recover(&mut self, transition: u16, reason: MlsError) {
        self.out.push_back(Output::InvalidCommitWelcome(transition));
        self.out.push_back(Output::Event(Event::Recovering { transition, reason }));
        self.begin_group(self.group_version);
    }

    /// The group is in a new epoch: its members can be heard at once, and will hear us once the transition is executed.
    fn enter_epoch(&mut self, now: Timestamp, transition: u16) {
        if let Err(reason) = self.install(now) {
            self.recover(transition, reason);
            return;
        }
        self.entered = Some(transition);
        self.prepare(now, transition, self.group_version);
    }

    fn install(&mut self, now: Timestamp) -> Result<(), MlsError> {
        let Some(membership) = &self.membership else { return Ok(()) };
        let base = |user| membership.export(ratchet::EXPORTER_LABEL, &ratchet::exporter_context(user));
        let (epoch, members) = (membership.epoch().unwrap_or_default(), self.members());
        let own = Sender::new(self.backend, &base(self.user)?);
        let others = members.iter().filter(|user| **user != self.user);
        let bases: Vec<_> = others.map(|&user| Ok((user, base(user)?))).collect::<Result<_, MlsError>>()?;
        for &user in self.receivers.keys() {
            self.departing.entry(user).or_insert(now + EXPIRY);
        }
        for (user, base) in bases {
            self.departing.remove(&user);
            let receiver = self.receivers.entry(user).or_insert_with(|| {
                let mut receiver = Receiver::new(receiver::AUDIO);
                receiver.pass_through_until(self.passthrough_until);
                receiver
            });
            receiver.install(now, &base);
        }
        self.set_deadline();
        self.serials += 1;
        self.serial = Some(self.serials);
        if self.prepared.len() >= MAX_PENDING {
            self.prepared.pop_front();
        }
        self.prepared.push_back((self.serials, own));
        self.watch.rekeyed(now);
        self.watch_for_key();
        self.out.push_back(Output::Event(Event::Epoch { epoch, members }));
        Ok(())
    }
}
