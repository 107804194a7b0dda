//! The report as a person reads it: what was replayed, whether it can be trusted, what the new model would change.

use std::fmt::Write;

use super::report::{AgainstSent, Report, Summary};
use super::time::shown;
use crate::runtime::differences::{Differences, SHIFT_EDGES, Shifts, ThenNow};
use crate::runtime::replay::Order;
use crate::scoring::decision::DecisionType;
use crate::wire::told::Told;

/// Greatest class's bar, columns.
const BAR: u64 = 40;

/// Named one by one: at most `list_max` of each list.
pub fn of(report: &Report, list_max: usize) -> String {
    let mut out = String::new();
    let end_ms = report.first().and_then(|replayed| replayed.end_ms());
    put(&mut out, &head(report, end_ms));
    if report.first().is_none_or(|replayed| replayed.record_count == 0) {
        return out + "           nothing to replay: look at --since, --until, and whether the topics hold anything\n";
    }
    if let Some(against) = &report.against_sent {
        let old = report.old.as_ref().map(|old| old.model.as_str()).unwrap_or_default();
        put(&mut out, &format!("\n{old}, replayed, against what was sent\n"));
        put(&mut out, &fidelity(against, report.begins_empty()));
        if !against.differences.is_none() {
            put(&mut out, &tables(&against.differences, ("sent", "replayed")));
            put(&mut out, &lists(&against.differences, list_max));
        }
    }
    match (&report.against_model, &report.old, &report.new) {
        (Some((differences, shifts)), Some(old), Some(new)) => {
            let exact = report.against_sent.as_ref().is_some_and(|against| against.differences.is_none());
            let as_sent = if exact { ", which is what was sent" } else { "" };
            put(&mut out, &format!("\n{}\n  against {}{as_sent}\n", new.model, old.model));
            put(&mut out, &effect(differences, old, new));
            put(&mut out, &tables(differences, ("then", "now")));
            put(&mut out, &lists(differences, list_max));
            put(&mut out, &histogram(shifts, end_ms));
        }
        (None, None, Some(new)) => {
            let count = count(new.decision_count, "decision");
            put(
                &mut out,
                &format!("\n{}: {count}; --against MODEL.toml compares them with another model's\n", new.model),
            );
        }
        _ => {
            put(&mut out, "\nNothing was sent by this. --model NEW.toml shows what another model would have changed.\n")
        }
    }
    out
}

fn put(out: &mut String, text: &str) {
    out.push_str(text);
}

fn head(report: &Report, end_ms: Option<i64>) -> String {
    let range = &report.range;
    let Some(first) = report.first() else { return String::new() };
    let from = match range.since {
        Some(since) => shown(since),
        None => "all that there is".to_owned(),
    };
    let mut out = format!("Replay of {}\n  range    {from}", range.source);
    if let Some(end_ms) = end_ms {
        let _ = write!(out, " to {} UTC", shown(end_ms));
    }
    if let Some(since) = range.compare_since {
        let _ = write!(out, "\n  compared decisions from {} on", shown(since));
    }
    let (records, leads) = (count(first.record_count, "record"), count(first.readiness.len() as u64, "lead"));
    let _ = writeln!(out, "\n  read     {records}, {leads}, {}", count(first.dead_letter_count as u64, "dead letter"));
    let order = match (first.order, first.transaction_count) {
        (Order::Manifests, transactions) => {
            format!("as the records were taken then, by the manifests of {}", count(transactions, "transaction"))
        }
        (Order::Canonical, _) => "by append time".to_owned(),
    };
    let _ = writeln!(out, "  order    {order}");
    if let Some(until_ms) = first.gaps_ms.values().max() {
        let partitions = count(first.gaps_ms.len() as u64, "partition");
        let until = shown(*until_ms);
        let _ = writeln!(
            out,
            "           {partitions} by append time until {until} at the latest: older manifests are compacted away"
        );
    }
    if first.merges_as_logged_count > 0 && report.new.is_some() {
        let merges = count(first.merges_as_logged_count, "lead");
        let _ =
            writeln!(out, "  merged   {merges} came from before the range, with facts as the model of then saw them");
    }
    out + &state(report)
}

