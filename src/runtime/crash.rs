//! Places at which a test kills the process, as if the power went: `TSUIKYAKU_CRASH_POINT` names one of `POINTS`,
//! `TSUIKYAKU_CRASH_AFTER` how often it is passed before. A simulation, for which a process is a value, is asked instead
//! (`ask`) and unwinds. Only where debug assertions are compiled in; a release has none.

/// All places, in the order of the loop.
pub const POINTS: [&str; 24] = [
    "poll.changed",
    "poll.polled",
    "process.prefetched",
    "process.processed",
    "process.stepped",
    "commit.begun",
    "commit.sending",
    "commit.sent",
    "commit.drained",
    "commit.offsets",
    "commit.ended",
    "commit.applied",
    "persist.begun",
    "persist.written",
    "restore.begun",
    "restore.read",
    "restore.written",
    "restore.started",
    "change.lost",
    "rewind.forgotten",
    "rewind.polled",
    "rewind.rebuilt",
    "settle.committed",
    "settle.persisted",
];

/// Passes a place, or ends here.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_: &'static str) {}

/// Passes a place, or ends here.
#[cfg(debug_assertions)]
pub fn point(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI64, Ordering};
    static AT: OnceLock<Option<(String, AtomicI64)>> = OnceLock::new();
    debug_assert!(POINTS.contains(&name), "{name} is listed");
    if let Some(asked) = ASKED.get() {
        return asked(name);
    }
    let at = AT.get_or_init(|| {
        let name = std::env::var("TSUIKYAKU_CRASH_POINT").ok()?;
        let passed = std::env::var("TSUIKYAKU_CRASH_AFTER").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        Some((name, AtomicI64::new(passed)))
    });
    if let Some((chosen, left)) = at
        && chosen == name
        && left.fetch_sub(1, Ordering::Relaxed) == 0
    {
        kill();
    }
}

#[cfg(debug_assertions)]
thread_local! {
    static ASKED: std::cell::Cell<Option<fn(&'static str)>> = const { std::cell::Cell::new(None) };
}

/// From now on `asked` hears of every place that this thread passes; it ends a simulated process by unwinding.
#[cfg(debug_assertions)]
pub fn ask(asked: fn(&'static str)) {
    ASKED.set(Some(asked));
}

/// SIGKILL to ourselves: no destructor, no flush, no goodbye to the group.
#[cfg(debug_assertions)]
fn kill() -> ! {
    const SIGKILL: i32 = 9;
    unsafe extern "C" {
        fn raise(signal: i32) -> i32;
    }
    // SAFETY: libc's `raise` takes any number
    unsafe { raise(SIGKILL) };
    unreachable!("nothing survives SIGKILL")
}
