//! The reader's side of an input schema: its fields by name, and where each goes.

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::schema::UnionSchema;

use super::draft::{Number, Symbol, Text};
use crate::scoring::event::InputKind;
use crate::wire::avro::{crate_fingerprint, fingerprint};

/// An input schema of this version, embedded.
pub struct Reader {
    pub schema: Schema,
    /// The record's name, without its namespace; a writer's schema must have the same.
    pub record_name: String,
    pub fingerprint: u64,
    /// What writers in Rust send instead.
    pub crate_fingerprint: u64,
    /// In the schema's order.
    pub fields: Vec<Field>,
}

/// A field of an input schema.
pub struct Field {
    pub name: String,
    /// No default: the writer must have it.
    pub required: bool,
    pub shape: Shape,
}

/// What a field holds. A slot is `None` where the model does not read the field.
#[derive(Debug, Clone)]
pub enum Shape {
    Text { slot: Option<Text>, nullable: bool },
    Symbol { slot: Option<Symbol>, symbols: Vec<String> },
    Number { slot: Option<Number>, unit: Unit, nullable: bool },
    Machine,
    Attributes,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Instant,
    Date,
    Long,
    Int,
}

static READERS: LazyLock<Vec<Reader>> =
    LazyLock::new(|| KINDS.iter().map(|(_, text)| Reader::parse(text).expect("a test parses all of them")).collect());

/// The kinds in the order of their declaration, each with the text of its schema.
pub const KINDS: [(InputKind, &str); 7] = [
    (InputKind::Web, include_str!("../../../schemas/web.avsc")),
    (InputKind::Mail, include_str!("../../../schemas/mail.avsc")),
    (InputKind::Sns, include_str!("../../../schemas/sns.avsc")),
    (InputKind::Contact, include_str!("../../../schemas/contact.avsc")),
    (InputKind::Commerce, include_str!("../../../schemas/commerce.avsc")),
    (InputKind::Profile, include_str!("../../../schemas/profile.avsc")),
    (InputKind::Outcome, include_str!("../../../schemas/outcome.avsc")),
];

impl Reader {
    pub fn of(kind: InputKind) -> &'static Reader {
        &READERS[kind as usize]
    }

    fn parse(text: &str) -> Option<Reader> {
        let schema = Schema::parse_str(text).ok()?;
        let Schema::Record(record) = &schema else { return None };
        let field = |field: &apache_avro::schema::RecordField| {
            let shape = Shape::of(&field.name, &field.schema)?;
            Some(Field { name: field.name.clone(), required: field.default.is_none(), shape })
        };
        let fields = record.fields.iter().map(field).collect::<Option<Vec<_>>>()?;
        let record_name = record.name.name().to_owned();
        let (fingerprint, crate_fingerprint) = (fingerprint(&schema), crate_fingerprint(&schema));
        Some(Reader { record_name, fingerprint, crate_fingerprint, fields, schema })
    }

    /// The field of that name. Writers mostly keep the schema's order, so the search begins at `guess`.
    pub fn field(&self, name: &str, guess: usize) -> Option<(usize, &Field)> {
        let (before, from_guess) = self.fields.split_at_checked(guess).unwrap_or((&self.fields, &[]));
        let found = |(index, _): &(usize, &Field)| self.fields[*index].name == name;
        let behind = from_guess.iter().enumerate().map(|(index, field)| (guess + index, field));
        behind.chain(before.iter().enumerate()).find(found)
    }
}

impl Shape {
    /// `None` for a type that no input field may have.
    fn of(name: &str, schema: &Schema) -> Option<Shape> {
        let (schema, nullable) = match schema {
            Schema::Union(union) => (of_nullable(union)?, true),
            schema => (schema, false),
        };
        let number = |unit| Shape::Number { slot: Number::of(name), unit, nullable };
        match schema {
            Schema::String => Some(Shape::Text { slot: Text::of(name), nullable }),
            Schema::Enum(schema) if !nullable && schema.symbols.first().is_some_and(|first| first == "unknown") => {
                Some(Shape::Symbol { slot: Symbol::of(name), symbols: schema.symbols.clone() })
            }
            Schema::TimestampMillis => Some(number(Unit::Instant)),
            Schema::Date => Some(number(Unit::Date)),
            Schema::Long => Some(number(Unit::Long)),
            Schema::Int => Some(number(Unit::Int)),
            Schema::Boolean if name == "machine" => Some(Shape::Machine),
            Schema::Map(_) if name == "attributes" => Some(Shape::Attributes),
            _ => None,
        }
    }
}

