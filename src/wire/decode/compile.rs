//! Makes a plan of a writer's schema and the reader's, by the rules of Avro's schema resolution; refuses what does
//! not resolve when the schema is loaded, so that no record has to.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, RecordSchema, UuidSchema};

use super::plan::{Plan, Step};
use super::reader::{Reader, Shape, Unit};
use super::skip::Skip;
use crate::wire::decode::draft::Text;

/// Nested and repeated types that a writer's schema may unfold to: no honest one comes near.
const TYPES_MAX: usize = 10_000;

/// The plan for records of this writer, or the first reason why there is none, as text for the operator.
pub fn compile(writer: &Schema, reader: &Reader) -> Result<Plan, String> {
    let Schema::Record(record) = writer else { return Err("the schema is no record".into()) };
    if record.name.name() != reader.record_name {
        return Err(format!("the record is named {}, not {}", record.name.name(), reader.record_name));
    }
    let mut compiler = Compiler { names: HashMap::new(), types_left: TYPES_MAX };
    compiler.collect(writer, record.name.namespace());
    let missing = reader.fields.iter().filter(|field| field.required).find(|field| !has(record, &field.name));
    if let Some(field) = missing {
        return Err(format!("field {} is missing and has no default", field.name));
    }
    let mut steps = Vec::with_capacity(record.fields.len());
    for field in &record.fields {
        let step = match reader.field(&field.name, steps.len()) {
            Some((_, known)) => compiler.step(&field.schema, &known.shape),
            None => compiler.skip(&field.schema, &mut Vec::new()).map(Step::Skip),
        };
        steps.push(step.map_err(|problem| format!("field {}: {problem}", field.name))?);
    }
    Ok(Plan { steps: steps.into() })
}

fn has(record: &RecordSchema, name: &str) -> bool {
    record.fields.iter().any(|field| field.name == name)
}

struct Compiler<'s> {
    /// Named types by their full names.
    names: HashMap<String, &'s Schema>,
    types_left: usize,
}

impl<'s> Compiler<'s> {
    fn collect(&mut self, schema: &'s Schema, namespace: Option<&str>) {
        let namespace = schema.namespace().or(namespace);
        if !matches!(schema, Schema::Ref { .. })
            && let Some(name) = schema.name()
        {
            self.names.insert(name.fullname(namespace), schema);
        }
        match schema {
            Schema::Record(record) => record.fields.iter().for_each(|field| self.collect(&field.schema, namespace)),
            Schema::Union(union) => union.variants().iter().for_each(|branch| self.collect(branch, namespace)),
            Schema::Array(array) => self.collect(&array.items, namespace),
            Schema::Map(map) => self.collect(&map.types, namespace),
            _ => {}
        }
    }

