//! One person, several ids: links, redirects, merges, and erasure.
//!
//! A redirect keeps Facts of its own, those from before the link and what came for it since, so that a link can be
//! undone. What is lost by no order of messages: Facts go to the other home in one message, after it agreed.

use crate::scoring::before::Before;
use crate::scoring::dead_letter::{DeadCause, DeadLetter};
use crate::scoring::decision::Reason;
use crate::scoring::episode::{Episode, Erased, Identity, Sequence};
use crate::scoring::evaluation::evaluate;
use crate::scoring::event::{Event, Profile, ProfileKind};
use crate::scoring::facts::Facts;
use crate::scoring::lanes::Lane;
use crate::scoring::lead::{Applied, At, Effects, Lead, arm};
use crate::scoring::message::{Ids, Link, Merged, Message};
use crate::scoring::model::{Channel, Model};
use crate::scoring::moment::Moment;
use crate::scoring::ready::{self, Trigger};
use crate::scoring::seen::{SeenEvents, Sight};
use crate::scoring::terms::Reading;

/// A record passes at most so many redirects.
pub const REDIRECTS_MAX: u8 = 8;
/// A lead takes at most so many other ids.
pub const ALIASES_MAX: usize = 32;
/// How long an erasure marker stays, ms.
pub const MARKER_MS: i64 = 400 * 86_400_000;

impl Identity {
    /// When the erasure marker goes, ms since the epoch.
    pub(crate) fn marker_end(&self) -> Option<i64> {
        self.erased.map(|erased| erased.until_ms)
    }

    /// What the ids take as state, bytes.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.aliases.iter().chain(&self.redirect).map(|id| id.len() + 2).sum()
    }

    /// Whether these ids can be added without being too many.
    fn has_room_for(&self, own: &str, link: &Link) -> bool {
        let added = link.ids().filter(|id| ***id != *own && !self.has_alias(id)).count();
        self.aliases.len() + added <= ALIASES_MAX
    }

    fn add_aliases(&mut self, own: &str, link: &Link) {
        for id in link.ids().filter(|id| ***id != *own) {
            if let Err(place) = self.aliases.binary_search(id) {
                self.aliases.insert(place, id.clone());
            }
        }
    }

    fn has_alias(&self, id: &str) -> bool {
        self.aliases.binary_search_by(|alias| (**alias).cmp(id)).is_ok()
    }
}

impl Link {
    /// All ids that come with it.
    fn ids(&self) -> impl Iterator<Item = &Box<str>> {
        std::iter::once(&self.from).chain(&self.aliases)
    }

    /// It asks to be itself: a claim that goes round a circle of redirects.
    fn is_claim(&self) -> bool {
        self.from == self.to
    }

    /// What a merge is remembered by where it passes; no event's id begins with a zero byte.
    fn merge_id(&self) -> String {
        format!("\0{}\0{}", self.from, self.event_id)
    }
}

impl Lead {
    /// A link, its undoing, or an erasure: changes no Facts by what it says.
    pub(crate) fn apply_identity(
        &mut self,
        model: &Model,
        lead_id: &str,
        (event, profile): (&Event<'_>, &Profile<'_>),
        at: At,
        out: &mut Effects,
    ) -> Applied {
        match (&self.identity.redirect, profile.kind) {
            (Some(_), ProfileKind::IdentityUnlinked) => {
                self.unlink(model, lead_id, &event.event_id, at, out);
                Applied::Changed
            }
            (Some(to), _) => Applied::Forward { to: to.clone() },
            (None, ProfileKind::Erased) => {
                self.erase(model, lead_id, event, at, out);
                Applied::Changed
            }
            (None, ProfileKind::IdentityLinked) => {
                self.ask(lead_id, event, profile, out);
                Applied::Changed
            }
            (None, _) => {
                self.evaluate_around(model, lead_id, (&event.event_id, at.clock_ms), out, |_, _| {});
                Applied::Changed
            }
        }
    }

    pub(crate) fn receive_message(
        &mut self,
        model: &Model,
        lead_id: &str,
        message: &Message,
        at: At,
        out: &mut Effects,
    ) -> Applied {
        match message {
            Message::LinkAsk(link) if link.is_claim() && *link.from == *lead_id => {
                self.identity.redirect = None;
                self.evaluate_around(model, lead_id, (&link.event_id, at.clock_ms), out, |_, _| {});
                Applied::Changed
            }
            Message::LinkAsk(link) => self.grant(lead_id, link, at, out),
            Message::LinkGrant { link, by } => self.become_redirect(model, lead_id, (link, by), at, out),
            Message::Merge { link, merged } => self.merge(model, lead_id, (link, merged), at, out),
            Message::Unlink { ids } => self.forget_aliases(ids, at),
            Message::Erase { at_ms } => self.erase_with(lead_id, *at_ms, at, out),
        }
    }

