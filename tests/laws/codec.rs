//! State bytes come back, and damage is an error and nothing worse.

use proptest::prelude::*;
use tsuikyaku::wire::state::{decode_facts, encode_facts};

use crate::streams::stream;
use crate::{cases, facts_of};

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn facts_come_back(events in stream(80)) {
        let facts = facts_of(&events);
        let mut bytes = Vec::new();
        encode_facts(&facts, &mut bytes);
        prop_assert!(bytes.len() <= facts.weight_bytes(), "{} > {}", bytes.len(), facts.weight_bytes());
        prop_assert_eq!(decode_facts(&bytes), Ok(facts));
    }

    #[test]
    fn damaged_bytes_never_panic(
        events in stream(40),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        encode_facts(&facts_of(&events), &mut bytes);
        prop_assert!(decode_facts(&bytes[..cut.index(bytes.len())]).is_err());
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(facts) = decode_facts(&bytes) {
            // What still reads is Facts in their one form, and reads as a score of some kind.
            let mut again = Vec::new();
            encode_facts(&facts, &mut again);
            prop_assert_eq!(decode_facts(&again), Ok(facts.clone()));
            facts.read(&crate::MODEL, i64::MAX);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut framed = Vec::new();
        encode_facts(&Default::default(), &mut framed);
        framed.truncate(10);
        framed.extend_from_slice(&bytes);
        let _ = decode_facts(&framed);
    }
}