/// The other branch of `["null", …]`.
fn of_nullable(union: &UnionSchema) -> Option<&Schema> {
    match union.variants() {
        [Schema::Null, schema] => Some(schema),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::event::*;

    #[test]
    fn every_embedded_schema_parses() {
        for (index, (kind, text)) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
            let reader = Reader::parse(text).unwrap_or_else(|| panic!("{kind:?}"));
            assert_eq!(reader.fields.iter().filter(|field| field.name == "kind").count(), 1);
        }
    }

    /// A fingerprint stands before every record that is on the log: it changes with the schema and never else.
    #[test]
    fn golden_fingerprints() {
        let found: Vec<_> = KINDS.iter().map(|(kind, _)| (*kind, Reader::of(*kind).fingerprint)).collect();
        assert_eq!(
            found,
            [
                (InputKind::Web, 3494157555858712301),
                (InputKind::Mail, 16086322994091276569),
                (InputKind::Sns, 5476816910758656497),
                (InputKind::Contact, 13743851844100301438),
                (InputKind::Commerce, 16349701209097640418),
                (InputKind::Profile, 6253517298511578762),
                (InputKind::Outcome, 7750172539544206464),
            ]
        );
    }

    #[test]
    fn symbols_of_types_are_those_of_schemas() {
        #[track_caller]
        fn check<T: Copy>(kind: InputKind, field: &str, all: &[T], text: fn(T) -> &'static str) {
            let (_, found) = Reader::of(kind).field(field, 0).expect("the field");
            let Shape::Symbol { symbols, .. } = &found.shape else { panic!("{kind:?} {field} is no enum") };
            let ours: Vec<_> = std::iter::once("unknown").chain(all.iter().map(|&symbol| text(symbol))).collect();
            assert_eq!(*symbols, ours, "{kind:?} {field}");
        }
        check(InputKind::Web, "kind", WebKind::ALL, WebKind::as_str);
        check(InputKind::Web, "page_class", PageClass::ALL, PageClass::as_str);
        check(InputKind::Web, "form_purpose", FormPurpose::ALL, FormPurpose::as_str);
        check(InputKind::Mail, "kind", MailKind::ALL, MailKind::as_str);
        check(InputKind::Mail, "purpose", Purpose::ALL, Purpose::as_str);
        check(InputKind::Sns, "kind", SnsKind::ALL, SnsKind::as_str);
        check(InputKind::Sns, "network", Network::ALL, Network::as_str);
        check(InputKind::Sns, "direction", Direction::ALL, Direction::as_str);
        check(InputKind::Contact, "kind", ContactKind::ALL, ContactKind::as_str);
        check(InputKind::Contact, "direction", Direction::ALL, Direction::as_str);
        check(InputKind::Commerce, "kind", CommerceKind::ALL, CommerceKind::as_str);
        check(InputKind::Profile, "kind", ProfileKind::ALL, ProfileKind::as_str);
        check(InputKind::Profile, "channel", ChannelSymbol::ALL, ChannelSymbol::as_str);
        check(InputKind::Profile, "purpose", Purpose::ALL, Purpose::as_str);
        check(InputKind::Outcome, "kind", OutcomeKind::ALL, OutcomeKind::as_str);
        check(InputKind::Outcome, "channel", ChannelSymbol::ALL, ChannelSymbol::as_str);
    }

    /// A field that a record lacks is left as an empty draft has it, so the schema may declare no other default.
    #[test]
    fn defaults_are_those_of_an_empty_draft() {
        for (kind, _) in KINDS {
            let Schema::Record(record) = &Reader::of(kind).schema else { panic!("{kind:?} is no record") };
            for field in &record.fields {
                let empty = match &field.default {
                    None => true,
                    Some(serde_json::Value::String(text)) => text.is_empty() || text == "unknown",
                    Some(serde_json::Value::Bool(value)) => !value,
                    Some(serde_json::Value::Object(map)) => map.is_empty(),
                    Some(other) => other.is_null(),
                };
                assert!(empty, "{kind:?} {}", field.name);
            }
        }
    }

    #[test]
    fn finds_fields_wherever_the_search_begins() {
        let reader = Reader::of(InputKind::Web);
        for guess in [0, 3, reader.fields.len(), usize::MAX] {
            let found = reader.field("kind", guess).map(|(index, field)| (index, field.name.as_str()));
            assert_eq!(found, Some((8, "kind")), "{guess}");
            assert!(reader.field("other", guess).is_none());
        }
    }
}
