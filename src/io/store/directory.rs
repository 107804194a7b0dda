//! The state directory: who may use it, whose state it holds, and the mark of a state that must not be served.
//!
//! ```text
//! lock            held by the process that writes here
//! identity.toml   whose state this is
//! models.toml     which models it was decided with
//! rocksdb/        the database
//! ingest/         sorted files on their way into the database
//! unfit           present when the database was found corrupt: the next start begins from empty
//! ```

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::fault::{self, OpenError};
use super::identity::{self, Found, Identity};
use super::models;
use crate::runtime::ports::StoreError;

/// A directory that this process holds until the value is dropped.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    _lock: Lock,
}

/// Given back when it is dropped, not when the file is closed: a process that is just being started has the file open
/// as well.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the state directory stays locked until the process ends");
        }
    }
}

impl Directory {
    /// Creates or takes over the directory for `identity`.
    ///
    /// # Errors
    /// `Held`, `Foreign`, and what the file system says.
    pub fn take(path: &Path, identity: &Identity) -> Result<Directory, OpenError> {
        fs::create_dir_all(path).map_err(|error| fault::of_file(path, &error))?;
        let lock = lock(path)?;
        match read_identity(path)? {
            Some(found) => check_identity(path, &found, identity)?,
            None if database(path).exists() => {
                return Err(StoreError::Corrupt(format!(
                    "{} has a database but no identity.toml: restore that file, or remove the directory and let the \
                     changelog restore it",
                    path.display()
                ))
                .into());
            }
            None => write_whole(path, "identity.toml", &identity.to_text())?,
        }
        let directory = Directory { path: path.to_owned(), _lock: lock };
        directory.drop_unfit()?;
        remove_if_there(&directory.ingest())?;
        Ok(directory)
    }

    pub fn database(&self) -> PathBuf {
        database(&self.path)
    }

    pub fn ingest(&self) -> PathBuf {
        self.path.join("ingest")
    }

    /// Remembers that the database must not be used again.
    pub fn mark_unfit(&self, reason: &str) {
        if let Err(error) = fs::write(self.path.join("unfit"), reason) {
            tracing::error!(%error, "the mark of an unfit state could not be written");
        }
    }

    fn drop_unfit(&self) -> Result<(), StoreError> {
        let mark = self.path.join("unfit");
        let Ok(reason) = fs::read_to_string(&mark) else { return Ok(()) };
        tracing::warn!(reason, "state was unfit: it is removed, and the changelog restores it");
        remove_if_there(&self.database())?;
        fs::remove_file(&mark).map_err(|error| fault::of_file(&mark, &error))
    }
}

/// Removes the state of a directory, whoever it belonged to, unless a process uses it.
///
/// # Errors
/// `Held` by a process, and what the file system says.
pub fn erase(path: &Path) -> Result<(), OpenError> {
    if !path.join("identity.toml").exists() {
        return Ok(());
    }
    let _lock = lock(path)?;
    remove_if_there(&database(path))?;
    remove_if_there(&path.join("ingest"))?;
    models::forget(path)?;
    let identity = path.join("identity.toml");
    fs::remove_file(&identity).map_err(|error| fault::of_file(&identity, &error))?;
    Ok(())
}

pub fn database(path: &Path) -> PathBuf {
    path.join("rocksdb")
}

/// The identity of a directory; `None` where there is no such file.
///
/// # Errors
/// `Foreign` for another format; what the file system says.
pub fn read_identity(path: &Path) -> Result<Option<Identity>, OpenError> {
    let file = path.join("identity.toml");
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault::of_file(&file, &error).into()),
    };
    match identity::parse(&text) {
        Ok(Found::Known(found)) => Ok(Some(found)),
        Ok(Found::OtherFormat(format)) => Err(OpenError::Foreign {
            dir: path.to_owned(),
            found: format!("another version of the program (format {format})"),
            wanted: format!("one that writes format {}", identity::FORMAT),
            hint: "; the changelog restores it",
        }),
        Err(reason) => Err(StoreError::Corrupt(format!("{}: {reason}", file.display())).into()),
    }
}

