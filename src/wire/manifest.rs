//! The manifest: how far each input of a partition is processed, and the partition's clock.
//!
//! It is written in the transaction that it describes, so the changelog alone says where to go on and what time it was.

use std::sync::LazyLock;

use apache_avro::Schema;

use super::avro::{Cursor, Header, Malformed, fingerprint_of, put_long, put_text};
use super::keys::Partition;

/// Source of truth of the encoding.
pub const SCHEMA: &str = include_str!("../../schemas/manifest.avsc");

/// The changelog key of a manifest. No lead id can be it: ids are UTF-8.
pub const KEY: &[u8] = &[0xff];

static HEADER: LazyLock<Header> =
    LazyLock::new(|| Header::of(&Schema::parse_str(SCHEMA).expect("the embedded schema is tested")));

/// One partition after one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// The partition's clock, ms since the epoch, UTC.
    pub clock_ms: i64,
    pub positions: Vec<InputPosition>,
    /// The transaction's steps but the last, which ends at `clock_ms` and `positions`. Records are in canonical order
    /// within a step, so that whoever takes the same steps decides the same.
    pub steps: Vec<ManifestStep>,
    /// Timers fired in the last step; see `ManifestStep::timer_count`.
    pub timer_count: u64,
}

/// Where a partition stood after one step of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManifestStep {
    /// The clock, ms since the epoch, UTC.
    pub clock_ms: i64,
    /// The next offset of each input, in the order of the manifest's positions.
    pub next_offsets: Vec<i64>,
    /// Timers fired in the step: where very many are due at one time, a step takes only some of them.
    pub timer_count: u64,
}

/// The next record of one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPosition {
    /// The input topic's name: numbers of inputs change with the configuration.
    pub topic: Box<str>,
    pub partition: Partition,
    pub next_offset: i64,
}

/// The bytes are no manifest of this version: the changelog must not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("manifest was written with schema {0:016x}, which this version does not know")]
    Schema(u64),
    #[error("manifest: {0}")]
    Malformed(#[from] Malformed),
}

impl Manifest {
    /// Appends the bytes: Avro single-object encoding of `schemas/manifest.avsc`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(HEADER.as_bytes());
        put_long(out, self.clock_ms);
        if !self.positions.is_empty() {
            put_long(out, self.positions.len() as i64);
        }
        for position in &self.positions {
            put_text(out, &position.topic);
            put_long(out, i64::from(position.partition.0.cast_signed()));
            put_long(out, position.next_offset);
        }
        put_long(out, 0);
        if !self.steps.is_empty() {
            put_long(out, self.steps.len() as i64);
        }
        for step in &self.steps {
            self.encode_step(step, out);
        }
        put_long(out, 0);
        put_long(out, self.timer_count.cast_signed());
    }

    fn encode_step(&self, step: &ManifestStep, out: &mut Vec<u8>) {
        assert_eq!(step.next_offsets.len(), self.positions.len(), "a step has every position of its manifest");
        put_long(out, self.clock_ms.wrapping_sub(step.clock_ms));
        if !self.positions.is_empty() {
            put_long(out, self.positions.len() as i64);
        }
        for (position, next_offset) in self.positions.iter().zip(&step.next_offsets) {
            put_long(out, position.next_offset.wrapping_sub(*next_offset));
        }
        put_long(out, 0);
        put_long(out, step.timer_count.cast_signed());
    }

    fn read_step(&self, cursor: &mut Cursor<'_>) -> Result<ManifestStep, Malformed> {
        let clock_ms = self.clock_ms.wrapping_sub(cursor.long()?);
        let mut behind = Vec::with_capacity(self.positions.len());
        loop {
            let count = cursor.block()?;
            if count == 0 {
                break;
            }
            for _ in 0..count {
                behind.push(cursor.long()?);
            }
        }
        if behind.len() != self.positions.len() {
            return Err(Malformed("a step lacks positions of its manifest"));
        }
        let next_offsets =
            self.positions.iter().zip(behind).map(|(position, behind)| position.next_offset.wrapping_sub(behind));
        let next_offsets = next_offsets.collect();
        Ok(ManifestStep { clock_ms, next_offsets, timer_count: cursor.long()?.cast_unsigned() })
    }

    /// # Errors
    /// Where the bytes are damaged, or of another version's schema.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        let (fingerprint, datum) = fingerprint_of(bytes)?;
        if !HEADER.as_bytes().ends_with(&fingerprint.to_le_bytes()) {
            return Err(ManifestError::Schema(fingerprint));
        }
        let mut cursor = Cursor::new(datum);
        let mut manifest = Manifest { clock_ms: cursor.long()?, ..Manifest::default() };
        loop {
            let count = cursor.block()?;
            if count == 0 {
                break;
            }
            for _ in 0..count {
                manifest.positions.push(read_position(&mut cursor)?);
            }
        }
        loop {
            let count = cursor.block()?;
            if count == 0 {
                break;
            }
            for _ in 0..count {
                let step = manifest.read_step(&mut cursor)?;
                manifest.steps.push(step);
            }
        }
        manifest.timer_count = cursor.long()?.cast_unsigned();
        cursor.end()?;
        Ok(manifest)
    }
}

