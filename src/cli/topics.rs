//! `topics`: what the application needs of the cluster, compared with what is there, and created.

use super::{ConfigArgs, Failure};
use crate::app::{parts, plan};
use crate::io::kafka::admin::Admin;

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
        compared = plan::compare(&admin, &config).map_err(Failure::message)?;
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
