//! The greatest lead that we could think of, made by events alone: every list at its limit, every text as long as a
//! record may carry it, every sum with all of its epochs. Tests bound it, a bench weighs it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use tsuikyaku::runtime::single::SingleRun;
use tsuikyaku::scoring::epoch_sum::EPOCHS_BEFORE_TOP;
use tsuikyaku::scoring::event::*;
use tsuikyaku::scoring::facts::Facts;
use tsuikyaku::scoring::lead::Lead;
use tsuikyaku::scoring::meaning::Meaning;
use tsuikyaku::scoring::model::{Limit, Mark, Model, Rule};
use tsuikyaku::wire::limits::{LEAD_ID_BYTES_MAX, TEXT_BYTES_MAX};

type Text = Cow<'static, str>;

const DAY_MS: i64 = 86_400_000;
/// The newest event, ms since the epoch: at the end of the longest half-life, so that sums are as great as can be.
const END_MS: i64 = 230 * 90 * DAY_MS - 1;
const LEAD: &str = "L1";
/// Points of one epoch from which on its mass takes five bytes.
const LARGE_POINTS: f64 = 70.0;

/// The worst lead under a model, made from some 20,000 events.
pub fn worst_lead(model: &Model) -> Lead {
    let mut history = History { model, facts: Facts::default(), number: 0 };
    history.fill_sums();
    history.fill_calendars();
    history.fill_sets();
    history.fill_profile();
    // Deciding at each of those events would take minutes where the model has many rules, and weighs nothing.
    let lead = Lead { facts: history.facts, ..Lead::default() };
    let mut run = SingleRun::resumed(model, END_MS, [(LEAD.into(), lead)]);
    link_aliases(&mut run);
    fill_seen(&mut run);
    let (_, lead) = run.leads().find(|(id, _)| *id == LEAD).expect("it was written to");
    lead.clone()
}

/// Events as the Facts of a lead take them.
struct History<'m> {
    model: &'m Model,
    facts: Facts,
    number: u64,
}

impl History<'_> {
    fn tell(&mut self, occurred_at_ms: i64, topic: Option<&str>, body: Body<'static>) {
        self.number += 1;
        let event = Event {
            event_id: format!("e{}", self.number).into(),
            lead_id: LEAD.into(),
            occurred_at_ms,
            account_id: Some(text('a', TEXT_BYTES_MAX)),
            topic: topic.map(|topic| topic.to_owned().into()),
            machine: false,
            body,
        };
        self.facts.apply(self.model, &event, &Meaning::of(self.model, &event));
    }

    /// Every sum of every rule and topic, in each of its epochs.
    fn fill_sums(&mut self) {
        let topics: Vec<Box<str>> = self.model.topics.iter().map(|topic| topic.id.clone()).collect();
        for (rule, body) in one_body_a_rule(self.model) {
            let half_life_ms = self.model.channels[rule.channel].half_life_ms;
            let adds_up = rule.limit == Limit::Every && rule.points != 0.0;
            let times = if adds_up { LARGE_POINTS / rule.points.abs() } else { 0.0 };
            for (epoch, time) in (0..=EPOCHS_BEFORE_TOP as i64).flat_map(|e| (0..=times as i64).map(move |t| (e, t))) {
                self.tell(END_MS - epoch * half_life_ms - time, None, body.clone());
            }
        }
        let found = one_body_a_rule(self.model).into_iter().find(|(rule, _)| rule.points >= 10.0);
        let (rule, body) = found.expect("a rule has points");
        let (half_life_ms, times) = (self.model.readiness.topic_half_life_ms, (LARGE_POINTS / rule.points) as i64);
        for topic in &topics {
            for (epoch, time) in (0..=EPOCHS_BEFORE_TOP as i64).flat_map(|e| (0..=times).map(move |t| (e, t))) {
                self.tell(END_MS - epoch * half_life_ms - time, Some(topic), body.clone());
            }
        }
    }

    /// The first and the last day of every calendar, and a month of touches.
    fn fill_calendars(&mut self) {
        for (rule, body) in one_body_a_rule(self.model) {
            let touched = if rule.marks.has(Mark::Touch) { 31 } else { 1 };
            (0..touched).chain([511]).for_each(|day| self.tell(END_MS - day * DAY_MS, None, body.clone()));
        }
    }

    /// Orders, refunds, touches, answers, and the moments that are few.
    fn fill_sets(&mut self) {
        for number in 0..140 {
            for kind in [CommerceKind::Purchase, CommerceKind::Refund] {
                let order_id = Some(format!("o{number}").into());
                self.tell(END_MS - number, None, Body::Commerce(Commerce { kind, order_id, ..Commerce::default() }));
            }
        }
        for number in 0..20 {
            for kind in [MailKind::Sent, MailKind::Clicked] {
                let message_id = format!("m{number}").into();
                self.tell(END_MS - number, None, Body::Mail(Mail { kind, message_id, ..Mail::default() }));
            }
        }
        for kind in ContactKind::ALL {
            self.tell(END_MS - DAY_MS, None, Body::Contact(Contact { kind: *kind, ..Contact::default() }));
        }
        for hour in 0..24 {
            let search = Web { kind: WebKind::SiteSearch, ..Web::default() };
            self.tell(END_MS - hour * 3_600_000, None, Body::Web(search));
        }
    }

    fn fill_profile(&mut self) {
        for name in 0..40 {
            let attributes =
                BTreeMap::from([(text_of(format!("{name:02}"), 'n', TEXT_BYTES_MAX), Some(text('v', TEXT_BYTES_MAX)))]);
            let kind = ProfileKind::AttributesChanged;
            self.tell(END_MS - 1, None, Body::Profile(Box::new(Profile { kind, attributes, ..Profile::default() })));
        }
        for channel in ChannelSymbol::ALL {
            for purpose in Purpose::ALL {
                let (kind, channel, purpose) = (ProfileKind::ConsentGranted, *channel, *purpose);
                let expires_at_ms = Some(END_MS + 100 * DAY_MS);
                let consent = Profile { kind, channel, purpose, expires_at_ms, ..Profile::default() };
                self.tell(END_MS - DAY_MS, None, Body::Profile(consent.into()));
            }
        }
        let long = || Some(text('x', TEXT_BYTES_MAX));
        for kind in [ProfileKind::BantUpdated, ProfileKind::OwnerAssigned] {
            let profile = Profile {
                kind,
                owner_id: long(),
                owner_role: long(),
                bant_budget: long(),
                bant_authority: long(),
                bant_need: long(),
                bant_timeline: Some(21_000),
                ..Profile::default()
            };
            self.tell(END_MS - 1, None, Body::Profile(profile.into()));
        }
    }
}

