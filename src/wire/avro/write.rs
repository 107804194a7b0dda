//! Appends Avro's primitives to a buffer.

/// An `int` or a `long`: variable-length zig-zag. Also the index of a union's branch and of an enum's symbol.
#[inline]
pub fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = (value << 1 ^ value >> 63).cast_unsigned();
    while rest > 0x7f {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

pub fn put_boolean(out: &mut Vec<u8>, value: bool) {
    out.push(u8::from(value));
}

pub fn put_double(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// `["null", "string"]`.
pub fn put_optional_text(out: &mut Vec<u8>, text: Option<&str>) {
    put_long(out, i64::from(text.is_some()));
    if let Some(text) = text {
        put_text(out, text);
    }
}

/// `["null", "long"]`, or `["null", "int"]`.
pub fn put_optional_long(out: &mut Vec<u8>, value: Option<i64>) {
    put_long(out, i64::from(value.is_some()));
    if let Some(value) = value {
        put_long(out, value);
    }
}
