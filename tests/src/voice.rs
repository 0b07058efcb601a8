//! A voice server: its gateway, version 8, and its UDP port.

mod dave;
mod discovery;
pub(crate) mod encryption;
mod handshake;
mod relay;
mod roster;
mod session;

use std::collections::{BTreeMap, VecDeque};

use sanscord::id::{ChannelId, UserId};
use sanscord::machine::{CloseFrame, Frame};
use sanscord::time::{Duration, Timestamp, soonest};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::fault::{End, VoiceStep};
use crate::pulse::Pulse;
use crate::server::{ConnectionId, Service};
use crate::target;
use crate::violation::Rule;
use encryption::Encryption;
use relay::Path;

pub(crate) use roster::announce;
pub(crate) use session::{Grant, Session};

/// How long a UDP path may be silent: the shortest bindings in the field close soon after.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(10);

/// How long a client that left may keep its WebSocket.
const DISMISSAL: Duration = Duration::from_secs(1);

/// Tokens of each bot that are remembered after clients were told to forget them.
const DEAD: usize = 16;

/// What the voice server tells the rest of our Discord.
pub(crate) enum Effect {
    /// A bot's session got its Ready: tell it who is there.
    Ready(UserId),
    /// A session was described: media may flow.
    Live(UserId),
    /// A session was given up, because its client stayed away.
    Abandoned(UserId),
}

pub(crate) struct Voice {
    pub(crate) silent: bool,
    /// One for each bot.
    seats: BTreeMap<UserId, Seat>,
    /// The groups of encrypted calls; one for each channel with a client that offered encryption.
    groups: BTreeMap<ChannelId, Encryption>,
    links: BTreeMap<ConnectionId, Link>,
    /// Tokens that clients were told to forget, and when; the newest.
    dead: VecDeque<(Timestamp, String)>,
    effects: VecDeque<Effect>,
}

/// A bot's place at the voice server.
struct Seat {
    grant: Option<Grant>,
    session: Option<Session>,
    path: Path,
}

/// One WebSocket.
struct Link {
    pulse: Pulse,
    /// Who has identified or resumed on it.
    user: Option<UserId>,
    /// When it is closed, its session being over.
    leaves_at: Option<Timestamp>,
}

impl Voice {
    pub(crate) fn new(desk: &mut Desk) -> Self {
        let users: Vec<_> = desk.config.bot_users().collect();
        let mut seat = |user| Seat { grant: None, session: None, path: Path::new(desk, user) };
        Self {
            silent: false,
            seats: users.into_iter().map(|user| (user, seat(user))).collect(),
            groups: BTreeMap::new(),
            links: BTreeMap::new(),
            dead: VecDeque::new(),
            effects: VecDeque::new(),
        }
    }

    pub(crate) fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Expects a bot at this place and no other from now on.
    pub(crate) fn expect(&mut self, user: UserId, grant: Grant) {
        if let Some(seat) = self.seats.get_mut(&user) {
            seat.grant = Some(grant);
        }
    }

    /// Whether a bot is connected and its session goes on in this channel.
    pub(crate) fn serves(&self, user: UserId, channel: ChannelId) -> bool {
        self.session(user).is_some_and(|session| session.link.is_some() && session.grant.channel == channel)
    }

    /// The session of a bot.
    pub(crate) fn session(&self, user: UserId) -> Option<&Session> {
        self.seats.get(&user)?.session.as_ref()
    }

    pub(crate) fn session_mut(&mut self, user: UserId) -> Option<&mut Session> {
        self.seats.get_mut(&user)?.session.as_mut()
    }

    /// The sessions in a channel.
    pub(crate) fn sessions_in(&mut self, channel: ChannelId) -> impl Iterator<Item = (UserId, &mut Session)> {
        let sessions = self.seats.iter_mut().filter_map(|(user, seat)| Some((*user, seat.session.as_mut()?)));
        sessions.filter(move |(_, session)| session.grant.channel == channel)
    }

    /// The session whose WebSocket this is.
    fn session_on(&mut self, connection: ConnectionId) -> Option<(UserId, &mut Session)> {
        let user = self.links.get(&connection)?.user?;
        let session = self.session_mut(user)?;
        (session.link == Some(connection)).then_some((user, session))
    }

