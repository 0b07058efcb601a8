//! Joining: what the main gateway says of a call, and what it is asked for.

use super::{AWAIT_LIMIT, Call, Config, JOIN_LIMIT};
use crate::close::END_SESSION;
use crate::gateway::command::VoiceStateUpdate;
use crate::id::ChannelId;
use crate::time::{Duration, Timestamp};
use crate::voice::event::{Disconnect, Ended, Event, Next};
use crate::voice::payload::{VoiceServer, VoiceState};
use crate::voice::phase::{Phase, Step};

impl Call {
    /// Takes a VOICE_STATE_UPDATE of the main gateway; those of other users and guilds change nothing.
    pub fn handle_voice_state(&mut self, now: Timestamp, state: &VoiceState) {
        self.tick(now);
        let ours = state.user_id == self.config.user
            && state.guild_id.is_none_or(|guild| guild == self.config.guild);
        if !ours || self.phase == Phase::Ended {
            return;
        }
        let joining = matches!(self.phase, Phase::Joining { .. } | Phase::Waiting { resume: false, .. });
        let Some(channel) = state.channel_id else {
            // It may answer our own leave before the second try, even after a late answer to the first. And where the
            // channel is to be asked for again, it may be the end of a voice session that was lost.
            let is_ours = match self.phase {
                Phase::Joining { .. } => self.state.is_none() || self.leaving,
                _ => joining || core::mem::take(&mut self.leaving),
            };
            if !is_ours {
                self.end(Ended::Removed);
            }
            return;
        };
        if channel != self.config.channel {
            // While the channel is being asked for, it may be where we were before.
            if matches!(self.phase, Phase::Joining { .. }) {
                return;
            }
            self.config.channel = channel;
            self.out.event(Event::Moved(channel));
            self.move_encryption(state);
        }
        self.state = Some(state.clone());
        self.open_if_ready();
    }

    /// Takes a VOICE_SERVER_UPDATE of the main gateway; those of other guilds change nothing.
    pub fn handle_voice_server(&mut self, now: Timestamp, server: &VoiceServer) {
        self.tick(now);
        if server.guild_id != self.config.guild || self.phase == Phase::Ended {
            return;
        }
        if server.endpoint.is_none() {
            self.server = None;
            if !matches!(self.phase, Phase::Joining { .. }) {
                self.drop_connection(END_SESSION);
                self.drop_media();
                self.step(Step::Await(self.now + AWAIT_LIMIT));
                self.out.event(Event::Disconnected { reason: Disconnect::NoServer, next: Next::Await });
            }
            return;
        }
        if self.server.as_ref() == Some(server) {
            return;
        }
        self.server = Some(server.clone());
        self.changed_server = (!matches!(self.phase, Phase::Joining { .. })).then_some(self.now);
        match self.phase {
            Phase::Joining { .. } | Phase::Awaiting { .. } => {}
            Phase::Waiting { resume: false, .. } | Phase::Ended => return,
            Phase::Waiting { resume: true, .. }
            | Phase::Opening { .. }
            | Phase::Identifying { .. }
            | Phase::Discovering { .. }
            | Phase::Selecting { .. }
            | Phase::Resuming { .. }
            | Phase::Live { .. } => {
                // A new token means a new voice session, even on the same endpoint.
                self.drop_connection(END_SESSION);
                self.drop_media();
                self.step(Step::Await(self.now + AWAIT_LIMIT));
                let reason = Disconnect::ServerChanged;
                self.out.event(Event::Disconnected { reason, next: Next::Reconnect });
            }
        }
        self.open_if_ready();
    }

    /// The main gateway has lost its connection: it answers nothing until it is back.
    pub fn handle_gateway_lost(&mut self, now: Timestamp) {
        self.tick(now);
        self.gateway_is_lost = true;
    }

    /// The main gateway is in session again. Unless it resumed, the voice session has ended with the old one.
    pub fn handle_gateway_session(&mut self, now: Timestamp, resumed: bool) {
        self.tick(now);
        self.gateway_is_lost = false;
        match self.phase {
            Phase::Ended | Phase::Waiting { resume: false, .. } => {}
            // Part of the answer has come, perhaps in the replay: the rest is under way.
            Phase::Joining { .. } if resumed && (self.state.is_some() || self.server.is_some()) => {
                self.step(Step::Join(self.now + JOIN_LIMIT));
            }
            Phase::Joining { .. } => {
                // What was asked may have gone down with the connection.
                self.asked = 0;
                self.ask();
            }
            _ if resumed => {}
            _ => {
                self.drop_connection(END_SESSION);
                self.drop_media();
                let next = Next::Rejoin(Duration::ZERO);
                self.out.event(Event::Disconnected { reason: Disconnect::NewGatewaySession, next });
                self.asked = 0;
                self.ask();
            }
        }
    }

    /// The main gateway has stopped: no call without it.
    pub fn handle_gateway_stopped(&mut self, now: Timestamp) {
        self.tick(now);
        self.end(Ended::GatewayStopped);
    }

    /// Asks the main gateway for the channel.
    pub(super) fn ask(&mut self) {
        self.state = None;
        self.server = None;
        if self.step(Step::Join(self.now + JOIN_LIMIT)) {
            self.leaving = self.asked > 0;
            if self.leaving {
                self.update_voice_state(None);
            }
            self.asked += 1;
            self.update_voice_state(Some(self.config.channel));
        }
    }

    pub(super) fn update_voice_state(&mut self, channel_id: Option<ChannelId>) {
        let Config { guild: guild_id, self_mute, self_deaf, .. } = self.config;
        let update = VoiceStateUpdate { guild_id, channel_id, self_mute, self_deaf };
        self.out.event(Event::UpdateVoiceState(update));
    }

    /// Starts a new voice session once both updates are there.
    pub(super) fn open_if_ready(&mut self) {
        if self.state.is_some()
            && self.server.is_some()
            && matches!(self.phase, Phase::Joining { .. } | Phase::Awaiting { .. })
        {
            self.asked = 0;
            self.seq_ack = -1;
            self.open(false);
        }
    }
}
