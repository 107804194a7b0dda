//! What Prometheus gets to see: every metric with help and a name by the rule, and no complaint of `promtool`.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use tsuikyaku::runtime::batch::{InputId, Partition};
use tsuikyaku::runtime::metrics::{CommitPhase, Metrics, MetricsSetup, RecordOutcome, StoreFigures, Verb};

/// Metrics with a sample of each family: a family without samples is not shown.
fn used() -> Metrics {
    let setup =
        MetricsSetup { inputs: &["a.intake", "b"], workers: 2, model_name: "m", model_version: "1", model_hash: "0" };
    let metrics = Metrics::new(&setup);
    metrics.input.records(InputId(1), RecordOutcome::Applied, 1);
    metrics.input.dead_letter("undecodable");
    metrics.input.lag(InputId(1), Partition(0), 3);
    metrics.input.lag_seconds(Partition(0), 0.5);
    metrics.output.decision("score", "READY", Some(12));
    metrics.turn.spent(Verb::Poll, Duration::from_millis(1));
    metrics.turn.committed(CommitPhase::Whole, Duration::from_millis(5));
    metrics.ownership.rewind("fenced");
    metrics.ownership.restore_remaining(Partition(0), 5);
    metrics.storage.figures(&StoreFigures { disk_bytes: 1, memory_bytes: 1, stall_seconds: 0.1 });
    metrics
}

#[test]
fn every_metric_is_shown_with_help() {
    let metrics = used();
    let shown = metrics.encode();
    for described in metrics.described() {
        let help = format!("# HELP {} {}", described.name, described.help);
        assert!(shown.lines().any(|line| line == help), "{help}\nis missing in\n{shown}");
        assert!(described.help.len() > 10 && described.help.ends_with('.'), "{}: {}", described.name, described.help);
    }
    let families = shown.lines().filter(|line| line.starts_with("# TYPE tsuikyaku_")).count();
    assert_eq!(families, metrics.described().len());
}

#[test]
fn names_obey_the_rule() {
    for described in used().described() {
        let name = described.name;
        let is_clean = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(name.starts_with("tsuikyaku_") && is_clean, "{name}");
        assert_eq!(
            name.ends_with("_total"),
            described.kind == "counter",
            "{name}: counters and only they end in _total"
        );
    }
}

#[test]
fn promtool_has_no_complaint() {
    let promtool =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut promtool = promtool.expect("promtool is missing: apt-get install prometheus");
    promtool.stdin.take().expect("it is piped").write_all(used().encode().as_bytes()).expect("it reads");
    let said = promtool.wait_with_output().expect("it ends");
    assert!(said.status.success() && said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
}
