//! `audit`: whether every input of a real application had its effect exactly once, by its topics alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{ConfigArgs, Failure};
use crate::app::parts;
use crate::audit::log::Disk;
use crate::audit::{self, Error, Kept, Outputs, Report, Setup};
use crate::config::{Config, Output, size_bytes};
use crate::io::kafka::admin::Admin;
use crate::io::kafka::audit::KafkaLog;
use crate::io::store::{Identity, RocksStore, StoreReader};
use crate::runtime::batch::Partition;
use crate::runtime::ports::{Store, StoreError};
use crate::runtime::topology::Topology;

const MEMORY_BYTES_MIN: u64 = 64 << 20;

/// Check that every input had its effect exactly once
///
/// Reads all topics of the application from their beginning, takes the recorded steps again in one thread, and compares
/// everything that came out: decisions, snapshots, states, positions, forwards, dead letters. It writes nothing to the
/// cluster. Messages name leads and decisions, and nothing else of people unless --show-values is given.
///
/// Inputs and outputs must still be there from the first transaction on, and the changelog must not be compacted yet
/// (min.compaction.lag.ms of its topic); where that is not so, it says so and judges nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 no difference, 1 a difference or no verdict.
Examples:
  tsuikyaku audit --config tsuikyaku.toml
  tsuikyaku audit --config tsuikyaku.toml --running --state-dir state/a
  tsuikyaku audit --config tsuikyaku.toml --partition 3 --format json")]
pub struct Args {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Only this partition; may be given several times. What goes between partitions is judged only where all are
    #[arg(long, value_name = "N")]
    pub partition: Vec<u32>,
    /// Compare the leads of this state directory as well; may be given several times
    #[arg(long, value_name = "DIR")]
    pub state_dir: Vec<PathBuf>,
    /// The processor still runs: judge up to its last transaction, not up to the end of the inputs
    #[arg(long)]
    pub running: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Show the values of fields that differ: they may hold what is known of a person
    #[arg(long)]
    pub show_values: bool,
    /// Memory for leads and for what waits to be matched; beyond it, files
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = memory)]
    pub memory_max: u64,
    /// Where those files go; default: the system's directory for temporary files
    #[arg(long, value_name = "DIR")]
    pub scratch_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

