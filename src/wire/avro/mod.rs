//! Avro's binary encoding by hand: what is on the hot path, and nothing else.
//!
//! Schemas are parsed, fingerprinted and compared by the `apache-avro` crate; only bytes are read and written here.

mod cursor;
mod header;
#[cfg(test)]
pub mod oracle;
mod texts;
mod varint;
mod write;

pub use cursor::{Cursor, Malformed};
pub use header::{Header, crate_fingerprint, fingerprint, fingerprint_of};
pub use texts::Texts;
pub use varint::{word_of, zig_zag};
pub use write::{put_boolean, put_bytes, put_double, put_long, put_optional_long, put_optional_text, put_text};
