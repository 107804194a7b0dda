//! `run`: the processor.

use super::{ConfigArgs, Failure, last_words};
use crate::app;
use crate::io::telemetry;

/// Run the processor: read events, keep scores, send decisions
///
/// Ends with status 0 within 10 seconds of SIGTERM or Ctrl-C: the open transaction is committed, state is on disk, the
/// group is left (or, with static membership, kept for a restart). Whatever else ends it, nothing is lost: the next
/// start goes on from what is committed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsuikyaku run --config tsuikyaku.toml
  TSUIKYAKU_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 tsuikyaku run -c tsuikyaku.toml --set app.workers=4")]
pub struct Args {
    #[command(flatten)]
    pub config: ConfigArgs,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let config = args.config.load()?.config;
    telemetry::start(config.log.format, config.log.level);
    last_words::prepare();
    app::run(&config).map_err(|error| {
        tracing::error!("{error}");
        Failure::Told
    })
}
