//! Reads one table of a model file key by key, and remembers every mistake instead of stopping at the first.
//!
//! A getter that finds a mistake notes it and answers with some valid value, which nobody sees: a file with mistakes
//! gives no model.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::DeTable;
pub(crate) use toml::de::DeValue;

use super::error::{ModelError, nearest};

/// The text of the file and the mistakes found so far.
pub(super) struct Source<'t> {
    pub file: &'t str,
    pub text: &'t str,
    pub errors: RefCell<Vec<ModelError>>,
}

impl Source<'_> {
    /// Notes a mistake at a place in the text.
    pub fn error(&self, at: usize, key: &str, found: &str, allowed: &str, nearest: Option<&str>) {
        let line = self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        self.errors.borrow_mut().push(ModelError {
            file: self.file.into(),
            line,
            key: key.into(),
            found: found.into(),
            allowed: allowed.into(),
            nearest: nearest.map(Box::from),
        });
    }

    fn written(&self, span: Range<usize>) -> &str {
        self.text.get(span).unwrap_or_default()
    }
}

/// One table, at its path. Without a table every key reads as a default in silence: its absence is noted already.
pub(crate) struct Section<'t> {
    source: &'t Source<'t>,
    table: Option<&'t DeTable<'t>>,
    path: String,
    at: usize,
    keys: RefCell<Vec<String>>,
}

type Value<'t> = &'t Spanned<DeValue<'t>>;

impl<'t> Section<'t> {
    pub(super) fn root(source: &'t Source<'t>, table: &'t DeTable<'t>) -> Section<'t> {
        Section { source, table: Some(table), path: String::new(), at: 0, keys: RefCell::default() }
    }

    /// Path of one of its keys, as messages name it.
    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a mistake of the value of `key`, or of the whole table where the key is not there.
    pub fn wrong(&self, key: &str, allowed: &str) {
        self.wrong_near(key, allowed, None);
    }

    fn wrong_near(&self, key: &str, allowed: &str, nearest: Option<&str>) {
        let Some(table) = self.table else { return };
        let span = table.get(key).map(Spanned::span);
        let found = span.clone().map(|span| self.source.written(span)).unwrap_or_default();
        let at = span.map_or(self.at, |span| span.start);
        self.source.error(at, &self.path(key), found, allowed, nearest);
    }

    /// Whether the key is there; makes it known.
    pub fn has(&self, key: &str) -> bool {
        self.optional(key).is_some()
    }

    fn optional(&self, key: &str) -> Option<Value<'t>> {
        self.keys.borrow_mut().push(key.to_owned());
        self.table?.get(key)
    }

    /// The value that `read` makes of the key; any failure is a mistake.
    fn required<T>(&self, key: &str, allowed: &str, default: T, read: impl FnOnce(Value<'t>) -> Option<T>) -> T {
        self.optional(key).and_then(read).unwrap_or_else(|| {
            self.wrong(key, allowed);
            default
        })
    }

    pub fn text(&self, key: &str) -> &'t str {
        self.required(key, "a text that is not empty", "", |value| {
            value.get_ref().as_str().filter(|text| !text.trim().is_empty())
        })
    }

    /// A text that `read` understands.
    pub fn parsed<T>(&self, key: &str, allowed: &str, default: T, read: impl FnOnce(&str) -> Option<T>) -> T {
        self.required(key, allowed, default, |value| value.get_ref().as_str().and_then(read))
    }

    /// A text that `read` understands and that is one of `names`.
    pub fn name<T>(&self, key: &str, names: &[&str], default: T, read: impl FnOnce(&str) -> Option<T>) -> T {
        let text = self.optional(key).and_then(|value| value.get_ref().as_str());
        text.and_then(read).unwrap_or_else(|| {
            let near = text.and_then(|text| nearest(text, names.iter().copied()));
            self.wrong_near(key, &one_of(names), near);
            default
        })
    }

    /// A number; a mistake reads as NaN, so that no comparison adds a second complaint.
    pub fn number(&self, key: &str, range: RangeInclusive<f64>) -> f64 {
        let allowed = format!("a number from {} to {}", range.start(), range.end());
        self.required(key, &allowed, f64::NAN, |value| number_of(value).filter(|number| range.contains(number)))
    }

    pub fn integer<T: TryFrom<u32> + Default>(&self, key: &str, range: RangeInclusive<u32>) -> T {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        self.required(key, &allowed, T::default(), |value| {
            integer(value).filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok())
        })
    }

    /// A length of time such as `14d`, ms.
    pub fn duration_ms(&self, key: &str) -> i64 {
        self.duration_from_ms(key, 0, "0m")
    }

    /// A half-life, ms: at least an hour, so that the sums kept for it reach back at least forty hours.
    pub fn half_life_ms(&self, key: &str) -> i64 {
        self.duration_from_ms(key, 3_600_000, "1h")
    }

    fn duration_from_ms(&self, key: &str, least_ms: i64, least: &str) -> i64 {
        let allowed = format!("a time such as \"14d\", \"72h\" or \"5m\", from {least} to 3650d");
        self.parsed(key, &allowed, 86_400_000, |text| duration_ms(text).filter(|ms| *ms >= least_ms))
    }

    /// A table under this one; its absence is a mistake.
    pub fn section(&self, key: &str) -> Section<'t> {
        let value = self.optional(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if table.is_none() {
            self.wrong(key, "a table");
        }
        let at = value.map_or(self.at, |value| value.span().start);
        Section { source: self.source, table, path: self.path(key), at, keys: RefCell::default() }
    }

    /// What `read` makes of a table under this one, and a mistake of every key in it that it did not ask for.
    pub fn read<T>(&self, key: &str, read: impl FnOnce(&Section<'t>) -> T) -> T {
        let section = self.section(key);
        let value = read(&section);
        section.finish();
        value
    }

    /// The tables of a list; an absent list is empty.
    pub fn sections(&self, key: &str) -> Vec<Section<'t>> {
        let entries = self.optional_list(key, "a list of tables");
        let tables = entries.enumerate().map(|(index, value)| {
            let path = format!("{}[{}]", self.path(key), index + 1);
            let table = value.get_ref().as_table();
            if table.is_none() {
                self.source.error(value.span().start, &path, self.source.written(value.span()), "a table", None);
            }
            Section { source: self.source, table, path, at: value.span().start, keys: RefCell::default() }
        });
        tables.collect()
    }

    /// The entries of a list, each read by `read`; an absent list is empty.
    pub fn list<T>(&self, key: &str, allowed: &str, read: impl Fn(&DeValue<'t>) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        for (index, value) in self.optional_list(key, allowed).enumerate() {
            match read(value.get_ref()) {
                Some(entry) => found.push(entry),
                None => {
                    let path = format!("{}[{}]", self.path(key), index + 1);
                    self.source.error(value.span().start, &path, self.source.written(value.span()), allowed, None);
                }
            }
        }
        found
    }

    /// A list of texts, each one of `names` where there are any; at least one.
    pub fn names(&self, key: &str, names: &[&str]) -> Vec<&'t str> {
        let mut found = Vec::new();
        for value in self.optional_list(key, "a list of texts") {
            let text = value.get_ref().as_str().filter(|text| names.is_empty() || names.contains(text));
            match text {
                Some(text) => found.push(text),
                None => self.unknown_name(key, value, names),
            }
        }
        if self
            .optional(key)
            .is_none_or(|value| value.get_ref().as_array().is_some_and(|list| list.iter().next().is_none()))
        {
            self.wrong(key, "a list of at least one text");
        }
        found
    }

    fn unknown_name(&self, key: &str, value: Value<'t>, names: &[&str]) {
        let allowed = if names.is_empty() { "a text".to_owned() } else { one_of(names) };
        let near = value.get_ref().as_str().and_then(|text| nearest(text, names.iter().copied()));
        let written = self.source.written(value.span());
        self.source.error(value.span().start, &self.path(key), written, &allowed, near);
    }

    fn optional_list(&self, key: &str, allowed: &str) -> impl Iterator<Item = Value<'t>> + use<'t> {
        let value = self.optional(key);
        let list = value.and_then(|value| value.get_ref().as_array());
        if value.is_some() && list.is_none() {
            self.wrong(key, allowed);
        }
        list.into_iter().flat_map(|list| list.iter())
    }

    /// The keys in the order of the file, for tables whose keys are values.
    pub fn written_keys(&self) -> Vec<&'t str> {
        let mut keys: Vec<_> = self.table.into_iter().flat_map(|table| table.keys()).collect();
        keys.sort_by_key(|key| key.span().start);
        keys.into_iter().map(|key| &**key.get_ref()).collect()
    }

    /// Notes every key that nobody asked for. Call it last.
    pub fn finish(self) {
        let keys = self.keys.borrow();
        for name in self.table.into_iter().flat_map(|table| table.keys()) {
            if !keys.iter().any(|key| key == name.get_ref()) {
                let near = nearest(name.get_ref(), keys.iter().map(String::as_str));
                let mut known: Vec<&str> = keys.iter().map(String::as_str).collect();
                known.sort_unstable();
                known.dedup();
                let allowed = format!("the keys {}", known.join(", "));
                self.source.error(name.span().start, &self.path(name.get_ref()), "an unknown key", &allowed, near);
            }
        }
    }
}

