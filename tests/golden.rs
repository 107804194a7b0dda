//! Reading agrees with vectors that a second implementation computed, step by step, to 10⁻⁹.

use serde_json::Value;
use tsuikyaku::scoring::epoch_sum::{EpochSum, EpochTime};
use tsuikyaku::scoring::event::{
    Body, Commerce, CommerceKind, Contact, ContactKind, Direction, Event, Mail, MailKind, PageClass, Sns, SnsKind, Web,
    WebKind,
};
use tsuikyaku::scoring::facts::Facts;
use tsuikyaku::scoring::meaning::Meaning;
use tsuikyaku::scoring::model::Model;
use tsuikyaku::scoring::stage::alive;

const DAY_MS: i64 = 86_400_000;
const GOLDEN: &str = include_str!("golden/reading.json");

/// The default model with rules that give each vector's points: the vectors know no limits.
fn golden_model() -> Model {
    let text = include_str!("../deploy/models/b2b-saas.toml");
    let (before, rest) = text.split_once("rules = [").expect("rules of engagement come first");
    let (_, after) = rest.split_once("\n]\n").expect("the list ends");
    let rules = r#"rules = [
  { id = "w1", on = "web.page_view", where = { page_class = ["home"] }, points = 1, marks = ["contact"] },
  { id = "w4", on = "web.page_view", where = { page_class = ["pricing"] }, points = 4, marks = ["contact"] },
  { id = "w10", on = "web.page_view", where = { page_class = ["product"] }, points = 10, marks = ["contact"] },
  { id = "w30", on = "web.page_view", where = { page_class = ["blog"] }, points = 30, marks = ["contact"] },
  { id = "sent", on = "mail.sent", points = 0, marks = ["touch"] },
  { id = "m4", on = "mail.clicked", points = 4, marks = ["contact"] },
  { id = "m12", on = "mail.replied", points = 12, marks = ["contact", "answer"] },
  { id = "s5", on = "sns.follow", points = 5, marks = ["contact"] },
  { id = "visit", on = "contact.visit", points = 0, marks = ["touch"] },
  { id = "p20", on = "contact.meeting", points = 20, marks = ["contact"] },
  { id = "b15", on = "commerce.purchase", points = 15, marks = ["contact"] },
]
"#;
    Model::parse(&format!("{before}{rules}{after}"), "golden").expect("the rules are sound")
}

fn body(step: &Value) -> Body<'static> {
    let points = step["w"].as_i64().expect("points are whole");
    let page = |page_class| Body::Web(Web { kind: WebKind::PageView, page_class, ..Web::default() });
    // Each mail has its own time as id; a reply names the touch it answers.
    let mail =
        |kind, sent_at: &Value| Body::Mail(Mail { kind, message_id: sent_at.to_string().into(), ..Mail::default() });
    match (step["ch"].as_str().expect("a channel"), step["dir"] == "out", points) {
        ("web", _, 1) => page(PageClass::Home),
        ("web", _, 4) => page(PageClass::Pricing),
        ("web", _, 10) => page(PageClass::Product),
        ("web", _, 30) => page(PageClass::Blog),
        ("mail", true, _) => mail(MailKind::Sent, &step["t"]),
        ("mail", _, 4) => mail(MailKind::Clicked, &Value::Null),
        ("mail", _, 12) => mail(MailKind::Replied, &step["touch_t"]),
        ("sns", _, 5) => Body::Sns(Sns { kind: SnsKind::Follow, direction: Direction::Inbound, ..Sns::default() }),
        ("person", true, _) => Body::Contact(Contact { kind: ContactKind::Visit, ..Contact::default() }),
        ("person", _, 20) => Body::Contact(Contact { kind: ContactKind::Meeting, ..Contact::default() }),
        ("purchase", _, 15) => Body::Commerce(Commerce { kind: CommerceKind::Purchase, ..Commerce::default() }),
        other => panic!("no event for {other:?}"),
    }
}

/// The vectors round forgiveness like points; the model takes it back exactly, on read. What that rounding left.
fn rounding_of_forgiveness(touch_at: Option<i64>, at: i64) -> f64 {
    let Some(touch_at) = touch_at else { return 0.0 };
    let half_life = 14 * DAY_MS;
    let mut kept = EpochSum::default();
    kept.add(0.5, touch_at, half_life);
    kept.value(EpochTime::new(at, half_life)) - 0.5 * 2_f64.powf(-((at - touch_at) as f64) / half_life as f64)
}

fn check(facts: &Facts, model: &Model, expected: &Value, at: i64, answered: Option<i64>) {
    let parts = facts.parts(model, at);
    let value = |name: &str| expected[name].as_f64().expect(name);
    let pressure = value("P") + rounding_of_forgiveness(answered, at);
    let affinity = value("A") * ((value("P") - pressure) / 20.0).exp();
    let readiness = value("R") + 30.0 * (affinity - value("A"));
    let pairs = [
        ("S", parts.engagement, value("S")),
        ("E", parts.exposure, value("E")),
        ("P", parts.pressure, pressure),
        ("A", parts.affinity, affinity),
        ("R", parts.readiness, readiness),
    ];
    for (name, found, expected) in pairs {
        assert!((found - expected).abs() <= 1e-9, "{name} at {at}: {found} is not {expected}");
    }
}

#[test]
fn every_step_and_all_that_follows_agree() {
    let model = golden_model();
    let golden: Value = serde_json::from_str(GOLDEN).expect("the vectors are JSON");
    let (mut facts, mut answered) = (Facts::default(), None);
    for (number, step) in golden["steps"].as_array().expect("steps").iter().enumerate() {
        let at = step["event"]["t"].as_i64().expect("a time");
        let event = Event {
            event_id: number.to_string().into(),
            lead_id: "L1".into(),
            occurred_at_ms: at,
            account_id: None,
            topic: None,
            machine: false,
            body: body(&step["event"]),
        };
        facts.apply(&model, &event, &Meaning::of(&model, &event));
        answered = step["event"]["touch_t"].as_i64().or(answered);
        check(&facts, &model, step, at, answered);
    }
    for later in golden["later"].as_array().expect("later") {
        check(&facts, &model, later, later["t"].as_i64().expect("a time"), answered);
    }
}

#[test]
fn the_chance_to_be_alive_agrees() {
    let model = golden_model();
    let golden: Value = serde_json::from_str(GOLDEN).expect("the vectors are JSON");
    for case in golden["palive"].as_array().expect("cases") {
        let value = |name: &str| case[name].as_f64().expect(name);
        let found = alive(&model.stages.alive, value("x"), value("tx"), value("T"));
        assert!((found - value("p")).abs() < 1e-9, "{case}: {found}");
    }
}
