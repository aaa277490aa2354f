//! What can go wrong, one enum per family of operations.

use std::io;
use std::path::{Path, PathBuf};

use highwater_types::{Offset, ProducerEpoch, ProducerId, TopicPartition};

/// Why a directory or a log cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The disk is full. Nothing was written; it works again once there is room.
    #[error("{path}: no space left")]
    OutOfSpace {
        /// The file that was written.
        path: PathBuf,
    },
    /// Another process uses the directory.
    #[error("the data directory {path} is in use by another process, which holds its .lock file")]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The directory belongs to another node or cluster, or says nothing that can be read.
    #[error("{path}: {why}")]
    Foreign {
        /// Its `meta.properties`.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// A failed write or flush has ended all work on this directory until a restart.
    #[error("the data directory {path} is offline: {reason}")]
    Offline {
        /// The directory.
        path: PathBuf,
        /// What failed first.
        reason: String,
    },
    /// There is a log of this partition already.
    #[error("a log of {0} exists already")]
    Exists(TopicPartition),
    /// There is no log of this partition.
    #[error("there is no log of {0}")]
    Missing(TopicPartition),
    /// The log has been deleted.
    #[error("the log of {0} has been deleted")]
    Deleted(TopicPartition),
    /// The log has been closed for a clean stop.
    #[error("the log of {0} is closed")]
    Closed(TopicPartition),
    /// What a crash has kept from the log could not be put back. The write-ahead log keeps it
    /// for another start.
    #[error("{tp} lacks records that could not be put back from the write-ahead log: {why}")]
    Unreplayed {
        /// The partition.
        tp: TopicPartition,
        /// What failed.
        why: String,
    },
    /// Bytes that were once good are not any more.
    #[error("{path} is damaged at byte {position}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        position: u64,
    },
}

impl StorageError {
    /// Joins a path to what the system said about it.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        if highwater_disk::is_out_of_space(&source) {
            return Self::OutOfSpace {
                path: path.to_path_buf(),
            };
        }
        Self::Io {
            path: path.to_path_buf(),
            source,
        }
    }

    /// Whether it passes by itself, so that the directory may stay online.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::OutOfSpace { .. } => true,
            Self::Io { source, .. } => highwater_disk::is_out_of_handles(source),
            _ => false,
        }
    }
}

/// Why batches were not appended; none of them was.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A batch is larger than a segment may be.
    #[error("a batch of {len} bytes is larger than segment.bytes = {max}")]
    TooLarge {
        /// Bytes of the batch.
        len: u64,
        /// The bound.
        max: u64,
    },
    /// Header and bytes of a batch contradict each other.
    #[error("the batch is malformed: {0}")]
    Malformed(&'static str),
    /// The sequence number is not the next one of its producer.
    #[error(
        "producer {producer_id} sent sequence {got} where {} is next",
        .last.map_or_else(|| "0".to_owned(), |last| format!("the one after {last}"))
    )]
    OutOfOrderSequence {
        /// The producer.
        producer_id: ProducerId,
        /// The first sequence number of the batch.
        got: i32,
        /// The last one that was appended, if the epoch has one.
        last: Option<i32>,
    },
    /// A newer incarnation of the producer has been seen.
    #[error("producer {producer_id} has epoch {current}, the batch has epoch {got}")]
    InvalidProducerEpoch {
        /// The producer.
        producer_id: ProducerId,
        /// The epoch of the batch.
        got: ProducerEpoch,
        /// The epoch that is known.
        current: ProducerEpoch,
    },
    /// A batch outside a transaction came while its producer has one open.
    #[error("producer {producer_id} has an open transaction, the batch is not part of one")]
    InvalidTransactionState {
        /// The producer.
        producer_id: ProducerId,
    },
    /// Nobody has made sure that the transaction is open and has this partition, or a marker has
    /// come since.
    #[error("the transaction of producer {producer_id} is not known to be open on the partition")]
    UnverifiedTransaction {
        /// The producer.
        producer_id: ProducerId,
    },
    /// A marker came from a transaction coordinator that has been replaced.
    #[error("the marker has coordinator epoch {got}, {current} has been seen")]
    CoordinatorFenced {
        /// The epoch in the marker.
        got: i32,
        /// The epoch that is known.
        current: i32,
    },
    /// The batches of a leader do not continue this log.
    #[error("the batch starts at offset {got}, the log ends at {log_end}")]
    OffsetOutOfOrder {
        /// Base offset of the batch.
        got: Offset,
        /// Where the log ends.
        log_end: Offset,
    },
    /// The disk refused, or has done so before.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why nothing can be read at an offset.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset is not between the ends of the log.
    #[error("the log holds offsets {log_start} to {log_end} (exclusive)")]
    OutOfRange {
        /// First offset.
        log_start: Offset,
        /// Offset behind the last.
        log_end: Offset,
    },
    /// The batch there is damaged; it is never served. What follows it can be read.
    #[error("{path} is damaged at byte {position}; the log can be read again from offset {until}")]
    Corrupt {
        /// The segment file.
        path: PathBuf,
        /// Where the damage begins.
        position: u64,
        /// The offset of what follows.
        until: Offset,
    },
    /// The disk refused, or has done so before.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
