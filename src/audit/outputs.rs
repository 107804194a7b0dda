//! An output topic as a stream: what is expected next must be what stands there next.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::fields;
use super::ledger::{Ledger, Place};
use super::log::{Ahead, Log, LoggedRecord};
use super::prints;
use super::{Check, Difference, Error, Kept, Setup};
use crate::runtime::batch::Partition;
use crate::wire::keys;
use crate::wire::output::OutputFormat;

/// A record that must come next.
pub struct Expected<'e> {
    pub lead_id: &'e str,
    /// `None`: a tombstone.
    pub value: Option<Vec<u8>>,
    /// For messages: "decision 12ab (ready)".
    pub name: String,
}

/// What one partition of the application writes to one topic.
pub struct OutputStream<'s> {
    setup: &'s Setup<'s>,
    partition: Partition,
    topic: &'s str,
    format: OutputFormat,
    schema: &'static str,
    kept: Kept,
    cursors: Vec<Option<Ahead>>,
    /// Of a compacted topic: what was not there, by lead; a later one must be.
    missing: BTreeMap<String, String>,
}

/// Which topic, and how it is written.
pub struct Written<'s> {
    pub topic: &'s str,
    pub format: OutputFormat,
    pub schema: &'static str,
    pub kept: Kept,
}

impl<'s> OutputStream<'s> {
    pub fn open(
        setup: &'s Setup<'s>,
        partition: Partition,
        log: &mut dyn Log,
        written: Written<'s>,
    ) -> Result<OutputStream<'s>, Error> {
        let Written { topic, format, schema, kept } = written;
        let count = log.partition_count(topic)?;
        let is_own = |number: u32| count != setup.topology.partition_count() || number == partition.0;
        let mut cursors = Vec::new();
        for number in 0..count {
            let cursor = if is_own(number) { Some(Ahead::new(log.open(topic, number)?)) } else { None };
            if let Some(low) = cursor.as_ref().map(Ahead::low).filter(|low| *low > 0) {
                return Err(Error::NotPossible(format!(
                    "{topic}/{number} begins at offset {low}: what stood before was deleted by retention or by hand, and \
                     cannot be compared; keep the topic as long as the inputs"
                )));
            }
            cursors.push(cursor);
        }
        Ok(OutputStream { setup, partition, topic, format, schema, kept, cursors, missing: BTreeMap::new() })
    }

    /// Takes what is expected, and says where it stood; `ledger` knows the decisions that were found before.
    pub fn expect(&mut self, expected: &Expected<'_>, ledger: &Ledger) -> Result<Option<Place>, Error> {
        let number = self.home(expected.lead_id);
        let is_there = self.peek(number)?.is_some_and(|found| {
            found.key.as_deref() == Some(expected.lead_id.as_bytes()) && found.value == expected.value
        });
        if is_there {
            let taken = self.cursor(number).map(Ahead::take).transpose()?.flatten();
            self.missing.remove(expected.lead_id);
            return Ok(taken.map(|record| Place { input: 0, partition: number, offset: record.offset }));
        }
        if self.kept == Kept::NewestOfEachKey {
            match expected.value {
                Some(_) => self.missing.insert(expected.lead_id.to_owned(), expected.name.clone()),
                None => self.missing.remove(expected.lead_id), // tombstones go as well, after a while
            };
            return Ok(None);
        }
        Err(self.difference(number, expected, ledger)?.into())
    }

    /// Nothing more is expected.
    pub fn finish(&mut self, ledger: &Ledger) -> Result<(), Error> {
        for number in 0..self.cursors.len() as u32 {
            let is_judged = !self.setup.running;
            if let Some(found) = self.peek(number)?.filter(|_| is_judged).cloned() {
                return Err(self.surplus(number, &found, "nothing more is expected", ledger).into());
            }
        }
        match self.missing.first_key_value() {
            Some((lead_id, name)) => {
                let text =
                    format!("{name} of lead {lead_id} is not in {}, and no later one of that lead is", self.topic);
                Err(Difference::new(Check::Outputs, self.partition.0, text).into())
            }
            None => Ok(()),
        }
    }

    /// The topic's partition to which a lead's records go.
    fn home(&self, lead_id: &str) -> u32 {
        keys::home(lead_id, self.cursors.len() as u32).0
    }

    fn cursor(&mut self, number: u32) -> Option<&mut Ahead> {
        self.cursors.get_mut(number as usize)?.as_mut()
    }

    /// The next record of ours: where the topic has another partition count, those of other homes stand between.
    fn peek(&mut self, number: u32) -> Result<Option<&LoggedRecord>, Error> {
        let (count, own) = (self.setup.topology.partition_count(), self.partition);
        let is_shared = self.cursors.len() as u32 != count;
        let Some(cursor) = self.cursors.get_mut(number as usize).and_then(Option::as_mut) else { return Ok(None) };
        while is_shared && cursor.peek()?.is_some_and(|record| keys::home(record.key_text(), count) != own) {
            cursor.take()?;
        }
        Ok(cursor.peek()?)
    }

    fn difference(&mut self, number: u32, expected: &Expected<'_>, ledger: &Ledger) -> Result<Difference, Error> {
        let (topic, partition, show_values) = (self.topic, self.partition.0, self.setup.show_values);
        let name = format!("{} of lead {}", expected.name, expected.lead_id);
        let Some(found) = self.peek(number)?.cloned() else {
            let end = self.cursor(number).map_or(0, |cursor| cursor.taken_until());
            let text = format!("{name} is missing: {topic}/{number} ends before it, at offset {end}");
            return Ok(Difference::new(Check::Outputs, partition, text));
        };
        let wanted = expected.value.as_deref().and_then(|value| self.read(value));
        let there = found.value.as_deref().and_then(|value| self.read(value));
        let is_same = |name: &str| match (&wanted, &there) {
            (Some(wanted), Some(there)) => fields::text(wanted, name) == fields::text(there, name),
            _ => false,
        };
        if ["lead_id", "decision_id", "type", "reason"].into_iter().all(is_same)
            && let (Some(wanted), Some(there)) = (&wanted, &there)
        {
            let fields = fields::differing(wanted, there, show_values);
            let hint = match ["model_name", "model_version"].into_iter().all(is_same) {
                true => "",
                false => "; it was decided with another model: audit with the file that it was",
            };
            let text = format!("{name} at {topic}/{number} offset {} differs in: {fields}{hint}", found.offset);
            return Ok(Difference::new(Check::Outputs, partition, text));
        }
        Ok(self.surplus(number, &found, &format!("{name} is expected"), ledger))
    }

    /// `found` stands where `expected` says what should.
    fn surplus(&self, number: u32, found: &LoggedRecord, expected: &str, ledger: &Ledger) -> Difference {
        let fields = found.value.as_deref().and_then(|value| self.read(value)).unwrap_or_default();
        let (what, before) = self.describe(found, &fields, ledger);
        let (topic, offset) = (self.topic, found.offset);
        match before {
            Some(first) => {
                let text =
                    format!("{what} stands a second time in {topic}/{number}, at offset {offset}: {first}; {expected}");
                Difference::new(Check::Twice, self.partition.0, text)
            }
            None => {
                let text = format!("{expected}, but {what} stands in {topic}/{number} at offset {offset}");
                Difference::new(Check::Outputs, self.partition.0, text)
            }
        }
    }

    /// What a record is, and where its decision stood before, if it did.
    fn describe(&self, found: &LoggedRecord, fields: &[(String, Json)], ledger: &Ledger) -> (String, Option<String>) {
        let lead_id = fields::text(fields, "lead_id").unwrap_or_else(|| found.key_text());
        let (Some(id), Some(kind)) = (fields::text(fields, "decision_id"), fields::text(fields, "type")) else {
            return (format!("a record of lead {lead_id}"), None);
        };
        let print = prints::decision_of(id, kind, fields::text(fields, "reason"), 0);
        let before = ledger.find(print).map(|place| format!("the first is at offset {}", place.offset));
        (format!("decision {id} ({kind}) of lead {lead_id}"), before)
    }

    fn read(&self, value: &[u8]) -> Option<Vec<(String, Json)>> {
        fields::read(value, self.format, self.schema)
    }
}
