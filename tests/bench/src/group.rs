//! The others in an encrypted call, and the delivery service between them and the machine that is measured.
//!
//! Messages arrive at once and in order. What is for a user who is nobody here is kept for whoever drives that user.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU16;

use davey::{DaveSession, ProposalsOperationType};
use sanscord::dave::{Output, Session};
use sanscord::entropy::Entropy;
use sanscord::id::UserId;
use sanscord::rtp::aead::Backend;
use sanscord::time::Timestamp;
use sanscord_testing::delivery::{Delivery, Message};
use serde_json::{Value, json};

use crate::stage::{CHANNEL, SPEAKER};

/// Who listens besides us, with davey.
pub const LISTENER: UserId = UserId(44);
/// Of which the delivery service's signature key derives.
const SEED: [u8; 32] = [7; 32];

/// What a member sends to the voice server.
#[derive(Clone, Debug)]
pub enum Sent {
    /// Op 26.
    KeyPackage(Vec<u8>),
    /// Op 28.
    CommitWelcome(Vec<u8>),
    /// Op 23.
    Ready(u16),
}

/// What the voice server sends to a member.
#[derive(Clone, Debug)]
pub enum Told {
    /// A binary message: opcode and payload.
    Binary(u8, Vec<u8>),
    /// A text message.
    Text(Value),
}

/// What a member hears of.
#[derive(Clone, Copy, Debug)]
pub enum Heard<'a> {
    /// Op 4, with version 1: a key package is due.
    Description,
    /// A message of the delivery service.
    Message(&'a Message),
}

/// A member of the group.
pub enum Member {
    /// One of ours.
    Ours(Box<Session>),
    /// davey, and the users of whom it was told that they are in the call.
    Davey(Box<DaveSession>, BTreeSet<u64>),
    /// One who is there to be many: it has a key package, and is ready for whatever comes without a look at it.
    Filler(Vec<u8>),
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ours(_) => "Ours",
            Self::Davey(..) => "Davey",
            Self::Filler(_) => "Filler",
        })
    }
}

impl Member {
    /// One of ours.
    #[must_use]
    pub fn ours(user: UserId, backend: Backend) -> Self {
        let entropy = Entropy::new([user.0 as u8; 32]);
        Self::Ours(Box::new(Session::new(user, CHANNEL, backend, entropy)))
    }

    /// davey.
    ///
    /// # Panics
    /// If davey fails.
    #[must_use]
    pub fn davey(user: UserId) -> Self {
        let session = DaveSession::new(NonZeroU16::MIN, user.0, CHANNEL.0, None).expect("davey");
        Self::Davey(Box::new(session), BTreeSet::new())
    }

    /// A filler.
    ///
    /// # Panics
    /// If no key package is made.
    #[must_use]
    pub fn filler(user: UserId) -> Self {
        match &Self::ours(user, Backend::default()).take(Timestamp::ZERO, Heard::Description)[..] {
            [Sent::KeyPackage(key_package)] => Self::Filler(key_package.clone()),
            other => panic!("no key package: {other:?}"),
        }
    }

    /// A user joined the call, or left it.
    pub fn connected(&mut self, user: UserId, stays: bool) {
        match self {
            Self::Ours(session) if stays => session.handle_connect(&[user]),
            Self::Ours(session) => session.handle_disconnect(user),
            Self::Davey(_, users) if stays => {
                users.insert(user.0);
            }
            Self::Davey(_, users) => {
                users.remove(&user.0);
            }
            Self::Filler(_) => {}
        }
    }

    /// Takes what it hears, and answers.
    ///
    /// # Panics
    /// If it cannot take it.
    pub fn take(&mut self, now: Timestamp, heard: Heard<'_>) -> Vec<Sent> {
        match self {
            Self::Ours(session) => {
                match heard {
                    Heard::Description => session.handle_description(now, 1),
                    Heard::Message(Message::ExternalSender(sender)) => {
                        session.handle_external_sender(sender.clone().into());
                    }
                    Heard::Message(Message::Proposals(payload)) => session.handle_proposals(payload),
                    Heard::Message(Message::AnnounceCommit(payload)) => session.handle_commit(now, payload),
                    Heard::Message(Message::Welcome(payload)) => session.handle_welcome(now, payload),
                    Heard::Message(Message::ExecuteTransition(id)) => {
                        session.handle_execute_transition(now, *id);
                    }
                    Heard::Message(other) => panic!("unexpected {other:?}"),
                }
                drain(session)
            }
            Self::Davey(session, users) => davey_takes(session, users, heard),
            Self::Filler(key_package) => match heard {
                Heard::Description => vec![Sent::KeyPackage(key_package.clone())],
                Heard::Message(Message::AnnounceCommit(payload) | Message::Welcome(payload)) => {
                    vec![Sent::Ready(transition(payload))]
                }
                Heard::Message(_) => vec![],
            },
        }
    }
}

