//! The tables of `docs/outreach.md`: every field with its meaning, from the schema, and a value, from the example.

use std::fmt::Write as _;

use serde_json::Value;

use crate::Topic;
use crate::avro::fields;

/// The document with the tables between its marks replaced.
pub fn document<'t>(text: &str, topics: impl Iterator<Item = &'t Topic>, examples: &[(&'static str, Value)]) -> String {
    topics.fold(text.to_owned(), |text, topic| {
        let (begin, end) =
            (format!("<!-- {} -->\n", topic.schema_name), format!("<!-- end of {} -->", topic.schema_name));
        let place = text.find(&begin).map(|at| at + begin.len()).zip(text.find(&end));
        let (first, last) = place.unwrap_or_else(|| panic!("docs/outreach.md has no marks {begin}{end}"));
        format!("{}{}{}", &text[..first], table(topic, examples), &text[last..])
    })
}

fn table(topic: &Topic, examples: &[(&'static str, Value)]) -> String {
    let mut table = "| field | type | meaning | example |\n|---|---|---|---|\n".to_owned();
    for field in fields(&topic.schema) {
        let example = example(topic, &field.path, examples);
        let _ = writeln!(table, "| `{}` | {} | {} | {example} |", field.path, field.type_name, field.doc);
    }
    table
}

/// A value that is there, from the topic's examples; nothing of records and lists, whose fields follow.
fn example(topic: &Topic, path: &str, examples: &[(&'static str, Value)]) -> String {
    let names: &[&str] =
        if topic.schema_name == "ready" { &["ready", "escalated"] } else { std::slice::from_ref(&topic.schema_name) };
    let mut values = examples.iter().filter(|(name, _)| names.contains(name)).filter_map(|(_, value)| at(value, path));
    match values.find(|value| !value.is_null()) {
        Some(Value::Object(entries)) if path != "headline" && !entries.is_empty() => "see below".into(),
        Some(Value::Array(_)) => "see below".into(),
        Some(value) => format!("`{value}`"),
        None => String::new(),
    }
}

fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, step| match step.strip_suffix("[]") {
        Some(list) => value.get(list)?.get(0),
        None => value.get(step),
    })
}
