//! The command line: one file for each command. Nothing is decided here but what to call.
//!
//! Exit status: 0 all is well, 1 problems were found or met, 2 the arguments are wrong. What a command is asked for
//! goes to standard output, everything else to standard error.

mod audit;
mod check;
mod demo;
mod generate;
pub mod inspect;
mod last_words;
mod model;
mod model_file;
mod replay;
mod run;
mod score;
mod settings;
mod topics;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use settings::ConfigArgs;

/// Why a command ends with status 1.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Everything was told already.
    #[error("problems were found")]
    Told,
    #[error("{0}")]
    Message(String),
}

impl Failure {
    pub fn message(error: impl std::fmt::Display) -> Failure {
        Failure::Message(error.to_string())
    }
}

/// Follow up leads: engagement events in, "ready for outreach" out, exactly once.
#[derive(Debug, Parser)]
#[command(name = "tsuikyaku", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Try it without any Kafka:
  tsuikyaku demo
Then on your own:
  tsuikyaku check --config tsuikyaku.toml --online
  tsuikyaku topics --config tsuikyaku.toml --apply
  tsuikyaku run --config tsuikyaku.toml";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Run(run::Args),
    Topics(topics::Args),
    Check(check::Args),
    Audit(audit::Args),
    Inspect(inspect::Args),
    Score(score::Args),
    Replay(replay::Args),
    Model(model::Args),
    Generate(generate::Args),
}

/// Parses the arguments, runs the command, tells what went wrong.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Topics(args) => topics::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Score(args) => score::run(&args).map_err(Failure::message),
        Command::Model(args) => model::run(&args),
        Command::Generate(args) => generate::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Failure::Message(message) = failure {
                eprintln!("tsuikyaku: {message}");
            }
            ExitCode::FAILURE
        }
    }
}