fn drain(session: &mut Session) -> Vec<Sent> {
    let mut sent = Vec::new();
    while let Some(output) = session.poll_output() {
        match output {
            Output::KeyPackage(payload) => sent.push(Sent::KeyPackage(payload.to_vec())),
            Output::CommitWelcome(payload) => sent.push(Sent::CommitWelcome(payload.to_vec())),
            Output::TransitionReady(id) => sent.push(Sent::Ready(id)),
            Output::Event(_) => {}
            _ => panic!("unexpected {output:?}"),
        }
    }
    sent
}

fn davey_takes(session: &mut DaveSession, users: &BTreeSet<u64>, heard: Heard<'_>) -> Vec<Sent> {
    let message = match heard {
        Heard::Description => return vec![Sent::KeyPackage(session.create_key_package().expect("davey"))],
        Heard::Message(message) => message,
    };
    let prepare = |session: &mut DaveSession, id: u16| {
        session.prepare_transition(id, 1).expect("davey");
        if id == 0 { vec![] } else { vec![Sent::Ready(id)] }
    };
    match message {
        Message::ExternalSender(sender) => {
            session.set_external_sender(sender).expect("davey");
            vec![]
        }
        Message::Proposals(payload) => {
            let mut expected: Vec<u64> = users.iter().copied().collect();
            expected.push(session.user_id());
            let revokes = payload.first() == Some(&1);
            let operation =
                if revokes { ProposalsOperationType::REVOKE } else { ProposalsOperationType::APPEND };
            let answer = session.process_proposals(operation, &payload[1..], Some(&expected)).expect("davey");
            let commit = answer.map(|answer| [answer.commit, answer.welcome.unwrap_or_default()].concat());
            commit.map(Sent::CommitWelcome).into_iter().collect()
        }
        Message::AnnounceCommit(payload) => {
            assert!(session.process_commit(&payload[2..]).expect("davey"), "davey passed over a commit");
            prepare(session, transition(payload))
        }
        Message::Welcome(payload) => {
            session.process_welcome(&payload[2..], None).expect("davey");
            prepare(session, transition(payload))
        }
        Message::ExecuteTransition(id) => {
            session.execute_transition(*id).expect("davey");
            vec![]
        }
        _ => panic!("unexpected {message:?}"),
    }
}

fn transition(payload: &[u8]) -> u16 {
    u16::from_be_bytes([payload[0], payload[1]])
}

/// The others, and the delivery service.
#[derive(Debug)]
pub struct Group {
    now: Timestamp,
    delivery: Delivery,
    members: BTreeMap<UserId, Member>,
    /// For users who are nobody here.
    told: VecDeque<Message>,
}

