//! TOML to the sections of the model other than its rules of engagement.

use xxhash_rust::xxh3::xxh3_64;

use super::reader::{Section, duration_ms};
use super::{
    Alive, ByChannel, ByOutreach, Cap, Channel, ChannelRules, ConsentDefault, ContactRules, DayDecay, Fit, FitRule,
    FitTest, GradeRules, Hours, Outreach, Readiness, Stages, TOPICS_MAX, Targets, Topic, TopicKey,
};
use crate::scoring::stage::Stage;

const DAY_MS: i64 = 86_400_000;
/// Touches are counted for so many days.
const CAP_DAYS_MAX: i64 = 31;
/// The least number that something above 0 may be.
const TINY: f64 = 1e-6;

pub(super) fn readiness(section: Section<'_>) -> Readiness {
    let readiness = Readiness {
        engagement_weight: section.number("engagement_weight", 0.0..=1.0),
        affinity_points: section.number("affinity_points", 0.0..=100.0),
        familiarity_scale: section.number("familiarity_scale", TINY..=1e6),
        fatigue_scale: section.number("fatigue_scale", TINY..=1e6),
        pressure_half_life_ms: section.half_life_ms("pressure_half_life"),
        pressure_max: section.number("pressure_max", TINY..=1e6),
        forgiveness: section.number("forgiveness", 0.0..=1.0),
        topic_half_life_ms: section.half_life_ms("topic_half_life"),
    };
    section.finish();
    readiness
}

pub(super) fn channels(section: Section<'_>) -> ByChannel<ChannelRules> {
    let channels = ByChannel::from_fn(|channel| self::channel(section.section(channel.as_str()), channel));
    section.finish();
    channels
}

fn channel(section: Section<'_>, channel: Channel) -> ChannelRules {
    let half_life_ms = section.half_life_ms("half_life");
    let rules = ChannelRules {
        cap: section.number("cap", TINY..=100.0),
        half_life_ms,
        decay: DayDecay::new(half_life_ms),
        exposure_decay: DayDecay::new(section.half_life_ms("exposure_half_life")),
        exposure_weight: section.number("exposure_weight", 0.0..=1000.0),
        pressure: section.number("pressure", 0.0..=1000.0),
        outreach: channel.is_outreach().then(|| outreach(&section)),
    };
    section.finish();
    rules
}

fn outreach(section: &Section<'_>) -> Outreach {
    let consent = |text: &str| match text {
        "opt_in" => Some(ConsentDefault::OptIn),
        "opt_out" => Some(ConsentDefault::OptOut),
        _ => None,
    };
    let hours = "hours such as \"07:00-21:00\" or \"Mon-Fri 09:00-20:00\"";
    Outreach {
        consent: section.name("consent", &["opt_in", "opt_out"], ConsentDefault::OptIn, consent),
        hours: if section.has("hours") {
            section.parsed("hours", hours, None, |text| Hours::parse(text).map(Some))
        } else {
            None
        },
        answer_window_ms: section.duration_ms("answer_window"),
        answer_prior: section.number("answer_prior", TINY..=1.0 - TINY),
    }
}

pub(super) fn stages(section: Section<'_>) -> Stages {
    let alive = section.section("alive");
    let on = section.section("on");
    let mut stages = Stages::new(
        (section.integer("repeat_purchases", 2..=128), section.integer("fan_purchases", 2..=128)),
        (section.number("fan_alive_min", 0.0..=1.0), section.number("dormant_alive_max", 0.0..=1.0)),
        section.duration_ms("dormant_silence"),
        Alive {
            r: alive.number("r", TINY..=1e6),
            alpha: alive.number("alpha", TINY..=1e6),
            a: alive.number("a", TINY..=1e6),
            b: alive.number("b", TINY..=1e6),
        },
    );
    let thresholds = Stage::ALL.map(|stage| on.number(stage.as_str(), 0.0..=100.0));
    stages.set_thresholds(thresholds, section.number("off_ratio", 0.0..=1.0));
    if stages.fan_purchases <= stages.repeat_purchases {
        section.wrong("fan_purchases", "more than repeat_purchases");
    }
    alive.finish();
    on.finish();
    section.finish();
    stages
}

pub(super) fn fit(section: Section<'_>) -> Fit {
    let letters_from = steps(section.section("letters"), ["A", "B", "C"]);
    let rules = section.sections("rules").into_iter().map(fit_rule).collect();
    section.finish();
    Fit { letters_from, rules }
}

