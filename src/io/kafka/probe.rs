//! What the cluster does not let us do, found before the first event: for `check --online`.
//!
//! Writing to a topic can only be tried by writing, so it is not tried here.

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::log::Log;
use super::settings::Settings;

/// Every refusal, with what has to be allowed, one a line. What fails for another reason is found elsewhere.
pub fn refusals(settings: &Settings) -> Vec<String> {
    let group = refused(read_positions(settings))
        .map(|code| format!("group {}: {code}: allow Read on it (app.id names it)", settings.app_id));
    let transactions = refused(begin_transactions(settings)).map(|code| {
        let start = format!("{}-{}", settings.app_id, settings.instance);
        format!("transactional ids that begin with {start}: {code}: allow Write and Describe on them")
    });
    group.into_iter().chain(transactions).collect()
}

fn read_positions(settings: &Settings) -> Result<(), KafkaError> {
    let config = settings.reader("check", "read_committed");
    let client: BaseConsumer<Log> = config.create_with_context(Log::new("check"))?;
    let mut asked = TopicPartitionList::new();
    asked.add_partition(settings.topics.intake(), 0);
    client.committed_offsets(asked, settings.request_timeout).map(drop)
}

/// Under an id of its own, so that no running process is fenced.
fn begin_transactions(settings: &Settings) -> Result<(), KafkaError> {
    let mut config = settings.producer(0);
    config.set("transactional.id", format!("{}-{}-check", settings.app_id, settings.instance));
    let client: BaseProducer = config.create()?;
    client.client().fetch_metadata(None, settings.request_timeout)?; // else it waits half a second
    client.init_transactions(settings.request_timeout)
}

fn refused(outcome: Result<(), KafkaError>) -> Option<Code> {
    let code = outcome.err()?.rdkafka_error_code()?;
    let refusals = [
        Code::GroupAuthorizationFailed,
        Code::TransactionalIdAuthorizationFailed,
        Code::ClusterAuthorizationFailed,
        Code::TopicAuthorizationFailed,
    ];
    refusals.contains(&code).then_some(code)
}
