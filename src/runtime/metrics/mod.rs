//! Everything that can be seen of a running process by numbers, behind typed methods.
//!
//! Labels come from enums, from static strings and from the configuration, never from a record: their number is
//! bounded. Handles are resolved once; what happens per event is added up by the worker and handed over per batch.

mod input;
mod labels;
mod output;
mod ownership;
mod register;
mod storage;
mod turn;

use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TextEncoder};

pub use input::{InputMetrics, LATE_AFTER_MS};
pub use labels::{CommitPhase, RecordOutcome, Verb};
pub use output::OutputMetrics;
pub use ownership::OwnershipMetrics;
pub use register::Described;
use register::Register;
pub use storage::{StorageMetrics, StoreFigures};
pub use turn::TurnMetrics;

/// What the labels are made of; all of it is configuration.
#[derive(Debug, Clone, Copy)]
pub struct MetricsSetup<'a> {
    /// Topic names in the order of `InputId`: the intake first.
    pub inputs: &'a [&'a str],
    /// Number of workers of this process.
    pub workers: usize,
    pub model_name: &'a str,
    pub model_version: &'a str,
    /// Of all that the model file says, in hex.
    pub model_hash: &'a str,
}

/// One per process, shared by all threads.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    described: Vec<Described>,
    pub input: InputMetrics,
    pub output: OutputMetrics,
    pub turn: TurnMetrics,
    pub ownership: OwnershipMetrics,
    pub storage: StorageMetrics,
}

impl Metrics {
    pub fn new(setup: &MetricsSetup<'_>) -> Metrics {
        let mut register = Register::default();
        info(&mut register, setup);
        let input = InputMetrics::new(&mut register, setup.inputs);
        let output = OutputMetrics::new(&mut register);
        let turn = TurnMetrics::new(&mut register);
        let ownership = OwnershipMetrics::new(&mut register);
        let storage = StorageMetrics::new(&mut register, setup.workers);
        let process = Box::new(ProcessCollector::for_self());
        register.registry.register(process).expect("process metrics have names of their own");
        let Register { registry, described } = register;
        Metrics { registry, described, input, output, turn, ownership, storage }
    }

    /// For tests and tools that look at no metric: one worker, these inputs.
    pub fn for_inputs(inputs: &[&str]) -> Metrics {
        Metrics::new(&MetricsSetup { inputs, workers: 1, model_name: "none", model_version: "0", model_hash: "0" })
    }

    /// The text format of Prometheus.
    pub fn encode(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).expect("a registry's own families can be written")
    }

    /// All metrics of this program's own, in the order registered; those of the process are the client library's.
    pub fn described(&self) -> &[Described] {
        &self.described
    }
}

impl Metrics {
    /// The README's table.
    pub fn markdown(&self) -> String {
        let mut table = String::from("| metric | kind | labels | what it tells |\n|---|---|---|---|\n");
        for Described { name, kind, labels, help } in &self.described {
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            table += &format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(" "));
        }
        table
    }
}

fn info(register: &mut Register, setup: &MetricsSetup<'_>) {
    let build = register.gauges("tsuikyaku_build_info", &["version"], "Version of the program; always 1.");
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    let model =
        register.gauges("tsuikyaku_model_info", &["name", "version", "hash"], "Scoring model in use; always 1.");
    model.with_label_values(&[setup.model_name, setup.model_version, setup.model_hash]).set(1);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime::batch::{InputId, Partition};

    fn sample(text: &str, line_start: &str) -> String {
        let found = text.lines().find_map(|line| line.strip_prefix(line_start));
        found.unwrap_or_else(|| panic!("no line starts with {line_start} in\n{text}")).trim().to_owned()
    }

    #[test]
    fn counts_by_label() {
        let metrics = Metrics::for_inputs(&["app.intake", "engagement.web"]);
        metrics.input.records(InputId(1), RecordOutcome::Applied, 3);
        metrics.input.dead_letter("undecodable");
        metrics.output.decision("score", "READY", Some(20));
        metrics.turn.committed(CommitPhase::Drain, Duration::from_millis(4));
        metrics.ownership.rewind("fenced");
        let text = metrics.encode();
        let records = "tsuikyaku_input_records_total";
        for (line, value) in [
            (format!("{records}{{outcome=\"applied\",topic=\"engagement.web\"}}"), "3"),
            (format!("{records}{{outcome=\"applied\",topic=\"app.intake\"}}"), "0"),
            ("tsuikyaku_dead_letters_total{cause=\"undecodable\"}".into(), "1"),
            ("tsuikyaku_decisions_total{lane=\"score\",type=\"READY\"}".into(), "1"),
            ("tsuikyaku_decision_latency_seconds_bucket{le=\"0.02\"}".into(), "1"),
            ("tsuikyaku_decision_latency_seconds_bucket{le=\"0.01\"}".into(), "0"),
            ("tsuikyaku_commit_seconds_bucket{phase=\"drain\",le=\"0.005\"}".into(), "1"),
            ("tsuikyaku_rewinds_total{cause=\"fenced\"}".into(), "1"),
            ("tsuikyaku_model_info{hash=\"0\",name=\"none\",version=\"0\"}".into(), "1"),
        ] {
            assert_eq!(sample(&text, &line), value, "{line}");
        }
    }

    #[test]
    fn a_lost_partition_has_no_lag() {
        let metrics = Metrics::for_inputs(&["app.intake"]);
        metrics.input.lag(InputId(0), Partition(3), 7);
        metrics.input.lag_seconds(Partition(3), 1.5);
        let line = "tsuikyaku_lag_records{partition=\"3\",topic=\"app.intake\"}";
        assert_eq!(sample(&metrics.encode(), line), "7");
        metrics.input.forget(Partition(3));
        assert!(!metrics.encode().contains("partition=\"3\""));
    }
}
