//! Why a leader refuses a produced batch, and which family of Kafka's error codes says so.
//!
//! The families are Kafka's where it has an answer of its own. The rule behind them: a header
//! that cannot be true or a wrong checksum is damage from the way, and the batch may be sent
//! again (`CORRUPT_MESSAGE` is retriable); a batch that is cut, or whose checksum is right
//! over damaged records, was made so, and sending it again is of no use (`INVALID_RECORD`).

use std::fmt;

use crate::{BatchesError, DecompressError, RecordFault, StreamError};

/// Most per-record errors that are kept; a client treats the others as part of a bad batch.
pub const RECORD_ISSUES_MAX: usize = 100;

/// The error code that a refusal maps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorFamily {
    /// `CORRUPT_MESSAGE` (2).
    CorruptMessage,
    /// `MESSAGE_TOO_LARGE` (10).
    MessageTooLarge,
    /// `INVALID_TIMESTAMP` (32).
    InvalidTimestamp,
    /// `UNSUPPORTED_COMPRESSION_TYPE` (76).
    UnsupportedCompressionType,
    /// `INVALID_RECORD` (87).
    InvalidRecord,
    /// The server's fault, not the batch's: `UNKNOWN_SERVER_ERROR` (−1).
    Server,
}

/// Why one record of a batch is refused (KIP-467).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordIssueReason {
    /// Compaction works by key.
    #[error("a compacted topic takes no record without a key")]
    NoKey,
    /// The time is too far from the broker's.
    #[error("timestamp {timestamp_ms} is not within [{earliest_ms}, {latest_ms}]")]
    Timestamp {
        /// Of the record.
        timestamp_ms: i64,
        /// Earliest that is accepted now.
        earliest_ms: i64,
        /// Latest that is accepted now.
        latest_ms: i64,
    },
}

/// A refused record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordIssue {
    /// Its place in the batch, from 0.
    pub batch_index: i32,
    /// What is wrong with it.
    pub reason: RecordIssueReason,
}

/// The refused records of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordIssues {
    /// The first [`RECORD_ISSUES_MAX`] of them.
    pub issues: Vec<RecordIssue>,
    /// How many there are.
    pub total: usize,
}

impl RecordIssues {
    #[cold]
    pub(crate) fn push(&mut self, issue: RecordIssue) {
        self.total += 1;
        if self.issues.len() < RECORD_ISSUES_MAX {
            self.issues.push(issue);
        }
    }

    fn has_timestamp_issue(&self) -> bool {
        let reasons = self.issues.iter().map(|issue| issue.reason);
        reasons
            .into_iter()
            .any(|reason| matches!(reason, RecordIssueReason::Timestamp { .. }))
    }
}

impl fmt::Display for RecordIssues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records are refused", self.total)?;
        if let Some(first) = self.issues.first() {
            write!(
                f,
                ", the first at index {}: {}",
                first.batch_index, first.reason
            )?;
        }
        Ok(())
    }
}

