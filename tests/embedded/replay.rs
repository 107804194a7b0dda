//! A replay of the embedded log: what was sent comes out again, and another model shows what it would have changed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tsuikyaku::runtime::batch::{InputId, Partition};
use tsuikyaku::runtime::differences::{Differences, Shifts};
use tsuikyaku::runtime::ports::SourceError;
use tsuikyaku::runtime::recompute::{LoggedRecord, Timers};
use tsuikyaku::runtime::replay::{
    Listeners, LoggedManifest, Order, Replay, ReplayError, ReplayLog, ReplaySettings, Replayed,
};
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::decode::Decoder;
use tsuikyaku::wire::output::OutputFormat;
use tsuikyaku::wire::told::Told;

use super::rig::{MODEL, Rig, Run};

const PATIENCE: Duration = Duration::from_secs(120);

/// The rig's records and manifests, from the front.
struct RigLog {
    inputs: BTreeMap<(InputId, Partition), VecDeque<LoggedRecord>>,
    manifests: BTreeMap<Partition, VecDeque<LoggedManifest>>,
}

impl RigLog {
    /// Without so many of each partition's first manifests.
    fn new(rig: &Rig, gone_count: usize) -> RigLog {
        let (mut inputs, mut all) = (BTreeMap::new(), BTreeMap::new());
        for partition in (0..rig.topology().partition_count()).map(Partition) {
            inputs.extend(rig.inputs(partition).into_iter().map(|(input, of)| ((input, partition), of.into())));
            let manifests = rig.manifests(partition).into_iter().skip(gone_count).enumerate();
            let logged = manifests.map(|(at, (appended_at_ms, manifest))| LoggedManifest {
                appended_at_ms,
                after_gap: gone_count > 0 && at == 0,
                manifest,
            });
            all.insert(partition, logged.collect());
        }
        RigLog { inputs, manifests: all }
    }
}

impl ReplayLog for RigLog {
    fn peek(&mut self, input: InputId, partition: Partition) -> Result<Option<&LoggedRecord>, SourceError> {
        Ok(self.inputs.get(&(input, partition)).and_then(VecDeque::front))
    }

    fn take(&mut self, input: InputId, partition: Partition) -> Result<Option<LoggedRecord>, SourceError> {
        Ok(self.inputs.get_mut(&(input, partition)).and_then(VecDeque::pop_front))
    }

    fn manifest(&mut self, partition: Partition) -> Result<Option<LoggedManifest>, SourceError> {
        Ok(self.manifests.get_mut(&partition).and_then(VecDeque::pop_front))
    }
}

const SETTINGS: ReplaySettings = ReplaySettings {
    order: Order::Manifests,
    timers: Timers::Counted,
    until_ms: None,
    appended_max_ms: i64::MAX,
    leads_max: 100_000,
};

fn replay(rig: &Rig, model: &Model, gone_count: usize, settings: ReplaySettings) -> (Vec<Told>, Replayed) {
    let (mut log, decoder, mut told) = (RigLog::new(rig, gone_count), Decoder::default(), Vec::new());
    let mut to = Listeners {
        decided: &mut |decision| {
            told.push(Told::of(&decision, OutputFormat::Avro));
            Ok(())
        },
        progressed: &mut |_| {},
    };
    let replay = Replay::new(&mut log, rig.topology(), &decoder, model, settings);
    let replayed = replay.run(&mut to).expect("the rig's log reads");
    (told, replayed)
}

fn sent(rig: &Rig) -> Vec<Told> {
    let decisions = rig.decisions().into_values().flatten();
    decisions.map(|bytes| Told::read(&bytes, OutputFormat::Avro).expect("our own decision")).collect()
}

fn processed() -> Rig {
    let mut rig = Rig::new(3);
    rig.records_per_day = 100.0; // long enough for leads to turn out to be others
    rig.append_traffic(41, 200, 3_000);
    Run::start(&rig, 2).finish(PATIENCE);
    let mut run = Run::start_flaky(&rig, 2, 5);
    rig.append_misplaced(42, 200, 2_000);
    run.finish(PATIENCE);
    rig.audit();
    rig
}

