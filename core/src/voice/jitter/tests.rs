//! The buffer against networks of all kinds, and hostile streams.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::entropy::Entropy;
use crate::time::Duration;

const MS: u64 = 1_000_000;

/// A packet of 20 ms (CELT, full band) that names its number.
fn speech(number: u64) -> Bytes {
    let mut opus = vec![0xF8, 0];
    opus.extend(number.to_be_bytes());
    opus.into()
}

fn silence() -> Bytes {
    Bytes::from_static(SILENCE)
}

#[derive(Clone, Debug)]
struct Arrival {
    at: u64,
    sequence: u16,
    timestamp: u32,
    opus: Bytes,
}

/// Number `n` of a stream of 20 ms, sent at `20 n` ms, that came so many milliseconds later.
fn arrival(number: u64, delay: u64) -> Arrival {
    Arrival {
        at: (1000 + 20 * number + delay) * MS,
        sequence: (65_530 + number) as u16,
        timestamp: (u64::from(u32::MAX) - 3000 + 960 * number) as u32,
        opus: speech(number),
    }
}

/// Plays all that is due up to this time, as a caller with a timer does.
fn play_until(buffer: &mut JitterBuffer, until: u64, items: &mut Vec<(u64, Playout)>) {
    let now = timestamp(buffer.now);
    let until = until.max(now.as_nanos());
    while let Some(deadline) = buffer.deadline().filter(|deadline| deadline.as_nanos() <= until) {
        let item = buffer.pop(deadline).expect("the deadline keeps its word");
        items.push((deadline.max(now).as_nanos(), item));
    }
    assert_eq!(buffer.pop(Timestamp::from_nanos(until)), None);
    assert!(buffer.deadline().is_none_or(|deadline| deadline.as_nanos() > until));
    assert!(buffer.len() <= MAX_PACKETS && buffer.bytes() <= MAX_BYTES);
    assert_eq!(buffer.bytes(), buffer.held.values().map(|held| held.opus.len()).sum::<usize>());
}

fn push(buffer: &mut JitterBuffer, arrival: &Arrival) {
    let Arrival { at, sequence, timestamp, ref opus } = *arrival;
    buffer.push(Timestamp::from_nanos(at), sequence, timestamp, opus.clone());
}

/// Pushes what arrives, in the order of arrival, and plays to the end.
fn run(buffer: &mut JitterBuffer, mut arrivals: Vec<Arrival>) -> Vec<(u64, Playout)> {
    arrivals.sort_by_key(|arrival| arrival.at);
    let mut items = Vec::new();
    for arrival in &arrivals {
        play_until(buffer, arrival.at.saturating_sub(1), &mut items);
        push(buffer, arrival);
        play_until(buffer, arrival.at, &mut items);
    }
    let end = arrivals.last().map_or(0, |last| last.at) + 3000 * MS;
    play_until(buffer, end, &mut items);
    assert!(buffer.is_empty() && buffer.deadline().is_none());
    items
}

fn number(opus: &Bytes) -> Option<u64> {
    opus.get(2..)?.first_chunk().map(|number| u64::from_be_bytes(*number))
}

/// What was played, in short: a frame's number and how many are missing before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Item {
    Start(u64, u32),
    Frame(u64, u32),
    Silence,
    Lost(Option<u64>),
    End,
}

use Item::{End, Frame, Lost, Silence, Start};

fn short(items: &[(u64, Playout)]) -> Vec<Item> {
    let short = |(_, item): &(u64, Playout)| match item {
        Playout::Frame { opus, .. } if *opus == silence() => Silence,
        Playout::Frame { opus, missing, starts: true, .. } => Start(number(opus).unwrap_or(0), *missing),
        Playout::Frame { opus, missing, .. } => Frame(number(opus).unwrap_or(0), *missing),
        Playout::Lost { next, .. } => Lost(next.as_ref().and_then(number)),
        Playout::EndOfSpurt => End,
    };
    items.iter().map(short).collect()
}

/// What follows the last packet of a speaker who stops without a word.
const STARVED: [Item; 6] = [Lost(None), Lost(None), Lost(None), Lost(None), Lost(None), End];

fn then_starved(items: &[Item]) -> Vec<Item> {
    [items, &STARVED].concat()
}

