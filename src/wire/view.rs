//! A lead as `inspect`, `score --at` and HTTP print it: one JSON object, with the names of the output schemas.

use serde_json::{Map, Value};

use super::output::{Fields, JsonFields};
use super::ready::{LANES, contact_fields, contribution_fields};
use super::score::score_fields;
use crate::scoring::lead::View;

/// The object; times are ms since the epoch, enums are strings.
pub fn json(view: &View) -> Value {
    let mut out = JsonFields(Map::new());
    out.text("lead_id", &view.lead_id);
    out.long("as_of", view.as_of_ms);
    out.record("score", |out| score_fields(&view.score, out));
    out.list("contributions", &view.contributions, contribution_fields);
    out.list("contacts", &view.contacts, contact_fields);
    out.record("episode", |out| {
        out.long("number", view.episode.number.cast_signed());
        out.text("state", view.episode.state);
        out.optional_symbol("lane", &LANES[..], view.episode.lane.map(|lane| lane.as_str()));
        out.optional_text("decision_id", view.episode.decision_id.map(|id| id.to_string()).as_deref());
    });
    Value::Object(out.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::decision::{ContactCount, Contribution, DecisionId};
    use crate::scoring::lanes::Lane;
    use crate::scoring::lead::EpisodeView;
    use crate::scoring::model::Channel;
    use crate::wire::score::tests::{score, score_json};
    use serde_json::json;

    #[test]
    fn prints_all_there_is() {
        let episode = EpisodeView { number: 3, state: "open", lane: None, decision_id: None };
        let mut view = View {
            lead_id: "lead-1".into(),
            as_of_ms: 1_775_000_000_000,
            score: score(),
            contributions: vec![Contribution { label: "familiarity".into(), points: 2.5 }],
            contacts: vec![ContactCount { channel: Channel::Mail, contact_days_90: 4, outbound_7: 1, outbound_30: 2 }],
            episode,
        };
        let mut expected = json!({"lead_id": "lead-1", "as_of": 1_775_000_000_000_i64, "score": score_json(),
            "contributions": [{"label": "familiarity", "points": 2.5}],
            "contacts": [{"channel": "mail", "contact_days_90": 4, "outbound_7": 1, "outbound_30": 2}],
            "episode": {"number": 3, "state": "open", "lane": null, "decision_id": null}});
        assert_eq!(json(&view), expected);

        view.episode = EpisodeView { lane: Some(Lane::Score), decision_id: Some(DecisionId([0xab; 16])), ..episode };
        expected["episode"]["lane"] = json!("score");
        expected["episode"]["decision_id"] = json!("ab".repeat(16));
        assert_eq!(json(&view), expected);
    }
}
