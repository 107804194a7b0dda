//! One event into Facts: the marks and points of its rule, and what its kind says whatever the rules are.

use std::num::NonZeroU64;

use xxhash_rust::xxh3::xxh3_64;

use super::parts::{ChannelFacts, ConsentEntry, Moments, Profile, RuleFact, RulePoints, TopicFact};
use super::register::{self, Consent, Earliest, Register};
use super::texts::{TEXT_KEPT_BYTES_MAX, beginning, kept};
use super::{Facts, Order, Purchases, RULE_FACTS_MAX, Reach, Refund, TOPIC_FACTS_MAX};
use crate::scoring::calendar::Calendar;
use crate::scoring::epoch_sum::EpochSum;
use crate::scoring::event::{
    self, Body, ChannelSymbol, CommerceKind, ContactKind, Event, MailKind, ProfileKind, Purpose, SnsKind, WebKind,
};
use crate::scoring::meaning::{Meaning, is_outbound_sns};
use crate::scoring::model::{Channel, Limit, Mark, Model, Rule};

const HOUR_MS: i64 = 3_600_000;

impl Facts {
    /// Counts an event, which the caller has found to be no machine's and no repetition; outcomes and records of
    /// identity change nothing. `meaning` is that of the same event under the same model.
    pub fn apply(&mut self, model: &Model, event: &Event<'_>, meaning: &Meaning<'_>) {
        if !is_fact(&event.body) {
            return;
        }
        let at_ms = event.occurred_at_ms;
        self.first_seen.see(at_ms);
        self.newest.see(at_ms);
        if let Some(account) = &event.account_id {
            self.write_account(at_ms, account);
        }
        if let Some(rule) = meaning.rule {
            self.count(model, event, rule);
        }
        if meaning.inbound {
            self.note_inbound(model, at_ms, meaning);
        }
        self.note_kind(model, event);
    }

    /// Points and marks of a rule.
    fn count(&mut self, model: &Model, event: &Event<'_>, rule: &Rule) {
        let at_ms = event.occurred_at_ms;
        let day = model.local_day(at_ms);
        self.add_points(model, event, rule, day);
        let touch = rule.marks.has(Mark::Touch);
        if touch || rule.marks.has(Mark::Contact) {
            let channel = self.channel_mut(rule.channel);
            channel.contact_days.insert(day);
            channel.last_contact.see(at_ms);
        }
        if touch {
            self.note_touch(model, event, rule.channel, day);
        }
        if rule.marks.has(Mark::Answer) {
            self.reaches.insert_answer(Reach::of(event, rule.channel));
        }
        if rule.marks.has(Mark::HandRaise) {
            self.channel_mut(rule.channel).last_hand_raise.see(at_ms);
        }
        if rule.marks.has(Mark::Sequence) {
            self.moments_mut().sequence_mark.see(at_ms);
        }
        if rule.marks.has(Mark::Cart) {
            self.moments_mut().cart_mark.see(at_ms);
        }
    }

    fn add_points(&mut self, model: &Model, event: &Event<'_>, rule: &Rule, day: i32) {
        if rule.points == 0.0 {
            return;
        }
        let at_ms = event.occurred_at_ms;
        match &mut self.rule_mut(model, rule).points {
            RulePoints::Every(sum) => sum.add(rule.points, at_ms, model.channels[rule.channel].half_life_ms),
            RulePoints::Daily(days) => days.insert(day),
            RulePoints::Once(first) => first.see(at_ms),
        }
        self.fit_rules();
        if let Some(topic) = event.topic.as_deref().and_then(|topic| model.topic(topic)) {
            let half_life_ms = model.readiness.topic_half_life_ms;
            self.topic_mut(model, topic.key).points.add(rule.points, at_ms, half_life_ms);
            self.fit_topics();
        }
    }

    fn note_touch(&mut self, model: &Model, event: &Event<'_>, channel: Channel, day: i32) {
        let at_ms = event.occurred_at_ms;
        let facts = self.channel_mut(channel);
        facts.touch_days.add(day);
        facts.last_outbound.see(at_ms);
        self.pressure.add(model.channels[channel].pressure, at_ms, model.readiness.pressure_half_life_ms);
        self.reaches.insert_touch(Reach::of(event, channel));
    }

    fn note_inbound(&mut self, model: &Model, at_ms: i64, meaning: &Meaning<'_>) {
        let local_ms = at_ms.saturating_add(model.utc_offset_ms);
        let hour = &mut self.inbound_hours[local_ms.div_euclid(HOUR_MS).rem_euclid(24) as usize];
        *hour = hour.saturating_add(1);
        if let Some(channel) = meaning.channel() {
            self.channel_mut(channel).last_inbound.see(at_ms);
        }
    }

