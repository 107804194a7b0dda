//! What is settled when all partitions are through: records of topics with another partition count, which are only
//! sent on, then everything that was sent or died against what stands in the intake and among the dead letters.

use super::ledger::{Entry, Kind, Ledger, Place};
use super::log::{Ahead, Log};
use super::prints;
use super::recompute::Fate;
use super::report::Report;
use super::{Check, Difference, Error, Setup};
use crate::runtime::batch::{Batch, InputId, Partition};
use crate::runtime::route::{Routed, route};
use crate::scoring::dead_letter::DeadCause;

/// Enters the rest, and matches.
pub fn settle(setup: &Setup<'_>, log: &mut dyn Log, mut ledger: Ledger, report: &mut Report) -> Result<(), Error> {
    if setup.is_whole() {
        let inputs = setup.topology.inputs().filter(|(id, _)| !setup.topology.is_aligned(*id));
        for (input, own) in inputs {
            for partition in 0..own.partition_count {
                send_on(setup, log, input, Partition(partition), &mut ledger, report)?;
            }
        }
    } else {
        let text =
            "records between partitions that were not all audited, dead letters of topics with another partition count";
        report.notes.push(text.into());
    }
    if setup.running {
        report.notes.push("what the processor did after the last manifest that was read".into());
    }
    find_dead(setup, log, &mut ledger)?;
    let mut left = ledger.settle()?;
    forgive_clocks(setup, &mut left);
    // Whoever still runs has sent more since; whoever was not audited has sent what is there.
    let is_judged = |entry: &&Entry| {
        entry.kind == Kind::Decision
            || entry.count > 0
            || !setup.running && (setup.is_whole() || entry.kind == Kind::DeadLetter)
    };
    match left.iter().find(is_judged) {
        Some(entry) => Err(in_words(setup, entry).into()),
        None => Ok(()),
    }
}

/// Records of a topic without tasks: each is sent on, or dies.
fn send_on(
    setup: &Setup<'_>,
    log: &mut dyn Log,
    input: InputId,
    partition: Partition,
    ledger: &mut Ledger,
    report: &mut Report,
) -> Result<(), Error> {
    let topic = &setup.topology.input(input).topic;
    let committed = log.committed(topic, partition.0)?;
    let mut records = Ahead::new(log.open(topic, partition.0)?);
    if records.low() > 0 {
        return Err(Error::NotPossible(format!(
            "{topic}/{} begins at offset {}: what stood before was deleted, and cannot be judged again",
            partition.0,
            records.low()
        )));
    }
    let mut batch = Batch::default();
    while let Some(record) = records.take()? {
        if committed.is_some_and(|committed| record.offset >= committed) {
            if setup.running {
                break;
            }
            let text =
                format!("record {topic}/{} offset {} and what follows is not sent on", partition.0, record.offset);
            return Err(Difference::new(Check::End, partition.0, text).into());
        }
        batch.clear();
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        batch.push(input, partition, record.offset, record.appended_at_ms, key, value, record.headers());
        let record = batch.get(0);
        let place = Place { input: input.0, partition: partition.0, offset: record.offset };
        // Whether a time was absurd is known to the system time of that day only: see `forgive_clocks`.
        match route(setup.topology, setup.decoder, record, None, i64::MAX) {
            Routed::Misplaced { lead_id, .. } => {
                let (_, print) = prints::sent_on(setup, &record, &lead_id, 0);
                ledger.add(print, Entry { kind: Kind::Forward, count: 1, place, cause: 0 })?;
                report.count(&Fate::Forwarded { to: lead_id.into(), hops: 0 });
            }
            Routed::Dead(dead) => {
                let (_, print) = prints::dead(setup, &record, &dead);
                let cause = prints::cause_number(dead.cause);
                ledger.add(print, Entry { kind: Kind::DeadLetter, count: 1, place, cause })?;
                report.count(&Fate::Dead(dead));
            }
            // A record without a task has no home here.
            Routed::Event { .. } | Routed::Message { .. } => {}
        }
    }
    Ok(())
}

