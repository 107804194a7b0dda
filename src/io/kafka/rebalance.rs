//! What happens while the group hands out partitions: noted here, carried out between batches.
//!
//! A gained partition is acknowledged with nothing assigned in librdkafka; `Source::start` assigns it with its riders at
//! positions that are known by then. So nothing is ever read from elsewhere, and nothing slow happens in the callback.
//!
//! While it rebalances, librdkafka pauses everything and then goes on from what it believes the application consumed.
//! Its batch call counts the end of a partition as one more record: the next record would be skipped, or an offset be
//! asked for that does not exist. So each callback first says again where the partitions that stay go on.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::layout::Layout;
use super::log::Log;
use super::reading::{Reading, Readings};
use crate::runtime::batch::{InputId, Partition};
use crate::runtime::ports::Change;

/// Partitions of one member, and what changed since the worker asked last.
#[derive(Debug)]
pub(super) struct Member {
    pub readings: Readings,
    /// What the group has given us, started or not.
    owned: Vec<(InputId, Partition)>,
    change: Change,
    failure: Option<String>,
}

impl Member {
    fn new(layout: &Layout) -> Member {
        let counts = layout.topics.iter().map(|(_, count)| *count);
        Member { readings: Readings::new(counts), owned: Vec::new(), change: Change::default(), failure: None }
    }

    fn gain(&mut self, input: InputId, partition: Partition) {
        self.owned.push((input, partition));
        if input == InputId::INTAKE {
            self.change.gained.push(partition);
        } else {
            self.change.gained_stateless.push((input, partition));
        }
    }

    /// Gained and lost within one call: the worker never hears of it, unless it had the partition before.
    fn lose(&mut self, input: InputId, partition: Partition) {
        self.owned.retain(|own| *own != (input, partition));
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
    member: Mutex<Member>,
}

impl GroupContext {
    pub(super) fn new(layout: Layout, log: Log) -> GroupContext {
        let member = Mutex::new(Member::new(&layout));
        GroupContext { layout, log, member }
    }

    /// Never waited for: callbacks run on the worker's own thread.
    pub(super) fn member(&self) -> MutexGuard<'_, Member> {
        self.member.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What changed since the last call; an error where an assignment failed.
    pub(super) fn take_change(&self) -> Result<Change, String> {
        let mut member = self.member();
        match member.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(std::mem::take(&mut member.change)),
        }
    }

    /// Everything that we had is lost, at once and by force; the consumer itself is of no use any more.
    pub(super) fn lose_all(&self) -> Change {
        let mut member = self.member();
        for (input, partition) in std::mem::take(&mut member.owned) {
            member.lose(input, partition);
        }
        member.change.lost_by_force = true;
        std::mem::take(&mut member.change)
    }

    fn gained(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let mut member = self.member();
        self.each(list, |input, partition| member.gain(input, partition));
        self.go_on(consumer, &member.readings);
        note(&mut member, consumer.incremental_assign(&TopicPartitionList::new()), "assign");
    }

    fn lost(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let mut member = self.member();
        member.change.lost_by_force |= consumer.assignment_lost();
        let mut unassigned = TopicPartitionList::new();
        self.each(list, |input, partition| {
            member.lose(input, partition);
            for (rider, partition) in self.layout.with_riders(input, partition) {
                if member.readings.get(rider, partition) != Reading::Silent {
                    unassigned.add_partition(self.layout.name(rider), partition.0 as i32);
                    member.readings.set(rider, partition, Reading::Silent);
                }
            }
        });
        self.go_on(consumer, &member.readings);
        note(&mut member, consumer.incremental_unassign(&unassigned), "unassign");
    }

    /// Says where everything that runs goes on; takes effect before the partitions are let go again.
    fn go_on(&self, consumer: &BaseConsumer<Self>, readings: &Readings) {
        let mut list = TopicPartitionList::new();
        for (input, partition, next_offset) in readings.running() {
            list.add_partition_offset(self.layout.name(input), partition.0 as i32, Offset::Offset(next_offset))
                .expect("an offset of a record is not negative");
        }
        // no waiting, hence no outcome: where it cannot be done the partition has not begun to read
        let _ = consumer.seek_partitions(list, Duration::ZERO);
    }

    fn each(&self, list: &TopicPartitionList, mut each: impl FnMut(InputId, Partition)) {
        for element in list.elements() {
            if let Some(input) = self.layout.input(element.topic()) {
                each(input, Partition(element.partition() as u32));
            }
        }
    }
}

fn note(member: &mut Member, outcome: Result<(), KafkaError>, what: &str) {
    if let Err(error) = outcome {
        member.failure = Some(format!("{what}: {error}"));
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
                self.member().failure = Some(format!("rebalance: {}", RDKafkaErrorCode::from(other)));
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
            let mut member = Member::new(&Layout::new(Vec::new()));
            for step in steps.chars() {
                match step {
                    '+' => member.gain(InputId::INTAKE, P),
                    _ => member.lose(InputId::INTAKE, P),
                }
            }
            assert_eq!((&member.change.gained[..], &member.change.lost[..]), (gained, lost), "{steps}");
        };
        check("+", &[P], &[]);
        check("-", &[], &[P]);
        check("+-", &[], &[]);
        check("-+", &[P], &[P]); // first lost, then gained: its state has to be read anew
        check("-+-", &[], &[P]);
        check("-+-+", &[P], &[P]);
    }

    #[test]
    fn everything_is_lost_at_once() {
        const P: Partition = Partition(3);
        let input = InputId(1);
        let context = GroupContext::new(Layout::new(Vec::new()), Log::new("test"));
        context.member().gain(InputId::INTAKE, P);
        context.take_change().expect("no failure"); // the worker knows of this one
        context.member().gain(InputId::INTAKE, Partition(4)); // and not of this one
        context.member().gain(input, P);
        context.take_change().expect("no failure");
        context.member().gain(InputId::INTAKE, Partition(5));
        let change = context.lose_all();
        assert_eq!((&change.gained[..], &change.lost[..]), (&[][..], &[P, Partition(4)][..]));
        assert_eq!((&change.lost_stateless[..], change.lost_by_force), (&[(input, P)][..], true));
        assert!(context.lose_all().lost.is_empty(), "once");
    }
}
