//! Shows decisions and the status line while the pipeline runs, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Args;
use super::card::Cards;
use super::pipeline::{Pipeline, Watched};
use super::report::Report;
use super::screen::Screen;
use super::simulation::Simulation;

/// How long to wait for a change of the log before the status line is looked after.
const GLANCE: Duration = Duration::from_millis(100);

pub struct Display {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Display {
    pub fn start(pipeline: &Pipeline, simulation: &Simulation, args: &Args, cards: Cards) -> Display {
        let screen = Screen::new();
        let watched = pipeline.watched();
        let report = Report::new(&watched, simulation, args, cards.time_zone.clone());
        let cards = Cards { paint: screen.paint(), ..cards };
        let ended = Arc::new(AtomicBool::new(false));
        let mut shown = Shown { watched, report, cards, screen };
        let thread = std::thread::spawn({
            let ended = ended.clone();
            move || shown.run(&ended)
        });
        Display { ended, thread }
    }

    /// Shows what is left, and the summary.
    pub fn end(self) {
        self.ended.store(true, Ordering::Release);
        if self.thread.join().is_err() {
            eprintln!("tsuikyaku: the display failed; the pipeline did not");
        }
    }
}

struct Shown {
    watched: Watched,
    report: Report,
    cards: Cards,
    screen: Screen,
}

impl Shown {
    fn run(&mut self, ended: &AtomicBool) {
        self.screen.print(&self.report.greeting(&self.watched));
        while !ended.load(Ordering::Acquire) {
            self.watched.log.wait_for_change(GLANCE);
            self.show_new();
            self.screen.status(|since| self.report.status(&self.watched, since));
        }
        self.show_new();
        self.screen.end();
        let summary = self.report.summary(&self.watched);
        self.screen.print(&summary);
    }

    fn show_new(&mut self) {
        for decision in self.report.new_decisions(&self.watched) {
            if !self.screen.print(&self.cards.render(&decision)) {
                return self.watched.stop.request(); // nobody reads any more
            }
        }
    }
}
