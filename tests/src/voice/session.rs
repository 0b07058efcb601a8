//! What outlives a voice WebSocket: the numbered messages, the keys, the UDP path.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use sanscord::id::{ChannelId, UserId};
use sanscord::machine::Frame;
use sanscord::time::{Duration, Timestamp};
use serde_json::Value;

use crate::desk::Desk;
use crate::pulse::Ledger;
use crate::rtp::{self, Malformed, Mode, Packet, Seal};
use crate::server::{ConnectionId, Service};
use crate::violation::Rule;

/// Numbered messages kept for a resume. If more were missed, the session cannot be resumed.
const REPLAY_LIMIT: usize = 256;

/// Nonces of the client that are remembered, the newest.
const NONCES: usize = 65_536;

/// Who may identify.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) session: String,
    pub(crate) token: String,
    pub(crate) channel: ChannelId,
}

pub(crate) struct Session {
    pub(crate) grant: Grant,
    pub(crate) link: Option<ConnectionId>,
    pub(crate) ssrc: u32,
    pub(crate) keys: Option<(Mode, [u8; 32], Seal)>,
    /// Where the client's datagrams come from: found by discovery, then as Select Protocol says.
    pub(crate) peer: Option<SocketAddr>,
    /// Whether the client offered end-to-end encryption.
    pub(crate) encrypts: bool,
    /// Whether the client sent a Speaking message.
    pub(crate) spoke: bool,
    /// What its last Speaking message said.
    pub(crate) speaking: u64,
    /// Which speakers' packets it was due, and how many of each.
    pub(crate) met: BTreeMap<UserId, Met>,
    /// Whether the UDP path has been silent for too long.
    pub(crate) lapsed: bool,
    /// When it is given up, without a WebSocket.
    pub(crate) expires: Option<Timestamp>,
    pub(super) ledger: Ledger,
    first: u16,
    next: u64,
    buffer: VecDeque<(u64, Frame)>,
    heard: Timestamp,
    /// With the tag of the packet that had it.
    nonces: BTreeMap<[u8; 4], [u8; 16]>,
    nonce_order: VecDeque<[u8; 4]>,
    /// The newest sequence number, and which of those before it came: the lowest bit is its own.
    sequence: Option<(u16, u64)>,
}

/// What a client knows of a speaker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Met {
    /// Whether it was told of the SSRC.
    pub(crate) announced: bool,
    /// Packets that were sent to it, or lost.
    pub(crate) heard: u32,
}

/// What a media packet of a client turned out to be.
pub(crate) enum Media {
    Rtp(Packet),
    Rtcp,
    /// The same datagram came before.
    Duplicate,
}

impl Session {
    /// A session whose SSRC is this one.
    pub(super) fn new(desk: &Desk, grant: Grant, connection: ConnectionId, ssrc: u32) -> Self {
        Self {
            grant,
            link: Some(connection),
            ssrc,
            keys: None,
            peer: None,
            encrypts: false,
            spoke: false,
            speaking: 0,
            met: BTreeMap::new(),
            lapsed: false,
            expires: None,
            ledger: Ledger::new(desk.config.tolerance + desk.delay(Service::Voice)),
            first: desk.config.voice_first_seq,
            next: 0,
            buffer: VecDeque::new(),
            heard: desk.now,
            nonces: BTreeMap::new(),
            nonce_order: VecDeque::new(),
            sequence: None,
        }
    }

