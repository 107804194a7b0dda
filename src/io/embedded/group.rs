//! The group: which member reads which partition. Trivial: partitions go round the members in the order of joining.

use std::collections::{BTreeMap, BTreeSet};

use crate::runtime::batch::{InputId, Partition};
use crate::runtime::ports::Change;

pub type MemberId = u64;
/// What is assigned: a partition of the intake, or a stateless one of an input with another partition count.
pub type Share = (InputId, Partition);

/// Who a source was in the group when a batch was polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    member: MemberId,
    generation: u32,
}

impl Membership {
    pub(super) fn member(self) -> MemberId {
        self.member
    }
}

#[derive(Debug, Default)]
pub struct Group {
    shares: Vec<Share>,
    /// Generation that each member has heard of.
    members: BTreeMap<MemberId, u32>,
    owners: BTreeMap<Share, MemberId>,
    generation: u32,
    joined_count: u64,
}

impl Group {
    pub fn new(shares: Vec<Share>) -> Group {
        Group { shares, ..Group::default() }
    }

    pub fn join(&mut self) -> MemberId {
        self.joined_count += 1;
        self.generation += 1;
        self.members.insert(self.joined_count, 0);
        self.joined_count
    }

    pub fn leave(&mut self, member: MemberId) {
        if self.members.remove(&member).is_some() {
            self.generation += 1;
            self.owners.retain(|_, owner| *owner != member);
        }
    }

    pub fn expel_all(&mut self) {
        self.members.clear();
        self.owners.clear();
        self.generation += 1;
    }

    /// Lets a member hear of the generation: it gives up what is no longer its own and takes what is free. A member
    /// that was expelled joins again under a new id.
    pub fn turn(&mut self, member: &mut MemberId, owned: &mut BTreeSet<Share>) -> Change {
        let mut change = Change::default();
        if !self.members.contains_key(member) {
            *member = self.join();
            change.lost_by_force = !owned.is_empty();
        } else if self.members[member] == self.generation && !self.is_any_free_for(*member) {
            return change;
        }
        let mine = |share: &Share, group: &Group| group.target(share) == Some(*member);
        for share in std::mem::take(owned) {
            if !change.lost_by_force && mine(&share, self) {
                owned.insert(share);
                continue;
            }
            if self.owners.get(&share) == Some(member) {
                self.owners.remove(&share);
            }
            push(&mut change.lost, &mut change.lost_stateless, share);
        }
        for share in self.shares.clone() {
            if mine(&share, self) && !self.owners.contains_key(&share) {
                self.owners.insert(share, *member);
                owned.insert(share);
                push(&mut change.gained, &mut change.gained_stateless, share);
            }
        }
        self.members.insert(*member, self.generation);
        change
    }

    pub fn membership(&self, member: MemberId) -> Option<Membership> {
        self.members.get(&member).map(|&generation| Membership { member, generation })
    }

    /// True while this member has heard of nothing newer and was not expelled.
    pub fn is_current(&self, membership: Membership) -> bool {
        self.membership(membership.member) == Some(membership)
    }

    fn is_any_free_for(&self, member: MemberId) -> bool {
        self.shares.iter().any(|share| !self.owners.contains_key(share) && self.target(share) == Some(member))
    }

    fn target(&self, share: &Share) -> Option<MemberId> {
        let place = share.1.0 as usize % self.members.len().max(1);
        self.members.keys().nth(place).copied()
    }
}

fn push(partitions: &mut Vec<Partition>, stateless: &mut Vec<Share>, share: Share) {
    match share {
        (InputId::INTAKE, partition) => partitions.push(partition),
        _ => stateless.push(share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTAKE: InputId = InputId::INTAKE;

    fn numbers(partitions: &[Partition]) -> Vec<u32> {
        partitions.iter().map(|partition| partition.0).collect()
    }

    #[test]
    fn partitions_move_only_after_their_owner_let_go() {
        let shares = (0..4).map(|number| (INTAKE, Partition(number))).chain([(InputId(3), Partition(0))]);
        let mut group = Group::new(shares.collect());
        let (mut a, mut of_a) = (group.join(), BTreeSet::new());
        let first = group.turn(&mut a, &mut of_a);
        assert_eq!((numbers(&first.gained), first.gained_stateless.len()), (vec![0, 1, 2, 3], 1));
        assert!(group.turn(&mut a, &mut of_a).is_empty());

        let (mut b, mut of_b) = (group.join(), BTreeSet::new());
        assert!(group.turn(&mut b, &mut of_b).is_empty(), "nothing is free yet");
        let before = group.membership(a).unwrap();
        let change = group.turn(&mut a, &mut of_a);
        assert_eq!((numbers(&change.lost), numbers(&change.gained), change.lost_by_force), (vec![1, 3], vec![], false));
        assert!(!group.is_current(before) && group.is_current(group.membership(a).unwrap()));
        assert_eq!(numbers(&group.turn(&mut b, &mut of_b).gained), [1, 3]);

        group.leave(b);
        assert_eq!(numbers(&group.turn(&mut a, &mut of_a).gained), [1, 3]);
    }

    #[test]
    fn an_expelled_member_loses_by_force_and_joins_again() {
        let mut group = Group::new(vec![(INTAKE, Partition(0))]);
        let (mut a, mut owned) = (group.join(), BTreeSet::new());
        group.turn(&mut a, &mut owned);
        let before = group.membership(a).unwrap();
        group.expel_all();
        assert!(!group.is_current(before));
        let change = group.turn(&mut a, &mut owned);
        assert!(change.lost_by_force);
        assert_eq!((numbers(&change.lost), numbers(&change.gained)), (vec![0], vec![0]));
    }
}
