//! The kinds of faults.

use std::fmt;

use tsuikyaku::runtime::crash;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process dies at a named place.
    Crash(&'static str),
    /// SIGKILL at any moment.
    Kill,
    /// Stopped until its session and its transaction have timed out, and goes on.
    Pause,
    /// The broker is killed, and comes back on its data.
    Broker,
    /// Killed, and the state directory is gone.
    DiskLost,
    /// A second process joins, and leaves in peace.
    JoinAndLeave,
    /// A second process joins, and is killed.
    JoinAndDie,
    /// Somebody else takes the producers' transactional ids.
    Fenced,
}

impl Fault {
    /// Every kind once; of crashes every place.
    pub fn all() -> Vec<Fault> {
        use Fault::*;
        let others = [Kill, Kill, Kill, Pause, Broker, DiskLost, JoinAndLeave, JoinAndDie, Fenced];
        crash::POINTS.into_iter().map(Crash).chain(others).collect()
    }

    /// For the tally: crashes by the part of the loop.
    pub fn kind(self) -> &'static str {
        match self {
            Fault::Crash(point) => point.split('.').next().unwrap_or(point),
            Fault::Kill => "kill",
            Fault::Pause => "pause",
            Fault::Broker => "broker",
            Fault::DiskLost => "disk lost",
            Fault::JoinAndLeave => "join and leave",
            Fault::JoinAndDie => "join and die",
            Fault::Fenced => "fenced",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Crash(point) => write!(f, "crash at {point}"),
            other => f.write_str(other.kind()),
        }
    }
}