    /// Sends a numbered message, or keeps it for a resume.
    pub(crate) fn send(&mut self, desk: &mut Desk, op: u8, d: &Value) {
        let message = format!(r#"{{"op":{op},"d":{d},"seq":{}}}"#, self.wire(self.next));
        self.send_frame(desk, Frame::Text(message.into()));
    }

    /// The same for a binary message: `seq (16 bits) ‖ op ‖ payload`.
    pub(super) fn send_binary(&mut self, desk: &mut Desk, op: u8, payload: &[u8]) {
        let message = [&self.wire(self.next).to_be_bytes(), &[op][..], payload].concat();
        self.send_frame(desk, Frame::Binary(message.into()));
    }

    fn send_frame(&mut self, desk: &mut Desk, message: Frame) {
        let number = self.next;
        self.next += 1;
        if let Some(connection) = self.link {
            self.ledger.sent(desk.now, number);
            desk.send_frame(Service::Voice, connection, message.clone());
        }
        if self.buffer.len() == REPLAY_LIMIT {
            self.buffer.pop_front();
        }
        self.buffer.push_back((number, message));
    }

    /// Takes the `seq_ack` of a heartbeat.
    pub(super) fn acknowledge(&mut self, now: Timestamp, d: &Value) -> Result<(), String> {
        let number = self.seq_ack(d)?;
        self.ledger.acknowledge(now, number, false)
    }

    /// Takes the `seq_ack` of a Resume.
    pub(super) fn resume(&mut self, d: &Value) -> Result<Option<u64>, String> {
        let number = self.seq_ack(d)?;
        self.ledger.resume(number, false)?;
        Ok(number)
    }

    fn seq_ack(&self, d: &Value) -> Result<Option<u64>, String> {
        Ok(match d.get("seq_ack") {
            None | Some(Value::Null) => None,
            Some(seq) => match seq.as_i64() {
                Some(-1) => None,
                Some(seq) => Some(self.number(seq).ok_or_else(|| format!("{seq} was never sent"))?),
                None => return Err(format!("{seq} is no integer")),
            },
        })
    }

    /// The messages after the one that was acknowledged, or nothing if some are no longer there.
    pub(super) fn missed(&self, acknowledged: Option<u64>) -> Option<Vec<(u64, Frame)>> {
        let from = acknowledged.map_or(0, |number| number + 1);
        let oldest = self.buffer.front().map_or(self.next, |(number, _)| *number);
        (from >= oldest).then(|| self.buffer.iter().filter(|(number, _)| *number >= from).cloned().collect())
    }

    /// A datagram came from the client.
    pub(super) const fn heard_from(&mut self, now: Timestamp) {
        self.heard = now;
        self.lapsed = false;
    }

    /// When the UDP path will have been silent for too long. Without a WebSocket that does not count yet: the
    /// client may have given the session up.
    pub(super) fn keepalive_deadline(&self, limit: Duration) -> Option<Timestamp> {
        (self.keys.is_some() && !self.lapsed && self.link.is_some()).then(|| self.heard + limit)
    }

    /// Checks a media packet of the client.
    pub(super) fn check_media(
        &mut self,
        data: &Bytes,
        may_overtake: bool,
    ) -> Result<Media, (Rule, Malformed)> {
        let media = |what| (Rule::Media, what);
        let Some((mode, key, _)) = &self.keys else {
            return Err(media(Malformed("it came before the session had a key")));
        };
        let (nonce, tag) = (rtp::nonce_of(data).unwrap_or_default(), rtp::tag_of(data).unwrap_or_default());
        if self.nonces.get(&nonce) == Some(&tag) {
            return Ok(Media::Duplicate);
        }
        let packet = if rtp::is_rtcp(data) {
            rtp::open_rtcp(*mode, key, data).map_err(media)?;
            None
        } else {
            let packet = rtp::open_rtp(*mode, key, data).map_err(media)?;
            if packet.payload_type != rtp::PAYLOAD_TYPE || packet.ssrc != self.ssrc {
                return Err(media(Malformed("its payload type or its SSRC is not ours")));
            }
            self.check_sequence(packet.sequence, may_overtake).map_err(media)?;
            Some(packet)
        };
        if self.nonces.insert(nonce, tag).is_some() {
            return Err((Rule::Nonce, Malformed("its nonce has served before")));
        }
        self.nonce_order.push_back(nonce);
        if self.nonce_order.len() > NONCES
            && let Some(oldest) = self.nonce_order.pop_front()
        {
            self.nonces.remove(&oldest);
        }
        Ok(packet.map_or(Media::Rtcp, Media::Rtp))
    }

    /// A lossless path is not promised: only what goes back is wrong, or, where packets may overtake one another, what
    /// came before or goes back far.
    fn check_sequence(&mut self, sequence: u16, may_overtake: bool) -> Result<(), Malformed> {
        let Some((newest, seen)) = self.sequence else {
            self.sequence = Some((sequence, 1));
            return Ok(());
        };
        let ahead = sequence.wrapping_sub(newest);
        if (1..1 << 15).contains(&ahead) {
            let seen = seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            self.sequence = Some((sequence, seen));
            return Ok(());
        }
        let behind = u32::from(newest.wrapping_sub(sequence));
        let bit = 1_u64.checked_shl(behind).unwrap_or(0);
        if !may_overtake || bit == 0 || seen & bit != 0 {
            return Err(Malformed("its sequence number goes back"));
        }
        self.sequence = Some((newest, seen | bit));
        Ok(())
    }

    /// A message's number as it is sent: 16 bits that wrap.
    const fn wire(&self, number: u64) -> u16 {
        self.first.wrapping_add(number as u16)
    }

    /// The newest message that was sent with this number.
    fn number(&self, wire: i64) -> Option<u64> {
        let wire = u16::try_from(wire).ok()?;
        let newest = self.next.checked_sub(1)?;
        newest.checked_sub(u64::from(self.wire(newest).wrapping_sub(wire)))
    }
}
