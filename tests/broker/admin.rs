//! Topics: what is missing or differs is named, and can be created; a processor refuses what does not fit.

use kit::broker::shared;
use kit::topics::{names, plan, unique};
use tsuikyaku::io::kafka::admin::{Admin, Difference, TopicPlan};
use tsuikyaku::io::kafka::{KafkaSource, Settings};
use tsuikyaku::runtime::ports::SourceError;

fn settings(test: &str) -> Settings {
    let app = unique(test);
    Settings::new(&shared().bootstrap_servers(), &app, "a", names(&app, &["web"]))
}

#[test]
fn differences_are_named_and_missing_topics_created() {
    let settings = settings("admin");
    let admin = Admin::new(&settings).expect("plain settings");
    assert!(!admin.cluster_id().expect("the broker answers").is_empty());
    let topic = settings.topics.state.clone();
    let compacted = plan(&topic, 3, &[("cleanup.policy", "compact")]);
    let missing = Difference::Missing { topic: topic.clone(), partitions: 3 };
    assert_eq!(admin.compare(std::slice::from_ref(&compacted)).expect("the broker answers"), [missing]);
    kit::topics::create(&settings, std::slice::from_ref(&compacted));
    assert_eq!(admin.compare(std::slice::from_ref(&compacted)).expect("the broker answers"), []);

    let other_count = TopicPlan { partitions: Some(4), ..compacted.clone() };
    let count = Difference::Partitions { topic: topic.clone(), found: 3, needed: 4 };
    assert_eq!(admin.compare(&[other_count]).expect("the broker answers"), [count]);
    let any_count = TopicPlan { partitions: None, partitions_at_creation: 9, ..compacted };
    assert_eq!(admin.compare(&[any_count]).expect("the broker answers"), []);
    let deleted = plan(&topic, 3, &[("cleanup.policy", "delete")]);
    let (found, needed) = ("compact".into(), "delete".into());
    let setting = Difference::Setting { topic, name: "cleanup.policy".into(), found, needed };
    assert_eq!(admin.compare(&[deleted]).expect("the broker answers"), [setting]);
}

#[test]
fn a_processor_refuses_topics_that_are_missing_or_do_not_fit() {
    let settings = settings("refused");
    let refusal = || match KafkaSource::open(&settings, 0) {
        Err(SourceError::Fatal(reason)) => reason,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it must not start"),
    };
    let reason = refusal();
    assert!(reason.contains("intake is missing") && reason.contains("topics --apply"), "{reason}");

    let names = &settings.topics;
    let plans = [&names.inputs[0], &names.inputs[1], &names.ready, &names.score, &names.dead_letter];
    let mut plans: Vec<TopicPlan> = plans.into_iter().map(|name| plan(name, 2, &[])).collect();
    plans.push(plan(&names.state, 3, &[]));
    kit::topics::create(&settings, &plans);
    let reason = refusal();
    assert!(reason.contains("state has 3 partitions"), "{reason}");
}

#[test]
fn a_cluster_that_is_away_is_named() {
    let mut settings = settings("away");
    settings.bootstrap_servers = "127.0.0.1:1".into();
    settings.request_timeout = std::time::Duration::from_millis(500);
    let error = Admin::new(&settings).expect("plain settings").compare(&[]).expect_err("nobody listens there");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    assert!(matches!(KafkaSource::open(&settings, 0), Err(SourceError::Retry(_))));
}
