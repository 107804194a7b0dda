//! The values that labels may take: enums, so that no input can make a label.

/// What became of an input record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
    Applied,
    /// The event was here before.
    Duplicate,
    /// Of a machine: a prefetch, a link scanner, a bot.
    Machine,
    /// Of an erased lead, from before the erasure.
    Erased,
    /// Sent to its lead's home by the intake topic.
    Forwarded,
    DeadLetter,
}

impl RecordOutcome {
    pub const ALL: [RecordOutcome; 6] = [
        RecordOutcome::Applied,
        RecordOutcome::Duplicate,
        RecordOutcome::Machine,
        RecordOutcome::Erased,
        RecordOutcome::Forwarded,
        RecordOutcome::DeadLetter,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            RecordOutcome::Applied => "applied",
            RecordOutcome::Duplicate => "duplicate",
            RecordOutcome::Machine => "machine",
            RecordOutcome::Erased => "erased",
            RecordOutcome::Forwarded => "forwarded",
            RecordOutcome::DeadLetter => "dead_letter",
        }
    }
}

/// The verbs of the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Poll,
    /// With the prefetch before it, and a commit in between where a step is too large for one.
    Process,
    Commit,
    Persist,
}

impl Verb {
    pub const ALL: [Verb; 4] = [Verb::Poll, Verb::Process, Verb::Commit, Verb::Persist];

    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Poll => "poll",
            Verb::Process => "process",
            Verb::Commit => "commit",
            Verb::Persist => "persist",
        }
    }
}

/// The steps of a transaction, in their order, and the whole of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitPhase {
    /// Queueing the records.
    Send,
    /// Waiting until the broker has them all.
    Drain,
    Offsets,
    End,
    /// All of the above.
    Whole,
}

impl CommitPhase {
    pub const ALL: [CommitPhase; 5] =
        [CommitPhase::Send, CommitPhase::Drain, CommitPhase::Offsets, CommitPhase::End, CommitPhase::Whole];

    pub fn as_str(self) -> &'static str {
        match self {
            CommitPhase::Send => "send",
            CommitPhase::Drain => "drain",
            CommitPhase::Offsets => "offsets",
            CommitPhase::End => "end",
            CommitPhase::Whole => "whole",
        }
    }
}
