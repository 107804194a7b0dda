//! The memory of seen events to bytes and back.

use smallvec::SmallVec;

use super::primitives::Base;
use super::reader::Reader;
use super::writer::Writer;
use crate::scoring::seen::{SEEN_MAX, SeenEvents};

pub(super) fn put_seen(out: &mut Writer, seen: &SeenEvents) {
    let newest_ms = seen.entries().next_back().map_or(0, |(at_ms, _)| at_ms);
    out.long(newest_ms);
    out.list(seen.entries(), |out, (at_ms, event)| {
        Base(newest_ms).put_age(out, at_ms);
        out.hash(event);
    });
}

pub(super) fn read_seen(reader: &mut Reader<'_>) -> SeenEvents {
    let newest_ms = reader.moment();
    let count = reader.block(SEEN_MAX);
    let mut entries = SmallVec::with_capacity(count);
    let mut read = |reader: &mut Reader<'_>| entries.push((newest_ms.wrapping_sub(reader.long()), reader.hash()));
    (0..count).for_each(|_| read(reader));
    if count > 0 {
        reader.each(SEEN_MAX - count, read);
    }
    // They rise, so that the ends are enough.
    for (at_ms, _) in entries.first().into_iter().chain(entries.last()) {
        reader.sound_moment(Some(*at_ms));
    }
    reader.sound(SeenEvents::from_entries(entries), "seen events are out of order")
}
