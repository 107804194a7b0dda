//! How to read one writer's records into a draft: the writer's fields in order, each with what becomes of it.
//!
//! A plan is compiled once per writer schema, by the rules of Avro's schema resolution. Records of this version and of
//! older or newer ones then run through the same loop, which borrows, does not allocate and cannot panic.

use std::borrow::Cow;

use super::draft::{Draft, Number, Symbol, Text};
use super::skip::Skip;
use crate::wire::avro::{Cursor, Malformed, Texts};

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
        let (mut cursor, mut texts) = (Cursor::new(datum), Texts::default());
        for step in &self.steps {
            step.read(&mut cursor, &mut texts, draft)?;
        }
        cursor.end()
    }
}

impl Step {
    #[inline]
    fn read<'a>(&self, cursor: &mut Cursor<'a>, texts: &mut Texts<'a>, draft: &mut Draft<'a>) -> Result<(), Malformed> {
        match self.branch(cursor)? {
            Step::Null => {}
            Step::Text(slot) => draft.text(*slot, Cow::Borrowed(texts.read(cursor)?)),
            Step::Symbol(slot, readers) => {
                let index = cursor.symbol(readers)?.ok_or(Malformed("an enum has no symbol of that number"))?;
                draft.symbol(*slot, *index);
            }
            Step::Number(slot) => draft.number(*slot, cursor.long()?).map_err(Malformed)?,
            Step::Machine => draft.machine(cursor.boolean()?),
            Step::Attributes(value) => value.attributes(cursor, texts, draft)?,
            Step::Skip(skip) => skip.run(cursor)?,
            Step::Union(_) | Step::Mismatch => {
                return Err(Malformed("a field holds a type that this version does not take there"));
            }
        }
        Ok(())
    }

    /// What is read: of a union, which never holds another one, the branch that the record names.
    #[inline(always)] // asked at every field
    fn branch(&self, cursor: &mut Cursor<'_>) -> Result<&Step, Malformed> {
        match self {
            Step::Union(branches) => cursor.symbol(branches)?.ok_or(Malformed("a union has no branch of that number")),
            step => Ok(step),
        }
    }

    fn attributes<'a>(
        &self,
        cursor: &mut Cursor<'a>,
        texts: &mut Texts<'a>,
        draft: &mut Draft<'a>,
    ) -> Result<(), Malformed> {
        loop {
            let count = cursor.block()?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                let name = Cow::Borrowed(texts.read(cursor)?);
                let value = match self.branch(cursor)? {
                    Step::Text(_) => Some(Cow::Borrowed(texts.read(cursor)?)),
                    Step::Null => None,
                    _ => return Err(Malformed("an attribute is neither text nor null")),
                };
                draft.attribute(name, value);
            }
        }
    }
}