#[test]
fn by_manifests_what_was_sent_comes_out_again_and_another_model_differs() {
    let rig = processed();
    let sent = sent(&rig);
    assert!(sent.len() > 50, "traffic that decides nothing shows nothing: {}", sent.len());

    let (told, replayed) = replay(&rig, rig.model(), 0, SETTINGS);
    let differences = Differences::between(sent.clone(), told.clone());
    assert!(differences.is_none(), "{differences:?}");
    assert_eq!((replayed.order, replayed.gaps_ms.len()), (Order::Manifests, 0));
    assert_eq!(replayed.merges_as_logged_count, 0, "Facts of other leads are those of this replay");

    let other = MODEL.replace("version = \"1\"", "version = \"2\"").replace("points = 4,", "points = 12,");
    let other = Model::parse(&other, "other.toml").expect("a valid model");
    let (other_told, other_replayed) = replay(&rig, &other, 0, ReplaySettings { timers: Timers::Due, ..SETTINGS });
    let differences = Differences::between(told, other_told);
    assert!(!differences.gained.is_empty() || !differences.lost.is_empty(), "{differences:?}");
    let shifts = Shifts::between(&replayed.readiness, &other_replayed.readiness, 3);
    assert_eq!(shifts.counts.iter().sum::<u64>(), replayed.readiness.len() as u64);
    assert!(shifts.mean.abs() > 0.1, "{shifts:?}");
}

#[test]
fn where_manifests_are_gone_records_go_by_append_time() {
    let rig = processed();
    let sent = sent(&rig);
    for (gone_count, order) in [(3, Order::Manifests), (usize::MAX, Order::Canonical)] {
        let (told, replayed) = replay(&rig, rig.model(), gone_count, SETTINGS);
        assert_eq!(replayed.order, order);
        assert_eq!(replayed.gaps_ms.len(), if order == Order::Manifests { 3 } else { 0 });
        let (_, with_all) = replay(&rig, rig.model(), 0, SETTINGS);
        assert_eq!(replayed.record_count, with_all.record_count, "every record is taken");
        assert!(replayed.readiness.keys().eq(with_all.readiness.keys()), "the same leads");
        let differences = Differences::between(sent.clone(), told);
        let same = differences.same_count as f64 / sent.len() as f64;
        // Not all: what arrived in one step was taken in append order, what came a step later was not.
        assert!(same > 0.6, "{same}: gained {:?}, lost {:?}", differences.gained, differences.lost);
    }
}

#[test]
fn a_range_ends_where_it_is_told_to() {
    let rig = processed();
    let (all, replayed) = replay(&rig, rig.model(), 0, SETTINGS);
    let mut times: Vec<i64> = all.iter().map(|told| told.as_of_ms).collect();
    times.sort_unstable();
    let until_ms = times[times.len() / 2];
    let until = ReplaySettings { until_ms: Some(until_ms), ..SETTINGS };
    let (told, ended) = replay(&rig, rig.model(), 0, until);
    assert!(ended.clocks_ms.iter().all(|clock_ms| *clock_ms <= until_ms) && ended.end_ms() < replayed.end_ms());
    let expected: Vec<Told> = all.into_iter().filter(|told| told.as_of_ms <= until_ms).collect();
    let differences = Differences::between(expected, told);
    assert!(differences.is_none(), "{differences:?}");
}

#[test]
fn too_many_leads_are_refused() {
    let rig = processed();
    let (mut log, decoder) = (RigLog::new(&rig, 0), Decoder::default());
    let settings = ReplaySettings { leads_max: 10, ..SETTINGS };
    let mut to = Listeners { decided: &mut |_| Ok(()), progressed: &mut |_| {} };
    let refused = Replay::new(&mut log, rig.topology(), &decoder, rig.model(), settings).run(&mut to);
    assert!(matches!(refused, Err(ReplayError::LeadsMax { leads_max: 10, .. })), "{refused:?}");
}
