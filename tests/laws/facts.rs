//! Facts are a function of the set of events.

use proptest::prelude::*;
use tsuikyaku::scoring::facts::Facts;
use tsuikyaku::scoring::seen::{SEEN_MS, SeenEvents, Sight};
use tsuikyaku::wire::state::encode_facts;

use crate::streams::{DAY_MS, START_MS, shuffled, stream};
use crate::{MODEL, apply, cases, facts_of};

fn bytes(facts: &Facts) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_facts(facts, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn any_order_gives_equal_bytes((events, other_order) in shuffled(80)) {
        let (facts, other) = (facts_of(&events), facts_of(&other_order));
        prop_assert_eq!(&facts, &other);
        prop_assert_eq!(bytes(&facts), bytes(&other));
        let at = START_MS + 410 * DAY_MS;
        prop_assert_eq!(facts.read(&MODEL, at), other.read(&MODEL, at));
    }

    #[test]
    fn two_halves_merged_are_the_whole((events, _) in shuffled(80), split in any::<prop::sample::Index>()) {
        let split = split.index(events.len() + 1);
        let (mut one, mut other) = (facts_of(&events[..split]), facts_of(&events[split..]));
        let whole = facts_of(&events);
        let first = one.clone();
        one.merge(&other);
        other.merge(&first);
        prop_assert_eq!(bytes(&one), bytes(&whole));
        prop_assert_eq!(&one, &whole);
        prop_assert_eq!(&other, &whole);
    }

    #[test]
    fn merging_nothing_changes_nothing(events in stream(40)) {
        let whole = facts_of(&events);
        let (mut some, mut none) = (whole.clone(), Facts::default());
        some.merge(&none);
        none.merge(&whole);
        prop_assert_eq!(&some, &whole);
        prop_assert_eq!(&none, &whole);
        prop_assert!(Facts::default().is_empty());
        prop_assert_eq!(whole.is_empty(), whole == Facts::default());
    }

    #[test]
    fn duplicates_change_nothing(
        events in stream(60),
        repeats in proptest::collection::vec((any::<prop::sample::Index>(), 0..SEEN_MS), 0..40),
    ) {
        // Event number n is appended at minute n; each repeat comes some time after its first.
        let appended = |number: usize| START_MS + number as i64 * 60_000;
        let repeats = repeats.iter().map(|(which, later)| {
            let number = which.index(events.len());
            (appended(number) + later, number)
        });
        let mut log: Vec<(i64, usize)> = (0..events.len()).map(|number| (appended(number), number)).collect();
        log.extend(repeats);
        log.sort_by_key(|(at, _)| *at);
        let (mut facts, mut seen) = (Facts::default(), SeenEvents::default());
        for (at, number) in log {
            if seen.see(&events[number].event_id, at) != Sight::Repeated {
                apply(&mut facts, &events[number]);
            }
        }
        prop_assert_eq!(facts, facts_of(&events));
    }
}
