//! Judges a run: what came out must be what one thread makes of the same log, and disk and changelog must agree.

use std::collections::BTreeMap;

use kit::log::Record;
use tsuikyaku::io::store::{Identity, RocksStore};
use tsuikyaku::runtime::batch::{InputId, Partition};
use tsuikyaku::runtime::ports::Store;
use tsuikyaku::runtime::recompute::{LoggedRecord, Recompute, Recomputed};
use tsuikyaku::runtime::topology::{Input, Role, Topology};
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::decode::{Decoder, SchemaSet};
use tsuikyaku::wire::limits::RECORD_BYTES_MAX;
use tsuikyaku::wire::manifest::{self, Manifest};
use tsuikyaku::wire::output::OutputFormat;
use tsuikyaku::wire::{headers, output, state};

use super::{INPUTS, Pipeline};

type States = BTreeMap<String, Vec<u8>>;

/// Figures of a comparison that found no difference.
#[derive(Debug)]
pub struct Audit {
    pub decision_count: usize,
    pub dead_letter_count: usize,
    pub lead_count: usize,
    pub intake_count: usize,
}

impl Pipeline<'_> {
    /// Compares outputs and changelog with what one thread makes of the same log. All processes must have ended.
    pub fn audit(&self) -> Audit {
        let names = self.names();
        let topology = self.topology();
        let model = Model::parse(include_str!("../../../deploy/models/b2b-saas.toml"), "b2b-saas.toml");
        let model = model.expect("the default model is valid");
        let schemas = SchemaSet::load(&self.schemas_dir()).expect("our own schemas");
        let decoder = Decoder::new(schemas, RECORD_BYTES_MAX);
        let logs: Vec<Vec<Record>> = names.inputs.iter().map(|name| self.read(name)).collect();
        let (ready, changelog) = (self.read(&names.ready), self.read(&names.state));
        let mut audit = Audit { decision_count: 0, dead_letter_count: 0, lead_count: 0, intake_count: logs[0].len() };
        let (mut expected_dead, mut forward_count) = (Vec::new(), 0);
        for partition in (0..self.partition_count).map(Partition) {
            let inputs = topology.aligned().map(|input| (input, of(&logs[usize::from(input.0)], partition))).collect();
            let mut recompute = Recompute::new(&model, &topology, &decoder, partition, inputs);
            for record in changelog.iter().filter(|record| is_manifest(record) && record.partition == at(partition)) {
                let bytes = record.value.as_deref().expect("a manifest is never deleted");
                recompute.transaction(&Manifest::decode(bytes).expect("our own manifest"));
            }
            let recomputed = recompute.finish();
            compare_decisions(partition, &recomputed, &ready);
            let leads = states(&recomputed);
            assert_same(partition, "changelog and recomputed state", &fold(&changelog, partition), &leads);
            audit.decision_count += recomputed.decisions.len();
            audit.lead_count += leads.len();
            expected_dead.extend(dead_letters(&topology, &logs, partition, &recomputed));
            forward_count += recomputed.forwards.len();
        }
        audit.dead_letter_count = self.compare_dead_letters(expected_dead);
        self.compare_forwards(&topology, &logs, forward_count);
        assert_eq!(ready.len(), audit.decision_count, "decisions, all partitions");
        audit
    }

    /// Compares what stopped processes have on disk with the changelog.
    pub fn audit_disks(&self, instances: &[&str]) {
        let changelog = self.read(&self.names().state);
        let settings = self.settings();
        let cluster = tsuikyaku::io::kafka::admin::Admin::new(&settings).expect("plain settings").cluster_id();
        let identity = Identity {
            application: self.app.clone(),
            cluster: cluster.expect("the broker answers"),
            partition_count: self.partition_count,
        };
        for instance in instances {
            let store =
                RocksStore::open(&self.state_dir(instance), &identity, 32 << 20).expect("the process has ended");
            for partition in (0..self.partition_count).map(Partition) {
                let Some(meta) = store.meta(partition).expect("the store reads") else { continue };
                let reflected = changelog.iter().filter(|record| record.offset < meta.changelog_next_offset);
                let expected = fold(&reflected.cloned().collect::<Vec<_>>(), partition);
                let mut stored = States::new();
                let each = &mut |id: &str, bytes: &[u8]| stored.insert(id.to_owned(), bytes.to_vec()).is_none();
                store.scan(partition, each).expect("the store reads");
                assert_same(partition, &format!("disk of {instance} and changelog"), &stored, &expected);
            }
        }
    }

    fn topology(&self) -> Topology {
        let names = self.names();
        let mut inputs =
            vec![Input { topic: names.inputs[0].clone(), role: Role::Intake, partition_count: self.partition_count }];
        for (topic, (_, kind)) in names.inputs[1..].iter().zip(INPUTS) {
            let role = Role::Events { kind, format: self.format_of(kind) };
            inputs.push(Input { topic: topic.clone(), role, partition_count: self.count_of(topic) });
        }
        Topology::new(inputs)
    }

    /// Dead letters by origin, each once. Those of topics with another partition count may come before any task.
    fn compare_dead_letters(&self, mut expected: Vec<Origin>) -> usize {
        let found = self.read(&self.names().dead_letter);
        let count = found.len();
        let mut found: Vec<Origin> = found.iter().map(origin).collect();
        for all in [&mut found, &mut expected] {
            all.retain(|(topic, _, _)| self.count_of(topic) == self.partition_count);
            all.sort();
        }
        assert_eq!(found, expected, "dead letters");
        count
    }

    /// Every record of a topic with another partition count was forwarded, or is a dead letter: once. What tasks
    /// forward is counted.
    fn compare_forwards(&self, topology: &Topology, logs: &[Vec<Record>], of_tasks: usize) {
        let forwarded = logs[0].iter().filter(|record| header(record, headers::TOPIC).is_some());
        let (others, own): (Vec<Origin>, Vec<Origin>) =
            forwarded.map(origin).partition(|(topic, _, _)| self.count_of(topic) != self.partition_count);
        let again = others.len() - others.iter().collect::<std::collections::BTreeSet<_>>().len();
        assert_eq!(own.len() + again, of_tasks, "records that tasks sent on");
        let dead = self.read(&self.names().dead_letter);
        let mut found = others;
        found.extend(dead.iter().map(origin).filter(|(topic, _, _)| self.count_of(topic) != self.partition_count));
        found.sort();
        found.dedup(); // a forwarded record may become a dead letter at home
        let mut expected: Vec<Origin> = Vec::new();
        for (input, own) in topology.inputs().filter(|(id, _)| !topology.is_aligned(*id)) {
            let records = logs[usize::from(input.0)].iter();
            expected.extend(records.map(|record| (own.topic.clone(), record.partition, record.offset)));
        }
        expected.sort();
        assert_eq!(found, expected, "what topics with another partition count sent on");
    }
}

