//! Records of the application's own intake topic: events forwarded from elsewhere, and messages between leads.
//!
//! The key is always the lead that must take the record. For a forwarded event that may be another lead than its value
//! names: it passed a redirect. Value, timestamp and the writer's headers are the original ones.

use super::decode::Format;
use super::headers::{FORMAT, HOPS, Headers, KIND, Origin, number, origin, text};
use crate::scoring::dead_letter::{DeadCause, DeadLetter};
use crate::scoring::event::InputKind;

/// Redirects that an event passes at most; see the model, "one person, several ids".
pub const HOPS_MAX: u8 = 8;

const MESSAGE: &str = "message";

/// What a record of the intake topic is, by its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake<'a> {
    Event(Forwarded<'a>),
    /// Its value is read by `message::decode`.
    Message {
        /// Redirects passed so far.
        hops: u8,
    },
}

/// An event that is not where its writer put it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded<'a> {
    pub origin: Origin<'a>,
    pub kind: InputKind,
    pub format: Format,
    /// Redirects passed so far.
    pub hops: u8,
}

/// Headers of a forwarded event; the writer's own come first.
pub fn forward_headers<'h>(forwarded: Forwarded<'_>, of_record: impl Iterator<Item = (&'h str, &'h [u8])>) -> Headers {
    let mut headers = Headers::of_writer(of_record);
    headers.push_origin(forwarded.origin);
    headers.push(KIND, forwarded.kind.as_str().as_bytes());
    headers.push(FORMAT, forwarded.format.as_str().as_bytes());
    headers.push_number(HOPS, i64::from(forwarded.hops));
    headers
}

/// Headers of a message between leads that has passed so many redirects.
pub fn message_headers(hops: u8) -> Headers {
    let mut headers = Headers::default();
    headers.push(KIND, MESSAGE.as_bytes());
    headers.push_number(HOPS, i64::from(hops));
    headers
}

/// What the headers of an intake record say.
///
/// # Errors
/// `undecodable` where they are not ours: somebody else wrote to the topic.
pub fn read<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<Intake<'a>, DeadLetter> {
    let headers: smallvec::SmallVec<[_; 12]> = headers.collect();
    let no_envelope = || DeadLetter::new(DeadCause::Undecodable, "the headers are not those of an intake record");
    if text(&headers, KIND) == Some(MESSAGE) {
        let hops = number(&headers, HOPS);
        return hops.map(|hops| Intake::Message { hops }).ok_or_else(no_envelope);
    }
    let forwarded = || {
        Some(Forwarded {
            origin: origin(&headers)?,
            kind: InputKind::parse(text(&headers, KIND)?)?,
            format: Format::parse(text(&headers, FORMAT)?)?,
            hops: number(&headers, HOPS)?,
        })
    };
    forwarded().map(Intake::Event).ok_or_else(no_envelope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::keys::Partition;

    fn forwarded(key: Option<&[u8]>) -> Forwarded<'_> {
        Forwarded {
            origin: Origin { topic: "engagement.mail", partition: Partition(5), offset: 9, key },
            kind: InputKind::Mail,
            format: Format::AvroConfluent,
            hops: 2,
        }
    }

    #[test]
    fn forwarded_events_come_back() {
        for key in [None, Some(b"".as_slice()), Some(b"\xff\x00".as_slice())] {
            let of_record = [("trace", b"t-1".as_slice())];
            let headers = forward_headers(forwarded(key), of_record.into_iter());
            assert_eq!(read(headers.pairs().into_iter()), Ok(Intake::Event(forwarded(key))));
            assert_eq!(headers.pairs()[0], ("trace", b"t-1".as_slice()));
        }
    }

    /// An event may be forwarded again, over the next redirect: its origin stays where the writer put it.
    #[test]
    fn forwarding_again_replaces_the_envelope() {
        let first = forward_headers(forwarded(Some(b"a")), std::iter::empty());
        let again = Forwarded { hops: 3, ..forwarded(Some(b"a")) };
        let second = forward_headers(again, first.pairs().into_iter());
        assert_eq!(second.pairs().len(), first.pairs().len());
        assert_eq!(read(second.pairs().into_iter()), Ok(Intake::Event(again)));
    }

    #[test]
    fn messages_are_told_apart() {
        assert_eq!(read(message_headers(3).pairs().into_iter()), Ok(Intake::Message { hops: 3 }));
    }

    #[test]
    fn wrong_headers_are_dead_letters() {
        let whole = forward_headers(forwarded(None), std::iter::empty());
        assert!(read(std::iter::empty()).is_err());
        for missing in 0..whole.pairs().len() {
            let mut pairs = whole.pairs();
            pairs.remove(missing);
            assert!(read(pairs.into_iter()).is_err(), "without number {missing}");
            let mut pairs = whole.pairs();
            pairs[missing].1 = b"\xff";
            assert!(read(pairs.into_iter()).is_err(), "number {missing} is no text");
        }
    }
}
