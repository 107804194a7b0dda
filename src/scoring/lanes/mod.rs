//! Why a lead should be contacted now: one file a lane.
//!
//! To add a lane: one file here, one line of the table below, its symbol in `schemas/ready.avsc`, its numbers in the
//! model file, its words in `headline`.

pub(crate) mod anniversary;
mod fan_at_risk;
mod instant;
mod neglect;
mod reengage;
mod score;
pub(crate) mod sequence;
pub(crate) mod timeline;

use crate::scoring::decision::Content;
use crate::scoring::episode::Episode;
use crate::scoring::gate::Demand;
use crate::scoring::model::Channel;
use crate::scoring::moment::Moment;

/// Declares the lanes, strongest first.
macro_rules! lanes {
    ($($lane:ident = $name:literal in $room:ident),+ $(,)?) => {
        /// Why now. Ordered by strength, the strongest first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Lane {
            $($lane,)+
        }

        impl Lane {
            /// All lanes, strongest first.
            pub const ALL: [Lane; [$(Lane::$lane),+].len()] = [$(Lane::$lane),+];

            /// The symbol of the schema.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Lane::$lane => $name,)+
                }
            }

            /// The lane of that name.
            pub fn parse(text: &str) -> Option<Lane> {
                match text {
                    $($name => Some(Lane::$lane),)+
                    _ => None,
                }
            }

            /// What the lane knows.
            pub(crate) fn rule(self) -> &'static dyn Rule {
                match self {
                    $(Lane::$lane => &$room::$lane,)+
                }
            }
        }
    };
}

lanes! {
    Instant = "instant" in instant,
    FanAtRisk = "fan_at_risk" in fan_at_risk,
    Score = "score" in score,
    Reengage = "reengage" in reengage,
    Timeline = "timeline" in timeline,
    Sequence = "sequence" in sequence,
    Neglect = "neglect" in neglect,
    Anniversary = "anniversary" in anniversary,
}

/// What a lane knows. Each is asked in the order of strength at every evaluation.
pub(crate) trait Rule {
    /// What the lane asks for now, caps, gaps, stop and pressure apart; none where its condition does not hold.
    fn demand(&self, moment: &Moment<'_>, episode: &Episode) -> Option<Demand>;

    /// Adds when the condition may next come to hold by time alone, while idle.
    fn dates(&self, _moment: &Moment<'_>, _episode: &Episode, _dates: &mut Dates) {}

    /// While a READY of this lane is open: what asks again for it is acted on by it.
    fn absorb(&self, _moment: &Moment<'_>, _episode: &mut Episode) {}

    /// A READY goes out: notes what it acts on.
    fn acted(&self, moment: &Moment<'_>, episode: &mut Episode, content: Content, channel: Channel);

    /// Until when to act, and from when on it is void.
    fn terms(&self, moment: &Moment<'_>) -> Terms;
}

/// Until when a READY is to be acted on and when it is void, ms since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) due_ms: i64,
    pub(crate) expires_ms: i64,
}

impl Terms {
    fn after(now_ms: i64, due_ms: i64, expires_ms: i64) -> Terms {
        Terms { due_ms: now_ms + due_ms, expires_ms: now_ms + expires_ms }
    }
}

/// The earliest of the moments after the clock at which something may change by time alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dates {
    now_ms: i64,
    next_ms: Option<i64>,
}

impl Dates {
    pub(crate) fn after(now_ms: i64) -> Dates {
        Dates { now_ms, next_ms: None }
    }

    /// Moments that have passed do not count.
    pub(crate) fn add(&mut self, at_ms: Option<i64>) {
        if let Some(at_ms) = at_ms.filter(|at_ms| *at_ms > self.now_ms) {
            self.next_ms = Some(self.next_ms.map_or(at_ms, |next_ms| next_ms.min(at_ms)));
        }
    }

    pub(crate) fn next(self) -> Option<i64> {
        self.next_ms
    }
}
