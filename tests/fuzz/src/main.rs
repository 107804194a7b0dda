//! Bad input by machine: hostile bytes for everything in the program that reads bytes.
//!
//! LLVM's libFuzzer mutates a corpus and keeps what reaches new code; our own crates are compiled with its counters
//! (`instrument.sh`), on stable Rust. What must hold is said by the targets: no panic, memory within a bound of the
//! input's length, and what was read is the same when it is written and read again.
//!
//! Without a time the run is as long as each target's fixed count of executions, from one seed: the same every time.

mod engine;
mod memory;
mod run;
mod seeds;
mod targets;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

const USAGE: &str = "usage: fuzz run [--target NAME] [--seed N] [--minutes N] | fuzz replay NAME FILE | fuzz seeds";

/// Where inputs are kept: a directory for each target.
fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn main() -> ExitCode {
    // As the program does: whatever decodes anything before would fix the library's own limit for the whole process.
    tsuikyaku::wire::limits::limit_allocations();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["run", options @ ..] => run::Options::parse(options).and_then(|options| run::run(&options)),
        ["replay", name, file] => replay(name, Path::new(file)),
        ["seeds"] => seeds::write(&corpus()),
        ["child", name, options @ ..] => targets::named(name).map(|target| {
            warm_up(target);
            engine::drive(target, options)
        }),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("fuzz: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// What is made once is made; from here on memory is bound.
fn warm_up(target: &targets::Target) {
    seeds::of(target).iter().for_each(|(_, seed)| (target.run)(seed));
    memory::arm();
}

/// Gives one input to its target: a panic says what is wrong with it.
fn replay(name: &str, file: &Path) -> Result<(), String> {
    let input = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let target = targets::named(name)?;
    warm_up(target);
    (target.run)(&input);
    println!("fuzz: {name} holds for {}", file.display());
    Ok(())
}
