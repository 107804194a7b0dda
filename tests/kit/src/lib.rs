//! A real Kafka broker and the program itself, as fixtures of tests and benches.
//!
//! A crate of its own, so that every test and bench shares it. What it starts ends with the process that started it,
//! also when that one is killed. Java 17 and Maven are needed; where they are missing the tests fail and say so.

pub mod acl;
pub mod audit;
pub mod broker;
pub mod disk;
pub mod log;
pub mod pipeline;
pub mod process;
pub mod proxy;
mod spawn;
pub mod topics;

use std::time::{Duration, Instant};

/// Waits until `condition` gives a value.
///
/// # Panics
/// After `deadline`, naming what was waited for.
pub fn wait_for<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + deadline;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < until, "waited {deadline:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The number behind an argument of this program, as in `--events 1000`.
///
/// # Panics
/// Where something else stands behind it, or nothing.
pub fn number(name: &str, default: u64) -> u64 {
    let mut given = std::env::args().skip_while(|argument| argument != name);
    if given.next().is_none() {
        return default;
    }
    let value = given.next().unwrap_or_default();
    value.parse().unwrap_or_else(|_| panic!("{name} needs a whole number, not `{value}`"))
}
