//! Members of a call, ours and davey's, over a delivery service: whoever is in the group hears everybody in it.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::num::NonZeroU16;

use davey::{DaveSession, MediaType, ProposalsOperationType, SigningKeyPair};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use sanscord::dave::ratchet::EXPIRY;
use sanscord::dave::session::{MAX_EXPECTED, MAX_PENDING};
use sanscord::dave::watch::{MAX_FAILURES, RESET_INTERVAL, WAIT_LIMIT};
use sanscord::dave::{Event, OpenError, Output, SealError, Session};
use sanscord::entropy::Entropy;
use sanscord::id::{ChannelId, UserId};
use sanscord::rtp::aead::Backend;
use sanscord::time::{Duration, Timestamp};
use sanscord_testing::delivery::{Delivery, Message};

const CHANNEL: ChannelId = ChannelId(0x0102_0304_0506_0708);
/// Of which the delivery service's signature key derives.
const SEED: [u8; 32] = [7; 32];

/// What a member sends to the voice server.
enum Sent {
    KeyPackage(Vec<u8>),
    CommitWelcome(Vec<u8>),
    Ready(u16),
    Invalid(u16),
}

enum Member {
    Ours(Box<Session>, Vec<Event>),
    Davey(Box<DaveSession>, BTreeSet<u64>),
}

impl Member {
    fn ours(user: UserId) -> Self {
        Self::ours_in(user, CHANNEL, user.0 as u8)
    }

    fn ours_in(user: UserId, channel: ChannelId, seed: u8) -> Self {
        let session = Session::new(user, channel, Backend::default(), Entropy::new([seed; 32]));
        Self::Ours(Box::new(session), Vec::new())
    }

    fn davey(user: UserId) -> Self {
        let session = DaveSession::new(NonZeroU16::MIN, user.0, CHANNEL.0, None).expect("it works");
        Self::Davey(Box::new(session), BTreeSet::new())
    }

    /// Op 4 came, with version 1.
    fn described(&mut self, now: Timestamp) -> Vec<Sent> {
        match self {
            Self::Ours(session, events) => {
                session.handle_description(now, 1);
                drain(session, events)
            }
            Self::Davey(session, _) => {
                vec![Sent::KeyPackage(session.create_key_package().expect("it works"))]
            }
        }
    }

    fn connected(&mut self, user: UserId, stays: bool) {
        match self {
            Self::Ours(session, _) if stays => session.handle_connect(&[user]),
            Self::Ours(session, _) => session.handle_disconnect(user),
            Self::Davey(_, users) if stays => {
                users.insert(user.0);
            }
            Self::Davey(_, users) => {
                users.remove(&user.0);
            }
        }
    }

    fn take(&mut self, now: Timestamp, message: &Message) -> Vec<Sent> {
        match self {
            Self::Ours(session, events) => {
                match message {
                    Message::ExternalSender(sender) => session.handle_external_sender(sender.clone().into()),
                    Message::Proposals(payload) => session.handle_proposals(payload),
                    Message::AnnounceCommit(payload) => session.handle_commit(now, payload),
                    Message::Welcome(payload) => session.handle_welcome(now, payload),
                    Message::PrepareTransition { transition, version } => {
                        session.handle_prepare_transition(now, *transition, *version);
                    }
                    Message::ExecuteTransition(id) => session.handle_execute_transition(now, *id),
                    Message::PrepareEpoch { version, epoch } => {
                        session.handle_prepare_epoch(now, None, *version, *epoch);
                    }
                    _ => panic!("unexpected {message:?}"),
                }
                drain(session, events)
            }
            Self::Davey(session, users) => davey_takes(session, users, message),
        }
    }

    fn seal(&mut self, frame: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Ours(session, _) => {
                let mut out = Vec::new();
                session.seal(frame, &mut out).map_err(|error| error.to_string())?;
                Ok(out)
            }
            Self::Davey(session, _) => session
                .encrypt_opus(frame)
                .map(|sealed| sealed.into_owned())
                .map_err(|error| error.to_string()),
        }
    }

    fn open(&mut self, now: Timestamp, user: UserId, frame: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Ours(session, _) => {
                let mut frame = frame.to_vec();
                let length = session.open(now, user, &mut frame).map_err(|error| error.to_string())?;
                frame.truncate(length);
                Ok(frame)
            }
            Self::Davey(session, _) => {
                session.decrypt(user.0, MediaType::AUDIO, frame).map_err(|error| error.to_string())
            }
        }
    }

    /// Its session, and what that told.
    fn session(&mut self) -> (&mut Session, &mut Vec<Event>) {
        match self {
            Self::Ours(session, events) => (session, events),
            Self::Davey(..) => panic!("it is not ours"),
        }
    }

    fn privacy_code(&self) -> String {
        match self {
            Self::Ours(session, _) => session.privacy_code().unwrap_or_default(),
            Self::Davey(session, _) => session.voice_privacy_code().unwrap_or_default().to_owned(),
        }
    }

    fn verification_code(&self, user: UserId) -> String {
        match self {
            Self::Ours(session, _) => session.verification_code(user).unwrap_or_default(),
            Self::Davey(session, _) => session.get_verification_code(user.0).expect("it works"),
        }
    }
}

fn drain(session: &mut Session, events: &mut Vec<Event>) -> Vec<Sent> {
    let mut sent = Vec::new();
    while let Some(output) = session.poll_output() {
        match output {
            Output::KeyPackage(payload) => sent.push(Sent::KeyPackage(payload.to_vec())),
            Output::CommitWelcome(payload) => sent.push(Sent::CommitWelcome(payload.to_vec())),
            Output::TransitionReady(id) => sent.push(Sent::Ready(id)),
            Output::InvalidCommitWelcome(id) => sent.push(Sent::Invalid(id)),
            Output::Event(event) => events.push(event),
            _ => panic!("unexpected {output:?}"),
        }
    }
    sent
}

