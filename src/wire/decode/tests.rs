//! Records in every format: what comes out, what is refused, and that nothing panics.

use std::borrow::Cow;
use std::sync::LazyLock;

use apache_avro::Schema;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::reader::KINDS;
use super::*;
use crate::scoring::event::*;
use crate::wire::avro::{Header, crate_fingerprint, oracle};
use crate::wire::confluent::put_frame;

/// A record with every field of its schema, as JSON in the schema's order.
fn full(kind: InputKind) -> Value {
    let mut value = json!({
        "event_id": "e-1", "lead_id": "lead-1", "occurred_at": 1_775_000_000_000_i64, "source": "test",
        "account_id": "acme", "campaign_id": null, "topic": "pricing", "machine": true,
    });
    let more = match kind {
        InputKind::Web => json!({
            "kind": "form_submit", "page_class": "pricing", "form_purpose": "inquiry", "url": "https://example.com/",
            "content_kind": "white_paper", "referrer": null, "utm_source": null, "utm_medium": null,
            "utm_campaign": null, "dwell_ms": 1200, "session_id": "s-1",
        }),
        InputKind::Mail => json!({
            "kind": "clicked", "message_id": "m-1", "sequence_id": null, "step": 2, "url": null,
            "content_kind": "news", "purpose": "marketing",
        }),
        InputKind::Sns => json!({
            "kind": "dm", "network": "line", "direction": "inbound", "post_id": null, "thread_id": "t-1",
        }),
        InputKind::Contact => json!({
            "kind": "meeting", "direction": "outbound", "owner_id": "o-1", "duration_ms": 60_000, "decision_id": "d-1",
        }),
        InputKind::Commerce => json!({
            "kind": "refund", "order_id": "order-1", "amount_minor": 1_200_000, "currency": "JPY",
            "product_id": null, "stage": null, "reason": "price",
        }),
        InputKind::Profile => json!({
            "kind": "attributes_changed", "attributes": {"company": "株式会社青空", "role": null}, "channel": "mail",
            "purpose": "marketing", "expires_at": 1_800_000_000_000_i64, "linked_lead_id": "lead-2",
            "owner_id": "o-1", "owner_role": "inside_sales", "bant_budget": "b", "bant_authority": "a",
            "bant_need": "n", "bant_timeline": 20_600,
        }),
        InputKind::Outcome => json!({
            "kind": "won", "decision_id": "d-1", "reason": "price", "owner_id": "o-1", "channel": "person",
        }),
    };
    let (Value::Object(all), Value::Object(more)) = (&mut value, more) else { unreachable!() };
    all.extend(more);
    value
}

fn kinds() -> impl Iterator<Item = InputKind> {
    KINDS.into_iter().map(|(kind, _)| kind)
}

fn own(kind: InputKind) -> Schema {
    Schema::parse_str(schema_text(kind)).expect("a schema")
}

/// The bytes of a value in a format; Confluent ids are the kind's number, see `decoder`.
fn bytes(format: Format, kind: InputKind, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    match format {
        Format::Json => return value.to_string().into_bytes(),
        Format::Avro => out.extend_from_slice(Header::of(&own(kind)).as_bytes()),
        Format::AvroConfluent => put_frame(&mut out, kind as u32),
    }
    out.extend(oracle::write_datum(&own(kind), value.clone()));
    out
}

fn decoder() -> &'static Decoder {
    static DECODER: LazyLock<Decoder> = LazyLock::new(new_decoder);
    &DECODER
}

fn new_decoder() -> Decoder {
    let mut schemas = SchemaSet::default();
    for kind in kinds() {
        schemas.add(Some(kind as u32), schema_text(kind)).expect("it resolves");
    }
    Decoder::new(schemas, limits::RECORD_BYTES_MAX)
}

