//! The metadata log of a broker on its own, and the image that its records make.
//!
//! The log is a partition like any other, `__cluster_metadata-0` in the first log directory;
//! each record batch is one decision, so that a crash leaves all of it or nothing. A decision is
//! made on the latest image under the lock, appended, flushed, and only then published. Where a
//! quorum takes this place later, `submit` is the seam. From time to time the image is written
//! down as a [`snapshot`], and what lies in front of the one before it is deleted.

mod replay;
mod snapshot;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use highwater_metadata::{
    ApplyError, Decision, DecodeError, MetadataDelta, MetadataImage, MetadataRecord,
};
use highwater_records::{BatchHeader, BatchSpec, RecordBatchBuilder};
use highwater_storage::{
    AppendBatch, AppendError, AppendOrigin, PartitionLog, ReadError, StorageError,
};
use highwater_types::{LeaderEpoch, Now, Offset};
use parking_lot::Mutex;

use replay::Replayed;
pub(crate) use replay::read_image;
use snapshot::SnapshotDir;
pub use snapshot::SnapshotError;

/// The name of the log.
pub(crate) const METADATA_TOPIC: &str = "__cluster_metadata";
/// How often a flush is tried that fails for want of something that passes.
const FLUSH_TRIES: usize = 100;
/// The time between.
const FLUSH_REST: Duration = Duration::from_millis(50);
/// Most bytes of the records of one decision. It is one batch, so that it is on disk whole or
/// not at all, and a batch is in memory whole.
const DECISION_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How long nothing is tried after a snapshot that could not be written.
const SNAPSHOT_REST_MS: u64 = 60_000;

/// Why metadata could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The log could not be written.
    #[error("the metadata log cannot be written: {0}")]
    Append(#[from] AppendError),
    /// The log could not be read.
    #[error("the metadata log cannot be read: {0}")]
    Read(#[from] ReadError),
    /// The disk refused.
    #[error("the metadata log: {0}")]
    Storage(#[from] StorageError),
    /// The system refused.
    #[error("the metadata log cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The broker stops.
    #[error("the metadata log is closed")]
    Closed,
    /// A decision has more bytes than can be written at once.
    #[error("a change of {records} metadata records has more than {DECISION_BYTES_MAX} bytes")]
    TooLarge {
        /// How many records it has.
        records: usize,
    },
    /// A batch of it is damaged.
    #[error("the metadata log is damaged at offset {0}")]
    Damaged(Offset),
    /// A record that this version does not know.
    #[error("the metadata log holds a record at offset {0} that cannot be read: {1}")]
    Record(Offset, DecodeError),
    /// A record that contradicts those before it.
    #[error("the metadata log contradicts itself: {0}")]
    Apply(#[from] ApplyError),
    /// A snapshot could not be written.
    #[error("the metadata snapshot {path} cannot be written: {source}")]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SnapshotError,
    },
    /// A snapshot could not be read.
    #[error("the metadata snapshot {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SnapshotError,
    },
    /// The log begins behind its first record, and what stands for the records before cannot
    /// be read.
    #[error(
        "the metadata log begins at offset {log_start}, and no snapshot in {dir} that reaches so \
         far can be read; restore the file that the error before this one names from a backup"
    )]
    NoSnapshot {
        /// Where the log begins.
        log_start: Offset,
        /// Where snapshots are.
        dir: PathBuf,
    },
    /// The log has lost records that it had when the snapshot was written.
    #[error(
        "the metadata log ends at offset {log_end}, before the end of its snapshot {path}: \
         records that were on disk are missing; restore the directory from a backup"
    )]
    LogBehindSnapshot {
        /// Where the log ends.
        log_end: Offset,
        /// The snapshot.
        path: PathBuf,
    },
}

/// Whether the log may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changes {
    Taken,
    Refused,
}

/// What only whoever changes the log touches.
struct Head {
    changes: Changes,
    /// The end of the log when the image was published; what a snapshot of the image ends at.
    end: Offset,
    /// Bytes of batches behind the latest snapshot.
    tail_bytes: u64,
}

