//! What is given hostile bytes, and what must hold of it.

mod events;
mod files;
mod http;
mod messages;
mod states;

pub use events::AsRecord;
pub use files::DEFAULT_MODEL;

/// A decoder, or several that belong together.
pub struct Target {
    pub name: &'static str,
    /// Panics where something does not hold.
    pub run: fn(&[u8]),
    /// Length of an input, bytes.
    pub bytes_max: usize,
    /// About a minute's on one core, the seeds among them.
    pub executions: u64,
}

const fn target(name: &'static str, run: fn(&[u8]), bytes_max: usize, executions: u64) -> Target {
    Target { name, run, bytes_max, executions }
}

/// Those that take longest first: two run side by side.
pub static TARGETS: [Target; 11] = [
    target("http", http::request, 1_024, 250_000),
    target("model", files::model, 8_192, 12_000),
    target("config", files::config, 4_096, 20_000),
    target("schema", files::schema, 4_096, 300_000),
    target("state", states::state, 2_048, 1_000_000),
    target("message", messages::message, 2_048, 1_200_000),
    target("avro", events::avro, 1_024, 1_500_000),
    target("json", events::json, 1_024, 1_200_000),
    target("decision", messages::decision, 1_024, 300_000),
    target("manifest", messages::manifest, 512, 2_000_000),
    target("headers", messages::headers, 512, 2_000_000),
];

pub fn named(name: &str) -> Result<&'static Target, String> {
    let names = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    TARGETS
        .iter()
        .find(|target| target.name == name)
        .ok_or_else(|| format!("target: found {name:?}; allowed: {}", names()))
}

/// Splits off the byte by which an input says which of some ways it takes.
fn choice(input: &[u8], count: usize) -> Option<(usize, &[u8])> {
    let (first, rest) = input.split_first()?;
    Some((usize::from(*first) % count, rest))
}