fn check_identity(path: &Path, found: &Identity, wanted: &Identity) -> Result<(), OpenError> {
    if found == wanted {
        return Ok(());
    }
    Err(OpenError::Foreign {
        dir: path.to_owned(),
        found: found.to_string(),
        wanted: wanted.to_string(),
        hint: wanted.hint(found),
    })
}

fn lock(path: &Path) -> Result<Lock, OpenError> {
    let file = path.join("lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&file)
        .map_err(|error| fault::of_file(&file, &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(Lock(lock)),
        Err(TryLockError::WouldBlock) => Err(OpenError::Held { dir: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(fault::of_file(&file, &error).into()),
    }
}

/// Writes a file of the directory whole or not at all: a temporary file, synced, then renamed.
pub fn write_whole(path: &Path, name: &str, text: &str) -> Result<(), StoreError> {
    let (file, temporary) = (path.join(name), path.join(format!("{name}.new")));
    let written = File::create(&temporary)
        .and_then(|mut out| out.write_all(text.as_bytes()).and_then(|()| out.sync_all()))
        .and_then(|()| fs::rename(&temporary, &file))
        .and_then(|()| File::open(path)?.sync_all());
    written.map_err(|error| fault::of_file(&file, &error))
}

fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(fault::of_file(path, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity { application: "app".into(), cluster: "c1".into(), partition_count: 4 }
    }

    #[test]
    fn a_directory_serves_one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = Directory::take(dir.path(), &identity()).unwrap();
        let refusal = Directory::take(dir.path(), &identity()).unwrap_err();
        assert!(matches!(refusal, OpenError::Held { .. }) && refusal.to_string().contains("state.dir"), "{refusal}");
        drop(first);
        Directory::take(dir.path(), &identity()).unwrap();
    }

    #[test]
    fn an_erased_directory_begins_anew_but_not_under_a_process() {
        let dir = tempfile::tempdir().unwrap();
        erase(dir.path()).unwrap();
        let held = Directory::take(dir.path(), &identity()).unwrap();
        fs::create_dir(held.database()).unwrap();
        assert!(matches!(erase(dir.path()), Err(OpenError::Held { .. })));
        assert!(held.database().exists());
        drop(held);
        erase(dir.path()).unwrap();
        let other = Identity { partition_count: 8, ..identity() };
        assert!(!Directory::take(dir.path(), &other).unwrap().database().exists());
    }

    #[test]
    fn another_identity_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        drop(Directory::take(dir.path(), &identity()).unwrap());
        for (wanted, named) in [
            (Identity { application: "other".into(), ..identity() }, "\"other\""),
            (Identity { cluster: "c2".into(), ..identity() }, "\"c2\""),
            (Identity { partition_count: 8, ..identity() }, "8 partitions"),
        ] {
            let refusal = Directory::take(dir.path(), &wanted).unwrap_err().to_string();
            assert!(refusal.contains(named) && refusal.contains("4 partitions"), "{refusal}");
        }
    }

    #[test]
    fn other_formats_and_lost_identities_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("identity.toml"), "format = 7").unwrap();
        assert!(matches!(Directory::take(dir.path(), &identity()), Err(OpenError::Foreign { .. })));
        fs::remove_file(dir.path().join("identity.toml")).unwrap();
        fs::create_dir(dir.path().join("rocksdb")).unwrap();
        assert!(matches!(Directory::take(dir.path(), &identity()), Err(OpenError::Store(StoreError::Corrupt(_)))));
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Directory::take(&file.join("state"), &identity()).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }

    #[test]
    fn an_unfit_state_is_gone_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::take(dir.path(), &identity()).unwrap();
        fs::create_dir(directory.database()).unwrap();
        directory.mark_unfit("checksum");
        drop(directory);
        let directory = Directory::take(dir.path(), &identity()).unwrap();
        assert!(!directory.database().exists() && !dir.path().join("unfit").exists());
    }
}
