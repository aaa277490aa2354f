//! What the files say, for people: `highwater log dump FILE`.

mod segment;
mod text;

use std::io;
use std::path::Path;

use highwater_disk::{Disk, OpenMode};
use highwater_types::{Offset, TopicId};

pub use crate::aborted::{AbortedTransaction, parse_aborted};
pub use crate::checkpoint::{
    parse_leader_epochs, parse_offsets, parse_partition_metadata, parse_properties,
};
pub use crate::flush_journal::{FlushedEnd, parse as parse_flush_journal};
pub use crate::index_file::{OffsetEntry, TimeEntry};
pub use segment::{DumpedBatch, DumpedRecord, DumpedSegment};
pub use text::write_text;

pub use crate::snapshot_file::{SnapshotEntry, decode as parse_snapshot};

use crate::paths;
use crate::wal::is_file_name as is_wal_file;
use crate::wal::replay::read_file as read_wal_file;

/// Most bytes of a file that is read whole.
const WHOLE_FILE_BYTES_MAX: u64 = 1 << 30;

/// The content of a file.
#[derive(Debug)]
pub enum Dump {
    /// `.log`: batches that are yet to be read.
    Segment(Box<DumpedSegment>),
    /// `.index`, with absolute offsets.
    OffsetIndex(Vec<(Offset, u32)>),
    /// `.timeindex`: times with absolute offsets.
    TimeIndex(Vec<(i64, Offset)>),
    /// `.txnindex`.
    AbortedTransactions(Vec<AbortedTransaction>),
    /// `.snapshot`.
    Snapshot(Vec<SnapshotEntry>),
    /// Offsets by partition.
    Offsets(Vec<(String, Offset)>),
    /// `leader-epoch-checkpoint`.
    LeaderEpochs(Vec<(highwater_types::LeaderEpoch, Offset)>),
    /// `partition.metadata`.
    PartitionMetadata(TopicId),
    /// `meta.properties`, sorted.
    Properties(Vec<(String, String)>),
    /// The journal of flushed ends.
    FlushedEnds(Vec<(String, FlushedEnd)>),
    /// Entries of a file of the write-ahead log.
    Wal(Vec<WalEntry>),
}

/// What an entry of the write-ahead log stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalEntry {
    /// The sequence of its block.
    pub sequence: u64,
    /// The partition.
    pub partition: String,
    /// The incarnation of its topic.
    pub topic_id: TopicId,
    /// Base offset of the segment.
    pub segment_base: Offset,
    /// Where in the segment file its bytes stand.
    pub position: u64,
    /// How many they are.
    pub len: usize,
    /// The offset behind their last record.
    pub end: Offset,
}

/// Whether the records of a segment are wanted besides its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// Keys, values and headers too.
    Include,
    /// Batch headers only.
    Omit,
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// Reads a file of any kind that this crate writes; the kind follows from its name. Of a segment
/// only the headers are read yet.
pub fn dump_file(disk: &dyn Disk, path: &Path, records: Records) -> io::Result<Dump> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if let Some((base, kind)) = paths::parse_segment_file(name) {
        let kind = kind.split('.').next().unwrap_or_default();
        return match kind {
            paths::LOG => DumpedSegment::open(disk, path, records)
                .map(|segment| Dump::Segment(Box::new(segment))),
            paths::SNAPSHOT => parse_snapshot(&read(disk, path)?)
                .map(Dump::Snapshot)
                .map_err(invalid),
            paths::INDEX => Ok(Dump::OffsetIndex(offset_entries(&read(disk, path)?, base))),
            paths::TIME_INDEX => Ok(Dump::TimeIndex(time_entries(&read(disk, path)?, base))),
            paths::TXN_INDEX => parse_aborted(&read(disk, path)?)
                .map(Dump::AbortedTransactions)
                .ok_or_else(|| invalid("its entries make no sense")),
            _ => Err(invalid("this kind of file is not known")),
        };
    }
    if is_metadata_snapshot(name) {
        return DumpedSegment::open(disk, path, records)
            .map(|segment| Dump::Segment(Box::new(segment)));
    }
    if name == crate::flush_journal::FILE_NAME {
        let (known, _) = parse_flush_journal(&read(disk, path)?);
        let mut known: Vec<_> = known
            .into_iter()
            .map(|(tp, end)| (tp.to_string(), end))
            .collect();
        known.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        return Ok(Dump::FlushedEnds(known));
    }
    if is_wal_file(name) {
        return wal_entries(disk, path).map(Dump::Wal);
    }
    let bytes = read(disk, path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| invalid("it is not text"))?;
    match name {
        "partition.metadata" => parse_partition_metadata(text).map(Dump::PartitionMetadata),
        "leader-epoch-checkpoint" => parse_leader_epochs(text).map(Dump::LeaderEpochs),
        "meta.properties" => {
            let mut properties: Vec<_> = parse_properties(text).into_iter().collect();
            properties.sort_unstable();
            Ok(Dump::Properties(properties))
        }
        _ if name.ends_with("-checkpoint") => parse_offsets(text).map(|offsets| {
            let mut offsets: Vec<_> = offsets
                .into_iter()
                .map(|(tp, offset)| (tp.to_string(), offset))
                .collect();
            offsets.sort_unstable();
            Dump::Offsets(offsets)
        }),
        _ => Err("this kind of file is not known"),
    }
    .map_err(invalid)
}

/// Whether this is a snapshot of the metadata: batches under `<offset>-<epoch>.checkpoint`.
fn is_metadata_snapshot(name: &str) -> bool {
    let parts = name
        .strip_suffix(".checkpoint")
        .and_then(|name| name.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    parts.is_some_and(|(offset, epoch)| is_number(offset) && is_number(epoch))
}

fn wal_entries(disk: &dyn Disk, path: &Path) -> io::Result<Vec<WalEntry>> {
    let file = disk.open(path, OpenMode::Read)?;
    let mut entries = Vec::new();
    read_wal_file(&*file, &mut |sequence, _, entry| {
        entries.push(WalEntry {
            sequence,
            partition: entry.tp.to_string(),
            topic_id: entry.topic_id,
            segment_base: entry.stretch.base,
            position: entry.stretch.position,
            len: entry.stretch.len,
            end: entry.stretch.end,
        });
    })?;
    Ok(entries)
}

fn read(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    disk.read_file(path, WHOLE_FILE_BYTES_MAX)
}

fn offset_entries(bytes: &[u8], base: Offset) -> Vec<(Offset, u32)> {
    let (entries, _) = bytes.as_chunks();
    let entries = entries.iter().map(|entry| OffsetEntry::from_bytes(*entry));
    entries
        .map(|entry| (base + i64::from(entry.relative_offset), entry.position))
        .collect()
}

fn time_entries(bytes: &[u8], base: Offset) -> Vec<(i64, Offset)> {
    let (entries, _) = bytes.as_chunks();
    let entries = entries.iter().map(|entry| TimeEntry::from_bytes(*entry));
    entries
        .map(|entry| (entry.timestamp_ms, base + i64::from(entry.relative_offset)))
        .collect()
}

#[cfg(test)]
mod tests;
