//! What is decoded, brought to 48 kHz and encoded, heard again.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use opus::{Channels, Decoder};
use sanscord::play::Source;

use super::{millis, stream, written};
use crate::source::file::{FileSource, file_to_pcm};
use crate::source::pcm::{FRAME_SAMPLES, OpusEncoder, Pcm, PcmSource, pcm_frames};

/// A WAV file (RIFF, 16-bit PCM) of a tone, as loud on all channels.
fn tone(rate: u32, channels: u16, hertz: f64, level: f64, length: Duration) -> Vec<u8> {
    let count = (length.as_secs_f64() * f64::from(rate)) as u32;
    let bytes = count * u32::from(channels) * 2;
    let mut file = Vec::from(*b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(*b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(channels) * 2).to_le_bytes());
    file.extend((channels * 2).to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend(*b"data");
    file.extend(bytes.to_le_bytes());
    for sample in 0..count {
        let value = (TAU * hertz * f64::from(sample) / f64::from(rate)).sin() * level * 32_767.0;
        for _ in 0..channels {
            file.extend((value as i16).to_le_bytes());
        }
    }
    file
}

/// What listeners hear of the left channel.
fn heard(source: &mut dyn Source) -> Vec<f64> {
    let mut decoder = Decoder::new(48_000, Channels::Stereo).unwrap();
    let mut samples = Vec::new();
    let mut buffer = vec![0.0_f32; 5760 * 2];
    while let Some(packet) = source.read().unwrap() {
        let count = decoder.decode_float(&packet, &mut buffer, false).unwrap();
        assert_eq!(count, FRAME_SAMPLES);
        samples.extend(buffer[..count * 2].iter().step_by(2).map(|&value| f64::from(value)));
    }
    samples
}

/// The peak of a tone, by its power.
fn level(samples: &[f64]) -> f64 {
    (2.0 * samples.iter().map(|value| value * value).sum::<f64>() / samples.len() as f64).sqrt()
}

/// The pitch of a tone, by its rises through zero.
fn pitch(samples: &[f64]) -> f64 {
    let rises: Vec<usize> =
        (1..samples.len()).filter(|&at| samples[at - 1] < 0.0 && samples[at] >= 0.0).collect();
    let (first, last) = (rises[0], rises[rises.len() - 1]);
    (rises.len() - 1) as f64 * 48_000.0 / (last - first) as f64
}

fn is_near(value: f64, expected: f64, tolerance: f64) -> bool {
    (value - expected).abs() <= expected * tolerance
}

fn with_file<T>(name: &str, bytes: &[u8], act: impl FnOnce(&Path) -> T) -> T {
    let path = written(name, bytes);
    let result = act(&path);
    fs::remove_file(path).unwrap();
    result
}

#[test]
fn a_tone_keeps_level_and_pitch_at_any_rate_and_any_number_of_channels() {
    for (rate, channels) in [(48_000, 2), (44_100, 2), (44_100, 1), (8_000, 1), (96_000, 2), (48_000, 6)] {
        let name = format!("tone-{rate}-{channels}.wav");
        with_file(&name, &tone(rate, channels, 440.0, 0.5, millis(1000)), |path| {
            let mut source = FileSource::open(path).unwrap();
            assert_eq!(source.duration(), Some(millis(1000)), "{name}");
            let samples = heard(&mut source);
            assert_eq!(samples.len(), 48_000, "{name}");
            let middle = &samples[9_600..38_400];
            assert!(is_near(pitch(middle), 440.0, 0.005), "{name}: {} Hz", pitch(middle));
            assert!(is_near(level(middle), 0.5, 0.05), "{name}: {}", level(middle));
            let pcm = file_to_pcm(path).unwrap();
            assert_eq!(pcm.len(), 96_000, "{name}");
        });
    }
}

/// 0.6 s of 440 Hz at an eighth of full scale, one channel at 44.1 kHz, as ffmpeg writes them.
const TONES: [(&str, &[u8]); 5] = [
    ("tone.aac", include_bytes!("tones/tone.aac")),
    ("tone.flac", include_bytes!("tones/tone.flac")),
    ("tone.m4a", include_bytes!("tones/tone.m4a")),
    ("tone.mp3", include_bytes!("tones/tone.mp3")),
    ("tone.ogg", include_bytes!("tones/tone.ogg")),
];

#[test]
fn every_format_is_heard() {
    for (name, bytes) in TONES {
        with_file(name, bytes, |path| {
            let samples = heard(&mut FileSource::open(path).unwrap());
            // Encoders fill up their first and last frames.
            assert!((27_000..36_000).contains(&samples.len()), "{name}: {} samples", samples.len());
            let middle = &samples[9_600..24_000];
            assert!(is_near(pitch(middle), 440.0, 0.01), "{name}: {} Hz", pitch(middle));
            assert!(is_near(level(middle), 0.125, 0.1), "{name}: {}", level(middle));
            let mut source = FileSource::open(path).unwrap();
            let at = source.seek(millis(300)).unwrap();
            let rest = heard(&mut source);
            assert!(at >= millis(250) && at <= millis(300), "{name}: {at:?}");
            let expected = samples.len() as f64 - at.as_secs_f64() * 48_000.0;
            assert!((rest.len() as f64 - expected).abs() < 3_000.0, "{name}: {} of {expected}", rest.len());
            assert!(is_near(pitch(&rest[2_400..9_600]), 440.0, 0.02), "{name}, sought");
        });
    }
}

#[test]
fn volume_is_a_factor_and_full_scale_the_limit() {
    let file = tone(48_000, 2, 440.0, 0.6, millis(500));
    for (volume, expected) in [(0.5, 0.3), (1.5, 0.9), (0.0, 0.0)] {
        with_file(&format!("volume-{volume}.wav"), &file, |path| {
            let mut source = FileSource::open(path).unwrap();
            source.set_volume(volume).unwrap();
            let samples = heard(&mut source);
            let level = level(&samples[4_800..19_200]);
            assert!((level - expected).abs() < 0.03, "{volume}: {level}");
        });
    }
    with_file("volume-2.wav", &file, |path| {
        let mut source = FileSource::open(path).unwrap();
        source.set_volume(2.0).unwrap();
        // A clipped tone is louder than one at full scale, and not by more than its corners.
        let level = level(&heard(&mut source)[4_800..19_200]);
        assert!((1.0..1.2).contains(&level), "{level}");
    });
}

#[test]
fn the_last_frame_is_filled_up_with_silence() {
    with_file("last.wav", &tone(48_000, 2, 440.0, 0.5, millis(50)), |path| {
        assert_eq!(heard(&mut FileSource::open(path).unwrap()).len(), 3 * FRAME_SAMPLES);
    });
    let frames: Vec<_> = pcm_frames(&[7; 2000]).collect();
    assert_eq!(frames.len(), 2);
    assert_eq!((frames[1][79], frames[1][80]), (7, 0));
    assert_eq!(pcm_frames(&[]).count(), 0);
    let bytes: Vec<u8> = [1_i16; 1921].iter().flat_map(|value| value.to_le_bytes()).collect();
    // In pieces that end within a sample.
    let mut source = PcmSource::from_reader(Pieces(bytes.clone(), 7)).unwrap();
    assert_eq!(heard(&mut source).len(), 2 * FRAME_SAMPLES);
    let mut source = PcmSource::from_samples([1_i16; 1921]).unwrap();
    assert_eq!(heard(&mut source).len(), 2 * FRAME_SAMPLES);
    assert!(source.seek(Duration::ZERO).is_err());
}

struct Pieces(Vec<u8>, usize);

impl std::io::Read for Pieces {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(self.0.len()).min(to.len());
        to[..count].copy_from_slice(&self.0[..count]);
        self.0.drain(..count);
        Ok(count)
    }
}

