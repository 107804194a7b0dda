//! What a replay has to say, as values; and as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Named, Pass};
use crate::runtime::differences::{Differences, SHIFT_EDGES, Shifts, ThenNow};
use crate::runtime::replay::{Order, Replayed};
use crate::wire::told::Told;

/// Leads named for their shift.
const SHIFTS_NAMED_MAX: usize = 10;

/// What was replayed.
#[derive(Debug, Clone, Default)]
pub struct Range {
    pub source: String,
    pub since: Option<i64>,
    pub until: Option<i64>,
    /// Earlier decisions are not compared.
    pub compare_since: Option<i64>,
    /// Topics of which the first records are gone or left out, and how many.
    pub missing: BTreeMap<String, i64>,
}

/// What the output topic holds of the range.
#[derive(Debug, Default)]
pub struct Sent {
    pub told: Vec<Told>,
    /// Written by another version, or by somebody else.
    pub unreadable_count: u64,
    /// Of another model, or another version, than the one in use.
    pub other_model_count: u64,
    /// Decided before or after the range.
    pub outside_count: u64,
    /// The topic holds no more.
    pub first_gone_count: u64,
}

/// A model and what it decided.
pub struct Side {
    pub named: Named,
    pub pass: Pass,
}

/// One model's replay, without its decisions.
pub struct Summary {
    pub model: String,
    pub name: String,
    pub version: String,
    pub hash: String,
    pub decision_count: u64,
    pub replayed: Replayed,
}

/// What a comparison with the topic came to.
pub struct AgainstSent {
    pub differences: Differences,
    pub unreadable_count: u64,
    pub other_model_count: u64,
    pub outside_count: u64,
    pub first_gone_count: u64,
}

pub struct Report {
    pub range: Range,
    /// The model in use, or the one to compare with.
    pub old: Option<Summary>,
    pub new: Option<Summary>,
    pub against_sent: Option<AgainstSent>,
    pub against_model: Option<(Differences, Shifts)>,
}

impl Summary {
    fn of(side: &Side) -> Summary {
        let model = &side.named.model;
        Summary {
            model: side.named.to_string(),
            name: model.name.to_string(),
            version: model.version.to_string(),
            hash: model.hash_hex(),
            decision_count: side.pass.told.len() as u64,
            replayed: side.pass.replayed.clone(),
        }
    }

    fn json(&self) -> Value {
        json!({"name": self.name, "version": self.version, "hash": self.hash, "decisions": self.decision_count,
            "leads": self.replayed.readiness.len(), "dead_letters": self.replayed.dead_letter_count})
    }
}

impl Report {
    /// Of one model or two over a file.
    pub fn of_models(range: Range, old: Option<Side>, new: Side) -> Report {
        let (old_summary, new_summary) = (old.as_ref().map(Summary::of), Summary::of(&new));
        let against_model = old.map(|old| between(old.pass, new.pass));
        Report { range, old: old_summary, new: Some(new_summary), against_sent: None, against_model }
    }

    /// Of what was sent, the model in use, and the one to try.
    pub fn of_topics(range: Range, sent: Sent, old: Side, new: Option<Side>) -> Report {
        let (old_summary, new_summary) = (Summary::of(&old), new.as_ref().map(Summary::of));
        let against_sent = AgainstSent {
            differences: Differences::between(sent.told, old.pass.told.clone()),
            unreadable_count: sent.unreadable_count,
            other_model_count: sent.other_model_count,
            outside_count: sent.outside_count,
            first_gone_count: sent.first_gone_count,
        };
        let against_model = new.map(|new| between(old.pass, new.pass));
        Report { range, old: Some(old_summary), new: new_summary, against_sent: Some(against_sent), against_model }
    }

    /// The replay that says most about records and order.
    pub fn first(&self) -> Option<&Replayed> {
        self.old.as_ref().or(self.new.as_ref()).map(|summary| &summary.replayed)
    }

    /// True when leads' history before the range is missing.
    pub fn begins_empty(&self) -> bool {
        self.range.since.is_some() || !self.range.missing.is_empty()
    }

