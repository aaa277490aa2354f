//! What the leader of a partition checks of a batch that a producer sends.
//!
//! The rules are Kafka's, and stricter where Kafka lets a damaged batch through to the
//! consumers: inner offsets must count up from 0, compressed data must end cleanly. A batch
//! passes with one reading of its bytes for the checksum and one of its record heads; its
//! bytes go to the log as they came unless the topic wants another codec.

use highwater_types::{LeaderEpoch, Offset};

use crate::decompress::{codec_of, decompress_all};
use crate::header::restamped_crc;
use crate::{
    BatchError, BatchHeader, BatchView, Compression, HEADER_LEN, LENGTH_PREFIX_LEN, RecordFault,
    RecordHead, RecordIssue, RecordIssueReason, RecordIssues, RecordStream, RecordView, Scratch,
    TimestampType, batches, compress, crc_of,
};

const NO_TIMESTAMP_MS: i64 = -1;

/// Who appends a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A client; it may not write control batches, and numbers its records from 0.
    Client,
    /// A coordinator or the controller of this cluster.
    Coordinator,
}

/// `compression.type` of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TopicCompression {
    /// Whatever the producer chose.
    #[default]
    Producer,
    /// This codec, at this level or its default.
    Codec {
        /// The codec, `None` for uncompressed.
        codec: Compression,
        /// The level, which matters only when the broker compresses.
        level: Option<i32>,
    },
}

/// What a partition asks of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceRules {
    /// `max.message.bytes`.
    pub max_batch_bytes: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub after_max_ms: i64,
    /// The broker's clock.
    pub now_ms: i64,
    /// Whether compaction needs every record to have a key.
    pub compacted_topic: bool,
    /// `compression.type`.
    pub compression: TopicCompression,
    /// Who appends.
    pub origin: AppendOrigin,
    /// Bytes to which the records may decompress.
    pub decompressed_bytes_max: usize,
}

/// A batch that may be appended once offsets are assigned (see [`assign`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The bytes behind the header go to the log as they are, under this header.
    AsIs(BatchHeader),
    /// The batch was compressed anew.
    Rewritten {
        /// Its header.
        header: BatchHeader,
        /// All of it, header included.
        batch: Vec<u8>,
    },
}

impl Verdict {
    /// The header under which the batch is appended.
    pub fn header(&self) -> &BatchHeader {
        match self {
            Self::AsIs(header) | Self::Rewritten { header, .. } => header,
        }
    }
}

/// Puts a batch at its place in the log; the checksum does not cover these fields. The bytes
/// to write in front of the records are [`BatchHeader::to_bytes`].
pub fn assign(header: &mut BatchHeader, base_offset: Offset, leader_epoch: LeaderEpoch) {
    header.base_offset = base_offset;
    header.partition_leader_epoch = leader_epoch;
}

/// Validates what a produce request carries for one partition: exactly one batch.
pub fn validate_partition_data(
    data: &[u8],
    rules: &ProduceRules,
    scratch: &mut Scratch,
) -> Result<Verdict, BatchError> {
    validate_produce(only_batch(data)?.bytes, rules, scratch)
}

/// The one batch that `data` consists of; its checksum has not been verified yet.
pub fn only_batch(data: &[u8]) -> Result<BatchView<'_>, BatchError> {
    let mut all = batches(data);
    let batch = all.next().ok_or(BatchError::NoBatch)??;
    match all.next() {
        None => Ok(batch),
        Some(Ok(_)) => Err(BatchError::SecondBatch),
        Some(Err(_)) => Err(BatchError::TrailingBytes {
            bytes: data.len() - batch.bytes.len(),
        }),
    }
}

