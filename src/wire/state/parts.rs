//! Sums, calendars, touches and the like to bytes and back.

use std::num::NonZeroU64;

use super::primitives::Base;
use super::reader::Reader;
use super::writer::Writer;
use crate::scoring::calendar::{Calendar, DAYS};
use crate::scoring::epoch_sum::{EPOCHS_BEFORE_TOP, EpochSum};
use crate::scoring::facts::{ChannelFacts, Earliest, Latest, Reach, RuleFact, RulePoints, TopicFact, TouchDays};
use crate::scoring::model::{Channel, RuleKey, TopicKey};

/// Bytes of a word of a calendar.
const WORD_BYTES: usize = 8;

pub(super) fn put_sum(out: &mut Writer, sum: &EpochSum) {
    out.long(sum.top().unwrap_or(0));
    out.list(sum.masses().iter(), |out, mass| out.long(*mass));
}

pub(super) fn read_sum(reader: &mut Reader<'_>) -> EpochSum {
    let top = reader.long();
    let (mut masses, mut used) = ([0; EPOCHS_BEFORE_TOP + 1], 0);
    loop {
        let count = reader.block(masses.len() - used);
        if count == 0 {
            break;
        }
        reader.longs(&mut masses[used..used + count]);
        used += count;
    }
    reader.sound(EpochSum::from_masses(top, &masses[..used]), "a sum is not in its one form")
}

pub(super) fn put_calendar(out: &mut Writer, calendar: &Calendar) {
    out.int(calendar.top_day().unwrap_or(0));
    let Some((last, whole)) = calendar.words().split_last() else { return out.symbol(0) };
    let used = WORD_BYTES - last.leading_zeros() as usize / 8;
    out.long((whole.len() * WORD_BYTES + used) as i64);
    whole.iter().for_each(|word| out.word(*word, WORD_BYTES));
    out.word(*last, used);
}

pub(super) fn read_calendar(reader: &mut Reader<'_>) -> Calendar {
    let top_day = reader.int();
    let mut bytes = reader.bytes();
    let mut words = [0; DAYS as usize / 64];
    let count = bytes.len().div_ceil(WORD_BYTES);
    if count > words.len() || bytes.last() == Some(&0) {
        return reader.sound(None, "a calendar is not in its one form");
    }
    for word in &mut words[..count] {
        let (next, rest) = bytes.split_at(bytes.len().min(WORD_BYTES));
        *word = match <[u8; WORD_BYTES]>::try_from(next) {
            Ok(whole) => u64::from_le_bytes(whole),
            Err(_) => next.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        bytes = rest;
    }
    reader.sound(Calendar::from_words(top_day, &words[..count]), "a calendar is not in its one form")
}

pub(super) fn put_channel_facts(out: &mut Writer, base: Base, facts: &ChannelFacts) {
    out.symbol(facts.channel as u8);
    put_calendar(out, &facts.contact_days);
    out.int(facts.touch_days.top_day().unwrap_or(0));
    out.bytes(facts.touch_days.counts());
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

pub(super) fn put_rule(out: &mut Writer, fact: &RuleFact) {
    out.hash_32(fact.key.0);
    match &fact.points {
        RulePoints::Every(sum) => {
            out.symbol(0);
            put_sum(out, sum);
        }
        RulePoints::Daily(days) => {
            out.symbol(1);
            put_calendar(out, days);
        }
        RulePoints::Once(first) => {
            out.symbol(2);
            out.long(first.get().unwrap_or(i64::MAX));
        }
    }
}

pub(super) fn read_rule(reader: &mut Reader<'_>) -> RuleFact {
    let key = RuleKey(reader.hash_32());
    let points = match reader.number() {
        0 => RulePoints::Every(read_sum(reader)),
        1 => RulePoints::Daily(read_calendar(reader)),
        2 => RulePoints::Once(Earliest::from(Some(reader.long()))),
        _ => RulePoints::Once(reader.sound(None, "a union has no such branch")),
    };
    RuleFact { key, points }
}

pub(super) fn put_topic(out: &mut Writer, fact: &TopicFact) {
    out.hash_32(fact.key.0);
    put_sum(out, &fact.points);
}

pub(super) fn read_topic(reader: &mut Reader<'_>) -> TopicFact {
    TopicFact { key: TopicKey(reader.hash_32()), points: read_sum(reader) }
}

pub(super) fn put_reach(out: &mut Writer, base: Base, reach: &Reach) {
    base.put_age(out, reach.at_ms);
    out.hash_32(reach.event);
    out.symbol(reach.channel as u8);
    out.optional(reach.reference, |out, reference| out.hash(reference.get()));
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