fn fit_rule(section: Section<'_>) -> FitRule {
    let rule = FitRule {
        id: section.text("id").into(),
        attribute: section.text("attribute").into(),
        test: fit_test(&section),
        points: section.number("points", -100.0..=100.0),
    };
    section.finish();
    rule
}

fn fit_test(section: &Section<'_>) -> FitTest {
    const TESTS: [&str; 4] = ["equals", "one_of", "at_least", "present"];
    let given: Vec<&str> = TESTS.into_iter().filter(|test| section.has(test)).collect();
    let below = section.has("below").then(|| section.number("below", -1e12..=1e12));
    match given[..] {
        ["equals"] if below.is_none() => FitTest::Equals(section.text("equals").into()),
        ["one_of"] if below.is_none() => {
            FitTest::OneOf(section.names("one_of", &[]).into_iter().map(Box::from).collect())
        }
        ["at_least"] => FitTest::Range { at_least: section.number("at_least", -1e12..=1e12), below },
        ["present"] if below.is_none() => FitTest::Present,
        _ => {
            section.wrong("attribute", "exactly one of equals, one_of, at_least (with below or without), present");
            FitTest::Present
        }
    }
}

pub(super) fn grade(section: Section<'_>) -> GradeRules {
    let digits_from = steps(section.section("digits"), ["1", "2", "3"]);
    section.finish();
    GradeRules { digits_from }
}

/// Three falling thresholds.
fn steps(section: Section<'_>, names: [&str; 3]) -> [f64; 3] {
    let steps = names.map(|name| section.number(name, 0.0..=100.0));
    for place in 1..3 {
        if steps[place] >= steps[place - 1] {
            section.wrong(names[place], &format!("less than {}", names[place - 1]));
        }
    }
    section.finish();
    steps
}

pub(super) fn contact(section: Section<'_>) -> ContactRules {
    let (caps, gaps) = (section.section("caps"), section.section("gaps"));
    let rules = ContactRules {
        caps: ByOutreach {
            mail: self::caps(caps.section("mail")),
            sns: self::caps(caps.section("sns")),
            person: self::caps(caps.section("person")),
        },
        caps_all: self::caps(caps.section("all")),
        gaps_ms: ByOutreach {
            mail: gaps.duration_ms("mail"),
            sns: gaps.duration_ms("sns"),
            person: gaps.duration_ms("person"),
        },
        gap_any_ms: gaps.duration_ms("any"),
        comparison_pause_ms: section.duration_ms("comparison_pause"),
        reply_right_ms: section.duration_ms("reply_right"),
        complaint_stop_ms: section.duration_ms("complaint_stop"),
        issue_stop_ms: section.duration_ms("issue_stop"),
    };
    caps.finish();
    gaps.finish();
    section.finish();
    rules
}

/// Keys are days, values touches: `{ 7d = 2, 30d = 7 }`.
fn caps(section: Section<'_>) -> Vec<Cap> {
    let mut caps = Vec::new();
    for key in section.written_keys() {
        match duration_ms(key).filter(|ms| ms % DAY_MS == 0 && (1..=CAP_DAYS_MAX).contains(&(ms / DAY_MS))) {
            Some(ms) => {
                let days = (ms / DAY_MS) as u8;
                caps.push(Cap { days, touches_max: section.integer(key, 0..=255) });
            }
            None => {
                section.has(key);
                section.wrong(key, "whole days as key, from 1d to 31d");
            }
        }
    }
    section.finish();
    caps
}

pub(super) fn topics(root: &Section<'_>, half_life_ms: i64) -> Vec<Topic> {
    let sections = root.sections("topics");
    if sections.len() > TOPICS_MAX {
        root.wrong("topics", &format!("at most {TOPICS_MAX} topics"));
    }
    let mut topics: Vec<Topic> = Vec::with_capacity(sections.len());
    for section in sections {
        let id = section.text("id");
        let key = TopicKey(xxh3_64(format!("{id}\0{half_life_ms}").as_bytes()) as u32);
        if topics.iter().any(|topic| topic.key == key) {
            section.wrong("id", "an id unlike those of the other topics");
        }
        topics.push(Topic { id: id.into(), key });
        section.finish();
    }
    topics
}

pub(super) fn targets(section: Section<'_>) -> Targets {
    let targets = Targets {
        speed_to_lead_ms: section.duration_ms("speed_to_lead"),
        ready_accepted_ratio: section.number("ready_accepted_ratio", 0.0..=1.0),
        ignored_ratio_max: section.number("ignored_ratio_max", 0.0..=1.0),
    };
    section.finish();
    targets
}
