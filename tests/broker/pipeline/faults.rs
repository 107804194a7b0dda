//! Processes killed and stopped at bad moments; offsets that the broker forgot, records that it deleted.

use std::time::{Duration, Instant};

use kit::broker::{Cluster, shared};
use kit::wait_for;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rdkafka::topic_partition_list::Offset;

use super::{Instance, PATIENCE, Pipeline, Setup, now_ms, pipeline};

/// The configured interval, one partition after the other, and a loaded machine.
const PERSISTED_WITHIN_MS: i64 = 1_000 + 4_000;

#[test]
fn killed_three_times_nothing_is_lost_or_doubled_and_little_is_replayed() {
    let pipeline = pipeline(shared(), "killed", 4, &Setup::default());
    let mut random = StdRng::seed_from_u64(20);
    pipeline.append_traffic(10_000);
    let mut instance = pipeline.start("a");
    for round in 0..3 {
        instance.wait_ready();
        let until = Instant::now() + Duration::from_millis(random.random_range(200..4_000));
        while Instant::now() < until {
            pipeline.append_traffic(200);
        }
        let killed_ms = now_ms();
        instance.program.kill();
        let states = pipeline.read(&pipeline.names().state);
        let recent = states.iter().filter(|record| record.timestamp_ms >= killed_ms - PERSISTED_WITHIN_MS).count();
        instance = pipeline.start("a");
        instance.wait_ready();
        let replayed = instance.metric("tsuikyaku_restore_records_total", &[]);
        println!("round {round}: replayed {replayed} of {}, {recent} of the last seconds", states.len());
        assert!(replayed <= recent as f64, "replayed {replayed}, but only {recent} are younger than the last persist");
    }
    pipeline.wait_processed(&mut [&mut instance]);
    instance.stop();
    let audit = pipeline.audit(&["a"]);
    assert!(audit.decision_count > 20, "{audit:?}");
}

#[test]
fn stopped_inside_a_transaction_until_its_partitions_moved() {
    let pipeline = pipeline(shared(), "stopped", 4, &Setup::default());
    pipeline.append_traffic(5_000);
    let mut old = pipeline.start("a");
    old.wait_ready();
    let mut new = pipeline.start("b");
    new.wait_ready();
    stop_inside_a_transaction(&pipeline, &mut old);
    wait_for("all partitions at the other process", PATIENCE, || {
        new.assert_runs();
        (new.metric("tsuikyaku_assigned_partitions", &["running"]) == 4.0).then_some(())
    });
    pipeline.append_traffic(2_000);
    pipeline.wait_processed(&mut [&mut new]);
    old.program.signal("CONT");
    pipeline.append_traffic(2_000);
    pipeline.wait_processed(&mut [&mut new]);
    wait_for("the old process to have work again", PATIENCE, || {
        pipeline.append_traffic(50);
        old.assert_runs();
        (old.metric("tsuikyaku_assigned_partitions", &["running"]) > 0.0).then_some(())
    });
    pipeline.wait_processed(&mut [&mut new, &mut old]);
    old.stop();
    new.stop();
    pipeline.audit(&["a", "b"]);
}

/// Stops the process again and again, at any moment of its work, until a transaction is open.
fn stop_inside_a_transaction(pipeline: &Pipeline<'_>, instance: &mut Instance) {
    let mut random = StdRng::seed_from_u64(21);
    let until = Instant::now() + PATIENCE;
    loop {
        for record in pipeline.traffic(1_000) {
            pipeline.append(&record, None);
        }
        // Only while records still come is a transaction open for long: nothing waits until they are written.
        std::thread::sleep(Duration::from_millis(random.random_range(0..60)));
        instance.program.signal("STOP");
        pipeline.writer().flush();
        // what another process has open ends within this time
        let opened = pipeline.open_since(Duration::from_millis(700));
        if opened {
            return;
        }
        instance.program.signal("CONT");
        instance.assert_runs();
        assert!(Instant::now() < until, "never caught inside a transaction");
    }
}

#[test]
fn offsets_of_topics_that_ride_along_expire() {
    let settings = [("offsets.retention.minutes", "1"), ("offsets.retention.check.interval.ms", "5000")];
    let cluster = Cluster::start(1, &settings);
    let pipeline = pipeline(&cluster, "expired", 2, &Setup::default());
    pipeline.append_traffic(3_000);
    let mut instance = pipeline.start("a");
    pipeline.wait_processed(&mut [&mut instance]);
    wait_for("the broker to forget", Duration::from_secs(150), || {
        instance.assert_runs();
        pipeline.forgotten("engagement.web").then_some(())
    });
    pipeline.append_traffic(500); // of the inputs that get none, the offsets stay forgotten
    instance.program.kill();
    let mut instance = pipeline.start("a");
    pipeline.append_traffic(500);
    pipeline.wait_processed(&mut [&mut instance]);
    instance.stop();
    pipeline.audit(&["a"]);
}

/// What was processed may go; what was not stops the process, each time that it is started, and no position moves past it.
#[test]
fn records_that_are_gone_before_they_were_processed_stop_the_process() {
    let pipeline = pipeline(shared(), "gone", 2, &Setup::default());
    let web = pipeline.topic("engagement.web");
    pipeline.append_traffic(2_000);
    let mut instance = pipeline.start("a");
    pipeline.wait_processed(&mut [&mut instance]);
    instance.stop();
    pipeline.delete_records(&web, 0, Offset::End);
    let mut instance = pipeline.start("a");
    pipeline.append_traffic(2_000);
    pipeline.wait_processed(&mut [&mut instance]);
    instance.stop();

    let position = pipeline.position(&web, 0);
    pipeline.append_traffic(2_000);
    pipeline.delete_records(&web, 0, Offset::End);
    for _ in 0..2 {
        let mut instance = pipeline.start("a");
        let status = instance.program.wait(PATIENCE);
        let printed = instance.program.printed();
        let last = printed.lines().last().unwrap_or_default();
        assert_eq!(status.code(), Some(1), "{status}:\n{printed}");
        assert!(last.contains("records that were not yet processed are gone from the log"), "{printed}");
        assert!(last.contains(&web), "{printed}");
        assert_eq!(pipeline.position(&web, 0), position, "{printed}");
    }
}
