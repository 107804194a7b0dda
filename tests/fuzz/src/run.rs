//! Every target in a process of its own, two side by side; what failed is printed, kept, and can be replayed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use crate::corpus;
use crate::targets::{self, TARGETS, Target};

/// As CI has cores.
const SIDE_BY_SIDE: usize = 2;
/// One input that takes longer is taken for one that never ends, s.
const INPUT_SECONDS_MAX: u32 = 60;
/// libFuzzer, its tables and the corpus, MiB; what targets may take is bound by `memory::Bound`.
const PROCESS_MIB_MAX: u32 = 1024;
/// Inputs up to this length are printed whole, bytes.
const PRINTED_BYTES_MAX: usize = 4096;

pub struct Options {
    target: Option<&'static Target>,
    seed: u32,
    /// For each target; none is its fixed count of executions.
    minutes: Option<u32>,
}

impl Options {
    pub fn parse(words: &[&str]) -> Result<Options, String> {
        let mut options = Options { target: None, seed: 1, minutes: None };
        for pair in words.chunks(2) {
            let [name, value] = pair else { return Err(crate::USAGE.to_owned()) };
            let number = || value.parse().map_err(|_| format!("{name}: found {value:?}; allowed: a whole number"));
            match *name {
                "--target" => options.target = Some(targets::named(value)?),
                "--seed" => options.seed = number()?,
                "--minutes" => options.minutes = Some(number()?),
                _ => return Err(crate::USAGE.to_owned()),
            }
        }
        Ok(options)
    }
}

/// What one target's process said of itself.
struct Outcome {
    name: &'static str,
    executions: u64,
    edges: u64,
    seconds: u64,
    failure: Option<String>,
}

pub fn run(options: &Options) -> Result<(), String> {
    let directory = std::env::temp_dir().join(format!("tsuikyaku-fuzz-{}", std::process::id()));
    let waiting: Mutex<Vec<&Target>> = Mutex::new(
        TARGETS.iter().rev().filter(|target| options.target.is_none_or(|only| only.name == target.name)).collect(),
    );
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(target) = { waiting.lock().expect("nobody panics while holding it").pop() } {
                    let outcome = run_one(target, options, &directory.join(target.name));
                    println!("{}", line(&outcome));
                    outcomes.lock().expect("nobody panics while holding it").push(outcome);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().expect("nobody panics while holding it");
    let _ = std::fs::remove_dir_all(&directory);
    let failed: Vec<String> = outcomes.iter().filter_map(|outcome| outcome.failure.clone()).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn line(outcome: &Outcome) -> String {
    let Outcome { name, executions, edges, seconds, failure } = outcome;
    let verdict = if failure.is_some() { "FAILED" } else { "holds" };
    format!("fuzz: {name:<12} {verdict} over {executions} inputs, {edges} edges of the code, {seconds} s")
}

fn run_one(target: &'static Target, options: &Options, directory: &Path) -> Outcome {
    let started = Instant::now();
    let said = child(target, options, directory).unwrap_or_else(|error| (false, error.to_string()));
    let (succeeded, text) = said;
    let is_guided = text.contains("inline 8-bit counters");
    let failure = match (succeeded, is_guided) {
        (true, true) => None,
        (true, false) => Some("it was compiled without counters: use make fuzz".to_owned()),
        (false, _) => Some(explain(target, &text, directory)),
    };
    Outcome {
        name: target.name,
        executions: number_behind(&text, "stat::number_of_executed_units:"),
        edges: number_behind(&text, " cov: "),
        seconds: started.elapsed().as_secs(),
        failure,
    }
}

/// Whether it ended well, and what it wrote.
fn child(target: &Target, options: &Options, directory: &Path) -> std::io::Result<(bool, String)> {
    let (found, log) = (directory.join("found"), directory.join("log"));
    std::fs::create_dir_all(&found)?;
    std::fs::write(directory.join("words"), crate::seeds::dictionary(target))?;
    let length = match options.minutes {
        None => format!("-runs={}", target.executions),
        Some(minutes) => format!("-max_total_time={}", minutes * 60),
    };
    let status = Command::new(std::env::current_exe()?)
        .args(["child", target.name, &length, &format!("-seed={}", options.seed)])
        .args([format!("-max_len={}", target.bytes_max), format!("-timeout={INPUT_SECONDS_MAX}")])
        .args([format!("-rss_limit_mb={PROCESS_MIB_MAX}"), format!("-artifact_prefix={}/", directory.display())])
        .args([format!("-dict={}", directory.join("words").display()), "-print_final_stats=1".to_owned()])
        .args([&found, &corpus().join(target.name)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log)?)
        .status()?;
    Ok((status.success(), String::from_utf8_lossy(&std::fs::read(&log)?).into_owned()))
}

/// The last number behind this mark.
fn number_behind(text: &str, mark: &str) -> u64 {
    let behind = text.rsplit_once(mark).map_or("", |(_, behind)| behind.trim_start());
    let digits = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
    behind[..digits].parse().unwrap_or(0)
}

/// Keeps the input that failed, and says all that is needed to look at it.
fn explain(target: &Target, text: &str, directory: &Path) -> String {
    let mut told = format!("{}: ", target.name);
    let panic = text.lines().skip_while(|line| !line.contains("panicked at")).take(4);
    let error = text.lines().filter(|line| line.contains("ERROR"));
    panic.chain(error).for_each(|line| writeln!(told, "{line}").expect("a text takes it"));
    let Some(input) = artifact(directory) else {
        return told + text;
    };
    let bytes = std::fs::read(&input).unwrap_or_default();
    let name = input.file_name().unwrap_or_default();
    let kept = corpus().join(target.name).join(name);
    let _ = std::fs::copy(&input, &kept);
    let shown: String = bytes.iter().take(PRINTED_BYTES_MAX).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > PRINTED_BYTES_MAX { "..." } else { "" };
    told + &format!(
        "the input, {} bytes: {shown}{more}\nkept as {}\nreplay it: make fuzz TARGET={} INPUT={}",
        bytes.len(),
        kept.display(),
        target.name,
        kept.display()
    )
}

/// The file that libFuzzer wrote of an input that failed.
fn artifact(directory: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    let kinds = ["crash-", "timeout-", "oom-", "leak-", "slow-unit-"];
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        kinds.iter().any(|kind| name.starts_with(kind))
    };
    files.into_iter().find(is_one)
}
