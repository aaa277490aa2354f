//! Why nothing is imported.

use std::io;
use std::path::{Path, PathBuf};

use highwater_metadata::kafka::{KafkaApplyError, KafkaDecodeError};
use highwater_storage::StorageError;
use highwater_types::{Offset, TopicPartition};

use crate::batch_file::BatchFileError;
use crate::metadata_store::MetadataError;
use crate::startup::StartError;

/// Why nothing is imported; the source is as it was, and no topic of it is in the target.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Kafka runs.
    #[error("{0} is in use: a broker holds its .lock file. Stop it first")]
    SourceInUse(PathBuf),
    /// Another process uses the target.
    #[error("{0} is in use by another process, which holds its .lock file. Stop it first")]
    TargetInUse(PathBuf),
    /// Kafka was killed.
    #[error(
        "{0} was not left in order: .kafka_cleanshutdown is missing. Start Kafka once more, let \
         it recover, and stop it with SIGTERM"
    )]
    NotClean(PathBuf),
    /// Not a directory of a Kafka broker.
    #[error("{path} is no data directory of Kafka: {why}")]
    NotKafka {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The directories belong to different brokers.
    #[error("{path} belongs to {key} {found}, other directories to {expected}")]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// `cluster.id` or `node.id`.
        key: &'static str,
        /// What its `meta.properties` says.
        found: String,
        /// What the others say.
        expected: String,
    },
    /// None of the directories has the metadata log.
    #[error(
        "none of the directories holds __cluster_metadata-0; give all of log.dirs, and \
         metadata.log.dir if it is set"
    )]
    NoMetadata,
    /// Bytes are not what they were.
    #[error("{path} is damaged {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and how.
        reason: String,
    },
    /// A record of Kafka's metadata log cannot be read.
    #[error("{path}: the metadata record at offset {offset} cannot be read: {reason}")]
    Record {
        /// The file.
        path: PathBuf,
        /// Its offset.
        offset: Offset,
        /// Why.
        reason: KafkaDecodeError,
    },
    /// Kafka's metadata contradict themselves.
    #[error("{path}: the metadata record at offset {offset} contradicts those before: {reason}")]
    Apply {
        /// The file.
        path: PathBuf,
        /// Its offset.
        offset: Offset,
        /// Why.
        reason: KafkaApplyError,
    },
    /// Kafka's metadata do not make sense as a whole.
    #[error("the metadata of Kafka do not make sense: {0}")]
    Metadata(String),
    /// A cluster of several brokers.
    #[error(
        "partition {partition} has its replicas on brokers {replicas:?}; only what broker {node} \
         alone holds can be imported. Move all partitions to it first \
         (kafka-reassign-partitions), with one replica each"
    )]
    Replicas {
        /// The partition.
        partition: TopicPartition,
        /// Where it is.
        replicas: Vec<i32>,
        /// The broker of the directories.
        node: i32,
    },
    /// The log of a partition is in none of the directories.
    #[error(
        "the log of {0} is in none of the directories; give every directory of log.dirs with --from"
    )]
    MissingLog(TopicPartition),
    /// Records of the topic are not on this disk.
    #[error("topic {0} uses tiered storage, which cannot be imported")]
    Tiered(String),
    /// A compaction was interrupted.
    #[error("{0}: a compaction was interrupted. Start Kafka once more and stop it with SIGTERM")]
    Swap(PathBuf),
    /// The target is something else.
    #[error("{path} is no data directory of Highwater: {why}")]
    NotHighwater {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// Source and target are not apart.
    #[error(
        "{to} and {from}, one of the directories of Kafka, are the same or one lies in the other; \
         nothing is written where Kafka's data are. Give a directory of its own with --to"
    )]
    Overlap {
        /// The target.
        to: PathBuf,
        /// The directory of the source.
        from: PathBuf,
    },
    /// The target has positions of groups of its own.
    #[error(
        "the target has positions of groups of its own, which cannot be mixed with those of \
         Kafka; import without them (--without-group-positions)"
    )]
    GroupPositions,
    /// Positions of groups were committed in transactions that nobody can end.
    #[error(
        "{partition} holds positions of groups from transactions that have not ended ({open}), and \
         their producers are not taken over; let them end in Kafka first, or import without \
         positions (--without-group-positions) and set them by hand"
    )]
    GroupTransactions {
        /// The partition of `__consumer_offsets`.
        partition: TopicPartition,
        /// How many.
        open: usize,
    },
    /// The target cannot take the topics.
    #[error("the target cannot take the topics: {0}")]
    Refused(#[from] highwater_metadata::ImportError),
    /// Too little room.
    #[error("{path} has room for {free} bytes, the import needs {needed}")]
    NoRoom {
        /// The target.
        path: PathBuf,
        /// Bytes to be copied.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A copy is not what was copied.
    #[error("the copy of {partition} is not what was copied: {why}")]
    Copy {
        /// The partition.
        partition: TopicPartition,
        /// What differs.
        why: String,
    },
    /// The target's logs could not be worked on.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The target's metadata could not be read or written.
    #[error(transparent)]
    TargetMetadata(#[from] MetadataError),
    /// The target's metadata log could not be opened.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl ImportError {
    /// Joins a path to what the system said about it.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }

    /// Joins a path to what is wrong with its batches.
    pub(super) fn batches(path: &Path) -> impl FnOnce(BatchFileError) -> Self {
        let path = path.to_path_buf();
        move |error| match error {
            BatchFileError::Io(source) => Self::Io { path, source },
            damaged @ BatchFileError::Damaged { .. } => Self::Damaged {
                path,
                reason: damaged.to_string(),
            },
        }
    }
}
