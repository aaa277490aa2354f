//! Builds a batch record by record.
//!
//! Used where records are born: in the client, in the coordinators, in tests. The records
//! are encoded into one buffer as they come, so that their size is known exactly, and are
//! compressed once at the end.

use highwater_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

use crate::{
    Attributes, BatchHeader, CompressError, Compression, EndTxnMarker, HEADER_LEN, HeaderView,
    LENGTH_PREFIX_LEN, MAGIC, RecordView, TimestampType, compress, varint,
};

/// The idempotent producer of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchProducer {
    /// Its id.
    pub id: ProducerId,
    /// Its incarnation.
    pub epoch: ProducerEpoch,
    /// Sequence number of the first record; −1 for markers.
    pub base_sequence: i32,
}

impl BatchProducer {
    /// No idempotent producer.
    pub const NONE: Self = Self {
        id: ProducerId::NONE,
        epoch: ProducerEpoch::NONE,
        base_sequence: -1,
    };
}

/// What a batch is, apart from its records. The default is what a plain producer sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchSpec {
    /// The codec.
    pub compression: Compression,
    /// Its level, or Kafka's default.
    pub level: Option<i32>,
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Epoch of the leader; unknown when a leader will still assign it.
    pub leader_epoch: LeaderEpoch,
    /// Timestamp type; with log append time the largest timestamp stands for all.
    pub timestamp_type: TimestampType,
    /// The idempotent producer.
    pub producer: BatchProducer,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
    /// Whether the batch is a marker.
    pub control: bool,
}

impl Default for BatchSpec {
    fn default() -> Self {
        Self {
            compression: Compression::None,
            level: None,
            base_offset: Offset::ZERO,
            leader_epoch: LeaderEpoch::UNKNOWN,
            timestamp_type: TimestampType::CreateTime,
            producer: BatchProducer::NONE,
            transactional: false,
            control: false,
        }
    }
}

/// Why a record or batch cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A batch counts its bytes in 31 bits.
    #[error("the batch would have more bytes than its length field can say")]
    TooLarge,
    /// Offsets of a batch go up.
    #[error("offset delta {offset_delta} does not follow {last}")]
    OffsetOrder {
        /// Of the record.
        offset_delta: i32,
        /// Of the record before it.
        last: i32,
    },
    /// A produced batch has a record.
    #[error("a batch without records cannot be built")]
    Empty,
    /// Compression failed.
    #[error(transparent)]
    Compress(#[from] CompressError),
}

/// A batch that is being filled.
#[derive(Clone, Debug)]
pub struct RecordBatchBuilder {
    spec: BatchSpec,
    records: Vec<u8>,
    body: Vec<u8>,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
    count: i32,
    last_offset_delta: i32,
}

impl RecordBatchBuilder {
    /// A batch without records.
    pub fn new(spec: BatchSpec) -> Self {
        Self {
            spec,
            records: Vec::new(),
            body: Vec::new(),
            base_timestamp_ms: -1,
            max_timestamp_ms: -1,
            count: 0,
            last_offset_delta: -1,
        }
    }

    /// Appends a record behind the last and gives its offset delta.
    pub fn append(
        &mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderView<'_>],
    ) -> Result<i32, BuildError> {
        let offset_delta = self
            .last_offset_delta
            .checked_add(1)
            .ok_or(BuildError::TooLarge)?;
        if self.count == 0 {
            self.base_timestamp_ms = timestamp_ms;
        }
        self.body.clear();
        self.body.push(0);
        varint::put(
            &mut self.body,
            timestamp_ms.wrapping_sub(self.base_timestamp_ms),
        );
        varint::put(&mut self.body, i64::from(offset_delta));
        put_nullable(&mut self.body, key);
        put_nullable(&mut self.body, value);
        varint::put(&mut self.body, headers.len() as i64);
        for header in headers {
            put_nullable(&mut self.body, Some(header.key));
            put_nullable(&mut self.body, header.value);
        }
        let bytes = self.records.len() + self.body.len() + varint::LEN_MAX + HEADER_LEN;
        if bytes > i32::MAX as usize {
            return Err(BuildError::TooLarge);
        }
        varint::put(&mut self.records, self.body.len() as i64);
        self.records.extend_from_slice(&self.body);
        self.count += 1;
        self.last_offset_delta = offset_delta;
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        Ok(offset_delta)
    }

    /// Appends a record at an offset that leaves a gap, as a compacted log has them.
    pub fn append_at(
        &mut self,
        offset_delta: i32,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderView<'_>],
    ) -> Result<i32, BuildError> {
        let last = self.last_offset_delta;
        if offset_delta <= last {
            return Err(BuildError::OffsetOrder { offset_delta, last });
        }
        self.last_offset_delta = offset_delta - 1;
        let appended = self.append(timestamp_ms, key, value, headers);
        if appended.is_err() {
            self.last_offset_delta = last;
        }
        appended
    }