    /// The WebSockets of a bot. Of those on which nobody has identified it is not known whose they are, unless there
    /// is one bot only.
    fn links_of(&self, desk: &Desk, user: UserId) -> Vec<ConnectionId> {
        let alone = desk.config.bots.is_empty();
        let its = self.links.iter().filter(|(_, link)| link.user.map_or(alone, |other| other == user));
        its.map(|(connection, _)| *connection).collect()
    }

    /// Ends a bot's session for good. What is left of it is closed with `code`, or cut if there is none.
    pub(crate) fn end(&mut self, desk: &mut Desk, user: UserId, code: Option<u16>) {
        self.bury(desk, user);
        for connection in self.links_of(desk, user) {
            self.links.remove(&connection);
            match code {
                Some(code) => desk.close(Service::Voice, connection, code),
                None => desk.cut(connection),
            }
        }
    }

    /// Forgets a session, but not that it is over.
    fn bury(&mut self, desk: &mut Desk, user: UserId) {
        let ended = self.drop_session(desk, user).map(|session| session.grant);
        let expected = self.seats.get_mut(&user).and_then(|seat| seat.grant.take());
        for grant in expected.into_iter().chain(ended) {
            self.dead.push_back((desk.now, grant.token));
        }
        while self.dead.len() > DEAD * self.seats.len() {
            self.dead.pop_front();
        }
    }

    /// Ends a session because its client asked for that. The client may close the WebSocket itself; if it does not,
    /// that is done soon.
    pub(crate) fn dismiss(&mut self, desk: &mut Desk, user: UserId) {
        self.bury(desk, user);
        for connection in self.links_of(desk, user) {
            if let Some(link) = self.links.get_mut(&connection) {
                link.leaves_at = Some(desk.now + DISMISSAL);
            }
        }
    }

    /// Whether a session ended so lately that its client may not know.
    fn has_just_ended(&self, desk: &Desk) -> bool {
        let leaving = self.links.values().any(|link| link.leaves_at.is_some());
        leaving || self.dead.back().is_some_and(|(at, _)| desk.now.since(*at) <= grace(desk))
    }

    /// Cuts the WebSockets of a bot, or all; sessions and UDP paths stay.
    pub(crate) fn cut(&mut self, desk: &mut Desk, user: Option<UserId>) {
        let cut = user.map_or_else(|| self.links.keys().copied().collect(), |user| self.links_of(desk, user));
        for connection in cut {
            let link = self.links.remove(&connection);
            desk.cut(connection);
            if let Some(user) = link.and_then(|link| link.user) {
                self.unlink(desk, user);
            }
        }
    }

    /// Closes the WebSockets of a bot, or all. Sessions stay if the code says that they can be resumed.
    pub(crate) fn close(&mut self, desk: &mut Desk, user: Option<UserId>, code: u16) {
        let users: Vec<_> = user.map_or_else(|| self.seats.keys().copied().collect(), |user| vec![user]);
        for user in users {
            if can_be_resumed(code) {
                for connection in self.links_of(desk, user) {
                    self.links.remove(&connection);
                    desk.close(Service::Voice, connection, code);
                }
                self.unlink(desk, user);
            } else {
                self.end(desk, user, Some(code));
            }
        }
    }

    pub(crate) fn request_heartbeats(&mut self, desk: &mut Desk) {
        for (connection, link) in &mut self.links {
            link.pulse.request();
            desk.send(Service::Voice, *connection, text(3, &Value::Null));
        }
    }

    pub(crate) fn deadline(&self, desk: &Desk) -> Option<Timestamp> {
        let pulses = self.links.values().filter_map(|l| soonest(Some(l.pulse.deadline()), l.leaves_at)).min();
        let limit = KEEPALIVE + desk.config.tolerance;
        let seats = self.seats.values().filter_map(|seat| {
            let session = seat.session.as_ref();
            let ends =
                session.and_then(|session| soonest(session.expires, session.keepalive_deadline(limit)));
            soonest(ends, seat.path.deadline())
        });
        let groups = self.groups.values().filter_map(Encryption::deadline);
        soonest(pulses, seats.chain(groups).min())
    }