    /// Asks the home of the lead that this one turns out to be. One that is that lead already has nothing to ask.
    fn ask(&mut self, lead_id: &str, event: &Event<'_>, profile: &Profile<'_>, out: &mut Effects) {
        let to = profile.linked_lead_id.as_deref().filter(|to| *to != lead_id);
        if let Some(to) = to {
            let aliases = self.identity.aliases.clone();
            let link = Link { from: lead_id.into(), to: to.into(), aliases, event_id: event.event_id.as_ref().into() };
            out.messages.push((to.into(), Message::LinkAsk(link)));
        }
    }

    /// Another lead asks to become this one: agreed, unless it would close a circle or be too many.
    fn grant(&mut self, lead_id: &str, link: &Link, at: At, out: &mut Effects) -> Applied {
        if link.is_claim() && !self.lets_pass(lead_id, link, at) {
            return Applied::Changed;
        }
        if *link.from == *lead_id && !link.is_claim() {
            return dead(DeadCause::LinkCycle, "the link would close a circle");
        }
        if let Some(to) = &self.identity.redirect {
            // The asking lead will be a redirect, too.
            return match at.hops + 1 >= REDIRECTS_MAX {
                true => dead(DeadCause::LinkCycle, "the lead linked to has as many redirects ahead as allowed"),
                false => Applied::Forward { to: to.clone() },
            };
        }
        if !self.identity.has_room_for(lead_id, link) {
            return dead(DeadCause::AliasesMax, "the lead linked to has as many other ids as allowed");
        }
        self.identity.add_aliases(lead_id, link);
        out.messages.push((link.from.clone(), Message::LinkGrant { link: link.clone(), by: lead_id.into() }));
        Applied::Changed
    }

    /// Whether a claim goes on from here: the circle is still closed, and this lead claims nothing or has less of a claim.
    fn lets_pass(&self, lead_id: &str, claim: &Link, at: At) -> bool {
        let Some(redirect) = self.identity.redirect.as_deref() else { return false };
        let claims_too = self.seen.contains(&claim_id(lead_id, redirect), at.appended_at_ms);
        !claims_too || *claim.from < *lead_id
    }

    /// The other home agreed: an open READY is withdrawn, and all that is known goes there.
    fn become_redirect(
        &mut self,
        model: &Model,
        lead_id: &str,
        (link, by): (&Link, &str),
        at: At,
        out: &mut Effects,
    ) -> Applied {
        if by == lead_id {
            return Applied::Changed; // what was agreed to is this one by now
        }
        if let Some(redirect) = &self.identity.redirect {
            return if *redirect == link.to { Applied::Changed } else { forward(redirect, at) };
        }
        if *link.from != *lead_id {
            return self.ask_anew(lead_id, link, at, out);
        }
        // Erased since it asked: what it saw went, too. A lead that began anew behind its marker remembers the link.
        let is_gone = self.identity.erased.is_some() && !self.seen.contains(&link.event_id, at.appended_at_ms);
        if is_gone {
            return Applied::Erased;
        }
        // What became this lead since it asked, the other did not agree to, and may have no room for.
        if !self.identity.aliases.iter().all(|id| **id == *by || link.aliases.contains(id)) {
            return self.ask_anew(lead_id, link, at, out);
        }
        let reading = Reading::at(&self.facts, at.clock_ms);
        let moment = Moment::new(model, lead_id, &self.facts, at.clock_ms, &reading);
        arm(&moment, &mut self.episode);
        let trigger = Trigger { event_id: Some(&link.event_id), event: None, before: &Before::Same };
        let hand_raise_ms = answered_hand_raise(&self.episode);
        ready::withdraw(&moment, &mut self.episode, Reason::Merged, trigger, out);
        let merged = Merged {
            facts: self.facts.clone(),
            sequence: self.episode.sequence.take(),
            sequence_mark_ms: self.episode.acted.sequence_mark_ms,
            hand_raise_ms,
        };
        let aliases = self.identity.aliases.iter().filter(|alias| ***alias != *by).cloned().collect();
        let link = Link { from: lead_id.into(), aliases, ..link.clone() };
        let to = link.to.clone();
        self.seen.see(&link.merge_id(), at.appended_at_ms);
        out.messages.push((to.clone(), Message::Merge { link, merged: Box::new(merged) }));
        out.forgotten.push(lead_id.into());
        self.episode.published = None;
        self.identity.redirect = Some(to);
        self.set_timer(None);
        Applied::Changed
    }

