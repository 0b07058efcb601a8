//! The end-to-end encryption: frames, and how groups came to be.
#![expect(clippy::unwrap_used, reason = "a seed that cannot be made is a failure")]

use std::collections::BTreeMap;

use sanscord::dave::sender::Sender;
use sanscord::dave::{Output, Session};
use sanscord::entropy::Entropy;
use sanscord::id::UserId;
use sanscord::rtp::aead::Backend;
use sanscord::time::Timestamp;
use sanscord_fuzz::dave_session::{CHANNEL, FRAME_OF, SEED, USER};
use sanscord_testing::delivery::{Delivery, Message};

use super::Seed;

/// What stands before the frame: flip, ranges.
const NO_CHANGE: [u8; 9] = [0; 9];

pub(super) fn frame() -> Vec<Seed> {
    let mut sender = Sender::new(Backend::default(), &[7; 16]);
    let mut seal = |media: &[u8], ranges: &[std::ops::Range<usize>]| {
        let mut frame = NO_CHANGE.to_vec();
        sender.seal(media, ranges, &mut frame).unwrap();
        frame
    };
    let trailer = |bytes: &[u8]| [&NO_CHANGE[..], &[1; 20], bytes, &[0xFA, 0xFA]].concat();
    let mut flipped = vec![3, 0, 1, 0, 1, 2, 3, 0, 0];
    flipped.extend(b"some opus, of which a part is in the clear");
    vec![
        ("sealed", seal(b"opus", &[])),
        ("sealed_with_ranges", seal(b"a header and a slice", &[0..2, 9..12])),
        ("empty", seal(b"", &[])),
        ("silence", [&NO_CHANGE[..], &[0xF8, 0xFF, 0xFE]].concat()),
        ("changed_at_one_byte", flipped),
        ("nonce_without_an_end", trailer(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 18])),
        ("nonce_beyond_32_bits", trailer(&[0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 16])),
        ("ranges_that_overlap", trailer(&[1, 0, 4, 2, 4, 16])),
        (
            "range_that_overflows",
            trailer(&[1, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 23]),
        ),
        ("trailer_longer_than_the_frame", trailer(&[1, 255])),
        ("trailer_of_nothing", trailer(&[0])),
    ]
}

/// A call as the session under test lives it, written down.
struct Script {
    delivery: Delivery,
    members: BTreeMap<UserId, Session>,
    script: Vec<u8>,
}

impl Script {
    fn new() -> Self {
        Self { delivery: Delivery::new(CHANNEL, [9; 32]), members: BTreeMap::new(), script: Vec::new() }
    }

    fn note(&mut self, op: u8, payload: &[u8]) {
        self.script.push(op);
        self.script.extend((payload.len() as u16).to_le_bytes());
        self.script.extend_from_slice(payload);
    }

    fn join(&mut self, user: UserId) {
        let seed = if user == USER { SEED } else { [user.0 as u8; 32] };
        let mut session = Session::new(user, CHANNEL, Backend::default(), Entropy::new(seed));
        let others: Vec<UserId> = self.members.keys().copied().collect();
        session.handle_connect(&others);
        if user == USER {
            self.note(11, &others.iter().map(|other| other.0 as u8).collect::<Vec<_>>());
        } else if self.members.contains_key(&USER) {
            self.note(11, &[user.0 as u8]);
        }
        for member in self.members.values_mut() {
            member.handle_connect(&[user]);
        }
        self.members.insert(user, session);
        self.delivery.connect(user);
        self.settle();
        self.members.get_mut(&user).unwrap().handle_description(now(), 1);
        if user == USER {
            self.note(4, &[1]);
        }
        self.answer(user);
        self.settle();
    }

    fn leave(&mut self, user: UserId) {
        self.members.remove(&user);
        for member in self.members.values_mut() {
            member.handle_disconnect(user);
        }
        self.note(13, &[user.0 as u8]);
        self.delivery.disconnect(user);
        self.settle();
    }

    fn answer(&mut self, user: UserId) {
        let Some(session) = self.members.get_mut(&user) else { return };
        while let Some(output) = session.poll_output() {
            match output {
                Output::KeyPackage(payload) => self.delivery.key_package(user, &payload),
                Output::CommitWelcome(payload) => self.delivery.commit(user, &payload),
                Output::TransitionReady(transition) => self.delivery.ready(user, transition),
                Output::InvalidCommitWelcome(transition) => self.delivery.invalid(user, transition),
                _ => {}
            }
        }
    }

    fn settle(&mut self) {
        while let Some((user, message)) = self.delivery.next_message() {
            let Some(session) = self.members.get_mut(&user) else { continue };
            let (op, payload) = match message {
                Message::ExternalSender(sender) => {
                    session.handle_external_sender(sender.clone().into());
                    (25, sender)
                }
                Message::Proposals(payload) => {
                    session.handle_proposals(&payload);
                    (27, payload)
                }
                Message::AnnounceCommit(payload) => {
                    session.handle_commit(now(), &payload);
                    (29, payload)
                }
                Message::Welcome(payload) => {
                    session.handle_welcome(now(), &payload);
                    (30, payload)
                }
                Message::PrepareTransition { transition, version } => {
                    session.handle_prepare_transition(now(), transition, version);
                    (21, [&transition.to_be_bytes()[..], &[version as u8]].concat())
                }
                Message::ExecuteTransition(transition) => {
                    session.handle_execute_transition(now(), transition);
                    (22, transition.to_be_bytes().to_vec())
                }
                Message::PrepareEpoch { epoch, .. } => {
                    session.handle_prepare_epoch(now(), None, 1, epoch);
                    (24, vec![epoch as u8])
                }
                _ => continue,
            };
            if user == USER {
                self.note(op, &payload);
            }
            self.answer(user);
        }
    }

    /// Another member says something.
    fn speak(&mut self, user: UserId) {
        let mut frame = Vec::new();
        self.members.get_mut(&user).unwrap().seal(b"hello", &mut frame).unwrap();
        self.note(FRAME_OF | user.0 as u8, &frame);
    }
}

const fn now() -> Timestamp {
    Timestamp::from_millis(1000)
}

pub(super) fn session() -> Vec<Seed> {
    let written = |act: fn(&mut Script)| {
        let mut script = Script::new();
        act(&mut script);
        script.script
    };
    let (two, three) = (UserId(2), UserId(3));
    debug_assert!(two != USER && three != USER);
    let first = written(|script| {
        script.join(USER);
        script.join(UserId(2));
        script.speak(UserId(2));
        script.join(UserId(3));
        script.speak(UserId(3));
        script.leave(UserId(2));
        script.speak(UserId(3));
    });
    let welcomed = written(|script| {
        script.join(UserId(2));
        script.join(UserId(3));
        script.join(USER);
        script.speak(UserId(2));
        script.leave(UserId(3));
    });
    let off_and_on = written(|script| {
        script.join(UserId(2));
        script.join(USER);
        script.delivery.prepare_version(0);
        script.settle();
        script.delivery.new_group();
        script.settle();
        script.speak(UserId(2));
    });
    let mut foreign = vec![4, 1, 0, 1];
    foreign.extend([30, 6, 0, 0, 5, 1, 2, 3, 4]);
    foreign.extend([29, 4, 0, 0, 5, 1, 2]);
    foreign.extend([0, 2, 0, 4, 0]);
    vec![
        ("the_first_member", first),
        ("a_member_who_is_welcomed", welcomed),
        ("off_and_on_again", off_and_on),
        ("not_a_welcome", foreign),
    ]
}
