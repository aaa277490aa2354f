//! Snapshots of the metadata image, so that a start reads no more than what is of use.
//!
//! A snapshot lies beside the segments of the metadata log and is named as Kafka names its own:
//! `<20 digits>-<10 digits>.checkpoint`, the offset of the first record that it does not contain
//! and the leader epoch. It is a row of record batches with rising offsets: a control batch that
//! says that it begins, the records that make the image from nothing, and a control batch that
//! says that it is whole. So every byte is under a checksum, and a snapshot can be cut into
//! pieces and sent to another node as it is.
//!
//! DURABILITY: a snapshot gets its name when it is on disk. The log in front of a snapshot is
//! deleted only once a later snapshot is on disk as well: there are always two ways to the
//! image, and a damaged snapshot costs a longer start, not the metadata.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use highwater_disk::{Disk, OpenMode};
use highwater_metadata::{DecodeError, MetadataImage, MetadataRecord};
use highwater_records::{
    BatchSpec, BatchView, BuildError, ControlType, RecordBatchBuilder, Scratch, control_type,
};
use highwater_types::Offset;
use highwater_types::limits::DECOMPRESSED_BATCH_BYTES_MAX;

use crate::batch_file::{BatchFile, BatchFileError};

/// What every snapshot's name ends with.
const SUFFIX: &str = ".checkpoint";
/// What the name ends with before the snapshot is whole; a start removes such files.
const TEMPORARY: &str = ".tmp";
/// Kafka's types of the control records at both ends.
const HEADER_TYPE: i16 = 3;
const FOOTER_TYPE: i16 = 4;
/// Size at which a batch of a snapshot is closed.
const BATCH_BYTES: usize = 1024 * 1024;
/// There is one leader epoch until there is a quorum.
const LEADER_EPOCH: i32 = 0;

