//! The UDP half of a voice connection: discovery, keepalive, and audio from datagram to speaker.

use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;

use crate::id::UserId;
use crate::machine::{Audio, SocketId};
use crate::rtp::aead::{Backend, KEY, Mode, NONCE, TAG};
use crate::rtp::extension::{self, Extensions};
use crate::rtp::header::{self, FIXED, Header, OPUS};
use crate::rtp::replay::{Order, ReplayWindow};
use crate::rtp::rtcp;
use crate::rtp::transport::{self, Exhausted, OpenError, Sealer};
use crate::time::{Duration, Timestamp, soonest};
use crate::voice::discovery::{Discovery, Due};
use crate::voice::encryption::Opened;
use crate::voice::event::{Packet, SenderReport, Speaker};
use crate::voice::tally::{self, Dropped, Tally};

/// How often a datagram goes out so that network address translation stays open (five seconds, as official
/// clients do).
const KEEPALIVE: Duration = Duration::from_secs(5);
/// SSRCs whose state is kept. The server authenticates each, and a channel holds far fewer speakers.
const MAX_STREAMS: usize = 1024;
/// Packets and bytes kept until their user and the user's key are known: three seconds of 25 speakers. At the bound
/// the oldest goes.
const MAX_PENDING: usize = 4096;
const MAX_PENDING_BYTES: usize = 1024 * 1024;
/// How long a packet is kept until its user and the user's key are known: as long as a group is given to come about.
const KEY_LIMIT: Duration = Duration::from_secs(10);
/// How long a packet that no key opens is kept while the group changes. UDP outruns the WebSocket by less, and whatever
/// the next key does not open is a forgery and to be counted soon.
const EARLY_LIMIT: Duration = Duration::from_secs(2);

/// How many packets in a row may be lost: a greater jump of the sequence number is a sender that started anew (RFC 3550,
/// section A.1, MAX_DROPOUT).
const LONGEST_LOSS: u16 = 3000;
/// How many stale packets, each following the one before, make a sender that started anew. RFC 3550, section A.1, takes
/// two; five are not two that were held up on their way.
const RESTART: u8 = 5;

#[derive(Debug, Default)]
struct Stream {
    user: Option<UserId>,
    window: ReplayWindow,
    /// Of stale packets in a row, each following the one before: the number that is next, and how many.
    stray: (u16, u8),
    tally: Tally,
    report: Option<SenderReport>,
}

#[derive(Debug)]
struct Pending {
    at: Timestamp,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    extensions: Extensions,
    /// Opus, or what the end-to-end encryption made of it.
    frame: Vec<u8>,
    /// Whether it may be under the next epoch's key, rather than of a user unknown or without a key.
    is_early: bool,
}

impl Pending {
    /// When it is given up.
    fn until(&self) -> Timestamp {
        self.at + if self.is_early { EARLY_LIMIT } else { KEY_LIMIT }
    }
}

/// What a datagram turned out to be.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Received {
    Nothing,
    /// Our address as the voice server sees it.
    Discovered(SocketAddr),
    Audio(Audio),
}

/// The UDP half of a voice connection.
#[derive(Debug)]
pub(crate) struct Media {
    socket: SocketId,
    ssrc: u32,
    discovery: Option<Discovery>,
    discovery_requests: u32,
    external: Option<SocketAddr>,
    sealer: Option<Sealer>,
    keepalive: Option<Timestamp>,
    keepalives: u64,
    streams: BTreeMap<u32, Stream>,
    pending: VecDeque<Pending>,
    pending_bytes: usize,
    /// No kept packet is given up before; `None` if none is kept.
    pending_until: Option<Timestamp>,
    /// Tallies of speakers whose SSRC is gone.
    departed: BTreeMap<UserId, Tally>,
    dropped: Dropped,
    rtcp: u64,
}

impl Media {
    pub(crate) fn new(socket: SocketId, ssrc: u32) -> Self {
        Self {
            socket,
            ssrc,
            discovery: None,
            discovery_requests: 0,
            external: None,
            sealer: None,
            keepalive: None,
            keepalives: 0,
            streams: BTreeMap::new(),
            pending: VecDeque::new(),
            pending_bytes: 0,
            pending_until: None,
            departed: BTreeMap::new(),
            dropped: Dropped::default(),
            rtcp: 0,
        }
    }

