//! What a process says when it dies of a bug: a panic goes into the log with its backtrace, and an abort (of the client
//! library, of RocksDB, of the allocator) says on which thread and from where.

use std::backtrace::Backtrace;

/// To be called once, when log lines are set up.
pub fn prepare() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let (at, backtrace) = (panic.location().map(ToString::to_string), Backtrace::force_capture());
        let text = panic.payload();
        let text = text.downcast_ref::<&str>().copied().or(text.downcast_ref::<String>().map(String::as_str));
        let said = text.unwrap_or("no text");
        tracing::error!(thread = thread.name(), at, %backtrace, "panic: {said}");
    }));
    aborts::prepare();
}

#[cfg(target_env = "gnu")]
mod aborts {
    use std::ffi::{c_int, c_void};

    const SIGABRT: c_int = 6;
    const SIG_DFL: usize = 0;
    const STANDARD_ERROR: c_int = 2;
    const FRAMES_MAX: usize = 64;
    /// A thread that dies while it holds a lock of the loader's must not hang here.
    const SECONDS_MAX: u32 = 5;

    // SAFETY: as glibc declares them
    unsafe extern "C" {
        fn signal(number: c_int, handler: usize) -> usize;
        fn alarm(seconds: u32) -> u32;
        fn write(file: c_int, bytes: *const c_void, count: usize) -> isize;
        fn backtrace(frames: *mut *mut c_void, count: c_int) -> c_int;
        fn backtrace_symbols_fd(frames: *const *mut c_void, count: c_int, file: c_int);
    }

    pub fn prepare() {
        let mut frame = std::ptr::null_mut();
        // SAFETY: room for one frame; the first call loads what later ones need, which a handler must not do
        unsafe { backtrace(&raw mut frame, 1) };
        // SAFETY: `tell` does only what a handler may do
        unsafe { signal(SIGABRT, tell as *const () as usize) };
    }

    /// Tells, and returns to `abort`, which ends the process.
    extern "C" fn tell(_: c_int) {
        const WORDS: &[u8] = b"tsuikyaku: aborted; the thread's calls, innermost first:\n";
        let mut frames = [std::ptr::null_mut(); FRAMES_MAX];
        // SAFETY: none of them allocates or locks but the loader's tables; `frames` has room for as many
        unsafe {
            signal(SIGABRT, SIG_DFL);
            alarm(SECONDS_MAX);
            write(STANDARD_ERROR, WORDS.as_ptr().cast(), WORDS.len());
            let count = backtrace(frames.as_mut_ptr(), FRAMES_MAX as c_int);
            backtrace_symbols_fd(frames.as_ptr(), count, STANDARD_ERROR);
        }
    }
}

#[cfg(not(target_env = "gnu"))]
mod aborts {
    pub fn prepare() {}
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use crate::io::telemetry::{self, LogFormat};

    const ROLE: &str = "TSUIKYAKU_TEST_LAST_WORDS";

    /// Dies as its parent asks; passes where there is none.
    #[test]
    fn role_that_dies() {
        let Ok(role) = std::env::var(ROLE) else { return };
        telemetry::start(LogFormat::Json, tracing::Level::INFO);
        super::prepare();
        assert!(role != "panic", "a broken invariant");
        std::process::abort();
    }

    #[test]
    fn whoever_dies_of_a_bug_says_where() {
        let check = |role: &str, words: &[&str]| {
            let mut program = Command::new(std::env::current_exe().unwrap());
            program.args(["--exact", "cli::last_words::tests::role_that_dies", "--nocapture"]).env(ROLE, role);
            let output = program.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && words.iter().all(|word| said.contains(word)), "{role}: {said}");
        };
        check(
            "panic",
            &["\"message\":\"panic: a broken invariant", "\"backtrace\":", "last_words.rs", "role_that_dies"],
        );
        check("abort", &["tsuikyaku: aborted", "abort+0x"]);
    }
}