/// Topic, partition, offset.
type Origin = (String, i32, i64);

fn header(record: &Record, name: &str) -> Option<String> {
    let found = record.headers.iter().rev().find(|(own, _)| own == name);
    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}

fn origin(record: &Record) -> Origin {
    let number = |name| header(record, name).and_then(|text| text.parse().ok()).unwrap_or(-1i64);
    (header(record, headers::TOPIC).unwrap_or_default(), number(headers::PARTITION) as i32, number(headers::OFFSET))
}

/// Origins of what had to become a dead letter; of a forwarded record, where it came from.
fn dead_letters(
    topology: &Topology,
    logs: &[Vec<Record>],
    partition: Partition,
    recomputed: &Recomputed,
) -> Vec<Origin> {
    let origin = |input: InputId, offset| {
        let at = (at(partition), offset);
        let record = logs[usize::from(input.0)].iter().find(|record| (record.partition, record.offset) == at);
        let is_forwarded = |record: &&Record| input == InputId::INTAKE && header(record, headers::TOPIC).is_some();
        match record.filter(is_forwarded) {
            Some(forwarded) => self::origin(forwarded),
            None => (topology.input(input).topic.clone(), at.0, at.1),
        }
    };
    recomputed.dead_letters.iter().map(|(input, offset, _)| origin(*input, *offset)).collect()
}

fn compare_decisions(partition: Partition, recomputed: &Recomputed, ready: &[Record]) {
    let encode = |decision| {
        let mut bytes = Vec::new();
        output::encode(decision, OutputFormat::Avro, &mut bytes);
        bytes
    };
    let expected: Vec<Vec<u8>> = recomputed.decisions.iter().map(encode).collect();
    let sent = ready.iter().filter(|record| record.partition == at(partition));
    let sent: Vec<Vec<u8>> = sent.filter_map(|record| record.value.clone()).collect();
    assert_eq!(sent.len(), expected.len(), "decisions of partition {}", partition.0);
    let first = sent.iter().zip(&expected).position(|(sent, expected)| sent != expected);
    assert_eq!(first, None, "first decision of partition {} that differs", partition.0);
}

fn states(recomputed: &Recomputed) -> States {
    let kept = recomputed.leads.iter().filter(|(_, lead)| !lead.is_empty());
    kept.map(|(id, lead)| {
        let mut bytes = Vec::new();
        state::encode(lead, &mut bytes);
        (id.clone(), bytes)
    })
    .collect()
}

fn fold(changelog: &[Record], partition: Partition) -> States {
    let mut states = States::new();
    for record in changelog.iter().filter(|record| record.partition == at(partition) && !is_manifest(record)) {
        let key = record.key.clone().expect("every changelog record has a key");
        let id = String::from_utf8(key).expect("ids are text");
        match &record.value {
            Some(value) => states.insert(id, value.clone()),
            None => states.remove(&id),
        };
    }
    states
}

fn is_manifest(record: &Record) -> bool {
    record.key.as_deref() == Some(manifest::KEY)
}

fn of(log: &[Record], partition: Partition) -> Vec<LoggedRecord> {
    let own = log.iter().filter(|record| record.partition == at(partition));
    own.map(|record| LoggedRecord {
        offset: record.offset,
        appended_at_ms: record.timestamp_ms,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.clone(),
    })
    .collect()
}

fn at(partition: Partition) -> i32 {
    partition.0 as i32
}

fn assert_same(partition: Partition, what: &str, found: &States, expected: &States) {
    let differing = found.iter().filter(|(id, bytes)| expected.get(*id) != Some(bytes)).map(|(id, _)| id);
    let missing = expected.keys().filter(|id| !found.contains_key(*id));
    let first = differing.chain(missing).next();
    let sizes = (found.len(), expected.len());
    assert!(first.is_none(), "{what} of partition {} differ, first in {first:?}; sizes {sizes:?}", partition.0);
}
