//! Rules of the house that a machine can check, each with its reason. Reads the sources as text.

use std::path::{Path, PathBuf};

use tsuikyaku::config::keys;
use tsuikyaku::runtime::metrics::Metrics;

/// A source file, with what is compiled into the program apart from what only tests see.
struct Source {
    /// From the repository's root, with `/`.
    path: String,
    text: String,
    /// Compiled for tests only, as a whole.
    is_test: bool,
}

impl Source {
    fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or_default();
        inside.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Lines up to the tests at the bottom; none of files that are tests as a whole.
    fn production(&self) -> Vec<&str> {
        if self.is_test {
            return Vec::new();
        }
        let lines: Vec<&str> = self.text.lines().collect();
        let is_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].contains("mod tests");
        let end = lines.windows(2).position(is_tests).unwrap_or(lines.len());
        lines[..end].to_vec()
    }

    /// Production lines without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let code = |line: &str| line.find("//").map_or(line.len(), |at| at);
        let lines = self.production().into_iter().map(move |line| &line[..code(line)]);
        (1..).zip(lines.collect::<Vec<_>>())
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(directory: &str, extensions: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut pending = vec![root().join(directory)];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory).expect("the repository can be read") {
            let path = entry.expect("the repository can be read").path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|found| extensions.iter().any(|extension| found == *extension)) {
                let text = std::fs::read_to_string(&path).expect("sources are UTF-8");
                let path = path.strip_prefix(root()).expect("it is in the repository").display().to_string();
                found.push(Source { path, text, is_test: false });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let test_modules: Vec<String> = found.iter().flat_map(test_modules).collect();
    for source in &mut found {
        source.is_test = test_modules.iter().any(|module| source.path.starts_with(module.as_str()));
    }
    found
}

/// How the paths of a file's modules that are for tests only begin.
fn test_modules(source: &Source) -> Vec<String> {
    let directory = source.path.trim_end_matches("mod.rs").trim_end_matches("lib.rs").trim_end_matches(".rs");
    let directory = directory.trim_end_matches('/');
    let lines: Vec<&str> = source.text.lines().collect();
    let declared = lines.windows(2).filter(|pair| pair[0].trim() == "#[cfg(test)]");
    let name = |pair: &[&str]| Some(pair[1].strip_suffix(';')?.split_once("mod ")?.1.to_owned());
    let names = declared.filter_map(name);
    names.flat_map(|name| [format!("{directory}/{name}.rs"), format!("{directory}/{name}/")]).collect()
}

fn none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n{}", broken.join("\n"));
}

/// From the pure core outwards; a room may use those before it and itself.
const ROOMS: [&[&str]; 8] =
    [&["scoring"], &["wire"], &["runtime"], &["audit"], &["io"], &["config", "traffic"], &["app"], &["cli"]];

#[test]
fn imports_go_one_way() {
    let rank = |room: &str| ROOMS.iter().position(|rooms| rooms.contains(&room));
    let mut broken = Vec::new();
    for source in sources("src", &["rs"]) {
        let Some(own) = rank(source.room()) else { continue };
        for (line, code) in source.code() {
            for used in code.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let is_peer = used == source.room();
                if rank(&used).is_some_and(|rank| rank > own || rank == own && !is_peer) {
                    broken.push(format!("{}:{line}: {} uses {used}", source.path, source.room()));
                }
            }
        }
    }
    none(
        "imports go main -> cli -> app -> io -> runtime -> wire -> scoring, so that each room can be read alone:",
        &broken,
    );
}

#[test]
fn scoring_is_pure() {
    let forbidden = [
        ("std::time", "time is an argument"),
        ("SystemTime", "time is an argument"),
        ("Instant::now", "time is an argument"),
        ("HashMap", "its order differs from run to run"),
        ("HashSet", "its order differs from run to run"),
        ("std::fs", "the core reads no files"),
        ("std::env", "the core reads no environment"),
        ("rdkafka", "the core knows no log"),
        ("rocksdb", "the core knows no disk"),
        ("tokio", "the core is not async"),
        ("println!", "the core returns what is to be said"),
        (".exp()", "libm gives the same bits on every platform"),
        (".exp2()", "libm gives the same bits on every platform"),
        (".powf(", "libm gives the same bits on every platform"),
        (".ln()", "libm gives the same bits on every platform"),
    ];
    let mut broken = Vec::new();
    for source in sources("src/scoring", &["rs"]) {
        for (line, code) in source.code() {
            for (word, reason) in forbidden.iter().filter(|(word, _)| code.contains(word)) {
                broken.push(format!("{}:{line}: {word}: {reason}", source.path));
            }
        }
    }
    none("two runs over the same log decide the same, byte for byte:", &broken);
}

/// Longest production part of a file, lines.
const FILE_LINES_MAX: usize = 500;
/// Longest function, lines.
const FUNCTION_LINES_MAX: usize = 70;
/// What is longer, and why it stays so.
const LONG: [(&str, &str); 0] = [];

#[test]
fn files_and_functions_are_short() {
    let mut broken = Vec::new();
    for source in sources("src", &["rs"]) {
        let lines = source.production();
        if lines.len() > FILE_LINES_MAX {
            broken.push(format!("{}: {} lines", source.path, lines.len()));
        }
        for (name, first, length) in functions(&lines) {
            let is_excused = LONG.iter().any(|(excused, _)| *excused == format!("{}:{name}", source.path));
            if length > FUNCTION_LINES_MAX && !is_excused {
                broken.push(format!("{}:{first}: {name} has {length} lines", source.path));
            }
        }
    }
    none("a file has at most 500 production lines, a function 70; LONG names exceptions with their reasons:", &broken);
}

