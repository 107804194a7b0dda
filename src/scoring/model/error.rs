//! What is wrong in a model file: one value for each mistake, with the place and the way out.

use std::fmt;

/// One mistake in a model file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ModelError {
    pub file: Box<str>,
    /// From 1; 0 where no line can be told.
    pub line: usize,
    /// Path of the key, such as `channels.mail.cap`.
    pub key: Box<str>,
    /// What stands there; empty where nothing does.
    pub found: Box<str>,
    /// What may stand there.
    pub allowed: Box<str>,
    /// The valid name that comes nearest, where one does.
    pub nearest: Option<Box<str>>,
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: ", self.file, self.line, self.key)?;
        match &*self.found {
            "" => write!(f, "missing")?,
            found => write!(f, "found {found}")?,
        }
        write!(f, "; allowed: {}", self.allowed)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean \"{nearest}\"?"),
            None => Ok(()),
        }
    }
}

/// The name most like `found`, if it is alike enough to be what was meant.
pub(super) fn nearest<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |name: &str| strsim::jaro_winkler(found, name);
    let best = names.into_iter().map(|name| (alike(name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness > 0.75).map(|(_, name)| name)
}
