//! What reading gives, whatever the stream.

use proptest::prelude::*;
use tsuikyaku::scoring::event::Event;
use tsuikyaku::scoring::facts::Facts;
use tsuikyaku::scoring::meaning::Meaning;
use tsuikyaku::scoring::model::{Channel, Limit, Mark};

use crate::streams::{DAY_MS, inbound_stream, stream};
use crate::{MODEL, apply, cases, facts_of, newest_ms};

/// Days after the newest event at which streams are read.
fn days_later() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 0..60_i64, 0..4000_i64]
}

fn shifted(events: &[Event<'static>], by_ms: i64) -> Facts {
    let later = events.iter().map(|event| Event { occurred_at_ms: event.occurred_at_ms + by_ms, ..event.clone() });
    facts_of(&later.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn everything_stays_in_bounds(events in stream(80), later in days_later()) {
        let facts = facts_of(&events);
        let score = facts.read(&MODEL, newest_ms(&events) + later * DAY_MS);
        prop_assert!((0.0..=100.0).contains(&score.readiness), "{:?}", score);
        prop_assert!((0.0..=100.0).contains(&score.engagement), "{:?}", score);
        prop_assert!((0.0..=1.0).contains(&score.affinity), "{:?}", score);
        prop_assert!((0.0..=1.0).contains(&score.familiarity), "{:?}", score);
        prop_assert!(score.pressure >= 0.0 && score.exposure >= 0.0, "{:?}", score);
        prop_assert!(score.fit <= 100);
        let parts = facts.parts(&MODEL, newest_ms(&events));
        for channel in Channel::ALL {
            prop_assert!((0.0..=MODEL.channels[channel].cap).contains(&parts.capped[channel]));
        }
    }

    #[test]
    fn a_signal_that_is_no_answer_never_lowers_readiness(events in stream(60), later in days_later()) {
        let (at, mut facts) = (newest_ms(&events) + later * DAY_MS, Facts::default());
        for event in &events {
            let before = facts.parts(&MODEL, at).readiness;
            apply(&mut facts, event);
            let meaning = Meaning::of(&MODEL, event);
            // An earlier first time of a rule that counts once is older points, so that limit is left out.
            let once = meaning.rule.is_some_and(|rule| rule.limit == Limit::Once);
            if meaning.is_signal() && !meaning.has(Mark::Answer) && !once {
                let after = facts.parts(&MODEL, at).readiness;
                prop_assert!(after >= before - 1e-9, "{} < {} after {}", after, before, event.event_id);
            }
        }
    }

    #[test]
    fn a_touch_never_lowers_pressure(events in stream(60), later in days_later()) {
        let (at, mut facts) = (newest_ms(&events) + later * DAY_MS, Facts::default());
        for event in &events {
            let before = facts.parts(&MODEL, at).pressure;
            apply(&mut facts, event);
            if Meaning::of(&MODEL, event).touch().is_some() {
                let after = facts.parts(&MODEL, at).pressure;
                prop_assert!(after >= before - 1e-9, "{} < {} after {}", after, before, event.event_id);
            }
        }
    }

    #[test]
    fn with_inbound_only_readiness_never_rises_between_events(events in inbound_stream(40)) {
        let facts = facts_of(&events);
        let mut before = f64::INFINITY;
        for quarter_days in 0..160 {
            let now = facts.parts(&MODEL, newest_ms(&events) + quarter_days * DAY_MS / 4).readiness;
            prop_assert!(now <= before + 1e-9, "{} > {} after {} quarter days", now, before, quarter_days);
            before = now;
        }
    }

    #[test]
    fn a_shift_by_whole_half_lives_is_exact(events in stream(60), later in days_later(), times in -3..4_i64) {
        // 630 days are a multiple of every half-life of the model.
        let by_ms = times * 630 * DAY_MS;
        let at = newest_ms(&events) + later * DAY_MS;
        let here = facts_of(&events).read(&MODEL, at);
        let there = shifted(&events, by_ms).read(&MODEL, at + by_ms);
        prop_assert_eq!(here.readiness, there.readiness);
        prop_assert_eq!((here.engagement, here.exposure), (there.engagement, there.exposure));
        prop_assert_eq!((here.pressure, here.affinity), (there.pressure, there.affinity));
        prop_assert_eq!((here.grade, here.stage, here.top_topic), (there.grade, there.stage, there.top_topic));
    }

    #[test]
    fn pressure_halves_with_each_half_life(events in stream(60)) {
        let facts = facts_of(&events);
        let pressure = |half_lives: i64| {
            facts.parts(&MODEL, newest_ms(&events) + half_lives * MODEL.readiness.pressure_half_life_ms).pressure
        };
        for half_lives in 0..10 {
            let (now, next) = (pressure(half_lives), pressure(half_lives + 1));
            // Touches of a thousand half-lives ago lie where floating-point numbers lose their digits.
            prop_assert!((next - now / 2.0).abs() <= now * 1e-9 + f64::MIN_POSITIVE, "{} after {}", next, now);
        }
    }

    #[test]
    fn explanations_sum_to_readiness(events in stream(80), later in days_later()) {
        let facts = facts_of(&events);
        let at = newest_ms(&events) + later * DAY_MS;
        let lines = facts.explain(&MODEL, at);
        let sum: i64 = lines.iter().map(|line| line.micropoints).sum();
        prop_assert_eq!(sum as f64 / 1e6, facts.read(&MODEL, at).readiness);
        let ordered = |a: &(i64, &str), b: &(i64, &str)| a.0 > b.0 || (a.0 == b.0 && a.1 < b.1);
        let keys: Vec<(i64, &str)> = lines.iter().map(|line| (line.micropoints, &*line.label)).collect();
        prop_assert!(keys.windows(2).all(|pair| ordered(&pair[0], &pair[1])), "{:?}", keys);
        prop_assert!(lines.iter().all(|line| line.micropoints != 0));
        let pressure = lines.iter().find(|line| &*line.label == "pressure");
        prop_assert!(pressure.is_none_or(|line| line.micropoints < 0));
    }

    #[test]
    fn reading_before_the_newest_event_is_reading_at_it(events in stream(40), earlier in 0..400_i64) {
        let facts = facts_of(&events);
        let newest = facts.newest.get();
        if let Some(newest) = newest {
            let early = facts.read(&MODEL, newest - earlier * DAY_MS);
            prop_assert_eq!(early, facts.read(&MODEL, newest));
            prop_assert_eq!(early.as_of_ms, newest);
        }
    }
}
