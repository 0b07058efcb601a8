//! End-to-end encryption of one call: the group of the clients and of those who are played.
//!
//! The speakers are members in this process, and take at once what the delivery service has for them. What it has for
//! clients waits in [`Encryption::next_message`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use fastrand::Rng;
use sanscord::dave::{Event, OpenError, Output, Session};
use sanscord::entropy::Entropy;
use sanscord::id::{ChannelId, UserId};
use sanscord::rtp::aead::Backend;
use sanscord::time::{Duration, Timestamp};

use crate::clip::SILENCE;
use crate::delivery::{Delivery, Message};

/// How long a transition waits for members that are not ready (dave-protocol, Transitions).
pub(crate) const TRANSITION_LIMIT: Duration = Duration::from_secs(2);

/// Transitions for which a client said that it is ready; the newest.
const MAX_READY: usize = 64;

/// How long speech in the clear still passes after encryption began again (dave-protocol, Transitions).
const PASSTHROUGH: Duration = Duration::from_secs(10);

/// The end of a sealed frame.
pub(super) const MARKER: [u8; 2] = [0xFA, 0xFA];

const FOREVER: Timestamp = Timestamp::from_nanos(u64::MAX);

/// Nobody who was ever announced.
const STRANGER: UserId = UserId(666_000_000_000_000_666);

/// What a client sends of the group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Request {
    /// Op 26.
    KeyPackage(Bytes),
    /// Op 28.
    CommitWelcome(Bytes),
    /// Op 23.
    Ready(u16),
    /// Op 31.
    Invalid(u16),
}

/// What a speaker says, sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Sealed {
    pub(crate) frame: Bytes,
    /// The transition that put the key in force; none for the first key.
    pub(crate) transition: Option<u16>,
}

pub(crate) struct Encryption {
    channel: ChannelId,
    delivery: Delivery,
    rng: Rng,
    /// The version of the call: 1, or 0 after encryption was ended.
    version: u16,
    /// Whether it is 0 for want of a client that has more.
    pub(crate) is_lowered: bool,
    clients: BTreeMap<UserId, Client>,
    /// The speakers that are played here.
    members: BTreeMap<UserId, Member>,
    /// Transitions for which somebody is not ready, and until when that is waited for.
    waiting: BTreeMap<u16, Timestamp>,
    out: VecDeque<(UserId, Message)>,
    /// The welcome that was sent last.
    welcome: Vec<u8>,
    /// What clients did wrong, until it is told.
    faults: Vec<(UserId, String)>,
    /// How much of what the delivery service rejected is told.
    told: usize,
}

#[derive(Default)]
struct Client {
    /// Whether it knows the version, by Session Description.
    is_described: bool,
    /// Until when it may speak in the clear.
    clear_until: Timestamp,
    /// Transitions for which it is ready: it has their keys.
    ready: BTreeSet<u16>,
    /// Whether it was sent what it cannot use, on request.
    is_disturbed: bool,
    /// Whether it was put out of the group, on request: it is told nothing more of it.
    is_excluded: bool,
}

struct Member {
    session: Session,
    /// The newest transition that was executed; none before the first.
    transition: Option<u16>,
}

impl Encryption {
    /// The encryption of a call in which nobody is yet.
    pub(crate) fn new(channel: ChannelId, version: u16, mut rng: Rng) -> Self {
        let mut seed = [0; 32];
        rng.fill(&mut seed);
        // The curve's order begins with 32 ones.
        seed[0] &= 0x7F;
        Self {
            channel,
            delivery: Delivery::new(channel, seed),
            rng,
            version,
            is_lowered: version == 0,
            clients: BTreeMap::new(),
            members: BTreeMap::new(),
            waiting: BTreeMap::new(),
            out: VecDeque::new(),
            welcome: Vec::new(),
            faults: Vec::new(),
            told: 0,
        }
    }

    /// The version of the call.
    pub(crate) const fn version(&self) -> u16 {
        self.version
    }

    /// The epoch of the group; 0 while there is none.
    pub(crate) const fn epoch(&self) -> u64 {
        self.delivery.epoch()
    }

    /// The next message for a client.
    pub(crate) fn next_message(&mut self) -> Option<(UserId, Message)> {
        self.out.pop_front()
    }

