//! The memory of seen events to bytes and back.

use super::primitives::{Base, put_hash, put_list, read_hash, read_list};
use crate::scoring::seen::{SEEN_MAX, SeenEvents};
use crate::wire::avro::{Cursor, Malformed, put_long};

pub(super) fn put_seen(out: &mut Vec<u8>, seen: &SeenEvents) {
    let newest_ms = seen.entries().last().map_or(0, |(at_ms, _)| *at_ms);
    put_long(out, newest_ms);
    put_list(out, seen.entries().iter(), |out, (at_ms, event)| {
        Base(newest_ms).put_age(out, *at_ms);
        put_hash(out, *event);
    });
}

pub(super) fn read_seen(cursor: &mut Cursor<'_>) -> Result<SeenEvents, Malformed> {
    let base = Base(cursor.long()?);
    let entries = read_list(cursor, SEEN_MAX, |cursor| Ok((base.read_age(cursor)?, read_hash(cursor)?)))?;
    SeenEvents::from_entries(entries).ok_or(Malformed("seen events are out of order"))
}
