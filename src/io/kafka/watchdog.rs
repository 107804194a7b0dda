//! Ends the process when one transactional call hangs: librdkafka's calls may outlast their own timeouts, and a worker
//! that waits for ever blocks its partitions. A restart is safe at any moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often it looks. Time is counted in looks, not by a clock: a process that was stopped and goes on is not stuck.
const LOOK: Duration = Duration::from_millis(250);
/// A call that was seen so often running has hung.
const LOOKS_MAX: u32 = 60;

/// Watches the calls of one producer.
#[derive(Debug)]
pub(super) struct Watchdog {
    /// Odd while a call runs; grows by one at each begin and each end.
    calls: Arc<AtomicU64>,
}

impl Watchdog {
    pub(super) fn start(name: String) -> Watchdog {
        let calls = Arc::new(AtomicU64::new(0));
        let watched = Arc::downgrade(&calls);
        std::thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || watch(&watched, &name))
            .expect("a thread can be started while the process starts");
        Watchdog { calls }
    }

    /// Runs one call under watch.
    pub(super) fn watched<T>(&self, call: impl FnOnce() -> T) -> T {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let result = call();
        self.calls.fetch_add(1, Ordering::Relaxed);
        result
    }
}

fn watch(calls: &Weak<AtomicU64>, name: &str) {
    let mut stuck = Stuck::default();
    while let Some(calls) = calls.upgrade() {
        if stuck.look(calls.load(Ordering::Relaxed)) {
            tracing::error!(producer = name, "a transactional call hangs: ending the process, a restart is safe");
            std::process::abort();
        }
        drop(calls);
        std::thread::sleep(LOOK);
    }
}

/// Counts how often the same call was seen running.
#[derive(Debug, Default)]
struct Stuck {
    seen: u64,
    looks: u32,
}

impl Stuck {
    fn look(&mut self, calls: u64) -> bool {
        let running = calls % 2 == 1;
        self.looks = if running && calls == self.seen { self.looks + 1 } else { 0 };
        self.seen = calls;
        self.looks >= LOOKS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_and_the_same_call_can_be_stuck() {
        let looks = |calls: &mut dyn FnMut(u64) -> u64| {
            let mut stuck = Stuck::default();
            (0..1000).position(|n| stuck.look(calls(n)))
        };
        assert_eq!(looks(&mut |_| 1), Some(LOOKS_MAX as usize));
        assert_eq!(looks(&mut |_| 2), None, "no call runs");
        assert_eq!(looks(&mut |n| 2 * n + 1), None, "always another call");
    }
}
