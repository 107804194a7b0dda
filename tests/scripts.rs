//! Every story under `tests/scripts` comes out as it is told, and the laws of decisions hold over random streams.

#[path = "story/laws.rs"]
mod laws;
#[path = "story/persons.rs"]
mod persons;
mod story;

use std::path::Path;

use story::Restarts;
use tsuikyaku::scoring::model::Model;

fn load(name: &str) -> Model {
    let file = format!("deploy/models/{name}.toml");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    Model::parse(&text, &file).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn check(file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).expect("a story");
    [Restarts::AsTold, Restarts::Always].into_iter().try_for_each(|restarts| {
        let told = |wrong| format!("--- {} (restarts: {restarts:?})\n{wrong}\n", file.display());
        story::play(&text, restarts, load).map_err(told)
    })
}

#[test]
fn stories_come_out_as_told() {
    let folder = std::fs::read_dir("tests/scripts").expect("stories");
    let mut files: Vec<_> = folder.map(|entry| entry.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "txt"));
    files.sort();
    assert!(files.len() >= 80, "stories are missing: {}", files.len());
    let wrong: Vec<String> = files.iter().filter_map(|file| check(file).err()).collect();
    assert!(wrong.is_empty(), "{} of {} stories:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}