fn event(body: Body<'static>) -> Event<'static> {
    Event {
        event_id: "e-1".into(),
        lead_id: "lead-1".into(),
        occurred_at_ms: 1_775_000_000_000,
        account_id: Some("acme".into()),
        topic: Some("pricing".into()),
        machine: true,
        body,
    }
}

fn some(text: &str) -> Option<Cow<'_, str>> {
    Some(text.into())
}

fn expected(kind: InputKind) -> Event<'static> {
    event(match kind {
        InputKind::Web => Body::Web(Web {
            kind: WebKind::FormSubmit,
            page_class: PageClass::Pricing,
            form_purpose: FormPurpose::Inquiry,
            content_kind: some("white_paper"),
        }),
        InputKind::Mail => Body::Mail(Mail {
            kind: MailKind::Clicked,
            message_id: "m-1".into(),
            content_kind: some("news"),
            purpose: Purpose::Marketing,
        }),
        InputKind::Sns => Body::Sns(Sns {
            kind: SnsKind::Dm,
            network: Network::Line,
            direction: Direction::Inbound,
            thread_id: some("t-1"),
        }),
        InputKind::Contact => Body::Contact(Contact {
            kind: ContactKind::Meeting,
            direction: Direction::Outbound,
            decision_id: some("d-1"),
        }),
        InputKind::Commerce => {
            Body::Commerce(Commerce { kind: CommerceKind::Refund, order_id: some("order-1"), reason: some("price") })
        }
        InputKind::Profile => Body::Profile(Box::new(Profile {
            kind: ProfileKind::AttributesChanged,
            attributes: [("company".into(), some("株式会社青空")), ("role".into(), None)].into(),
            channel: ChannelSymbol::Mail,
            purpose: Purpose::Marketing,
            expires_at_ms: Some(1_800_000_000_000),
            linked_lead_id: some("lead-2"),
            owner_id: some("o-1"),
            owner_role: some("inside_sales"),
            bant_budget: some("b"),
            bant_authority: some("a"),
            bant_need: some("n"),
            bant_timeline: Some(20_600),
        })),
        InputKind::Outcome => Body::Outcome(Outcome {
            kind: OutcomeKind::Won,
            decision_id: "d-1".into(),
            reason: some("price"),
            owner_id: some("o-1"),
            channel: ChannelSymbol::Person,
        }),
    })
}

#[test]
fn every_kind_in_every_format() {
    let decoder = decoder();
    for kind in kinds() {
        for format in Format::ALL {
            let bytes = bytes(format, kind, &full(kind));
            assert_eq!(decoder.decode(format, kind, Some(&bytes)), Ok(expected(kind)), "{kind:?} {format:?}");
        }
        assert_eq!(decoder.decode_json(kind, &full(kind)), Ok(expected(kind)), "{kind:?}");
    }
}

/// Bytes that other writers have put on the log must be read for ever.
#[test]
fn golden_bytes() {
    let hex = oracle::hex(&bytes(Format::Avro, InputKind::Sns, &full(InputKind::Sns)));
    assert_eq!(
        hex,
        "c301f1399f81f68f014c06652d310c6c6561642d3180d8f4e3a8670874657374020861636d6500020e70726963696e6701140602000206742d31"
    );
}

#[test]
fn reads_what_the_avro_crate_writes() {
    let datum = oracle::write_datum(&own(InputKind::Sns), full(InputKind::Sns));
    let fingerprint = crate_fingerprint(&own(InputKind::Sns)).to_le_bytes();
    let bytes = [&[0xc3, 1], fingerprint.as_slice(), &datum].concat();
    assert_eq!(decoder().decode(Format::Avro, InputKind::Sns, Some(&bytes)), Ok(expected(InputKind::Sns)));
}

#[test]
fn texts_are_borrowed_from_avro_and_plain_json() {
    let decoder = decoder();
    for format in Format::ALL {
        let bytes = bytes(format, InputKind::Sns, &full(InputKind::Sns));
        let event = decoder.decode(format, InputKind::Sns, Some(&bytes)).expect("it decodes");
        assert!(matches!((event.lead_id, event.topic), (Cow::Borrowed(_), Some(Cow::Borrowed(_)))), "{format:?}");
    }
}

