//! Questions that decisions ask of Facts. None of them changes anything, and none knows a clock.

use smallvec::SmallVec;

use super::{ChannelFacts, Consent, Facts, Latest, Moments, Order, Reach, Refund, RulePoints};
use crate::scoring::calendar::Calendar;
use crate::scoring::event::Purpose;
use crate::scoring::model::{Channel, RuleKey};

impl Facts {
    /// Nothing at all is known.
    pub fn is_empty(&self) -> bool {
        *self == Facts::default()
    }

    /// A moment to read at: the one asked for, or the newest event's where that is later.
    pub fn as_of(&self, at_ms: i64) -> i64 {
        self.newest.get().map_or(at_ms, |newest| at_ms.max(newest))
    }

    /// What happened on a channel, if anything did.
    pub fn channel(&self, channel: Channel) -> Option<&ChannelFacts> {
        let place = self.channels.binary_search_by_key(&channel, |facts| facts.channel).ok()?;
        Some(&self.channels[place])
    }

    /// What a rule counted, if anything.
    pub(crate) fn rule_points(&self, key: RuleKey) -> Option<&RulePoints> {
        let place = self.rules.binary_search_by_key(&key, |fact| fact.key).ok()?;
        Some(&self.rules[place].points)
    }

    pub fn last_contact_ms(&self, channel: Channel) -> Option<i64> {
        self.channel(channel)?.last_contact.get()
    }

    pub fn last_inbound_ms(&self, channel: Channel) -> Option<i64> {
        self.channel(channel)?.last_inbound.get()
    }

    /// The last touch on a channel.
    pub fn last_outbound_ms(&self, channel: Channel) -> Option<i64> {
        self.channel(channel)?.last_outbound.get()
    }

    pub fn last_hand_raise_ms(&self, channel: Channel) -> Option<i64> {
        self.channel(channel)?.last_hand_raise.get()
    }

    /// The last contact on any channel.
    pub fn last_contact_any_ms(&self) -> Option<i64> {
        self.channels.iter().filter_map(|facts| facts.last_contact.get()).max()
    }

    /// The last inbound event on any channel.
    pub fn last_inbound_any_ms(&self) -> Option<i64> {
        self.channels.iter().filter_map(|facts| facts.last_inbound.get()).max()
    }

    /// The last touch on any channel.
    pub fn last_outbound_any_ms(&self) -> Option<i64> {
        self.channels.iter().filter_map(|facts| facts.last_outbound.get()).max()
    }

    /// The last hand-raise and its channel; of several at one time that of the greatest channel.
    pub fn last_hand_raise(&self) -> Option<(i64, Channel)> {
        self.channels.iter().filter_map(|facts| Some((facts.last_hand_raise.get()?, facts.channel))).max()
    }

    pub fn last_sequence_mark_ms(&self) -> Option<i64> {
        self.moment(|moments| moments.sequence_mark)
    }

    pub fn last_cart_mark_ms(&self) -> Option<i64> {
        self.moment(|moments| moments.cart_mark)
    }

    pub fn last_comparison_sheet_ms(&self) -> Option<i64> {
        self.moment(|moments| moments.comparison_sheet)
    }

    pub fn last_purchase_ms(&self) -> Option<i64> {
        self.moment(|moments| moments.purchase)
    }

    pub fn last_complaint_ms(&self) -> Option<i64> {
        self.moment(|moments| moments.complaint)
    }

    pub fn last_issue_ms(&self) -> Option<i64> {
        self.moment(|moments| moments.issue)
    }

    pub fn last_resolution_ms(&self) -> Option<i64> {
        self.moment(|moments| moments.resolution)
    }

    fn moment(&self, which: impl Fn(&Moments) -> Latest) -> Option<i64> {
        which(self.moments.as_ref()?).get()
    }

    /// Contact days of a channel in the last `within` local days, `today` included.
    pub fn contact_days(&self, channel: Channel, today: i32, within: u32) -> u32 {
        self.channel(channel).map_or(0, |facts| facts.contact_days.count(today, within))
    }

