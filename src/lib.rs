//! `tsuikyaku` (追客, the follow-up of leads): interaction events in, scores and contact counts kept, decisions out —
//! whom to contact, when, on which channel and why — exactly once.
//!
//! This page is the architecture document. Start here, then read `runtime::worker`, which is the whole program in one
//! page, and `scoring::lead`, which is the whole model in one page.
//!
//! # Bird's-eye view
//!
//! ```text
//!  engagement.web .mail .sns .contact .commerce      lead.profile      outreach.outcome
//!        └───────────────┬──────────────────────────────┴──────────────────┘
//!                        ▼                 records of other homes, redirects, merges
//!     ┌── worker (one thread, some partitions) ──┐ ───────────────► <app>.intake ──┐
//!     │ poll → prefetch → process → commit → persist │ ◄───────────────────────────┘
//!     └───┬───────────┬──────────────────┬───────┘
//!         │ memory    │ one transaction  │ write-behind
//!         ▼           ▼                  ▼
//!      bytes of    outreach.ready     RocksDB: committed
//!      committed   lead.score         states, timers, and the
//!      leads       <app>.state        changelog position that
//!                  <app>.dead-letter  they reflect
//!                  input positions
//! ```
//!
//! A lead lives on the partition that the Java client's partitioner gives its id among the N partitions of the intake
//! topic. Partition *p* of every input with N partitions is read beside `intake-p`, by the same worker. A record that
//! stands elsewhere is forwarded through the intake, in the same transaction.
//!
//! # Rooms
//!
//! Imports go this way only; `tests/tidy.rs` enforces it:
//!
//! ```text
//! main → app, cli → io → audit → runtime → wire → scoring
//! ```
//!
//! * [`scoring`]: the model. Pure: no log, disk, clock, or wire format; time is an argument.
//! * [`wire`]: bytes to and from scoring's types: input formats, output records, state bytes, headers.
//! * [`runtime`]: the loop, against ports. What is uncommitted can always be thrown away.
//! * [`audit`]: judges a run by its log alone: the same steps in one thread, and everything that came out compared.
//! * [`io`]: the ports on Kafka and RocksDB, the embedded log, HTTP, logs. It translates and does not decide.
//! * [`config`]: what the process is told, validated once; [`app`] assembles, [`cli`] speaks with people.
//! * [`traffic`]: simulated leads for the demo, load and tests.
//! * [`ahead`] is no room: a hint to the processor, which every room may give.
//!
//! # Invariants
//!
//! 1. Facts are a function of the set of events, whatever their order; merging two leads' Facts gives what one lead
//!    would have had.
//! 2. `process` cannot fail: reads happen before it, writes after it, and a bad record is a value.
//! 3. Within a transaction: changelog delivered → positions sent → transaction ended → tables; the store, later, gets
//!    only what is committed, together with the changelog position that it reflects.
//! 4. What a batch has touched stands apart from what is committed. Every failure is answered by the one rewind:
//!    forget the former, restore from the latter.
//! 5. Order and time are part of the log: a manifest in every transaction says which records were taken in which
//!    step, and what the clock was. Whoever takes the same steps decides the same, byte for byte
//!    ([`audit`]).
//! 6. A state's bytes are the same in memory, in the changelog and in the store, and old bytes stay readable.
//! 7. Everything that comes from outside has a limit; an unfit record becomes a dead letter in the same transaction.

#[cfg(test)]
extern crate self as tsuikyaku; // the lanes play stories

pub mod ahead;
pub mod app;
pub mod audit;
pub mod cli;
pub mod config;
pub mod io;
pub mod runtime;
pub mod scoring;
pub mod traffic;
pub mod wire;
