//! The topics that the application needs: for `topics` and `check --online`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Config;
use crate::io::kafka::admin::{Admin, AdminError, Difference, TopicPlan};

/// The plans, and where the cluster differs from them.
#[derive(Debug)]
pub struct Compared {
    pub plans: Vec<TopicPlan>,
    differences: Vec<Difference>,
    notes: Vec<String>,
}

impl Compared {
    /// What has to be put right, one a line.
    pub fn problems(&self) -> impl Iterator<Item = String> {
        self.differences.iter().map(ToString::to_string)
    }

    /// The same without what was only not seen: a hidden topic looks missing, a hidden intake has no partition count.
    pub fn problems_but(&self, hidden: &[String], intake: &str) -> Vec<String> {
        let is_seen = |difference: &&Difference| match difference {
            Difference::Refused { .. } => false, // told by the permissions
            Difference::Partitions { topic, .. } => {
                ![topic, intake].iter().any(|own| hidden.iter().any(|name| name == own))
            }
            Difference::Missing { topic, .. } | Difference::Setting { topic, .. } => !hidden.contains(topic),
        };
        self.differences.iter().filter(is_seen).map(ToString::to_string).collect()
    }

    /// What is worth knowing and no fault.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.notes.iter().cloned()
    }

    /// Plans of the topics that are not there.
    pub fn missing(&self) -> Vec<&TopicPlan> {
        let is_missing = |plan: &&TopicPlan| {
            let names = |difference: &Difference| matches!(difference, Difference::Missing { topic, .. } if *topic == plan.name);
            self.differences.iter().any(names)
        };
        self.plans.iter().filter(is_missing).collect()
    }
}

/// Asks the cluster. The partition count of an intake that exists decides that of all others.
pub fn compare(admin: &Admin, config: &Config) -> Result<Compared, AdminError> {
    let partitions = admin.partition_count(&config.topics.intake)?.unwrap_or(config.create.partitions);
    let plans = plans(config, partitions);
    let differences = admin.compare(&plans)?;
    let mut notes = Vec::new();
    for input in &config.topics.inputs {
        match admin.partition_count(&input.name)? {
            Some(count) if count != partitions => notes.push(format!(
                "note: {} has {count} partitions, {} has {partitions}: its records are forwarded, which costs more",
                input.name, config.topics.intake
            )),
            _ => {}
        }
    }
    Ok(Compared { plans, differences, notes })
}

/// All topics, the internal ones first.
pub fn plans(config: &Config, partitions: u32) -> Vec<TopicPlan> {
    let create = &config.create;
    let deleted = |retention| [("cleanup.policy", "delete".to_owned()), ("retention.ms", ms(retention))];
    let topics = &config.topics;
    let plan = |name: &str, exact: bool| TopicPlan {
        name: name.to_owned(),
        partitions: exact.then_some(partitions),
        partitions_at_creation: partitions,
        replication: create.replication,
        settings: BTreeMap::new(),
        settings_at_creation: BTreeMap::new(),
    };
    let mut plans = vec![
        TopicPlan {
            settings: text([("cleanup.policy", "delete".to_owned())]),
            settings_at_creation: text(deleted(create.retention)),
            ..plan(&topics.intake, true)
        },
        TopicPlan {
            settings: text([
                ("cleanup.policy", "compact".to_owned()),
                ("delete.retention.ms", ms(create.tombstone_retention)),
            ]),
            ..plan(&topics.state, true)
        },
        TopicPlan {
            settings_at_creation: text(deleted(create.dead_letter_retention)),
            ..plan(&topics.dead_letter, false)
        },
    ];
    for output in [&topics.ready, &topics.score] {
        let settings = [("cleanup.policy", output.cleanup.clone()), ("retention.ms", ms(create.retention))];
        plans.push(TopicPlan { settings_at_creation: text(settings), ..plan(&output.name, false) });
    }
    for input in &topics.inputs {
        plans.push(TopicPlan { settings_at_creation: text(deleted(create.retention)), ..plan(&input.name, false) });
    }
    plans
}

fn text<const N: usize>(settings: [(&str, String); N]) -> BTreeMap<String, String> {
    settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn ms(duration: Duration) -> String {
    duration.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    #[test]
    fn every_topic_has_a_plan_and_internal_ones_are_exact() {
        let config = Layers::default().load().expect("defaults are no mistakes").config;
        let plans = plans(&config, 6);
        let exact: Vec<&str> = plans.iter().filter(|plan| plan.partitions == Some(6)).map(|plan| &*plan.name).collect();
        assert_eq!(exact, ["tsuikyaku.intake", "tsuikyaku.state"]);
        assert_eq!(plans.len(), 12);
        assert!(plans.iter().all(|plan| plan.partitions_at_creation == 6));
        let state = &plans[1];
        assert_eq!(state.settings["cleanup.policy"], "compact");
    }
}
