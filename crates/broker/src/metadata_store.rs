//! The metadata log of a broker on its own, and the image that its records make.
//!
//! The log is a partition like any other, `__cluster_metadata-0` in the first log directory;
//! each record batch is one decision, so that a crash leaves all of it or nothing. A decision is
//! made on the latest image under the lock, appended, flushed, and only then published. Where a
//! quorum takes this place later, `submit` is the seam.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use highwater_metadata::{
    ApplyError, Decision, DecodeError, MetadataDelta, MetadataImage, MetadataRecord,
};
use highwater_records::{BatchSpec, RecordBatchBuilder, Scratch, batches};
use highwater_storage::{
    AppendBatch, AppendError, AppendOrigin, PartitionLog, ReadError, StorageError,
};
use highwater_types::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use highwater_types::{LeaderEpoch, Now, Offset};
use parking_lot::Mutex;

/// The name of the log.
pub(crate) const METADATA_TOPIC: &str = "__cluster_metadata";
/// Bytes read at a time when the log is replayed.
const READ_BYTES: usize = 4 * 1024 * 1024;
/// How often a flush is tried that fails for want of something that passes.
const FLUSH_TRIES: usize = 100;
/// The time between.
const FLUSH_REST: Duration = Duration::from_millis(50);
/// Records of one batch at most; a larger decision is several batches.
const RECORDS_PER_BATCH: usize = 10_000;

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
    /// A batch of it is damaged.
    #[error("the metadata log is damaged at offset {0}")]
    Damaged(Offset),
    /// A record that this version does not know.
    #[error("the metadata log holds a record at offset {0} that cannot be read: {1}")]
    Record(Offset, DecodeError),
    /// A record that contradicts those before it.
    #[error("the metadata log contradicts itself: {0}")]
    Apply(#[from] ApplyError),
}

/// Whether the log may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changes {
    Taken,
    Refused,
}

/// The image, and the log behind it.
pub(crate) struct MetadataStore {
    image: ArcSwap<MetadataImage>,
    log: PartitionLog,
    /// Held from a decision until it is carried out. The ends of the log are read without it:
    /// every client that connects asks for them.
    changing: Mutex<Changes>,
}

impl MetadataStore {
    /// Replays the log.
    pub(crate) fn open(log: PartitionLog) -> Result<Self, MetadataError> {
        let image = replay(&log)?;
        Ok(Self {
            image: ArcSwap::from_pointee(image),
            log,
            changing: Mutex::new(Changes::Taken),
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
        let changes = self.changing.lock();
        if *changes == Changes::Refused {
            return Err(MetadataError::Closed);
        }
        let before = self.image.load_full();
        let decision = decide(&before);
        if decision.records.is_empty() {
            return Ok(decision.response);
        }
        // What contradicts the image must not get into the log.
        let (image, delta) = before.apply(&decision.records)?;
        append(&self.log, &decision.records, now)?;
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

    /// Writes everything down and lets go of the files.
    pub(crate) fn close(&self) -> Result<(), MetadataError> {
        let mut changes = self.changing.lock();
        *changes = Changes::Refused;
        self.log.close()?;
        Ok(())
    }
}

fn append(log: &PartitionLog, records: &[MetadataRecord], now: Now) -> Result<(), MetadataError> {
    let mut bytes = Vec::new();
    let mut built = Vec::new();
    for part in records.chunks(RECORDS_PER_BATCH) {
        let mut builder = RecordBatchBuilder::new(BatchSpec::default());
        for record in part {
            bytes.clear();
            record.encode(&mut bytes);
            let appended = builder.append(now.wall_ms, None, Some(&bytes), &[]);
            appended.map_err(|_| MetadataError::Damaged(log.log_end()))?;
        }
        built.push(
            builder
                .finish()
                .map_err(|_| MetadataError::Damaged(log.log_end()))?,
        );
    }
    let views: Vec<_> = built
        .iter()
        .filter_map(|bytes| {
            let view = highwater_records::BatchView::first(bytes).ok()?;
            Some(AppendBatch {
                header: view.header,
                bytes: view.bytes,
            })
        })
        .collect();
    log.append_leader(&views, LeaderEpoch(0), now, AppendOrigin::Coordinator)?;
    flush(log)
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

fn replay(log: &PartitionLog) -> Result<MetadataImage, MetadataError> {
    let mut image = MetadataImage::new();
    let mut at = log.log_start();
    let mut scratch = Scratch::new();
    while at < log.log_end() {
        let Some(range) = log.read(at, log.log_end(), READ_BYTES, true)? else {
            break;
        };
        let mut buffer = vec![0; range.len];
        if range.file.read_full_at(&mut buffer, range.position)? < range.len {
            return Err(MetadataError::Damaged(at));
        }
        let before = at;
        for batch in batches(&buffer) {
            let Ok(batch) = batch else { break };
            let offset = batch.header.base_offset;
            let records = batch
                .records(&mut scratch, DECOMPRESSED_BATCH_BYTES_MAX)
                .map_err(|_| MetadataError::Damaged(offset))?;
            let mut decoded = Vec::new();
            for record in records {
                let record = record.map_err(|_| MetadataError::Damaged(offset))?;
                let value = record.value.unwrap_or_default();
                let record = MetadataRecord::decode(value)
                    .map_err(|error| MetadataError::Record(offset, error))?;
                decoded.push(record);
            }
            image = image.apply(&decoded)?.0;
            at = batch.header.next_offset();
        }
        if at == before {
            return Err(MetadataError::Damaged(at));
        }
    }
    Ok(image)
}

#[cfg(test)]
mod tests;
