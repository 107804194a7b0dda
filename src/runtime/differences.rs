//! Two tellings of the same range held against each other: what was sent and what would be, or two models.
//!
//! Ids count a lead's episodes, so one more READY early on renames all of a lead's later ones. Decisions are therefore
//! matched by lead, lane and time first, then with the nearest in time, then by id; what is left was gained or lost.

use std::collections::BTreeMap;

use crate::scoring::decision::{DecisionType, Reason};
use crate::scoring::lanes::Lane;
use crate::scoring::model::Channel;
use crate::wire::told::Told;

/// Edges of the classes of score shifts, points: below the first, between two, from the last on.
pub const SHIFT_EDGES: [f64; 8] = [-20.0, -10.0, -5.0, -1.0, 1.0, 5.0, 10.0, 20.0];

/// A decision of the same lead and lane this far away is another one, ms; unless it has the same id.
const MOVED_MAX_MS: i64 = 7 * 86_400_000;

/// How many there were then, and are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThenNow {
    pub then: u64,
    pub now: u64,
}

/// Everything that differs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Differences {
    /// All decisions.
    pub count: ThenNow,
    /// The same in every byte.
    pub same_count: u64,
    /// The same lead, lane, time, channel and advice; another id, score or explanation.
    pub other_score_count: u64,
    /// Only now.
    pub gained: Vec<Told>,
    /// Only then.
    pub lost: Vec<Told>,
    /// The same lead and lane at another time.
    pub moved: Vec<(Told, Told)>,
    /// At the same time on another channel.
    pub other_channel: Vec<(Told, Told)>,
    /// Due, to be brought, or allowed by something else.
    pub other_advice: Vec<(Told, Told)>,
    pub ready_by_lane: BTreeMap<Lane, ThenNow>,
    pub ready_by_channel: BTreeMap<&'static str, ThenNow>,
    pub by_reason: BTreeMap<(DecisionType, Reason), ThenNow>,
}

/// How readiness differs at the end of the range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shifts {
    /// Leads by class: one more than `SHIFT_EDGES`.
    pub counts: [u64; SHIFT_EDGES.len() + 1],
    /// Mean shift, points; 0 where there is no lead.
    pub mean: f64,
    /// The leads that shift most, with readiness then and now.
    pub greatest: Vec<(String, f64, f64)>,
}

impl Differences {
    /// True when every decision is the same in every byte.
    pub fn is_none(&self) -> bool {
        self.count.then == self.count.now && self.same_count == self.count.now
    }

    /// What was told then, held against what is told now; each in any order.
    pub fn between(then: Vec<Told>, now: Vec<Told>) -> Differences {
        let mut out = Differences::default();
        then.iter().for_each(|told| out.count(told, |both| &mut both.then));
        now.iter().for_each(|told| out.count(told, |both| &mut both.now));
        let of_lead = |told: &Told| (told.lead_id.clone(), told.lane, told.decision_type, told.reason);
        let (then, now) = out.pair(then, now, &of_lead, 0);
        let (then, now) = out.pair(then, now, &of_lead, MOVED_MAX_MS);
        let by_id = |told: &Told| (told.decision_id, told.decision_type, told.reason);
        let (then, now) = out.pair(then, now, &by_id, i64::MAX);
        out.lost = then;
        out.gained = now;
        for all in [&mut out.lost, &mut out.gained] {
            all.sort_by_key(|told| (told.as_of_ms, told.decision_id));
        }
        for all in [&mut out.moved, &mut out.other_channel, &mut out.other_advice] {
            all.sort_by_key(|(then, _)| (then.as_of_ms, then.decision_id));
        }
        out
    }

    fn count(&mut self, told: &Told, side: impl Fn(&mut ThenNow) -> &mut u64) {
        *side(&mut self.count) += 1;
        match (told.decision_type, told.reason) {
            (DecisionType::Ready, _) => {
                *side(self.ready_by_lane.entry(told.lane).or_default()) += 1;
                let channel = told.channel.map_or("none", Channel::as_str);
                *side(self.ready_by_channel.entry(channel).or_default()) += 1;
            }
            (kind, Some(reason)) => *side(self.by_reason.entry((kind, reason)).or_default()) += 1,
            (_, None) => {}
        }
    }

