//! Single-object encoding: two magic bytes and the fingerprint of the writer's schema before the datum.

use apache_avro::Schema;

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

/// CRC-64-AVRO of the schema's canonical form, as the specification and the Java library compute it.
///
/// The `apache-avro` crate leaves `{"type":"long"}` where a logical type stood and the specification says `"long"`:
/// `crate_fingerprint` is what its writers send, for every schema with a time in it.
pub fn fingerprint(schema: &Schema) -> u64 {
    let mut canonical = schema.canonical_form();
    for primitive in ["null", "boolean", "int", "long", "float", "double", "bytes", "string"] {
        // Names and symbols hold no quotes, so nothing but such a type can match.
        canonical = canonical.replace(&format!(r#"{{"type":"{primitive}"}}"#), &format!(r#""{primitive}""#));
    }
    crc_64_avro(canonical.as_bytes())
}

/// The fingerprint that the `apache-avro` crate writes; see `fingerprint`.
pub fn crate_fingerprint(schema: &Schema) -> u64 {
    crc_64_avro(schema.canonical_form().as_bytes())
}

fn crc_64_avro(bytes: &[u8]) -> u64 {
    const EMPTY: u64 = 0xc15d_213a_a4d7_a795;
    bytes.iter().fold(EMPTY, |crc, &byte| {
        let low = (0..8).fold((crc ^ u64::from(byte)) & 0xff, |low, _| low >> 1 ^ (EMPTY & (low & 1).wrapping_neg()));
        crc >> 8 ^ low
    })
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
        let date = Schema::parse_str(r#"{"type":"int","logicalType":"date"}"#).expect("a schema");
        assert_eq!(fingerprint(&date), 0x7275_d51a_3f39_5c8f, "a logical type changes nothing");
        assert_eq!(Header::of(&schema).as_bytes(), &[0xc3, 1, 0x8f, 0x5c, 0x39, 0x3f, 0x1a, 0xd5, 0x75, 0x72]);
    }

    #[test]
    fn knows_what_the_crate_writes() {
        let schema = Schema::parse_str(crate::wire::manifest::SCHEMA).expect("a schema");
        let theirs = schema.fingerprint::<apache_avro::rabin::Rabin>().bytes;
        assert_eq!(crate_fingerprint(&schema).to_le_bytes().as_slice(), theirs);
        assert_ne!(crate_fingerprint(&schema), fingerprint(&schema));
    }

    #[test]
    fn refuses_what_has_no_header() {
        assert!(fingerprint_of(&[0xc3, 1, 0]).is_err());
        assert!(fingerprint_of(&[0; 12]).is_err());
        assert_eq!(fingerprint_of(&[0xc3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 9]), Ok((1, [9].as_slice())));
    }
}