#[test]
fn a_seek_is_exact_to_the_sample() {
    // A tone that begins in the middle.
    let mut file = tone(44_100, 1, 440.0, 0.0, millis(1000));
    let loud = tone(44_100, 1, 440.0, 0.5, millis(1000));
    file.extend(&loud[44..]);
    let length = (file.len() - 44) as u32;
    file[40..44].copy_from_slice(&length.to_le_bytes());
    file[4..8].copy_from_slice(&(length + 36).to_le_bytes());
    with_file("seek.wav", &file, |path| {
        let mut pcm = crate::source::file::samples_of(path).unwrap();
        for (at, quiet) in [(500, 24_000), (900, 4_800), (0, 48_000), (1990, 0)] {
            assert_eq!(pcm.seek(millis(at)).unwrap(), millis(at));
            let mut samples = Vec::new();
            while pcm.read(&mut samples).unwrap() {}
            let left: Vec<f32> = samples.iter().step_by(2).copied().collect();
            let expected = (2000 - at as usize) * 48;
            assert!(left.len().abs_diff(expected) <= 2, "{at}: {} samples", left.len());
            let first = left.iter().position(|value| value.abs() > 0.05).unwrap();
            assert!(first.abs_diff(quiet) < 30, "{at}: loud at {first}");
        }
        assert_eq!(pcm.seek(millis(5000)).unwrap(), millis(2000));
        assert!(!pcm.read(&mut Vec::new()).unwrap());
    });
}

