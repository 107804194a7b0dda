//! The changelog: bounds, markers, aborted records, compaction.

use std::time::{Duration, Instant};

use kit::broker::{Cluster, shared};
use kit::log::{Isolation, read_all};
use kit::proxy::{Action, Api};
use kit::topics::{create, plan};
use tsuikyaku::io::kafka::KafkaChangelog;
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::runtime::ports::{Changelog, OutTopic, Sink, Stretch};

use crate::rig::{DEADLINE, Rig, commit, out};

const P: Partition = Partition(0);

/// Offsets, keys and values from `from` to the end as it is now, in pieces; where to go on; and how many pieces it took.
fn read(changelog: &mut KafkaChangelog, from: i64) -> (Vec<(i64, String, Option<String>)>, i64) {
    let (_, until) = changelog.bounds(P).expect("the broker answers");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("tests write text");
    let (mut found, mut next) = (Vec::new(), from);
    let give_up = Instant::now() + DEADLINE;
    loop {
        let mut each = |record: tsuikyaku::runtime::ports::ChangelogRecord<'_>| {
            found.push((record.offset, text(record.key), record.value.map(text)));
        };
        let piece = changelog.read(P, next, until, Duration::from_millis(20), &mut each).expect("the broker answers");
        next = piece.next_offset;
        if piece.done {
            return (found, next);
        }
        assert!(Instant::now() < give_up, "at {next} of {until}");
    }
}

#[test]
fn reads_committed_records_up_to_a_marker_at_the_end() {
    let rig = Rig::new("changelog", 1);
    let mut sink = rig.sink("a");
    let mut changelog = KafkaChangelog::new(&rig.settings, 0);
    assert_eq!(read(&mut changelog, 0), (vec![], 0), "an empty changelog is read at once");

    assert_eq!(commit(&mut sink, &[out(OutTopic::State, "a", Some("1"))]), [(P, 1)]);
    sink.begin().expect("a live producer");
    sink.send(out(OutTopic::State, "a", Some("aborted"))).expect("room in the queue");
    sink.abort().expect("an open transaction");
    commit(&mut sink, &[out(OutTopic::State, "b", None)]);
    let a = (0, "a".to_owned(), Some("1".to_owned()));
    let b = (4, "b".to_owned(), None);
    // offsets 1, 3 and 5 are markers, 2 was aborted; the last marker may be written behind the answer
    kit::wait_for("the last marker", DEADLINE, || {
        (changelog.bounds(P).expect("the broker answers") == (0, 6)).then_some(())
    });
    assert_eq!(read(&mut changelog, 0), (vec![a.clone(), b.clone()], 6));
    assert_eq!(read(&mut changelog, 1), (vec![b], 6));
    assert_eq!(read(&mut changelog, 5), (vec![], 6), "only a marker is left");
    assert_eq!(read(&mut changelog, 0).0[0], a, "again from the start");
}

#[test]
fn waits_for_an_open_transaction_below_the_end() {
    let rig = Rig::new("changelog-open", 1);
    let mut sink = rig.sink("a");
    let mut changelog = KafkaChangelog::new(&rig.settings, 0);
    sink.begin().expect("a live producer");
    sink.send(out(OutTopic::State, "a", Some("1"))).expect("room in the queue");
    sink.drain().expect("the broker takes it");
    let (low, until) = changelog.bounds(P).expect("the broker answers");
    assert_eq!((low, until), (0, 1), "records of open transactions count");
    let piece = changelog.read(P, 0, until, Duration::from_millis(200), &mut |_| panic!("not committed yet"));
    assert_eq!(piece.map(|piece| piece.done).ok(), Some(false));
    sink.end().expect("nobody fences us");
    let (records, next_offset) = read(&mut changelog, 0);
    assert_eq!(records, [(0, "a".into(), Some("1".into()))]);
    assert!((1..=2).contains(&next_offset), "the marker may not be counted yet: {next_offset}");
}

