//! Which partitions the topics of the application have, and which inputs ride along with the intake.

use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::metadata::Metadata;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::errors;
use super::settings::Settings;
use crate::runtime::batch::{InputId, Partition};
use crate::runtime::ports::SourceError;

/// Inputs by `InputId`, each with its name and partition count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub(super) topics: Vec<(String, u32)>,
    riders: Vec<InputId>,
}

impl Layout {
    /// `topics` by `InputId`: the first is the intake.
    pub fn new(topics: Vec<(String, u32)>) -> Layout {
        let count = topics.first().map_or(0, |(_, partitions)| *partitions);
        let riders = (0u16..).zip(&topics).filter(|(_, (_, own))| *own == count).map(|(id, _)| InputId(id)).collect();
        Layout { topics, riders }
    }

    /// Asks the cluster, until it answers or `deadline` has passed.
    ///
    /// # Errors
    /// `Fatal` names what is missing or does not fit, and the fix; `Retry` when the cluster does not answer.
    pub fn discover<C: ClientContext>(
        client: &rdkafka::client::Client<C>,
        settings: &Settings,
    ) -> Result<Layout, SourceError> {
        let metadata = metadata(client, settings.request_timeout)?;
        let mut topics = Vec::new();
        for name in &settings.topics.inputs {
            topics.push((name.clone(), partition_count(&metadata, name)?));
        }
        let layout = Layout::new(topics);
        let state = partition_count(&metadata, &settings.topics.state)?;
        if state != layout.partitions() {
            return Err(SourceError::Fatal(format!(
                "topic {} has {state} partitions and {} has {}: they must be equal; create the one without data again \
                 with `tsuikyaku topics --apply`",
                settings.topics.state,
                settings.topics.intake(),
                layout.partitions()
            )));
        }
        for name in [&settings.topics.ready, &settings.topics.score, &settings.topics.dead_letter] {
            partition_count(&metadata, name)?;
        }
        Ok(layout)
    }

    /// N, the partition count of the intake.
    pub fn partitions(&self) -> u32 {
        self.topics.first().map_or(0, |(_, count)| *count)
    }

    pub fn name(&self, input: InputId) -> &str {
        &self.topics[usize::from(input.0)].0
    }

    /// The partition count of an input.
    pub fn count(&self, input: InputId) -> u32 {
        self.topics[usize::from(input.0)].1
    }

    pub fn input(&self, name: &str) -> Option<InputId> {
        (0u16..).zip(&self.topics).find(|(_, (own, _))| own == name).map(|(id, _)| InputId(id))
    }

    /// The intake and the inputs with as many partitions.
    pub fn riders(&self) -> &[InputId] {
        &self.riders
    }

    pub fn is_rider(&self, input: InputId) -> bool {
        self.riders.contains(&input)
    }

    /// What the group subscribes to: the intake, and the inputs that do not ride along.
    pub(super) fn subscription(&self) -> Vec<&str> {
        let alone = |input: &InputId| *input == InputId::INTAKE || !self.is_rider(*input);
        (0u16..).zip(&self.topics).filter(|(id, _)| alone(&InputId(*id))).map(|(_, (name, _))| name.as_str()).collect()
    }

    /// What an assigned partition brings along: itself and its riders, or only itself.
    pub(super) fn with_riders(&self, input: InputId, partition: Partition) -> Vec<(InputId, Partition)> {
        if input == InputId::INTAKE {
            self.riders.iter().map(|rider| (*rider, partition)).collect()
        } else {
            vec![(input, partition)]
        }
    }
}

/// Metadata of all topics; retried while the brokers are not there yet.
pub(super) fn metadata<C: ClientContext>(
    client: &rdkafka::client::Client<C>,
    timeout: Duration,
) -> Result<Metadata, SourceError> {
    let until = Instant::now() + timeout;
    loop {
        match client.fetch_metadata(None, timeout) {
            Ok(metadata) => return Ok(metadata),
            Err(error) if Instant::now() >= until => return Err(errors::of_client(&error, "metadata")),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn partition_count(metadata: &Metadata, name: &str) -> Result<u32, SourceError> {
    let missing = || SourceError::Fatal(format!("topic {name} is missing: `tsuikyaku topics --apply` creates it"));
    let topic = metadata.topics().iter().find(|topic| topic.name() == name).ok_or_else(missing)?;
    match topic.error().map(Code::from) {
        None => Ok(topic.partitions().len() as u32),
        Some(Code::UnknownTopicOrPartition) => Err(missing()),
        Some(code) => Err(errors::of_read(code, false, name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout::new([("intake", 4), ("web", 4), ("mail", 3)].map(|(name, count)| (name.to_owned(), count)).into())
    }

    #[test]
    fn equal_counts_ride_along_and_others_are_subscribed() {
        let layout = layout();
        assert_eq!(layout.partitions(), 4);
        assert_eq!(layout.riders(), [InputId(0), InputId(1)]);
        assert_eq!(layout.subscription(), ["intake", "mail"]);
        let p = Partition(2);
        assert_eq!(layout.with_riders(InputId::INTAKE, p), [(InputId(0), p), (InputId(1), p)]);
        assert_eq!(layout.with_riders(InputId(2), p), [(InputId(2), p)]);
        assert_eq!(layout.input("mail"), Some(InputId(2)));
    }
}