#[test]
fn frames_come_at_their_time_over_both_wraps() {
    let mut buffer = JitterBuffer::new(Config::default());
    let items = run(&mut buffer, (0..100).map(|n| arrival(n, 0)).collect());
    for (n, (time, item)) in (0_u64..).zip(&items[..100]) {
        let Arrival { at, sequence, timestamp, opus } = arrival(n, 0);
        let expected = Playout::Frame { sequence, timestamp, samples: 960, missing: 0, starts: n == 0, opus };
        assert_eq!((*time, item), (at + 60 * MS, &expected));
    }
    assert_eq!(short(&items[100..]), STARVED);
    let statistics = buffer.statistics();
    assert_eq!((statistics.received, statistics.lost, statistics.late), (100, 0, 0));
    assert_eq!((statistics.concealed, statistics.spurts, statistics.jitter), (5, 1, Duration::ZERO));
    assert_eq!((statistics.target, statistics.delay), (Duration::from_millis(20), Duration::from_millis(60)));
}

#[test]
fn losses_delays_and_duplicates() {
    // Numbers with their delays in ms, and what comes out before the speaker falls silent.
    type Row = (&'static [(u64, u64)], &'static [Item], [u64; 3]);
    let rows: [Row; 10] = [
        // The last is lost, late, duplicated.
        (&[(0, 0), (1, 0), (2, 0)], &[Start(0, 0), Frame(1, 0), Frame(2, 0)], [0, 0, 0]),
        (&[(0, 0), (2, 0)], &[Start(0, 0), Lost(Some(2)), Frame(2, 1)], [1, 0, 0]),
        (&[(0, 0), (3, 0)], &[Start(0, 0), Lost(None), Lost(Some(3)), Frame(3, 2)], [2, 0, 0]),
        (&[(0, 0), (1, 50), (2, 0)], &[Start(0, 0), Frame(1, 0), Frame(2, 0)], [0, 0, 0]),
        (&[(0, 30), (1, 0), (2, 0)], &[Start(0, 0), Frame(1, 0), Frame(2, 0)], [0, 0, 0]),
        (&[(0, 0), (1, 70), (2, 0)], &[Start(0, 0), Lost(Some(2)), Frame(2, 1)], [1, 1, 0]),
        (&[(0, 0), (1, 0), (1, 10), (1, 200)], &[Start(0, 0), Frame(1, 0)], [0, 0, 2]),
        // Eight are lost, and the ninth comes while the first five are concealed.
        (
            &[(0, 0), (9, 0)],
            &[
                Start(0, 0),
                Lost(None),
                Lost(None),
                Lost(None),
                Lost(None),
                Lost(None),
                Lost(None),
                Lost(None),
                Lost(Some(9)),
                Frame(9, 8),
            ],
            [8, 0, 0],
        ),
        // Eleven are lost, and the twelfth comes when the spurt is over.
        (
            &[(0, 0), (12, 0)],
            &[Start(0, 0), Lost(None), Lost(None), Lost(None), Lost(None), Lost(None), End, Start(12, 11)],
            [11, 0, 0],
        ),
        // What comes before the end of the pause is late only if it was given out as lost.
        (
            &[(0, 0), (3, 100), (6, 130)],
            &[Start(0, 0), Lost(None), Lost(None), Lost(None), Lost(None), Lost(None), End, Start(6, 5)],
            [5, 1, 0],
        ),
    ];
    for (pushed, expected, counts) in rows {
        let mut buffer = JitterBuffer::new(Config::default());
        let items = run(&mut buffer, pushed.iter().map(|&(n, delay)| arrival(n, delay)).collect());
        assert_eq!(short(&items), then_starved(expected), "{pushed:?}");
        let statistics = buffer.statistics();
        assert_eq!([statistics.lost, statistics.late, statistics.duplicated], counts, "{pushed:?}");
    }
}

#[test]
fn a_loss_has_its_place_in_number_and_time() {
    let mut buffer = JitterBuffer::new(Config::default());
    let items = run(&mut buffer, vec![arrival(0, 0), arrival(3, 0)]);
    for n in [1, 2] {
        let Arrival { at, sequence, timestamp, .. } = arrival(n, 60);
        let next = (n == 2).then(|| speech(3));
        assert_eq!(items[n as usize], (at, Playout::Lost { sequence, timestamp, samples: 960, next }));
    }
}

