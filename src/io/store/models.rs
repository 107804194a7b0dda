//! Which models a state directory was decided with, as a small file that people can read.
//!
//! Decisions name their model by name and version. A file that was edited under the same version would make that name
//! a lie, so the hash of each version is kept, and another one is refused. The file lies beside the state that was
//! decided with it: an instance that lost its disk, or has a first one, takes the file it is given; instances that
//! differ show in the metric `tsuikyaku_model_info`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::directory;
use super::fault::{self, OpenError};
use crate::runtime::ports::StoreError;

const FILE: &str = "models.toml";
/// Versions remembered; the oldest go.
const MODELS_MAX: usize = 1_000;
const HEAD: &str = "# Models that this state was decided with, the newest last. Read at every start.\n";

/// One version of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelMark {
    pub name: String,
    pub version: String,
    /// Of all that its file says, in hex.
    pub hash: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "model")]
    models: Vec<ModelMark>,
}

impl ModelMark {
    /// Notes in a directory that this model is in use from now on. Call it while holding the directory.
    ///
    /// # Errors
    /// `ModelChanged` where the directory knows that version with another hash; what the file system says.
    pub fn remember(&self, dir: &Path) -> Result<(), OpenError> {
        let mut models = read(dir)?;
        if models.last() == Some(self) {
            return Ok(());
        }
        let is_same_version = |known: &ModelMark| known.name == self.name && known.version == self.version;
        if let Some(known) = models.iter().find(|known| is_same_version(known) && known.hash != self.hash) {
            return Err(OpenError::ModelChanged {
                name: self.name.clone(),
                version: self.version.clone(),
                found: self.hash.clone(),
                known: known.hash.clone(),
                file: dir.join(FILE),
            });
        }
        models.retain(|known| !is_same_version(known));
        models.push(self.clone());
        models.drain(..models.len().saturating_sub(MODELS_MAX));
        write(dir, models)
    }
}

/// The model that was last in use; `None` where nobody noted one.
///
/// # Errors
/// What the file system says, and a file that is damaged.
pub fn newest(dir: &Path) -> Result<Option<ModelMark>, OpenError> {
    Ok(read(dir)?.pop())
}

/// Removes what is remembered, if anything is.
///
/// # Errors
/// What the file system says.
pub fn forget(dir: &Path) -> Result<(), StoreError> {
    let file = dir.join(FILE);
    match fs::remove_file(&file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(fault::of_file(&file, &error)),
        _ => Ok(()),
    }
}

fn read(dir: &Path) -> Result<Vec<ModelMark>, OpenError> {
    let file = dir.join(FILE);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault::of_file(&file, &error).into()),
    };
    // The state itself is sound: it must not be thrown away for this file.
    let damaged = |error: toml::de::Error| {
        StoreError::Io(format!("{}: {}; mend the file or remove it", file.display(), error.message()))
    };
    let File { models } = toml::from_str(&text).map_err(damaged)?;
    Ok(models)
}

fn write(dir: &Path, models: Vec<ModelMark>) -> Result<(), OpenError> {
    let body = toml::to_string(&File { models })
        .map_err(|error| StoreError::Io(format!("{}: {error}", dir.join(FILE).display())))?;
    Ok(directory::write_whole(dir, FILE, &format!("{HEAD}{body}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(version: &str, hash: &str) -> ModelMark {
        ModelMark { name: "a \"b\"".into(), version: version.into(), hash: hash.into() }
    }

    #[test]
    fn another_hash_under_a_known_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let remember = |version: &str, hash: &str| mark(version, hash).remember(dir.path()).map_err(|e| e.to_string());
        assert_eq!(newest(dir.path()).unwrap(), None);
        for (version, hash, refused) in
            [("1", "aa", false), ("1", "aa", false), ("1", "bb", true), ("2", "bb", false), ("1", "cc", true)]
        {
            let done = remember(version, hash);
            assert_eq!(done.is_err(), refused, "{version} {hash}: {done:?}");
            if let Err(text) = done {
                assert!(
                    ["raise `version`", "replay", hash, "aa", FILE].iter().all(|part| text.contains(part)),
                    "{text}"
                );
            }
        }
        assert_eq!(newest(dir.path()).unwrap(), Some(mark("2", "bb")));
        remember("1", "aa").unwrap(); // back to an older one, unchanged
        assert_eq!(newest(dir.path()).unwrap(), Some(mark("1", "aa")));
        assert_eq!(read(dir.path()).unwrap().len(), 2);
    }

    #[test]
    fn the_file_does_not_grow_for_ever_and_can_be_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), (0..MODELS_MAX).map(|version| mark(&version.to_string(), "aa")).collect()).unwrap();
        mark("new", "aa").remember(dir.path()).unwrap();
        let models = read(dir.path()).unwrap();
        assert_eq!((models.len(), &*models[0].version), (MODELS_MAX, "1"));
        forget(dir.path()).unwrap();
        forget(dir.path()).unwrap();
        assert_eq!(newest(dir.path()).unwrap(), None);
    }

    #[test]
    fn damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "[[model]]\nname = 1").unwrap();
        assert!(mark("1", "aa").remember(dir.path()).unwrap_err().to_string().contains(FILE));
    }
}
