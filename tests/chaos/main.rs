//! The built program on a real broker, broken on purpose in every way that we can make, in a seeded order; in the end
//! every record must have had its effect exactly once.
//!
//! `cargo test --test chaos` is the small size: every named crash point and every kind of fault. `CHAOS_HOURS=2` goes on
//! for that long, in rounds that are each judged, with a running tally; `CHAOS_SEED` chooses the order, `CHAOS_FAULT`
//! (a part of its name, `restore`) plays these only.

mod fault;
mod round;
mod tally;

use std::time::{Duration, Instant};

use kit::broker::Cluster;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use fault::Fault;
use round::Round;
use tally::Tally;

/// Faults of one round of a long run; its whole log is in memory when it is judged.
const ROUND_FAULTS: usize = 60;

#[test]
fn every_fault_and_nothing_is_lost_or_doubled() {
    let seed = number("CHAOS_SEED").unwrap_or(1.0) as u64;
    let mut random = StdRng::seed_from_u64(seed);
    let mut tally = Tally::new(seed);
    let all = chosen();
    let mut faults = all.clone();
    faults.shuffle(&mut random);
    play(&mut tally, &mut random, &faults);
    let until = Instant::now() + Duration::from_secs_f64(number("CHAOS_HOURS").unwrap_or(0.0) * 3_600.0);
    while Instant::now() < until {
        let faults: Vec<Fault> = (0..ROUND_FAULTS).map(|_| all[random.random_range(0..all.len())]).collect();
        play(&mut tally, &mut random, &faults);
    }
    println!("{tally}");
}

/// One application from its first record to its judgement, on brokers of its own.
fn play(tally: &mut Tally, random: &mut StdRng, faults: &[Fault]) {
    let cluster = Cluster::start(1, &[]);
    let mut round = Round::begin(&cluster);
    for fault in faults {
        println!("{fault}");
        let passed = random.random_range(0..3);
        round.suffer(*fault, passed, random);
        tally.suffered(*fault);
    }
    tally.judged(&round.end());
    println!("{tally}");
}

fn chosen() -> Vec<Fault> {
    let name = std::env::var("CHAOS_FAULT").unwrap_or_default();
    let chosen: Vec<Fault> = Fault::all().into_iter().filter(|fault| fault.to_string().contains(&name)).collect();
    assert!(!chosen.is_empty(), "CHAOS_FAULT: found {name:?}; allowed: a part of one of {:?}", Fault::all());
    chosen
}

fn number(name: &str) -> Option<f64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: found {text:?}; a number is allowed")))
}
