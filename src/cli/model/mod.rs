//! `model`: look at a scoring model before anything is decided with it.

mod check;
mod curves;
mod explain;
mod journey;
mod plot;
mod show;
mod tables;
mod text;

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::Failure;
use crate::scoring::model::Model;

/// Check, show and explain scoring models
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsuikyaku model check deploy/models/*.toml
  tsuikyaku model show deploy/models/ec.toml
  tsuikyaku model explain deploy/models/real-estate.toml")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Check(check::Args),
    Show(show::Args),
    Explain(explain::Args),
}

pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Check(args) => check::run(args),
        Action::Show(args) => show::run(args),
        Action::Explain(args) => explain::run(args),
    }
}

/// The model of a file.
///
/// # Errors
/// Every mistake, one a line.
fn read(file: &Path) -> Result<Model, Vec<String>> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| vec![format!("{name}: cannot be read: {error}")])?;
    Model::parse(&text, &name).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// `read` for a command that cannot go on without: tells the mistakes.
fn read_or_tell(file: &Path) -> Result<Model, Failure> {
    read(file).map_err(|mistakes| {
        mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
        Failure::Message(text::counted(mistakes.len(), "mistake"))
    })
}

/// Writes what was asked for; whoever reads it may have seen enough.
fn put(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Message(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::model::{Channel, ConsentDefault};

    pub(super) fn deployed() -> Vec<Model> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/models");
        let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| read(file).unwrap_or_else(|mistakes| panic!("{}", mistakes.join("\n")))).collect()
    }

    #[test]
    fn every_deployed_model_is_sound_and_has_a_name_of_its_own() {
        let names: Vec<String> = deployed().iter().map(|model| model.name.to_string()).collect();
        assert_eq!(names, ["b2b-saas", "ec", "real-estate"]);
    }

    #[test]
    fn consumers_are_called_only_with_their_leave_and_live_at_another_pace() {
        let models = deployed();
        let [b2b, ec, homes] = &models[..] else { panic!("three models") };
        for consumers in [ec, homes] {
            let person = consumers.channels[Channel::Person].outreach.as_ref().unwrap();
            assert_eq!(person.consent, ConsentDefault::OptIn, "{}", consumers.name);
            assert!(!consumers.holidays.is_empty() && consumers.rules.iter().count() == b2b.rules.iter().count());
        }
        for channel in Channel::ALL {
            let half_life_ms = |model: &Model| model.channels[channel].half_life_ms;
            assert!(half_life_ms(ec) < half_life_ms(b2b) && half_life_ms(b2b) < half_life_ms(homes), "{channel:?}");
        }
    }
}
