//! What happens while the group hands out partitions: noted here, carried out between batches.
//!
//! A gained partition is acknowledged with nothing assigned in librdkafka; `Source::start` assigns it with its riders at
//! positions that are known by then. So nothing is ever read from elsewhere, and nothing slow happens in the callback.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::layout::Layout;
use super::log::Log;
use crate::runtime::batch::{InputId, Partition};
use crate::runtime::ports::Change;

/// Partitions of one member, and what changed since the worker asked last.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// What librdkafka reads for us: what was gained and started.
    pub assigned: BTreeSet<(InputId, Partition)>,
    change: Change,
    failure: Option<String>,
}

impl Members {
    fn gain(&mut self, input: InputId, partition: Partition) {
        if input == InputId::INTAKE {
            self.change.gained.push(partition);
        } else {
            self.change.gained_stateless.push((input, partition));
        }
    }

    /// Gained and lost within one call: the worker never hears of it, unless it had the partition before.
    fn lose(&mut self, input: InputId, partition: Partition) {
        let change = &mut self.change;
        if input == InputId::INTAKE {
            move_over(&mut change.gained, &mut change.lost, partition);
        } else {
            move_over(&mut change.gained_stateless, &mut change.lost_stateless, (input, partition));
        }
    }
}

fn move_over<T: PartialEq>(gained: &mut Vec<T>, lost: &mut Vec<T>, item: T) {
    let before = gained.len();
    gained.retain(|own| *own != item);
    if gained.len() == before && !lost.contains(&item) {
        lost.push(item);
    }
}

/// The context of the group's consumer.
#[derive(Debug)]
pub(super) struct GroupContext {
    pub layout: Layout,
    log: Log,
    members: Mutex<Members>,
}

impl GroupContext {
    pub(super) fn new(layout: Layout, log: Log) -> GroupContext {
        GroupContext { layout, log, members: Mutex::default() }
    }

    /// Never waited for: callbacks run on the worker's own thread.
    pub(super) fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What changed since the last call; an error where an assignment failed.
    pub(super) fn take_change(&self) -> Result<Change, String> {
        let mut members = self.members();
        match members.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(std::mem::take(&mut members.change)),
        }
    }

    fn gained(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let outcome = consumer.incremental_assign(&TopicPartitionList::new());
        let mut members = self.members();
        self.each(list, |input, partition| members.gain(input, partition));
        note(&mut members, outcome, "assign");
    }

    fn lost(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let by_force = consumer.assignment_lost();
        let mut assigned = TopicPartitionList::new();
        {
            let mut members = self.members();
            members.change.lost_by_force |= by_force;
            self.each(list, |input, partition| {
                members.lose(input, partition);
                for (rider, partition) in self.layout.with_riders(input, partition) {
                    if members.assigned.remove(&(rider, partition)) {
                        assigned.add_partition(self.layout.name(rider), partition.0 as i32);
                    }
                }
            });
        }
        let outcome = consumer.incremental_unassign(&assigned);
        note(&mut self.members(), outcome, "unassign");
    }

    fn each(&self, list: &TopicPartitionList, mut each: impl FnMut(InputId, Partition)) {
        for element in list.elements() {
            if let Some(input) = self.layout.input(element.topic()) {
                each(input, Partition(element.partition() as u32));
            }
        }
    }
}

fn note(members: &mut Members, outcome: Result<(), KafkaError>, what: &str) {
    if let Err(error) = outcome {
        members.failure = Some(format!("{what}: {error}"));
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.log.line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.failure(&error, reason);
    }
}

impl ConsumerContext for GroupContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.gained(consumer, list),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => self.lost(consumer, list),
            other => {
                self.members().failure = Some(format!("rebalance: {}", RDKafkaErrorCode::from(other)));
                self.lost(consumer, list);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_within_one_call_add_up() {
        const P: Partition = Partition(3);
        let check = |steps: &str, gained: &[Partition], lost: &[Partition]| {
            let mut members = Members::default();
            for step in steps.chars() {
                match step {
                    '+' => members.gain(InputId::INTAKE, P),
                    _ => members.lose(InputId::INTAKE, P),
                }
            }
            assert_eq!((&members.change.gained[..], &members.change.lost[..]), (gained, lost), "{steps}");
        };
        check("+", &[P], &[]);
        check("-", &[], &[P]);
        check("+-", &[], &[]);
        check("-+", &[P], &[P]); // first lost, then gained: its state has to be read anew
        check("-+-", &[], &[P]);
        check("-+-+", &[P], &[P]);
    }
}
