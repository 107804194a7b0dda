//! TOML to the rules of engagement.

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use super::reader::Section;
use super::rule::{Condition, EventKind, Limit, Mark, Marks, RULES_MAX, Rule, RuleKey, Rules};
use super::{ByChannel, Channel, ChannelRules};
use crate::scoring::event::WebKind;

pub(super) fn rules(engagement: Section<'_>, channels: &ByChannel<ChannelRules>) -> Rules {
    let sections = engagement.sections("rules");
    if sections.len() > RULES_MAX {
        engagement.wrong("rules", &format!("at most {RULES_MAX} rules"));
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(sections.len());
    for section in sections {
        let rule = rule(&section, channels);
        let twin = rules.iter().find(|known| known.id == rule.id || known.key == rule.key);
        if let Some(twin) = twin.filter(|_| !rule.id.is_empty()) {
            section.wrong("id", &format!("an id unlike that of rule {}", twin.id));
        }
        section.finish();
        rules.push(rule);
    }
    engagement.finish();
    Rules::new(rules)
}

fn rule(section: &Section<'_>, channels: &ByChannel<ChannelRules>) -> Rule {
    let id = section.text("id");
    let kinds = EventKind::names();
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let on = section.name("on", &kinds, EventKind::Web(WebKind::PageView), EventKind::parse);
    let channel = if section.has("channel") {
        let names = Channel::ALL.map(Channel::as_str);
        section.name("channel", &names, on.channel(), Channel::parse)
    } else {
        on.channel()
    };
    let limit = limit(section);
    let rule = Rule {
        id: id.into(),
        key: key(id, limit, channels[channel].half_life_ms),
        on,
        conditions: conditions(section, on),
        channel,
        points: section.number("points", -1000.0..=1000.0),
        limit,
        marks: marks(section),
    };
    check_touch(section, &rule);
    rule
}

/// A touch is our doing: it says nothing of the lead, and there must be a channel for it.
fn check_touch(section: &Section<'_>, rule: &Rule) {
    if !rule.marks.has(Mark::Touch) {
        return;
    }
    let inbound = [Mark::Answer, Mark::HandRaise, Mark::Sequence, Mark::Cart];
    if inbound.into_iter().any(|mark| rule.marks.has(mark)) {
        section.wrong("marks", "touch with no other mark but contact");
    }
    if rule.points != 0.0 {
        section.wrong("points", "0 where the rule marks a touch");
    }
    if !rule.channel.is_outreach() {
        section.wrong("marks", "touch only on mail, sns and person");
    }
}

fn limit(section: &Section<'_>) -> Limit {
    const LIMITS: [Limit; 3] = [Limit::Every, Limit::Daily, Limit::Once];
    if !section.has("limit") {
        return Limit::Every;
    }
    let parse = |text: &str| LIMITS.into_iter().find(|limit| limit.as_str() == text);
    section.name("limit", &LIMITS.map(Limit::as_str), Limit::Every, parse)
}

fn marks(section: &Section<'_>) -> Marks {
    if !section.has("marks") {
        return Marks::default();
    }
    let names = section.names("marks", &Mark::ALL.map(Mark::as_str));
    let found = Mark::ALL.into_iter().filter(|mark| names.contains(&mark.as_str()));
    found.fold(Marks::default(), Marks::with)
}

fn conditions(section: &Section<'_>, on: EventKind) -> SmallVec<[Condition; 1]> {
    let mut conditions = SmallVec::new();
    if !section.has("where") {
        return conditions;
    }
    let fields = section.section("where");
    for field in Condition::fields(on) {
        if fields.has(field) {
            let values = fields.names(field, &Condition::symbols(field));
            conditions.extend(Condition::new(field, &values));
        }
    }
    fields.finish();
    conditions
}

fn key(id: &str, limit: Limit, half_life_ms: i64) -> RuleKey {
    let identity = format!("{id}\0{}\0{half_life_ms}", limit.as_str());
    RuleKey(xxh3_64(identity.as_bytes()) as u32)
}
