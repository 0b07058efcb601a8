//! Media of clients: checked, and handed on to whoever is in the same channel.
//!
//! Like Discord's voice server this one takes off the transport's encryption and puts each receiver's own on; what lies
//! below, end to end, it does not touch.

use std::net::SocketAddr;

use bytes::Bytes;
use sanscord::id::UserId;
use sanscord::time::{Timestamp, soonest};

use super::Voice;
use super::encryption::MARKER;
use super::session::Media;
use crate::clip::SILENCE;
use crate::desk::Desk;
use crate::fault::RelayFault;
use crate::link::{Delivery, Link};
use crate::rtp::{Malformed, Packet, is_rtcp};
use crate::violation::Rule;

/// The way of a bot's media, if it is not a perfect one.
#[derive(Default)]
pub(super) struct Path {
    up: Option<Link<(SocketAddr, Bytes)>>,
    down: Option<Link<(SocketAddr, Bytes)>>,
}

impl Path {
    pub(super) fn new(desk: &mut Desk, user: UserId) -> Self {
        let Some(config) = desk.config.links.get(&user).cloned() else { return Self::default() };
        let mut link = || Some(Link::new(config.clone(), desk.rng.u64(..)));
        Self { up: link(), down: link() }
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let next = |link: &Option<Link<_>>| link.as_ref().and_then(Link::next_delivery);
        soonest(next(&self.up), next(&self.down))
    }
}

impl Voice {
    pub(crate) fn on_datagram(&mut self, desk: &mut Desk, from: SocketAddr, data: &Bytes) {
        if matches!(**data, [0, 1, ..]) {
            return self.on_discovery(desk, from, data);
        }
        let its = |seat: &&mut super::Seat| seat.session.as_ref().is_some_and(|s| s.peer == Some(from));
        let Some(seat) = self.seats.values_mut().find(its) else { return };
        let Some(session) = &mut seat.session else { return };
        session.heard_from(desk.now);
        let version = data.first().map_or(0, |flags| flags >> 6);
        if version != 2 {
            desk.report.keepalives += 1;
            // Observed: Discord answers this form of keepalive, and no other.
            if let [0x13, 0x37, 0xCA, 0xFE, a, b, c, d] = **data {
                desk.datagram(from, Bytes::copy_from_slice(&[0x13, 0x37, 0xF0, 0x0D, a, b, c, d]));
            }
            return;
        }
        match &mut seat.path.up {
            Some(up) => up.send_datagram(desk.now, (from, data.clone())),
            None => self.on_media(desk, from, data),
        }
    }

    /// Takes what has arrived over the links of media.
    pub(super) fn arrive(&mut self, desk: &mut Desk) {
        let mut arrived = Vec::new();
        for seat in self.seats.values_mut() {
            while let Some(Delivery::Deliver(up)) = seat.path.up.as_mut().map(|up| up.poll_delivery(desk.now))
            {
                arrived.push(up);
            }
            while let Some(Delivery::Deliver((to, data))) =
                seat.path.down.as_mut().map(|down| down.poll_delivery(desk.now))
            {
                desk.datagram(to, data);
            }
        }
        for (from, data) in arrived {
            self.on_media(desk, from, &data);
        }
    }

    /// A media packet from this address.
    fn on_media(&mut self, desk: &mut Desk, from: SocketAddr, data: &Bytes) {
        let sessions = self.seats.iter_mut().filter_map(|(user, seat)| Some((*user, seat.session.as_mut()?)));
        let Some((user, session)) = sessions.into_iter().find(|(_, session)| session.peer == Some(from))
        else {
            return;
        };
        if !session.spoke {
            desk.violation(Rule::Speaking, "media came before a Speaking message");
        }
        let packet = match session.check_media(data, desk.config.media_overtakes) {
            Ok(Media::Rtp(packet)) => packet,
            Ok(Media::Rtcp) => {
                desk.report.client_packets += 1;
                return;
            }
            Ok(Media::Duplicate) => {
                desk.report.client_duplicates += 1;
                return;
            }
            Err((rule, Malformed(what))) => {
                let kind = if is_rtcp(data) { "RTCP" } else { "RTP" };
                return desk.violation(rule, format!("an {kind} packet is wrong: {what}"));
            }
        };
        desk.report.client_packets += 1;
        let (channel, encrypts) = (session.grant.channel, session.encrypts);
        match self.groups.get_mut(&channel).filter(|_| encrypts && !packet.payload.is_empty()) {
            Some(group) => match group.open(desk.now, user, &packet.payload) {
                Ok(frame) => desk.hear(user, &frame),
                Err(error) => {
                    desk.violation(Rule::Dave, format!("nobody can open what it says: {error}"));
                }
            },
            None => desk.hear(user, &packet.payload),
        }
        let is_sealed = packet.payload.ends_with(&MARKER) || packet.payload == SILENCE.as_slice();
        if encrypts && !packet.payload.is_empty() && !is_sealed {
            desk.report.client_clear += 1;
        }
        self.relay(desk, user, &packet);
    }

    /// Hands a packet on to everybody else in the speaker's channel.
    fn relay(&mut self, desk: &mut Desk, speaker: UserId, packet: &Packet) {
        let Some(channel) = self.session(speaker).map(|session| session.grant.channel) else { return };
        let now = desk.now;
        for (user, seat) in &mut self.seats {
            let Some(session) = seat.session.as_mut().filter(|session| session.grant.channel == channel)
            else {
                continue;
            };
            let (Some(to), Some((_, _, seal))) = (session.peer, session.keys.as_mut()) else { continue };
            if *user == speaker {
                continue;
            }
            let data = match desk.config.faults.relay.pop_front() {
                None => seal.rtp(packet),
                Some(fault) => seal.rtp(&spoilt(desk, packet, fault)),
            };
            desk.report.relayed += 1;
            match &mut seat.path.down {
                Some(down) => down.send_datagram(now, (to, data)),
                None => desk.datagram(to, data),
            }
        }
    }
}

/// A packet as a server hands it on that means harm.
fn spoilt(desk: &mut Desk, packet: &Packet, fault: RelayFault) -> Packet {
    let mut payload = packet.payload.to_vec();
    match fault {
        RelayFault::Flipped => {
            if !payload.is_empty() {
                let at = desk.rng.usize(..payload.len());
                payload[at] ^= 1 << desk.rng.u8(..8);
            }
        }
        RelayFault::Garbage => desk.rng.fill(&mut payload),
        // The trailer's size stands in front of the marker (dave-protocol, Protocol Frame).
        RelayFault::LongTrailer => {
            if let [.., size, _, _] = payload.as_mut_slice() {
                *size = u8::MAX;
            }
        }
        RelayFault::ShortTrailer => {
            if let [.., size, _, _] = payload.as_mut_slice() {
                *size = size.saturating_sub(1);
            }
        }
        RelayFault::Stripped => payload.truncate(payload.len().saturating_sub(2)),
    }
    Packet { payload: payload.into(), ..packet.clone() }
}
