//! The envelope of a dead letter: the original key and value, untouched, with headers that name origin and cause.

use super::headers::{CAUSE, DETAIL, Headers, Origin, TIME};
use crate::scoring::dead_letter::DeadLetter;

/// Headers of the dead letter of the record at `origin`; the record's own come first. A forwarded record's origin is
/// where its writer put it (see `intake`), so that it is found there and its key is the writer's.
pub fn headers<'h>(
    origin: Origin<'_>,
    dead: &DeadLetter,
    at_ms: i64,
    of_record: impl Iterator<Item = (&'h str, &'h [u8])>,
) -> Headers {
    let mut headers = Headers::of_writer(of_record);
    // The original key is the dead letter's own key.
    headers.push_origin(Origin { key: None, ..origin });
    headers.push(CAUSE, dead.cause.as_str().as_bytes());
    headers.push(DETAIL, dead.detail.as_bytes());
    headers.push_number(TIME, at_ms);
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::dead_letter::DeadCause;
    use crate::wire::keys::Partition;

    #[test]
    fn names_origin_and_cause_behind_the_writers_headers() {
        let origin = Origin { topic: "engagement.web", partition: Partition(3), offset: 77, key: Some(b"lead-1") };
        let dead = DeadLetter::new(DeadCause::Undecodable, "not JSON at line 1 column 1");
        let of_record = [("trace", b"t-1".as_slice()), ("tsuikyaku.cause", b"forged")];
        let headers = headers(origin, &dead, 1_775_000_000_000, of_record.into_iter());
        let expected: [(&str, &[u8]); 7] = [
            ("trace", b"t-1"),
            ("tsuikyaku.topic", b"engagement.web"),
            ("tsuikyaku.partition", b"3"),
            ("tsuikyaku.offset", b"77"),
            ("tsuikyaku.cause", b"undecodable"),
            ("tsuikyaku.detail", b"not JSON at line 1 column 1"),
            ("tsuikyaku.time", b"1775000000000"),
        ];
        assert_eq!(headers.pairs(), expected);
    }
}
