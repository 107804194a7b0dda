//! The kinds of faults.

use std::fmt;
use std::time::Duration;

use kit::proxy::{Action, Api};
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
    /// Of three brokers, the one that leads a partition of the changelog is killed; later it comes back.
    Leader,
    /// Of three brokers, the one that coordinates the group is killed; later it comes back.
    Coordinator,
    /// Killed, and the state directory is gone.
    DiskLost,
    /// Nothing more fits on the disk; the process ends, and starts when there is room.
    DiskFull,
    /// A second process joins, and leaves in peace.
    JoinAndLeave,
    /// A second process joins, and is killed.
    JoinAndDie,
    /// Somebody else takes the producers' transactional ids.
    Fenced,
    /// The network loses, delays, cuts or repeats one answer, or keeps the request.
    Network(Api, Action),
}

/// Long enough for a retry, and for work of others in between.
const DELAY: Duration = Duration::from_millis(700);
/// Longer than a call of the program may take.
const OVERDUE: Duration = Duration::from_millis(12_500);

/// At any moment, for each time at a named place.
const KILLS: usize = 9;

/// What a client asks for while it works.
const WORKING: [Api; 7] = [
    Api::PRODUCE,
    Api::FETCH,
    Api::HEARTBEAT,
    Api::ADD_PARTITIONS_TO_TXN,
    Api::ADD_OFFSETS_TO_TXN,
    Api::TXN_OFFSET_COMMIT,
    Api::END_TXN,
];
/// What a client asks for when it starts.
const STARTING: [Api; 4] = [Api::JOIN_GROUP, Api::SYNC_GROUP, Api::INIT_PRODUCER_ID, Api::OFFSET_FETCH];
/// What would do harm if it came late.
const LATE: [Api; 5] =
    [Api::PRODUCE, Api::ADD_PARTITIONS_TO_TXN, Api::ADD_OFFSETS_TO_TXN, Api::TXN_OFFSET_COMMIT, Api::END_TXN];

impl Fault {
    /// Every kind once on one broker; of crashes every place, of answers every kind.
    pub fn all() -> Vec<Fault> {
        use Fault::*;
        let others = [Pause, Broker, DiskLost, DiskFull, JoinAndLeave, JoinAndDie, Fenced];
        let places = crash::POINTS.into_iter().map(Crash);
        places.chain([Kill; KILLS]).chain(others).chain(Fault::of_network()).collect()
    }

    /// What three brokers add.
    pub fn of_three() -> Vec<Fault> {
        use Fault::*;
        let network =
            [(Api::END_TXN, Action::Drop), (Api::PRODUCE, Action::Cut), (Api::TXN_OFFSET_COMMIT, Action::Drop)];
        let network = network.map(|(api, action)| Network(api, action));
        [Leader, Leader, Leader, Coordinator, Coordinator, Coordinator, Kill].into_iter().chain(network).collect()
    }

    fn of_network() -> impl Iterator<Item = Fault> {
        let actions = [Action::Drop, Action::Delay(DELAY), Action::Cut, Action::Double];
        let answers = WORKING.into_iter().chain(STARTING).flat_map(move |api| actions.map(|action| (api, action)));
        let late = LATE.map(|api| (api, Action::Hold));
        let overdue = [(Api::END_TXN, Action::Delay(OVERDUE))];
        answers.chain(late).chain(overdue).map(|(api, action)| Fault::Network(api, action))
    }

    /// True where the process has to start anew for it to happen.
    pub fn is_of_start(self) -> bool {
        matches!(self, Fault::Network(api, _) if STARTING.contains(&api))
    }

    /// How many processes of ours are killed by it.
    pub fn kill_count(self) -> u32 {
        match self {
            Fault::Crash(_) | Fault::Kill | Fault::DiskLost | Fault::JoinAndDie => 1,
            other => u32::from(other.is_of_start()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Fault::Crash(point) => return write!(f, "crash at {point}"),
            Fault::Network(api, action) => return write!(f, "{} {}", api.name(), past(*action)),
            Fault::Kill => "kill",
            Fault::Pause => "pause",
            Fault::Broker => "broker",
            Fault::Leader => "leader",
            Fault::Coordinator => "coordinator",
            Fault::DiskLost => "disk lost",
            Fault::DiskFull => "disk full",
            Fault::JoinAndLeave => "join and leave",
            Fault::JoinAndDie => "join and die",
            Fault::Fenced => "fenced",
        };
        f.write_str(name)
    }
}

/// True for a delay that a call of the program does not outlast.
pub fn is_overdue(action: Action) -> bool {
    action == Action::Delay(OVERDUE)
}

fn past(action: Action) -> &'static str {
    match action {
        Action::Drop => "dropped",
        Action::Delay(OVERDUE) => "overdue",
        Action::Delay(_) => "delayed",
        Action::Cut => "cut",
        Action::Double => "doubled",
        Action::Hold => "late",
    }
}
