//! What RocksDB and the file system report, as what the caller must do.

use std::io;
use std::path::{Path, PathBuf};

use rocksdb::ErrorKind;

use crate::runtime::ports::StoreError;

/// Why a state directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Two processes on one directory would destroy it.
    #[error(
        "the state directory {} is in use by another process: stop that one, or give this one its own directory \
         (state.dir)", dir.display()
    )]
    Held { dir: PathBuf },
    /// Its leads are not ours: started on it, we would decide from somebody else's past.
    #[error(
        "the state directory {} belongs to {found}, but this process is {wanted}: set state.dir to a directory of its \
         own{hint}", dir.display()
    )]
    Foreign { dir: PathBuf, found: String, wanted: String, hint: &'static str },
    /// Decisions name a model by name and version: two models of one version could not be told apart.
    #[error(
        "model {name} {version} has changed since this state directory was decided with it (hash {found}, before: \
         {known}): raise `version` in the model file and replay, or put the file back as it was; on a test system, remove \
         the version from {}", file.display()
    )]
    ModelChanged { name: String, version: String, found: String, known: String, file: PathBuf },
    /// There is nothing to read.
    #[error("no state in {}: {reason}", dir.display())]
    NotAStore { dir: PathBuf, reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Texts of ENOSPC, EDQUOT and EFBIG: in each case the file cannot grow, and somebody has to make room.
const FULL: [&str; 3] = ["No space left on device", "Disk quota exceeded", "File too large"];

pub fn of_rocksdb(error: rocksdb::Error) -> StoreError {
    let kind = error.kind();
    let text = error.into_string();
    if FULL.iter().any(|full| text.contains(full)) {
        return StoreError::Full(text);
    }
    match kind {
        ErrorKind::Corruption => StoreError::Corrupt(text),
        _ => StoreError::Io(text),
    }
}

pub fn of_file(path: &Path, error: &io::Error) -> StoreError {
    let text = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::Full(text)
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::Io(format!("{text}: let this user write there, or set state.dir to another directory"))
        }
        _ => StoreError::Io(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_disks_are_told_from_other_failures() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(matches!(of_file(Path::new("d"), &full), StoreError::Full(_)));
        let denied = of_file(Path::new("d"), &io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(denied.to_string().contains("state.dir"), "{denied}");
    }
}
