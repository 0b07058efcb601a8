//! Members of a call, ours and davey's, over a delivery service: whoever is in the group hears everybody in it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;

use davey::{DaveSession, MediaType, ProposalsOperationType};
use sanscord::dave::{Event, OpenError, Output, SealError, Session};
use sanscord::entropy::Entropy;
use sanscord::id::{ChannelId, UserId};
use sanscord::rtp::aead::Backend;
use sanscord::time::{Duration, Timestamp};
use sanscord_testing::delivery::{Delivery, Message};

const CHANNEL: ChannelId = ChannelId(0x0102_0304_0506_0708);

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
        let session = Session::new(user, CHANNEL, Backend::default(), Entropy::new([user.0 as u8; 32]));
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
}

impl Call {
    fn new() -> Self {
        Self {
            now: Timestamp::from_millis(1_000),
            delivery: Delivery::new(CHANNEL, [7; 32]),
            members: BTreeMap::new(),
            frames: 0,
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
            if let Some(member) = self.members.get_mut(&user) {
                let sent = member.take(self.now, &message);
                self.deliver(user, sent);
            }
        }
    }

    fn ours(&mut self, user: UserId) -> (&mut Session, &mut Vec<Event>) {
        match self.members.get_mut(&user) {
            Some(Member::Ours(session, events)) => (session, events),
            _ => panic!("{user} is not ours"),
        }
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
        // Frames in the clear pass for ten seconds more.
        let now = call.now;
        let late = call.ours(user(1)).0.open(now + Duration::from_secs(9), user(3), &mut b"late".clone());
        assert_eq!(late, Ok(4));
        let late = call.ours(user(1)).0.open(now + Duration::from_secs(10), user(3), &mut b"late".clone());
        assert_eq!(late, Err(OpenError::NotEncrypted));
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

#[test]
fn strangers_are_not_added() {
    let mut call = Call::new();
    call.join(user(1), member(1, false));
    call.join(user(3), member(3, false));
    // The server says nothing of this user (op 11), and wants to add it.
    let mut stranger = Member::ours(user(5));
    call.delivery.connect(user(5));
    let Some((_, sender)) = call.delivery.next_message() else { panic!("no external sender") };
    stranger.take(call.now, &sender);
    let sent = stranger.described(call.now);
    call.deliver(user(5), sent);
    call.settle();
    assert_eq!(call.delivery.members().count(), 2);
    let (_, events) = call.ours(user(1));
    assert!(matches!(events.last(), Some(Event::Refused(_))), "{events:?}");
}
