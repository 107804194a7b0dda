//! Requests over a real socket against states that were put there.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::*;
use crate::runtime::leads::SharedLeads;
use crate::runtime::settings::Settings;
use crate::runtime::shared::Shared;
use crate::runtime::testing::MemoryStore;
use crate::wire::{keys, state};

struct Noon;

impl crate::runtime::ports::Clock for Noon {
    fn now_ms(&self) -> i64 {
        1_800_000_000_000
    }
}

struct Elsewhere;

impl Owners for Elsewhere {
    fn owner(&self, partition: Partition) -> Option<Owner> {
        Some(Owner { instance: format!("b-{}", partition.0), host: "10.0.0.2".into() })
    }
}

const P: Partition = Partition(0);

fn served() -> Served {
    let model = std::fs::read_to_string("deploy/models/b2b-saas.toml").expect("the default model is there");
    let input = crate::runtime::topology::Input {
        topic: "a.intake".into(),
        role: crate::runtime::topology::Role::Intake,
        partition_count: 1,
    };
    let context = Context {
        model: Arc::new(crate::scoring::model::Model::parse(&model, "default").expect("the default model is valid")),
        topology: Arc::new(crate::runtime::topology::Topology::new(vec![input])),
        decoder: Arc::default(),
        formats: crate::runtime::encode::Formats::default(),
        store: Arc::new(MemoryStore::default()),
        clock: Arc::new(Noon),
        settings: Settings::default(),
        metrics: Arc::new(crate::runtime::metrics::Metrics::for_inputs(&["a.intake"])),
        shared: Arc::new(Shared::default()),
    };
    Served { context, owners: Arc::new(Elsewhere) }
}

fn limits() -> Limits {
    Limits { request_timeout: Duration::from_secs(5), requests_max: 8 }
}

/// Status and body of each path, in order, from one server.
fn ask(served: Served, limits: Limits, paths: &[&str]) -> Vec<(u16, String)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime can be had");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    runtime.spawn(serve(listener, served, limits));
    let get = |path: &&str| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    };
    let answers = paths.iter().map(get).collect();
    runtime.shutdown_background();
    answers
}

#[test]
fn health_readiness_and_metrics_follow_the_partitions() {
    let served = served();
    let shared = served.context.shared.clone();
    let statuses = |served: &Served| -> Vec<u16> {
        ask(served.clone(), limits(), &["/healthz", "/readyz", "/leads/L1"]).iter().map(|(status, _)| *status).collect()
    };
    assert_eq!(statuses(&served), [200, 503, 421], "nothing is assigned");
    assert!(shared.claim(P, 0));
    assert_eq!(statuses(&served), [200, 503, 503], "restoring");
    shared.running(P, SharedLeads::default());
    assert_eq!(statuses(&served), [200, 200, 404], "running");
    let answers = ask(served, limits(), &["/metrics", "/nothing"]);
    assert!(answers[0].1.contains("# HELP tsuikyaku_build_info"), "{}", answers[0].1);
    assert_eq!(answers[1].0, 404);
}

#[test]
fn a_lead_elsewhere_names_its_owner() {
    let (status, body) = ask(served(), limits(), &["/leads/L1"]).remove(0);
    assert_eq!(status, 421);
    let body: serde_json::Value = serde_json::from_str(&body).expect("the body is JSON");
    assert_eq!(body["owner"], json!({"instance": "b-0", "host": "10.0.0.2"}));
}

#[test]
fn a_committed_lead_is_shown_before_it_is_persisted() {
    let served = served();
    let shared = served.context.shared.clone();
    assert!(shared.claim(P, 0));
    let leads = SharedLeads::default();
    shared.running(P, leads.clone());
    let mut bytes = Vec::new();
    state::encode(&crate::scoring::lead::Lead::default(), &mut bytes);
    let at = leads.change().add(keys::lead_hash("日本/1"), "日本/1".into());
    leads.change().committed(at, Some(&bytes), None);
    let long = format!("/leads/{}", "x".repeat(257));
    let answers = ask(served, limits(), &["/leads/%E6%97%A5%E6%9C%AC%2F1", &long]);
    let body: serde_json::Value = serde_json::from_str(&answers[0].1).expect("the body is JSON");
    assert_eq!(
        (answers[0].0, &body["lead_id"], &body["as_of"]),
        (200, &json!("日本/1"), &json!(1_800_000_000_000_i64))
    );
    assert_eq!(answers[1].0, 400);
}

#[test]
fn more_requests_than_allowed_are_refused() {
    let none = Limits { requests_max: 0, ..limits() };
    assert_eq!(ask(served(), none, &["/healthz"])[0].0, 503);
}
