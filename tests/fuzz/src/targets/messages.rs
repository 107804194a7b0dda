//! Records of our own topics: messages between leads, envelopes of forwards, manifests, decisions that were sent.
//!
//! Numbers may be written longer than they need and lists in several blocks, so bytes need not come back: what is read,
//! written and read again must be the same, and written twice the same bytes.

use std::sync::LazyLock;

use apache_avro::Schema;
use tsuikyaku::scoring::dead_letter::{DeadCause, DeadLetter};
use tsuikyaku::wire::avro::Header;
use tsuikyaku::wire::headers::{CAUSE, DETAIL, FORMAT, HOPS, KEY, KIND, OFFSET, PARTITION, TIME, TOPIC};
use tsuikyaku::wire::intake::{self, Intake};
use tsuikyaku::wire::manifest::{self, Manifest};
use tsuikyaku::wire::message;
use tsuikyaku::wire::output::OutputFormat;
use tsuikyaku::wire::told::Told;
use tsuikyaku::wire::{dead_letter, keys, ready};

use super::choice;
use crate::memory::Bound;

/// An empty id is a byte there and an entry here.
const MESSAGE: Bound = Bound { fixed: 32_768, per_byte: 64 };
/// An empty step is three bytes there.
const MANIFEST: Bound = Bound { fixed: 4_096, per_byte: 64 };
const HEADERS: Bound = Bound { fixed: 4_096, per_byte: 64 };
/// Read as a tree of values, by a library that reserves what a length claims up to `limits::limit_allocations`: only
/// those who look at what was sent do.
const DECISION: Bound = Bound { fixed: 8 << 20, per_byte: 1_024 };

fn header(schema: &str) -> Header {
    Header::of(&Schema::parse_str(schema).expect("an embedded schema"))
}

/// The bytes behind a header of their schema, or as they are.
fn with_header(input: &[u8], header: &Header) -> Option<Vec<u8>> {
    let (way, rest) = choice(input, 2)?;
    let header = if way == 0 { header.as_bytes().as_slice() } else { &[] };
    Some([header, rest].concat())
}

pub fn message(input: &[u8]) {
    static HEADER: LazyLock<Header> = LazyLock::new(|| header(message::SCHEMA));
    let Some(bytes) = with_header(input, &HEADER) else { return };
    let Ok(read) = MESSAGE.hold(bytes.len(), || message::decode(&bytes)) else { return };
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    message::encode(&read, &mut once);
    let again = message::decode(&once).expect("what we write we read");
    assert_eq!(again, read);
    message::encode(&again, &mut twice);
    assert_eq!(twice, once);
}

pub fn manifest(input: &[u8]) {
    static HEADER: LazyLock<Header> = LazyLock::new(|| header(manifest::SCHEMA));
    let Some(bytes) = with_header(input, &HEADER) else { return };
    let Ok(read) = MANIFEST.hold(bytes.len(), || Manifest::decode(&bytes)) else { return };
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    read.encode(&mut once);
    let again = Manifest::decode(&once).expect("what we write we read");
    assert_eq!(again, read);
    again.encode(&mut twice);
    assert_eq!(twice, once);
}

pub fn decision(input: &[u8]) {
    static HEADER: LazyLock<Header> = LazyLock::new(|| header(ready::SCHEMA));
    let Some((way, rest)) = choice(input, 4) else { return };
    let (format, bytes) = match way {
        0 => (OutputFormat::Avro, [HEADER.as_bytes(), rest].concat()),
        1 => (OutputFormat::Avro, rest.to_vec()),
        2 => (OutputFormat::AvroConfluent { schema_id: 7 }, rest.to_vec()),
        _ => (OutputFormat::Json, rest.to_vec()),
    };
    if let Ok(told) = DECISION.hold(bytes.len(), || Told::read(&bytes, format)) {
        assert_eq!(Told::read(&bytes, format), Ok(told));
    }
}

/// Names that an envelope has, and some that it has not.
pub const NAMES: [&str; 14] =
    [TOPIC, PARTITION, OFFSET, KEY, KIND, FORMAT, HOPS, CAUSE, DETAIL, TIME, "", "trace", "tsuikyaku.", "tsuikyaku.x"];

/// Headers as an input has them: a number of a name, a length, so many bytes; again.
pub fn headers(input: &[u8]) {
    let mut pairs: Vec<(&str, &[u8])> = Vec::new();
    let mut rest = input;
    while let [name, length, behind @ ..] = rest {
        let (value, next) = behind.split_at(usize::from(*length).min(behind.len()));
        pairs.push((NAMES[usize::from(*name) % NAMES.len()], value));
        rest = next;
    }
    for (_, value) in &pairs {
        let home = keys::home(&String::from_utf8_lossy(value), 12);
        assert!(home.0 < 12);
    }
    let Ok(read) = HEADERS.hold(input.len(), || intake::read(pairs.iter().copied())) else { return };
    match read {
        Intake::Event(forwarded) => {
            let sent = intake::forward_headers(forwarded, pairs.iter().copied());
            assert_eq!(intake::read(sent.pairs().into_iter()), Ok(read));
            let dead = DeadLetter::new(DeadCause::Undecodable, "");
            let buried = dead_letter::headers(forwarded.origin, &dead, 0, pairs.iter().copied());
            assert!(buried.pairs().contains(&(TOPIC, forwarded.origin.topic.as_bytes())));
        }
        Intake::Message { hops } => {
            assert_eq!(intake::read(intake::message_headers(hops).pairs().into_iter()), Ok(read));
        }
    }
}