    pub(crate) const fn socket(&self) -> SocketId {
        self.socket
    }

    pub(crate) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(crate) const fn external(&self) -> Option<SocketAddr> {
        self.external
    }

    pub(crate) const fn discovery_requests(&self) -> u32 {
        self.discovery_requests
    }

    pub(crate) const fn is_keyed(&self) -> bool {
        self.sealer.is_some()
    }

    pub(crate) const fn dropped(&self) -> Dropped {
        self.dropped
    }

    pub(crate) const fn rtcp(&self) -> u64 {
        self.rtcp
    }

    pub(crate) const fn keepalives(&self) -> u64 {
        self.keepalives
    }

    /// The socket is open: ask for our address, if that is not under way or done.
    pub(crate) const fn start_discovery(&mut self, now: Timestamp) {
        if self.discovery.is_none() && self.external.is_none() {
            self.discovery = Some(Discovery::new(now, self.ssrc));
        }
    }

    /// The key is known: from now on packets open, and keepalives go out.
    pub(crate) fn set_key(&mut self, now: Timestamp, backend: Backend, mode: Mode, key: &[u8; KEY]) {
        // A key that is told again goes on with its nonces.
        if !self.sealer.as_ref().is_some_and(|sealer| sealer.is_for(mode, key)) {
            self.sealer = Some(Sealer::new(backend, mode, key));
        }
        self.keepalive.get_or_insert(now + KEEPALIVE);
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let deadline = soonest(self.keepalive, self.discovery.as_ref().map(Discovery::deadline));
        soonest(deadline, self.pending_until)
    }

    /// The datagram that is due. What was kept too long is given up, whether or not anything comes.
    pub(crate) fn due(&mut self, now: Timestamp) -> Due {
        if self.pending_until.is_some_and(|until| until <= now) {
            self.give_up_expired(now);
        }
        if let Some(discovery) = &mut self.discovery {
            let due = discovery.due(now);
            self.discovery_requests = discovery.sent();
            return due;
        }
        match self.keepalive {
            Some(at) if at <= now => {
                self.keepalive = Some(now + KEEPALIVE);
                let counter = self.keepalives.to_be_bytes();
                self.keepalives += 1;
                Due::Send(Bytes::copy_from_slice(&counter))
            }
            _ => Due::Wait,
        }
    }

