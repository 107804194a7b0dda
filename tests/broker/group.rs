//! Members of the group: who owns what, where reading begins, and that nothing is lost or read twice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kit::broker::Cluster;
use kit::proxy::{Action, Api};
use tsuikyaku::runtime::batch::{InputId, Partition};
use tsuikyaku::runtime::ports::{Position, Sink, Source, SourceError};

use crate::rig::{DEADLINE, Reading, Rig, WEB, ready};

const P: Partition = Partition(0);

fn at(next_offset: i64) -> [Position; 1] {
    [Position { input: WEB, partition: P, next_offset }]
}

#[test]
fn silent_until_started_and_started_again_elsewhere() {
    let rig = Rig::new("start", 1);
    rig.write(WEB, 0, 0..100);
    let mut reading = rig.source("a");
    reading.poll_until_owned(1);
    for _ in 0..5 {
        reading.poll().expect("a member");
    }
    assert_eq!(reading.values(), [0; 0], "nobody said where to begin");

    reading.source.start(&at(40)).expect("owned");
    reading.poll_until("60 records", |reading| reading.batch.len() >= 60);
    assert_eq!(reading.values(), (40..100).collect::<Vec<_>>());

    for next in [10i64, 0, 99, 50] {
        reading.batch.clear();
        reading.source.start(&at(next)).expect("owned");
        let expected: Vec<u32> = (next as u32..100).collect();
        reading.poll_until("the rest", |reading| reading.batch.len() >= expected.len());
        assert_eq!(reading.values(), expected, "from {next}");
    }
}

#[test]
fn a_stopped_partition_gives_nothing_until_the_next_start() {
    let rig = Rig::new("stop", 1);
    rig.write(WEB, 0, 0..10);
    let mut reading = rig.source("a");
    reading.poll_until_owned(1);
    reading.source.start(&at(0)).expect("owned");
    reading.poll_until("10 records", |reading| reading.batch.len() == 10);
    reading.source.stop(&[(WEB, P)]).expect("owned");
    rig.write(WEB, 0, 10..20);
    reading.batch.clear();
    for _ in 0..5 {
        reading.poll().expect("a member");
    }
    assert_eq!(reading.values(), [0; 0]);
    assert!(!reading.source.at_end(P));
    reading.source.start(&at(5)).expect("owned");
    reading.poll_until("15 records", |reading| reading.batch.len() >= 15);
    assert_eq!(reading.values(), (5..20).collect::<Vec<_>>());
}

#[test]
fn at_end_only_when_every_input_is_even_behind_markers() {
    let rig = Rig::new("at-end", 1);
    let mut sink = rig.sink("a");
    let mut reading = rig.source("a");
    rig.write(WEB, 0, 0..5);
    let intake = crate::rig::out(tsuikyaku::runtime::ports::OutTopic::Intake, "k", Some("7"));
    crate::rig::commit(&mut sink, &[intake]); // the intake ends with a marker
    reading.poll_until_owned(1);
    reading.source.start(&at(0)).expect("owned");
    reading.poll_until("5 records", |reading| reading.batch.len() == 5);
    assert!(!reading.source.at_end(P), "the intake was not started");
    let positions = reading.positions();
    reading.batch.clear();
    reading.source.start(&positions).expect("owned");
    reading.poll_until("the end", |reading| reading.source.at_end(P));
    assert_eq!(reading.batch.len(), 6);
    assert_eq!(reading.source.lag_records(WEB, P), Some(0));
    assert_eq!(reading.source.lag_records(InputId::INTAKE, P), Some(0));
    rig.write(WEB, 0, 5..6);
    reading.poll_until("one more", |reading| reading.batch.len() == 7);
    reading.poll_until("the end again", |reading| reading.source.at_end(P));
}

#[test]
fn an_offset_that_is_gone_is_an_error() {
    let rig = Rig::new("out-of-range", 1);
    let mut reading = rig.source("a");
    reading.poll_until_owned(1);
    reading.source.start(&at(1000)).expect("owned");
    assert!(matches!(out_of_range(&mut reading), SourceError::OutOfRange(text) if text.contains("web")));
}

