//! The auditor itself: a run that is right passes, and each thing that can go wrong is found and named.

use std::time::Duration;

use crate::rig::{DEAD_LETTER, MEMORY_BYTES, READY, Rig, Run, SCORE, STATE};
use tsuikyaku::audit::recorded::RecordedLog;
use tsuikyaku::audit::{Error, Kept};
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::runtime::recompute::LoggedRecord;
use tsuikyaku::wire::manifest::{KEY, Manifest};
use tsuikyaku::wire::{headers, keys};

const WEB: &str = "engagement.web";
const INTAKE: &str = "app.intake";

/// Traffic on right and wrong partitions, and poison: everything that an auditor has to follow.
fn rig() -> Rig {
    let mut rig = Rig::new(2);
    rig.append_poison();
    rig.records_per_day = 50.0; // long enough for visitors who turn out to be known leads
    rig.append_traffic(12, 60, 1_500);
    rig.records_per_day = 1_000.0;
    rig.append_misplaced(11, 60, 700);
    Run::start(&rig, 2).finish(Duration::from_secs(120));
    rig
}

fn records<'l>(log: &'l mut RecordedLog, topic: &str) -> &'l mut Vec<LoggedRecord> {
    &mut log.topics.get_mut(topic).expect("it was recorded")[0]
}

fn is_manifest(record: &LoggedRecord) -> bool {
    record.key.as_deref() == Some(KEY)
}

fn change_manifest(log: &mut RecordedLog, nth: usize, change: impl FnOnce(&mut Manifest)) {
    let mut manifests = records(log, STATE).iter_mut().filter(|record| is_manifest(record));
    let record = manifests.nth(nth).expect("so many transactions");
    let mut manifest = Manifest::decode(record.value.as_deref().expect("a value")).expect("our own");
    change(&mut manifest);
    let mut bytes = Vec::new();
    manifest.encode(&mut bytes);
    record.value = Some(bytes);
}

fn manifest_count(log: &mut RecordedLog) -> usize {
    records(log, STATE).iter().filter(|record| is_manifest(record)).count()
}

/// Appends a copy of the record to its topic, as if the last step of the run had taken it as well.
fn take_once_more(log: &mut RecordedLog, topic: &str, record: &LoggedRecord) {
    let offset = records(log, topic).last().map_or(0, |last| last.offset + 1);
    let appended_at_ms = record.appended_at_ms;
    records(log, topic).push(LoggedRecord { offset, appended_at_ms, ..record.clone() });
    log.committed.insert((topic.into(), 0), offset + 1);
    let last = manifest_count(log) - 1;
    change_manifest(log, last, |manifest| {
        let position = manifest.positions.iter_mut().find(|position| &*position.topic == topic);
        position.expect("every input has a position").next_offset = offset + 1;
    });
}

/// The place of a state that is not the last one of its lead, with the lead's id.
fn some_state(log: &mut RecordedLog) -> usize {
    let middle = records(log, STATE).len() / 2;
    let states = records(log, STATE).iter().skip(middle).position(|record| !is_manifest(record));
    middle + states.expect("a state")
}

type Sabotage = fn(&mut RecordedLog);

