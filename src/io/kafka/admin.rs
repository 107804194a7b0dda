//! Topics as they are and as the application needs them: for the commands `topics` and `check --online`.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::metadata::Metadata;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::layout::{Layout, metadata};
use super::log::Log;
use super::settings::Settings;
use crate::runtime::ports::SourceError;

/// A topic as the application needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPlan {
    pub name: String,
    /// `None`: any count will do where the topic exists.
    pub partitions: Option<u32>,
    /// Partitions when it has to be created and any count will do.
    pub partitions_at_creation: u32,
    /// Copies of each record; `None`: the broker's default.
    pub replication: Option<u32>,
    /// Topic settings that must hold, by Kafka's names: `cleanup.policy`, `retention.ms`, …
    pub settings: BTreeMap<String, String>,
    /// Settings that it gets when it is created; another choice of its owner's is as good.
    pub settings_at_creation: BTreeMap<String, String>,
}

/// Where a topic differs from its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Can be created.
    Missing {
        topic: String,
        partitions: u32,
    },
    /// Nothing but creating it anew changes this.
    Partitions {
        topic: String,
        found: u32,
        needed: u32,
    },
    Setting {
        topic: String,
        name: String,
        found: String,
        needed: String,
    },
    /// The cluster does not let us look, or cannot.
    Refused {
        topic: String,
        reason: String,
    },
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Difference::Missing { topic, partitions } => write!(f, "{topic}: missing, needs {partitions} partitions"),
            Difference::Partitions { topic, found, needed } => {
                write!(f, "{topic}: has {found} partitions, needs {needed}")
            }
            Difference::Setting { topic, name, found, needed } => {
                write!(f, "{topic}: {name} is {found:?}, needs {needed:?}")
            }
            Difference::Refused { topic, reason } => write!(f, "{topic}: {reason}"),
        }
    }
}

/// A topic's name, and why it was not created where it was not.
pub type Created = (String, Result<(), String>);

/// Why the cluster could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("a kafka property is wrong: {0}")]
    Config(String),
    #[error("no answer from {servers}: {reason}")]
    NoAnswer { servers: String, reason: String },
}

/// Looks at topics and creates them.
pub struct Admin {
    client: AdminClient<Log>,
    settings: Settings,
}

impl Admin {
    /// # Errors
    /// `Config` when librdkafka does not accept the properties. No connection is made yet.
    pub fn new(settings: &Settings) -> Result<Admin, AdminError> {
        let client = settings.client(&format!("{}-admin", settings.app_id)).create_with_context(Log::new("admin"));
        let client = client.map_err(|error| AdminError::Config(error.to_string()))?;
        Ok(Admin { client, settings: settings.clone() })
    }

    /// Names the cluster for ever.
    ///
    /// # Errors
    /// `NoAnswer` when no broker answers in time.
    pub fn cluster_id(&self) -> Result<String, AdminError> {
        let id = self.client.inner().fetch_cluster_id(self.settings.request_timeout);
        id.ok_or_else(|| self.no_answer("no cluster id"))
    }

    /// Which partitions the topics have.
    ///
    /// # Errors
    /// Those of `Layout::discover`.
    pub fn layout(&self) -> Result<Layout, SourceError> {
        Layout::discover(self.client.inner(), &self.settings)
    }

    /// The partition count of a topic; `None` where it is not there.
    ///
    /// # Errors
    /// `NoAnswer` when no broker answers in time.
    pub fn partition_count(&self, name: &str) -> Result<Option<u32>, AdminError> {
        let found = metadata(self.client.inner(), self.settings.request_timeout);
        let found = found.map_err(|error| self.no_answer(&error.to_string()))?;
        let topic = found.topics().iter().find(|topic| topic.name() == name && topic.error().is_none());
        Ok(topic.map(|topic| topic.partitions().len() as u32))
    }

