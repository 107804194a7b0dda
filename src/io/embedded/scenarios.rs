//! What a broker would show, asked of the embedded log through the ports.

use std::sync::Arc;
use std::time::Duration;

use super::{EmbeddedLog, EmbeddedSink, EmbeddedSource, Layout, Membership, NewRecord, Topic};
use crate::runtime::batch::{Batch, InputId, Partition};
use crate::runtime::ports::{
    Change, Changelog, Clock, OutRecord, OutTopic, PollLimits, Position, Sink, SinkError, Source, SourceError,
};

const P0: Partition = Partition(0);
const WEB: InputId = InputId(1);
const OTHER: InputId = InputId(2);
const LIMITS: PollLimits = PollLimits { wait: Duration::ZERO, records_max: 100, bytes_max: 1 << 20 };

struct Noon;

impl Clock for Noon {
    fn now_ms(&self) -> i64 {
        12
    }
}

/// Intake and web with two partitions, another input with one.
fn layout() -> Layout {
    let topic = |name: &str, partition_count| Topic { name: name.to_owned(), partition_count };
    Layout::new(vec![topic("intake", 2), topic("web", 2), topic("other", 1)])
}

fn log() -> EmbeddedLog {
    EmbeddedLog::in_memory(layout(), Arc::new(Noon))
}

fn append(log: &EmbeddedLog, input: InputId, partition: Option<Partition>, value: &str) {
    let value = Some(value.as_bytes());
    let record = NewRecord { partition, key: Some(b"lead"), value, headers: &[("h", b"1")], timestamp_ms: Some(5) };
    log.append(&[(input, record)]).unwrap();
}

fn out(topic: OutTopic, value: &'static str) -> OutRecord<'static> {
    let value = Some(value.as_bytes());
    OutRecord { topic, partition: Some(P0), key: Some(b"lead"), value, headers: &[], timestamp_ms: None }
}

fn at(input: InputId, next_offset: i64) -> Position {
    Position { input, partition: P0, next_offset }
}

/// A source that reads its partitions from their committed positions, or from the beginning.
fn started(log: &EmbeddedLog) -> EmbeddedSource {
    let mut source = log.source();
    let change = source.poll(&mut Batch::default(), LIMITS).unwrap();
    start(&mut source, &change);
    source
}

fn start(source: &mut EmbeddedSource, change: &Change) {
    let riding = change.gained.iter().flat_map(|&partition| [InputId::INTAKE, WEB].map(|input| (input, partition)));
    for (input, partition) in riding.chain(change.gained_stateless.iter().copied()) {
        let next_offset = source.committed(&[(input, partition)]).unwrap()[0].unwrap_or(0);
        source.start(&[Position { input, partition, next_offset }]).unwrap();
    }
}

fn poll(source: &mut EmbeddedSource) -> Vec<String> {
    let mut batch = Batch::default();
    assert!(source.poll(&mut batch, LIMITS).unwrap().is_empty());
    batch.iter().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()).collect()
}

fn values(log: &EmbeddedLog, topic: OutTopic) -> Vec<String> {
    let mut found = Vec::new();
    log.read(topic, &mut Vec::new(), &mut |_, entry| {
        found.push(String::from_utf8(entry.value.clone().unwrap().into_vec()).unwrap());
    });
    found
}

