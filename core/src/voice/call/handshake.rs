//! The handshake with a voice server, from the open WebSocket to the call.

use core::net::SocketAddr;

use super::{Call, MAX_OFFERED, STEP_LIMIT};
use crate::envelope;
use crate::machine::Output;
use crate::rtp::aead::Mode;
use crate::voice::encryption::Encryption;
use crate::voice::event::{Ended, Event};
use crate::voice::media::Media;
use crate::voice::opcode::OpCode;
use crate::voice::payload::{
    Identify, Ready, Resume, SelectProtocol, SelectProtocolData, SessionDescription, SpeakingOut,
    VoiceServer, VoiceState,
};
use crate::voice::phase::{Phase, Step};

impl Call {
    pub(super) fn on_opened(&mut self) {
        let (Some(VoiceState { session_id, .. }), Some(VoiceServer { token, .. })) =
            (&self.state, &self.server)
        else {
            return;
        };
        let server_id = self.config.guild;
        let until = self.now + STEP_LIMIT;
        match self.phase {
            Phase::Opening { resume: true, .. } => {
                let resume = Resume { server_id, session_id, token, seq_ack: self.seq_ack };
                let message = envelope::encode(OpCode::Resume.number(), &resume);
                self.step(Step::Opened(until));
                self.send_message(message);
            }
            Phase::Opening { resume: false, .. } => {
                let user_id = self.config.user;
                let max_dave_protocol_version = Encryption::offer(self.config.dave_version);
                let identify = Identify { server_id, user_id, session_id, token, max_dave_protocol_version };
                let message = envelope::encode(OpCode::Identify.number(), &identify);
                self.counters.identifies += 1;
                self.step(Step::Opened(until));
                self.send_message(message);
            }
            _ => {}
        }
    }

    pub(super) fn on_ready(&mut self, ready: &Ready) {
        if !matches!(self.phase, Phase::Identifying { .. }) {
            return;
        }
        self.offered = ready.modes.iter().take(MAX_OFFERED).cloned().collect();
        let offered = |mode: &Mode| ready.modes.iter().any(|name| name == mode.name());
        let Some(mode) = self.config.modes.iter().copied().find(offered) else {
            self.end(Ended::NoMode { offered: ready.modes.clone() });
            return;
        };
        self.mode = Some(mode);
        let socket = self.scope.socket();
        self.media = Some(Media::new(socket, ready.ssrc));
        self.transmitter.renumber(&mut self.entropy);
        self.told_speaking = 0;
        self.out.push(Output::OpenUdp { socket, peer: SocketAddr::new(ready.ip, ready.port) });
        self.step(Step::Ready(self.now + STEP_LIMIT));
    }

    pub(super) fn on_discovered(&mut self, external: SocketAddr) {
        let Some(mode) = self.mode.filter(|_| matches!(self.phase, Phase::Discovering { .. })) else {
            return;
        };
        let data = SelectProtocolData { address: external.ip(), port: external.port(), mode: mode.name() };
        self.step(Step::Discovered(self.now + STEP_LIMIT));
        self.send(OpCode::SelectProtocol, &SelectProtocol { protocol: "udp", data });
    }

    pub(super) fn on_description(&mut self, description: &SessionDescription) {
        if !matches!(self.phase, Phase::Selecting { .. } | Phase::Live { .. }) {
            return;
        }
        let Some(mode) = Mode::from_name(&description.mode) else {
            self.end(Ended::NoMode { offered: [description.mode.clone()].into() });
            return;
        };
        if description.dave_protocol_version > Encryption::offer(self.config.dave_version) {
            self.end(Ended::Dave { version: description.dave_protocol_version });
            return;
        }
        if self.media.is_none() {
            return;
        }
        self.ensure_heart();
        let Some(media) = &mut self.media else { return };
        media.set_key(self.now, self.config.backend, mode, &description.secret_key);
        self.mode = Some(mode);
        let ssrc = media.ssrc();
        if self.step(Step::Described) {
            self.leaving = false;
            // An op 5 with our SSRC must come before any audio of ours, and some servers send none before it.
            self.send(OpCode::Speaking, &SpeakingOut { speaking: 0, delay: 0, ssrc });
            self.announce(false);
            let (now, version) = (self.now, description.dave_protocol_version);
            self.encrypt(|encryption| encryption.described(now, version));
        }
    }

    /// The call is live.
    pub(super) fn announce(&mut self, resumed: bool) {
        self.was_live = true;
        self.resumes_tried = 0;
        let Some(media) = &self.media else { return };
        if let (Some(mode), Some(external)) = (self.mode, media.external()) {
            let discovery_requests = media.discovery_requests();
            self.out.event(Event::Connected { resumed, mode, external, discovery_requests });
        }
    }
}
