//! Fetched records by the hundred: librdkafka's batch call on a queue of our own.
//!
//! The batch call costs a third of one call a record. It returns what the partitions' queues forward into ours; the
//! consumer's own queue then carries rebalances and errors only. All unsafe reading of records is in this file.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_void};
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaRespErr};

use crate::runtime::recompute::LoggedRecord;

/// Records taken by one call of the library.
const CHUNK: usize = 512;

/// A queue of fetched records, of one client. Must be dropped before its client.
#[derive(Debug)]
pub(super) struct Queue {
    client: *mut rd::rd_kafka_t,
    queue: *mut rd::rd_kafka_queue_t,
    taken: Vec<*mut rd::rd_kafka_message_t>,
}

// SAFETY: librdkafka's queues may be used from any thread; `&mut self` guards `taken`.
unsafe impl Send for Queue {}

/// What came out of a queue.
pub(super) enum Fetched<'a> {
    Record(&'a Message),
    /// The reader is at the end; the offset of the next record to come.
    End {
        topic: TopicHandle,
        partition: i32,
        next_offset: i64,
    },
    /// `what` names topic, partition and reason.
    Failed {
        code: Code,
        what: String,
    },
}

/// Names a topic of one client, as long as a `Topic` holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TopicHandle(*const rd::rd_kafka_topic_t);

impl Queue {
    /// A new queue of the client at this pointer, which must outlive it.
    pub(super) fn new(client: *mut rd::rd_kafka_t) -> Queue {
        // SAFETY: the client is alive, as the caller promises
        let queue = unsafe { rd::rd_kafka_queue_new(client) };
        Queue { client, queue, taken: Vec::with_capacity(CHUNK) }
    }

    /// From now on, what is fetched of this partition arrives here. To be called right before and again right after an
    /// assignment: before, so that nothing takes the way to the consumer's queue; after, because the end of an earlier
    /// assignment takes the forwarding away, later and unseen.
    pub(super) fn forward(&self, topic: &CStr, partition: i32) {
        // SAFETY: client and queue are alive; the partition's queue counts its references
        unsafe {
            let source = rd::rd_kafka_queue_get_partition(self.client, topic.as_ptr(), partition);
            if !source.is_null() {
                rd::rd_kafka_queue_forward(source, self.queue);
                rd::rd_kafka_queue_destroy(source);
            }
        }
    }

    /// Takes what is there, at most `count_max`; waits for the first one. Returns how much was there.
    pub(super) fn take(&mut self, wait: Duration, count_max: usize, mut each: impl FnMut(Fetched<'_>)) -> usize {
        self.fill(wait, 1);
        if !self.taken.is_empty() && count_max > 1 {
            self.fill(Duration::ZERO, count_max.min(CHUNK) - 1);
        }
        let count = self.taken.len();
        for message in self.taken.drain(..) {
            // SAFETY: the library gave us the message, we give it back once
            unsafe {
                each(read(&*message));
                rd::rd_kafka_message_destroy(message);
            }
        }
        count
    }

    /// The batch call waits until all slots are filled: so one slot with a wait, the others without.
    fn fill(&mut self, wait: Duration, slots: usize) {
        self.taken.reserve(slots);
        let wait_ms = wait.as_micros().div_ceil(1_000).min(60_000) as i32; // rounded down, the last part would be a busy loop
        // SAFETY: `slots` pointers fit behind the length
        unsafe {
            let free = self.taken.as_mut_ptr().add(self.taken.len());
            let count = rd::rd_kafka_consume_batch_queue(self.queue, wait_ms, free, slots);
            self.taken.set_len(self.taken.len() + usize::try_from(count).unwrap_or(0));
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: ours since `new`
        unsafe { rd::rd_kafka_queue_destroy(self.queue) }
    }
}

/// # Safety
/// A message of the batch call that was not destroyed yet.
unsafe fn read(message: &rd::rd_kafka_message_t) -> Fetched<'_> {
    match message.err {
        // SAFETY: `Message` is a transparent view
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => unsafe {
            Fetched::Record(&*std::ptr::from_ref(message).cast::<Message>())
        },
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
            let topic = TopicHandle(message.rkt);
            Fetched::End { topic, partition: message.partition, next_offset: message.offset }
        }
        code => {
            // SAFETY: a message that names a topic keeps it alive; the reason lives as long as the message
            let (topic, reason) = unsafe {
                let topic = (!message.rkt.is_null()).then(|| text(rd::rd_kafka_topic_name(message.rkt)));
                (topic.unwrap_or_default(), text(rd::rd_kafka_message_errstr(message)))
            };
            Fetched::Failed { code: code.into(), what: format!("{topic} [{}]: {reason}", message.partition) }
        }
    }
}

