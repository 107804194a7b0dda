//! One partition, transaction by transaction: the manifest says which records were taken, and everything that this
//! gives must stand in the log.

use std::collections::BTreeMap;

use super::course::Course;
use super::ledger::{Entry, Kind, Ledger, Place};
use super::log::{Ahead, Cursor, Disk, Log, LoggedRecord};
use super::outputs::{Expected, OutputStream, Written};
use super::prints;
use super::recompute::{Fate, Recompute, Step};
use super::report::Report;
use super::states::{self, Reflection, Transaction};
use super::{Check, Difference, Error, Setup};
use crate::runtime::batch::{InputId, Partition};
use crate::scoring::decision::{Decision, Snapshot};
use crate::wire::manifest::{self, Manifest};
use crate::wire::{output, ready, score};

/// Audits one partition, whose changelog is open already.
#[allow(clippy::too_many_arguments)] // what all partitions share, each once
pub fn audit(
    setup: &Setup<'_>,
    partition: Partition,
    changelog: Box<dyn Cursor>,
    log: &mut dyn Log,
    disks: &[&dyn Disk],
    ledger: &mut Ledger,
    report: &mut Report,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let mut inputs = BTreeMap::new();
    for input in setup.topology.aligned() {
        let topic = &setup.topology.input(input).topic;
        inputs.insert(input, Ahead::new(log.open(topic, partition.0)?));
    }
    let (outputs, formats) = (&setup.outputs, setup.formats);
    let ready =
        Written { topic: &outputs.ready, format: formats.ready, schema: ready::SCHEMA, kept: outputs.ready_kept };
    let score =
        Written { topic: &outputs.score, format: formats.score, schema: score::SCHEMA, kept: outputs.score_kept };
    let mut reflections = Vec::new();
    for disk in disks {
        reflections.extend(disk.meta(partition)?.map(|meta| Reflection { disk: *disk, meta }));
    }
    reflections.sort_by_key(|reflection| reflection.meta.changelog_next_offset);
    let audit = PartitionAudit {
        recompute: Recompute::new(setup, partition, inputs),
        ready: OutputStream::open(setup, partition, log, ready)?,
        score: OutputStream::open(setup, partition, log, score)?,
        changelog: Ahead::new(changelog),
        last: Manifest { clock_ms: i64::MIN, ..Manifest::default() },
        last_bytes: Vec::new(),
        course: Course::default(),
        reached: BTreeMap::new(),
        reflections: reflections.into(),
        setup,
        partition,
        ledger,
        report,
    };
    audit.run(log, progress)
}

struct PartitionAudit<'a, 's> {
    setup: &'s Setup<'s>,
    partition: Partition,
    recompute: Recompute<'s>,
    changelog: Ahead,
    ready: OutputStream<'s>,
    score: OutputStream<'s>,
    last: Manifest,
    last_bytes: Vec<u8>,
    course: Course,
    /// How far the steps have taken each input topic.
    reached: BTreeMap<Box<str>, i64>,
    /// Disks that are not compared yet, by their positions.
    reflections: std::collections::VecDeque<Reflection<'s>>,
    ledger: &'a mut Ledger,
    report: &'a mut Report,
}

impl PartitionAudit<'_, '_> {
    fn run(mut self, log: &mut dyn Log, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
        while let Some(transaction) = self.next_transaction()? {
            let doubt = if self.last_bytes.is_empty() { self.doubt(log, &transaction)? } else { None };
            let manifest = self.transaction(&transaction).map_err(|error| match (error, doubt) {
                (Error::Difference(_), Some(doubt)) => doubt,
                (error, _) => error,
            })?;
            (self.last, self.last_bytes) = (manifest, transaction.manifest);
            progress(self.report.record_count());
        }
        self.finish(log)
    }

    /// Takes the steps of one transaction, and compares what they give with what is there.
    fn transaction(&mut self, transaction: &Transaction) -> Result<Manifest, Error> {
        self.compare_disks(transaction.offset, transaction)?;
        let manifest = self.decode(transaction)?;
        self.check_manifest(&manifest, transaction)?;
        let ends: Vec<i64> = manifest.positions.iter().map(|position| position.next_offset).collect();
        let steps = manifest.steps.iter().map(|step| (&step.next_offsets, step.clock_ms, step.timer_count));
        for (next_offsets, clock_ms, timer_count) in steps.chain([(&ends, manifest.clock_ms, manifest.timer_count)]) {
            let step = self.recompute.step(&manifest, next_offsets, clock_ms, timer_count)?;
            self.check_covered(&manifest, next_offsets, transaction.offset)?;
            self.compare(&step)?;
        }
        let changed = self.recompute.take_changed();
        states::compare(self.setup, self.partition, transaction, &changed, &self.recompute.leads)?;
        self.report.states += changed.len() as u64;
        self.report.transactions += 1;
        Ok(manifest)
    }

