//! Kafka, through librdkafka: the ports `Source`, `Sink` and `Changelog`, and the administration of topics.
//!
//! The adapters translate and never decide; the order of calls in a transaction is `runtime::commit`'s. Invariants:
//! * a partition stays silent until `Source::start` names its position; offsets are never taken from the group by itself;
//! * nothing slow happens in a rebalance callback, and no error of an assignment is dropped;
//! * every delivery report is looked at before offsets are sent;
//! * after an outcome that nobody knows a producer is never used again.
//!
//! Lacks on purpose: consumer threads, async, the new group protocol (it stalls in librdkafka 2.12).

pub mod admin;
pub mod aside;
pub mod audit;
mod authorized;
pub mod changelog;
pub mod errors;
pub mod feed;
mod filling;
pub mod layout;
mod log;
mod orphans;
pub mod owners;
pub mod probe;
mod produce;
mod queue;
pub mod range;
mod reading;
mod rebalance;
pub mod replay;
pub mod settings;
pub mod sink;
pub mod source;
mod standstill;
mod twin;
mod watchdog;

pub use changelog::KafkaChangelog;
pub use settings::{Settings, TopicNames};
pub use sink::KafkaSink;
pub use source::KafkaSource;

use std::sync::mpsc;
use std::time::Duration;

/// Drops `value` on a thread of its own and waits at most `deadline`: librdkafka's destructors may hang.
/// True when it was done in time; else the thread is left behind, to end with the process.
fn drop_within<T: Send + 'static>(value: T, deadline: Duration) -> bool {
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || {
        drop(value);
        let _ = done.send(()); // nobody waits any more: nothing to tell
    });
    wait.recv_timeout(deadline).is_ok()
}
