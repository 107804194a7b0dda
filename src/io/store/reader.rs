//! Reads a state directory from outside, also while a processor runs on it.
//!
//! RocksDB opens it as a secondary instance: it takes no lock, writes nothing into the directory, and sees what was
//! persisted when it was opened.

use std::fs;
use std::path::{Path, PathBuf};

use super::budget::Budget;
use super::directory;
use super::fault::{self, OpenError};
use super::identity::Identity;
use super::keys;
use super::models::{self, ModelMark};
use super::tables::{self, Database};
use crate::audit::log::Disk;
use crate::runtime::batch::Partition;
use crate::runtime::ports::{PartitionMeta, StoreError};

const MEMORY_BYTES: usize = 32 << 20;
/// A processor may drop a partition or delete a log file between listing and opening; then we look again.
const ATTEMPTS_MAX: usize = 5;

/// A state directory, for reading only.
pub struct StoreReader {
    db: Database,
    identity: Identity,
    model: Option<ModelMark>,
    dir: PathBuf,
    _scratch: Scratch,
}

impl StoreReader {
    /// # Errors
    /// `NotAStore` where `dir` is no state directory or has no state yet; what the disk says.
    pub fn open(dir: &Path) -> Result<StoreReader, OpenError> {
        let not_a_store = |reason: &str| OpenError::NotAStore { dir: dir.to_owned(), reason: reason.to_owned() };
        if !dir.is_dir() {
            return Err(not_a_store("there is no such directory"));
        }
        let identity = directory::read_identity(dir)?
            .ok_or_else(|| not_a_store("it has no identity.toml, so it is not a state directory"))?;
        if !directory::database(dir).join("CURRENT").exists() {
            return Err(not_a_store("no processor has opened it yet"));
        }
        let scratch = Scratch::new()?;
        let db = open_database(&directory::database(dir), &scratch.0)?;
        let model = models::newest(dir)?;
        Ok(StoreReader { db, identity, model, dir: dir.to_owned(), _scratch: scratch })
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The model that the directory was last used with, where that is known.
    pub fn model(&self) -> Option<&ModelMark> {
        self.model.as_ref()
    }

    /// Partitions that have state, ascending.
    pub fn partitions(&self) -> Vec<Partition> {
        let all = (0..self.identity.partition_count).map(Partition);
        all.filter(|partition| self.db.cf_handle(&keys::family(partition.0)).is_some()).collect()
    }

    /// # Errors
    /// What the disk says.
    pub fn meta(&self, partition: Partition) -> Result<Option<PartitionMeta>, StoreError> {
        let Some(family) = self.db.cf_handle(&keys::family(partition.0)) else { return Ok(None) };
        tables::meta(&self.db, &family)
    }

    /// State bytes of one lead.
    ///
    /// # Errors
    /// What the disk says.
    pub fn get(&self, partition: Partition, lead_id: &str) -> Result<Option<Box<[u8]>>, StoreError> {
        let Some(family) = self.db.cf_handle(&keys::family(partition.0)) else { return Ok(None) };
        Ok(tables::get_many(&self.db, &family, &[lead_id])?.pop().flatten())
    }

    /// Every lead of the partition in ascending order of ids, until `each` returns false.
    ///
    /// # Errors
    /// What the disk says.
    pub fn scan(&self, partition: Partition, each: &mut dyn FnMut(&str, &[u8]) -> bool) -> Result<(), StoreError> {
        let Some(family) = self.db.cf_handle(&keys::family(partition.0)) else { return Ok(()) };
        tables::scan(&self.db, &family, each)
    }
}

impl Disk for StoreReader {
    fn name(&self) -> String {
        self.dir.display().to_string()
    }

    fn meta(&self, partition: Partition) -> Result<Option<PartitionMeta>, StoreError> {
        StoreReader::meta(self, partition)
    }

    fn get(&self, partition: Partition, lead_id: &str) -> Result<Option<Box<[u8]>>, StoreError> {
        StoreReader::get(self, partition, lead_id)
    }

    fn scan(&self, partition: Partition, each: &mut dyn FnMut(&str, &[u8]) -> bool) -> Result<(), StoreError> {
        StoreReader::scan(self, partition, each)
    }
}

fn open_database(path: &Path, scratch: &Path) -> Result<Database, StoreError> {
    let budget = Budget::new(MEMORY_BYTES);
    let mut options = budget.database();
    options.create_if_missing(false);
    options.set_max_open_files(-1); // files stay readable here after the processor deleted them
    let attempt = || {
        let names = Database::list_cf(&options, path)?;
        let descriptors = names.iter().map(|name| budget.descriptor(name));
        Database::open_cf_descriptors_as_secondary(&options, path, scratch, descriptors)
    };
    let mut opened = attempt();
    for _ in 1..ATTEMPTS_MAX {
        if opened.is_ok() {
            break;
        }
        opened = attempt();
    }
    opened.map_err(fault::of_rocksdb)
}

/// Where a secondary keeps its own log; removed with the reader.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch, StoreError> {
        let nanos = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
        let path = std::env::temp_dir().join(format!("tsuikyaku-reader-{}-{nanos}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| fault::of_file(&path, &error))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // a leftover in the temporary directory hurts nobody
    }
}
