//! What an operator decides: read from file, environment and arguments, checked once, all mistakes told at once.
//!
//! A `Config` holds nothing that its keys do not allow, so nobody behind it checks again. Whether files, topics and
//! brokers are as they should be is not its business: the commands `check` and `run` see to that.

mod build;
mod effective;
pub mod keys;
mod kind;
mod layers;
mod mistake;
mod print;
mod secret;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use kind::size_bytes;
pub use mistake::{Mistake, Mistakes, Origin};
pub use secret::Properties;

use crate::io::telemetry::LogFormat;
use crate::scoring::event::InputKind;
use crate::wire::decode::Format;
use effective::Effective;

/// Everything that can be configured; each field is documented by its key in `keys`.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub app: App,
    pub kafka: Kafka,
    pub state: State,
    pub model_file: PathBuf,
    pub schemas_dir: Option<PathBuf>,
    pub topics: Topics,
    pub create: Create,
    pub commit: Commit,
    pub limits: Limits,
    pub http: Http,
    pub log: Log,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub id: String,
    pub instance: String,
    pub workers: NonZeroUsize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    pub bootstrap_servers: String,
    pub static_membership: bool,
    pub session_timeout: Duration,
    pub poll_interval_max: Duration,
    pub transaction_timeout: Duration,
    pub request_timeout: Duration,
    pub properties: Properties,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub dir: PathBuf,
    pub memory_bytes_max: usize,
    pub persist_interval: Duration,
    pub persist_bytes_max: usize,
    pub restore_bytes_max: usize,
}

/// Names with their prefix; inputs in alphabetical order, without the intake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    pub inputs: Vec<Input>,
    pub ready: Output,
    pub score: Output,
    pub intake: String,
    pub state: String,
    pub dead_letter: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub name: String,
    pub kind: InputKind,
    pub format: Format,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub name: String,
    pub format: Format,
    /// There where the format is `AvroConfluent`.
    pub schema_id: Option<u32>,
    /// Kafka's `cleanup.policy`.
    pub cleanup: String,
}

/// How missing topics are created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    pub partitions: u32,
    pub replication: Option<u32>,
    pub retention: Duration,
    pub dead_letter_retention: Duration,
    pub tombstone_retention: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub interval: Duration,
    pub decision_interval: Duration,
    pub retry_max: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    pub record_bytes_max: usize,
    pub step_records_max: usize,
    pub step_bytes_max: usize,
    pub step_timers_max: usize,
    pub batch_leads_max: usize,
    pub batch_bytes_max: usize,
    /// In (0, 1].
    pub dead_letter_share_max: f64,
    pub dead_letter_records_min: u64,
    pub clock_skew_max: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    pub listen: SocketAddr,
    pub request_timeout: Duration,
    pub requests_max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub level: tracing::Level,
}

/// A configuration, and where each of its values comes from.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    effective: Effective,
}

impl Loaded {
    /// The configuration as a TOML text with the origin of each value; secrets are masked.
    pub fn print(&self) -> String {
        print::toml(&self.effective, &self.config)
    }
}

/// Where a configuration comes from: each layer overrides those before it.
#[derive(Debug, Default)]
pub struct Layers<'a> {
    pub file: Option<&'a Path>,
    /// Names and values; those that are no configuration are passed over.
    pub environment: Vec<(String, String)>,
    /// `key=value`
    pub arguments: &'a [String],
}

impl Layers<'_> {
    /// # Errors
    /// Every mistake in all of the layers.
    pub fn load(self) -> Result<Loaded, Mistakes> {
        let (loaded, mistakes) = self.read();
        if mistakes.0.is_empty() { Ok(loaded) } else { Err(mistakes) }
    }

    /// The configuration with defaults in place of what is wrong, and all that is wrong: for those who look for
    /// mistakes elsewhere as well, and for nothing else.
    pub fn read(self) -> (Loaded, Mistakes) {
        let (file, mut mistakes) = self.read_file();
        let (arguments, of_arguments) = layers::arguments(self.arguments);
        mistakes.extend(of_arguments);
        let topics = Effective::of(file.iter().chain(&arguments).cloned()).names("topics.");
        let environment = layers::environment(self.environment.into_iter(), &topics);
        let mut effective = Effective::of(file.into_iter().chain(environment).chain(arguments));
        let config = build::config(&mut effective);
        mistakes.append(&mut effective.mistakes);
        mistakes.sort_by(|a, b| a.origin.cmp(&b.origin));
        (Loaded { config, effective }, Mistakes(mistakes))
    }

    fn read_file(&self) -> (Vec<layers::Found>, Vec<Mistake>) {
        let Some(path) = self.file else { return (Vec::new(), Vec::new()) };
        match std::fs::read_to_string(path) {
            Ok(text) => layers::file(path, &text),
            Err(error) => {
                let origin = Origin::File { path: path.to_owned(), line: 1 };
                let problem = format!("cannot be read: {error}");
                (Vec::new(), vec![Mistake { origin, key: String::new(), found: None, problem, nearest: None }])
            }
        }
    }
}

#[cfg(test)]
mod tests;