fn davey_takes(session: &mut DaveSession, users: &BTreeSet<u64>, message: &Message) -> Vec<Sent> {
    let reinit = |session: &mut DaveSession| {
        session.reinit(NonZeroU16::MIN, session.user_id(), CHANNEL.0, None).expect("it works");
        Sent::KeyPackage(session.create_key_package().expect("it works"))
    };
    let id = |payload: &[u8]| u16::from_be_bytes([payload[0], payload[1]]);
    let joined = |session: &mut DaveSession, id: u16, joined: Option<bool>| match joined {
        Some(true) => {
            session.prepare_transition(id, 1).expect("it works");
            if id == 0 { vec![] } else { vec![Sent::Ready(id)] }
        }
        Some(false) => vec![],
        None => vec![Sent::Invalid(id), reinit(session)],
    };
    match message {
        Message::ExternalSender(sender) => {
            session.set_external_sender(sender).expect("it works");
            vec![]
        }
        Message::Proposals(payload) => {
            let mut users: Vec<u64> = users.iter().copied().collect();
            users.push(session.user_id());
            let operation =
                if payload[0] == 0 { ProposalsOperationType::APPEND } else { ProposalsOperationType::REVOKE };
            let answer = session.process_proposals(operation, &payload[1..], Some(&users)).expect("it works");
            let commit = answer.map(|answer| [answer.commit, answer.welcome.unwrap_or_default()].concat());
            commit.map(Sent::CommitWelcome).into_iter().collect()
        }
        Message::AnnounceCommit(payload) => {
            let answer = session.process_commit(&payload[2..]).ok();
            joined(session, id(payload), answer)
        }
        Message::Welcome(payload) => {
            let answer = session.process_welcome(&payload[2..], None).ok().map(|()| true);
            joined(session, id(payload), answer)
        }
        Message::PrepareTransition { transition, version } => {
            session.prepare_transition(*transition, *version).expect("it works");
            if *version == 0 {
                session.set_passthrough_mode(true, None);
            }
            if *transition == 0 { vec![] } else { vec![Sent::Ready(*transition)] }
        }
        Message::ExecuteTransition(id) => {
            session.execute_transition(*id).expect("it works");
            vec![]
        }
        Message::PrepareEpoch { epoch: 1, .. } => vec![reinit(session)],
        _ => panic!("unexpected {message:?}"),
    }
}

/// A call, whose messages arrive in order and at once.
struct Call {
    now: Timestamp,
    delivery: Delivery,
    members: BTreeMap<UserId, Member>,
    frames: u32,
    /// Which messages are kept back, and those that were.
    withholds: fn(UserId, &Message) -> bool,
    withheld: Vec<(UserId, Message)>,
}

impl Call {
    fn new() -> Self {
        Self {
            now: Timestamp::from_millis(1_000),
            delivery: Delivery::new(CHANNEL, SEED),
            members: BTreeMap::new(),
            frames: 0,
            withholds: |_, _| false,
            withheld: Vec::new(),
        }
    }

    /// A user joins: its delivery service and the other members hear of it first.
    fn join(&mut self, user: UserId, mut member: Member) {
        for (&other, present) in &mut self.members {
            present.connected(user, true);
            member.connected(other, true);
        }
        self.members.insert(user, member);
        self.delivery.connect(user);
        self.settle();
        let sent = self.members.get_mut(&user).expect("it works").described(self.now);
        self.deliver(user, sent);
        self.settle();
    }

    fn leave(&mut self, user: UserId) -> Member {
        let member = self.members.remove(&user).expect("it works");
        for present in self.members.values_mut() {
            present.connected(user, false);
        }
        self.delivery.disconnect(user);
        self.settle();
        member
    }

    fn deliver(&mut self, user: UserId, sent: Vec<Sent>) {
        for sent in sent {
            match sent {
                Sent::KeyPackage(payload) => self.delivery.key_package(user, &payload),
                Sent::CommitWelcome(payload) => self.delivery.commit(user, &payload),
                Sent::Ready(id) => self.delivery.ready(user, id),
                Sent::Invalid(id) => self.delivery.invalid(user, id),
            }
        }
    }

    fn settle(&mut self) {
        let mut messages = 0;
        while let Some((user, message)) = self.delivery.next_message() {
            messages += 1;
            assert!(messages < 10_000, "no end of messages");
            if (self.withholds)(user, &message) {
                self.withheld.push((user, message));
            } else if let Some(member) = self.members.get_mut(&user) {
                let sent = member.take(self.now, &message);
                self.deliver(user, sent);
            }
        }
    }

    fn ours(&mut self, user: UserId) -> (&mut Session, &mut Vec<Event>) {
        self.members.get_mut(&user).expect("it is in the call").session()
    }

    /// Says to all that this user is in the call, or is not.
    fn connected(&mut self, user: UserId, stays: bool) {
        self.members.values_mut().for_each(|member| member.connected(user, stays));
    }

    /// Every member hears every other, and agrees on the privacy code.
    fn everyone_hears_everyone(&mut self) {
        assert_eq!(self.delivery.rejected(), []);
        let users: Vec<UserId> = self.members.keys().copied().collect();
        assert_eq!(self.delivery.members().collect::<BTreeSet<_>>(), users.iter().copied().collect());
        let code = self.members[&users[0]].privacy_code();
        assert_eq!(code.len(), 30);
        for speaker in &users {
            self.frames += 1;
            let speech = format!("frame {} of {speaker}", self.frames).into_bytes();
            let sealed = self.members.get_mut(speaker).expect("it works").seal(&speech).expect("a key");
            assert_ne!(sealed, speech);
            for listener in users.iter().filter(|listener| *listener != speaker) {
                let heard =
                    self.members.get_mut(listener).expect("it works").open(self.now, *speaker, &sealed);
                assert_eq!(heard.as_deref(), Ok(speech.as_slice()), "{listener} does not hear {speaker}");
            }
            assert_eq!(self.members[speaker].privacy_code(), code);
        }
    }
}

/// A call of 1 and 3, both ours.
fn pair() -> Call {
    let mut call = Call::new();
    for n in [1, 3] {
        call.join(user(n), member(n, false));
    }
    call
}

fn user(n: u64) -> UserId {
    UserId(0x1000 + n)
}

/// Ours are odd, davey's even, or all ours.
fn member(n: u64, mixed: bool) -> Member {
    if mixed && n.is_multiple_of(2) { Member::davey(user(n)) } else { Member::ours(user(n)) }
}

#[test]
fn members_come_and_go() {
    for mixed in [false, true] {
        for first in 0..2 {
            let mut call = Call::new();
            let n = |n: u64| n + first;
            call.join(user(n(1)), member(n(1), mixed));
            for next in 2..=6 {
                call.join(user(n(next)), member(n(next), mixed));
                call.everyone_hears_everyone();
            }
            let mut gone = call.leave(user(n(1)));
            call.everyone_hears_everyone();
            // Whoever left hears nothing any more, and is heard by nobody.
            let sealed = call.members.get_mut(&user(n(2))).unwrap().seal(b"secret").unwrap();
            assert!(gone.open(call.now, user(n(2)), &sealed).is_err());
            let sealed = gone.seal(b"ghost").unwrap();
            call.now += Duration::from_secs(11);
            for member in call.members.values_mut() {
                let heard = member.open(call.now, user(n(1)), &sealed);
                if let Member::Ours(..) = member {
                    assert!(heard.is_err());
                }
            }
            call.leave(user(n(4)));
            call.everyone_hears_everyone();
            call.join(user(n(4)), member(n(4), mixed));
            call.everyone_hears_everyone();
            call.join(user(n(1)), member(n(1), mixed));
            call.everyone_hears_everyone();
        }
    }
}

