//! Sums, calendars, touches and the like to bytes and back.

use std::num::NonZeroU64;

use smallvec::SmallVec;

use super::primitives::{Base, put_bytes, put_hash, put_hash_32, put_int, put_list, put_optional};
use super::reader::Reader;
use crate::scoring::calendar::{Calendar, DAYS};
use crate::scoring::epoch_sum::{EPOCHS_BEFORE_TOP, EpochSum};
use crate::scoring::facts::{ChannelFacts, Earliest, Latest, Reach, RuleFact, RulePoints, TopicFact, TouchDays};
use crate::scoring::model::{Channel, RuleKey, TopicKey};
use crate::wire::avro::put_long;

pub(super) fn put_sum(out: &mut Vec<u8>, sum: &EpochSum) {
    put_long(out, sum.top().unwrap_or(0));
    put_list(out, sum.masses().iter(), |out, mass| put_long(out, *mass));
}

pub(super) fn read_sum(reader: &mut Reader<'_>) -> EpochSum {
    let top = reader.long();
    let mut masses = SmallVec::new();
    loop {
        let count = reader.block(EPOCHS_BEFORE_TOP + 1 - masses.len());
        if count == 0 {
            break;
        }
        masses.reserve_exact(count);
        (0..count).for_each(|_| masses.push(reader.long()));
    }
    reader.sound(EpochSum::from_masses(top, masses), "a sum is not in its one form")
}

pub(super) fn put_calendar(out: &mut Vec<u8>, calendar: &Calendar) {
    put_int(out, calendar.top_day().unwrap_or(0));
    let words = calendar.words();
    let unused = words.last().map_or(0, |last| last.leading_zeros() as usize / 8);
    put_long(out, (words.len() * 8 - unused) as i64);
    for (place, word) in words.iter().enumerate() {
        let used = if place + 1 == words.len() { 8 - unused } else { 8 };
        out.extend_from_slice(&word.to_le_bytes()[..used]);
    }
}

pub(super) fn read_calendar(reader: &mut Reader<'_>) -> Calendar {
    let top_day = reader.int();
    let bytes = reader.bytes();
    if bytes.len() > usize::from(DAYS) / 8 || bytes.last() == Some(&0) {
        return reader.sound(None, "a calendar is not in its one form");
    }
    let mut words = [0; DAYS as usize / 64];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks(8)) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    let used = bytes.len().div_ceil(8);
    reader.sound(Calendar::from_words(top_day, &words[..used]), "a calendar is not in its one form")
}

pub(super) fn put_channel_facts(out: &mut Vec<u8>, base: Base, facts: &ChannelFacts) {
    out.push((facts.channel as u8) << 1);
    put_calendar(out, &facts.contact_days);
    put_int(out, facts.touch_days.top_day().unwrap_or(0));
    put_bytes(out, facts.touch_days.counts());
    base.put_optional_age(out, facts.last_contact.get());
    let base = base_of_channel(base, facts.last_contact);
    for moment in [facts.last_inbound, facts.last_outbound, facts.last_hand_raise] {
        base.put_optional_age(out, moment.get());
    }
}

pub(super) fn read_channel_facts(reader: &mut Reader<'_>, base: Base) -> ChannelFacts {
    let channel = reader.symbol(Channel::Web, Channel::from_number);
    let contact_days = read_calendar(reader);
    let (top_day, counts) = (reader.int(), reader.bytes());
    let touch_days = reader.sound(TouchDays::from_counts(top_day, counts), "touch counts are out of form");
    let last_contact = base.read_optional_age(reader).into();
    let base = base_of_channel(base, last_contact);
    ChannelFacts {
        channel,
        contact_days,
        touch_days,
        last_contact,
        last_inbound: base.read_optional_age(reader).into(),
        last_outbound: base.read_optional_age(reader).into(),
        last_hand_raise: base.read_optional_age(reader).into(),
    }
}

/// Most of what happens on a channel is its last contact: ages from there are short.
fn base_of_channel(base: Base, last_contact: Latest) -> Base {
    last_contact.get().map_or(base, Base)
}

pub(super) fn put_rule(out: &mut Vec<u8>, fact: &RuleFact) {
    put_hash_32(out, fact.key.0);
    match &fact.points {
        RulePoints::Every(sum) => {
            out.push(0);
            put_sum(out, sum);
        }
        RulePoints::Daily(days) => {
            out.push(2);
            put_calendar(out, days);
        }
        RulePoints::Once(first) => {
            out.push(4);
            put_long(out, first.get().unwrap_or(i64::MAX));
        }
    }
}

pub(super) fn read_rule(reader: &mut Reader<'_>) -> RuleFact {
    let key = RuleKey(reader.hash_32());
    let points = match reader.long() {
        0 => RulePoints::Every(read_sum(reader)),
        1 => RulePoints::Daily(read_calendar(reader)),
        2 => RulePoints::Once(Earliest::from(Some(reader.long()))),
        _ => RulePoints::Once(reader.sound(None, "a union has no such branch")),
    };
    RuleFact { key, points }
}

pub(super) fn put_topic(out: &mut Vec<u8>, fact: &TopicFact) {
    put_hash_32(out, fact.key.0);
    put_sum(out, &fact.points);
}

pub(super) fn read_topic(reader: &mut Reader<'_>) -> TopicFact {
    TopicFact { key: TopicKey(reader.hash_32()), points: read_sum(reader) }
}

pub(super) fn put_reach(out: &mut Vec<u8>, base: Base, reach: &Reach) {
    base.put_age(out, reach.at_ms);
    put_hash_32(out, reach.event);
    out.push((reach.channel as u8) << 1);
    put_optional(out, reach.reference, |out, reference| put_hash(out, reference.get()));
}

pub(super) fn read_reach(reader: &mut Reader<'_>, base: Base) -> Reach {
    let (at_ms, event) = (base.read_age(reader), reader.hash_32());
    let channel = reader.symbol(Channel::Web, Channel::from_number);
    let reference = reader.optional(|reader| {
        let hash = NonZeroU64::new(reader.hash());
        reader.sound(hash.map(Some), "a reference has no hash")
    });
    Reach { at_ms, event, channel, reference: reference.flatten() }
}

/// A set of which the newest are kept.
pub(super) fn read_newest<'a, T: Ord + Copy, const K: usize>(
    reader: &mut Reader<'a>,
    read: impl FnMut(&mut Reader<'a>) -> T,
) -> crate::scoring::newest::Newest<T, K> {
    let entries = reader.list(K, read);
    reader.sound(crate::scoring::newest::Newest::from_rising(entries), "a list is out of order")
}
