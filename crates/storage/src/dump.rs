//! What the files say, for people: `highwater log dump FILE`.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use highwater_disk::{Disk, OpenMode};
use highwater_records::{BatchHeader, BatchView, HEADER_LEN, Scratch};
use highwater_types::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use highwater_types::{Offset, TopicId};

pub use crate::checkpoint::{
    parse_leader_epochs, parse_offsets, parse_partition_metadata, parse_properties,
};
pub use crate::flush_journal::{FlushedEnd, parse as parse_flush_journal};
pub use crate::index_file::{OffsetEntry, TimeEntry};
pub use crate::snapshot_file::{SnapshotEntry, decode as parse_snapshot};

use crate::paths;

/// Most bytes of a file that is read whole.
const WHOLE_FILE_BYTES_MAX: u64 = 1 << 30;

/// One batch of a segment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpedBatch {
    /// Where it starts.
    pub position: u64,
    /// Its header.
    pub header: BatchHeader,
    /// Whether the checksum is right.
    pub crc_is_valid: bool,
    /// Its records, if they were asked for and can be read.
    pub records: Vec<DumpedRecord>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpedRecord {
    /// Its offset.
    pub offset: Offset,
    /// Its time, in milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Dump {
    /// `.log`: the batches, and where the first thing stands that is none.
    Segment {
        /// The batches.
        batches: Vec<DumpedBatch>,
        /// Position of the first byte that is no batch.
        garbage_at: Option<u64>,
    },
    /// `.index`, with absolute offsets.
    OffsetIndex(Vec<(Offset, u32)>),
    /// `.timeindex`: times with absolute offsets.
    TimeIndex(Vec<(i64, Offset)>),
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

/// Reads a file of any kind that this crate writes; the kind follows from its name.
pub fn dump_file(disk: &dyn Disk, path: &Path, records: Records) -> io::Result<Dump> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if let Some((base, kind)) = paths::parse_segment_file(name) {
        let kind = kind.split('.').next().unwrap_or_default();
        return match kind {
            paths::LOG => dump_segment(disk, path, records),
            paths::SNAPSHOT => parse_snapshot(&read(disk, path)?)
                .map(Dump::Snapshot)
                .map_err(invalid),
            paths::INDEX => Ok(Dump::OffsetIndex(offset_entries(&read(disk, path)?, base))),
            paths::TIME_INDEX => Ok(Dump::TimeIndex(time_entries(&read(disk, path)?, base))),
            _ => Err(invalid("this kind of file is not known")),
        };
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

fn dump_segment(disk: &dyn Disk, path: &Path, records: Records) -> io::Result<Dump> {
    let file = disk.open(path, OpenMode::Read)?;
    let len = file.len()?;
    let mut batches = Vec::new();
    let mut position = 0;
    while position < len {
        let mut head = [0; HEADER_LEN];
        let read = file.read_full_at(&mut head, position)?;
        let Ok(header) = BatchHeader::parse(&head[..read]) else {
            break;
        };
        if header.total_len() as u64 > len - position {
            break;
        }
        let mut bytes = vec![0; header.total_len()];
        file.read_full_at(&mut bytes, position)?;
        batches.push(dump_batch(position, &bytes, header, records));
        position += header.total_len() as u64;
    }
    let garbage_at = (position < len).then_some(position);
    Ok(Dump::Segment {
        batches,
        garbage_at,
    })
}

fn dump_batch(position: u64, bytes: &[u8], header: BatchHeader, records: Records) -> DumpedBatch {
    let crc_is_valid = highwater_records::crc_of(bytes) == header.crc;
    let mut dumped = DumpedBatch {
        position,
        header,
        crc_is_valid,
        records: Vec::new(),
    };
    if records == Records::Omit || !crc_is_valid {
        return dumped;
    }
    let mut scratch = Scratch::new();
    let Ok(view) = BatchView::first(bytes) else {
        return dumped;
    };
    let Ok(found) = view.records(&mut scratch, DECOMPRESSED_BATCH_BYTES_MAX) else {
        return dumped;
    };
    for record in found.flatten() {
        dumped.records.push(DumpedRecord {
            offset: record.offset(&header),
            timestamp_ms: record.timestamp_ms(&header),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: Vec::new(),
        });
    }
    dumped
}

/// One line per entry, in the order of the file.
pub fn to_text(dump: &Dump) -> String {
    let mut out = String::new();
    match dump {
        Dump::Segment {
            batches,
            garbage_at,
        } => {
            for batch in batches {
                put_batch(&mut out, batch);
            }
            if let Some(at) = garbage_at {
                let _ = writeln!(out, "no batch at position {at}");
            }
        }
        Dump::OffsetIndex(entries) => {
            for (offset, position) in entries {
                let _ = writeln!(out, "offset: {offset} position: {position}");
            }
        }
        Dump::TimeIndex(entries) => {
            for (timestamp_ms, offset) in entries {
                let _ = writeln!(out, "timestamp: {timestamp_ms} offset: {offset}");
            }
        }
        Dump::Snapshot(entries) => {
            for entry in entries {
                let _ = writeln!(
                    out,
                    "producerId: {} producerEpoch: {} lastSequence: {} lastOffset: {} \
                     offsetDelta: {} lastTimestamp: {} coordinatorEpoch: {} \
                     currentTxnFirstOffset: {}",
                    entry.producer_id,
                    entry.producer_epoch,
                    entry.last_sequence,
                    entry.last_offset,
                    entry.offset_delta,
                    entry.timestamp_ms,
                    entry.coordinator_epoch,
                    entry.transaction_start.map_or(-1, Offset::get),
                );
            }
        }
        Dump::Offsets(entries) => {
            for (tp, offset) in entries {
                let _ = writeln!(out, "{tp}: {offset}");
            }
        }
        Dump::LeaderEpochs(entries) => {
            for (epoch, offset) in entries {
                let _ = writeln!(out, "leaderEpoch: {epoch} startOffset: {offset}");
            }
        }
        Dump::PartitionMetadata(topic_id) => {
            let _ = writeln!(out, "topicId: {topic_id}");
        }
        Dump::Properties(entries) => {
            for (key, value) in entries {
                let _ = writeln!(out, "{key}={value}");
            }
        }
        Dump::FlushedEnds(entries) => {
            for (tp, end) in entries {
                let (topic_id, flushed, start) = (end.topic_id, end.flushed_end, end.log_start);
                let _ = writeln!(
                    out,
                    "{tp}: topicId: {topic_id} flushedEnd: {flushed} logStart: {start}"
                );
            }
        }
    }
    out
}

fn put_batch(out: &mut String, batch: &DumpedBatch) {
    let header = &batch.header;
    let _ = writeln!(
        out,
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} \
         producerId: {} producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} \
         isControl: {} position: {} CreateTime: {} size: {} magic: {} compresscodec: {} \
         crc: {} isvalid: {}",
        header.base_offset,
        header.last_offset(),
        header.record_count,
        header.base_sequence,
        header.last_sequence(),
        header.producer_id,
        header.producer_epoch,
        header.partition_leader_epoch,
        header.attributes.is_transactional(),
        header.attributes.is_control(),
        batch.position,
        header.max_timestamp_ms,
        header.total_len(),
        header.magic,
        header
            .attributes
            .compression()
            .map_or("unknown", |codec| codec.name()),
        header.crc,
        batch.crc_is_valid,
    );
    for record in &batch.records {
        let text = |bytes: &Option<Vec<u8>>| {
            bytes
                .as_ref()
                .map_or_else(|| "null".to_owned(), |b| b.escape_ascii().to_string())
        };
        let _ = writeln!(
            out,
            "| offset: {} timestamp: {} key: {} value: {}",
            record.offset,
            record.timestamp_ms,
            text(&record.key),
            text(&record.value)
        );
    }
}