/// What is done to the log, and what the auditor must say of it.
const SABOTAGES: [(&str, Sabotage, &[&str]); 22] = [
    ("an output is dropped", |log| drop(records(log, READY).remove(3)), &["outputs", "is expected, but decision"]),
    (
        "the last output is dropped",
        |log| drop(records(log, READY).pop()),
        &["outputs", "decision", "of lead", "is missing: outreach.ready/0 ends before it, at offset"],
    ),
    (
        "an output is there twice",
        |log| {
            let again = records(log, READY)[3].clone();
            records(log, READY).insert(7, again);
        },
        &["twice", "stands a second time in outreach.ready/0", "the first is at offset"],
    ),
    ("two outputs are swapped", |log| records(log, READY).swap(4, 5), &["outputs", "is expected, but decision"]),
    (
        "an output is another one",
        |log| {
            let value = records(log, READY)[4].value.as_mut().expect("a decision");
            let at = value.windows(8).position(|bytes| bytes == b"b2b-saas").expect("the model's name");
            value[at] = b'c';
        },
        &["outputs", "differs in: model_name", "decided with another model"],
    ),
    (
        "an output is left over",
        |log| {
            let mut other = records(log, READY)[0].clone();
            other.value.as_mut().expect("a decision")[12] ^= 1; // within the decision's id
            other.offset = 1_000_000;
            records(log, READY).push(other);
        },
        &["outputs", "nothing more is expected, but decision"],
    ),
    ("a snapshot is dropped", |log| drop(records(log, SCORE).remove(5)), &["outputs", "the snapshot as of"]),
    (
        "a byte of a state differs",
        |log| {
            let at = some_state(log);
            *records(log, STATE)[at].value.as_mut().expect("a state").last_mut().expect("bytes") ^= 1;
        },
        &["state", "has another state within the transaction whose manifest is at offset", "app.state/0"],
    ),
    (
        "a state is an older one",
        |log| {
            let all = records(log, STATE);
            let is_later =
                |at: &usize| !is_manifest(&all[*at]) && all[..*at].iter().any(|older| older.key == all[*at].key);
            let later = (0..all.len()).rev().find(is_later).expect("a lead that changes twice");
            let older = all[..later].iter().rfind(|older| older.key == all[later].key).expect("just seen");
            all[later].value = older.value.clone();
        },
        &["state", "has another state within the transaction", "than its inputs give: facts, seen"],
    ),
    (
        "a state is not written",
        |log| {
            let at = some_state(log);
            records(log, STATE).remove(at);
        },
        &["state", "changes within the transaction", "but its state is not there"],
    ),
    (
        "a state is written for nothing",
        |log| {
            let at = some_state(log);
            let other = LoggedRecord { key: Some(b"nobody".to_vec()), ..records(log, STATE)[at].clone() };
            records(log, STATE).insert(at, other);
        },
        &["state", "lead nobody has a state", "but its inputs do not change it there"],
    ),
    (
        "a lead is deleted",
        |log| {
            let at = some_state(log);
            records(log, STATE)[at].value = None;
        },
        &["state", "is deleted within", "but its inputs give it a state"],
    ),
    (
        "a position is behind all records",
        |log| {
            let web = |manifest: &mut Manifest| {
                let position = manifest.positions.iter_mut().find(|position| &*position.topic == WEB);
                position.expect("it is read").next_offset += 10_000;
            };
            change_manifest(log, 1, web);
        },
        &["positions", "says that engagement.web/0 is processed up to offset", "but the last record before that"],
    ),
    (
        "a position goes back from one manifest to the next",
        |log| {
            change_manifest(log, 2, |manifest| {
                manifest.steps.clear();
                manifest.positions.iter_mut().for_each(|position| position.next_offset = 0);
            });
        },
        &["positions", "moves the position of", "back from", "to 0"],
    ),
    (
        "the clock goes back",
        |log| change_manifest(log, 2, |manifest| manifest.clock_ms -= 400 * 86_400_000),
        &["positions", "moves the clock back"],
    ),
    (
        "a record was processed that is not there",
        |log| {
            change_manifest(log, 0, |_| ());
            let web = log.committed[&(WEB.to_owned(), 0)];
            records(log, WEB).retain(|record| record.offset != web - 1);
        },
        &["positions", "is processed up to offset", "but the last record before that ends at"],
    ),
    (
        "a forward is lost",
        |log| {
            let is_misplaced = |record: &&LoggedRecord| {
                let lead_id = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
                lead_id.is_some_and(|id| id != "poison" && keys::home(id, 2) == Partition(1))
            };
            let misplaced = records(log, WEB).iter().find(is_misplaced).expect("one of them").clone();
            take_once_more(log, WEB, &misplaced);
        },
        &["forwards", "record engagement.web/0 offset", "had to be forwarded to its lead's home", "not in app.intake"],
    ),
    (
        "a forward is there twice",
        |log| {
            let is_event = |record: &&LoggedRecord| record.headers.iter().any(|(name, _)| name == headers::TOPIC);
            let forwarded = records(log, INTAKE).iter().rfind(is_event).expect("one of them").clone();
            take_once_more(log, INTAKE, &forwarded);
        },
        &["forwards", "record app.intake/0 offset", "was sent by nobody, or twice"],
    ),
    (
        "a dead letter is lost",
        |log| {
            let of_poison = |partition: &mut Vec<LoggedRecord>| partition.pop();
            let lost = log.topics.get_mut(DEAD_LETTER).expect("it was recorded").iter_mut().find_map(of_poison);
            lost.expect("poison has died");
        },
        &["dead_letters", "had to become a dead letter (", "but is not in app.dead-letter"],
    ),
    (
        "a dead letter is there twice",
        |log| {
            let partitions = log.topics.get_mut(DEAD_LETTER).expect("it was recorded");
            let dead = partitions.iter_mut().find(|records| !records.is_empty()).expect("poison has died");
            dead.push(dead[0].clone());
        },
        &["dead_letters", "stands in app.dead-letter (", "or stands there twice"],
    ),
    (
        "the group's position is another",
        |log| {
            *log.committed.get_mut(&(WEB.to_owned(), 0)).expect("it is committed") -= 1;
        },
        &["positions", "the group's committed position of engagement.web/0 is", "the last manifest's"],
    ),
    (
        "a record is not processed",
        |log| {
            let more = records(log, WEB).last().expect("a record").clone();
            let offset = more.offset + 1;
            records(log, WEB).push(LoggedRecord { offset, ..more });
        },
        &["end", "record engagement.web/0 offset", "is not processed", "--running"],
    ),
];

