//! The first inputs: valid records of every kind and format, states, files, paths, as the program itself writes them.
//!
//! They stand in the repository, beside every input that ever failed.

use std::collections::BTreeSet;
use std::path::Path;

use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::scoring::lead::Lead;
use tsuikyaku::scoring::message::{Link, Merged, Message};
use tsuikyaku::traffic::{Settings, Traffic};
use tsuikyaku::wire::avro::Header;
use tsuikyaku::wire::decode::{Decoder, Format};
use tsuikyaku::wire::keys::Partition;
use tsuikyaku::wire::manifest::{InputPosition, Manifest, ManifestStep};
use tsuikyaku::wire::output::{OutputFormat, encode};
use tsuikyaku::wire::{message, state};

use crate::corpus;
use crate::targets::{AsRecord, DEFAULT_MODEL, TARGETS, Target};

/// Words of a dictionary, bytes.
const WORD_BYTES: std::ops::RangeInclusive<usize> = 3..=32;
const WORDS_MAX: usize = 400;
const GOLDEN_STATE: &str = include_str!("../../golden/lead-state-v1.hex");

/// Names and bytes.
pub type Seeds = Vec<(String, Vec<u8>)>;

/// Those of one target.
pub fn of(target: &Target) -> Seeds {
    match target.name {
        "avro" => events(OutputFormat::Avro),
        "json" => events(OutputFormat::Json),
        "state" => states(),
        "message" => messages(),
        "manifest" => manifests(),
        "decision" => decisions(),
        "headers" => headers(),
        "model" => models(),
        "config" => configs(),
        "schema" => schemas(),
        "http" => paths(),
        name => unreachable!("{name} has no seeds"),
    }
}

/// Writes all of them; inputs that failed once stay as they are.
pub fn write(corpus: &Path) -> Result<(), String> {
    for target in &TARGETS {
        let directory = corpus.join(target.name);
        let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
        std::fs::create_dir_all(&directory).map_err(failed)?;
        for (name, bytes) in of(target) {
            std::fs::write(directory.join(name), bytes).map_err(failed)?;
        }
    }
    Ok(())
}

/// libFuzzer's dictionary: every word of the target's texts.
pub fn dictionary(target: &Target) -> String {
    let mut words = BTreeSet::new();
    let files = std::fs::read_dir(corpus().join(target.name)).into_iter().flatten().flatten();
    for text in files.filter_map(|file| std::fs::read(file.path()).ok()) {
        let letters = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_';
        let found = text.split(|byte| !letters(byte)).filter(|word| WORD_BYTES.contains(&word.len()));
        words.extend(found.map(|word| String::from_utf8_lossy(word).into_owned()));
    }
    words.into_iter().take(WORDS_MAX).map(|word| format!("\"{word}\"\n")).collect()
}

/// The first record of each kind of what simulated leads do, twice as many of the profile's.
fn events(format: OutputFormat) -> Seeds {
    let settings = Settings::new(7, 50, 1_775_000_000_000);
    let mut seeds = Seeds::new();
    for generated in Traffic::new(&settings).take(3_000) {
        let count = seeds.iter().filter(|(name, _)| name.starts_with(generated.kind.as_str())).count();
        if count >= 4 {
            continue;
        }
        let decoder = Decoder::default();
        let event =
            decoder.decode(Format::Avro, generated.kind, Some(&generated.value)).expect("simulated records are sound");
        let mut bytes = Vec::new();
        encode(&AsRecord(&event), format, &mut bytes);
        let datum = if format == OutputFormat::Json { &bytes[..] } else { &bytes[Header::LENGTH..] };
        let seed = [&[generated.kind as u8], datum].concat();
        if seeds.iter().all(|(_, other)| *other != seed) {
            seeds.push((format!("{}-{count}", generated.kind.as_str()), seed));
        }
    }
    assert!(InputKind::ALL.iter().all(|kind| seeds.iter().any(|(name, _)| name.starts_with(kind.as_str()))));
    seeds
}

