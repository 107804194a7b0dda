//! Bytes to and from the types of `scoring`: input formats, output records, state bytes, internal records.

pub mod avro;
pub mod confluent;
pub mod dead_letter;
pub mod decode;
pub mod headers;
pub mod intake;
pub mod keys;
pub mod limits;
pub mod manifest;
pub mod message;
pub mod output;
pub mod ready;
pub mod score;
pub mod state;
pub mod told;
pub mod topics;
pub mod view;
