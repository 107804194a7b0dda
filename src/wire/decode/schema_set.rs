//! Which writers' schemas are known: this version's own, and those of files that the operator gives.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use apache_avro::Schema;
use serde_json::Value;

use super::compile::compile;
use super::plan::Plan;
use super::reader::{KINDS, Reader};
use crate::scoring::event::InputKind;
use crate::wire::avro::{crate_fingerprint, fingerprint};

/// Plans by fingerprint (single-object encoding) and by id (Confluent framing), each for its input kind.
#[derive(Debug, Default)]
pub struct SchemaSet {
    by_fingerprint: HashMap<u64, Entry>,
    by_id: HashMap<u32, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    kind: InputKind,
    fingerprint: u64,
    plan: std::sync::Arc<Plan>,
}

/// A schema file that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct SchemaError {
    pub file: PathBuf,
    pub problem: String,
}

/// Plans of the embedded schemas by kind: most records need no look-up.
static OWN: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    let plan = |(kind, _): &(InputKind, &str)| compile(&Reader::of(*kind).schema, Reader::of(*kind));
    KINDS.iter().map(|kind| plan(kind).expect("a schema resolves to itself")).collect()
});

impl SchemaSet {
    /// Adds every `*.avsc` file of the directory: known by its fingerprint, and where the file's name is a number
    /// (`17.avsc`) also by that id. Our own schemas are always known by their fingerprints.
    ///
    /// # Errors
    /// Every file that is no schema, or that does not resolve to an input schema of this version.
    pub fn load(directory: &Path) -> Result<SchemaSet, Vec<SchemaError>> {
        let mut set = SchemaSet::default();
        let mut errors = Vec::new();
        for file in files(directory).map_err(|error| vec![error])? {
            let id = file.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            let text = std::fs::read_to_string(&file).map_err(|error| error.to_string());
            if let Err(problem) = text.and_then(|text| set.add(id, &text)) {
                errors.push(SchemaError { file, problem });
            }
        }
        if errors.is_empty() { Ok(set) } else { Err(errors) }
    }

    /// Adds one writer's schema, under an id of a registry where it has one.
    ///
    /// # Errors
    /// Text for the operator, where the schema does not resolve to an input schema of this version.
    pub fn add(&mut self, id: Option<u32>, text: &str) -> Result<(), String> {
        let schema = Schema::parse_str(text).map_err(|error| format!("not an Avro schema: {error}"))?;
        serde_json::from_str(text).map_err(|error| error.to_string()).and_then(|json| has_canonical_form(&json))?;
        let name = schema.name().map(|name| name.name().to_owned()).unwrap_or_default();
        let Some((kind, _)) = KINDS.into_iter().find(|(kind, _)| Reader::of(*kind).record_name == name) else {
            let names: Vec<_> = KINDS.iter().map(|(kind, _)| Reader::of(*kind).record_name.as_str()).collect();
            return Err(format!("the schema must be a record named one of {}; found {name:?}", names.join(", ")));
        };
        let plan = std::sync::Arc::new(compile(&schema, Reader::of(kind))?);
        let entry = Entry { kind, fingerprint: fingerprint(&schema), plan };
        if let Some(id) = id {
            self.by_id.insert(id, entry.clone());
        }
        self.by_fingerprint.insert(entry.fingerprint, entry.clone());
        self.by_fingerprint.insert(crate_fingerprint(&schema), entry);
        Ok(())
    }

    /// An id under which this version's own schema of a kind is known.
    pub fn id_of(&self, kind: InputKind) -> Option<u32> {
        let is_own = |entry: &Entry| entry.kind == kind && entry.fingerprint == Reader::of(kind).fingerprint;
        self.by_id.iter().filter(|(_, entry)| is_own(entry)).map(|(id, _)| *id).min()
    }

    pub(super) fn by_fingerprint(&self, kind: InputKind, fingerprint: u64) -> Option<&Plan> {
        let reader = Reader::of(kind);
        if fingerprint == reader.fingerprint || fingerprint == reader.crate_fingerprint {
            return Some(&OWN[kind as usize]);
        }
        self.by_fingerprint.get(&fingerprint).filter(|entry| entry.kind == kind).map(|entry| &*entry.plan)
    }

    pub(super) fn by_id(&self, kind: InputKind, id: u32) -> Option<&Plan> {
        self.by_id.get(&id).filter(|entry| entry.kind == kind).map(|entry| &*entry.plan)
    }
}

/// Attributes that the canonical form keeps, wherever they stand.
const KEPT: [&str; 7] = ["name", "type", "fields", "symbols", "items", "values", "order"];
const KEPT_NUMBERS: [&str; 3] = ["size", "precision", "scale"];

/// `apache-avro` panics where an attribute that its canonical form keeps has a value of another type, as a field of
/// its own that a writer adds may: such schemas are refused before.
fn has_canonical_form(schema: &Value) -> Result<(), String> {
    let wrong = |name: &str, value: &Value| Err(format!("attribute {name} cannot be {value} in an Avro schema"));
    let is_number = |value: &Value| match value {
        Value::String(digits) => digits.parse::<i64>().is_ok(),
        value => value.as_i64().is_some(),
    };
    match schema {
        Value::Object(attributes) => attributes.iter().try_for_each(|(name, value)| match value {
            _ if KEPT_NUMBERS.contains(&name.as_str()) && !is_number(value) => wrong(name, value),
            Value::Null | Value::Bool(_) | Value::Number(_) if KEPT.contains(&name.as_str()) => wrong(name, value),
            _ if KEPT.contains(&name.as_str()) => has_canonical_form(value),
            _ => Ok(()),
        }),
        Value::Array(parts) => parts.iter().try_for_each(has_canonical_form),
        Value::String(_) => Ok(()),
        other => Err(format!("{other} cannot stand in an Avro schema")),
    }
}

fn files(directory: &Path) -> Result<Vec<PathBuf>, SchemaError> {
    let failed = |error: std::io::Error| SchemaError { file: directory.to_owned(), problem: error.to_string() };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "avsc") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by machine: these made the library panic when the process started.
    #[test]
    fn attributes_that_have_no_canonical_form_are_refused() {
        #[track_caller]
        fn check(attribute: &str, is_taken: bool) {
            let field = r#"{"name": "more", "type": "string", "#;
            let text = super::super::schema_text(InputKind::Outcome);
            let text = text.replacen("\"fields\": [", &format!("\"fields\": [{field}{attribute}}},"), 1);
            let added = SchemaSet::default().add(Some(1), &text);
            assert_eq!(added.is_ok(), is_taken, "{attribute}: {added:?}");
        }
        check(r#""symbols": ["a"]"#, true);
        check(r#""order": "ignore""#, true);
        check(r#""note": null"#, true);
        for wrong in [
            r#""symbols": null"#,
            r#""items": [1]"#,
            r#""values": {"type": true}"#,
            r#""order": 7"#,
            r#""size": "x""#,
            r#""scale": 1.5"#,
            r#""precision": null"#,
        ] {
            check(wrong, false);
        }
    }
}
