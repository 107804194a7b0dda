//! Processes that join, leave, lose their disk, or take the place of another.

use std::time::Duration;

use kit::broker::shared;
use kit::wait_for;

use super::{PATIENCE, Setup, pipeline};

#[test]
fn a_second_process_joins_and_leaves() {
    let pipeline = pipeline(shared(), "joins", 4, &Setup::default());
    pipeline.append_traffic(5_000);
    let mut first = pipeline.start("a");
    first.wait_ready();
    let mut second = pipeline.start("b");
    pipeline.append_traffic(5_000);
    wait_for("work for both", PATIENCE, || {
        pipeline.append_traffic(100);
        let running = |instance: &super::Instance| instance.metric("tsuikyaku_assigned_partitions", &["running"]);
        (running(&first) > 0.0 && running(&second) > 0.0 && running(&first) + running(&second) == 4.0).then_some(())
    });
    pipeline.wait_processed(&mut [&mut first, &mut second]);
    second.stop();
    pipeline.append_traffic(5_000);
    pipeline.wait_processed(&mut [&mut first]);
    first.stop();
    let audit = pipeline.audit(&["a", "b"]);
    assert!(audit.decision_count > 20, "{audit:?}");
}

#[test]
fn a_lost_disk_is_restored_from_the_changelog() {
    let pipeline = pipeline(shared(), "disk", 4, &Setup::default());
    pipeline.append_traffic(5_000);
    let mut instance = pipeline.start("a");
    pipeline.wait_processed(&mut [&mut instance]);
    instance.program.kill();
    std::fs::remove_dir_all(pipeline.state_dir("a")).expect("the process has ended");
    let states = pipeline.read(&pipeline.names().state).len();
    pipeline.append_traffic(1_000);
    let mut instance = pipeline.start("a");
    pipeline.wait_processed(&mut [&mut instance]);
    assert_eq!(instance.metric("tsuikyaku_restore_records_total", &[]), states as f64, "all of the changelog");
    instance.stop();
    pipeline.audit(&["a"]);
}

#[test]
fn of_two_processes_with_one_instance_id_the_first_ends_and_says_why() {
    let pipeline = pipeline(shared(), "twins", 4, &Setup::default());
    pipeline.append_traffic(2_000);
    let mut first = pipeline.start("a");
    first.wait_ready();
    let mut second = pipeline.start_in("a", &pipeline.state_dir("twin"));
    let status = first.program.wait(PATIENCE);
    assert!(!status.success(), "{status}");
    assert!(first.program.printed().contains("app.instance"), "{}", first.program.printed());
    pipeline.append_traffic(2_000);
    pipeline.wait_processed(&mut [&mut second]);
    second.stop();
    pipeline.audit(&["twin"]);
}

#[test]
fn a_directory_serves_one_process() {
    let pipeline = pipeline(shared(), "one-directory", 1, &Setup::default());
    let mut first = pipeline.start("a");
    first.wait_ready();
    let mut second = pipeline.start_in("b", &pipeline.state_dir("a"));
    assert!(!second.program.wait(Duration::from_secs(30)).success(), "{}", second.program.printed());
    first.stop();
}
