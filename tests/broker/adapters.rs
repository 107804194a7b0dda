//! The sink, and what a reader of its topics sees.

use std::time::{Duration, Instant};

use kit::log::{Isolation, New};
use tsuikyaku::io::kafka::KafkaSink;
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::runtime::ports::{OutRecord, OutTopic, Position, Sink, SinkError, Source};

use crate::rig::{Rig, WEB, commit, out, ready};

#[test]
fn a_transaction_is_seen_once_it_ended() {
    let rig = Rig::new("visible", 1);
    let mut sink = rig.sink("a");
    sink.begin().expect("a live producer");
    sink.send(ready("k", "1")).expect("room in the queue");
    sink.drain().expect("the broker takes it");
    assert_eq!(rig.values(OutTopic::Ready, Isolation::Uncommitted), ["1"]);
    assert_eq!(rig.values(OutTopic::Ready, Isolation::Committed), [""; 0]);
    sink.end().expect("nobody fences us");
    assert_eq!(rig.values(OutTopic::Ready, Isolation::Committed), ["1"]);

    sink.begin().expect("a live producer");
    sink.send(ready("k", "2")).expect("room in the queue");
    sink.abort().expect("an open transaction");
    commit(&mut sink, &[ready("k", "3")]);
    assert_eq!(rig.values(OutTopic::Ready, Isolation::Uncommitted), ["1", "2", "3"]);
    assert_eq!(rig.values(OutTopic::Ready, Isolation::Committed), ["1", "3"]);
}

#[test]
fn a_twin_fences_and_aborts_what_was_open() {
    let rig = Rig::new("twin", 1);
    let mut old = rig.sink("a");
    old.begin().expect("a live producer");
    old.send(ready("k", "old")).expect("room in the queue");
    old.drain().expect("the broker takes it");
    let mut new = rig.sink("a");
    commit(&mut new, &[ready("k", "new")]);
    let ended = old.end();
    assert!(matches!(ended, Err(SinkError::Fenced(_))), "{ended:?}");
    assert_eq!(rig.values(OutTopic::Ready, Isolation::Committed), ["new"]);

    old.rebuild().expect("the id is free to take back");
    commit(&mut old, &[ready("k", "again")]);
    let ended = new.begin().and_then(|()| new.send(ready("k", "lost"))).and_then(|()| new.drain().map(drop));
    let ended = ended.and_then(|()| new.end());
    assert!(matches!(ended, Err(SinkError::Fenced(_))), "{ended:?}");
    assert_eq!(rig.values(OutTopic::Ready, Isolation::Committed), ["new", "again"]);
}

#[test]
fn offsets_count_only_with_their_transaction() {
    let rig = Rig::new("offsets", 1);
    let mut reading = rig.source("a");
    let mut sink = rig.sink("a");
    rig.write(WEB, 0, 0..3);
    reading.start_all(1);
    reading.poll_until("three records", |reading| reading.batch.len() == 3);
    let group = reading.source.group().expect("a member");
    let next = reading.next();
    assert_eq!(next, [Position { input: WEB, partition: Partition(0), next_offset: 3 }]);
    for outcome in ["abort", "end"] {
        sink.begin().expect("a live producer");
        sink.send(ready("k", outcome)).expect("room in the queue");
        sink.drain().expect("the broker takes it");
        sink.send_offsets(&next, &group).expect("a member of this generation");
        let committed = match outcome {
            "abort" => sink.abort().map(|()| None),
            _ => sink.end().map(|()| Some(3)),
        };
        let expected = committed.expect("nobody fences us");
        assert_eq!(reading.source.committed(&[(WEB, Partition(0))]).expect("stable"), [expected], "{outcome}");
    }
}

#[test]
fn committed_offsets_wait_for_a_predecessor() {
    let rig = Rig::new("unstable", 1);
    let mut reading = rig.source("a");
    let mut sink = rig.sink("a");
    reading.poll_until_owned(1);
    let at = [(WEB, Partition(0))];
    let position = |next_offset| [Position { input: WEB, partition: Partition(0), next_offset }];
    sink.begin().expect("a live producer");
    sink.send(ready("k", "1")).expect("room in the queue");
    sink.drain().expect("the broker takes it");
    sink.send_offsets(&position(7), &reading.source.group().expect("a member")).expect("a member");
    let (asked, answer) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| (Instant::now(), reading.source.committed(&at), Instant::now()));
        std::thread::sleep(Duration::from_millis(300));
        let ended = Instant::now();
        sink.end().expect("nobody fences us");
        let (_, answer, answered) = asking.join().expect("no panic");
        (answered >= ended, answer)
    });
    assert!(asked, "answered while the offset was open");
    assert_eq!(answer.expect("stable in the end"), [Some(7)]);
}

