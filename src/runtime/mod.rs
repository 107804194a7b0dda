//! The loop: poll, prefetch, process, commit, persist.
//!
//! Knows ports, not adapters: the same worker runs on Kafka and RocksDB, on the embedded log, and in tests.

pub mod batch;
pub mod cache;
pub mod metrics;
pub mod order;
pub mod ports;
#[cfg(test)]
mod testing;
pub mod timers;
