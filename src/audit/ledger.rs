//! What must be matched across partitions, by fingerprint: sent and found, expected and there. In memory while it is
//! little; else in files by the first bits of the fingerprint, so that each file can be settled by itself.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

/// About what an entry takes in memory, bytes.
const ENTRY_BYTES: usize = 100;
const FILES: usize = 64;
/// Entries that do not match are shown one; so many are looked at.
const LEFT_MAX: usize = 10_000;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A record or message in the intake.
    Forward,
    DeadLetter,
    /// Found in the log; there may be one of each.
    Decision,
}

/// The record that an entry came from: a topic by its number among the inputs, partition, offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub input: u16,
    pub partition: u32,
    pub offset: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    /// Expected less found; of decisions, found.
    pub count: i32,
    pub place: Place,
    /// Of dead letters: the number of the cause.
    pub cause: u8,
}

pub struct Ledger {
    open: HashMap<u128, Entry, foldhash::fast::RandomState>,
    entries_max: usize,
    scratch: PathBuf,
    files: Vec<BufWriter<File>>,
}

impl Ledger {
    pub fn new(bytes_max: usize, scratch: PathBuf) -> Ledger {
        let entries_max = (bytes_max / ENTRY_BYTES).max(1);
        Ledger { open: HashMap::default(), entries_max, scratch, files: Vec::new() }
    }

    pub fn add(&mut self, print: u128, entry: Entry) -> io::Result<()> {
        add(&mut self.open, print, entry);
        if self.open.len() > self.entries_max { self.spill() } else { Ok(()) }
    }

    /// Where an entry came from, as far as it is in memory.
    pub fn find(&self, print: u128) -> Option<Place> {
        self.open.get(&print).map(|entry| entry.place)
    }

    /// What did not match: not found, or found without being expected, or found twice.
    pub fn settle(mut self) -> io::Result<Vec<Entry>> {
        if self.files.is_empty() {
            return Ok(left(&self.open));
        }
        self.spill()?;
        let mut all = Vec::new();
        for (number, file) in std::mem::take(&mut self.files).into_iter().enumerate() {
            file.into_inner().map_err(io::IntoInnerError::into_error)?;
            let mut open = HashMap::default();
            let mut reader = BufReader::new(File::open(self.path(number))?);
            while let Some((print, entry)) = read(&mut reader)? {
                add(&mut open, print, entry);
            }
            all.extend(left(&open));
        }
        all.truncate(LEFT_MAX);
        Ok(all)
    }

    fn path(&self, number: usize) -> PathBuf {
        self.scratch.join(format!("ledger-{number}"))
    }

    fn spill(&mut self) -> io::Result<()> {
        while self.files.len() < FILES {
            let file = File::create(self.path(self.files.len()))?;
            self.files.push(BufWriter::new(file));
        }
        for (print, entry) in self.open.drain() {
            write(&mut self.files[(print >> 122) as usize], print, &entry)?;
        }
        Ok(())
    }
}

fn add(open: &mut HashMap<u128, Entry, foldhash::fast::RandomState>, print: u128, entry: Entry) {
    let there = open.entry(print).or_insert(Entry { count: 0, ..entry });
    there.count += entry.count;
    if there.count == 0 {
        open.remove(&print);
    }
}

fn left(open: &HashMap<u128, Entry, foldhash::fast::RandomState>) -> Vec<Entry> {
    let is_left = |entry: &&Entry| entry.kind != Kind::Decision || entry.count > 1;
    let mut left: Vec<Entry> = open.values().filter(is_left).copied().collect();
    left.sort_by_key(|entry| (entry.kind, entry.count < 0, entry.place));
    left.truncate(LEFT_MAX);
    left
}

fn write(file: &mut impl Write, print: u128, entry: &Entry) -> io::Result<()> {
    let mut bytes = [0; 36];
    bytes[..16].copy_from_slice(&print.to_le_bytes());
    bytes[16..20].copy_from_slice(&entry.count.to_le_bytes());
    bytes[20..28].copy_from_slice(&entry.place.offset.to_le_bytes());
    bytes[28..32].copy_from_slice(&entry.place.partition.to_le_bytes());
    bytes[32..34].copy_from_slice(&entry.place.input.to_le_bytes());
    bytes[34] = entry.kind as u8;
    bytes[35] = entry.cause;
    file.write_all(&bytes)
}

fn read(file: &mut impl Read) -> io::Result<Option<(u128, Entry)>> {
    let mut bytes = [0; 36];
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        done => done?,
    }
    fn part<const N: usize>(bytes: &[u8; 36], at: usize) -> [u8; N] {
        let mut part = [0; N];
        part.copy_from_slice(&bytes[at..at + N]);
        part
    }
    let place = Place {
        input: u16::from_le_bytes(part(&bytes, 32)),
        partition: u32::from_le_bytes(part(&bytes, 28)),
        offset: i64::from_le_bytes(part(&bytes, 20)),
    };
    let kind = [Kind::Forward, Kind::DeadLetter, Kind::Decision][usize::from(bytes[34].min(2))];
    let count = i32::from_le_bytes(part(&bytes, 16));
    Ok(Some((u128::from_le_bytes(part(&bytes, 0)), Entry { kind, count, place, cause: bytes[35] })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: Kind, count: i32, offset: i64) -> Entry {
        Entry { kind, count, place: Place { input: 3, partition: 7, offset }, cause: 5 }
    }

    /// 1,000 that match, one that lacks, one too many, one decision twice: the same with and without files.
    #[test]
    fn what_does_not_match_is_left_in_memory_and_in_files() {
        let dir = tempfile::tempdir().unwrap();
        for bytes_max in [1 << 20, 30 * ENTRY_BYTES] {
            let mut ledger = Ledger::new(bytes_max, dir.path().to_owned());
            let print = |n: u128| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            for n in 0..1_000 {
                ledger.add(print(n), entry(Kind::Forward, 1, n as i64)).unwrap();
                ledger.add(print(n + 5_000), entry(Kind::Decision, 1, n as i64)).unwrap();
            }
            for n in (0..1_000).rev().filter(|n| *n != 17) {
                ledger.add(print(n), entry(Kind::Forward, -1, n as i64)).unwrap();
            }
            ledger.add(print(2_000), entry(Kind::DeadLetter, -1, 4)).unwrap();
            ledger.add(print(5_003), entry(Kind::Decision, 1, 9)).unwrap();
            assert_eq!(ledger.files.is_empty(), bytes_max > 1 << 19, "the small one uses files");
            let mut left = ledger.settle().unwrap();
            left.sort_by_key(|entry| entry.kind);
            let found: Vec<_> =
                left.iter().map(|entry| (entry.kind, entry.count, entry.place.input, entry.cause)).collect();
            assert_eq!(
                found,
                [(Kind::Forward, 1, 3, 5), (Kind::DeadLetter, -1, 3, 5), (Kind::Decision, 2, 3, 5)],
                "{bytes_max}"
            );
            assert_eq!(left[0].place.offset, 17);
        }
    }
}
