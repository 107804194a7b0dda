//! Decisions and scores as stories write them.

use tsuikyaku::runtime::single::Output;
use tsuikyaku::scoring::decision::{Decision, DecisionType};
use tsuikyaku::scoring::headline::Headline;
use tsuikyaku::scoring::lead::View;

use super::time::{Zone, duration};

/// The line of an output with every field; none for a snapshot.
pub fn line(output: &Output, zone: &Zone) -> Option<String> {
    match output {
        Output::Decision(decision) => Some(decision_line(decision, zone)),
        Output::Dead(dead) => Some(format!("DEAD {}", dead.cause.as_str())),
        Output::Snapshot(_) => None,
    }
}

/// What sales people read; nothing of a dead letter.
pub fn headline(output: &Output) -> Headline {
    match output {
        Output::Decision(decision) => decision.headline.clone(),
        Output::Dead(_) | Output::Snapshot(_) => Headline::default(),
    }
}

fn decision_line(decision: &Decision, zone: &Zone) -> String {
    let (lane, lead) = (decision.lane.as_str(), &decision.lead_id);
    let reason = decision.reason.map_or("", |reason| reason.as_str());
    let head = match decision.decision_type {
        DecisionType::Ready => format!("READY {lane} {lead}"),
        DecisionType::Withdrawn => format!("WITHDRAWN {lane} {reason} {lead}"),
        DecisionType::Escalated => format!("ESCALATED {reason} {lead}"),
    };
    let since = |at_ms: i64| format!("+{}s", (at_ms - decision.as_of_ms) / 1000);
    let mut fields = vec![
        ("at", zone.show(decision.as_of_ms)),
        ("channel", decision.recommended_channel.as_str().into()),
        ("due", since(decision.due_at_ms)),
        ("expires", since(decision.expires_at_ms)),
        ("grade", decision.score.grade.to_string()),
        ("stage", decision.score.stage.as_str().into()),
        ("R", format!("{:.2}", decision.score.readiness)),
        ("before", format!("{:.2}", decision.readiness_before)),
    ];
    fields.extend(decision.content.map(|content| ("content", content.to_string())));
    fields.extend(decision.consent.map(|consent| ("consent", consent.to_string())));
    fields.extend(decision.window.map(|window| ("window", zone.show(window.start_ms))));
    fields.extend(decision.owner_id.as_ref().map(|owner| ("owner", owner.to_string())));
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{head} {}", fields.join(" "))
}

/// The line as the story tells it: the same fields in the same order, durations in the same words where they agree.
pub fn cut(found: &str, told: &str) -> String {
    let field = |name: &str| found.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let head: Vec<&str> = found.split(' ').take_while(|word| !word.contains('=')).collect();
    let mut words: Vec<String> = head.iter().map(|word| word.to_string()).collect();
    for told in told.split(' ').filter(|word| word.contains('=')) {
        let (name, value) = told.split_once('=').expect("a field");
        let found = field(name).unwrap_or("none");
        let agrees = matches!(name, "due" | "expires") && found != "none" && duration(value) == duration(found);
        words.push(format!("{name}={}", if agrees { value } else { found }));
    }
    words.join(" ")
}

/// The field of a lead's score that `told` names, as found.
pub fn score_field(told: &str, view: &View) -> String {
    let name = told.split('=').next().expect("a field");
    let score = &view.score;
    let value = match name {
        "R" => format!("{:.2}", score.readiness),
        "S" => format!("{:.2}", score.engagement),
        "E" => format!("{:.2}", score.exposure),
        "P" => format!("{:.2}", score.pressure),
        "F" => format!("{:.2}", score.familiarity),
        "A" => format!("{:.2}", score.affinity),
        "grade" => score.grade.to_string(),
        "stage" => score.stage.as_str().into(),
        "fit" => score.fit.to_string(),
        _ => panic!("score field {told}"),
    };
    format!("{name}={value}")
}