    pub(crate) fn advance(&mut self, desk: &mut Desk) {
        let leaving = |link: &Link| link.leaves_at.is_some_and(|at| at <= desk.now);
        let left: Vec<_> = self.links.iter().filter(|(_, link)| leaving(link)).map(|(id, _)| *id).collect();
        for connection in left {
            self.fail(desk, connection, 4014);
        }
        let dead: Vec<_> = self
            .links
            .iter()
            .filter(|(_, link)| link.pulse.deadline() <= desk.now)
            .map(|(id, _)| *id)
            .collect();
        for connection in dead {
            desk.violation(
                Rule::Heartbeat,
                "the voice gateway got no heartbeat for one and a half intervals",
            );
            self.fail(desk, connection, 4009);
        }
        self.execute_overdue(desk);
        self.arrive(desk);
        let limit = KEEPALIVE + desk.config.tolerance;
        let mut abandoned = Vec::new();
        for (user, seat) in &mut self.seats {
            let Some(session) = &mut seat.session else { continue };
            if session.keepalive_deadline(limit).is_some_and(|at| at <= desk.now) {
                session.lapsed = true;
                desk.violation(
                    Rule::Keepalive,
                    "no datagram came for 10 s: a NAT would have closed the path",
                );
            }
            if session.expires.is_some_and(|at| at <= desk.now) {
                abandoned.push(*user);
            }
        }
        for user in abandoned {
            self.drop_session(desk, user);
            if let Some(seat) = self.seats.get_mut(&user) {
                seat.grant = None;
            }
            self.effects.push_back(Effect::Abandoned(user));
        }
    }

    pub(crate) fn on_upgrade(&mut self, desk: &mut Desk, connection: ConnectionId, target: &str) {
        desk.report.voice_upgrades += 1;
        if target::parameter(target, "v") != Some("8") {
            desk.violation(Rule::Target, format!("the voice upgrade's target is {target:?}, without v=8"));
            return desk.refuse(Service::Voice, connection, 400);
        }
        if let Some(status) = desk.config.faults.refuse_voice.pop_front() {
            return desk.refuse(Service::Voice, connection, status);
        }
        desk.accept(Service::Voice, connection);
        let interval = desk.config.voice_heartbeat_interval;
        let slack = desk.config.tolerance + desk.delay(Service::Voice) * 2;
        // Clients may beat every 5 s even where the interval is longer, as the official ones do.
        let shortest = interval.min(Duration::from_secs(5)) / 2;
        self.links.insert(
            connection,
            Link { pulse: Pulse::new(desk.now, interval, shortest, slack), user: None, leaves_at: None },
        );
        if self.fault(desk, connection, VoiceStep::Hello) {
            return;
        }
        let hello = json!({"v": 8, "heartbeat_interval": interval.as_secs_f64() * 1_000.0});
        desk.send(Service::Voice, connection, text(8, &hello));
    }

    pub(crate) fn on_closed(
        &mut self,
        desk: &mut Desk,
        connection: ConnectionId,
        frame: Option<&CloseFrame>,
    ) {
        let bound = self.session_on(connection).map(|(user, _)| user);
        self.links.remove(&connection);
        let Some(user) = bound else { return };
        if frame.is_some_and(|frame| matches!(frame.code, 1000 | 1001)) {
            self.bury(desk, user);
        } else {
            self.unlink(desk, user);
        }
    }

    pub(crate) fn on_frame(&mut self, desk: &mut Desk, connection: ConnectionId, frame: &Frame) {
        if !self.links.contains_key(&connection) {
            return;
        }
        let parsed = match frame {
            Frame::Text(text) => serde_json::from_slice::<Value>(text).ok(),
            Frame::Binary(data) => return self.on_binary(desk, connection, data),
        };
        let Some((op, d)) = parsed.as_ref().and_then(|v| Some((v.get("op")?.as_u64()?, v.get("d")?))) else {
            desk.violation(Rule::Payload, "a voice message is not JSON text with op and d");
            return self.fail(desk, connection, 4002);
        };
        match op {
            0 => self.on_identify(desk, connection, d),
            3 => self.on_heartbeat(desk, connection, d),
            7 => self.on_resume(desk, connection, d),
            1 | 5 | 12 | 14 | 15 | 16 | 23 | 31 | 32 if !self.is_bound(connection) => {
                desk.violation(Rule::Order, format!("voice op {op} came before Identify"));
                self.fail(desk, connection, 4003);
            }
            1 => self.on_select_protocol(desk, connection, d),
            5 => self.on_speaking(desk, connection, d),
            23 | 31 => self.on_transition(desk, connection, op, d),
            12 | 14 | 15 | 16 | 32 => {}
            _ => {
                desk.violation(Rule::Order, format!("voice op {op} is not a client's"));
                self.fail(desk, connection, 4001);
            }
        }
    }

