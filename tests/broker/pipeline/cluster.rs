//! Three brokers, of which one dies.

use kit::broker::Cluster;

use super::{Setup, pipeline};

#[test]
fn the_coordinator_of_the_group_dies() {
    let cluster = Cluster::start(3, &[]);
    let setup = Setup::default();
    let pipeline = pipeline(&cluster, "coordinator", 4, &setup);
    pipeline.append_traffic(3_000);
    let mut instance = pipeline.start("a");
    instance.wait_ready();
    let coordinator = cluster.coordinator("__consumer_offsets", pipeline.group());
    pipeline.append_traffic(3_000);
    cluster.kill(coordinator);
    pipeline.append_traffic(3_000);
    pipeline.wait_processed(&mut [&mut instance]);
    cluster.restart(coordinator);
    pipeline.append_traffic(1_000);
    pipeline.wait_processed(&mut [&mut instance]);
    instance.stop();
    let audit = pipeline.audit(&["a"]);
    assert!(audit.decision_count > 20, "{audit:?}");
}
