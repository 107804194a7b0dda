//! Whose state a directory holds, as a small file that people can read.
//!
//! A lead's home follows from the partition count, and positions mean something only in one cluster. So a directory of
//! another application, cluster or count is refused, never adapted.

use serde::{Deserialize, Serialize};

/// What must agree between a process and its state directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The application id (`app.id`).
    pub application: String,
    /// The Kafka cluster's own id.
    pub cluster: String,
    /// N, the partition count of the intake topic.
    pub partition_count: u32,
}

/// Layout of directory, keys and meta. A change of it needs a migration or a restore.
pub const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    #[serde(flatten)]
    identity: Identity,
}

/// What the identity file may hold.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Known(Identity),
    OtherFormat(u32),
}

impl std::fmt::Display for Identity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Identity { application, cluster, partition_count } = self;
        write!(out, "application \"{application}\" on cluster \"{cluster}\" with {partition_count} partitions")
    }
}

impl Identity {
    pub fn to_text(&self) -> String {
        let Identity { application, cluster, partition_count } = self;
        format!(
            "# Whose state this is. Written once, read at every start; do not edit.\nformat = {FORMAT}\n\
             application = {}\ncluster = {}\npartition_count = {partition_count}\n",
            toml::Value::from(application.as_str()),
            toml::Value::from(cluster.as_str()),
        )
    }

    /// What to do beyond another directory, for a process that is `self` and a directory of `found`.
    pub fn hint(&self, found: &Identity) -> &'static str {
        if self.application == found.application
            && self.cluster == found.cluster
            && self.partition_count != found.partition_count
        {
            "; the partition count of the intake topic is fixed for the life of an application: for another count, \
             start a new application id and send the inputs through it again"
        } else if self.application == found.application && self.cluster != found.cluster {
            "; if the cluster was rebuilt on purpose, its changelog restores an empty directory"
        } else {
            ""
        }
    }
}

/// # Errors
/// A text saying what is wrong with the file.
pub fn parse(text: &str) -> Result<Found, String> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let head: Head = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    if head.format != FORMAT {
        return Ok(Found::OtherFormat(head.format));
    }
    let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    Ok(Found::Known(file.identity))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity { application: "a \"b\"\\".into(), cluster: "MkU3OEVBNTcwNTJENDM2Qk".into(), partition_count: 12 }
    }

    #[test]
    fn comes_back_as_it_was() {
        assert_eq!(parse(&identity().to_text()), Ok(Found::Known(identity())));
    }

    #[test]
    fn other_formats_and_damage_are_told_apart() {
        assert_eq!(parse("format = 2\nnew = true"), Ok(Found::OtherFormat(2)));
        for damaged in ["", "format = 1", "format = ", "format = 1\napplication = \"a\"\ncluster = \"c\""] {
            assert!(parse(damaged).is_err(), "{damaged:?}");
        }
    }

    #[test]
    fn the_hint_names_what_differs() {
        for (found, hint) in [
            (Identity { partition_count: 4, ..identity() }, "partition count"),
            (Identity { cluster: "other".into(), ..identity() }, "rebuilt"),
        ] {
            assert!(identity().hint(&found).contains(hint), "{found}");
        }
    }
}
