//! The built program on a real broker, broken on purpose in every way that we can make, in a seeded order; in the end
//! every record must have had its effect exactly once.
//!
//! `cargo test --test chaos` is the small size: every named crash point and every kind of fault three times.
//! `CHAOS_TIMES` is how often (0: only what else is asked for), `CHAOS_HOURS=2` goes on for that long, in rounds that are
//! each judged, with a running tally; `CHAOS_SEED` chooses the order, `CHAOS_FAULT` (a part of its name, `restore`) plays
//! these only. `CHAOS_ZOMBIES` is the number of zombies.

mod fault;
mod gate;
mod round;
mod tally;
mod zombie;

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
/// Of the small size.
const KILLS_MIN: u32 = 150;
const TIMES: u32 = 3;

#[test]
fn every_fault_and_nothing_is_lost_or_doubled() {
    let run = Run::asked_for(Fault::all());
    let tally = run.play(1, times());
    if run.is_whole && times() >= TIMES {
        assert!(tally.kills() >= KILLS_MIN && tally.least(&run.faults) >= TIMES, "{tally}");
    }
}

#[test]
fn of_three_brokers_one_dies_and_nothing_is_lost_or_doubled() {
    Run::asked_for(Fault::of_three()).play(3, times().min(1));
}

/// What the environment asks for.
struct Run {
    faults: Vec<Fault>,
    /// True where no fault was chosen.
    is_whole: bool,
    seed: u64,
    hours: f64,
}

impl Run {
    fn asked_for(all: Vec<Fault>) -> Run {
        let name = std::env::var("CHAOS_FAULT").unwrap_or_default();
        let count = all.len();
        let faults: Vec<Fault> = all.into_iter().filter(|fault| fault.to_string().contains(&name)).collect();
        let seed = number("CHAOS_SEED").unwrap_or(1.0) as u64;
        Run { is_whole: faults.len() == count, faults, seed, hours: number("CHAOS_HOURS").unwrap_or(0.0) }
    }

    /// Everything so many times, then in rounds until the time is over.
    fn play(&self, broker_count: usize, times: u32) -> Tally {
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut tally = Tally::new(self.seed);
        let until = Instant::now() + Duration::from_secs_f64(self.hours * 3_600.0);
        let mut round = 0;
        while !self.faults.is_empty() && (round < times || Instant::now() < until) {
            let mut faults = self.faults.clone();
            faults.shuffle(&mut random);
            if round >= times {
                faults.truncate(ROUND_FAULTS);
            }
            play(&mut tally, &mut random, broker_count, &faults);
            round += 1;
        }
        tally
    }
}

/// One application from its first record to its judgement, on brokers of its own.
fn play(tally: &mut Tally, random: &mut StdRng, broker_count: usize, faults: &[Fault]) {
    let cluster = Cluster::start_proxied(broker_count, &[]);
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

fn times() -> u32 {
    number("CHAOS_TIMES").map_or(TIMES, |times| times as u32)
}

fn number(name: &str) -> Option<f64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: found {text:?}; a number is allowed")))
}