#[test]
fn every_sabotage_is_found_and_named() {
    let rig = rig();
    let whole = rig.record();
    let report = rig.judge(&mut whole.clone(), Kept::Everything, MEMORY_BYTES).expect("nothing is wrong");
    assert!(report.decisions > 20 && report.of("forwarded") > 200 && report.of("dead_letter") >= 4, "{report}");
    assert!(report.disk_states == report.leads && report.leads > 60 && report.messages > 0, "{report}");
    for (name, sabotage, words) in SABOTAGES {
        let mut log = whole.clone();
        sabotage(&mut log);
        let said = match rig.judge_with(&mut log, &[], |_| ()) {
            Err(Error::Difference(difference)) => difference.to_string(),
            other => panic!("{name}: {other:?}"),
        };
        println!("{name}: {said}");
        let missing: Vec<_> = words.iter().filter(|word| !said.contains(**word)).collect();
        assert!(missing.is_empty(), "{name}: {missing:?} not said: {said}");
    }
}

#[test]
fn little_memory_gives_the_same_verdict() {
    let rig = rig();
    let mut log = rig.record();
    let [much, little] = [MEMORY_BYTES, 64 << 10].map(|bytes| rig.judge(&mut log, Kept::Everything, bytes));
    assert_eq!(much.expect("nothing is wrong"), little.expect("nothing is wrong"));
    for (name, sabotage, _) in SABOTAGES.into_iter().step_by(4) {
        let mut log = rig.record();
        sabotage(&mut log);
        let judged = rig.judge_with(&mut log, &[], |setup| setup.memory_bytes_max = 64 << 10);
        assert!(matches!(judged, Err(Error::Difference(_))), "{name}: {judged:?}");
    }
}

#[test]
fn damage_on_disk_is_found_and_named() {
    let rig = rig();
    let mut log = rig.record();
    let whole = rig.copy_disk();
    let mut check = |words: &str, damage: &dyn Fn(&mut String, &mut Option<Vec<u8>>, &mut _)| {
        rig.damage_disk(|lead_id, value, meta| damage(lead_id, value, meta));
        let said = rig.judge(&mut log, Kept::Everything, MEMORY_BYTES).expect_err("it is damaged").to_string();
        assert!(said.contains("partition 0, disk: ") && said.contains(words), "{words}: {said}");
        rig.bring_back(&whole);
    };
    check("has another state than its inputs give", &|_, value, _| {
        *value.as_mut().expect("a state").last_mut().expect("bytes") ^= 1;
    });
    check("is not there", &|_, value, _| *value = None);
    check("lead nobody is there, but nothing is left of it", &|lead_id, _, _| *lead_id = "nobody".into());
    check("but the changelog ends at", &|_, _, meta: &mut tsuikyaku::runtime::ports::PartitionMeta| {
        meta.changelog_next_offset += 1_000;
    });
    check("its manifest is not the one", &|_, _, meta| meta.manifest.clear());
    rig.judge(&mut log, Kept::Everything, MEMORY_BYTES).expect("the damage is gone");
}

/// A compacted topic may lack what was replaced, and nothing else.
#[test]
fn compaction_takes_only_what_was_replaced() {
    let rig = rig();
    let whole = rig.record();
    let mut compacted = whole.clone();
    let all = records(&mut compacted, SCORE);
    let is_replaced = |at: usize| all[at + 1..].iter().any(|later| later.key == all[at].key);
    let newest: Vec<_> = (0..all.len()).filter(|at| !is_replaced(*at)).map(|at| all[at].clone()).collect();
    assert!(newest.len() < all.len(), "nothing was replaced");
    *all = newest;
    assert!(rig.judge(&mut compacted, Kept::Everything, MEMORY_BYTES).is_err(), "it was not said to be compacted");
    rig.judge(&mut compacted, Kept::NewestOfEachKey, MEMORY_BYTES).expect("compaction is allowed");
    let lost = records(&mut compacted, SCORE).remove(2);
    let said = rig.judge(&mut compacted, Kept::NewestOfEachKey, MEMORY_BYTES).expect_err("it is lost").to_string();
    assert!(said.contains(lost.key_text()) && said.contains("no later one of that lead is"), "{said}");
}

