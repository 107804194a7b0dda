//! The pure core: what a lead's events amount to, and what follows from it.
//!
//! Knows no Kafka, no disk, no clock and no wire format: time is an argument, and reading never changes anything.

mod before;
pub mod calendar;
mod channel_choice;
mod check;
mod consent;
pub mod dead_letter;
pub mod decision;
pub mod episode;
pub mod epoch_sum;
mod evaluation;
pub mod event;
pub mod explain;
pub mod facts;
pub mod fit;
mod gate;
pub mod headline;
mod hours;
pub mod identity;
pub mod lanes;
pub mod lead;
mod limits;
pub mod meaning;
pub mod message;
pub mod model;
mod moment;
mod months;
pub mod newest;
pub mod outlook;
pub mod rare;
pub mod reading;
mod ready;
pub mod seen;
pub mod stage;
mod terms;
mod transitions;
