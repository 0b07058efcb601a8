//! What the parts of our Discord share: the configuration, the time, the way out and the books.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use fastrand::Rng;
use sanscord::id::UserId;
use sanscord::machine::{CloseFrame, Frame, Response};
use sanscord::time::{Duration, Timestamp};

use crate::config::Config;
use crate::gateway::identifies::Identifies;
use crate::server::{ConnectionId, ExchangeId, ServerOutput, Service};
use crate::violation::{Rule, Violation};

/// What our Discord has counted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Gateway upgrades asked for.
    pub gateway_upgrades: u64,
    /// Gateway upgrades that asked for a zlib stream.
    pub zlib_upgrades: u64,
    /// Gateway upgrades that asked for a zstd stream.
    pub zstd_upgrades: u64,
    /// Identifies that were answered with READY.
    pub identifies: u64,
    /// The same for each shard, as `[number, count]`; the first 4,096.
    pub shard_identifies: BTreeMap<[u32; 2], u64>,
    /// Identifies that count towards the day's limit, whatever their answer was.
    pub identifies_spent: u64,
    /// Sessions declared invalid, by op 9 with `false`.
    pub invalid_sessions: u64,
    /// Resumes that were answered with RESUMED.
    pub resumes: u64,
    /// Gateway heartbeats.
    pub heartbeats: u64,
    /// Dispatches sent, replays not counted.
    pub dispatches: u64,
    /// Dispatches sent again after a Resume.
    pub replayed: u64,
    /// Chatter messages, of all guilds together.
    pub chatter: u64,
    /// Presence updates.
    pub presence_updates: u64,
    /// Requests for members.
    pub member_requests: u64,
    /// Requests for all members of a guild that came too soon, and were answered with `RATE_LIMITED`.
    pub member_requests_limited: u64,
    /// Requests for soundboard sounds.
    pub sound_requests: u64,
    /// Requests for statuses of channels.
    pub channel_info_requests: u64,
    /// Requests to join a voice channel.
    pub joins: u64,
    /// Requests to leave the voice channel.
    pub leaves: u64,
    /// Voice upgrades asked for.
    pub voice_upgrades: u64,
    /// Voice Identifies that were answered with Ready.
    pub voice_identifies: u64,
    /// Voice Resumes that were answered with Resumed.
    pub voice_resumes: u64,
    /// Voice heartbeats.
    pub voice_heartbeats: u64,
    /// IP discovery requests, well formed or not.
    pub discoveries: u64,
    /// Session Descriptions sent.
    pub sessions_described: u64,
    /// UDP keepalives.
    pub keepalives: u64,
    /// Authentic media packets from clients.
    pub client_packets: u64,
    /// Frames of clients in encrypted calls that came in the clear, silence aside.
    pub client_clear: u64,
    /// Media packets of clients that came twice, byte for byte.
    pub client_duplicates: u64,
    /// Media packets of clients that were handed on, counted once for each receiver.
    pub relayed: u64,
    /// Hostile datagrams sent.
    pub hostile: u64,
    /// RTCP sender reports sent.
    pub sender_reports: u64,
    /// REST requests.
    pub requests: u64,
    /// The statuses of the answers to them.
    pub rest_statuses: BTreeMap<u16, u64>,
    /// Requests refused with 429, whoever's fault it was.
    pub rest_limited: u64,
    /// Requests that count as invalid: 401, 403, and 429 but for shared limits.
    pub rest_invalid: u64,
    /// Messages that were not posted again because their nonce was enforced.
    pub rest_repeats: u64,
    /// Violations by rule, those that are not listed, too.
    pub violations: BTreeMap<Rule, u64>,
    /// Close codes that clients sent, by service in the order of arrival; the first 1,000.
    pub client_closes: Vec<(Service, u16)>,
    /// What became of each speaker's packets, by speaker.
    pub media: BTreeMap<UserId, MediaCounts>,
}

/// What became of one speaker's packets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MediaCounts {
    /// Packets that reached the client, once or twice, in order or not.
    pub delivered: u64,
    /// Packets that were lost.
    pub lost: u64,
    /// Packets that were delivered twice.
    pub duplicated: u64,
    /// Packets that were delivered late.
    pub delayed: u64,
    /// Packets that were sent once or twice, sealed end to end under keys that the client does not have.
    pub unreadable: u64,
    /// Packets that were spoken while nobody listened, or that could not be sealed end to end yet.
    pub unheard: u64,
}

