//! State on disk: committed leads in RocksDB, one database a process, a column family a partition.
//!
//! What holds here:
//! * States, timer index and meta of a partition change in one write batch or in one ingestion, never apart.
//! * The write-ahead log is on and not synced. RocksDB hands each batch to the operating system before `write`
//!   returns, so a killed process loses nothing that was persisted, and a restart replays only what was committed since
//!   (without the log it would replay everything since the last flush). A loss of power may cost the end of that log;
//!   what is left is a prefix of whole batches, each with its own changelog position, and the restart replays a little
//!   more. A sync for each batch would buy nothing, as the truth is the changelog. `flush` syncs, for a clean end.
//! * With the log on, column families need no atomic flush: each partition is consistent by itself.
//! * Memory has one budget: block cache, index and filter blocks, and the memtables, which are charged to the cache.
//! * A directory belongs to one process at a time (lock of the operating system), and to one application, cluster and
//!   partition count (identity file).
//! * Corruption is remembered in the directory; the next start begins from empty, and the changelog restores.
//!
//! It lacks any idea of what a lead is: values are bytes.

mod budget;
#[cfg(test)]
mod crash;
mod directory;
mod fault;
mod identity;
mod ingest;
mod keys;
mod meta;
mod models;
mod reader;
mod rocks;
mod sorted;
mod stats;
mod tables;

pub use directory::erase;
pub use fault::OpenError;
pub use identity::Identity;
pub use models::ModelMark;
pub use reader::StoreReader;
pub use rocks::RocksStore;
pub use stats::StoreStats;
