//! Handing records over to a producer of the client library, which copies them. All unsafe writing of records is in this
//! file.
//!
//! The library looks for a topic's partition, locks it and reads two clocks for each record that comes alone. Records that
//! go to one partition together spare that. And they are all there before the partition is made part of the transaction:
//! else its first records travel alone, and the library's thread asks all the while whether it may send the next ones.

use std::ffi::{CStr, CString, c_void};
use std::marker::PhantomData;

use rdkafka::bindings as rd;
use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaRespErr};

use super::queue::Topic;
use crate::runtime::batch::Partition;
use crate::runtime::ports::OutRecord;

/// Leaves the choice of the partition to the partitioner.
const PARTITION_BY_KEY: i32 = -1;

/// Records of one partition, without headers, that have still to be handed over.
pub(super) struct Together<'r> {
    partition: Partition,
    records: Vec<rd::rd_kafka_message_t>,
    bytes: PhantomData<&'r [u8]>,
}

impl<'r> Together<'r> {
    /// Keys and values. The report of each will name `place`.
    pub(super) fn of(
        partition: Partition,
        place: usize,
        records: impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)>,
    ) -> Together<'r> {
        let record = |(key, value): (&[u8], Option<&[u8]>)| rd::rd_kafka_message_t {
            err: RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR,
            rkt: std::ptr::null_mut(),
            partition: 0,
            payload: value.map_or(std::ptr::null_mut(), |value| value.as_ptr().cast_mut().cast()),
            len: value.map_or(0, <[u8]>::len),
            key: key.as_ptr().cast_mut().cast(),
            key_len: key.len(),
            offset: 0,
            _private: place as *mut c_void,
        };
        Together { partition, records: records.map(record).collect(), bytes: PhantomData }
    }

    /// Hands over all of them. After `QueueFull` those that had no room are left, for another try. The topic must be
    /// alive with its client.
    pub(super) fn produce(&mut self, topic: &Topic) -> Result<(), (Code, String)> {
        let count = i32::try_from(self.records.len()).expect("a transaction has a limit far below 2^31 records");
        let partition = self.partition.0 as i32;
        // SAFETY: keys and values live for 'r, and the call copies them
        let taken = unsafe {
            let records = self.records.as_mut_ptr();
            rd::rd_kafka_produce_batch(topic.raw(), partition, rd::RD_KAFKA_MSG_F_COPY, records, count)
        };
        if taken == count {
            return Ok(());
        }
        let is_refused = |record: &rd::rd_kafka_message_t| record.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        // what comes behind one that had no room is refused as well
        let first = self.records.iter().position(is_refused).expect("the library took less than all");
        let code = Code::from(self.records[first].err);
        self.records.drain(..first);
        Err((code, format!("[{partition}]: {code}")))
    }
}

/// Hands over one record of any kind; its report will name `place`. The topic must be one of the client's.
pub(super) fn one(
    client: *mut rd::rd_kafka_t,
    topic: &Topic,
    place: usize,
    record: &OutRecord<'_>,
) -> Result<(), (Code, String)> {
    use rd::rd_kafka_vtype_t::*;
    let names: Result<Vec<CString>, _> = record.headers.iter().map(|(name, _)| CString::new(*name)).collect();
    let names = names.map_err(|error| (Code::InvalidArgument, format!("header: {error}")))?;
    let partition = record.partition.map_or(PARTITION_BY_KEY, |partition| partition.0 as i32);
    let mut fields = smallvec::SmallVec::<[rd::rd_kafka_vu_t; 16]>::new();
    let mut field = |vtype, u| fields.push(rd::rd_kafka_vu_t { vtype, u });
    field(RD_KAFKA_VTYPE_RKT, Field { rkt: topic.raw() });
    field(RD_KAFKA_VTYPE_PARTITION, Field { i32_: partition });
    field(RD_KAFKA_VTYPE_MSGFLAGS, Field { i: rd::RD_KAFKA_MSG_F_COPY });
    field(RD_KAFKA_VTYPE_OPAQUE, Field { ptr: place as *mut c_void });
    if let Some(key) = record.key {
        field(RD_KAFKA_VTYPE_KEY, memory(key));
    }
    if let Some(value) = record.value {
        field(RD_KAFKA_VTYPE_VALUE, memory(value));
    }
    if let Some(timestamp_ms) = record.timestamp_ms {
        field(RD_KAFKA_VTYPE_TIMESTAMP, Field { i64_: timestamp_ms });
    }
    for (name, (_, value)) in names.iter().zip(record.headers) {
        field(RD_KAFKA_VTYPE_HEADER, header(name, value));
    }
    // SAFETY: every pointer outlives the call, which copies what it keeps
    unsafe {
        let error = rd::rd_kafka_produceva(client, fields.as_ptr(), fields.len());
        if error.is_null() {
            return Ok(());
        }
        let code = Code::from(rd::rd_kafka_error_code(error));
        let text = CStr::from_ptr(rd::rd_kafka_error_string(error)).to_string_lossy().into_owned();
        rd::rd_kafka_error_destroy(error);
        Err((code, text))
    }
}

type Field = rd::rd_kafka_vu_s__bindgen_ty_1;

fn memory(bytes: &[u8]) -> Field {
    let ptr = bytes.as_ptr().cast_mut().cast::<c_void>();
    Field { mem: rd::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr, size: bytes.len() } }
}

fn header(name: &CString, value: &[u8]) -> Field {
    let (name, val, size) = (name.as_ptr(), value.as_ptr().cast::<c_void>(), value.len() as isize);
    Field { header: rd::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_2 { name, val, size } }
}
