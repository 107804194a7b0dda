//! The layers of the configuration - file, environment, `--set` - each read into a list of keys, values and origins.

use std::borrow::Cow;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::DEFAULT_INPUTS;
use super::kind::Raw;
use super::mistake::{Mistake, Origin};

/// Variables of the environment that belong to the configuration begin with this and have a `__` after the section.
/// Others do not: an orchestrator makes variables such as `TSUIKYAKU_PORT` for a service of that name.
const VARIABLE_PREFIX: &str = "TSUIKYAKU_";

/// A value somewhere in a layer.
#[derive(Debug, Clone)]
pub struct Found {
    /// Segments of the key.
    pub path: Vec<String>,
    pub raw: Raw,
    pub origin: Origin,
}

/// All values of a TOML text, and every error in its syntax.
pub fn file(path: &Path, text: &str) -> (Vec<Found>, Vec<Mistake>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let origin = |at: usize| Origin::File { path: path.to_owned(), line: line_of(text, at) };
    let mistake = |error: &toml::de::Error| Mistake {
        origin: origin(error.span().map_or(0, |span| span.start)),
        key: String::new(),
        found: None,
        problem: error.message().replace('\n', "; "),
        nearest: None,
    };
    let mut found = Vec::new();
    flatten(table.get_ref(), &mut Vec::new(), &mut |path, key, value| {
        found.push(Found { path, raw: raw(value, text), origin: origin(key.span().start) });
    });
    (found, errors.iter().map(mistake).collect())
}

type Visit<'a> = dyn FnMut(Vec<String>, &Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>) + 'a;

fn flatten(table: &DeTable<'_>, path: &mut Vec<String>, each: &mut Visit<'_>) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() || path.len() == 1 => flatten(inner, path, each),
            _ => each(path.clone(), key, value),
        }
        path.pop();
    }
}

fn raw(value: &Spanned<DeValue<'_>>, text: &str) -> Raw {
    let written = || text.get(value.span()).unwrap_or_default().to_owned();
    match value.get_ref() {
        DeValue::String(found) => Raw::Text(found.to_string()),
        DeValue::Integer(found) => {
            i64::from_str_radix(found.as_str(), found.radix()).map_or_else(|_| Raw::Other(written()), Raw::Integer)
        }
        DeValue::Float(found) => found.as_str().parse().map_or_else(|_| Raw::Other(written()), Raw::Real),
        DeValue::Boolean(found) => Raw::Flag(*found),
        DeValue::Table(_) => Raw::Other("a table".into()),
        DeValue::Array(_) | DeValue::Datetime(_) => Raw::Other(written()),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// The variables that belong to the configuration. Names of topics are matched to `topics` with every sign that a
/// variable cannot have as `_`.
pub fn environment(variables: impl Iterator<Item = (String, String)>, topics: &[String]) -> Vec<Found> {
    let mut found: Vec<Found> = variables.filter_map(|(name, value)| variable(&name, value, topics)).collect();
    found.sort_by(|a, b| a.origin.cmp(&b.origin));
    found
}

fn variable(name: &str, value: String, topics: &[String]) -> Option<Found> {
    let rest = name.strip_prefix(VARIABLE_PREFIX)?.to_ascii_lowercase();
    if !rest.contains("__") {
        return None;
    }
    let mut path: Vec<String> = rest.split("__").map(str::to_owned).collect();
    match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["topics", _, ..] => path[1] = topic_of(&path[1], topics),
        ["kafka", "properties", ..] => path.iter_mut().skip(2).for_each(|part| *part = part.replace('_', ".")),
        _ => {}
    }
    Some(Found { path, raw: Raw::Word(value), origin: Origin::Variable(name.to_owned()) })
}

fn topic_of(written: &str, topics: &[String]) -> String {
    let as_variable = |topic: &str| topic.to_ascii_lowercase().replace(['.', '-'], "_");
    let defaults = DEFAULT_INPUTS.iter().map(|(name, _)| *name);
    let known = topics.iter().map(String::as_str).chain(defaults).find(|topic| as_variable(topic) == written);
    known.unwrap_or(written).to_owned()
}

/// The values of `--set key=value`.
pub fn arguments(settings: &[String]) -> (Vec<Found>, Vec<Mistake>) {
    let (mut found, mut mistakes) = (Vec::new(), Vec::new());
    for setting in settings {
        match setting.split_once('=').filter(|(key, _)| !key.trim().is_empty()) {
            Some((key, value)) => {
                let path = key.split('.').map(|part| part.trim().replace('"', "")).collect();
                found.push(Found { path, raw: Raw::Word(value.to_owned()), origin: Origin::Argument });
            }
            None => mistakes.push(Mistake {
                origin: Origin::Argument,
                key: String::new(),
                found: Some(format!("{setting:?}")),
                problem: "key=value is needed, as app.workers=4".into(),
                nearest: None,
            }),
        }
    }
    (found, mistakes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(found: &[Found]) -> Vec<String> {
        found.iter().map(|found| format!("{} = {} ({})", found.path.join("/"), found.raw, found.origin)).collect()
    }

    #[test]
    fn a_file_tells_lines_and_all_errors_of_syntax() {
        let text = "[app]\nid = \"x\"\n\n[topics.\"a.b\"]\nkind = \"web\"\nbad = = 1\n[kafka]\nn = 0x10\nworse = \n";
        let (found, mistakes) = file(Path::new("f.toml"), text);
        let found = paths(&found);
        for expected in ["app/id = \"x\" (f.toml:2)", "topics/a.b/kind = \"web\" (f.toml:5)", "kafka/n = 16 (f.toml:8)"]
        {
            assert!(found.iter().any(|found| found == expected), "{expected} in {found:?}");
        }
        let lines: Vec<String> = mistakes.iter().map(|mistake| mistake.origin.to_string()).collect();
        assert!(lines.contains(&"f.toml:6".into()) && lines.contains(&"f.toml:9".into()), "{lines:?}");
    }

    #[test]
    fn variables_name_keys_topics_and_properties() {
        let given = [
            ("TSUIKYAKU_KAFKA__BOOTSTRAP_SERVERS", "b:1"),
            ("TSUIKYAKU_TOPICS__ENGAGEMENT_WEB__FORMAT", "json"),
            ("TSUIKYAKU_TOPICS__CRM_TOUCHES__KIND", "contact"),
            ("TSUIKYAKU_KAFKA__PROPERTIES__SECURITY_PROTOCOL", "ssl"),
            ("TSUIKYAKU_PORT", "tcp://10.0.0.1"),
            ("HOME", "x"),
        ];
        let given = given.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let found: Vec<String> = environment(given, &["crm-touches".into()]).iter().map(|f| f.path.join("/")).collect();
        let expected = [
            "kafka/bootstrap_servers",
            "kafka/properties/security.protocol",
            "topics/crm-touches/kind",
            "topics/engagement.web/format",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_setting_needs_an_equals_sign() {
        let (found, mistakes) = arguments(&["app.workers=3".into(), "app.id".into(), "=3".into()]);
        assert_eq!(paths(&found), ["app/workers = \"3\" (--set)"]);
        assert_eq!(mistakes.len(), 2);
    }
}
