//! JSON lines: `{"topic":…,"appended_at":…,"value":{…}}`, in log order. Empty lines are passed over.

use std::io::{self, BufRead, Read};

use serde_json::Value;

use super::line::{BadLine, Line, line};
use crate::scoring::dead_letter::{DeadCause, DeadLetter};
use crate::wire::limits::RECORD_BYTES_MAX;

/// What surrounds a value, generously.
const ENVELOPE_BYTES_MAX: usize = 1024;
const LINE_BYTES_MAX: usize = RECORD_BYTES_MAX + ENVELOPE_BYTES_MAX;

/// Calls `each` for every line, until it fails; the outer error is the file's.
pub fn read<E>(
    mut input: Box<dyn BufRead>,
    mut each: impl FnMut(Result<Line, BadLine>) -> Result<(), E>,
) -> io::Result<Result<(), E>> {
    let mut bytes = Vec::new();
    let (mut number, mut end_bytes) = (0, 0);
    loop {
        bytes.clear();
        let read = input.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(Ok(()));
        }
        number += 1;
        end_bytes += read as u64;
        let too_long = read > LINE_BYTES_MAX && bytes.last() != Some(&b'\n');
        if too_long {
            end_bytes += input.skip_until(b'\n')? as u64;
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let parsed = if too_long { Err(record_too_long(number)) } else { parse(number, end_bytes, &bytes) };
        if let Err(error) = each(parsed) {
            return Ok(Err(error));
        }
    }
}

fn parse(number: u64, end_bytes: u64, bytes: &[u8]) -> Result<Line, BadLine> {
    let no_json = |error: serde_json::Error| BadLine::new(number, format!("not JSON at column {}", error.column()));
    let mut object: Value = serde_json::from_slice(bytes).map_err(no_json)?;
    let value = object.get_mut("value").map(Value::take).ok_or(BadLine::new(number, "value is missing"))?;
    // The limit is the record's: only a line that is longer than it needs a closer look.
    if bytes.len() > RECORD_BYTES_MAX && value.to_string().len() > RECORD_BYTES_MAX {
        return Err(record_too_long(number));
    }
    let topic = object.get("topic").and_then(Value::as_str).unwrap_or_default();
    line(number, end_bytes, topic, object.get("appended_at").and_then(Value::as_i64), value)
}

fn record_too_long(number: u64) -> BadLine {
    BadLine { number, dead: DeadLetter::new(DeadCause::RecordTooLong, "the value has more than 262144 bytes") }
}