    /// The records up to and including the next manifest.
    fn next_transaction(&mut self) -> Result<Option<Transaction>, Error> {
        let mut transaction = Transaction::default();
        while let Some(record) = self.changelog.take()? {
            if record.key.as_deref() == Some(manifest::KEY) {
                transaction.offset = record.offset;
                transaction.appended_at_ms = record.appended_at_ms;
                transaction.manifest = record.value.unwrap_or_default();
                return Ok(Some(transaction));
            }
            let id = record.key_text().to_owned();
            if transaction.states.insert(id.clone().into(), (record.offset, record.value)).is_some() {
                let offset = record.offset;
                let text = format!("lead {id} has two states within one transaction, the second at offset {offset}");
                return Err(self.differs(Check::State, text));
            }
        }
        match transaction.states.first_key_value() {
            Some((id, _)) if !self.setup.running => {
                let (state, p) = (&self.setup.outputs.state, self.partition.0);
                let text =
                    format!("{state}/{p} ends with states that no manifest covers, that of lead {id} among them");
                Err(self.differs(Check::State, text))
            }
            _ => Ok(None),
        }
    }

    /// Refuses a changelog that does not begin with the first transaction. `Some`: offsets before it are missing, by
    /// compaction or because transactions that wrote nothing here left their ends; if it does not give what is there,
    /// that is why.
    fn doubt(&mut self, log: &mut dyn Log, first: &Transaction) -> Result<Option<Error>, Error> {
        let (state, p, offset) = (&self.setup.outputs.state, self.partition.0, first.offset);
        if self.changelog.low() == 0 && log.is_whole_before(state, p, offset)? {
            return Ok(None);
        }
        let compacted = Error::NotPossible(format!(
            "{state}/{p} was compacted: of what stands before offset {offset} ({}) only the newest states are left, and \
             a run can be repeated only from its first transaction on. Keep it whole for as long as the inputs are kept: \
             min.compaction.lag.ms of that topic",
            time(first.appended_at_ms)
        ));
        if self.changelog.low() == 0 { Ok(Some(compacted)) } else { Err(compacted) }
    }

    fn decode(&self, transaction: &Transaction) -> Result<Manifest, Error> {
        Manifest::decode(&transaction.manifest).map_err(|error| {
            let text = format!("the manifest at changelog offset {} cannot be read: {error}", transaction.offset);
            self.differs(Check::Positions, text)
        })
    }

    /// Positions and clock only go forward, and everything behind the positions is still there.
    fn check_manifest(&mut self, manifest: &Manifest, transaction: &Transaction) -> Result<(), Error> {
        let at = format!("the manifest at changelog offset {}", transaction.offset);
        let clocks = manifest.steps.iter().map(|step| step.clock_ms).chain([manifest.clock_ms]);
        let mut clock_ms = self.last.clock_ms;
        for next_ms in clocks {
            if next_ms < clock_ms {
                return Err(
                    self.differs(Check::Positions, format!("{at} moves the clock back from {clock_ms} to {next_ms}"))
                );
            }
            clock_ms = next_ms;
        }
        for (index, position) in manifest.positions.iter().enumerate() {
            let topic = &position.topic;
            let Some(input) = self.setup.topology.find(topic) else {
                return Err(Error::NotPossible(format!("{at} names input {topic}, which the configuration does not")));
            };
            let before = self.last.positions.iter().find(|before| before.topic == *topic);
            let mut next = before.map_or(i64::MIN, |before| before.next_offset);
            let steps = manifest.steps.iter().map(|step| step.next_offsets[index]).chain([position.next_offset]);
            for step_next in steps {
                if step_next < next {
                    let text = format!(
                        "{at} moves the position of {topic}/{} back from {next} to {step_next}",
                        self.partition.0
                    );
                    return Err(self.differs(Check::Positions, text));
                }
                next = step_next;
            }
            let low = self.recompute.inputs.get(&input).map_or(0, Ahead::low);
            if next < low {
                return Err(self.gone(topic, low)?);
            }
        }
        Ok(())
    }