#[test]
fn json_fields_may_be_missing_unknown_shuffled_or_escaped() {
    let text = br#"{"kind":"page_view","later":{"a":[1,{"b":null}]},"lead_id":"\u8ffd","occurred_at":1.775e12,
        "event_id":"e","page_class":"of_tomorrow"}"#;
    let event = decoder().decode(Format::Json, InputKind::Web, Some(text)).expect("it decodes");
    assert_eq!((&*event.lead_id, event.occurred_at_ms, event.machine), ("追", 1_775_000_000_000, false));
    assert_eq!(event.body, Body::Web(Web { kind: WebKind::PageView, ..Web::default() }));
}

/// A sns record with one field replaced, in JSON.
#[track_caller]
fn check_json(kind: InputKind, field: &str, value: Value, cause: DeadCause, detail: &str) {
    let mut record = full(kind);
    record[field] = value;
    let bytes = record.to_string();
    let dead = decoder().decode(Format::Json, kind, Some(bytes.as_bytes())).expect_err("refused");
    assert_eq!((dead.cause, &*dead.detail), (cause, detail), "{field}");
}

#[test]
fn names_what_is_wrong_in_json() {
    let undecodable =
        |field, value, detail| check_json(InputKind::Profile, field, value, DeadCause::Undecodable, detail);
    let time = "occurred_at: occurred_at is not within 2000-01-01 to 2100-01-01 in ms";
    undecodable("occurred_at", json!(0), time);
    undecodable("occurred_at", json!(-1), time);
    undecodable("occurred_at", json!(1_775_000_000), time);
    undecodable("occurred_at", json!(i64::MAX), time);
    undecodable("occurred_at", json!(u64::MAX), "occurred_at: the number is out of range");
    undecodable("occurred_at", json!(1e300), "occurred_at: the number is out of range");
    undecodable("occurred_at", json!(1.5), "occurred_at: must be a whole number");
    undecodable("occurred_at", json!("2026-04-01T00:00:00Z"), "occurred_at: must be a whole number");
    undecodable("occurred_at", json!(null), "occurred_at: null is not allowed");
    undecodable("bant_timeline", json!(1_i64 << 33), "bant_timeline: the number is out of range");
    undecodable("machine", json!("yes"), "machine: must be true or false");
    undecodable("source", json!(null), "source: null is not allowed");
    undecodable("kind", json!(7), "kind: must be a string, the name of a symbol");
    undecodable("lead_id", json!(7), "lead_id: must be a string");
    undecodable("attributes", json!([]), "attributes: must be an object of strings and nulls");
    undecodable("attributes", json!({"a": 1}), "attributes: must be an object of strings and nulls");
    undecodable("attributes", json!(null), "attributes: null is not allowed");
    check_json(
        InputKind::Commerce,
        "amount_minor",
        json!("1"),
        DeadCause::Undecodable,
        "amount_minor: must be a whole number",
    );
}

#[test]
fn ids_and_texts_have_limits() {
    let lead = |value, cause, detail| check_json(InputKind::Profile, "lead_id", value, cause, detail);
    lead(json!(""), DeadCause::LeadIdMissing, "the id is missing or empty");
    lead(json!(null), DeadCause::LeadIdMissing, "the id is missing or empty");
    lead(json!("x".repeat(257)), DeadCause::LeadIdTooLong, "the id has 257 bytes, at most 256 are allowed");
    let event = |value, cause, detail| check_json(InputKind::Mail, "event_id", value, cause, detail);
    event(json!(""), DeadCause::EventIdMissing, "the id is missing or empty");
    event(json!("追".repeat(43)), DeadCause::EventIdTooLong, "the id has 129 bytes, at most 128 are allowed");
    let long =
        |kind, field, value| check_json(kind, field, value, DeadCause::TextTooLong, "a text has more than 2048 bytes");
    long(InputKind::Web, "url", json!("x".repeat(2049)));
    long(InputKind::Mail, "message_id", json!("x".repeat(2049)));
    long(InputKind::Profile, "attributes", json!({"name": "x".repeat(2049)}));
    long(InputKind::Profile, "attributes", json!({"x".repeat(2049): null}));
    let linked = json!("x".repeat(257));
    let detail = "linked_lead_id has more than 256 bytes";
    check_json(InputKind::Profile, "linked_lead_id", linked, DeadCause::LeadIdTooLong, detail);
}

