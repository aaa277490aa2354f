//! What is sent: batches that are encoded once, their checksum included, and sent many times.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use highwater_records::{BatchSpec, RecordBatchBuilder};

use crate::wire;

/// A frame that is ready to be sent, and what it counts for.
#[derive(Clone)]
pub(crate) struct Frame {
    /// The bytes.
    pub(crate) bytes: Arc<[u8]>,
    /// Records in it.
    pub(crate) records: u64,
    /// Bytes of their values.
    pub(crate) value_bytes: u64,
    /// Bytes of the batch, or of the first one.
    pub(crate) batch_bytes: usize,
}

/// The shape of a produce request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Records in its one batch.
    pub(crate) records: usize,
    /// Bytes of each value.
    pub(crate) value_bytes: usize,
}

impl Shape {
    /// As many records of a size as fit a request of another.
    pub(crate) const fn filling(request_bytes: usize, value_bytes: usize) -> Self {
        const RECORD_OVERHEAD: usize = 10;
        const REQUEST_OVERHEAD: usize = 160;
        Self {
            records: (request_bytes - REQUEST_OVERHEAD) / (value_bytes + RECORD_OVERHEAD),
            value_bytes,
        }
    }

    /// A batch of this shape, born now. Its values do not compress.
    pub(crate) fn batch(self) -> Result<Vec<u8>> {
        self.batch_with(None)
    }

    fn batch_with(self, key: Option<&[u8]>) -> Result<Vec<u8>> {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let now_ms = i64::try_from(now_ms)?;
        let mut builder = RecordBatchBuilder::new(BatchSpec::default());
        let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
        let mut value = vec![0; self.value_bytes];
        for _ in 0..self.records {
            noise.fill(&mut value);
            builder.append(now_ms, key, Some(&value), &[])?;
        }
        Ok(builder.finish()?)
    }

    /// The produce request of a producer whose keys spread these records evenly over all
    /// partitions, the first of them to partition `first`.
    pub(crate) fn keyed_frame(self, topic: &str, partitions: u32, first: u32) -> Result<Frame> {
        let mut batches = Vec::new();
        for index in 0..partitions {
            let behind = (index + partitions - first % partitions) % partitions;
            let evenly = self.records + (partitions - 1 - behind) as usize;
            let share = Self {
                records: evenly / partitions as usize,
                ..self
            };
            if share.records > 0 {
                let key = format!("key-{first:02}-{index:02}");
                let batch = share.batch_with(Some(key.as_bytes()))?;
                batches.push((i32::try_from(index)?, batch));
            }
        }
        Ok(Frame {
            bytes: wire::produce_all(topic, &batches).into(),
            records: self.records as u64,
            value_bytes: (self.records * self.value_bytes) as u64,
            batch_bytes: batches.first().map_or(0, |(_, batch)| batch.len()),
        })
    }

    /// The produce request for a partition.
    pub(crate) fn frame(self, topic: &str, partition: i32) -> Result<Frame> {
        let batch = self.batch()?;
        Ok(Frame {
            bytes: wire::produce(topic, partition, &batch).into(),
            records: self.records as u64,
            value_bytes: (self.records * self.value_bytes) as u64,
            batch_bytes: batch.len(),
        })
    }

    /// One produce request for each partition.
    pub(crate) fn frames(self, topic: &str, partitions: u32) -> Result<Vec<Frame>> {
        (0..partitions)
            .map(|index| self.frame(topic, i32::try_from(index)?))
            .collect()
    }
}

/// Bytes that look random and are the same in every run (xorshift).
struct Noise(u64);

impl Noise {
    fn fill(&mut self, into: &mut [u8]) {
        for chunk in into.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            chunk.copy_from_slice(&self.0.to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_records_over_all_partitions_and_lose_none() {
        for (records, partitions) in [(8, 6), (3, 6), (12, 6), (1, 1)] {
            for first in 0..7 {
                let shape = Shape {
                    records,
                    value_bytes: 100,
                };
                let frame = shape.keyed_frame("t", partitions, first).unwrap();
                let batches = records.min(partitions as usize);
                let values = records * 100;
                let empty_batches = batches * 61;
                let len = frame.bytes.len();
                assert!(len > values + empty_batches, "{len}");
                // Of each record no more than its key, its lengths and deltas comes on top.
                let rest = len - values - empty_batches;
                assert!(rest < 80 + batches * 8 + records * 20, "{rest}");
            }
        }
    }
}
