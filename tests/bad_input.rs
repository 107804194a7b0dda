//! Nonsense, mistakes and too much of everything, from the record's bytes on: a dead letter that names its cause, or a
//! result that is defined, and never more than a bounded amount of work.
//!
//! `BAD_INPUT_TIMERS=1000000` makes as many timers due at one moment; so many take minutes without optimization.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tsuikyaku::runtime::single::{Output, SingleRun};
use tsuikyaku::scoring::decision::DecisionType;
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::decode::{Decoder, Format};
use tsuikyaku::wire::limits::{EVENT_ID_BYTES_MAX, LEAD_ID_BYTES_MAX, RECORD_BYTES_MAX, TEXT_BYTES_MAX};

const MODEL: &str = include_str!("../deploy/models/b2b-saas.toml");
/// A Wednesday, 10:00 in Tokyo, ms since the epoch.
const START_MS: i64 = 1_775_005_200_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

fn model() -> Model {
    Model::parse(MODEL, "b2b-saas.toml").unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// One record: its topic, and what of its fields is not as usual. `wait` passes so many ms before it, and `length` is
/// that of its bytes, blanks at the end included.
fn record(kind: InputKind, what: &str, fields: Value) -> (InputKind, Value) {
    let mut value = json!({"kind": what});
    let (Value::Object(all), Value::Object(fields)) = (&mut value, fields) else { panic!("fields are an object") };
    all.extend(fields);
    (kind, value)
}

fn web(what: &str, fields: Value) -> (InputKind, Value) {
    record(InputKind::Web, what, fields)
}

fn mail(what: &str, fields: Value) -> (InputKind, Value) {
    record(InputKind::Mail, what, fields)
}

fn profile(what: &str, fields: Value) -> (InputKind, Value) {
    record(InputKind::Profile, what, fields)
}

fn attribute(name: &str, value: &str) -> (InputKind, Value) {
    profile("attributes_changed", json!({"attributes": {name: value}}))
}

fn link(from: &str, to: &str) -> (InputKind, Value) {
    profile("identity_linked", json!({"lead_id": from, "linked_lead_id": to}))
}

fn inquiry() -> (InputKind, Value) {
    web("form_submit", json!({"form_purpose": "inquiry"}))
}

/// Records as they come from a topic, a second apart.
struct Topic<'m> {
    run: SingleRun<'m>,
    decoder: Decoder,
    now_ms: i64,
    number: usize,
}

