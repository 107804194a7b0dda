//! Adapters: Kafka, RocksDB, the embedded log, HTTP. They translate; they do not decide.

pub mod embedded;
pub mod http;
pub mod kafka;
pub mod store;
pub mod telemetry;
