//! One seed as a list: what arrives and what goes wrong, and when. Dropping an item gives a shorter history.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use tsuikyaku::runtime::crash;
use tsuikyaku::runtime::settings::Settings;
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::traffic;
use tsuikyaku::wire::keys;

use crate::erasure::erasure;
use crate::fault::{Fault, NodeId, Outcome};
use crate::random::Random;

pub const START_MS: i64 = 1_775_000_000_000;
pub const HOUR_MS: i64 = 3_600_000;
/// A process that is silent for that long is expelled; a transaction that is open for that long is aborted.
pub const TIMEOUT_MS: i64 = 10_000;
/// Tombstones live twice as long.
pub const STALE_AFTER_MS: i64 = 12 * HOUR_MS;
/// Values that no decoder may take.
const POISON: [&[u8]; 4] = [b"", b"\xc3\x01\x00\x00\x00\x00\x00\x00\x00\x00", b"{\"event_id\":1}", b"\xff\xff\xff\xff"];

/// What is the same for the whole of a history.
#[derive(Debug, Clone)]
pub struct Setup {
    pub partitions: u32,
    /// One input has another partition count.
    pub has_stateless: bool,
    pub nodes: usize,
    pub workers: usize,
    /// Records of one piece of a restore.
    pub piece: usize,
    pub settings: Settings,
}

/// A record on its way into an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    pub kind: InputKind,
    /// To be taken modulo the topic's partitions; `None`: the lead's home.
    pub partition: Option<u32>,
    pub key: Option<String>,
    pub value: Vec<u8>,
    /// What is wrong with it.
    pub fault: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Arrival(Arrival),
    Fault(Fault),
}

