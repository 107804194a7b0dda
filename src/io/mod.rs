//! Adapters: Kafka, RocksDB, the embedded log, HTTP. They translate; they do not decide.

pub mod store;
