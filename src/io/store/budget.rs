//! RocksDB's options, all from one memory budget.
//!
//! Point reads of small values decide the choices: bloom filters, in memtables as well (a new lead costs no read), hash
//! index in the blocks, index and filters inside the budgeted cache, small memtables because the loop writes each lead
//! once every few seconds at most. What was just flushed is not compressed, as it is soon merged; the rest is LZ4. Earlier
//! versions compressed the last level with ZSTD, which is still read.

use rocksdb::statistics::StatsLevel;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DataBlockIndexType, LogLevel, Options,
    WriteBufferManager,
};

const MIB: usize = 1 << 20;
/// Below this RocksDB itself needs more than it is given.
const MEMORY_MIN: usize = 16 * MIB;
/// Timers die young: a run of that many deletions among 2x as many entries of a file calls for its compaction, so that
/// scans for the next timer do not walk over the dead.
const DELETIONS_MAX: usize = 1_024;

/// Share of a memtable that tells which leads it lacks: ten bits a lead of some 300 bytes.
const MEMTABLE_FILTER_SHARE: f64 = 0.004;

/// Shared by all families of one database.
pub struct Budget {
    pub cache: Cache,
    write_buffers: WriteBufferManager,
    memtables_bytes: usize,
    memtable_bytes: usize,
}

impl Budget {
    /// `memory_bytes` covers blocks, indexes, filters and memtables; the latter get a quarter.
    pub fn new(memory_bytes: usize) -> Budget {
        let memory_bytes = memory_bytes.max(MEMORY_MIN);
        let memtables_bytes = memory_bytes / 4;
        let cache = Cache::new_lru_cache(memory_bytes);
        // No stall inside RocksDB, which can wait there for a flush that nobody started: see `is_over`.
        let write_buffers =
            WriteBufferManager::new_write_buffer_manager_with_cache(memtables_bytes, false, cache.clone());
        Budget { cache, write_buffers, memtables_bytes, memtable_bytes: (memtables_bytes / 4).clamp(MIB, 32 * MIB) }
    }

    /// True when memtables take twice their share, because they are written faster than they are flushed. The writer
    /// then has to wait for a flush.
    pub fn is_over(&self) -> bool {
        self.write_buffers.get_usage() > 2 * self.memtables_bytes
    }

    /// Options of the database as a whole.
    pub fn database(&self) -> Options {
        let mut options = self.family();
        options.create_if_missing(true);
        options.set_write_buffer_manager(&self.write_buffers);
        options.set_max_background_jobs(2);
        options.set_max_subcompactions(1);
        options.set_max_open_files(512); // well below the usual limit of 1,024 descriptors
        options.set_bytes_per_sync(MIB as u64); // no burst of dirty pages behind a compaction
        options.set_max_total_wal_size((4 * self.memtable_bytes) as u64); // a silent partition must not keep old logs
        options.set_log_level(LogLevel::Warn);
        options.set_max_log_file_size(4 * MIB);
        options.set_keep_log_file_num(4);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options.enable_statistics();
        options.set_statistics_level(StatsLevel::ExceptHistogramOrTimers);
        options
    }

    /// Options of a partition's family.
    pub fn family(&self) -> Options {
        let mut options = Options::default();
        options.set_write_buffer_size(self.memtable_bytes);
        options.set_max_write_buffer_number(4);
        options.set_memtable_prefix_bloom_ratio(MEMTABLE_FILTER_SHARE);
        options.set_memtable_whole_key_filtering(true);
        options.set_arena_block_size(64 << 10); // idle partitions of many stay small
        options.set_target_file_size_base(64 * MIB as u64);
        options.set_level_compaction_dynamic_level_bytes(true);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_min_level_to_compress(1);
        options.add_compact_on_deletion_collector_factory(2 * DELETIONS_MAX, DELETIONS_MAX, 0.5);
        options.set_block_based_table_factory(&self.table());
        options
    }

    /// Options of files that are ingested: as quickly made as what is flushed, and merged some day as that is.
    pub fn ingested(&self) -> Options {
        let mut options = self.family();
        options.set_compression_per_level(&[DBCompressionType::None]); // a file goes by the last level's
        options
    }

    pub fn descriptor(&self, family: &str) -> ColumnFamilyDescriptor {
        ColumnFamilyDescriptor::new(family, self.family())
    }

    fn table(&self) -> BlockBasedOptions {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&self.cache);
        table.set_cache_index_and_filter_blocks(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        table.set_bloom_filter(10.0, false);
        table.set_optimize_filters_for_memory(true);
        table.set_block_size(8 << 10);
        table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
        table.set_format_version(6);
        table
    }
}
