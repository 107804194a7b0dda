//! The store at the sizes that the loop asks of it: a batch's misses in one read, a batch's leads in one write, a
//! restore's leads in one ingestion.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tsuikyaku::io::store::{Identity, RocksStore};
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::runtime::ports::{LeadWrite, PartitionMeta, Store};

const P: Partition = Partition(0);
const BATCH: u64 = 1_000;
const LEADS: u64 = 100_000;
/// A typical lead's state.
const VALUE_BYTES: usize = 400;
const MEMORY_BYTES: usize = 128 << 20;

fn store(dir: &tempfile::TempDir) -> RocksStore {
    let identity = Identity { application: "bench".into(), cluster: "none".into(), partition_count: 1 };
    RocksStore::open(dir.path(), &identity, MEMORY_BYTES).expect("a fresh directory")
}

fn lead_id(number: u64) -> String {
    format!("lead-{number:08}")
}

/// Bytes that compress about as well as states do: half of them noise.
fn value(number: u64) -> Box<[u8]> {
    let noise = |at: usize| (number ^ at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
    (0..VALUE_BYTES).map(|at| if at % 2 == 0 { noise(at) as u8 } else { 0 }).collect()
}

fn meta(changelog_next_offset: i64) -> PartitionMeta {
    PartitionMeta { changelog_next_offset, manifest: vec![0; 64], committed_at_ms: 0 }
}

/// Ids and values.
fn all_leads() -> Vec<(String, Box<[u8]>)> {
    (0..LEADS).map(|number| (lead_id(number), value(number))).collect()
}

fn all_writes(leads: &[(String, Box<[u8]>)]) -> Vec<LeadWrite<'_>> {
    leads
        .iter()
        .zip(0..)
        .map(|((lead_id, value), number)| LeadWrite {
            lead_id,
            value: Some(value),
            timer_before_ms: None,
            timer_after_ms: (number % 3 == 0).then_some(number),
        })
        .collect()
}

fn reads(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = store(&dir);
    store.ingest(P, &all_writes(&all_leads()), &meta(1)).expect("an empty partition");
    let mut group = c.benchmark_group("store");
    group.throughput(Throughput::Elements(BATCH));
    for (name, offset) in [("get_many of 1,000 sorted leads", 0), ("get_many of 1,000 unknown leads", LEADS)] {
        let ids: Vec<String> = (0..BATCH).map(|number| lead_id(number * (LEADS / BATCH) + offset)).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        group.bench_function(name, |b| b.iter(|| store.get_many(P, black_box(&ids)).expect("a sound store")));
    }
    group.finish();
}

fn writes(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = store(&dir);
    let ids: Vec<String> = (0..BATCH).map(|number| lead_id(number * 97)).collect();
    let values: Vec<_> = (0..BATCH).map(value).collect();
    let mut turn = 0;
    let mut group = c.benchmark_group("store");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("write of 1,000 leads, every third with a timer", |b| {
        b.iter(|| {
            turn += 1;
            let write = |number: usize| LeadWrite {
                lead_id: &ids[number],
                value: Some(&values[number]),
                timer_before_ms: (number.is_multiple_of(3) && turn > 1).then_some(turn - 1),
                timer_after_ms: (number.is_multiple_of(3)).then_some(turn),
            };
            let writes: Vec<_> = (0..ids.len()).map(write).collect();
            store.write(P, &writes, &meta(turn)).expect("a sound store");
        });
    });
    group.finish();
}

fn ingests(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = store(&dir);
    let leads = all_leads();
    let writes = all_writes(&leads);
    let mut group = c.benchmark_group("store");
    group.throughput(Throughput::Elements(LEADS)).sample_size(10);
    group.bench_function("ingest of 100,000 leads", |b| {
        let fresh = || store.clear(P).expect("a sound store");
        let ingest = |()| store.ingest(P, &writes, &meta(1)).expect("empty");
        b.iter_batched(fresh, ingest, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, reads, writes, ingests);
criterion_main!(benches);
