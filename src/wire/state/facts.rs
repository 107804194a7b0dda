//! Facts to bytes and back, field by field in the order of the schema.

use smallvec::SmallVec;

use super::parts::{
    put_channel_facts, put_reach, put_rule, put_sum, put_topic, read_channel_facts, read_newest, read_reach, read_rule,
    read_sum, read_topic,
};
use super::primitives::{
    Base, put_bytes, put_hash, put_int, put_list, put_optional, read_hash, read_int, read_list, read_optional, rising,
};
use super::profile::{put_profile, read_profile};
use crate::scoring::facts::{Facts, Moments, Order, RULE_FACTS_MAX, Refund, TOPIC_FACTS_MAX};
use crate::scoring::model::Channel;
use crate::wire::avro::{Cursor, Malformed, put_optional_long};

pub(super) fn put_facts(out: &mut Vec<u8>, facts: &Facts) {
    let base = Base(facts.newest.get().unwrap_or(0));
    put_optional_long(out, facts.newest.get());
    base.put_optional_age(out, facts.first_seen.get());
    put_sum(out, &facts.pressure);
    put_list(out, facts.channels.iter(), |out, channel| put_channel_facts(out, base, channel));
    put_list(out, facts.rules.iter(), put_rule);
    put_list(out, facts.topics.iter(), put_topic);
    put_list(out, facts.touches.iter(), |out, reach| put_reach(out, base, reach));
    put_list(out, facts.answers.iter(), |out, reach| put_reach(out, base, reach));
    put_list(out, facts.orders.iter(), |out, order| put_order(out, order.day, order.order));
    put_list(out, facts.refunds.iter(), |out, refund| put_order(out, refund.day, refund.order));
    put_hours(out, &facts.inbound_hours);
    put_optional(out, facts.moments.as_deref(), |out, moments| put_moments(out, base, moments));
    put_optional(out, facts.profile.as_deref(), |out, profile| put_profile(out, base, profile));
}

pub(super) fn read_facts(cursor: &mut Cursor<'_>) -> Result<Facts, Malformed> {
    let newest = read_optional(cursor, Cursor::long)?;
    let base = Base(newest.unwrap_or(0));
    let first_seen = base.read_optional_age(cursor)?;
    let pressure = read_sum(cursor)?;
    let channels = read_list(cursor, Channel::ALL.len(), |cursor| read_channel_facts(cursor, base))?;
    let rules = read_list(cursor, RULE_FACTS_MAX, read_rule)?;
    let topics = read_list(cursor, TOPIC_FACTS_MAX, read_topic)?;
    Ok(Facts {
        first_seen: first_seen.into(),
        newest: newest.into(),
        pressure,
        channels: rising(channels, |facts| facts.channel)?,
        rules: rising(rules, |fact| fact.key)?,
        topics: rising(topics, |fact| fact.key)?,
        touches: read_newest(cursor, |cursor| read_reach(cursor, base))?,
        answers: read_newest(cursor, |cursor| read_reach(cursor, base))?,
        orders: read_newest(cursor, |cursor| Ok(Order { day: read_int(cursor)?, order: read_hash(cursor)? }))?,
        refunds: read_newest(cursor, |cursor| Ok(Refund { day: read_int(cursor)?, order: read_hash(cursor)? }))?,
        inbound_hours: read_hours(cursor)?,
        moments: read_optional(cursor, |cursor| read_moments(cursor, base))?.map(Box::new),
        profile: read_optional(cursor, |cursor| read_profile(cursor, base))?.map(Box::new),
    })
}

fn put_order(out: &mut Vec<u8>, day: i32, order: u64) {
    put_int(out, day);
    put_hash(out, order);
}

fn put_hours(out: &mut Vec<u8>, hours: &[u8; 24]) {
    let active: SmallVec<[u8; 24]> = hours.iter().copied().filter(|count| *count > 0).collect();
    let bits = hours.iter().rev().fold(0, |bits, count| bits << 1 | i32::from(*count > 0));
    put_int(out, bits);
    put_bytes(out, &active);
}

fn read_hours(cursor: &mut Cursor<'_>) -> Result<[u8; 24], Malformed> {
    let bits = read_int(cursor)?;
    let mut counts = cursor.bytes()?.iter();
    let mut hours = [0; 24];
    for hour in (0..24).filter(|hour| bits >> hour & 1 != 0) {
        hours[hour] =
            counts.next().copied().filter(|count| *count > 0).ok_or(Malformed("an active hour has no count"))?;
    }
    if bits >> 24 == 0 && counts.next().is_none() {
        Ok(hours)
    } else {
        Err(Malformed("there are hours beyond the day"))
    }
}

fn put_moments(out: &mut Vec<u8>, base: Base, moments: &Moments) {
    let Moments { sequence_mark, cart_mark, comparison_sheet, purchase, complaint, issue, resolution } = moments;
    for moment in [sequence_mark, cart_mark, comparison_sheet, purchase, complaint, issue, resolution] {
        base.put_optional_age(out, moment.get());
    }
}

fn read_moments(cursor: &mut Cursor<'_>, base: Base) -> Result<Moments, Malformed> {
    let mut next = || base.read_optional_age(cursor).map(Into::into);
    Ok(Moments {
        sequence_mark: next()?,
        cart_mark: next()?,
        comparison_sheet: next()?,
        purchase: next()?,
        complaint: next()?,
        issue: next()?,
        resolution: next()?,
    })
}
