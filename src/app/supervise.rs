//! Keeps the workers' threads, serves HTTP, and ends both in order: on a signal, or loudly when a worker fails.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use super::Error;
use crate::io::http::{self, Owners, Served};
use crate::runtime::context::Context;
use crate::runtime::error::Error as RuntimeError;
use crate::runtime::metrics::StoreFigures;
use crate::runtime::shared::Phase;
use crate::runtime::worker::Shutdown;

/// A worker's time to leave the group, part of `STOP_WITHIN`.
pub const LEAVE_WITHIN: Duration = Duration::from_secs(4);
/// From the signal to the end of the process; orchestrators kill after 10 s.
const STOP_WITHIN: Duration = Duration::from_millis(9_500);
/// Time between two looks at what only changes slowly.
const OBSERVE_INTERVAL: Duration = Duration::from_secs(1);

/// What is supervised, and what is shown of it.
pub struct Supervised {
    pub context: Context,
    pub figures: Box<dyn Fn() -> StoreFigures>,
    pub owners: Arc<dyn Owners>,
    pub workers: usize,
    pub listen: SocketAddr,
    pub limits: http::Limits,
}

/// How a worker's thread ended.
struct Ended {
    number: usize,
    outcome: Result<(), Error>,
}

/// Runs `work` on a thread for each worker until all have ended, because they were asked to or because one failed.
///
/// # Errors
/// The first failure of a worker; `Http` when the address cannot be had.
pub fn supervise<W>(supervised: Supervised, work: W) -> Result<(), Error>
where
    W: Fn(usize, &Shutdown) -> Result<(), RuntimeError> + Send + Sync + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Process(format!("no async runtime: {error}")))?;
    let outcome = runtime.block_on(run(&supervised, Arc::new(work)));
    // A request that still waits for its disk does not keep the process.
    runtime.shutdown_background();
    outcome
}

async fn run<W>(supervised: &Supervised, work: Arc<W>) -> Result<(), Error>
where
    W: Fn(usize, &Shutdown) -> Result<(), RuntimeError> + Send + Sync + 'static,
{
    let listener = TcpListener::bind(supervised.listen).await.map_err(|error| Error::Http(supervised.listen, error))?;
    let served = Served { context: supervised.context.clone(), owners: supervised.owners.clone() };
    tokio::spawn(http::serve(listener, served, supervised.limits));
    tracing::info!("metrics, health and leads on http://{}", supervised.listen);
    let shutdown = Shutdown::default();
    let (tell, ended) = unbounded_channel();
    for number in 0..supervised.workers {
        start(number, work.clone(), shutdown.clone(), tell.clone())?;
    }
    watch(supervised, ended, &shutdown).await
}

fn start<W>(number: usize, work: Arc<W>, shutdown: Shutdown, tell: UnboundedSender<Ended>) -> Result<(), Error>
where
    W: Fn(usize, &Shutdown) -> Result<(), RuntimeError> + Send + Sync + 'static,
{
    let body = move || {
        let outcome = match catch_unwind(AssertUnwindSafe(|| work(number, &shutdown))) {
            Ok(outcome) => outcome.map_err(|error| Error::Worker { number, error }),
            Err(_) => Err(Error::Process(format!(
                "worker {number} met a bug (see the lines above); what it had not committed is done by the next start"
            ))),
        };
        // Before anybody hears of the end: the state directory is free then.
        drop(work);
        // Nobody listens any more only when the process is ending anyway.
        let _ = tell.send(Ended { number, outcome });
    };
    let spawned = std::thread::Builder::new().name(format!("worker-{number}")).spawn(body);
    spawned.map(drop).map_err(|error| Error::Process(format!("no thread for worker {number}: {error}")))
}

async fn watch(supervised: &Supervised, mut ended: UnboundedReceiver<Ended>, shutdown: &Shutdown) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    let mut observe = tokio::time::interval(OBSERVE_INTERVAL);
    let mut running = supervised.workers;
    let mut failure = None;
    let mut deadline = None;
    while running > 0 {
        tokio::select! {
            Some(Ended { number, outcome }) = ended.recv() => {
                running -= 1;
                tracing::info!(worker = number, "ended");
                if let Err(error) = outcome {
                    failure.get_or_insert(error);
                    stop(shutdown, &mut deadline);
                }
            }
            name = signals.next() => {
                if shutdown.is_requested() {
                    return Err(Error::Process(format!("{name} for the second time: stopped at once, nothing is lost")));
                }
                tracing::info!("{name}: finishing the open transaction");
                stop(shutdown, &mut deadline);
            }
            () = passed(deadline) => return Err(failure.unwrap_or_else(overdue)),
            _ = observe.tick() => observed(supervised),
        }
    }
    failure.map_or(Ok(()), Err)
}

fn stop(shutdown: &Shutdown, deadline: &mut Option<Instant>) {
    shutdown.request();
    deadline.get_or_insert(Instant::now() + STOP_WITHIN);
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn overdue() -> Error {
    let seconds = STOP_WITHIN.as_secs_f32();
    Error::Process(format!(
        "not done after {seconds} s: ended all the same; the next start goes on from the last commit"
    ))
}

fn observed(supervised: &Supervised) {
    let metrics = &supervised.context.metrics;
    metrics.storage.figures(&(supervised.figures)());
    let phases = supervised.context.shared.phases();
    let running = phases.values().filter(|phase| **phase == Phase::Running).count();
    metrics.ownership.assigned(phases.len() - running, running);
}

/// The two ways in which a process is asked to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Signals, Error> {
        let listen = |kind| signal(kind).map_err(|error| Error::Process(format!("no signals: {error}")));
        Ok(Signals { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "Ctrl-C",
        }
    }
}
