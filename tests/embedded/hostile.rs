//! A hundred thousand hostile records through the real worker: each has one fate, and it is written down which.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::PATIENCE;
use crate::rig::{Rig, Run};
use tsuikyaku::runtime::batch::{InputId, Partition};
use tsuikyaku::runtime::ports::OutTopic;
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::traffic::{Generated, Settings, Traffic};
use tsuikyaku::wire::decode::Format;
use tsuikyaku::wire::headers::{CAUSE, FORMAT, HOPS, KIND, OFFSET, PARTITION, TOPIC};
use tsuikyaku::wire::keys;
use tsuikyaku::wire::output::OutputFormat;

const RECORDS: usize = 100_000;
const SEED: u64 = 20_261_123;
const PARTITIONS: u32 = 3;
const LEADS: u64 = 2_000;
/// What the whole test holds at its peak, log and all, MiB; twice of what it took when this was written.
const RESIDENT_MIB_MAX: u64 = 1_024;
/// Tells the process that the test runs in by itself, so that its memory can be measured.
const ALONE: &str = "TSUIKYAKU_HOSTILE_ALONE";

/// Topics of both formats.
pub fn format(kind: InputKind) -> Format {
    match kind {
        InputKind::Web | InputKind::Contact | InputKind::Profile => Format::Json,
        _ => Format::Avro,
    }
}

#[test]
fn each_of_a_hundred_thousand_hostile_records_has_one_fate() {
    if std::env::var_os(ALONE).is_none() {
        let name = "hostile::each_of_a_hundred_thousand_hostile_records_has_one_fate";
        let alone = std::process::Command::new(std::env::current_exe().expect("a test is a file"))
            .args([name, "--exact", "--nocapture"])
            .env(ALONE, "1")
            .status();
        assert!(alone.expect("it starts").success(), "see above");
        return;
    }
    let mut rig = Rig::with_formats(PARTITIONS, 8 << 20, format);
    rig.dead_letter_share_max = 1.0;
    rig.step_records_max = 2_000;
    rig.records_per_day = 20_000.0;
    let mut hostile = Hostile::new(&rig);
    let mut appended = BTreeMap::new();
    let mut run = Run::start(&rig, 2);
    for _ in 0..RECORDS {
        *appended.entry(hostile.append()).or_insert(0) += 1;
    }
    run.finish(PATIENCE);
    check_fates(&rig, &appended);
    let resident_mib = resident_mib_max();
    println!("hostile: {resident_mib} MiB at most");
    assert!(resident_mib <= RESIDENT_MIB_MAX, "{resident_mib} MiB");
}

/// `appended` is how many records went to each input.
fn check_fates(rig: &Rig, appended: &BTreeMap<InputId, u64>) {
    let report = rig.audit();
    println!("hostile: {:?}", report.records);
    let intake: usize = (0..PARTITIONS).map(|p| rig.entries(OutTopic::Intake, Partition(p)).len()).sum();
    let own: u64 = appended.iter().filter(|(input, _)| **input != InputId::INTAKE).map(|(_, count)| count).sum();
    assert_eq!(appended.values().sum::<u64>(), RECORDS as u64);
    assert_eq!(report.record_count(), own + intake as u64, "every record has one fate, by the auditor");
    for outcome in ["applied", "machine", "duplicate", "erased", "forwarded", "dead_letter"] {
        assert!(report.of(outcome) > 100, "{outcome}: {} show little", report.of(outcome));
    }
    for (input, topic) in rig.topology().inputs().filter(|(input, _)| *input != InputId::INTAKE) {
        let counted = rig.sum("tsuikyaku_input_records_total", &format!("topic=\"{}\"", topic.topic));
        assert_eq!(counted, appended[&input], "{}: every record is counted once", topic.topic);
    }
    check_dead_letters(rig, report.of("dead_letter"));
}

