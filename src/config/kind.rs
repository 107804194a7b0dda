//! What a key may hold: how a value is read, which range it has, and how both are put into words.

use std::time::Duration;

/// A value as it was found: typed in a file, a bare word in a variable or an argument.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    Text(String),
    Integer(i64),
    Real(f64),
    Flag(bool),
    /// Without a type of its own.
    Word(String),
    /// What no key takes: a table, an array, a date; as written.
    Other(String),
}

impl std::fmt::Display for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Raw::Text(text) | Raw::Word(text) => write!(f, "{text:?}"),
            Raw::Integer(value) => write!(f, "{value}"),
            Raw::Real(value) => write!(f, "{value}"),
            Raw::Flag(value) => write!(f, "{value}"),
            Raw::Other(what) => f.write_str(what),
        }
    }
}

/// A value that its key allows.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Integer(u64),
    Real(f64),
    Flag(bool),
    Duration(Duration),
    /// Bytes.
    Size(u64),
}

/// What a key allows.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any text but an empty one.
    Text,
    /// Letters, digits, dot, dash, underscore: what Kafka allows in names.
    Name,
    /// A name, or nothing.
    Prefix,
    /// `host:port`, separated by commas.
    Servers,
    /// An address to listen on: IP and port.
    Listen,
    Path,
    Flag,
    Choice(&'static [&'static str]),
    Integer(u64, u64),
    /// Greater than the first, at most the second.
    Real(f64, f64),
    /// Milliseconds.
    Duration(u64, u64),
    /// Bytes.
    Size(u64, u64),
}

/// Kafka's own limit.
const NAME_BYTES_MAX: usize = 249;

impl Kind {
    /// `None`: not allowed.
    pub fn read(&self, raw: &Raw) -> Option<Value> {
        match self {
            Kind::Flag => flag(raw).map(Value::Flag),
            Kind::Integer(min, max) => integer(raw).filter(|n| (min..=max).contains(&n)).map(Value::Integer),
            Kind::Real(above, max) => real(raw).filter(|x| x > above && x <= max).map(Value::Real),
            Kind::Duration(min, max) => {
                let ms = duration_ms(text(raw)?).filter(|ms| (min..=max).contains(&ms))?;
                Some(Value::Duration(Duration::from_millis(ms)))
            }
            Kind::Size(min, max) => {
                let bytes = integer(raw).or_else(|| size_bytes(text(raw)?));
                bytes.filter(|bytes| (min..=max).contains(&bytes)).map(Value::Size)
            }
            _ => text(raw).filter(|text| self.allows_text(text)).map(|text| Value::Text(text.to_owned())),
        }
    }

    fn allows_text(&self, text: &str) -> bool {
        match self {
            Kind::Name => is_name(text),
            Kind::Prefix => text.is_empty() || is_name(text),
            Kind::Servers => !text.is_empty() && text.split(',').all(is_server),
            Kind::Listen => text.parse::<std::net::SocketAddr>().is_ok(),
            Kind::Choice(choices) => choices.contains(&text),
            _ => !text.is_empty(),
        }
    }

    /// In words, for messages and the table of keys.
    pub fn allowed(&self) -> String {
        match self {
            Kind::Text => "a text that is not empty".into(),
            Kind::Name => "letters, digits, `.`, `-`, `_`; 1 to 249 of them".into(),
            Kind::Prefix => "letters, digits, `.`, `-`, `_`, or nothing".into(),
            Kind::Servers => "host:port, separated by commas".into(),
            Kind::Listen => "an IP address and a port, as 127.0.0.1:9464".into(),
            Kind::Path => "a path".into(),
            Kind::Flag => "true or false".into(),
            Kind::Choice(choices) => choices.join(", "),
            Kind::Integer(min, max) => format!("a whole number from {min} to {max}"),
            Kind::Real(above, max) => format!("a number above {above}, at most {max}"),
            Kind::Duration(min, max) => format!("a time from {} to {}", duration_text(*min), duration_text(*max)),
            Kind::Size(min, max) => format!("a size from {} to {}", size_text(*min), size_text(*max)),
        }
    }

    /// The nearest valid choice to what was found.
    pub fn nearest(&self, raw: &Raw) -> Option<String> {
        match (self, text(raw)) {
            (Kind::Choice(choices), Some(found)) => nearest(found, choices.iter().copied()),
            _ => None,
        }
    }
}

