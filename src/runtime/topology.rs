//! Which inputs the application reads, and how each relates to the N partitions of the intake topic.

use crate::scoring::event::InputKind;
use crate::wire::decode::Format;

use super::batch::{InputId, Partition};
use super::order;

/// What the records of an input are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The application's own records: forwarded events and messages between leads.
    Intake,
    /// Interaction events of one kind.
    Events { kind: InputKind, format: Format },
}

/// One input topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub topic: String,
    pub role: Role,
    /// As many as the intake has: read beside it, partition by partition. Any other number: read for forwarding only.
    pub partition_count: u32,
}

/// All inputs; the intake is number 0.
#[derive(Debug, Clone)]
pub struct Topology {
    inputs: Vec<Input>,
    ranks: Vec<u16>,
}

impl Topology {
    /// # Panics
    /// Where the first input, and only that, is not the intake: the configuration builds the list.
    pub fn new(inputs: Vec<Input>) -> Topology {
        let intakes: Vec<usize> = (0..inputs.len()).filter(|at| inputs[*at].role == Role::Intake).collect();
        assert_eq!(intakes, [0], "the intake is the first input, and the only intake");
        let ranks = order::ranks(inputs.iter().map(|input| input.topic.as_str()));
        Topology { inputs, ranks }
    }

    /// N: the number of partitions of the application.
    pub fn partition_count(&self) -> u32 {
        self.inputs[0].partition_count
    }

    pub fn input(&self, id: InputId) -> &Input {
        &self.inputs[usize::from(id.0)]
    }

    pub fn inputs(&self) -> impl Iterator<Item = (InputId, &Input)> {
        (0..).map(InputId).zip(&self.inputs)
    }

    /// True when partition *p* of this input belongs to task *p*.
    pub fn is_aligned(&self, id: InputId) -> bool {
        self.input(id).partition_count == self.partition_count()
    }

    /// The inputs that each task reads.
    pub fn aligned(&self) -> impl Iterator<Item = InputId> {
        self.inputs().map(|(id, _)| id).filter(|id| self.is_aligned(*id))
    }

    /// The input of that topic name.
    pub fn find(&self, topic: &str) -> Option<InputId> {
        self.inputs().find(|(_, input)| input.topic == topic).map(|(id, _)| id)
    }

    /// Each input's place in the alphabetical order of topic names, which breaks ties of append time.
    pub fn ranks(&self) -> &[u16] {
        &self.ranks
    }

    /// What task `partition` reads.
    pub fn riders(&self, partition: Partition) -> Vec<(InputId, Partition)> {
        self.aligned().map(|input| (input, partition)).collect()
    }
}
