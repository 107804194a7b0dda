//! `generate`: simulated traffic to the input topics of a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{ConfigArgs, Failure};
use crate::app::{SystemClock, parts};
use crate::config::Config;
use crate::io::kafka::feed::{Feed, FeedError};
use crate::runtime::ports::Clock;
use crate::scoring::event::InputKind;
use crate::traffic::{Generated, Rhythm, Settings, Traffic};
use crate::wire::decode::{Format, SchemaSet};
use crate::wire::output::OutputFormat;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Write realistic simulated traffic to the input topics
///
/// All input topics get their share: visits, mails and what becomes of them, inquiries and what sales does, purchases,
/// profiles. Leads are Zipf-distributed; some records come twice, late, or from machines. Without --rate everything is
/// written at once, with timestamps of the days before now; with it, as it happens.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsuikyaku generate --config tsuikyaku.toml --events 100000 --leads 5000 --seed 7
  tsuikyaku generate --config tsuikyaku.toml --events 60000 --rate 200")]
pub struct Args {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Records to write
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub events: u64,
    /// Known leads
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub leads: u64,
    /// The same seed and start give the same bytes
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Records a second, stamped with the time at which they are written
    #[arg(long, value_name = "R", value_parser = positive)]
    pub rate: Option<f64>,
    /// Days over which the records spread; default: half a record a lead and day, but half of the topics' retention
    /// at most
    #[arg(long, value_name = "DAYS", value_parser = positive, conflicts_with = "rate")]
    pub days: Option<f64>,
    /// Begin of simulated time, ms since the epoch; default: so that it ends now
    #[arg(long, value_name = "MS", conflicts_with = "rate")]
    pub start: Option<i64>,
}

fn positive(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err("must be above 0".into()) }
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let config = args.config.load()?.config;
    let schemas = parts::schemas(&config).map_err(|errors| Failure::Message(errors.join("\n")))?;
    let targets = Targets::of(&config, &schemas)?;
    let settings = settings(args, &config, targets.formats, SystemClock.now_ms());
    let feed = Feed::new(&parts::kafka_settings(&config), &targets.names()).map_err(Failure::message)?;
    let stopped = on_interrupt()?;
    let written = Writing { args, targets: &targets, feed: &feed, stopped: &stopped }.all(&settings);
    let written = written.and_then(|written| feed.finish(Duration::from_secs(60)).map(|()| written));
    let written = written.map_err(Failure::message)?;
    eprintln!(
        "{} records of {} leads written to {} topics; the same again: --seed {} --start {}",
        written.records_count,
        args.leads,
        targets.names().len(),
        args.seed,
        settings.start_ms,
    );
    Ok(())
}

/// Which topic takes the records of a kind, and how they are written there.
struct Targets {
    topics: [Option<String>; InputKind::ALL.len()],
    formats: [OutputFormat; InputKind::ALL.len()],
}

impl Targets {
    /// Of several topics of a kind the first one gets all.
    fn of(config: &Config, schemas: &SchemaSet) -> Result<Targets, Failure> {
        let mut targets = Targets { topics: Default::default(), formats: Default::default() };
        for input in config.topics.inputs.iter().rev() {
            let format = match input.format {
                Format::Avro => OutputFormat::Avro,
                Format::Json => OutputFormat::Json,
                Format::AvroConfluent => {
                    let schema_id = schemas.id_of(input.kind).ok_or_else(|| no_id(&input.name, input.kind))?;
                    OutputFormat::AvroConfluent { schema_id }
                }
            };
            targets.topics[input.kind as usize] = Some(input.name.clone());
            targets.formats[input.kind as usize] = format;
        }
        Ok(targets)
    }

    fn names(&self) -> Vec<&str> {
        self.topics.iter().flatten().map(String::as_str).collect()
    }
}

fn no_id(topic: &str, kind: InputKind) -> Failure {
    let kind = kind.as_str();
    Failure::Message(format!(
        "topic {topic} has format avro-confluent, but no file <id>.avsc in schemas.dir holds this version's {kind}.avsc"
    ))
}

/// What to simulate.
fn settings(args: &Args, config: &Config, formats: [OutputFormat; 7], now_ms: i64) -> Settings {
    let usual = Settings { formats, ..Settings::new(args.seed, args.leads, now_ms) };
    if let Some(rate) = args.rate {
        let horizon_ms = (args.events as f64 / rate * 1000.0) as i64;
        return Settings { records_per_day: rate * 86_400.0, horizon_ms, rhythm: Rhythm::Steady, ..usual };
    }
    let retention_days = config.create.retention.as_secs_f64() / 86_400.0;
    let usual_days = (args.events as f64 / usual.records_per_day).min(retention_days / 2.0);
    let days = args.days.unwrap_or(usual_days).max(0.01);
    let horizon_ms = (days * DAY_MS as f64) as i64;
    let spread = Settings { records_per_day: args.events as f64 / days, horizon_ms, ..usual };
    match args.start {
        Some(start_ms) => Settings { start_ms, ..spread },
        None => ending_by(now_ms, args.events, spread),
    }
}