    /// Nobody agreed to what this lead is by now, so that it asks for that.
    fn ask_anew(&mut self, lead_id: &str, link: &Link, at: At, out: &mut Effects) -> Applied {
        self.seen.see(&link.event_id, at.appended_at_ms);
        // That it has the other one's id need not mean that it has the other one: that may have declined.
        if *link.to != *lead_id {
            let (from, aliases) = (Box::from(lead_id), self.identity.aliases.clone());
            out.messages.push((link.to.clone(), Message::LinkAsk(Link { from, aliases, ..link.clone() })));
        }
        Applied::Changed
    }

    /// Facts of a lead that became this one, as if it had been one from the start.
    fn merge(
        &mut self,
        model: &Model,
        lead_id: &str,
        (link, merged): (&Link, &Merged),
        at: At,
        out: &mut Effects,
    ) -> Applied {
        if self.identity.redirect.is_none() && !self.identity.has_alias(&link.from) {
            return Applied::Erased;
        }
        if !self.identity.has_room_for(lead_id, link) {
            return dead(DeadCause::AliasesMax, "the lead that it became has as many other ids as allowed");
        }
        if self.seen.see(&link.merge_id(), at.appended_at_ms) == Sight::Repeated {
            self.claim(lead_id, (link, merged), at, out);
            return Applied::Duplicate;
        }
        self.identity.add_aliases(lead_id, link);
        if let Some(redirect) = self.identity.redirect.clone() {
            self.facts.merge(&merged.facts);
            return forward(&redirect, at);
        }
        self.evaluate_around(model, lead_id, (&link.event_id, at.clock_ms), out, |facts, episode| {
            facts.merge(&merged.facts);
            take_over(facts, episode, merged);
        });
        Applied::Changed
    }

    /// Where several leads agreed to become each other at once, all are redirects, and what one of them sent comes
    /// home. By then it knows what all of them knew, each part once, and claims to be the lead; of several that claim
    /// it the least id is. What stays in order between two homes stays so on the way round.
    fn claim(&mut self, lead_id: &str, (link, merged): (&Link, &Merged), at: At, out: &mut Effects) {
        let Some(redirect) = self.identity.redirect.clone().filter(|_| *link.from == *lead_id) else { return };
        self.seen.see(&claim_id(lead_id, &redirect), at.appended_at_ms);
        self.episode.sequence = merged.sequence;
        self.episode.acted.hand_raise_ms = merged.hand_raise_ms;
        let claim = Link { to: lead_id.into(), aliases: Ids::new(), ..link.clone() };
        out.messages.push((redirect, Message::LinkAsk(claim)));
    }

    /// These ids are leads of their own again.
    fn forget_aliases(&mut self, ids: &Ids, at: At) -> Applied {
        self.identity.aliases.retain(|alias| !ids.contains(alias));
        match &self.identity.redirect {
            Some(redirect) => forward(redirect, at),
            None => Applied::Changed,
        }
    }

    /// This id is a lead of its own again, with the Facts that it kept.
    fn unlink(&mut self, model: &Model, lead_id: &str, event_id: &str, at: At, out: &mut Effects) {
        if self.identity.redirect.is_none() {
            return;
        }
        let Some(redirect) = self.identity.redirect.take() else { return };
        let ids = std::iter::once(Box::from(lead_id)).chain(self.identity.aliases.iter().cloned()).collect();
        out.messages.push((redirect, Message::Unlink { ids }));
        self.evaluate_around(model, lead_id, (event_id, at.clock_ms), out, |_, _| {});
    }

    /// Everything goes but a marker, here and with the ids that became this lead.
    fn erase(&mut self, model: &Model, lead_id: &str, event: &Event<'_>, at: At, out: &mut Effects) {
        let reading = Reading::at(&self.facts, at.clock_ms);
        let moment = Moment::new(model, lead_id, &self.facts, at.clock_ms, &reading);
        let trigger = Trigger { event_id: Some(&event.event_id), event: None, before: &Before::Same };
        ready::withdraw(&moment, &mut self.episode, Reason::Erased, trigger, out);
        let at_ms = event.occurred_at_ms;
        out.messages.extend(self.identity.aliases.iter().map(|alias| (alias.clone(), Message::Erase { at_ms })));
        self.leave_marker(lead_id, at_ms, at.clock_ms, out);
    }