    fn on_heartbeat(&mut self, desk: &mut Desk, connection: ConnectionId, d: &Value) {
        desk.report.voice_heartbeats += 1;
        let Some(link) = self.links.get_mut(&connection) else { return };
        if let Err(what) = link.pulse.beat(desk.now) {
            desk.violation(Rule::Heartbeat, format!("voice: {what}"));
        }
        let Some(nonce) = d.get("t").filter(|t| t.is_u64() || t.is_i64()) else {
            desk.violation(Rule::Payload, "a voice heartbeat has no integer t, as version 8 asks for");
            return self.fail(desk, connection, 4002);
        };
        let is_bound = link.user.is_some();
        let leaves = link.leaves_at.is_some();
        let acknowledged = match self.session_on(connection) {
            Some((_, session)) => session.acknowledge(desk.now, d),
            None => match d.get("seq_ack").and_then(Value::as_i64) {
                // A new connection's first beat may come before it has identified or resumed.
                _ if !is_bound || leaves => Ok(()),
                None | Some(-1) => Ok(()),
                Some(seq) => Err(format!("{seq} was acknowledged, nothing was sent")),
            },
        };
        if let Err(what) = acknowledged {
            desk.violation(Rule::Acknowledgement, format!("a voice heartbeat's seq_ack is wrong: {what}"));
        }
        if !self.silent {
            desk.send(Service::Voice, connection, text(6, &json!({ "t": nonce })));
        }
    }

    fn is_bound(&self, connection: ConnectionId) -> bool {
        self.links.get(&connection).is_some_and(|link| link.user.is_some())
    }

    fn bind(&mut self, connection: ConnectionId, user: UserId) {
        if let Some(link) = self.links.get_mut(&connection) {
            link.user = Some(user);
        }
    }

    /// A token that the client was told to forget some time ago should not turn up again.
    fn tell_dead(&self, desk: &mut Desk, token: &str) {
        if self.dead.iter().any(|(at, dead)| dead == token && desk.now.since(*at) > grace(desk)) {
            desk.violation(Rule::Dead, "a voice session that was ended for good was used again");
        }
    }

    /// The session's WebSocket is gone.
    fn unlink(&mut self, desk: &Desk, user: UserId) {
        if let Some(session) = self.session_mut(user) {
            session.link = None;
            session.ledger.lost(desk.now);
            session.expires = Some(desk.now + desk.config.voice_resume_window);
        }
    }

    /// Closes one WebSocket because of its client; its session, if it has one, goes with it unless the code
    /// says that it can be resumed.
    fn fail(&mut self, desk: &mut Desk, connection: ConnectionId, code: u16) {
        self.hang_up(desk, connection, End::Close(code));
    }

    fn hang_up(&mut self, desk: &mut Desk, connection: ConnectionId, end: End) {
        if !self.links.contains_key(&connection) {
            return;
        }
        let bound = self.session_on(connection).map(|(user, _)| user);
        self.links.remove(&connection);
        match end {
            End::Close(code) => desk.close(Service::Voice, connection, code),
            End::Cut => desk.cut(connection),
        }
        let Some(user) = bound else { return };
        match end {
            End::Close(code) if !can_be_resumed(code) => self.end(desk, user, Some(code)),
            End::Close(_) | End::Cut => self.unlink(desk, user),
        }
    }

    fn fault(&mut self, desk: &mut Desk, connection: ConnectionId, step: VoiceStep) -> bool {
        let faults = &mut desk.config.faults.voice;
        let Some((_, end)) = faults.iter().position(|(at, _)| *at == step).and_then(|at| faults.remove(at))
        else {
            return false;
        };
        self.hang_up(desk, connection, end);
        true
    }
}

/// Whether a session outlives this close code: those of a server that crashed, and the WebSocket's own below 4000
/// (Discord docs: Voice Close Event Codes; 4013 is not listed there).
const fn can_be_resumed(code: u16) -> bool {
    code < 4000 || matches!(code, 4013 | 4015)
}

/// How long a client may act on what has been overtaken by what we sent.
fn grace(desk: &Desk) -> Duration {
    desk.config.tolerance + desk.delay(Service::Voice) + desk.delay(Service::Gateway)
}

fn text(op: u8, d: &Value) -> String {
    format!(r#"{{"op":{op},"d":{d}}}"#)
}
