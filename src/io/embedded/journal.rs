//! The log's file: one frame for each thing that was committed, with its length and checksum before it.
//!
//! A frame that is not whole at the end of the file was being written when the process died: nobody was told that it
//! was committed, so it is cut off.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::LogError;
use super::codec;
use super::log::{Layout, TopicId};
use super::partition::Entry;
use crate::runtime::batch::Partition;
use crate::runtime::ports::Position;

/// What was committed in one step.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Frame {
    pub records: Vec<(TopicId, Partition, Entry)>,
    /// Next offsets of partitions that got a marker.
    pub ends: Vec<(TopicId, Partition, i64)>,
    pub positions: Vec<Position>,
}

/// Length and checksum before each frame.
const HEAD: usize = 4 + 8;
/// The file is rewritten when it grew by that much, and fourfold, since the last time.
const GROWTH_BYTES: u64 = 64 << 20;

pub struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
    rewritten_bytes: u64,
}

impl Journal {
    /// Hands every whole frame of the file to `each`, cuts off the rest, and goes on behind them.
    pub fn open(dir: &Path, layout: &Layout, each: &mut dyn FnMut(Frame)) -> Result<Journal, LogError> {
        let path = dir.join("log");
        let at = |error: &io::Error| failure(&path, &error.to_string());
        fs::create_dir_all(dir).map_err(|error| at(&error))?;
        let mut options = File::options();
        let mut file = options.read(true).append(true).create(true).open(&path).map_err(|error| at(&error))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| at(&error))?;
        let title = title(layout);
        if !bytes.is_empty() && !bytes.starts_with(&title) && !title.starts_with(&bytes) {
            return Err(failure(
                &path,
                "it belongs to other topics or another version: remove it, or use another directory",
            ));
        }
        let mut end = title.len();
        while let Some((frame, next)) = whole_frame(&bytes, end) {
            each(frame);
            end = next;
        }
        let (end, bytes_left) = if bytes.len() < title.len() { (0, title) } else { (end, Vec::new()) };
        file.set_len(end as u64).and_then(|()| file.write_all(&bytes_left)).map_err(|error| at(&error))?;
        Ok(Journal { file, bytes: end as u64, rewritten_bytes: 0, path })
    }

    pub fn write(&mut self, frame: &Frame) -> Result<(), LogError> {
        let written = write_frame(&mut self.file, frame);
        self.bytes += written.map_err(|error| failure(&self.path, &error.to_string()))?;
        Ok(())
    }

    pub fn is_due_for_rewrite(&self) -> bool {
        self.bytes > 4 * self.rewritten_bytes + GROWTH_BYTES
    }

    /// Replaces the file by one of the frames that `fill` writes; whole or not at all.
    pub fn rewrite(
        &mut self,
        layout: &Layout,
        fill: impl FnOnce(&mut dyn FnMut(&Frame) -> Result<(), LogError>) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        let path = self.path.with_extension("new");
        let at = |error: io::Error| failure(&path, &error.to_string());
        let mut file = File::create(&path).map_err(at)?;
        let title = title(layout);
        file.write_all(&title).map_err(at)?;
        let mut bytes = title.len() as u64;
        fill(&mut |frame| {
            bytes += write_frame(&mut file, frame).map_err(at)?;
            Ok(())
        })?;
        file.sync_all().and_then(|()| fs::rename(&path, &self.path)).map_err(at)?;
        (self.file, self.bytes, self.rewritten_bytes) = (file, bytes, bytes);
        Ok(())
    }
}

/// Format and layout: a file of other topics must not be read as ours.
fn title(layout: &Layout) -> Vec<u8> {
    let topics = layout.inputs.iter().map(|topic| format!(" {}:{}", topic.name, topic.partition_count));
    format!("tsuikyaku embedded log 1{}\n", topics.collect::<String>()).into_bytes()
}

fn write_frame(file: &mut File, frame: &Frame) -> io::Result<u64> {
    let mut bytes = vec![0; HEAD];
    codec::encode(frame, &mut bytes);
    let body = &bytes[HEAD..];
    let length = u32::try_from(body.len()).map_err(|_| io::Error::other("a transaction above 4 GiB"))?;
    let checksum = xxh3_64(body);
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..HEAD].copy_from_slice(&checksum.to_le_bytes());
    file.write_all(&bytes)?;
    Ok(bytes.len() as u64)
}

/// The frame that begins at `start`, and where the next one does; `None` where no whole one is.
fn whole_frame(bytes: &[u8], start: usize) -> Option<(Frame, usize)> {
    let (head, rest) = bytes.get(start..)?.split_first_chunk::<HEAD>()?;
    let length = u32::from_le_bytes(*head.first_chunk()?) as usize;
    let checksum = u64::from_le_bytes(*head.last_chunk()?);
    let body = rest.get(..length).filter(|body| xxh3_64(body) == checksum)?;
    Some((codec::decode(body)?, start + HEAD + length))
}

fn failure(path: &Path, reason: &str) -> LogError {
    LogError { path: path.display().to_string(), reason: reason.to_owned() }
}