    /// Retention has taken inputs that were processed: says from where on they are all there.
    fn gone(&mut self, topic: &str, low: i64) -> Result<Error, Error> {
        let mut earliest = None;
        while let Some(transaction) = self.next_transaction()? {
            let manifest = self.decode(&transaction)?;
            let is_there = manifest.positions.iter().all(|position| {
                let input = self.setup.topology.find(&position.topic);
                let low = input.and_then(|input| self.recompute.inputs.get(&input)).map_or(0, Ahead::low);
                position.next_offset >= low
            });
            if is_there {
                earliest = Some(transaction);
                break;
            }
        }
        let p = self.partition.0;
        let from = match earliest {
            Some(found) => format!(
                "from changelog offset {} ({}) on all of them are there, but an audit that begins in the middle is not \
                 possible",
                found.offset,
                time(found.appended_at_ms)
            ),
            None => "no transaction has all of its inputs any more".to_owned(),
        };
        Ok(Error::NotPossible(format!(
            "{topic}/{p} begins at offset {low} and records before it were processed, so they cannot be judged again; {from}. \
             Audit within the retention of the inputs, or raise their retention.ms"
        )))
    }

    /// Every record before a position was in the log.
    fn check_covered(&mut self, manifest: &Manifest, next_offsets: &[i64], offset: i64) -> Result<(), Error> {
        for (position, next_offset) in manifest.positions.iter().zip(next_offsets) {
            let topic = &position.topic;
            // Where an input began is known to nobody: its position may be the low watermark of that day.
            let has_moved =
                self.reached.insert(topic.clone(), *next_offset).is_some_and(|before| before < *next_offset);
            let input = self.setup.topology.find(topic);
            let taken_until = input.and_then(|input| self.recompute.inputs.get(&input)).map_or(0, Ahead::taken_until);
            if has_moved && taken_until != *next_offset {
                let p = self.partition.0;
                let text = format!(
                    "the manifest at changelog offset {offset} says that {topic}/{p} is processed up to offset \
                     {next_offset}, but the last record before that ends at {taken_until}"
                );
                return Err(self.differs(Check::Positions, text));
            }
        }
        Ok(())
    }

    /// Compares what a step gives with what stands in the log.
    fn compare(&mut self, step: &Step) -> Result<(), Error> {
        self.report.steps += 1;
        for decision in &step.effects.decisions {
            self.decision(decision)?;
        }
        for snapshot in &step.effects.snapshots {
            self.snapshot(snapshot)?;
        }
        for lead_id in &step.effects.forgotten {
            let expected = Expected { lead_id, value: None, name: "the tombstone".into() };
            self.score.expect(&expected, self.ledger)?;
        }
        self.enter(step)
    }

    fn decision(&mut self, decision: &Decision) -> Result<(), Error> {
        let mut value = Vec::new();
        output::encode(decision, self.setup.formats.ready, &mut value);
        let name = format!("decision {} ({})", decision.decision_id, decision.decision_type.as_str());
        let expected = Expected { lead_id: &decision.lead_id, value: Some(value), name };
        let place = self.ready.expect(&expected, self.ledger)?;
        let life = self.course.take(decision).map_err(|text| self.differs(Check::Retraction, text))?;
        let place = place.unwrap_or(Place { input: 0, partition: self.partition.0, offset: -1 });
        let entry = Entry { kind: Kind::Decision, count: 1, place, cause: 0 };
        self.ledger.add(prints::decision(decision, life), entry)?;
        self.report.decisions += 1;
        Ok(())
    }

    fn snapshot(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut value = Vec::new();
        output::encode(snapshot, self.setup.formats.score, &mut value);
        let name = format!("the snapshot as of {}", snapshot.as_of_ms);
        let expected = Expected { lead_id: &snapshot.lead_id, value: Some(value), name };
        self.score.expect(&expected, self.ledger)?;
        self.report.snapshots += 1;
        Ok(())
    }