#[test]
fn verification_codes_agree() {
    let mut call = Call::new();
    for n in 1..=3 {
        call.join(user(n), member(n, true));
    }
    let codes = [(1, 2), (2, 1), (3, 2), (2, 3), (1, 3), (3, 1)]
        .map(|(a, b)| call.members[&user(a)].verification_code(user(b)));
    assert_eq!((&codes[0], &codes[2], &codes[4]), (&codes[1], &codes[3], &codes[5]));
    assert!(codes.iter().all(|code| code.len() == 45) && codes[0] != codes[2]);
}

#[test]
fn whoever_lost_the_group_is_added_again() {
    for mixed in [false, true] {
        let mut call = Call::new();
        for n in 1..=4 {
            call.join(user(n), member(n, mixed));
        }
        // A commit that cannot be applied: that of a stranger's proposals.
        let (session, events) = call.ours(user(3));
        session.handle_commit(Timestamp::from_millis(1_000), &[0, 9, 0, 1, 0, 1, 8]);
        let sent = drain(session, events);
        assert!(matches!(events.last(), Some(Event::Recovering { transition: 9, .. })), "{events:?}");
        assert!(matches!(sent[..], [Sent::Invalid(9), Sent::KeyPackage(_)]));
        // Until it is added again, it speaks and hears under the keys that it has.
        let sealed = call.members.get_mut(&user(3)).unwrap().seal(b"still here").unwrap();
        let now = call.now;
        assert_eq!(call.ours(user(1)).0.open(now, user(3), &mut sealed.clone()), Ok(10));
        let sealed = call.members.get_mut(&user(1)).unwrap().seal(b"still here").unwrap();
        assert_eq!(call.ours(user(3)).0.open(now, user(1), &mut sealed.clone()), Ok(10));
        call.deliver(user(3), sent);
        call.settle();
        call.everyone_hears_everyone();
    }
}

#[test]
fn the_last_one_starts_anew() {
    let mut call = Call::new();
    call.join(user(1), member(1, true));
    call.join(user(2), member(2, true));
    call.everyone_hears_everyone();
    call.leave(user(2));
    let (session, _) = call.ours(user(1));
    assert_eq!((session.epoch(), session.can_send()), (None, false));
    assert_eq!(session.seal(b"to nobody", &mut Vec::new()), Err(SealError::NoKey));
    call.join(user(4), member(4, true));
    call.everyone_hears_everyone();
}

#[test]
fn encryption_ends_and_begins_again() {
    for mixed in [false, true] {
        let mut call = Call::new();
        for n in 1..=3 {
            call.join(user(n), member(n, mixed));
        }
        call.everyone_hears_everyone();
        call.delivery.prepare_version(0);
        call.settle();
        let (session, _) = call.ours(user(1));
        assert_eq!((session.version(), session.can_send()), (0, true));
        assert_eq!((session.epoch(), session.members()), (None, vec![]));
        let mut out = Vec::new();
        session.seal(b"in the clear", &mut out).unwrap();
        assert_eq!(out, b"in the clear");
        for n in [2, 3] {
            let now = call.now;
            let heard = call.members.get_mut(&user(n)).unwrap().open(now, user(1), b"in the clear");
            assert_eq!(heard.as_deref(), Ok(&b"in the clear"[..]));
        }
        call.delivery.new_group();
        call.settle();
        call.everyone_hears_everyone();
        // Frames in the clear pass for ten seconds more, of members, of new ones, and of who is none.
        let start = call.now;
        call.now += Duration::from_secs(5);
        call.join(user(5), member(5, mixed));
        for n in [3, 5, 7] {
            let (session, _) = call.ours(user(1));
            let mut late =
                |millis| session.open(start + Duration::from_millis(millis), user(n), &mut b"late".clone());
            assert_eq!(late(9_999), Ok(4), "{n}");
            assert_eq!(late(10_000), Err(OpenError::NotEncrypted), "{n}");
        }
    }
}

#[test]
fn the_sender_switches_when_all_are_ready() {
    let mut call = Call::new();
    call.join(user(1), member(1, false));
    call.join(user(3), member(3, false));
    let before = call.ours(user(1)).0.epoch();
    // The third is slow: its messages are kept back.
    for present in call.members.values_mut() {
        present.connected(user(5), true);
    }
    let mut slow = Member::ours(user(5));
    for n in [1, 3] {
        slow.connected(user(n), true);
    }
    call.delivery.connect(user(5));
    let Some((_, sender)) = call.delivery.next_message() else { panic!("no external sender") };
    slow.take(call.now, &sender);
    let sent = slow.described(call.now);
    call.deliver(user(5), sent);
    let mut kept = Vec::new();
    while let Some((to, message)) = call.delivery.next_message() {
        match call.members.get_mut(&to) {
            Some(member) => {
                let sent = member.take(call.now, &message);
                call.deliver(to, sent);
            }
            None => kept.push(message),
        }
    }
    assert_eq!(call.ours(user(1)).0.epoch(), before.map(|epoch| epoch + 1));
    let mut out = Vec::new();
    call.ours(user(1)).0.seal(b"under the old key", &mut out).unwrap();
    let now = call.now;
    // Of the old epoch, so the third cannot open it, and the second can.
    assert_eq!(call.ours(user(3)).0.open(now, user(1), &mut out.clone()), Ok(17));
    for message in kept {
        let sent = slow.take(call.now, &message);
        call.deliver(user(5), sent);
    }
    assert!(slow.open(now, user(1), &out).is_err());
    call.members.insert(user(5), slow);
    call.settle();
    call.everyone_hears_everyone();
}

/// Op 27 with one proposal, signed with this key (RFC 9420, sections 6, 6.1 and 12.1.8). Of `sender` the content is
/// the type and what belongs to it; of `proposal` too.
fn signed_proposal(key: &SigningKey, epoch: u64, sender: &[u8], proposal: &[u8]) -> Message {
    let mut framed = vec![0, 1]; // wire format: public message
    vector(&mut framed, &CHANNEL.0.to_be_bytes());
    framed.extend(epoch.to_be_bytes());
    framed.extend(sender);
    vector(&mut framed, &[]); // authenticated data
    framed.push(2); // content: proposal
    framed.extend(proposal);
    let versioned = [&[0, 1], framed.as_slice()].concat(); // version: MLS 1.0
    let mut labelled = Vec::new();
    vector(&mut labelled, b"MLS 1.0 FramedContentTBS");
    vector(&mut labelled, &versioned);
    let signature: Signature = key.sign(&labelled);
    let mut message = versioned;
    vector(&mut message, signature.to_der().as_bytes());
    let mut payload = vec![0];
    vector(&mut payload, &message);
    Message::Proposals(payload)
}