#[test]
fn five_frames_of_silence_end_a_spurt() {
    let mut buffer = JitterBuffer::new(Config::default());
    let with_silence =
        |n, opus: bool| Arrival { opus: if opus { silence() } else { speech(n) }, ..arrival(n, 0) };
    // Silence from 1 to 7; and what follows at once, is a new spurt.
    let items = run(&mut buffer, (0..9).map(|n| with_silence(n, (1..8).contains(&n))).collect());
    let mut expected = vec![Start(0, 0)];
    expected.extend([Silence; 7]);
    expected.extend([End, Start(8, 0)]);
    assert_eq!(short(&items), then_starved(&expected));
    // Nothing follows: there is no loss. A silence that is lost is one.
    let mut buffer = JitterBuffer::new(Config::default());
    let arrivals = (0..7).filter(|&n| n != 2).map(|n| with_silence(n, n > 0)).collect();
    let expected = [Start(0, 0), Silence, Lost(None), Silence, Silence, Silence, Silence, End];
    assert_eq!(short(&run(&mut buffer, arrivals)), expected);
    let mut buffer = JitterBuffer::new(Config::default());
    let arrivals = (0..6).map(|n| with_silence(n, n > 0)).collect();
    let expected = [Start(0, 0), Silence, Silence, Silence, Silence, Silence, End];
    assert_eq!(short(&run(&mut buffer, arrivals)), expected);
}

#[test]
fn a_gap_in_time_without_one_in_number_is_a_pause() {
    let paused = |number: u64, pause: u64| {
        let Arrival { at, timestamp, .. } = arrival(number, pause);
        Arrival { at, timestamp: timestamp.wrapping_add(48 * pause as u32), ..arrival(number, 0) }
    };
    for pause in [200, 3000, 9000, 100_000] {
        let mut buffer = JitterBuffer::new(Config::default());
        let items = run(&mut buffer, vec![arrival(0, 0), arrival(1, 0), paused(2, pause), paused(3, pause)]);
        let expected = [&then_starved(&[Start(0, 0), Frame(1, 0)])[..], &[Start(2, 0), Frame(3, 0)]].concat();
        assert_eq!(short(&items), then_starved(&expected), "{pause}");
        assert_eq!(buffer.statistics().lost, 0);
    }
    // With both, as many are lost as numbers are missing, and the rest is a pause.
    let mut buffer = JitterBuffer::new(Config::default());
    let items = run(&mut buffer, vec![arrival(0, 0), arrival(1, 0), paused(3, 3000)]);
    let expected = [&then_starved(&[Start(0, 0), Frame(1, 0)])[..], &[Start(3, 1)]].concat();
    assert_eq!(short(&items), then_starved(&expected));
}

#[test]
fn a_marker_and_a_new_source_start_a_spurt() {
    let mut buffer = JitterBuffer::new(Config::default());
    let (mut items, start) = (Vec::new(), 1000 * MS);
    push(&mut buffer, &arrival(0, 0));
    push(&mut buffer, &Arrival { at: start, ..arrival(1, 0) });
    buffer.mark();
    push(&mut buffer, &Arrival { at: start, ..arrival(2, 0) });
    // A number that is near, of another source: nothing is missing between.
    buffer.restart();
    push(&mut buffer, &Arrival { at: start, timestamp: 5, ..arrival(40, 0) });
    push(&mut buffer, &Arrival { at: start, timestamp: 965, ..arrival(41, 0) });
    play_until(&mut buffer, 2000 * MS, &mut items);
    let expected = [Start(0, 0), Frame(1, 0), End, Start(2, 0), End, Start(40, 0), Frame(41, 0)];
    assert_eq!(short(&items), then_starved(&expected));
    assert_eq!(buffer.statistics().resets, 1);
}

#[test]
fn a_jump_of_numbers_or_a_step_back_in_time_is_a_new_stream() {
    for (number, timestamp, resets) in [
        (500, None, 0),
        (501, None, 1),
        (65_536 - 501, None, 1),
        (30_000, None, 1),
        (1, Some(arrival(0, 0).timestamp.wrapping_sub(960)), 1),
        (1, Some(arrival(0, 0).timestamp), 1),
    ] {
        let mut buffer = JitterBuffer::new(Config::default());
        let jumped = arrival(number, 0);
        let jumped = Arrival { timestamp: timestamp.unwrap_or(jumped.timestamp), at: 1010 * MS, ..jumped };
        let items = run(&mut buffer, vec![arrival(0, 0), jumped]);
        assert_eq!(buffer.statistics().resets, resets, "{number}");
        if resets == 1 {
            let expected = [Start(0, 0), End, Start(number, 0)];
            let expected = if short(&items)[1] == End {
                then_starved(&expected)
            } else {
                then_starved(&[&then_starved(&expected[..1])[..], &expected[2..]].concat())
            };
            assert_eq!(short(&items), expected, "{number}");
        }
    }
}