fn transaction(sink: &mut EmbeddedSink, records: &[OutRecord<'_>], positions: &[Position], group: &Membership) {
    sink.begin().unwrap();
    for record in records {
        sink.send(*record).unwrap();
    }
    sink.drain().unwrap();
    sink.send_offsets(positions, group).unwrap();
    sink.end().unwrap();
}

#[test]
fn records_of_all_topics_come_in_the_order_of_appending() {
    let log = log();
    for (number, input) in [WEB, OTHER, InputId::INTAKE, WEB, OTHER].into_iter().enumerate() {
        append(&log, input, Some(Partition(number as u32 % 2)).filter(|_| input != OTHER), &number.to_string());
    }
    let mut source = started(&log);
    assert_eq!(source.inputs(), [InputId::INTAKE, WEB]);
    let mut batch = Batch::default();
    source.poll(&mut batch, PollLimits { records_max: 2, ..LIMITS }).unwrap();
    assert_eq!(batch.iter().map(|record| record.appended_at_ms).collect::<Vec<_>>(), [5, 5]);
    assert_eq!(batch.get(0).header("h"), Some(b"1".as_slice()));
    assert_eq!((source.at_end(P0), source.lag_records(InputId::INTAKE, P0)), (false, Some(1)));
    assert_eq!(poll(&mut source), ["2", "3", "4"]);
    assert!(source.at_end(P0));
}

#[test]
fn an_aborted_transaction_leaves_no_trace_and_an_open_one_holds_readers_back() {
    let log = log();
    let (mut source, mut sink) = (started(&log), log.sink("w0"));
    append(&log, WEB, Some(P0), "in");
    assert_eq!(poll(&mut source), ["in"]);
    let group = source.group().unwrap();

    sink.begin().unwrap();
    sink.send(out(OutTopic::Ready, "aborted")).unwrap();
    sink.send(out(OutTopic::Intake, "aborted")).unwrap();
    append(&log, InputId::INTAKE, Some(P0), "behind");
    sink.send_offsets(&[at(WEB, 1)], &group).unwrap();
    assert_eq!((values(&log, OutTopic::Ready), poll(&mut source)), (vec![], vec![]));
    assert!(matches!(source.committed(&[(WEB, P0)]), Err(SourceError::Retry(_))), "the position is pending");
    sink.abort().unwrap();
    assert_eq!((values(&log, OutTopic::Ready), poll(&mut source)), (vec![], vec!["behind".to_owned()]));
    assert_eq!(source.committed(&[(WEB, P0)]).unwrap(), [None]);

    transaction(&mut sink, &[out(OutTopic::Ready, "one")], &[at(WEB, 1)], &group);
    assert_eq!(values(&log, OutTopic::Ready), ["one"]);
    assert_eq!(source.committed(&[(WEB, P0)]).unwrap(), [Some(1)]);
    assert_eq!(log.ends(OutTopic::Ready)[0], 4, "two records and two markers");
}

#[test]
fn an_older_producer_of_the_same_id_is_shut_out() {
    let log = log();
    let mut source = started(&log);
    let mut old = log.sink("w0");
    old.begin().unwrap();
    old.send(out(OutTopic::Ready, "of the old one")).unwrap();
    let mut new = log.sink("w0");
    let group = source.group().unwrap();
    assert!(matches!(old.send(out(OutTopic::Ready, "late")), Err(SinkError::Fenced(_))));
    assert!(matches!(old.send_offsets(&[at(WEB, 9)], &group), Err(SinkError::Fenced(_))));
    assert!(matches!(old.end(), Err(SinkError::Fenced(_))));
    assert!(matches!(old.abort(), Err(SinkError::Fenced(_))));
    transaction(&mut new, &[out(OutTopic::Ready, "of the new one")], &[], &group);
    assert_eq!(values(&log, OutTopic::Ready), ["of the new one"]);
    old.rebuild().unwrap();
    assert!(matches!(new.send(out(OutTopic::Ready, "late")), Err(SinkError::Fenced(_))));
}

#[test]
fn a_transaction_that_nobody_ends_expires() {
    let log = log();
    let mut killed = log.sink("w0");
    killed.begin().unwrap();
    killed.send(out(OutTopic::Intake, "never")).unwrap();
    drop(killed);
    append(&log, InputId::INTAKE, Some(P0), "behind");
    let mut source = started(&log);
    assert_eq!(poll(&mut source), Vec::<String>::new());
    log.expire_transactions();
    assert_eq!(poll(&mut source), ["behind"]);
}

#[test]
fn partitions_move_to_a_second_member_and_back() {
    let log = log();
    for partition in [P0, Partition(1)] {
        append(&log, WEB, Some(partition), &format!("a{}", partition.0));
    }
    let mut first = started(&log);
    let mut batch = Batch::default();
    first.poll(&mut batch, LIMITS).unwrap();
    let group = first.group().unwrap();
    let mut second = log.source();
    let change = first.poll(&mut batch, LIMITS).unwrap();
    assert_eq!((change.lost, change.lost_by_force), (vec![Partition(1)], false));
    assert_eq!(batch.len(), 1, "what was lost has left the batch");
    let mut sink = log.sink("w0");
    sink.begin().unwrap();
    assert!(matches!(sink.send_offsets(&[at(WEB, 1)], &group), Err(SinkError::Regrouped(_))), "an older generation");

    let change = second.poll(&mut Batch::default(), LIMITS).unwrap();
    assert_eq!(change.gained, [Partition(1)]);
    start(&mut second, &change);
    assert_eq!(poll(&mut second), ["a1"]);
    second.close(Duration::ZERO);
    let change = first.poll(&mut batch, LIMITS).unwrap();
    assert_eq!(change.gained, [Partition(1)]);

    log.expel_members();
    assert!(first.group().is_err());
    let change = first.poll(&mut batch, LIMITS).unwrap();
    assert!(change.lost_by_force && batch.is_empty(), "{change:?}");
}

#[test]
fn a_position_beyond_the_log_is_refused() {
    let log = log();
    let mut source = started(&log);
    for next_offset in [-1, 1] {
        let refused = source.start(&[Position { input: WEB, partition: P0, next_offset }]);
        assert!(matches!(refused, Err(SourceError::OutOfRange(_))), "{next_offset}");
    }
}

#[test]
fn a_restore_ends_only_when_the_last_transaction_has() {
    let log = log();
    let (mut source, mut changelog) = (started(&log), log.changelog());
    let (mut sink, mut slow) = (log.sink("w0"), log.sink("w1"));
    let group = source.group().unwrap();
    transaction(&mut sink, &[out(OutTopic::State, "1"), out(OutTopic::State, "2")], &[], &group);
    slow.begin().unwrap();
    slow.send(out(OutTopic::State, "3")).unwrap();
    assert_eq!(slow.drain().unwrap(), [(P0, 4)]);
    let (low, high) = changelog.bounds(P0).unwrap();
    assert_eq!((low, high), (0, 4));

    let mut read = |from| {
        let mut found = Vec::new();
        let mut each = |record: crate::runtime::ports::ChangelogRecord<'_>| found.push(record.value.unwrap().to_vec());
        let restored = changelog.read(P0, from, high, Duration::ZERO, &mut each).unwrap();
        (restored.next_offset, restored.done, found.concat())
    };
    assert_eq!(read(0), (3, false, b"12".to_vec()));
    assert_eq!(read(3), (3, false, vec![]));
    slow.end().unwrap();
    assert_eq!(read(3), (5, true, b"3".to_vec()));
    assert_eq!(read(5), (5, true, vec![]));
    assert!(source.committed(&[(WEB, P0)]).is_ok());
}

/// A log in `dir` with one input record, and one transaction on it.
fn written(dir: &std::path::Path) {
    let log = EmbeddedLog::open(layout(), dir, Arc::new(Noon)).unwrap();
    let mut source = started(&log);
    append(&log, WEB, Some(P0), "in");
    assert_eq!(poll(&mut source), ["in"]);
    let group = source.group().unwrap();
    transaction(&mut log.sink("w0"), &[out(OutTopic::Ready, "one")], &[at(WEB, 1)], &group);
    let mut killed = log.sink("w0");
    killed.begin().unwrap();
    killed.send(out(OutTopic::Ready, "never")).unwrap();
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path());
    for _ in 0..2 {
        let log = EmbeddedLog::open(layout(), dir.path(), Arc::new(Noon)).unwrap();
        assert_eq!((values(&log, OutTopic::Ready), log.lag_records()), (vec!["one".to_owned()], 0));
        assert_eq!((log.ends(OutTopic::Ready)[0], log.inputs_appended_count()), (2, 1));
        assert_eq!(started(&log).committed(&[(WEB, P0)]).unwrap(), [Some(1)]);
    }
    let log = EmbeddedLog::open(layout(), dir.path(), Arc::new(Noon)).unwrap();
    append(&log, WEB, Some(P0), "more");
    assert_eq!((poll(&mut started(&log)), log.lag_records()), (vec!["more".to_owned()], 1));
}