/// Why a snapshot cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A batch is not whole or fails its checksum.
    #[error(transparent)]
    Damaged(#[from] BatchFileError),
    /// The batches do not make a snapshot.
    #[error("{0}")]
    Malformed(&'static str),
    /// A record that this version does not know.
    #[error("the record at offset {0} cannot be read: {1}")]
    Record(Offset, DecodeError),
    /// A record that contradicts those before it.
    #[error("the snapshot contradicts itself: {0}")]
    Apply(#[from] highwater_metadata::ApplyError),
    /// The image cannot be put into batches.
    #[error("the image cannot be written: {0}")]
    Build(#[from] BuildError),
}

/// The snapshots in the directory of a metadata log.
#[derive(Debug)]
pub(super) struct SnapshotDir {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

impl SnapshotDir {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self { disk, dir }
    }

    /// Where the snapshot that ends at `end` is.
    pub(super) fn path(&self, end: Offset) -> PathBuf {
        self.dir
            .join(format!("{:020}-{LEADER_EPOCH:010}{SUFFIX}", end.get()))
    }

    /// The ends of the snapshots that are there, rising.
    pub(super) fn list(&self) -> io::Result<Vec<Offset>> {
        let entries = self.disk.list(&self.dir)?;
        let names = entries.iter().map(|entry| entry.name.as_str());
        let mut ends: Vec<Offset> = names.filter_map(parse_name).collect();
        ends.sort_unstable();
        Ok(ends)
    }

    /// Where snapshots are.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Reads a snapshot; also says how many bytes it has.
    pub(super) fn load(&self, end: Offset) -> Result<(MetadataImage, u64), SnapshotError> {
        let mut file = BatchFile::open(&*self.disk, &self.path(end))?;
        let mut reading = Reading::default();
        while let Some((_, batch)) = file.next()? {
            reading.take(&batch)?;
        }
        match reading.state {
            State::Ended => Ok((reading.image, file.position())),
            State::New | State::Begun => Err(SnapshotError::Malformed("its end is missing")),
        }
    }

    /// Writes a snapshot; durable when it returns. Returns its bytes.
    pub(super) fn write(
        &self,
        end: Offset,
        image: &MetadataImage,
        wall_ms: i64,
    ) -> Result<u64, SnapshotError> {
        let path = self.path(end);
        let mut temporary = path.clone().into_os_string();
        temporary.push(TEMPORARY);
        let temporary = PathBuf::from(temporary);
        let written = self.write_as(&temporary, image, wall_ms);
        if written.is_err() {
            // What is in the way of the next try is room, if anything. A file that stays is
            // removed by the next start.
            let _ = self.disk.remove(&temporary);
        }
        let bytes = written?;
        self.disk.rename(&temporary, &path)?;
        self.disk.sync_dir(&self.dir)?;
        Ok(bytes)
    }

    fn write_as(
        &self,
        path: &Path,
        image: &MetadataImage,
        wall_ms: i64,
    ) -> Result<u64, SnapshotError> {
        let file = self.disk.open(path, OpenMode::Truncate)?;
        let mut position = 0;
        each_batch(image, wall_ms, |bytes| {
            file.write_all_at(&bytes, position)?;
            position += bytes.len() as u64;
            Ok(())
        })?;
        file.sync_data()?;
        Ok(position)
    }

    /// Removes every snapshot but these.
    pub(super) fn remove_all_but(&self, kept: &[Offset]) -> io::Result<()> {
        for end in self.list()? {
            if !kept.contains(&end) {
                self.disk.remove(&self.path(end))?;
            }
        }
        Ok(())
    }
}

fn parse_name(name: &str) -> Option<Offset> {
    let (end, epoch) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = end.len() == 20 && epoch.len() == 10 && is_number(end) && is_number(epoch);
    fits.then(|| end.parse().ok().map(Offset)).flatten()
}

/// Gives the batches of a snapshot one by one: an image of a million partitions is never in
/// memory as bytes.
fn each_batch(
    image: &MetadataImage,
    wall_ms: i64,
    mut give: impl FnMut(Vec<u8>) -> Result<(), SnapshotError>,
) -> Result<(), SnapshotError> {
    let mut header = vec![0, 0];
    header.extend(wall_ms.to_be_bytes());
    header.push(0);
    give(control_batch(HEADER_TYPE, &header, Offset(0), wall_ms)?)?;
    let mut next = Offset(1);
    let mut builder = new_builder(next);
    let mut bytes = Vec::new();
    for record in image.to_records() {
        bytes.clear();
        record.encode(&mut bytes);
        builder.append(wall_ms, None, Some(&bytes), &[])?;
        next = next.next();
        if builder.size_bytes() >= BATCH_BYTES {
            let full = std::mem::replace(&mut builder, new_builder(next));
            give(full.finish()?)?;
        }
    }
    if !builder.is_empty() {
        give(builder.finish()?)?;
    }
    give(control_batch(FOOTER_TYPE, &[0, 0, 0], next, wall_ms)?)
}

fn new_builder(base_offset: Offset) -> RecordBatchBuilder {
    RecordBatchBuilder::new(BatchSpec {
        base_offset,
        leader_epoch: highwater_types::LeaderEpoch(LEADER_EPOCH),
        ..BatchSpec::default()
    })
}

fn control_batch(
    kind: i16,
    value: &[u8],
    base_offset: Offset,
    wall_ms: i64,
) -> Result<Vec<u8>, BuildError> {
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        base_offset,
        leader_epoch: highwater_types::LeaderEpoch(LEADER_EPOCH),
        control: true,
        ..BatchSpec::default()
    });
    let [high, low] = kind.to_be_bytes();
    builder.append(wall_ms, Some(&[0, 0, high, low]), Some(value), &[])?;
    builder.finish()
}

/// How far the reading of a snapshot is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    New,
    Begun,
    Ended,
}

/// A snapshot that is being read.
#[derive(Default)]
struct Reading {
    state: State,
    next: Offset,
    image: MetadataImage,
    scratch: Scratch,
}

impl Reading {
    fn take(&mut self, batch: &BatchView<'_>) -> Result<(), SnapshotError> {
        if batch.header.base_offset != self.next {
            return Err(SnapshotError::Malformed("its offsets do not follow"));
        }
        self.next = batch.header.next_offset();
        let unreadable = SnapshotError::Malformed("a batch of it cannot be decoded");
        let Ok(found) = batch.records(&mut self.scratch, DECOMPRESSED_BATCH_BYTES_MAX) else {
            return Err(unreadable);
        };
        let Ok(found) = found.collect::<Result<Vec<_>, _>>() else {
            return Err(unreadable);
        };
        if batch.header.attributes.is_control() {
            let kind = found.first().map(|record| control_type(record.key));
            self.state = match (self.state, kind) {
                (State::New, Some(Ok(ControlType::Other(HEADER_TYPE)))) => State::Begun,
                (State::Begun, Some(Ok(ControlType::Other(FOOTER_TYPE)))) => State::Ended,
                _ => return Err(SnapshotError::Malformed("its ends are in disorder")),
            };
            return Ok(());
        }
        if self.state != State::Begun {
            return Err(SnapshotError::Malformed("its ends are in disorder"));
        }
        let mut records = Vec::with_capacity(found.len());
        for record in found {
            let value = record.value.unwrap_or_default();
            let offset = record.offset(&batch.header);
            let decoded = MetadataRecord::decode(value);
            records.push(decoded.map_err(|error| SnapshotError::Record(offset, error))?);
        }
        self.image = self.image.apply(&records)?.0;
        Ok(())
    }
}
