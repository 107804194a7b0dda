//! Two sets of events into one: the result is what one lead with all of them would have.

use super::register;
use super::{Bant, ChannelFacts, Facts, Moments, Profile, Purchases, RuleFact, RulePoints};

impl Facts {
    /// Adds all that is known of another lead. Both must come from one model, or models with the same half-lives.
    pub fn merge(&mut self, other: &Facts) {
        self.first_seen.merge(other.first_seen);
        self.newest.merge(other.newest);
        self.pressure.merge(&other.pressure);
        other.channels.iter().for_each(|facts| merge_channel(self.channel_mut(facts.channel), facts));
        other.rules.iter().for_each(|fact| self.merge_rule(fact));
        for topic in &other.topics {
            match self.topics.binary_search_by_key(&topic.key, |fact| fact.key) {
                Ok(place) => self.topics[place].points.merge(&topic.points),
                Err(place) => self.add_topic(place, topic),
            }
        }
        self.fit_rules();
        self.fit_topics();
        self.reaches.merge(&other.reaches);
        if let Some(purchases) = &other.purchases {
            merge_purchases(self.purchases_mut(), purchases);
        }
        for (count, others) in self.inbound_hours.iter_mut().zip(other.inbound_hours) {
            *count = count.saturating_add(others);
        }
        if let Some(moments) = &other.moments {
            merge_moments(self.moments_mut(), moments);
        }
        if let Some(profile) = &other.profile {
            self.merge_profile(profile);
        }
    }

    fn merge_rule(&mut self, other: &RuleFact) {
        match self.rules.binary_search_by_key(&other.key, |fact| fact.key) {
            Err(place) => self.add_rule(place, other),
            Ok(place) => match (&mut self.rules[place].points, &other.points) {
                (RulePoints::Every(sum), RulePoints::Every(other)) => sum.merge(other),
                (RulePoints::Daily(days), RulePoints::Daily(other)) => days.merge(other),
                (RulePoints::Once(first), RulePoints::Once(other)) => first.merge(*other),
                _ => {} // the key tells the limit, so this is no state of ours
            },
        }
    }

    fn merge_profile(&mut self, other: &Profile) {
        for entry in &other.consents {
            self.write_consent((entry.channel, entry.purpose), entry.consent.at_ms, entry.consent.value);
        }
        let profile = self.profile_mut();
        profile.attributes.merge(&other.attributes);
        register::merge(&mut profile.account, &other.account);
        register::merge(&mut profile.owner, &other.owner);
        merge_bant(&mut profile.bant, &other.bant);
        register::merge(&mut profile.refused, &other.refused);
        register::merge(&mut profile.undeliverable, &other.undeliverable);
    }
}

fn merge_channel(facts: &mut ChannelFacts, other: &ChannelFacts) {
    facts.contact_days.merge(&other.contact_days);
    facts.touch_days.merge(&other.touch_days);
    facts.last_contact.merge(other.last_contact);
    facts.last_inbound.merge(other.last_inbound);
    facts.last_outbound.merge(other.last_outbound);
    facts.last_hand_raise.merge(other.last_hand_raise);
}

fn merge_purchases(purchases: &mut Purchases, other: &Purchases) {
    purchases.orders.merge(&other.orders);
    purchases.refunds.merge(&other.refunds);
}

fn merge_moments(moments: &mut Moments, other: &Moments) {
    moments.sequence_mark.merge(other.sequence_mark);
    moments.cart_mark.merge(other.cart_mark);
    moments.comparison_sheet.merge(other.comparison_sheet);
    moments.purchase.merge(other.purchase);
    moments.complaint.merge(other.complaint);
    moments.issue.merge(other.issue);
    moments.resolution.merge(other.resolution);
}

fn merge_bant(bant: &mut Bant, other: &Bant) {
    register::merge(&mut bant.budget, &other.budget);
    register::merge(&mut bant.authority, &other.authority);
    register::merge(&mut bant.need, &other.need);
    register::merge(&mut bant.timeline, &other.timeline);
}