/// Appends a vector with its length (RFC 9420, section 2.1.2).
fn vector(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        length @ 0..0x40 => out.push(length as u8),
        length => out.extend((u16::try_from(length).expect("it is short") | 0x4000).to_be_bytes()),
    }
    out.extend_from_slice(bytes);
}

/// The voice server, as it names itself in a proposal.
const SERVER: &[u8] = &[2, 0, 0, 0, 0];

fn server_key() -> SigningKey {
    SigningKey::from_slice(&SEED).expect("it works")
}

/// The proposal to add whoever made this key package.
fn add(key_package: &[u8]) -> Vec<u8> {
    [&[0, 1], key_package].concat()
}

/// The key package of a member who joins.
fn key_package(member: &mut Member) -> Vec<u8> {
    match member.described(Timestamp::ZERO).pop() {
        Some(Sent::KeyPackage(key_package)) => key_package,
        _ => panic!("no key package"),
    }
}

fn key_package_of(n: u64) -> Vec<u8> {
    key_package(&mut Member::ours(user(n)))
}

/// Op 25's payload of the voice server with this seed.
fn external_sender(seed: [u8; 32]) -> Vec<u8> {
    let mut delivery = Delivery::new(CHANNEL, seed);
    delivery.connect(user(0));
    match delivery.next_message() {
        Some((_, Message::ExternalSender(sender))) => sender,
        other => panic!("no external sender: {other:?}"),
    }
}

fn last_refusal(events: &[Event]) -> String {
    match events.last() {
        Some(Event::Refused(error)) => error.to_string(),
        other => panic!("nothing was refused: {other:?}"),
    }
}

fn last_recovery(events: &[Event]) -> String {
    match events.last() {
        Some(Event::Recovering { reason, .. }) => reason.to_string(),
        other => panic!("no recovery: {other:?}"),
    }
}

#[test]
fn strangers_are_not_added() {
    let never: fn(&mut Call) = |_| {};
    let no_more: fn(&mut Call) = |call| {
        call.connected(user(5), true);
        call.connected(user(5), false);
    };
    let too_many: fn(&mut Call) = |call| {
        let others: Vec<_> = (0..MAX_EXPECTED as u64).map(|n| user(100 + n)).collect();
        for n in [1, 3] {
            call.ours(user(n)).0.handle_connect(&others);
            call.ours(user(n)).0.handle_connect(&[user(5)]);
        }
    };
    for prepare in [never, no_more, too_many] {
        let mut call = pair();
        prepare(&mut call);
        // The server wants to add one of whom it did not say that he is in the call (op 11).
        call.delivery.connect(user(5));
        call.delivery.key_package(user(5), &key_package_of(5));
        call.settle();
        assert_eq!(call.delivery.members().count(), 2);
        let refusal = last_refusal(call.ours(user(1)).1);
        assert!(refusal.contains("is not in the call"), "{refusal}");
    }
}

#[test]
fn only_the_server_adds_and_removes() {
    let mut call = pair();
    call.connected(user(5), true);
    let (now, epoch) = (call.now, call.delivery.epoch());
    let own_key = SigningKey::from_slice(&[9; 32]).unwrap();
    let public = own_key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
    let pair = SigningKeyPair { private: vec![9; 32], public };
    let session = DaveSession::new(NonZeroU16::MIN, user(5).0, CHANNEL.0, Some(&pair)).unwrap();
    let mut newcomer = Member::Davey(Box::new(session), BTreeSet::new());
    let addition = add(&key_package(&mut newcomer));
    let server = server_key();
    let table: [(&str, Message); 4] = [
        // Whoever joins proposes itself.
        ("it is not from the voice server", signed_proposal(&own_key, epoch, &[3], &addition)),
        // Other extensions for the group.
        ("it neither adds nor removes", signed_proposal(&server, epoch, SERVER, &[0, 7, 0])),
        // Another's signature, and another epoch.
        ("taking a proposal", signed_proposal(&own_key, epoch, SERVER, &addition)),
        ("taking a proposal", signed_proposal(&server, epoch + 1, SERVER, &addition)),
    ];
    let member = call.members.get_mut(&user(1)).unwrap();
    for (why, message) in &table {
        assert!(member.take(now, message).is_empty(), "{why}");
        let refusal = last_refusal(member.session().1);
        assert!(refusal.contains(why), "{refusal}");
    }
    let allowed = signed_proposal(&server, epoch, SERVER, &addition);
    assert!(matches!(member.take(now, &allowed)[..], [Sent::CommitWelcome(_)]));
    // What was allowed is committed to no more once something was refused.
    assert!(member.take(now, &table[0].1).is_empty());
}

#[test]
fn a_commit_that_leaves_proposals_out_is_refused() {
    let mut call = pair();
    for n in [5, 7] {
        call.connected(user(n), true);
    }
    let addition = add(&key_package_of(7));
    let proposal = signed_proposal(&server_key(), call.delivery.epoch(), SERVER, &addition);
    let now = call.now;
    let sent = call.members.get_mut(&user(3)).unwrap().take(now, &proposal);
    assert!(matches!(sent[..], [Sent::CommitWelcome(_)]));
    call.join(user(5), member(5, false));
    let (_, events) = call.ours(user(3));
    let left_out = |event: &Event| match event {
        Event::Recovering { reason, .. } => reason.to_string().contains("it leaves proposals out"),
        _ => false,
    };
    assert!(events.iter().any(left_out), "{events:?}");
    call.everyone_hears_everyone();
}

#[test]
fn a_commit_that_is_not_meant_for_us_is_ignored() {
    let mut call = pair();
    call.withholds = |to, message| to == user(1) && matches!(message, Message::Proposals(_));
    call.join(user(5), member(5, false));
    let (session, events) = call.ours(user(1));
    assert_eq!(session.epoch(), Some(1));
    assert!(!events.iter().any(|event| matches!(event, Event::Recovering { .. })), "{events:?}");
    // With the proposals, and a commit of another call.
    let other = ChannelId(5);
    let mut committer = Member::ours_in(user(1), other, 1);
    let (commit, _) = commit_and_welcome(Delivery::new(other, SEED), &mut committer, 9, |delivery| {
        let mut guest = Member::ours_in(user(9), other, 9);
        delivery.key_package(user(9), &key_package(&mut guest));
    });
    let now = call.now;
    let member = call.members.get_mut(&user(1)).unwrap();
    for (_, message) in mem::take(&mut call.withheld) {
        member.take(now, &message);
    }
    assert!(member.take(now, &Message::AnnounceCommit(commit)).is_empty());
}

