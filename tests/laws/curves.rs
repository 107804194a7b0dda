//! The shape of affinity: a peak, fatigue, and recovery.

use proptest::prelude::*;
use tsuikyaku::scoring::event::{Body, Event, Mail, MailKind};
use tsuikyaku::scoring::facts::Facts;
use tsuikyaku::scoring::meaning::Meaning;
use tsuikyaku::scoring::model::Model;

use crate::streams::DAY_MS;
use crate::{MODEL, apply, cases};

const HOUR_MS: i64 = 3_600_000;
/// Noon of a local day, ms since the epoch.
const NOON_MS: i64 = 20_000 * DAY_MS + 3 * HOUR_MS;

fn mail_at(at_ms: i64) -> Event<'static> {
    Event {
        event_id: at_ms.to_string().into(),
        lead_id: "L1".into(),
        occurred_at_ms: at_ms,
        account_id: None,
        topic: None,
        machine: false,
        body: Body::Mail(Mail { kind: MailKind::Sent, ..Mail::default() }),
    }
}

/// Affinity at each touch of a schedule, just after it.
fn affinity_at_touches(every_ms: i64, count: i64) -> Vec<f64> {
    let mut facts = Facts::default();
    let touches = (0..count).map(|number| {
        let at = NOON_MS + number * every_ms;
        apply(&mut facts, &mail_at(at));
        facts.parts(&MODEL, at).affinity
    });
    touches.collect()
}

/// Number of the touch, from 1, at which affinity is greatest.
fn peak(affinities: &[f64]) -> usize {
    let greatest = affinities.iter().copied().fold(f64::MIN, f64::max);
    1 + affinities.iter().position(|affinity| *affinity == greatest).expect("there are touches")
}

#[test]
fn regular_contact_peaks_where_the_model_says() {
    let check = |hours: i64, expected: usize| {
        assert_eq!(peak(&affinity_at_touches(hours * HOUR_MS, 60)), expected, "every {hours} h");
    };
    check(24, 7);
    check(48, 9);
    check(72, 13);
    check(7 * 24, 60); // never: the last of all is the greatest
}

#[test]
fn without_time_the_peak_is_at_six_touches() {
    let (kappa, phi) = (MODEL.readiness.familiarity_scale, MODEL.readiness.fatigue_scale);
    let best = kappa * (1.0 + phi / kappa).ln();
    // Half-lives of ten years are as good as no time at all.
    let text = include_str!("../../deploy/models/b2b-saas.toml");
    let still = text.replace("exposure_half_life = \"30d\"", "exposure_half_life = \"3650d\"");
    let still = still.replace("pressure_half_life = \"14d\"", "pressure_half_life = \"3650d\"");
    let still = Model::parse(&still, "still").unwrap_or_else(|errors| panic!("{errors:?}"));
    let mut facts = Facts::default();
    let read = (0..60).map(|number| {
        let event = mail_at(NOON_MS + number * DAY_MS);
        facts.apply(&still, &event, &Meaning::of(&still, &event));
        facts.parts(&still, event.occurred_at_ms).affinity
    });
    let read_peak = self::peak(&read.collect::<Vec<_>>()) as f64;
    assert!(read_peak == best.floor() || read_peak == best.ceil(), "{read_peak}");
    let affinity = |touches: f64| (1.0 - (-touches / kappa).exp()) * (-touches / phi).exp();
    let peak = (1..60).map(f64::from).max_by(|a, b| affinity(*a).total_cmp(&affinity(*b))).expect("a peak");
    assert!((best - 6.11).abs() < 0.005, "{best}");
    assert!(peak == best.floor() || peak == best.ceil(), "{peak}");
    assert!((1..60).all(|n| (affinity(f64::from(n + 1)) > affinity(f64::from(n))) == (f64::from(n) < peak)));
}

#[test]
fn after_too_much_contact_silence_helps_and_then_fades() {
    let mut facts = Facts::default();
    let touches: Vec<i64> = (0..20).map(|number| NOON_MS + number * 12 * HOUR_MS).collect();
    touches.iter().for_each(|at| apply(&mut facts, &mail_at(*at)));
    let end = touches[19];
    let affinity: Vec<f64> = (0..120).map(|day| facts.parts(&MODEL, end + day * DAY_MS).affinity).collect();
    let best = peak(&affinity) - 1;
    assert!(0 < best && best < 60, "best after {best} days");
    assert!(affinity[best] > 1.1 * affinity[0] && affinity[119] < affinity[best]);
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn repeats_on_one_day_lower_affinity(minutes in proptest::collection::vec(1..90_i64, 2..12)) {
        let mut facts = Facts::default();
        let mut at = NOON_MS - 10 * HOUR_MS;
        let end = NOON_MS + 11 * HOUR_MS;
        let mut affinities = Vec::new();
        for gap in minutes {
            at += gap * 60_000;
            apply(&mut facts, &mail_at(at));
            affinities.push(facts.parts(&MODEL, end).affinity);
        }
        prop_assert!(affinities.windows(2).all(|pair| pair[1] < pair[0]), "{:?}", affinities);
    }

    #[test]
    fn spaced_contact_beats_massed(count in 2..12_i64, days in 1..8_i64) {
        let spaced = affinity_at_touches(days * DAY_MS, count);
        let massed = affinity_at_touches(60_000, count);
        prop_assert!(spaced.last() > massed.last());
    }
}