#[test]
fn frames_may_be_as_short_or_long_as_opus_allows() {
    for (toc, samples) in [(0xE0, 120), (0xE8, 240), (0x00, 480), (0x10, 1920), (0x18, 2880)] {
        let mut buffer = JitterBuffer::new(Config::default());
        let arrivals = (0..50).filter(|n| n % 10 != 5).map(|n| Arrival {
            at: 1000 * MS + n * samples * 1_000_000 / 48,
            sequence: n as u16,
            timestamp: (n * samples) as u32,
            opus: vec![toc, 1].into(),
        });
        let items = run(&mut buffer, arrivals.collect());
        let mut next = 0;
        for (n, (time, item)) in (0_u64..).zip(&items[..50]) {
            assert_eq!(*time, (1060 * MS + n * samples * 1_000_000 / 48).next_multiple_of(1), "{toc}");
            let (lost, timestamp, length) = match item {
                Playout::Frame { timestamp, samples, .. } => (false, *timestamp, *samples),
                Playout::Lost { timestamp, samples, .. } => (true, *timestamp, *samples),
                Playout::EndOfSpurt => panic!("{toc} {n}"),
            };
            assert_eq!((lost, timestamp, u64::from(length)), (n % 10 == 5, next, samples), "{toc} {n}");
            next += length;
        }
    }
}

#[test]
fn padding_is_no_loss_and_what_is_not_opus_is_one() {
    for (opus, expected) in [(&[][..], None), (&[0x03], Some(Lost(Some(2))))] {
        let mut buffer = JitterBuffer::new(Config::default());
        let odd = Arrival { opus: opus.to_vec().into(), ..arrival(1, 0) };
        // The padding's place in time is taken by what follows.
        let timestamp = if opus.is_empty() { odd.timestamp } else { arrival(2, 0).timestamp };
        let items = run(&mut buffer, vec![arrival(0, 0), odd, Arrival { timestamp, ..arrival(2, 0) }]);
        let missing = u32::from(expected.is_some());
        let expected: Vec<_> =
            [Some(Start(0, 0)), expected, Some(Frame(2, missing))].into_iter().flatten().collect();
        assert_eq!(short(&items), then_starved(&expected));
        assert_eq!(buffer.statistics().invalid, u64::from(missing));
    }
}

#[test]
fn padding_behind_a_loss_is_none() {
    let mut buffer = JitterBuffer::new(Config::default());
    let padding = Arrival { opus: Bytes::new(), ..arrival(2, 0) };
    let after = Arrival { timestamp: arrival(2, 0).timestamp, at: arrival(2, 5).at, ..arrival(3, 0) };
    let items = run(&mut buffer, vec![arrival(0, 0), padding, after]);
    assert_eq!(short(&items), then_starved(&[Start(0, 0), Lost(Some(3)), Frame(3, 1)]));
}

#[test]
fn a_single_loss_is_as_long_as_the_hole() {
    let mut buffer = JitterBuffer::new(Config::default());
    let items = run(
        &mut buffer,
        vec![arrival(0, 0), Arrival { sequence: arrival(1, 0).sequence.wrapping_add(1), ..arrival(4, 0) }],
    );
    // The hole of 60 ms is known only when what follows is there: one frame's time after the loss.
    let late = short(&items);
    assert_eq!(late[..3], [Start(0, 0), Lost(Some(4)), Frame(4, 1)]);
    assert!(matches!(items[1].1, Playout::Lost { samples: 2880, .. }));
}

#[test]
fn a_duplicate_too_old_for_the_window_is_one_still() {
    for again in [arrival(0, 0).opus, Bytes::new()] {
        let mut buffer = JitterBuffer::new(Config::default());
        let start = 1000 * MS;
        push(&mut buffer, &Arrival { at: start, ..arrival(200, 0) });
        push(&mut buffer, &Arrival { at: start, ..arrival(0, 0) });
        push(&mut buffer, &Arrival { at: start, opus: again, ..arrival(0, 0) });
        assert_eq!((buffer.len(), buffer.bytes()), (2, 20));
        assert_eq!(buffer.statistics().duplicated, 1);
    }
}

