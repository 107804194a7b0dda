//! Adapters: Kafka, RocksDB, the embedded log, HTTP. They translate; they do not decide.

pub mod embedded;
pub mod kafka;
pub mod store;
