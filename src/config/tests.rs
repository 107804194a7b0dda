//! The room as its users see it: layers in, a `Config` or all mistakes out.

use super::*;

fn load(file: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Result<Loaded, Mistakes> {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let path = directory.path().join("c.toml");
    std::fs::write(&path, file).expect("a file can be written there");
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Layers { file: Some(&path), environment, arguments: &arguments }.load()
}

const MINIMAL: &str = r#"
[app]
id = "tsuikyaku"
instance = "a"
workers = 2
[kafka]
bootstrap_servers = "127.0.0.1:9092"
[state]
dir = "state"
memory_max = "512MiB"
[model]
file = "deploy/models/b2b-saas.toml"
[http]
listen = "127.0.0.1:9464"
[topics."engagement.web"]
format = "json"
"#;

#[test]
fn the_minimal_file_is_enough() {
    let config = load(MINIMAL, &[], &[]).expect("it has no mistakes").config;
    assert_eq!(config.app.workers.get(), 2);
    assert_eq!(config.topics.inputs.len(), 7);
    let formats: Vec<_> = config.topics.inputs.iter().filter(|input| input.format == Format::Json).collect();
    assert_eq!(formats.iter().map(|input| input.name.as_str()).collect::<Vec<_>>(), ["engagement.web"]);
    assert_eq!(config.topics.dead_letter, "tsuikyaku.dead-letter");
    assert_eq!(config.state.memory_bytes_max, 512 << 20);
}

#[test]
fn the_file_to_start_from_has_no_mistakes() {
    let file = std::fs::read_to_string("deploy/tsuikyaku.toml").expect("it is in the repository");
    let config = load(&file, &[], &[]).expect("it has no mistakes").config;
    assert_eq!(config.topics.ready.format, Format::Json);
}

#[test]
fn later_layers_win() {
    let environment = [("TSUIKYAKU_APP__WORKERS", "3"), ("TSUIKYAKU_APP__ID", "env")];
    let config = load(MINIMAL, &environment, &["app.workers=4"]).expect("it has no mistakes").config;
    assert_eq!((config.app.workers.get(), config.app.id.as_str()), (4, "env"));
}

#[test]
fn every_mistake_is_told_at_once() {
    let file = r#"
[app]
workers = 0
colour = "red"
[kafka]
bootstrap_servrs = "b:1"
[kafka.properties]
"isolation.level" = "read_uncommitted"
"sasl.password" = 7
[state]
memory_max = "1MB"
[topics."crm.calls"]
format = "jsn"
[commit]
decision_interval = "1s"
[http
"#;
    let environment = [("TSUIKYAKU_LOG__LEVEL", "loud"), ("TSUIKYAKU_KAFKA__PROPERTIES__SSL_KEY_PASSWORD", "")];
    let mistakes = load(file, &environment, &["outputs.ready.format=avro-confluent"]).expect_err("it is full of them");
    let told = mistakes.to_string();
    for part in [
        "c.toml:3: app.workers: found 0; allowed: a whole number from 1 to 256",
        "c.toml:4: app.colour: there is no such key",
        "c.toml:6: kafka.bootstrap_servrs: there is no such key; did you mean kafka.bootstrap_servers?",
        "c.toml:8: kafka.properties.\"isolation.level\": is set by the program itself",
        "c.toml:9: kafka.properties.\"sasl.password\": found ********",
        "c.toml:11: state.memory_max: found \"1MB\"; allowed: a size from 192MiB to 1024GiB",
        "topics.\"crm.calls\".kind: missing",
        "c.toml:13: topics.\"crm.calls\".format: found \"jsn\"; allowed: avro, avro-confluent, json; did you mean json?",
        "c.toml:15: commit.decision_interval: must not be longer than commit.interval",
        "c.toml:16: ",
        "TSUIKYAKU_LOG__LEVEL: log.level: found \"loud\"; allowed: error, warn, info, debug, trace",
        "TSUIKYAKU_KAFKA__PROPERTIES__SSL_KEY_PASSWORD: ",
        "--set: outputs.ready.format: avro-confluent needs the schema's id: set outputs.ready.schema_id",
    ] {
        assert!(told.contains(part), "{part}\nin\n{told}");
    }
}

#[test]
fn what_is_printed_hides_secrets_and_can_be_read_again() {
    let properties = ["kafka.properties.sasl.password=hunter2", "kafka.properties.security.protocol=sasl_ssl"];
    let loaded = load(MINIMAL, &[], &properties).expect("it has no mistakes");
    let printed = loaded.print();
    assert!(!printed.contains("hunter2") && printed.contains(secret::MASK), "{printed}");
    assert!(!format!("{:?}", loaded.config).contains("hunter2"));
    let mut again = load(&printed, &[], &[]).expect("what is printed is a configuration").config;
    again.kafka.properties = loaded.config.kafka.properties.clone();
    assert_eq!(again, loaded.config);
}

#[test]
fn topics_have_prefixes_and_no_twins() {
    let config = load("", &[], &["app.topic_prefix=jp.", "topics.engagement.sns.enabled=false"]);
    let topics = config.expect("it has no mistakes").config.topics;
    assert_eq!(topics.ready.name, "jp.outreach.ready");
    assert_eq!(topics.inputs.len(), 6);
    assert!(topics.inputs.iter().all(|input| input.name.starts_with("jp.")));
    for (setting, expected) in [
        ("outputs.score.topic=outreach.ready", "outputs.score.topic: outreach.ready is another topic"),
        ("outputs.ready.topic=lead.profile", "the application writes this topic"),
    ] {
        let told = load("", &[], &[setting]).expect_err("a topic twice").to_string();
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_missing_file_is_one_mistake() {
    let told = Layers { file: Some(Path::new("no/such.toml")), ..Layers::default() }.load();
    assert!(told.expect_err("it is not there").to_string().starts_with("no/such.toml:1: cannot be read: "));
}
