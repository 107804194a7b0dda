//! However much comes of one lead, its state stays small, and what is too much is refused by name.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tsuikyaku::runtime::single::{Output, SingleRun};
use tsuikyaku::scoring::event::{Body, Event, FormPurpose, PageClass, Profile, ProfileKind, Web, WebKind};
use tsuikyaku::scoring::facts::Facts;
use tsuikyaku::scoring::lead::STATE_BYTES_MAX;
use tsuikyaku::scoring::meaning::Meaning;
use tsuikyaku::scoring::model::{Model, RULES_MAX, TOPICS_MAX};
use tsuikyaku::wire::state;

use crate::streams::{DAY_MS, START_MS};
use crate::worst::worst_lead;
use crate::{MODEL, cases};

fn event(number: usize, lead_id: &str, at_ms: i64, body: Body<'static>) -> Event<'static> {
    Event {
        event_id: format!("e{number}").into(),
        lead_id: lead_id.to_string().into(),
        occurred_at_ms: at_ms,
        account_id: None,
        topic: None,
        machine: false,
        body,
    }
}

fn state_bytes(run: &SingleRun<'_>, lead_id: &str) -> usize {
    let mut bytes = Vec::new();
    run.leads().filter(|(id, _)| *id == lead_id).for_each(|(_, lead)| state::encode(lead, &mut bytes));
    bytes.len()
}

fn link(number: usize, from: &str, to: &str) -> Event<'static> {
    let linked_lead_id = Some(to.to_string().into());
    let profile = Profile { kind: ProfileKind::IdentityLinked, linked_lead_id, ..Profile::default() };
    event(number, from, START_MS, Body::Profile(profile.into()))
}

