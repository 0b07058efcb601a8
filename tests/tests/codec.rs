//! Recordings decoded with libopus: what was spoken is what is heard, and where. Needs the feature `opus`.
#![cfg(feature = "opus")]

mod recording;

use opus::{Channels, Decoder};
use sanscord::client::{Client, Config, Event};
use sanscord::opus::RATE;
use sanscord::secret::Token;
use sanscord::time::{Duration, Timestamp};
use sanscord::voice::phase::Phase;
use sanscord_testing::config::{self, ALICE, BOB};
use sanscord_testing::discord::Discord;
use sanscord_testing::fault::MediaFaults;
use sanscord_testing::link::LinkConfig;
use sanscord_testing::speaker::Fate;
use sanscord_testing::world::World;

use recording::packets;

const FOLDER: &str = "calls";
const DELAY: Duration = Duration::from_millis(20);

/// Decodes a file as a player does: pre-skip and end trimming taken off.
fn decode_file(file: &[u8]) -> Vec<f32> {
    let contents = packets(file);
    let skipped = usize::try_from(-contents.packets[0].position).expect("a pre-skip");
    let mut decoder = Decoder::new(RATE as u32, Channels::Mono).expect("a decoder");
    let mut sound = Vec::new();
    for packet in &contents.packets {
        decode(&mut decoder, &packet.data, &mut sound);
    }
    sound.drain(..skipped);
    sound.truncate(contents.length as usize);
    sound
}

fn decode(decoder: &mut Decoder, packet: &[u8], sound: &mut Vec<f32>) {
    let mut frame = [0.0; 5760];
    let samples = decoder.decode_float(packet, &mut frame, false).expect("an Opus packet");
    sound.extend_from_slice(&frame[..samples]);
}

/// Records the demonstration in memory and gives back the world and when the call began.
fn record(media: MediaFaults) -> (World<Client, Discord>, Timestamp) {
    let config = config::Config { script: Vec::new(), media, ..config::Config::default() };
    let (guild, channel) = (config.guild, config.voice_channels[0].0);
    let client = Client::new(Config::new(Token::new(&config.token)), [7; 32]);
    let mut world = World::new(client, Discord::new(config, 7), LinkConfig::steady(DELAY), 7);
    world.with_client(0, |client, now| {
        client.join(now, guild, channel);
        client.record(now, guild, FOLDER);
    });
    let is_live = |w: &World<Client, Discord>| {
        w.client(0).call(guild).is_some_and(|call| matches!(call.phase(), Phase::Live { .. }))
    };
    world.expect("the call", is_live, Duration::from_secs(5));
    let start = world.now();
    world.run_for(Duration::from_secs(10));
    world.with_client(0, Client::stop);
    let is_over = |event: &Event| matches!(event, Event::Stopped { .. });
    world.expect("the end", |w| w.events().iter().any(|h| is_over(&h.event)), Duration::from_secs(5));
    world.run_for(Duration::from_secs(1));
    (world, start)
}

/// What a speaker said, decoded without a network in between, silence where nothing was sent, on the same timeline.
fn spoken(world: &World<Client, Discord>, user: sanscord::id::UserId, start: Timestamp) -> Vec<f32> {
    let mut decoder = Decoder::new(RATE as u32, Channels::Mono).expect("a decoder");
    let (mut sound, mut silence) = (Vec::<f32>::new(), Vec::new());
    for sent in world.server().truth(user) {
        if sent.payload.is_empty() || sent.fate == Fate::Unheard {
            continue;
        }
        let place = (sent.sent_at + DELAY).since(start).as_nanos() * u128::from(RATE) / 1_000_000_000;
        // A pause: the recorder's silence passes through the decoder too, and its state with it.
        while sound.len() + 480 < place as usize {
            silence.clear();
            decode(&mut decoder, &[0xF8, 0xFF, 0xFE], &mut silence);
            sound.extend_from_slice(&silence);
        }
        decode(&mut decoder, &sent.payload, &mut sound);
    }
    sound
}

/// How much louder the signal is than what differs from it, in decibels.
fn signal_to_noise(signal: &[f32], other: &[f32]) -> f64 {
    let (mut power, mut noise) = (0.0, 1e-12);
    for (a, b) in signal.iter().zip(other) {
        power += f64::from(a * a);
        noise += f64::from((a - b) * (a - b));
    }
    10.0 * (power / noise).log10()
}

/// The shift in samples, within a tenth of a second, at which two sounds fit best.
fn best_shift(a: &[f32], b: &[f32]) -> i64 {
    let reach = 4800_i64;
    let window = reach as usize..a.len().min(b.len()) - reach as usize;
    let fit = |shift: i64| -> f64 {
        window.clone().step_by(3).map(|n| f64::from(a[n] * b[(n as i64 + shift) as usize])).sum()
    };
    let coarse = (-reach..=reach).step_by(8).max_by(|x, y| fit(*x).total_cmp(&fit(*y))).unwrap_or(0);
    (coarse - 8..=coarse + 8).max_by(|x, y| fit(*x).total_cmp(&fit(*y))).unwrap_or(0)
}

#[test]
fn what_was_spoken_is_heard_where_it_was_spoken() {
    let (world, start) = record(MediaFaults::default());
    for user in [ALICE, BOB] {
        let heard =
            decode_file(&world.disk().get(&format!("{FOLDER}/recording_{user}.opus")).expect("a file").bytes);
        let spoken = spoken(&world, user, start);
        let shift = best_shift(&heard, &spoken);
        assert!(shift.abs() <= 60, "{user}: {shift} samples off, of which a grain of 2.5 ms explains 60");
        let loudest = heard.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
        assert!(loudest > 0.1, "{user}: nothing but silence");
    }
}

#[test]
fn losses_are_concealed_and_shift_nothing() {
    let media = MediaFaults { loss: 0.05, reorder: 0.05, duplicate: 0.05, ..MediaFaults::default() };
    let (world, start) = record(media);
    let (clean, clean_start) = record(MediaFaults::default());
    for user in [ALICE, BOB] {
        let path = format!("{FOLDER}/recording_{user}.opus");
        let heard = decode_file(&world.disk().get(&path).expect("a file").bytes);
        let whole = decode_file(&clean.disk().get(&path).expect("a file").bytes);
        assert_eq!(start, clean_start);
        let shift = best_shift(&heard, &whole);
        assert!(shift.abs() <= 60, "{user}: {shift} samples off");
        let quality = signal_to_noise(&whole, &heard);
        assert!(quality > 3.0, "{user}: {quality:.1} dB");
    }
}

#[test]
fn decoders_take_the_silence_and_the_concealment_that_the_recorder_writes() {
    let mut decoder = Decoder::new(RATE as u32, Channels::Stereo).expect("a decoder");
    let mut frame = [1.0; 2 * 5760];
    for (packet, samples) in sanscord::opus::SILENCE {
        let decoded = decoder.decode_float(packet, &mut frame, false).expect("an Opus packet");
        assert_eq!(decoded as u64, samples);
        assert!(frame[..2 * decoded].iter().all(|sample| sample.abs() < 1e-4));
    }
    let (concealment, samples) = sanscord::opus::concealment(&[0x78, 1, 2]).expect("a packet");
    assert_eq!(
        decoder.decode_float(&concealment, &mut frame, false).expect("an Opus packet") as u64,
        samples
    );
}
