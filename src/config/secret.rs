//! Which values are secrets, and how they are kept out of logs and messages.

use std::collections::BTreeMap;

use super::effective::At;

/// What stands for a secret wherever it would be shown.
pub const MASK: &str = "********";

/// Parts of names of librdkafka properties whose values open doors.
const SECRET_PARTS: [&str; 7] = ["password", "secret", "key.pem", "token", "jaas", "oauthbearer.config", "credential"];

/// True when the value of that key must not be shown.
pub fn is_secret(at: &At<'_>) -> bool {
    at.name.is_some_and(is_secret_property) && at.key.starts_with("kafka.properties")
}

fn is_secret_property(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// librdkafka properties, passwords among them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    pub fn new(properties: BTreeMap<String, String>) -> Properties {
        Properties(properties)
    }

    /// The values themselves: for the Kafka client only.
    pub fn reveal(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl std::fmt::Debug for Properties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |(name, value): (&String, &String)| {
            let value = if is_secret_property(name) { MASK.to_owned() } else { value.clone() };
            (name.clone(), value)
        };
        f.debug_map().entries(self.0.iter().map(shown)).finish()
    }
}