    /// Matches decisions of the same key with the nearest in time, at most so far away; gives back what finds no partner.
    fn pair<K: Ord>(
        &mut self,
        then: Vec<Told>,
        now: Vec<Told>,
        key: &impl Fn(&Told) -> K,
        apart_max_ms: i64,
    ) -> (Vec<Told>, Vec<Told>) {
        let mut waiting: BTreeMap<K, Vec<Told>> = BTreeMap::new();
        for told in then {
            waiting.entry(key(&told)).or_default().push(told);
        }
        let mut left = Vec::new();
        for told in now {
            let apart_ms = |other: &Told| other.as_of_ms.saturating_sub(told.as_of_ms).saturating_abs();
            let partners = waiting.get_mut(&key(&told));
            let nearest = partners.and_then(|all| {
                let (at, nearest) = all.iter().enumerate().min_by_key(|(_, other)| apart_ms(other))?;
                (apart_ms(nearest) <= apart_max_ms).then(|| all.swap_remove(at))
            });
            match nearest {
                Some(partner) => self.judge(partner, told),
                None => left.push(told),
            }
        }
        (waiting.into_values().flatten().collect(), left)
    }

    fn judge(&mut self, then: Told, now: Told) {
        if then.bytes_hash == now.bytes_hash {
            self.same_count += 1;
        } else if then.as_of_ms != now.as_of_ms {
            self.moved.push((then, now));
        } else if then.channel != now.channel {
            self.other_channel.push((then, now));
        } else if then.advice_hash != now.advice_hash {
            self.other_advice.push((then, now));
        } else {
            self.other_score_count += 1;
        }
    }
}

impl Shifts {
    /// Readiness of leads then and now; those of one side only count as 0 on the other. `greatest_max` leads are named.
    pub fn between(then: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>, greatest_max: usize) -> Shifts {
        let mut all: Vec<(&String, f64, f64)> =
            then.iter().map(|(id, then)| (id, *then, now.get(id).copied().unwrap_or(0.0))).collect();
        all.extend(now.iter().filter(|(id, _)| !then.contains_key(*id)).map(|(id, now)| (id, 0.0, *now)));
        let mut shifts = Shifts::default();
        for (_, then, now) in &all {
            shifts.counts[class(now - then)] += 1;
            shifts.mean += (now - then) / all.len() as f64;
        }
        let distance = |(_, then, now): &(&String, f64, f64)| (now - then).abs();
        all.retain(|lead| distance(lead) >= 1.0);
        all.sort_by(|a, b| distance(b).total_cmp(&distance(a)).then_with(|| a.0.cmp(b.0)));
        shifts.greatest = all.into_iter().take(greatest_max).map(|(id, then, now)| (id.clone(), then, now)).collect();
        shifts
    }
}

