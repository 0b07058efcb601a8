//! The limiter against a server that enforces documented buckets exactly.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::*;
use super::simulation::{Fate, MS, Script, Simulation};

/// A bucket: its limit, its period in milliseconds, and how many routes share it.
#[derive(Clone, Debug)]
struct Plan {
    buckets: Vec<(u32, u64, u8, bool)>,
    latency: [(u64, u64); 2],
    asks: Vec<(u64, usize, u8, Fate)>,
    per_second: u32,
    seed: u64,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        40 => Just(Fate::Answered),
        1 => Just(Fate::LostAway),
        1 => Just(Fate::LostBack),
        1 => Just(Fate::Garbled),
        2 => (0..3000_u64).prop_map(|ms| Fate::Cancelled(ms * MS)),
        1 => (1..5000_u64).prop_map(|ms| Fate::Shared(ms * MS)),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let bucket = (1..7_u32, prop_oneof![100..1000_u64, 1000..8000_u64], 1..4_u8, any::<bool>());
    let way = || prop_oneof![(0..5_u64, 0..50_u64), (20..200_u64, 0..500_u64), (0..100_u64, 0..1900_u64)];
    let way = move || way().prop_map(|(least, more)| (least * MS, (least + more) * MS));
    let ask = (prop_oneof![3 => Just(0), 2 => 0..50_u64, 1 => 0..2000_u64], any::<usize>(), 1..8_u8, fate());
    let buckets = proptest::collection::vec(bucket, 1..6);
    let per_second = prop_oneof![Just(50), 2..20_u32];
    (buckets, way(), way(), proptest::collection::vec(ask, 1..150), per_second, any::<u64>()).prop_map(
        |(buckets, away, back, asks, per_second, seed)| Plan {
            buckets,
            latency: [away, back],
            asks,
            per_second,
            seed,
        },
    )
}

/// Asks at these times.
struct Asks(Vec<(u64, usize, u8, Fate)>);

impl Script for Asks {
    fn work(&mut self, simulation: &mut Simulation, next: usize) {
        let Some((_, way, count, fate)) = self.0.get(next).copied() else { return };
        for number in 0..count {
            let fate = if number == 0 { fate } else { Fate::Answered };
            simulation.ask(0, way % simulation.ways.len(), fate).unwrap();
        }
        if let Some((wait, ..)) = self.0.get(next + 1) {
            simulation.work_at(simulation.now + wait * MS, next + 1);
        }
    }
}

fn simulate(plan: Plan) -> Simulation {
    let config = Config { per_second: plan.per_second, ..Config::default() };
    let mut simulation = Simulation::new(plan.seed, config);
    simulation.latency = plan.latency;
    for (number, (limit, period, routes, interaction)) in plan.buckets.into_iter().enumerate() {
        let spot = simulation.add_spot(limit, period * MS);
        for _ in 0..routes {
            simulation.add_way(spot, number as u64, number as u64, interaction);
        }
    }
    simulation.work_at(0, 0);
    simulation.run(&mut Asks(plan.asks), u64::MAX);
    simulation
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_429_is_foreseeable_and_every_ticket_is_granted(plan in plan()) {
        let simulation = simulate(plan);
        prop_assert_eq!(&simulation.foreseeable, &[]);
        prop_assert_eq!(simulation.done + simulation.lost + simulation.cancelled, simulation.asked);
        prop_assert!(simulation.limiter.is_empty());
        prop_assert_eq!(simulation.limiter.deadline(), None);
    }
}
