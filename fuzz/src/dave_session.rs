//! The group of an encrypted call, and whatever the voice server might say to it.

use sanscord::dave::frame::is_protocol_frame;
use sanscord::dave::{Output, Session};
use sanscord::entropy::Entropy;
use sanscord::id::{ChannelId, UserId};
use sanscord::rtp::aead::Backend;
use sanscord::time::{Duration, Timestamp};

/// The channel, whose number is the group's.
pub const CHANNEL: ChannelId = ChannelId(77);
/// Who the session is.
pub const USER: UserId = UserId(1);
/// Its seed: with it a welcome in the corpus is for it.
pub const SEED: [u8; 32] = [5; 32];
/// What a frame is said to be from, if it is not an opcode.
pub const FRAME_OF: u8 = 0x80;

/// Steps: an opcode of the voice gateway, or [`FRAME_OF`] and the user's number; two bytes of length, little endian; and
/// the payload: of a binary message as it is, of others a few bytes.
pub fn dave_session(data: &[u8]) {
    drop(drive(data));
}

/// The same, to see where it leads.
#[must_use]
pub fn drive(data: &[u8]) -> Session {
    let mut session = Session::new(USER, CHANNEL, Backend::default(), Entropy::new(SEED));
    let mut now = Timestamp::from_millis(1000);
    let (mut rest, mut steps) = (data, 0);
    while let [op, low, high, after @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(after.len());
        let (payload, next) = after.split_at(length);
        rest = next;
        steps += 1;
        if steps > 60 {
            break;
        }
        step(&mut session, &mut now, *op, payload);
        let mut outputs = 0;
        while let Some(output) = session.poll_output() {
            outputs += 1;
            assert!(outputs < 5000, "no end of outputs");
            if let Output::KeyPackage(key_package) = output {
                assert_eq!(key_package[..4], [0, 1, 0, 2], "a bare key package of ciphersuite 2");
            }
        }
        check(&mut session);
    }
    session
}

fn step(session: &mut Session, now: &mut Timestamp, op: u8, payload: &[u8]) {
    let byte = |at: usize| payload.get(at).copied().unwrap_or_default();
    let number = |at: usize| u16::from_be_bytes([byte(at), byte(at + 1)]);
    let user = UserId(byte(0).into());
    match op {
        4 => session.handle_description(*now, u16::from(byte(0) & 1)),
        9 => session.handle_resumed(),
        11 => session.handle_connect(&payload.iter().map(|&user| UserId(user.into())).collect::<Vec<_>>()),
        13 => session.handle_disconnect(user),
        21 => session.handle_prepare_transition(*now, number(0), u16::from(byte(2) & 1)),
        22 => session.handle_execute_transition(*now, number(0)),
        24 => {
            let transition = (byte(3) & 1 == 1).then(|| number(1));
            session.handle_prepare_epoch(*now, transition, 1, byte(0).into());
        }
        25 => session.handle_external_sender(payload.to_vec().into()),
        27 => session.handle_proposals(payload),
        29 => session.handle_commit(*now, payload),
        30 => session.handle_welcome(*now, payload),
        FRAME_OF.. => {
            let mut frame = payload.to_vec();
            let user = UserId((op & !FRAME_OF).into());
            if let Ok(length) = session.open(*now, user, &mut frame) {
                assert!(length <= payload.len());
            }
        }
        _ => {
            *now += Duration::from_millis(u64::from(number(0)) * 10);
            session.handle_timeout(*now);
            assert!(session.deadline().is_none_or(|at| at > *now), "a deadline that has come stays");
        }
    }
}

/// Nothing goes out in the clear while encryption is on.
fn check(session: &mut Session) {
    let (can_send, version) = (session.can_send(), session.version());
    let mut out = Vec::new();
    let sealed = session.seal(b"speech", &mut out);
    assert_eq!(sealed.is_ok(), can_send);
    assert_eq!(sealed.is_err(), out.is_empty());
    if version > 0 && session.epoch().is_some() && can_send {
        assert!(out == b"speech" || is_protocol_frame(&out));
    }
    if let Some(members) = Some(session.members()).filter(|_| session.epoch().is_some()) {
        assert!(members.contains(&USER), "a group without us: {members:?}");
        assert!(session.privacy_code().is_some_and(|code| code.len() == 30));
    }
}