/// Shifts of less than a point to either side share the class in the middle.
fn class(shift: f64) -> usize {
    SHIFT_EDGES.iter().filter(|edge| if **edge < 0.0 { shift > **edge } else { shift >= **edge }).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::decision::DecisionId;

    fn told(lead: &str, episode: u64, lane: Lane, as_of_ms: i64) -> Told {
        Told {
            decision_id: DecisionId::of(lead, episode, lane),
            decision_type: DecisionType::Ready,
            lead_id: lead.into(),
            lane,
            reason: None,
            as_of_ms,
            channel: Some(Channel::Person),
            model_hash: 0,
            advice_hash: 1,
            bytes_hash: episode * 1_000 + as_of_ms.cast_unsigned(),
        }
    }

    /// Same, other score, gained, lost, moved, other channel, other advice.
    #[track_caller]
    fn check(then: &[Told], now: &[Told], expected: [usize; 7]) {
        let found = Differences::between(then.to_vec(), now.to_vec());
        let sizes = [found.gained.len(), found.lost.len(), found.moved.len(), found.other_channel.len()];
        let [gained, lost, moved, channel] = sizes;
        let counts = [found.same_count as usize, found.other_score_count as usize];
        assert_eq!([counts[0], counts[1], gained, lost, moved, channel, found.other_advice.len()], expected);
        assert_eq!(found.is_none(), expected[1..].iter().sum::<usize>() == 0);
        assert_eq!((found.count.then, found.count.now), (then.len() as u64, now.len() as u64));
    }

    #[test]
    fn nothing_differs() {
        check(&[], &[], [0; 7]);
        let both = [told("a", 1, Lane::Instant, 5), told("b", 1, Lane::Score, 6)];
        check(&both, &[both[1].clone(), both[0].clone()], [2, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn gained_and_lost_and_of_another_lane() {
        let (a, b) = (told("a", 1, Lane::Instant, 5), told("b", 1, Lane::Score, 6));
        let both = [a, b];
        check(&both[..1], &both[1..], [0, 0, 1, 1, 0, 0, 0]);
        check(&both[..1], &[told("a", 1, Lane::Score, 5)], [0, 0, 1, 1, 0, 0, 0]);
        check(&[], &both, [0, 0, 2, 0, 0, 0, 0]);
    }

    #[test]
    fn one_more_ready_renames_the_later_ones_and_is_the_only_one_gained() {
        let then = [told("a", 1, Lane::Score, 10), told("a", 2, Lane::Score, 20)];
        let now = [told("a", 1, Lane::Score, 5), told("a", 2, Lane::Score, 10), told("a", 3, Lane::Score, 20)];
        check(&then, &now, [0, 2, 1, 0, 0, 0, 0]);
        check(&now, &then, [0, 2, 0, 1, 0, 0, 0]);
        let far = [told("a", 1, Lane::Score, 10 + MOVED_MAX_MS + 1)];
        check(&then[..1], &far, [0, 0, 0, 0, 1, 0, 0]);
        check(&then[1..], &far, [0, 0, 0, 0, 1, 0, 0]); // the nearest in time
        check(&then[..1], &[told("a", 7, Lane::Score, 10 + MOVED_MAX_MS + 1)], [0, 0, 1, 1, 0, 0, 0]);
    }

    #[test]
    fn the_same_ready_with_other_contents() {
        let then = told("a", 1, Lane::Score, 10);
        let other = |change: fn(&mut Told)| {
            let mut now = then.clone();
            now.bytes_hash = 99;
            change(&mut now);
            now
        };
        let then = std::slice::from_ref(&then);
        check(then, &[other(|_| {})], [0, 1, 0, 0, 0, 0, 0]);
        check(then, &[other(|told| told.as_of_ms = 11)], [0, 0, 0, 0, 1, 0, 0]);
        check(then, &[other(|told| told.channel = Some(Channel::Mail))], [0, 0, 0, 0, 0, 1, 0]);
        check(then, &[other(|told| told.advice_hash = 2)], [0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn shifts_fall_into_classes() {
        let of = |leads: &[(&str, f64)]| leads.iter().map(|(id, r)| ((*id).to_owned(), *r)).collect::<BTreeMap<_, _>>();
        let then = of(&[("a", 50.0), ("b", 50.0), ("c", 50.0), ("d", 50.0), ("gone", 30.0)]);
        let now = of(&[("a", 50.5), ("b", 51.0), ("c", 49.0), ("d", 71.0), ("new", 7.0)]);
        let shifts = Shifts::between(&then, &now, 2);
        assert_eq!(shifts.counts, [1, 0, 0, 1, 1, 1, 1, 0, 1]);
        assert_eq!(shifts.greatest, [("gone".to_owned(), 30.0, 0.0), ("d".to_owned(), 50.0, 71.0)]);
        assert!((shifts.mean + 0.25).abs() < 1e-9, "{}", shifts.mean);
        assert_eq!(Shifts::between(&of(&[]), &of(&[]), 2), Shifts::default());
    }
}
