//! The log of a partition on disk: segments, indexes, recovery, retention, compaction and producer state.
//!
//! A [`LogDir`] is one of the directories of `log.dirs`; a [`PartitionLog`] is one directory of
//! segments within it. The files are Kafka's own, byte for byte; `docs/on-disk-format.md`
//! describes them. Nothing here knows of replication: the caller says up to which offset a
//! reader may see and when a flush is due, this crate says what is on disk.

mod aborted;
mod active_index;
mod append;
mod checkpoint;
mod compaction;
mod config;
mod deletion;
pub mod dump;
mod epochs;
mod error;
mod flush;
mod flush_journal;
mod handles;
mod index_file;
mod log;
mod log_dir;
mod log_dir_state;
mod paths;
mod producer_state;
mod read;
mod recovery;
mod recovery_files;
mod recovery_walk;
mod retention;
mod scan;
mod segment;
mod size_ahead;
mod snapshot_file;
mod take;
mod timestamps;
mod transactions;
mod truncate;
mod trusted_clock;
mod wal;

pub use aborted::AbortedTransaction;
pub use append::{AppendBatch, AppendOrigin, AppendOutcome, Appended};
pub use compaction::{Compacted, CompactionLimits, Throttle};
pub use config::{LogConfig, NodeIdentity, StorageOptions};
pub use error::{AppendError, ReadError, StorageError};
pub use log::PartitionLog;
pub use log_dir::{FoundPartition, LogDir};
pub use producer_state::{ProducerStateView, Verification};
pub use read::ReadRange;
pub use recovery::RecoveryReport;
pub use retention::Retained;
pub use timestamps::TimestampedOffset;
pub use wal::{Commit, WalCounts};

#[cfg(test)]
mod tests;