/// Validates one batch, which must be all of `batch`.
pub fn validate_produce(
    batch: &[u8],
    rules: &ProduceRules,
    scratch: &mut Scratch,
) -> Result<Verdict, BatchError> {
    let view = only_batch(batch)?;
    check_header(&view, rules)?;
    let codec = codec_of(&view).map_err(BatchError::Decompress)?;
    let target = match rules.compression {
        // Markers are never compressed, whatever the topic says.
        TopicCompression::Codec {
            codec: target,
            level,
        } if target != codec && !view.header.attributes.is_control() => Some((target, level)),
        _ => None,
    };
    let mut pass = Pass::new(&view.header, rules);
    match target {
        None => {
            if codec == Compression::None {
                pass.over_slice(view.payload(), view.header.record_count)?;
            } else {
                pass.over_stream(&view, scratch)?;
            }
            let max_timestamp_ms = pass.finish()?;
            Ok(Verdict::AsIs(stamp(&view, max_timestamp_ms, rules)))
        }
        Some((target, level)) => {
            let mut whole = scratch.take_whole();
            let limit = rules.decompressed_bytes_max;
            let end = decompress_all(codec, view.payload(), limit, scratch, &mut whole);
            let records = end.map(|end| whole.get(..end).unwrap_or_default());
            let verdict = match records {
                Err(error) => Err(BatchError::Decompress(error)),
                Ok(records) => rewrite(&view, records, pass, (target, level), rules),
            };
            scratch.put_whole(whole);
            verdict
        }
    }
}

/// The checks that need no record.
fn check_header(view: &BatchView<'_>, rules: &ProduceRules) -> Result<(), BatchError> {
    let header = &view.header;
    let client = rules.origin == AppendOrigin::Client;
    if client && header.base_offset != Offset::ZERO {
        return Err(BatchError::BaseOffset {
            base_offset: header.base_offset.0,
        });
    }
    let bytes = view.bytes.len();
    if bytes > rules.max_batch_bytes {
        return Err(BatchError::TooLarge {
            bytes,
            max_bytes: rules.max_batch_bytes,
        });
    }
    let computed = crc_of(view.bytes);
    if computed != header.crc {
        return Err(BatchError::Crc {
            stored: header.crc,
            computed,
        });
    }
    let (count, delta) = (header.record_count, header.last_offset_delta);
    if count <= 0 {
        return Err(BatchError::RecordCount { count });
    }
    if delta != count - 1 {
        return Err(BatchError::LastOffsetDelta { delta, count });
    }
    if client && header.attributes.is_control() {
        return Err(BatchError::ControlBatch);
    }
    if header.attributes.has_delete_horizon() {
        return Err(BatchError::DeleteHorizon);
    }
    if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
        return Err(BatchError::LogAppendTime);
    }
    check_producer(header)
}

fn check_producer(header: &BatchHeader) -> Result<(), BatchError> {
    if header.producer_id.0 < -1 {
        return Err(BatchError::ProducerId {
            producer_id: header.producer_id.0,
        });
    }
    if !header.has_producer() {
        // Some clients leave epoch and sequence at 0 then, which means nothing.
        return match header.attributes.is_transactional() {
            true => Err(BatchError::TransactionalWithoutProducer),
            false => Ok(()),
        };
    }
    if header.producer_epoch.0 < 0 {
        return Err(BatchError::ProducerEpoch {
            producer_epoch: header.producer_epoch.0,
        });
    }
    // A marker ends a transaction and is not part of the sequence.
    if header.base_sequence < 0 && !header.attributes.is_control() {
        return Err(BatchError::BaseSequence {
            base_sequence: header.base_sequence,
        });
    }
    Ok(())
}

/// The pass over the records of one batch.
struct Pass {
    earliest_ms: i64,
    latest_ms: i64,
    key_required: bool,
    base_timestamp_ms: i64,
    limit_bytes: usize,
    next: i32,
    max_timestamp_ms: i64,
    issues: RecordIssues,
}

impl Pass {
    fn new(header: &BatchHeader, rules: &ProduceRules) -> Self {
        let (earliest_ms, latest_ms) = match rules.timestamp_type {
            TimestampType::LogAppendTime => (i64::MIN, i64::MAX),
            TimestampType::CreateTime => (
                rules.now_ms.saturating_sub(rules.before_max_ms),
                rules.now_ms.saturating_add(rules.after_max_ms),
            ),
        };
        Self {
            earliest_ms,
            latest_ms,
            key_required: rules.compacted_topic && !header.attributes.is_control(),
            base_timestamp_ms: header.base_timestamp_ms,
            limit_bytes: rules.decompressed_bytes_max,
            next: 0,
            max_timestamp_ms: NO_TIMESTAMP_MS,
            issues: RecordIssues::default(),
        }
    }

