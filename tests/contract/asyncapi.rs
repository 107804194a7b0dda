//! The AsyncAPI document: our topics, who writes them, and what is in them.

use std::fmt::Write as _;

use crate::Topic;
use crate::avro::text;

/// AsyncAPI 3.0, as YAML.
pub fn document(topics: &[Topic]) -> String {
    let mut yaml = format!(
        "# Made from schemas/*.avsc: UPDATE=1 cargo test --test contract\n\
         asyncapi: 3.0.0\n\
         info:\n\
         \x20 title: tsuikyaku\n\
         \x20 version: {}\n\
         \x20 description: >-\n\
         \x20   Engagement events in, decisions and scores out. Topics carry Avro (schemas/*.avsc, single-object encoding) where the\n\
         \x20   configuration does not say json; payloads here are the JSON form. Names are the default ones. See outreach.md.\n\
         \x20 license:\n\
         \x20   name: Apache-2.0\n\
         \x20   url: https://www.apache.org/licenses/LICENSE-2.0\n\
         defaultContentType: application/json\n",
        env!("CARGO_PKG_VERSION")
    );
    section(&mut yaml, "channels", topics, channel);
    section(&mut yaml, "operations", topics, operation);
    yaml.push_str("components:\n");
    section(&mut yaml, "  messages", topics, message);
    yaml
}

fn section(yaml: &mut String, name: &str, topics: &[Topic], each: fn(&Topic) -> String) {
    let indent = name.len() - name.trim_start().len() + 2;
    let _ = writeln!(yaml, "{name}:");
    for line in topics.iter().map(each).collect::<String>().lines() {
        let _ = writeln!(yaml, "{:indent$}{line}", "");
    }
}

fn message_name(topic: &Topic) -> &str {
    text(&topic.schema, "name")
}

fn channel(topic: &Topic) -> String {
    let (id, address, name) = (topic.schema_name, topic.name, message_name(topic));
    format!("{id}:\n  address: {address}\n  messages:\n    {name}:\n      $ref: '#/components/messages/{name}'\n")
}

fn operation(topic: &Topic) -> String {
    let (id, name) = (topic.schema_name, message_name(topic));
    let action = if topic.is_output { "send" } else { "receive" };
    format!(
        "{action}_{id}:\n  action: {action}\n  channel:\n    $ref: '#/channels/{id}'\n  messages:\n    \
         - $ref: '#/channels/{id}/messages/{name}'\n"
    )
}

fn message(topic: &Topic) -> String {
    let (id, name) = (topic.schema_name, message_name(topic));
    let summary = topic.schema["doc"].to_string(); // a JSON string is a YAML one
    format!(
        "{name}:\n  name: {name}\n  summary: {summary}\n  payload:\n    $ref: './schemas/{id}.json'\n  bindings:\n    \
         kafka:\n      key:\n        type: string\n        description: The lead's id, UTF-8.\n      bindingVersion: '0.5.0'\n"
    )
}
