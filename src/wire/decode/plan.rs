//! How to read one writer's records into a draft: the writer's fields in order, each with what becomes of it.
//!
//! A plan is compiled once per writer schema, by the rules of Avro's schema resolution. Records of this version and of
//! older or newer ones then run through the same loop, which borrows, does not allocate and cannot panic.

use std::borrow::Cow;

use super::draft::{Draft, Number, Symbol, Text};
use super::skip::Skip;
use crate::wire::avro::{Cursor, Malformed};

/// Compiled from a writer's schema against a reader's; see `compile`.
#[derive(Debug)]
pub struct Plan {
    pub(super) steps: Box<[Step]>,
}

#[derive(Debug)]
pub(super) enum Step {
    /// A null that the reader's field takes: the draft has nothing there already.
    Null,
    Text(Option<Text>),
    /// Writer's symbol by index → reader's symbol by index; 0 where the reader does not know it.
    Symbol(Option<Symbol>, Box<[u8]>),
    Number(Option<Number>),
    Machine,
    Attributes(Box<Step>),
    Union(Box<[Step]>),
    Skip(Skip),
    /// A branch of the writer's union that the reader's field does not take.
    Mismatch,
}

impl Plan {
    /// Reads one datum, to its last byte.
    pub fn read<'a>(&self, datum: &'a [u8], draft: &mut Draft<'a>) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(datum);
        for step in &self.steps {
            step.read(&mut cursor, draft)?;
        }
        cursor.end()
    }
}

impl Step {
    #[inline]
    fn read<'a>(&self, cursor: &mut Cursor<'a>, draft: &mut Draft<'a>) -> Result<(), Malformed> {
        match self {
            Step::Null => {}
            Step::Text(slot) => draft.text(*slot, Cow::Borrowed(cursor.text()?)),
            Step::Symbol(slot, readers) => {
                let index = usize::try_from(cursor.long()?).ok().and_then(|index| readers.get(index));
                draft.symbol(*slot, *index.ok_or(Malformed("an enum has no symbol of that number"))?);
            }
            Step::Number(slot) => draft.number(*slot, cursor.long()?).map_err(Malformed)?,
            Step::Machine => draft.machine(cursor.boolean()?),
            Step::Attributes(value) => value.attributes(cursor, draft)?,
            Step::Union(branches) => branch(branches, cursor)?.read(cursor, draft)?,
            Step::Skip(skip) => skip.run(cursor)?,
            Step::Mismatch => return Err(Malformed("a field holds a type that this version does not take there")),
        }
        Ok(())
    }

    fn attributes<'a>(&self, cursor: &mut Cursor<'a>, draft: &mut Draft<'a>) -> Result<(), Malformed> {
        loop {
            let count = cursor.block()?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                let name = Cow::Borrowed(cursor.text()?);
                let value = self.optional_text(cursor)?.map(Cow::Borrowed);
                draft.attribute(name, value);
            }
        }
    }

    /// The value of an attribute: a text, or a union of text and null.
    fn optional_text<'a>(&self, cursor: &mut Cursor<'a>) -> Result<Option<&'a str>, Malformed> {
        match self {
            Step::Text(_) => cursor.text().map(Some),
            Step::Null => Ok(None),
            Step::Union(branches) => branch(branches, cursor)?.optional_text(cursor),
            _ => Err(Malformed("an attribute is neither text nor null")),
        }
    }
}

#[inline]
fn branch<'s>(branches: &'s [Step], cursor: &mut Cursor<'_>) -> Result<&'s Step, Malformed> {
    let index = usize::try_from(cursor.long()?).ok();
    index.and_then(|index| branches.get(index)).ok_or(Malformed("a union has no branch of that number"))
}