/// Starts a group of this member and user `n`, whose key package `invite` gives. Answers with the payloads of ops 29
/// and 30 that come of it.
fn commit_and_welcome(
    mut delivery: Delivery,
    host: &mut Member,
    n: u64,
    invite: impl FnOnce(&mut Delivery),
) -> (Vec<u8>, Vec<u8>) {
    let now = Timestamp::from_millis(1_000);
    host.connected(user(n), true);
    delivery.connect(user(1));
    delivery.connect(user(n));
    delivery.key_package(user(1), &key_package(host));
    invite(&mut delivery);
    let (mut commit, mut welcome) = (None, None);
    while let Some((to, message)) = delivery.next_message() {
        if to == user(1) {
            for sent in host.take(now, &message) {
                if let Sent::CommitWelcome(payload) = sent {
                    delivery.commit(user(1), &payload);
                }
            }
        }
        match message {
            Message::AnnounceCommit(payload) => commit = Some(payload),
            Message::Welcome(payload) => welcome = Some(payload),
            _ => {}
        }
    }
    (commit.expect("a commit"), welcome.expect("a welcome"))
}

#[test]
fn a_welcome_must_lead_into_our_call() {
    let now = Timestamp::from_millis(1_000);
    let other = ChannelId(5);
    for (channel, seed, why) in [
        (CHANNEL, SEED, None),
        (other, SEED, Some("it leads into another group")),
        (CHANNEL, [8; 32], Some("its external sender is not the voice server")),
    ] {
        let mut guest = Member::ours(user(9));
        guest.connected(user(1), true);
        guest.take(now, &Message::ExternalSender(external_sender(SEED)));
        let key_package = key_package(&mut guest);
        let mut host = Member::ours_in(user(1), channel, 1);
        let (commit, welcome) = commit_and_welcome(Delivery::new(channel, seed), &mut host, 9, |delivery| {
            delivery.key_package(user(9), &key_package);
        });
        // It has a group of its own, in which it commits; the commit of another group's member is not for it.
        let addition = add(&key_package_of(1));
        let sent = guest.take(now, &signed_proposal(&server_key(), 0, SERVER, &addition));
        assert!(matches!(sent[..], [Sent::CommitWelcome(_)]));
        assert!(guest.take(now, &Message::AnnounceCommit(commit)).is_empty());
        let sent = guest.take(now, &Message::Welcome(welcome));
        match why {
            None => {
                assert!(matches!(sent[..], [Sent::Ready(1)]));
                assert_eq!(guest.session().0.members(), [user(1), user(9)]);
            }
            Some(why) => {
                assert!(matches!(sent[..], [Sent::Invalid(1), Sent::KeyPackage(_)]));
                let reason = last_recovery(guest.session().1);
                assert!(reason.contains(why), "{reason}");
            }
        }
    }
}

/// Where the welcome begins in op 28's payload: a ciphersuite and two vectors to the end (RFC 9420, section 12.4.3.1).
fn welcome_at(payload: &[u8]) -> usize {
    let vector = |bytes: &[u8]| match *bytes {
        [length @ 0..0x40, ..] => Some(1 + usize::from(length)),
        [high @ 0x40..0x80, low, ..] => Some(2 + usize::from(u16::from_be_bytes([high & 0x3F, low]))),
        _ => None,
    };
    let is_welcome = |bytes: &[u8]| {
        let secrets = bytes.strip_prefix(&[0, 2])?;
        let info = secrets.get(vector(secrets)?..)?;
        (vector(info)? == info.len()).then_some(())
    };
    (0..payload.len()).find(|at| is_welcome(&payload[*at..]).is_some()).expect("a welcome")
}

#[test]
fn nobody_is_there_twice() {
    let mut call = pair();
    let mut second = Member::ours_in(user(3), CHANNEL, 33);
    second.connected(user(1), true);
    second.take(call.now, &Message::ExternalSender(external_sender(SEED)));
    let addition = add(&key_package(&mut second));
    let proposal = signed_proposal(&server_key(), call.delivery.epoch(), SERVER, &addition);
    let mut sent = call.members.values_mut().map(|member| member.take(call.now, &proposal).pop());
    let Some(Some(Sent::CommitWelcome(payload))) = sent.next() else { panic!("no commit") };
    assert!(matches!(sent.next(), Some(Some(Sent::CommitWelcome(_)))));
    let (commit, welcome) = payload.split_at(welcome_at(&payload));
    for member in call.members.values_mut() {
        member.take(call.now, &Message::AnnounceCommit([&[0, 9], commit].concat()));
    }
    second.take(call.now, &Message::Welcome([&[0, 9], welcome].concat()));
    for member in call.members.values_mut().chain([&mut second]) {
        let reason = last_recovery(member.session().1);
        assert!(reason.contains("a user is there twice"), "{reason}");
    }
}

#[test]
fn revoked_proposals_are_not_committed() {
    let mut call = pair();
    call.connected(user(5), true);
    call.delivery.connect(user(5));
    call.delivery.key_package(user(5), &key_package_of(5));
    // The commits get lost, and user 5 leaves.
    while let Some((to, message)) = call.delivery.next_message() {
        if let Some(member) = call.members.get_mut(&to) {
            member.take(call.now, &message);
        }
    }
    call.delivery.disconnect(user(5));
    call.settle();
    call.join(user(7), member(7, false));
    call.everyone_hears_everyone();
}

#[test]
fn whoever_is_in_the_group_stays_there() {
    let mut call = pair();
    let now = call.now;
    let (session, events) = call.ours(user(1));
    let (epoch, told) = (session.epoch(), events.len());
    session.handle_external_sender(external_sender([8; 32]).into());
    session.handle_welcome(now, &[0, 9, 0]);
    assert!(drain(session, events).is_empty());
    assert!(matches!(events[told..], [Event::Refused(_), Event::Refused(_)]), "{events:?}");
    assert_eq!(session.epoch(), epoch);
    // One that is to be removed does not commit to that.
    let removal = signed_proposal(&server_key(), call.delivery.epoch(), SERVER, &[0, 3, 0, 0, 0, 1]);
    let third = call.members.get_mut(&user(3)).unwrap();
    let told = third.session().1.len();
    assert!(third.take(now, &removal).is_empty());
    assert_eq!(third.session().1.len(), told);
}