impl<'m> Topic<'m> {
    fn new(model: &'m Model) -> Topic<'m> {
        Topic { run: SingleRun::new(model), decoder: Decoder::default(), now_ms: START_MS, number: 0 }
    }

    /// What the record made happen: causes of dead letters, and decisions by kind and lane.
    fn take(&mut self, (kind, mut value): (InputKind, Value)) -> Vec<String> {
        self.number += 1;
        let fields = value.as_object_mut().expect("a record");
        let wait_ms = fields.remove("wait").and_then(|wait| wait.as_i64()).unwrap_or(1_000);
        let length = fields.remove("length").and_then(|length| length.as_u64()).unwrap_or(0) as usize;
        self.now_ms += wait_ms;
        fields.entry("event_id").or_insert_with(|| format!("e{}", self.number).into());
        fields.entry("lead_id").or_insert_with(|| "L1".into());
        fields.entry("occurred_at").or_insert_with(|| self.now_ms.into());
        let mut bytes = value.to_string().into_bytes();
        bytes.resize(bytes.len().max(length), b' ');
        let event = match self.decoder.decode(Format::Json, kind, Some(&bytes)) {
            Ok(event) => event,
            Err(dead) => return vec![format!("dead {}", dead.cause)],
        };
        let mut out = Vec::new();
        self.run.apply(&event, self.now_ms, &mut out);
        out.iter().filter_map(told).collect()
    }

    fn take_all(&mut self, records: &[(InputKind, Value)]) -> Vec<String> {
        records.iter().flat_map(|record| self.take(record.clone())).collect()
    }
}

fn told(output: &Output) -> Option<String> {
    match output {
        Output::Dead(dead) => Some(format!("dead {}", dead.cause)),
        Output::Snapshot(_) => None,
        Output::Decision(decision) => {
            let (lane, reason) = (decision.lane.as_str(), decision.reason.map_or("", |reason| reason.as_str()));
            Some(match decision.decision_type {
                DecisionType::Ready => format!("ready {lane} {}", decision.lead_id),
                DecisionType::Withdrawn => format!("withdrawn {reason} {}", decision.lead_id),
                DecisionType::Escalated => format!("escalated {reason} {}", decision.lead_id),
            })
        }
    }
}

#[track_caller]
fn check(records: &[(InputKind, Value)], expected: &[&str]) {
    let model = model();
    let found = Topic::new(&model).take_all(records);
    let shown: Vec<String> = records.iter().map(|(_, value)| value.to_string().chars().take(200).collect()).collect();
    assert_eq!(found, expected, "{shown:#?}");
}

/// A record with a field of that many bytes, at its limit and one above.
#[track_caller]
fn check_limit(bytes_max: usize, cause: &str, of: impl Fn(String) -> (InputKind, Value)) {
    check(&[of("x".repeat(bytes_max))], &[]);
    check(&[of("x".repeat(bytes_max + 1))], &[&format!("dead {cause}")]);
}

#[test]
fn what_is_too_long_is_refused_by_name() {
    check_limit(LEAD_ID_BYTES_MAX, "lead_id_too_long", |id| web("page_view", json!({"lead_id": id})));
    check_limit(LEAD_ID_BYTES_MAX, "lead_id_too_long", |id| link("L1", &id));
    check_limit(EVENT_ID_BYTES_MAX, "event_id_too_long", |id| web("page_view", json!({"event_id": id})));
    check_limit(TEXT_BYTES_MAX, "text_too_long", |text| web("page_view", json!({"account_id": text})));
    check_limit(TEXT_BYTES_MAX, "text_too_long", |text| web("page_view", json!({"topic": text})));
    check_limit(TEXT_BYTES_MAX, "text_too_long", |text| web("page_view", json!({"url": text})));
    check_limit(TEXT_BYTES_MAX, "text_too_long", |text| mail("sent", json!({"message_id": text})));
    check_limit(TEXT_BYTES_MAX, "text_too_long", |text| attribute("note", &text));
    check_limit(TEXT_BYTES_MAX, "text_too_long", |text| attribute(&text, "note"));
    check_limit(TEXT_BYTES_MAX, "text_too_long", |text| profile("bant_updated", json!({"bant_need": text})));
    check_limit(TEXT_BYTES_MAX, "text_too_long", |text| profile("owner_assigned", json!({"owner_id": text})));
    let outcome = |text: String| record(InputKind::Outcome, "rejected", json!({"decision_id": "d", "reason": text}));
    check_limit(TEXT_BYTES_MAX, "text_too_long", outcome);
    check(&[web("page_view", json!({"length": RECORD_BYTES_MAX}))], &[]);
    check(&[web("page_view", json!({"length": RECORD_BYTES_MAX + 1}))], &["dead record_too_long"]);
}

#[test]
fn what_is_missing_or_unknown_is_refused_by_name() {
    check(&[web("page_view", json!({"lead_id": ""}))], &["dead lead_id_missing"]);
    check(&[web("page_view", json!({"event_id": null}))], &["dead event_id_missing"]);
    check(&[web("teleported", json!({}))], &["dead unknown_kind"]);
    check(&[record(InputKind::Sns, "dm", json!({}))], &["dead direction_missing"]);
    check(&[profile("identity_linked", json!({}))], &["dead linked_lead_id_missing"]);
    check(&[profile("identity_linked", json!({"linked_lead_id": ""}))], &["dead linked_lead_id_missing"]);
}

#[test]
fn times_that_cannot_be_are_refused() {
    let undecodable = ["dead undecodable"];
    for time in [i64::MIN, -1, 0, 946_684_799_999, 4_102_444_800_001, i64::MAX] {
        check(&[web("page_view", json!({"occurred_at": time}))], &undecodable);
    }
    check(&[web("page_view", json!({"occurred_at": 946_684_800_000_i64}))], &[]);
    let ahead = |ms: i64| web("page_view", json!({"occurred_at": START_MS + 1_000 + ms}));
    check(&[ahead(5 * MINUTE_MS)], &[]);
    check(&[ahead(5 * MINUTE_MS + 1)], &["dead from_the_future"]);
    check(&[ahead(20 * 365 * DAY_MS)], &["dead from_the_future"]);
    for end in [i64::MIN, -1, 253_402_300_800_000, i64::MAX] {
        check(&[profile("consent_granted", json!({"channel": "mail", "expires_at": end}))], &undecodable);
    }
    for day in [i64::MIN, i64::from(i32::MIN), -1, 2_932_897, i64::from(i32::MAX), i64::MAX] {
        check(&[profile("bant_updated", json!({"bant_timeline": day}))], &undecodable);
    }
    // Far away is no mistake; what is over is not announced.
    check(&[inquiry(), profile("bant_updated", json!({"bant_timeline": 2_932_896}))], &["ready instant L1"]);
    check(&[profile("bant_updated", json!({"bant_timeline": 0}))], &[]);
}

/// An attribute that says nothing is as good as none: what follows for a year is the same.
#[test]
fn values_that_mean_nothing_are_as_none() {
    let model = model();
    let year = |odd: Option<(InputKind, Value)>| {
        let mut topic = Topic::new(&model);
        let purchase = record(InputKind::Commerce, "purchase", json!({}));
        let consent = profile("consent_granted", json!({"channel": "mail", "purpose": "marketing"}));
        let known = attribute("company", "Aozora");
        topic.take_all(&odd.into_iter().chain([known, consent, purchase]).collect::<Vec<_>>());
        topic.now_ms = START_MS + 10_000;
        let mut found = topic.take(inquiry());
        let mut out = Vec::new();
        topic.run.advance(START_MS + 365 * DAY_MS, &mut out);
        let windows = out.iter().filter_map(|output| match output {
            Output::Decision(decision) => Some(format!("{:?} {:?}", decision.as_of_ms, decision.window)),
            _ => None,
        });
        found.extend(windows);
        found
    };
    let usual = year(None);
    assert!(usual.len() > 4, "{usual:?}");
    let zones = ["Mars/Olympus", "", " ", "UTC+99", "../../etc/passwd", "Asia/Tokyo\u{0}"];
    let months = ["0", "13", "-1", "256", "May", "", "5.0"];
    let odd = zones.map(|zone| ("time_zone", zone)).into_iter().chain(months.map(|month| ("birth_month", month)));
    for (name, value) in odd {
        assert_eq!(year(Some(attribute(name, value))), usual, "{name}={value:?}");
    }
    for channel in ["web", "purchase", "carrier_pigeon"] {
        let consent = profile("consent_revoked", json!({"channel": channel, "purpose": "marketing"}));
        assert_eq!(year(Some(consent)), usual, "{channel}");
    }
    assert_ne!(year(Some(attribute("time_zone", "America/New_York"))), usual, "a zone that exists says something");
}

#[test]
fn links_that_lead_nowhere() {
    let cycle = "dead link_cycle";
    check(&[link("L1", "L1")], &[cycle]);
    check(&[link("A", "B"), link("B", "A")], &[cycle]);
    check(&[link("A", "B"), link("B", "C"), link("C", "A")], &[cycle]);
    let chain = |count: usize| (0..count).map(|hop| link(&format!("L{hop}"), &format!("L{}", hop + 1)));
    let from_first = web("form_submit", json!({"lead_id": "L0", "form_purpose": "inquiry"}));
    let through = |count: usize| chain(count).chain([from_first.clone()]).collect::<Vec<_>>();
    check(&through(8), &["ready instant L8"]);
    // From the ninth on nothing arrives, and a link in front of the eighth is refused.
    check(&through(9), &[cycle]);
    let in_front = [link("X", "L0"), web("form_submit", json!({"lead_id": "X", "form_purpose": "inquiry"}))];
    check(&chain(8).chain(in_front).collect::<Vec<_>>(), &[cycle, "ready instant X"]);
    // Who was erased may begin anew, also as somebody else.
    let erased = profile("erased", json!({"lead_id": "B"}));
    check(&[erased, link("A", "B"), from_first], &["ready instant L0"]);
}

#[test]
fn thirty_two_aliases_are_taken_and_no_more() {
    let links = |count: usize| (0..count).map(|number| link(&format!("{number:03}{}", "a".repeat(253)), "L1"));
    check(&links(32).collect::<Vec<_>>(), &[]);
    check(&links(33).collect::<Vec<_>>(), &["dead aliases_max"]);
    // A link that is told again by another event closes no circle and is none more.
    check(&links(32).chain(links(1)).collect::<Vec<_>>(), &[]);
}

#[test]
fn outcomes_of_nothing_change_nothing() {
    for what in ["accepted", "rejected", "contacted", "responded", "meeting_set", "won", "lost", "ignored"] {
        for decision_id in ["", "00", "0123456789abcdef0123456789abcdef", "ゼロ"] {
            let outcome = || record(InputKind::Outcome, what, json!({"decision_id": decision_id}));
            let escalated = web("page_view", json!({"wait": 61 * MINUTE_MS}));
            check(&[outcome(), inquiry(), outcome(), escalated], &["ready instant L1", "escalated breach L1"]);
        }
    }
}

/// What came out, and the score, whichever of two records is first; both occurred when they did.
#[track_caller]
fn check_both_orders(first: (InputKind, Value), second: (InputKind, Value)) -> (f64, String) {
    let model = model();
    let at = |(kind, mut value): (InputKind, Value), id: &str, at_ms: i64| {
        value["occurred_at"] = at_ms.into();
        value["event_id"] = id.into();
        (kind, value)
    };
    let both = [at(first, "first", START_MS), at(second, "second", START_MS + 600)];
    let score = |records: Vec<(InputKind, Value)>| {
        let mut topic = Topic::new(&model);
        assert_eq!(topic.take_all(&records), [""; 0]);
        topic.run.advance(START_MS + DAY_MS, &mut Vec::new());
        topic.run.view("L1").score
    };
    let (told, backwards) = (score(both.to_vec()), score(both.into_iter().rev().collect()));
    assert_eq!(told, backwards);
    (told.pressure, told.stage.as_str().to_owned())
}

#[test]
fn effects_before_their_causes() {
    let order = |what: &str| record(InputKind::Commerce, what, json!({"order_id": "o1"}));
    assert_eq!(check_both_orders(order("purchase"), order("refund")).1, "prospect");
    let other = record(InputKind::Commerce, "refund", json!({"order_id": "o2"}));
    assert_eq!(check_both_orders(order("purchase"), other).1, "new");
    let touch = || mail("sent", json!({"message_id": "m1", "purpose": "marketing"}));
    let answered = check_both_orders(touch(), mail("clicked", json!({"message_id": "m1"}))).0;
    let unanswered = check_both_orders(touch(), mail("clicked", json!({"message_id": "m2"}))).0;
    assert!((answered - unanswered / 2.0).abs() < 2e-6, "{answered} of {unanswered}");
}

/// Rules and topics of a model file, at their limits and one above.
#[test]
fn models_above_the_limits_do_not_load() {
    let (before, rest) = MODEL.split_once("rules = [\n").expect("rules of engagement");
    let (rules, after) = rest.split_once("\n]\n").expect("the list ends");
    let ruled = |count: usize| {
        let more = (rules.lines().filter(|line| line.contains("{ id")).count()..count)
            .map(|number| format!("  {{ id = \"own.{number}\", on = \"web.page_view\", points = 1 }},\n"));
        format!("{before}rules = [\n{rules}\n{}]\n{after}", more.collect::<String>())
    };
    let topics = |count: usize| {
        let at = MODEL.find("[[topics]]").expect("topics");
        let more = (2..count).map(|number| format!("[[topics]]\nid = \"own{number}\"\n"));
        format!("{}{}{}", &MODEL[..at], more.collect::<String>(), &MODEL[at..])
    };
    let check = |text: &str, refused: Option<&str>| match (Model::parse(text, "own.toml"), refused) {
        (Ok(_), None) => {}
        (Err(errors), Some(limit)) => {
            assert!(errors.iter().any(|error| error.to_string().contains(limit)), "{errors:?}");
        }
        (Ok(_), Some(limit)) => panic!("loaded above {limit}"),
        (Err(errors), None) => panic!("{errors:?}"),
    };
    check(&ruled(512), None);
    check(&ruled(513), Some("512"));
    check(&topics(16), None);
    check(&topics(17), Some("16"));
}

/// One lead a timer, all due at the same moment: each fires once, in the order of their ids.
#[test]
fn timers_due_at_one_moment_fire_once_each() {
    let count = std::env::var("BAD_INPUT_TIMERS").ok().and_then(|count| count.parse().ok()).unwrap_or(2_000);
    let model = model();
    let mut topic = Topic::new(&model);
    for number in 0..count {
        let fields = json!({"lead_id": format!("{number:08}"), "form_purpose": "inquiry", "wait": 0});
        let out = topic.take(web("form_submit", fields));
        assert_eq!(out.len(), 1, "{out:?}");
    }
    let begun = std::time::Instant::now();
    let mut out = Vec::new();
    topic.run.advance(START_MS + 59 * MINUTE_MS, &mut out);
    assert!(out.is_empty(), "{} too early", out.len());
    topic.run.advance(START_MS + 60 * MINUTE_MS, &mut out);
    println!("{count} timers of one moment in {:?}", begun.elapsed());
    let told: Vec<String> = out.iter().filter_map(told).collect();
    let expected: Vec<String> = (0..count).map(|number| format!("escalated breach {number:08}")).collect();
    assert!(told == expected, "{} of {count}", told.len());
    let mut causes = BTreeMap::new();
    topic.run.advance(START_MS + 25 * 60 * MINUTE_MS, &mut out);
    out.iter().skip(count).filter_map(self::told).for_each(|told| {
        let (what, _) = told.rsplit_once(' ').expect("a lead");
        *causes.entry(what.to_owned()).or_insert(0) += 1;
    });
    assert_eq!(causes, BTreeMap::from([("escalated abandoned".to_owned(), count)]));
}
