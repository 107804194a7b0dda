//! Sums, calendars, touches and the like to bytes and back.

use std::num::NonZeroU64;

use super::primitives::{
    Base, put_bytes, put_hash, put_hash_32, put_int, put_list, put_optional, read_hash, read_hash_32, read_int,
    read_list, read_optional, read_symbol,
};
use crate::scoring::calendar::{Calendar, DAYS};
use crate::scoring::epoch_sum::{EPOCHS_BEFORE_TOP, EpochSum};
use crate::scoring::facts::{ChannelFacts, Earliest, Latest, Reach, RuleFact, RulePoints, TopicFact, TouchDays};
use crate::scoring::model::{Channel, RuleKey, TopicKey};
use crate::wire::avro::{Cursor, Malformed, put_long};

pub(super) fn put_sum(out: &mut Vec<u8>, sum: &EpochSum) {
    put_long(out, sum.top().unwrap_or(0));
    put_list(out, sum.masses().iter(), |out, mass| put_long(out, *mass));
}

pub(super) fn read_sum(cursor: &mut Cursor<'_>) -> Result<EpochSum, Malformed> {
    let top = cursor.long()?;
    let mut masses = smallvec::SmallVec::<[i64; EPOCHS_BEFORE_TOP + 1]>::new();
    loop {
        let count = cursor.block()?;
        if count == 0 {
            break;
        }
        if masses.len() + count > EPOCHS_BEFORE_TOP + 1 {
            return Err(Malformed("a sum has too many epochs"));
        }
        for _ in 0..count {
            masses.push(cursor.long()?);
        }
    }
    EpochSum::from_masses(top, &masses).ok_or(Malformed("a sum is not in its one form"))
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

pub(super) fn read_calendar(cursor: &mut Cursor<'_>) -> Result<Calendar, Malformed> {
    let top_day = read_int(cursor)?;
    let bytes = cursor.bytes()?;
    if bytes.len() > usize::from(DAYS) / 8 || bytes.last() == Some(&0) {
        return Err(Malformed("a calendar is not in its one form"));
    }
    let mut words = [0; DAYS as usize / 64];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks(8)) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    let used = bytes.len().div_ceil(8);
    Calendar::from_words(top_day, &words[..used]).ok_or(Malformed("a calendar is not in its one form"))
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

pub(super) fn read_channel_facts(cursor: &mut Cursor<'_>, base: Base) -> Result<ChannelFacts, Malformed> {
    let channel = read_symbol(cursor, Channel::from_number)?;
    let contact_days = read_calendar(cursor)?;
    let (top_day, counts) = (read_int(cursor)?, cursor.bytes()?);
    let touch_days = TouchDays::from_counts(top_day, counts).ok_or(Malformed("touch counts are out of form"))?;
    let last_contact = base.read_optional_age(cursor)?.into();
    let base = base_of_channel(base, last_contact);
    Ok(ChannelFacts {
        channel,
        contact_days,
        touch_days,
        last_contact,
        last_inbound: base.read_optional_age(cursor)?.into(),
        last_outbound: base.read_optional_age(cursor)?.into(),
        last_hand_raise: base.read_optional_age(cursor)?.into(),
    })
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

pub(super) fn read_rule(cursor: &mut Cursor<'_>) -> Result<RuleFact, Malformed> {
    let key = RuleKey(read_hash_32(cursor)?);
    let points = match cursor.long()? {
        0 => RulePoints::Every(read_sum(cursor)?),
        1 => RulePoints::Daily(read_calendar(cursor)?),
        2 => RulePoints::Once(Earliest::from(Some(cursor.long()?))),
        _ => return Err(Malformed("a union has no such branch")),
    };
    Ok(RuleFact { key, points })
}

pub(super) fn put_topic(out: &mut Vec<u8>, fact: &TopicFact) {
    put_hash_32(out, fact.key.0);
    put_sum(out, &fact.points);
}

pub(super) fn read_topic(cursor: &mut Cursor<'_>) -> Result<TopicFact, Malformed> {
    Ok(TopicFact { key: TopicKey(read_hash_32(cursor)?), points: read_sum(cursor)? })
}

pub(super) fn put_reach(out: &mut Vec<u8>, base: Base, reach: &Reach) {
    base.put_age(out, reach.at_ms);
    put_hash_32(out, reach.event);
    out.push((reach.channel as u8) << 1);
    put_optional(out, reach.reference, |out, reference| put_hash(out, reference.get()));
}

pub(super) fn read_reach(cursor: &mut Cursor<'_>, base: Base) -> Result<Reach, Malformed> {
    let (at_ms, event) = (base.read_age(cursor)?, read_hash_32(cursor)?);
    let channel = read_symbol(cursor, Channel::from_number)?;
    let reference = read_optional(cursor, |cursor| {
        NonZeroU64::new(read_hash(cursor)?).ok_or(Malformed("a reference has no hash"))
    })?;
    Ok(Reach { at_ms, event, channel, reference })
}

/// A set of which the newest are kept.
pub(super) fn read_newest<'a, T: Ord + Copy, const K: usize>(
    cursor: &mut Cursor<'a>,
    read: impl FnMut(&mut Cursor<'a>) -> Result<T, Malformed>,
) -> Result<crate::scoring::newest::Newest<T, K>, Malformed> {
    let entries = read_list(cursor, K, read)?;
    crate::scoring::newest::Newest::from_rising(entries).ok_or(Malformed("a list is out of order"))
}