    /// What a kind means whatever the rules say.
    fn note_kind(&mut self, model: &Model, event: &Event<'_>) {
        let at_ms = event.occurred_at_ms;
        match &event.body {
            Body::Web(web) => {
                if web.kind == WebKind::Download && web.content_kind.as_deref() == Some("comparison_sheet") {
                    self.moments_mut().comparison_sheet.see(at_ms);
                }
            }
            Body::Mail(mail) => self.note_mail(at_ms, mail.kind),
            Body::Sns(sns) if !is_outbound_sns(&event.body) => self.note_sns(at_ms, sns.kind),
            Body::Sns(_) | Body::Outcome(_) => {}
            Body::Contact(contact) => self.note_contact(at_ms, contact.kind),
            Body::Commerce(commerce) => self.note_commerce(model, event, commerce),
            Body::Profile(profile) => self.note_profile(at_ms, profile),
        }
    }

    fn note_mail(&mut self, at_ms: i64, kind: MailKind) {
        let marketing = (Channel::Mail, Purpose::Marketing);
        match kind {
            MailKind::BouncedHard => register::write(&mut self.profile_mut().undeliverable, at_ms, true),
            MailKind::Complained | MailKind::Unsubscribed => self.write_consent(marketing, at_ms, Consent::Revoked),
            MailKind::Resubscribed => {
                self.write_consent(marketing, at_ms, Consent::Granted { until_ms: None });
                register::write(&mut self.profile_mut().undeliverable, at_ms, false);
            }
            _ => {}
        }
    }

    fn note_sns(&mut self, at_ms: i64, kind: SnsKind) {
        let marketing = (Channel::Sns, Purpose::Marketing);
        match kind {
            SnsKind::Follow => self.write_consent(marketing, at_ms, Consent::Granted { until_ms: None }),
            SnsKind::Block | SnsKind::Mute => self.write_consent(marketing, at_ms, Consent::Revoked),
            _ => {}
        }
    }

    fn note_contact(&mut self, at_ms: i64, kind: ContactKind) {
        match kind {
            ContactKind::CallRefused => register::write(&mut self.profile_mut().refused, at_ms, true),
            ContactKind::Complaint => self.moments_mut().complaint.see(at_ms),
            ContactKind::SupportIssue => self.moments_mut().issue.see(at_ms),
            ContactKind::SupportResolved => self.moments_mut().resolution.see(at_ms),
            _ => {}
        }
    }

    fn note_commerce(&mut self, model: &Model, event: &Event<'_>, commerce: &event::Commerce<'_>) {
        let day = model.local_day(event.occurred_at_ms);
        let order_id = commerce.order_id.as_deref().filter(|id| !id.is_empty());
        let order = xxh3_64(order_id.unwrap_or(&event.event_id).as_bytes());
        match commerce.kind {
            CommerceKind::Purchase => {
                self.purchases_mut().orders.insert(Order { day, order });
                self.moments_mut().purchase.see(event.occurred_at_ms);
            }
            CommerceKind::Refund => self.purchases_mut().refunds.insert(Refund { day, order }),
            _ => {}
        }
    }

    fn note_profile(&mut self, at_ms: i64, profile: &event::Profile<'_>) {
        match profile.kind {
            ProfileKind::AttributesChanged => {
                for (name, value) in &profile.attributes {
                    self.profile_mut().attributes.write(name, at_ms, value.as_deref());
                }
            }
            ProfileKind::ConsentGranted => {
                self.note_consent(at_ms, profile, Consent::Granted { until_ms: profile.expires_at_ms });
            }
            ProfileKind::ConsentRevoked => self.note_consent(at_ms, profile, Consent::Revoked),
            ProfileKind::OwnerAssigned => {
                let owner = (profile.owner_id.as_deref().map(kept), profile.owner_role.as_deref().map(kept));
                register::write(&mut self.profile_mut().owner, at_ms, owner);
            }
            ProfileKind::BantUpdated => self.note_bant(at_ms, profile),
            ProfileKind::IdentityLinked | ProfileKind::IdentityUnlinked | ProfileKind::Erased => {}
            ProfileKind::Unknown => {}
        }
    }

