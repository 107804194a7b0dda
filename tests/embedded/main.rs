//! The real worker on the embedded log and a real store: what came out must be what one thread makes of the same log.

mod flaky;
mod hostile;
mod replay;
mod rig;
mod sabotage;
mod timers;

use std::time::Duration;

use rig::{Rig, Run};
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::runtime::ports::OutTopic;

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn two_workers_decide_what_one_thread_decides() {
    let rig = Rig::new(4);
    let mut run = Run::start(&rig, 2);
    rig.append_traffic(7, 300, 6_000);
    run.finish(PATIENCE);
    let audit = rig.audit();
    assert!(audit.decisions > 20, "traffic that decides nothing shows nothing: {audit:?}");
}

#[test]
fn a_restart_goes_on_where_it_stopped() {
    let rig = Rig::new(2);
    for seed in 0..3 {
        let mut run = Run::start(&rig, 1);
        rig.append_traffic(seed, 100, 1_500);
        run.finish(PATIENCE);
    }
    rig.audit();
}

#[test]
fn a_worker_that_dies_in_the_middle_loses_nothing() {
    let rig = Rig::new(2);
    rig.append_traffic(3, 100, 4_000);
    for _ in 0..3 {
        let run = Run::start(&rig, 2);
        rig.wait_for_commits(2, PATIENCE);
        run.abandon();
    }
    let mut run = Run::start(&rig, 2);
    run.finish(PATIENCE);
    rig.audit();
}

#[test]
fn commits_that_fail_or_whose_outcome_is_unknown_are_taken_back() {
    let rig = Rig::new(3);
    rig.append_traffic(31, 100, 4_000);
    let mut run = Run::start_flaky(&rig, 1, 2);
    rig.append_traffic(32, 100, 2_000);
    run.finish(PATIENCE);
    // The last commit may have been one whose answer was lost: the next start brings the store up to it.
    Run::start(&rig, 1).finish(PATIENCE);
    for cause in ["aborted", "unknown", "fenced"] {
        assert!(rig.rewinds(cause) > 0, "{cause}: {} rewinds show nothing", rig.rewinds(cause));
    }
    rig.audit();
}

#[test]
fn a_lost_disk_is_restored_from_the_changelog() {
    let mut rig = Rig::new(2);
    rig.append_traffic(5, 100, 3_000);
    Run::start(&rig, 1).finish(PATIENCE);
    rig.lose_disk();
    rig.append_traffic(6, 100, 500);
    Run::start(&rig, 1).finish(PATIENCE);
    rig.audit();
}

#[test]
fn a_disk_that_was_away_for_long_is_not_trusted() {
    let rig = Rig::new(1);
    rig.append_traffic(21, 40, 400);
    Run::start(&rig, 1).finish(PATIENCE);
    let old = rig.copy_disk();
    rig.append_traffic(22, 40, 400);
    Run::start(&rig, 1).finish(PATIENCE);

    let restored = rig.restored_records();
    Run::start(&rig, 1).finish(PATIENCE);
    assert_eq!(rig.restored_records(), restored, "a disk that missed nothing replays nothing, however long it rested");

    rig.bring_back(&old);
    rig.pass_time(rig::STALE_AFTER / 10);
    Run::start(&rig, 1).finish(PATIENCE);
    let behind = rig.restored_records() - restored;
    rig.bring_back(&old);
    // A lead that was erased since, and whose tombstone is gone by now: nothing but a restore of all forgets it.
    rig.damage_disk(|lead_id, _, _| *lead_id = "ghost".to_owned());
    rig.pass_time(rig::STALE_AFTER);
    Run::start(&rig, 1).finish(PATIENCE);
    let all = rig.restored_records() - restored - behind;
    assert!(0 < behind && behind < all, "{behind} records behind a young disk, {all} for an old one");
    rig.audit();
}

#[test]
fn more_leads_than_memory_holds() {
    let rig = Rig::with_memory(2, 64 << 10);
    rig.append_traffic(9, 2_000, 6_000);
    Run::start(&rig, 1).finish(PATIENCE);
    assert!(rig.evicted() > 0, "the budget was never met");
    rig.audit();
}

#[test]
fn a_backlog_is_taken_in_the_order_of_time() {
    let (by_time, by_topic) = (Rig::new(2), Rig::new(2));
    by_time.append_traffic(17, 60, 4_000);
    by_topic.append_topic_by_topic(17, 60, 4_000);
    for rig in [&by_time, &by_topic] {
        Run::start(rig, 1).finish(PATIENCE);
        rig.audit();
    }
    assert!(by_time.decisions().len() > 20, "traffic that decides nothing shows nothing");
    let (by_time, by_topic) = (by_time.decisions(), by_topic.decisions());
    let differing: Vec<_> = by_time.iter().filter(|(lead, decisions)| by_topic.get(*lead) != Some(decisions)).collect();
    let names: Vec<_> = differing.iter().map(|(lead, _)| String::from_utf8_lossy(lead)).collect();
    assert!(differing.is_empty(), "{} of {} leads decided otherwise: {names:?}", names.len(), by_time.len());
}

#[test]
fn records_on_the_wrong_partition_find_their_lead() {
    let rig = Rig::new(4);
    rig.append_misplaced(11, 50, 600);
    Run::start(&rig, 2).finish(PATIENCE);
    rig.audit();
}

#[test]
fn poison_goes_to_the_dead_letters_and_nothing_else_stops() {
    let rig = Rig::new(2);
    rig.append_poison();
    rig.append_traffic(13, 50, 500);
    Run::start(&rig, 1).finish(PATIENCE);
    let audit = rig.audit();
    assert!(audit.of("dead_letter") >= rig::POISON.len() as u64, "{audit:?}");
}

/// Nothing is kept of it but a marker, and when that is old enough, nothing at all: the changelog says so, too.
#[test]
fn an_erased_lead_leaves_a_tombstone_and_does_not_come_back() {
    let mut rig = Rig::with_formats(1, 64 << 20, hostile::format);
    let erased = ["erased-1", "erased-2"];
    for id in erased {
        rig.append_erasure(id);
    }
    Run::start(&rig, 1).finish(PATIENCE);
    rig.pass_time(Duration::from_secs(401 * 86_400));
    rig.append_poison();
    Run::start(&rig, 1).finish(PATIENCE);
    let states = rig.entries(OutTopic::State, Partition(0));
    for id in erased {
        let of_lead: Vec<_> = states.iter().filter(|entry| entry.key.as_deref() == Some(id.as_bytes())).collect();
        let kept: Vec<bool> = of_lead.iter().map(|entry| entry.value.is_some()).collect();
        assert_eq!(kept, [true, false], "{id}: a marker, then a tombstone");
    }
    rig.lose_disk();
    Run::start(&rig, 1).finish(PATIENCE);
    assert_eq!(rig.audit().leads, 0);
}

#[test]
fn a_topic_of_poison_stops_the_worker() {
    let rig = Rig::new(1);
    for _ in 0..400 {
        rig.append_poison();
    }
    let error = Run::start(&rig, 1).fail(PATIENCE);
    assert!(error.contains("dead_letter_share_max"), "{error}");
    let mut log = rig.record();
    let report = rig.judge_as(&mut log, |setup| setup.running = true).expect("what is committed is right");
    let committed = report.of("dead_letter");
    assert!(committed < 1_000, "it stops before {committed} records are drained");
}