/// `STORM_EVENTS=100000` makes it as many.
#[test]
fn a_storm_of_one_lead_in_one_second_grows_nothing() {
    let mut run = SingleRun::new(&MODEL);
    let mut out = Vec::new();
    let view = || Body::Web(Web { kind: WebKind::PageView, ..Web::default() });
    let mut sizes = Vec::new();
    let count = std::env::var("STORM_EVENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(6_000);
    for number in 0..count {
        let at_ms = START_MS + (number * 1_000 / count) as i64;
        run.apply(&event(number, "L1", at_ms, view()), at_ms, &mut out);
        if (number + 1) % (count / 3) == 0 {
            sizes.push(state_bytes(&run, "L1"));
        }
    }
    // Ids of the newest 1,024 are all that grows with the count; sums grow by a digit at most.
    assert!(sizes[0] < 16_000 && sizes.windows(2).all(|pair| pair[1] <= pair[0] + 16), "{sizes:?}");
    let snapshots = out.iter().filter(|output| matches!(output, Output::Snapshot(_))).count();
    assert!(snapshots < 10, "{snapshots} snapshots");
}

#[test]
fn ten_thousand_ids_of_one_person_are_thirty_two() {
    let mut run = SingleRun::new(&MODEL);
    let mut causes = BTreeMap::new();
    for number in 0..10_000 {
        let mut out = Vec::new();
        run.apply(&link(number, &format!("anon:{number}"), "L1"), START_MS, &mut out);
        for output in &out {
            if let Output::Dead(dead) = output {
                *causes.entry(dead.cause.as_str()).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(causes, BTreeMap::from([("aliases_max", 10_000 - 32)]));
    assert!(state_bytes(&run, "L1") < 1_000);
}

fn weighed(model: &Model) -> usize {
    let mut bytes = Vec::new();
    state::encode(&worst_lead(model), &mut bytes);
    bytes.len()
}

#[test]
fn the_worst_lead_is_bounded() {
    let bytes = weighed(&MODEL);
    assert!((24_000..=STATE_BYTES_MAX).contains(&bytes), "{bytes} bytes");
}

/// As many rules and topics as a model may have, and a lead that met all of them.
#[test]
fn the_worst_lead_of_the_largest_model_is_bounded() {
    for limit in ["every", "daily", "once"] {
        let bytes = weighed(&largest_model(limit));
        assert!((20_000..=STATE_BYTES_MAX).contains(&bytes), "{limit}: {bytes} bytes");
    }
}

proptest! {
    #![proptest_config(cases(60))]

    /// So many rules that each keeps a part only.
    #[test]
    fn what_many_rules_keep_is_free_of_order(
        acts in prop::collection::vec((0..15_usize, 0..9_usize, 0..8_usize, 0..1200_i64), 100..400),
        limit in prop::sample::select(vec!["every", "daily"]),
        split in any::<prop::sample::Index>(),
    ) {
        let model = largest_model(limit);
        let facts_of = |acts: &mut dyn Iterator<Item = &(usize, usize, usize, i64)>| {
            let mut facts = Facts::default();
            for (kind, page, form, day) in acts {
                let (page_class, form_purpose) = (PageClass::ALL[*page], FormPurpose::ALL[*form]);
                let web = Web { kind: WebKind::ALL[*kind], page_class, form_purpose, content_kind: None };
                let event = event(0, "L1", START_MS + day * DAY_MS, Body::Web(web));
                facts.apply(&model, &event, &Meaning::of(&model, &event));
            }
            facts
        };
        let whole = facts_of(&mut acts.iter());
        prop_assert_eq!(&whole, &facts_of(&mut acts.iter().rev()));
        let (first, second) = acts.split_at(split.index(acts.len()));
        let (mut merged, second) = (facts_of(&mut first.iter()), facts_of(&mut second.iter()));
        merged.merge(&second);
        prop_assert_eq!(&whole, &merged);
        prop_assert!(whole.weight_bytes() < 13 * 1024, "{} bytes", whole.weight_bytes());
    }
}

/// Debug builds compare each reading with one from nothing.
#[test]
fn a_rule_too_many_changes_what_others_keep() {
    let model = largest_model("every");
    let (mut run, mut out) = (SingleRun::new(&model), Vec::new());
    for number in 0..80 {
        for day in [0, 200, 400, 560] {
            let (page_class, form_purpose) = (PageClass::ALL[number % 9], FormPurpose::ALL[number / 9 % 8]);
            let web = Web { kind: WebKind::ALL[number / 72], page_class, form_purpose, content_kind: None };
            let at_ms = START_MS + day * DAY_MS;
            run.apply(
                &event(number * 1_000 + day as usize, "L1", at_ms, Body::Web(web)),
                START_MS + 570 * DAY_MS,
                &mut out,
            );
        }
    }
    let (_, lead) = run.leads().next().expect("one");
    assert_eq!(lead.facts.rules.len(), 80);
    assert!(lead.facts.weight_bytes() < 11 * 1024, "{} bytes", lead.facts.weight_bytes());
}

/// The default model with 512 rules, each of its own, and 16 topics.
fn largest_model(limit: &str) -> Model {
    let text = include_str!("../../deploy/models/b2b-saas.toml");
    let (before, rest) = text.split_once("rules = [").expect("rules of engagement come first");
    let (_, after) = rest.split_once("\n]\n").expect("the list ends");
    let fields = |page: usize, form: usize| {
        let (page, form) = (PageClass::ALL[page].as_str(), FormPurpose::ALL[form].as_str());
        format!("where = {{ page_class = [\"{page}\"], form_purpose = [\"{form}\"] }}")
    };
    let kinds = WebKind::ALL.iter().flat_map(|kind| (0..72).map(move |which| (kind, which)));
    let rules = kinds.take(RULES_MAX).enumerate().map(|(number, (kind, which))| {
        let (kind, fields) = (kind.as_str(), fields(which / 8, which % 8));
        format!("{{ id = \"r{number}\", on = \"web.{kind}\", {fields}, points = 40, limit = \"{limit}\", marks = [\"contact\"] }},\n")
    });
    let (topics, targets) = (after.find("[[topics]]").expect("topics"), after.find("[targets]"));
    let targets = targets.filter(|at| *at > topics).map_or("", |at| &after[at..]);
    let declared = (0..TOPICS_MAX).map(|number| format!("[[topics]]\nid = \"t{number}\"\n"));
    let text = format!(
        "{before}rules = [\n{}]\n{}{}{targets}",
        rules.collect::<String>(),
        &after[..topics],
        declared.collect::<String>()
    );
    Model::parse(&text, "the largest").unwrap_or_else(|errors| panic!("{errors:?}"))
}
