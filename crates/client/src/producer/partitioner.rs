//! Which partition a record goes to: by key as the Java client does, else one partition for a
//! batch's worth of records and then another (KIP-794 without its weights).

use std::collections::HashMap;

use highwater_types::{PartitionIndex, TopicName};
use parking_lot::Mutex;

use super::ProducerRecord;
use crate::backoff::random;

/// The partition of a key among `partitions`, as Java clients compute it.
pub fn partition_of_key(key: &[u8], partitions: usize) -> PartitionIndex {
    let hash = murmur2(key) & 0x7fff_ffff;
    PartitionIndex((hash as usize % partitions.max(1)) as i32)
}

/// MurmurHash 2 with the seed that Kafka's clients agreed on.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (position, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * position);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// Where records without a key of one topic go at the moment.
struct Sticky {
    partition: usize,
    bytes: usize,
}

pub(super) struct Partitioner {
    batch_bytes_max: usize,
    sticky: Mutex<HashMap<TopicName, Sticky>>,
}

impl Partitioner {
    pub(super) fn new(batch_bytes_max: usize) -> Self {
        Self {
            batch_bytes_max,
            sticky: Mutex::default(),
        }
    }

    pub(super) fn choose(&self, record: &ProducerRecord, partitions: usize) -> PartitionIndex {
        if let Some(key) = &record.key {
            return partition_of_key(key, partitions);
        }
        let pick = || random() as usize % partitions.max(1);
        let mut topics = self.sticky.lock();
        let sticky = topics
            .entry(record.topic.clone())
            .or_insert_with(|| Sticky {
                partition: pick(),
                bytes: 0,
            });
        if sticky.bytes >= self.batch_bytes_max || sticky.partition >= partitions {
            *sticky = Sticky {
                partition: pick(),
                bytes: 0,
            };
        }
        sticky.bytes += record.size_bytes();
        PartitionIndex(sticky.partition as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hash_as_the_java_client_hashes_them() {
        // The values of the Java client's own test.
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }

    #[test]
    fn records_without_a_key_stay_together_for_a_batch() {
        let partitioner = Partitioner::new(1000);
        let record = ProducerRecord::new(TopicName::new("t").unwrap(), vec![0; 60]);
        let chosen: Vec<_> = (0..10)
            .map(|_| partitioner.choose(&record, 1_000_000))
            .collect();
        assert!(
            chosen.windows(2).all(|pair| pair[0] == pair[1]),
            "{chosen:?}"
        );
        let later: Vec<_> = (0..100)
            .map(|_| partitioner.choose(&record, 1_000_000))
            .collect();
        assert!(
            later.iter().any(|partition| *partition != chosen[0]),
            "{later:?}"
        );
    }
}
