//! Steps over what a writer has and this version does not read.

use crate::wire::avro::{Cursor, Malformed};

#[derive(Debug)]
pub(super) enum Skip {
    Varint,
    Fixed(usize),
    Bytes,
    Union(Box<[Skip]>),
    Array(Box<Skip>),
    Map(Box<Skip>),
    Record(Box<[Skip]>),
}

impl Skip {
    pub fn run(&self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        match self {
            Skip::Varint => cursor.long().map(drop),
            Skip::Fixed(size) => cursor.take(*size).map(drop),
            Skip::Bytes => cursor.bytes().map(drop),
            Skip::Union(branches) => {
                let index = usize::try_from(cursor.long()?).ok();
                let branch = index.and_then(|index| branches.get(index));
                branch.ok_or(Malformed("a union has no branch of that number"))?.run(cursor)
            }
            Skip::Array(item) => blocks(cursor, item.takes_nothing(), |cursor| item.run(cursor)),
            Skip::Map(value) => blocks(cursor, false, |cursor| {
                cursor.bytes()?;
                value.run(cursor)
            }),
            Skip::Record(fields) => fields.iter().try_for_each(|field| field.run(cursor)),
        }
    }

    /// True for types whose values have no bytes: a few bytes could claim any number of them.
    fn takes_nothing(&self) -> bool {
        match self {
            Skip::Fixed(size) => *size == 0,
            Skip::Record(fields) => fields.iter().all(Skip::takes_nothing),
            _ => false,
        }
    }
}

fn blocks<'a>(
    cursor: &mut Cursor<'a>,
    items_take_nothing: bool,
    mut item: impl FnMut(&mut Cursor<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    loop {
        let count = cursor.block()?;
        if count == 0 {
            return Ok(());
        }
        let count = if items_take_nothing { 0 } else { count };
        for _ in 0..count {
            item(cursor)?;
        }
    }
}
