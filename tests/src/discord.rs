//! Our Discord as a whole: gateway, REST and voice server, as many bots, guilds and shards as wanted.
//!
//! It does nothing by itself: whoever drives it hands in what clients do, with the time, and performs what it
//! asks for. The same configuration, seed, inputs and times give the same outputs, byte for byte. What
//! clients do wrong is written down in [`Discord::violations`], what they do otherwise in
//! [`Discord::report`].
//!
//! | part | there | not there |
//! |---|---|---|
//! | gateway | JSON, both stream compressions and compressed payloads; Identify with shards, concurrency keys and the daily budget; Resume with its replay; heartbeats; ops 3, 4, 8, 31 and 43 with their limits | ETF, intents as a filter of events except for voice states |
//! | guilds | as many as wanted, divided among the shards; a text channel each, made up members, and somebody who writes numbered messages, which REST does not show | permissions; voice channels in any but the main guild |
//! | REST | guilds, channels, threads, messages with files, reactions, pins, members, roles, webhooks, commands, interactions, direct messages and search, all with their limits and errors | permissions but those that a test denies, emoji, events, moderation |
//! | voice | both `rtpsize` modes, IP discovery, resume, speakers over UDP, bots that hear one another, end-to-end encryption | video |

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use sanscord::id::{ChannelId, GuildId, UserId};
use sanscord::time::{Duration, Timestamp, soonest};
use serde_json::json;

use crate::config::Config;
use crate::desk::{Desk, Report};
use crate::fault::{Action, VoiceOrder};
use crate::gateway::{self, Gateway, guild};
use crate::rest::{Fate, Request, Rest};
use crate::server::{ConnectionId, Server, ServerInput, ServerOutput, Service};
use crate::speaker::Sent;
use crate::studio::Studio;
use crate::violation::Violation;
use crate::voice::encryption::Encryption;
use crate::voice::{self, Grant, Voice};

mod control;

/// The most client close codes that [`Report::client_closes`] lists.
const MAX_CLOSES: usize = 1_000;

/// How often what is due is done in one go. Only intervals of zero could need more.
const MAX_ROUNDS: usize = 16;

/// The most connections whose service is remembered until they are closed on both sides.
const MAX_CONNECTIONS: usize = 4_096;

/// A Discord of one's own.
pub struct Discord {
    desk: Desk,
    gateway: Gateway,
    voice: Voice,
    rest: Rest,
    studio: Studio,
    /// The bots' places in voice channels.
    places: BTreeMap<UserId, Place>,
    /// What is still to happen, soonest first; it waits for the first live voice session.
    script: Vec<(Duration, Action)>,
    schedule: VecDeque<(Timestamp, Action)>,
    /// What connections that are not yet closed on both sides were made to.
    services: BTreeMap<ConnectionId, Service>,
}

struct Place {
    gateway_session: String,
    voice_session: String,
    channel: ChannelId,
    mute: bool,
    deaf: bool,
}