    /// Distinct days with a contact on any channel in the last `within` local days, `today` included.
    pub fn contact_days_any(&self, today: i32, within: u32) -> u32 {
        let mut days = Calendar::default();
        self.channels.iter().for_each(|facts| days.merge(&facts.contact_days));
        days.count(today, within)
    }

    /// Touches of a channel in the last `within` local days (at most 31), `today` included.
    pub fn touches_in(&self, channel: Channel, today: i32, within: u32) -> u32 {
        self.channel(channel).map_or(0, |facts| facts.touch_days.count(today, within))
    }

    /// The newest touches from the oldest on, and whether each was answered.
    pub fn touches_answered(&self) -> impl Iterator<Item = (&Reach, bool)> {
        // Sixteen times sixteen comparisons are many: one bit an answer spares most touches theirs.
        let bit = |reach: &Reach| reach.reference.map_or(0, |hash| 1_u64 << (hash.get() % 64));
        let bits = self.reaches.answers().iter().fold(0, |bits, answer| bits | bit(answer));
        let is_answered = move |touch: &Reach| {
            bit(touch) & bits != 0 && self.reaches.answers().iter().any(|answer| answer.answers(touch))
        };
        self.reaches.touches().iter().map(move |touch| (touch, is_answered(touch)))
    }

    /// Purchases, from the oldest on, the refunded ones too.
    pub fn orders(&self) -> std::slice::Iter<'_, Order> {
        self.purchases.as_ref().map_or(Default::default(), |purchases| purchases.orders.iter())
    }

    pub fn refunds(&self) -> std::slice::Iter<'_, Refund> {
        self.purchases.as_ref().map_or(Default::default(), |purchases| purchases.refunds.iter())
    }

    /// Distinct local days of orders that were not refunded, rising.
    pub fn purchase_days(&self) -> SmallVec<[i32; 8]> {
        let refunded = |order: u64| self.refunds().any(|refund| refund.order == order);
        let mut days = SmallVec::new();
        for order in self.orders().filter(|order| !refunded(order.order)) {
            if days.last() != Some(&order.day) {
                days.push(order.day);
            }
        }
        days
    }

    /// What the lead last said about a channel and purpose.
    pub fn consent(&self, channel: Channel, purpose: Purpose) -> Option<Consent> {
        let consents = &self.profile.as_ref()?.consents;
        let place = consents.binary_search_by_key(&(channel, purpose), |entry| (entry.channel, entry.purpose)).ok()?;
        Some(consents[place].consent.value)
    }

    /// The lead refused calls and visits and has not allowed them since.
    pub fn is_refused(&self) -> bool {
        self.profile.as_ref().and_then(|profile| profile.refused.as_ref()).is_some_and(|register| register.value)
    }

    /// Mail came back for good, and the lead has not subscribed again since.
    pub fn is_undeliverable(&self) -> bool {
        self.profile.as_ref().and_then(|profile| profile.undeliverable.as_ref()).is_some_and(|register| register.value)
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.profile.as_ref()?.attributes.get(name)
    }

    pub fn account_id(&self) -> Option<&str> {
        self.profile.as_ref()?.account.as_ref().map(|register| &*register.value)
    }

    pub fn owner_id(&self) -> Option<&str> {
        self.profile.as_ref()?.owner.as_ref()?.value.0.as_deref()
    }

    pub fn owner_role(&self) -> Option<&str> {
        self.profile.as_ref()?.owner.as_ref()?.value.1.as_deref()
    }

    /// When the lead means to decide, days since the epoch.
    pub fn bant_timeline_day(&self) -> Option<i32> {
        self.profile.as_ref()?.bant.timeline.as_ref().map(|register| register.value)
    }

    /// An attribute, an order (a refunded one, too) or a hand-raise.
    pub fn is_known(&self) -> bool {
        let has_attribute = self.profile.as_ref().is_some_and(|profile| profile.attributes.iter().next().is_some());
        has_attribute || self.orders().len() > 0 || self.last_hand_raise().is_some()
    }
}
