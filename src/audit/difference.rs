//! A difference between the log and what its inputs give, in words: where, which lead, what was expected.
//!
//! Ids of leads and decisions are named, contents are not, unless the caller asks for them.

use std::fmt;

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Decisions and snapshots, in their order.
    Outputs,
    /// No decision twice.
    Twice,
    /// No decision ends that has not begun, or has ended.
    Retraction,
    /// States in the changelog.
    State,
    /// States on disk.
    Disk,
    /// Positions and clock of manifests.
    Positions,
    /// Everything is processed.
    End,
    /// Records sent to other leads' homes.
    Forwards,
    DeadLetters,
}

impl Check {
    pub fn as_str(self) -> &'static str {
        match self {
            Check::Outputs => "outputs",
            Check::Twice => "twice",
            Check::Retraction => "retraction",
            Check::State => "state",
            Check::Disk => "disk",
            Check::Positions => "positions",
            Check::End => "end",
            Check::Forwards => "forwards",
            Check::DeadLetters => "dead_letters",
        }
    }
}

/// The first difference that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub check: Check,
    /// The partition of the application.
    pub partition: u32,
    pub text: String,
}

impl Difference {
    pub fn new(check: Check, partition: u32, text: impl Into<String>) -> Difference {
        Difference { check, partition, text: text.into() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {}, {}: {}", self.partition, self.check.as_str(), self.text)
    }
}
