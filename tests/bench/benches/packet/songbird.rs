//! What songbird 0.6.1 calls for each audio packet, re-created after its source: its UDP task is private.
//!
//! In it: a fresh `BytesMut` of 1,460 bytes for each packet and the copy into it, demultiplexing and header parsing by
//! discortp, decryption in place by the RustCrypto crates that it uses (aes-gcm 0.10, chacha20poly1305 0.10), the
//! extension's length, with end-to-end encryption the SSRC's user in a dashmap, the lock, davey's `decrypt` into a fresh
//! `Vec` and the copy back, the SSRC's state in a `HashMap` and its timer, the playout buffer's push and pop, and
//! the event through a flume channel and out of it again.
//!
//! Not in it: tokio, the socket, tracing, the voice tick that collects what is played, the event's way to
//! handlers, Opus. songbird has davey 0.1, we have 0.2 here.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use aes_gcm_songbird::aead::{AeadInPlace, KeyInit};
use aes_gcm_songbird::{Aes256Gcm, Nonce, Tag};
use bytes::{Bytes, BytesMut};
use chacha20poly1305_songbird::{XChaCha20Poly1305, XNonce};
use dashmap::DashMap;
use davey::{DaveSession, MediaType};
use discortp::demux::{DemuxedMut, demux_mut};
use discortp::rtp::{MutableRtpPacket, RtpExtensionPacket, RtpPacket, RtpType};
use discortp::{MutablePacket, Packet};
use sanscord::rtp::aead::{KEY, Mode, NONCE, TAG};
use sanscord_bench::stage::{SPEAKER, SPEAKER_SSRC};

/// Longest datagram that it takes.
const DATAGRAM: usize = 1460;
/// Packets that are gathered before the first is played, room for more, and the most.
const PLAYOUT: usize = 5;
const SPIKE: usize = 3;
const MOST: usize = 64;
const SAMPLES: u32 = 960;
const STATE_TIMEOUT: Duration = Duration::from_secs(60);
/// What ends a frame that is encrypted end to end, and the shortest such frame.
const MAGIC: [u8; 2] = [0xFA, 0xFA];
const SHORTEST: usize = 11;

enum Cipher {
    Aes(Box<Aes256Gcm>),
    XChaCha(XChaCha20Poly1305),
}

impl Cipher {
    /// Decrypts in place, and answers with how many bytes of the payload stand before the frame and behind it.
    fn open(&self, packet: &mut MutableRtpPacket<'_>) -> Option<(usize, usize)> {
        let extended = packet.get_extension() != 0;
        let header = packet.packet().len() - packet.payload().len();
        let clear = header + if extended { RtpExtensionPacket::minimum_packet_size() } else { 0 };
        let (clear, rest) = packet.packet_mut().split_at_mut_checked(clear)?;
        let (rest, counter) = rest.split_at_mut_checked(rest.len().checked_sub(NONCE)?)?;
        let (body, tag) = rest.split_at_mut_checked(rest.len().checked_sub(TAG)?)?;
        let tag = Tag::from_slice(tag);
        match self {
            Self::Aes(cipher) => {
                let mut nonce = Nonce::default();
                nonce[..NONCE].copy_from_slice(counter);
                cipher.decrypt_in_place_detached(&nonce, clear, body, tag).ok()?;
            }
            Self::XChaCha(cipher) => {
                let mut nonce = XNonce::default();
                nonce[..NONCE].copy_from_slice(counter);
                cipher.decrypt_in_place_detached(&nonce, clear, body, tag).ok()?;
            }
        }
        let before = if extended {
            let extension = RtpExtensionPacket::new(packet.payload())?;
            extension.packet().len() - extension.payload().len()
        } else {
            0
        };
        Some((before, TAG + NONCE))
    }
}

struct Stored {
    packet: Bytes,
    _decrypted: bool,
}

/// One source.
struct State {
    slots: VecDeque<Option<Stored>>,
    next: u16,
    fills: bool,
    plays: Option<u32>,
    /// When it is forgotten.
    until: Instant,
}

impl State {
    fn new(first: &RtpPacket<'_>) -> Self {
        Self {
            slots: VecDeque::with_capacity(PLAYOUT + SPIKE),
            next: first.get_sequence().into(),
            fills: true,
            plays: None,
            until: Instant::now() + STATE_TIMEOUT,
        }
    }

    fn push(&mut self, stored: Stored) {
        let Some(packet) = RtpPacket::new(&stored.packet) else { return };
        let (sequence, timestamp): (u16, u32) = (packet.get_sequence().into(), packet.get_timestamp().into());
        self.plays.get_or_insert(timestamp.wrapping_add(SAMPLES * PLAYOUT as u32));
        let place = usize::from(sequence.wrapping_sub(self.next));
        if place < MOST {
            if self.slots.len() <= place {
                self.slots.resize_with(place + 1, || None);
            }
            self.slots[place] = Some(stored);
        }
        self.fills &= self.slots.len() < PLAYOUT;
    }

