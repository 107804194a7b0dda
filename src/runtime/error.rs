//! Why the loop cannot go on as it was, named by what to do.

use super::batch::Partition;
use super::ports::{SinkError, SourceError, StoreError};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Forget what is uncommitted, read the committed positions, go on from there.
    #[error("rewind ({cause}): {detail}")]
    Rewind { cause: RewindCause, detail: String },
    /// Stop the process; the message names the fix. Nothing is lost: the log has it all.
    #[error("{0}")]
    Stop(String),
    /// What is stored does not fit the log: stop, never serve it.
    #[error("partition {}: {detail}", partition.0)]
    Corrupt { partition: Partition, detail: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What led to a rewind; a label of its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewindCause {
    /// The transaction was aborted for a passing reason.
    Aborted,
    /// The group began another generation in the middle of a transaction.
    Regrouped,
    /// A newer owner exists.
    Fenced,
    /// Nobody knows whether the commit took place.
    Unknown,
    /// The broker did not answer a read.
    Unreachable,
}

impl RewindCause {
    pub const ALL: [RewindCause; 5] = [
        RewindCause::Aborted,
        RewindCause::Regrouped,
        RewindCause::Fenced,
        RewindCause::Unknown,
        RewindCause::Unreachable,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            RewindCause::Aborted => "aborted",
            RewindCause::Regrouped => "regrouped",
            RewindCause::Fenced => "fenced",
            RewindCause::Unknown => "unknown",
            RewindCause::Unreachable => "unreachable",
        }
    }
}

impl std::fmt::Display for RewindCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<SinkError> for Error {
    fn from(error: SinkError) -> Error {
        match error {
            SinkError::Abort(detail) => Error::Rewind { cause: RewindCause::Aborted, detail },
            SinkError::Unknown(detail) => Error::Rewind { cause: RewindCause::Unknown, detail },
            SinkError::Regrouped(detail) => Error::Rewind { cause: RewindCause::Regrouped, detail },
            SinkError::Fenced(detail) => Error::Rewind { cause: RewindCause::Fenced, detail },
            SinkError::Fatal(detail) => Error::Stop(detail),
        }
    }
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Error {
        match error {
            SourceError::Retry(detail) => Error::Rewind { cause: RewindCause::Unreachable, detail },
            SourceError::Twin(detail) => Error::Stop(format!(
                "another process runs with the same app.instance ({detail}); give each process an instance of its own"
            )),
            SourceError::OutOfRange(detail) => Error::Stop(format!(
                "records that were not yet processed are gone from the log ({detail}); raise the topic's retention, \
                 and reset the group's position only if you accept their loss"
            )),
            SourceError::Fatal(detail) => Error::Stop(detail),
        }
    }
}