/// Moves the start so that no record is from the future: brokers may refuse those.
fn ending_by(now_ms: i64, events: u64, mut settings: Settings) -> Settings {
    settings.start_ms = now_ms - settings.horizon_ms;
    // When things happen depends on the hour and the weekday of the start: a few rounds settle it mostly, and without
    // a daily rhythm a shift is exact.
    for round in 0..8 {
        let end_ms = Traffic::new(&settings).end_ms(events);
        if end_ms <= now_ms {
            return settings;
        }
        settings.start_ms -= end_ms - now_ms + round * HOUR_MS;
    }
    settings.rhythm = Rhythm::Steady;
    let late_ms = Traffic::new(&settings).end_ms(events) - now_ms;
    Settings { start_ms: settings.start_ms - late_ms.max(0) - HOUR_MS, ..settings }
}

struct Writing<'a> {
    args: &'a Args,
    targets: &'a Targets,
    feed: &'a Feed,
    stopped: &'a AtomicBool,
}

struct Written {
    records_count: u64,
}

impl Writing<'_> {
    fn all(&self, settings: &Settings) -> Result<Written, FeedError> {
        let bar = ProgressBar::new(self.args.events);
        let template = "{bar:40} {human_pos} of {human_len} records  {per_sec}  {eta} left";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        let pace = self.args.rate.map(|_| Pace { began: Instant::now(), start_ms: settings.start_ms });
        let mut written = Written { records_count: 0 };
        for record in Traffic::new(settings).take(usize::try_from(self.args.events).unwrap_or(usize::MAX)) {
            if !self.wait_for(&record, pace) {
                break;
            }
            if let Some(topic) = &self.targets.topics[record.kind as usize] {
                self.feed.send(topic, &record.key, &record.value, record.appended_at_ms)?;
                written.records_count += 1;
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(written)
    }

    /// Waits until the record's time has come; false when it is time to stop.
    fn wait_for(&self, record: &Generated, pace: Option<Pace>) -> bool {
        const POLL: Duration = Duration::from_millis(50);
        while let Some(left) = pace.and_then(|pace| pace.left(record.appended_at_ms)) {
            self.feed.poll();
            if self.stopped.load(Ordering::Relaxed) {
                return false;
            }
            std::thread::sleep(left.min(POLL));
        }
        !self.stopped.load(Ordering::Relaxed)
    }
}

/// Simulated time that runs as fast as ours.
#[derive(Clone, Copy)]
struct Pace {
    began: Instant,
    start_ms: i64,
}

impl Pace {
    fn left(self, until_ms: i64) -> Option<Duration> {
        let due = Duration::from_millis(u64::try_from(until_ms - self.start_ms).unwrap_or_default());
        due.checked_sub(self.began.elapsed()).filter(|left| !left.is_zero())
    }
}

/// True once somebody pressed Ctrl-C: what was sent by then is still confirmed.
fn on_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let stopped = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stopped);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(Failure::message)?;
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            told.store(true, Ordering::Relaxed);
        }
    });
    Ok(stopped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(arguments: &[&str]) -> Args {
        let all = ["generate"].iter().chain(arguments);
        <Cli as clap::Parser>::try_parse_from(all).expect("they parse").args
    }

    fn config(arguments: &[&str]) -> Config {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Layers { arguments: &arguments, ..Layers::default() }.load().expect("a configuration").config
    }

    #[test]
    fn all_at_once_ends_before_now() {
        let now_ms = 1_775_000_000_000;
        for arguments in [["--events", "3000", "--leads", "100"], ["--events", "500", "--leads", "5000"]] {
            let args = parsed(&arguments);
            let settings = settings(&args, &config(&[]), Default::default(), now_ms);
            let last = Traffic::new(&settings).take(args.events as usize).last().expect("records");
            assert!(last.appended_at_ms <= now_ms, "{arguments:?}");
            assert!(now_ms - settings.start_ms < 7 * DAY_MS, "within the retention: {arguments:?}");
        }
    }

    #[test]
    fn a_rate_begins_now_and_a_start_where_it_says() {
        let now_ms = 1_775_000_000_000;
        let paced = settings(&parsed(&["--rate", "50"]), &config(&[]), Default::default(), now_ms);
        assert_eq!((paced.start_ms, paced.records_per_day), (now_ms, 50.0 * 86_400.0));
        let given = settings(&parsed(&["--start", "1770000000000"]), &config(&[]), Default::default(), now_ms);
        assert_eq!(given.start_ms, 1_770_000_000_000);
    }

    #[test]
    fn every_kind_goes_to_a_topic_in_its_format() {
        let config = config(&[r#"topics."engagement.web".format=json"#]);
        let targets = Targets::of(&config, &SchemaSet::default()).expect("targets");
        assert_eq!(targets.names().len(), InputKind::ALL.len());
        assert_eq!(targets.formats[InputKind::Web as usize], OutputFormat::Json);
        assert_eq!(targets.formats[InputKind::Mail as usize], OutputFormat::Avro);
    }

    #[test]
    fn framing_needs_the_schemas_id() {
        let config = config(&[r#"topics."engagement.web".format=avro-confluent"#, "schemas.dir=schemas"]);
        assert!(Targets::of(&config, &SchemaSet::default()).is_err());
        let mut schemas = SchemaSet::default();
        schemas.add(Some(17), crate::wire::decode::schema_text(InputKind::Web)).expect("our own");
        let targets = Targets::of(&config, &schemas).expect("targets");
        assert_eq!(targets.formats[InputKind::Web as usize], OutputFormat::AvroConfluent { schema_id: 17 });
    }
}