fn golden_state() -> Vec<u8> {
    let digits = GOLDEN_STATE.trim();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("golden bytes are hex");
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn states() -> Seeds {
    let mut empty = Vec::new();
    state::encode(&Lead::default(), &mut empty);
    let behind = |way: u8, bytes: &[u8]| [&[way], &bytes[Header::LENGTH..]].concat();
    vec![
        ("golden".into(), behind(0, &golden_state())),
        ("golden-read".into(), behind(1, &golden_state())),
        ("empty".into(), behind(0, &empty)),
        ("whole".into(), [&[2], golden_state().as_slice()].concat()),
    ]
}

fn messages() -> Seeds {
    let aliases = ["anon:1", "anon:2"].map(Box::from).into_iter().collect();
    let link = Link { from: "anon:3".into(), to: "lead-1".into(), aliases, event_id: "e-1".into() };
    let lead = state::decode(&golden_state()).expect("golden bytes are read for ever");
    let merged =
        Merged { facts: lead.facts, sequence: lead.episode.sequence, sequence_mark_ms: Some(7), ..Merged::default() };
    let all = [
        ("ask", Message::LinkAsk(link.clone())),
        ("grant", Message::LinkGrant { link: link.clone(), by: "lead-2".into() }),
        ("merge", Message::Merge { link: link.clone(), merged: Box::new(merged) }),
        ("unlink", Message::Unlink { ids: link.aliases }),
        ("erase", Message::Erase { at_ms: 1_775_000_000_000 }),
    ];
    let seed = |(name, message): (&str, Message)| {
        let mut bytes = Vec::new();
        message::encode(&message, &mut bytes);
        (name.to_owned(), [&[0], &bytes[Header::LENGTH..]].concat())
    };
    all.into_iter().map(seed).collect()
}

fn manifests() -> Seeds {
    let position =
        |topic: &str, next_offset| InputPosition { topic: topic.into(), partition: Partition(3), next_offset };
    let manifest = Manifest {
        clock_ms: 1_775_000_000_123,
        positions: vec![position("engagement.web", 70_000), position("tsuikyaku.intake", 0)],
        steps: vec![ManifestStep { clock_ms: 1_775_000_000_100, next_offsets: vec![69_990, 0], timer_count: 2 }],
        timer_count: 1,
    };
    let seed = |manifest: &Manifest| {
        let mut bytes = Vec::new();
        manifest.encode(&mut bytes);
        [&[0], &bytes[Header::LENGTH..]].concat()
    };
    vec![("steps".into(), seed(&manifest)), ("empty".into(), seed(&Manifest::default()))]
}

/// A hot lead's decisions, from the model itself.
fn decisions() -> Seeds {
    use tsuikyaku::scoring::event::{Body, Event, FormPurpose, Web, WebKind};
    use tsuikyaku::scoring::lead::{At, Effects};
    use tsuikyaku::scoring::model::Model;
    let model = Model::parse(DEFAULT_MODEL, "default").expect("the default model is sound");
    let now_ms = 1_775_000_000_000;
    let event = Event {
        event_id: "e".into(),
        lead_id: "L1".into(),
        occurred_at_ms: now_ms,
        account_id: None,
        topic: None,
        machine: false,
        body: Body::Web(Web { kind: WebKind::FormSubmit, form_purpose: FormPurpose::Inquiry, ..Web::default() }),
    };
    let mut out = Effects::default();
    let at = At { clock_ms: now_ms, appended_at_ms: now_ms, hops: 0 };
    Lead::default().apply(&model, "L1", &event, at, &mut out);
    let decision = out.decisions.first().expect("an inquiry is answered");
    let seed = |way: u8, format, skipped: usize| {
        let mut bytes = Vec::new();
        encode(decision, format, &mut bytes);
        [&[way], &bytes[skipped..]].concat()
    };
    vec![
        ("avro".into(), seed(0, OutputFormat::Avro, Header::LENGTH)),
        ("whole".into(), seed(1, OutputFormat::Avro, 0)),
        ("framed".into(), seed(2, OutputFormat::AvroConfluent { schema_id: 7 }, 0)),
        ("json".into(), seed(3, OutputFormat::Json, 0)),
    ]
}

fn headers() -> Seeds {
    let list = |pairs: &[(u8, &str)]| -> Vec<u8> {
        let pair = |(name, value): &(u8, &str)| [&[*name, value.len() as u8], value.as_bytes()].concat();
        pairs.iter().flat_map(pair).collect()
    };
    let envelope = [(0, "engagement.web"), (1, "3"), (2, "77"), (3, "lead-1"), (4, "web"), (5, "avro"), (6, "2")];
    vec![
        ("event".into(), list(&envelope)),
        ("traced".into(), list(&[&[(11, "t-1")], &envelope[..]].concat())),
        ("message".into(), list(&[(4, "message"), (6, "1")])),
    ]
}

fn models() -> Seeds {
    let patches = [
        ("decay", "half_life_days = 7\nutc_offset = \"-05:00\""),
        ("zone", "time_zone = \"America/New_York\"\nholidays = [\"2027-01-01\"]"),
        ("topics", "[topics.more]\nhalf_life_days = 1"),
    ];
    let files = [("b2b-saas", DEFAULT_MODEL)];
    let patch = |(name, text): (&str, &str)| (name.to_owned(), [&[1], text.as_bytes()].concat());
    let whole =
        |(name, text): (&str, &str)| (name.to_owned(), [&[0], &text.as_bytes()[..text.len().min(4_096)]].concat());
    patches.into_iter().map(patch).chain(files.into_iter().map(whole)).collect()
}

fn configs() -> Seeds {
    let file = include_str!("../../../deploy/tsuikyaku.toml");
    let layered = "[app]\nid = \"a\"\nworkers = 2\n[topics.\"crm.calls\"]\nkind = \"contact\"\n\
                   ---\n!TSUIKYAKU_LOG__LEVEL=debug\nhttp.listen=127.0.0.1:1\nkafka.properties.sasl.password=x";
    vec![("file".into(), file.as_bytes().to_vec()), ("layered".into(), layered.as_bytes().to_vec())]
}

fn schemas() -> Seeds {
    let field = r#"{"name": "more", "type": ["null", {"type": "map", "values": {"type": "array", "items": "long"}}]}"#;
    let record =
        r#"{"name": "at", "type": {"type": "record", "name": "A", "fields": [{"name": "b", "type": "bytes"}]}}"#;
    let seed = |way: u8, text: &str| [&[way], text.as_bytes(), &[0, 2, 2, 2, 2]].concat();
    vec![
        ("field".into(), seed(1, field)),
        ("record".into(), seed(6, record)),
        ("whole".into(), seed(0, include_str!("../../../schemas/outcome.avsc"))),
    ]
}

fn paths() -> Seeds {
    let paths = [
        "metrics",
        "healthz",
        "readyz",
        "leads/L1",
        "leads/%E6%97%A5%2F1?x=1&y=%ff",
        "leads/",
        "",
        "%00/../leads/L1#a",
    ];
    (0..).zip(paths).map(|(number, path): (u32, _)| (format!("path-{number}"), path.as_bytes().to_vec())).collect()
}