#[test]
fn records_keep_keys_nulls_headers_timestamps_and_partitions() {
    let rig = Rig::new("shape", 4);
    let mut sink = rig.sink("a");
    let headers: [(&str, &[u8]); 2] = [("origin", b"web"), ("empty", b"")];
    let full = OutRecord {
        topic: OutTopic::DeadLetter,
        partition: Some(Partition(3)),
        key: None,
        value: Some(b"v"),
        headers: &headers,
        timestamp_ms: Some(1_700_000_000_123),
    };
    let state = commit(&mut sink, &[full, out(OutTopic::State, "21", None), out(OutTopic::State, "21", Some(""))]);
    let found = &rig.read(OutTopic::DeadLetter, Isolation::Committed)[0];
    assert_eq!((found.partition, found.timestamp_ms), (3, 1_700_000_000_123));
    assert_eq!((found.key.as_deref(), found.value.as_deref()), (None, Some(b"v".as_slice())));
    let expected = headers.map(|(name, value)| (name.to_owned(), value.to_vec()));
    assert_eq!(found.headers, expected);

    let found = rig.read(OutTopic::State, Isolation::Committed);
    assert_eq!(found.iter().map(|record| record.value.clone()).collect::<Vec<_>>(), [None, Some(vec![])]);
    // the Java client's toPositive(murmur2("21")) is 973932308
    assert_eq!(found[0].partition, 973_932_308 % 4);
    assert_eq!(state, [(Partition(0), 2)]);
}

#[test]
fn what_the_source_reads_is_what_was_written() {
    let rig = Rig::new("read-shape", 2);
    let headers: [(&str, &[u8]); 2] = [("a", b"1"), ("a", b"2")];
    let new =
        New { partition: Some(1), key: None, value: None, timestamp_ms: Some(1_700_000_000_000), headers: &headers };
    rig.writer.send(rig.settings.topics.input(WEB), new);
    rig.writer.send(rig.settings.topics.input(WEB), New { key: Some(b""), value: Some(b""), headers: &[], ..new });
    rig.writer.send(rig.settings.topics.input(WEB), New { timestamp_ms: Some(i64::MIN / 2), ..new });
    rig.writer.flush();
    let mut reading = rig.source("a");
    reading.start_all(2);
    reading.poll_until("three records", |reading| reading.batch.len() == 3);
    let first = reading.batch.get(0);
    assert_eq!((first.key, first.value, first.appended_at_ms), (None, None, 1_700_000_000_000));
    assert_eq!(first.headers().collect::<Vec<_>>(), headers);
    let second = reading.batch.get(1);
    assert_eq!((second.key, second.value, second.offset), (Some(b"".as_slice()), Some(b"".as_slice()), 1));
    assert_eq!(reading.batch.get(2).appended_at_ms, 0, "a time before 1970 is none");
}

#[test]
fn a_record_that_no_broker_takes_is_named() {
    let rig = Rig::new("too-large", 1);
    let mut sink = rig.sink("a");
    sink.begin().expect("a live producer");
    let outcome = sink.send(ready("k", &"x".repeat(2 << 20)));
    assert!(matches!(&outcome, Err(SinkError::Fatal(text)) if text.contains("ready")), "{outcome:?}");
    sink.abort().expect("an open transaction");

    // a compacted topic refuses records without key, and the transaction with them
    let unkeyed = OutRecord { key: None, partition: Some(Partition(0)), ..out(OutTopic::State, "", Some("v")) };
    sink.begin().expect("a live producer");
    sink.send(unkeyed).expect("room in the queue");
    let outcome = sink.drain();
    assert!(matches!(outcome, Err(SinkError::Abort(_))), "{outcome:?}");
    sink.abort().expect("an open transaction");
    commit(&mut sink, &[ready("k", "after")]);
    assert_eq!(rig.values(OutTopic::Ready, Isolation::Committed), ["after"]);
}

/// Prints what a commit costs; nothing is asserted about time.
#[test]
fn commit_latency_is_printed() {
    let rig = Rig::new("latency", 4);
    let mut reading = rig.source("a");
    let mut sink = rig.sink("a");
    reading.poll_until_owned(4);
    let positions = reading.positions();
    let mut phases: [Vec<Duration>; 4] = Default::default();
    for round in 0..100 {
        let all = one_commit(&mut sink, &mut reading.source, &positions, round, &mut phases);
        phases[3].push(all);
        std::thread::sleep(Duration::from_millis(5)); // the broker's markers
    }
    for (name, mut times) in ["drain", "offsets", "end", "all"].into_iter().zip(phases) {
        times.sort();
        println!(
            "commit of 100 records, {name}: p50 {:?} p99 {:?}",
            times[times.len() / 2],
            times[times.len() * 99 / 100]
        );
    }
    assert_eq!(rig.read(OutTopic::State, Isolation::Committed).len(), 100 * 100);
}

fn one_commit(
    sink: &mut KafkaSink,
    source: &mut impl Source<Group = <KafkaSink as Sink>::Group>,
    positions: &[Position],
    round: u32,
    phases: &mut [Vec<Duration>; 4],
) -> Duration {
    let group = source.group().expect("a member");
    let start = Instant::now();
    sink.begin().expect("a live producer");
    for lead in 0..100 {
        let key = format!("{}", round * 100 + lead);
        sink.send(out(OutTopic::State, &key, Some("a state of some length"))).expect("room in the queue");
    }
    let mut before = start;
    let mut phase = |place: usize| {
        phases[place].push(before.elapsed());
        before = Instant::now();
    };
    sink.drain().expect("the broker takes them");
    phase(0);
    sink.send_offsets(positions, &group).expect("a member");
    phase(1);
    sink.end().expect("nobody fences us");
    phase(2);
    start.elapsed()
}