fn state(report: &Report) -> String {
    if report.range.source.is_empty() || !report.begins_empty() {
        return "  state    complete: the range begins with the first record\n".to_owned();
    }
    let mut out = "  state    EMPTY at the beginning: what leads did before is not known here. Scores come out too low, and\n           \
                   decisions differ from those that were sent, until leads have been active for some weeks\n"
        .to_owned();
    for (topic, missing) in &report.range.missing {
        let _ = writeln!(
            out,
            "           {topic}: {} before it are missing: left out by --since, or gone by retention",
            count(missing.unsigned_abs(), "record")
        );
    }
    out
}

fn fidelity(against: &AgainstSent, begins_empty: bool) -> String {
    let Differences { count: both, same_count, .. } = &against.differences;
    let mut out = format!(
        "  {}, {} replayed, {} the same byte for byte\n",
        count(both.then, "decision") + " sent",
        number(both.now),
        number(*same_count)
    );
    let verdict = match (against.differences.is_none(), begins_empty) {
        (true, _) => "exact: the replay repeats what was sent",
        (false, true) => "not exact; the missing history alone makes differences",
        (false, false) => "not exact: another model, program version or order of records decided then",
    };
    let _ = writeln!(out, "  {verdict}");
    let notes = [
        (against.other_model_count, "sent by another model or version than this file: --against names its file"),
        (against.unreadable_count, "of the topic cannot be read: another version, or another format than configured"),
        (
            against.first_gone_count,
            "no longer held by the topic, so not compared (offsets, transaction markers included)",
        ),
    ];
    for (found, what) in notes.iter().filter(|(found, _)| *found > 0) {
        let _ = writeln!(out, "  {} {what}", number(*found));
    }
    out
}

fn effect(differences: &Differences, old: &Summary, new: &Summary) -> String {
    let Differences { gained, lost, moved, other_channel, other_advice, .. } = differences;
    let is_ready = |told: &&Told| told.decision_type == DecisionType::Ready;
    let ready = |all: &[Told]| all.iter().filter(is_ready).count() as u64;
    let leads = |all: &[Told]| {
        let ids: std::collections::BTreeSet<&str> = all.iter().filter(is_ready).map(|told| &*told.lead_id).collect();
        count(ids.len() as u64, "lead")
    };
    if old.hash == new.hash {
        return "  the two models are the same\n".to_owned();
    }
    let is_same_version = (&old.name, &old.version) == (&new.name, &new.version);
    let refused =
        if is_same_version { "  raise its version: a processor refuses another file of the same\n" } else { "" };
    let sizes = [moved.len(), other_channel.len(), other_advice.len()].map(|size| number(size as u64));
    format!(
        "{refused}  READY gained {} ({}), lost {} ({}); decisions at another time {}, by another channel {}, with other advice {}\n",
        number(ready(gained)),
        leads(gained),
        number(ready(lost)),
        leads(lost),
        sizes[0],
        sizes[1],
        sizes[2]
    )
}

fn tables(differences: &Differences, (then, now): (&str, &str)) -> String {
    let mut rows: Vec<(String, ThenNow)> = vec![("all decisions".to_owned(), differences.count)];
    rows.extend(differences.ready_by_lane.iter().map(|(lane, both)| (format!("READY {}", lane.as_str()), *both)));
    rows.extend(differences.ready_by_channel.iter().map(|(channel, both)| (format!("READY by {channel}"), *both)));
    rows.extend(
        differences
            .by_reason
            .iter()
            .map(|((kind, reason), both)| (format!("{} {}", kind.as_str().to_uppercase(), reason.as_str()), *both)),
    );
    let mut out = format!("\n  {:<28}{then:>10}{now:>10}\n", "");
    for (name, both) in rows {
        let change = i128::from(both.now) - i128::from(both.then);
        let change = if change == 0 { String::new() } else { format!("{change:>+10}") };
        let _ = writeln!(out, "  {name:<28}{:>10}{:>10}{change}", number(both.then), number(both.now));
    }
    out
}

