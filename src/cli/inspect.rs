//! `inspect`: what a state directory holds, also of a running processor.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Failure, model_file};
use crate::io::store::{ModelMark, StoreReader};
use crate::runtime::batch::Partition;
use crate::runtime::ports::PartitionMeta;
use crate::scoring::model::Model;
use crate::wire::manifest::Manifest;
use crate::wire::{keys, state, view};

/// Print the leads of a state directory, one JSON object a line
///
/// Reads beside a running processor without disturbing it, and shows what that has persisted: a few seconds behind
/// what it has committed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsuikyaku inspect --state-dir state
  tsuikyaku inspect --state-dir state --lead lead-000042
  tsuikyaku inspect --state-dir state --position")]
pub struct Args {
    /// The state directory (state.dir of the configuration)
    #[arg(long, value_name = "DIR")]
    pub state_dir: PathBuf,
    /// Only this lead
    #[arg(long, value_name = "ID")]
    pub lead: Option<String>,
    /// Read the leads at this moment, ms since the epoch; default: the clock of their partition
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    pub at: Option<i64>,
    /// Print the changelog position, clock and input positions and model of each partition instead of the leads
    #[arg(long, conflicts_with_all = ["lead", "at"])]
    pub position: bool,
    /// Scoring model; default: the built-in one
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let reader = StoreReader::open(&args.state_dir).map_err(Failure::message)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = inspect(args, &reader, &mut out).and_then(|()| Ok(out.flush()?));
    match printed {
        // Whoever reads has seen enough.
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(Stop::Output(error)) => Err(Failure::Message(format!("standard output: {error}"))),
        Err(Stop::Failed(failure)) => Err(failure),
        Ok(()) => Ok(()),
    }
}

enum Stop {
    Output(io::Error),
    Failed(Failure),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Output(error)
    }
}

fn failed(error: impl std::fmt::Display) -> Stop {
    Stop::Failed(Failure::message(error))
}

fn inspect(args: &Args, reader: &StoreReader, out: &mut impl Write) -> Result<(), Stop> {
    if args.position {
        return positions(reader, out);
    }
    let model = model_file::load(args.model.as_deref()).map_err(Stop::Failed)?;
    if let Some(known) = reader.model().filter(|known| known.hash != model.hash_hex()) {
        eprintln!(
            "tsuikyaku: these leads were decided with model {} {}, and are read with {} {}: --model names its file",
            known.name, known.version, model.name, model.version
        );
    }
    match &args.lead {
        Some(lead_id) => one_lead(args, reader, &model, lead_id, out),
        None => all_leads(args, reader, &model, out),
    }
}

/// One object for each partition that has state.
fn positions(reader: &StoreReader, out: &mut impl Write) -> Result<(), Stop> {
    for partition in reader.partitions() {
        let Some(meta) = reader.meta(partition).map_err(failed)? else { continue };
        writeln!(out, "{}", position(partition, &meta, reader.model())?)?;
    }
    Ok(())
}

fn position(partition: Partition, meta: &PartitionMeta, model: Option<&ModelMark>) -> Result<Value, Stop> {
    let manifest = manifest(partition, meta)?.unwrap_or_default();
    let inputs = manifest
        .positions
        .iter()
        .map(|input| json!({"topic": input.topic, "partition": input.partition.0, "next_offset": input.next_offset}));
    Ok(json!({
        "partition": partition.0,
        "changelog_next_offset": meta.changelog_next_offset,
        "clock": (!meta.manifest.is_empty()).then_some(manifest.clock_ms),
        "committed_at": meta.committed_at_ms,
        "inputs": inputs.collect::<Vec<_>>(),
        "model": model.map(|model| json!({"name": model.name, "version": model.version, "hash": model.hash})),
    }))
}

fn manifest(partition: Partition, meta: &PartitionMeta) -> Result<Option<Manifest>, Stop> {
    if meta.manifest.is_empty() {
        return Ok(None);
    }
    let decoded = Manifest::decode(&meta.manifest);
    decoded.map(Some).map_err(|error| failed(format!("partition {}: {error}", partition.0)))
}

/// When to read the leads of a partition.
fn moment_ms(args: &Args, reader: &StoreReader, partition: Partition) -> Result<i64, Stop> {
    if let Some(at_ms) = args.at {
        return Ok(at_ms);
    }
    let Some(meta) = reader.meta(partition).map_err(failed)? else { return Ok(0) };
    Ok(manifest(partition, &meta)?.map_or(meta.committed_at_ms, |manifest| manifest.clock_ms))
}

fn one_lead(args: &Args, reader: &StoreReader, model: &Model, lead_id: &str, out: &mut impl Write) -> Result<(), Stop> {
    let partition = keys::home(lead_id, reader.identity().partition_count);
    let Some(bytes) = reader.get(partition, lead_id).map_err(failed)? else {
        let dir = args.state_dir.display();
        return Err(failed(format!("lead \"{lead_id}\" is not in {dir} (its home is partition {})", partition.0)));
    };
    let at_ms = moment_ms(args, reader, partition)?;
    print_lead(model, lead_id, &bytes, at_ms, out)
}