/// Reasons for the audit log that are kept; the oldest are forgotten.
const MAX_REASONS: usize = 1_000;

/// Violations kept; more are only counted.
pub const MAX_VIOLATIONS: usize = 1_000;

pub(crate) struct Desk {
    pub(crate) config: Config,
    pub(crate) now: Timestamp,
    pub(crate) report: Report,
    pub(crate) rng: Rng,
    pub(crate) violations: Vec<Violation>,
    pub(crate) unlisted: u64,
    /// What was heard of clients, the newest [`Config::heard_limit`] frames of each.
    pub(crate) heard: BTreeMap<UserId, VecDeque<Bytes>>,
    /// Routes, and the reasons for the audit log that came with their requests.
    pub(crate) reasons: VecDeque<(String, String)>,
    /// The Identifies of each bot.
    identifies: BTreeMap<UserId, Identifies>,
    /// Where gateway messages are compressed.
    pub(crate) scratch: Vec<u8>,
    outputs: VecDeque<ServerOutput>,
    scheduled: BTreeMap<(Timestamp, u64), ServerOutput>,
    /// When the last scheduled reply of each service goes out: none that follows may overtake it.
    last: [Timestamp; 2],
    count: u64,
}

impl Desk {
    pub(crate) fn new(config: Config, seed: u64) -> Self {
        Self {
            identifies: config
                .bot_users()
                .map(|user| (user, Identifies::new(config.identify_remaining, config.identify_reset_after)))
                .collect(),
            scratch: Vec::new(),
            config,
            now: Timestamp::ZERO,
            report: Report::default(),
            rng: Rng::with_seed(seed),
            violations: Vec::new(),
            heard: BTreeMap::new(),
            reasons: VecDeque::new(),
            unlisted: 0,
            outputs: VecDeque::new(),
            scheduled: BTreeMap::new(),
            last: [Timestamp::ZERO; 2],
            count: 0,
        }
    }

    /// The Identifies that a bot has.
    pub(crate) fn identifies(&mut self, user: UserId) -> &mut Identifies {
        let Config { identify_remaining, identify_reset_after, .. } = self.config;
        self.identifies
            .entry(user)
            .or_insert_with(|| Identifies::new(identify_remaining, identify_reset_after))
    }

    /// How many Identifies remain of a bot's day's.
    pub(crate) fn identifies_remaining(&self, user: UserId) -> u32 {
        self.identifies.get(&user).map_or(self.config.identify_remaining, Identifies::remaining)
    }

    /// Brings the Identifies back where that was due.
    pub(crate) fn renew_identifies(&mut self) {
        for identifies in self.identifies.values_mut() {
            identifies.renew(self.now, self.config.identify_total);
        }
    }

