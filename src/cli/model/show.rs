//! `model show`: what a model file means, as curves and tables.

use std::path::PathBuf;

use super::text::{counted, moment, wrapped};
use super::{curves, put, read_or_tell, tables};
use crate::cli::Failure;
use crate::scoring::model::Model;

/// Draw a model's curves and tables
///
/// Familiarity by contact days, fatigue by pressure, decay by channel, the touch after which more contact does harm;
/// then channels, permission, stages and lanes. Plain text of 80 columns.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsuikyaku model show deploy/models/b2b-saas.toml
  tsuikyaku model show deploy/models/ec.toml | less
  diff <(tsuikyaku model show old.toml) <(tsuikyaku model show new.toml)")]
pub struct Args {
    /// Model file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    put(&shown(&read_or_tell(&args.file)?))
}

fn shown(model: &Model) -> String {
    format!("{}\n{}\n{}", head(model), curves::draw(model), tables::draw(model))
}

/// Name, version, hash, and what there is of everything.
fn head(model: &Model) -> String {
    let midnight = moment(-model.utc_offset_ms, 0);
    let topics: Vec<&str> = model.topics.iter().map(|topic| &*topic.id).collect();
    let more = format!(
        "{}, {}, {} of fit, {}; local days begin at {} UTC, contact hours in {}",
        counted(model.rules.iter().count(), "rule"),
        if topics.is_empty() { "no topics".to_owned() } else { format!("topics {}", topics.join(", ")) },
        counted(model.fit.rules.len(), "rule"),
        counted(model.holidays.len(), "holiday"),
        midnight.split(' ').nth(1).unwrap_or_default(),
        model.time_zone.iana_name().unwrap_or("UTC"),
    );
    format!("{} {}   hash {}\n{}", model.name, model.version, model.hash_hex(), wrapped(&more, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_with_name_version_and_hash() {
        for model in super::super::tests::deployed() {
            let shown = shown(&model);
            let first = shown.lines().next().unwrap();
            assert!(
                first.starts_with(&format!("{} {}", model.name, model.version)) && first.ends_with(&model.hash_hex())
            );
            let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains("begin at 15:00 UTC, contact hours in Asia/Tokyo"), "{shown}");
            assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        }
    }
}