impl Discord {
    /// A Discord that does as `config` says, and where that leaves something open, as `seed` decides.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        let mut desk = Desk::new(config, seed);
        let studio = Studio::new(&mut desk);
        let mut script = std::mem::take(&mut desk.config.script);
        script.sort_by_key(|(after, _)| *after);
        Self {
            gateway: Gateway::new(&desk.config),
            voice: Voice::new(&mut desk),
            desk,
            rest: Rest::default(),
            studio,
            places: BTreeMap::new(),
            script,
            schedule: VecDeque::new(),
            services: BTreeMap::new(),
        }
    }

    /// Takes what happened at `now`. Inputs for a connection that is no longer known change nothing.
    pub fn handle_input(&mut self, now: Timestamp, input: ServerInput) {
        self.advance(now);
        let desk = &mut self.desk;
        match input {
            ServerInput::Timeout => {}
            ServerInput::Upgrade { connection, service, target } => {
                self.services.insert(connection, service);
                if self.services.len() > MAX_CONNECTIONS {
                    self.services.pop_first();
                }
                match service {
                    Service::Gateway => self.gateway.on_upgrade(desk, connection, &target),
                    Service::Voice => self.voice.on_upgrade(desk, connection, &target),
                }
            }
            ServerInput::Frame(connection, frame) => {
                self.gateway.on_frame(desk, connection, &frame);
                self.voice.on_frame(desk, connection, &frame);
            }
            ServerInput::Closed(connection, frame) => {
                desk.forget(connection);
                if let (Some(frame), Some(service)) = (&frame, self.services.remove(&connection))
                    && desk.report.client_closes.len() < MAX_CLOSES
                {
                    desk.report.client_closes.push((service, frame.code));
                }
                self.gateway.on_closed(desk, connection, frame.as_ref());
                self.voice.on_closed(desk, connection, frame.as_ref());
            }
            ServerInput::Datagram { from, data } => self.voice.on_datagram(desk, from, &data),
            ServerInput::Request { exchange, method, target, headers, body } => {
                let request = Request { method, target: &target, headers: &headers, body: &body };
                let outcome = self.rest.answer(desk, &request, self.gateway.has_sessions());
                match outcome.fate {
                    Fate::Answer(response, late) => desk.respond(exchange, response, late),
                    Fate::Cut => desk.reset(exchange),
                    Fate::Silence => {}
                }
                for (name, d) in outcome.events {
                    self.gateway.announce(desk, name, &d);
                }
            }
        }
        self.settle();
        self.catch_up();
    }

    /// The next thing to do. Call it until it answers [`ServerOutput::Wait`].
    pub fn poll_output(&mut self) -> ServerOutput {
        self.desk.next_output().unwrap_or_else(|| ServerOutput::Wait(self.deadline()))
    }

    /// What clients did that Discord does not allow; the first
    /// [`MAX_VIOLATIONS`](crate::desk::MAX_VIOLATIONS).
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.desk.violations
    }

    /// What has been counted.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.desk.report
    }

    /// What it was made with; lists of faults are shorter by those that have happened.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.desk.config
    }

    /// The configuration, to change faults and intervals on the way. Speakers are not changed like this.
    pub const fn config_mut(&mut self) -> &mut Config {
        &mut self.desk.config
    }

    /// Every packet that a speaker spoke, in order, the newest [`Config::truth_limit`].
    pub fn truth(&self, user: UserId) -> impl Iterator<Item = &Sent> {
        self.studio.talker(user).into_iter().flat_map(|talker| &talker.truth)
    }

    /// What a bot said, in the order in which it came: Opus packets, opened by a member of its group where the call is
    /// encrypted end to end. The newest [`Config::heard_limit`].
    pub fn heard(&self, user: UserId) -> impl Iterator<Item = &Bytes> {
        self.desk.heard.get(&user).into_iter().flatten()
    }

    /// The reasons for the audit log that came with requests, with their routes; the newest 1,000.
    pub fn reasons(&self) -> impl Iterator<Item = (&str, &str)> {
        self.desk.reasons.iter().map(|(route, reason)| (route.as_str(), reason.as_str()))
    }

    /// Whether every action of the script has happened.
    #[must_use]
    pub fn script_is_done(&self) -> bool {
        self.script.is_empty() && self.schedule.is_empty()
    }

    /// The voice channel in which the first bot is.
    #[must_use]
    pub fn bot_channel(&self) -> Option<ChannelId> {
        self.channel_of(self.desk.config.bot)
    }

    /// The voice channel in which a bot is.
    #[must_use]
    pub fn channel_of(&self, user: UserId) -> Option<ChannelId> {
        self.places.get(&user).map(|place| place.channel)
    }

    /// How many messages of the chatter this guild has had. The last had this number.
    #[must_use]
    pub fn chatter_sent(&self, guild: GuildId) -> u64 {
        self.gateway.chatter_sent(guild)
    }

    /// How many Identifies remain of the first bot's day's.
    #[must_use]
    pub fn identifies_remaining(&self) -> u32 {
        self.desk.identifies_remaining(self.desk.config.bot)
    }

    /// When there is something to do next.
    fn deadline(&self) -> Option<Timestamp> {
        let media = soonest(self.studio.deadline(), self.schedule.front().map(|(at, _)| *at));
        let sockets = soonest(self.gateway.deadline(), self.voice.deadline(&self.desk));
        soonest(soonest(media, sockets), self.desk.next_release())
    }

    /// Does what has become due at once: a speaker may begin in the moment in which a session becomes live.
    fn catch_up(&mut self) {
        for _ in 0..MAX_ROUNDS {
            if self.deadline().is_none_or(|at| at > self.desk.now) {
                return;
            }
            self.advance(self.desk.now);
        }
    }

    /// Does everything that was due by `now`. A clock that steps back is taken to stand still.
    fn advance(&mut self, now: Timestamp) {
        self.desk.now = self.desk.now.max(now);
        self.desk.release();
        self.desk.renew_identifies();
        self.gateway.advance(&mut self.desk);
        self.voice.advance(&mut self.desk);
        self.studio.advance(&mut self.desk, &mut self.voice);
        self.settle();
        while self.schedule.front().is_some_and(|(at, _)| *at <= self.desk.now) {
            if let Some((_, action)) = self.schedule.pop_front() {
                self.perform(action);
                self.settle();
            }
        }
    }

    /// Carries news from one part to the others, until there are none.
    fn settle(&mut self) {
        loop {
            if let Some(effect) = self.gateway.next_effect() {
                match effect {
                    gateway::Effect::Voice { user, session, channel: Some(channel), mute, deaf } => {
                        self.join(user, session, channel, mute, deaf);
                    }
                    gateway::Effect::Voice { user, channel: None, .. } => self.leave(user),
                    gateway::Effect::Ended { user, session } => {
                        if self.places.get(&user).is_some_and(|place| place.gateway_session == session) {
                            self.expel(user, Some(4014));
                        }
                    }
                }
            } else if let Some(effect) = self.voice.next_effect() {
                match effect {
                    voice::Effect::Ready(user) => {
                        let channel = self.voice.session(user).map(|session| session.grant.channel);
                        let speakers = channel.map(|channel| self.studio.present_in(channel));
                        self.voice.greet(&mut self.desk, user, &speakers.unwrap_or_default());
                    }
                    voice::Effect::Live(user) => {
                        self.studio.begin(&mut self.desk, &mut self.voice, user);
                        self.voice.tell_speaking(&mut self.desk, user);
                        let now = self.desk.now;
                        let script = std::mem::take(&mut self.script);
                        self.schedule.extend(script.into_iter().map(|(after, action)| (now + after, action)));
                    }
                    voice::Effect::Abandoned(user) => self.expel(user, None),
                }
            } else {
                return;
            }
        }
    }

    fn perform(&mut self, action: Action) {
        let desk = &mut self.desk;
        match action {
            Action::Arrive(user) => self.set_present(user, true),
            Action::BeginGroup => self.voice.encrypt_all(desk, Encryption::begin_anew),
            Action::CloseGateway(code) => self.gateway.close(desk, code),
            Action::CloseShard(number, code) => self.gateway.close_shard(desk, number, code),
            Action::CloseVoice(code) => self.voice.close(desk, None, code),
            Action::CloseVoiceOf(user, code) => self.voice.close(desk, Some(user), code),
            Action::CorruptStream => self.gateway.corrupt_streams(),
            Action::CutGateway => self.gateway.cut(desk),
            Action::CutVoice => self.voice.cut(desk, None),
            Action::CutVoiceOf(user) => self.voice.cut(desk, Some(user)),
            Action::Dispatch(name, d) => {
                if name == "INTERACTION_CREATE" {
                    self.rest.store.interact(&desk.config, desk.now, &d);
                }
                self.gateway.announce(desk, &name, &d);
            }
            Action::EndEncryption => self.voice.encrypt_all(desk, Encryption::end),
            Action::EndpointNull => {
                for user in self.there() {
                    self.server_update(user, None);
                    self.voice.end(&mut self.desk, user, None);
                }
            }
            Action::Exclude(user) => {
                self.voice.encrypt_for(desk, user, |group, now| group.exclude(now, user))
            }
            Action::ForgeCommit(user) => {
                self.voice.encrypt_for(desk, user, |group, _| group.forge_commit(user))
            }
            Action::Freeze(on) => self.gateway.freeze(desk, on),
            Action::GatewayOp7 => self.gateway.ask_to_reconnect(desk),
            Action::Hostile(kind) => self.studio.attack(desk, &mut self.voice, kind),
            Action::Invalidate { resumable } => self.gateway.invalidate(desk, resumable),
            Action::Kick(user) if desk.config.bot_users().any(|bot| bot == user) => {
                self.expel(user, Some(4014));
            }
            Action::Kick(user) => self.set_present(user, false),
            Action::Move(user, channel) => self.transfer(user, channel),
            Action::MoveBot(channel) => self.transfer(self.desk.config.bot, channel),
            Action::ProposeStranger => self.perform(Action::ProposeStrangerTo(self.desk.config.bot)),
            Action::ProposeStrangerTo(user) => {
                self.voice.encrypt_for(desk, user, |group, now| group.propose_stranger(now, user));
            }
            Action::RequestHeartbeat => {
                self.gateway.request_heartbeats(desk);
                self.voice.request_heartbeats(desk);
            }
            Action::Restart => {
                self.voice.cut(desk, None);
                self.gateway.restart(desk);
            }
            Action::SilenceAcks(on) => {
                self.gateway.silent = on;
                self.voice.silent = on;
            }
            Action::UnknownEvent => self.gateway.unknown_event(desk),
            Action::UnknownOpcode => self.gateway.unknown_opcode(desk),
            Action::VoiceServerChange => {
                for user in self.there() {
                    let token = self.desk.hex(8);
                    self.server_update(user, Some(&token));
                    self.voice.end(&mut self.desk, user, Some(4014));
                    self.grant(user, token);
                }
            }
            Action::WelcomeFalsely(user) => {
                self.voice.encrypt_for(desk, user, |group, _| group.welcome_falsely(user));
            }
        }
    }

    /// The bots that are in a voice channel.
    fn there(&self) -> Vec<UserId> {
        self.places.keys().copied().collect()
    }

    /// Moves a bot to another voice channel.
    fn transfer(&mut self, user: UserId, channel: ChannelId) {
        if self.is_voice_channel(channel)
            && let Some(place) = self.places.get_mut(&user)
        {
            place.channel = channel;
            self.voice.end(&mut self.desk, user, Some(4014));
            self.admit(user);
        }
    }

    fn join(&mut self, user: UserId, session: String, channel: ChannelId, mute: bool, deaf: bool) {
        self.desk.report.joins += 1;
        if !self.is_voice_channel(channel) {
            return;
        }
        if self.desk.config.faults.full_channel > 0 {
            self.desk.config.faults.full_channel -= 1;
            return;
        }
        let old = self.places.remove(&user);
        let stays =
            old.as_ref().is_some_and(|old| old.channel == channel) && self.voice.serves(user, channel);
        let voice_session = match old {
            Some(old) => old.voice_session,
            None => self.desk.hex(16),
        };
        let place = Place { gateway_session: session, voice_session, channel, mute, deaf };
        self.places.insert(user, place);
        if stays {
            return self.state_update(user);
        }
        self.voice.end(&mut self.desk, user, Some(4014));
        self.admit(user);
    }

    fn leave(&mut self, user: UserId) {
        self.desk.report.leaves += 1;
        self.take_place(user);
        self.voice.dismiss(&mut self.desk, user);
    }

    /// A bot is out of its voice channel, not by its own wish.
    fn expel(&mut self, user: UserId, code: Option<u16>) {
        if self.take_place(user) {
            self.voice.end(&mut self.desk, user, code);
        }
    }

    /// Takes a bot out of its voice channel, and tells so. Answers whether it was in one.
    fn take_place(&mut self, user: UserId) -> bool {
        let Some(place) = self.places.remove(&user) else { return false };
        let Place { voice_session, mute, deaf, .. } = place;
        let state = guild::bot_state(&self.desk.config, user, &voice_session, None, mute, deaf);
        self.gateway.voice_state(&mut self.desk, &state);
        true
    }

    /// Tells a bot where its voice channel is served.
    fn admit(&mut self, user: UserId) {
        let token = self.desk.hex(8);
        let server_first = match self.desk.config.voice_order {
            VoiceOrder::StateFirst => false,
            VoiceOrder::ServerFirst => true,
            VoiceOrder::Random => self.desk.rng.bool(),
        };
        if server_first {
            self.server_update(user, Some(&token));
            self.state_update(user);
        } else {
            self.state_update(user);
            self.server_update(user, Some(&token));
        }
        self.grant(user, token);
    }

    fn grant(&mut self, user: UserId, token: String) {
        if let Some(place) = self.places.get(&user) {
            let grant = Grant { session: place.voice_session.clone(), token, channel: place.channel };
            self.voice.expect(user, grant);
        }
    }

    fn state_update(&mut self, user: UserId) {
        if let Some(Place { voice_session, channel, mute, deaf, .. }) = self.places.get(&user) {
            let config = &self.desk.config;
            let state = guild::bot_state(config, user, voice_session, Some(*channel), *mute, *deaf);
            self.gateway.voice_state(&mut self.desk, &state);
        }
    }

    /// Names a bot's voice server, or says that there is none.
    fn server_update(&mut self, user: UserId, token: Option<&str>) {
        let Some(place) = self.places.get(&user) else { return };
        let endpoint = token.map(|_| self.desk.config.addresses.voice_endpoint.as_str());
        let update = json!({
            "token": token.unwrap_or("none"), "guild_id": self.desk.config.guild, "endpoint": endpoint,
        });
        self.gateway.voice_server(&mut self.desk, &place.gateway_session, &update);
    }

    fn set_present(&mut self, user: UserId, present: bool) {
        if !self.studio.set_present(&mut self.desk, &mut self.voice, user, present) {
            return;
        }
        if let Some(speaker) = self.desk.config.speakers.iter().find(|speaker| speaker.user == user) {
            let channel = present.then_some(speaker.channel);
            let state = guild::speaker_state(&self.desk.config, speaker, channel);
            self.gateway.voice_state(&mut self.desk, &state);
        }
    }

    fn is_voice_channel(&self, channel: ChannelId) -> bool {
        self.desk.config.voice_channels.iter().any(|(id, _)| *id == channel)
    }
}

impl Server for Discord {
    fn handle_input(&mut self, now: Timestamp, input: ServerInput) {
        Self::handle_input(self, now, input);
    }

    fn poll_output(&mut self) -> ServerOutput {
        Self::poll_output(self)
    }
}

#[cfg(test)]
mod tests;