/// Each stands there once, with its cause, and the counters agree.
fn check_dead_letters(rig: &Rig, expected: u64) {
    let mut origins = BTreeSet::new();
    let mut causes: BTreeMap<String, u64> = BTreeMap::new();
    for entry in (0..PARTITIONS).flat_map(|p| rig.entries(OutTopic::DeadLetter, Partition(p))) {
        let header = |name: &str| {
            let (_, value) = entry.headers.iter().rfind(|(found, _)| &**found == name).expect("an envelope");
            String::from_utf8(value.to_vec()).expect("ours are text")
        };
        // One that was forwarded or sent between leads is named by its origin, and may be there for each lead it met.
        origins.insert((header(TOPIC), header(PARTITION), header(OFFSET), header(CAUSE)));
        *causes.entry(header(CAUSE)).or_default() += 1;
    }
    println!("hostile: dead letters {causes:?}");
    assert_eq!(causes.values().sum::<u64>(), expected, "dead letters are there once");
    assert_eq!(origins.len() as u64, expected, "no record died twice");
    for (cause, count) in &causes {
        let counted = rig.counter(&format!("tsuikyaku_dead_letters_total{{cause=\"{cause}\"}}"));
        assert_eq!(counted, *count, "{cause}");
    }
    for cause in
        ["undecodable", "unknown_kind", "lead_id_missing", "text_too_long", "record_too_long", "from_the_future"]
    {
        assert!(causes.contains_key(cause), "no {cause}: hostile records show less than they could");
    }
}

/// Peak of this process so far.
fn resident_mib_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Valid records of simulated leads, most of them spoilt.
struct Hostile<'r> {
    rig: &'r Rig,
    traffic: Traffic,
    rng: Xoshiro256PlusPlus,
    last: Generated,
    count: i64,
}