    /// Every difference between the topics and `plans`, in the order of the plans.
    ///
    /// # Errors
    /// `NoAnswer` when no broker answers in time.
    pub fn compare(&self, plans: &[TopicPlan]) -> Result<Vec<Difference>, AdminError> {
        let found = metadata(self.client.inner(), self.settings.request_timeout);
        let found = found.map_err(|error| self.no_answer(&error.to_string()))?;
        let mut differences = Vec::new();
        for plan in plans {
            match topic(&found, plan) {
                Ok(()) => self.compare_settings(plan, &mut differences)?,
                Err(difference) => differences.push(difference),
            }
        }
        Ok(differences)
    }

    fn compare_settings(&self, plan: &TopicPlan, into: &mut Vec<Difference>) -> Result<(), AdminError> {
        if plan.settings.is_empty() {
            return Ok(());
        }
        let specifier = [ResourceSpecifier::Topic(&plan.name)];
        let asked = wait(self.client.describe_configs(&specifier, &self.options()));
        match asked.map_err(|error| self.no_answer(&error.to_string()))?.into_iter().next() {
            Some(Ok(found)) => into.extend(settings(plan, &found)),
            Some(Err(code)) => into.push(refused(plan, code)),
            None => into.push(Difference::Refused { topic: plan.name.clone(), reason: "was not described".into() }),
        }
        Ok(())
    }

    /// Creates these topics; one outcome for each, a reason where it failed. One that exists already is no failure.
    ///
    /// # Errors
    /// `NoAnswer` when no broker answers in time.
    pub fn create(&self, plans: &[&TopicPlan]) -> Result<Vec<Created>, AdminError> {
        let topics: Vec<NewTopic<'_>> = plans.iter().map(|plan| new_topic(plan)).collect();
        let outcome = wait(self.client.create_topics(&topics, &self.options()));
        let outcome = outcome.map_err(|error| self.no_answer(&error.to_string()))?;
        Ok(outcome
            .into_iter()
            .map(|each| match each {
                Ok(name) | Err((name, Code::TopicAlreadyExists)) => (name, Ok(())),
                Err((name, code)) => (name, Err(code.to_string())),
            })
            .collect())
    }

    fn options(&self) -> AdminOptions {
        let timeout = Some(self.settings.request_timeout);
        AdminOptions::new().request_timeout(timeout).operation_timeout(timeout)
    }

    fn no_answer(&self, reason: &str) -> AdminError {
        AdminError::NoAnswer { servers: self.settings.bootstrap_servers.clone(), reason: reason.to_owned() }
    }
}

fn new_topic(plan: &TopicPlan) -> NewTopic<'_> {
    let partitions = plan.partitions.unwrap_or(plan.partitions_at_creation) as i32;
    let replication = plan.replication.map_or(-1, |copies| copies as i32);
    let new = NewTopic::new(&plan.name, partitions, TopicReplication::Fixed(replication));
    plan.settings_at_creation.iter().chain(&plan.settings).fold(new, |new, (name, value)| new.set(name, value))
}

fn refused(plan: &TopicPlan, code: Code) -> Difference {
    Difference::Refused { topic: plan.name.clone(), reason: code.to_string() }
}

/// Whether the topic is there, with the partitions of its plan.
fn topic(found: &Metadata, plan: &TopicPlan) -> Result<(), Difference> {
    let topic = found.topics().iter().find(|topic| topic.name() == plan.name);
    let partitions = plan.partitions.unwrap_or(plan.partitions_at_creation);
    let missing = Difference::Missing { topic: plan.name.clone(), partitions };
    let topic = topic.ok_or_else(|| missing.clone())?;
    match topic.error().map(Code::from) {
        None => {}
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Err(missing),
        Some(code) => return Err(refused(plan, code)),
    }
    let found = topic.partitions().len() as u32;
    match plan.partitions {
        Some(needed) if needed != found => Err(Difference::Partitions { topic: plan.name.clone(), found, needed }),
        _ => Ok(()),
    }
}

fn settings<'p>(plan: &'p TopicPlan, found: &'p ConfigResource) -> impl Iterator<Item = Difference> + 'p {
    plan.settings.iter().filter_map(|(name, needed)| {
        let entry = found.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default();
        (entry != *needed).then(|| Difference::Setting {
            topic: plan.name.clone(),
            name: name.clone(),
            found: entry,
            needed: needed.clone(),
        })
    })
}

/// Runs a future to its end on this thread, inside or outside of an async runtime.
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
