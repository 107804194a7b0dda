//! `outreach.ready`: decisions as `schemas/ready.avsc` has them.

use std::sync::LazyLock;

use apache_avro::Schema;

use super::avro::Header;
use super::output::{Fields, Record};
use super::score::score_fields;
use crate::scoring::decision::{ContactCount, Contribution, Decision};

/// Source of truth of the encoding.
pub const SCHEMA: &str = include_str!("../../schemas/ready.avsc");

const TYPES: [&str; 4] = ["unknown", "ready", "withdrawn", "escalated"];
/// As the schema numbers them: it alone lists them.
pub(super) static LANES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).expect("the embedded schema is tested");
    let fields = schema["fields"].as_array().into_iter().flatten();
    let lane = fields.filter(|field| field["name"] == "lane").find_map(|field| field["type"]["symbols"].as_array());
    lane.into_iter().flatten().filter_map(|symbol| symbol.as_str().map(String::from)).collect()
});
const CHANNELS: [&str; 6] = ["unknown", "web", "mail", "sns", "person", "purchase"];

static HEADER: LazyLock<Header> =
    LazyLock::new(|| Header::of(&Schema::parse_str(SCHEMA).expect("the embedded schema is tested")));

impl Record for Decision {
    fn header(&self) -> &'static Header {
        &HEADER
    }

    fn fields(&self, out: &mut impl Fields) {
        out.text("decision_id", &self.decision_id.to_string());
        out.symbol("type", &TYPES, self.decision_type.as_str());
        out.text("lead_id", &self.lead_id);
        out.optional_text("account_id", self.account_id.as_deref());
        out.symbol("lane", &LANES[..], self.lane.as_str());
        out.optional_text("reason", self.reason.map(|reason| reason.as_str()));
        out.long("as_of", self.as_of_ms);
        out.optional_long("due_at", Some(self.due_at_ms));
        out.optional_long("expires_at", Some(self.expires_at_ms));
        out.text("model_name", &self.model_name);
        out.text("model_version", &self.model_version);
        out.record("score", |out| score_fields(&self.score, out));
        out.double("readiness_before", self.readiness_before);
        out.list("contributions", &self.contributions, contribution_fields);
        out.list("contacts", &self.contacts, contact_fields);
        out.optional_symbol("recommended_channel", &CHANNELS, Some(self.recommended_channel.as_str()));
        out.optional_long("window_start", self.window.map(|window| window.start_ms));
        out.optional_long("window_end", self.window.map(|window| window.end_ms));
        out.optional_text("content_kind", self.content.map(|content| content.to_string()).as_deref());
        out.text("consent", &self.consent.map(|permission| permission.to_string()).unwrap_or_default());
        out.optional_text("owner_id", self.owner_id.as_deref());
        out.optional_text("owner_role", self.owner_role.as_deref());
        out.optional_text("trigger_event_id", self.trigger_event_id.as_deref());
        out.texts("headline", &self.headline.by_tag());
    }
}

pub(super) fn contribution_fields(contribution: &Contribution, out: &mut impl Fields) {
    out.text("label", &contribution.label);
    out.double("points", contribution.points);
}

