//! TOML to `Model`: the file as a whole and its first lines, and what must hold between sections.

use std::cell::RefCell;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::de::{DeTable, DeValue};

use super::error::ModelError;
use super::reader::{Section, Source};
use super::{Channel, Model, parse_rules, parse_sections};
use crate::scoring::lanes::Lanes;

const MINUTE_MS: i64 = 60_000;

pub(super) fn model(text: &str, file: &str) -> Result<Model, Vec<ModelError>> {
    let source = Source { file, text, errors: RefCell::default() };
    let (table, broken) = DeTable::parse_recoverable(text);
    for error in &broken {
        source.error(error.span().map_or(0, |span| span.start), "file", "no TOML", error.message(), None);
    }
    if !broken.is_empty() {
        return Err(source.errors.into_inner()); // what a broken table lacks is not known to be missing
    }
    let model = whole(Section::root(&source, table.get_ref()), text);
    let mut errors = source.errors.into_inner();
    errors.sort_by_key(|error| error.line);
    if errors.is_empty() { Ok(model) } else { Err(errors) }
}

fn whole(root: Section<'_>, text: &str) -> Model {
    let readiness = parse_sections::readiness(root.section("readiness"));
    let channels = parse_sections::channels(root.section("channels"));
    let model = Model {
        name: root.text("name").into(),
        version: root.text("version").into(),
        hash: content_hash(text),
        utc_offset_ms: root.parsed("utc_offset", "an offset such as \"+09:00\", up to 14 hours", 0, offset_ms),
        time_zone: root.parsed("time_zone", "an IANA time zone such as \"Asia/Tokyo\"", TimeZone::UTC, time_zone),
        holidays: holidays(&root),
        rules: parse_rules::rules(root.section("engagement"), &channels),
        stages: parse_sections::stages(root.section("stages")),
        fit: parse_sections::fit(root.section("fit")),
        grade: parse_sections::grade(root.section("grade")),
        contact: parse_sections::contact(root.section("contact")),
        lanes: Lanes::read(root.section("lanes")),
        topics: parse_sections::topics(&root, readiness.topic_half_life_ms),
        targets: parse_sections::targets(root.section("targets")),
        readiness,
        channels,
    };
    bounds(&root, &model);
    root.finish();
    model
}

/// Readiness must stay within 0 and 100, whatever happens.
fn bounds(root: &Section<'_>, model: &Model) {
    let cap: f64 = Channel::ALL.into_iter().map(|channel| model.channels[channel].cap).sum();
    let readiness = &model.readiness;
    if cap > 100.0 + 1e-9 {
        root.wrong("channels", "caps that are together at most 100");
    }
    if readiness.engagement_weight * 100.0 + readiness.affinity_points > 100.0 + 1e-9 {
        root.wrong("readiness", "100 x engagement_weight + affinity_points of at most 100");
    }
}

/// Hash of the values alone: a comment or another layout is the same model.
fn content_hash(text: &str) -> u64 {
    let values = text.parse::<toml::Table>().map(|table| table.to_string()).unwrap_or_default();
    xxhash_rust::xxh3::xxh3_64(values.as_bytes())
}

fn offset_ms(text: &str) -> Option<i64> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let minutes = super::channel::parse_minute(text.get(1..)?)?;
    (minutes <= 14 * 60).then_some(sign * i64::from(minutes) * MINUTE_MS)
}

fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

fn holidays(root: &Section<'_>) -> Vec<i32> {
    let allowed = "a list of dates such as \"2027-01-01\"";
    let mut days = root.list("holidays", allowed, |value| match value {
        DeValue::String(text) => text.parse().ok().map(day_number),
        _ => None,
    });
    days.sort_unstable();
    days.dedup();
    days
}

fn day_number(date: Date) -> i32 {
    let epoch = Date::constant(1970, 1, 1);
    epoch.until(date).map_or(0, |span| span.get_days())
}