fn one_of(names: &[&str]) -> String {
    format!("one of {}", names.join(", "))
}

fn number_of(value: Value<'_>) -> Option<f64> {
    let number = match value.get_ref() {
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok()?,
        DeValue::Float(float) => float.as_str().parse().ok()?,
        _ => return None,
    };
    Some(number).filter(|number: &f64| number.is_finite())
}

fn integer(value: Value<'_>) -> Option<u32> {
    match value.get_ref() {
        DeValue::Integer(integer) => u32::from_str_radix(integer.as_str(), integer.radix()).ok(),
        _ => None,
    }
}

/// A length of time in the greatest unit that it is whole in, as model files write it.
pub fn length(ms: i64) -> String {
    const HOUR_MS: i64 = 3_600_000;
    match ms {
        _ if ms % (24 * HOUR_MS) == 0 => format!("{}d", ms / (24 * HOUR_MS)),
        _ if ms % HOUR_MS == 0 => format!("{}h", ms / HOUR_MS),
        _ => format!("{}m", ms / 60_000),
    }
}

/// At most two decimals, and none that says nothing.
pub fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Reads `14d`, `72h`, `5m`; at most 3650 days.
pub(super) fn duration_ms(text: &str) -> Option<i64> {
    let unit_ms = match text.as_bytes().last()? {
        b'd' => 86_400_000,
        b'h' => 3_600_000,
        b'm' => 60_000,
        _ => return None,
    };
    let count = &text[..text.len() - 1];
    let digits = !count.is_empty() && count.len() <= 7 && count.bytes().all(|byte| byte.is_ascii_digit());
    let ms = count.parse::<i64>().ok().filter(|_| digits)? * unit_ms;
    (ms <= 3650 * 86_400_000).then_some(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_it_as_files_write_it() {
        let ms = |text: &str| duration_ms(text).expect("a length of time");
        assert_eq!(["14d", "36h", "5m", "0m", "48h"].map(ms).map(length), ["14d", "36h", "5m", "0d", "2d"]);
        assert_eq!([0.7, 20.0, 25.2, 6.1098].map(number), ["0.7", "20", "25.2", "6.11"]);
    }
}