#[test]
fn memory_is_bounded_and_the_oldest_go() {
    for (count, size) in [(600, 10), (200, 1200)] {
        let mut buffer = JitterBuffer::new(Config::default());
        for n in 0..count {
            let mut opus = speech(n).to_vec();
            opus.resize(size, 0);
            push(&mut buffer, &Arrival { opus: opus.into(), ..arrival(n, 0) });
            assert!(buffer.len() <= MAX_PACKETS && buffer.bytes() <= MAX_BYTES);
        }
        let kept = MAX_PACKETS.min(MAX_BYTES / size) as u64;
        assert_eq!(buffer.statistics().overflowed, count - kept);
        let mut items = Vec::new();
        play_until(&mut buffer, u64::MAX / 2, &mut items);
        assert_eq!(short(&items)[0], Start(count - kept, 0));
        assert_eq!(items.len() as u64, kept + 6);
    }
    // Nobody played for an hour: what went is not given out one by one.
    let mut buffer = JitterBuffer::new(Config::default());
    let mut items = Vec::new();
    push(&mut buffer, &arrival(0, 0));
    play_until(&mut buffer, 1070 * MS, &mut items);
    for n in 1..180_000 {
        push(&mut buffer, &arrival(n, 0));
    }
    play_until(&mut buffer, 3_700_000 * MS, &mut items);
    assert_eq!(short(&items)[..3], [Start(0, 0), End, Start(180_000 - 512, 180_000 - 513)]);
}

#[test]
fn a_stall_of_the_network_leaves_no_backlog() {
    let mut buffer = JitterBuffer::new(Config::default());
    // From number 200 on all is held up for two seconds, and comes at once.
    let release = 1000 + 20 * 300;
    let delay = |n: u64| if (200..300).contains(&n) { release - 1000 - 20 * n } else { 0 };
    let items = run(&mut buffer, (0..500).map(|n| arrival(n, delay(n))).collect());
    for (time, item) in &items {
        if let Playout::Frame { opus, .. } = item {
            let n = number(opus).unwrap();
            let sent = arrival(n, 0).at;
            assert!(time - sent <= 200 * MS, "{n} waits for {} ms", (time - sent) / MS);
        }
    }
    let statistics = buffer.statistics();
    assert!((85..100).contains(&statistics.late), "{statistics:?}");
    assert_eq!(statistics.lost, statistics.late);
}

#[test]
fn a_longer_way_through_the_network_is_learnt() {
    let mut buffer = JitterBuffer::new(Config::default());
    let items = run(&mut buffer, (0..1000).map(|n| arrival(n, if n < 400 { 0 } else { 1000 })).collect());
    let statistics = buffer.statistics();
    assert!(statistics.late <= 6, "{statistics:?}");
    let (time, last) = items.iter().rfind(|(_, item)| matches!(item, Playout::Frame { .. })).unwrap();
    assert!(matches!(last, Playout::Frame { opus, .. } if number(opus) == Some(999)));
    assert!(*time - arrival(999, 1000).at <= 200 * MS);
}

#[test]
fn a_senders_clock_may_stop_or_be_set_in_a_pause() {
    // By how much the sender's clock differs from ours after a pause of two seconds, in ms.
    for drift in [-2000_i64, -300, -50, 0, 50, 300, 2000, 1_000_000] {
        let mut buffer = JitterBuffer::new(Config::default());
        let arrivals = (0..400_u64).map(|n| {
            let spurt = n / 100;
            let plain = arrival(n, 0);
            let clock = (2000 + drift) * 48 * spurt as i64;
            let timestamp = plain.timestamp.wrapping_add(clock as u32);
            let opus = if n % 100 >= 95 { silence() } else { plain.opus };
            Arrival { at: plain.at + spurt * 2000 * MS, timestamp, opus, ..plain }
        });
        let arrivals: Vec<_> = arrivals.collect();
        let items = run(&mut buffer, arrivals.clone());
        let statistics = buffer.statistics();
        assert_eq!((statistics.late, statistics.lost, statistics.concealed), (0, 0, 0), "{drift}");
        assert_eq!(statistics.spurts, 4, "{drift}");
        // A clock that was set forward is not a network that was slow before.
        assert!(drift < 0 || statistics.target == Duration::from_millis(20), "{drift}");
        for (time, item) in &items {
            if let Playout::Frame { sequence, .. } = item {
                let came = arrivals.iter().find(|arrival| arrival.sequence == *sequence).unwrap().at;
                assert!((*time - came) <= 200 * MS, "{drift}");
            }
        }
    }
}

