//! Paths and queries that are asked of the status server, over a real socket on loopback.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::net::TcpListener;
use tsuikyaku::io::http::{Alone, Limits, Served, serve};
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::runtime::context::Context;
use tsuikyaku::runtime::leads::SharedLeads;
use tsuikyaku::runtime::metrics::Metrics;
use tsuikyaku::runtime::ports::{Clock, LeadWrite, PartitionMeta, Store, StoreError, StoredTimer};
use tsuikyaku::runtime::topology::{Input, Role, Topology};
use tsuikyaku::scoring::lead::Lead;
use tsuikyaku::scoring::model::Model;
use tsuikyaku::wire::{keys, state};

use super::files::DEFAULT_MODEL;

const P: Partition = Partition(0);
const LIMITS: Limits = Limits { request_timeout: Duration::from_secs(30), requests_max: 8 };

/// No lead is on disk: those that are shown are committed and not persisted yet.
struct Empty;

impl Store for Empty {
    fn meta(&self, _: Partition) -> Result<Option<PartitionMeta>, StoreError> {
        Ok(None)
    }

    fn get_many(&self, _: Partition, lead_ids: &[&str]) -> Result<Vec<Option<Box<[u8]>>>, StoreError> {
        Ok(vec![None; lead_ids.len()])
    }

    fn timers(&self, _: Partition, _: Option<&StoredTimer>, _: usize) -> Result<Vec<StoredTimer>, StoreError> {
        Ok(Vec::new())
    }

    fn write(&self, _: Partition, _: &[LeadWrite<'_>], _: &PartitionMeta) -> Result<(), StoreError> {
        Ok(())
    }

    fn ingest(&self, _: Partition, _: &[LeadWrite<'_>], _: &PartitionMeta) -> Result<(), StoreError> {
        Ok(())
    }

    fn clear(&self, _: Partition) -> Result<(), StoreError> {
        Ok(())
    }

    fn scan(&self, _: Partition, _: &mut dyn FnMut(&str, &[u8]) -> bool) -> Result<(), StoreError> {
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

struct Noon;

impl Clock for Noon {
    fn now_ms(&self) -> i64 {
        1_775_000_000_000
    }
}

fn served() -> Served {
    let input = Input { topic: "a.intake".into(), role: Role::Intake, partition_count: 1 };
    let context = Context {
        model: Arc::new(Model::parse(DEFAULT_MODEL, "default").expect("the default model is sound")),
        topology: Arc::new(Topology::new(vec![input])),
        decoder: Arc::default(),
        formats: Default::default(),
        store: Arc::new(Empty),
        clock: Arc::new(Noon),
        settings: Default::default(),
        metrics: Arc::new(Metrics::for_inputs(&["a.intake"])),
        shared: Default::default(),
    };
    assert!(context.shared.claim(P, 0), "nobody has it");
    let mut bytes = Vec::new();
    state::encode(&Lead::default(), &mut bytes);
    let leads = SharedLeads::default();
    let at = leads.change().add(keys::lead_hash("L1"), "L1".into());
    leads.change().committed(at, Some(&bytes), None);
    context.shared.running(P, leads);
    Served { context, owners: Arc::new(Alone) }
}

thread_local! {
    /// Kept as long as it is answered on.
    static CONNECTION: Cell<Option<TcpStream>> = const { Cell::new(None) };
}

/// Where the server listens: it serves, on a thread of its own, until the process ends.
fn address() -> SocketAddr {
    static ADDRESS: LazyLock<SocketAddr> = LazyLock::new(|| {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            runtime.expect("a runtime can be had").block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
                tell.send(listener.local_addr().expect("it is bound")).expect("somebody waits for it");
                serve(listener, served(), LIMITS).await
            })
        });
        told.recv().expect("the server starts")
    });
    *ADDRESS
}

/// The input is a path and a query, without what would end the line: nothing but GET lines are asked.
pub fn request(input: &[u8]) {
    let path: Vec<u8> = input.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let answer = ask(&path);
    let status = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u16>().ok());
    assert!(
        status.is_some_and(|status| matches!(status, 200 | 400 | 404 | 414 | 431)),
        "answered {}",
        String::from_utf8_lossy(&answer)
    );
}

fn ask(path: &[u8]) -> Vec<u8> {
    let connect = || TcpStream::connect(address()).expect("it listens");
    let mut stream = CONNECTION.take().unwrap_or_else(connect);
    stream.write_all(&[b"GET /", path, b" HTTP/1.1\r\nhost: x\r\n\r\n"].concat()).expect("it reads");
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&answer) {
        match stream.read(&mut buffer) {
            Ok(0) => return answer, // it closes behind what is no request
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {} // by libFuzzer's own clock
            Err(error) => panic!("no answer: {error}"),
        }
    }
    let closes = answer.windows(17).any(|window| window.eq_ignore_ascii_case(b"connection: close"));
    CONNECTION.set((!closes).then_some(stream));
    answer
}

/// Whether a whole answer is there: its head, and as many bytes as that says.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
    length.is_some_and(|length: usize| answer.len() >= head + 4 + length)
}