/// The candidate nearest to `found`, where one is near at all.
pub fn nearest<'a>(found: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    const ALIKE_MIN: f64 = 0.6;
    let alike = |candidate: &str| strsim::normalized_damerau_levenshtein(found, candidate);
    let best = candidates.max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
    (alike(best) >= ALIKE_MIN).then(|| best.to_owned())
}

fn text(raw: &Raw) -> Option<&str> {
    match raw {
        Raw::Text(text) | Raw::Word(text) => Some(text),
        _ => None,
    }
}

fn flag(raw: &Raw) -> Option<bool> {
    match raw {
        Raw::Flag(value) => Some(*value),
        Raw::Word(word) => word.parse().ok(),
        _ => None,
    }
}

fn integer(raw: &Raw) -> Option<u64> {
    match raw {
        Raw::Integer(value) => u64::try_from(*value).ok(),
        Raw::Word(word) => word.parse().ok(),
        _ => None,
    }
}

fn real(raw: &Raw) -> Option<f64> {
    match raw {
        Raw::Real(value) => Some(*value),
        Raw::Integer(value) => Some(*value as f64),
        Raw::Word(word) => word.parse().ok(),
        _ => None,
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(allowed) && text != "." && text != ".."
}

fn is_server(text: &str) -> bool {
    let text = text.trim();
    let split = text.rsplit_once(':');
    split.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

const TIMES: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// `100ms`, `5s`, `15m`, `1h`, `7d`.
fn duration_ms(text: &str) -> Option<u64> {
    with_unit(text, &TIMES)
}

/// `512MiB`; a number alone is bytes.
pub fn size_bytes(text: &str) -> Option<u64> {
    with_unit(text, &SIZES)
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// The greatest unit that leaves a whole number.
pub fn duration_text(ms: u64) -> String {
    in_unit(ms, &TIMES)
}

pub fn size_text(bytes: u64) -> String {
    in_unit(bytes, &SIZES)
}

fn in_unit(value: u64, units: &[(&str, u64)]) -> String {
    let fits = |(_, factor): &&(&str, u64)| value >= *factor && value.is_multiple_of(*factor);
    let (name, factor) = units.iter().rev().find(fits).unwrap_or(&units[0]);
    format!("{}{name}", value / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_allowed_and_nothing_else() {
        let word = |text: &str| Raw::Word(text.into());
        let minute = Duration::from_secs(60);
        let check = |kind: Kind, raw: Raw, expected: Option<Value>| {
            assert_eq!(kind.read(&raw), expected, "{kind:?} of {raw}");
        };
        check(Kind::Duration(1, 60_000), word("1m"), Some(Value::Duration(minute)));
        check(Kind::Duration(1, 60_000), word("61s"), None);
        check(Kind::Duration(1, 60_000), word("5"), None);
        check(Kind::Duration(1, u64::MAX), word("99999999999999999d"), None);
        check(Kind::Size(1, 1 << 30), word("512MiB"), Some(Value::Size(512 << 20)));
        check(Kind::Size(1, 1 << 30), Raw::Integer(77), Some(Value::Size(77)));
        check(Kind::Size(1, 1 << 30), word("512MB"), None);
        check(Kind::Integer(1, 4), Raw::Integer(-1), None);
        check(Kind::Integer(1, 4), Raw::Text("2".into()), None);
        check(Kind::Integer(1, 4), word("2"), Some(Value::Integer(2)));
        check(Kind::Real(0.0, 1.0), Raw::Real(f64::NAN), None);
        check(Kind::Real(0.0, 1.0), Raw::Integer(1), Some(Value::Real(1.0)));
        check(Kind::Flag, Raw::Text("true".into()), None);
        check(Kind::Name, word("a/b"), None);
        check(Kind::Servers, word("a:1, b:2"), Some(Value::Text("a:1, b:2".into())));
        check(Kind::Servers, word("a:0"), None);
        check(Kind::Servers, word("a"), None);
        check(Kind::Listen, word("localhost:80"), None);
    }

    #[test]
    fn says_the_nearest_choice() {
        let kind = Kind::Choice(&["avro", "avro-confluent", "json"]);
        assert_eq!(kind.nearest(&Raw::Word("jsn".into())).as_deref(), Some("json"));
        assert_eq!(kind.nearest(&Raw::Word("xyz".into())), None);
        assert_eq!((duration_text(90_000), size_text(512 << 20)), ("90s".into(), "512MiB".into()));
    }
}