    #[inline(always)]
    fn accept(&mut self, head: RecordHead) -> Result<(), BatchError> {
        let batch_index = self.next;
        if head.offset_delta != batch_index {
            let offset_delta = head.offset_delta;
            return Err(BatchError::OffsetDelta {
                batch_index,
                offset_delta,
            });
        }
        let timestamp_ms = self.base_timestamp_ms.wrapping_add(head.timestamp_delta);
        if self.key_required && !head.has_key {
            self.issues.push(RecordIssue {
                batch_index,
                reason: RecordIssueReason::NoKey,
            });
        } else if timestamp_ms < self.earliest_ms || timestamp_ms > self.latest_ms {
            self.judge_timestamp(timestamp_ms);
        }
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        self.next += 1;
        Ok(())
    }

    #[cold]
    fn judge_timestamp(&mut self, timestamp_ms: i64) {
        if timestamp_ms != NO_TIMESTAMP_MS {
            let (earliest_ms, latest_ms) = (self.earliest_ms, self.latest_ms);
            let reason = RecordIssueReason::Timestamp {
                timestamp_ms,
                earliest_ms,
                latest_ms,
            };
            self.issues.push(RecordIssue {
                batch_index: self.next,
                reason,
            });
        }
    }

    fn over_slice(&mut self, records: &[u8], count: i32) -> Result<(), BatchError> {
        let mut rest = records;
        for batch_index in 0..count {
            if rest.is_empty() {
                return Err(BatchError::Record {
                    batch_index,
                    fault: RecordFault::Missing,
                });
            }
            let record = RecordView::take(&mut rest)
                .map_err(|fault| BatchError::Record { batch_index, fault })?;
            self.accept(RecordHead::from(&record))?;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let fault = RecordFault::Trailing { bytes: rest.len() };
        Err(BatchError::Record {
            batch_index: count,
            fault,
        })
    }

    fn over_stream(
        &mut self,
        view: &BatchView<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), BatchError> {
        let count = view.header.record_count;
        let mut stream =
            RecordStream::new(view, scratch, self.limit_bytes).map_err(BatchError::Decompress)?;
        for batch_index in 0..count {
            let head = stream.next_head().map_err(BatchError::at(batch_index))?;
            self.accept(head)?;
        }
        stream.finish().map_err(BatchError::at(count))
    }

    /// The largest timestamp, unless records are refused.
    fn finish(self) -> Result<i64, BatchError> {
        match self.issues.total {
            0 => Ok(self.max_timestamp_ms),
            _ => Err(BatchError::Rejected(self.issues)),
        }
    }
}

/// Sets what the leader decides about timestamps. As Kafka does, a header whose maximum is
/// not that of its records is corrected rather than refused.
fn stamp(view: &BatchView<'_>, max_timestamp_ms: i64, rules: &ProduceRules) -> BatchHeader {
    let mut header = view.header;
    header.attributes = header.attributes.with_timestamp_type(rules.timestamp_type);
    header.max_timestamp_ms = match rules.timestamp_type {
        TimestampType::CreateTime => max_timestamp_ms,
        TimestampType::LogAppendTime => rules.now_ms,
    };
    if header != view.header {
        header.crc = restamped_crc(&view.header, &header);
    }
    header
}

fn rewrite(
    view: &BatchView<'_>,
    records: &[u8],
    mut pass: Pass,
    (codec, level): (Compression, Option<i32>),
    rules: &ProduceRules,
) -> Result<Verdict, BatchError> {
    pass.over_slice(records, view.header.record_count)?;
    let max_timestamp_ms = pass.finish()?;
    let payload = compress(codec, level, records).map_err(BatchError::Compress)?;
    let bytes = HEADER_LEN + payload.len();
    let batch_length = i32::try_from(bytes - LENGTH_PREFIX_LEN);
    let (Ok(batch_length), true) = (batch_length, bytes <= rules.max_batch_bytes) else {
        return Err(BatchError::TooLarge {
            bytes,
            max_bytes: rules.max_batch_bytes,
        });
    };
    let mut header = stamp(view, max_timestamp_ms, rules);
    header.attributes = header.attributes.with_compression(codec);
    header.batch_length = batch_length;
    let batch = header.seal(&payload);
    header.crc = crc_of(&batch);
    Ok(Verdict::Rewritten { header, batch })
}

#[cfg(test)]
mod tests;
