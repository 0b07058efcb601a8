//! Our Discord with a hand on its wire: it notes the secrets that pass, and can put other frames in their place.
#![allow(dead_code, reason = "each suite uses some of it")]

use std::collections::BTreeMap;
use std::fmt;

use sanscord::client::Event;
use sanscord::machine::Frame;
use sanscord::time::Timestamp;
use sanscord::{cluster, gateway, record, voice};
use sanscord_testing::config::Config;
use sanscord_testing::discord::Discord;
use sanscord_testing::server::{ConnectionId, Server, ServerInput, ServerOutput, Service};
use serde_json::Value;

/// Our Discord, overheard.
pub(crate) struct Tapped {
    pub(crate) discord: Discord,
    /// Tokens, session ids and keys that the server has used, as they might be written out.
    pub(crate) secrets: Vec<String>,
    services: BTreeMap<ConnectionId, Service>,
    /// Frames sent so far, to each service's clients.
    sent: [usize; 2],
    /// What to send instead of the frame of this number.
    spoilt: Vec<(Service, usize, Frame)>,
}

impl Tapped {
    pub(crate) fn new(config: Config, seed: u64) -> Self {
        let secrets = vec![config.token.clone()];
        let discord = Discord::new(config, seed);
        Self { discord, secrets, services: BTreeMap::new(), sent: [0; 2], spoilt: Vec::new() }
    }

    /// Sends `frame` in place of the frame of this number, counted from 0 over all connections of the service.
    pub(crate) fn spoil(&mut self, service: Service, number: usize, frame: Frame) {
        self.spoilt.push((service, number, frame));
    }

    /// Sends `frame` in place of the next one.
    pub(crate) fn spoil_next(&mut self, service: Service, frame: Frame) {
        self.spoil(service, self.sent[service as usize], frame);
    }

    /// Whether all that was to be spoilt has been.
    pub(crate) fn is_spoilt(&self) -> bool {
        self.spoilt.is_empty()
    }

    fn overhear(&mut self, frame: &Frame) {
        let (Frame::Text(text) | Frame::Binary(text)) = frame;
        let Ok(message) = serde_json::from_slice::<Value>(text) else { return };
        let d = &message["d"];
        for name in ["token", "session_id"] {
            // Short names are no secrets, and stand in other words.
            if let Some(secret) = d[name].as_str().filter(|secret| secret.len() >= 8) {
                self.secrets.push(secret.to_owned());
            }
        }
        if let Ok(key) = serde_json::from_value::<Vec<u8>>(d["secret_key"].clone()) {
            let list = |separator: &str| {
                let part = key.iter().take(8).map(ToString::to_string).collect::<Vec<_>>();
                part.join(separator)
            };
            let hex: String = key.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            self.secrets.extend([list(","), list(", "), hex.to_uppercase(), hex]);
        }
    }
}

impl Server for Tapped {
    fn handle_input(&mut self, now: Timestamp, input: ServerInput) {
        if let ServerInput::Upgrade { connection, service, .. } = &input {
            self.services.insert(*connection, *service);
        }
        self.discord.handle_input(now, input);
    }

    fn poll_output(&mut self) -> ServerOutput {
        match self.discord.poll_output() {
            ServerOutput::SendFrame(connection, frame) => {
                self.overhear(&frame);
                let Some(&service) = self.services.get(&connection) else {
                    return ServerOutput::SendFrame(connection, frame);
                };
                let number = self.sent[service as usize];
                self.sent[service as usize] += 1;
                let spoilt = self.spoilt.iter().position(|(s, n, _)| *s == service && *n == number);
                let frame = spoilt.map_or(frame, |index| self.spoilt.remove(index).2);
                ServerOutput::SendFrame(connection, frame)
            }
            output => output,
        }
    }
}

impl fmt::Debug for Tapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tapped").finish_non_exhaustive()
    }
}

/// What an event says to a human, if it says why something went wrong or ended.
pub(crate) fn sentence(event: &Event) -> Option<String> {
    match event {
        Event::Cluster(cluster::Event::GatewayBotFailed { reason, .. }) => Some(reason.to_string()),
        Event::Gateway(_, gateway::Event::Disconnected { reason, .. }) => Some(reason.to_string()),
        Event::Gateway(_, gateway::Event::Stopped { reason, .. }) => Some(reason.to_string()),
        Event::Voice(_, voice::Event::Disconnected { reason, .. }) => Some(reason.to_string()),
        Event::Voice(_, voice::Event::Ended { reason, .. }) => Some(reason.to_string()),
        Event::Recording(
            _,
            record::Event::TrackFailed { reason, .. }
            | record::Event::IndexFailed { reason, .. }
            | record::Event::MixFailed { reason, .. }
            | record::Event::Failed { reason },
        ) => Some(reason.to_string()),
        Event::Stopped { reason } => Some(reason.to_string()),
        _ => None,
    }
}

/// No secret is in anything that events show.
pub(crate) fn assert_discreet<'a>(events: impl IntoIterator<Item = &'a Event>, secrets: &[String]) {
    for event in events {
        let shown = format!("{event:?} {event:#?} {}", sentence(event).unwrap_or_default());
        for secret in secrets {
            assert!(!shown.contains(secret), "a secret shows in {shown}");
        }
    }
}
