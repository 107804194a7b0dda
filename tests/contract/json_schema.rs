//! Avro to JSON Schema (draft 7, which AsyncAPI builds on), for the `json` format of a topic.

use serde_json::{Map, Value, json};

use crate::Topic;
use crate::avro::{named, text};

/// The JSON Schema of a topic's values. Fields that may be added later are allowed; those with a default may be missing.
pub fn of(topic: &Topic) -> Value {
    let mut schema = record(&topic.schema);
    let mut definitions = Map::new();
    for (name, defined) in named(&topic.schema) {
        let body = match text(defined, "type") {
            "enum" => enumeration(defined),
            _ if name == text(&topic.schema, "name") => continue,
            _ => record(defined),
        };
        definitions.insert(name.to_owned(), body);
    }
    let top = schema.as_object_mut().expect("a record is an object");
    top.insert("$schema".into(), "http://json-schema.org/draft-07/schema#".into());
    top.insert("title".into(), topic.schema["name"].clone());
    top.insert("definitions".into(), definitions.into());
    schema
}

fn record(of: &Value) -> Value {
    let fields = || of["fields"].as_array().into_iter().flatten();
    let properties: Map<_, _> = fields().map(|field| (text(field, "name").to_owned(), property(field))).collect();
    let required: Vec<_> =
        fields().filter(|field| field.get("default").is_none()).map(|field| &field["name"]).collect();
    let mut schema = json!({"type": "object", "properties": properties, "required": required});
    describe(&mut schema, text(of, "doc"));
    schema
}

fn property(field: &Value) -> Value {
    let mut schema = typed(&field["type"]);
    if schema.get("$ref").is_some() {
        schema = json!({"allOf": [schema]}); // what stands beside a $ref is ignored in draft 7
    }
    let unit = if field["type"].to_string().contains("timestamp-millis") { " In ms since the epoch, UTC." } else { "" };
    describe(&mut schema, format!("{}{unit}", text(field, "doc")).trim());
    if let Some(default) = field.get("default") {
        schema["default"] = default.clone();
    }
    schema
}

fn typed(of: &Value) -> Value {
    match of {
        Value::Array(branches) => union(branches),
        Value::Object(_) => match text(of, "type") {
            "array" => json!({"type": "array", "items": typed(&of["items"])}),
            "map" => json!({"type": "object", "additionalProperties": typed(&of["values"])}),
            "record" | "enum" => reference(text(of, "name")),
            _ => typed(&of["type"]),
        },
        _ => match of.as_str().unwrap_or_default() {
            "int" | "long" => json!({"type": "integer"}),
            "double" => json!({"type": "number"}),
            plain @ ("string" | "boolean" | "null") => json!({"type": plain}),
            name => reference(name),
        },
    }
}

fn union(branches: &[Value]) -> Value {
    let schemas: Vec<Value> = branches.iter().map(typed).collect();
    let types: Vec<&Value> = schemas.iter().filter_map(|schema| schema.get("type")).collect();
    if types.len() == schemas.len() { json!({"type": types}) } else { json!({"anyOf": schemas}) }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/definitions/{name}")})
}

fn enumeration(of: &Value) -> Value {
    let mut schema = json!({"type": "string", "enum": of["symbols"]});
    describe(&mut schema, text(of, "doc"));
    schema
}

fn describe(schema: &mut Value, doc: &str) {
    if !doc.is_empty() {
        schema["description"] = doc.into();
    }
}
