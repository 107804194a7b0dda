//! Bytes to and from the types of `scoring`: input formats, output records, state bytes, internal records.

pub mod avro;
pub mod confluent;
pub mod decode;
pub mod keys;
pub mod limits;
pub mod manifest;
