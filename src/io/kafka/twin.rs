//! Who fenced us: another process with our instance id, or what the group still knows of ourselves.
//!
//! A static member whose session ends, while the group's coordinator moves to another broker for instance, joins again
//! without a member id. If the coordinator has a join of it still waiting, it answers that one as fenced, and the client
//! library takes the answer for its own: the member has fenced itself. What it left in the group sends no heartbeat and
//! is gone after a session timeout. A twin stays.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::groups::GroupInfo;

use super::log::Log;
use super::settings::Settings;

/// The group is asked that often.
const LOOK: Duration = Duration::from_millis(500);
/// So many looks in a row must find nobody: a member may be about to join again.
const ABSENT_MIN: u32 = 3;
/// For a coordinator that has to load the group before its members' sessions begin to run out.
const LOADING_MAX: Duration = Duration::from_secs(10);
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

/// Waits until no member of the group has the instance id of this worker, at most two session timeouts and the time to
/// load the group. To be called while our own consumer is silent; blocks.
pub(super) fn look(settings: &Settings, worker: u32) -> Verdict {
    let until = Instant::now() + settings.session_timeout * 2 + LOADING_MAX;
    let client: Result<BaseConsumer<Log>, _> =
        settings.reader("twin", "read_committed").create_with_context(Log::new("twin"));
    let Ok(client) = client else { return Verdict::Twin };
    let mut absent = 0;
    while Instant::now() < until {
        absent = match is_in_group(&client, settings, &settings.member(worker)) {
            Some(false) => absent + 1,
            Some(true) | None => 0,
        };
        if absent == ABSENT_MIN {
            return Verdict::Gone;
        }
        std::thread::sleep(LOOK);
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
fn is_in_group(client: &BaseConsumer<Log>, settings: &Settings, instance: &str) -> Option<bool> {
    let listed = client.client().fetch_group_list(Some(&settings.app_id), settings.request_timeout).ok()?;
    let group = listed.groups().first()?;
    let settled = ["Stable", "Empty", "PreparingRebalance", "CompletingRebalance"];
    settled.contains(&group.state()).then(|| group.members().iter().any(|member| has_instance(member.id(), instance)))
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
    fn members_are_told_apart_by_instance() {
        let check = |member: &str, expected| assert_eq!(has_instance(member, "host-1"), expected, "{member}");
        check("host-1-0d0c2c9a-6f0e-4a3e-9a53-0f8c7f3c1b11", true);
        check("host-10-0d0c2c9a-6f0e-4a3e-9a53-0f8c7f3c1b11", false);
        check("host-1-0-0d0c2c9a-6f0e-4a3e-9a53-0f8c7f3c1b11", false); // of an instance called host-1
        check("rdkafka-0d0c2c9a-6f0e-4a3e-9a53-0f8c7f3c1b11", false);
        check("host-1", false);
    }
}
