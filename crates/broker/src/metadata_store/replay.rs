//! From what is on disk to the image.

use std::path::Path;
use std::sync::Arc;

use highwater_disk::Disk;
use highwater_metadata::{MetadataImage, MetadataRecord};
use highwater_records::{BatchView, Scratch, batches};
use highwater_storage::PartitionLog;
use highwater_types::Offset;
use highwater_types::limits::DECOMPRESSED_BATCH_BYTES_MAX;

use super::MetadataError;
use super::snapshot::SnapshotDir;
use crate::batch_file::{BatchFile, BatchFileError};

/// Bytes read at a time.
const READ_BYTES: usize = 4 * 1024 * 1024;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    pub(super) image: MetadataImage,
    /// Where the snapshot ends that was read, if any.
    pub(super) snapshot: Option<Offset>,
    pub(super) snapshot_bytes: u64,
    /// Bytes of the log behind it.
    pub(super) tail_bytes: u64,
}

/// Reads the latest snapshot that can be read, and the log behind it.
pub(super) fn replay(
    log: &PartitionLog,
    snapshots: &SnapshotDir,
) -> Result<Replayed, MetadataError> {
    let mut replayed = read_snapshot(log, snapshots)?;
    let mut at = replayed.snapshot.unwrap_or(log.log_start());
    let mut scratch = Scratch::new();
    while at < log.log_end() {
        let Some(range) = log.read(at, log.log_end(), READ_BYTES, true)? else {
            return Err(MetadataError::Damaged(at));
        };
        let mut buffer = vec![0; range.len];
        if range.file.read_full_at(&mut buffer, range.position)? < range.len {
            return Err(MetadataError::Damaged(at));
        }
        let before = at;
        for batch in batches(&buffer) {
            let Ok(batch) = batch else { break };
            // A snapshot ends where a decision ends, and nothing may be missing in between.
            if batch.header.base_offset != at {
                return Err(MetadataError::Damaged(at));
            }
            let records = decode(&batch, &mut scratch)?;
            replayed.image = replayed.image.apply(&records)?.0;
            replayed.tail_bytes += batch.bytes.len() as u64;
            at = batch.header.next_offset();
        }
        if at == before {
            return Err(MetadataError::Damaged(at));
        }
    }
    Ok(replayed)
}

/// The image in the directory of a metadata log that nobody has open, without changing a file.
/// What was written last and is not whole counts for nothing, as after a recovery.
pub(crate) fn read_image(disk: &Arc<dyn Disk>, dir: &Path) -> Result<MetadataImage, MetadataError> {
    let snapshots = SnapshotDir::new(Arc::clone(disk), dir.to_path_buf());
    let (mut image, mut at) = (MetadataImage::new(), Offset::ZERO);
    if let Some(end) = snapshots.list()?.pop() {
        let path = snapshots.path(end);
        let loaded = snapshots.load(end);
        image = loaded
            .map_err(|source| MetadataError::Unreadable { path, source })?
            .0;
        at = end;
    }
    let mut segments: Vec<_> = disk.list(dir)?;
    segments.retain(|entry| entry.name.ends_with(".log"));
    segments.sort();
    let mut scratch = Scratch::new();
    for segment in segments {
        let mut file = BatchFile::open(&**disk, &dir.join(segment.name))?;
        loop {
            let batch = match file.next() {
                Ok(Some((_, batch))) => batch,
                Ok(None) | Err(BatchFileError::Damaged { .. }) => break,
                // What cannot be read is not what was never written.
                Err(BatchFileError::Io(source)) => return Err(source.into()),
            };
            if batch.header.base_offset < at {
                continue;
            }
            if batch.header.base_offset > at {
                return Err(MetadataError::Damaged(at));
            }
            image = image.apply(&decode(&batch, &mut scratch)?)?.0;
            at = batch.header.next_offset();
        }
    }
    Ok(image)
}

/// The latest snapshot that can be read. One that cannot is passed over if the log still has
/// what it stands for.
fn read_snapshot(log: &PartitionLog, snapshots: &SnapshotDir) -> Result<Replayed, MetadataError> {
    for end in snapshots.list()?.into_iter().rev() {
        let path = snapshots.path(end);
        if end > log.log_end() {
            let log_end = log.log_end();
            return Err(MetadataError::LogBehindSnapshot { log_end, path });
        }
        if end < log.log_start() {
            break;
        }
        match snapshots.load(end) {
            Ok((image, snapshot_bytes)) => {
                return Ok(Replayed {
                    image,
                    snapshot: Some(end),
                    snapshot_bytes,
                    tail_bytes: 0,
                });
            }
            Err(error) => tracing::error!(
                path = %path.display(), %error,
                "a snapshot of the metadata cannot be read; going back to what was before it"
            ),
        }
    }
    match log.log_start() {
        Offset::ZERO => Ok(Replayed::default()),
        log_start => Err(MetadataError::NoSnapshot {
            log_start,
            dir: snapshots.dir().to_path_buf(),
        }),
    }
}

fn decode(
    batch: &BatchView<'_>,
    scratch: &mut Scratch,
) -> Result<Vec<MetadataRecord>, MetadataError> {
    let offset = batch.header.base_offset;
    let records = batch
        .records(scratch, DECOMPRESSED_BATCH_BYTES_MAX)
        .map_err(|_| MetadataError::Damaged(offset))?;
    let mut decoded = Vec::new();
    for record in records {
        let record = record.map_err(|_| MetadataError::Damaged(offset))?;
        let value = record.value.unwrap_or_default();
        let record = MetadataRecord::decode(value);
        decoded.push(record.map_err(|error| MetadataError::Record(offset, error))?);
    }
    Ok(decoded)
}