    /// Takes a datagram, and decrypts it where it lies; `open` takes off the end-to-end encryption.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Timestamp,
        data: &mut [u8],
        open: impl FnOnce(UserId, &mut [u8]) -> Opened,
    ) -> Received {
        if let Some(discovery) = &self.discovery {
            return match discovery.answer(data) {
                Ok(external) => {
                    self.discovery = None;
                    self.external = Some(external);
                    Received::Discovered(external)
                }
                Err(_) => {
                    self.dropped.discovery += 1;
                    Received::Nothing
                }
            };
        }
        // Keepalive answers and late discovery answers are no RTP: version bits of zero.
        if data.first().is_none_or(|first| first >> 6 != 2) {
            self.dropped.foreign += 1;
            return Received::Nothing;
        }
        let Some(cipher) = self.sealer.as_ref().map(Sealer::cipher) else {
            self.dropped.early += 1;
            return Received::Nothing;
        };
        if header::is_rtcp(data) {
            match transport::open_rtcp(cipher, data) {
                Ok(length) => {
                    self.rtcp += 1;
                    self.on_rtcp(now, data.get(..length).unwrap_or_default());
                }
                Err(error) => self.refuse(error),
            }
            return Received::Nothing;
        }
        if data.get(1).is_some_and(|second| second & 0x7F != OPUS) {
            self.dropped.other_payload += 1;
            return Received::Nothing;
        }
        let (header, opus) = match transport::open(cipher, data) {
            Ok(opened) => opened,
            Err(error) => {
                self.refuse(error);
                return Received::Nothing;
            }
        };
        if self.streams.len() >= MAX_STREAMS && !self.streams.contains_key(&header.ssrc) {
            self.make_room();
        }
        let full = self.streams.len() >= MAX_STREAMS;
        let stream = match self.streams.entry(header.ssrc) {
            Entry::Occupied(stream) => stream.into_mut(),
            Entry::Vacant(place) if !full => place.insert(Stream::default()),
            Entry::Vacant(_) => {
                self.dropped.unmapped += 1;
                return Received::Nothing;
            }
        };
        let tally = &mut stream.tally;
        match stream.window.accept(header.sequence) {
            Order::First => {}
            Order::Ahead { skipped } if skipped > LONGEST_LOSS => tally.restarts += 1,
            Order::Ahead { skipped } => tally.lost += u64::from(skipped),
            Order::Late => {
                tally.late += 1;
                tally.lost = tally.lost.saturating_sub(1);
            }
            Order::Duplicate => {
                tally.duplicated += 1;
                return Received::Nothing;
            }
            Order::Stale => {
                let (next, run) = stream.stray;
                let run = if header.sequence == next { run + 1 } else { 1 };
                stream.stray = (header.sequence.wrapping_add(1), run);
                if run < RESTART {
                    tally.stale += 1;
                    return Received::Nothing;
                }
                tally.restarts += 1;
                stream.stray = Default::default();
                stream.window = ReplayWindow::default();
                stream.window.accept(header.sequence);
            }
        }
        tally.received += 1;
        tally.padding += u64::from(opus.is_empty());
        let Header { ssrc, sequence, timestamp, marker, .. } = header;
        let extensions = Extensions::read(extension::of(&header, data));
        let frame = data.get_mut(opus.clone()).unwrap_or_default();
        // Padding alone holds nothing to open.
        let opened = match stream.user {
            Some(_) if frame.is_empty() => Opened::Media(0),
            Some(user) => open(user, frame),
            None => Opened::NoKey,
        };
        match (opened, stream.user) {
            (Opened::Media(length), Some(user)) => {
                let opus = opus.start..opus.start + length;
                return Received::Audio(Audio { user, ssrc, sequence, timestamp, marker, extensions, opus });
            }
            (Opened::NoKey | Opened::Early, _) => {
                let (frame, is_early) = (frame.to_vec(), opened == Opened::Early);
                self.keep(Pending {
                    at: now,
                    ssrc,
                    sequence,
                    timestamp,
                    marker,
                    extensions,
                    frame,
                    is_early,
                });
            }
            (refused, _) => {
                tally.unopened += 1;
                count(&mut self.dropped, refused);
            }
        }
        Received::Nothing
    }

    /// The datagram for a frame of ours. Fails once the key has sealed as many as it may, or if there is none.
    pub(crate) fn seal(&mut self, sequence: u16, timestamp: u32, frame: &[u8]) -> Result<Bytes, Exhausted> {
        let sealer = self.sealer.as_mut().ok_or(Exhausted)?;
        let mut packet = Vec::with_capacity(FIXED + frame.len() + TAG + NONCE);
        sealer.seal(&Header::new(sequence, timestamp, self.ssrc), frame, &mut packet)?;
        Ok(packet.into())
    }

    /// Leaves the key so many nonces.
    #[cfg(test)]
    pub(crate) fn use_up(&mut self, left: u32) {
        if let Some(sealer) = &mut self.sealer {
            sealer.use_up(left);
        }
    }

    fn on_rtcp(&mut self, now: Timestamp, compound: &[u8]) {
        for packet in rtcp::packets(compound) {
            match packet {
                Ok(rtcp::Packet::SenderReport { ssrc, ntp, rtp, packets, octets, .. }) => {
                    if let Some(stream) = self.streams.get_mut(&ssrc) {
                        stream.report = Some(SenderReport { at: now, ntp, rtp, packets, octets });
                    }
                }
                Ok(_) => {}
                Err(_) => self.dropped.malformed += 1,
            }
        }
    }

    pub(crate) fn speakers(&self) -> impl Iterator<Item = Speaker> {
        self.streams.iter().filter_map(|(&ssrc, stream)| {
            let Stream { tally, report, .. } = *stream;
            Some(Speaker { user: stream.user?, ssrc, tally, report, playout: None })
        })
    }

    fn refuse(&mut self, error: OpenError) {
        match error {
            OpenError::Header(_) | OpenError::Truncated | OpenError::Malformed => self.dropped.malformed += 1,
            OpenError::Unauthentic(_) => self.dropped.unauthentic += 1,
        }
    }

    fn keep(&mut self, packet: Pending) {
        self.pending_bytes += packet.frame.len();
        self.pending_until = soonest(self.pending_until, Some(packet.until()));
        self.pending.push_back(packet);
        while self.pending.len() > MAX_PENDING || self.pending_bytes > MAX_PENDING_BYTES {
            let Some(oldest) = self.pending.pop_front() else { break };
            self.give_up(&oldest);
        }
    }

    fn give_up_expired(&mut self, now: Timestamp) {
        self.pending_until = None;
        for packet in core::mem::take(&mut self.pending) {
            if packet.until() <= now {
                self.give_up(&packet);
            } else {
                self.keep_on(packet);
            }
        }
    }

    fn keep_on(&mut self, packet: Pending) {
        self.pending_until = soonest(self.pending_until, Some(packet.until()));
        self.pending.push_back(packet);
    }

    /// Counts a packet that was kept, and is no more.
    fn give_up(&mut self, packet: &Pending) {
        self.pending_bytes -= packet.frame.len();
        if packet.is_early {
            self.dropped.undecryptable += 1;
        } else {
            self.dropped.unmapped += 1;
        }
        if let Some(stream) = self.streams.get_mut(&packet.ssrc).filter(|stream| stream.user.is_some()) {
            stream.tally.unopened += 1;
        }
    }

    /// Learns whose SSRC this is, and gives back the packets that waited for it, in the order they came.
    pub(crate) fn map(
        &mut self,
        now: Timestamp,
        ssrc: u32,
        user: UserId,
        open: impl FnMut(UserId, &mut [u8]) -> Opened,
    ) -> Vec<Packet> {
        if self.streams.len() >= MAX_STREAMS && !self.streams.contains_key(&ssrc) {
            self.make_room();
            if self.streams.len() >= MAX_STREAMS {
                self.dropped.unmapped += 1;
                return Vec::new();
            }
        }
        let stream = self.streams.entry(ssrc).or_default();
        if let Some(before) = stream.user.replace(user).filter(|&before| before != user) {
            tally::add(&mut self.departed, before, stream.tally);
            *stream = Stream { user: Some(user), ..Stream::default() };
        }
        self.open_kept(now, open)
    }

    /// Gives back the kept packets that open by now, in the order they came. Those whose user or key is not known yet
    /// are kept on, and given up at the [deadline](Self::deadline).
    pub(crate) fn open_kept(
        &mut self,
        now: Timestamp,
        mut open: impl FnMut(UserId, &mut [u8]) -> Opened,
    ) -> Vec<Packet> {
        let mut packets = Vec::new();
        self.pending_until = None;
        for mut pending in core::mem::take(&mut self.pending) {
            let stream = self.streams.get_mut(&pending.ssrc);
            let Some((user, stream)) = stream.and_then(|stream| Some((stream.user?, stream))) else {
                self.keep_on(pending);
                continue;
            };
            let empty = pending.frame.is_empty();
            let opened = if empty { Opened::Media(0) } else { open(user, &mut pending.frame) };
            if let Opened::NoKey | Opened::Early = opened {
                pending.is_early = opened == Opened::Early;
                self.keep_on(pending);
                continue;
            }
            self.pending_bytes -= pending.frame.len();
            if let Opened::Media(length) = opened {
                let Pending { at, ssrc, sequence, timestamp, marker, extensions, mut frame, .. } = pending;
                frame.truncate(length);
                packets.push(Packet {
                    user,
                    ssrc,
                    sequence,
                    timestamp,
                    marker,
                    extensions,
                    age: now.since(at),
                    opus: frame.into(),
                });
            } else {
                stream.tally.unopened += 1;
                count(&mut self.dropped, opened);
            }
        }
        packets
    }

    /// At the bound, makes room by an SSRC whose user was never told.
    fn make_room(&mut self) {
        let mut unmapped = self.streams.iter().filter(|(_, stream)| stream.user.is_none());
        if let Some(ssrc) = unmapped.next().map(|(&ssrc, _)| ssrc) {
            self.streams.remove(&ssrc);
        }
    }

    /// Forgets the SSRCs of a user who left.
    pub(crate) fn unmap(&mut self, user: UserId) {
        let departed = &mut self.departed;
        self.streams.retain(|_, stream| {
            let leaves = stream.user == Some(user);
            if leaves {
                tally::add(departed, user, stream.tally);
            }
            !leaves
        });
        self.pending.retain(|packet| {
            let stays = self.streams.contains_key(&packet.ssrc);
            if !stays {
                self.pending_bytes -= packet.frame.len();
                self.dropped.unmapped += 1;
            }
            stays
        });
    }

    /// The tally of every speaker so far.
    pub(crate) fn tallies(&self) -> BTreeMap<UserId, Tally> {
        let mut tallies = self.departed.clone();
        for stream in self.streams.values() {
            if let Some(user) = stream.user {
                tally::add(&mut tallies, user, stream.tally);
            }
        }
        tallies
    }
}

