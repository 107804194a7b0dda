//! `replay --config FILE`: the topics of an application, as they stand.

use std::path::Path;

use super::pass::{Collector, Wanted, bar, failure};
use super::report::{Range, Report, Sent, Side};
use super::{Args, Failure, Named, Pass, time};
use crate::app::{parts, plan};
use crate::config::Config;
use crate::io::kafka::admin::{Admin, TopicPlan};
use crate::io::kafka::aside::Aside;
use crate::io::kafka::range::Ranges;
use crate::io::kafka::replay::{KafkaReplayLog, ReplayRange};
use crate::runtime::ports::SourceError;
use crate::runtime::recompute::Timers;
use crate::runtime::replay::{Listeners, Order, Replay, ReplaySettings, Replayed};
use crate::runtime::topology::Topology;
use crate::wire::decode::Decoder;
use crate::wire::keys;
use crate::wire::told::{Told, model_hash};

pub fn run(args: &Args) -> Result<Report, Failure> {
    let config = args.config.load()?.config;
    let old = match &args.against {
        Some(file) => Named::load("--against", file)?,
        None => Named::load("model.file", &config.model_file)?,
    };
    let new = args.model.as_deref().map(|file| Named::load("--model", file)).transpose()?;
    let source = Topics::ask(&config, args)?;
    let aside = args.to_prefix.as_deref().map(|prefix| aside(&config, prefix)).transpose()?;
    let (out, aside) = (args.out.as_deref(), aside.as_ref());
    let (before, after) = match new {
        None => (source.pass(&old, source.counted(), out, aside)?, None),
        Some(named) => {
            let before = source.pass(&old, source.counted(), None, None)?;
            (before, Some(Side { pass: source.pass(&named, Timers::Due, out, aside)?, named }))
        }
    };
    let sent = source.sent(&before.replayed, &old)?;
    Ok(Report::of_topics(source.described(), sent, Side { named: old, pass: before }, after))
}

/// The range, asked once, and what reads it.
struct Topics<'a> {
    args: &'a Args,
    config: &'a Config,
    ranges: Ranges,
    range: ReplayRange,
    topology: Topology,
    decoder: Decoder,
    now_ms: i64,
}

