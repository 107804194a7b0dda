//! Single-object encoding: two magic bytes and the fingerprint of the writer's schema before the datum.

use apache_avro::Schema;
use apache_avro::rabin::Rabin;

use super::Malformed;

const MAGIC: [u8; 2] = [0xc3, 0x01];

/// The ten bytes before a datum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header([u8; Header::LENGTH]);

impl Header {
    /// Length of a header, bytes.
    pub const LENGTH: usize = 10;

    /// The header of what is written with this schema.
    pub fn of(schema: &Schema) -> Header {
        let mut bytes = [0; Header::LENGTH];
        bytes[..2].copy_from_slice(&MAGIC);
        bytes[2..].copy_from_slice(&fingerprint(schema).to_le_bytes());
        Header(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; Header::LENGTH] {
        &self.0
    }
}

/// CRC-64-AVRO of the schema's canonical form.
pub fn fingerprint(schema: &Schema) -> u64 {
    let bytes = schema.fingerprint::<Rabin>().bytes;
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// Splits a single-object encoded value into its writer's fingerprint and the datum.
pub fn fingerprint_of(value: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    let (header, datum) =
        value.split_first_chunk::<{ Header::LENGTH }>().ok_or(Malformed("too short for a single-object header"))?;
    let [magic_0, magic_1, fingerprint @ ..] = *header;
    if [magic_0, magic_1] != MAGIC {
        return Err(Malformed("does not begin with the single-object magic C3 01"));
    }
    Ok((u64::from_le_bytes(fingerprint), datum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_as_the_specification_does() {
        // The value for "int" that the reference implementation's own test cases list.
        let schema = Schema::parse_str(r#""int""#).expect("a schema");
        assert_eq!(fingerprint(&schema), 0x7275_d51a_3f39_5c8f);
        assert_eq!(Header::of(&schema).as_bytes(), &[0xc3, 1, 0x8f, 0x5c, 0x39, 0x3f, 0x1a, 0xd5, 0x75, 0x72]);
    }

    #[test]
    fn refuses_what_has_no_header() {
        assert!(fingerprint_of(&[0xc3, 1, 0]).is_err());
        assert!(fingerprint_of(&[0; 12]).is_err());
        assert_eq!(fingerprint_of(&[0xc3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 9]), Ok((1, [9].as_slice())));
    }
}