fn all_leads(args: &Args, reader: &StoreReader, model: &Model, out: &mut impl Write) -> Result<(), Stop> {
    for partition in reader.partitions() {
        let at_ms = moment_ms(args, reader, partition)?;
        let mut printed = Ok(());
        let scanned = reader.scan(partition, &mut |lead_id, bytes| {
            printed = print_lead(model, lead_id, bytes, at_ms, out);
            printed.is_ok()
        });
        scanned.map_err(failed)?;
        printed?;
    }
    Ok(())
}

fn print_lead(model: &Model, lead_id: &str, bytes: &[u8], at_ms: i64, out: &mut impl Write) -> Result<(), Stop> {
    let lead = state::decode(bytes).map_err(|error| failed(format!("lead \"{lead_id}\": {error}")))?;
    Ok(writeln!(out, "{}", view::json(&lead.view(model, lead_id, at_ms)))?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::io::store::{Identity, RocksStore};
    use crate::runtime::ports::{LeadWrite, Store};
    use crate::scoring::lead::Lead;
    use crate::wire::manifest::InputPosition;

    const CLOCK_MS: i64 = 1_775_000_000_000;
    const LEADS: [&str; 3] = ["lead-1", "lead-2", "lead-3"];

    /// A store with some leads that have nothing to tell, at their homes.
    fn store(dir: &std::path::Path) -> RocksStore {
        let identity = Identity { application: "app".into(), cluster: "c".into(), partition_count: 2 };
        let store = RocksStore::open(dir, &identity, 16 << 20).unwrap();
        let mut value = Vec::new();
        state::encode(&Lead::default(), &mut value);
        for partition in [Partition(0), Partition(1)] {
            let position = InputPosition { topic: "app.intake".into(), partition, next_offset: 4 };
            let mut manifest = Vec::new();
            Manifest { clock_ms: CLOCK_MS, positions: vec![position], steps: vec![], timer_count: 0 }
                .encode(&mut manifest);
            let meta = PartitionMeta { changelog_next_offset: 9, manifest, committed_at_ms: 5 };
            let at_home = LEADS.iter().filter(|lead_id| keys::home(lead_id, 2) == partition);
            let write =
                |lead_id| LeadWrite { lead_id, value: Some(&value), timer_before_ms: None, timer_after_ms: None };
            let writes: Vec<_> = at_home.map(|lead_id| write(*lead_id)).collect();
            store.write(partition, &writes, &meta).unwrap();
        }
        store
    }

    fn printed(dir: &std::path::Path, change: impl FnOnce(&mut Args)) -> Result<Vec<Value>, String> {
        let mut args = Args { state_dir: dir.to_owned(), lead: None, at: None, position: false, model: None };
        change(&mut args);
        let reader = StoreReader::open(dir).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        match inspect(&args, &reader, &mut out) {
            Err(Stop::Failed(failure)) => Err(failure.to_string()),
            Err(Stop::Output(error)) => Err(error.to_string()),
            Ok(()) => Ok(out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(parse).collect()),
        }
    }

    fn parse(line: &[u8]) -> Value {
        serde_json::from_slice(line).unwrap()
    }

    #[test]
    fn prints_every_lead_at_its_partitions_clock() {
        let dir = tempfile::tempdir().unwrap();
        let _running = store(dir.path());
        let lines = printed(dir.path(), |_| ()).unwrap();
        let mut ids: Vec<_> = lines.iter().map(|line| line["lead_id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        assert_eq!(ids, LEADS);
        assert!(lines.iter().all(|line| line["as_of"] == CLOCK_MS && line["episode"]["state"] == "idle"), "{lines:?}");
        assert_eq!(lines[0]["score"]["readiness"], 0.0);
    }

    #[test]
    fn prints_one_lead_at_another_moment() {
        let dir = tempfile::tempdir().unwrap();
        drop(store(dir.path()));
        let lines = printed(dir.path(), |args| (args.lead, args.at) = (Some("lead-2".into()), Some(7))).unwrap();
        assert_eq!((lines.len(), &lines[0]["lead_id"], &lines[0]["as_of"]), (1, &json!("lead-2"), &json!(7)));
    }

    #[test]
    fn prints_positions() {
        let dir = tempfile::tempdir().unwrap();
        let _running = store(dir.path());
        let mark = ModelMark { name: "m".into(), version: "2".into(), hash: "f0".into() };
        mark.remember(dir.path()).unwrap();
        let lines = printed(dir.path(), |args| args.position = true).unwrap();
        assert_eq!(lines[0]["model"], json!({"name": "m", "version": "2", "hash": "f0"}));
        fs::remove_file(dir.path().join("models.toml")).unwrap();
        let lines = printed(dir.path(), |args| args.position = true).unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[1],
            json!({"partition": 1, "changelog_next_offset": 9, "clock": CLOCK_MS, "committed_at": 5,
                "inputs": [{"topic": "app.intake", "partition": 1, "next_offset": 4}], "model": null})
        );
    }

    #[test]
    fn mistakes_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let none = dir.path().join("none");
        assert!(printed(&none, |_| ()).unwrap_err().contains("no such directory"));
        assert!(printed(dir.path(), |_| ()).unwrap_err().contains("not a state directory"));
        drop(store(dir.path()));
        let unknown = printed(dir.path(), |args| args.lead = Some("nobody".into())).unwrap_err();
        assert!(unknown.contains("\"nobody\""), "{unknown}");
        assert!(printed(dir.path(), |args| args.model = Some(none.clone())).unwrap_err().contains("--model"));
    }
}
