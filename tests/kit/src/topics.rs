//! Names that no other test has, and topics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tsuikyaku::io::kafka::admin::{Admin, TopicPlan};
use tsuikyaku::io::kafka::{Settings, TopicNames};

const WITHIN: Duration = Duration::from_secs(10);

/// A name that begins with `test` and that nobody else has on this broker.
pub fn unique(test: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{test}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Topic names of an application called `app`: the intake and `inputs`, all prefixed by it.
pub fn names(app: &str, inputs: &[&str]) -> TopicNames {
    let mut all = vec![format!("{app}.intake")];
    all.extend(inputs.iter().map(|name| format!("{app}.{name}")));
    TopicNames {
        inputs: all,
        ready: format!("{app}.ready"),
        score: format!("{app}.score"),
        state: format!("{app}.state"),
        dead_letter: format!("{app}.dead-letter"),
    }
}

/// A topic with these partitions and settings.
pub fn plan(name: &str, partitions: u32, settings: &[(&str, &str)]) -> TopicPlan {
    let settings: BTreeMap<_, _> = settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    TopicPlan {
        name: name.to_owned(),
        partitions: Some(partitions),
        partitions_at_creation: partitions,
        replication: None,
        settings,
        settings_at_creation: BTreeMap::new(),
    }
}

/// Creates topics, and waits until the brokers know them.
pub fn create(settings: &Settings, plans: &[TopicPlan]) {
    let admin = Admin::new(settings).expect("properties of a test are right");
    for (topic, outcome) in admin.create(&plans.iter().collect::<Vec<_>>()).expect("the broker answers") {
        assert_eq!(outcome, Ok(()), "{topic}");
    }
    crate::wait_for("the topics", WITHIN, || {
        admin.compare(plans).expect("the broker answers").is_empty().then_some(())
    });
    // they are listed before their partitions have leaders
    let client: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", &settings.bootstrap_servers).create().expect("a plain client");
    for plan in plans {
        for partition in 0..plan.partitions.unwrap_or(0) as i32 {
            crate::wait_for("a leader", WITHIN, || client.fetch_watermarks(&plan.name, partition, WITHIN).ok());
        }
    }
}

/// All topics of an application, each with `partitions`, but those inputs that are listed with a count of their own.
pub fn create_all(settings: &Settings, partitions: u32, other_counts: &[(&str, u32)]) {
    let names = &settings.topics;
    let mut plans: Vec<TopicPlan> = Vec::new();
    for input in &names.inputs {
        let own = other_counts.iter().find(|(name, _)| name == input).map_or(partitions, |(_, count)| *count);
        plans.push(plan(input, own, &[]));
    }
    plans.push(plan(&names.ready, partitions, &[]));
    plans.push(plan(&names.score, partitions, &[("cleanup.policy", "compact")]));
    plans.push(plan(&names.state, partitions, &[("cleanup.policy", "compact")]));
    plans.push(plan(&names.dead_letter, partitions, &[]));
    create(settings, &plans);
}
