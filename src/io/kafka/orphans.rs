//! Partitions that the group has given to nobody.
//!
//! A cooperative rebalance takes two steps: a partition is taken from one member, then given to another. A static member
//! that leads the group and dies in between is replaced without a rebalance, and nobody begins the second step: the
//! partition stays unread, for ever if nothing else happens. So each member looks now and then; of those who see such a
//! partition twice, the one with the least to lose leaves the group and joins again, which begins a rebalance.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::log::Log;
use super::owners::assigned;
use super::settings::Settings;
use super::twin::has_instance;
use crate::runtime::batch::Partition;

/// How often a member looks soon after it has joined, when it may have replaced a leader.
const LOOK_SOON: Duration = Duration::from_secs(5);
const SOON: Duration = Duration::from_secs(60);
const LOOK_LATER: Duration = Duration::from_secs(300);

/// When to look, and what the last look found.
#[derive(Debug)]
pub(super) struct Orphans {
    joined: Instant,
    looked: Instant,
    /// What is being looked at: that takes a connection of its own, and no partition has to wait for it.
    look: Option<Receiver<Found>>,
    seen: bool,
}

/// What one look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    /// `is_ours`: of all members we have the least.
    Orphans {
        is_ours: bool,
    },
}

impl Orphans {
    /// To be made when a member joins.
    pub(super) fn new() -> Orphans {
        let now = Instant::now();
        Orphans { joined: now, looked: now, look: None, seen: false }
    }

    /// True when this worker has to leave and join again. Has the cluster asked when it is time, and never waits.
    pub(super) fn must_rejoin(&mut self, settings: &Settings, worker: u32, partitions: u32) -> bool {
        let Some(found) = self.found() else {
            if self.look.is_none() && settings.static_membership && self.looked.elapsed() >= self.interval() {
                self.begin(settings.clone(), settings.member(worker), partitions);
            }
            return false;
        };
        self.looked = Instant::now();
        let before = std::mem::replace(&mut self.seen, found != Found::Nothing);
        before && found == Found::Orphans { is_ours: true }
    }

    fn interval(&self) -> Duration {
        if self.seen || self.joined.elapsed() < SOON { LOOK_SOON } else { LOOK_LATER }
    }

    fn begin(&mut self, settings: Settings, instance: String, partitions: u32) {
        let (tell, found) = channel();
        std::thread::spawn(move || {
            // whoever has joined anew meanwhile does not listen any more
            let _ = tell.send(look(&settings, &instance, partitions).unwrap_or(Found::Nothing));
        });
        self.look = Some(found);
    }

    /// What a look that has ended found.
    fn found(&mut self) -> Option<Found> {
        let found = match self.look.as_ref()?.try_recv() {
            Ok(found) => found,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Found::Nothing,
        };
        self.look = None;
        Some(found)
    }
}

/// `None` where the cluster does not tell, or is still at it.
fn look(settings: &Settings, instance: &str, partitions: u32) -> Option<Found> {
    let config = settings.reader("orphans", "read_committed");
    let client: BaseConsumer<Log> = config.create_with_context(Log::new("orphans")).ok()?;
    let listed = client.client().fetch_group_list(Some(&settings.app_id), settings.request_timeout).ok()?;
    let group = listed.groups().first().filter(|group| group.state() == "Stable")?;
    let members: Vec<(String, Vec<Partition>)> = group
        .members()
        .iter()
        .map(|member| {
            let has = |p: &Partition| member.assignment().is_some_and(|it| assigned(it, settings.topics.intake(), *p));
            (member.id().to_owned(), (0..partitions).map(Partition).filter(has).collect())
        })
        .collect();
    Some(judge(&members, instance, partitions))
}

fn judge(members: &[(String, Vec<Partition>)], instance: &str, partitions: u32) -> Found {
    let is_owned = |partition: &Partition| members.iter().any(|(_, owned)| owned.contains(partition));
    if (0..partitions).map(Partition).all(|partition| is_owned(&partition)) {
        return Found::Nothing;
    }
    let least = members.iter().min_by_key(|(id, owned)| (owned.len(), id));
    Found::Orphans { is_ours: least.is_some_and(|(id, _)| has_instance(id, instance)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_with_least_to_lose_begins_a_rebalance() {
        let check = |a: &[u32], b: &[u32], expected: Found| {
            let member = |name: &str, owned: &[u32]| {
                let id = format!("{name}-0d0c2c9a-6f0e-4a3e-9a53-0f8c7f3c1b11");
                (id, owned.iter().copied().map(Partition).collect())
            };
            let members: [(String, Vec<Partition>); 2] = [member("a-0", a), member("b-0", b)];
            assert_eq!(judge(&members, "b-0", 3), expected, "{a:?} {b:?}");
        };
        check(&[0, 1], &[2], Found::Nothing);
        check(&[0, 1], &[], Found::Orphans { is_ours: true });
        check(&[0], &[2], Found::Orphans { is_ours: false }); // the first by name
        check(&[], &[2], Found::Orphans { is_ours: false });
    }
}