impl What {
    fn key(&self) -> Option<&str> {
        match self {
            What::Arrival(arrival) => arrival.key.as_deref(),
            What::Fault(_) => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Since the start.
    pub at_ms: i64,
    pub what: What,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub setup: Setup,
    /// By time.
    pub items: Vec<Item>,
    /// Time in which nothing arrives: longer than what is left of an erased lead is kept.
    pub pause_ms: i64,
}

impl Plan {
    pub fn new(seed: u64) -> Plan {
        let mut random = Random::new(seed, 1);
        let mut setup = setup(&mut random);
        // Long ones let decisions go ahead while other partitions wait. Drawn apart, so that the rest of a seed stays.
        let commit_ms = Random::new(seed, 3).of(&[100, 100, 60_000, HOUR_MS as u64]);
        setup.settings.commit_interval = Duration::from_millis(commit_ms);
        let has_pause = random.percent(15);
        let pause_ms = if has_pause { 401 * 24 * HOUR_MS } else { 0 };
        let mut items = arrivals(&mut random, seed, START_MS);
        if has_pause {
            erase_and_return(&mut random, seed, pause_ms, &mut items);
        }
        let times: Vec<i64> = items.iter().map(|item| item.at_ms).collect();
        let first = (seed as usize).wrapping_mul(3);
        for number in 0..6 + random.below(20) {
            let at_ms = times[random.below(times.len())] + random.between_ms(-20, 300);
            let mut add = |delay_ms: i64, fault| items.push(Item { at_ms: at_ms + delay_ms, what: What::Fault(fault) });
            // The first ones go round, so that few seeds have them all.
            let place = (number < 3).then(|| crash::POINTS[(first + number) % crash::POINTS.len()]);
            faults(&mut random, &setup, place, &mut add);
        }
        items.iter_mut().for_each(|item| item.at_ms = item.at_ms.max(0));
        items.sort_by_key(|item| item.at_ms);
        let has_paused = items.last().is_some_and(|last| last.at_ms > pause_ms);
        Plan { seed, setup, items, pause_ms: if has_paused { pause_ms } else { 0 } }
    }

    /// The same without some items.
    pub fn keeping(&self, keep: &[usize]) -> Plan {
        Plan { items: keep.iter().filter_map(|at| self.items.get(*at).cloned()).collect(), ..self.clone() }
    }

    pub fn end_ms(&self) -> i64 {
        self.items.last().map_or(0, |item| item.at_ms)
    }
}

fn setup(random: &mut Random) -> Setup {
    let settings = Settings {
        step_records_max: random.of(&[3, 20, 2_000]),
        step_timers_max: random.of(&[2, 13, 2_000]),
        batch_leads_max: random.of(&[4, 20_000, 20_000]),
        persist_interval: Duration::from_secs(random.of(&[1, 5, 60, 1_800])),
        cache_bytes_max: random.of(&[2 << 10, 64 << 20]),
        restore_bytes_max: random.of(&[1 << 10, 64 << 20]),
        align_lag_records_min: random.of(&[1, 100]),
        align_records_max: random.of(&[5, 4_000]),
        stale_after: Duration::from_millis(STALE_AFTER_MS as u64),
        ..Settings::default()
    };
    Setup {
        partitions: random.of(&[1, 2, 3, 4]),
        has_stateless: random.percent(50),
        nodes: random.of(&[1, 2, 2, 3]),
        workers: random.of(&[1, 1, 2]),
        piece: random.of(&[1, 10, 1_000]),
        settings,
    }
}

/// Some leads are erased; when nothing is left of them others arrive, and an old disk comes back from before.
fn erase_and_return(random: &mut Random, seed: u64, pause_ms: i64, items: &mut Vec<Item>) {
    let erased_ms = items.iter().map(|item| item.at_ms).max().unwrap_or(0) + 60_000;
    let keys: Vec<String> = items.iter().filter_map(|item| item.what.key().map(str::to_owned)).collect();
    let mut erased = BTreeSet::new();
    for number in 0..4 {
        let Some(key) = keys.get(random.below(keys.len())) else { continue };
        let at_ms = erased_ms + number * 500;
        let value = erasure(&format!("erased-{number}"), key, START_MS + at_ms);
        let arrival = Arrival { kind: InputKind::Profile, partition: None, key: Some(key.clone()), value, fault: None };
        items.push(Item { at_ms, what: What::Arrival(arrival) });
        erased.insert(key.as_str());
    }
    let back_ms = erased_ms + pause_ms;
    // When the marker of an erased lead is gone, its id would begin with the first decision's id again.
    let is_other = |item: &Item| item.what.key().is_some_and(|key| key.starts_with("lead-") && !erased.contains(key));
    let later = arrivals(random, seed + 1, START_MS + back_ms).into_iter().filter(is_other);
    items.extend(later.map(|item| Item { at_ms: item.at_ms + back_ms, ..item }));
    let end_ms = items.iter().map(|item| item.at_ms).max().unwrap_or(0);
    let node = random.below(2);
    let mut add = |at_ms, fault| items.push(Item { at_ms, what: What::Fault(fault) });
    add(erased_ms + 10_000, Fault::Kill { node });
    add(end_ms + 40 * HOUR_MS, Fault::Compact);
    add(end_ms + 40 * HOUR_MS + 10, Fault::DiskStale { node });
}

/// What arrives from that time on; `at_ms` of the items counts from there.
fn arrivals(random: &mut Random, seed: u64, start_ms: i64) -> Vec<Item> {
    let settings = traffic::Settings {
        records_per_day: random.of(&[30.0, 200.0, 1_500.0, 20_000.0]),
        ..traffic::Settings::new(seed, random.of(&[2, 8, 40]), start_ms)
    };
    let count = 40 + random.below(160);
    let mut items = Vec::new();
    for record in traffic::Traffic::new(&settings).take(count) {
        let at_ms = record.appended_at_ms - start_ms;
        let is_keyed = random.percent(97);
        let arrival = Arrival {
            kind: record.kind,
            partition: (!is_keyed || random.percent(4)).then(|| random.below(64) as u32),
            key: is_keyed.then_some(record.key),
            value: record.value,
            fault: None,
        };
        spoil(random, at_ms, arrival, &mut items);
    }
    items
}

/// Some records come late, or once more, and some have come to harm.
fn spoil(random: &mut Random, at_ms: i64, arrival: Arrival, items: &mut Vec<Item>) {
    let mut add = |delay_ms, arrival| items.push(Item { at_ms: at_ms + delay_ms, what: What::Arrival(arrival) });
    match random.below(100) {
        0..3 => {
            let delay_ms = random.between_ms(1_000, 6 * HOUR_MS);
            add(delay_ms, Arrival { fault: Some("late input"), ..arrival });
        }
        3..6 => {
            let delay_ms = random.of(&[1, 500, HOUR_MS, 20 * HOUR_MS]);
            add(0, arrival.clone());
            add(delay_ms, Arrival { fault: Some("input twice"), ..arrival });
        }
        6..8 => {
            let value = random.of(&POISON).to_vec();
            add(0, arrival.clone());
            add(1, Arrival { fault: Some("poison"), value, ..arrival });
        }
        _ => add(0, arrival),
    }
}

/// A fault, and what makes it likely that its place is passed.
fn faults(random: &mut Random, setup: &Setup, place: Option<&'static str>, add: &mut dyn FnMut(i64, Fault)) {
    let node = random.below(setup.nodes);
    if let Some(place) = place {
        let nth = random.below(2);
        return at_place(random, node, place, Fault::Crash { node, place, nth }, add);
    }
    let for_ms = random.of(&[30, 2_000, TIMEOUT_MS + 5_000, 120_000]);
    let places: Vec<&str> = Fault::places().collect();
    let place = random.of(&places);
    let nth = if place.starts_with("sink.send") { random.below(30) } else { random.below(4) };
    let fault = match random.below(26) {
        0 | 1 => Fault::Crash { node, place, nth },
        2..5 => Fault::Pause { node, place, nth, for_ms },
        5 => Fault::Rebalance { node, place, nth, for_ms },
        6 => {
            let place = random.of(&["restore.begun", "restore.read", "restore.written", "restore.started"]);
            Fault::Rebalance { node, place, nth: random.below(2), for_ms }
        }
        7 => Fault::Kill { node },
        8 => Fault::PowerLoss { node },
        9 => Fault::Stop { node, for_ms },
        10 => Fault::Join { for_ms },
        11 => Fault::Expel { node },
        12 => Fault::Flap { node },
        13 => Fault::Fence { node },
        14 => Fault::Timeout { node },
        15 => Fault::Undelivered { node },
        16 => Fault::Unanswered { node, outcome: random.of(&[Outcome::Applied, Outcome::NotApplied]) },
        17 => Fault::Unanswered { node, outcome: random.of(&[Outcome::WhileRewinding, Outcome::TooLate]) },
        18 => Fault::BrokerAway { for_ms: random.of(&[1_000, 60_000, 900_000]) },
        19 => Fault::MarkerLag { for_ms: random.of(&[500, 20_000, HOUR_MS]) },
        20 => Fault::Compact,
        21 => random.of(&[Fault::DiskLost { node }, Fault::DiskStale { node }, Fault::DiskStale { node }]),
        22 => Fault::DiskFull { node, writes: 1 + random.below(4) },
        23 => Fault::Regroup { node, for_ms },
        24 => Fault::Unstarted { node },
        _ => Fault::ClockJump { node, by_ms: random.of(&[-3 * HOUR_MS, -400_000, -900, 900, 400_000, 3 * HOUR_MS]) },
    };
    at_place(random, node, fault.place().map_or("", |(place, _)| place), fault, add);
}

fn at_place(random: &mut Random, node: NodeId, place: &str, fault: Fault, add: &mut dyn FnMut(i64, Fault)) {
    add(0, fault);
    let for_ms = random.between_ms(100, 5_000);
    match place.split('.').next() {
        Some("settle") => add(1, Fault::Stop { node, for_ms }),
        Some("rewind") => add(0, Fault::Undelivered { node }),
        Some("restore" | "changelog") => add(1, Fault::Expel { node }),
        _ if matches!(place, "poll.changed" | "change.lost") => add(1, Fault::Expel { node }),
        _ if place == "sink.rebuild" => add(0, Fault::Undelivered { node }),
        _ => {}
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12} ms  ", self.at_ms)?;
        match &self.what {
            What::Fault(fault) => write!(f, "FAULT {fault}"),
            What::Arrival(arrival) => {
                let key = arrival.key.as_deref().unwrap_or("(none)");
                write!(
                    f,
                    "{:<9} key {key} (hash {:08x}), {} bytes",
                    arrival.kind.as_str(),
                    keys::murmur2(key.as_bytes()),
                    arrival.value.len()
                )?;
                if let Some(partition) = arrival.partition {
                    write!(f, ", on another partition ({partition})")?;
                }
                arrival.fault.map_or(Ok(()), |fault| write!(f, ", {fault}"))
            }
        }
    }
}