/// One fetched record.
#[repr(transparent)]
pub(super) struct Message(rd::rd_kafka_message_t);

impl Message {
    pub(super) fn topic(&self) -> TopicHandle {
        TopicHandle(self.0.rkt)
    }

    pub(super) fn partition(&self) -> i32 {
        self.0.partition
    }

    pub(super) fn offset(&self) -> i64 {
        self.0.offset
    }

    pub(super) fn key(&self) -> Option<&[u8]> {
        // SAFETY: pointer and length belong together
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    pub(super) fn value(&self) -> Option<&[u8]> {
        // SAFETY: as above
        unsafe { bytes(self.0.payload, self.0.len) }
    }

    /// ms since the epoch; 0 where the record has none, or says that it is older.
    pub(super) fn timestamp_ms(&self) -> i64 {
        let mut kind = rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive
        unsafe { rd::rd_kafka_message_timestamp(&self.0, &mut kind) }.max(0)
    }

    /// A copy of all of it.
    pub(super) fn logged(&self) -> LoggedRecord {
        LoggedRecord {
            offset: self.offset(),
            appended_at_ms: self.timestamp_ms(),
            key: self.key().map(<[u8]>::to_vec),
            value: self.value().map(<[u8]>::to_vec),
            headers: self.headers().into_iter().map(|(name, value)| (name.into_owned(), value.to_vec())).collect(),
        }
    }

    /// Names and values; a null value reads as empty.
    pub(super) fn headers(&self) -> Vec<(Cow<'_, str>, &[u8])> {
        let mut headers = std::ptr::null_mut();
        let mut all = Vec::new();
        // SAFETY: names and values live as long as the message
        unsafe {
            if rd::rd_kafka_message_headers(&self.0, &mut headers) != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return all;
            }
            let (mut name, mut value, mut size) = (std::ptr::null(), std::ptr::null(), 0);
            while rd::rd_kafka_header_get_all(headers, all.len(), &mut name, &mut value, &mut size)
                == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
            {
                all.push((text(name), bytes(value, size).unwrap_or_default()));
            }
        }
        all
    }
}

/// # Safety
/// A null pointer, or one to `size` bytes that live for `'a`.
unsafe fn bytes<'a>(start: *const c_void, size: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), size) })
}

/// # Safety
/// A C string that lives for `'a`.
unsafe fn text<'a>(start: *const c_char) -> Cow<'a, str> {
    // SAFETY: the caller's promise
    unsafe { CStr::from_ptr(start) }.to_string_lossy()
}

/// Keeps the library's object of a topic, so that its handle names this topic and no other. Must be dropped before its
/// client.
#[derive(Debug)]
pub(super) struct Topic {
    client: *mut rd::rd_kafka_t,
    topic: *mut rd::rd_kafka_topic_t,
    pub name: CString,
}

// SAFETY: librdkafka's topics may be used from any thread.
unsafe impl Send for Topic {}

impl Topic {
    /// `None` for a name that Kafka cannot have.
    pub(super) fn new(client: *mut rd::rd_kafka_t, name: &str) -> Option<Topic> {
        let name = CString::new(name).ok()?;
        // SAFETY: the client is alive, as the caller promises
        let topic = unsafe { rd::rd_kafka_topic_new(client, name.as_ptr(), std::ptr::null_mut()) };
        (!topic.is_null()).then_some(Topic { client, topic, name })
    }

    pub(super) fn handle(&self) -> TopicHandle {
        TopicHandle(self.topic)
    }

    pub(super) fn raw(&self) -> *mut rd::rd_kafka_topic_t {
        self.topic
    }

    /// End of the partition as of the last fetch; no request is made.
    pub(super) fn end_cached(&self, partition: i32) -> Option<i64> {
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the client is alive
        let outcome = unsafe {
            rd::rd_kafka_get_watermark_offsets(self.client, self.name.as_ptr(), partition, &mut low, &mut high)
        };
        (outcome == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some(high)
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: ours since `new`
        unsafe { rd::rd_kafka_topic_destroy(self.topic) }
    }
}