#[test]
fn a_commit_that_was_given_up_may_win() {
    for leaves in [false, true] {
        let mut call = pair();
        call.join(user(5), member(5, false));
        if leaves {
            call.members.remove(&user(5));
            call.connected(user(5), false);
            call.delivery.disconnect(user(5));
        } else {
            call.connected(user(7), true);
            call.delivery.connect(user(7));
            call.delivery.key_package(user(7), &key_package_of(7));
        }
        let mut commit = None;
        while let Some((to, message)) = call.delivery.next_message() {
            if let Some(member) = call.members.get_mut(&to)
                && let Some(Sent::CommitWelcome(payload)) = member.take(call.now, &message).pop()
                && to == user(1)
            {
                commit = Some(payload);
            }
        }
        // It is offered a stranger, of whom the others hear nothing, and so forgets its commit; and that wins.
        let stranger = add(&key_package_of(9));
        let proposal = signed_proposal(&server_key(), call.delivery.epoch(), SERVER, &stranger);
        assert!(call.members.get_mut(&user(1)).unwrap().take(call.now, &proposal).is_empty());
        call.delivery.commit(user(1), &commit.expect("a commit"));
        call.settle();
        assert_eq!(call.delivery.epoch(), if leaves { 4 } else { 3 });
        call.delivery.disconnect(user(7));
        call.settle();
        call.everyone_hears_everyone();
    }
}

#[test]
fn what_follows_an_external_sender_is_refused() {
    let mut session = Member::ours(user(1));
    key_package(&mut session);
    let mut sender = external_sender(SEED);
    sender.push(0);
    session.take(Timestamp::ZERO, &Message::ExternalSender(sender));
    let refusal = last_refusal(session.session().1);
    assert!(refusal.contains("reading the external sender"), "{refusal}");
}

#[test]
fn a_late_execution_does_not_turn_back() {
    let mut call = pair();
    call.withholds = |to, message| to == user(1) && matches!(message, Message::ExecuteTransition(_));
    for n in [5, 7] {
        call.join(user(n), member(n, false));
    }
    let now = call.now;
    let withheld = mem::take(&mut call.withheld);
    assert_eq!(withheld.len(), 2);
    for (_, message) in withheld.iter().rev() {
        call.members.get_mut(&user(1)).unwrap().take(now, message);
    }
    call.everyone_hears_everyone();
}

#[test]
fn an_epoch_executed_twice_repeats_no_nonce() {
    let mut call = pair();
    let now = call.now;
    let (session, _) = call.ours(user(1));
    let mut frames = [Vec::new(), Vec::new()];
    session.seal(b"first", &mut frames[0]).unwrap();
    session.handle_prepare_transition(now, 40, 1);
    session.handle_execute_transition(now, 40);
    session.seal(b"second", &mut frames[1]).unwrap();
    let (listener, _) = call.ours(user(3));
    assert_eq!(frames.each_mut().map(|frame| listener.open(now, user(1), frame)), [Ok(5), Ok(6)]);
}

#[test]
fn transitions_are_executed_once_and_in_the_newest_form() {
    let mut call = pair();
    let now = call.now;
    let (session, events) = call.ours(user(1));
    // Number 0 waits for nobody.
    session.handle_prepare_transition(now, 0, 1);
    assert!(drain(session, events).is_empty());
    assert_eq!(events.last(), Some(&Event::Executed { transition: 0, version: 1 }));
    session.handle_prepare_transition(now, 8, 0);
    session.handle_prepare_transition(now, 8, 1);
    session.handle_execute_transition(now, 8);
    assert!(matches!(drain(session, events)[..], [Sent::Ready(8), Sent::Ready(8)]));
    assert_eq!(events.last(), Some(&Event::Executed { transition: 8, version: 1 }));
    let told = events.len();
    session.handle_execute_transition(now, 8);
    session.handle_execute_transition(now, 9);
    assert!(drain(session, events).is_empty() && events.len() == told);
    // At the bound the oldest is forgotten.
    for transition in 0..=MAX_PENDING as u16 {
        session.handle_prepare_transition(now, 100 + transition, 1);
    }
    session.handle_execute_transition(now, 100);
    drain(session, events);
    assert_eq!(events.len(), told);
    for transition in 101..=100 + MAX_PENDING as u16 {
        session.handle_execute_transition(now, transition);
        drain(session, events);
        assert_eq!(events.last(), Some(&Event::Executed { transition, version: 1 }));
    }
}

#[test]
fn versions_that_are_not_there_are_refused() {
    let mut call = pair();
    let now = call.now;
    let (session, events) = call.ours(user(1));
    session.handle_prepare_transition(now, 8, 2);
    session.handle_prepare_epoch(now, Some(9), 2, 1);
    session.handle_prepare_epoch(now, Some(9), 2, 2);
    session.handle_prepare_epoch(now, Some(9), 0, 1);
    let told = events.len();
    assert!(drain(session, events).is_empty());
    assert_eq!(events[told..].iter().filter(|event| matches!(event, Event::Refused(_))).count(), 4);
    // A later epoch is prepared, in the group that is.
    session.handle_prepare_epoch(now, Some(9), 1, 2);
    assert!(matches!(drain(session, events)[..], [Sent::Ready(9)]));
    session.handle_prepare_epoch(now, None, 1, 3);
    assert!(drain(session, events).is_empty());
    assert_eq!(session.epoch(), Some(1));
}

#[test]
fn frames_in_the_clear_pass_from_the_preparation_to_the_description() {
    let mut call = pair();
    let now = call.now;
    let (session, events) = call.ours(user(1));
    let plain = |session: &mut Session, n| session.open(now, user(n), &mut b"plain".clone());
    let refused = Err(OpenError::NotEncrypted);
    assert_eq!([plain(session, 3), plain(session, 5)], [refused; 2]);
    // Others may switch before us; we still seal.
    session.handle_prepare_transition(now, 8, 0);
    assert_eq!([plain(session, 3), plain(session, 5)], [Ok(5); 2]);
    let mut out = Vec::new();
    session.seal(b"secret", &mut out).unwrap();
    assert!(!out.starts_with(b"secret"));
    session.handle_description(now, 1);
    assert_eq!([plain(session, 3), plain(session, 5)], [refused; 2]);
    assert!(!session.can_send());
    // What was prepared before is void.
    session.handle_execute_transition(now, 8);
    assert_eq!((session.version(), session.can_send()), (1, false));
    session.handle_description(now, 0);
    assert_eq!([plain(session, 3), plain(session, 5)], [Ok(5); 2]);
    assert!(session.can_send());
    drain(session, events);
}

#[test]
fn keys_of_the_departed_go_after_ten_seconds() {
    for others in [&[][..], &[5]] {
        let mut call = pair();
        for &n in others {
            call.join(user(n), member(n, false));
        }
        let (start, end) = (call.now, call.now + Duration::from_secs(10));
        let mut gone = call.leave(user(3));
        assert_eq!(call.ours(user(1)).0.deadline(), Some(end));
        let mut frames = [1, 2].map(|_| gone.seal(b"farewell").unwrap());
        call.now += Duration::from_secs(5);
        if !others.is_empty() {
            // A further epoch does not lengthen their life.
            call.join(user(7), member(7, false));
        }
        let (session, _) = call.ours(user(1));
        let just_before = start + Duration::from_millis(9_999);
        assert_eq!(session.open(just_before, user(3), &mut frames[0]), Ok(8));
        assert_eq!(session.open(end, user(3), &mut frames[1]), Err(OpenError::NoKey));
        assert!(session.deadline().is_none_or(|deadline| deadline > end));
    }
}