/// Name, first line and length of each function, by the indentation that rustfmt gives.
fn functions<'a>(lines: &[&'a str]) -> Vec<(&'a str, usize, usize)> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let is_function =
            ["fn ", "pub fn ", "pub(super) fn ", "pub(crate) fn ", "async fn ", "pub async fn ", "const fn "];
        if !is_function.iter().any(|start| code.starts_with(start)) {
            continue;
        }
        let name = code.split("fn ").nth(1).unwrap_or_default();
        let name = &name[..name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len())];
        let closing = format!("{}}}", &line[..line.len() - code.len()]);
        let length = lines[at..].iter().position(|line| *line == closing).map_or(1, |length| length + 1);
        found.push((name, at + 1, length));
    }
    found
}

#[test]
fn every_file_says_why_it_exists() {
    let mut broken = Vec::new();
    for source in ["src", "tests", "benches"].iter().flat_map(|directory| sources(directory, &["rs"])) {
        if !source.text.starts_with("//!") {
            broken.push(source.path);
        }
    }
    none("each file opens with `//!` and its reason:", &broken);
}

#[test]
fn nothing_is_left_over() {
    let words = ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "allow(dead_code)", "#[ignore"];
    let mut broken = Vec::new();
    for source in ["src", "tests", "benches"].iter().flat_map(|directory| sources(directory, &["rs"])) {
        if source.path == "tests/tidy.rs" {
            continue;
        }
        for (line, text) in (1..).zip(source.text.lines()) {
            for word in words.iter().filter(|word| text.contains(**word)) {
                broken.push(format!("{}:{line}: {word}", source.path));
            }
        }
    }
    none("what is not finished is not here, and no test is skipped:", &broken);
}

#[test]
fn input_cannot_panic() {
    let words = [".unwrap()", "panic!(", "unreachable!()"];
    let mut broken = Vec::new();
    for source in sources("src", &["rs"]) {
        for (line, code) in source.code() {
            for word in words.iter().filter(|word| code.contains(**word)) {
                broken.push(format!("{}:{line}: {word}", source.path));
            }
        }
    }
    none("outside of tests only `expect` with the reason why it holds:", &broken);
}

#[test]
fn no_path_of_one_machine() {
    let starts = ["root", "work", "home", "farm"].map(|name| format!("/{name}/"));
    let mut files = sources("src", &["rs"]);
    files.extend(sources("tests", &["rs", "txt", "md", "toml"]));
    files.extend(sources("deploy", &["sh", "toml", "yaml", "yml"]));
    files.extend(["README.md", "CONTRIBUTING.md", "Makefile", "Cargo.toml", ".ci/run"].map(document));
    let mut broken = Vec::new();
    for source in files {
        for (line, text) in (1..).zip(source.text.lines()) {
            if starts.iter().any(|start| text.contains(start.as_str())) {
                broken.push(format!("{}:{line}: {text}", source.path));
            }
        }
    }
    none("what is here works on any machine:", &broken);
}

fn document(path: &str) -> Source {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Source { path: path.to_owned(), text, is_test: false }
}

#[test]
fn guarantees_name_tests_that_exist() {
    let text = document("docs/guarantees.md").text;
    let names = text.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.split_once(".rs::"));
    let mut broken = Vec::new();
    let mut count = 0;
    for (file, test) in names {
        count += 1;
        let source = document(&format!("{file}.rs")).text;
        if !source.contains(&format!("#[test]\n    fn {test}()")) && !source.contains(&format!("#[test]\nfn {test}()"))
        {
            broken.push(format!("{file}.rs has no test {test}"));
        }
    }
    assert!(count > 30, "{count} names found: how they are written has changed");
    none("a promise is as good as its test:", &broken);
}

#[test]
fn every_mutant_still_applies() {
    let (mut broken, mut count) = (Vec::new(), 0);
    for patch in sources("mutants", &["patch"]) {
        count += 1;
        let applied =
            std::process::Command::new("git").args(["apply", "--check", &patch.path]).current_dir(root()).output();
        let applied = applied.expect("git is there");
        if !applied.status.success() {
            broken.push(format!("{}: {}", patch.path, String::from_utf8_lossy(&applied.stderr)));
        }
        for name in ["Breaks: ", "Invariant: I", "Seen by: "] {
            if !patch.text.lines().any(|line| line.starts_with(name)) {
                broken.push(format!("{}: has no line {name:?}", patch.path));
            }
        }
    }
    assert!(count >= 12, "{count} mutants");
    none("a mutant that does not apply shows nothing: mend it as the code goes on", &broken);
}

#[test]
fn the_readme_lists_every_key_and_metric() {
    let metrics = Metrics::for_inputs(&[]).markdown();
    let readme = document("README.md").text;
    let expected = with_table(&with_table(&readme, "configuration", &keys::markdown()), "metrics", &metrics);
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(Path::new(&root()).join("README.md"), &expected).expect("the repository can be written");
    } else {
        let is_same = readme == expected;
        assert!(is_same, "the README's tables are not those of the code: UPDATE_README=1 cargo test --test tidy");
    }
}

/// The text with the table between the marks of that name replaced.
fn with_table(text: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let first = text.find(&begin).expect("the mark is there") + begin.len();
    let last = text.find(&end).expect("the mark is there");
    format!("{}{table}{}", &text[..first], &text[last..])
}
