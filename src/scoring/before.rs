//! R before an event, should a decision ask for it. Few do: what the event may change of it is kept, and put back then.

use smallvec::SmallVec;

use crate::scoring::calendar::Calendar;
use crate::scoring::epoch_sum::EpochSum;
use crate::scoring::facts::{Facts, Latest, Reach, Reaches, RuleFact, RulePoints};
use crate::scoring::meaning::Meaning;
use crate::scoring::model::{Channel, Mark, RuleKey};
use crate::scoring::moment::Moment;
use crate::scoring::reading::Sums;

/// A lead as it stood before what is evaluated.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // it lives on the stack while one event is applied
pub(crate) enum Before {
    /// As it stands: only time passed.
    Same,
    Read(Sums),
    Kept(Kept),
}

/// The parts of Facts that an event may change, of those that readiness follows from; copied without an allocation.
#[derive(Debug)]
pub(crate) struct Kept {
    newest: Latest,
    points: Option<(RuleKey, Option<KeptPoints>)>,
    contact_days: Option<(Channel, Option<Calendar>)>,
    pressure: Option<(KeptSum, KeptReaches)>,
}

#[derive(Debug)]
enum KeptPoints {
    Every(KeptSum),
    Other(RulePoints),
}

/// Newest epoch and masses of a sum.
#[derive(Debug)]
struct KeptSum {
    top: i64,
    masses: SmallVec<[i64; 8]>,
}

impl KeptSum {
    fn of(sum: &EpochSum) -> KeptSum {
        KeptSum { top: sum.top().unwrap_or_default(), masses: SmallVec::from_slice(sum.masses()) }
    }

    fn sum(&self) -> EpochSum {
        EpochSum::from_masses(self.top, &self.masses).expect("it was one")
    }
}

/// Touches, then answers.
#[derive(Debug)]
struct KeptReaches {
    all: SmallVec<[Reach; 16]>,
    touch_count: usize,
}

impl KeptReaches {
    fn of(reaches: &Reaches) -> KeptReaches {
        let all = reaches.touches().iter().chain(reaches.answers()).copied().collect();
        KeptReaches { all, touch_count: reaches.touches().len() }
    }

    fn reaches(&self) -> Reaches {
        Reaches::from_rising(&self.all, self.touch_count).expect("they were some")
    }
}

impl KeptPoints {
    fn of(points: &RulePoints) -> KeptPoints {
        match points {
            RulePoints::Every(sum) => KeptPoints::Every(KeptSum::of(sum)),
            RulePoints::Daily(_) | RulePoints::Once(_) => KeptPoints::Other(points.clone()),
        }
    }

    fn points(&self) -> RulePoints {
        match self {
            KeptPoints::Every(sum) => RulePoints::Every(sum.sum()),
            KeptPoints::Other(points) => points.clone(),
        }
    }
}

impl Before {
    /// Before an event of that meaning, at a moment before it.
    pub(crate) fn of(moment: &Moment<'_>, meaning: &Meaning<'_>) -> Before {
        if moment.facts.rules_have_room_for_one() {
            Before::Kept(Kept::of(moment.facts, meaning))
        } else {
            Before::Read(moment.sums()) // one rule more, and others keep less
        }
    }

    /// R, rounded, at the clock of the moment after.
    pub(crate) fn readiness(&self, after: &Moment<'_>) -> f64 {
        self.sums(after).readiness(after.model)
    }

    /// What R followed from at the clock of the moment after.
    pub(crate) fn sums(&self, after: &Moment<'_>) -> Sums {
        match self {
            Before::Same => after.sums(),
            Before::Read(sums) => *sums,
            Before::Kept(kept) => kept.put_back(after.facts).sums(after.model, after.now_ms),
        }
    }
}

impl Kept {
    fn of(facts: &Facts, meaning: &Meaning<'_>) -> Kept {
        let on = |channel| (channel, facts.channel(channel).map(|on| on.contact_days.clone()));
        let is_contact = meaning.has(Mark::Touch) || meaning.has(Mark::Contact);
        let presses = meaning.has(Mark::Touch) || meaning.has(Mark::Answer);
        let counts = |key| (key, facts.rule_points(key).map(KeptPoints::of));
        Kept {
            newest: facts.newest,
            points: meaning.rule.filter(|rule| rule.points != 0.0).map(|rule| counts(rule.key)),
            contact_days: meaning.channel().filter(|_| is_contact).map(on),
            pressure: presses.then(|| (KeptSum::of(&facts.pressure), KeptReaches::of(&facts.reaches))),
        }
    }

    /// Facts that read as they did before the event.
    fn put_back(&self, after: &Facts) -> Facts {
        let mut facts = after.clone();
        facts.newest = self.newest;
        if let Some((key, points)) = &self.points {
            facts.rules.retain(|fact| fact.key != *key);
            let place = facts.rules.partition_point(|fact| fact.key < *key);
            let known = points.iter().map(|points| RuleFact { key: *key, points: points.points() });
            facts.rules.splice(place..place, known);
        }
        if let Some((channel, days)) = &self.contact_days {
            let on = facts.channels.iter_mut().find(|on| on.channel == *channel);
            on.into_iter().for_each(|on| on.contact_days = days.clone().unwrap_or_default());
        }
        if let Some((pressure, reaches)) = &self.pressure {
            (facts.pressure, facts.reaches) = (pressure.sum(), reaches.reaches());
        }
        facts
    }
}