#[test]
fn a_torn_end_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path());
    let file = dir.path().join("log");
    let whole = std::fs::read(&file).unwrap();
    for cut in [1, 20, 60] {
        let mut torn = whole.clone();
        torn.truncate(whole.len() - cut);
        std::fs::write(&file, &torn).unwrap();
        let log = EmbeddedLog::open(layout(), dir.path(), Arc::new(Noon)).unwrap();
        assert_eq!((values(&log, OutTopic::Ready), log.lag_records()), (vec![], 1), "{cut} bytes short");
    }
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &flipped).unwrap();
    let log = EmbeddedLog::open(layout(), dir.path(), Arc::new(Noon)).unwrap();
    assert_eq!(values(&log, OutTopic::Ready), Vec::<String>::new());
    append(&log, WEB, Some(P0), "again");
    drop(log);
    let log = EmbeddedLog::open(layout(), dir.path(), Arc::new(Noon)).unwrap();
    assert_eq!(poll(&mut started(&log)), ["in", "again"]);
}

#[test]
fn a_file_of_other_topics_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path());
    let mut other = layout();
    other.inputs[1].partition_count = 3;
    assert!(EmbeddedLog::open(other, dir.path(), Arc::new(Noon)).is_err());
}

#[test]
fn whoever_waits_hears_of_what_comes() {
    let log = log();
    let mut source = started(&log);
    let writer = log.clone();
    let waiting = std::thread::spawn(move || {
        let mut batch = Batch::default();
        source.poll(&mut batch, PollLimits { wait: Duration::from_secs(60), ..LIMITS }).unwrap();
        (batch.len(), source)
    });
    append(&writer, WEB, Some(P0), "in");
    let (count, mut source) = waiting.join().unwrap();
    assert_eq!((count, log.wait_until_processed(Duration::ZERO)), (1, false));
    let group = source.group().unwrap();
    transaction(&mut log.sink("w0"), &[], &[at(WEB, 1)], &group);
    assert!(log.wait_until_processed(Duration::ZERO));
}

