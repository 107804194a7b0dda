//! The port for time: what it is, and how long things take. A simulation has a time of its own.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// System time, an input like any other; and the time that intervals are measured with.
pub trait Clock: Send + Sync {
    /// ms since the epoch, UTC.
    fn now_ms(&self) -> i64;

    /// Time since some fixed moment of this process. Never goes back, whatever `now_ms` does.
    fn uptime(&self) -> Duration {
        static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGUN.elapsed()
    }

    /// Returns when that much of `uptime` has passed.
    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