    /// What clients did wrong since this was last asked.
    pub(crate) fn take_faults(&mut self) -> Vec<(UserId, String)> {
        let rejected = self.delivery.rejected().get(self.told..).unwrap_or_default();
        let theirs = rejected.iter().filter(|rejected| self.clients.contains_key(&rejected.user));
        self.faults.extend(theirs.map(|rejected| (rejected.user, rejected.what.to_owned())));
        self.told = self.delivery.rejected().len();
        std::mem::take(&mut self.faults)
    }

    /// A client connects: from now on the delivery service has messages for it. The others must know of it already.
    pub(crate) fn connect(&mut self, now: Timestamp, client: UserId) {
        for member in self.members.values_mut() {
            member.session.handle_connect(&[client]);
        }
        let clear_until = if self.version == 0 { FOREVER } else { Timestamp::ZERO };
        self.clients.insert(client, Client { clear_until, ..Client::default() });
        self.delivery.connect(client);
        self.settle(now);
    }

    /// A client is gone.
    pub(crate) fn disconnect(&mut self, now: Timestamp, client: UserId) {
        if self.clients.remove(&client).is_none() {
            return;
        }
        for member in self.members.values_mut() {
            member.session.handle_disconnect(client);
        }
        self.delivery.disconnect(client);
        self.settle(now);
    }

    /// Whether there is any client left.
    pub(crate) fn is_deserted(&self) -> bool {
        self.clients.is_empty()
    }

    /// The version that Session Description tells a client.
    pub(crate) fn describe(&mut self, client: UserId) -> u16 {
        if let Some(client) = self.clients.get_mut(&client) {
            client.is_described = true;
        }
        self.version
    }

    /// A speaker comes, unless it is there. The clients must know of it already.
    pub(crate) fn arrive(&mut self, now: Timestamp, user: UserId) {
        if self.members.contains_key(&user) {
            return;
        }
        let mut session = self.session(user);
        session.handle_connect(&self.clients.keys().copied().collect::<Vec<_>>());
        for (other, member) in &mut self.members {
            member.session.handle_connect(&[user]);
            session.handle_connect(&[*other]);
        }
        self.members.insert(user, Member { session, transition: None });
        self.delivery.connect(user);
        self.settle(now);
        let version = self.version;
        self.drive(user, |session| session.handle_description(now, version));
        self.settle(now);
    }

    /// A speaker goes, and what it knows is handed out.
    pub(crate) fn leave(&mut self, now: Timestamp, user: UserId) -> Option<Session> {
        let gone = self.members.remove(&user)?;
        for member in self.members.values_mut() {
            member.session.handle_disconnect(user);
        }
        self.delivery.disconnect(user);
        self.settle(now);
        Some(gone.session)
    }

    /// Takes a message of a client.
    pub(crate) fn handle(&mut self, now: Timestamp, user: UserId, request: &Request) {
        let Some(client) = self.clients.get_mut(&user) else { return };
        if !client.is_described {
            return self.faults.push((user, "a DAVE message came before Session Description".into()));
        }
        if client.is_excluded {
            return;
        }
        let epoch = self.delivery.epoch();
        match request {
            Request::KeyPackage(_) | Request::CommitWelcome(_) if self.version == 0 => {
                // It may not have heard of the end of encryption.
            }
            Request::KeyPackage(payload) => self.delivery.key_package(user, payload),
            Request::CommitWelcome(payload) => self.delivery.commit(user, payload),
            Request::Ready(transition) => {
                self.delivery.ready(user, *transition);
                client.ready.insert(*transition);
                if client.ready.len() > MAX_READY {
                    client.ready.pop_first();
                }
            }
            Request::Invalid(transition) => {
                if !client.is_disturbed {
                    let what = format!("it could not use what began transition {transition}");
                    self.faults.push((user, what));
                }
                self.delivery.invalid(user, *transition);
            }
        }
        let is_commit = matches!(request, Request::CommitWelcome(_)) && self.delivery.epoch() != epoch;
        if self.settle(now) && is_commit {
            self.faults.push((user, "another member could not use its commit or its welcome".into()));
        }
    }