/// Counts a frame that was not opened.
const fn count(dropped: &mut Dropped, refused: Opened) {
    match refused {
        Opened::Media(_) | Opened::NoKey | Opened::Early => {}
        Opened::Unencrypted => dropped.unencrypted += 1,
        Opened::Replayed => dropped.replayed += 1,
        Opened::Undecryptable => dropped.undecryptable += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Scope;
    use crate::rtp::aead::{Backend, Cipher, KEY, Mode};
    use crate::rtp::extension::AudioLevel;
    use crate::rtp::header::Header;
    use crate::rtp::transport::Sealer;

    const SSRC: u32 = 77;
    const USER: UserId = UserId(5);

    /// Not encrypted end to end.
    fn clear(_: UserId, frame: &mut [u8]) -> Opened {
        Opened::Media(frame.len())
    }

    fn media() -> (Media, Sealer) {
        let mode = Mode::AeadAes256GcmRtpsize;
        let mut media = Media::new(Scope::new(1).socket(), 1);
        media.set_key(Timestamp::ZERO, Backend::default(), mode, &[9; KEY]);
        (media, Sealer::new(Backend::default(), mode, &[9; KEY]))
    }

    fn packet(sealer: &mut Sealer, sequence: u16, opus: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        sealer.seal(&Header::new(sequence, u32::from(sequence) * 960, SSRC), opus, &mut packet).unwrap();
        packet
    }

    #[test]
    fn packets_wait_for_their_user() {
        let (mut media, mut sealer) = media();
        let now = Timestamp::from_millis(100);
        for sequence in 1..=3 {
            assert_eq!(
                media.handle_datagram(now, &mut packet(&mut sealer, sequence, b"opus"), clear),
                Received::Nothing
            );
        }
        let waited = media.map(Timestamp::from_millis(250), SSRC, USER, clear);
        assert_eq!(waited.iter().map(|packet| packet.sequence).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(waited.iter().all(|packet| packet.user == USER && packet.age == Duration::from_millis(150)));
        let mut data = packet(&mut sealer, 4, b"more");
        let Received::Audio(audio) = media.handle_datagram(now, &mut data, clear) else { panic!("no audio") };
        assert_eq!((audio.user, &data[audio.opus]), (USER, &b"more"[..]));
        assert_eq!(media.tallies()[&USER].received, 4);
        assert_eq!(media.pending_bytes, 0);
    }

    #[test]
    fn packets_wait_for_their_key() {
        let (mut media, mut sealer) = media();
        let now = Timestamp::from_millis(100);
        media.map(now, SSRC, USER, clear);
        let locked = |_: UserId, _: &mut [u8]| Opened::NoKey;
        for sequence in 1..=3 {
            let mut data = packet(&mut sealer, sequence, b"opus and trailer");
            assert_eq!(media.handle_datagram(now, &mut data, locked), Received::Nothing);
        }
        assert_eq!(media.open_kept(now, locked), []);
        let mut seen = 0;
        let opened = media.open_kept(Timestamp::from_millis(150), |user, frame| {
            assert_eq!((user, &*frame), (USER, &b"opus and trailer"[..]));
            seen += 1;
            if seen == 2 { Opened::Undecryptable } else { Opened::Media(4) }
        });
        assert_eq!(opened.iter().map(|packet| packet.sequence).collect::<Vec<_>>(), [1, 3]);
        assert!(opened.iter().all(|packet| packet.opus == "opus" && packet.age == Duration::from_millis(50)));
        assert_eq!((media.pending_bytes, media.dropped.undecryptable), (0, 1));
        let tally = media.tallies()[&USER];
        assert_eq!((tally.received, tally.unopened), (3, 1));
        // Whoever leaves takes along what was kept.
        media.handle_datagram(now, &mut packet(&mut sealer, 4, b"opus"), locked);
        media.unmap(USER);
        assert_eq!((media.pending.len(), media.pending_bytes, media.dropped.unmapped), (0, 0, 1));
    }

    #[test]
    fn a_frame_that_outruns_its_key_waits_two_seconds() {
        let (mut media, mut sealer) = media();
        let at = Timestamp::from_millis;
        media.map(at(0), SSRC, USER, clear);
        let early = |_: UserId, _: &mut [u8]| Opened::Early;
        for (sequence, millis) in [(1, 100), (2, 150), (3, 900)] {
            let mut data = packet(&mut sealer, sequence, b"opus and trailer");
            assert_eq!(media.handle_datagram(at(millis), &mut data, early), Received::Nothing);
        }
        assert_eq!(media.open_kept(at(200), early), []);
        assert_eq!((media.dropped.undecryptable, media.deadline()), (0, Some(at(2_100))));
        // By itself, with nothing that comes.
        assert!(matches!(media.due(at(2_149)), Due::Wait));
        assert_eq!((media.dropped.undecryptable, media.deadline()), (1, Some(at(2_150))));
        assert!(matches!(media.due(at(2_150)), Due::Wait));
        assert_eq!((media.dropped.undecryptable, media.deadline()), (2, Some(at(2_900))));
        let opened = media.open_kept(at(2_200), |_, frame| {
            assert_eq!(frame, b"opus and trailer");
            Opened::Media(4)
        });
        assert_eq!(opened.iter().map(|packet| packet.sequence).collect::<Vec<_>>(), [3]);
        assert_eq!((media.pending_bytes, media.deadline()), (0, Some(Timestamp::ZERO + KEEPALIVE)));
        let tally = media.tallies()[&USER];
        assert_eq!((tally.received, tally.unopened, media.dropped.unmapped), (3, 2, 0));
    }

    #[test]
    fn nothing_waits_for_its_user_or_key_longer_than_ten_seconds() {
        let (mut media, mut sealer) = media();
        let at = Timestamp::from_millis;
        let locked = |_: UserId, _: &mut [u8]| Opened::NoKey;
        let take = |media: &mut Media, millis, data: &mut Vec<u8>| {
            assert_eq!(media.handle_datagram(at(millis), data, locked), Received::Nothing);
        };
        take(&mut media, 1_000, &mut packet(&mut sealer, 1, b"of nobody yet"));
        media.map(at(2_000), SSRC, USER, locked);
        take(&mut media, 3_000, &mut packet(&mut sealer, 2, b"without a key"));
        // The keepalives meanwhile.
        for millis in [5_000, 10_000] {
            assert_eq!(media.deadline(), Some(at(millis)));
            assert!(matches!(media.due(at(millis)), Due::Send(_)));
        }
        for (millis, unmapped) in [(10_999, 0), (11_000, 1), (12_999, 1), (13_000, 2)] {
            assert!(media.deadline() <= Some(at(13_000)));
            assert!(matches!(media.due(at(millis)), Due::Wait));
            assert_eq!(media.dropped.unmapped, unmapped, "{millis}");
        }
        assert_eq!((media.pending.len(), media.pending_bytes), (0, 0));
        assert_eq!((media.tallies()[&USER].unopened, media.dropped.undecryptable), (2, 0));
        assert_eq!(media.deadline(), Some(at(15_000)));
    }

    #[test]
    fn the_wait_is_bounded_and_its_losses_are_counted() {
        let (mut media, mut sealer) = media();
        for sequence in 0..2000 {
            media.handle_datagram(Timestamp::ZERO, &mut packet(&mut sealer, sequence, &[1; 1000]), clear);
        }
        let waited = media.map(Timestamp::ZERO, SSRC, USER, clear);
        assert_eq!(waited.len(), MAX_PENDING_BYTES / 1000);
        assert_eq!(waited.last().map(|packet| packet.sequence), Some(1999));
        assert_eq!(media.dropped.unmapped, 2000 - waited.len() as u64);
    }

    #[test]
    fn each_datagram_is_counted_by_its_cause() {
        let (mut media, mut sealer) = media();
        media.map(Timestamp::ZERO, SSRC, USER, clear);
        let mut audio = 0;
        let mut take = |mut data: Vec<u8>| {
            audio += u32::from(matches!(
                media.handle_datagram(Timestamp::ZERO, &mut data, clear),
                Received::Audio(_)
            ));
        };
        let first = packet(&mut sealer, 10, b"opus");
        take(first.clone());
        take(first.clone()); // duplicate
        take(packet(&mut sealer, 13, b"opus")); // skips two
        take(packet(&mut sealer, 12, b"opus")); // late
        take(packet(&mut sealer, 14, b"")); // padding only
        take(packet(&mut sealer, 65_400, b"opus")); // stale
        let mut forged = packet(&mut sealer, 15, b"opus");
        forged[20] ^= 1;
        take(forged);
        take(first[..15].to_vec()); // malformed
        take(Vec::from([0, 2, 0, 70])); // foreign
        take(Vec::new()); // foreign
        let mut video = first;
        video[1] = 101;
        take(video);
        assert_eq!(audio, 4);
        let tally =
            Tally { received: 4, padding: 1, lost: 1, late: 1, duplicated: 1, stale: 1, ..Tally::default() };
        assert_eq!(media.tallies()[&USER], tally);
        let dropped =
            Dropped { foreign: 2, malformed: 1, unauthentic: 1, other_payload: 1, ..Dropped::default() };
        assert_eq!(media.dropped, dropped);
    }

    #[test]
    fn a_server_that_names_ever_new_users_is_not_remembered_for_ever() {
        let (mut media, mut sealer) = media();
        let mut received = 0;
        for user in 1..6000 {
            media.map(Timestamp::ZERO, SSRC, UserId(user), clear);
            media.handle_datagram(Timestamp::ZERO, &mut packet(&mut sealer, 1, b"opus"), clear);
            received += 1;
        }
        let tallies = media.tallies();
        assert_eq!(tallies.len(), 4097);
        assert_eq!(tallies.values().map(|tally| tally.received).sum::<u64>(), received);
    }

    #[test]
    fn a_reused_ssrc_starts_afresh() {
        let (mut media, mut sealer) = media();
        media.map(Timestamp::ZERO, SSRC, USER, clear);
        media.handle_datagram(Timestamp::ZERO, &mut packet(&mut sealer, 500, b"opus"), clear);
        media.unmap(USER);
        media.map(Timestamp::ZERO, SSRC, UserId(6), clear);
        let mut data = packet(&mut sealer, 100, b"opus");
        assert!(matches!(media.handle_datagram(Timestamp::ZERO, &mut data, clear), Received::Audio(_)));
        assert_eq!(media.tallies().into_values().map(|tally| tally.received).sum::<u64>(), 2);
    }

    #[test]
    fn a_sender_that_starts_anew_is_heard_again() {
        let (mut media, mut sealer) = media();
        media.map(Timestamp::ZERO, SSRC, USER, clear);
        let mut heard = |sequence| {
            let mut data = packet(&mut sealer, sequence, b"opus");
            matches!(media.handle_datagram(Timestamp::ZERO, &mut data, clear), Received::Audio(_))
        };
        assert!((20_000..20_010).all(&mut heard));
        // Behind: single strays stay out, a run of five is a new start.
        let rows = [(100, false), (101, false), (200, false), (201, false), (202, false), (203, false)];
        assert!(rows.into_iter().all(|(sequence, expected)| heard(sequence) == expected));
        assert!((204..300).all(&mut heard));
        // Far ahead: nothing was lost on the way.
        assert!((9000..9010).all(&mut heard));
        let tally = media.tallies()[&USER];
        assert_eq!((tally.restarts, tally.lost, tally.stale, tally.received), (2, 0, 6, 116));
    }

    #[test]
    fn a_packet_tells_what_stands_beside_the_sound() {
        let (mut media, _) = media();
        media.map(Timestamp::ZERO, SSRC, USER, clear);
        // An extension of one word: a voice 9 dB below full, of a priority speaker.
        let mut clear_part = Header { marker: true, ..Header::new(7, 960, SSRC) }.to_bytes().to_vec();
        clear_part[0] |= 0x10;
        clear_part.extend([0xBE, 0xDE, 0, 1]);
        let mut sealed = b"\x10\x89\x90\x01opus".to_vec();
        let cipher = Cipher::new(Backend::default(), Mode::AeadAes256GcmRtpsize, &[9; KEY]);
        let tag = cipher.seal([0, 0, 0, 1], &clear_part, &mut sealed).unwrap();
        let mut data = [&clear_part[..], &sealed, &tag, &[0, 0, 0, 1]].concat();
        let received = media.handle_datagram(Timestamp::ZERO, &mut data, clear);
        let Received::Audio(audio) = received else { panic!("{received:?}") };
        assert_eq!((audio.marker, &data[audio.opus]), (true, &b"opus"[..]));
        let level = AudioLevel { voice: true, below_full: 9 };
        assert_eq!(audio.extensions.audio_level, Some(level));
        assert!(audio.extensions.speaker.is_some_and(extension::Speaker::is_priority));
    }

    #[test]
    fn sender_reports_are_kept_for_the_statistics() {
        let (mut media, _) = media();
        let now = Timestamp::from_millis(5);
        media.map(now, SSRC, USER, clear);
        let mut seal = |body: &[u8]| {
            let mut clear_part = Vec::from([0x80, 200, 0, 6]);
            clear_part.extend(SSRC.to_be_bytes());
            let mut sealed = body.to_vec();
            let cipher = Cipher::new(Backend::default(), Mode::AeadAes256GcmRtpsize, &[9; KEY]);
            let tag = cipher.seal([0, 0, 0, 1], &clear_part, &mut sealed).unwrap();
            let mut data = [&clear_part[..], &sealed, &tag, &[0, 0, 0, 1]].concat();
            assert_eq!(media.handle_datagram(now, &mut data, clear), Received::Nothing);
            (media.speakers().collect::<Vec<_>>(), media.rtcp(), media.dropped().malformed)
        };
        assert_eq!(seal(&[1; 10]).2, 1, "a report that is too short");
        let words = [0x0102_0304_u32, 5, 96_000, 100, 16_000];
        let (speakers, rtcp, malformed) = seal(&words.map(u32::to_be_bytes).concat());
        let report =
            SenderReport { at: now, ntp: 0x0102_0304_0000_0005, rtp: 96_000, packets: 100, octets: 16_000 };
        assert_eq!(
            speakers.iter().map(|speaker| (speaker.user, speaker.report)).collect::<Vec<_>>(),
            [(USER, Some(report))]
        );
        assert_eq!((rtcp, malformed), (2, 1));
    }

    #[test]
    fn a_day_of_listening_sends_a_keepalive_every_five_seconds() {
        let (mut media, _) = media();
        let day = Timestamp::ZERO + Duration::from_secs(86_400);
        let mut last = Timestamp::ZERO;
        while let Some(at) = media.deadline().filter(|&at| at <= day) {
            assert_eq!(at.since(last), KEEPALIVE);
            let Due::Send(data) = media.due(at) else { panic!("nothing sent at {at:?}") };
            assert_eq!(data, (media.keepalives - 1).to_be_bytes().to_vec());
            last = at;
        }
        assert_eq!(media.keepalives, 17_280);
    }
}
