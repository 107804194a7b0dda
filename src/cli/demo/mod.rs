//! `demo`: the whole pipeline in one process, on the embedded log, with simulated leads.
//!
//! The very worker that `run` starts reads simulated traffic, keeps its state in RocksDB and writes decisions; they
//! are read back from the topic, as any consumer would, and shown as cards. Simulated time drives the clock, faster
//! than real time, and one worker takes the traffic tick by tick: the same seed gives the same decisions.

mod card;
mod display;
mod feed;
mod paint;
mod pipeline;
mod ready;
mod report;
mod screen;
mod simulation;
mod texts;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Failure, model_file};
use crate::io::telemetry::{self, LogFormat};
use card::Cards;
use display::Display;
use paint::Paint;
use pipeline::Pipeline;
use simulation::{Simulation, TICK};
use texts::Lang;

/// Run everything in one process, with simulated leads and without Kafka
///
/// Decisions appear on standard output as a sales person would read them. Ctrl-C ends it; starting it again goes on
/// from the state directory. The same --seed and --leads give the same decisions.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsuikyaku demo
  tsuikyaku demo --lang ja --speed 600
  tsuikyaku demo --seed 7 --leads 100000 --rate 2000 --duration 1m --fresh
Meanwhile:
  curl http://127.0.0.1:9464/metrics
  tsuikyaku inspect --state-dir state/demo")]
pub struct Args {
    /// What happens follows from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Number of simulated leads
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub leads: u64,
    /// Time lapse: simulated seconds in a second; default 3600, or what --rate makes of it
    #[arg(long, value_name = "FACTOR", value_parser = positive)]
    pub speed: Option<f64>,
    /// Events a second; default: what the leads do by themselves at that speed
    #[arg(long, value_name = "EVENTS", value_parser = positive)]
    pub rate: Option<f64>,
    /// End by itself after that time, as 90s, 5m or 1h; default: at Ctrl-C
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Where state and log are kept between runs
    #[arg(long, value_name = "DIR", default_value = "state/demo")]
    pub state_dir: PathBuf,
    /// Forget what an earlier demo left in the state directory
    #[arg(long)]
    pub fresh: bool,
    /// Language of the cards
    #[arg(long, value_enum, default_value_t)]
    pub lang: Lang,
    /// Where /metrics and /leads/ID are served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub listen: SocketAddr,
    /// Scoring model; default: the built-in one
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0 && *number <= 1e9);
    number.ok_or_else(|| "a number above 0, up to 1000000000".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let allowed = || "a time as 90s, 5m or 1h".to_owned();
    let (number, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_| allowed())?;
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(allowed()),
    };
    number.checked_mul(seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(allowed)
}

pub fn run(args: &Args) -> Result<(), Failure> {
    telemetry::start(LogFormat::Human, tracing::Level::WARN);
    let model = model_file::load(args.model.as_deref())?;
    let simulation = Simulation::new(args.seed, args.leads, args.speed, args.rate);
    if args.fresh {
        simulation::forget(&args.state_dir).map_err(Failure::Message)?;
    }
    let cards = Cards { lang: args.lang, paint: Paint::Plain, time_zone: model.time_zone.clone() };
    let pipeline = Pipeline::open(model, &simulation, &args.state_dir).map_err(in_words_of_the_demo)?;
    let display = Display::start(&pipeline, &simulation, args, cards);
    let ticks = args.duration.map(|duration| duration.as_millis().div_ceil(TICK.as_millis()) as u64);
    let ended = pipeline.run(args.listen, ticks, TICK).map_err(in_words_of_the_demo);
    display.end();
    ended
}

/// The demo has arguments where the processor has keys of a configuration.
fn in_words_of_the_demo(failure: Failure) -> Failure {
    let text = failure.to_string();
    Failure::Message(text.replace("state.dir", "--state-dir").replace("http.listen", "--listen"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_limits() {
        for (text, seconds) in [("90s", Some(90)), ("5m", Some(300)), ("1h", Some(3600)), ("7", Some(7))] {
            assert_eq!(duration(text).ok().map(|found| found.as_secs()), seconds, "{text}");
        }
        for wrong in ["", "s", "0s", "1d", "-1s", "99999999999999999999s", "18446744073709551615h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn refusals_name_arguments() {
        let failure = in_words_of_the_demo(Failure::Message("http.listen: in use; set state.dir".into()));
        assert_eq!(failure.to_string(), "--listen: in use; set --state-dir");
    }

    #[test]
    fn numbers_are_checked() {
        for wrong in ["0", "-1", "NaN", "inf", "1e10", "x"] {
            assert!(positive(wrong).is_err(), "{wrong}");
        }
    }
}
