//! What the demo counts, and how it tells: a greeting, the status line, the summary.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Args;
use super::pipeline::Watched;
use super::ready::Ready;
use super::simulation::Simulation;
use super::texts::Lang;
use crate::runtime::ports::{Clock, OutTopic};

pub struct Report {
    lang: Lang,
    simulation: Simulation,
    state_dir: PathBuf,
    listen: SocketAddr,
    time_zone: TimeZone,
    began: Instant,
    began_events: i64,
    last_events: i64,
    positions: Vec<i64>,
    by_type: BTreeMap<String, u64>,
    by_lane: BTreeMap<String, u64>,
    unreadable_count: u64,
}

impl Report {
    pub fn new(watched: &Watched, simulation: &Simulation, args: &Args, time_zone: TimeZone) -> Report {
        let events = watched.log.inputs_appended_count();
        Report {
            lang: args.lang,
            simulation: simulation.clone(),
            state_dir: args.state_dir.clone(),
            listen: args.listen,
            time_zone,
            began: Instant::now(),
            began_events: events,
            last_events: events,
            positions: watched.ready_ends(),
            by_type: BTreeMap::new(),
            by_lane: BTreeMap::new(),
            unreadable_count: 0,
        }
    }

    /// Decisions that were committed since the last call, by their time.
    pub fn new_decisions(&mut self, watched: &Watched) -> Vec<Ready> {
        let mut found = Vec::new();
        let mut unreadable_count = 0;
        watched.log.read(OutTopic::Ready, &mut self.positions, &mut |_, entry| match serde_json::from_slice::<Ready>(
            entry.value.as_deref().unwrap_or_default(),
        ) {
            Ok(ready) => found.push(ready),
            Err(_) => unreadable_count += 1,
        });
        self.unreadable_count += unreadable_count;
        found.sort_by_key(|ready| ready.as_of); // stable: one lead's stay in order
        for ready in &found {
            *self.by_type.entry(ready.decision_type.clone()).or_default() += 1;
            if ready.decision_type == "ready" {
                *self.by_lane.entry(ready.lane.clone()).or_default() += 1;
            }
        }
        found
    }

    pub fn greeting(&self, watched: &Watched) -> String {
        let mut out = String::new();
        let (speed, dir) = (thousands(self.simulation.speed() as u64), self.state_dir.display());
        let what = match self.lang {
            Lang::En => format!(
                "{} simulated leads, {speed} × real time, seed {}",
                thousands(self.simulation.leads),
                self.simulation.seed
            ),
            Lang::Ja => format!(
                "仮想リード {}件、実時間の{speed}倍速、シード {}",
                thousands(self.simulation.leads),
                self.simulation.seed
            ),
        };
        let _ = writeln!(out, "{what}");
        if self.began_events > 0 {
            let (events, when) = (thousands(self.began_events as u64), self.moment(watched.clock.now_ms()));
            let _ = match self.lang {
                Lang::En => writeln!(out, "going on from {dir} at {when}, after {events} events"),
                Lang::Ja => writeln!(out, "{dir} から再開: {when}、{events}件のイベントの続き"),
            };
        }
        let _ = writeln!(out, "http://{}/metrics", self.listen);
        let _ = writeln!(out, "{}\n", self.lang.pick("Ctrl-C ends it", "Ctrl-C で終了"));
        out
    }

    pub fn status(&mut self, watched: &Watched, since: Duration) -> String {
        let events = watched.log.inputs_appended_count();
        let rate = (events - self.last_events) as f64 / since.as_secs_f64().max(1e-3);
        self.last_events = events;
        let (commits, seconds) = watched.metrics.turn.commits();
        let commit_ms = if commits > 0 { seconds / commits as f64 * 1e3 } else { 0.0 };
        let (when, lag) = (self.moment(watched.clock.now_ms()), watched.log.lag_records());
        let leads = thousands(leads_count(watched));
        let ready = thousands(self.by_type.get("ready").copied().unwrap_or(0));
        match self.lang {
            Lang::En => format!(
                "{when} │ {rate:.0} events/s │ lag {lag} │ {leads} leads │ commit {commit_ms:.1} ms │ {ready} to contact"
            ),
            Lang::Ja => format!(
                "{when} │ {rate:.0} 件/秒 │ 遅れ {lag} │ リード {leads} │ コミット {commit_ms:.1} ms │ 要連絡 {ready}"
            ),
        }
    }

    pub fn summary(&self, watched: &Watched) -> String {
        let mut out = String::from("\n");
        let events = watched.log.inputs_appended_count() - self.began_events;
        let elapsed = self.began.elapsed().as_secs_f64();
        let (events, leads) = (thousands(events.max(0) as u64), thousands(leads_count(watched)));
        let when = self.moment(watched.clock.now_ms());
        let _ = match self.lang {
            Lang::En => writeln!(out, "{events} events of {leads} leads in {elapsed:.1} s; simulated time is {when}"),
            Lang::Ja => writeln!(out, "{elapsed:.1}秒で {events}件のイベント、リード {leads}件; 仮想時刻 {when}"),
        };
        for (name, count) in &self.by_type {
            let _ = writeln!(out, "  {:>8}  {}", thousands(*count), self.lang.word(name));
        }
        let mut lanes: Vec<_> = self.by_lane.iter().collect();
        lanes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (lane, count) in lanes {
            let _ = writeln!(out, "  {:>8}    {}", thousands(*count), self.lang.word(lane));
        }
        if self.unreadable_count > 0 {
            let _ = writeln!(out, "  {:>8}  decisions that could not be read", thousands(self.unreadable_count));
        }
        let dir = self.state_dir.display();
        let _ = match self.lang {
            Lang::En => writeln!(out, "The same command goes on from {dir}; --fresh begins again."),
            Lang::Ja => writeln!(out, "同じコマンドで {dir} から再開します。--fresh で最初から。"),
        };
        out
    }

    fn moment(&self, at_ms: i64) -> String {
        let at = Timestamp::from_millisecond(at_ms).unwrap_or_default().to_zoned(self.time_zone.clone());
        at.strftime(self.lang.pick("%a %-d %b %Y %H:%M", "%Y/%-m/%-d %H:%M")).to_string()
    }
}

/// Leads in memory.
fn leads_count(watched: &Watched) -> u64 {
    u64::try_from(watched.metrics.storage.cached_leads()).unwrap_or(0)
}

/// Digits in groups of three.
fn thousands(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_digits() {
        for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(thousands(number), expected);
        }
    }
}
