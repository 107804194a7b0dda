//! Leads in the order of their ids, which is that of their keys.

use crate::ahead::{LEADS_AHEAD, soon};
use crate::runtime::ports::LeadWrite;
use crate::wire::keys::id_head;

/// Leads on their way to the store.
pub struct Sorted<'w, 'b>(Vec<&'w LeadWrite<'b>>);

impl<'w, 'b> Sorted<'w, 'b> {
    pub fn of(writes: &'w [LeadWrite<'b>]) -> Sorted<'w, 'b> {
        let with_heads = writes.iter().enumerate().map(|(n, write)| {
            writes.get(n + LEADS_AHEAD).inspect(|later| soon(later.lead_id));
            (id_head(write.lead_id), write)
        });
        let mut sorted: Vec<_> = with_heads.collect();
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