#[test]
fn markers_that_lag_hold_readers_and_positions_back() {
    let log = log();
    let (mut source, mut sink) = (started(&log), log.sink("w0"));
    append(&log, WEB, Some(P0), "in");
    assert_eq!(poll(&mut source), ["in"]);
    log.hold_markers(true);
    let group = source.group().unwrap();
    let two = [out(OutTopic::Ready, "a"), out(OutTopic::Intake, "b")];
    transaction(&mut sink, &two, &[at(WEB, 1)], &group);
    assert_eq!((values(&log, OutTopic::Ready), poll(&mut source)), (vec![], vec![]));
    assert!(matches!(source.committed(&[(WEB, P0)]), Err(SourceError::Retry(_))));

    assert!(log.write_marker(0), "the intake's comes first in the list");
    assert_eq!((values(&log, OutTopic::Ready), poll(&mut source)), (vec![], vec!["b".to_owned()]));
    assert!(log.write_marker(1), "the positions may come before the last marker");
    assert_eq!((values(&log, OutTopic::Ready).len(), source.committed(&[(WEB, P0)]).unwrap()), (0, vec![Some(1)]));
    transaction(&mut sink, &[out(OutTopic::Ready, "c")], &[], &group);
    assert_eq!(values(&log, OutTopic::Ready), ["a"], "a producer's next transaction waits for the markers of its last");
    log.hold_markers(false);
    assert_eq!((values(&log, OutTopic::Ready), log.write_marker(0)), (vec!["a".to_owned(), "c".to_owned()], false));
}