impl<'r> Hostile<'r> {
    fn new(rig: &'r Rig) -> Hostile<'r> {
        let written = |kind| match format(kind) {
            Format::Json => OutputFormat::Json,
            _ => OutputFormat::Avro,
        };
        let mut settings = Settings::new(SEED, LEADS, 1_775_000_000_000);
        settings.records_per_day = rig.records_per_day;
        settings.formats = InputKind::ALL.map(written);
        let mut traffic = Traffic::new(&settings);
        let last = traffic.next().expect("traffic has no end");
        Hostile { rig, traffic, rng: Xoshiro256PlusPlus::seed_from_u64(SEED), last, count: 0 }
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.rng.random_range(0..count) == 0
    }

    /// Appends the next record, and says to which input.
    fn append(&mut self) -> InputId {
        let record = self.traffic.next().expect("traffic has no end");
        self.rig.reach(record.appended_at_ms);
        let mut input = self.rig.input(record.kind);
        let mut partition = keys::home(&record.key, PARTITIONS);
        let mut key = Some(record.key.clone().into_bytes());
        let mut value = record.value.clone();
        let mut headers: Vec<(&str, Vec<u8>)> = Vec::new();
        let mut at_ms = record.appended_at_ms;
        match self.rng.random_range(0..16) {
            0..4 => {}
            4..8 => self.spoil(&mut value),
            8 => self.spoil_text(&mut value),
            9 => value.clone_from(&self.last.value),
            10 => self.splice(&mut value),
            11 => partition = Partition(self.rng.random_range(0..PARTITIONS)),
            12 => key = self.other_key(key),
            13 => at_ms = self.other_time(at_ms),
            14 => headers = self.forged_headers(record.kind),
            _ if self.one_in(3) => (input, value) = (self.rig.input(InputKind::Profile), erasure(&record)),
            _ => input = self.rig.input(InputKind::ALL[self.rng.random_range(0..7)]),
        }
        let absent = self.one_in(200);
        let pairs: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let value = (!absent).then_some(value.as_slice());
        self.rig.append_record(input, partition, key.as_deref(), value, &pairs, at_ms);
        self.last = record;
        self.count += 1;
        input
    }

    /// Bits, bytes and lengths.
    fn spoil(&mut self, value: &mut Vec<u8>) {
        for _ in 0..self.rng.random_range(1..4) {
            let at = self.rng.random_range(0..value.len().max(1)).min(value.len());
            match self.rng.random_range(0..6) {
                0 => value.truncate(at),
                1 => value.insert(at, self.rng.random()),
                2 if at < value.len() => drop(value.remove(at)),
                3 if at < value.len() => value[at] ^= 1 << self.rng.random_range(0..8),
                4 if at < value.len() => value[at] = [0, 0x7f, 0x80, 0xff][self.rng.random_range(0..4)],
                _ => {
                    let piece = value[at..].to_vec();
                    value.extend_from_slice(&piece);
                }
            }
        }
    }

    /// What a text says: numbers, names and lengths that nobody sends.
    fn spoil_text(&mut self, value: &mut Vec<u8>) {
        let Ok(text) = std::str::from_utf8(value) else { return self.spoil(value) };
        let long = "x".repeat(2_049);
        let deep = "[".repeat(5_000);
        let changes: [(&str, String); 10] = [
            ("\"lead_id\":\"", "\"lead_id\":\"\",\"x\":\"".into()),
            ("\"event_id\":\"", format!("\"event_id\":\"{}", &long[..129])),
            ("\"source\":\"", format!("\"source\":\"{long}")),
            ("\"occurred_at\":", "\"occurred_at\":9".into()),
            ("\"occurred_at\":", "\"occurred_at\":-0.5e1,\"x\":".into()),
            ("\"kind\":\"", "\"kind\":\"x".into()),
            ("\"machine\":false", "\"machine\":true".into()),
            ("{", format!("{{\"x\":{deep},")),
            ("\"lead_id\":\"", "\"linked_lead_id\":\"lead-000001\",\"lead_id\":\"".into()),
            ("}", format!(",\"x\":\"{}\"}}", "y".repeat(300_000))),
        ];
        // The last one makes a record of more bytes than are allowed: few are enough.
        let count = if self.one_in(20) { changes.len() } else { changes.len() - 1 };
        let (from, to) = &changes[self.rng.random_range(0..count)];
        *value = text.replacen(from, to, 1).into_bytes();
    }

    /// The beginning of one record and the end of another.
    fn splice(&mut self, value: &mut Vec<u8>) {
        let at = self.rng.random_range(0..=value.len());
        let from = self.rng.random_range(0..=self.last.value.len());
        value.truncate(at);
        value.extend_from_slice(&self.last.value[from..]);
    }

    fn other_key(&mut self, key: Option<Vec<u8>>) -> Option<Vec<u8>> {
        match self.rng.random_range(0..4) {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(vec![0xff]), // a manifest's, in the changelog
            _ => key.map(|key| [key.as_slice(), b"\xff\x00"].concat()),
        }
    }

    fn other_time(&mut self, at_ms: i64) -> i64 {
        let times = [i64::MIN, -1, 0, 1, at_ms / 1_000, at_ms - 86_400_000, at_ms + 86_400_000, i64::MAX];
        times[self.rng.random_range(0..times.len())]
    }

    /// An envelope of ours on a record that is none.
    fn forged_headers(&mut self, kind: InputKind) -> Vec<(&'static str, Vec<u8>)> {
        let kinds = [kind.as_str(), "message", "", "web"];
        let kind = kinds[self.rng.random_range(0..kinds.len())];
        let offset = if self.one_in(4) { i64::MIN + self.count } else { self.count };
        let hops = if self.one_in(2) { 0 } else { self.rng.random_range(0..=255_u8) };
        let headers = [
            (TOPIC, "somewhere".to_owned()),
            (PARTITION, "0".to_owned()),
            (OFFSET, offset.to_string()),
            (KIND, kind.to_owned()),
            (FORMAT, if self.one_in(2) { "json" } else { "avro" }.to_owned()),
            (HOPS, hops.to_string()),
        ];
        let mut headers: Vec<_> = headers.map(|(name, value)| (name, value.into_bytes())).into();
        if self.one_in(4) {
            headers.remove(self.rng.random_range(0..headers.len()));
        }
        headers
    }
}

/// Somebody wants to be forgotten: what comes later and happened before is dropped.
fn erasure(record: &Generated) -> Vec<u8> {
    let at_ms = record.appended_at_ms;
    let json = serde_json::json!({"event_id": format!("erase-{at_ms}"), "lead_id": record.key, "occurred_at": at_ms,
        "source": "test", "machine": false, "kind": "erased"});
    json.to_string().into_bytes()
}
