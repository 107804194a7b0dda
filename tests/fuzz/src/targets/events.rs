//! Records of the input topics: Avro of this version and of other writers, framed and not, and JSON.
//!
//! An event that was read is written as this version would write it, in both formats, and read again: the same event.
//! Bytes need not come back: writers may use longer numbers, more blocks, other schemas, and fields that nobody reads.

use std::sync::LazyLock;

use apache_avro::Schema;
use serde_json::{Value, json};
use tsuikyaku::scoring::event::{Body, Event, InputKind};
use tsuikyaku::wire::avro::Header;
use tsuikyaku::wire::confluent::put_frame;
use tsuikyaku::wire::decode::{Decoder, Format, SchemaSet, schema_text, symbols};
use tsuikyaku::wire::limits::RECORD_BYTES_MAX;
use tsuikyaku::wire::output::{Fields, OutputFormat, Record, encode};

use super::choice;
use crate::memory::Bound;

/// An attribute of two bytes is an entry of a tree; a dead letter has a text of its own.
const MEMORY: Bound = Bound { fixed: 8_192, per_byte: 128 };

/// Ids of the registry begin here: one for each kind's schema as another writer has it.
const WRITER_ID_FIRST: u32 = 100;

static DECODER: LazyLock<Decoder> = LazyLock::new(|| {
    let mut schemas = SchemaSet::default();
    for kind in InputKind::ALL {
        let id = WRITER_ID_FIRST + kind as u32;
        schemas.add(Some(id), &other_writer(kind)).expect("it resolves to this version's");
    }
    Decoder::new(schemas, RECORD_BYTES_MAX)
});

static HEADERS: LazyLock<[Header; 7]> = LazyLock::new(|| {
    InputKind::ALL.map(|kind| Header::of(&Schema::parse_str(schema_text(kind)).expect("an embedded schema")))
});

/// The schema of a writer that has the fields in another order, ids that may be null, and fields of every type that
/// this version does not know.
fn other_writer(kind: InputKind) -> String {
    let mut schema: Value = serde_json::from_str(schema_text(kind)).expect("an embedded schema");
    let fields = schema["fields"].as_array_mut().expect("a record");
    fields.reverse();
    for field in fields.iter_mut().filter(|field| field["name"] == "lead_id" || field["name"] == "event_id") {
        field["type"] = json!(["null", "string"]);
    }
    let more = json!([
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "nothing", "type": {"type": "array", "items": "null"}},
        {"name": "weights", "type": {"type": "map", "values": "double"}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 4}},
        {"name": "place", "type": {"type": "record", "name": "Place", "fields": [
            {"name": "x", "type": "float"}, {"name": "at", "type": ["null", "Hash", "long"]}]}},
    ]);
    fields.extend(more.as_array().expect("a list").iter().cloned());
    schema.to_string()
}

/// The first byte says kind and framing, the rest is the datum: mutations need not find headers.
pub fn avro(input: &[u8]) {
    let Some((way, datum)) = choice(input, 4 * InputKind::ALL.len()) else { return };
    let kind = InputKind::ALL[way % InputKind::ALL.len()];
    let (mut value, mut format) = (Vec::new(), Format::Avro);
    match way / InputKind::ALL.len() {
        0 => value.extend_from_slice(HEADERS[kind as usize].as_bytes()),
        1 => {
            format = Format::AvroConfluent;
            put_frame(&mut value, WRITER_ID_FIRST + kind as u32);
        }
        2 => format = Format::AvroConfluent,
        _ => {}
    }
    value.extend_from_slice(datum);
    let decoded = MEMORY.hold(value.len(), || DECODER.decode(format, kind, Some(&value)));
    if let Ok(event) = decoded {
        comes_back(kind, &event);
    }
}

pub fn json(input: &[u8]) {
    let Some((way, text)) = choice(input, InputKind::ALL.len()) else { return };
    let kind = InputKind::ALL[way];
    let decoded = MEMORY.hold(text.len(), || DECODER.decode(Format::Json, kind, Some(text)));
    if let Ok(event) = &decoded {
        comes_back(kind, event);
    }
    // A value that was parsed before has each name once: its own text must say the same.
    if let Ok(value) = serde_json::from_slice::<Value>(text) {
        let again = value.to_string();
        assert_eq!(DECODER.decode_json(kind, &value), DECODER.decode(Format::Json, kind, Some(again.as_bytes())));
    }
}

fn comes_back(kind: InputKind, event: &Event<'_>) {
    for (written, format) in [(OutputFormat::Avro, Format::Avro), (OutputFormat::Json, Format::Json)] {
        let mut bytes = Vec::new();
        encode(&AsRecord(event), written, &mut bytes);
        let again = DECODER.decode(format, kind, Some(&bytes));
        assert_eq!(again.as_ref(), Ok(event), "as {format:?}");
    }
}

