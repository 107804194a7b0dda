//! The loop: poll, prefetch, process, commit, persist.
//!
//! Knows ports, not adapters: the same worker runs on Kafka and RocksDB, on the embedded log, and in tests.

mod align;
pub mod batch;
pub mod cadence;
pub mod clock;
pub mod commit;
pub mod context;
pub mod crash;
pub mod differences;
pub mod encode;
pub mod error;
pub mod forwarder;
pub mod guard;
pub mod leads;
pub mod metrics;
pub mod order;
pub mod outputs;
pub mod ownership;
pub mod persist;
pub mod ports;
pub mod prefetch;
pub mod process;
pub mod recompute;
pub mod replay;
pub mod replayed;
pub mod restore;
pub mod route;
pub mod settings;
pub mod shared;
pub mod single;
pub mod step;
pub mod tally;
pub mod task;
#[cfg(test)]
pub(crate) mod testing;
pub mod timers;
pub mod topology;
pub mod worker;
pub mod working;