/// librdkafka gives up a partition when it is told that its place is not there, also where that is wrong.
#[test]
fn an_offset_that_is_there_after_all_is_read_by_a_new_consumer() {
    let rig = Rig::new("out-of-range-after-all", 1);
    let mut reading = rig.source("a");
    reading.poll_until_owned(1);
    reading.source.start(&at(3)).expect("owned");
    std::thread::sleep(Duration::from_secs(3)); // for the broker's answer, which nobody looks at
    rig.write(WEB, 0, 0..10);
    assert!(matches!(out_of_range(&mut reading), SourceError::Retry(text) if text.contains("still has it")));
    reading.poll_until("everything to be lost", |reading| reading.owned.is_empty());
    reading.poll_until_owned(1);
    reading.source.start(&at(3)).expect("owned");
    reading.poll_until("the rest", |reading| reading.batch.len() >= 7);
    assert_eq!(reading.values(), (3..10).collect::<Vec<_>>());
}

/// Nothing comes over the consumer's connection any more, as where librdkafka has lost the leader of a partition.
#[test]
fn what_is_not_read_any_more_is_read_by_a_new_consumer() {
    let cluster = Cluster::start_proxied(1, &[]);
    let proxy = cluster.proxies().next().expect("one broker, one proxy");
    let mut rig = Rig::on(&cluster, "standstill", 1, &["web"], &[]);
    rig.settings.bootstrap_servers = cluster.proxied_servers();
    rig.settings.standstill_interval = Duration::from_secs(2);
    let mut reading = rig.source("a");
    reading.poll_until_owned(1);
    reading.source.start(&at(0)).expect("owned");
    rig.write(WEB, 0, 0..5);
    reading.poll_until("what is read at first", |reading| reading.batch.len() == 5);
    let quiet = Instant::now();
    while quiet.elapsed() < Duration::from_secs(7) {
        reading.poll().expect("a member");
        assert_eq!(reading.owned.len(), 1, "nothing waits: nothing is wrong");
    }
    proxy.plan(Api::FETCH, Action::Delay(Duration::from_secs(90)));
    rig.write(WEB, 0, 5..10);
    reading.poll_until("everything to be lost", |reading| reading.owned.is_empty());
    proxy.forget();
    reading.poll_until_owned(1);
    reading.source.start(&at(5)).expect("owned");
    reading.poll_until("the rest", |reading| reading.batch.len() >= 5);
    assert_eq!(reading.values(), (5..10).collect::<Vec<_>>(), "what was read before is not ours any more");
}

/// The first error that is about an offset.
fn out_of_range(reading: &mut Reading) -> SourceError {
    let until = Instant::now() + DEADLINE;
    loop {
        match reading.poll() {
            Err(SourceError::Retry(text)) if !text.contains("still has it") => {}
            Err(error) => return error,
            Ok(_) => {}
        }
        assert!(Instant::now() < until, "no error came");
    }
}