    /// Consent for a channel on which we contact nobody says nothing.
    fn note_consent(&mut self, at_ms: i64, profile: &event::Profile<'_>, consent: Consent) {
        let channel = match profile.channel {
            ChannelSymbol::Mail => Channel::Mail,
            ChannelSymbol::Sns => Channel::Sns,
            ChannelSymbol::Person => Channel::Person,
            ChannelSymbol::Web | ChannelSymbol::Purchase | ChannelSymbol::Unknown => return,
        };
        let purpose = match profile.purpose {
            Purpose::Unknown => Purpose::Marketing,
            known => known,
        };
        self.write_consent((channel, purpose), at_ms, consent);
        if channel == Channel::Person && consent != Consent::Revoked {
            register::write(&mut self.profile_mut().refused, at_ms, false);
        }
    }

    fn note_bant(&mut self, at_ms: i64, profile: &event::Profile<'_>) {
        let texts = [&profile.bant_budget, &profile.bant_authority, &profile.bant_need];
        if texts.iter().all(|text| text.is_none()) && profile.bant_timeline.is_none() {
            return;
        }
        let bant = &mut self.profile_mut().bant;
        let texts = [
            (&mut bant.budget, &profile.bant_budget),
            (&mut bant.authority, &profile.bant_authority),
            (&mut bant.need, &profile.bant_need),
        ];
        for (known, written) in texts {
            if let Some(written) = written {
                register::write(known, at_ms, kept(written));
            }
        }
        if let Some(day) = profile.bant_timeline {
            register::write(&mut bant.timeline, at_ms, day);
        }
    }

    fn write_account(&mut self, at_ms: i64, account: &str) {
        let account = beginning(account, TEXT_KEPT_BYTES_MAX);
        let known = &mut self.profile_mut().account;
        let wins = |known: &Register<Box<str>>| (known.at_ms, &*known.value) < (at_ms, account);
        if known.as_ref().is_none_or(wins) {
            *known = Some(Register { at_ms, value: account.into() });
        }
    }

    pub(super) fn write_consent(&mut self, (channel, purpose): (Channel, Purpose), at_ms: i64, consent: Consent) {
        let consents = &mut self.profile_mut().consents;
        let found = consents.binary_search_by_key(&(channel, purpose), |entry| (entry.channel, entry.purpose));
        let consent = Register { at_ms, value: consent };
        match found {
            Ok(place) => register::replace(&mut consents[place].consent, consent),
            Err(place) => consents.insert(place, ConsentEntry { channel, purpose, consent }),
        }
    }

    pub(super) fn channel_mut(&mut self, channel: Channel) -> &mut ChannelFacts {
        let found = self.channels.binary_search_by_key(&channel, |facts| facts.channel);
        let place = found.unwrap_or_else(|place| {
            self.channels.reserve_exact(1); // leads are many, and most have few channels
            self.channels.insert(place, ChannelFacts::new(channel));
            place
        });
        &mut self.channels[place]
    }

    fn rule_mut(&mut self, model: &Model, rule: &Rule) -> &mut RuleFact {
        if self.rules.len() >= RULE_FACTS_MAX {
            self.rules.retain(|fact| model.rules.by_key(fact.key).is_some());
        }
        let found = self.rules.binary_search_by_key(&rule.key, |fact| fact.key);
        let place = found.unwrap_or_else(|place| {
            let points = match rule.limit {
                Limit::Every => RulePoints::Every(EpochSum::default()),
                Limit::Daily => RulePoints::Daily(Calendar::default()),
                Limit::Once => RulePoints::Once(Earliest::default()),
            };
            self.rules.reserve_exact(1);
            self.rules.insert(place, RuleFact { key: rule.key, points });
            place
        });
        &mut self.rules[place]
    }

    fn topic_mut(&mut self, model: &Model, key: crate::scoring::model::TopicKey) -> &mut TopicFact {
        if self.topics.len() >= TOPIC_FACTS_MAX {
            self.topics.retain(|fact| model.topics.iter().any(|topic| topic.key == fact.key));
        }
        let found = self.topics.binary_search_by_key(&key, |fact| fact.key);
        let place = found.unwrap_or_else(|place| {
            self.topics.reserve_exact(1);
            self.topics.insert(place, TopicFact { key, points: EpochSum::default() });
            place
        });
        &mut self.topics[place]
    }

    pub(super) fn moments_mut(&mut self) -> &mut Moments {
        self.moments.get_or_insert_default()
    }

    pub(super) fn purchases_mut(&mut self) -> &mut Purchases {
        self.purchases.get_or_insert_default()
    }

