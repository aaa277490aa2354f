//! What a file holds, as lines for people.

use std::io::{self, Write};

use highwater_types::Offset;

use super::{Dump, DumpedBatch, DumpedRecord, FlushedEnd, SnapshotEntry, WalEntry};

/// Writes one line per entry, in the order of the file, and calls `seen` with each batch of a
/// segment.
pub fn write_text(
    dump: Dump,
    out: &mut dyn Write,
    seen: &mut dyn FnMut(&DumpedBatch),
) -> io::Result<()> {
    match dump {
        Dump::Segment(mut segment) => {
            for batch in segment.by_ref() {
                let batch = batch?;
                seen(&batch);
                write_batch(out, &batch)?;
            }
            if let Some(at) = segment.garbage_at() {
                writeln!(out, "no batch at position {at}")?;
            }
        }
        Dump::OffsetIndex(entries) => {
            for (offset, position) in entries {
                writeln!(out, "offset: {offset} position: {position}")?;
            }
        }
        Dump::TimeIndex(entries) => {
            for (timestamp_ms, offset) in entries {
                writeln!(out, "timestamp: {timestamp_ms} offset: {offset}")?;
            }
        }
        Dump::AbortedTransactions(entries) => {
            for entry in entries {
                writeln!(
                    out,
                    "version: 0 producerId: {} firstOffset: {} lastOffset: {} \
                     lastStableOffset: {}",
                    entry.producer_id,
                    entry.first_offset,
                    entry.last_offset,
                    entry.last_stable_offset,
                )?;
            }
        }
        Dump::Snapshot(entries) => write_snapshot(out, &entries)?,
        Dump::Offsets(entries) => {
            for (tp, offset) in entries {
                writeln!(out, "{tp}: {offset}")?;
            }
        }
        Dump::LeaderEpochs(entries) => {
            for (epoch, offset) in entries {
                writeln!(out, "leaderEpoch: {epoch} startOffset: {offset}")?;
            }
        }
        Dump::PartitionMetadata(topic_id) => writeln!(out, "topicId: {topic_id}")?,
        Dump::Properties(entries) => {
            for (key, value) in entries {
                writeln!(out, "{key}={value}")?;
            }
        }
        Dump::FlushedEnds(entries) => write_flushed_ends(out, &entries)?,
        Dump::Wal(entries) => write_wal(out, &entries)?,
    }
    Ok(())
}

fn write_snapshot(out: &mut dyn Write, entries: &[SnapshotEntry]) -> io::Result<()> {
    for entry in entries {
        writeln!(
            out,
            "producerId: {} producerEpoch: {} lastSequence: {} lastOffset: {} offsetDelta: {} \
             lastTimestamp: {} coordinatorEpoch: {} currentTxnFirstOffset: {}",
            entry.producer_id,
            entry.producer_epoch,
            entry.last_sequence,
            entry.last_offset,
            entry.offset_delta,
            entry.timestamp_ms,
            entry.coordinator_epoch,
            entry.transaction_start.map_or(-1, Offset::get),
        )?;
    }
    Ok(())
}

fn write_flushed_ends(out: &mut dyn Write, entries: &[(String, FlushedEnd)]) -> io::Result<()> {
    for (tp, end) in entries {
        let (topic_id, flushed, start) = (end.topic_id, end.flushed_end, end.log_start);
        writeln!(
            out,
            "{tp}: topicId: {topic_id} flushedEnd: {flushed} logStart: {start} walSequence: {}",
            end.wal_sequence
        )?;
    }
    Ok(())
}

fn write_wal(out: &mut dyn Write, entries: &[WalEntry]) -> io::Result<()> {
    for entry in entries {
        writeln!(
            out,
            "sequence: {} partition: {} topicId: {} segment: {} position: {} size: {} \
             endOffset: {}",
            entry.sequence,
            entry.partition,
            entry.topic_id,
            entry.segment_base,
            entry.position,
            entry.len,
            entry.end,
        )?;
    }
    Ok(())
}

fn write_batch(out: &mut dyn Write, batch: &DumpedBatch) -> io::Result<()> {
    let header = &batch.header;
    writeln!(
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
    )?;
    batch
        .records
        .iter()
        .try_for_each(|record| write_record(out, record))
}

fn write_record(out: &mut dyn Write, record: &DumpedRecord) -> io::Result<()> {
    let (key, value) = (text(record.key.as_deref()), text(record.value.as_deref()));
    write!(
        out,
        "| offset: {} timestamp: {} key: {key} value: {value}",
        record.offset, record.timestamp_ms,
    )?;
    if !record.headers.is_empty() {
        let headers = record.headers.iter();
        let headers = headers.map(|(key, value)| {
            let (key, value) = (key.escape_ascii(), text(value.as_deref()));
            format!("{key}: {value}")
        });
        write!(
            out,
            " headers: [{}]",
            headers.collect::<Vec<_>>().join(", ")
        )?;
    }
    writeln!(out)
}

fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(
        || "null".to_owned(),
        |bytes| bytes.escape_ascii().to_string(),
    )
}
