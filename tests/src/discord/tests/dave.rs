//! End-to-end encryption.

use sanscord::dave::{Event, OpenError, Output, Session};
use sanscord::entropy::Entropy;
use sanscord::rtp::aead::Backend;

use super::*;
use crate::config::{ALICE, BOB};
use crate::fault::DaveFault;
use crate::rtp::{Mode, Packet, Seal, is_rtcp, open_rtp};
use crate::speaker::{Fate, Sent, Speaker, Spurt};

const MODE: Mode = Mode::AeadAes256GcmRtpsize;

/// A member driven by hand.
struct Member {
    session: Session,
    /// How many of the client's messages it has seen.
    seen: usize,
    events: Vec<Event>,
    /// How often it gave the group up.
    invalid: u32,
    /// Its newest key package, and the newest transition for which it was ready.
    newest: (Bytes, u16),
    /// Whether it never says that it is ready.
    is_slow: bool,
}

impl Member {
    fn new(client: &Client) -> Self {
        let config = client.discord.config();
        let channel = config.voice_channels[0].0;
        let session = Session::new(config.bot, channel, Backend::default(), Entropy::new([1; 32]));
        Self {
            session,
            seen: client.frames.len(),
            events: vec![],
            invalid: 0,
            newest: (Bytes::new(), 0),
            is_slow: false,
        }
    }

    /// Takes what came since, and answers.
    fn follow(&mut self, client: &mut Client, voice: ConnectionId) {
        while let Some((connection, message)) = client.frames.get(self.seen).cloned() {
            self.seen += 1;
            if connection == voice {
                self.take(client.now, &message);
                self.answer(client, voice);
            }
        }
    }

    fn take(&mut self, now: Timestamp, message: &Value) {
        let d = &message["d"];
        let bytes = || -> Vec<u8> { serde_json::from_value(d.clone()).unwrap() };
        let number = |name: &str| d[name].as_u64().unwrap() as u16;
        let user = |id: &Value| UserId(id.as_str().unwrap().parse().unwrap());
        let session = &mut self.session;
        match message["op"].as_u64().unwrap() {
            4 => session.handle_description(now, number("dave_protocol_version")),
            11 => {
                let users: Vec<_> = d["user_ids"].as_array().unwrap().iter().map(user).collect();
                session.handle_connect(&users);
            }
            13 => session.handle_disconnect(user(&d["user_id"])),
            21 => {
                session.handle_prepare_transition(now, number("transition_id"), number("protocol_version"));
            }
            22 => session.handle_execute_transition(now, number("transition_id")),
            24 => session.handle_prepare_epoch(now, None, number("protocol_version"), number("epoch").into()),
            25 => session.handle_external_sender(bytes().into()),
            27 => session.handle_proposals(&bytes()),
            29 => session.handle_commit(now, &bytes()),
            30 => session.handle_welcome(now, &bytes()),
            _ => {}
        }
    }

    fn answer(&mut self, client: &mut Client, voice: ConnectionId) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::KeyPackage(payload) => {
                    client.send_binary(voice, 26, &payload);
                    self.newest.0 = payload;
                }
                Output::CommitWelcome(payload) => client.send_binary(voice, 28, &payload),
                Output::TransitionReady(_) if self.is_slow => {}
                Output::TransitionReady(id) => {
                    client.send(voice, 23, json!({ "transition_id": id }));
                    self.newest.1 = id;
                }
                Output::InvalidCommitWelcome(id) => {
                    self.invalid += 1;
                    client.send(voice, 31, json!({ "transition_id": id }));
                }
                Output::Event(event) => self.events.push(event),
                _ => panic!("unexpected {output:?}"),
            }
        }
    }

    fn sleep(&mut self, client: &mut Client, voice: ConnectionId, millis: u64) {
        for _ in 0..millis / 20 {
            client.sleep(20);
            self.follow(client, voice);
        }
    }

    /// Opens what came, and takes it away: frames by SSRC and sequence number.
    fn hear(&mut self, client: &mut Client, call: &Call) -> BTreeMap<(u32, u16), Result<Vec<u8>, OpenError>> {
        let now = client.now;
        let packets: Vec<_> =
            client.datagrams.drain(..).filter(|data| !is_rtcp(data) && data[0] >> 6 == 2).collect();
        let packets = packets.iter().map(|data| open_rtp(MODE, &call.key, data).unwrap());
        packets
            .filter(|packet| !packet.payload.is_empty())
            .map(|packet| {
                let user = if packet.ssrc == 0x0A11_CE01 { ALICE } else { BOB };
                let mut frame = packet.payload.to_vec();
                let opened = self.session.open(now, user, &mut frame);
                let opened = opened.map(|length| frame[..length].to_vec());
                ((packet.ssrc, packet.sequence), opened)
            })
            .collect()
    }

    /// What came is what was said since, and nothing is missing.
    fn hears_all(&mut self, client: &mut Client, call: &Call, users: &[UserId], since: Timestamp) {
        let heard = self.hear(client, call);
        let mut count = 0;
        for user in users {
            let ssrc = if *user == ALICE { 0x0A11_CE01 } else { 0x0000_0B0B };
            let truth = |sent: &&Sent| sent.sent_at > since && !sent.payload.is_empty();
            let said: Vec<_> = client.discord.truth(*user).filter(truth).collect();
            assert!(said.len() > 10, "{user} said too little");
            count += said.len();
            for sent in said {
                assert_eq!(sent.fate, Fate::Delivered);
                assert_eq!(heard[&(ssrc, sent.sequence)].as_deref(), Ok(&*sent.payload), "{sent:?}");
            }
        }
        assert_eq!(heard.len(), count);
    }
}