/// An Ogg Opus file of a tone.
fn opus_tone(length: u16) -> Vec<u8> {
    let mut encoder = OpusEncoder::new().unwrap();
    let (mut writer, head) = sanscord::record::ogg::PageWriter::new(1, 312, &[]);
    let mut file = head.to_vec();
    for number in 0..u32::from(length) {
        let mut frame = Vec::new();
        for sample in 0..960 {
            let value = (TAU * 440.0 * f64::from(number * 960 + sample) / 48_000.0).sin() * 16_384.0;
            frame.extend([value as i16; 2]);
        }
        file.extend(writer.push(&encoder.encode(&frame).unwrap(), 960).unwrap_or_default());
    }
    file.extend(writer.finish(0));
    file
}

#[test]
fn ogg_opus_goes_on_where_it_was_when_its_volume_is_set() {
    with_file("tone.opus", &opus_tone(100), |path| {
        let mut source = FileSource::open(path).unwrap();
        for _ in 0..50 {
            source.read().unwrap();
        }
        source.set_volume(0.5).unwrap();
        let samples = heard(&mut source);
        // Half of it is left, but for what the encoder holds.
        assert_eq!(samples.len(), 50 * FRAME_SAMPLES);
        let middle = &samples[4_800..40_000];
        assert!(is_near(level(middle), 0.25, 0.05), "{}", level(middle));
        assert!(is_near(pitch(middle), 440.0, 0.005), "{}", pitch(middle));
        assert_eq!(source.seek(millis(1500)).unwrap(), millis(1500));
        let left = heard(&mut source).len();
        assert_eq!(left, (96_000 - 312 - 72_000_usize).div_ceil(960) * 960);
        let pcm = file_to_pcm(path).unwrap();
        assert_eq!(pcm.len(), (96_000 - 312) * 2);
    });
}

/// What a decoder makes of these packets, less the first samples.
fn decoded(packets: &[Bytes], pre_skip: usize) -> Vec<i16> {
    let mut decoder = Decoder::new(48_000, Channels::Stereo).unwrap();
    let mut samples = Vec::new();
    let mut buffer = vec![0.0_f32; 5760 * 2];
    for packet in packets {
        let count = decoder.decode_float(packet, &mut buffer, false).unwrap();
        samples.extend(buffer[..count * 2].iter().map(|value| (value * 32_768.0).round() as i16));
    }
    samples.split_off(pre_skip * 2)
}

