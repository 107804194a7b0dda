//! What the cluster lets this user do with topics and with the group, as it tells when asked: nothing is tried.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_char, c_int};
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode as Code;

use super::log::Log;

/// An operation on a resource, in the words of `kafka-acls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Read,
    Write,
    Describe,
    DescribeConfigs,
}

impl Operation {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Operation::Read => "Read",
            Operation::Write => "Write",
            Operation::Describe => "Describe",
            Operation::DescribeConfigs => "DescribeConfigs",
        }
    }

    fn of(number: u32) -> Option<Operation> {
        use rd::rd_kafka_AclOperation_t as Acl;
        let known = [
            (Acl::RD_KAFKA_ACL_OPERATION_READ, Operation::Read),
            (Acl::RD_KAFKA_ACL_OPERATION_WRITE, Operation::Write),
            (Acl::RD_KAFKA_ACL_OPERATION_DESCRIBE, Operation::Describe),
            (Acl::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS, Operation::DescribeConfigs),
        ];
        known.into_iter().find(|(acl, _)| *acl as u32 == number).map(|(_, operation)| operation)
    }
}

/// What is allowed on one resource; `Err` where it cannot even be looked at, or is not there.
pub(super) type Allowed = Result<BTreeSet<Operation>, Code>;

/// Asks about these topics; the answers are in the cluster's order, each with its topic.
///
/// # Errors
/// The reason in words, where no answer came.
pub(super) fn of_topics(
    client: &BaseConsumer<Log>,
    names: &[&str],
    timeout: Duration,
) -> Result<Vec<(String, Allowed)>, String> {
    let names = c_strings(names)?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let kind = rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    let call = Call::new(client, kind, timeout)?;
    // SAFETY: every pointer is alive during the calls; what the event holds is read before it is destroyed
    unsafe {
        let topics = rd::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        rd::rd_kafka_DescribeTopics(call.client, topics, call.options, call.queue);
        rd::rd_kafka_TopicCollection_destroy(topics);
        let event = call.wait()?;
        let result = rd::rd_kafka_event_DescribeTopics_result(event.0);
        let mut count = 0;
        let all = rd::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        let each = (0..count).map(|at| {
            let topic = *all.add(at);
            let name = text(rd::rd_kafka_TopicDescription_name(topic));
            let mut count = 0;
            let operations = rd::rd_kafka_TopicDescription_authorized_operations(topic, &mut count);
            (name, allowed(rd::rd_kafka_TopicDescription_error(topic), operations, count))
        });
        Ok(each.collect())
    }
}

/// Asks about a group, which need not exist.
///
/// # Errors
/// The reason in words, where no answer came.
pub(super) fn of_group(client: &BaseConsumer<Log>, name: &str, timeout: Duration) -> Result<Allowed, String> {
    let names = c_strings(&[name])?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let kind = rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
    let call = Call::new(client, kind, timeout)?;
    // SAFETY: as above
    unsafe {
        rd::rd_kafka_DescribeConsumerGroups(call.client, pointers.as_mut_ptr(), 1, call.options, call.queue);
        let event = call.wait()?;
        let result = rd::rd_kafka_event_DescribeConsumerGroups_result(event.0);
        let mut count = 0;
        let all = rd::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count);
        if count != 1 {
            return Err("the group was not described".into());
        }
        let group = *all;
        let operations = rd::rd_kafka_ConsumerGroupDescription_authorized_operations(group, &mut count);
        Ok(allowed(rd::rd_kafka_ConsumerGroupDescription_error(group), operations, count))
    }
}

/// One request and the queue of its answer. Must end before its client.
struct Call {
    client: *mut rd::rd_kafka_t,
    options: *mut rd::rd_kafka_AdminOptions_t,
    queue: *mut rd::rd_kafka_queue_t,
    timeout_ms: c_int,
}

impl Call {
    fn new(client: &BaseConsumer<Log>, kind: rd::rd_kafka_admin_op_t, timeout: Duration) -> Result<Call, String> {
        let client = client.client().native_ptr();
        let timeout_ms = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the client is alive; an error that is returned is ours to destroy
        unsafe {
            let options = rd::rd_kafka_AdminOptions_new(client, kind);
            let call = Call { client, options, queue: rd::rd_kafka_queue_new(client), timeout_ms };
            let mut reason = [0; 256];
            rd::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, reason.as_mut_ptr(), reason.len());
            let error = rd::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
            match error.is_null() {
                true => Ok(call),
                false => {
                    let reason = text(rd::rd_kafka_error_string(error));
                    rd::rd_kafka_error_destroy(error);
                    Err(reason)
                }
            }
        }
    }

    fn wait(&self) -> Result<Event, String> {
        // SAFETY: queue and event are ours
        unsafe {
            let event = Event(rd::rd_kafka_queue_poll(self.queue, self.timeout_ms.saturating_add(1_000)));
            match event.0.is_null() {
                true => Err("no answer".into()),
                false if rd::rd_kafka_event_error(event.0) != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => {
                    Err(text(rd::rd_kafka_event_error_string(event.0)))
                }
                false => Ok(event),
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // SAFETY: ours since `new`
        unsafe {
            rd::rd_kafka_AdminOptions_destroy(self.options);
            rd::rd_kafka_queue_destroy(self.queue);
        }
    }
}

struct Event(*mut rd::rd_kafka_event_t);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: ours since the poll; a null pointer is allowed
        unsafe { rd::rd_kafka_event_destroy(self.0) }
    }
}

/// # Safety
/// An error of the library or null; `count` operations that are alive.
unsafe fn allowed(
    error: *const rd::rd_kafka_error_t,
    operations: *const rd::rd_kafka_AclOperation_t,
    count: usize,
) -> Allowed {
    // SAFETY: the caller's promise; read as numbers, so that an operation of a newer library is no wrong enum
    unsafe {
        if !error.is_null() {
            let code = rd::rd_kafka_error_code(error);
            if code != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(code.into());
            }
        }
        let numbers = operations.cast::<u32>();
        Ok((0..count).filter_map(|at| Operation::of(*numbers.add(at))).collect())
    }
}

fn c_strings(names: &[&str]) -> Result<Vec<CString>, String> {
    names.iter().map(|name| CString::new(*name).map_err(|error| format!("{name:?}: {error}"))).collect()
}

/// # Safety
/// A C string that is alive.
unsafe fn text(start: *const c_char) -> String {
    // SAFETY: the caller's promise
    unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned()
}