    fn pop(&mut self) -> Option<Stored> {
        if self.fills {
            return None;
        }
        let stored = self.slots.pop_front()?;
        self.next = self.next.wrapping_add(1);
        if let (Some(stored), Some(plays)) = (&stored, &mut self.plays) {
            let packet = RtpPacket::new(&stored.packet)?;
            let early = plays.wrapping_sub(packet.get_timestamp().into()) as i32;
            assert!(early >= 0, "packets come in order here");
            *plays = plays.wrapping_add(SAMPLES);
        }
        if self.slots.is_empty() {
            (self.fills, self.plays) = (true, None);
        }
        stored
    }
}

/// The event for each packet, as large as songbird's.
enum Event {
    Packet { packet: Bytes, before: usize, behind: usize },
}

/// One connection.
pub(crate) struct Songbird {
    cipher: Cipher,
    states: HashMap<u32, State>,
    users: Arc<DashMap<u32, u64>>,
    session: Arc<RwLock<Option<DaveSession>>>,
    version: Arc<AtomicU16>,
    events: flume::Sender<Event>,
    handlers: flume::Receiver<Event>,
}

impl Songbird {
    /// With a member of the group, if the call is encrypted end to end.
    pub(crate) fn new(mode: Mode, key: &[u8; KEY], session: Option<DaveSession>) -> Self {
        let cipher = match mode {
            Mode::AeadAes256GcmRtpsize => Cipher::Aes(Box::new(Aes256Gcm::new(key.into()))),
            Mode::AeadXChaCha20Poly1305Rtpsize => Cipher::XChaCha(XChaCha20Poly1305::new(key.into())),
        };
        let (events, handlers) = flume::unbounded();
        Self {
            cipher,
            states: HashMap::new(),
            users: Arc::new(DashMap::from_iter([(SPEAKER_SSRC, SPEAKER.0)])),
            version: Arc::new(AtomicU16::new(u16::from(session.is_some()))),
            session: Arc::new(RwLock::new(session)),
            events,
            handlers,
        }
    }

    /// A datagram and what follows from it, a turn of the playout included. Answers whether a handler got a frame of
    /// this length.
    pub(crate) fn receive(&mut self, datagram: &[u8], frame: usize) -> bool {
        let mut packet = BytesMut::zeroed(DATAGRAM);
        packet[..datagram.len()].copy_from_slice(datagram);
        packet.truncate(datagram.len());
        if self.process(packet).is_none() {
            return false;
        }
        let played = self.states.get_mut(&SPEAKER_SSRC).and_then(State::pop);
        std::hint::black_box(played.map(|stored| stored.packet));
        match self.handlers.try_recv() {
            Ok(Event::Packet { packet, before, behind }) => {
                RtpPacket::new(&packet).is_some_and(|rtp| rtp.payload().len() == before + frame + behind)
            }
            Err(_) => false,
        }
    }

    fn process(&mut self, mut packet: BytesMut) -> Option<()> {
        let DemuxedMut::Rtp(mut rtp) = demux_mut(packet.as_mut()) else { return None };
        if rtp.get_version() != 2 || rtp.get_payload_type() != RtpType::Dynamic(120) {
            return None;
        }
        let (before, mut behind) = self.cipher.open(&mut rtp)?;
        if rtp.get_padding() != 0 {
            let payload = rtp.payload();
            behind += usize::from(*payload.get(payload.len().checked_sub(behind + 1)?)?);
        }
        let ssrc = rtp.get_ssrc();
        let payload = rtp.payload_mut();
        let end = payload.len().checked_sub(behind)?;
        let body = payload.get_mut(before..end)?;
        if self.version.load(Ordering::Relaxed) != 0 && body.len() >= SHORTEST && body.ends_with(&MAGIC) {
            let user = *self.users.get(&ssrc)?;
            let mut session = self.session.write().ok()?;
            let session = session.as_mut().filter(|session| session.is_ready())?;
            let media = session.decrypt(user, MediaType::AUDIO, body).ok()?;
            behind += body.len() - media.len();
            body[..media.len()].copy_from_slice(&media);
        }
        let rtp = rtp.to_immutable();
        let state = self.states.entry(rtp.get_ssrc()).or_insert_with(|| State::new(&rtp));
        state.until = Instant::now() + STATE_TIMEOUT;
        let packet = packet.freeze();
        state.push(Stored { packet: packet.clone(), _decrypted: true });
        self.events.send(Event::Packet { packet, before, behind }).ok()
    }
}
