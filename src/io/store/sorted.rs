//! Leads in the order of their ids, which is that of their keys.

use crate::ahead::{LEADS_AHEAD, soon};
use crate::runtime::ports::LeadWrite;

/// Leads on their way to the store.
pub struct Sorted<'w, 'b>(Vec<&'w LeadWrite<'b>>);

impl<'w, 'b> Sorted<'w, 'b> {
    pub fn of(writes: &'w [LeadWrite<'b>]) -> Sorted<'w, 'b> {
        let mut sorted: Vec<_> = writes.iter().map(|write| (head(write.lead_id), write)).collect();
        sorted.sort_unstable_by_key(|(head, write)| (*head, write.lead_id));
        Sorted(sorted.into_iter().map(|(_, write)| write).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &'w LeadWrite<'b>> {
        self.0.iter().enumerate().map(|(n, write)| {
            if let Some(value) = self.0.get(n + LEADS_AHEAD).and_then(|write| write.value) {
                soon(value);
            }
            *write
        })
    }
}

/// The first bytes of an id, as a number of the same order: most ids differ there, so that the rest of them, which lie
/// all over the memory, need not be looked at.
fn head(id: &str) -> u128 {
    let mut head = [0; size_of::<u128>()];
    let count = id.len().min(head.len());
    head[..count].copy_from_slice(&id.as_bytes()[..count]);
    u128::from_be_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_the_order_of_their_bytes() {
        let long = "0123456789abcdef";
        let ids = ["b", "", "a\0", "a", &format!("{long}b"), long, &format!("{long}\0"), "é", "aa", "0123456789abcde"];
        let write = |lead_id| LeadWrite { lead_id, value: None, timer_before_ms: None, timer_after_ms: None };
        let writes: Vec<LeadWrite<'_>> = ids.iter().map(|id| write(*id)).collect();
        let mut expected = ids;
        expected.sort_unstable();
        let sorted: Vec<&str> = Sorted::of(&writes).iter().map(|write| write.lead_id).collect();
        assert_eq!(sorted, expected);
    }
}
