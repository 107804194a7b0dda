//! Who fenced us: another process with our instance id, or what the group still knows of ourselves.
//!
//! A static member whose session ends, while the group's coordinator moves to another broker for instance, joins again
//! without a member id. If the coordinator has a join of it still waiting, it answers that one as fenced, and the client
//! library takes the answer for its own: the member has fenced itself. What it left in the group sends no heartbeat and
//! is gone a session timeout after the group has settled: a coordinator counts anew when it has loaded a group, and
//! while a rebalance waits for others it does not count for those who wait. A twin stays.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::groups::GroupInfo;

use super::log::Log;
use super::settings::Settings;

/// The group is asked that often.
const LOOK: Duration = Duration::from_millis(500);
/// So many looks in a row must find nobody: a member may be about to join again.
const ABSENT_MIN: u32 = 3;
/// `-` and a UUID follow the instance id in the member id that a coordinator makes.
const SUFFIX_BYTES: usize = 37;

/// Who has our instance id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A member stayed for longer than a silent one can, or nobody could tell.
    Twin,
    /// Nobody: it was ourselves.
    Gone,
}

/// What one look at the group finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nobody,
    /// A member with our instance id, in a group that is at rest.
    Member,
    /// The cluster does not tell, or a member is there while the group rebalances.
    Unsettled,
}

/// What the looks so far have found.
#[derive(Debug, Default)]
struct Looks {
    nobody_count: u32,
    /// Since when every look found a member in a group at rest.
    member_since: Option<Instant>,
}

impl Looks {
    /// What is certain by now. `stays_max`: longest time that a silent member stays in a group at rest.
    fn judge(&mut self, found: Found, now: Instant, stays_max: Duration) -> Option<Verdict> {
        self.nobody_count = if found == Found::Nobody { self.nobody_count + 1 } else { 0 };
        let since = *self.member_since.get_or_insert(now);
        if found != Found::Member {
            self.member_since = None;
        }
        match found {
            Found::Nobody if self.nobody_count >= ABSENT_MIN => Some(Verdict::Gone),
            Found::Member if now.duration_since(since) >= stays_max => Some(Verdict::Twin),
            _ => None,
        }
    }
}

/// Waits until no member of the group has the instance id of this worker, or one has stayed for two session timeouts of
/// a group at rest. A group that does not come to rest is waited for as long as its rebalance may take, and two session
/// timeouts. To be called while our own consumer is silent; blocks.
pub(super) fn look(settings: &Settings, worker: u32) -> Verdict {
    let stays_max = settings.session_timeout * 2;
    let until = Instant::now() + settings.poll_interval_max.max(settings.session_timeout) + stays_max;
    let client: Result<BaseConsumer<Log>, _> =
        settings.reader("twin", "read_committed").create_with_context(Log::new("twin"));
    let Ok(client) = client else { return Verdict::Twin };
    let mut looks = Looks::default();
    while Instant::now() < until {
        let found = find(&client, settings, &settings.member(worker)).unwrap_or(Found::Unsettled);
        match looks.judge(found, Instant::now(), stays_max) {
            Some(Verdict::Gone) => return Verdict::Gone,
            Some(Verdict::Twin) => break,
            None => std::thread::sleep(LOOK),
        }
    }
    let listed = client.client().fetch_group_list(Some(&settings.app_id), settings.request_timeout);
    let said = listed.map(|listed| listed.groups().first().map(described));
    tracing::warn!(worker, ?said, "the other member has stayed: taken for a twin");
    Verdict::Twin
}

/// A group's state and its members, for those who look into what happened.
fn described(group: &GroupInfo) -> String {
    let members: Vec<&str> = group.members().iter().map(|member| member.id()).collect();
    format!("{} of {}", group.state(), members.join(", "))
}

/// `None` where the cluster does not tell.
fn find(client: &BaseConsumer<Log>, settings: &Settings, instance: &str) -> Option<Found> {
    let listed = client.client().fetch_group_list(Some(&settings.app_id), settings.request_timeout).ok()?;
    let group = listed.groups().first()?;
    let is_there = group.members().iter().any(|member| has_instance(member.id(), instance));
    match (group.state(), is_there) {
        ("Stable", true) => Some(Found::Member),
        ("Stable" | "Empty" | "PreparingRebalance" | "CompletingRebalance", false) => Some(Found::Nobody),
        _ => None,
    }
}

/// Whether the coordinator made this member id for a static member with this instance id.
pub(super) fn has_instance(member_id: &str, instance: &str) -> bool {
    let suffix = member_id.strip_prefix(instance);
    suffix.is_some_and(|suffix| suffix.starts_with('-') && suffix.len() == SUFFIX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twin_is_who_stays_in_a_group_at_rest() {
        let check = |looks: &str, expected: Option<Verdict>| {
            let begun = Instant::now();
            let (mut all, mut verdict) = (Looks::default(), None);
            for (second, look) in (0..).zip(looks.chars()) {
                assert_eq!(verdict, None, "{looks}: known before second {second}");
                let found = match look {
                    '-' => Found::Nobody,
                    'm' => Found::Member,
                    _ => Found::Unsettled,
                };
                verdict = all.judge(found, begun + Duration::from_secs(second), Duration::from_secs(4));
            }
            assert_eq!(verdict, expected, "{looks}");
        };
        check("mmmmm", Some(Verdict::Twin)); // seconds 0 to 4
        check("---", Some(Verdict::Gone));
        check("mmm---", Some(Verdict::Gone));
        check("--m---", Some(Verdict::Gone)); // about to join again
        check("mmmm??????mmmm", None); // while it is not at rest nothing is counted
        check("mmmm?mmmmm", Some(Verdict::Twin));
        check("mmmm-mmmm", None);
        check("?????", None);
    }

    #[test]
    fn members_are_told_apart_by_instance() {
        let check = |member: &str, expected| assert_eq!(has_instance(member, "host-1"), expected, "{member}");
        check("host-1-0d0c2c9a-6f0e-4a3e-9a53-0f8c7f3c1b11", true);
        check("host-10-0d0c2c9a-6f0e-4a3e-9a53-0f8c7f3c1b11", false);
        check("host-1-0-0d0c2c9a-6f0e-4a3e-9a53-0f8c7f3c1b11", false); // of an instance called host-1
        check("rdkafka-0d0c2c9a-6f0e-4a3e-9a53-0f8c7f3c1b11", false);
        check("host-1", false);
    }
}
