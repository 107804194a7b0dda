//! Which fields of two values differ, for messages: names, and values only where the caller wants them.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use serde_json::Value as Json;

use crate::scoring::lead::Lead;
use crate::wire::output::OutputFormat;
use crate::wire::state;

/// A record of an output topic, readable.
pub fn read(value: &[u8], format: OutputFormat, schema: &str) -> Option<Vec<(String, Json)>> {
    let skipped = match format {
        OutputFormat::Json => {
            let object: serde_json::Map<String, Json> = serde_json::from_slice(value).ok()?;
            return Some(object.into_iter().collect());
        }
        OutputFormat::Avro => 10,
        OutputFormat::AvroConfluent { .. } => 5,
    };
    let schema = Schema::parse_str(schema).ok()?;
    let reader = GenericDatumReader::builder(&schema).build().ok()?;
    let Avro::Record(fields) = reader.read_value(&mut value.get(skipped..)?).ok()? else { return None };
    fields.into_iter().map(|(name, value)| Some((name, Json::try_from(value).ok()?))).collect()
}

/// The field's text.
pub fn text<'f>(fields: &'f [(String, Json)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(own, _)| own == name)?.1.as_str()
}

/// "readiness_before, score" or, with values, "readiness_before (expected 1.0, found 2.0), …".
pub fn differing(expected: &[(String, Json)], found: &[(String, Json)], show_values: bool) -> String {
    let of = |fields: &[(String, Json)], name: &str| {
        fields.iter().find(|(own, _)| own == name).map_or(Json::Null, |(_, value)| value.clone())
    };
    let names = expected.iter().map(|(name, _)| name);
    let extra = found.iter().map(|(name, _)| name).filter(|name| expected.iter().all(|(own, _)| own != *name));
    let differing = names.chain(extra).filter_map(|name| {
        let (expected, found) = (of(expected, name), of(found, name));
        (expected != found).then(|| named(name, &expected, &found, show_values))
    });
    list(differing.collect())
}

/// The parts of a lead's state that differ.
pub fn differing_states(expected: &[u8], found: &[u8], show_values: bool) -> String {
    let (Ok(expected), Ok(found)) = (state::decode(expected), state::decode(found)) else {
        return "what is found cannot be read".into();
    };
    let Lead { facts, seen, episode, identity, timer_ms, outlook: _ } = &found;
    let mut parts = Vec::new();
    let mut part = |name: &str, is_same: bool, values: (String, String)| {
        if !is_same {
            parts.push(named(name, &values.0, &values.1, show_values));
        }
    };
    let show = |value: &dyn std::fmt::Debug| if show_values { format!("{value:?}") } else { String::new() };
    part("facts", expected.facts == *facts, (show(&expected.facts), show(facts)));
    part("seen", expected.seen == *seen, (show(&expected.seen), show(seen)));
    part("episode", expected.episode == *episode, (show(&expected.episode), show(episode)));
    part("identity", expected.identity == *identity, (show(&expected.identity), show(identity)));
    part("timer", expected.timer_ms == *timer_ms, (show(&expected.timer_ms), show(timer_ms)));
    list(parts)
}

fn named(name: &str, expected: &dyn std::fmt::Display, found: &dyn std::fmt::Display, show_values: bool) -> String {
    if show_values { format!("{name} (expected {expected}, found {found})") } else { name.to_owned() }
}

fn list(names: Vec<String>) -> String {
    if names.is_empty() { "nothing but its bytes".into() } else { names.join(", ") }
}