/// Nothing comes over the client's connection any more, as where librdkafka has lost the leader of a partition.
#[test]
fn what_is_not_read_any_more_is_read_over_new_connections() {
    let cluster = Cluster::start_proxied(1, &[]);
    let proxy = cluster.proxies().next().expect("one broker, one proxy");
    let mut rig = Rig::on(&cluster, "changelog-standstill", 1, &["web"], &[]);
    commit(&mut rig.sink("a"), &[out(OutTopic::State, "a", Some("1"))]);
    rig.settings.bootstrap_servers = cluster.proxied_servers();
    rig.settings.standstill_interval = Duration::from_secs(2);
    proxy.plan(Api::FETCH, Action::Delay(Duration::from_secs(90)));
    let (records, _) = read(&mut KafkaChangelog::new(&rig.settings, 0), 0);
    assert_eq!(records, [(0, "a".into(), Some("1".into()))]);
}

#[test]
fn ends_where_compaction_removed_the_last_records() {
    let rig = Rig::new("changelog-compacted", 1);
    let mut settings = rig.settings.clone();
    settings.topics.state = format!("{}.compacted", settings.app_id);
    let compacting = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("segment.ms", "500"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("delete.retention.ms", "0"),
    ];
    create(&settings, &[plan(&settings.topics.state, 1, &compacting)]);
    let mut sink = tsuikyaku::io::kafka::KafkaSink::open(&settings, 0).expect("the cluster answers");
    for value in ["1", "2", "3"] {
        commit(&mut sink, &[out(OutTopic::State, "a", Some(value)), out(OutTopic::State, "b", Some(value))]);
    }
    commit(&mut sink, &[out(OutTopic::State, "a", None)]);
    // a record now and then rolls the segment, so that those before it are cleaned
    let servers = shared().bootstrap_servers();
    kit::wait_for("compaction", Duration::from_secs(60), || {
        std::thread::sleep(Duration::from_millis(600));
        commit(&mut sink, &[out(OutTopic::State, "c", Some("roll"))]);
        let left = read_all(&servers, &settings.topics.state, Isolation::Uncommitted);
        (left.iter().filter(|record| record.key.as_deref() != Some(b"c")).count() <= 1).then_some(())
    });
    let mut changelog = KafkaChangelog::new(&settings, 0);
    let (_, until) = changelog.bounds(P).expect("the broker answers");
    let (found, next) = read(&mut changelog, 0);
    let kept: Vec<_> = found.iter().filter(|(_, key, _)| key != "c").map(|(_, key, value)| (key, value)).collect();
    assert_eq!(kept, [(&"b".to_owned(), &Some("3".to_owned()))]);
    assert_eq!(next, until);
}

#[test]
fn many_records_come_in_pieces() {
    let rig = Rig::new("changelog-many", 1);
    let mut sink = rig.sink("a");
    let keys: Vec<String> = (0..20_000).map(|key| key.to_string()).collect();
    for some in keys.chunks(5_000) {
        commit(&mut sink, &some.iter().map(|key| out(OutTopic::State, key, Some("v"))).collect::<Vec<_>>());
    }
    let mut changelog = KafkaChangelog::new(&rig.settings, 0);
    let (found, next) = read(&mut changelog, 0);
    let found: Vec<String> = found.into_iter().map(|(_, key, _)| key).collect();
    assert!(found == keys, "{} records, first {:?}", found.len(), found.first());
    assert_eq!(next, 20_004);
}

#[test]
fn what_was_fetched_ahead_is_read_like_anything_else() {
    let rig = Rig::new("changelog-ahead", 1);
    let mut sink = rig.sink("a");
    let mut changelog = KafkaChangelog::new(&rig.settings, 0);
    let mut soon = |changelog: &mut KafkaChangelog, from: i64| {
        commit(&mut sink, &[out(OutTopic::State, "k", Some("before"))]);
        let (_, until) = changelog.bounds(P).expect("the broker answers");
        changelog.read_soon(&[Stretch { partition: P, from, until }]).expect("the broker answers");
        commit(&mut sink, &[out(OutTopic::State, "k", Some("meanwhile"))]);
    };
    let offsets = |changelog: &mut KafkaChangelog, from: i64| -> Vec<i64> {
        read(changelog, from).0.into_iter().map(|(offset, ..)| offset).collect()
    };
    soon(&mut changelog, 0);
    assert_eq!(offsets(&mut changelog, 0), [0, 2]);
    soon(&mut changelog, 4);
    assert_eq!(offsets(&mut changelog, 2), [2, 4, 6], "another place than announced");
    soon(&mut changelog, 8);
    changelog.read_soon(&[]).expect("nothing is asked");
    assert_eq!(offsets(&mut changelog, 8), [8, 10], "let go meanwhile");
}