/// The latest snapshot that is on disk and whole.
#[derive(Default)]
struct Latest {
    end: Option<Offset>,
    bytes: u64,
    /// When the next may be tried, if the last try failed.
    not_before_ms: u64,
}

/// The image, and the log behind it.
pub(crate) struct MetadataStore {
    image: ArcSwap<MetadataImage>,
    log: PartitionLog,
    /// Held from a decision until it is carried out. The ends of the log are read without it:
    /// every client that connects asks for them.
    changing: Mutex<Head>,
    snapshots: SnapshotDir,
    /// Held while a snapshot is written; comes before `changing`.
    latest: Mutex<Latest>,
}

impl MetadataStore {
    /// Reads the latest snapshot, and replays the log behind it.
    pub(crate) fn open(log: PartitionLog) -> Result<Self, MetadataError> {
        let dir = log.log_dir();
        let path = dir.path().join(log.topic_partition().to_string());
        let snapshots = SnapshotDir::new(Arc::clone(dir.disk()), path);
        let Replayed {
            image,
            snapshot,
            snapshot_bytes,
            tail_bytes,
        } = replay::replay(&log, &snapshots)?;
        Ok(Self {
            image: ArcSwap::from_pointee(image),
            changing: Mutex::new(Head {
                changes: Changes::Taken,
                end: log.log_end(),
                tail_bytes,
            }),
            latest: Mutex::new(Latest {
                end: snapshot,
                bytes: snapshot_bytes,
                not_before_ms: 0,
            }),
            snapshots,
            log,
        })
    }

    /// The image as it is now.
    pub(crate) fn image(&self) -> Arc<MetadataImage> {
        self.image.load_full()
    }

    /// How far the log goes: a number that grows with every change.
    pub(crate) fn offset(&self) -> Offset {
        self.log.log_end()
    }

    /// Decides, writes, flushes and publishes; blocks on the disk. `act` carries out what has
    /// changed, still under the lock, so that brokers see changes in the order of the log.
    pub(crate) fn submit<R>(
        &self,
        now: Now,
        decide: impl FnOnce(&MetadataImage) -> Decision<R>,
        act: impl FnOnce(&Arc<MetadataImage>, &MetadataDelta),
    ) -> Result<R, MetadataError> {
        let mut head = self.changing.lock();
        if head.changes == Changes::Refused {
            return Err(MetadataError::Closed);
        }
        let before = self.image.load_full();
        let decision = decide(&before);
        if decision.records.is_empty() {
            return Ok(decision.response);
        }
        // What contradicts the image must not get into the log.
        let (image, delta) = before.apply(&decision.records)?;
        head.tail_bytes += append(&self.log, &decision.records, now)?;
        head.end = self.log.log_end();
        let image = Arc::new(image);
        self.image.store(Arc::clone(&image));
        act(&image, &delta);
        Ok(decision.response)
    }

    /// Looks at the image at a moment when everything that it says has been carried out here;
    /// `None` while a change is under way.
    pub(crate) fn while_settled<R>(&self, look: impl FnOnce(&MetadataImage) -> R) -> Option<R> {
        let _settled = self.changing.try_lock()?;
        Some(look(&self.image.load()))
    }

    /// Writes a snapshot if the log has grown by `tail_bytes_max` since the last one, and by as
    /// much as that one has, so that no more than half of what is written is snapshots. To be
    /// called from time to time; blocks on the disk, and keeps nobody from deciding meanwhile.
    /// Returns whether there is a new snapshot.
    pub(crate) fn snapshot_if_due(
        &self,
        now: Now,
        tail_bytes_max: u64,
    ) -> Result<bool, MetadataError> {
        let mut latest = self.latest.lock();
        if now.mono_ms < latest.not_before_ms || self.log.log_dir().is_offline() {
            return Ok(false);
        }
        // What cannot be removed now is tried again, and says nothing about a snapshot.
        if let Err(error) = self.log.remove_due_files(now) {
            tracing::debug!(%error, "cannot remove old files of the metadata log");
        }
        let (image, end, tail_bytes) = {
            let head = self.changing.lock();
            let is_due = head.tail_bytes >= tail_bytes_max.max(latest.bytes);
            if head.changes == Changes::Refused || !is_due {
                return Ok(false);
            }
            (self.image.load_full(), head.end, head.tail_bytes)
        };
        latest.not_before_ms = now.mono_ms.saturating_add(SNAPSHOT_REST_MS);
        let written = self.snapshots.write(end, &image, now.wall_ms);
        let bytes = written.map_err(|source| self.judge(end, source))?;
        self.delete_before(latest.end, end, now)?;
        *latest = Latest {
            end: Some(end),
            bytes,
            not_before_ms: 0,
        };
        self.changing.lock().tail_bytes -= tail_bytes;
        tracing::info!(offset = %end, bytes, "wrote a snapshot of the metadata");
        Ok(true)
    }

