//! Leads in memory and on disk.

use std::time::Duration;

use prometheus::{Counter, Histogram, IntCounter, IntGauge};

use super::register::Register;

/// A cached block takes microseconds, a cold disk tens of milliseconds, a stalled one seconds.
const BUCKETS_S: [f64; 13] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// What the store says about itself, from time to time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StoreFigures {
    /// Size of the files, bytes.
    pub disk_bytes: u64,
    /// Memtables, block cache and table readers together, bytes.
    pub memory_bytes: u64,
    /// Time for which writers were held up since the store was opened, seconds.
    pub stall_seconds: f64,
}

#[derive(Debug)]
pub struct StorageMetrics {
    caches: Vec<CacheGauges>,
    evictions: IntCounter,
    reads: IntCounter,
    read_bytes: IntCounter,
    read_seconds: Histogram,
    writes: IntCounter,
    write_bytes: IntCounter,
    write_seconds: Histogram,
    disk_bytes: IntGauge,
    memory_bytes: IntGauge,
    stall_seconds: Counter,
}

#[derive(Debug)]
struct CacheGauges {
    leads: IntGauge,
    dirty_leads: IntGauge,
    bytes: IntGauge,
}

impl StorageMetrics {
    pub(super) fn new(r: &mut Register, workers: usize) -> StorageMetrics {
        StorageMetrics {
            caches: caches(r, workers),
            evictions: r.counter("tsuikyaku_cache_evictions_total", "Leads that left memory for lack of room."),
            reads: r.counter("tsuikyaku_store_reads_total", "Leads looked up in the store."),
            read_bytes: r.counter("tsuikyaku_store_read_bytes_total", "State bytes that the store returned."),
            read_seconds: r.histogram("tsuikyaku_store_read_seconds", &BUCKETS_S, "Time of one look-up of a batch."),
            writes: r.counter("tsuikyaku_store_writes_total", "Leads written to the store."),
            write_bytes: r.counter("tsuikyaku_store_written_bytes_total", "State bytes written to the store."),
            write_seconds: r.histogram(
                "tsuikyaku_store_write_seconds",
                &BUCKETS_S,
                "Time of one write of a partition; stalls show here.",
            ),
            disk_bytes: r.gauge("tsuikyaku_store_disk_bytes", "Size of the store's files."),
            memory_bytes: r.gauge("tsuikyaku_store_memory_bytes", "Memory of the store: block cache and memtables."),
            stall_seconds: r.real_counter(
                "tsuikyaku_store_stall_seconds_total",
                "Time for which writers were held up because the disk lagged behind.",
            ),
        }
    }

    /// Leads in the memory of worker number `worker` (from 0), those not yet persisted, and what all of them cost.
    pub fn cache(&self, worker: usize, leads: usize, dirty_leads: usize, bytes: usize) {
        if let Some(cache) = self.caches.get(worker) {
            cache.leads.set(saturating(leads as u64));
            cache.dirty_leads.set(saturating(dirty_leads as u64));
            cache.bytes.set(saturating(bytes as u64));
        }
    }

    /// Leads in memory of all workers, for a status line.
    pub fn cached_leads(&self) -> i64 {
        self.caches.iter().map(|cache| cache.leads.get()).sum()
    }

    pub fn evicted(&self, leads: u64) {
        self.evictions.inc_by(leads);
    }

    pub fn read(&self, leads: u64, bytes: u64, time: Duration) {
        self.reads.inc_by(leads);
        self.read_bytes.inc_by(bytes);
        self.read_seconds.observe(time.as_secs_f64());
    }

    pub fn wrote(&self, leads: u64, bytes: u64, time: Duration) {
        self.writes.inc_by(leads);
        self.write_bytes.inc_by(bytes);
        self.write_seconds.observe(time.as_secs_f64());
    }

    pub fn figures(&self, figures: &StoreFigures) {
        self.disk_bytes.set(saturating(figures.disk_bytes));
        self.memory_bytes.set(saturating(figures.memory_bytes));
        let stalled_s = figures.stall_seconds - self.stall_seconds.get();
        if stalled_s > 0.0 {
            self.stall_seconds.inc_by(stalled_s);
        }
    }
}

fn caches(r: &mut Register, workers: usize) -> Vec<CacheGauges> {
    let leads = r.gauges("tsuikyaku_cache_leads", &["worker"], "Leads in memory.");
    let dirty = r.gauges("tsuikyaku_cache_dirty_leads", &["worker"], "Leads in memory that are not persisted yet.");
    let bytes = r.gauges("tsuikyaku_cache_bytes", &["worker"], "Memory of the leads in memory.");
    let of_worker = |worker: usize| {
        let worker = worker.to_string();
        CacheGauges {
            leads: leads.with_label_values(&[&worker]),
            dirty_leads: dirty.with_label_values(&[&worker]),
            bytes: bytes.with_label_values(&[&worker]),
        }
    };
    (0..workers).map(of_worker).collect()
}

fn saturating(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