#[test]
fn what_cannot_be_judged_is_not_judged() {
    let rig = rig();
    let whole = rig.record();
    let check = |words: &[&str], change: &dyn Fn(&mut RecordedLog)| {
        let mut log = whole.clone();
        change(&mut log);
        let judged = rig.judge(&mut log, Kept::Everything, MEMORY_BYTES);
        let Err(Error::NotPossible(said)) = judged else { panic!("{words:?}: {judged:?}") };
        assert!(words.iter().all(|word| said.contains(word)), "{words:?}: {said}");
    };
    let position = whole.committed[&(WEB.to_owned(), 0)];
    check(&["engagement.web/0 begins at offset", "from changelog offset", "retention.ms"], &|log| {
        log.low.insert((WEB.into(), 0), position - 3);
    });
    check(&["engagement.web/0", "no transaction has all of its inputs"], &|log| {
        log.low.insert((WEB.into(), 0), position + 3);
    });
    check(&["app.state/0 was compacted", "min.compaction.lag.ms"], &|log| {
        log.compacted.push((STATE.into(), 0));
        let states = records(log, STATE);
        let third = states.iter().enumerate().filter(|(_, record)| is_manifest(record)).nth(2).expect("many").0;
        let is_replaced = |at: usize| states[at + 1..=third].iter().any(|later| later.key == states[at].key);
        let newest: Vec<_> = (0..=third).filter(|at| !is_replaced(*at)).map(|at| states[at].clone()).collect();
        states.splice(..=third, newest);
    });
    check(&["app.state/0 was compacted"], &|log| log.low.extend([((STATE.into(), 0), 1)]));
    check(&["outreach.ready/1 begins at offset 2"], &|log| log.low.extend([((READY.into(), 1), 2)]));
    check(&["app.dead-letter/0 begins at offset 1"], &|log| log.low.extend([((DEAD_LETTER.into(), 0), 1)]));
}

/// Transactions that were aborted before they had written anything leave their ends in the changelog, as compaction
/// leaves gaps: what tells them apart is whether the rest gives what is there.
#[test]
fn ends_of_aborted_transactions_are_no_compaction() {
    let rig = rig();
    let mut log = rig.record();
    log.compacted.push((STATE.into(), 0));
    rig.judge(&mut log, Kept::Everything, MEMORY_BYTES).expect("nothing is missing");
}

/// While it runs, what is behind the last manifest is not judged; all before it is.
#[test]
fn a_running_processor_is_judged_up_to_its_last_manifest() {
    let rig = rig();
    let mut log = rig.record();
    let more = LoggedRecord { offset: 1_000_000, ..records(&mut log, WEB)[0].clone() };
    records(&mut log, WEB).push(more);
    log.committed.insert((WEB.into(), 0), 1_000_001);
    let later = LoggedRecord { offset: 1_000_000, ..records(&mut log, READY)[0].clone() };
    records(&mut log, READY).push(later);
    assert!(rig.judge(&mut log, Kept::Everything, MEMORY_BYTES).is_err(), "it stands still");
    let report = rig.judge_as(&mut log, |setup| setup.running = true).expect("it still runs");
    assert!(report.notes.iter().any(|note| note.contains("after the last manifest")), "{report}");
    records(&mut log, READY).remove(1);
    assert!(rig.judge_as(&mut log, |setup| setup.running = true).is_err(), "what is before it is judged");
}

#[test]
fn a_part_of_the_partitions_is_judged_by_itself() {
    let rig = rig();
    let whole = rig.record();
    let of = |partition| rig.judge_as(&mut whole.clone(), |setup| setup.partitions = vec![Partition(partition)]);
    let all = rig.judge(&mut whole.clone(), Kept::Everything, MEMORY_BYTES).expect("nothing is wrong");
    let parts = [0, 1].map(|partition| of(partition).expect("nothing is wrong"));
    assert_eq!(parts.iter().map(|part| part.decisions).sum::<u64>(), all.decisions);
    assert!(parts.iter().all(|part| part.notes.len() == 1), "{}", parts[0]);
}

/// Messages name leads and decisions, and show what is known of people only where asked.
#[test]
fn values_are_shown_only_where_asked() {
    let rig = rig();
    let mut log = rig.record();
    let value = records(&mut log, READY)[4].value.as_mut().expect("a decision");
    let at = value.windows(8).position(|bytes| bytes == b"b2b-saas").expect("the model's name");
    value[at] = b'c';
    let [silent, talking] = [false, true]
        .map(|show| rig.judge_as(&mut log, |setup| setup.show_values = show).expect_err("it differs").to_string());
    assert!(!silent.contains("c2b-saas") && talking.contains("found \"c2b-saas\""), "{silent}\n{talking}");
}
