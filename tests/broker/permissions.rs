//! A cluster with permissions: `check --online` names each that is missing and the command that gives it; with these
//! commands carried out, and no others, the program works.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kit::broker::Cluster;
use kit::process::{Program, get};
use kit::topics::{create, plan};
use kit::{acl, wait_for};
use tsuikyaku::io::kafka::Settings;
use tsuikyaku::io::kafka::TopicNames;

const APP: &str = "guarded";
const INPUTS: [&str; 7] = [
    "engagement.commerce",
    "engagement.contact",
    "engagement.mail",
    "engagement.sns",
    "engagement.web",
    "lead.profile",
    "outreach.outcome",
];
const PROGRAM: &str = env!("CARGO_BIN_EXE_tsuikyaku");

#[test]
fn every_missing_permission_is_named_with_the_command_that_gives_it() {
    let cluster = Cluster::start_guarded(&[("alice", "secret-of-alice")]);
    create_topics(&cluster.bootstrap_servers());
    let dir = tempfile::tempdir().expect("a temporary directory");
    let http = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let config = dir.path().join("guarded.toml");
    std::fs::write(&config, configuration(&cluster.guarded_servers(), dir.path(), &http.to_string()))
        .expect("the directory is ours");

    let (succeeded, hidden) = check(&config);
    assert!(!succeeded, "{hidden}");
    let commands = commands(&hidden);
    // intake and state: read, write, look at settings; three outputs; seven inputs; the group; transactional ids
    assert_eq!(commands.len(), 2 * 3 + 3 + 7 + 2, "{hidden}");
    assert!(!hidden.contains("missing"), "what cannot be seen is not called missing:\n{hidden}");
    assert!(!hidden.contains("secret"), "{hidden}");
    for name in INPUTS {
        let line = format!("topic {name}: Read is not allowed");
        assert!(hidden.contains(&line), "{line}:\n{hidden}");
    }

    // seen and not allowed is the same list
    for topic in commands.iter().filter_map(|command| command.split("--topic ").nth(1)) {
        let describe = format!("kafka-acls --add --allow-principal User:alice --operation Describe --topic {topic}");
        acl::apply(&cluster.bootstrap_servers(), &describe);
    }
    let seen = check(&config).1;
    assert_eq!(self::commands(&seen), commands, "{seen}");

    // each command takes its own line away, and no other
    for (given, command) in commands.iter().enumerate() {
        acl::apply(&cluster.bootstrap_servers(), command);
        if [0, 7, commands.len() - 2].contains(&given) {
            let left = check(&config).1;
            assert_eq!(self::commands(&left), commands[given + 1..], "after {command}:\n{left}");
        }
    }
    let (succeeded, printed) = check(&config);
    assert!(succeeded, "{printed}");
    let mut program =
        Program::start(PROGRAM, &["run".as_ref(), "--config".as_ref(), config.as_os_str()], &dir.path().join("log"));
    wait_for("work on every partition", Duration::from_secs(60), || {
        assert!(!program.has_ended(), "{}", program.printed());
        get(&http.to_string(), "/readyz")
    });
    let status = program.terminate(Duration::from_secs(30));
    assert!(status.success(), "{}", program.printed());
    assert!(!program.printed().contains("uthoriz"), "{}", program.printed());
}

fn create_topics(servers: &str) {
    let own = |name: &str| format!("{APP}.{name}");
    let inputs: Vec<String> = std::iter::once(own("intake")).chain(INPUTS.map(String::from)).collect();
    let names = TopicNames {
        inputs: inputs.clone(),
        ready: "outreach.ready".into(),
        score: "lead.score".into(),
        state: own("state"),
        dead_letter: own("dead-letter"),
    };
    let compacted = [("cleanup.policy", "compact"), ("delete.retention.ms", "604800000")];
    let mut plans = vec![plan(&names.state, 2, &compacted)];
    plans.extend(inputs.iter().map(|name| plan(name, 2, &[])));
    plans.extend([&names.ready, &names.score, &names.dead_letter].map(|name| plan(name, 2, &[])));
    create(&Settings::new(servers, APP, "tests", names), &plans);
}

fn configuration(servers: &str, dir: &Path, http: &str) -> String {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/models/b2b-saas.toml");
    format!(
        "[app]\nid = \"{APP}\"\ninstance = \"a\"\n[kafka]\nbootstrap_servers = \"{servers}\"\nsession_timeout = \"6s\"\n\
         [kafka.properties]\n\"security.protocol\" = \"sasl_plaintext\"\n\"sasl.mechanism\" = \"PLAIN\"\n\
         \"sasl.username\" = \"alice\"\n\"sasl.password\" = \"secret-of-alice\"\n\
         [state]\ndir = \"{dir}\"\nmemory_max = \"512MiB\"\n[model]\nfile = \"{model}\"\n[http]\nlisten = \"{http}\"\n",
        dir = dir.join("state").display(),
    )
}

/// Whether all was well, and what was printed.
fn check(config: &Path) -> (bool, String) {
    let output = Command::new(PROGRAM).arg("check").arg("--online").arg("--config").arg(config).output();
    let output = output.expect("the program starts");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn commands(printed: &str) -> Vec<String> {
    let commands = printed.lines().filter_map(|line| line.find("kafka-acls").map(|at| line[at..].to_owned()));
    commands.collect()
}
