//! Why a lead should be contacted now: one file a lane, with its condition, dates, terms, numbers, words and tests.
//!
//! To add a lane: one file here, its line in the table below (and its `mod`), its symbol in `schemas/ready.avsc` and
//! `schemas/lead-state.avsc`, its section in the model files.

mod anniversary;
mod fan_at_risk;
mod instant;
mod neglect;
mod reengage;
mod score;
pub(crate) mod sequence;
#[cfg(test)]
#[path = "../../../tests/story/mod.rs"]
mod story;
mod timeline;

use crate::scoring::decision::Content;
use crate::scoring::episode::Episode;
use crate::scoring::gate::Demand;
use crate::scoring::headline::{Say, Words};
use crate::scoring::model::{Channel, Section, length};
use crate::scoring::moment::Moment;

/// Declares the lanes, strongest first, each by the name of its file: the symbol of the schema and of the model file.
macro_rules! lanes {
    ($($lane:ident in $room:ident),+ $(,)?) => {
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
                    $(Lane::$lane => stringify!($room),)+
                }
            }

            /// The lane of that name.
            pub fn parse(text: &str) -> Option<Lane> {
                Lane::ALL.into_iter().find(|lane| lane.as_str() == text)
            }

            /// What the lane knows.
            pub(crate) fn rule(self) -> &'static dyn Rule {
                match self {
                    $(Lane::$lane => &$room::$lane,)+
                }
            }
        }

        /// What the model file tells the lanes.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Lanes {
            /// The usual cool-down after a decision, ms.
            pub cooldown_ms: i64,
            /// After a rejection by sales, ms.
            pub rejected_cooldown_ms: i64,
            /// After a lost deal, ms.
            pub lost_cooldown_ms: i64,
            $(pub(crate) $room: $room::Numbers,)+
        }

        impl Lanes {
            pub(crate) fn read(section: Section<'_>) -> Lanes {
                let lanes = Lanes {
                    cooldown_ms: section.duration_ms("cooldown"),
                    rejected_cooldown_ms: section.duration_ms("rejected_cooldown"),
                    lost_cooldown_ms: section.duration_ms("lost_cooldown"),
                    $($room: section.read(stringify!($room), $room::Numbers::read),)+
                };
                section.finish();
                lanes
            }
        }
    };
}

lanes! {
    Instant in instant,
    FanAtRisk in fan_at_risk,
    Score in score,
    Reengage in reengage,
    Timeline in timeline,
    Sequence in sequence,
    Neglect in neglect,
    Anniversary in anniversary,
}

impl Lane {
    /// How people call it, in English and Japanese.
    pub fn names(self) -> Names {
        self.rule().names()
    }

    /// Its numbers, as people read them.
    pub fn row(self, lanes: &Lanes) -> Row {
        self.rule().row(lanes)
    }
}

/// What a lane is to people, in English and Japanese.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// What a READY of it asks for, as in "... is called off".
    pub what: [&'static str; 2],
    /// Why now, whoever the lead is.
    pub why: [&'static str; 2],
}

/// A line of a table of lanes: lengths of time and whatever else the lane is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub due: String,
    pub expires: String,
    pub more: String,
}

impl Row {
    fn new(due_ms: i64, expires_ms: i64, more: String) -> Row {
        Row { due: length(due_ms), expires: length(expires_ms), more }
    }
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
    fn acted(&self, _moment: &Moment<'_>, _episode: &mut Episode, _content: Content, _channel: Channel) {}

    /// Until when to act, and from when on it is void.
    fn terms(&self, moment: &Moment<'_>) -> Terms;

    /// How people call it.
    fn names(&self) -> Names;

    /// What a READY of it says: who, why now, what happened, what to say first; `episode` is as before it.
    fn words(&self, moment: &Moment<'_>, episode: &Episode, say: &Say<'_>) -> Words;

    /// Its numbers, as people read them.
    fn row(&self, lanes: &Lanes) -> Row;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::model::Model;

    /// Plays a story on the default model from ten o'clock on 1 April 2026, as told and with a restart before each line.
    pub(super) fn check(story: &str) {
        const MODEL: &str = include_str!("../../../deploy/models/b2b-saas.toml");
        let story = format!("model b2b-saas\nstart 2026-04-01 10:00 +09:00\n{story}");
        for restarts in [story::Restarts::AsTold, story::Restarts::Always] {
            let load = |_: &str| Model::parse(MODEL, "b2b-saas.toml").expect("the default model is sound");
            story::play(&story, restarts, load).unwrap_or_else(|wrong| panic!("{restarts:?}\n{story}\n{wrong}"));
        }
    }

    #[test]
    fn names_are_symbols_and_every_lane_has_words_of_its_own() {
        for lane in Lane::ALL {
            assert_eq!(Lane::parse(lane.as_str()), Some(lane));
            let Names { what, why } = lane.names();
            assert!(what.iter().chain(&why).all(|words| !words.is_empty()), "{lane:?}");
            let is_same = |other: Lane| other.names().what == what || other.names().why == why;
            assert!(!Lane::ALL.into_iter().any(|other| other != lane && is_same(other)), "{lane:?}");
        }
        assert_eq!(Lane::parse("unknown"), None);
    }

    #[test]
    fn dates_that_have_passed_do_not_count() {
        let mut dates = Dates::after(100);
        [None, Some(100), Some(99)].into_iter().for_each(|at_ms| dates.add(at_ms));
        assert_eq!(dates.next(), None);
        [Some(300), Some(101), Some(200)].into_iter().for_each(|at_ms| dates.add(at_ms));
        assert_eq!(dates.next(), Some(101));
    }
}
