//! What operators write: model files, configurations, writers' schemas.
//!
//! Whatever they hold, it is an error with words or something to work with; what is in hand is said again as it was.

use std::path::PathBuf;
use std::sync::LazyLock;

use tsuikyaku::config::{Layers, Loaded};
use tsuikyaku::scoring::event::{Body, Event, FormPurpose, InputKind, Web, WebKind};
use tsuikyaku::scoring::lead::{At, Effects, Lead};
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::decode::{Decoder, Format, SchemaSet, schema_text};
use tsuikyaku::wire::limits::RECORD_BYTES_MAX;
use tsuikyaku::wire::view;

use super::choice;
use crate::memory::Bound;

pub const DEFAULT_MODEL: &str = include_str!("../../../../deploy/models/b2b-saas.toml");

/// A tree of values with its places, by a library; a list of sections; messages.
const MODEL: Bound = Bound { fixed: 2 << 20, per_byte: 2_048 };
const CONFIG: Bound = Bound { fixed: 2 << 20, per_byte: 2_048 };
/// A schema's types unfold to at most ten thousand.
const SCHEMA: Bound = Bound { fixed: 4 << 20, per_byte: 4_096 };
const NOW_MS: i64 = 1_775_000_000_000;

/// The input is appended to a sound model, or stands in place of its last bytes, or is the whole file.
pub fn model(input: &[u8]) {
    let Some((way, rest)) = choice(input, 2) else { return };
    let rest = String::from_utf8_lossy(rest);
    let text = if way == 0 { rest.into_owned() } else { patched(DEFAULT_MODEL, &rest) };
    match MODEL.hold(text.len(), || Model::parse(&text, "m.toml")) {
        Ok(model) => decides(&model),
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a word");
            errors.iter().for_each(|error| drop(error.to_string()));
        }
    }
}

/// Lines `key = value` take the place of those of the same key in the text; others go to its end.
fn patched(text: &str, patch: &str) -> String {
    let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let mut lines: Vec<&str> = text.lines().collect();
    for line in patch.lines() {
        match lines.iter_mut().find(|found| !found.trim().is_empty() && key(found) == key(line)) {
            Some(found) => *found = line,
            None => lines.push(line),
        }
    }
    lines.join("\n")
}

/// A model that is sound scores and decides, whatever its numbers are.
fn decides(model: &Model) {
    let (mut lead, mut out) = (Lead::default(), Effects::default());
    for (number, days) in [0, 1, 400].into_iter().enumerate() {
        let now_ms = NOW_MS + days * 86_400_000;
        let event = Event {
            event_id: format!("e{number}").into(),
            lead_id: "L1".into(),
            occurred_at_ms: now_ms,
            account_id: Some("acme".into()),
            topic: Some("crm".into()),
            machine: false,
            body: Body::Web(Web { kind: WebKind::FormSubmit, form_purpose: FormPurpose::Inquiry, ..Web::default() }),
        };
        lead.fire(model, "L1", now_ms, &mut out);
        lead.apply(model, "L1", &event, At { clock_ms: now_ms, appended_at_ms: now_ms, hops: 0 }, &mut out);
        let view = lead.view(model, "L1", now_ms);
        assert!((0.0..=100.0).contains(&view.score.readiness), "readiness {}", view.score.readiness);
        view::json(&view);
    }
}

/// A file, and behind a line of dashes settings, of which those with a `!` are variables of the environment.
pub fn config(input: &[u8]) {
    // In memory where there is such a directory: a disk takes longer than all the rest.
    static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
        let memory = PathBuf::from("/dev/shm");
        let directory = if memory.is_dir() { memory } else { std::env::temp_dir() };
        directory.join(format!("tsuikyaku-fuzz-{}.toml", std::process::id()))
    });
    let text = String::from_utf8_lossy(input);
    let (file, settings) = text.split_once("\n---\n").unwrap_or((&text, ""));
    std::fs::write(&*FILE, file).expect("the directory for temporary files can be written");
    let (environment, arguments): (Vec<&str>, Vec<&str>) = settings.lines().partition(|line| line.starts_with('!'));
    let environment = environment.iter().filter_map(|line| line[1..].split_once('='));
    let environment: Vec<_> = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    let load = |environment, arguments| Layers { file: Some(&FILE), environment, arguments }.load();
    match CONFIG.hold(input.len(), || load(environment, &arguments)) {
        Ok(loaded) => is_printed_as_it_is(&loaded, |printed| {
            std::fs::write(&*FILE, printed).expect("as above");
            load(Vec::new(), &[])
        }),
        Err(mistakes) => assert!(!mistakes.to_string().is_empty(), "refused without a word"),
    }
}

fn is_printed_as_it_is(loaded: &Loaded, load: impl FnOnce(&str) -> Result<Loaded, tsuikyaku::config::Mistakes>) {
    let printed = loaded.print();
    let mut again = load(&printed).unwrap_or_else(|mistakes| panic!("{mistakes}\nin what was printed:\n{printed}"));
    again.config.kafka.properties = loaded.config.kafka.properties.clone(); // secrets are masked
    assert_eq!(again.config, loaded.config, "{printed}");
}

/// The schema of a writer, and behind a zero byte a datum of it. Schemas of the second kind are this version's with
/// some fields more.
pub fn schema(input: &[u8]) {
    let Some((way, rest)) = choice(input, 1 + InputKind::ALL.len()) else { return };
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let (text, datum) = (String::from_utf8_lossy(&rest[..end]), rest.get(end + 1..).unwrap_or_default());
    let (kind, text) = match way.checked_sub(1) {
        None => (InputKind::Web, text.into_owned()),
        Some(number) => {
            let kind = InputKind::ALL[number];
            (kind, schema_text(kind).replacen("\"fields\": [", &format!("\"fields\": [{text},"), 1))
        }
    };
    let mut schemas = SchemaSet::default();
    if SCHEMA.hold(text.len(), || schemas.add(Some(1), &text)).is_err() {
        return;
    }
    let decoder = Decoder::new(schemas, RECORD_BYTES_MAX);
    let framed = [&[0, 0, 0, 0, 1], datum].concat();
    let _ = SCHEMA.hold(framed.len(), || decoder.decode(Format::AvroConfluent, kind, Some(&framed)).is_ok());
}
