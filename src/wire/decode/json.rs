//! JSON records: the schema's fields by name, enums as strings, times as numbers; fields of no schema are ignored,
//! missing ones are at their default. Of a name given twice the last one counts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::draft::{Draft, Misfit};
use super::reader::{Field, Reader, Shape, Unit};

/// Reads one object. The outer error is the format's, the inner one names the first field that does not fit.
pub fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
    reader: &Reader,
    draft: &mut Draft<'de>,
) -> Result<Result<(), String>, D::Error> {
    let mut object = Object { reader, draft, seen: 0, fault: None };
    deserializer.deserialize_map(&mut object)?;
    object.check_missing();
    Ok(object.fault.map_or(Ok(()), Err))
}

struct Object<'r, 'd, 'de> {
    reader: &'r Reader,
    draft: &'d mut Draft<'de>,
    /// A bit for each field found; no input schema comes near 64 fields.
    seen: u64,
    fault: Option<String>,
}

impl<'de> Object<'_, '_, 'de> {
    fn note(&mut self, field: &str, misfit: Misfit) {
        self.fault.get_or_insert_with(|| format!("{field}: {misfit}"));
    }

    /// Ids are left to the draft, which has causes of their own for them.
    fn check_missing(&mut self) {
        let required = |(index, field): &(usize, &Field)| field.required && self.seen >> index & 1 == 0;
        let mut missing = self.reader.fields.iter().enumerate().filter(required).map(|(_, field)| field.name.as_str());
        if let Some(name) = missing.find(|name| !matches!(*name, "lead_id" | "event_id")) {
            self.fault.get_or_insert_with(|| format!("{name}: is missing and has no default"));
        }
    }

    fn put(&mut self, field: &Field, scalar: Scalar<'de>) {
        let fits = match (&field.shape, scalar) {
            (Shape::Text { nullable, .. }, Scalar::Null) if *nullable || is_id(field) => Ok(()),
            (Shape::Number { nullable: true, .. }, Scalar::Null) => Ok(()),
            (_, Scalar::Null) => Err("null is not allowed"),
            (Shape::Text { slot, .. }, Scalar::Text(text)) => {
                self.draft.text(*slot, text);
                Ok(())
            }
            (Shape::Text { .. }, _) => Err("must be a string"),
            (Shape::Symbol { slot, symbols }, Scalar::Text(text)) => {
                let index = symbols.iter().position(|symbol| *symbol == text);
                self.draft.symbol(*slot, index.and_then(|index| u8::try_from(index).ok()).unwrap_or(0));
                Ok(())
            }
            (Shape::Symbol { .. }, _) => Err("must be a string, the name of a symbol"),
            (Shape::Number { slot, unit, .. }, Scalar::Integer(value)) => match unit {
                Unit::Int | Unit::Date if i32::try_from(value).is_err() => Err("the number is out of range"),
                _ => self.draft.number(*slot, value),
            },
            (Shape::Number { .. }, Scalar::OutOfRange) => Err("the number is out of range"),
            (Shape::Number { .. }, _) => Err("must be a whole number"),
            (Shape::Machine, Scalar::Boolean(value)) => {
                self.draft.machine(value);
                Ok(())
            }
            (Shape::Machine, _) => Err("must be true or false"),
            (Shape::Attributes, _) => Err("must be an object of strings and nulls"),
        };
        if let Err(misfit) = fits {
            self.note(&field.name, misfit);
        }
    }
}

fn is_id(field: &Field) -> bool {
    matches!(field.name.as_str(), "lead_id" | "event_id")
}

impl<'de> Visitor<'de> for &mut Object<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.reader;
        let mut guess = 0;
        while let Some(Key(name)) = map.next_key()? {
            let Some((index, field)) = reader.field(&name, guess) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            guess = index + 1;
            self.seen |= 1 << index;
            if matches!(field.shape, Shape::Attributes) {
                match map.next_value_seed(Attributes(self.draft))? {
                    Ok(()) => {}
                    Err(misfit) => self.note(&field.name, misfit),
                }
            } else {
                let scalar = map.next_value()?;
                self.put(field, scalar);
            }
        }
        Ok(())
    }
}

struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) => Ok(Key(text)),
            _ => Err(serde::de::Error::custom("a name must be a string")),
        }
    }
}

/// Any JSON value, as far as a field can use it.
enum Scalar<'de> {
    Null,
    Boolean(bool),
    Integer(i64),
    /// A whole number beyond 64 bits, or one beyond what a double holds exactly.
    OutOfRange,
    /// With a fraction, or not finite.
    Fraction,
    Text(Cow<'de, str>),
    /// An object or a list; read and forgotten.
    Nested,
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar<'de>, E> {
        Ok(i64::try_from(value).map_or(Scalar::OutOfRange, Scalar::Integer))
    }

    /// Writers in some languages have no integers: `1.775e12` is a time like any other.
    fn visit_f64<E>(self, value: f64) -> Result<Scalar<'de>, E> {
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        Ok(match value {
            value if value.fract() != 0.0 || !value.is_finite() => Scalar::Fraction,
            value if value.abs() > EXACT_MAX => Scalar::OutOfRange,
            value => Scalar::Integer(value as i64),
        })
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nested)
    }
}

struct Attributes<'d, 'de>(&'d mut Draft<'de>);

impl<'de> DeserializeSeed<'de> for Attributes<'_, 'de> {
    type Value = Result<(), Misfit>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

const NO_ATTRIBUTES: Misfit = "must be an object of strings and nulls";

impl<'de> Visitor<'de> for Attributes<'_, 'de> {
    type Value = Result<(), Misfit>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut result = Ok(());
        while let Some((Key(name), value)) = map.next_entry::<Key<'de>, Scalar<'de>>()? {
            match value {
                Scalar::Text(text) => self.0.attribute(name, Some(text)),
                Scalar::Null => self.0.attribute(name, None),
                _ => result = Err(NO_ATTRIBUTES),
            }
        }
        Ok(result)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Err("null is not allowed"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Err(NO_ATTRIBUTES))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Err(NO_ATTRIBUTES))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Err(NO_ATTRIBUTES))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Err(NO_ATTRIBUTES))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Err(NO_ATTRIBUTES))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Err(NO_ATTRIBUTES))
    }
}
