//! The programs under `examples/` as their readers would run them: on a real broker, against the real program.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use kit::broker;
use kit::log::{Isolation, New, Writer, read_all};
use kit::process::{Program, get, metric};
use kit::topics::{create, plan, unique};
use kit::wait_for;
use serde_json::Value;
use tsuikyaku::io::kafka::{Settings, TopicNames};
use tsuikyaku::scoring::event::InputKind;
use tsuikyaku::wire::keys;
use tsuikyaku::wire::topics::default_topic;

/// For everything that a loaded machine may make slow.
const PATIENCE: Duration = Duration::from_secs(120);
const PARTITIONS: u32 = 2;
const EVENTS: &str = include_str!("../examples/events.jsonl");
/// What the events lead to; time that passes afterwards adds more.
const EXPECTED: [&str; 5] =
    ["ready score", "withdrawn score", "ready instant", "escalated instant", "withdrawn instant"];

#[test]
fn consumers_read_each_decision_and_answer() {
    let libraries = libraries();
    let cluster = broker::shared();
    let (servers, app) = (cluster.bootstrap_servers(), unique("examples"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    create_topics(&servers, &app);
    append_events(&servers, &app);
    let (mut program, http) = start(&servers, &app, dir.path());
    wait_for("the processor", PATIENCE, || {
        assert!(!program.has_ended(), "{}", program.printed());
        get(&http, "/readyz")
    });

    let consumers = consumers(&libraries, &servers, &format!("{app}."), dir.path());
    for (name, mut program) in consumers {
        let status = program.wait(PATIENCE);
        let printed = program.printed();
        assert!(status.success(), "{name}: {printed}");
        let lines: Vec<&str> = printed.lines().take(EXPECTED.len()).collect();
        for (line, expected) in lines.iter().zip(EXPECTED) {
            assert!(line.starts_with(&format!("{expected} lead-1042 株式会社サンプル 田中様")), "{name}: {printed}");
        }
        assert_eq!(lines.len(), EXPECTED.len(), "{name}: {printed}");
    }

    let answers = read_all(&servers, &format!("{app}.outreach.outcome"), Isolation::Committed);
    let mut times = BTreeMap::<String, usize>::new();
    for answer in &answers {
        let outcome: Value = serde_json::from_slice(answer.value.as_deref().unwrap_or_default()).expect("JSON");
        *times.entry(outcome["event_id"].to_string()).or_default() += 1;
    }
    assert!(times.values().filter(|count| **count == 3).count() >= 2, "both READYs, by all three: {times:?}");
    wait_for("the answers to be read", PATIENCE, || {
        let scrape = get(&http, "/metrics")?;
        let read = metric(&scrape, "tsuikyaku_input_records_total", &["outreach.outcome"]);
        assert_eq!(metric(&scrape, "tsuikyaku_dead_letters_total", &[]), 0.0, "{scrape}");
        (read >= answers.len() as f64).then_some(())
    });
}

/// What `deploy/example-libraries.sh` fetched.
fn libraries() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/example-libraries.sh");
    let made = Command::new(script).stderr(Stdio::inherit()).output().expect("bash is there");
    assert!(made.status.success(), "no libraries for the examples: the reason stands above");
    PathBuf::from(String::from_utf8(made.stdout).expect("a path").trim())
}

fn create_topics(servers: &str, app: &str) {
    let own = |name: &str| format!("{app}.{name}");
    let mut inputs = vec![own("intake")];
    inputs.extend(InputKind::ALL.map(|kind| own(default_topic(kind))));
    let outputs = ["outreach.ready", "lead.score", "state", "dead-letter"].map(own);
    let plans: Vec<_> = inputs.iter().chain(&outputs).map(|name| plan(name, PARTITIONS, &[])).collect();
    let [ready, score, state, dead_letter] = outputs;
    create(&Settings::new(servers, app, "tests", TopicNames { inputs, ready, score, state, dead_letter }), &plans);
}

fn append_events(servers: &str, app: &str) {
    let writer = Writer::new(servers);
    for line in EVENTS.lines() {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        let (value, lead_id) = (line["value"].to_string(), line["value"]["lead_id"].as_str().expect("a lead"));
        let new = New {
            partition: Some(keys::home(lead_id, PARTITIONS).0 as i32),
            key: Some(lead_id.as_bytes()),
            value: Some(value.as_bytes()),
            timestamp_ms: line["appended_at"].as_i64(),
            headers: &[],
        };
        writer.send(&format!("{app}.{}", line["topic"].as_str().expect("a topic")), new);
    }
    writer.flush();
}

/// The processor, with inputs in JSON and decisions in Avro, and its HTTP address.
fn start(servers: &str, app: &str, dir: &Path) -> (Program, String) {
    let http = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").to_string();
    let mut config = format!(
        "[app]\nid = \"{app}\"\ninstance = \"a\"\nworkers = 1\ntopic_prefix = \"{app}.\"\n\
         [kafka]\nbootstrap_servers = \"{servers}\"\n[state]\ndir = \"{dir}/state\"\nmemory_max = \"512MiB\"\n\
         [model]\nfile = \"{root}/deploy/models/b2b-saas.toml\"\n[http]\nlisten = \"{http}\"\n",
        dir = dir.display(),
        root = env!("CARGO_MANIFEST_DIR"),
    );
    for kind in InputKind::ALL {
        config += &format!("[topics.\"{}\"]\nformat = \"json\"\n", default_topic(kind));
    }
    let file = dir.join("tsuikyaku.toml");
    fs::write(&file, config).expect("the directory is ours");
    let arguments = ["run".as_ref(), "--config".as_ref(), file.as_os_str()];
    (Program::start(env!("CARGO_BIN_EXE_tsuikyaku"), &arguments, &dir.join("log")), http)
}

/// All three, started; each ends by itself.
fn consumers(libraries: &Path, servers: &str, prefix: &str, dir: &Path) -> Vec<(&'static str, Program)> {
    let root = env!("CARGO_MANIFEST_DIR");
    let path = |path: &Path| path.display().to_string();
    // Node looks for libraries upwards from the program only: it runs beside them, with the schemas at their place.
    let node = dir.join("node");
    for (file, beside) in [("examples/node/consume.mjs", "examples/node"), ("schemas/ready.avsc", "schemas")] {
        fs::create_dir_all(node.join(beside)).expect("the directory is ours");
        fs::copy(Path::new(root).join(file), node.join(file)).expect("the file is there");
    }
    std::os::unix::fs::symlink(libraries.join("node_modules"), node.join("node_modules"))
        .expect("the directory is ours");

    let (count, seen) = (EXPECTED.len().to_string(), path(&dir.join("seen.db")));
    let jars = format!("{}/*", path(&libraries.join("java")));
    let of = |file: &str| format!("{root}/{file}");
    let options = ["--servers", servers, "--prefix", prefix, "--count", &count];
    let program = of("examples/python/consume.py");
    let python = [&[&*program, "--seen", &seen], &options[..]].concat();
    let program = path(&node.join("examples/node/consume.mjs"));
    let node = [&[&*program], &options[..]].concat();
    let (source, schema) = (of("examples/java/Consume.java"), of("schemas/ready.avsc"));
    let java = ["-cp", &jars, "-Xmx128m", &source, servers, prefix, &count, &schema];
    vec![
        ("python", Program::start(&path(&libraries.join("venv/bin/python")), &python, &dir.join("python.log"))),
        ("node", Program::start("node", &node, &dir.join("node.log"))),
        ("java", Program::start("java", &java, &dir.join("java.log"))),
    ]
}
