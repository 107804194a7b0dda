//! `lead.score`: public snapshots as `schemas/score.avsc` has them, and the parts that decisions share with them.

use std::sync::LazyLock;

use apache_avro::Schema;

use super::avro::Header;
use super::output::{Fields, Record};
use crate::scoring::decision::{Score, Snapshot};

/// Source of truth of the encoding.
pub const SCHEMA: &str = include_str!("../../schemas/score.avsc");

const STAGES: [&str; 6] = ["unknown", "prospect", "new", "repeat", "fan", "dormant"];

static HEADER: LazyLock<Header> =
    LazyLock::new(|| Header::of(&Schema::parse_str(SCHEMA).expect("the embedded schema is tested")));

impl Record for Snapshot {
    fn header(&self) -> &'static Header {
        &HEADER
    }

    fn fields(&self, out: &mut impl Fields) {
        out.text("lead_id", &self.lead_id);
        out.optional_text("account_id", self.account_id.as_deref());
        out.long("as_of", self.as_of_ms);
        out.text("model_name", &self.model_name);
        out.text("model_version", &self.model_version);
        out.record("score", |out| score_fields(&self.score, out));
        out.optional_long("last_inbound_at", self.last_inbound_at_ms);
        out.optional_long("last_outbound_at", self.last_outbound_at_ms);
        out.optional_text("open_decision_id", self.open_decision_id.map(|id| id.to_string()).as_deref());
    }
}

/// The record `Score`, the same in both schemas.
pub(super) fn score_fields(score: &Score, out: &mut impl Fields) {
    out.double("readiness", score.readiness);
    out.double("engagement", score.engagement);
    out.double("exposure", score.exposure);
    out.double("pressure", score.pressure);
    out.double("familiarity", score.familiarity);
    out.double("affinity", score.affinity);
    out.long("fit", i64::from(score.fit));
    out.text("grade", &score.grade);
    out.symbol("stage", &STAGES, score.stage.as_str());
    out.optional_text("top_topic", score.top_topic.as_deref());
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::scoring::decision::DecisionId;
    use crate::scoring::stage::Stage;
    use crate::wire::avro::oracle;
    use crate::wire::output::{OutputFormat, encode, json};
    use serde_json::json;

    pub fn score() -> Score {
        Score {
            readiness: 52.25,
            engagement: 40.5,
            exposure: 6.75,
            pressure: 1.5,
            familiarity: 0.875,
            affinity: 0.8125,
            fit: 75,
            grade: "A2".into(),
            stage: Stage::Repeat,
            top_topic: Some("crm".into()),
        }
    }

    pub fn score_json() -> serde_json::Value {
        json!({"readiness": 52.25, "engagement": 40.5, "exposure": 6.75, "pressure": 1.5, "familiarity": 0.875,
            "affinity": 0.8125, "fit": 75, "grade": "A2", "stage": "repeat", "top_topic": "crm"})
    }

    fn snapshot() -> Snapshot {
        Snapshot {
            lead_id: "lead-1".into(),
            account_id: None,
            as_of_ms: 1_775_000_000_000,
            model_name: "b2b-saas".into(),
            model_version: "1".into(),
            score: score(),
            last_inbound_at_ms: Some(1_774_999_999_000),
            last_outbound_at_ms: None,
            open_decision_id: Some(DecisionId([0xab; 16])),
        }
    }

    fn expected() -> serde_json::Value {
        json!({"lead_id": "lead-1", "account_id": null, "as_of": 1_775_000_000_000_i64, "model_name": "b2b-saas",
            "model_version": "1", "score": score_json(), "last_inbound_at": 1_774_999_999_000_i64,
            "last_outbound_at": null, "open_decision_id": "ab".repeat(16)})
    }

    #[test]
    fn golden_bytes() {
        let mut bytes = Vec::new();
        encode(&snapshot(), OutputFormat::Avro, &mut bytes);
        let golden = concat!(
            "c301f0ebf5b240b852900c6c6561642d310080d8f4e3a867106232622d7361617302310000000000204a400000000000",
            "4044400000000000001b40000000000000f83f000000000000ec3f000000000000ea3f960104413206020663726d02b0",
            "c8f4e3a8670002406162616261626162616261626162616261626162616261626162616261626162"
        );
        assert_eq!(oracle::hex(&bytes), golden);
    }

    #[test]
    fn every_format_says_the_same() {
        assert_eq!(json(&snapshot()), expected());
        oracle::check_output(SCHEMA, &snapshot(), &expected());
    }

    #[test]
    fn stages_are_those_of_the_schema() {
        let stages: Vec<_> = std::iter::once("unknown").chain(Stage::ALL.map(Stage::as_str)).collect();
        assert_eq!(STAGES.as_slice(), stages);
        assert!(SCHEMA.split_whitespace().collect::<String>().contains(&format!("{STAGES:?}").replace(' ', "")));
    }
}