    pub(super) fn profile_mut(&mut self) -> &mut Profile {
        self.profile.get_or_insert_default()
    }
}

/// Outcomes and identity move the episode and the home of a lead, not what is known of it.
fn is_fact(body: &Body<'_>) -> bool {
    match body {
        Body::Outcome(_) => false,
        Body::Profile(profile) => {
            !matches!(profile.kind, ProfileKind::IdentityLinked | ProfileKind::IdentityUnlinked | ProfileKind::Erased)
        }
        _ => true,
    }
}

impl Reach {
    /// What an event on that channel is as a touch or an answer.
    pub(crate) fn of(event: &Event<'_>, channel: Channel) -> Reach {
        let reference = reference(&event.body).filter(|text| !text.is_empty());
        let reference = reference.map(|text| NonZeroU64::new(xxh3_64(text.as_bytes())).unwrap_or(NonZeroU64::MIN));
        Reach { at_ms: event.occurred_at_ms, event: xxh3_64(event.event_id.as_bytes()) as u32, channel, reference }
    }
}

/// By what an answer names its touch.
fn reference<'e>(body: &'e Body<'_>) -> Option<&'e str> {
    match body {
        Body::Mail(mail) => Some(&mail.message_id),
        Body::Sns(sns) => sns.thread_id.as_deref(),
        Body::Contact(contact) => contact.decision_id.as_deref(),
        Body::Web(_) | Body::Commerce(_) | Body::Profile(_) | Body::Outcome(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::event::{Commerce, Contact, Direction, Mail, Sns, Web};

    const DAY_MS: i64 = 86_400_000;

    /// Facts of these events, a day apart.
    fn facts(bodies: &[Body<'static>]) -> Facts {
        let text = include_str!("../../../deploy/models/b2b-saas.toml");
        let model = Model::parse(text, "b2b-saas.toml").expect("sound");
        let mut facts = Facts::default();
        for (number, body) in bodies.iter().enumerate() {
            let event = Event {
                event_id: format!("e{number}").into(),
                lead_id: "L1".into(),
                occurred_at_ms: number as i64 * DAY_MS,
                account_id: None,
                topic: Some("crm".into()),
                machine: false,
                body: body.clone(),
            };
            facts.apply(&model, &event, &Meaning::of(&model, &event));
        }
        facts
    }

    fn mail(kind: MailKind) -> Body<'static> {
        Body::Mail(Mail { kind, message_id: "m".into(), ..Mail::default() })
    }

    fn sns(kind: SnsKind, direction: Direction) -> Body<'static> {
        Body::Sns(Sns { kind, direction, ..Sns::default() })
    }

    fn contact(kind: ContactKind) -> Body<'static> {
        Body::Contact(Contact { kind, ..Contact::default() })
    }

    fn consent(kind: ProfileKind, channel: ChannelSymbol, purpose: Purpose) -> Body<'static> {
        Body::Profile(Box::new(event::Profile { kind, channel, purpose, ..event::Profile::default() }))
    }

    #[test]
    fn kinds_move_consent() {
        let granted = Some(Consent::Granted { until_ms: None });
        let check = |bodies: &[Body<'static>], channel, expected| {
            assert_eq!(facts(bodies).consent(channel, Purpose::Marketing), expected, "{bodies:?}");
        };
        let inbound = |kind| sns(kind, Direction::Inbound);
        let grant = |channel, purpose| consent(ProfileKind::ConsentGranted, channel, purpose);
        check(&[mail(MailKind::Resubscribed)], Channel::Mail, granted);
        check(&[mail(MailKind::Resubscribed), mail(MailKind::Complained)], Channel::Mail, Some(Consent::Revoked));
        check(&[mail(MailKind::Unsubscribed), mail(MailKind::Resubscribed)], Channel::Mail, granted);
        check(&[inbound(SnsKind::Follow)], Channel::Sns, granted);
        check(&[inbound(SnsKind::Follow), inbound(SnsKind::Mute)], Channel::Sns, Some(Consent::Revoked));
        check(&[sns(SnsKind::Block, Direction::Outbound)], Channel::Sns, None);
        check(&[grant(ChannelSymbol::Person, Purpose::Unknown)], Channel::Person, granted);
        check(&[grant(ChannelSymbol::Person, Purpose::Reply)], Channel::Person, None);
        check(&[grant(ChannelSymbol::Web, Purpose::Marketing)], Channel::Web, None);
        check(&[grant(ChannelSymbol::Unknown, Purpose::Marketing)], Channel::Mail, None);
    }

    #[test]
    fn refusals_and_bounces_hold_until_taken_back() {
        let grant = consent(ProfileKind::ConsentGranted, ChannelSymbol::Person, Purpose::Marketing);
        let revoke = consent(ProfileKind::ConsentRevoked, ChannelSymbol::Person, Purpose::Marketing);
        let refused = contact(ContactKind::CallRefused);
        assert!(facts(std::slice::from_ref(&refused)).is_refused());
        assert!(!facts(&[refused.clone(), grant.clone()]).is_refused());
        assert!(!facts(&[refused.clone(), grant.clone(), revoke]).is_refused());
        assert!(facts(&[grant, refused]).is_refused());
        assert!(facts(&[mail(MailKind::BouncedHard)]).is_undeliverable());
        assert!(!facts(&[mail(MailKind::BouncedHard), mail(MailKind::Resubscribed)]).is_undeliverable());
        assert!(!facts(&[mail(MailKind::BouncedSoft)]).is_undeliverable());
    }

    #[test]
    fn a_refund_takes_the_order_from_the_purchase_days_only() {
        let order = |kind, id: &'static str| Body::Commerce(Commerce { kind, order_id: Some(id.into()), reason: None });
        let bodies = [
            order(CommerceKind::Refund, "o2"), // before its purchase
            order(CommerceKind::Purchase, "o1"),
            order(CommerceKind::Purchase, "o2"),
            order(CommerceKind::Purchase, ""),
            order(CommerceKind::Refund, ""),
        ];
        let facts = facts(&bodies);
        assert_eq!(facts.purchase_days()[..], [1, 3]);
        assert_eq!(facts.last_purchase_ms(), Some(3 * DAY_MS));
        assert!(facts.is_known() && facts.orders().len() == 3);
    }

    #[test]
    fn touches_and_their_answers_meet() {
        let touch = sns(SnsKind::Dm, Direction::Outbound);
        let facts = facts(&[mail(MailKind::Clicked), mail(MailKind::Sent), touch, mail(MailKind::Sent)]);
        let answered: Vec<_> = facts.touches_answered().map(|(touch, answered)| (touch.channel, answered)).collect();
        assert_eq!(answered, [(Channel::Mail, true), (Channel::Sns, false), (Channel::Mail, true)]);
        assert_eq!((facts.last_outbound_ms(Channel::Mail), facts.last_inbound_any_ms()), (Some(3 * DAY_MS), Some(0)));
        assert_eq!((facts.touches_in(Channel::Mail, 3, 7), facts.contact_days(Channel::Mail, 3, 90)), (2, 3));
        assert_eq!(facts.contact_days_any(3, 90), 4);
    }

    #[test]
    fn marks_leave_their_moments() {
        let web =
            |kind, content: &'static str| Body::Web(Web { kind, content_kind: Some(content.into()), ..Web::default() });
        let facts = facts(&[
            web(WebKind::Download, "comparison_sheet"),
            web(WebKind::Download, "faq"),
            web(WebKind::CartAbandon, ""),
            web(WebKind::ChatMessage, ""),
            contact(ContactKind::Complaint),
            contact(ContactKind::SupportIssue),
            contact(ContactKind::SupportResolved),
        ]);
        assert_eq!(facts.last_comparison_sheet_ms(), Some(0));
        assert_eq!(facts.last_sequence_mark_ms(), Some(DAY_MS));
        assert_eq!(facts.last_cart_mark_ms(), Some(2 * DAY_MS));
        assert_eq!(facts.last_hand_raise(), Some((3 * DAY_MS, Channel::Person)));
        let stops = [facts.last_complaint_ms(), facts.last_issue_ms(), facts.last_resolution_ms()];
        assert_eq!(stops, [Some(4 * DAY_MS), Some(5 * DAY_MS), Some(6 * DAY_MS)]);
        assert_eq!((facts.first_seen.get(), facts.newest.get()), (Some(0), Some(6 * DAY_MS)));
        assert_eq!(facts.inbound_hours[9], 4); // 00:00 UTC is 09:00 in Tokyo
    }

    #[test]
    fn outcomes_and_identity_are_no_facts() {
        let outcome = Body::Outcome(event::Outcome::default());
        let linked = consent(ProfileKind::IdentityLinked, ChannelSymbol::Unknown, Purpose::Unknown);
        assert!(facts(&[outcome, linked]).is_empty());
        assert!(!facts(&[mail(MailKind::Opened)]).is_empty());
    }
}
