//! Batches for tests, sound ones and such as no builder makes.

use highwater_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use proptest::prelude::*;

use crate::{
    AppendOrigin, Attributes, BatchHeader, BatchSpec, Compression, HEADER_LEN, HeaderView,
    LENGTH_PREFIX_LEN, MAGIC, ProduceRules, RecordBatchBuilder, TimestampType, TopicCompression,
    compress, crc_of, varint,
};

pub(crate) const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

/// The rules of a topic with Kafka's defaults.
pub(crate) fn rules() -> ProduceRules {
    ProduceRules {
        max_batch_bytes: 1_048_588,
        timestamp_type: TimestampType::CreateTime,
        before_max_ms: i64::MAX,
        after_max_ms: 3_600_000,
        now_ms: NOW_MS,
        compacted_topic: false,
        compression: TopicCompression::Producer,
        origin: AppendOrigin::Client,
        decompressed_bytes_max: 8 * 1024 * 1024,
    }
}

/// A header that fits `payload`, for a plain producer.
pub(crate) fn header(payload: &[u8], count: i32, compression: Compression) -> BatchHeader {
    BatchHeader {
        base_offset: Offset::ZERO,
        batch_length: (HEADER_LEN - LENGTH_PREFIX_LEN + payload.len()) as i32,
        partition_leader_epoch: LeaderEpoch::UNKNOWN,
        magic: MAGIC,
        crc: 0,
        attributes: Attributes::default().with_compression(compression),
        last_offset_delta: count.wrapping_sub(1),
        base_timestamp_ms: NOW_MS,
        max_timestamp_ms: NOW_MS,
        producer_id: ProducerId::NONE,
        producer_epoch: ProducerEpoch::NONE,
        base_sequence: -1,
        record_count: count,
    }
}

/// A batch of these raw record bytes, whatever they are.
pub(crate) fn raw(records: &[u8], count: i32, compression: Compression) -> Vec<u8> {
    let payload = compress(compression, None, records).unwrap();
    header(&payload, count, compression).seal(&payload)
}

/// A record body with its length in front.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put(&mut out, body.len() as i64);
    out.extend_from_slice(body);
    out
}

/// A body: attributes, timestamp delta 0, this offset delta, key `k`, value `v`, no headers.
pub(crate) fn body(offset_delta: i64) -> Vec<u8> {
    let mut out = vec![0, 0];
    varint::put(&mut out, offset_delta);
    out.extend_from_slice(&[2, b'k', 2, b'v', 0]);
    out
}

/// Three plain records, raw.
pub(crate) fn three() -> Vec<u8> {
    (0..3).flat_map(|delta| framed(&body(delta))).collect()
}

/// A batch with its header changed and its CRC set right again.
pub(crate) fn with_header(batch: &[u8], change: impl FnOnce(&mut BatchHeader)) -> Vec<u8> {
    let mut header = BatchHeader::parse(batch).unwrap();
    change(&mut header);
    let mut batch = batch.to_vec();
    batch[..HEADER_LEN].copy_from_slice(&header.to_bytes());
    let crc = crc_of(&batch);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

type OwnedHeaders = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// A record as a test describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnedRecord {
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: OwnedHeaders,
}

pub(crate) fn build(records: &[OwnedRecord], spec: BatchSpec) -> Vec<u8> {
    let mut builder = RecordBatchBuilder::new(spec);
    for record in records {
        let headers: Vec<_> = record
            .headers
            .iter()
            .map(|(key, value)| HeaderView {
                key,
                value: value.as_deref(),
            })
            .collect();
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        builder
            .append(record.timestamp_ms, key, value, &headers)
            .unwrap();
    }
    builder.finish().unwrap()
}

fn bytes(len_max: usize) -> impl Strategy<Value = Vec<u8>> {
    // Few symbols, so that there is something to compress.
    prop_oneof![
        proptest::collection::vec(0..4_u8, 0..len_max),
        proptest::collection::vec(any::<u8>(), 0..len_max.min(200)),
    ]
}

pub(crate) fn records() -> impl Strategy<Value = Vec<OwnedRecord>> {
    let optional = |len| proptest::option::weighted(0.8, bytes(len));
    let headers = proptest::collection::vec((bytes(6), optional(20)), 0..4);
    let record = (
        NOW_MS - 10_000..NOW_MS + 10_000,
        optional(40),
        optional(3_000),
        headers,
    )
        .prop_map(|(timestamp_ms, key, value, headers)| OwnedRecord {
            timestamp_ms,
            key,
            value,
            headers,
        });
    proptest::collection::vec(record, 1..80)
}

pub(crate) fn codec() -> impl Strategy<Value = Compression> {
    proptest::sample::select(&CODECS[..])
}