    /// When the next transition is executed, though not all are ready.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.waiting.values().min().copied()
    }

    /// Executes transitions for which it was waited long enough.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        let due: Vec<_> = self.waiting.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for transition in due {
            self.delivery.execute(transition);
            self.settle(now);
        }
    }

    /// Seals what a speaker says; nothing without a key.
    pub(crate) fn seal(&mut self, user: UserId, frame: &Bytes) -> Option<Sealed> {
        let member = self.members.get_mut(&user)?;
        let mut sealed = Vec::new();
        member.session.seal(frame, &mut sealed).ok()?;
        Some(Sealed { frame: sealed.into(), transition: member.transition })
    }

    /// Whether a client has the key of what was sealed.
    pub(crate) fn has_key(&self, client: UserId, sealed: &Sealed) -> bool {
        let Some(client) = self.clients.get(&client) else { return false };
        sealed.transition.is_none_or(|transition| client.ready.contains(&transition))
    }

    /// Opens a frame of a client, as each speaker does: one of them must be able to, and for none may it be old. Answers
    /// what is in it; a sealed one that nobody here can open is left as it is.
    pub(crate) fn open(&mut self, now: Timestamp, user: UserId, frame: &[u8]) -> Result<Vec<u8>, OpenError> {
        let mut opened = Vec::new();
        let mut results = Vec::new();
        for member in self.members.values_mut() {
            opened.clear();
            opened.extend_from_slice(frame);
            results.push(
                member
                    .session
                    .open(now, user, &mut opened)
                    .map(|length| opened.get(..length).unwrap_or_default().to_vec()),
            );
        }
        let is_clear = self.clients.get(&user).is_none_or(|client| now < client.clear_until);
        let replayed = results.iter().find(|result| **result == Err(OpenError::Replayed));
        let any = replayed.or_else(|| results.iter().find(|result| result.is_ok())).or(results.first());
        match any {
            Some(Err(OpenError::NotEncrypted)) if is_clear => Ok(frame.to_vec()),
            Some(result) => result.clone(),
            // Nobody here can open it.
            None if is_clear || frame.ends_with(&MARKER) || frame == SILENCE => Ok(frame.to_vec()),
            None => Err(OpenError::NotEncrypted),
        }
    }

    /// Ends encryption (op 21).
    pub(crate) fn end(&mut self, now: Timestamp) {
        self.version = 0;
        for client in self.clients.values_mut() {
            client.clear_until = FOREVER;
        }
        self.delivery.prepare_version(0);
        self.settle(now);
    }

    /// Begins a new group of everyone, whether or not there was one (op 24).
    pub(crate) fn begin_anew(&mut self, now: Timestamp) {
        self.version = 1;
        self.delivery.new_group();
        self.settle(now);
    }

    /// Proposes to a client somebody of whom it never heard.
    pub(crate) fn propose_stranger(&mut self, now: Timestamp, client: UserId) {
        let mut stranger = self.session(STRANGER);
        stranger.handle_description(now, 1);
        while let Some(output) = stranger.poll_output() {
            if let Output::KeyPackage(key_package) = output {
                self.disturb(client);
                self.delivery.propose_stranger(client, &key_package);
            }
        }
        self.settle(now);
    }

    /// Announces to a client a commit that nobody made, of a transition that nobody prepares.
    pub(crate) fn forge_commit(&mut self, client: UserId) {
        let mut commit = vec![0, 0, 0, 1, 0, 1];
        commit.extend(std::iter::repeat_with(|| self.rng.u8(..)).take(200));
        self.disturb(client);
        self.out.push_back((client, Message::AnnounceCommit(commit)));
    }

    /// Hands a client the welcome that was sent last, whoever was welcome.
    pub(crate) fn welcome_falsely(&mut self, client: UserId) {
        if !self.welcome.is_empty() {
            self.disturb(client);
            self.out.push_back((client, Message::Welcome(self.welcome.clone())));
        }
    }

    /// Puts a client out of the group, though it is still in the call and gets what is said there.
    pub(crate) fn exclude(&mut self, now: Timestamp, user: UserId) {
        if let Some(client) = self.clients.get_mut(&user) {
            client.is_excluded = true;
            self.delivery.disconnect(user);
            self.settle(now);
        }
    }

    /// A client is sent something spoilt: it may say so.
    pub(crate) fn disturb(&mut self, client: UserId) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.is_disturbed = true;
        }
    }

    fn session(&mut self, user: UserId) -> Session {
        let mut seed = [0; 32];
        self.rng.fill(&mut seed);
        Session::new(user, self.channel, Backend::default(), Entropy::new(seed))
    }

    /// Carries messages to the speakers, and their answers back, until there are no more. Answers with whether one of
    /// them could not use a commit or a welcome.
    fn settle(&mut self, now: Timestamp) -> bool {
        let mut was_invalid = false;
        while let Some((user, message)) = self.delivery.next_message() {
            if let Some(client) = self.clients.get_mut(&user) {
                let is_execution = matches!(
                    message,
                    Message::ExecuteTransition(_) | Message::PrepareTransition { transition: 0, .. }
                );
                if is_execution && self.version > 0 && client.clear_until == FOREVER {
                    client.clear_until = now + PASSTHROUGH;
                }
                // The description will tell it the version.
                match message {
                    Message::PrepareTransition { transition, .. } if !client.is_described => {
                        if transition > 0 {
                            self.delivery.ready(user, transition);
                        }
                        continue;
                    }
                    Message::PrepareEpoch { .. } if !client.is_described => continue,
                    _ => {}
                }
                if let Message::Welcome(payload) = &message {
                    self.welcome.clone_from(payload);
                }
                if !client.is_excluded {
                    self.out.push_back((user, message));
                }
            } else {
                was_invalid |= self.drive(user, |session| take(session, now, &message));
            }
        }
        let unready: BTreeSet<u16> = self.delivery.unready().collect();
        self.waiting.retain(|transition, _| unready.contains(transition));
        for transition in unready {
            self.waiting.entry(transition).or_insert(now + TRANSITION_LIMIT);
        }
        was_invalid
    }

    /// Lets something happen to a speaker, and takes what it says to that.
    fn drive(&mut self, user: UserId, happen: impl FnOnce(&mut Session)) -> bool {
        let Some(member) = self.members.get_mut(&user) else { return false };
        let mut was_invalid = false;
        happen(&mut member.session);
        while let Some(output) = member.session.poll_output() {
            match output {
                Output::KeyPackage(payload) => self.delivery.key_package(user, &payload),
                Output::CommitWelcome(payload) => self.delivery.commit(user, &payload),
                Output::TransitionReady(transition) => self.delivery.ready(user, transition),
                Output::InvalidCommitWelcome(transition) => {
                    was_invalid = true;
                    self.delivery.invalid(user, transition);
                }
                // Ids count upwards; an older one that is executed late changes no key.
                Output::Event(Event::Executed { transition: id @ 1.., .. }) => {
                    member.transition = member.transition.max(Some(id));
                }
                _ => {}
            }
        }
        was_invalid
    }
}

