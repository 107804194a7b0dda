//! The real worker on the log in memory, with disks, clocks, machines and a scheduler that are simulated: one seed is one
//! history, byte for byte. First everything goes wrong, then nothing does; then all must be caught up, and the auditor
//! judges.
//!
//! `cargo test --test simulation` runs `SEEDS` seeds. `make simulate` goes on for as long as it is told to.

mod disk;
mod erasure;
mod fault;
mod judge;
mod node;
mod plan;
mod ports;
mod random;
mod recorder;
mod regressions;
mod schedule;
mod shrink;
mod tally;
mod world;

use std::time::{Duration, Instant};

use tsuikyaku::runtime::crash;

use judge::judged;
use plan::Plan;
use tally::Tally;
use world::Fixed;

/// Seeds of a usual run of the tests.
const SEEDS: u64 = 150;

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().ok().unwrap_or_else(|| panic!("{name}={text} is no number")))
}

/// Lets histories happen from `first` on while `goes_on`.
fn simulate(first: u64, mut goes_on: impl FnMut(&Tally) -> bool) -> Tally {
    let (fixed, scratch) = (Fixed::new(), tempfile::tempdir().expect("a temporary directory"));
    let mut tally = Tally::default();
    for seed in first.. {
        if !goes_on(&tally) {
            break;
        }
        let plan = Plan::new(seed);
        let verdict = judged(plan.clone(), &fixed, scratch.path(), false);
        if let Some(violation) = verdict.violation {
            println!("seed {seed} fails: {violation}\nlooking for the shortest history that does");
            let explained = shrink::explained(&plan, &fixed, scratch.path());
            panic!("SIM_SEED={seed} cargo test --test simulation\nseed {seed}: {violation}\n{explained}");
        }
        tally.add(&verdict.tally);
    }
    tally
}

#[test]
fn every_fault_and_nothing_is_lost_or_doubled() {
    if let Some(seed) = number::<u64>("SIM_SEED") {
        return replay_or_go_on(seed);
    }
    let since = Instant::now();
    let tally = simulate(1, |tally| tally.seeds < SEEDS);
    let per_minute = tally.simulated_hours() / since.elapsed().as_secs_f64() * 60.0;
    println!("{tally}\n  {per_minute:.0} simulated hours a minute");
    let unhit: Vec<_> = crash::POINTS.iter().filter(|point| !tally.crashes.contains_key(*point)).collect();
    assert!(unhit.is_empty(), "no process died at {unhit:?}");
    let rare: Vec<_> = fault::KINDS.iter().filter(|kind| tally.faults.get(*kind).copied().unwrap_or(0) < 3).collect();
    assert!(rare.is_empty(), "fewer than three times: {rare:?}");
}

/// One seed, some items of it where SIM_KEEP names them, or seeds from there on for SIM_HOURS hours or SIM_EVENTS events.
fn replay_or_go_on(seed: u64) {
    if let Ok(keep) =
        std::env::var("SIM_KEEP").map_err(drop).and_then(|keep| if keep.is_empty() { Err(()) } else { Ok(keep) })
    {
        let keep: Vec<usize> = keep.split(',').filter_map(|at| at.trim().parse().ok()).collect();
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let verdict = judged(Plan::new(seed).keeping(&keep), &Fixed::new(), scratch.path(), true);
        println!("{}", verdict.told.join("\n"));
        return assert_eq!(verdict.violation, None);
    }
    let (hours, events) = (number::<f64>("SIM_HOURS").unwrap_or(0.0), number::<u64>("SIM_EVENTS").unwrap_or(0));
    let (since, mut told) = (Instant::now(), Instant::now());
    let say = |tally: &Tally| {
        let minutes = since.elapsed().as_secs_f64() / 60.0;
        println!("{minutes:.1} minutes, {:.0} simulated hours a minute: {tally}", tally.simulated_hours() / minutes);
    };
    let tally = simulate(seed, |tally| {
        if told.elapsed() > Duration::from_secs(60) {
            told = Instant::now();
            say(tally);
        }
        tally.seeds == 0 || since.elapsed().as_secs_f64() < hours * 3_600.0 || tally.events < events
    });
    say(&tally);
}

#[test]
fn one_seed_is_one_history() {
    let (fixed, scratch) = (Fixed::new(), tempfile::tempdir().expect("a temporary directory"));
    for seed in 1..4 {
        let once = judged(Plan::new(seed), &fixed, scratch.path(), true);
        let again = judged(Plan::new(seed), &fixed, scratch.path(), true);
        assert_eq!(once, again, "seed {seed}");
    }
}
