//! The speakers' way to the client: encryption, the network's faults, and what hostile people add.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use fastrand::Rng;
use sanscord::id::{ChannelId, UserId};
use sanscord::time::{Duration, Timestamp, soonest};

use crate::desk::Desk;
use crate::fault::Hostile;
use crate::rtp::{PAYLOAD_TYPE, Packet, Seal};
use crate::speaker::{Announce, Fate, Sent, Talker};
use crate::voice::{Session, Voice, announce};

/// Discord's official clients send RTCP sender reports about so often.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// Datagrams that are remembered, to be replayed or spoilt.
const RECENT: usize = 64;

/// An SSRC that nobody has.
const STRANGER: u32 = 0xDEAD_BEEF;

pub(crate) struct Studio {
    talkers: Vec<Talker>,
    rng: Rng,
    begun: bool,
    recent: VecDeque<Bytes>,
    next_hostile: Option<Timestamp>,
    hostile_turn: usize,
    stranger_sequence: u16,
}

impl Studio {
    pub(crate) fn new(desk: &mut Desk) -> Self {
        let speakers = desk.config.speakers.clone();
        Self {
            talkers: speakers.into_iter().map(|speaker| Talker::new(speaker, desk.rng.fork())).collect(),
            rng: desk.rng.fork(),
            begun: false,
            recent: VecDeque::new(),
            next_hostile: None,
            hostile_turn: 0,
            stranger_sequence: 0,
        }
    }

    pub(crate) fn talker(&self, user: UserId) -> Option<&Talker> {
        self.talkers.iter().find(|talker| talker.speaker.user == user)
    }

    /// Lets a speaker come or go. Answers with whether that changed anything.
    pub(crate) fn set_present(
        &mut self,
        desk: &mut Desk,
        voice: &mut Voice,
        user: UserId,
        present: bool,
    ) -> bool {
        let Some(talker) = self.talkers.iter_mut().find(|t| t.speaker.user == user) else { return false };
        if talker.speaker.present == present {
            return false;
        }
        talker.speaker.present = present;
        for speaker in desk.config.speakers.iter_mut().filter(|speaker| speaker.user == user) {
            speaker.present = present;
        }
        let channel = talker.speaker.channel;
        if present {
            voice.admit(desk, channel, user);
        } else {
            voice.release(desk, channel, user);
        }
        true
    }

    /// Who is in this channel.
    pub(crate) fn present_in(&self, channel: ChannelId) -> Vec<UserId> {
        let here =
            self.talkers.iter().filter(|talker| talker.speaker.present && talker.speaker.channel == channel);
        here.map(|talker| talker.speaker.user).collect()
    }

    /// A bot's session is live. With the first the speakers begin; later ones are told at once who speaks already.
    pub(crate) fn begin(&mut self, desk: &mut Desk, voice: &mut Voice, user: UserId) {
        if !std::mem::replace(&mut self.begun, true) {
            self.talkers.iter_mut().for_each(|talker| talker.begin(desk.now));
            self.next_hostile = desk.config.media.hostile.map(|every| desk.now + every);
        }
        let Some(session) = voice.session_mut(user) else { return };
        for talker in &self.talkers {
            let speaks = !talker.truth.is_empty() && talker.speaker.announce == Announce::Before;
            if speaks && hears(session, talker) {
                announce(desk, session, talker.speaker.user, talker.speaker.ssrc);
            }
        }
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        soonest(self.talkers.iter().filter_map(Talker::due).min(), self.next_hostile)
    }

    /// Speaks what is due, oldest first.
    pub(crate) fn advance(&mut self, desk: &mut Desk, voice: &mut Voice) {
        loop {
            let due = self.talkers.iter_mut().filter(|talker| talker.due().is_some_and(|at| at <= desk.now));
            let Some(talker) = due.min_by_key(|talker| talker.due()) else { break };
            if let Some(packet) = talker.speak() {
                deliver(desk, voice, talker, &packet, &mut self.rng, &mut self.recent);
            }
        }
        while let (Some(at), Some(every)) = (self.next_hostile, desk.config.media.hostile)
            && at <= desk.now
        {
            self.next_hostile = Some(at + every.max(Duration::from_millis(1)));
            let kind = Hostile::ALL[self.hostile_turn % Hostile::ALL.len()];
            self.hostile_turn += 1;
            self.attack(desk, voice, kind);
        }
    }

    /// Sends a hostile datagram to the first bot's live session.
    pub(crate) fn attack(&mut self, desk: &mut Desk, voice: &mut Voice, kind: Hostile) {
        let Some((to, seal)) = voice.session_mut(desk.config.bot).and_then(path) else { return };
        let authentic = self.rng.usize(..self.recent.len().max(1));
        let recent = self.recent.get(authentic).cloned();
        let data = match kind {
            Hostile::Empty => Bytes::new(),
            Hostile::Truncated => {
                let Some(whole) = recent else { return };
                whole.slice(..self.rng.usize(1..whole.len().max(2)).min(whole.len()))
            }
            Hostile::Forged => {
                let Some(whole) = recent else { return };
                let mut data = whole.to_vec();
                let spoilt = self.rng.usize(1..=20).min(data.len());
                let at = data.len() - spoilt;
                data[at] ^= 0x55;
                data.into()
            }
            Hostile::Replayed => {
                let Some(whole) = recent else { return };
                whole
            }
            Hostile::Huge => {
                let mut data = self.noise(65_507);
                data[..2].copy_from_slice(&[0x90, PAYLOAD_TYPE]);
                data.into()
            }
            Hostile::Garbage => {
                let length = self.rng.usize(1..200);
                self.noise(length).into()
            }
            Hostile::UnknownSsrc => {
                self.stranger_sequence = self.stranger_sequence.wrapping_add(1);
                seal.rtp(&Packet {
                    payload_type: PAYLOAD_TYPE,
                    sequence: self.stranger_sequence,
                    timestamp: u32::from(self.stranger_sequence) * 960,
                    ssrc: STRANGER,
                    payload: Bytes::from_static(b"\xF8who am I?"),
                    ..Packet::default()
                })
            }
        };
        desk.report.hostile += 1;
        desk.datagram(to, data);
    }

