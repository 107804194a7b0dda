//! `check`: everything that can be wrong before the first event, told at once.

use super::{ConfigArgs, Failure};
use crate::app::parts;
use crate::app::plan;
use crate::config::Config;
use crate::io::kafka::admin::Admin;
use crate::io::kafka::probe;

/// Check configuration, model and schemas; with --online, also brokers and topics
///
/// Tells every mistake, one a line: where it is, the key, what was found, what is allowed, the nearest valid name.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsuikyaku check --config tsuikyaku.toml
  tsuikyaku check --config tsuikyaku.toml --online
  tsuikyaku check --config tsuikyaku.toml --print --set app.workers=4")]
pub struct Args {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Ask the cluster as well: brokers, topics, partition counts, permissions
    #[arg(long)]
    pub online: bool,
    /// Print the effective configuration and where each value comes from; secrets are masked
    #[arg(long)]
    pub print: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let (loaded, mistakes) = args.config.read();
    let mut problems: Vec<String> = mistakes.0.iter().map(ToString::to_string).collect();
    let config = &loaded.config;
    let model = parts::model(&config.model_file).map_err(|found| problems.extend(found)).ok();
    if let Err(found) = parts::schemas(config) {
        problems.extend(found);
    }
    if args.online {
        problems.extend(online(config));
    }
    if args.print {
        print!("{}", loaded.print());
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    match (problems.len(), model) {
        (0, Some(model)) => {
            eprintln!(
                "all is well: {} input topics, model {} {}",
                config.topics.inputs.len(),
                model.name,
                model.version
            );
            Ok(())
        }
        (1, _) => Err(Failure::message("1 problem was found")),
        (count, _) => Err(Failure::message(format!("{count} problems were found"))),
    }
}

fn online(config: &Config) -> Vec<String> {
    let settings = parts::kafka_settings(config);
    let compared = Admin::new(&settings).and_then(|admin| plan::compare(&admin, config));
    let compared = match compared {
        Ok(compared) => compared,
        Err(error) => return vec![error.to_string()],
    };
    let refusals = probe::refusals(&settings);
    let hidden: Vec<String> = refusals.iter().filter_map(|refusal| refusal.hidden_topic.clone()).collect();
    let mut problems = match refusals.is_empty() {
        true => compared.problems().collect(),
        false => compared.problems_but(&hidden, &config.topics.intake),
    };
    problems.extend(refusals.into_iter().map(|refusal| refusal.text));
    problems
}
