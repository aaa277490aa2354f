//! Every way in which we know to damage a batch, and what the producer is told.

use super::*;
use crate::samples::{body, framed};
use expect_test::expect;
use highwater_types::{ProducerEpoch, ProducerId};
use std::fmt::Write;

type Rows = Vec<(String, Vec<u8>)>;

/// Damage around the header, or to it under a checksum that does not match any more.
fn header_rows(rows: &mut Rows) {
    let good = raw(&three(), 3, Compression::None);
    let mut row = |name: &str, bytes: Vec<u8>| rows.push((name.to_owned(), bytes));
    row("no bytes", Vec::new());
    row("11 bytes", good[..11].to_vec());
    row("60 bytes of a header", good[..60].to_vec());
    row("cut in a record", good[..good.len() - 1].to_vec());
    row("two batches", good.repeat(2));
    row("a byte behind the batch", [&good[..], &[0]].concat());
    row(
        "half a batch behind the batch",
        [&good[..], &good[..70]].concat(),
    );
    for length in [-1, 0, 48, i32::MIN, i32::MAX, good.len() as i32] {
        let mut bytes = good.clone();
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        row(&format!("length {length}"), bytes);
    }
    for magic in [0, 1, 3, 0xff] {
        let mut bytes = good.clone();
        bytes[16] = magic;
        row(&format!("magic {magic}"), bytes);
    }
    for (name, at) in [("crc", 17), ("a record", 70), ("the record count", 60)] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        row(&format!("bit flipped in {name}"), bytes);
    }
    row("larger than the topic takes", {
        let mut builder = RecordBatchBuilder::new(BatchSpec::default());
        builder
            .append(NOW_MS, None, Some(&vec![0; 1_048_588]), &[])
            .unwrap();
        builder.finish().unwrap()
    });
}

type Change = fn(&mut BatchHeader);

/// Headers that contradict themselves, their records or the rules, under a true checksum.
fn field_rows(rows: &mut Rows) {
    let good = raw(&three(), 3, Compression::None);
    for (count, delta) in [
        (0, -1),
        (-1, -2),
        (4, 3),
        (2, 1),
        (i32::MAX, i32::MAX - 1),
        (3, 5),
        (3, -1),
        (3, i32::MAX),
        (-1, 2),
    ] {
        let bytes = with_header(&good, |h| {
            h.record_count = count;
            h.last_offset_delta = delta;
        });
        rows.push((
            format!("count {count} and last offset delta {delta} for 3"),
            bytes,
        ));
    }
    for codec in [1, 2, 3, 4, 5, 6, 7] {
        let bytes = with_header(&good, |h| h.attributes.0 |= codec);
        rows.push((format!("codec {codec} over plain records"), bytes));
    }
    for (name, change) in flag_rows() {
        rows.push((name.to_owned(), with_header(&good, change)));
    }
}

