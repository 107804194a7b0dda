//! Requests that the network keeps, and that reach the broker when the producer has moved on.
//!
//! Version 1 of transactions has one epoch for all transactions of a producer. What the client library sends again over
//! a new connection may so be done twice, the second time to the next transaction: an end that came late once committed
//! half of it.

use kit::broker::Cluster;
use kit::log::Isolation;
use kit::proxy::{Action, Api, Proxy};
use tsuikyaku::io::kafka::{KafkaSink, Settings};
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::runtime::ports::{OutTopic, Position, Sink, Source};

use super::rig::{Rig, WEB, commit, ready};

/// INVALID_PRODUCER_EPOCH and PRODUCER_FENCED.
const REFUSALS: [i16; 2] = [47, 90];

/// Lets what is held reach the broker, which must refuse it; the answer ends with the error's code.
fn arrives_late(proxy: &Proxy) {
    let answers = proxy.let_through().expect("the broker answers");
    for answer in answers {
        let code = i16::from_be_bytes([answer[answer.len() - 2], answer[answer.len() - 1]]);
        assert!(REFUSALS.contains(&code), "{answer:?}");
    }
}

#[test]
fn what_comes_late_does_nothing_to_the_next_transaction() {
    let cluster = Cluster::start_proxied(1, &[]);
    let proxy = cluster.proxies().next().expect("one broker, one proxy");
    let rig = Rig::on(&cluster, "late", 1, &["web"], &[]);
    let settings = Settings { bootstrap_servers: cluster.proxied_servers(), ..rig.settings_of("a") };
    let mut sink = KafkaSink::open(&settings, 0).expect("the cluster answers");
    let mut reading = rig.source("a");
    reading.start_all(1);
    let group = reading.source.group().expect("a member");
    let until = |next_offset| Position { input: WEB, partition: Partition(0), next_offset };
    rig.write(WEB, 0, 0..9);

    proxy.plan(Api::END_TXN, Action::Hold);
    commit(&mut sink, &[ready("k", "first")]); // by asking again
    assert_eq!(proxy.held_count(), 1);
    sink.begin().expect("a live producer");
    sink.send(ready("k", "never")).expect("room in the queue");
    sink.drain().expect("the broker takes it");
    arrives_late(proxy);
    sink.abort().expect("nobody fences us");

    proxy.plan(Api::TXN_OFFSET_COMMIT, Action::Hold);
    for (value, next_offset) in [("second", 3), ("third", 5)] {
        sink.begin().expect("a live producer");
        sink.send(ready("k", value)).expect("room in the queue");
        sink.drain().expect("the broker takes it");
        sink.send_offsets(&[until(next_offset)], &group).expect("a member");
        if next_offset == 5 {
            assert_eq!(proxy.held_count(), 1);
            let _ = proxy.let_through().expect("the broker answers");
        }
        sink.end().expect("nobody fences us");
    }
    assert_eq!(rig.values(OutTopic::Ready, Isolation::Committed), ["first", "second", "third"]);
    let committed = reading.source.committed(&[(WEB, Partition(0))]).expect("the broker answers");
    assert_eq!(committed, [Some(5)]);
}
