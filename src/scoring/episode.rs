//! The decision state of a lead: one episode at a time, and what was acted on already.
//!
//! Ordered, small, deterministic: unlike Facts it depends on the order in which events came. Everything here is data;
//! `lead` moves it, the lanes read it.

use crate::scoring::decision::{Basis, DecisionId};
use crate::scoring::fit::Grade;
use crate::scoring::lanes::Lane;
use crate::scoring::message::Ids;
use crate::scoring::model::Channel;
use crate::scoring::rare::{Rare, Usual};
use crate::scoring::stage::Stage;

/// What is decided about a lead, and what was.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Episode {
    /// How many READYs there were; the newest one's number.
    pub number: u64,
    pub state: State,
    /// The newest READY, whatever became of it.
    pub ready: Option<Box<Ready>>,
    /// The score lane waits for a fresh signal: a READY was sent since it was last armed.
    pub disarmed: bool,
    pub acted: Rare<Acted>,
    pub sequence: Option<Sequence>,
    /// What the last snapshot said.
    pub published: Option<Published>,
}

impl Episode {
    /// The READY that waits to be acted on.
    pub fn open(&self) -> Option<&Ready> {
        self.ready.as_deref().filter(|_| self.state == State::Open)
    }

    /// Whether a READY of that lane waits to be acted on.
    pub fn is_open_in(&self, lane: Lane) -> bool {
        self.open().is_some_and(|ready| ready.lane == lane)
    }
}

/// Where an episode stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    #[default]
    Idle,
    /// A READY waits.
    Open,
    /// We were in touch, and the lead may answer until then, ms since the epoch.
    Contacted { until_ms: i64 },
    /// Peace until then, ms since the epoch.
    Cooling { until_ms: i64, cause: CoolingCause },
}

impl State {
    /// As `inspect` prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Idle => "idle",
            State::Open => "open",
            State::Contacted { .. } => "contacted",
            State::Cooling { .. } => "cooling",
        }
    }
}

/// What began a cool-down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoolingCause {
    /// The episode of this lane ended.
    Lane(Lane),
    /// Sales or the deal said so: rejected, won, lost. No lane passes over it but those that pass over everything.
    Verdict,
}

/// A READY that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    pub id: DecisionId,
    pub lane: Lane,
    /// The clock when it was sent, ms since the epoch.
    pub as_of_ms: i64,
    pub due_ms: i64,
    pub expires_ms: i64,
    pub channel: Channel,
    pub basis: Basis,
    /// Somebody accepted it: no more ESCALATED.
    pub accepted: bool,
    /// The last try of a sequence, which is followed by a longer peace.
    pub last_try: bool,
    /// Next steps of the service level, ms since the epoch; none once they are sent or for other lanes.
    pub breach_ms: Option<i64>,
    pub abandoned_ms: Option<i64>,
}

/// What was acted on already: times are those of the events or dates acted on, unless they say otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Acted {
    /// The newest hand-raise that a READY answered.
    pub hand_raise_ms: Option<i64>,
    /// The same before the READY that is open in `instant` now.
    pub hand_raise_before_ms: Option<i64>,
    /// Clock and channel of the last `instant` READY: a conversation runs there.
    pub instant: Option<(i64, Channel)>,
    /// Clock of an `instant` READY that expired, until a touch that would have answered it.
    pub unanswered_since_ms: Option<i64>,
    /// A complaint of a fan that waits for its READY.
    pub complaint_ms: Option<i64>,
    /// The last contact whose silence got its READY.
    pub silence_ms: Option<i64>,
    /// Clock of the last READY of the score lane.
    pub score_ready_ms: Option<i64>,
    /// A dormant lead's return that waits for its READY.
    pub return_ms: Option<i64>,
    /// Clock of the last READY of the reengage lane, until another stage was seen.
    pub reengage_ready_ms: Option<i64>,
    /// The lead's own date that got its READY, days since the epoch.
    pub bant_day: Option<i32>,
    /// The second purchase day that got its READY, local days since the epoch.
    pub hurdle_day: Option<i32>,
    pub cart_ms: Option<i64>,
    pub sequence_mark_ms: Option<i64>,
    /// Clock of the last READY of the neglect lane.
    pub neglect_ready_ms: Option<i64>,
    /// Local years of the last READYs for the birth month and for the month of the first purchase.
    pub birth_year: Option<i16>,
    pub first_purchase_year: Option<i16>,
}

impl Usual for Acted {
    const USUAL: &'static Acted = &Acted {
        hand_raise_ms: None,
        hand_raise_before_ms: None,
        instant: None,
        unanswered_since_ms: None,
        complaint_ms: None,
        silence_ms: None,
        score_ready_ms: None,
        return_ms: None,
        reengage_ready_ms: None,
        bant_day: None,
        hurdle_day: None,
        cart_ms: None,
        sequence_mark_ms: None,
        neglect_ready_ms: None,
        birth_year: None,
        first_purchase_year: None,
    };
}

/// A running sequence of mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// The clock when it started, ms since the epoch.
    pub start_ms: i64,
    /// Mails sent since the start.
    pub mails: u8,
    /// The step that was offered last (0: none), and how often.
    pub step: u8,
    pub offers: u8,
}

/// What the last snapshot said of what snapshots are sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    pub grade: Grade,
    pub stage: Stage,
    pub open: Option<DecisionId>,
}

/// Who a lead is: other ids of the same person, and whether it was erased.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// This id turned out to be that lead: its events go there.
    pub redirect: Option<Box<str>>,
    /// Ids that turned out to be this lead, ascending; with those that turned out to be one of them.
    pub aliases: Ids,
    pub erased: Option<Erased>,
}

impl Usual for Identity {
    const USUAL: &'static Identity = &Identity { redirect: None, aliases: Ids::new(), erased: None };
}

/// What is left of an erased lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// Events that occurred until then are dropped, ms since the epoch.
    pub at_ms: i64,
    /// The marker goes then, ms since the epoch.
    pub until_ms: i64,
}