fn flag_rows() -> [(&'static str, Change); 10] {
    [
        ("base offset 1", |h| h.base_offset = Offset(1)),
        ("base offset -1", |h| h.base_offset = Offset(-1)),
        ("control batch", |h| {
            h.attributes = h.attributes.with_control(true);
        }),
        ("delete horizon", |h| {
            h.attributes = h.attributes.with_delete_horizon(true);
        }),
        ("log append time", |h| {
            h.attributes = h
                .attributes
                .with_timestamp_type(TimestampType::LogAppendTime);
        }),
        ("transaction without producer", |h| {
            h.attributes = h.attributes.with_transactional(true);
        }),
        ("producer id -2", |h| h.producer_id = ProducerId(-2)),
        ("producer without epoch", |h| {
            h.producer_id = ProducerId(1);
            h.base_sequence = 0;
        }),
        ("producer without sequence", |h| {
            h.producer_id = ProducerId(1);
            h.producer_epoch = ProducerEpoch(0);
        }),
        ("a day ahead", |h| h.base_timestamp_ms += 86_400_000),
    ]
}

type RecordRow = (&'static str, Vec<u8>, i32);

/// Damage within the records: raw bytes and the count of the header.
fn record_rows() -> Vec<RecordRow> {
    let mut rows = sequence_rows();
    rows.extend(fields_of_records().map(|(name, bytes)| (name, bytes, 1)));
    rows
}

/// Records that do not follow each other as they should.
fn sequence_rows() -> Vec<RecordRow> {
    let deltas = |deltas: [i64; 3]| -> Vec<u8> {
        deltas
            .iter()
            .flat_map(|delta| framed(&body(*delta)))
            .collect()
    };
    vec![
        ("no record bytes", Vec::new(), 1),
        ("deltas 1 2 3", deltas([1, 2, 3]), 3),
        ("deltas 0 2 1", deltas([0, 2, 1]), 3),
        ("deltas 0 0 0", deltas([0, 0, 0]), 3),
        ("deltas 0 1 5", deltas([0, 1, 5]), 3),
        ("deltas 0 -1 -2", deltas([0, -1, -2]), 3),
        ("delta of 33 bits", deltas([0, 1, 1 << 32]), 3),
        ("a record too many", three(), 2),
        ("a record too few", three(), 4),
        (
            "a byte behind the records",
            [&three()[..], &[0]].concat(),
            3,
        ),
    ]
}

/// One record each, behind whose offset delta something is wrong.
fn fields_of_records() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let whole = [
        ("record of length 0", vec![0]),
        ("record of length -1", vec![1]),
        ("record of length 1", framed(&[0])),
        (
            "record longer than the batch",
            [&[0x7e][..], &body(0)].concat(),
        ),
        ("record length without end", vec![0xff; 11]),
        (
            "record shorter than its fields",
            [&[14][..], &body(0)].concat(),
        ),
        (
            "record longer than its fields",
            framed(&[&body(0)[..], &[0]].concat()),
        ),
        (
            "timestamp delta without end",
            framed(&[&[0][..], &[0xff; 11], &[0; 6]].concat()),
        ),
    ];
    let tails: [(&str, &[u8]); 16] = [
        ("key length -2", &[3, 1, 0]),
        ("key longer than the record", &[0x7e, 1, 0]),
        ("key of 2^31-1 bytes", &[0xfe, 0xff, 0xff, 0xff, 0x0f, 1, 0]),
        ("value length -2", &[1, 3, 0]),
        ("value longer than the record", &[1, 0x7e, 0]),
        (
            "value of -2^31 bytes",
            &[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0],
        ),
        ("value missing", &[1]),
        ("header count missing", &[1, 1]),
        ("header count -1", &[1, 1, 1]),
        ("header count 2^31-1", &[1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f]),
        ("a header too few", &[1, 1, 4, 2, b'h', 1]),
        ("a header too many", &[1, 1, 2, 2, b'h', 1, 2, b'h', 1]),
        ("null header key", &[1, 1, 2, 1, 1]),
        (
            "header key longer than the record",
            &[1, 1, 2, 0x7e, b'h', 1],
        ),
        ("header value length -2", &[1, 1, 2, 2, b'h', 3]),
        (
            "header value longer than the record",
            &[1, 1, 2, 2, b'h', 0x7e],
        ),
    ];
    let tails = tails.map(|(name, tail)| (name, framed(&[&[0, 0, 0], tail].concat())));
    whole.into_iter().chain(tails)
}

fn codec_rows(rows: &mut Rows) {
    for codec in &CODECS[1..] {
        let records: Vec<u8> = (0..150).flat_map(|delta| framed(&body(delta))).collect();
        let payload = compress(*codec, None, &records).unwrap();
        let name = codec.name();
        let mut row = |what: &str, payload: &[u8]| {
            rows.push((
                format!("{name} {what}"),
                header(payload, 150, *codec).seal(payload),
            ));
        };
        row("without bytes", &[]);
        row("cut in the middle", &payload[..payload.len() / 2]);
        row("cut at the end", &payload[..payload.len() - 1]);
        row("with a byte behind", &[&payload[..], &[9]].concat());
        let mut flipped = payload.clone();
        flipped[0] ^= 0x40;
        row("with a damaged start", &flipped);
        let bomb = compress(*codec, None, &vec![0x80; 1 << 24]).unwrap();
        row("of 16 MiB that are no records", &bomb);
        let mut record = vec![0, 0, 0, 1];
        crate::varint::put(&mut record, 1 << 24);
        record.resize(record.len() + (1 << 24), 0);
        record.push(0);
        row(
            "of one record beyond the limit",
            &compress(*codec, None, &framed(&record)).unwrap(),
        );
    }
}

/// What becomes of each batch, and that a topic with another codec makes no difference.
fn print(rows: &Rows) -> String {
    let mut out = String::new();
    for (name, bytes) in rows {
        let error = validate(bytes, &rules()).expect_err(name);
        writeln!(out, "{name}: {:?}: {error}", error.family()).unwrap();
        let compression = TopicCompression::Codec {
            codec: Compression::Snappy,
            level: None,
        };
        let rewriting = ProduceRules {
            compression,
            ..rules()
        };
        let also = validate(bytes, &rewriting).expect_err(name);
        if error.family() != also.family() {
            writeln!(out, "  when rewritten: {:?}: {also}", also.family()).unwrap();
        }
    }
    out
}

#[test]
fn every_damaged_header_is_refused_with_its_own_code() {
    let mut rows = Rows::new();
    header_rows(&mut rows);
    field_rows(&mut rows);
    expect![[r#"
        no bytes: InvalidRecord: a partition of a produce request must carry a record batch
        11 bytes: InvalidRecord: a batch of 61 bytes is cut after 11
        60 bytes of a header: InvalidRecord: a batch of 61 bytes is cut after 60
        cut in a record: InvalidRecord: a batch of 88 bytes is cut after 87
        two batches: InvalidRecord: a partition of a produce request must carry exactly one record batch
        a byte behind the batch: InvalidRecord: 1 bytes follow the batch
        half a batch behind the batch: InvalidRecord: 70 bytes follow the batch
        length -1: CorruptMessage: batch length -1 is smaller than the header it must contain
        length 0: CorruptMessage: batch length 0 is smaller than the header it must contain
        length 48: CorruptMessage: batch length 48 is smaller than the header it must contain
        length -2147483648: CorruptMessage: batch length -2147483648 is smaller than the header it must contain
        length 2147483647: InvalidRecord: a batch of 2147483659 bytes is cut after 88
        length 88: InvalidRecord: a batch of 100 bytes is cut after 88
        magic 0: InvalidRecord: message format 0 is not accepted, only 2 is
        magic 1: InvalidRecord: message format 1 is not accepted, only 2 is
        magic 3: CorruptMessage: message format 3 is not supported, only 2 is
        magic 255: CorruptMessage: message format -1 is not supported, only 2 is
        bit flipped in crc: CorruptMessage: the batch has CRC 0xd421b1e7 where its header says 0xd521b1e7
        bit flipped in a record: CorruptMessage: the batch has CRC 0xdb48b3cc where its header says 0xd421b1e7
        bit flipped in the record count: CorruptMessage: the batch has CRC 0x76343ad3 where its header says 0xd421b1e7
        larger than the topic takes: MessageTooLarge: the batch of 1048662 bytes exceeds the 1048588 that the topic takes
        count 0 and last offset delta -1 for 3: InvalidRecord: the record count 0 is not positive
        count -1 and last offset delta -2 for 3: InvalidRecord: the record count -1 is not positive
        count 4 and last offset delta 3 for 3: InvalidRecord: record 3: the batch ends before this record
        count 2 and last offset delta 1 for 3: InvalidRecord: record 2: 9 bytes follow the last record
        count 2147483647 and last offset delta 2147483646 for 3: InvalidRecord: record 3: the batch ends before this record
        count 3 and last offset delta 5 for 3: InvalidRecord: the last offset delta 5 does not fit the record count 3
        count 3 and last offset delta -1 for 3: InvalidRecord: the last offset delta -1 does not fit the record count 3
        count 3 and last offset delta 2147483647 for 3: InvalidRecord: the last offset delta 2147483647 does not fit the record count 3
        count -1 and last offset delta 2 for 3: InvalidRecord: the record count -1 is not positive
        codec 1 over plain records: InvalidRecord: the gzip data is damaged: the member header is wrong
        codec 2 over plain records: InvalidRecord: the snappy data is damaged: a block does not decompress
        codec 3 over plain records: InvalidRecord: the lz4 data is damaged: the frame magic is wrong
        codec 4 over plain records: InvalidRecord: the zstd data is damaged: a frame does not decompress
        codec 5 over plain records: UnsupportedCompressionType: compression codec 5 is not assigned
        codec 6 over plain records: UnsupportedCompressionType: compression codec 6 is not assigned
        codec 7 over plain records: UnsupportedCompressionType: compression codec 7 is not assigned
        base offset 1: InvalidRecord: the base offset 1 is not 0
        base offset -1: InvalidRecord: the base offset -1 is not 0
        control batch: InvalidRecord: clients may not write control batches
        delete horizon: InvalidRecord: clients may not set a delete horizon
        log append time: InvalidTimestamp: clients may not set the timestamp type to LogAppendTime
        transaction without producer: InvalidRecord: a transactional batch must have a producer id
        producer id -2: InvalidRecord: the producer id -2 is not valid
        producer without epoch: InvalidRecord: the producer epoch -1 is negative although there is a producer id
        producer without sequence: InvalidRecord: the base sequence -1 is negative although there is a producer id
        a day ahead: InvalidTimestamp: 3 records are refused, the first at index 0: timestamp 1700086400000 is not within [-9223370336854775807, 1700003600000]
    "#]].assert_eq(&print(&rows));
}

#[test]
fn every_damaged_record_is_refused_with_its_own_code() {
    let rows: Rows = record_rows()
        .into_iter()
        .map(|(name, records, count)| (name.to_owned(), raw(&records, count, Compression::None)))
        .collect();
    expect![[r#"
        no record bytes: InvalidRecord: record 0: the batch ends before this record
        deltas 1 2 3: InvalidRecord: record 0 has offset delta 1
        deltas 0 2 1: InvalidRecord: record 1 has offset delta 2
        deltas 0 0 0: InvalidRecord: record 1 has offset delta 0
        deltas 0 1 5: InvalidRecord: record 2 has offset delta 5
        deltas 0 -1 -2: InvalidRecord: record 1 has offset delta -1
        delta of 33 bits: InvalidRecord: record 2: a varint is cut short or too large
        a record too many: InvalidRecord: record 2: 9 bytes follow the last record
        a record too few: InvalidRecord: record 3: the batch ends before this record
        a byte behind the records: InvalidRecord: record 3: 1 bytes follow the last record
        record of length 0: InvalidRecord: record 0: the record length 0 does not fit the batch
        record of length -1: InvalidRecord: record 0: the record length -1 does not fit the batch
        record of length 1: InvalidRecord: record 0: a varint is cut short or too large
        record longer than the batch: InvalidRecord: record 0: the record length 63 does not fit the batch
        record length without end: InvalidRecord: record 0: a varint is cut short or too large
        record shorter than its fields: InvalidRecord: record 0: a varint is cut short or too large
        record longer than its fields: InvalidRecord: record 0: 1 bytes of the record belong to no field
        timestamp delta without end: InvalidRecord: record 0: a varint is cut short or too large
        key length -2: InvalidRecord: record 0: the key length -2 does not fit the record
        key longer than the record: InvalidRecord: record 0: the key length 63 does not fit the record
        key of 2^31-1 bytes: InvalidRecord: record 0: the key length 2147483647 does not fit the record
        value length -2: InvalidRecord: record 0: the value length -2 does not fit the record
        value longer than the record: InvalidRecord: record 0: the value length 63 does not fit the record
        value of -2^31 bytes: InvalidRecord: record 0: the value length -2147483648 does not fit the record
        value missing: InvalidRecord: record 0: a varint is cut short or too large
        header count missing: InvalidRecord: record 0: a varint is cut short or too large
        header count -1: InvalidRecord: record 0: the header count -1 does not fit the record
        header count 2^31-1: InvalidRecord: record 0: the header count 2147483647 does not fit the record
        a header too few: InvalidRecord: record 0: the header count 2 does not fit the record
        a header too many: InvalidRecord: record 0: 3 bytes of the record belong to no field
        null header key: InvalidRecord: record 0: the header key length -1 does not fit the record
        header key longer than the record: InvalidRecord: record 0: the header key length 63 does not fit the record
        header value length -2: InvalidRecord: record 0: the header value length -2 does not fit the record
        header value longer than the record: InvalidRecord: record 0: the header value length 63 does not fit the record
    "#]].assert_eq(&print(&rows));
}

#[test]
fn damage_under_compression_is_refused_with_the_same_code() {
    for (name, records, count) in record_rows() {
        let plain = validate(&raw(&records, count, Compression::None), &rules()).unwrap_err();
        for codec in &CODECS[1..] {
            let packed = validate(&raw(&records, count, *codec), &rules()).unwrap_err();
            assert_eq!(
                packed.family(),
                plain.family(),
                "{name} in {codec:?}: {packed}"
            );
        }
    }
}

#[test]
fn damaged_compression_is_refused_with_its_own_code() {
    let mut rows = Rows::new();
    codec_rows(&mut rows);
    expect![[r#"
        gzip without bytes: InvalidRecord: the gzip data ends early
        gzip cut in the middle: InvalidRecord: the gzip data ends early
        gzip cut at the end: InvalidRecord: the gzip data ends early
        gzip with a byte behind: InvalidRecord: bytes follow the end of the gzip data
        gzip with a damaged start: InvalidRecord: the gzip data is damaged: the member header is wrong
        gzip of 16 MiB that are no records: InvalidRecord: record 0: a varint is cut short or too large
          when rewritten: MessageTooLarge: the batch decompresses to more than 8388608 bytes
        gzip of one record beyond the limit: MessageTooLarge: the batch decompresses to more than 8388608 bytes
        snappy without bytes: InvalidRecord: the snappy data is damaged: a block does not decompress
        snappy cut in the middle: InvalidRecord: the snappy data ends early
        snappy cut at the end: InvalidRecord: the snappy data ends early
        snappy with a byte behind: InvalidRecord: the snappy data ends early
        snappy with a damaged start: InvalidRecord: the snappy data is damaged: a block does not decompress
        snappy of 16 MiB that are no records: InvalidRecord: record 0: a varint is cut short or too large
        snappy of one record beyond the limit: MessageTooLarge: the batch decompresses to more than 8388608 bytes
        lz4 without bytes: InvalidRecord: the lz4 data ends early
        lz4 cut in the middle: InvalidRecord: the lz4 data ends early
        lz4 cut at the end: InvalidRecord: the lz4 data ends early
        lz4 with a byte behind: InvalidRecord: bytes follow the end of the lz4 data
        lz4 with a damaged start: InvalidRecord: the lz4 data is damaged: the frame magic is wrong
        lz4 of 16 MiB that are no records: InvalidRecord: record 0: a varint is cut short or too large
          when rewritten: MessageTooLarge: the batch decompresses to more than 8388608 bytes
        lz4 of one record beyond the limit: MessageTooLarge: the batch decompresses to more than 8388608 bytes
        zstd without bytes: InvalidRecord: the zstd data ends early
        zstd cut in the middle: InvalidRecord: the zstd data ends early
        zstd cut at the end: InvalidRecord: the zstd data ends early
        zstd with a byte behind: InvalidRecord: the zstd data is damaged: a frame does not decompress
        zstd with a damaged start: InvalidRecord: the zstd data is damaged: a frame does not decompress
        zstd of 16 MiB that are no records: InvalidRecord: record 0: a varint is cut short or too large
          when rewritten: MessageTooLarge: the batch decompresses to more than 8388608 bytes
        zstd of one record beyond the limit: MessageTooLarge: the batch decompresses to more than 8388608 bytes
    "#]].assert_eq(&print(&rows));
}