    pub(crate) fn violation(&mut self, rule: Rule, what: impl Into<String>) {
        *self.report.violations.entry(rule).or_default() += 1;
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(Violation { at: self.now, rule, what: what.into() });
        } else {
            self.unlisted += 1;
        }
    }

    /// A frame of a client, opened.
    pub(crate) fn hear(&mut self, user: UserId, frame: &[u8]) {
        if self.config.heard_limit == 0 || frame.is_empty() {
            return;
        }
        let heard = self.heard.entry(user).or_default();
        if heard.len() >= self.config.heard_limit {
            heard.pop_front();
        }
        heard.push_back(Bytes::copy_from_slice(frame));
    }

    /// So many random bytes as lower case hexadecimal digits.
    pub(crate) fn hex(&mut self, bytes: usize) -> String {
        (0..bytes).map(|_| format!("{:02x}", self.rng.u8(..))).collect()
    }

    pub(crate) fn accept(&mut self, service: Service, connection: ConnectionId) {
        self.reply(service, ServerOutput::Accept(connection));
    }

    pub(crate) fn refuse(&mut self, service: Service, connection: ConnectionId, status: u16) {
        self.reply(service, ServerOutput::Refuse(connection, status));
    }

    pub(crate) fn send(&mut self, service: Service, connection: ConnectionId, text: String) {
        self.send_frame(service, connection, Frame::Text(Bytes::from(text)));
    }

    pub(crate) fn send_frame(&mut self, service: Service, connection: ConnectionId, frame: Frame) {
        self.reply(service, ServerOutput::SendFrame(connection, frame));
    }

    pub(crate) fn close(&mut self, service: Service, connection: ConnectionId, code: u16) {
        self.reply(service, ServerOutput::Close(connection, CloseFrame::new(code)));
    }

    /// Cuts a connection at once; what is still on its way over it is lost.
    pub(crate) fn cut(&mut self, connection: ConnectionId) {
        self.forget(connection);
        self.outputs.push_back(ServerOutput::Cut(connection));
    }

    /// Drops what is still to be sent over a connection that is gone.
    pub(crate) fn forget(&mut self, connection: ConnectionId) {
        self.scheduled.retain(|_, output| match output {
            ServerOutput::Accept(id)
            | ServerOutput::Refuse(id, _)
            | ServerOutput::SendFrame(id, _)
            | ServerOutput::Close(id, _)
            | ServerOutput::Cut(id) => *id != connection,
            ServerOutput::SendDatagram { .. }
            | ServerOutput::Respond(..)
            | ServerOutput::Reset(_)
            | ServerOutput::Wait(_) => true,
        });
    }

    pub(crate) fn datagram(&mut self, to: SocketAddr, data: Bytes) {
        self.outputs.push_back(ServerOutput::SendDatagram { to, data });
    }

    pub(crate) fn datagram_later(&mut self, delay: Duration, to: SocketAddr, data: Bytes) {
        self.schedule(delay, ServerOutput::SendDatagram { to, data });
    }

    pub(crate) fn respond(&mut self, exchange: ExchangeId, response: Response, late: Duration) {
        match late.is_zero() {
            true => self.outputs.push_back(ServerOutput::Respond(exchange, response)),
            false => self.schedule(late, ServerOutput::Respond(exchange, response)),
        }
    }

    pub(crate) fn reset(&mut self, exchange: ExchangeId) {
        self.outputs.push_back(ServerOutput::Reset(exchange));
    }

    /// A reason that came with a request of this route.
    pub(crate) fn reason(&mut self, route: &str, reason: String) {
        if self.reasons.len() == MAX_REASONS {
            self.reasons.pop_front();
        }
        self.reasons.push_back((route.into(), reason));
    }

    pub(crate) const fn delay(&self, service: Service) -> Duration {
        match service {
            Service::Gateway => self.config.faults.gateway_delay,
            Service::Voice => self.config.faults.voice_delay,
        }
    }

    /// Moves what is due by now to the outputs.
    pub(crate) fn release(&mut self) {
        while let Some(entry) = self.scheduled.first_entry().filter(|entry| entry.key().0 <= self.now) {
            self.outputs.push_back(entry.remove());
        }
    }

    pub(crate) fn next_release(&self) -> Option<Timestamp> {
        self.scheduled.first_key_value().map(|((due, _), _)| *due)
    }

    pub(crate) fn next_output(&mut self) -> Option<ServerOutput> {
        self.outputs.pop_front()
    }

    /// Everything that a service sends is equally late, and keeps its order if that changes.
    fn reply(&mut self, service: Service, output: ServerOutput) {
        let last = match service {
            Service::Gateway => &mut self.last[0],
            Service::Voice => &mut self.last[1],
        };
        let delay = match service {
            Service::Gateway => self.config.faults.gateway_delay,
            Service::Voice => self.config.faults.voice_delay,
        };
        if delay.is_zero() && *last <= self.now {
            return self.outputs.push_back(output);
        }
        *last = (self.now + delay).max(*last);
        let at = *last;
        self.schedule_at(at, output);
    }

    fn schedule(&mut self, delay: Duration, output: ServerOutput) {
        self.schedule_at(self.now + delay, output);
    }

    fn schedule_at(&mut self, at: Timestamp, output: ServerOutput) {
        self.count += 1;
        self.scheduled.insert((at, self.count), output);
    }
}
