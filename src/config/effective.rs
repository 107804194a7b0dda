//! The layers put together: which value each key has, and where from. Every mistake in keys and values is found here.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::{self, KEYS, Key};
use super::kind::{Raw, Value, nearest};
use super::layers::Found;
use super::mistake::{Mistake, Origin};
use super::secret;

/// A key, with the name that its `*` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At<'a> {
    pub key: &'static str,
    pub name: Option<&'a str>,
}

impl std::fmt::Display for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.name, self.key.split_once('*')) {
            (Some(name), Some((before, after))) => write!(f, "{before}\"{name}\"{after}"),
            _ => f.write_str(self.key),
        }
    }
}

/// The value of a key, and where it comes from.
#[derive(Debug, Clone)]
pub struct Entry {
    pub value: Value,
    pub origin: Origin,
}

/// What every key holds.
#[derive(Debug, Default)]
pub struct Effective {
    entries: BTreeMap<(&'static str, Option<String>), Entry>,
    /// Keys with the names that their `*` stood for, also where the value was wrong.
    names: BTreeSet<(&'static str, String)>,
    pub mistakes: Vec<Mistake>,
}

impl Effective {
    /// Later layers win, value by value.
    pub fn of(layers: impl IntoIterator<Item = Found>) -> Effective {
        let mut effective = Effective::default();
        for found in layers {
            effective.take(found);
        }
        effective
    }

    fn take(&mut self, found: Found) {
        let Some((key, name)) = resolve(&found.path) else {
            return self.unknown(&found);
        };
        self.names.extend(name.iter().map(|name| (key.name, name.clone())));
        let at = At { key: key.name, name: name.as_deref() };
        match key.kind.read(&found.raw) {
            Some(value) => {
                self.entries.insert((key.name, name), Entry { value, origin: found.origin });
            }
            None => self.mistakes.push(Mistake {
                origin: found.origin,
                key: at.to_string(),
                found: Some(if secret::is_secret(&at) { secret::MASK.into() } else { found.raw.to_string() }),
                problem: format!("allowed: {}", key.kind.allowed()),
                nearest: key.kind.nearest(&found.raw),
            }),
        }
    }

    fn unknown(&mut self, found: &Found) {
        let written = found.path.join(".");
        let nearest = match found.raw {
            Raw::Other(_) if KEYS.iter().any(|key| key.name.split('.').next() == Some(&written)) => None,
            _ => nearest(&pattern(&found.path), KEYS.iter().map(|key| key.name)),
        };
        self.mistakes.push(Mistake {
            origin: found.origin.clone(),
            key: written,
            found: None,
            problem: "there is no such key".into(),
            nearest,
        });
    }

    /// A mistake that only several keys together make.
    pub fn complain(&mut self, key: &'static str, name: Option<&str>, problem: impl Into<String>) {
        let of_name = || self.entries.iter().find(|((_, of), _)| of.is_some() && of.as_deref() == name);
        let entry = self.entry(key, name).or_else(|| of_name().map(|(_, entry)| entry));
        let origin = entry.map_or(Origin::Default, |entry| entry.origin.clone());
        let key = At { key, name }.to_string();
        self.mistakes.push(Mistake { origin, key, found: None, problem: problem.into(), nearest: None });
    }

    /// What was set for that key.
    pub fn entry(&self, key: &'static str, name: Option<&str>) -> Option<&Entry> {
        self.entries.get(&(key, name.map(str::to_owned)))
    }

    /// What was set, or the default.
    pub fn value(&self, key: &'static str, name: Option<&str>) -> Option<Value> {
        let default = || {
            let key = keys::find(key)?;
            key.kind.read(&Raw::Word(key.default?.to_owned()))
        };
        self.entry(key, name).map(|entry| entry.value.clone()).or_else(default)
    }

    /// The names that `*` stands for in any key that begins with `start`.
    pub fn names(&self, start: &str) -> Vec<String> {
        let found = self.names.iter().filter(|(key, _)| key.starts_with(start));
        let mut names: Vec<String> = found.map(|(_, name)| name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// How the path would stand in the table of keys.
fn pattern(path: &[String]) -> String {
    match path {
        [first, _, .., last] if first == "topics" => format!("topics.*.{last}"),
        _ => path.join("."),
    }
}

/// The key that a path means. Names may hold dots, quoted or not.
pub fn resolve(path: &[String]) -> Option<(&'static Key, Option<String>)> {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts[..] {
        ["topics", ref name @ .., last] if !name.is_empty() => {
            let key = keys::find(&format!("topics.*.{last}"))?;
            Some((key, Some(name.join("."))))
        }
        ["kafka", "properties", ref name @ ..] if !name.is_empty() => {
            Some((keys::find("kafka.properties.*")?, Some(name.join("."))))
        }
        _ => Some((keys::find(&parts.join(".")).filter(|key| !key.name.contains('*'))?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers;

    fn problems(settings: &[&str]) -> Vec<String> {
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let (found, _) = layers::arguments(&settings);
        Effective::of(found).mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_mistake_is_told_with_its_remedy() {
        let found = problems(&[
            "app.worker=3",
            "app.workers=none",
            "topics.\"crm.calls\".fromat=json",
            "topics.crm.calls.format=jsn",
            "kafka.properties.sasl.password=",
        ]);
        assert_eq!(
            found,
            [
                "--set: app.worker: there is no such key; did you mean app.workers?",
                "--set: app.workers: found \"none\"; allowed: a whole number from 1 to 256",
                "--set: topics.crm.calls.fromat: there is no such key; did you mean topics.*.format?",
                "--set: topics.\"crm.calls\".format: found \"jsn\"; allowed: avro, avro-confluent, json; did you mean json?",
                "--set: kafka.properties.\"sasl.password\": found ********; allowed: a text that is not empty",
            ]
        );
    }

    #[test]
    fn the_later_layer_wins() {
        let settings = ["app.workers=3".to_owned(), "app.workers=5".to_owned()];
        let effective = Effective::of(layers::arguments(&settings).0);
        assert_eq!(effective.value("app.workers", None), Some(Value::Integer(5)));
        assert_eq!(effective.value("app.id", None), Some(Value::Text("tsuikyaku".into())));
    }
}