    /// The lead that this one became was erased.
    fn erase_with(&mut self, lead_id: &str, at_ms: i64, at: At, out: &mut Effects) -> Applied {
        if self.identity.redirect.is_none() {
            return Applied::Erased;
        }
        self.leave_marker(lead_id, at_ms, at.clock_ms, out);
        Applied::Changed
    }

    /// What is left: until when events are dropped, and the episode's number, so that new decisions get new ids.
    fn leave_marker(&mut self, lead_id: &str, at_ms: i64, now_ms: i64, out: &mut Effects) {
        let at_ms = self.identity.erased.map_or(at_ms, |earlier| earlier.at_ms.max(at_ms));
        *self = Lead { episode: Episode { number: self.episode.number, ..Episode::default() }, ..Lead::default() };
        self.identity.erased = Some(Erased { at_ms, until_ms: now_ms + MARKER_MS });
        self.set_timer(None);
        out.forgotten.push(lead_id.into());
    }

    /// The marker's time is over; with it goes a lead of which nothing else is left.
    pub(crate) fn drop_old_marker(&mut self, now_ms: i64) {
        if self.identity.erased.is_none_or(|erased| erased.until_ms > now_ms) {
            return;
        }
        self.identity.erased = None;
        if self.facts.is_empty() && self.identity.redirect.is_none() {
            *self = Lead { seen: SeenEvents::default(), ..Lead::default() };
        }
    }

    /// R before, a change, evaluation; the lead that an event speaks of by id only.
    fn evaluate_around(
        &mut self,
        model: &Model,
        lead_id: &str,
        (event_id, now_ms): (&str, i64),
        out: &mut Effects,
        change: impl FnOnce(&mut Facts, &mut Episode),
    ) {
        let reading = Reading::at(&self.facts, now_ms);
        let moment = Moment::new(model, lead_id, &self.facts, now_ms, &reading);
        arm(&moment, &mut self.episode);
        let before = Before::Read(moment.sums());
        change(&mut self.facts, &mut self.episode);
        let reading = Reading::at(&self.facts, now_ms);
        let moment = Moment::new(model, lead_id, &self.facts, now_ms, &reading);
        let trigger = Trigger { event_id: Some(event_id), event: None, before: &before };
        let next_ms = evaluate(&moment, &mut self.episode, trigger, out);
        self.outlook = moment.outlook().into();
        self.set_timer(next_ms);
    }
}

/// What a claim to be the lead is remembered by.
fn claim_id(lead_id: &str, redirect: &str) -> String {
    format!("\0{lead_id}\0\0{redirect}")
}

/// What of the other's episode goes on in this one: a running sequence where none runs, and what was acted on.
fn take_over(facts: &Facts, episode: &mut Episode, merged: &Merged) {
    let acted = &mut episode.acted;
    acted.sequence_mark_ms = acted.sequence_mark_ms.max(merged.sequence_mark_ms);
    acted.hand_raise_ms = acted.hand_raise_ms.max(merged.hand_raise_ms);
    episode.sequence = episode
        .sequence
        .or(merged.sequence)
        .map(|running| Sequence { mails: running.mails.max(mails_since(facts, running.start_ms)), ..running });
}

fn mails_since(facts: &Facts, start_ms: i64) -> u8 {
    facts.reaches.touches().iter().filter(|touch| touch.channel == Channel::Mail && touch.at_ms >= start_ms).count()
        as u8
}

/// The newest hand-raise that needs no READY any more: one that is open in `instant` still does.
fn answered_hand_raise(episode: &Episode) -> Option<i64> {
    if episode.is_open_in(Lane::Instant) { episode.acted.hand_raise_before_ms } else { episode.acted.hand_raise_ms }
}

fn forward(to: &str, at: At) -> Applied {
    match at.hops >= REDIRECTS_MAX {
        true => dead(DeadCause::LinkCycle, "passed more redirects than allowed"),
        false => Applied::Forward { to: to.into() },
    }
}