/// An event as this version writes it; fields that the model does not read are at their defaults.
pub struct AsRecord<'r, 'e>(pub &'r Event<'e>);

impl AsRecord<'_, '_> {
    fn kind(&self) -> InputKind {
        match self.0.body {
            Body::Web(_) => InputKind::Web,
            Body::Mail(_) => InputKind::Mail,
            Body::Sns(_) => InputKind::Sns,
            Body::Contact(_) => InputKind::Contact,
            Body::Commerce(_) => InputKind::Commerce,
            Body::Profile(_) => InputKind::Profile,
            Body::Outcome(_) => InputKind::Outcome,
        }
    }

    fn symbol(&self, field: &str, value: &str, out: &mut impl Fields) {
        out.symbol(field, symbols(self.kind(), field), value);
    }
}

impl Record for AsRecord<'_, '_> {
    fn header(&self) -> &'static Header {
        &HEADERS[self.kind() as usize]
    }

    fn fields(&self, out: &mut impl Fields) {
        let event = self.0;
        out.text("event_id", &event.event_id);
        out.text("lead_id", &event.lead_id);
        out.long("occurred_at", event.occurred_at_ms);
        out.text("source", "");
        out.optional_text("account_id", event.account_id.as_deref());
        out.optional_text("campaign_id", None);
        out.optional_text("topic", event.topic.as_deref());
        out.boolean("machine", event.machine);
        self.body(out);
    }
}

impl AsRecord<'_, '_> {
    fn body(&self, out: &mut impl Fields) {
        match &self.0.body {
            Body::Web(web) => {
                self.symbol("kind", web.kind.as_str(), out);
                self.symbol("page_class", web.page_class.as_str(), out);
                self.symbol("form_purpose", web.form_purpose.as_str(), out);
                out.optional_text("url", None);
                out.optional_text("content_kind", web.content_kind.as_deref());
                for name in ["referrer", "utm_source", "utm_medium", "utm_campaign"] {
                    out.optional_text(name, None);
                }
                out.optional_long("dwell_ms", None);
                out.optional_text("session_id", None);
            }
            Body::Mail(mail) => {
                self.symbol("kind", mail.kind.as_str(), out);
                out.text("message_id", &mail.message_id);
                out.optional_text("sequence_id", None);
                out.optional_long("step", None);
                out.optional_text("url", None);
                out.optional_text("content_kind", mail.content_kind.as_deref());
                self.symbol("purpose", mail.purpose.as_str(), out);
            }
            Body::Sns(sns) => {
                self.symbol("kind", sns.kind.as_str(), out);
                self.symbol("network", sns.network.as_str(), out);
                self.symbol("direction", sns.direction.as_str(), out);
                out.optional_text("post_id", None);
                out.optional_text("thread_id", sns.thread_id.as_deref());
            }
            Body::Contact(contact) => {
                self.symbol("kind", contact.kind.as_str(), out);
                self.symbol("direction", contact.direction.as_str(), out);
                out.optional_text("owner_id", None);
                out.optional_long("duration_ms", None);
                out.optional_text("decision_id", contact.decision_id.as_deref());
            }
            Body::Commerce(commerce) => {
                self.symbol("kind", commerce.kind.as_str(), out);
                out.optional_text("order_id", commerce.order_id.as_deref());
                out.optional_long("amount_minor", None);
                for name in ["currency", "product_id", "stage"] {
                    out.optional_text(name, None);
                }
                out.optional_text("reason", commerce.reason.as_deref());
            }
            Body::Profile(profile) => {
                let attributes: Vec<(&str, Option<&str>)> =
                    profile.attributes.iter().map(|(name, value)| (&**name, value.as_deref())).collect();
                self.symbol("kind", profile.kind.as_str(), out);
                out.optional_texts("attributes", &attributes);
                self.symbol("channel", profile.channel.as_str(), out);
                self.symbol("purpose", profile.purpose.as_str(), out);
                out.optional_long("expires_at", profile.expires_at_ms);
                out.optional_text("linked_lead_id", profile.linked_lead_id.as_deref());
                out.optional_text("owner_id", profile.owner_id.as_deref());
                out.optional_text("owner_role", profile.owner_role.as_deref());
                out.optional_text("bant_budget", profile.bant_budget.as_deref());
                out.optional_text("bant_authority", profile.bant_authority.as_deref());
                out.optional_text("bant_need", profile.bant_need.as_deref());
                out.optional_long("bant_timeline", profile.bant_timeline.map(i64::from));
            }
            Body::Outcome(outcome) => {
                self.symbol("kind", outcome.kind.as_str(), out);
                out.text("decision_id", &outcome.decision_id);
                out.optional_text("reason", outcome.reason.as_deref());
                out.optional_text("owner_id", outcome.owner_id.as_deref());
                self.symbol("channel", outcome.channel.as_str(), out);
            }
        }
    }
}
