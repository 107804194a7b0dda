//! The core's entry. A placeholder until the lanes land, so that the runtime builds: it decides nothing.

use super::dead_letter::DeadLetter;
use super::decision::{Decision, Snapshot};
use super::episode::Episode;
use super::event::Event;
use super::facts::Facts;
use super::message::Message;
use super::model::Model;
use super::seen::SeenEvents;

#[derive(Debug, Default, Clone)]
pub struct Lead {
    pub facts: Facts,
    pub seen: SeenEvents,
    pub episode: Episode,
}

#[derive(Debug, Clone, Copy)]
pub struct At {
    pub clock_ms: i64,
    pub appended_at_ms: i64,
    pub hops: u8,
}

#[derive(Debug, Default)]
pub struct Effects {
    pub decisions: Vec<Decision>,
    pub snapshots: Vec<Snapshot>,
    pub messages: Vec<(Box<str>, Message)>,
}

#[derive(Debug)]
pub enum Applied {
    Changed,
    Duplicate,
    Machine,
    Erased,
    Forward { to: Box<str> },
    Dead(DeadLetter),
}

impl Lead {
    pub fn apply(&mut self, _: &Model, _: &str, _: &Event<'_>, _: At, _: &mut Effects) -> Applied {
        Applied::Changed
    }

    pub fn receive(&mut self, _: &Model, _: &str, _: &Message, _: At, _: &mut Effects) -> Applied {
        Applied::Changed
    }

    pub fn fire(&mut self, _: &Model, _: &str, _: i64, _: &mut Effects) {}

    pub fn timer_ms(&self) -> Option<i64> {
        None
    }

    pub fn is_empty(&self) -> bool {
        false
    }
}
