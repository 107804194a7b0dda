//! Where a lead lives: the partition that the Java client's default partitioner gives its id.
//!
//! Producers in any language reach the same partition only if this agrees with theirs bit by bit, so the vectors below
//! were printed by the Java client itself.

use xxhash_rust::xxh3::xxh3_64;

/// A partition of the application: one of the N partitions of the intake topic, and number *p* of each input beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(pub u32);

/// The home of a lead among `partition_count` partitions (at least 1): `toPositive(murmur2(id)) mod N`.
pub fn home(lead_id: &str, partition_count: u32) -> Partition {
    let positive = murmur2(lead_id.as_bytes()).cast_unsigned() & 0x7fff_ffff;
    Partition(positive % partition_count.max(1))
}

/// A 64-bit hash of a lead id (XXH3), the same on every platform and in every version: it may be stored.
pub fn lead_hash(lead_id: &str) -> u64 {
    xxh3_64(lead_id.as_bytes())
}

/// The first bytes of a lead id, as a number of the same order: most ids differ there, so that the rest of them, which lie
/// all over the memory, need not be looked at.
pub fn id_head(lead_id: &str) -> u128 {
    let mut head = [0; size_of::<u128>()];
    let count = lead_id.len().min(head.len());
    head[..count].copy_from_slice(&lead_id.as_bytes()[..count]);
    u128::from_be_bytes(head)
}

/// MurmurHash 2, 32 bits, with the seed that the Java client uses.
pub fn murmur2(bytes: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;

    // The reference adds the length of an array that holds at most i32::MAX bytes; longer keys do not exist.
    let mut hash = SEED ^ (bytes.len() as u32);
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, &byte) in rest.iter().enumerate() {
            hash ^= u32::from(byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text, `Utils.murmur2`, `Utils.toPositive(..) % 12`, as kafka-clients 4.1.0 prints them.
    const OF_THE_JAVA_CLIENT: [(&str, i32, u32); 15] = [
        ("", 275646681, 9),
        ("a", -1563381124, 4),
        ("ab", 316155434, 2),
        ("abc", 479470107, 3),
        ("abcd", -1323649548, 8),
        ("lead-1", -218231179, 1),
        ("lead-00042", -176538228, 8),
        ("anon:4f1c2a", 129035185, 1),
        ("21", -973932308, 0),
        ("foobar", -790332482, 6),
        ("a-little-bit-long-string", -985981536, 8),
        ("a-little-bit-longer-string", -1486304829, 11),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971, 5),
        ("株式会社青空", 1690540150, 10),
        ("éÿ😀", -1328799236, 0),
    ];

    #[test]
    fn hashes_as_the_java_client() {
        for (text, hash, partition) in OF_THE_JAVA_CLIENT {
            assert_eq!(murmur2(text.as_bytes()), hash, "{text}");
            assert_eq!(home(text, 12), Partition(partition), "{text}");
        }
        assert_eq!(murmur2(&[0xff, 0x80, 0x00, 0xfe, 0x7f]), -1362474117, "bytes above 0x7f are unsigned");
    }

    #[test]
    fn stored_hash_never_changes() {
        assert_eq!(lead_hash(""), 0x2d06_8005_38d3_94c2);
        assert_eq!(lead_hash("lead-1"), xxh3_64(b"lead-1"));
    }
}
