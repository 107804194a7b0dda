//! What can go wrong in the simulation.

use std::fmt;

use tsuikyaku::runtime::crash;

/// Calls of a port: a process may die or be stopped at each, and everything else may happen meanwhile.
pub const CALLS: [&str; 13] = [
    "source.poll",
    "source.committed",
    "source.start",
    "sink.begin",
    "sink.send",
    "sink.drain",
    "sink.offsets",
    "sink.end",
    "sink.ended",
    "sink.rebuild",
    "changelog.read",
    "store.write",
    "store.written",
];

/// Which process; counted from 0.
pub type NodeId = usize;

/// What becomes of an end of transaction whose answer does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Applied,
    NotApplied,
    /// It reaches the broker while the worker rewinds, before there is a new producer.
    WhileRewinding,
    /// It reaches the broker when there is a new producer.
    TooLate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process dies the `nth` time from now on that it passes a place.
    Crash {
        node: NodeId,
        place: &'static str,
        nth: usize,
    },
    /// The process stands still at a place until its partitions have moved, and goes on.
    Pause {
        node: NodeId,
        place: &'static str,
        nth: usize,
        for_ms: i64,
    },
    /// A member joins while the process is at a place, and leaves after a while.
    Rebalance {
        node: NodeId,
        place: &'static str,
        nth: usize,
        for_ms: i64,
    },
    /// The process dies between two turns.
    Kill {
        node: NodeId,
    },
    /// The machine loses its power: of what was written and not synced, a prefix survives.
    PowerLoss {
        node: NodeId,
    },
    /// The process ends in peace, and is started again.
    Stop {
        node: NodeId,
        for_ms: i64,
    },
    /// One more process joins.
    Join {
        for_ms: i64,
    },
    /// The group has not heard of the members of a process for too long.
    Expel {
        node: NodeId,
    },
    /// Partitions go away and come back within one poll.
    Flap {
        node: NodeId,
    },
    /// The client cannot go on where it is told to.
    Unstarted {
        node: NodeId,
    },
    /// The group begins another generation while a transaction is open: a member joins, and leaves after a while.
    Regroup {
        node: NodeId,
        for_ms: i64,
    },
    /// Another producer takes the transactional id.
    Fence {
        node: NodeId,
    },
    /// The broker aborts the transaction before its end is asked for.
    Timeout {
        node: NodeId,
    },
    /// A record is not delivered.
    Undelivered {
        node: NodeId,
    },
    Unanswered {
        node: NodeId,
        outcome: Outcome,
    },
    /// Nothing of the broker answers anybody.
    BrokerAway {
        for_ms: i64,
    },
    /// Markers are written a while after commits were answered, one by one.
    MarkerLag {
        for_ms: i64,
    },
    /// The changelog is compacted, old tombstones are removed.
    Compact,
    DiskLost {
        node: NodeId,
    },
    /// An old copy of the disk comes back.
    DiskStale {
        node: NodeId,
    },
    /// So many writes find no space.
    DiskFull {
        node: NodeId,
        writes: usize,
    },
    ClockJump {
        node: NodeId,
        by_ms: i64,
    },
}

/// Every kind that is counted; each must have struck in a run of the tests.
pub const KINDS: [&str; 28] = [
    "crash",
    "pause",
    "rebalance",
    "rebalance in a restore",
    "kill",
    "power loss",
    "stop",
    "join",
    "expelled",
    "away and back in one poll",
    "not started",
    "regrouped",
    "fenced",
    "transaction timed out",
    "not delivered",
    "unanswered, applied",
    "unanswered, not applied",
    "late end of transaction",
    "broker away",
    "marker lag",
    "compaction",
    "disk lost",
    "disk stale",
    "disk full",
    "clock jump",
    "late input",
    "input twice",
    "poison",
];