    /// Notes what left this partition, and what came into it.
    fn enter(&mut self, step: &Step) -> Result<(), Error> {
        let first = step.records().next().map_or(-1, |(record, _)| record.offset);
        for (to, message) in &step.effects.messages {
            let place = Place { input: u16::MAX, partition: self.partition.0, offset: first };
            self.forward(prints::sent(self.setup, to, message), place)?;
            self.report.messages += 1;
        }
        for (record, fate) in step.records() {
            let place = Place { input: record.input.0, partition: record.partition.0, offset: record.offset };
            self.report.count(fate);
            match fate {
                Fate::Forwarded { to, hops } => {
                    self.forward(prints::sent_on(self.setup, &record, to, *hops), place)?;
                }
                Fate::Dead(dead) => {
                    let (origin, print) = prints::dead(self.setup, &record, dead);
                    let cause = prints::cause_number(dead.cause);
                    let place = origin.unwrap_or(place);
                    self.ledger.add(print, Entry { kind: Kind::DeadLetter, count: 1, place, cause })?;
                }
                Fate::Applied | Fate::Machine | Fate::Duplicate | Fate::Erased => {}
            }
            if record.input == InputId::INTAKE
                && let Some(print) = prints::received(&record)
            {
                self.ledger.add(print, Entry { kind: Kind::Forward, count: -1, place, cause: 0 })?;
            }
        }
        Ok(())
    }

    fn forward(&mut self, (home, print): (Partition, u128), place: Place) -> Result<(), Error> {
        if !self.setup.judges(home) {
            return Ok(());
        }
        Ok(self.ledger.add(print, Entry { kind: Kind::Forward, count: 1, place, cause: 0 })?)
    }

    /// Compares the disks that reflect nothing from this changelog offset on.
    fn compare_disks(&mut self, offset: i64, next: &Transaction) -> Result<(), Error> {
        while self.reflections.front().is_some_and(|next| next.meta.changelog_next_offset <= offset) {
            let Some(reflection) = self.reflections.pop_front() else { break };
            let Recompute { leads, .. } = &self.recompute;
            self.report.disk_states += reflection.compare(self.setup, self.partition, leads, &self.last_bytes, next)?;
        }
        Ok(())
    }

    fn finish(mut self, log: &mut dyn Log) -> Result<(), Error> {
        self.compare_disks(self.changelog.end(), &Transaction::default())?;
        if let Some(ahead) = self.reflections.front() {
            let (name, at, end) = (ahead.disk.name(), ahead.meta.changelog_next_offset, self.changelog.end());
            let text = format!("{name} reflects changelog offset {at}, but the changelog ends at {end}");
            return Err(self.differs(Check::Disk, text));
        }
        self.ready.finish(self.ledger)?;
        self.score.finish(self.ledger)?;
        let mut count = 0;
        self.recompute.leads.each(&mut |_| {
            count += 1;
            true
        })?;
        self.report.leads += count;
        self.check_end(log)
    }

    /// The group's positions are those of the last manifest, and the ends of the inputs.
    fn check_end(&mut self, log: &mut dyn Log) -> Result<(), Error> {
        let p = self.partition.0;
        for input in self.setup.topology.aligned() {
            let topic = &self.setup.topology.input(input).topic;
            let last = self.last.positions.iter().find(|position| *position.topic == **topic);
            let next = last.map(|position| position.next_offset);
            let committed = log.committed(topic, p)?;
            if let (Some(next), Some(committed)) = (next, committed)
                && (committed < next || committed > next && !self.setup.running)
            {
                let text =
                    format!("the group's committed position of {topic}/{p} is {committed}, the last manifest's {next}");
                return Err(self.differs(Check::Positions, text));
            }
            let Some(records) = self.recompute.inputs.get_mut(&input) else { continue };
            let waiting = records.peek()?.map(|record| record.offset);
            if let Some(offset) = waiting.filter(|_| !self.setup.running) {
                let text = format!(
                    "record {topic}/{p} offset {offset} and what follows is not processed; the processor must have stopped at the end of its inputs, else say --running"
                );
                return Err(self.differs(Check::End, text));
            }
        }
        self.receive_rest()
    }

    /// What stands in the intake behind the last manifest was sent, though nobody took it yet.
    fn receive_rest(&mut self) -> Result<(), Error> {
        let Some(intake) = self.recompute.inputs.get_mut(&InputId::INTAKE) else { return Ok(()) };
        let mut batch = crate::runtime::batch::Batch::default();
        while let Some(record) = intake.take()? {
            batch.clear();
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let LoggedRecord { offset, appended_at_ms, .. } = record;
            batch.push(InputId::INTAKE, self.partition, offset, appended_at_ms, key, value, record.headers());
            if let Some(print) = prints::received(&batch.get(0)) {
                let place = Place { input: 0, partition: self.partition.0, offset };
                self.ledger.add(print, Entry { kind: Kind::Forward, count: -1, place, cause: 0 })?;
            }
        }
        Ok(())
    }

    fn differs(&self, check: Check, text: String) -> Error {
        Difference::new(check, self.partition.0, text).into()
    }
}

/// A moment as people read it.
fn time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |time| time.to_string())
}
