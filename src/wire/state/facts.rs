//! Facts to bytes and back, field by field in the order of the schema.

use smallvec::SmallVec;

use super::parts::{
    put_channel_facts, put_reach, put_rule, put_sum, put_topic, read_channel_facts, read_newest, read_reach, read_rule,
    read_sum, read_topic,
};
use super::primitives::Base;
use super::profile::{put_profile, read_profile};
use super::reader::Reader;
use super::writer::Writer;
use crate::scoring::facts::{
    ANSWERS_MAX, Facts, Moments, Order, Purchases, RULE_FACTS_MAX, Reach, Reaches, Refund, TOPIC_FACTS_MAX, TOUCHES_MAX,
};
use crate::scoring::model::Channel;

pub(super) fn put_facts(out: &mut Writer, facts: &Facts) {
    let base = Base(facts.newest.get().unwrap_or(0));
    out.optional_long(facts.newest.get());
    base.put_optional_age(out, facts.first_seen.get());
    put_sum(out, &facts.pressure);
    out.list(facts.channels.iter(), |out, channel| put_channel_facts(out, base, channel));
    out.list(facts.rules.iter(), put_rule);
    out.list(facts.topics.iter(), put_topic);
    out.list(facts.reaches.touches().iter(), |out, reach| put_reach(out, base, reach));
    out.list(facts.reaches.answers().iter(), |out, reach| put_reach(out, base, reach));
    out.list(facts.orders(), |out, order| put_order(out, order.day, order.order));
    out.list(facts.refunds(), |out, refund| put_order(out, refund.day, refund.order));
    put_hours(out, &facts.inbound_hours);
    out.optional(facts.moments.as_deref(), |out, moments| put_moments(out, base, moments));
    out.optional(facts.profile.as_deref(), |out, profile| put_profile(out, base, profile));
}

pub(super) fn read_facts(reader: &mut Reader<'_>) -> Facts {
    let newest = reader.optional(Reader::moment);
    let base = Base(newest.unwrap_or(0));
    let first_seen = base.read_optional_age(reader);
    let pressure = read_sum(reader);
    let channels = reader.list(Channel::ALL.len(), |reader| read_channel_facts(reader, base));
    let rules = reader.list(RULE_FACTS_MAX, read_rule);
    let topics = reader.list(TOPIC_FACTS_MAX, read_topic);
    Facts {
        first_seen: first_seen.into(),
        newest: newest.into(),
        pressure,
        channels: reader.rising(channels, |facts| facts.channel),
        rules: reader.rising(rules, |fact| fact.key),
        topics: reader.rising(topics, |fact| fact.key),
        reaches: read_reaches(reader, base),
        purchases: read_purchases(reader),
        inbound_hours: read_hours(reader),
        moments: reader.optional(|reader| read_moments(reader, base)).map(Box::new),
        profile: reader.optional(|reader| read_profile(reader, base)).map(Box::new),
    }
}

fn put_order(out: &mut Writer, day: i32, order: u64) {
    out.int(day);
    out.hash(order);
}

fn read_reaches(reader: &mut Reader<'_>, base: Base) -> Reaches {
    let mut reaches: SmallVec<[Reach; TOUCHES_MAX + ANSWERS_MAX]> = SmallVec::new();
    reader.each(TOUCHES_MAX, |reader| reaches.push(read_reach(reader, base)));
    let touch_count = reaches.len();
    reader.each(ANSWERS_MAX, |reader| reaches.push(read_reach(reader, base)));
    reader.sound(Reaches::from_rising(&reaches, touch_count), "a list is out of order")
}

fn read_purchases(reader: &mut Reader<'_>) -> Option<Box<Purchases>> {
    let orders = read_newest(reader, |reader| Order { day: reader.int(), order: reader.hash() });
    let refunds = read_newest(reader, |reader| Refund { day: reader.int(), order: reader.hash() });
    let are_any = !orders.is_empty() || !refunds.is_empty();
    are_any.then(|| Box::new(Purchases { orders, refunds }))
}

/// A bit for each hour in which there was anything, and the counts of these hours alone.
fn put_hours(out: &mut Writer, hours: &[u8; 24]) {
    let (mut active, mut count, mut bits) = ([0; 24], 0, 0);
    for (hour, events) in hours.iter().enumerate() {
        active[count] = *events; // where it is none, the next one's place
        count += usize::from(*events > 0);
        bits |= i32::from(*events > 0) << hour;
    }
    out.int(bits);
    out.bytes(&active[..count]);
}

fn read_hours(reader: &mut Reader<'_>) -> [u8; 24] {
    let bits = reader.int();
    let mut counts = reader.bytes().iter();
    let mut hours = [0; 24];
    let mut left = bits & 0x00ff_ffff;
    while left != 0 {
        let count = counts.next().copied().filter(|count| *count > 0);
        hours[left.trailing_zeros() as usize] = reader.sound(count, "an active hour has no count");
        left &= left - 1;
    }
    let is_whole = bits >> 24 == 0 && counts.next().is_none();
    reader.sound(is_whole.then_some(hours), "there are hours beyond the day")
}

fn put_moments(out: &mut Writer, base: Base, moments: &Moments) {
    let Moments { sequence_mark, cart_mark, comparison_sheet, purchase, complaint, issue, resolution } = moments;
    for moment in [sequence_mark, cart_mark, comparison_sheet, purchase, complaint, issue, resolution] {
        base.put_optional_age(out, moment.get());
    }
}

fn read_moments(reader: &mut Reader<'_>, base: Base) -> Moments {
    let mut next = || base.read_optional_age(reader).into();
    Moments {
        sequence_mark: next(),
        cart_mark: next(),
        comparison_sheet: next(),
        purchase: next(),
        complaint: next(),
        issue: next(),
        resolution: next(),
    }
}
