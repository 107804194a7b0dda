//! What the store did since it was opened, and how big it is: for metrics.

/// Counters since the store was opened, and sizes as of now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Leads asked for.
    pub lead_reads_count: u64,
    /// Leads asked for and there.
    pub leads_found_count: u64,
    /// State bytes read, as given out.
    pub read_bytes: u64,
    /// Bytes of keys and values written, as given in.
    pub written_bytes: u64,
    /// Blocks found in memory, and read from disk.
    pub cache_hits_count: u64,
    pub cache_misses_count: u64,
    /// Time that writers were held up because flushes or compaction lagged behind.
    pub stall_micros: u64,
    /// Memory that counts against the budget: blocks and memtables.
    pub memory_bytes: u64,
    /// Size of the live files.
    pub disk_bytes: u64,
    /// Bytes that compaction still has to rewrite, by estimate.
    pub compaction_debt_bytes: u64,
}