#[test]
fn the_pre_skip_is_decoded_and_left_out_once() {
    let mut encoder = OpusEncoder::new().unwrap();
    let packets: Vec<Bytes> = (0..20_i32)
        .map(|number| {
            let frame: Vec<i16> =
                (0..1920).map(|value| ((value + number * 1920) * 7919 % 20_011) as i16).collect();
            encoder.encode(&frame).unwrap()
        })
        .collect();
    let file = |serial, pre_skip| {
        let (mut writer, head) = sanscord::record::ogg::PageWriter::new(serial, pre_skip, &[]);
        let mut file = head.to_vec();
        for packet in &packets {
            file.extend(writer.push(packet, 960).unwrap_or_default());
        }
        file.extend(writer.finish(0));
        file
    };
    for pre_skip in [0, 312, 960, 3840, 4000] {
        let expected = decoded(&packets, pre_skip.into());
        with_file(&format!("skip-{pre_skip}.opus"), &file(1, pre_skip), |path| {
            assert!(file_to_pcm(path).unwrap() == expected, "{pre_skip} samples");
        });
        // A decoder begins anew with each stream.
        with_file(&format!("chain-{pre_skip}.opus"), &[file(1, 312), file(2, pre_skip)].concat(), |path| {
            let both = [decoded(&packets, 312), expected].concat();
            assert!(file_to_pcm(path).unwrap() == both, "{pre_skip} samples of the second");
        });
    }
}

#[test]
fn a_file_that_claims_absurdities_is_refused() {
    for (name, file, words) in [
        ("rate-low.wav", tone(1, 2, 1.0, 0.5, millis(4000)), "1 samples per second"),
        ("rate-high.wav", tone(768_001, 1, 440.0, 0.5, millis(10)), "768001 samples per second"),
        ("channels.wav", tone(8_000, 33, 440.0, 0.5, millis(10)), "channel"),
    ] {
        with_file(name, &file, |path| {
            let error = FileSource::open(path).map(drop).unwrap_err().to_string();
            assert!(error.contains(words), "{name}: {error}");
        });
    }
    for rate in [4_000, 768_000] {
        with_file("rate.wav", &tone(rate, 1, 440.0, 0.5, millis(100)), |path| {
            assert_eq!(file_to_pcm(path).unwrap().len(), 9_600, "{rate} Hz");
        });
    }
}

#[test]
fn a_file_that_breaks_off_or_is_garbage_is_played_as_far_as_it_is_good() {
    let file = tone(44_100, 2, 440.0, 0.5, millis(200));
    for length in (0..file.len()).step_by(997).chain([1, 20, 43, 44, 45, 50]) {
        with_file("cut.wav", &file[..length], |path| {
            if let Ok(mut source) = FileSource::open(path) {
                while let Ok(Some(_)) = source.read() {}
            }
        });
    }
    with_file("garbage.opus", &stream(7, 0..20, 0, 0), |path| {
        // Its packets are not what an encoder made: they are played, and decoded as lost.
        let mut source = FileSource::open(path).unwrap();
        source.set_volume(0.5).unwrap();
        while source.read().unwrap().is_some() {}
    });
}

#[test]
fn settings_out_of_range_are_refused() {
    let mut encoder = OpusEncoder::new().unwrap();
    assert!(encoder.set_bitrate(499).is_err());
    assert!(encoder.set_bitrate(512_001).is_err());
    assert!(encoder.set_expected_loss(101).is_err());
    assert!(encoder.encode(&[0; 1919]).is_err());
    encoder.set_bitrate(16_000).unwrap();
    encoder.set_fec(true).unwrap();
    encoder.set_expected_loss(20).unwrap();
    let frame: Vec<i16> = (0..1920).map(|value| (value * 37 % 20_000) as i16).collect();
    let small = (0..20).map(|_| encoder.encode(&frame).unwrap().len()).last().unwrap();
    encoder.set_bitrate(256_000).unwrap();
    let large = (0..20).map(|_| encoder.encode(&frame).unwrap().len()).last().unwrap();
    assert!(small < 120 && large > 240, "{small} and {large} bytes");
}
