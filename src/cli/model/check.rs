//! `model check`: every mistake of model files at once.

use std::path::PathBuf;

use super::{put, read, text};
use crate::cli::Failure;

/// Tell every mistake of model files, one a line
///
/// Each with its line, the key, what was found, what is allowed and the nearest valid name. Sound files are told with
/// name, version and hash. The hash is that of the values: comments and layout do not change it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsuikyaku model check deploy/models/b2b-saas.toml
  tsuikyaku model check deploy/models/*.toml")]
pub struct Args {
    /// Model files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let mut count = 0;
    for file in &args.files {
        match read(file) {
            Ok(model) => {
                let (rules, topics) = (model.rules.iter().count(), model.topics.len());
                put(&format!(
                    "{}: sound: {} {}, hash {}, {}, {}\n",
                    file.display(),
                    model.name,
                    model.version,
                    model.hash_hex(),
                    text::counted(rules, "rule"),
                    text::counted(topics, "topic"),
                ))?;
            }
            Err(mistakes) => {
                mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
                count += mistakes.len();
            }
        }
    }
    if count == 0 { Ok(()) } else { Err(Failure::Message(text::counted(count, "mistake"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_mistakes_of_all_files() {
        let dir = tempfile::tempdir().unwrap();
        let sound = include_str!("../../../deploy/models/ec.toml");
        let wrong = sound.replacen("cap = 35", "cap = 350", 1).replacen("familiarity_scale", "familiarity_skale", 1);
        let file = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name)
        };
        let (sound, wrong) = (file("sound.toml", sound), file("wrong.toml", &wrong));
        let check = |files: &[&PathBuf], said: Option<&str>| {
            let done = run(&Args { files: files.iter().map(PathBuf::from).collect() });
            assert_eq!(done.err().map(|failure| failure.to_string()).as_deref(), said, "{files:?}");
        };
        check(&[&sound], None);
        check(&[&wrong, &sound], Some("3 mistakes"));
        check(&[&dir.path().join("none.toml")], Some("1 mistake"));
    }
}