#[test]
fn a_fixed_delay_stays() {
    let delay = Duration::from_millis(40);
    let mut buffer = JitterBuffer::new(Config { adaptive: false, min: delay, max: MAX_DELAY });
    let items = run(&mut buffer, (0..200).map(|n| arrival(n, if n % 20 == 9 { 90 } else { 0 })).collect());
    for (time, item) in &items {
        if let Playout::Frame { opus, .. } = item {
            assert_eq!(*time, arrival(number(opus).unwrap(), 40).at);
        }
    }
    assert_eq!(buffer.statistics().late, 10);
    assert_eq!(buffer.statistics().delay, delay);
}

#[test]
fn bounds_out_of_order_are_put_right() {
    let config = Config { adaptive: true, min: Duration::MAX, max: Duration::ZERO };
    let mut buffer = JitterBuffer::new(config);
    let items = run(&mut buffer, vec![arrival(0, 0)]);
    assert_eq!(items[0].0, arrival(0, 1000).at);
}

/// Roughly gaussian, of this standard deviation: the sum of twelve uniform draws.
fn gaussian(entropy: &mut Entropy, deviation: f64) -> f64 {
    let sum: u64 = (0..12).map(|_| entropy.below(1 << 20)).sum();
    (sum as f64 / f64::from(1 << 20) - 6.0) * deviation
}

/// Speech as people speak: spurts of one to eight seconds, five frames of silence, pauses up to four seconds.
/// `delay` in ms, drawn for each packet.
fn talk(
    numbers: core::ops::Range<u64>,
    entropy: &mut Entropy,
    mut delay: impl FnMut(&mut Entropy) -> f64,
) -> Vec<Arrival> {
    let (mut arrivals, mut pause, mut left) = (Vec::new(), 0, 0);
    for n in numbers {
        if left == 0 {
            left = 50 + entropy.below(350);
            pause += entropy.below(200);
        }
        left -= 1;
        let plain = arrival(n, 0);
        let (at, timestamp) = (plain.at + pause * 20 * MS, plain.timestamp.wrapping_add(960 * pause as u32));
        let at = at + (delay(entropy).max(0.0) * 1e6) as u64;
        let opus = if left < 5 { silence() } else { plain.opus };
        arrivals.push(Arrival { at, timestamp, opus, ..plain });
    }
    arrivals
}

#[test]
fn an_hour_of_jitter_costs_less_than_a_hundredth() {
    for deviation in [5.0, 15.0, 30.0] {
        let mut buffer = JitterBuffer::new(Config::default());
        let mut entropy = Entropy::new([deviation as u8; 32]);
        let arrivals = talk(0..180_000, &mut entropy, |entropy| 100.0 + gaussian(entropy, deviation));
        run(&mut buffer, arrivals);
        let statistics = buffer.statistics();
        let share = statistics.late as f64 / statistics.received as f64;
        assert!(share < 0.01, "{deviation}: {share} {statistics:?}");
        assert_eq!(statistics.lost, statistics.late);
        // No more delay than such a network asks for: six deviations.
        let target = statistics.target.as_secs_f64() * 1000.0;
        assert!(target < 6.5 * deviation + 20.0, "{deviation}: {target}");
        // The mean difference of two draws is 1.13 deviations.
        let jitter = statistics.jitter.as_secs_f64() * 1000.0;
        assert!((0.5 * deviation..2.0 * deviation).contains(&jitter), "{deviation}: {jitter}");
    }
}

#[test]
fn the_delay_grows_fast_and_shrinks_when_the_network_calms() {
    let mut buffer = JitterBuffer::new(Config::default());
    let mut entropy = Entropy::new([7; 32]);
    let calm = talk(0..3000, &mut entropy, |_| 100.0);
    let end = calm.last().unwrap().clone();
    let later = |arrivals: Vec<Arrival>, end: &Arrival| -> Vec<Arrival> {
        let shift = end.at - arrivals[0].at + 4000 * MS;
        let first = arrivals[0].timestamp;
        let timestamp = |arrival: &Arrival| {
            end.timestamp.wrapping_add(arrival.timestamp.wrapping_sub(first)).wrapping_add(4000 * 48)
        };
        arrivals.into_iter().map(|a| Arrival { at: a.at + shift, timestamp: timestamp(&a), ..a }).collect()
    };
    run(&mut buffer, calm);
    assert_eq!(buffer.statistics().delay, Duration::from_millis(20));
    let rough = talk(3000..3200, &mut entropy, |entropy| 100.0 + gaussian(entropy, 30.0).abs());
    let rough = later(rough, &end);
    let end = rough.last().unwrap().clone();
    let before = buffer.statistics();
    run(&mut buffer, rough);
    let after = buffer.statistics();
    assert!(after.delay > Duration::from_millis(60), "{after:?}");
    assert!(after.late - before.late <= 12, "{after:?}");
    let calm = later(talk(3200..7000, &mut entropy, |_| 100.0), &end);
    run(&mut buffer, calm);
    let calmed = buffer.statistics();
    assert_eq!(calmed.delay, Duration::from_millis(20), "{calmed:?}");
    assert!(calmed.late - after.late <= 2, "{calmed:?}");
}

