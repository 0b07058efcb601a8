//! 50 workers and 200 buckets for a virtual day.

use super::super::*;
use super::simulation::{Fate, MS, Script, Simulation};

const SECOND: u64 = 1000 * MS;
const HOUR: u64 = 3600 * SECOND;
const BUCKETS: usize = 200;
/// Limits and periods of buckets for which more workers want to send than may.
const SATURATED: [(u32, u64); 4] = [(5, 5), (5, 2), (10, 10), (3, 3)];
const WORKERS: usize = 50;
/// Workers for each of these.
const EACH: usize = 10;

struct Day {
    /// What could have been served in a saturated bucket until its limit last changed, and when that was.
    allowed: [(f64, u64); SATURATED.len()],
}

impl Day {
    fn settle(&mut self, simulation: &Simulation, spot: usize) {
        let (allowed, since) = self.allowed[spot];
        let time = (simulation.now - since) as f64;
        let bucket = &simulation.spots[spot];
        let rate = f64::from(bucket.limit) / bucket.period as f64;
        self.allowed[spot] = (allowed + time * rate, simulation.now);
    }
}

impl Script for Day {
    fn work(&mut self, simulation: &mut Simulation, worker: usize) {
        let spot = worker / EACH;
        if spot < SATURATED.len() {
            return simulation.ask(worker, spot, Fate::Answered).unwrap();
        }
        let ways = simulation.ways.len() - SATURATED.len();
        let way = SATURATED.len() + simulation.below(ways as u64) as usize;
        let fate = match simulation.below(1000) {
            0 => Fate::LostAway,
            1 => Fate::LostBack,
            2 => Fate::Garbled,
            3 | 4 => Fate::Shared(2 * SECOND),
            5 => Fate::Cancelled(SECOND),
            _ => Fate::Answered,
        };
        simulation.ask(worker, way, fate).unwrap();
    }

    fn finished(&mut self, simulation: &mut Simulation, worker: usize) {
        let rest = if worker / EACH < SATURATED.len() { 0 } else { simulation.below(2 * SECOND) };
        simulation.work_at(simulation.now + rest, worker);
    }

    /// Each hour a limit changes, and a bucket's name.
    fn change(&mut self, simulation: &mut Simulation, hour: usize) {
        let saturated = hour % SATURATED.len();
        let other = simulation.below(BUCKETS as u64) as usize;
        for number in [saturated, other] {
            if number < SATURATED.len() {
                self.settle(simulation, number);
            }
            let (now, spot) = (simulation.now, &mut simulation.spots[number]);
            spot.limit = if spot.limit % 2 == 0 { spot.limit + 3 } else { (spot.limit - 1).max(2) };
            spot.limit = spot.limit.min(10);
            spot.excused = now + 2 * spot.period + 2 * SECOND;
        }
        let renamed = simulation.below(BUCKETS as u64) as usize;
        simulation.rename(renamed, (1000 + hour) as u64);
        simulation.rename((saturated + 1) % SATURATED.len(), (2000 + hour) as u64);
    }
}

#[test]
fn a_day_of_fifty_workers_and_two_hundred_buckets() {
    let mut simulation = Simulation::new(7, Config::default());
    for number in 0..BUCKETS {
        let (limit, period) = SATURATED.get(number).copied().unwrap_or_else(|| {
            (1 + simulation.below(10) as u32, [1, 2, 5, 10, 60][simulation.below(5) as usize])
        });
        simulation.add_spot(limit, period * SECOND);
    }
    for spot in 0..BUCKETS {
        simulation.add_way(spot, spot as u64, spot as u64, false);
    }
    // Some buckets have two routes, some routes are interactions'.
    for spot in SATURATED.len()..BUCKETS / 4 {
        simulation.add_way(spot, spot as u64, spot as u64, spot % 3 == 0);
    }
    let mut day = Day { allowed: [(0.0, 0); SATURATED.len()] };
    for worker in 0..WORKERS {
        simulation.work_at(worker as u64 * MS, worker);
    }
    for hour in 1..24 {
        simulation.change_at(hour * HOUR, hour as usize);
    }
    simulation.run(&mut day, 24 * HOUR);

    assert_eq!(simulation.foreseeable, []);
    assert!(simulation.unforeseeable < simulation.done / 100, "{}", simulation.unforeseeable);
    assert!(simulation.done > 500_000, "{}", simulation.done);
    // What is under way at midnight is one request of each worker at most.
    let ended = simulation.done + simulation.lost + simulation.cancelled;
    assert!(simulation.asked - ended <= WORKERS as u64);
    // Ten workers may meet at a bucket that takes one request a minute.
    assert!(simulation.longest < 900 * SECOND, "a request waited {} s", simulation.longest / SECOND);
    for spot in 0..SATURATED.len() {
        day.settle(&simulation, spot);
        let used = simulation.spots[spot].served as f64 / day.allowed[spot].0;
        assert!(used > 0.95 && used <= 1.001, "bucket {spot} is used to {used:.3}");
    }
}
