//! Who of the group has which partition, as the group's coordinator tells it: for those who ask the wrong process.

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::groups::GroupMemberInfo;

use super::log::Log;
use super::settings::Settings;
use crate::io::http::{Owner, Owners};
use crate::runtime::batch::Partition;

/// Asks the cluster each time: such questions are rare.
pub struct KafkaOwners {
    settings: Settings,
}

impl KafkaOwners {
    pub fn new(settings: &Settings) -> KafkaOwners {
        KafkaOwners { settings: settings.clone() }
    }
}

impl Owners for KafkaOwners {
    fn owner(&self, partition: Partition) -> Option<Owner> {
        let config = self.settings.reader("owners", "read_committed");
        let client: BaseConsumer<Log> = config.create_with_context(Log::new("owners")).ok()?;
        let timeout = self.settings.request_timeout;
        let groups = client.client().fetch_group_list(Some(&self.settings.app_id), timeout).ok()?;
        let members = groups.groups().first()?.members();
        let intake = self.settings.topics.intake();
        let has =
            |member: &&GroupMemberInfo| member.assignment().is_some_and(|bytes| assigned(bytes, intake, partition));
        let member = members.iter().find(has)?;
        let start = format!("{}-", self.settings.app_id);
        let name = member.client_id();
        Some(Owner {
            instance: name.strip_prefix(&start).unwrap_or(name).to_owned(),
            host: member.client_host().trim_start_matches('/').to_owned(),
        })
    }
}

/// True when the assignment holds that partition of the topic. The bytes are Kafka's consumer protocol: version (2),
/// count (4), then for each topic its name (2 + n), count (4) and partitions (4 each); more may follow.
pub(super) fn assigned(bytes: &[u8], topic: &str, partition: Partition) -> bool {
    fn walk(mut bytes: &[u8], topic: &str, partition: Partition) -> Option<bool> {
        take::<2>(&mut bytes)?;
        for _ in 0..u32::from_be_bytes(take::<4>(&mut bytes)?) {
            let length = usize::from(u16::from_be_bytes(take::<2>(&mut bytes)?));
            let (name, rest) = bytes.split_at_checked(length)?;
            bytes = rest;
            for _ in 0..u32::from_be_bytes(take::<4>(&mut bytes)?) {
                let found = u32::from_be_bytes(take::<4>(&mut bytes)?);
                if name == topic.as_bytes() && found == partition.0 {
                    return Some(true);
                }
            }
        }
        Some(false)
    }
    walk(bytes, topic, partition).unwrap_or(false)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_assignment_and_survives_any_bytes() {
        let mut bytes = vec![0, 1, 0, 0, 0, 2];
        for (name, partitions) in [("a.in", [1u32, 2]), ("a.intake", [7, 9])] {
            bytes.extend((name.len() as u16).to_be_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend(2u32.to_be_bytes());
            partitions.iter().for_each(|p| bytes.extend(p.to_be_bytes()));
        }
        let is = |length: usize, partition| assigned(&bytes[..length], "a.intake", Partition(partition));
        assert!(is(bytes.len(), 7) && is(bytes.len(), 9) && !is(bytes.len(), 1));
        for length in 0..bytes.len() {
            assert!(!is(length, 9), "{length}");
        }
    }
}
