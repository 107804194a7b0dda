//! Histories that went wrong once, as short as they could be made.

use tsuikyaku::runtime::settings::Settings;
use tsuikyaku::traffic;

use crate::fault::Fault;
use crate::judge::judged;
use crate::plan::{Arrival, HOUR_MS, Item, Plan, START_MS, What};
use crate::world::Fixed;

/// One partition, one process; records arrive at these times, faults happen at theirs.
fn plan(arrivals_ms: &[i64], faults: &[(i64, Fault)]) -> Plan {
    let mut plan = Plan::new(0);
    let setup = &mut plan.setup;
    (setup.partitions, setup.nodes, setup.workers, setup.has_stateless) = (1, 1, 1, false);
    setup.settings.commit_interval = Settings::default().commit_interval;
    let records = traffic::Traffic::new(&traffic::Settings::new(1, 2, START_MS - 24 * HOUR_MS));
    let arrivals = arrivals_ms.iter().zip(records).map(|(at_ms, record)| {
        let (kind, key, value) = (record.kind, Some(record.key), record.value);
        Item { at_ms: *at_ms, what: What::Arrival(Arrival { kind, partition: None, key, value, fault: None }) }
    });
    let faults = faults.iter().map(|(at_ms, fault)| Item { at_ms: *at_ms, what: What::Fault(*fault) });
    plan.items = arrivals.chain(faults).collect();
    plan.items.sort_by_key(|item| item.at_ms);
    plan
}

/// Nothing is wrong any more; `strikes`: so many faults must have struck, or the history shows nothing.
fn check(plan: Plan, strikes: u64) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let verdict = judged(plan, &Fixed::new(), scratch.path(), true);
    assert_eq!(verdict.violation, None, "{}", verdict.told.join("\n"));
    assert_eq!(verdict.tally.faults.values().sum::<u64>(), strikes, "{}", verdict.told.join("\n"));
}

/// A process stood still between reading the group's positions and the changelog, another one had the partition meanwhile
/// and committed; the first one found positions and changelog apart and ended, calling the state corrupt.
#[test]
fn overtaken_in_the_middle_of_a_restore() {
    let pause = Fault::Pause { node: 0, place: "restore.begun", nth: 0, for_ms: 120_000 };
    let faults = [(30_000, pause), (30_000, Fault::Expel { node: 0 }), (35_000, Fault::Join { for_ms: 300_000 })];
    check(plan(&[1_000, 60_000, 70_000], &faults), 3);
}

/// The same, a little earlier: it stands still while it asks for the positions. It must not know the changelog's end by
/// then, or it would find both apart, at positions that do not change any more, and end for nothing.
#[test]
fn overtaken_while_positions_are_asked_for() {
    let pause = Fault::Pause { node: 0, place: "source.committed", nth: 0, for_ms: 120_000 };
    let join = Fault::Join { for_ms: 300_000 };
    let faults = [(30_000, pause), (30_000, Fault::Expel { node: 0 }), (35_000, join)];
    check(plan(&[1_000, 60_000, 70_000], &faults), 3);
}

/// A process whose clock was behind took a record for absurd that the partition's clock, moved by a process whose clock was
/// ahead, had passed: the log did not tell why it was among the dead letters, and no audit could repeat it.
#[test]
fn a_clock_behind_the_clock_of_the_partition() {
    let jump = |by_ms| Fault::ClockJump { node: 0, by_ms };
    // A process that has just started looks for timers up to its own time, and moves the partition's clock there.
    let faults = [(0, jump(3 * HOUR_MS)), (500, Fault::Kill { node: 0 }), (10_000, jump(-6 * HOUR_MS))];
    check(plan(&[505, 20_000], &faults), 3);
}

/// A batch was not delivered, the broker was away when a new writer was asked for, and came back just before the next read:
/// the worker read its positions, and went on, while the old transaction was still open. What that one had written came
/// in a second time with the next.
#[test]
fn the_broker_comes_back_before_there_is_a_new_writer() {
    for (seed, for_ms) in (0..10).flat_map(|seed| (45..55).map(move |for_ms| (seed, for_ms))) {
        let faults = [(999, Fault::Undelivered { node: 0 }), (1_003, Fault::BrokerAway { for_ms })];
        let mut plan = plan(&[1_000, 30_000], &faults);
        plan.seed = seed;
        check(plan, 2);
    }
}