    /// The definition behind a name. Names of one input schema share its namespace; a bare name is searched by it.
    fn resolved(&mut self, schema: &'s Schema) -> Result<&'s Schema, String> {
        self.types_left = self.types_left.checked_sub(1).ok_or("the schema unfolds to too many types")?;
        let Schema::Ref { name } = schema else { return Ok(schema) };
        let full = name.fullname(None);
        let by_name = |(known, _): &(&String, &&Schema)| known.rsplit('.').next() == Some(name.name());
        let found = self.names.get(&full).copied();
        let found = found.or_else(|| self.names.iter().find(by_name).map(|(_, schema)| *schema));
        found.ok_or_else(|| format!("type {full} is not defined"))
    }

    fn step(&mut self, writer: &'s Schema, shape: &Shape) -> Result<Step, String> {
        let writer = self.resolved(writer)?;
        if let Schema::Union(union) = writer {
            let mut branches = Vec::new();
            for branch in union.variants() {
                branches.push(self.step(branch, shape).unwrap_or(Step::Mismatch));
            }
            let none_fits = branches.iter().all(|branch| matches!(branch, Step::Mismatch | Step::Null));
            return if none_fits { Err(expected(shape)) } else { Ok(Step::Union(branches.into())) };
        }
        match (writer, shape) {
            (Schema::Null, shape) if takes_null(shape) => Ok(Step::Null),
            (Schema::String | Schema::Bytes | Schema::Uuid(UuidSchema::String), Shape::Text { slot, .. }) => {
                Ok(Step::Text(*slot))
            }
            (Schema::Enum(schema), Shape::Symbol { slot, symbols }) => {
                Ok(Step::Symbol(*slot, schema.symbols.iter().map(|symbol| index_of(symbol, symbols)).collect()))
            }
            (writer, Shape::Number { slot, unit, .. }) if counts(writer, *unit) => Ok(Step::Number(*slot)),
            (Schema::Boolean, Shape::Machine) => Ok(Step::Machine),
            (Schema::Map(map), Shape::Attributes) => {
                let value = self.step(&map.types, &Shape::Text { slot: None, nullable: true })?;
                Ok(Step::Attributes(Box::new(value)))
            }
            _ => Err(expected(shape)),
        }
    }

    /// `open` are the named types around this one: a type within itself has no end.
    fn skip(&mut self, writer: &'s Schema, open: &mut Vec<&'s Schema>) -> Result<Skip, String> {
        let writer = self.resolved(writer)?;
        if open.iter().any(|outer| std::ptr::eq(*outer, writer)) {
            return Err("types that contain themselves are not supported".into());
        }
        open.push(writer);
        let skip = match writer {
            Schema::Null => Skip::Fixed(0),
            Schema::Boolean => Skip::Fixed(1),
            Schema::Float => Skip::Fixed(4),
            Schema::Double => Skip::Fixed(8),
            Schema::Duration(_) => Skip::Fixed(12),
            Schema::Fixed(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => Skip::Fixed(fixed.size),
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Skip::Bytes,
                InnerDecimalSchema::Fixed(fixed) => Skip::Fixed(fixed.size),
            },
            Schema::String | Schema::Bytes | Schema::BigDecimal | Schema::Uuid(_) => Skip::Bytes,
            Schema::Array(array) => Skip::Array(Box::new(self.skip(&array.items, open)?)),
            Schema::Map(map) => Skip::Map(Box::new(self.skip(&map.types, open)?)),
            Schema::Union(union) => Skip::Union(self.skips(union.variants().iter(), open)?),
            Schema::Record(record) => Skip::Record(self.skips(record.fields.iter().map(|field| &field.schema), open)?),
            // What is left is a number of variable length: int, long, enum, and the times and dates made of them.
            _ => Skip::Varint,
        };
        open.pop();
        Ok(skip)
    }

    fn skips(
        &mut self,
        schemas: impl Iterator<Item = &'s Schema>,
        open: &mut Vec<&'s Schema>,
    ) -> Result<Box<[Skip]>, String> {
        schemas.map(|schema| self.skip(schema, open)).collect()
    }
}

/// Ids may be null in a writer's schema: such a record has its own cause of a dead letter.
fn takes_null(shape: &Shape) -> bool {
    match shape {
        Shape::Text { slot: Some(Text::LeadId | Text::EventId), .. } => true,
        Shape::Text { nullable, .. } | Shape::Number { nullable, .. } => *nullable,
        _ => false,
    }
}

/// Whether a writer's number may stand for the reader's: an int widens to a long, an instant stays in milliseconds.
fn counts(writer: &Schema, unit: Unit) -> bool {
    match unit {
        Unit::Instant => matches!(writer, Schema::TimestampMillis | Schema::Long | Schema::Int),
        Unit::Date => matches!(writer, Schema::Date | Schema::Int),
        Unit::Long => matches!(writer, Schema::Long | Schema::Int),
        Unit::Int => matches!(writer, Schema::Int),
    }
}

fn index_of(symbol: &str, symbols: &[String]) -> u8 {
    symbols.iter().position(|known| known == symbol).and_then(|index| u8::try_from(index).ok()).unwrap_or(0)
}

fn expected(shape: &Shape) -> String {
    let what = match shape {
        Shape::Text { .. } => "a string",
        Shape::Symbol { .. } => "an enum",
        Shape::Number { unit: Unit::Instant, .. } => "a long of milliseconds",
        Shape::Number { unit: Unit::Date, .. } => "an int of days",
        Shape::Number { unit: Unit::Long, .. } => "a long",
        Shape::Number { unit: Unit::Int, .. } => "an int",
        Shape::Machine => "a boolean",
        Shape::Attributes => "a map of strings",
    };
    format!("its type must be {what}, or a union with one")
}