#[test]
fn limits_hold() {
    let rig = Rig::new("limits", 1);
    rig.write(WEB, 0, 0..1000);
    let mut reading = rig.source("a");
    reading.poll_until_owned(1);
    reading.source.start(&at(0)).expect("owned");
    let few = tsuikyaku::runtime::ports::PollLimits { records_max: 7, ..crate::rig::LIMITS };
    while reading.batch.is_empty() {
        reading.source.poll(&mut reading.batch, few).expect("a member");
    }
    assert!(reading.batch.len() <= 7, "{}", reading.batch.len());
    reading.poll_until("all", |reading| reading.batch.len() >= 1000);
    assert_eq!(reading.values(), (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_second_process_with_the_same_instance_is_told() {
    let rig = Rig::new("same-instance", 1);
    let mut first = rig.source("a");
    first.poll_until_owned(1);
    let mut second = rig.source("a");
    second.poll_until_owned(1);
    let until = Instant::now() + DEADLINE;
    loop {
        match first.poll() {
            Err(SourceError::Twin(_)) => return,
            Ok(_) | Err(SourceError::Retry(_)) => assert!(Instant::now() < until, "it was never told"),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A member that commits what it reads, as the worker does.
struct Member {
    reading: Reading,
    sink: tsuikyaku::io::kafka::KafkaSink,
}

impl Member {
    fn new(rig: &Rig, instance: &str) -> Member {
        Member { reading: rig.source(instance), sink: rig.sink(instance) }
    }

    fn turn(&mut self) {
        let change = match self.reading.poll() {
            Ok(change) => change,
            Err(SourceError::Retry(_)) => return,
            Err(error) => panic!("{error}"),
        };
        if !change.gained.is_empty() || !change.gained_stateless.is_empty() {
            let (owned, stateless) = (self.reading.owned.clone(), self.reading.stateless.clone());
            self.reading.owned = change.gained;
            self.reading.stateless = change.gained_stateless;
            let positions = self.reading.positions();
            (self.reading.owned, self.reading.stateless) = (owned, stateless);
            self.reading.source.start(&positions).expect("owned");
        }
        if !self.reading.batch.is_empty() {
            self.commit();
        }
    }

    fn commit(&mut self) {
        let group = self.reading.source.group().expect("a member");
        self.sink.begin().expect("a live producer");
        for value in self.reading.values() {
            self.sink.send(ready("k", &value.to_string())).expect("room in the queue");
        }
        self.sink.drain().expect("the broker takes them");
        self.sink.send_offsets(&self.reading.next(), &group).expect("a member");
        self.sink.end().expect("nobody fences us");
        self.reading.batch.clear();
    }
}

#[test]
fn riders_move_along_and_nothing_is_lost_or_doubled() {
    let others = [("other", 3)];
    let rig = Rig::on(kit::broker::shared(), "rebalance", 4, &["web", "mail", "other"], &others);
    let mut members: BTreeMap<&str, Member> = [("a", Member::new(&rig, "a"))].into();
    let mut written = 0..0;
    let mut write = |rig: &Rig| {
        for input in 0..3 {
            for partition in 0..4 {
                rig.write(InputId(input), partition, written.end..written.end + 10);
                written.end += 10;
            }
        }
        for partition in 0..3 {
            rig.write(InputId(3), partition, written.end..written.end + 10);
            written.end += 10;
        }
    };
    write(&rig);
    settle(&mut members, 7);
    members.insert("b", Member::new(&rig, "b"));
    write(&rig);
    settle(&mut members, 7);
    for member in members.values() {
        assert!(!member.reading.owned.is_empty(), "both have work: {:?}", member.reading.owned);
    }
    write(&rig);
    members.get_mut("a").expect("there").turn();
    members.remove("a"); // dies; its place is given away when its session ends
    write(&rig);
    settle(&mut members, 7);
    members.insert("a", Member::new(&rig, "a"));
    write(&rig);
    settle(&mut members, 7);
    let expected = written.end as usize;
    let found = drain(&rig, &mut members, expected);
    assert_eq!(found, (0..expected as u32).collect::<Vec<_>>());
}

/// Turns until the members own all partitions between them.
fn settle(members: &mut BTreeMap<&str, Member>, count: usize) {
    let until = Instant::now() + 2 * DEADLINE;
    let mut steady = 0;
    while steady < 10 {
        members.values_mut().for_each(Member::turn);
        let owned = |member: &Member| member.reading.owned.len() + member.reading.stateless.len();
        let busy = members.values().filter(|member| owned(member) > 0).count();
        let all = members.values().map(owned).sum::<usize>() == count && busy == members.len();
        steady = if all { steady + 1 } else { 0 };
        assert!(Instant::now() < until, "the group does not settle");
    }
}

/// Turns until as many values were committed, and gives them in order.
fn drain(rig: &Rig, members: &mut BTreeMap<&str, Member>, count: usize) -> Vec<u32> {
    let until = Instant::now() + DEADLINE;
    loop {
        members.values_mut().for_each(Member::turn);
        let values = rig.values(tsuikyaku::runtime::ports::OutTopic::Ready, kit::log::Isolation::Committed);
        if values.len() >= count {
            let mut values: Vec<u32> = values.iter().map(|value| value.parse().expect("a number")).collect();
            values.sort();
            return values;
        }
        assert!(Instant::now() < until, "{} of {count}", values.len());
    }
}
