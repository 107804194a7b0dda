//! States in the changelog and on disk, against those that the inputs give.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::differing_states;
use super::leads::Leads;
use super::log::Disk;
use super::{Check, Difference, Error, Setup};
use crate::runtime::batch::Partition;
use crate::runtime::ports::PartitionMeta;

/// One transaction of the changelog.
#[derive(Default)]
pub struct Transaction {
    /// Offset and state bytes by lead; `None` is a tombstone.
    pub states: BTreeMap<Box<str>, (i64, Option<Vec<u8>>)>,
    /// Offset of the manifest.
    pub offset: i64,
    pub appended_at_ms: i64,
    pub manifest: Vec<u8>,
}

/// Compares the states of a transaction with the leads as they are after it.
pub fn compare(
    setup: &Setup<'_>,
    partition: Partition,
    transaction: &Transaction,
    changed: &BTreeSet<Box<str>>,
    leads: &Leads<'_>,
) -> Result<(), Error> {
    let all: BTreeSet<&Box<str>> = changed.iter().chain(transaction.states.keys()).collect();
    for id in all {
        let expected = if changed.contains(id) { Some(leads.bytes_of(id)?) } else { None };
        let found = transaction.states.get(id).map(|(_, value)| value);
        if expected.as_ref() == found {
            continue;
        }
        let at = format!("{}/{}", setup.outputs.state, partition.0);
        let within = format!("within the transaction whose manifest is at offset {}", transaction.offset);
        let text = match (expected, found) {
            (Some(_), None) => format!("lead {id} changes {within} of {at}, but its state is not there"),
            (None, Some(_)) => format!("lead {id} has a state {within} of {at}, but its inputs do not change it there"),
            (Some(Some(expected)), Some(Some(found))) => {
                let parts = differing_states(&expected, found, setup.show_values);
                format!("lead {id} has another state {within} of {at} than its inputs give: {parts}")
            }
            (Some(None), Some(Some(_))) => format!("lead {id} is kept {within} of {at}, but nothing is left of it"),
            _ => format!("lead {id} is deleted {within} of {at}, but its inputs give it a state"),
        };
        return Err(Difference::new(Check::State, partition.0, text).into());
    }
    Ok(())
}

/// A disk, and what it says that it reflects.
pub struct Reflection<'d> {
    pub disk: &'d dyn Disk,
    pub meta: PartitionMeta,
}

impl Reflection<'_> {
    /// Compares every lead of the disk with the leads as they are before `next`; returns how many. A restore that was
    /// interrupted may have written a part of that transaction.
    pub fn compare(
        &self,
        setup: &Setup<'_>,
        partition: Partition,
        leads: &Leads<'_>,
        manifest: &[u8],
        next: &Transaction,
    ) -> Result<u64, Error> {
        let until = self.meta.changelog_next_offset;
        let at = format!("{} reflects changelog offset {until}", self.disk.name());
        let fail = |text: String| Error::from(Difference::new(Check::Disk, partition.0, format!("{at}: {text}")));
        if self.meta.manifest != manifest {
            return Err(fail("its manifest is not the one that stands before that offset".into()));
        }
        let begun = next.states.iter().filter(|(_, (offset, _))| *offset < until);
        let begun: BTreeMap<&str, &Option<Vec<u8>>> = begun.map(|(id, (_, value))| (&**id, value)).collect();
        let expected = |id: &str| match begun.get(id) {
            Some(value) => Ok((*value).clone()),
            None => leads.bytes_of(id),
        };
        let (mut count, mut failure) = (0u64, None);
        self.disk.scan(partition, &mut |id, found| {
            count += 1;
            match expected(id) {
                Err(error) => failure = Some(error),
                Ok(None) => failure = Some(fail(format!("lead {id} is there, but nothing is left of it"))),
                Ok(Some(expected)) if expected != found => {
                    let parts = differing_states(&expected, found, setup.show_values);
                    failure = Some(fail(format!("lead {id} has another state than its inputs give: {parts}")));
                }
                Ok(Some(_)) => {}
            }
            failure.is_none()
        })?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        match self.missing(partition, leads, &begun)? {
            Some(id) => Err(fail(format!("lead {id} is not there"))),
            None => Ok(count),
        }
    }

    fn missing(
        &self,
        partition: Partition,
        leads: &Leads<'_>,
        begun: &BTreeMap<&str, &Option<Vec<u8>>>,
    ) -> Result<Option<String>, Error> {
        let (mut missing, mut failure) = (None, None);
        let mut look = |id: &str| {
            match self.disk.get(partition, id) {
                Ok(Some(_)) => {}
                Ok(None) => missing = Some(id.to_owned()),
                Err(error) => failure = Some(error),
            }
            missing.is_none() && failure.is_none()
        };
        if begun.iter().all(|(id, value)| value.is_none() || look(id)) {
            leads.each(&mut |id| begun.contains_key(id) || look(id))?;
        }
        failure.map_or(Ok(missing), |error| Err(error.into()))
    }
}