    pub fn json(&self) -> Value {
        let first = self.first().cloned().unwrap_or_default();
        let order = match first.order {
            Order::Manifests => "manifests",
            Order::Canonical => "canonical",
        };
        json!({
            "range": {"source": self.range.source, "since": self.range.since, "until": self.range.until, "compared_since": self.range.compare_since,
                "end": first.end_ms(), "records": first.record_count, "missing_records": self.range.missing},
            "order": {"by": order, "transactions": first.transaction_count, "canonical_until": first.gaps_ms,
                "merges_as_logged": first.merges_as_logged_count},
            "old": self.old.as_ref().map(Summary::json),
            "new": self.new.as_ref().map(Summary::json),
            "against_sent": self.against_sent.as_ref().map(AgainstSent::json),
            "against_model": self.against_model.as_ref().map(|(differences, _)| json_of(differences)),
            "scores": self.against_model.as_ref().map(|(_, shifts)| shifts_json(shifts)),
        })
    }
}

fn between(old: Pass, new: Pass) -> (Differences, Shifts) {
    let shifts = Shifts::between(&old.replayed.readiness, &new.replayed.readiness, SHIFTS_NAMED_MAX);
    (Differences::between(old.told, new.told), shifts)
}

impl AgainstSent {
    fn json(&self) -> Value {
        let mut object = json_of(&self.differences);
        object["exact"] = self.differences.is_none().into();
        object["unreadable"] = self.unreadable_count.into();
        object["of_other_models"] = self.other_model_count.into();
        object["outside_of_range"] = self.outside_count.into();
        object["no_longer_held"] = self.first_gone_count.into();
        object
    }
}

fn json_of(differences: &Differences) -> Value {
    let both = |both: &ThenNow| json!({"then": both.then, "now": both.now});
    let named = |all: &[Told]| all.iter().map(told_json).collect::<Vec<_>>();
    let pairs = |all: &[(Told, Told)]| {
        let pair = |(then, now): &(Told, Told)| json!({"then": told_json(then), "now": told_json(now)});
        all.iter().map(pair).collect::<Vec<_>>()
    };
    let lanes = differences.ready_by_lane.iter().map(|(lane, count)| (lane.as_str().to_owned(), both(count)));
    let channels = differences.ready_by_channel.iter().map(|(channel, count)| ((*channel).to_owned(), both(count)));
    let reasons = differences.by_reason.iter().map(|((kind, reason), count)| {
        json!({"type": kind.as_str(), "reason": reason.as_str(), "then": count.then, "now": count.now})
    });
    json!({
        "decisions": both(&differences.count),
        "same": differences.same_count,
        "other_score_or_id": differences.other_score_count,
        "gained": named(&differences.gained),
        "lost": named(&differences.lost),
        "moved": pairs(&differences.moved),
        "other_channel": pairs(&differences.other_channel),
        "other_advice": pairs(&differences.other_advice),
        "ready_by_lane": lanes.collect::<serde_json::Map<_, _>>(),
        "ready_by_channel": channels.collect::<serde_json::Map<_, _>>(),
        "by_reason": reasons.collect::<Vec<_>>(),
    })
}

fn told_json(told: &Told) -> Value {
    json!({"decision_id": told.decision_id.to_string(), "type": told.decision_type.as_str(), "lead_id": told.lead_id,
        "lane": told.lane.as_str(), "reason": told.reason.map(|reason| reason.as_str()), "as_of": told.as_of_ms,
        "recommended_channel": told.channel.map(|channel| channel.as_str())})
}

fn shifts_json(shifts: &Shifts) -> Value {
    let edge = |at: Option<usize>| at.and_then(|at| SHIFT_EDGES.get(at)).copied();
    let classes = shifts.counts.iter().enumerate();
    let classes =
        classes.map(|(at, count)| json!({"from": edge(at.checked_sub(1)), "to": edge(Some(at)), "leads": count}));
    let greatest = shifts.greatest.iter();
    let greatest = greatest.map(|(id, then, now)| json!({"lead_id": id, "readiness_then": then, "readiness_now": now}));
    json!({"mean": shifts.mean, "classes": classes.collect::<Vec<_>>(), "greatest": greatest.collect::<Vec<_>>()})
}