fn lists(differences: &Differences, list_max: usize) -> String {
    let mut out = String::new();
    let one = |told: &Told| line(told);
    list(&mut out, "gained", '+', &differences.gained, list_max, one);
    list(&mut out, "lost", '-', &differences.lost, list_max, one);
    list(&mut out, "at another time", '~', &differences.moved, list_max, |(then, now)| {
        format!("{}  now {}", line(then), shown(now.as_of_ms))
    });
    list(&mut out, "by another channel", '~', &differences.other_channel, list_max, |(then, now)| {
        format!("{}  now {}", line(then), now.channel.map_or("none", |channel| channel.as_str()))
    });
    list(
        &mut out,
        "with another due time, window, content, consent or owner",
        '~',
        &differences.other_advice,
        list_max,
        |(then, _)| line(then),
    );
    out
}

fn list<T>(out: &mut String, title: &str, sign: char, all: &[T], list_max: usize, line: impl Fn(&T) -> String) {
    if all.is_empty() || list_max == 0 {
        return;
    }
    let _ = writeln!(out, "\n  {title}: {}", number(all.len() as u64));
    for one in all.iter().take(list_max) {
        let _ = writeln!(out, "  {sign} {}", line(one));
    }
    if all.len() > list_max {
        let _ = writeln!(
            out,
            "    and {} more: --list-max {}, or --format json",
            number((all.len() - list_max) as u64),
            all.len()
        );
    }
}

fn line(told: &Told) -> String {
    let kind = match told.reason {
        Some(reason) => format!("{} {}", told.decision_type.as_str().to_uppercase(), reason.as_str()),
        None => told.decision_type.as_str().to_uppercase(),
    };
    let channel = told.channel.map_or("none", |channel| channel.as_str());
    let (lead, lane) = (&told.lead_id, told.lane.as_str());
    format!("{}  {kind}  {lane}  {lead}  by {channel}  {}", shown(told.as_of_ms), told.decision_id)
}

fn histogram(shifts: &Shifts, end_ms: Option<i64>) -> String {
    let most = shifts.counts.iter().copied().max().unwrap_or(0).max(1);
    let end = end_ms.map(|end_ms| format!(", at {} UTC", shown(end_ms))).unwrap_or_default();
    let leads = count(shifts.counts.iter().sum(), "lead");
    let mut out = format!("\n  Readiness of {leads}{end}: new model minus old, points; mean {:+.1}\n", shifts.mean);
    for (at, found) in shifts.counts.iter().enumerate() {
        let edge = |at: usize| SHIFT_EDGES.get(at).copied().unwrap_or(0.0);
        let name = match at {
            0 => format!("{:+} or less", edge(0)),
            at if at == SHIFT_EDGES.len() => format!("{:+} or more", edge(at - 1)),
            at if edge(at - 1) < 0.0 && edge(at) > 0.0 => "about the same".to_owned(),
            at => format!("{:+} to {:+}", edge(at - 1), edge(at)),
        };
        let length = if *found == 0 { 0 } else { (found * BAR / most).max(1) };
        let _ = writeln!(out, "  {name:<16}{:>10}  {}", number(*found), "█".repeat(length as usize));
    }
    for (id, then, now) in &shifts.greatest {
        let _ = writeln!(out, "  {id}: {then:.1} → {now:.1}");
    }
    out
}

fn count(found: u64, noun: &str) -> String {
    let plural = if found == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(found))
}

/// With commas between thousands.
fn number(found: u64) -> String {
    indicatif::HumanCount(found).to_string()
}