impl Fault {
    pub fn node(&self) -> Option<NodeId> {
        use Fault::*;
        match *self {
            Crash { node, .. } | Pause { node, .. } | Rebalance { node, .. } | Kill { node } | PowerLoss { node } => {
                Some(node)
            }
            Stop { node, .. } | Expel { node } | Flap { node } | Fence { node } | Timeout { node } => Some(node),
            Unstarted { node }
            | Undelivered { node }
            | Unanswered { node, .. }
            | DiskLost { node }
            | DiskStale { node } => Some(node),
            Regroup { node, .. } | DiskFull { node, .. } | ClockJump { node, .. } => Some(node),
            Join { .. } | BrokerAway { .. } | MarkerLag { .. } | Compact => None,
        }
    }

    /// The place where it strikes, where it waits for one.
    pub fn place(&self) -> Option<(&'static str, usize)> {
        match *self {
            Fault::Crash { place, nth, .. } | Fault::Pause { place, nth, .. } | Fault::Rebalance { place, nth, .. } => {
                Some((place, nth))
            }
            Fault::Flap { .. } => Some(("source.poll", 0)),
            Fault::Unstarted { .. } => Some(("source.start", 0)),
            Fault::Fence { .. } | Fault::Timeout { .. } | Fault::Unanswered { .. } => Some(("sink.end", 0)),
            Fault::Regroup { .. } => Some(("sink.offsets", 0)),
            Fault::Undelivered { .. } => Some(("sink.drain", 0)),
            _ => None,
        }
    }

    pub fn kind(&self) -> &'static str {
        use Fault::*;
        match self {
            Crash { .. } => "crash",
            Pause { .. } => "pause",
            Rebalance { place, .. } if place.starts_with("restore.") => "rebalance in a restore",
            Rebalance { .. } => "rebalance",
            Kill { .. } => "kill",
            PowerLoss { .. } => "power loss",
            Stop { .. } => "stop",
            Join { .. } => "join",
            Expel { .. } => "expelled",
            Flap { .. } => "away and back in one poll",
            Unstarted { .. } => "not started",
            Regroup { .. } => "regrouped",
            Fence { .. } => "fenced",
            Timeout { .. } => "transaction timed out",
            Undelivered { .. } => "not delivered",
            Unanswered { outcome: Outcome::Applied, .. } => "unanswered, applied",
            Unanswered { outcome: Outcome::NotApplied, .. } => "unanswered, not applied",
            Unanswered { .. } => "late end of transaction",
            BrokerAway { .. } => "broker away",
            MarkerLag { .. } => "marker lag",
            Compact => "compaction",
            DiskLost { .. } => "disk lost",
            DiskStale { .. } => "disk stale",
            DiskFull { .. } => "disk full",
            ClockJump { .. } => "clock jump",
        }
    }

    /// Any place.
    pub fn places() -> impl Iterator<Item = &'static str> {
        crash::POINTS.into_iter().chain(CALLS)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind())?;
        if let Some(node) = self.node() {
            write!(f, " of process {node}")?;
        }
        match *self {
            Fault::Crash { place, nth, .. } => write!(f, " at {place}, the {nth}th time"),
            Fault::Pause { place, nth, for_ms, .. } | Fault::Rebalance { place, nth, for_ms, .. } => {
                write!(f, " at {place}, the {nth}th time, for {for_ms} ms")
            }
            Fault::Stop { for_ms, .. } | Fault::Regroup { for_ms, .. } | Fault::Join { for_ms } => {
                write!(f, " for {for_ms} ms")
            }
            Fault::BrokerAway { for_ms } | Fault::MarkerLag { for_ms } => write!(f, " for {for_ms} ms"),
            Fault::Unanswered { outcome, .. } => write!(f, ": {outcome:?}"),
            Fault::DiskFull { writes, .. } => write!(f, " for {writes} writes"),
            Fault::ClockJump { by_ms, .. } => write!(f, " by {by_ms} ms"),
            _ => Ok(()),
        }
    }
}