#[test]
fn what_is_at_a_limit_passes() {
    let mut record = full(InputKind::Web);
    record["lead_id"] = json!("x".repeat(256));
    record["event_id"] = json!("x".repeat(128));
    record["url"] = json!("x".repeat(2048));
    for format in Format::ALL {
        let bytes = bytes(format, InputKind::Web, &record);
        assert!(decoder().decode(format, InputKind::Web, Some(&bytes)).is_ok(), "{format:?}");
    }
}

#[test]
fn refuses_records_that_cannot_be_read() {
    #[track_caller]
    fn check(format: Format, value: Option<&[u8]>, cause: DeadCause, detail: &str) {
        let dead = decoder().decode(format, InputKind::Web, value).expect_err("refused");
        assert_eq!((dead.cause, &*dead.detail), (cause, detail));
    }
    for format in Format::ALL {
        check(format, None, DeadCause::Undecodable, "the value is null");
        let long = vec![b' '; limits::RECORD_BYTES_MAX + 1];
        let detail = "the value has 262145 bytes, at most 262144 are allowed";
        check(format, Some(&long), DeadCause::RecordTooLong, detail);
    }
    let json = |text: &str, detail| check(Format::Json, Some(text.as_bytes()), DeadCause::Undecodable, detail);
    json("", "not JSON at line 1 column 0");
    json("[]", "the value is no JSON object");
    json("null", "the value is no JSON object");
    json(r#"{"occurred_at":NaN}"#, "not JSON at line 1 column 16");
    json(r#"{"occurred_at":-Infinity}"#, "not JSON at line 1 column 17");
    json("{} {}", "not JSON at line 1 column 4");
    let deep = "[".repeat(100_000);
    json(&format!("{{\"source\":{deep}"), "not JSON at line 1 column 100010");
    let avro = |bytes: &[u8], detail| check(Format::Avro, Some(bytes), DeadCause::Undecodable, detail);
    avro(&[], "too short for a single-object header");
    avro(&[0; 16], "does not begin with the single-object magic C3 01");
    avro(&[0xc3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 5], "no WebEvent schema with fingerprint 0000000000000001 is known");
    let mut left_over = bytes(Format::Avro, InputKind::Web, &full(InputKind::Web));
    left_over.push(0);
    avro(&left_over, "bytes are left over behind the record");
    let other = bytes(Format::Avro, InputKind::Mail, &full(InputKind::Mail));
    let dead = decoder().decode(Format::Avro, InputKind::Web, Some(&other)).expect_err("of another kind");
    assert_eq!(dead.cause, DeadCause::Undecodable);
    let confluent = |bytes: &[u8], detail| check(Format::AvroConfluent, Some(bytes), DeadCause::Undecodable, detail);
    confluent(&[0, 0, 0, 0, 99, 1], "no WebEvent schema with id 99 is known");
    confluent(b"{}", "too short for a schema id");
}

/// A writer of another version: its schema as JSON, changed by `change`, and a datum of it.
fn of_another_version(kind: InputKind, change: impl Fn(&mut Vec<Value>)) -> Value {
    let mut schema: Value = serde_json::from_str(schema_text(kind)).expect("JSON");
    change(schema["fields"].as_array_mut().expect("fields"));
    schema
}

#[track_caller]
fn check_version(kind: InputKind, schema: &Value, record: Value, expected: Event<'_>) {
    let mut schemas = SchemaSet::default();
    schemas.add(Some(7), &schema.to_string()).expect("it resolves");
    let decoder = Decoder::new(schemas, limits::RECORD_BYTES_MAX);
    let writer = Schema::parse(schema).expect("a schema");
    let datum = oracle::write_datum(&writer, record);
    let single_object = [Header::of(&writer).as_bytes().as_slice(), &datum].concat();
    assert_eq!(decoder.decode(Format::Avro, kind, Some(&single_object)).as_ref(), Ok(&expected));
    let framed = [&[0, 0, 0, 0, 7], datum.as_slice()].concat();
    assert_eq!(decoder.decode(Format::AvroConfluent, kind, Some(&framed)), Ok(expected));
}

#[test]
fn an_older_writer_lacks_fields_and_symbols() {
    let old = ["event_id", "lead_id", "occurred_at", "kind", "direction"];
    let schema = of_another_version(InputKind::Sns, |fields| {
        fields.retain(|field| old.contains(&field["name"].as_str().expect("a name")));
        fields[3]["type"]["symbols"] = json!(["unknown", "reply", "dm"]);
        fields.reverse();
    });
    let record = json!({"direction": "inbound", "kind": "dm", "occurred_at": 1_775_000_000_000_i64, "lead_id": "lead-1",
        "event_id": "e-1"});
    let sns = Sns { kind: SnsKind::Dm, direction: Direction::Inbound, ..Sns::default() };
    let expected = Event { account_id: None, topic: None, machine: false, ..event(Body::Sns(sns)) };
    check_version(InputKind::Sns, &schema, record, expected);
}

#[test]
fn a_newer_writer_has_more_of_everything() {
    let schema = of_another_version(InputKind::Sns, |fields| {
        fields[8]["type"]["symbols"].as_array_mut().expect("symbols").insert(1, json!("super_like"));
        fields[12]["type"] = json!(["string", "null", "long"]);
        fields[12].as_object_mut().expect("a field").remove("default");
        let place = json!({"type": "record", "name": "Place", "fields": [
            {"name": "lat", "type": "double"}, {"name": "tags", "type": {"type": "array", "items": "string"}}]});
        fields.insert(0, json!({"name": "places", "type": {"type": "array", "items": place}}));
        fields.push(json!({"name": "home", "type": ["null", "Place"]}));
        fields.push(json!({"name": "more", "type": {"type": "map", "values": ["null", "float", "boolean", "bytes"]}}));
    });
    let mut record = json!({"places": [{"lat": 35.6, "tags": ["a", "b"]}]});
    let Value::Object(all) = full(InputKind::Sns) else { unreachable!() };
    record.as_object_mut().expect("an object").extend(all);
    record["home"] = json!({"lat": 1.5, "tags": []});
    record["more"] = json!({"a": null, "b": true});
    check_version(InputKind::Sns, &schema, record.clone(), expected(InputKind::Sns));

    record["kind"] = json!("super_like");
    let Body::Sns(sns) = expected(InputKind::Sns).body else { unreachable!() };
    check_version(InputKind::Sns, &schema, record, event(Body::Sns(Sns { kind: SnsKind::Unknown, ..sns })));
}

#[test]
fn schemas_that_do_not_resolve_are_refused_when_loaded() {
    #[track_caller]
    fn check(change: impl Fn(&mut Vec<Value>), problem: &str) {
        let schema = of_another_version(InputKind::Web, change).to_string();
        assert_eq!(SchemaSet::default().add(None, &schema), Err(problem.to_owned()));
    }
    check(|fields| drop(fields.remove(1)), "field lead_id is missing and has no default");
    let text = "field lead_id: its type must be a string, or a union with one";
    check(|fields| fields[1]["type"] = json!("long"), text);
    let time = "field occurred_at: its type must be a long of milliseconds, or a union with one";
    check(|fields| fields[2]["type"] = json!({"type": "long", "logicalType": "timestamp-micros"}), time);
    check(|fields| fields[2]["type"] = json!(["null", "string"]), time);
    let list = json!({"name": "list", "type": {"type": "record", "name": "List", "fields": [
        {"name": "next", "type": ["null", "List"]}]}});
    check(move |fields| fields.push(list.clone()), "field list: types that contain themselves are not supported");

    let error = SchemaSet::default().add(None, r#"{"type":"record","name":"Other","fields":[]}"#).expect_err("refused");
    assert!(error.contains("WebEvent") && error.contains("\"Other\""), "{error}");
    assert!(SchemaSet::default().add(None, "no schema").is_err());
}

#[test]
fn loads_a_directory_and_names_every_file_that_is_wrong() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("written");
    write("3.avsc", schema_text(InputKind::Sns));
    write("notes.txt", "no schema");
    let decoder = Decoder::new(SchemaSet::load(directory.path()).expect("it loads"), limits::RECORD_BYTES_MAX);
    let mut framed = vec![0, 0, 0, 0, 3];
    framed.extend(oracle::write_datum(&own(InputKind::Sns), full(InputKind::Sns)));
    assert_eq!(decoder.decode(Format::AvroConfluent, InputKind::Sns, Some(&framed)), Ok(expected(InputKind::Sns)));

    write("4.avsc", "{");
    write("5.avsc", r#""string""#);
    let errors = SchemaSet::load(directory.path()).expect_err("two are wrong");
    let files: Vec<_> = errors.iter().filter_map(|error| error.file.file_name()?.to_str()).collect();
    assert_eq!(files, ["4.avsc", "5.avsc"]);
    assert!(SchemaSet::load(&directory.path().join("none")).is_err());
}

/// Kind, format, and a valid record with bytes changed, inserted or cut off.
fn damaged() -> impl Strategy<Value = (InputKind, Format, Vec<u8>)> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 0..6);
    (0..KINDS.len(), 0..Format::ALL.len(), edits).prop_map(|(kind, format, edits)| {
        let (kind, format) = (KINDS[kind].0, Format::ALL[format]);
        let mut bytes = bytes(format, kind, &full(kind));
        for (index, byte, edit) in edits {
            let index = index.index(bytes.len() + 1);
            match edit {
                0 => bytes.truncate(index),
                1 => bytes.insert(index, byte),
                _ if index < bytes.len() => bytes[index] = byte,
                _ => {}
            }
        }
        (kind, format, bytes)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn damage_never_panics((kind, format, bytes) in damaged()) {
        let decoder = decoder();
        match decoder.decode(format, kind, Some(&bytes)) {
            Ok(event) => prop_assert!(limits::EVENT_TIMES_MS.contains(&event.occurred_at_ms)),
            Err(dead) => prop_assert!(!dead.detail.contains("acme") && !dead.detail.contains("lead-1")),
        }
    }

    /// Whatever one library writes by the schema, ours reads alike from Avro and from JSON.
    #[test]
    fn avro_and_json_agree(
        lead_id in "\\PC{1,40}", topic in prop::option::of("\\PC{0,20}"), time in limits::EVENT_TIMES_MS, machine: bool,
        attributes in prop::collection::btree_map("\\PC{0,9}", prop::option::of("\\PC{0,9}"), 0..5),
    ) {
        let mut record = full(InputKind::Profile);
        record["lead_id"] = json!(lead_id);
        record["topic"] = json!(topic);
        record["occurred_at"] = json!(time);
        record["machine"] = json!(machine);
        record["attributes"] = json!(attributes);
        let decoder = decoder();
        let avro = bytes(Format::Avro, InputKind::Profile, &record);
        let json = bytes(Format::Json, InputKind::Profile, &record);
        let event = decoder.decode(Format::Avro, InputKind::Profile, Some(&avro));
        prop_assert_eq!(&event, &decoder.decode(Format::Json, InputKind::Profile, Some(&json)));
        prop_assert_eq!(&*event.expect("it decodes").lead_id, lead_id);
    }
}