#[test]
fn a_spurt_is_not_stretched_or_squeezed_by_what_is_in_time() {
    let mut buffer = JitterBuffer::new(Config::default());
    let mut entropy = Entropy::new([9; 32]);
    // One spurt of a minute, with the delays below the 60 ms that are there at the start.
    let items = run(&mut buffer, (0..3000).map(|n| arrival(n, entropy.below(60))).collect());
    let times: Vec<_> = items[..3000].iter().map(|(time, _)| *time).collect();
    let steps: BTreeSet<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| step.abs_diff(20 * MS) <= MS / 10), "{steps:?}");
}

proptest! {
    /// Against the plain list of what was sent. A sender with talk spurts and pauses, of packets that are lost,
    /// doubled and delayed by up to what a maximum of 200 ms can bear.
    #[test]
    fn whatever_the_network_does(
        adaptive: bool,
        first in (any::<u16>(), any::<u32>()),
        length in prop::sample::select(vec![(0xE0_u8, 120_u64), (0x00, 480), (0xF8, 960), (0x18, 2880)]),
        spurts in proptest::collection::vec(
            (
                proptest::collection::vec(
                    (0_u8..20, 0_u64..100, proptest::option::weighted(0.1, 0_u64..400)), 1..60
                ),
                500_u64..20_000,
                any::<bool>(),
            ),
            1..6,
        ),
    ) {
        let (toc, samples) = length;
        // By number: when it was sent, in samples.
        let (mut sent, mut arrivals) = (Vec::new(), Vec::new());
        let mut media = 0;
        for (packets, pause, says_so) in spurts {
            let spoken = packets.len();
            let silences = if says_so { 5 } else { 0 };
            let all = packets.into_iter().chain([(19, 0, None); 5].into_iter().take(silences));
            for (n, (fate, delay, again)) in all.enumerate() {
                let number = sent.len() as u64;
                let mut opus = vec![toc, 0];
                opus.extend(number.to_be_bytes());
                let opus = if n < spoken { opus.into() } else { silence() };
                let time = 1000 * MS + media * 1_000_000 / 48;
                let packet = Arrival {
                    at: time + delay * MS,
                    sequence: first.0.wrapping_add(number as u16),
                    timestamp: first.1.wrapping_add(media as u32),
                    opus,
                };
                // One in twenty is lost.
                if fate > 0 {
                    arrivals.push((number, packet.clone()));
                }
                if let Some(again) = again.filter(|_| fate > 0) {
                    arrivals.push((number, Arrival { at: time + again * MS, ..packet }));
                }
                sent.push(media);
                media += if n < spoken { samples } else { 960 };
            }
            media += pause * 48;
        }
        arrivals.sort_by_key(|(_, arrival)| arrival.at);

        let mut buffer = JitterBuffer::new(Config { adaptive, ..Config::default() });
        let by_sequence = |sequence: u16| u64::from(sequence.wrapping_sub(first.0));
        let mut items: Vec<(u64, Playout)> = Vec::new();
        // What must be played, and what came too late, as the items given out so far tell.
        let (mut due, mut late, mut seen) = (BTreeSet::new(), 0, BTreeSet::new());
        for (number, arrival) in &arrivals {
            play_until(&mut buffer, arrival.at.saturating_sub(1), &mut items);
            let passed = items.iter().rev().find_map(|(_, item)| match item {
                Playout::Frame { timestamp, samples, .. } | Playout::Lost { timestamp, samples, .. } => {
                    Some(u64::from(timestamp.wrapping_sub(first.1)) + u64::from(*samples))
                }
                Playout::EndOfSpurt => None,
            });
            if seen.insert(*number) {
                if passed.is_some_and(|passed| sent[*number as usize] < passed) {
                    late += 1;
                } else {
                    due.insert(*number);
                }
            }
            push(&mut buffer, arrival);
        }
        play_until(&mut buffer, u64::MAX / 2, &mut items);

        let statistics = buffer.statistics();
        let mut frames = BTreeMap::new();
        let (mut end, mut before, mut lost, mut missed, mut paused) = (None, None, 0, 0, true);
        for (time, item) in &items {
            match item {
                Playout::Frame { sequence, timestamp, samples, missing, starts, .. } => {
                    let number = by_sequence(*sequence);
                    let place = u64::from(timestamp.wrapping_sub(first.1));
                    prop_assert_eq!(place, sent[number as usize]);
                    prop_assert_eq!(*starts, paused);
                    // One item for each step: without a pause, each starts where the one before ended.
                    let gap = end.map_or(0, |end: u64| place as i64 - end as i64);
                    prop_assert!(gap == 0 || (*starts && gap > 0), "{gap}");
                    let skipped = before.map_or(0, |before: u64| number - before - 1);
                    prop_assert_eq!(u64::from(*missing), skipped);
                    if !starts {
                        prop_assert_eq!(lost, skipped);
                    } else if before.is_some() {
                        // And no pause where the speaker made none, unless nothing came.
                        prop_assert!(gap > 0 || lost > 0);
                    }
                    missed += skipped;
                    prop_assert!(frames.insert(number, *time).is_none());
                    (end, before, lost, paused) = (Some(place + u64::from(*samples)), Some(number), 0, false);
                    // Never longer than the maximum beyond the network's own delay.
                    prop_assert!(*time <= 1000 * MS + place * 1_000_000 / 48 + (200 + 100) * MS + 1);
                }
                Playout::Lost { timestamp, samples, .. } => {
                    let place = u64::from(timestamp.wrapping_sub(first.1));
                    prop_assert_eq!(end, Some(place));
                    prop_assert!(!paused);
                    end = Some(place + u64::from(*samples));
                    lost += 1;
                }
                Playout::EndOfSpurt => {
                    prop_assert!(!paused);
                    paused = true;
                }
            }
        }
        prop_assert!(paused);
        prop_assert_eq!(frames.keys().copied().collect::<BTreeSet<_>>(), due);
        prop_assert_eq!(statistics.late, late);
        prop_assert_eq!(statistics.lost, missed);
        prop_assert_eq!(statistics.duplicated as usize, arrivals.len() - seen.len());
        prop_assert_eq!(statistics.received as usize, seen.len());
        prop_assert!(items.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }

    /// Whatever is pushed whenever: no panic, bounded, and the deadline keeps its word.
    #[test]
    fn hostile_streams(
        steps in proptest::collection::vec(
            (
                0_u64..300,
                prop_oneof![any::<u16>(), 0_u16..40],
                prop_oneof![any::<u32>(), 0_u32..40_000],
                prop_oneof![
                    Just(vec![]), Just(vec![0xF8, 0xFF, 0xFE]), Just(vec![0x18, 1]), Just(vec![0xE0, 1]),
                    proptest::collection::vec(any::<u8>(), 0..6),
                    Just(vec![0xF8; 60_000]),
                ],
                0_u8..12,
            ),
            0..200,
        ),
    ) {
        let mut buffer = JitterBuffer::new(Config::default());
        let (mut now, mut items) = (0, Vec::new());
        for (pause, sequence, timestamp, opus, kind) in steps {
            now += pause * MS;
            match kind {
                0 => buffer.restart(),
                1 => buffer.mark(),
                // A clock that steps back.
                2 => _ = buffer.pop(Timestamp::from_nanos(now / 2)),
                3..7 => play_until(&mut buffer, now, &mut items),
                _ => {}
            }
            buffer.push(Timestamp::from_nanos(now), sequence, timestamp, opus.into());
            prop_assert!(buffer.len() <= MAX_PACKETS && buffer.bytes() <= MAX_BYTES);
        }
        play_until(&mut buffer, u64::MAX / 2, &mut items);
        prop_assert!(buffer.deadline().is_none());
        let statistics = buffer.statistics();
        let frames = items.iter().filter(|(_, item)| matches!(item, Playout::Frame { .. })).count() as u64;
        prop_assert!(frames <= statistics.received);
        prop_assert!(statistics.target <= Duration::from_millis(200));
    }
}
