//! Who is in a call with a client, and who of them speaks.

use sanscord::id::{ChannelId, UserId};
use serde_json::{Value, json};

use super::encryption::Encryption;
use super::{Session, Voice};
use crate::desk::Desk;
use crate::server::ConnectionId;
use crate::violation::Rule;

impl Voice {
    /// A bot's session got its Ready: it is told of the other bots and of these speakers in its channel, and they of
    /// it. Then it may join the group.
    pub(crate) fn greet(&mut self, desk: &mut Desk, user: UserId, speakers: &[UserId]) {
        let Some(session) = self.session(user) else { return };
        let (channel, encrypts) = (session.grant.channel, session.encrypts);
        let mut there: Vec<UserId> = speakers.to_vec();
        for (other, session) in self.sessions_in(channel).filter(|(other, _)| *other != user) {
            introduce(desk, session, &[user]);
            there.push(other);
        }
        if let Some(session) = self.session_mut(user).filter(|_| !there.is_empty()) {
            introduce(desk, session, &there);
        }
        if encrypts {
            self.encrypt(desk, channel, |group, now| {
                speakers.iter().for_each(|speaker| group.arrive(now, *speaker));
                group.connect(now, user);
            });
        }
        self.level(desk, channel);
    }

    /// A bot's session is live: it is told who of the other bots speaks.
    pub(crate) fn tell_speaking(&mut self, desk: &mut Desk, user: UserId) {
        let Some(channel) = self.session(user).map(|session| session.grant.channel) else { return };
        let others =
            self.sessions_in(channel).filter(|(other, session)| *other != user && session.speaking != 0);
        let speaking: Vec<_> =
            others.map(|(other, session)| say(other, session.ssrc, session.speaking)).collect();
        if let Some(session) = self.session_mut(user) {
            speaking.iter().for_each(|d| session.send(desk, 5, d));
        }
    }

    /// A played speaker came: everybody in the channel is told, and it joins the group.
    pub(crate) fn admit(&mut self, desk: &mut Desk, channel: ChannelId, speaker: UserId) {
        for (_, session) in self.sessions_in(channel) {
            session.met.remove(&speaker);
            introduce(desk, session, &[speaker]);
        }
        self.encrypt(desk, channel, |group, now| group.arrive(now, speaker));
    }

    /// A played speaker left.
    pub(crate) fn release(&mut self, desk: &mut Desk, channel: ChannelId, speaker: UserId) {
        for (_, session) in self.sessions_in(channel) {
            session.send(desk, 13, &json!({ "user_id": speaker }));
        }
        self.encrypt(desk, channel, |group, now| {
            group.leave(now, speaker);
        });
    }

    pub(super) fn on_speaking(&mut self, desk: &mut Desk, connection: ConnectionId, d: &Value) {
        let Some((user, session)) = self.session_on(connection) else { return };
        let number = |name: &str| d.get(name).and_then(Value::as_u64);
        let (Some(speaking), true) = (number("speaking"), number("ssrc") == Some(u64::from(session.ssrc)))
        else {
            return desk.violation(Rule::Speaking, format!("a Speaking message does not name our SSRC: {d}"));
        };
        session.spoke = true;
        // That nothing is said is news only for who heard something.
        if std::mem::replace(&mut session.speaking, speaking) == 0 && speaking == 0 {
            return;
        }
        let (channel, d) = (session.grant.channel, say(user, session.ssrc, speaking));
        for (_, session) in self.sessions_in(channel).filter(|(other, _)| *other != user) {
            session.send(desk, 5, &d);
        }
    }

    /// Takes a bot's session away, and tells those who were in its channel.
    pub(super) fn drop_session(&mut self, desk: &mut Desk, user: UserId) -> Option<Session> {
        let gone = self.seats.get_mut(&user)?.session.take()?;
        let channel = gone.grant.channel;
        for (_, session) in self.sessions_in(channel) {
            session.send(desk, 13, &json!({ "user_id": user }));
        }
        self.encrypt(desk, channel, |group, now| group.disconnect(now, user));
        if self.groups.get(&channel).is_some_and(Encryption::is_deserted) {
            self.groups.remove(&channel);
        }
        self.level(desk, channel);
        Some(gone)
    }

    /// A call has the highest version that everybody in it has (dave-protocol, Protocol Versions): it falls when one
    /// comes who has none, and rises when the last such has left.
    fn level(&mut self, desk: &mut Desk, channel: ChannelId) {
        let all = self.sessions_in(channel).all(|(_, session)| session.encrypts);
        let Some(group) = self.groups.get_mut(&channel) else { return };
        match (all, group.version()) {
            (false, 1) => {
                group.is_lowered = true;
                self.encrypt(desk, channel, Encryption::end);
            }
            (true, 0) if std::mem::take(&mut group.is_lowered) => {
                self.encrypt(desk, channel, Encryption::begin_anew);
            }
            _ => {}
        }
    }
}

/// Tells who came: Clients Connect, and what else Discord says of newcomers.
fn introduce(desk: &mut Desk, session: &mut Session, users: &[UserId]) {
    session.send(desk, 11, &json!({ "user_ids": users }));
    for user in users {
        session.send(desk, 18, &json!({"user_id": user, "flags": 2}));
        session.send(desk, 20, &json!({"user_id": user, "platform": 0}));
    }
}

/// Tells a session whose SSRC a played speaker's is, once.
pub(crate) fn announce(desk: &mut Desk, session: &mut Session, user: UserId, ssrc: u32) {
    if !std::mem::replace(&mut session.met.entry(user).or_default().announced, true) {
        session.send(desk, 5, &say(user, ssrc, 1));
    }
}

fn say(user: UserId, ssrc: u32, speaking: u64) -> Value {
    json!({"user_id": user, "ssrc": ssrc, "speaking": speaking})
}
