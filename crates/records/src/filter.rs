//! Rewrites a batch without some of its records, which is what compaction does.
//!
//! The offsets of the records that stay, base offset, last offset and the fields of the
//! producer do not change: a follower must find the same log, and the producer the same
//! sequence numbers. Where a batch is needed for its producer alone, it stays as a header
//! without records. Tombstones and markers are removed a while after they were first
//! cleaned; that moment is kept in the batch itself (KIP-534), in place of its base timestamp.

use crate::batches::BatchesError;
use crate::builder::{length_of, put_record};
use crate::{
    BatchHeader, BatchView, BuildError, Compression, DecompressError, RecordFault, RecordView,
    Scratch, TimestampType, compress,
};

/// Whether a record stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It stays.
    Yes,
    /// It goes.
    No,
}

/// What becomes of a batch none of whose records stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyBatch {
    /// Its header stays, for the sequence number of its producer.
    Retain,
    /// It goes.
    Drop,
}

/// How a batch is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterRules {
    /// What becomes of the batch when no record stays.
    pub empty_batch: EmptyBatch,
    /// The delete horizon to set, in milliseconds since 1970-01-01 UTC, if tombstones stay
    /// and the batch has none: now plus `delete.retention.ms`.
    pub delete_horizon_ms: i64,
    /// Whether the horizon is due even without tombstones, as for the marker of a
    /// transaction that has no records left.
    pub empty_transaction_marker: bool,
    /// Bytes to which the records may decompress.
    pub decompressed_bytes_max: usize,
}

/// Of the records that stayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Records looked at.
    pub records_read: usize,
    /// Records that stay.
    pub records: usize,
    /// Whether a tombstone is among them.
    pub has_tombstones: bool,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filtered {
    /// Every record stays and the bytes are the same.
    Unchanged(Retained),
    /// The batch has these bytes now.
    Rewritten(Vec<u8>, Retained),
    /// Nothing stays.
    Dropped(Retained),
}

/// Why a batch cannot be filtered. All but the last two say that it is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Not a whole batch.
    #[error(transparent)]
    Batch(#[from] BatchesError),
    /// It does not decompress.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// A record is damaged.
    #[error("record {index}: {fault}")]
    Record {
        /// Its place in the batch.
        index: usize,
        /// What is wrong.
        fault: RecordFault,
    },
    /// It cannot be built again.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// The records that stay, encoded.
struct Output {
    bytes: Vec<u8>,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
    retained: Retained,
}

/// Rewrites the batch at the start of `batch` with those records for which `keep` says so.
/// The caller has verified its CRC. The new batch is compressed as the old one was.
pub fn filter_batch(
    batch: &[u8],
    rules: &FilterRules,
    scratch: &mut Scratch,
    mut keep: impl FnMut(&BatchHeader, &RecordView<'_>) -> Keep,
) -> Result<Filtered, FilterError> {
    let view = BatchView::first(batch)?;
    let header = view.header;
    let records = view.records(scratch, rules.decompressed_bytes_max)?;
    let mut staying = Vec::new();
    let mut retained = Retained::default();
    for record in records {
        let index = retained.records_read;
        let record = record.map_err(|fault| FilterError::Record { index, fault })?;
        retained.records_read += 1;
        if keep(&header, &record) == Keep::Yes {
            retained.records += 1;
            retained.has_tombstones |= record.value.is_none();
            staying.push(record);
        }
    }
    if staying.is_empty() {
        return Ok(match rules.empty_batch {
            EmptyBatch::Drop => Filtered::Dropped(retained),
            EmptyBatch::Retain => Filtered::Rewritten(empty(&header)?, retained),
        });
    }
    let due = retained.has_tombstones || rules.empty_transaction_marker;
    let horizon =
        (due && !header.attributes.has_delete_horizon()).then_some(rules.delete_horizon_ms);
    if retained.records == retained.records_read && horizon.is_none() {
        return Ok(Filtered::Unchanged(retained));
    }
    let output = encode(&header, &staying, horizon, retained);
    Ok(Filtered::Rewritten(
        rebuild(&header, &output, horizon.is_some())?,
        retained,
    ))
}

/// Encodes the records against the horizon as base timestamp, or against the old one.
fn encode(
    header: &BatchHeader,
    staying: &[RecordView<'_>],
    horizon: Option<i64>,
    retained: Retained,
) -> Output {
    let base_timestamp_ms = horizon.unwrap_or(header.base_timestamp_ms);
    let mut output = Output {
        bytes: Vec::new(),
        base_timestamp_ms,
        max_timestamp_ms: -1,
        retained,
    };
    for record in staying {
        let timestamp_ms = header
            .base_timestamp_ms
            .wrapping_add(record.timestamp_delta);
        output.max_timestamp_ms = output.max_timestamp_ms.max(timestamp_ms);
        put_record(
            &mut output.bytes,
            record,
            timestamp_ms.wrapping_sub(base_timestamp_ms),
        );
    }
    output
}

fn rebuild(
    header: &BatchHeader,
    output: &Output,
    sets_horizon: bool,
) -> Result<Vec<u8>, BuildError> {
    let codec = header.attributes.compression().unwrap_or_default();
    let compressed;
    let payload = if codec == Compression::None {
        &output.bytes
    } else {
        compressed = compress(codec, None, &output.bytes)?;
        &compressed
    };
    let has_horizon = sets_horizon || header.attributes.has_delete_horizon();
    let max_timestamp_ms = match header.attributes.timestamp_type() {
        TimestampType::CreateTime => output.max_timestamp_ms,
        TimestampType::LogAppendTime => header.max_timestamp_ms,
    };
    let rebuilt = BatchHeader {
        batch_length: length_of(payload)?,
        attributes: header.attributes.with_delete_horizon(has_horizon),
        base_timestamp_ms: output.base_timestamp_ms,
        max_timestamp_ms,
        record_count: i32::try_from(output.retained.records).map_err(|_| BuildError::TooLarge)?,
        ..*header
    };
    Ok(rebuilt.seal(payload))
}

/// The header that stays of a batch without records.
fn empty(header: &BatchHeader) -> Result<Vec<u8>, BuildError> {
    let attributes = header
        .attributes
        .with_compression(Compression::None)
        .with_delete_horizon(false);
    let rebuilt = BatchHeader {
        batch_length: length_of(&[])?,
        attributes,
        base_timestamp_ms: -1,
        record_count: 0,
        ..*header
    };
    Ok(rebuilt.seal(&[]))
}

#[cfg(test)]
mod tests;
