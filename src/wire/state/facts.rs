//! Facts to bytes and back, field by field in the order of the schema.

use smallvec::SmallVec;

use super::parts::{
    put_channel_facts, put_reach, put_rule, put_sum, put_topic, read_channel_facts, read_newest, read_reach, read_rule,
    read_sum, read_topic,
};
use super::primitives::{Base, put_bytes, put_hash, put_int, put_list, put_optional};
use super::profile::{put_profile, read_profile};
use super::reader::Reader;
use crate::scoring::facts::{Facts, Moments, Order, RULE_FACTS_MAX, Refund, TOPIC_FACTS_MAX};
use crate::scoring::model::Channel;
use crate::wire::avro::put_optional_long;

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
        touches: read_newest(reader, |reader| read_reach(reader, base)),
        answers: read_newest(reader, |reader| read_reach(reader, base)),
        orders: read_newest(reader, |reader| Order { day: reader.int(), order: reader.hash() }),
        refunds: read_newest(reader, |reader| Refund { day: reader.int(), order: reader.hash() }),
        inbound_hours: read_hours(reader),
        moments: reader.optional(|reader| read_moments(reader, base)).map(Box::new),
        profile: reader.optional(|reader| read_profile(reader, base)).map(Box::new),
    }
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

fn read_hours(reader: &mut Reader<'_>) -> [u8; 24] {
    let bits = reader.int();
    let mut counts = reader.bytes().iter();
    let mut hours = [0; 24];
    for hour in (0..24).filter(|hour| bits >> hour & 1 != 0) {
        let count = counts.next().copied().filter(|count| *count > 0);
        hours[hour] = reader.sound(count, "an active hour has no count");
    }
    let is_whole = bits >> 24 == 0 && counts.next().is_none();
    reader.sound(is_whole.then_some(hours), "there are hours beyond the day")
}

fn put_moments(out: &mut Vec<u8>, base: Base, moments: &Moments) {
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