pub(super) fn contact_fields(contact: &ContactCount, out: &mut impl Fields) {
    out.symbol("channel", &CHANNELS, contact.channel.as_str());
    out.long("contact_days_90", i64::from(contact.contact_days_90));
    out.long("outbound_7", i64::from(contact.outbound_7));
    out.long("outbound_30", i64::from(contact.outbound_30));
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::score::tests::{score, score_json};
    use super::*;
    use crate::scoring::decision::{Basis, Content, DecisionId, DecisionType, Permission, Reason, Window};
    use crate::scoring::headline::Headline;
    use crate::scoring::lanes::Lane;
    use crate::scoring::model::Channel;
    use crate::wire::avro::oracle;
    use crate::wire::output::{OutputFormat, encode, json};
    use serde_json::json;

    pub fn ready() -> Decision {
        Decision {
            decision_id: DecisionId([0xab; 16]),
            decision_type: DecisionType::Ready,
            lead_id: "lead-1".into(),
            account_id: Some("acme".into()),
            lane: Lane::Instant,
            reason: None,
            as_of_ms: 1_775_000_000_000,
            due_at_ms: 1_775_000_300_000,
            expires_at_ms: 1_775_259_200_000,
            model_name: "b2b-saas".into(),
            model_version: "1".into(),
            score: score(),
            readiness_before: 31.25,
            contributions: vec![
                Contribution { label: "web.inquiry".into(), points: 50.25 },
                Contribution { label: "familiarity".into(), points: 2.0 },
            ],
            contacts: vec![ContactCount {
                channel: Channel::Person,
                contact_days_90: 4,
                outbound_7: 1,
                outbound_30: 2,
            }],
            recommended_channel: Channel::Person,
            window: Some(Window { start_ms: 1_775_000_000_000, end_ms: 1_775_003_600_000 }),
            content: Some(Content::Step(2)),
            consent: Some(Permission { basis: Basis::Reply, channel: Channel::Person }),
            owner_id: Some("o-1".into()),
            owner_role: None,
            trigger_event_id: Some("e-1".into()),
            headline: Headline { en: "Call now.".into(), ja: "今すぐお電話を。".into() },
        }
    }

    fn ready_json() -> serde_json::Value {
        json!({"decision_id": "ab".repeat(16), "type": "ready", "lead_id": "lead-1", "account_id": "acme",
            "lane": "instant", "reason": null, "as_of": 1_775_000_000_000_i64, "due_at": 1_775_000_300_000_i64,
            "expires_at": 1_775_259_200_000_i64, "model_name": "b2b-saas", "model_version": "1", "score": score_json(),
            "readiness_before": 31.25, "contributions": [{"label": "web.inquiry", "points": 50.25},
            {"label": "familiarity", "points": 2.0}], "contacts": [{"channel": "person", "contact_days_90": 4,
            "outbound_7": 1, "outbound_30": 2}], "recommended_channel": "person",
            "window_start": 1_775_000_000_000_i64, "window_end": 1_775_003_600_000_i64, "content_kind": "step_2",
            "consent": "reply:person", "owner_id": "o-1", "owner_role": null, "trigger_event_id": "e-1",
            "headline": {"en": "Call now.", "ja": "今すぐお電話を。"}})
    }

    #[test]
    fn golden_bytes() {
        let mut bytes = Vec::new();
        encode(&ready(), OutputFormat::Avro, &mut bytes);
        let golden = concat!(
            "c301b6975c2038658d9e406162616261626162616261626162616261626162616261626162616261626162020c6c6561",
            "642d31020861636d65020080d8f4e3a86702c0a799e4a8670280a88ddbaa67106232622d736161730231000000000020",
            "4a4000000000004044400000000000001b40000000000000f83f000000000000ec3f000000000000ea3f960104413206",
            "020663726d0000000000403f4004167765622e696e717569727900000000002049401666616d696c6961726974790000",
            "0000000000400002080802040002080280d8f4e3a867028092ace7a867020c737465705f32187265706c793a70657273",
            "6f6e02066f2d31000206652d310404656e1243616c6c206e6f772e046a6130e4bb8ae38199e38190e3818ae99bbbe8a9",
            "b1e38292e3808200"
        );
        assert_eq!(oracle::hex(&bytes), golden);
    }

    #[test]
    fn every_format_says_the_same() {
        assert_eq!(json(&ready()), ready_json());
        oracle::check_output(SCHEMA, &ready(), &ready_json());
    }

    #[test]
    fn a_withdrawal_has_no_window_content_or_consent() {
        let withdrawn = Decision {
            decision_type: DecisionType::Withdrawn,
            reason: Some(Reason::ScoreFell),
            contributions: Vec::new(),
            contacts: Vec::new(),
            window: None,
            content: None,
            consent: None,
            trigger_event_id: None,
            ..ready()
        };
        let mut expected = ready_json();
        for (name, value) in [
            ("type", json!("withdrawn")),
            ("reason", json!("score_fell")),
            ("contributions", json!([])),
            ("contacts", json!([])),
            ("window_start", json!(null)),
            ("window_end", json!(null)),
            ("content_kind", json!(null)),
            ("consent", json!("")),
            ("trigger_event_id", json!(null)),
        ] {
            expected[name] = value;
        }
        assert_eq!(json(&withdrawn), expected);
        oracle::check_output(SCHEMA, &withdrawn, &expected);
    }

    #[test]
    fn symbols_are_those_of_the_schema() {
        let schema: String = SCHEMA.split_whitespace().collect();
        for symbols in [TYPES.as_slice(), &CHANNELS] {
            assert!(schema.contains(&format!("{symbols:?}").replace(' ', "")), "{symbols:?}");
        }
        assert!(DecisionType::ALL.iter().all(|found| TYPES.contains(&found.as_str())));
        assert!(Lane::ALL.iter().all(|lane| LANES.iter().any(|known| known == lane.as_str())));
        assert!(Channel::ALL.iter().all(|channel| CHANNELS.contains(&channel.as_str())));
    }
}
