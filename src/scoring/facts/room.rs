//! How much of a lead is kept where that would be too much: long ago, of many rules and topics.
//!
//! A lead that met up to 37 rules that count every event (of the default model: all rules) keeps all. With more, each
//! keeps less of what is long ago: the room is shared by how many they are. Rules of a lead only become more, so that
//! what is kept is a function of the set of events, like everything here.

use super::{Facts, RULE_FACTS_MAX, RulePoints, TOPIC_FACTS_MAX, TopicFact};
use crate::scoring::calendar::DAYS;
use crate::scoring::epoch_sum::EPOCHS_BEFORE_TOP;
use crate::scoring::facts::RuleFact;

/// What the rules of a lead may take, bytes of state.
const RULES_BYTES_MAX: usize = 8 * 1024;
/// So many topics keep all of their epochs.
const TOPICS_WHOLE: usize = 8;
/// Key, newest epoch or day, and framing of one rule, bytes.
const RULE_BYTES: usize = 11;
/// Epochs of a sum, bytes: five each, which is up to 8,192 points in one half-life.
const SUM_BYTES: usize = 5 * EPOCHS_MAX;
/// So many rules keep all of their epochs and days.
const RULES_WHOLE: usize = RULES_BYTES_MAX / (RULE_BYTES + SUM_BYTES);
/// Days of a calendar, bytes.
const CALENDAR_BYTES: usize = DAYS as usize / 8;
const EPOCHS_MAX: usize = EPOCHS_BEFORE_TOP + 1;
/// Epochs of the greatest sum that there can be, bytes: more than any calendar.
const LONG_SUM_BYTES: usize = 10 * EPOCHS_MAX;

impl Facts {
    /// So few rules, as of nearly every lead, that one has no effect on what another keeps.
    pub(crate) fn rules_have_room(&self) -> bool {
        self.rules.len() <= RULES_WHOLE
    }

    /// The same also once another rule counts.
    pub(crate) fn rules_have_room_for_one(&self) -> bool {
        self.rules.len() < RULES_WHOLE
    }

    /// Forgets what there is no room for, after a rule counted.
    pub(super) fn fit_rules(&mut self) {
        if self.rules_have_room() {
            return;
        }
        let rules_bytes = self.rules.len() * RULE_BYTES;
        let all_bytes: usize = self.rules.iter().map(whole_bytes).sum();
        let room_bytes = RULES_BYTES_MAX.saturating_sub(rules_bytes);
        if all_bytes <= room_bytes {
            return;
        }
        let share = |whole: usize| (whole * room_bytes / all_bytes).max(1);
        for fact in &mut self.rules {
            match &mut fact.points {
                RulePoints::Every(sum) => sum.keep_newest(share(EPOCHS_MAX)),
                RulePoints::Daily(days) => days.keep_newest(share(DAYS.into()) as u16),
                RulePoints::Once(_) => {}
            }
        }
    }

    /// The same of topics.
    pub(super) fn fit_topics(&mut self) {
        if self.topics.len() > TOPICS_WHOLE {
            let epochs_max = (EPOCHS_MAX * TOPICS_WHOLE / self.topics.len()).max(1);
            self.topics.iter_mut().for_each(|topic| topic.points.keep_newest(epochs_max));
        }
    }

    /// Adds what another lead knows of a rule; more rules than any model has are not kept.
    pub(super) fn add_rule(&mut self, place: usize, fact: &RuleFact) {
        self.rules.insert(place, fact.clone());
        self.rules.truncate(RULE_FACTS_MAX);
    }

    pub(super) fn add_topic(&mut self, place: usize, fact: &TopicFact) {
        self.topics.insert(place, fact.clone());
        self.topics.truncate(TOPIC_FACTS_MAX);
    }

    /// What the rules, topics and texts take, and at most what the rest does, bytes of state.
    pub fn weight_bytes(&self) -> usize {
        let rules = self.rules.iter().map(|fact| match &fact.points {
            RulePoints::Every(sum) => RULE_BYTES + sum.weight_bytes(),
            RulePoints::Daily(days) => RULE_BYTES + 8 * days.words().len(),
            RulePoints::Once(_) => RULE_BYTES + 6,
        });
        let topics = self.topics.iter().map(|topic| RULE_BYTES + topic.points.weight_bytes());
        rules.sum::<usize>() + topics.sum::<usize>() + self.rest_bytes()
    }

    /// At most what `weight_bytes` gives, without a look at each epoch.
    pub(crate) fn weight_bytes_max(&self) -> usize {
        (self.rules.len() + self.topics.len()) * (RULE_BYTES + LONG_SUM_BYTES) + self.rest_bytes()
    }

    /// The same without rules and topics.
    fn rest_bytes(&self) -> usize {
        /// Times, channels, touches and answers, moments, consents, and where everything begins and ends.
        const REST_BYTES: usize = 2_400;
        const ORDER_BYTES: usize = 12;
        let orders = self.orders().len() + self.refunds().len();
        let texts = self.profile.as_ref().map_or(0, |profile| profile.text_bytes());
        REST_BYTES + ORDER_BYTES * orders + texts
    }
}

fn whole_bytes(fact: &RuleFact) -> usize {
    match fact.points {
        RulePoints::Every(_) => SUM_BYTES,
        RulePoints::Daily(_) => CALENDAR_BYTES,
        RulePoints::Once(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::calendar::Calendar;
    use crate::scoring::epoch_sum::EpochSum;
    use crate::scoring::model::RuleKey;

    const DAY_MS: i64 = 86_400_000;

    fn every(points_ages: &[i64]) -> RulePoints {
        let mut sum = EpochSum::default();
        points_ages.iter().for_each(|age| sum.add(1.0, -age * DAY_MS, DAY_MS));
        RulePoints::Every(sum)
    }

    fn daily(ages: &[i32]) -> RulePoints {
        let mut days = Calendar::default();
        ages.iter().for_each(|age| days.insert(-age));
        RulePoints::Daily(days)
    }

    /// Of so many rules of each kind, the epochs and days that are kept of full ones.
    fn check(every_count: u32, daily_count: u32, expected: (usize, usize)) {
        let full = (every(&(0..41).collect::<Vec<_>>()), daily(&(0..512).collect::<Vec<_>>()));
        let points = (0..every_count).map(|_| full.0.clone()).chain((0..daily_count).map(|_| full.1.clone()));
        let rules = (0..).zip(points).map(|(key, points)| RuleFact { key: RuleKey(key), points });
        let mut facts = Facts { rules: rules.collect(), ..Facts::default() };
        assert!(facts.weight_bytes() <= facts.weight_bytes_max());
        facts.fit_rules();
        for fact in &facts.rules {
            match &fact.points {
                RulePoints::Every(sum) => assert_eq!(sum.masses().len(), expected.0),
                RulePoints::Daily(days) => assert_eq!(days.ages().count(), expected.1),
                RulePoints::Once(_) => {}
            }
        }
    }

    #[test]
    fn the_greatest_sum_weighs_no_more_than_at_most() {
        let sum = EpochSum::from_masses(i64::MAX, &[i64::MIN; EPOCHS_MAX]).expect("a sum");
        assert_eq!(sum.weight_bytes(), LONG_SUM_BYTES);
    }

    #[test]
    fn many_rules_share_the_room() {
        check(37, 0, (41, 0));
        check(30, 13, (41, 512)); // the default model
        check(60, 0, (25, 0));
        check(100, 100, (9, 114));
        check(512, 0, (1, 0));
        check(0, 512, (0, 40));
    }
}