    /// Deletes what is of no use beside two snapshots and the log behind the first of them.
    fn delete_before(
        &self,
        previous: Option<Offset>,
        end: Offset,
        now: Now,
    ) -> Result<(), MetadataError> {
        // Whole segments are deleted, so one has to end about here.
        self.log.roll(now)?;
        if let Some(previous) = previous {
            self.log.advance_log_start(previous)?;
            self.log.retain(now, end)?;
        }
        let kept: Vec<Offset> = previous.into_iter().chain([end]).collect();
        let removed = self.snapshots.remove_all_but(&kept);
        removed.map_err(|error| self.judge(end, error.into()))
    }

    /// A write that failed for good ends the work on the directory, as any other does.
    fn judge(&self, end: Offset, source: SnapshotError) -> MetadataError {
        if let SnapshotError::Io(error) = &source {
            let is_passing =
                highwater_disk::is_out_of_space(error) || highwater_disk::is_out_of_handles(error);
            if !is_passing {
                let reason = format!("a metadata snapshot could not be written: {error}");
                self.log.log_dir().take_offline(&reason);
            }
        }
        let path = self.snapshots.path(end);
        MetadataError::Snapshot { path, source }
    }

    /// Writes everything down and lets go of the files.
    pub(crate) fn close(&self) -> Result<(), MetadataError> {
        let mut head = self.changing.lock();
        head.changes = Changes::Refused;
        self.log.close()?;
        Ok(())
    }
}

/// Appends the records of a decision and waits for the disk; returns their bytes.
///
/// DURABILITY: all of them are one batch under one checksum. If they were several, a crash could
/// leave the first of them: a topic without half of its partitions.
fn append(log: &PartitionLog, records: &[MetadataRecord], now: Now) -> Result<u64, MetadataError> {
    let too_large = || MetadataError::TooLarge {
        records: records.len(),
    };
    let mut bytes = Vec::new();
    let mut builder = RecordBatchBuilder::new(BatchSpec::default());
    for record in records {
        bytes.clear();
        record.encode(&mut bytes);
        let appended = builder.append(now.wall_ms, None, Some(&bytes), &[]);
        appended.map_err(|_| too_large())?;
        if builder.size_bytes() > DECISION_BYTES_MAX {
            return Err(too_large());
        }
    }
    let batch = builder.finish().map_err(|_| too_large())?;
    let header = BatchHeader::parse(&batch).map_err(|_| MetadataError::Damaged(log.log_end()))?;
    let batches = [AppendBatch {
        header,
        bytes: &batch,
    }];
    log.append_leader(&batches, LeaderEpoch(0), now, AppendOrigin::Coordinator)?;
    flush(log)?;
    Ok(batch.len() as u64)
}

/// DURABILITY: nothing of a decision is seen before its records are on disk. They are in the
/// log already, so a flush that failed for want of a file descriptor cannot be given up: the
/// next decision would be made without this one and contradict it when the log is replayed.
fn flush(log: &PartitionLog) -> Result<(), MetadataError> {
    for _ in 0..FLUSH_TRIES {
        match log.flush() {
            Ok(_) => return Ok(()),
            Err(error) if error.is_passing() && !log.log_dir().is_offline() => {
                tracing::warn!(%error, "a flush of the metadata log has to be tried again");
                std::thread::sleep(FLUSH_REST);
            }
            Err(error) => return Err(error.into()),
        }
    }
    log.log_dir()
        .take_offline("the metadata log could not be flushed");
    log.flush()?;
    Ok(())
}
