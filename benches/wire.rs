//! What reading an event and writing a decision cost, by format.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tsuikyaku::scoring::decision::{
    Basis, ContactCount, Content, Contribution, Decision, DecisionId, DecisionType, Permission, Score, Window,
};
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::scoring::headline::Headline;
use tsuikyaku::scoring::lanes::Lane;
use tsuikyaku::scoring::model::Channel;
use tsuikyaku::scoring::stage::Stage;
use tsuikyaku::traffic::{Generated, Settings, Traffic};
use tsuikyaku::wire::decode::{Decoder, Format, SchemaSet, schema_text};
use tsuikyaku::wire::limits::RECORD_BYTES_MAX;
use tsuikyaku::wire::output::{OutputFormat, encode};

const RECORDS: usize = 10_000;

fn traffic(format: OutputFormat) -> Vec<Generated> {
    let settings = Settings { formats: [format; 7], ..Settings::new(1, 10_000, 1_775_000_000_000) };
    Traffic::new(&settings).take(RECORDS).collect()
}

/// Every kind has the same id, so only the kind that has it decodes: here web, the most frequent one.
fn decoder() -> Decoder {
    let mut schemas = SchemaSet::default();
    schemas.add(Some(1), schema_text(InputKind::Web)).expect("our own schema");
    Decoder::new(schemas, RECORD_BYTES_MAX)
}

fn decode(criterion: &mut Criterion) {
    let decoder = decoder();
    let mut group = criterion.benchmark_group("decode");
    for (format, output) in [
        (Format::Avro, OutputFormat::Avro),
        (Format::AvroConfluent, OutputFormat::AvroConfluent { schema_id: 1 }),
        (Format::Json, OutputFormat::Json),
    ] {
        for (name, only_web) in [("web", true), ("traffic", false)] {
            if format == Format::AvroConfluent && !only_web {
                continue;
            }
            let records: Vec<_> =
                traffic(output).into_iter().filter(|record| !only_web || record.kind == InputKind::Web).collect();
            group.throughput(Throughput::Elements(records.len() as u64));
            group.bench_function(BenchmarkId::new(format.as_str(), name), |bencher| {
                bencher.iter(|| {
                    for record in &records {
                        let event = decoder.decode(format, record.kind, Some(&record.value));
                        black_box(event).expect("generated records decode");
                    }
                });
            });
        }
    }
    group.finish();
}

fn generate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("traffic");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("generate", |bencher| bencher.iter(|| black_box(traffic(OutputFormat::Avro))));
    group.finish();
}

fn write_ready(criterion: &mut Criterion) {
    let decision = decision();
    let mut group = criterion.benchmark_group("encode_ready");
    for (name, format) in [("avro", OutputFormat::Avro), ("json", OutputFormat::Json)] {
        let mut bytes = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                bytes.clear();
                encode(black_box(&decision), format, &mut bytes);
                black_box(bytes.len())
            });
        });
    }
    group.finish();
}

fn decision() -> Decision {
    let channel = Channel::Person;
    Decision {
        decision_id: DecisionId::of("lead-000001", 1, Lane::Instant),
        decision_type: DecisionType::Ready,
        lead_id: "lead-000001".into(),
        account_id: Some("account-00001".into()),
        lane: Lane::Instant,
        reason: None,
        as_of_ms: 1_775_000_000_000,
        due_at_ms: 1_775_000_300_000,
        expires_at_ms: 1_775_259_200_000,
        model_name: "b2b-saas".into(),
        model_version: "1".into(),
        score: Score {
            readiness: 52.25,
            engagement: 40.5,
            exposure: 6.75,
            pressure: 1.5,
            familiarity: 0.875,
            affinity: 0.8125,
            fit: 75,
            grade: "A2".into(),
            stage: Stage::Repeat,
            top_topic: Some("crm".into()),
        },
        readiness_before: 31.25,
        contributions: ["web.inquiry", "web.key_page", "mail.click", "familiarity", "pressure"]
            .map(|label| Contribution { label: label.into(), points: 10.45 })
            .into(),
        contacts: Channel::ALL
            .map(|channel| ContactCount { channel, contact_days_90: 4, outbound_7: 1, outbound_30: 2 })
            .into(),
        recommended_channel: channel,
        window: Some(Window { start_ms: 1_775_000_000_000, end_ms: 1_775_003_600_000 }),
        content: Some(Content::Kind("answer")),
        consent: Some(Permission { basis: Basis::Reply, channel }),
        owner_id: Some("owner-01".into()),
        owner_role: Some("inside_sales".into()),
        trigger_event_id: Some("e-1".into()),
        headline: Headline {
            en: "Call now: an inquiry came in.".into(), ja: "問い合わせがありました。".into()
        },
    }
}

criterion_group!(benches, decode, generate, write_ready);
criterion_main!(benches);
