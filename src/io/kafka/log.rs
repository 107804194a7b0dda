//! librdkafka's own log lines and errors, bridged to tracing. A broker that is away makes it write 15 lines a second:
//! so many a second pass, the rest is counted.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

/// Lines that pass in each `SPAN`.
const LINES_MAX: u32 = 5;
const SPAN: Duration = Duration::from_secs(10);

/// Lets a few lines of each span pass.
#[derive(Debug)]
struct Budget {
    since: Instant,
    passed: u32,
    suppressed: u32,
}

/// What to do with a line.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Print it; so many were suppressed before it.
    Print {
        suppressed: u32,
    },
    Suppress,
}

impl Budget {
    fn ask(&mut self, now: Instant) -> Verdict {
        let mut suppressed = 0;
        if now.duration_since(self.since) >= SPAN {
            suppressed = std::mem::take(&mut self.suppressed);
            self.since = now;
            self.passed = 0;
        }
        if self.passed < LINES_MAX {
            self.passed += 1;
            return Verdict::Print { suppressed };
        }
        self.suppressed += 1;
        Verdict::Suppress
    }
}

/// A client context that only logs; other contexts hold one.
#[derive(Debug)]
pub(super) struct Log {
    client: String,
    budget: Mutex<Budget>,
}

impl Log {
    pub(super) fn new(client: impl Into<String>) -> Log {
        Log { client: client.into(), budget: Mutex::new(Budget { since: Instant::now(), passed: 0, suppressed: 0 }) }
    }

    pub(super) fn line(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        use RDKafkaLogLevel::{Debug, Info, Notice};
        let client = self.client.as_str();
        if matches!(level, Notice | Info | Debug) {
            tracing::debug!(client, facility, "{text}");
        } else if let Some(suppressed) = self.pass() {
            tracing::warn!(client, facility, suppressed, "{text}");
        }
    }

    pub(super) fn failure(&self, error: &KafkaError, reason: &str) {
        if let Some(suppressed) = self.pass() {
            tracing::warn!(client = self.client, suppressed, "{error}: {reason}");
        }
    }

    fn pass(&self) -> Option<u32> {
        let mut budget = self.budget.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match budget.ask(Instant::now()) {
            Verdict::Print { suppressed } => Some(suppressed),
            Verdict::Suppress => None,
        }
    }
}

impl ClientContext for Log {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.failure(&error, reason);
    }
}

impl rdkafka::consumer::ConsumerContext for Log {}

/// For a producer that sends nothing.
impl rdkafka::producer::ProducerContext for Log {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &rdkafka::message::DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_lines_pass_and_the_rest_is_counted() {
        let start = Instant::now();
        let mut budget = Budget { since: start, passed: 0, suppressed: 0 };
        let printed = (0..20).filter(|_| budget.ask(start) != Verdict::Suppress).count();
        assert_eq!(printed, LINES_MAX as usize);
        assert_eq!(budget.ask(start + SPAN), Verdict::Print { suppressed: 15 });
        assert_eq!(budget.ask(start + SPAN), Verdict::Print { suppressed: 0 });
    }
}