impl Group {
    /// A call in which nobody is.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { now, delivery: Delivery::new(CHANNEL, SEED), members: BTreeMap::new(), told: VecDeque::new() }
    }

    /// The speaker, who is one of ours, and the listener, who is davey.
    #[must_use]
    pub fn of_two(now: Timestamp) -> Self {
        let mut group = Self::new(now);
        group.join(SPEAKER, Member::ours(SPEAKER, Backend::default()));
        group.join(LISTENER, Member::davey(LISTENER));
        group
    }

    /// Who is in the call, besides users who are nobody here.
    pub fn users(&self) -> impl Iterator<Item = UserId> {
        self.members.keys().copied()
    }

    /// How many are in the group.
    #[must_use]
    pub fn size(&self) -> usize {
        self.delivery.members().count()
    }

    /// A user joins, and is in the group afterwards.
    pub fn join(&mut self, user: UserId, member: Member) {
        self.join_watched(user, member, take);
    }

    /// As [`join`](Self::join); whatever a member hears goes through `take`, which hands it to the member.
    pub fn join_watched(
        &mut self,
        user: UserId,
        mut member: Member,
        mut take: impl FnMut(UserId, &mut Member, Timestamp, Heard<'_>) -> Vec<Sent>,
    ) {
        for (&other, present) in &mut self.members {
            present.connected(user, true);
            member.connected(other, true);
        }
        let sent = take(user, &mut member, self.now, Heard::Description);
        self.members.insert(user, member);
        self.delivery.connect(user);
        self.deliver(user, &sent);
        self.settle(&mut take);
        assert_eq!(self.delivery.rejected(), [], "what members did wrong");
    }

    /// A user leaves.
    pub fn leave(&mut self, user: UserId) {
        self.members.remove(&user);
        for present in self.members.values_mut() {
            present.connected(user, false);
        }
        self.delivery.disconnect(user);
        self.settle(&mut take);
    }

    /// A user who is nobody here joins.
    pub fn let_in(&mut self, user: UserId) {
        for present in self.members.values_mut() {
            present.connected(user, true);
        }
        self.delivery.connect(user);
        self.settle(&mut take);
    }

    /// Takes what a user who is nobody here sent.
    pub fn hear(&mut self, user: UserId, sent: &Sent) {
        self.deliver(user, std::slice::from_ref(sent));
        self.settle(&mut take);
    }

    /// What is for users who are nobody here.
    pub fn take_told(&mut self) -> Vec<Told> {
        self.told.drain(..).map(told).collect()
    }

    /// A member of ours.
    ///
    /// # Panics
    /// If it is none.
    pub fn session(&mut self, user: UserId) -> &mut Session {
        match self.members.get_mut(&user) {
            Some(Member::Ours(session)) => session,
            other => panic!("not ours: {other:?}"),
        }
    }

    /// A member that is davey. It leaves.
    ///
    /// # Panics
    /// If it is not davey.
    pub fn take_davey(&mut self, user: UserId) -> DaveSession {
        match self.members.remove(&user) {
            Some(Member::Davey(session, _)) => *session,
            other => panic!("not davey: {other:?}"),
        }
    }

    fn settle(&mut self, take: &mut impl FnMut(UserId, &mut Member, Timestamp, Heard<'_>) -> Vec<Sent>) {
        while let Some((user, message)) = self.delivery.next_message() {
            match self.members.get_mut(&user) {
                Some(member) => {
                    let sent = take(user, member, self.now, Heard::Message(&message));
                    self.deliver(user, &sent);
                }
                None => self.told.push_back(message),
            }
        }
    }

    fn deliver(&mut self, user: UserId, sent: &[Sent]) {
        for sent in sent {
            match sent {
                Sent::KeyPackage(payload) => self.delivery.key_package(user, payload),
                Sent::CommitWelcome(payload) => self.delivery.commit(user, payload),
                Sent::Ready(transition) => self.delivery.ready(user, *transition),
            }
        }
    }
}

fn take(_: UserId, member: &mut Member, now: Timestamp, heard: Heard<'_>) -> Vec<Sent> {
    member.take(now, heard)
}

/// How the voice gateway says it.
fn told(message: Message) -> Told {
    match message {
        Message::ExternalSender(payload) => Told::Binary(25, payload),
        Message::Proposals(payload) => Told::Binary(27, payload),
        Message::AnnounceCommit(payload) => Told::Binary(29, payload),
        Message::Welcome(payload) => Told::Binary(30, payload),
        Message::PrepareTransition { transition, version } => {
            Told::Text(json!({"op": 21, "d": {"transition_id": transition, "protocol_version": version}}))
        }
        Message::ExecuteTransition(id) => Told::Text(json!({"op": 22, "d": {"transition_id": id}})),
        Message::PrepareEpoch { version, epoch } => {
            Told::Text(json!({"op": 24, "d": {"protocol_version": version, "epoch": epoch}}))
        }
        _ => panic!("unexpected {message:?}"),
    }
}

#[cfg(test)]
mod tests {
    use davey::MediaType;
    use sanscord::machine::Machine;
    use sanscord::rtp::aead::Mode;

    use super::*;
    use crate::packets::{Spurt, write_opus};
    use crate::stage;

    /// The call, davey and the speaker are in one group: what the speaker seals the two others open.
    #[test]
    fn everybody_hears_the_speaker() {
        for mode in Mode::ALL {
            let mut staged = stage::encrypted_call(Backend::default(), mode);
            let (socket, now) = (staged.udp(), staged.now);
            let group = staged.peer.group();
            assert_eq!(group.size(), 3);
            let mut opus = Vec::new();
            write_opus(0, 100, &mut opus);
            let mut frame = Vec::new();
            group.session(SPEAKER).seal(&opus, &mut frame).expect("a key");
            let spurt = Spurt::of(mode, 1, |_, out| out.extend_from_slice(&frame));
            let mut data = spurt.datagrams().next().expect("a packet").to_vec();
            let audio = staged.machine.handle_datagram(now, socket, &mut data).expect("audio");
            assert_eq!((audio.user, &data[audio.opus]), (SPEAKER, &opus[..]));
            let mut davey = staged.peer.group().take_davey(LISTENER);
            assert_eq!(davey.decrypt(SPEAKER.0, MediaType::AUDIO, &frame).expect("a key"), opus);
        }
    }

    /// Who comes and goes, fillers among those who stay.
    #[test]
    fn members_come_and_go() {
        let mut group = Group::of_two(Timestamp::from_millis(1000));
        group.join(UserId(100), Member::filler(UserId(100)));
        for n in 0..3 {
            let user = UserId(200);
            let member = if n == 1 { Member::davey(user) } else { Member::ours(user, Backend::default()) };
            group.join(user, member);
            assert_eq!(group.size(), 4);
            group.leave(user);
            assert_eq!(group.size(), 3);
        }
    }
}