/// Enters the dead letters that there are.
fn find_dead(setup: &Setup<'_>, log: &mut dyn Log, ledger: &mut Ledger) -> Result<(), Error> {
    let topic = &setup.outputs.dead_letter;
    for partition in 0..log.partition_count(topic)? {
        let mut records = Ahead::new(log.open(topic, partition)?);
        if records.low() > 0 {
            return Err(Error::NotPossible(format!(
                "{topic}/{partition} begins at offset {}: dead letters before it were deleted; keep them as long as the \
                 inputs",
                records.low()
            )));
        }
        while let Some(record) = records.take()? {
            let (place, cause, print) = prints::found_dead(setup, &record);
            let Some(place) = place else {
                let text = format!("dead letter {topic}/{partition} offset {} names no input of ours", record.offset);
                return Err(Difference::new(Check::DeadLetters, partition, text).into());
            };
            let is_aligned = setup.topology.is_aligned(InputId(place.input));
            if setup.is_whole() || is_aligned && setup.judges(Partition(place.partition)) {
                let entry = Entry { kind: Kind::DeadLetter, count: -1, place, cause: cause.unwrap_or(u8::MAX) };
                ledger.add(print, entry)?;
            }
        }
    }
    Ok(())
}

/// A record that had to be sent on may have become a dead letter instead where its time was ahead of system time.
fn forgive_clocks(setup: &Setup<'_>, left: &mut Vec<Entry>) {
    let future = prints::cause_number(DeadCause::FromTheFuture);
    let is_stateless = |entry: &Entry| {
        let input = entry.place.input;
        input != u16::MAX && !setup.topology.is_aligned(InputId(input))
    };
    let died: Vec<Place> = left
        .iter()
        .filter(|entry| {
            entry.kind == Kind::DeadLetter && entry.count == -1 && entry.cause == future && is_stateless(entry)
        })
        .map(|entry| entry.place)
        .collect();
    let sent: Vec<Place> = left
        .iter()
        .filter(|entry| entry.count == 1 && is_stateless(entry) && died.contains(&entry.place))
        .map(|entry| entry.place)
        .collect();
    left.retain(|entry| !sent.contains(&entry.place));
}

fn in_words(setup: &Setup<'_>, entry: &Entry) -> Difference {
    let Place { input, partition, offset } = entry.place;
    let record = match input {
        u16::MAX => format!("a message that a step of partition {partition} sends"),
        input => format!("record {}/{partition} offset {offset}", setup.topology.input(InputId(input)).topic),
    };
    let intake = &setup.topology.input(InputId::INTAKE).topic;
    let dead_letter = &setup.outputs.dead_letter;
    let cause = DeadCause::ALL.get(usize::from(entry.cause)).map_or("unknown", |cause| cause.as_str());
    let (check, text) = match (entry.kind, entry.count > 0) {
        (Kind::Forward, true) if input == u16::MAX => (Check::Forwards, format!("{record} is not in {intake}")),
        (Kind::Forward, true) => {
            (Check::Forwards, format!("{record} had to be forwarded to its lead's home, but is not in {intake}"))
        }
        (Kind::Forward, false) => (Check::Forwards, format!("{record} was sent by nobody, or twice")),
        (Kind::DeadLetter, true) => {
            (Check::DeadLetters, format!("{record} had to become a dead letter ({cause}), but is not in {dead_letter}"))
        }
        (Kind::DeadLetter, false) => (
            Check::DeadLetters,
            format!("{record} stands in {dead_letter} ({cause}), but did not have to, or stands there twice"),
        ),
        (Kind::Decision, _) => {
            let ready = &setup.outputs.ready;
            (
                Check::Twice,
                format!("the decision at {ready}/{partition} offset {offset} was made {} times", entry.count),
            )
        }
    };
    Difference::new(check, partition, text)
}
