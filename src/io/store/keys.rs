//! Keys of a column family: `l<lead id>` for states, `m` for the meta, `t<due><lead id>` for the timer index.
//!
//! Bytes sort as the things they stand for: leads by id, timers by due time and then by lead.

use crate::runtime::ports::StoredTimer;

/// The one meta record.
pub const META: &[u8] = b"m";
/// First key behind all leads.
pub const LEADS_END: &[u8] = b"m";
pub const LEADS: &[u8] = b"l";
pub const TIMERS: &[u8] = b"t";
/// First key behind all timers.
pub const TIMERS_END: &[u8] = b"u";

const DUE_END: usize = 1 + size_of::<i64>();

/// Appends the state key of a lead.
pub fn push_lead(out: &mut Vec<u8>, lead_id: &str) {
    out.extend_from_slice(LEADS);
    out.extend_from_slice(lead_id.as_bytes());
}

/// Appends the index key of a timer. The sign bit is flipped, so that times before 1970 sort first.
pub fn push_timer(out: &mut Vec<u8>, due_ms: i64, lead_id: &str) {
    out.extend_from_slice(TIMERS);
    out.extend_from_slice(&(due_ms ^ i64::MIN).to_be_bytes());
    out.extend_from_slice(lead_id.as_bytes());
}

/// The lead of a state key; `None` where the bytes are no such key.
pub fn lead_id(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.strip_prefix(LEADS)?).ok()
}

/// The timer of an index key; `None` where the bytes are no such key.
pub fn timer(key: &[u8]) -> Option<StoredTimer> {
    let due: [u8; size_of::<i64>()] = key.strip_prefix(TIMERS)?.get(..DUE_END - 1)?.try_into().ok()?;
    let lead_id = std::str::from_utf8(&key[DUE_END..]).ok()?;
    Some(StoredTimer { due_ms: i64::from_be_bytes(due) ^ i64::MIN, lead_id: lead_id.into() })
}

/// Column family of a partition.
pub fn family(partition: u32) -> String {
    format!("p{partition}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer_key(due_ms: i64, lead_id: &str) -> Vec<u8> {
        let mut key = Vec::new();
        push_timer(&mut key, due_ms, lead_id);
        key
    }

    #[test]
    fn timers_sort_by_due_then_lead_and_come_back() {
        let ascending = [
            (i64::MIN, "z"),
            (-2, "a"),
            (-1, ""),
            (0, "a"),
            (0, "ab"),
            (0, "b"),
            (1, "a"),
            (256, "a"),
            (i64::MAX, "a"),
        ];
        for pair in ascending.windows(2) {
            assert!(timer_key(pair[0].0, pair[0].1) < timer_key(pair[1].0, pair[1].1), "{pair:?}");
        }
        for (due_ms, lead_id) in ascending {
            assert_eq!(timer(&timer_key(due_ms, lead_id)), Some(StoredTimer { due_ms, lead_id: lead_id.into() }));
        }
    }

    #[test]
    fn kinds_of_keys_do_not_mix() {
        let mut lead = Vec::new();
        push_lead(&mut lead, "\u{10FFFF}");
        assert!(lead.as_slice() < LEADS_END && LEADS_END < TIMERS && timer_key(i64::MAX, "z").as_slice() < TIMERS_END);
        assert_eq!(lead_id(&lead), Some("\u{10FFFF}"));
        for (key, why) in [(META, "meta"), (b"t1234567".as_slice(), "too short"), (b"lx", "a lead")] {
            assert_eq!(timer(key), None, "{why}");
        }
        assert_eq!(lead_id(META), None);
    }
}
