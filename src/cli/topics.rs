//! `topics`: what the application needs of the cluster, compared with what is there, and created.

use std::time::{Duration, Instant};

use super::{ConfigArgs, Failure};
use crate::app::parts;
use crate::app::plan::{self, Compared};
use crate::config::Config;
use crate::io::kafka::admin::Admin;

/// By then every broker knows of a topic that was created.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Compare the cluster's topics with those that the application needs; --apply creates missing ones
///
/// Nothing that exists is ever changed or deleted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsuikyaku topics --config tsuikyaku.toml
  tsuikyaku topics --config tsuikyaku.toml --apply --set create.partitions=12 --set create.replication=3")]
pub struct Args {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Create what is missing
    #[arg(long)]
    pub apply: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let config = args.config.load()?.config;
    let admin = Admin::new(&parts::kafka_settings(&config)).map_err(Failure::message)?;
    let mut compared = plan::compare(&admin, &config).map_err(Failure::message)?;
    let mut failed = false;
    if args.apply && !compared.missing().is_empty() {
        for (topic, outcome) in admin.create(&compared.missing()).map_err(Failure::message)? {
            match outcome {
                Ok(()) => println!("{topic}: created"),
                Err(reason) => {
                    failed = true;
                    println!("{topic}: not created: {reason}");
                }
            }
        }
        compared = compare_when_known(&admin, &config, failed)?;
    }
    compared.problems().chain(compared.notes()).for_each(|line| println!("{line}"));
    match compared.problems().count() {
        0 if !failed => {
            println!("all {} topics are as they should be", compared.plans.len());
            Ok(())
        }
        _ if args.apply || compared.missing().is_empty() => Err(Failure::Told),
        _ => Err(Failure::message("--apply creates missing topics")),
    }
}

/// A broker may learn of a topic that was just created a moment later: asks until none is missing, or for long enough.
fn compare_when_known(admin: &Admin, config: &Config, some_failed: bool) -> Result<Compared, Failure> {
    let until = Instant::now() + KNOWN_WITHIN;
    loop {
        let compared = plan::compare(admin, config).map_err(Failure::message)?;
        if compared.missing().is_empty() || some_failed || Instant::now() > until {
            return Ok(compared);
        }
        std::thread::sleep(ASK_EVERY);
    }
}
