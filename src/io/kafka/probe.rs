//! What the cluster does not let us do, found before the first event: for `check --online`.
//!
//! A cluster tells what it allows on topics and groups. On transactional ids it does not: there a transaction is begun,
//! under an id of its own.

use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::authorized::{self, Operation};
use super::log::Log;
use super::settings::Settings;

/// One missing permission, or a question that could not be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The topic, where it is one that cannot even be seen.
    pub hidden_topic: Option<String>,
    /// What is missing, what for, and the command that allows it.
    pub text: String,
}

/// Every refusal. What fails for another reason is found elsewhere.
pub fn refusals(settings: &Settings) -> Vec<Refusal> {
    let client: Result<BaseConsumer<Log>, KafkaError> =
        settings.reader("check", "read_committed").create_with_context(Log::new("check"));
    let Ok(client) = client else { return Vec::new() };
    let mut all = of_topics(settings, &client);
    all.extend(of_group(settings, &client));
    all.extend(of_transactions(settings));
    all
}

/// What each topic is used for; the settings of the internal ones are looked at as well.
fn needs(settings: &Settings) -> Vec<(&str, &'static [Operation])> {
    use Operation::{DescribeConfigs, Read, Write};
    let topics = &settings.topics;
    let mut needs: Vec<(&str, &'static [Operation])> = Vec::new();
    needs.extend([topics.intake(), &topics.state].map(|name| (name, &[Read, Write, DescribeConfigs] as &[_])));
    needs.extend([&topics.ready, &topics.score, &topics.dead_letter].map(|name| (name.as_str(), &[Write] as &[_])));
    needs.extend(topics.inputs.iter().skip(1).map(|name| (name.as_str(), &[Read] as &[_])));
    needs
}

fn of_topics(settings: &Settings, client: &BaseConsumer<Log>) -> Vec<Refusal> {
    let needs = needs(settings);
    let names: Vec<&str> = needs.iter().map(|(name, _)| *name).collect();
    let found = match authorized::of_topics(client, &names, settings.request_timeout) {
        Ok(found) => found,
        Err(reason) => return vec![Refusal { hidden_topic: None, text: format!("permissions on topics: {reason}") }],
    };
    let mut refusals = Vec::new();
    for (name, needed) in needs {
        let Some((_, allowed)) = found.iter().find(|(own, _)| own == name) else { continue };
        let hidden = matches!(allowed, Err(Code::TopicAuthorizationFailed));
        let missing = |operation: &&Operation| match allowed {
            Ok(allowed) => !allowed.contains(*operation),
            Err(_) => hidden, // one that is not there is told by the comparison
        };
        refusals.extend(needed.iter().filter(missing).map(|operation| Refusal {
            hidden_topic: hidden.then(|| name.to_owned()),
            text: refusal(settings, *operation, &format!("topic {name}"), &format!("--topic {name}")),
        }));
    }
    refusals
}

fn of_group(settings: &Settings, client: &BaseConsumer<Log>) -> Option<Refusal> {
    let group = &settings.app_id;
    let text = match authorized::of_group(client, group, settings.request_timeout) {
        Ok(Ok(allowed)) if allowed.contains(&Operation::Read) => return None,
        Ok(Ok(_) | Err(Code::GroupAuthorizationFailed)) => {
            refusal(settings, Operation::Read, &format!("group {group}"), &format!("--group {group}"))
        }
        Ok(Err(code)) => format!("group {group}: {code}"),
        Err(reason) => format!("permissions on group {group}: {reason}"),
    };
    Some(Refusal { hidden_topic: None, text })
}

fn of_transactions(settings: &Settings) -> Option<Refusal> {
    let code = begin_transactions(settings).err()?.rdkafka_error_code()?;
    if ![Code::TransactionalIdAuthorizationFailed, Code::ClusterAuthorizationFailed].contains(&code) {
        return None;
    }
    let start = format!("{}-{}-", settings.app_id, settings.instance);
    let options = format!("--transactional-id {start} --resource-pattern-type prefixed");
    let text = refusal(settings, Operation::Write, &format!("transactional ids that begin with {start}"), &options);
    Some(Refusal { hidden_topic: None, text })
}

/// Under an id of its own, so that no running process is fenced.
fn begin_transactions(settings: &Settings) -> Result<(), KafkaError> {
    let mut config = settings.producer(0);
    config.set("transactional.id", format!("{}-{}-check", settings.app_id, settings.instance));
    let client: BaseProducer<Log> = config.create_with_context(Log::new("check"))?;
    client.client().fetch_metadata(None, settings.request_timeout)?; // else it waits half a second
    client.init_transactions(settings.request_timeout)
}

fn refusal(settings: &Settings, operation: Operation, resource: &str, options: &str) -> String {
    let purpose = match operation {
        Operation::DescribeConfigs => " (for this check only)",
        _ => "",
    };
    let user = settings.properties.get("sasl.username").map_or("PRINCIPAL", String::as_str);
    format!(
        "{resource}: {operation} is not allowed{purpose}: kafka-acls --bootstrap-server {} --add --allow-principal \
         User:{user} --operation {operation} {options}",
        settings.bootstrap_servers,
        operation = operation.as_str(),
    )
}