    /// The batch that ends a transaction on one partition.
    pub fn end_txn_marker(
        marker: &EndTxnMarker,
        timestamp_ms: i64,
        producer: BatchProducer,
    ) -> Result<Vec<u8>, BuildError> {
        let producer = BatchProducer {
            base_sequence: -1,
            ..producer
        };
        let spec = BatchSpec {
            producer,
            transactional: true,
            control: true,
            ..BatchSpec::default()
        };
        let mut builder = Self::new(spec);
        builder.append(
            timestamp_ms,
            Some(&marker.key()),
            Some(&marker.value()),
            &[],
        )?;
        builder.finish()
    }

    /// Names the producer, which is often known only when the batch is sent.
    pub fn set_producer(&mut self, producer: BatchProducer) {
        self.spec.producer = producer;
    }

    /// Records so far.
    pub fn record_count(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no record yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the batch as it stands, before compression.
    pub fn size_bytes(&self) -> usize {
        HEADER_LEN + self.records.len()
    }

    /// Most bytes by which a record makes the batch larger, before compression.
    pub fn record_size_bytes_max(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderView<'_>],
    ) -> usize {
        // Length, attributes, timestamp delta, offset delta and header count at their longest.
        const OVERHEAD: usize = 5 + 1 + 10 + 5 + 5;
        let field = |bytes: Option<&[u8]>| 5 + bytes.map_or(0, <[u8]>::len);
        let headers = headers.iter().map(|h| field(Some(h.key)) + field(h.value));
        OVERHEAD + field(key) + field(value) + headers.sum::<usize>()
    }

    /// Compresses the records and gives the batch.
    pub fn finish(self) -> Result<Vec<u8>, BuildError> {
        if self.count == 0 {
            return Err(BuildError::Empty);
        }
        let spec = &self.spec;
        let compressed;
        let payload = if spec.compression == Compression::None {
            &self.records
        } else {
            compressed = compress(spec.compression, spec.level, &self.records)?;
            &compressed
        };
        let header = BatchHeader {
            base_offset: spec.base_offset,
            batch_length: length_of(payload)?,
            partition_leader_epoch: spec.leader_epoch,
            magic: MAGIC,
            crc: 0,
            attributes: Attributes::default()
                .with_compression(spec.compression)
                .with_timestamp_type(spec.timestamp_type)
                .with_transactional(spec.transactional)
                .with_control(spec.control),
            last_offset_delta: self.last_offset_delta,
            base_timestamp_ms: self.base_timestamp_ms,
            max_timestamp_ms: self.max_timestamp_ms,
            producer_id: spec.producer.id,
            producer_epoch: spec.producer.epoch,
            base_sequence: spec.producer.base_sequence,
            record_count: self.count,
        };
        Ok(header.seal(payload))
    }
}

/// The length field of a batch with this payload.
pub(crate) fn length_of(payload: &[u8]) -> Result<i32, BuildError> {
    let bytes = payload.len() + HEADER_LEN - LENGTH_PREFIX_LEN;
    i32::try_from(bytes).map_err(|_| BuildError::TooLarge)
}

fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => out.push(1),
        Some(bytes) => {
            varint::put(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
    }
}

/// Encodes a record again with another timestamp delta.
pub(crate) fn put_record(out: &mut Vec<u8>, record: &RecordView<'_>, timestamp_delta: i64) {
    let nullable = |bytes: Option<&[u8]>| match bytes {
        None => 1,
        Some(bytes) => varint::len(bytes.len() as i64) + bytes.len(),
    };
    let headers = record.headers;
    let header_bytes = headers
        .iter()
        .map(|h| nullable(Some(h.key)) + nullable(h.value));
    let body = 1
        + varint::len(timestamp_delta)
        + varint::len(i64::from(record.offset_delta))
        + nullable(record.key)
        + nullable(record.value)
        + varint::len(headers.len() as i64)
        + header_bytes.sum::<usize>();
    varint::put(out, body as i64);
    out.push(record.attributes);
    varint::put(out, timestamp_delta);
    varint::put(out, i64::from(record.offset_delta));
    put_nullable(out, record.key);
    put_nullable(out, record.value);
    varint::put(out, headers.len() as i64);
    for header in headers.iter() {
        put_nullable(out, Some(header.key));
        put_nullable(out, header.value);
    }
}

#[cfg(test)]
mod tests;
