//! The stream as a reader of the log sees it.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::scoring::event::{Body, Event, MailKind, ProfileKind};
use crate::wire::decode::{Decoder, Format};

const START_MS: i64 = 1_775_000_000_000;

fn settings(seed: u64) -> Settings {
    Settings::new(seed, 500, START_MS)
}

fn records(seed: u64, count: usize) -> Vec<Generated> {
    Traffic::new(&settings(seed)).take(count).collect()
}

fn decoded<'a>(decoder: &Decoder, record: &'a Generated) -> Event<'a> {
    decoder.decode(Format::Avro, record.kind, Some(&record.value)).expect("it decodes")
}

#[test]
fn same_seed_same_bytes() {
    assert_eq!(records(7, 3000), records(7, 3000));
    assert_ne!(records(7, 100), records(8, 100));
}

#[test]
fn goes_on_from_any_number() {
    let all = records(7, 3000);
    for skipped in [0, 1, 999, 2990] {
        let mut traffic = Traffic::new(&settings(7));
        traffic.skip_records(skipped as u64);
        let rest: Vec<_> = traffic.take(3000 - skipped).collect();
        assert_eq!(rest, all[skipped..], "from {skipped}");
    }
}

#[test]
fn every_record_is_valid_and_in_its_time() {
    let decoder = Decoder::default();
    let mut last_ms = START_MS;
    for record in records(7, 20_000) {
        let event = decoded(&decoder, &record);
        assert_eq!(event.lead_id, record.key);
        assert!(record.appended_at_ms > last_ms, "append times rise");
        assert!(event.occurred_at_ms <= record.appended_at_ms, "nothing comes from the future");
        last_ms = record.appended_at_ms;
    }
    let days = (last_ms - START_MS) as f64 / 86_400_000.0;
    assert!((60.0..110.0).contains(&days), "20,000 records at 250 a day took {days} days");
}

/// A short run meets its rate as well, though most of its journeys end behind it.
#[test]
fn a_short_run_meets_its_rate() {
    let (records_per_day, horizon_ms) = (86_400.0 * 200.0, 60_000);
    let settings = Settings { records_per_day, horizon_ms, rhythm: Rhythm::Steady, ..settings(7) };
    let within = Traffic::new(&settings).take_while(|record| record.appended_at_ms < START_MS + horizon_ms).count();
    assert!((10_000..14_000).contains(&within), "12,000 records in a minute: {within}");
}

#[test]
fn json_says_what_avro_says() {
    let formats = [OutputFormat::Json; InputKind::ALL.len()];
    let json = Traffic::new(&Settings { formats, ..settings(7) }).take(2000);
    let decoder = Decoder::default();
    for (avro, json) in records(7, 2000).iter().zip(json) {
        let event = decoder.decode(Format::Json, json.kind, Some(&json.value));
        assert_eq!(event, Ok(decoded(&decoder, avro)));
    }
}

/// The shares that make it realistic; each bound is far from what the seed gives.
#[test]
fn has_everything_that_real_traffic_has() {
    let decoder = Decoder::default();
    let all = records(7, 40_000);
    let mut kinds: HashMap<InputKind, usize> = HashMap::new();
    let mut leads: HashMap<&str, usize> = HashMap::new();
    let mut ids: HashMap<String, usize> = HashMap::new();
    let (mut late, mut machines, mut clicks, mut companies) = (0, 0, 0, HashSet::new());
    let mut profile_kinds = HashSet::new();
    for record in &all {
        let event = decoded(&decoder, record);
        *kinds.entry(record.kind).or_default() += 1;
        *leads.entry(&record.key).or_default() += 1;
        let copies = ids.entry(event.event_id.to_string()).or_default();
        *copies += 1;
        late += usize::from(*copies == 1 && record.appended_at_ms - event.occurred_at_ms > 600_000);
        machines += usize::from(event.machine);
        match event.body {
            Body::Mail(mail) => clicks += usize::from(mail.kind == MailKind::Clicked && event.machine),
            Body::Profile(profile) => {
                profile_kinds.insert(profile.kind);
                companies.extend(profile.attributes.get("company").cloned().flatten().map(|name| name.into_owned()));
            }
            _ => {}
        }
    }
    assert_eq!(kinds.len(), InputKind::ALL.len());
    assert!(kinds.values().all(|&count| count > 200), "{kinds:?}");
    let busiest = leads.values().max().copied().unwrap_or_default();
    assert!(busiest > 2_000, "the first lead has a share like Zipf's: {busiest}");
    let repeated = ids.values().filter(|&&copies| copies > 1).count();
    assert!((200..900).contains(&repeated), "{repeated}");
    assert!(ids.values().any(|&copies| copies > 5), "some come very often");
    assert!((400..1600).contains(&late), "{late}");
    assert!(machines > 500 && clicks > 100, "{machines} {clicks}");
    assert!(companies.len() > 50 && companies.iter().any(|name| name.starts_with("株式会社")));
    for kind in [ProfileKind::IdentityLinked, ProfileKind::ConsentGranted, ProfileKind::ConsentRevoked] {
        assert!(profile_kinds.contains(&kind), "{kind:?}");
    }
}
