//! The memory of seen events to bytes and back.

use super::primitives::{Base, put_hash, put_list};
use super::reader::Reader;
use crate::scoring::seen::{SEEN_MAX, SeenEvents};
use crate::wire::avro::put_long;

pub(super) fn put_seen(out: &mut Vec<u8>, seen: &SeenEvents) {
    let newest_ms = seen.entries().next_back().map_or(0, |(at_ms, _)| at_ms);
    put_long(out, newest_ms);
    put_list(out, seen.entries(), |out, (at_ms, event)| {
        Base(newest_ms).put_age(out, at_ms);
        put_hash(out, event);
    });
}

pub(super) fn read_seen(reader: &mut Reader<'_>) -> SeenEvents {
    let newest_ms = reader.moment();
    let entries = reader.list(SEEN_MAX, |reader| (newest_ms.wrapping_sub(reader.long()), reader.hash()));
    // They rise, so that the ends are enough.
    for (at_ms, _) in entries.first().into_iter().chain(entries.last()) {
        reader.sound_moment(Some(*at_ms));
    }
    reader.sound(SeenEvents::from_entries(entries), "seen events are out of order")
}
