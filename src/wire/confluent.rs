//! The framing of Confluent's registries: a zero byte, the schema's id in four bytes (big-endian), the datum.

use super::avro::Malformed;

/// Appends the frame before a datum.
pub fn put_frame(out: &mut Vec<u8>, schema_id: u32) {
    out.push(0);
    out.extend_from_slice(&schema_id.to_be_bytes());
}

/// Splits a framed value into its schema's id and the datum.
pub fn split_frame(value: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    match value.split_first_chunk::<5>() {
        None => Err(Malformed("too short for a schema id")),
        Some(([0, id @ ..], datum)) => Ok((u32::from_be_bytes(*id), datum)),
        Some(_) => Err(Malformed("does not begin with the zero byte before a schema id")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back() {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, 0x0102_0304);
        bytes.push(9);
        assert_eq!(bytes, [0, 1, 2, 3, 4, 9]);
        assert_eq!(split_frame(&bytes), Ok((0x0102_0304, [9].as_slice())));
    }

    #[test]
    fn refuses_what_is_not_framed() {
        assert!(split_frame(&[0, 1, 2, 3]).is_err());
        assert!(split_frame(&[1, 0, 0, 0, 1, 0]).is_err());
    }
}
