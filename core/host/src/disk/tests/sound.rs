//! Recordings of sounds, decoded.

use std::f64::consts::TAU;
use std::fs::File;

use opus::{Application, Channels};
use sanscord::id::UserId;
use sanscord::machine::{Machine, Output};
use sanscord::record::{Config, Recorder};
use sanscord::time::Timestamp;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::TrackType;
use symphonia::core::formats::probe::Hint;
use symphonia::core::io::MediaSourceStream;
use symphonia::default::{get_codecs, get_probe};

use super::*;
use crate::disk::encoder::Encoder;
use crate::disk::source::{Samples, Source};
use crate::disk::transcode::Transcoder;
use crate::disk::wav::WavWriter;

const ALICE: UserId = UserId(81_384_788_765_712_384);
/// Samples of a packet.
const FRAME: u64 = 960;

/// A speaker's encoder: 20 ms packets of a tone.
struct Speaker {
    encoder: opus::Encoder,
    pitch: f64,
    at: u64,
}

impl Speaker {
    fn new(pitch: f64) -> Self {
        let mut encoder = opus::Encoder::new(48_000, Channels::Stereo, Application::Audio).unwrap();
        encoder.set_bitrate(opus::Bitrate::Bits(128_000)).unwrap();
        Self { encoder, pitch, at: 0 }
    }

    /// With forward error correction in every packet.
    fn robust(pitch: f64) -> Self {
        let mut encoder = opus::Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        encoder.set_signal(opus::Signal::Voice).unwrap();
        encoder.set_bitrate(opus::Bitrate::Bits(24_000)).unwrap();
        encoder.set_inband_fec(true).unwrap();
        encoder.set_packet_loss_perc(40).unwrap();
        Self { encoder, pitch, at: 0 }
    }

    /// A tone that swells and fades, so that no frame is like the one before.
    fn packet(&mut self, mono: bool) -> Vec<u8> {
        let sound = (self.at..self.at + FRAME).map(|n| {
            let seconds = n as f64 / 48_000.0;
            let swell = 0.5 + 0.5 * (TAU * 3.0 * seconds).sin();
            (8000.0 * swell * (TAU * self.pitch * seconds).sin()) as i16
        });
        let pcm: Vec<i16> =
            if mono { sound.collect() } else { sound.flat_map(|sample| [sample; 2]).collect() };
        self.at += FRAME;
        self.encoder.encode_vec(&pcm, 1275).unwrap()
    }
}

/// What arrives: milliseconds since the start, number of the packet, packet.
type Arrivals = Vec<(u64, u16, Vec<u8>)>;

/// Two talk spurts of a second with a pause of 1.5 s, the first half a second after the start; without these packets.
fn arrivals(lost: &[u16]) -> Arrivals {
    let mut speaker = Speaker::new(440.0);
    let all = (0..100_u16).map(|number| {
        let pause = if number < 50 { 0 } else { 1500 };
        (500 + u64::from(number) * 20 + pause, number, speaker.packet(false))
    });
    all.filter(|(_, number, _)| !lost.contains(number)).collect()
}

