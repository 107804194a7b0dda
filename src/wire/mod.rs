//! Bytes to and from the types of `scoring`: input formats, output records, state bytes, internal records.

pub mod avro;
pub mod keys;
pub mod manifest;