#[test]
fn keys_of_the_epoch_before_go_after_ten_seconds() {
    let mut call = pair();
    let start = call.now;
    let mut frames = [1, 2].map(|_| call.members.get_mut(&user(3)).unwrap().seal(b"before").unwrap());
    call.join(user(5), member(5, false));
    let (session, _) = call.ours(user(1));
    let end = start + Duration::from_secs(10);
    assert_eq!(session.deadline(), Some(end));
    let just_before = start + Duration::from_millis(9_999);
    assert_eq!(session.open(just_before, user(3), &mut frames[0]), Ok(6));
    assert_eq!(session.open(end, user(3), &mut frames[1]), Err(OpenError::Unauthentic));
    assert_eq!(session.deadline(), None);
}

#[test]
fn whoever_returns_within_ten_seconds_stays() {
    let mut call = pair();
    call.join(user(5), member(5, false));
    call.leave(user(3));
    call.now += Duration::from_secs(5);
    call.join(user(3), member(3, false));
    call.now += Duration::from_secs(60);
    call.everyone_hears_everyone();
}

#[test]
fn a_new_group_makes_earlier_transitions_void() {
    let mut call = Call::new();
    for n in [1, 3] {
        call.join(user(n), member(n, false));
    }
    let (session, events) = call.ours(user(1));
    let now = Timestamp::from_millis(1_000);
    session.handle_prepare_transition(now, 77, 1);
    session.handle_prepare_epoch(now, None, 1, 1);
    session.handle_prepare_transition(now, 0, 1);
    drain(session, events);
    assert!(!session.can_send());
    session.handle_execute_transition(now, 77);
    assert!(!session.can_send(), "the group was given up");
    assert!(drain(session, events).is_empty());
}

fn plain(session: &mut Session, at: Timestamp) -> Result<usize, OpenError> {
    session.open(at, user(3), &mut b"plain".clone())
}

#[test]
fn a_downgrade_that_is_not_executed_passes_nothing_for_ever() {
    let nothing: fn(&mut Call) = |_| {};
    let next_epoch: fn(&mut Call) = |call| call.join(user(5), member(5, false));
    let new_group: fn(&mut Call) = |call| {
        call.delivery.new_group();
        call.settle();
    };
    let executed: fn(&mut Call) = |call| {
        let now = call.now;
        call.ours(user(1)).0.handle_execute_transition(now, 800);
    };
    let hour = 3_600_000;
    for (follows, millis) in [(nothing, 120_000), (next_epoch, 10_000), (new_group, 10_000), (executed, hour)]
    {
        let mut call = pair();
        let start = call.now;
        call.ours(user(1)).0.handle_prepare_transition(start, 800, 0);
        drain(&mut *call.ours(user(1)).0, &mut Vec::new());
        follows(&mut call);
        let (session, _) = call.ours(user(1));
        assert_eq!(plain(session, start + Duration::from_millis(millis - 1)), Ok(5), "{millis}");
        if millis < hour {
            let end = start + Duration::from_millis(millis);
            assert_eq!(plain(session, end), Err(OpenError::NotEncrypted), "{millis}");
            assert!(session.deadline().is_none_or(|deadline| deadline > end));
        }
    }
}

#[test]
fn a_frame_of_the_next_epoch_may_come_before_it() {
    let mut call = pair();
    assert!(!call.ours(user(1)).0.is_changing());
    call.withholds = |to, message| to == user(1) && matches!(message, Message::AnnounceCommit(_));
    call.join(user(5), member(5, false));
    // The server does not wait for us.
    let transition = call.delivery.unready().next().expect("one that waits for us");
    call.delivery.execute(transition);
    call.settle();
    let now = call.now;
    let mut frame = call.members.get_mut(&user(3)).unwrap().seal(b"early").unwrap();
    let sent = frame.clone();
    let (session, _) = call.ours(user(1));
    for _ in 0..100 {
        assert_eq!(session.open(now, user(3), &mut frame), Err(OpenError::Unauthentic));
        assert!(session.is_changing() && frame == sent);
    }
    assert!(session.deadline().is_none(), "frames that come early are no fault");
    for (_, message) in mem::take(&mut call.withheld) {
        call.members.get_mut(&user(1)).unwrap().take(now, &message);
    }
    let (session, _) = call.ours(user(1));
    assert!(!session.is_changing());
    assert_eq!(session.open(now, user(3), &mut frame), Ok(5));
}

fn waits(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Waiting { .. })).count()
}

#[test]
fn a_group_that_does_not_come_about_is_told_once() {
    let now = Timestamp::from_millis(1_000);
    let mut lonely = Member::ours(user(1));
    lonely.take(now, &Message::ExternalSender(external_sender(SEED)));
    lonely.described(now);
    let (session, events) = lonely.session();
    assert_eq!(session.deadline(), None, "whoever is alone waits for nothing");
    session.handle_connect(&[user(1)]);
    assert_eq!(session.deadline(), None, "so does whoever is told of itself");
    let start = now + Duration::from_secs(60);
    session.handle_timeout(start);
    session.handle_connect(&[user(3)]);
    assert_eq!(session.deadline(), Some(start + WAIT_LIMIT));
    session.handle_timeout(start + (WAIT_LIMIT - Duration::from_nanos(1)));
    drain(session, events);
    assert_eq!(waits(events), 0);
    session.handle_timeout(start + WAIT_LIMIT);
    drain(session, events);
    assert_eq!(events.last(), Some(&Event::Waiting { since: start }));
    // A group that is begun anew is the same wait; that all others leave is its end.
    session.handle_prepare_epoch(start + WAIT_LIMIT, None, 1, 1);
    session.handle_timeout(start + WAIT_LIMIT * 4);
    drain(session, events);
    assert_eq!((waits(events), session.deadline()), (1, None));
    session.handle_disconnect(user(3));
    session.handle_connect(&[user(5)]);
    session.handle_timeout(start + WAIT_LIMIT * 5);
    drain(session, events);
    assert_eq!(waits(events), 2);
    // Without encryption there is nothing to wait for.
    session.handle_description(start + WAIT_LIMIT * 6, 0);
    assert_eq!(session.deadline(), None);
}