fn read_position(cursor: &mut Cursor<'_>) -> Result<InputPosition, Malformed> {
    let topic = cursor.text()?.into();
    let partition = i32::try_from(cursor.long()?).ok().and_then(|number| u32::try_from(number).ok());
    let partition = partition.ok_or(Malformed("a partition is out of range"))?;
    Ok(InputPosition { topic, partition: Partition(partition), next_offset: cursor.long()? })
}

#[cfg(test)]
mod tests {
    use super::super::avro::oracle;
    use super::*;
    use apache_avro::types::Value;

    fn example() -> Manifest {
        let position = |topic: &str, partition, next_offset| InputPosition {
            topic: topic.into(),
            partition: Partition(partition),
            next_offset,
        };
        Manifest {
            clock_ms: 1_775_000_000_123,
            positions: vec![position("engagement.web", 3, 70_000), position("tsuikyaku.intake", 3, 0)],
            steps: vec![ManifestStep { clock_ms: 1_775_000_000_100, next_offsets: vec![69_990, 0], timer_count: 2 }],
            timer_count: 1,
        }
    }

    fn encoded(manifest: &Manifest) -> Vec<u8> {
        let mut bytes = Vec::new();
        manifest.encode(&mut bytes);
        bytes
    }

    #[test]
    fn golden_bytes() {
        assert_eq!(
            oracle::hex(&encoded(&example())),
            "c3013b71921f100f1584f6d9f4e3a867041c656e676167656d656e742e77656206e0c50820747375696b79616b752e696e74616b65060000022e04140000040002"
        );
    }

    #[test]
    fn comes_back() {
        for manifest in [Manifest::default(), example()] {
            assert_eq!(Manifest::decode(&encoded(&manifest)), Ok(manifest));
        }
    }

    #[test]
    fn another_library_reads_it() {
        let value = oracle::read(SCHEMA, &encoded(&example()));
        let Value::Record(fields) = value else { panic!("not a record: {value:?}") };
        assert_eq!(fields[0], ("clock".into(), Value::TimestampMillis(1_775_000_000_123)));
        assert!(matches!(&fields[1].1, Value::Array(positions) if positions.len() == 2));
    }

    #[test]
    fn damage_is_an_error() {
        let bytes = encoded(&example());
        for cut in 0..bytes.len() {
            assert!(Manifest::decode(&bytes[..cut]).is_err(), "cut to {cut}");
        }
        let mut other = bytes.clone();
        other[2] ^= 1;
        assert!(matches!(Manifest::decode(&other), Err(ManifestError::Schema(_))));
        // Avro's int has a sign: what lies behind its largest would be written as another partition.
        let partition = |number: u32| {
            let mut manifest = example();
            manifest.positions[0].partition = Partition(number);
            encoded(&manifest)
        };
        assert!(Manifest::decode(&partition(i32::MAX.cast_unsigned())).is_ok());
        let longest = [&bytes[..Header::LENGTH], &[0, 2, 0, 0xfe, 0xff, 0xff, 0xff, 0x1f, 0, 0, 0, 0]].concat();
        assert!(Manifest::decode(&longest).is_err(), "partition 4294967295");
    }
}
