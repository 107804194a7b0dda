//! The pure core: what a lead's events amount to, and what follows from it.
//!
//! Knows no Kafka, no disk, no clock and no wire format: time is an argument, and reading never changes anything.

pub mod calendar;
pub mod dead_letter;
pub mod decision;
pub mod episode;
pub mod epoch_sum;
pub mod event;
pub mod explain;
pub mod facts;
pub mod fit;
pub mod headline;
pub mod lanes;
pub mod lead;
pub mod meaning;
pub mod message;
pub mod model;
pub mod newest;
pub mod reading;
pub mod seen;
pub mod stage;