/// Hands a message to a member.
pub(crate) fn take(session: &mut Session, now: Timestamp, message: &Message) {
    match message {
        Message::ExternalSender(payload) => session.handle_external_sender(payload.clone().into()),
        Message::Proposals(payload) => session.handle_proposals(payload),
        Message::AnnounceCommit(payload) => session.handle_commit(now, payload),
        Message::Welcome(payload) => session.handle_welcome(now, payload),
        Message::PrepareTransition { transition, version } => {
            session.handle_prepare_transition(now, *transition, *version);
        }
        Message::ExecuteTransition(transition) => session.handle_execute_transition(now, *transition),
        Message::PrepareEpoch { version, epoch } => {
            session.handle_prepare_epoch(now, None, *version, *epoch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: ChannelId = ChannelId(20);
    const CLIENT: UserId = UserId(9);
    const ALICE: UserId = UserId(1);
    const BOB: UserId = UserId(2);
    const NOW: Timestamp = Timestamp::from_millis(1_000);

    /// Hands the client what there is for it, and its answers back.
    fn follow(encryption: &mut Encryption, client: &mut Session, now: Timestamp) {
        loop {
            while let Some(output) = client.poll_output() {
                let request = match output {
                    Output::KeyPackage(payload) => Request::KeyPackage(payload),
                    Output::CommitWelcome(payload) => Request::CommitWelcome(payload),
                    Output::TransitionReady(transition) => Request::Ready(transition),
                    Output::InvalidCommitWelcome(transition) => Request::Invalid(transition),
                    _ => continue,
                };
                encryption.handle(now, CLIENT, &request);
            }
            let Some((_, message)) = encryption.next_message() else { return };
            take(client, now, &message);
        }
    }

    fn call(speakers: &[UserId]) -> (Encryption, Session) {
        let mut encryption = Encryption::new(CHANNEL, 1, Rng::with_seed(1));
        let mut client = Session::new(CLIENT, CHANNEL, Backend::default(), Entropy::new([9; 32]));
        speakers.iter().for_each(|user| encryption.arrive(NOW, *user));
        client.handle_connect(speakers);
        encryption.connect(NOW, CLIENT);
        follow(&mut encryption, &mut client, NOW);
        client.handle_description(NOW, encryption.describe(CLIENT));
        follow(&mut encryption, &mut client, NOW);
        assert_eq!(encryption.take_faults(), []);
        (encryption, client)
    }

    fn say(encryption: &mut Encryption, user: UserId) -> Vec<u8> {
        let sealed = encryption.seal(user, &Bytes::from_static(b"opus")).expect("it has a key");
        assert!(encryption.has_key(CLIENT, &sealed));
        sealed.frame.to_vec()
    }

    #[test]
    fn whoever_left_opens_nothing_later() {
        let (mut encryption, mut client) = call(&[ALICE, BOB]);
        let mut before = say(&mut encryption, ALICE);
        client.handle_disconnect(BOB);
        let mut bob = encryption.leave(NOW, BOB).unwrap();
        assert_eq!(bob.open(NOW, ALICE, &mut before), Ok(4));
        follow(&mut encryption, &mut client, NOW);
        let mut after = say(&mut encryption, ALICE);
        assert_eq!(bob.open(NOW, ALICE, &mut after.clone()), Err(OpenError::Unauthentic));
        assert_eq!(client.open(NOW, ALICE, &mut after), Ok(4));
        // And is not heard, once its keys have expired.
        let late = NOW + Duration::from_secs(11);
        let mut ghost = Vec::new();
        bob.seal(b"boo", &mut ghost).unwrap();
        assert_eq!(client.open(late, BOB, &mut ghost), Err(OpenError::NoKey));
        assert_eq!(encryption.take_faults(), []);
    }

    #[test]
    fn nobody_speaks_in_the_clear_or_alone() {
        let (mut encryption, mut client) = call(&[]);
        assert_eq!(encryption.seal(ALICE, &Bytes::from_static(b"opus")), None);
        client.handle_connect(&[ALICE]);
        encryption.arrive(NOW, ALICE);
        assert_eq!(encryption.seal(ALICE, &Bytes::from_static(b"opus")), None);
        follow(&mut encryption, &mut client, NOW);
        assert_eq!(client.open(NOW, ALICE, &mut say(&mut encryption, ALICE)), Ok(4));
    }

    #[test]
    fn speech_in_the_clear_passes_while_it_may() {
        for speakers in [&[][..], &[ALICE]] {
            let (mut encryption, mut client) = call(speakers);
            let mut clear = |now| encryption.open(now, CLIENT, b"opus").is_ok();
            assert!(!clear(NOW));
            encryption.end(NOW);
            follow(&mut encryption, &mut client, NOW);
            let mut clear = |now| encryption.open(now, CLIENT, b"opus").is_ok();
            assert!(clear(NOW + Duration::from_secs(60)));
            let later = NOW + Duration::from_secs(60);
            encryption.begin_anew(later);
            follow(&mut encryption, &mut client, later);
            if speakers.is_empty() {
                client.handle_connect(&[ALICE]);
                encryption.arrive(later, ALICE);
                assert!(encryption.open(later, CLIENT, b"opus").is_ok());
                follow(&mut encryption, &mut client, later);
            }
            let mut clear = |now| encryption.open(now, CLIENT, b"opus").is_ok();
            assert!(clear(later + Duration::from_millis(9_999)));
            assert!(!clear(later + PASSTHROUGH));
            assert_eq!(encryption.take_faults(), []);
        }
    }

    #[test]
    fn a_client_that_adds_a_stranger_is_noticed() {
        for takes_everybody in [false, true] {
            let (mut encryption, mut client) = call(&[ALICE]);
            if takes_everybody {
                client.handle_connect(&[STRANGER]);
            }
            encryption.propose_stranger(NOW, CLIENT);
            follow(&mut encryption, &mut client, NOW);
            let faults = encryption.take_faults();
            assert_eq!(faults.len(), usize::from(takes_everybody), "{faults:?}");
            assert_eq!(encryption.take_faults(), []);
            assert_eq!(encryption.delivery.members().count(), 2);
        }
    }

    #[test]
    fn what_comes_before_the_version_is_too_early() {
        let mut encryption = Encryption::new(CHANNEL, 1, Rng::with_seed(1));
        encryption.connect(NOW, CLIENT);
        encryption.handle(NOW, CLIENT, &Request::Ready(1));
        assert_eq!(encryption.take_faults().len(), 1);
    }
}
