//! Standard output shared by cards and a status line: redrawn at the bottom of a terminal, a line every few seconds
//! on standard error else, so that cards can be piped.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::paint::Paint;

const REDRAW: Duration = Duration::from_millis(250);
const REPEAT: Duration = Duration::from_secs(5);
/// Back to the first column, and clear to the end of the line.
const CLEAR: &str = "\r\x1b[K";
/// A status line that is too long ends at the edge of the terminal: wrapped, it could not be redrawn.
const WRAP_OFF: &str = "\x1b[?7l";
const WRAP_ON: &str = "\x1b[?7h";

pub struct Screen {
    is_terminal: bool,
    shown_at: Instant,
    status: String,
}

impl Screen {
    pub fn new() -> Screen {
        Screen { is_terminal: std::io::stdout().is_terminal(), shown_at: Instant::now(), status: String::new() }
    }

    pub fn paint(&self) -> Paint {
        Paint::for_terminal(self.is_terminal)
    }

    /// Shows lines above the status line. False when nobody reads any more (a closed pipe).
    pub fn print(&mut self, lines: &str) -> bool {
        let mut out = std::io::stdout().lock();
        let shown = if self.is_terminal {
            format!("{CLEAR}{lines}{WRAP_OFF}{}{WRAP_ON}", self.status)
        } else {
            lines.to_owned()
        };
        out.write_all(shown.as_bytes()).and_then(|()| out.flush()).is_ok()
    }

    /// Shows the status that `make` writes, when it is time for a new one.
    pub fn status(&mut self, make: impl FnOnce(Duration) -> String) {
        let interval = if self.is_terminal { REDRAW } else { REPEAT };
        let since = self.shown_at.elapsed();
        if since < interval {
            return;
        }
        self.shown_at = Instant::now();
        self.status = make(since);
        if self.is_terminal {
            self.print("");
        } else {
            eprintln!("{}", self.status);
        }
    }

    /// Removes the status line for good.
    pub fn end(&mut self) {
        self.status.clear();
        if self.is_terminal {
            self.print("");
        }
    }
}