/// Why a leader refuses a produced batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// No batch at all.
    #[error("a partition of a produce request must carry a record batch")]
    NoBatch,
    /// A second batch follows the first.
    #[error("a partition of a produce request must carry exactly one record batch")]
    SecondBatch,
    /// Bytes follow the batch that are no batch.
    #[error("{bytes} bytes follow the batch")]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
    /// The bytes are not a whole batch of format 2.
    #[error(transparent)]
    NotABatch(BatchesError),
    /// A message format that only old clients know.
    #[error("message format {magic} is not accepted, only 2 is")]
    OldFormat {
        /// 0 or 1.
        magic: i8,
    },
    /// The batch is larger than the topic takes.
    #[error("the batch of {bytes} bytes exceeds the {max_bytes} that the topic takes")]
    TooLarge {
        /// Bytes of the batch, or of what it becomes in the codec of the topic.
        bytes: usize,
        /// `max.message.bytes`.
        max_bytes: usize,
    },
    /// The checksum does not match.
    #[error("the batch has CRC {computed:#010x} where its header says {stored:#010x}")]
    Crc {
        /// What the header says.
        stored: u32,
        /// What the bytes have.
        computed: u32,
    },
    /// Clients number their records from 0.
    #[error("the base offset {base_offset} is not 0")]
    BaseOffset {
        /// What the header says.
        base_offset: i64,
    },
    /// A batch without records, or with fewer than none.
    #[error("the record count {count} is not positive")]
    RecordCount {
        /// What the header says.
        count: i32,
    },
    /// The header contradicts itself.
    #[error("the last offset delta {delta} does not fit the record count {count}")]
    LastOffsetDelta {
        /// What the header says.
        delta: i32,
        /// What the header says.
        count: i32,
    },
    /// Only brokers write markers.
    #[error("clients may not write control batches")]
    ControlBatch,
    /// Only compaction sets a delete horizon.
    #[error("clients may not set a delete horizon")]
    DeleteHorizon,
    /// Only brokers stamp their own time.
    #[error("clients may not set the timestamp type to LogAppendTime")]
    LogAppendTime,
    /// A producer id below −1.
    #[error("the producer id {producer_id} is not valid")]
    ProducerId {
        /// What the header says.
        producer_id: i64,
    },
    /// A producer without an incarnation.
    #[error("the producer epoch {producer_epoch} is negative although there is a producer id")]
    ProducerEpoch {
        /// What the header says.
        producer_epoch: i16,
    },
    /// A producer without a sequence number.
    #[error("the base sequence {base_sequence} is negative although there is a producer id")]
    BaseSequence {
        /// What the header says.
        base_sequence: i32,
    },
    /// A transaction needs a producer.
    #[error("a transactional batch must have a producer id")]
    TransactionalWithoutProducer,
    /// The records cannot be decompressed.
    #[error(transparent)]
    Decompress(DecompressError),
    /// The bytes of a record are damaged.
    #[error("record {batch_index}: {fault}")]
    Record {
        /// Its place in the batch.
        batch_index: i32,
        /// What is wrong with it.
        fault: RecordFault,
    },
    /// The offsets of the records are not 0, 1, 2, …
    #[error("record {batch_index} has offset delta {offset_delta}")]
    OffsetDelta {
        /// Its place in the batch.
        batch_index: i32,
        /// What it says.
        offset_delta: i32,
    },
    /// The batch is sound, but records of it are not accepted.
    #[error("{0}")]
    Rejected(RecordIssues),
    /// Compression for the topic failed.
    #[error("the batch cannot be compressed as the topic wants: {0}")]
    Compress(crate::CompressError),
}

impl BatchError {
    /// The error code that says so to the client.
    pub fn family(&self) -> ErrorFamily {
        match self {
            Self::NotABatch(BatchesError::Header(_)) | Self::Crc { .. } => {
                ErrorFamily::CorruptMessage
            }
            Self::TooLarge { .. } | Self::Decompress(DecompressError::TooLarge { .. }) => {
                ErrorFamily::MessageTooLarge
            }
            Self::Decompress(DecompressError::UnknownCodec { .. }) => {
                ErrorFamily::UnsupportedCompressionType
            }
            Self::LogAppendTime => ErrorFamily::InvalidTimestamp,
            Self::Rejected(issues) if issues.has_timestamp_issue() => ErrorFamily::InvalidTimestamp,
            Self::Compress(_) => ErrorFamily::Server,
            Self::NoBatch
            | Self::NotABatch(BatchesError::Truncated { .. })
            | Self::SecondBatch
            | Self::TrailingBytes { .. }
            | Self::OldFormat { .. }
            | Self::BaseOffset { .. }
            | Self::RecordCount { .. }
            | Self::LastOffsetDelta { .. }
            | Self::ControlBatch
            | Self::DeleteHorizon
            | Self::ProducerId { .. }
            | Self::ProducerEpoch { .. }
            | Self::BaseSequence { .. }
            | Self::TransactionalWithoutProducer
            | Self::Decompress(_)
            | Self::Record { .. }
            | Self::OffsetDelta { .. }
            | Self::Rejected(_) => ErrorFamily::InvalidRecord,
        }
    }

    /// The records that are refused one by one, for the record errors of the response.
    pub fn record_issues(&self) -> &[RecordIssue] {
        match self {
            Self::Rejected(issues) => &issues.issues,
            _ => &[],
        }
    }

    pub(crate) fn at(batch_index: i32) -> impl Fn(StreamError) -> Self {
        move |error| match error {
            StreamError::Decompress(error) => Self::Decompress(error),
            StreamError::Record(fault) => Self::Record { batch_index, fault },
        }
    }
}

impl From<BatchesError> for BatchError {
    fn from(error: BatchesError) -> Self {
        match error {
            BatchesError::Header(crate::HeaderError::Magic {
                magic: magic @ 0..=1,
            }) => Self::OldFormat { magic },
            error => Self::NotABatch(error),
        }
    }
}
