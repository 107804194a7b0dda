//! Many leads at once, as sorted files that the database takes over: a restore writes each byte once, with no log, no
//! memtable and no compaction behind it.
//!
//! The meta stands in the files too, and all files of a partition are taken in one step, so state and position still
//! appear together.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::{BoundColumnFamily, IngestExternalFileOptions, Options, SstFileWriter};

use super::sorted::Sorted;
use super::tables::Database;
use super::{fault, keys, meta};
use crate::runtime::ports::{LeadWrite, PartitionMeta, StoreError};

/// A file is closed beyond that size, so that later compactions work on pieces.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Writes leads, meta and timers, in the order of their keys.
pub fn write_files(
    folder: &Path,
    options: &Options,
    writes: &[LeadWrite<'_>],
    meta: &PartitionMeta,
) -> Result<Vec<PathBuf>, StoreError> {
    fs::create_dir_all(folder).map_err(|error| fault::of_file(folder, &error))?;
    let mut files = Files { folder, options, open: None, done: Vec::new() };
    let sorted = Sorted::of(writes);
    let mut key = Vec::new();
    for write in sorted.iter() {
        if let Some(value) = write.value {
            key.clear();
            keys::push_lead(&mut key, write.lead_id);
            files.put(&key, value)?;
        }
    }
    files.put(keys::META, &meta::encode(meta))?;

    let mut timers: Vec<(i64, &str)> =
        sorted.iter().filter_map(|write| Some((write.timer_after_ms?, write.lead_id))).collect();
    timers.sort_by_key(|(due_ms, _)| *due_ms); // stable: leads stay in order within one due time
    for (due_ms, lead_id) in timers {
        key.clear();
        keys::push_timer(&mut key, due_ms, lead_id);
        files.put(&key, b"")?;
    }
    files.finish()
}

/// Moves the files into the database, all in one step.
pub fn take_files(db: &Database, family: &Arc<BoundColumnFamily<'_>>, files: Vec<PathBuf>) -> Result<(), StoreError> {
    let mut options = IngestExternalFileOptions::default();
    options.set_move_files(true);
    db.ingest_external_file_cf_opts(family, &options, files).map_err(fault::of_rocksdb)
}

struct Files<'a> {
    folder: &'a Path,
    options: &'a Options,
    open: Option<SstFileWriter<'a>>,
    done: Vec<PathBuf>,
}

impl Files<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if self.open.as_ref().is_some_and(|file| file.file_size() >= FILE_BYTES_MAX) {
            self.close()?;
        }
        let file = match &mut self.open {
            Some(file) => file,
            None => {
                let path = self.folder.join(format!("{}.sst", self.done.len()));
                let file = SstFileWriter::create(self.options);
                file.open(&path).map_err(fault::of_rocksdb)?;
                self.done.push(path);
                self.open.insert(file)
            }
        };
        file.put(key, value).map_err(fault::of_rocksdb)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.open.take().map_or(Ok(()), |mut file| file.finish().map_err(fault::of_rocksdb))
    }

    fn finish(mut self) -> Result<Vec<PathBuf>, StoreError> {
        self.close()?;
        Ok(self.done)
    }
}
