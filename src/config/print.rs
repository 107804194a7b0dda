//! The effective configuration as a text that could be a configuration file, with the origin of each value.

use super::Config;
use super::effective::{At, Effective};
use super::keys::{DEFAULT_INPUTS, KEYS, Key};
use super::kind::{Value, duration_text, size_text};
use super::mistake::Origin;
use super::secret;

pub fn toml(effective: &Effective, config: &Config) -> String {
    let mut tables: Vec<(String, String)> = Vec::new();
    for key in KEYS {
        for name in names(effective, key) {
            let Some((value, origin)) = value(effective, config, key, name.as_deref()) else { continue };
            let (table, last) = place(key.name, name.as_deref());
            let line = format!("{:<50} # {origin}\n", format!("{last} = {value}"));
            match tables.iter_mut().find(|(other, _)| *other == table) {
                Some((_, lines)) => *lines += &line,
                None => tables.push((table, line)),
            }
        }
    }
    let texts: Vec<String> = tables.iter().map(|(table, lines)| format!("[{table}]\n{lines}")).collect();
    texts.join("\n")
}

/// What the `*` of the key stands for, once each; one `None` where there is no `*`.
fn names(effective: &Effective, key: &Key) -> Vec<Option<String>> {
    let Some((start, _)) = key.name.split_once('*') else { return vec![None] };
    let mut names = effective.names(start);
    if start == "topics." {
        names.extend(DEFAULT_INPUTS.iter().map(|(name, _)| (*name).to_owned()));
        names.sort();
        names.dedup();
    }
    names.into_iter().map(Some).collect()
}

fn value(effective: &Effective, config: &Config, key: &Key, name: Option<&str>) -> Option<(String, Origin)> {
    if secret::is_secret(&At { key: key.name, name }) {
        let entry = effective.entry(key.name, name)?;
        return Some((format!("{:?}", secret::MASK), entry.origin.clone()));
    }
    let origin = effective.entry(key.name, name).map_or(Origin::Default, |entry| entry.origin.clone());
    let value = effective.value(key.name, name).or_else(|| computed(config, key.name, name))?;
    Some((text(&value), origin))
}

/// Defaults that no table can hold.
fn computed(config: &Config, key: &str, name: Option<&str>) -> Option<Value> {
    match key {
        "app.instance" => Some(Value::Text(config.app.instance.clone())),
        "topics.*.kind" => {
            let (_, kind) = DEFAULT_INPUTS.iter().find(|(default, _)| Some(*default) == name)?;
            Some(Value::Text((*kind).to_owned()))
        }
        _ => None,
    }
}

fn place(key: &str, name: Option<&str>) -> (String, String) {
    match (key.split_once('*'), name) {
        (Some((start, "")), Some(name)) => (start.trim_end_matches('.').to_owned(), format!("{name:?}")),
        (Some((start, end)), Some(name)) => (format!("{start}{name:?}"), end.trim_start_matches('.').to_owned()),
        _ => {
            let (table, last) = key.rsplit_once('.').unwrap_or(("", key));
            (table.to_owned(), last.to_owned())
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => toml::Value::String(text.clone()).to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => format!("{value:?}"),
        Value::Flag(value) => value.to_string(),
        Value::Duration(value) => format!("{:?}", duration_text(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))),
        Value::Size(value) => format!("{:?}", size_text(*value)),
    }
}