fn memory(text: &str) -> Result<u64, String> {
    let bytes = size_bytes(text).ok_or("must be a size, as 512MiB")?;
    if bytes >= MEMORY_BYTES_MIN { Ok(bytes) } else { Err("must be 64MiB or more".into()) }
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let config = args.config.load()?.config;
    match judge(args, &config) {
        Ok(report) => {
            print_report(args.format, &report);
            Ok(())
        }
        Err(Stop::Audit(Error::Difference(difference))) => {
            match args.format {
                Format::Text => println!("DIFFERENCE: {difference}"),
                Format::Json => println!(
                    "{}",
                    json!({ "violations": 1, "partition": difference.partition, "check": difference.check.as_str(),
                        "difference": difference.text })
                ),
            }
            Err(Failure::Told)
        }
        Err(Stop::Audit(error)) => Err(Failure::message(error)),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

fn print_report(format: Format, report: &Report) {
    match format {
        Format::Text => print!("{report}"),
        Format::Json => println!("{}", report.json()),
    }
}

enum Stop {
    Audit(Error),
    Failed(Failure),
}

fn failed(error: impl std::fmt::Display) -> Stop {
    Stop::Failed(Failure::message(error))
}

fn judge(args: &Args, config: &Config) -> Result<Report, Stop> {
    let mistakes = |mistakes: Vec<String>| failed(mistakes.join("\n"));
    let model = parts::model(&config.model_file).map_err(mistakes)?;
    let decoder = parts::decoder(config).map_err(mistakes)?;
    let kafka = parts::kafka_settings(config);
    let admin = Admin::new(&kafka).map_err(failed)?;
    let identity = Identity {
        application: config.app.id.clone(),
        cluster: admin.cluster_id().map_err(failed)?,
        partition_count: admin.layout().map_err(failed)?.partitions(),
    };
    let topology = parts::topology(config, &admin.layout().map_err(failed)?);
    let scratch = Scratch::new(args.scratch_dir.as_deref()).map_err(failed)?;
    let spill = || scratch.store(&identity, args.memory_max);
    let setup = Setup {
        model: &model,
        topology: &topology,
        decoder: &decoder,
        formats: parts::formats(config),
        outputs: outputs(config),
        partitions: partitions(args, &topology)?,
        running: args.running,
        show_values: args.show_values,
        memory_bytes_max: usize::try_from(args.memory_max).unwrap_or(usize::MAX) * 3 / 4,
        spill: &spill,
        scratch: scratch.0.clone(),
    };
    // Disks first: what a running processor persists from now on is behind them.
    let disks = args.state_dir.iter().map(|dir| open(dir, &identity, &model)).collect::<Result<Vec<_>, _>>()?;
    let disks: Vec<&dyn Disk> = disks.iter().map(|disk| disk as &dyn Disk).collect();
    let mut log = KafkaLog::open(&kafka).map_err(failed)?;
    let bar = progress(&setup, &log).map_err(failed)?;
    let judged = audit::audit(&setup, &mut log, &disks, &mut |records| bar.set_position(records));
    bar.finish_and_clear();
    judged.map_err(Stop::Audit)
}

fn partitions(args: &Args, topology: &Topology) -> Result<Vec<Partition>, Stop> {
    let count = topology.partition_count();
    if let Some(wrong) = args.partition.iter().find(|number| **number >= count) {
        return Err(failed(format!("--partition {wrong}: there are {count} partitions, 0 to {}", count - 1)));
    }
    let is_asked = |number: &u32| args.partition.is_empty() || args.partition.contains(number);
    Ok((0..count).filter(is_asked).map(Partition).collect())
}

fn outputs(config: &Config) -> Outputs {
    let kept = |output: &Output| match output.cleanup.contains("compact") {
        true => Kept::NewestOfEachKey,
        false => Kept::Everything,
    };
    let topics = &config.topics;
    Outputs {
        ready: topics.ready.name.clone(),
        score: topics.score.name.clone(),
        state: topics.state.clone(),
        dead_letter: topics.dead_letter.clone(),
        ready_kept: kept(&topics.ready),
        score_kept: kept(&topics.score),
    }
}

/// A state directory of this application that was decided with this model.
fn open(dir: &Path, identity: &Identity, model: &crate::scoring::model::Model) -> Result<StoreReader, Stop> {
    let reader = StoreReader::open(dir).map_err(failed)?;
    if reader.identity() != identity {
        let (dir, found) = (dir.display(), reader.identity());
        return Err(failed(format!("--state-dir {dir} holds the state of {found}, not of {identity}")));
    }
    match reader.model().filter(|known| known.hash != model.hash_hex()) {
        Some(known) => Err(failed(format!(
            "--state-dir {} was decided with model {} {} (hash {}), model.file is {} {} (hash {}): audit with the former",
            dir.display(),
            known.name,
            known.version,
            known.hash,
            model.name,
            model.version,
            model.hash_hex()
        ))),
        None => Ok(reader),
    }
}

fn progress(setup: &Setup<'_>, log: &KafkaLog) -> Result<ProgressBar, crate::runtime::ports::SourceError> {
    let mut count = 0;
    for input in setup.topology.aligned() {
        for partition in &setup.partitions {
            count += log.offset_count(&setup.topology.input(input).topic, partition.0)?;
        }
    }
    let bar = ProgressBar::new(count);
    let template = "{bar:40} {human_pos} of about {human_len} records  {per_sec}  {eta} left";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    Ok(bar)
}

/// A directory for what memory does not hold; goes away with the audit.
struct Scratch(PathBuf);

impl Scratch {
    fn new(within: Option<&Path>) -> std::io::Result<Scratch> {
        let within = within.map_or_else(std::env::temp_dir, Path::to_owned);
        let nanos = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
        let path = within.join(format!("tsuikyaku-audit-{}-{nanos}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }

    fn store(&self, identity: &Identity, memory_bytes_max: u64) -> Result<Arc<dyn Store>, StoreError> {
        let memory_bytes = usize::try_from(memory_bytes_max / 4).unwrap_or(usize::MAX);
        let nanos = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
        let store = RocksStore::open(&self.0.join(format!("leads-{nanos}")), identity, memory_bytes);
        Ok(Arc::new(store.map_err(|error| StoreError::Io(error.to_string()))?))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0); // a leftover in the temporary directory hurts nobody
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_a_size_with_a_least_value() {
        assert_eq!(memory("1GiB"), Ok(1 << 30));
        for (text, words) in [("much", "as 512MiB"), ("1MiB", "64MiB or more")] {
            assert!(memory(text).unwrap_err().contains(words), "{text}");
        }
    }

    #[test]
    fn scratch_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(Some(dir.path())).unwrap();
        assert!(scratch.0.starts_with(dir.path()) && scratch.0.exists());
        drop(scratch);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(Scratch::new(Some(&file)).is_err());
    }
}