/// Both speak without an end.
fn speakers() -> Vec<Speaker> {
    let mut speakers = Config::speakers();
    for speaker in &mut speakers {
        speaker.start = Duration::ZERO;
        speaker.spurts = vec![Spurt { packets: u32::MAX, pause: Duration::ZERO }];
    }
    speakers
}

fn lonely() -> Vec<Speaker> {
    let [alice, bob] = <[Speaker; 2]>::try_from(speakers()).ok().unwrap();
    vec![alice, Speaker { present: false, ..bob }]
}

fn join(config: Config) -> (Client, ConnectionId, Call, Member) {
    let mut client = Client::new(config, 7);
    client.dave = 1;
    let gateway = client.identify();
    let mut member = Member::new(&client);
    let call = client.join(gateway);
    member.follow(&mut client, call.voice);
    (client, gateway, call, member)
}

#[test]
fn a_member_opens_what_the_speakers_say() {
    let (mut client, _, call, mut member) = join(Config { speakers: speakers(), ..calm() });
    assert_eq!(client.last(call.voice, 4).unwrap()["dave_protocol_version"], 1);
    let seq = |op: u64| {
        let message = client.frames.iter().find(|(id, v)| *id == call.voice && v["op"] == op);
        message.unwrap().1["seq"].as_u64().unwrap()
    };
    assert!(seq(11) < seq(25) && seq(25) < seq(4) && seq(4) < seq(30));
    // One count for all.
    let all = client.frames.iter().filter(|(id, _)| *id == call.voice).filter_map(|(_, v)| v["seq"].as_u64());
    assert!(all.clone().eq(0..all.count() as u64));
    assert_eq!(member.session.members().len(), 3);
    // What was said before the group was joined is not for the client.
    for result in member.hear(&mut client, &call).into_values() {
        assert!(result.is_err());
    }
    let now = client.now;
    assert!(client.discord.truth(ALICE).any(|sent| sent.fate == Fate::Unreadable));
    member.sleep(&mut client, call.voice, 1_000);
    let sealed: Vec<_> = client.datagrams.iter().filter(|data| !is_rtcp(data)).cloned().collect();
    member.hears_all(&mut client, &call, &[ALICE, BOB], now);
    for data in sealed {
        let payload = open_rtp(MODE, &call.key, &data).unwrap().payload;
        assert!(payload.is_empty() || payload.ends_with(&[0xFA, 0xFA]), "{payload:?}");
    }
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn whoever_is_alone_is_joined_and_left() {
    let (mut client, _, call, mut member) = join(Config { speakers: lonely(), ..calm() });
    assert_eq!(member.session.members().len(), 2);
    member.sleep(&mut client, call.voice, 500);
    client.datagrams.clear();
    let gone = member.session.epoch();
    client.discord.kick(client.now, ALICE);
    client.drain();
    member.sleep(&mut client, call.voice, 200);
    assert!(!member.session.can_send(), "nobody is left");
    client.discord.arrive(client.now, BOB);
    client.drain();
    member.follow(&mut client, call.voice);
    let now = client.now;
    client.datagrams.clear();
    member.sleep(&mut client, call.voice, 500);
    member.hears_all(&mut client, &call, &[BOB], now);
    assert_eq!((gone, member.session.epoch()), (Some(1), Some(1)));
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn offers_decide() {
    for (offer, dave, required, version) in [
        (1, true, false, Some(1)),
        (1, true, true, Some(1)),
        (9, true, true, Some(1)),
        (0, true, false, Some(0)),
        (0, true, true, None),
        (1, false, false, Some(0)),
    ] {
        let config = Config { dave, dave_required: required, speakers: speakers(), ..calm() };
        let mut client = Client::new(config, 3);
        client.dave = offer;
        let gateway = client.identify();
        client.ask_to_join(gateway);
        let Some(version) = version else {
            let voice = client.open(Service::Voice, "/?v=8");
            let credentials = client.credentials(gateway);
            client.send(voice, 0, credentials);
            assert_eq!(client.code(), Some(4017));
            continue;
        };
        let call = client.connect(gateway);
        assert_eq!(client.last(call.voice, 4).unwrap()["dave_protocol_version"], version);
        assert_eq!(client.last(call.voice, 25).is_some(), version == 1);
        if version == 0 {
            client.sleep(100);
            let data = client.datagrams.iter().find(|data| !is_rtcp(data)).unwrap();
            let said = client.discord.truth(ALICE).next().unwrap();
            assert_eq!(open_rtp(MODE, &call.key, data).unwrap().payload, said.payload);
            client.send_binary(call.voice, 26, b"anything");
            assert_eq!(client.rules(), [Rule::Dave]);
        }
    }
}

#[test]
fn a_resume_replays_what_is_binary_too() {
    let (mut client, _, mut call, mut member) = join(Config { speakers: lonely(), ..calm() });
    member.sleep(&mut client, call.voice, 500);
    let seq = client.voice_seq();
    client.discord.cut_voice(client.now);
    client.drain();
    client.datagrams.clear();
    let cut = client.now;
    client.discord.arrive(client.now, BOB);
    client.drain();
    // The transition waits for two seconds, then it is executed without the client.
    client.sleep(2_500);
    let fates = |client: &Client, user| -> Vec<_> {
        client.discord.truth(user).filter(|sent| sent.sent_at > cut).map(|sent| sent.fate).collect()
    };
    let alice = fates(&client, ALICE);
    assert_eq!((alice.first(), alice.last()), (Some(&Fate::Delivered), Some(&Fate::Unreadable)));
    let bob = fates(&client, BOB);
    assert_eq!((bob.first(), bob.last()), (Some(&Fate::Unheard), Some(&Fate::Unreadable)));
    assert!(member.hear(&mut client, &call).values().any(|frame| frame.is_err()));

    let voice = client.open(Service::Voice, "/?v=8");
    let mut d = call.credentials.clone();
    d["seq_ack"] = json!(seq);
    client.send(voice, 7, d);
    let ops: Vec<_> = client.frames.iter().filter(|(id, _)| *id == voice).map(|(_, v)| &v["op"]).collect();
    assert!(ops.starts_with(&[&json!(8), &json!(9), &json!(11)]) && ops.contains(&&json!(29)), "{ops:?}");
    let seqs = client.frames.iter().filter(|(id, _)| *id == voice).filter_map(|(_, v)| v["seq"].as_i64());
    assert!(seqs.clone().eq(seq + 1..=seq + seqs.count() as i64));
    call.voice = voice;
    // It cannot know whether these arrived.
    let (key_package, transition) = member.newest.clone();
    client.send_binary(voice, 26, &key_package);
    client.send(voice, 23, json!({ "transition_id": transition }));
    member.follow(&mut client, voice);
    assert_eq!(member.session.members().len(), 3);
    let now = client.now;
    client.datagrams.clear();
    member.sleep(&mut client, voice, 500);
    member.hears_all(&mut client, &call, &[ALICE, BOB], now);
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn a_slow_member_is_waited_for_two_seconds() {
    let (mut client, _, call, mut member) = join(Config { speakers: lonely(), ..calm() });
    member.is_slow = true;
    member.sleep(&mut client, call.voice, 500);
    client.discord.arrive(client.now, BOB);
    client.drain();
    let executed = |client: &Client| client.frames.iter().filter(|(_, v)| v["op"] == 22).count();
    let before = executed(&client);
    member.sleep(&mut client, call.voice, 1_980);
    assert_eq!(executed(&client), before);
    member.sleep(&mut client, call.voice, 40);
    assert_eq!(executed(&client), before + 1);
}

#[test]
fn spoilt_messages_are_recovered_from() {
    for fault in [DaveFault::Welcome, DaveFault::Commit] {
        let faults = crate::fault::Faults { dave: [fault].into(), ..Default::default() };
        let (mut client, _, call, mut member) = join(Config { speakers: lonely(), faults, ..calm() });
        member.sleep(&mut client, call.voice, 500);
        client.discord.arrive(client.now, BOB);
        client.drain();
        member.sleep(&mut client, call.voice, 500);
        assert_eq!(member.invalid, 1, "{fault:?}");
        assert!(member.events.iter().any(|event| matches!(event, Event::Recovering { .. })));
        assert!(client.discord.config().faults.dave.is_empty());
        assert_eq!(member.session.members().len(), 3);
        client.datagrams.clear();
        let now = client.now;
        member.sleep(&mut client, call.voice, 500);
        member.hears_all(&mut client, &call, &[ALICE, BOB], now);
        assert_eq!(client.discord.violations(), []);
    }
}

#[test]
fn encryption_ends_and_begins_again() {
    let (mut client, _, call, mut member) = join(Config { speakers: speakers(), ..calm() });
    member.sleep(&mut client, call.voice, 500);
    for _ in 0..2 {
        client.discord.begin_group(client.now);
        client.drain();
        member.follow(&mut client, call.voice);
        client.datagrams.clear();
        let now = client.now;
        member.sleep(&mut client, call.voice, 500);
        assert_eq!((member.session.version(), member.session.members().len()), (1, 3));
        member.hears_all(&mut client, &call, &[ALICE, BOB], now);

        client.discord.end_encryption(client.now);
        client.drain();
        member.follow(&mut client, call.voice);
        client.datagrams.clear();
        let now = client.now;
        member.sleep(&mut client, call.voice, 500);
        assert_eq!(member.session.version(), 0);
        let data = client.datagrams.iter().find(|data| !is_rtcp(data)).unwrap();
        let payload = open_rtp(MODE, &call.key, data).unwrap().payload;
        assert!(client.discord.truth(ALICE).chain(client.discord.truth(BOB)).any(|s| s.payload == payload));
        member.hears_all(&mut client, &call, &[ALICE, BOB], now);
    }
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn strangers_are_refused() {
    let (mut client, _, call, mut member) = join(Config { speakers: speakers(), ..calm() });
    member.sleep(&mut client, call.voice, 500);
    client.discord.propose_stranger(client.now);
    client.drain();
    member.follow(&mut client, call.voice);
    assert!(matches!(member.events.last(), Some(Event::Refused(_))), "{:?}", member.events);
    assert_eq!(member.session.members().len(), 3);
    client.discord.kick(client.now, BOB);
    client.drain();
    member.follow(&mut client, call.voice);
    assert_eq!(member.session.members().len(), 2);
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn misuse_is_noticed() {
    let (mut client, _, call, mut member) = join(Config { speakers: speakers(), ..calm() });
    member.sleep(&mut client, call.voice, 100);
    client.send(call.voice, 5, json!({"speaking": 1, "delay": 0, "ssrc": call.ssrc}));
    let mut seal = Seal::new(MODE, call.key, 0);
    let mut said = |client: &mut Client, sequence, frame: &[u8]| {
        let payload = Bytes::copy_from_slice(frame);
        let packet = Packet { payload_type: 120, ssrc: call.ssrc, sequence, payload, ..Packet::default() };
        client.datagram(&seal.rtp(&packet));
    };
    let mut frame = Vec::new();
    member.session.seal(b"opus", &mut frame).unwrap();
    said(&mut client, 1, &frame);
    said(&mut client, 2, &crate::clip::SILENCE);
    assert_eq!(client.rules(), []);
    said(&mut client, 3, b"opus");
    said(&mut client, 4, &frame);
    assert_eq!(client.rules(), [Rule::Dave; 2]);

    client.send(call.voice, 23, json!({"transition_id": 9_000}));
    client.send(call.voice, 23, json!({"transition_id": 0}));
    client.send_binary(call.voice, 28, b"no commit");
    client.send_binary(call.voice, 26, &[0, 1, 0, 5]);
    assert_eq!(client.rules(), [Rule::Dave; 6]);
    client.send(call.voice, 31, json!({"transition_id": 1}));
    assert_eq!(client.rules(), [Rule::Dave; 7]);
    client.send_binary(call.voice, 23, &[0, 1]);
    assert_eq!((client.rules().pop(), client.code()), (Some(Rule::Order), Some(4001)));
}