/// As many events as are remembered, as old as they may be.
fn fill_seen(run: &mut SingleRun<'_>) {
    for number in 0..1_100 {
        let body = Body::Mail(Mail { kind: MailKind::Opened, ..Mail::default() });
        let event = Event { machine: true, ..event(format!("s{number}").into(), LEAD.into(), body) };
        let appended_at_ms = if number == 1_099 { END_MS + 47 * 3_600_000 } else { END_MS };
        run.apply(&event, appended_at_ms, &mut Vec::new());
    }
}

/// As many other ids of the same person as there may be, and one that it turns out to be itself.
fn link_aliases(run: &mut SingleRun<'_>) {
    let long = |number: i32| text_of(format!("{number:02}"), 'i', LEAD_ID_BYTES_MAX);
    let pairs = (0..33).map(|number| (long(number), Text::from(LEAD))).chain([(LEAD.into(), long(99))]);
    for (number, (lead_id, linked)) in pairs.enumerate() {
        let kind = ProfileKind::IdentityLinked;
        let linked = Profile { kind, linked_lead_id: Some(linked), ..Profile::default() };
        run.apply(&event(format!("l{number}").into(), lead_id, Body::Profile(linked.into())), END_MS, &mut Vec::new());
    }
}

fn event(event_id: Text, lead_id: Text, body: Body<'static>) -> Event<'static> {
    Event { event_id, lead_id, occurred_at_ms: END_MS, account_id: None, topic: None, machine: false, body }
}

fn text(letter: char, bytes: usize) -> Text {
    text_of(String::new(), letter, bytes)
}

fn text_of(beginning: String, letter: char, bytes: usize) -> Text {
    let rest = letter.to_string().repeat(bytes - beginning.len());
    (beginning + &rest).into()
}

/// An event for each rule that any of the kinds meets.
fn one_body_a_rule(model: &Model) -> Vec<(&Rule, Body<'static>)> {
    let mut met = BTreeSet::new();
    let mut found = Vec::new();
    for body in bodies() {
        let event = event("e".into(), LEAD.into(), body);
        let rule = Meaning::of(model, &event).rule;
        found.extend(rule.filter(|rule| met.insert(rule.key)).map(|rule| (rule, event.body.clone())));
    }
    found
}

/// Events of every kind with every symbol that rules can ask for.
fn bodies() -> Vec<Body<'static>> {
    let mut bodies = Vec::new();
    for kind in WebKind::ALL {
        for (page_class, form_purpose) in
            PageClass::ALL.iter().flat_map(|page| FormPurpose::ALL.iter().map(move |form| (*page, *form)))
        {
            bodies.push(Body::Web(Web { kind: *kind, page_class, form_purpose, content_kind: None }));
        }
    }
    for (kind, purpose) in MailKind::ALL.iter().flat_map(|kind| Purpose::ALL.iter().map(move |p| (*kind, *p))) {
        bodies.push(Body::Mail(Mail { kind, purpose, message_id: "m".into(), content_kind: None }));
    }
    let both = [Direction::Inbound, Direction::Outbound];
    for (kind, direction) in SnsKind::ALL.iter().flat_map(|kind| both.map(|direction| (*kind, direction))) {
        for network in Network::ALL {
            bodies.push(Body::Sns(Sns { kind, network: *network, direction, thread_id: Some("t".into()) }));
        }
    }
    for (kind, direction) in ContactKind::ALL.iter().flat_map(|kind| both.map(|direction| (*kind, direction))) {
        bodies.push(Body::Contact(Contact { kind, direction, decision_id: Some("d".into()) }));
    }
    for kind in CommerceKind::ALL {
        bodies.push(Body::Commerce(Commerce { kind: *kind, order_id: None, reason: None }));
    }
    bodies
}