impl<'a> Topics<'a> {
    fn ask(config: &'a Config, args: &'a Args) -> Result<Topics<'a>, Failure> {
        let settings = parts::kafka_settings(config);
        let decoder = parts::decoder(config).map_err(|problems| Failure::Message(problems.join("\n")))?;
        let unreachable = |error: &dyn std::fmt::Display| {
            let fix = "kafka.bootstrap_servers says where the cluster is, kafka.properties how to get in";
            Failure::Message(format!("{error}; {fix}"))
        };
        let admin = Admin::new(&settings).map_err(|error| unreachable(&error))?;
        admin.cluster_id().map_err(|error| unreachable(&error))?;
        let layout = admin.layout().map_err(of_log)?;
        let ready = &settings.topics.ready;
        let ready_count = admin.partition_count(ready).map_err(|error| unreachable(&error))?.unwrap_or(0);
        let topology = parts::topology(config, &layout);
        let ranges = Ranges::open(&settings).map_err(of_log)?;
        let times = (args.since, args.until);
        let range = ReplayRange::ask(&ranges, &topology, &settings.topics, ready_count, times).map_err(of_log)?;
        Ok(Topics { args, config, ranges, range, topology, decoder, now_ms: time::now_ms() })
    }

    /// With all of the history, timers fire as they were counted then.
    fn counted(&self) -> Timers {
        match self.args.since.is_none() && self.range.beginnings_missing().is_empty() {
            true => Timers::Counted,
            false => Timers::Due,
        }
    }

    fn pass(&self, named: &Named, timers: Timers, out: Option<&Path>, aside: Option<&Aside>) -> Result<Pass, Failure> {
        let mut log = KafkaReplayLog::open(&self.ranges, &self.range).map_err(of_log)?;
        let skew_ms = i64::try_from(self.config.limits.clock_skew_max.as_millis()).unwrap_or(i64::MAX);
        let settings = ReplaySettings {
            order: if self.args.without_manifests { Order::Canonical } else { Order::Manifests },
            timers,
            until_ms: self.args.until.map(|until_ms| until_ms.min(self.now_ms)),
            appended_max_ms: self.now_ms.saturating_add(skew_ms),
            leads_max: self.args.leads_max,
        };
        let bar = bar(self.range.record_count_max(), "records", named);
        let format = parts::formats(self.config).ready;
        let mut collector = Collector::new(Wanted { format, out, aside, compare_since: self.args.compare_since })?;
        let mut to =
            Listeners { decided: &mut |decision| collector.take(&decision), progressed: &mut |count| bar.inc(count) };
        let replay = Replay::new(&mut log, &self.topology, &self.decoder, &named.model, settings);
        let replayed = replay.run(&mut to);
        bar.finish_and_clear();
        collector.finish(replayed.map_err(failure)?)
    }

    /// What was sent within the range: by the time that each partition's clock has reached.
    fn sent(&self, replayed: &Replayed, old: &Named) -> Result<Sent, Failure> {
        let mut reader = self.ranges.reader(&self.range.ready).map_err(of_log)?;
        let format = parts::formats(self.config).ready;
        let own_hash = model_hash(&old.model.name, &old.model.version);
        let mut sent = Sent::default();
        for at in 0..self.range.ready.len() {
            while let Some(record) = reader.take(at).map_err(of_log)? {
                let Some(value) = record.value else { continue };
                let Ok(told) = Told::read(&value, format) else {
                    sent.unreadable_count += 1;
                    continue;
                };
                let home = keys::home(&told.lead_id, self.topology.partition_count());
                let end_ms = replayed.clocks_ms.get(home.0 as usize).copied().unwrap_or(i64::MIN);
                let since_ms = self.args.compare_since.or(self.args.since).unwrap_or(i64::MIN);
                if told.as_of_ms > end_ms || told.as_of_ms < since_ms {
                    sent.outside_count += 1;
                    continue;
                }
                sent.other_model_count += u64::from(told.model_hash != own_hash);
                sent.told.push(told);
            }
        }
        sent.first_gone_count = self.range.ready.iter().map(|span| span.first_offset.cast_unsigned()).sum();
        Ok(sent)
    }

    fn described(&self) -> Range {
        let missing = self.range.beginnings_missing().into_iter();
        Range {
            source: format!("the topics of {} on {}", self.config.app.id, self.config.kafka.bootstrap_servers),
            since: self.args.since,
            until: self.args.until,
            compare_since: self.args.compare_since,
            missing: missing.map(|(topic, count)| (topic.to_owned(), count)).collect(),
        }
    }
}

/// The topic beside the real one; made where it is missing.
fn aside(config: &Config, prefix: &str) -> Result<Aside, Failure> {
    let settings = parts::kafka_settings(config);
    let names = &settings.topics;
    let topic = format!("{prefix}{}", names.ready);
    let own: Vec<&String> =
        names.inputs.iter().chain([&names.ready, &names.score, &names.state, &names.dead_letter]).collect();
    let is_allowed = |sign: char| sign.is_ascii_alphanumeric() || ".-_".contains(sign);
    if topic.len() > 249 || !topic.chars().all(is_allowed) || own.contains(&&topic) {
        return Err(Failure::Message(format!(
            "--to-prefix: found {prefix:?}; allowed: letters, digits, `.`, `-`, `_`, so that it makes the name of another topic \
             of at most 249 signs; for example: --to-prefix trial."
        )));
    }
    let admin = Admin::new(&settings).map_err(Failure::message)?;
    if admin.partition_count(&topic).map_err(Failure::message)?.is_none() {
        let partitions = admin.partition_count(&names.ready).map_err(Failure::message)?.unwrap_or(1);
        let plan = plan::plans(config, partitions).into_iter().find(|plan| plan.name == names.ready);
        let plan = TopicPlan { name: topic.clone(), ..plan.expect("the application has this output") };
        for (topic, outcome) in admin.create(&[&plan]).map_err(Failure::message)? {
            outcome.map_err(|reason| Failure::Message(format!("--to-prefix: {topic} cannot be created: {reason}")))?;
        }
    }
    Aside::open(&settings, &topic).map_err(|error| Failure::Message(format!("--to-prefix: {error}")))
}

fn of_log(error: SourceError) -> Failure {
    Failure::Message(match error {
        SourceError::OutOfRange(detail) => {
            format!(
                "records went away while they were read ({detail}): retention removed them; try again, or with a later --since"
            )
        }
        SourceError::Retry(detail) => format!("the cluster does not answer: {detail}; try again"),
        SourceError::Twin(detail) | SourceError::Fatal(detail) => detail,
    })
}
