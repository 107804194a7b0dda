//! Plays stories (`tests/scripts/README.md`): events in, decisions out, readable by a sales manager.

pub mod event;
mod said;
mod time;

use std::collections::BTreeMap;

use tsuikyaku::runtime::single::{Output, SingleRun};
use tsuikyaku::scoring::headline::Headline;
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::state;

/// A story as far as it was played.
struct Player<'m> {
    model: &'m Model,
    run: SingleRun<'m>,
    restarts: Restarts,
    zone: time::Zone,
    line_ms: i64,
    event_count: u32,
    last_ready: BTreeMap<String, String>,
    found: Vec<String>,
    expected: Vec<String>,
    /// Headlines of what was found, and those that were told: its place among `expected`, language and text.
    headlines: Vec<Headline>,
    said: Vec<(usize, String)>,
    wrong: Vec<String>,
}

/// When the process ends and another goes on with the bytes that it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restarts {
    /// Where the story says so.
    AsTold,
    /// Before every event and every look at the clock, too: it must make no difference.
    Always,
}

/// Plays a story; what did not come out as told, line by line.
pub fn play(text: &str, restarts: Restarts, load: impl Fn(&str) -> Model) -> Result<(), String> {
    let mut lines = text.lines().map(|line| line.split('#').next().unwrap_or("").trim_end()).enumerate();
    let mut setting = |word: &str| -> Vec<String> {
        let (_, line) = lines.find(|(_, line)| !line.trim().is_empty()).expect("a story has a setting");
        let mut words = line.split_whitespace().map(String::from);
        assert_eq!(words.next().as_deref(), Some(word), "setting");
        words.collect()
    };
    let model = load(&setting("model")[0]);
    let start = setting("start");
    let zone = time::Zone::parse(&start[2]);
    let line_ms = zone.date_time(&start[0], &start[1]);
    let mut player = Player {
        model: &model,
        run: SingleRun::new(&model),
        restarts,
        zone,
        line_ms,
        event_count: 0,
        last_ready: BTreeMap::new(),
        found: Vec::new(),
        expected: Vec::new(),
        headlines: Vec::new(),
        said: Vec::new(),
        wrong: Vec::new(),
    };
    let mut told_at = String::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        if let Some(expected) = line.trim().strip_prefix("=>") {
            player.expected.push(expected.split_whitespace().collect::<Vec<_>>().join(" "));
            continue;
        }
        if line.trim().starts_with("en ") || line.trim().starts_with("ja ") {
            let place = player.expected.len().checked_sub(1).expect("a headline follows its decision");
            player.said.push((place, line.trim().to_string()));
            continue;
        }
        player.compare(&told_at);
        told_at = format!("{}: {}", number + 1, line.trim());
        player.line(line.trim());
    }
    player.compare(&told_at);
    if player.wrong.is_empty() { Ok(()) } else { Err(player.wrong.join("\n")) }
}

impl Player<'_> {
    /// One line but the `=>` ones.
    fn line(&mut self, line: &str) {
        if let Some(score) = line.strip_prefix("score ") {
            let mut words = score.split_whitespace();
            let view = self.run.view(words.next().expect("a lead"));
            let expected: Vec<&str> = words.collect();
            let found: Vec<String> = expected.iter().map(|field| said::score_field(field, &view)).collect();
            if expected != found {
                self.wrong.push(format!("{line}\n  found {}", found.join(" ")));
            }
            return;
        }
        let (at_ms, rest) = self.zone.time(line, self.line_ms);
        let (count, every_ms, rest) = time::repeated(rest);
        for turn in 0..count {
            self.line_ms = at_ms + i64::from(turn) * every_ms;
            self.happen(rest);
        }
    }

    fn happen(&mut self, what: &str) {
        let mut out = Vec::new();
        if what == "(restart)" || self.restarts == Restarts::Always {
            self.restart();
        }
        if matches!(what, "(clock)" | "(restart)") {
            self.run.advance(self.line_ms, &mut out);
        } else {
            self.event_count += 1;
            // Timers on the way may send the READY that the event speaks of.
            self.run.advance(self.line_ms, &mut out);
            self.note(&out);
            out.clear();
            let event = event::parse(what, self.line_ms, self.event_count, &self.last_ready);
            self.run.apply(&event, self.line_ms, &mut out);
        }
        self.note(&out);
    }

    /// All that goes on is what the state bytes say.
    fn restart(&mut self) {
        let kept = self.run.leads().map(|(lead_id, lead)| {
            let mut bytes = Vec::new();
            state::encode(lead, &mut bytes);
            (Box::from(lead_id), state::decode(&bytes).expect("our own bytes"))
        });
        self.run = SingleRun::resumed(self.model, self.run.clock_ms(), kept.collect::<Vec<_>>());
    }

    fn note(&mut self, out: &[Output]) {
        for output in out {
            if let Output::Decision(decision) = output
                && decision.reason.is_none()
            {
                self.last_ready.insert(decision.lead_id.to_string(), decision.decision_id.to_string());
            }
            if let Some(line) = said::line(output, &self.zone) {
                self.found.push(line);
                self.headlines.push(said::headline(output));
            }
        }
    }

    /// Holds what came out against what was told: of each line only the fields that were told.
    fn compare(&mut self, told_at: &str) {
        let (expected, found) = (std::mem::take(&mut self.expected), std::mem::take(&mut self.found));
        self.compare_headlines(told_at);
        let cut = |place: usize, line: &String| expected.get(place).map_or(line.clone(), |told| said::cut(line, told));
        let shown: Vec<String> = found.iter().enumerate().map(|(place, line)| cut(place, line)).collect();
        if shown == expected {
            return;
        }
        self.wrong.push(told_at.to_string());
        for place in 0..expected.len().max(found.len()) {
            let (told, came) = (expected.get(place), shown.get(place));
            let mark = if told == came { ' ' } else { '!' };
            let none = || "-".to_string();
            let (told, came) = (told.cloned().unwrap_or_else(none), came.cloned().unwrap_or_else(none));
            self.wrong.push(format!("{mark} expected {told}\n{mark} found    {came}"));
        }
    }

    /// Holds the headlines that were told against what came out at their place.
    fn compare_headlines(&mut self, told_at: &str) {
        let (said, headlines) = (std::mem::take(&mut self.said), std::mem::take(&mut self.headlines));
        for (place, told) in said {
            let by_tag = headlines.get(place).map(Headline::by_tag).unwrap_or_default();
            let found = by_tag.iter().map(|(tag, text)| format!("{tag} {text}"));
            if !found.clone().any(|found| found == told) {
                let found = found.filter(|found| found[..2] == told[..2]).collect::<String>();
                self.wrong.push(format!("{told_at}\n! expected {told}\n! found    {found}"));
            }
        }
    }
}
