//! The built program on a real broker, as a user runs it: a configuration file, processes, signals.

mod cluster;
mod end_to_end;
mod faults;
mod ownership;
mod replay;

use std::time::Duration;

use kit::broker::Cluster;
pub use kit::pipeline::{Instance, Pipeline, REQUEST, Setup, now_ms};

/// For everything that a loaded machine may make slow.
pub const PATIENCE: Duration = kit::pipeline::PATIENCE;

fn pipeline<'c>(cluster: &'c Cluster, test: &str, partition_count: u32, setup: &Setup) -> Pipeline<'c> {
    Pipeline::new(env!("CARGO_BIN_EXE_tsuikyaku"), cluster, test, partition_count, setup)
}