fn dead(cause: DeadCause, detail: &'static str) -> Applied {
    Applied::Dead(DeadLetter::new(cause, detail))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::scoring::event::{Body, FormPurpose, Web, WebKind};

    const AT: At = At { clock_ms: 1_775_005_200_000, appended_at_ms: 1_775_005_200_000, hops: 0 };

    fn model() -> Model {
        let text = include_str!("../../deploy/models/b2b-saas.toml");
        Model::parse(text, "b2b-saas.toml").unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    fn event(event_id: &str, lead_id: &str, body: Body<'static>) -> Event<'static> {
        Event {
            event_id: event_id.to_string().into(),
            lead_id: lead_id.to_string().into(),
            occurred_at_ms: AT.clock_ms,
            account_id: None,
            topic: None,
            machine: false,
            body,
        }
    }

    fn link(from: &str, to: &str) -> Event<'static> {
        let linked_lead_id = Some(to.to_string().into());
        let profile = Profile { kind: ProfileKind::IdentityLinked, linked_lead_id, ..Profile::default() };
        event(&format!("{from} is {to}"), from, Body::Profile(profile.into()))
    }

    fn inquiry(lead_id: &str) -> Event<'static> {
        let form_purpose = FormPurpose::Inquiry;
        let web = Web { kind: WebKind::FormSubmit, form_purpose, ..Web::default() };
        event(&format!("inquiry of {lead_id}"), lead_id, Body::Web(web))
    }

    /// Several homes: messages arrive when the test says so.
    struct Homes {
        model: Model,
        leads: BTreeMap<Box<str>, Lead>,
        on_its_way: Vec<(Box<str>, Message)>,
    }

    impl Homes {
        fn new() -> Homes {
            Homes { model: model(), leads: BTreeMap::new(), on_its_way: Vec::new() }
        }

        fn apply(&mut self, event: &Event<'_>) -> Applied {
            let lead = self.leads.entry(event.lead_id.as_ref().into()).or_default();
            let mut out = Effects::default();
            let applied = lead.apply(&self.model, &event.lead_id, event, AT, &mut out);
            self.on_its_way.append(&mut out.messages);
            applied
        }

        /// Delivers message number `which`, and it as often as it is forwarded.
        fn deliver(&mut self, which: usize) -> Applied {
            let (mut to, message) = self.on_its_way.remove(which);
            for hops in 0..=REDIRECTS_MAX {
                let (lead, mut out) = (self.leads.entry(to.clone()).or_default(), Effects::default());
                let applied = lead.receive(&self.model, &to, &message, At { hops, ..AT }, &mut out);
                self.on_its_way.append(&mut out.messages);
                match applied {
                    Applied::Forward { to: next } => to = next,
                    applied => return applied,
                }
            }
            unreachable!("a message passes at most so many redirects");
        }

        fn deliver_all(&mut self) {
            while !self.on_its_way.is_empty() {
                self.deliver(0);
            }
        }

        fn redirect(&self, lead_id: &str) -> Option<&str> {
            self.leads[lead_id].identity.redirect.as_deref()
        }

        fn has_inquiries(&self, lead_id: &str, count: f64) {
            let points = self.leads[lead_id].facts.read(&self.model, AT.clock_ms).engagement;
            let expected = 35.0 * (1.0 - (-30.0 * count / 35.0_f64).exp());
            assert!((points - expected).abs() < 1e-5, "{lead_id}: {points}, not {expected}");
        }
    }

    #[test]
    fn two_leads_that_become_each_other_at_once_become_one() {
        for first in 0..2 {
            let mut homes = Homes::new();
            homes.apply(&inquiry("a"));
            homes.apply(&inquiry("b"));
            homes.apply(&link("a", "b"));
            homes.apply(&link("b", "a"));
            homes.deliver(first); // one is asked, the other is asked, and both agreed
            homes.deliver_all();
            assert_eq!((homes.redirect("a"), homes.redirect("b")), (None, Some("a")));
            homes.has_inquiries("a", 2.0);
        }
    }

    #[test]
    fn a_merge_that_meets_a_new_redirect_goes_on() {
        let mut homes = Homes::new();
        homes.apply(&inquiry("a"));
        homes.apply(&inquiry("b"));
        homes.apply(&link("a", "b"));
        homes.deliver(0); // b agreed to a
        homes.apply(&link("b", "c"));
        homes.deliver(1); // c agreed to b
        homes.deliver(1); // b became a redirect
        homes.deliver_all();
        assert_eq!((homes.redirect("a"), homes.redirect("b"), homes.redirect("c")), (Some("b"), Some("c"), None));
        homes.has_inquiries("c", 2.0);
        homes.has_inquiries("b", 2.0);
        assert_eq!(homes.leads["c"].identity.aliases.to_vec(), ["a".into(), "b".into()]);
    }

    #[test]
    fn what_was_erased_meanwhile_does_not_return() {
        let mut homes = Homes::new();
        homes.apply(&inquiry("a"));
        homes.apply(&link("a", "b"));
        homes.deliver(0); // b agreed
        homes.deliver(0); // a became a redirect, and its facts are on their way
        let erased = Profile { kind: ProfileKind::Erased, ..Profile::default() };
        homes.apply(&event("erased", "b", Body::Profile(erased.into())));
        assert_eq!(homes.deliver(0), Applied::Erased);
        homes.deliver_all();
        for lead_id in ["a", "b"] {
            assert!(homes.leads[lead_id].facts.is_empty() && homes.leads[lead_id].identity.erased.is_some());
            assert_eq!(homes.redirect(lead_id), None);
        }
    }

    #[test]
    fn what_became_it_after_it_asked_is_agreed_to_before_it_becomes_a_redirect() {
        let mut homes = Homes::new();
        homes.apply(&inquiry("a"));
        homes.apply(&inquiry("x"));
        homes.apply(&link("a", "b")); // b is asked for a alone
        homes.apply(&link("x", "a"));
        homes.deliver(1); // a agreed to x
        homes.deliver(0); // b agreed to a
        homes.deliver_all();
        assert_eq!((homes.redirect("x"), homes.redirect("a"), homes.redirect("b")), (Some("a"), Some("b"), None));
        homes.has_inquiries("b", 2.0);
        assert_eq!(homes.leads["b"].identity.aliases.to_vec(), ["a".into(), "x".into()]);
    }

    /// A state with more other ids than the limit could be written, but not read again.
    #[test]
    fn a_lead_never_has_more_other_ids_than_allowed() {
        let mut homes = Homes::new();
        for other in 0..ALIASES_MAX - 1 {
            homes.apply(&link(&format!("b{other}"), "b"));
        }
        homes.deliver_all();
        homes.apply(&link("a", "b")); // with it, b has as many as allowed
        homes.apply(&link("x", "a"));
        homes.deliver(1); // a agreed to x
        homes.deliver(0); // b agreed to a
        homes.deliver(0); // x became a redirect, and its facts are on their way
        homes.deliver(0); // a asks for itself and x
        homes.deliver(0);
        let refused = homes.deliver(0);
        assert!(matches!(refused, Applied::Dead(dead) if dead.cause == DeadCause::AliasesMax));
        homes.deliver_all();
        assert_eq!((homes.redirect("x"), homes.redirect("a")), (Some("a"), None));
        assert_eq!(homes.leads["b"].identity.aliases.len(), ALIASES_MAX);
    }

    #[test]
    fn a_merge_that_nobody_agreed_to_is_a_dead_letter_where_there_is_no_room() {
        let mut lead = Lead::default();
        lead.identity.redirect = Some("c".into());
        lead.identity.aliases = (0..ALIASES_MAX).map(|other| format!("b{other:02}").into()).collect();
        let link = Link { from: "a".into(), to: "b".into(), aliases: Ids::new(), event_id: "e".into() };
        let merge = Message::Merge { link, merged: Box::default() };
        for _ in 0..2 {
            let applied = lead.receive(&model(), "b", &merge, AT, &mut Effects::default());
            assert!(matches!(applied, Applied::Dead(dead) if dead.cause == DeadCause::AliasesMax));
        }
        assert_eq!(lead.identity.aliases.len(), ALIASES_MAX);
    }

    #[test]
    fn a_repeated_link_is_no_circle() {
        let mut homes = Homes::new();
        homes.apply(&link("a", "b"));
        homes.deliver_all();
        assert_eq!(homes.apply(&link("a", "b")), Applied::Duplicate);
        assert!(matches!(homes.apply(&link("b", "a")), Applied::Dead(dead) if dead.cause == DeadCause::LinkCycle));
    }

    #[test]
    fn markers_go_after_400_days_and_keep_the_number_until_then() {
        let mut homes = Homes::new();
        homes.apply(&inquiry("a"));
        let erased = Profile { kind: ProfileKind::Erased, ..Profile::default() };
        homes.apply(&event("erased", "a", Body::Profile(erased.into())));
        let model = model();
        let lead = homes.leads.get_mut("a").expect("applied to");
        assert_eq!((lead.episode.number, lead.timer_ms()), (1, Some(AT.clock_ms + MARKER_MS)));
        lead.fire(&model, "a", AT.clock_ms + MARKER_MS, &mut Effects::default());
        assert!(lead.is_empty());
    }
}