#[test]
fn a_transition_that_is_not_executed_is_told() {
    let mut call = pair();
    let (session, events) = call.ours(user(1));
    assert_eq!((session.deadline(), waits(events)), (None, 0));
    call.withholds = |to, message| to == user(1) && matches!(message, Message::ExecuteTransition(_));
    call.join(user(5), member(5, false));
    let start = call.now;
    let (session, events) = call.ours(user(1));
    assert!(session.deadline().is_some());
    session.handle_timeout(start + WAIT_LIMIT);
    drain(session, events);
    assert_eq!(events.last(), Some(&Event::Waiting { since: start }));
}

/// So many frames of user 3 that user 1 cannot open.
fn fail(call: &mut Call, count: u32) {
    let now = call.now;
    let mut forged = call.members.get_mut(&user(3)).expect("it works").seal(b"forged").expect("a key");
    forged[0] ^= 1;
    for _ in 0..count {
        let failed = call.ours(user(1)).0.open(now, user(3), &mut forged.clone());
        assert_eq!(failed, Err(OpenError::Unauthentic));
    }
}

/// What user 1 sends once time has gone on a little.
fn after_a_moment(call: &mut Call) -> Vec<Sent> {
    call.now += Duration::from_millis(2);
    let now = call.now;
    let (session, events) = call.ours(user(1));
    session.handle_timeout(now);
    drain(session, events)
}

#[test]
fn a_group_whose_keys_open_nothing_is_given_up() {
    let mut call = pair();
    // While the members take up the new keys, some may still use those that we never had.
    fail(&mut call, 5 * MAX_FAILURES);
    assert!(after_a_moment(&mut call).is_empty());
    call.now += EXPIRY;
    fail(&mut call, MAX_FAILURES);
    assert!(after_a_moment(&mut call).is_empty());
    // One that opens ends the row; silence in the clear says nothing.
    let (now, mut good) = (call.now, call.members.get_mut(&user(3)).unwrap().seal(b"good").unwrap());
    let (session, _) = call.ours(user(1));
    assert_eq!(session.open(now, user(3), &mut good), Ok(4));
    fail(&mut call, MAX_FAILURES);
    let (session, _) = call.ours(user(1));
    assert_eq!(session.open(now, user(3), &mut [0xF8, 0xFF, 0xFE]), Ok(3));
    assert!(after_a_moment(&mut call).is_empty());
    fail(&mut call, 1);
    let (now, (session, _)) = (call.now, call.ours(user(1)));
    assert!(session.deadline().is_some_and(|deadline| deadline > now));
    let sent = after_a_moment(&mut call);
    assert!(matches!(sent[..], [Sent::Invalid(1), Sent::KeyPackage(_)]));
    let reason = last_recovery(call.ours(user(1)).1);
    assert!(reason.contains("37 frames of members in a row failed"), "{reason}");
    call.deliver(user(1), sent);
    call.settle();
    call.everyone_hears_everyone();
    // Not again within half a minute.
    call.now += EXPIRY;
    fail(&mut call, 5 * MAX_FAILURES);
    assert!(after_a_moment(&mut call).is_empty());
    call.now += RESET_INTERVAL;
    fail(&mut call, 1);
    assert!(matches!(after_a_moment(&mut call)[..], [Sent::Invalid(_), Sent::KeyPackage(_)]));
}

#[test]
fn frames_that_need_not_open_are_no_reason_to_give_up_the_group() {
    // A transition waits; the member left; the group changes.
    let prepared: fn(&mut Call) = |call| {
        let now = call.now;
        call.ours(user(1)).0.handle_prepare_transition(now, 800, 1);
        drain(&mut *call.ours(user(1)).0, &mut Vec::new());
    };
    let changing: fn(&mut Call) = |call| {
        call.withholds = |to, message| to == user(1) && matches!(message, Message::AnnounceCommit(_));
        call.join(user(5), member(5, false));
    };
    for happens in [prepared, changing] {
        let mut call = pair();
        call.now += EXPIRY;
        happens(&mut call);
        fail(&mut call, 2 * MAX_FAILURES);
        assert!(after_a_moment(&mut call).is_empty());
    }
    let mut call = pair();
    call.join(user(5), member(5, false));
    call.now += EXPIRY;
    let gone = call.leave(user(3));
    call.members.insert(user(3), gone);
    fail(&mut call, 2 * MAX_FAILURES);
    assert!(after_a_moment(&mut call).is_empty());
}

#[test]
fn transition_zero_is_one_as_any_other() {
    let now = Timestamp::from_millis(1_000);
    let mut guest = Member::ours(user(9));
    guest.connected(user(1), true);
    guest.take(now, &Message::ExternalSender(external_sender(SEED)));
    let key_package = key_package(&mut guest);
    let mut host = Member::ours(user(1));
    let (_, mut welcome) = commit_and_welcome(Delivery::new(CHANNEL, SEED), &mut host, 9, |delivery| {
        delivery.key_package(user(9), &key_package);
    });
    welcome[..2].copy_from_slice(&[0, 0]);
    assert!(guest.take(now, &Message::Welcome(welcome)).is_empty());
    let (session, events) = guest.session();
    assert!(session.can_send());
    let now = now + EXPIRY;
    for _ in 0..=MAX_FAILURES {
        let mut forged = [&[1; 20][..], &[1, 12, 0xFA, 0xFA]].concat();
        assert_eq!(session.open(now, user(1), &mut forged), Err(OpenError::Unauthentic));
    }
    session.handle_timeout(now + Duration::from_millis(2));
    assert!(matches!(drain(session, events)[..], [Sent::Invalid(0), Sent::KeyPackage(_)]));
}

#[test]
fn the_same_external_sender_changes_nothing_and_another_makes_a_new_group() {
    let now = Timestamp::from_millis(1_000);
    for (seed, stays) in [(SEED, true), ([8; 32], false)] {
        let mut member = Member::ours(user(1));
        member.connected(user(9), true);
        member.take(now, &Message::ExternalSender(external_sender(SEED)));
        member.described(now);
        let addition = signed_proposal(&server_key(), 0, SERVER, &add(&key_package_of(9)));
        let sent = member.take(now, &addition);
        let [Sent::CommitWelcome(payload)] = &sent[..] else { panic!("no commit") };
        assert!(member.take(now, &Message::ExternalSender(external_sender(seed))).is_empty());
        // After a resume a commit is sent again only of the group that is.
        let (session, events) = member.session();
        session.handle_resumed();
        let again = drain(session, events);
        assert_eq!(again.iter().any(|sent| matches!(sent, Sent::CommitWelcome(_))), stays);
        let commit = &payload[..welcome_at(payload)];
        member.take(now, &Message::AnnounceCommit([&[0, 9], commit].concat()));
        assert_eq!(member.session().0.epoch(), stays.then_some(1));
    }
}
