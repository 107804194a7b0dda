//! Bytes of the meta record: a format byte, the changelog position, the time of the newest commit, the manifest.

use crate::runtime::ports::{PartitionMeta, StoreError};

const FORMAT: u8 = 1;
const HEAD: usize = 1 + 8 + 8;

pub fn encode(meta: &PartitionMeta) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + meta.manifest.len());
    out.push(FORMAT);
    out.extend_from_slice(&meta.changelog_next_offset.to_be_bytes());
    out.extend_from_slice(&meta.committed_at_ms.to_be_bytes());
    out.extend_from_slice(&meta.manifest);
    out
}

/// # Errors
/// `Corrupt` where the bytes are not what `encode` writes.
pub fn decode(bytes: &[u8]) -> Result<PartitionMeta, StoreError> {
    let Some((&[FORMAT, ref numbers @ ..], manifest)) = bytes.split_first_chunk::<HEAD>() else {
        return Err(StoreError::Corrupt(format!("meta record of {} bytes is of no known format", bytes.len())));
    };
    let (position, committed_at) = numbers.split_at(8);
    Ok(PartitionMeta {
        changelog_next_offset: number(position),
        committed_at_ms: number(committed_at),
        manifest: manifest.to_vec(),
    })
}

fn number(bytes: &[u8]) -> i64 {
    bytes.iter().fold(0, |sum, &byte| (sum << 8) | i64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was() {
        for manifest in [vec![], b"manifest".to_vec()] {
            let meta = PartitionMeta { changelog_next_offset: i64::MAX - 1, manifest, committed_at_ms: -5 };
            assert_eq!(decode(&encode(&meta)).unwrap(), meta);
        }
    }

    #[test]
    fn refuses_other_bytes() {
        let good = encode(&PartitionMeta { changelog_next_offset: 1, manifest: vec![], committed_at_ms: 2 });
        for bytes in [&good[..16], b"", &[9; 17]] {
            assert!(matches!(decode(bytes), Err(StoreError::Corrupt(_))), "{bytes:?}");
        }
    }
}