/// Records what arrives through a recorder and a disk. Without `close` the process dies in the end.
fn record(folder: &Folder, extension: &str, arrivals: &Arrivals, end: u64, close: bool) -> Box<str> {
    let mut config = Config::new(folder.0.to_str().unwrap());
    config.format = sanscord::record::Format::from_extension(extension).unwrap();
    config.index = false;
    let mut recorder = Recorder::new(Timestamp::ZERO, config, Scope::new(7));
    let mut desk = Desk::new();
    let mut arrivals = arrivals.iter().peekable();
    let mut open = None;
    for ms in 0..=end {
        let now = Timestamp::from_millis(ms);
        while let Some((_, number, packet)) = arrivals.next_if(|(at, ..)| *at <= ms) {
            // The pause lies in the timestamps too.
            let timestamp = ((*number as u64 * 20 + if *number < 50 { 0 } else { 1500 }) * 48) as u32;
            recorder.handle_audio(now, ALICE, 1, *number, timestamp, packet);
        }
        recorder.handle_input(now, sanscord::machine::Input::Timeout);
        if ms == end && close {
            recorder.stop(now);
        }
        loop {
            match recorder.poll_output() {
                Output::OpenFile { file, path, encoding } => {
                    open = Some(file);
                    desk.disk.perform(file, Step::Open { path, encoding });
                }
                Output::Append(file, data) => desk.disk.perform(file, Step::Append(data)),
                Output::CloseFile(file) => assert_eq!(desk.close(file), Ok(())),
                Output::CheckFormat { path, encoding, mix, .. } => {
                    assert_eq!(desk.check(&path, &encoding, mix), Ok(()));
                }
                Output::Event(_) => {}
                Output::Wait(_) => break,
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(open.is_some() && desk.reports.try_recv().is_err());
    if !close {
        // As if it had been killed: nothing is finished.
        std::mem::forget(desk);
    }
    folder.path(&format!("recording_{ALICE}.{extension}"))
}

/// All samples of a file, left and right in turn, as we read it.
fn read(path: &str) -> Vec<i16> {
    let mut source = Source::open(Path::new(path)).unwrap();
    let mut samples = Samples::default();
    source.fill(&mut samples, usize::MAX).unwrap();
    samples.0
}

/// The same with another decoder.
fn read_flac(path: &str) -> Vec<i16> {
    let stream = MediaSourceStream::new(Box::new(File::open(path).unwrap()), Default::default());
    let (options, tags) = Default::default();
    let mut format = get_probe().probe(&Hint::new(), stream, options, tags).unwrap();
    let track = format.default_track(TrackType::Audio).unwrap();
    let length = track.num_frames;
    let Some(CodecParameters::Audio(info)) = &track.codec_params else { panic!("no audio") };
    assert_eq!((info.sample_rate, info.bits_per_sample), (Some(48_000), Some(16)));
    let verify = AudioDecoderOptions::default().verify(true);
    let mut decoder = get_codecs().make_audio_decoder(info, &verify).unwrap();
    let (mut samples, mut block) = (Vec::new(), Vec::<i16>::new());
    // A file that was cut off ends with the last whole block.
    while let Ok(Some(packet)) = format.next_packet() {
        let decoded = decoder.decode(&packet).unwrap();
        assert_eq!(decoded.spec().channels().count(), 2);
        decoded.copy_to_vec_interleaved(&mut block);
        samples.extend_from_slice(&block);
    }
    if length.is_some() {
        assert_eq!(length, Some(samples.len() as u64 / 2));
        assert_eq!(decoder.finalize().verify_ok, Some(true), "the checksum");
    }
    samples
}

fn loudness(samples: &[i16]) -> f64 {
    let power: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    (power / samples.len().max(1) as f64).sqrt()
}

/// Both sides of the time between these milliseconds.
fn between(samples: &[i16], from: usize, to: usize) -> &[i16] {
    &samples[from * 96..to * 96]
}

#[test]
fn a_track_becomes_wav_to_the_sample() {
    let folder = Folder::new("wav");
    let path = record(&folder, "wav", &arrivals(&[10, 11, 12, 70]), 5000, true);
    let bytes = fs::read(&*path).unwrap();
    assert_eq!(bytes.len(), 80 + 5000 * 48 * 4);
    assert_eq!((&bytes[..4], &bytes[8..16]), (&b"RIFF"[..], &b"WAVEJUNK"[..]));
    assert_eq!(bytes[4..8], (bytes.len() as u32 - 8).to_le_bytes());
    assert_eq!((&bytes[48..52], &bytes[72..76]), (&b"fmt "[..], &b"data"[..]));
    assert_eq!(bytes[76..80], (5000 * 48 * 4_u32).to_le_bytes());
    let samples = read(&path);
    assert_eq!(samples.len(), 5000 * 96);
    for (from, to) in [(0, 499), (1700, 2990), (4200, 5000)] {
        assert!(between(&samples, from, to).iter().all(|&sample| sample == 0), "{from} to {to} ms is silent");
    }
    for (from, to) in [(550, 690), (3050, 3350), (3600, 3900)] {
        assert!(loudness(between(&samples, from, to)) > 1000.0, "{from} to {to} ms is loud");
    }
    // Concealed, not silent.
    assert!(loudness(between(&samples, 705, 720)) > 300.0);
}

#[test]
fn flac_holds_the_same_samples() {
    let folder = Folder::new("flac");
    let arrivals = arrivals(&[20, 21]);
    let wav = read(&record(&folder, "wav", &arrivals, 4321, true));
    let path = record(&folder, "flac", &arrivals, 4321, true);
    assert_eq!(wav.len(), 4321 * 96);
    assert!(read(&path) == wav, "our own decoder");
    assert!(read_flac(&path) == wav, "another decoder");
    let bytes = fs::read(&*path).unwrap();
    let size = |at: usize| u32::from_be_bytes([0, bytes[at], bytes[at + 1], bytes[at + 2]]);
    assert!((10..=size(15)).contains(&size(12)), "the shortest and the longest frame");
    assert_eq!(u64::from_be_bytes(bytes[18..26].try_into().unwrap()) & 0xF_FFFF_FFFF, 4321 * 48);
    assert!(bytes[26..42].iter().any(|&byte| byte != 0));
    assert!(fs::metadata(&*path).unwrap().len() < wav.len() as u64);
}

#[test]
fn what_a_crash_leaves_can_be_played() {
    let whole = {
        let folder = Folder::new("whole");
        read(&record(&folder, "wav", &arrivals(&[]), 4600, true))
    };
    for extension in ["wav", "flac"] {
        let folder = Folder::new(&format!("crash-{extension}"));
        let path = record(&folder, extension, &arrivals(&[]), 3900, false);
        let left = if extension == "flac" { read_flac(&path) } else { read(&path) };
        assert!(left.len() >= 2400 * 96, "{extension}: {} ms", left.len() / 96);
        assert!(left == whole[..left.len()], "{extension}");
    }
}

#[test]
fn forward_error_correction_brings_the_last_lost_frame_back() {
    let noise = |a: &[i16], b: &[i16]| {
        let difference: Vec<i16> = a.iter().zip(b).map(|(a, b)| a.saturating_sub(*b)).collect();
        loudness(&difference)
    };
    let take = |robust: bool, lost: &[u16]| {
        let mut speaker = if robust { Speaker::robust(300.0) } else { Speaker::new(300.0) };
        let all = (0..50_u16).map(|number| (u64::from(number) * 20, number, speaker.packet(robust)));
        let arrivals: Arrivals = all.filter(|(_, number, _)| !lost.contains(number)).collect();
        let folder = Folder::new(&format!("fec-{robust}-{}", lost.len()));
        read(&record(&folder, "wav", &arrivals, 1000, true))
    };
    for (lost, share) in [(&[30][..], 0.8), (&[28, 29, 30], 0.9)] {
        let (whole, corrected) = (take(true, &[]), take(true, lost));
        assert_eq!(whole.len(), corrected.len());
        // Where packet 30 is: the codec's delay is part of its sound.
        let part = |sound: &[i16]| between(sound, 603, 620).to_vec();
        let signal = loudness(&part(&whole));
        let (with, without) = (noise(&part(&whole), &part(&corrected)), {
            let mut stream = concealed(lost);
            part(&std::mem::take(&mut stream))
        });
        let without = noise(&part(&whole), &without);
        assert!(with < signal && with < without * share, "{lost:?}: {with} of {signal}, {without} without");
    }
}

/// What a decoder that only conceals makes of it.
fn concealed(lost: &[u16]) -> Vec<i16> {
    let mut speaker = Speaker::robust(300.0);
    let mut decoder = opus::Decoder::new(48_000, Channels::Stereo).unwrap();
    let (mut sound, mut frame) = (Vec::new(), [0; 2 * FRAME as usize]);
    for _ in 0..4 {
        decoder.decode(&[0xF8, 0xFF, 0xFE], &mut frame, false).unwrap();
    }
    for number in 0..50 {
        let packet = speaker.packet(true);
        decoder.decode(if lost.contains(&number) { &[] } else { &packet }, &mut frame, false).unwrap();
        sound.extend_from_slice(&frame);
    }
    sound
}

#[test]
fn long_files_become_rf64() {
    let folder = Folder::new("rf64");
    let path = folder.path("long.wav");
    let file = plain::create(Path::new(&*path)).unwrap();
    let mut writer = Box::new(WavWriter::with_max_riff(file, 10_000).unwrap());
    let head = |path: &str| fs::read(path).unwrap()[..20].to_vec();
    let mut expected = Vec::new();
    for number in 0..40_i16 {
        let pcm = [number; 96];
        decode::Sink::write(&mut *writer, &pcm).unwrap();
        decode::Sink::silence(&mut *writer, 48).unwrap();
        expected.extend_from_slice(&pcm);
        expected.extend([0; 96]);
        writer.flush().unwrap();
        let is_long = 72 + expected.len() * 2 > 10_000;
        let marks = if is_long { (&b"RF64"[..], &b"ds64"[..]) } else { (&b"RIFF"[..], &b"JUNK"[..]) };
        let head = head(&path);
        assert_eq!((&head[..4], &head[12..16]), marks);
        assert!(read(&path) == expected, "it is whole at any time");
    }
    writer.finish().unwrap();
    let bytes = fs::read(&*path).unwrap();
    let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    assert_eq!((long(20), long(28), long(36)), (bytes.len() as u64 - 8, 40 * 384, 40 * 96));
    assert_eq!((&bytes[4..8], &bytes[76..80]), (&[0xFF; 4][..], &[0xFF; 4][..]));
}

#[test]
fn streams_that_are_none_fail_with_a_reason() {
    let folder = Folder::new("bad");
    for (name, stream) in
        [("text", &b"This is no Ogg stream, whatever its name may say of it."[..]), ("short", b"OggS")]
    {
        let mut desk = Desk::new();
        let file = desk.open(&folder.path(&format!("{name}.wav")), &Encoding::Wav);
        desk.append(file, stream);
        if name == "text" {
            assert_says(desk.end(file), &["text.wav could not be written", "cannot be read"]);
        } else {
            assert_says(desk.close(file), &["short.wav", "cannot be read"]);
        }
    }
    let wild: [&[u8]; 4] = [&[0xFF; 60], &[0xFB, 0x3F, 0xFF, 0xFF], &[0x7B, 0x42], &[0x0B, 0xC1, 0xFF]];
    let mut arrivals = arrivals(&[]);
    for (arrival, packet) in arrivals.iter_mut().skip(30).step_by(5).zip(wild) {
        arrival.2 = packet.into();
    }
    let path = record(&folder, "wav", &arrivals, 5000, true);
    assert_eq!(read(&path).len(), 5000 * 96, "what cannot be decoded has its length all the same");
}

/// Writes a file of this format.
fn write(path: &str, encoding: &Encoding, pcm: &[i16]) {
    let file = plain::create(Path::new(path)).unwrap();
    let mut encoder = crate::disk::transcode::encoder(file, encoding).unwrap();
    for piece in pcm.chunks(7000) {
        encoder.write(piece).unwrap();
    }
    encoder.finish().unwrap();
}

fn tone(pitch: f64, level: f64, samples: usize) -> Vec<i16> {
    let sound = |n: usize| (level * (TAU * pitch * n as f64 / 48_000.0).sin()) as i16;
    (0..samples).flat_map(|n| [sound(n), sound(n) / 2]).collect()
}

#[test]
fn a_mix_is_the_sum() {
    let folder = Folder::new("mix");
    let (a, b) = (tone(440.0, 9000.0, 50_001), tone(1000.0, 30_000.0, 30_000));
    let loud = tone(440.0, 20_000.0, 10_000);
    let paths = ["a.wav", "b.flac", "loud.flac"].map(|name| folder.path(name));
    write(&paths[0], &Encoding::Wav, &a);
    write(&paths[1], &Encoding::Flac, &b);
    write(&paths[2], &Encoding::Flac, &loud);
    let sum = |sounds: &[&[i16]]| -> Vec<i16> {
        let length = sounds.iter().map(|sound| sound.len()).max().unwrap();
        let at = |n: usize| {
            sounds.iter().map(|sound| sound.get(n).map_or(0, |&sample| i32::from(sample))).sum::<i32>()
        };
        (0..length).map(|n| at(n).clamp(-32_768, 32_767) as i16).collect()
    };
    let expected = sum(&[&a, &b, &loud]);
    assert!(expected.contains(&32_767) && expected.contains(&-32_768), "it saturates");
    let mut desk = Desk::new();
    for (name, encoding) in [("mixed.wav", Encoding::Wav), ("mixed.flac", Encoding::Flac)] {
        assert_eq!(desk.mix(&paths, &folder.path(name), &encoding), Ok(()));
        assert!(read(&folder.path(name)) == expected);
    }
    assert_eq!(
        mix(&paths.each_ref().map(|path| &**path), &*folder.path("later.wav"), &MixOptions::default()),
        Ok(true)
    );
    assert!(read(&folder.path("later.wav")) == expected);
    // One file of another format is converted.
    assert_eq!(desk.mix(&paths[..1], &folder.path("one.flac"), &Encoding::Flac), Ok(()));
    assert!(read_flac(&folder.path("one.flac")) == a);
}

#[test]
fn a_mix_of_opus_has_both_tones_where_they_were() {
    let folder = Folder::new("mix-opus");
    let silence = vec![0; 96_000];
    let (a, b) = (
        [tone(440.0, 9000.0, 48_000), silence.clone()].concat(),
        [silence, tone(1000.0, 9000.0, 47_000)].concat(),
    );
    let paths = ["a.opus", "b.opus"].map(|name| folder.path(name));
    write(&paths[0], &Encoding::Plain, &a);
    write(&paths[1], &Encoding::Plain, &b);
    let mut desk = Desk::new();
    assert_eq!(desk.check(&folder.path("mixed.opus"), &Encoding::Plain, true), Ok(()));
    let path = folder.path("mixed.opus");
    assert_eq!(desk.mix(&paths, &path, &Encoding::Plain), Ok(()));
    let mixed = read(&path);
    assert_eq!(mixed.len(), 96_000 * 2, "to the sample");
    for (pitch, range) in [(440.0, 10_000..80_000), (1000.0, 110_000..180_000)] {
        let part = &mixed[range];
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (n, sides) in part.chunks(2).enumerate() {
            let angle = TAU * pitch * n as f64 / 48_000.0;
            real += f64::from(sides[0]) * angle.cos();
            imaginary += f64::from(sides[0]) * angle.sin();
        }
        let level = 2.0 * f64::hypot(real, imaginary) / (part.len() / 2) as f64;
        assert!((8000.0..10_000.0).contains(&level), "{pitch} Hz at {level}");
    }
    let bytes = fs::read(&*path).unwrap();
    assert_eq!(desk.mix(&paths[..1], &folder.path("copy.opus"), &Encoding::Plain), Ok(()));
    assert_eq!(fs::read(&*folder.path("copy.opus")).unwrap(), fs::read(&*paths[0]).unwrap(), "one is copied");
    assert_says(desk.mix(&paths, &path, &Encoding::Plain), &["exists"]);
    assert_eq!(fs::read(&*path).unwrap(), bytes);
    fs::write(&*folder.path("bad.opus"), "no sound at all, but a text of some length").unwrap();
    let bad = [paths[0].clone(), folder.path("bad.opus")];
    assert_says(desk.mix(&bad, &folder.path("none.opus"), &Encoding::Plain), &["bad.opus could not be read"]);
    assert!(!folder.names().contains(&"none.opus".to_owned()), "part of a mix is of no use");
}

#[test]
fn a_transcoder_takes_the_stream_in_any_pieces() {
    let folder = Folder::new("pieces");
    let opus = fs::read(&*record(&folder, "opus", &arrivals(&[5]), 4000, true)).unwrap();
    let whole = read(&record(&folder, "wav", &arrivals(&[5]), 4000, true));
    for size in [1, 26, 1000, 1 << 20] {
        let path = folder.path(&format!("{size}.wav"));
        let mut transcoder = Transcoder::create(Path::new(&*path), &Encoding::Wav).unwrap();
        for piece in opus.chunks(size) {
            transcoder.append(piece).unwrap();
        }
        transcoder.finish().unwrap();
        assert!(read(&path) == whole, "pieces of {size} bytes");
    }
    assert!(File::open(&*folder.path("1.wav")).is_ok());
}
