//! Tests with whole processes: killed in the middle of writes, out of disk, two on one directory. The test program runs
//! itself again, with an environment variable that tells it to play the processor.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Identity, OpenError, RocksStore};
use crate::runtime::batch::Partition;
use crate::runtime::ports::{LeadWrite, PartitionMeta, Store, StoreError};

const DIR: &str = "TSUIKYAKU_TEST_STORE_DIR";
const P: Partition = Partition(0);
const LEADS: i64 = 200;

fn identity() -> Identity {
    Identity { application: "app".into(), cluster: "c1".into(), partition_count: 1 }
}

/// In batch `number` every lead gets that number as its value and as its timer, and so does the position.
fn write_batch(store: &RocksStore, number: i64, value_bytes: usize) -> Result<(), StoreError> {
    let ids: Vec<_> = (0..LEADS).map(|lead| format!("lead-{lead:03}")).collect();
    let mut value = number.to_be_bytes().to_vec();
    value.resize(value_bytes, 0);
    let writes: Vec<_> = ids
        .iter()
        .map(|lead_id| LeadWrite {
            lead_id,
            value: Some(&value),
            timer_before_ms: (number > 0).then_some(number - 1),
            timer_after_ms: Some(number),
        })
        .collect();
    let meta = PartitionMeta { changelog_next_offset: number, manifest: vec![], committed_at_ms: number };
    store.write(P, &writes, &meta)
}

/// The number of the last batch, after a check that it is there as a whole.
fn check_whole(store: &RocksStore) -> i64 {
    let number = store.meta(P).unwrap().map_or(-1, |meta| meta.changelog_next_offset);
    let mut leads_count = 0;
    store
        .scan(P, &mut |lead_id, value| {
            assert_eq!(value[..8], number.to_be_bytes(), "{lead_id} is not of batch {number}");
            leads_count += 1;
            true
        })
        .unwrap();
    let timers = store.timers(P, None, 10_000).unwrap();
    assert!(timers.iter().all(|timer| timer.due_ms == number), "timers of other batches than {number}");
    let expected = if number < 0 { 0 } else { LEADS };
    assert_eq!((leads_count, timers.len() as i64), (expected, expected));
    number
}

/// Runs the test `name` of this program as a process of its own, under `sh` with the given words before it.
fn spawn(name: &str, dir: &Path, before: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    let script = format!("{before} exec '{}' --exact io::store::crash::{name} --nocapture", program.display());
    Command::new("sh").args(["-c", &script]).env(DIR, dir).stdout(Stdio::piped()).spawn().unwrap()
}

/// The directory that the parent named; `None` in a run of the tests proper, where a role is not played.
fn role() -> Option<PathBuf> {
    std::env::var_os(DIR).map(PathBuf::from)
}

/// Lines that begin with `word`, as the number behind it; others are the test harness's own.
fn numbers<'a>(child: &'a mut Child, word: &'a str) -> impl Iterator<Item = i64> + 'a {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    lines.map_while(Result::ok).filter_map(move |line| line.split_once(word)?.1.trim().parse().ok())
}

#[test]
fn role_writer_without_end() {
    let Some(dir) = role() else { return };
    let store = RocksStore::open(&dir, &identity(), 16 << 20).unwrap();
    for number in check_whole(&store) + 1.. {
        write_batch(&store, number, 8).unwrap();
        println!("written {number}");
    }
}

#[test]
fn a_killed_writer_loses_nothing_it_had_written_and_no_batch_is_torn() {
    let dir = tempfile::tempdir().unwrap();
    for (round, batches) in [1, 13, 40, 150].into_iter().enumerate() {
        let mut child = spawn("role_writer_without_end", dir.path(), "");
        let last = numbers(&mut child, "written ").nth(batches).expect("a writer that runs until it is killed");
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        let store = RocksStore::open(dir.path(), &identity(), 16 << 20).unwrap();
        let found = check_whole(&store);
        assert!(found >= last, "round {round}: batch {last} was written, batch {found} is there");
    }
}

#[test]
fn two_processes_do_not_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = spawn("role_writer_without_end", dir.path(), "");
    numbers(&mut child, "written ").next().expect("a writer at work");
    let refusal = RocksStore::open(dir.path(), &identity(), 16 << 20).err();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(matches!(refusal, Some(OpenError::Held { .. })), "{refusal:?}");
}

/// Writes until it fails, then says how far it came and why it stopped.
#[test]
fn role_writer_until_full() {
    let Some(dir) = role() else { return };
    let store = RocksStore::open(&dir, &identity(), 16 << 20).unwrap();
    let from = check_whole(&store) + 1;
    for number in from..from + 1_000 {
        match write_batch(&store, number, 1024) {
            Ok(()) => println!("written {number}"),
            Err(StoreError::Full(_)) => return println!("full {number}"),
            Err(other) => panic!("{other}"),
        }
    }
}

/// A limit on file sizes stands for the full disk: it needs no privileges, and RocksDB meets it at the same calls.
#[test]
fn a_full_disk_is_reported_as_such_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = spawn("role_writer_until_full", dir.path(), "trap '' XFSZ; ulimit -f 2000;");
    let full_at = numbers(&mut child, "full ").last().expect("a report of a full disk");
    assert!(child.wait().unwrap().success() && full_at > 0);
    let store = RocksStore::open(dir.path(), &identity(), 16 << 20).unwrap();
    assert_eq!(check_whole(&store), full_at - 1);
    write_batch(&store, full_at, 8).unwrap();
}