    fn noise(&mut self, length: usize) -> Vec<u8> {
        let mut data = vec![0; length];
        self.rng.fill(&mut data);
        data
    }
}

/// Encrypts a packet and lets the network do with it what it does.
fn deliver(
    desk: &mut Desk,
    voice: &mut Voice,
    talker: &mut Talker,
    packet: &Packet,
    rng: &mut Rng,
    recent: &mut VecDeque<Bytes>,
) {
    // One draw for each packet, whoever listens, so that a cut does not change the fate of later packets.
    let (lost, late, twice) = (rng.f64(), rng.f64(), rng.f64());
    let delay = Duration::from_millis(rng.u64(25..=75));
    let faults = &desk.config.media;
    let fate = if lost < faults.loss {
        Fate::Lost
    } else if late < faults.reorder {
        Fate::Delayed(delay)
    } else if twice < faults.duplicate {
        Fate::Duplicated
    } else {
        Fate::Delivered
    };
    let (channel, user) = (talker.speaker.channel, talker.speaker.user);
    let there =
        voice.sessions_in(channel).filter(|(_, session)| hears(session, talker) && session.keys.is_some());
    let listeners: Vec<UserId> = there.map(|(listener, _)| listener).collect();
    // Without a key nothing is said: a member of the group does not speak in the clear.
    let spoken = if listeners.is_empty() { None } else { voice.seal(channel, user, packet) };
    let fate = if let Some(spoken) = spoken {
        let reports = talker.next_report <= desk.now;
        talker.packets = talker.packets.wrapping_add(1);
        talker.octets = talker.octets.wrapping_add(spoken.packet.payload.len() as u32);
        for listener in &listeners {
            let Some(session) = voice.session_mut(*listener) else { continue };
            if talker.speaker.announce == Announce::Before {
                announce(desk, session, user, talker.speaker.ssrc);
            }
            if let Some((to, seal)) = path(session) {
                let data = seal.rtp(&spoken.packet);
                match fate {
                    Fate::Delivered => desk.datagram(to, data.clone()),
                    Fate::Duplicated => {
                        desk.datagram(to, data.clone());
                        desk.datagram_later(delay, to, data.clone());
                    }
                    Fate::Delayed(delay) => desk.datagram_later(delay, to, data.clone()),
                    Fate::Lost | Fate::Unreadable | Fate::Unheard => {}
                }
                // Only what the client got before is a replay, when it is sent again.
                let arrives = fate != Fate::Lost && !matches!(fate, Fate::Delayed(_));
                if arrives && *listener == desk.config.bot {
                    if recent.len() == RECENT {
                        recent.pop_front();
                    }
                    recent.push_back(data);
                }
                if reports {
                    talker.next_report = desk.now + REPORT_INTERVAL;
                    desk.report.sender_reports += 1;
                    let report = seal.rtcp(sender_report(talker, desk.now));
                    desk.datagram(to, report);
                }
            }
            let met = session.met.entry(user).or_default();
            met.heard += 1;
            if matches!(talker.speaker.announce, Announce::AfterPackets(count) if met.heard >= count) {
                announce(desk, session, user, talker.speaker.ssrc);
            }
        }
        let is_readable = voice.can_open(channel, witness(desk, &listeners), &spoken);
        if is_readable || fate == Fate::Lost { fate } else { Fate::Unreadable }
    } else {
        Fate::Unheard
    };
    let counts = desk.report.media.entry(talker.speaker.user).or_default();
    match fate {
        Fate::Lost => counts.lost += 1,
        Fate::Unreadable => counts.unreadable += 1,
        Fate::Unheard => counts.unheard += 1,
        Fate::Delivered => counts.delivered += 1,
        Fate::Duplicated => {
            counts.delivered += 1;
            counts.duplicated += 1;
        }
        Fate::Delayed(_) => {
            counts.delivered += 1;
            counts.delayed += 1;
        }
    }
    let sent = Sent {
        sequence: packet.sequence,
        timestamp: packet.timestamp,
        payload: packet.payload.clone(),
        sent_at: desk.now,
        fate,
    };
    talker.note(sent, desk.config.truth_limit);
}

/// Where media go, and how they are encrypted.
fn path(session: &mut Session) -> Option<(SocketAddr, &mut Seal)> {
    let (_, _, seal) = session.keys.as_mut()?;
    Some((session.peer?, seal))
}

fn hears(session: &Session, talker: &Talker) -> bool {
    talker.speaker.present && talker.speaker.channel == session.grant.channel
}

/// For whom the books tell whether what was said can be opened: the first bot, or if it is not there, another.
fn witness(desk: &Desk, listeners: &[UserId]) -> UserId {
    let first = desk.config.bot;
    if listeners.contains(&first) { first } else { listeners.first().copied().unwrap_or(first) }
}

/// RFC 3550, section 6.4.1, without report blocks.
fn sender_report(talker: &Talker, now: Timestamp) -> Vec<u8> {
    let since = now.since_origin();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    let mut report = vec![0x80, 200, 0, 6];
    for word in [
        talker.speaker.ssrc,
        since.as_secs() as u32,
        fraction as u32,
        talker.timestamp_at(now),
        talker.packets,
        talker.octets,
    ] {
        report.extend(word.to_be_bytes());
    }
    report
}
