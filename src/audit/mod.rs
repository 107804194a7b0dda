//! The auditor: given what went in and what came out, says whether every input had its effect exactly once.
//!
//! The changelog's manifests say in which steps the records were taken. The auditor takes the same steps, in one thread
//! and without any of the machinery of `runtime`, and compares everything that came out. What it holds against the log:
//! * Committed decisions and snapshots are the expected ones, byte for byte and in their order; no decision twice; none
//!   that ends without having begun.
//! * Every input record is in exactly one of applied, duplicate, machine, erased, forwarded, dead letter; what was
//!   forwarded stands in the intake and what died stands among the dead letters, once.
//! * The changelog of each transaction is the state that its inputs give, byte for byte; so is the state on disk, at
//!   the changelog position that it claims.
//! * Manifests never go back, cover every record that they pass, and end where the group's positions and the inputs end.
//!
//! It goes partition by partition and reads every topic once, with one cursor for each topic partition. Memory: the
//! leads of one partition up to the limit given, beyond it on disk in a store of its own; what was forwarded, dead or
//! decided and is not matched yet (about 100 bytes each), beyond its share in files; 60 bytes for each lead of a
//! partition that was ever decided on; one transaction.
//!
//! It lacks on purpose: a start in the middle. Where the log does not reach back to the first transaction, it says so
//! and judges nothing.

mod course;
mod difference;
mod fields;
mod leads;
mod ledger;
pub mod log;
mod outputs;
mod partition;
mod prints;
mod recompute;
pub mod recorded;
pub mod report;
mod stateless;
mod states;

use std::path::PathBuf;
use std::sync::Arc;

pub use difference::{Check, Difference};
pub use report::Report;

use crate::runtime::batch::Partition;
use crate::runtime::encode::Formats;
use crate::runtime::ports::{SourceError, Store, StoreError};
use crate::runtime::topology::Topology;
use crate::scoring::model::Model;
use crate::wire::decode::Decoder;
use ledger::Ledger;
use log::{Disk, Log};

/// Which records a topic still has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kept {
    /// All that were ever committed.
    #[default]
    Everything,
    /// Of each key the newest at least: the topic is compacted.
    NewestOfEachKey,
}

/// The output topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    pub ready: String,
    pub score: String,
    pub state: String,
    pub dead_letter: String,
    pub ready_kept: Kept,
    pub score_kept: Kept,
}

/// Makes the store that leads go to when memory is full.
pub type Spill<'a> = &'a dyn Fn() -> Result<Arc<dyn Store>, StoreError>;

/// What to audit, and by what.
pub struct Setup<'a> {
    pub model: &'a Model,
    pub topology: &'a Topology,
    pub decoder: &'a Decoder,
    pub formats: Formats,
    pub outputs: Outputs,
    /// In ascending order. Records between partitions are judged only as far as both ends are among them.
    pub partitions: Vec<Partition>,
    /// The processor still runs: what is behind the last manifest is not judged.
    pub running: bool,
    /// Messages show the values of fields that differ: they may hold what is known of a person.
    pub show_values: bool,
    /// For leads and for what waits to be matched, bytes.
    pub memory_bytes_max: usize,
    pub spill: Spill<'a>,
    /// For files of what waits to be matched; exists, and is the caller's to remove.
    pub scratch: PathBuf,
}

impl Setup<'_> {
    fn is_whole(&self) -> bool {
        self.partitions.len() == self.topology.partition_count() as usize
    }

    fn judges(&self, partition: Partition) -> bool {
        self.partitions.contains(&partition)
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log is not what the inputs give.
    #[error("{0}")]
    Difference(Box<Difference>),
    /// The log cannot be judged; the text says why, and from where on it could.
    #[error("this cannot be audited: {0}")]
    NotPossible(String),
    #[error(transparent)]
    Log(#[from] SourceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("scratch files: {0}")]
    Scratch(#[from] std::io::Error),
}

impl From<Difference> for Error {
    fn from(difference: Difference) -> Error {
        Error::Difference(Box::new(difference))
    }
}

/// Audits the partitions of `setup`; `progress` hears the number of input records judged so far.
///
/// # Errors
/// The first difference, or why there is no verdict.
pub fn audit(
    setup: &Setup<'_>,
    log: &mut dyn Log,
    disks: &[&dyn Disk],
    progress: &mut dyn FnMut(u64),
) -> Result<Report, Error> {
    let mut report = Report { partitions: setup.partitions.len(), ..Report::default() };
    let mut ledger = Ledger::new(setup.memory_bytes_max / 4, setup.scratch.clone());
    // First: what a running processor adds from now on is behind these ends.
    let mut changelogs = Vec::new();
    for partition in &setup.partitions {
        changelogs.push(log.open(&setup.outputs.state, partition.0)?);
    }
    for (partition, changelog) in setup.partitions.iter().zip(changelogs) {
        partition::audit(setup, *partition, changelog, log, disks, &mut ledger, &mut report, progress)?;
    }
    stateless::settle(setup, log, ledger, &mut report)?;
    Ok(report)
}
