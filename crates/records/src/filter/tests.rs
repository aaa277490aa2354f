use super::*;
use crate::samples::{CODECS, NOW_MS, OwnedRecord, build, codec, records, with_header};
use crate::{BatchProducer, BatchSpec, Records};
use highwater_types::{Offset, ProducerEpoch, ProducerId};
use proptest::prelude::*;

const HORIZON_MS: i64 = NOW_MS + 86_400_000;

fn rules() -> FilterRules {
    FilterRules {
        empty_batch: EmptyBatch::Drop,
        delete_horizon_ms: HORIZON_MS,
        empty_transaction_marker: false,
        decompressed_bytes_max: 1 << 24,
    }
}

fn record(timestamp_ms: i64, key: &str, value: Option<&str>) -> OwnedRecord {
    let headers = vec![(b"h".to_vec(), None), (b"h".to_vec(), Some(b"2".to_vec()))];
    let value = value.map(|value| value.as_bytes().to_vec());
    OwnedRecord {
        timestamp_ms,
        key: Some(key.as_bytes().to_vec()),
        value,
        headers,
    }
}

fn batch(records: &[OwnedRecord], compression: Compression) -> Vec<u8> {
    let producer = BatchProducer {
        id: ProducerId(9),
        epoch: ProducerEpoch(1),
        base_sequence: 40,
    };
    let base_offset = Offset(100);
    build(
        records,
        BatchSpec {
            compression,
            producer,
            base_offset,
            ..BatchSpec::default()
        },
    )
}

fn keep_keys(batch: &[u8], rules: &FilterRules, keys: &[&str]) -> Filtered {
    filter_batch(batch, rules, &mut Scratch::new(), |_, record| {
        let key = std::str::from_utf8(record.key.unwrap()).unwrap();
        if keys.contains(&key) {
            Keep::Yes
        } else {
            Keep::No
        }
    })
    .unwrap()
}

/// Offset, timestamp and value of what is left, and the header above it.
fn left(batch: &[u8]) -> (BatchHeader, Vec<(i64, i64, Option<String>)>) {
    let view = BatchView::first(batch).unwrap();
    assert_eq!(view.bytes.len(), batch.len());
    assert!(view.crc_matches());
    let mut scratch = Scratch::new();
    let records: Records<'_> = view.records(&mut scratch, 1 << 24).unwrap();
    let records = records.map(|record| {
        let record = record.unwrap();
        let value = record
            .value
            .map(|value| String::from_utf8(value.to_vec()).unwrap());
        assert_eq!(record.headers.len(), 2);
        (
            record.offset(&view.header).0,
            record.timestamp_ms(&view.header),
            value,
        )
    });
    (view.header, records.collect())
}

fn sample() -> Vec<OwnedRecord> {
    vec![
        record(NOW_MS, "a", Some("1")),
        record(NOW_MS + 9, "b", Some("2")),
        record(NOW_MS - 5, "c", Some("3")),
    ]
}

#[test]
fn records_that_stay_keep_offset_and_timestamp_in_every_codec() {
    for codec in CODECS {
        let before = batch(&sample(), codec);
        let Filtered::Rewritten(after, retained) = keep_keys(&before, &rules(), &["a", "c"]) else {
            panic!("the batch changes");
        };
        assert_eq!((retained.records_read, retained.records), (3, 2));
        let (old, (new, records)) = (BatchHeader::parse(&before).unwrap(), left(&after));
        let rows = [
            (100, NOW_MS, Some("1".to_owned())),
            (102, NOW_MS - 5, Some("3".to_owned())),
        ];
        assert_eq!(records, rows);
        let expected = BatchHeader {
            record_count: 2,
            max_timestamp_ms: NOW_MS,
            crc: new.crc,
            batch_length: new.batch_length,
            ..old
        };
        assert_eq!(new, expected);
    }
}

#[test]
fn a_batch_that_keeps_all_is_left_alone() {
    let batch = batch(&sample(), Compression::Lz4);
    let filtered = keep_keys(&batch, &rules(), &["a", "b", "c"]);
    assert!(matches!(
        filtered,
        Filtered::Unchanged(Retained { records: 3, .. })
    ));
}

#[test]
fn the_first_cleaning_of_a_tombstone_sets_the_horizon_and_later_ones_keep_it() {
    let mut records = sample();
    records[1].value = None;
    let before = batch(&records, Compression::None);
    let Filtered::Rewritten(after, retained) = keep_keys(&before, &rules(), &["a", "b", "c"])
    else {
        panic!("the horizon is set");
    };
    assert!(retained.has_tombstones);
    let (header, rows) = left(&after);
    assert!(header.attributes.has_delete_horizon());
    assert_eq!(header.base_timestamp_ms, HORIZON_MS);
    assert_eq!(header.max_timestamp_ms, NOW_MS + 9);
    let times: Vec<_> = rows
        .iter()
        .map(|(_, timestamp_ms, _)| *timestamp_ms)
        .collect();
    assert_eq!(times, [NOW_MS, NOW_MS + 9, NOW_MS - 5]);

    let later = FilterRules {
        delete_horizon_ms: HORIZON_MS + 1,
        ..rules()
    };
    assert!(matches!(
        keep_keys(&after, &later, &["a", "b", "c"]),
        Filtered::Unchanged(_)
    ));
    let Filtered::Rewritten(again, _) = keep_keys(&after, &later, &["b"]) else {
        panic!("records go");
    };
    let (header, rows) = left(&again);
    assert_eq!(header.base_timestamp_ms, HORIZON_MS);
    assert_eq!(rows, [(101, NOW_MS + 9, None)]);
}

#[test]
fn the_marker_of_an_empty_transaction_gets_a_horizon() {
    let batch = batch(&sample(), Compression::None);
    let marker = FilterRules {
        empty_transaction_marker: true,
        ..rules()
    };
    let Filtered::Rewritten(after, _) = keep_keys(&batch, &marker, &["a", "b", "c"]) else {
        panic!("the horizon is set");
    };
    assert!(left(&after).0.attributes.has_delete_horizon());
}

#[test]
fn a_batch_without_records_goes_or_keeps_its_header_for_the_producer() {
    let before = batch(&sample(), Compression::Zstd);
    assert!(matches!(
        keep_keys(&before, &rules(), &[]),
        Filtered::Dropped(_)
    ));
    let retain = FilterRules {
        empty_batch: EmptyBatch::Retain,
        ..rules()
    };
    let Filtered::Rewritten(after, _) = keep_keys(&before, &retain, &[]) else {
        panic!("the header stays");
    };
    let old = BatchHeader::parse(&before).unwrap();
    let (new, records) = left(&after);
    assert_eq!((after.len(), records.len()), (crate::HEADER_LEN, 0));
    assert_eq!(new.last_sequence(), old.last_sequence());
    assert_eq!(new.last_offset(), old.last_offset());
    assert_eq!(new.max_timestamp_ms, old.max_timestamp_ms);
    assert_eq!((new.record_count, new.base_timestamp_ms), (0, -1));
    assert_eq!(new.attributes.compression(), Some(Compression::None));
}

#[test]
fn log_append_time_stays_the_time_of_every_record() {
    let before = with_header(&batch(&sample(), Compression::None), |header| {
        header.attributes = header
            .attributes
            .with_timestamp_type(TimestampType::LogAppendTime);
        header.max_timestamp_ms = NOW_MS + 77;
    });
    let Filtered::Rewritten(after, _) = keep_keys(&before, &rules(), &["c"]) else {
        panic!("records go");
    };
    let (header, rows) = left(&after);
    assert_eq!(header.max_timestamp_ms, NOW_MS + 77);
    assert_eq!(rows, [(102, NOW_MS + 77, Some("3".to_owned()))]);
}

#[test]
fn damage_is_an_error_that_names_the_record() {
    let batch = crate::samples::raw(&crate::samples::three()[..20], 3, Compression::None);
    let error = filter_batch(&batch, &rules(), &mut Scratch::new(), |_, _| Keep::Yes);
    let fault = RecordFault::Length { length: 8 };
    assert_eq!(error, Err(FilterError::Record { index: 2, fault }));
}

proptest! {
    #[test]
    fn what_stays_is_a_subsequence_of_what_was(
        records in records(),
        codec in codec(),
        mask: u64,
    ) {
        let before = batch(&records, codec);
        let kept = |delta: i32| mask >> (delta % 64) & 1 == 1;
        let filtered = filter_batch(&before, &rules(), &mut Scratch::new(), |_, record| {
            if kept(record.offset_delta) { Keep::Yes } else { Keep::No }
        });
        let after = match filtered.unwrap() {
            Filtered::Unchanged(_) => before.clone(),
            Filtered::Rewritten(after, _) => after,
            Filtered::Dropped(_) => return Ok(()),
        };
        let mut scratch = [Scratch::new(), Scratch::new()];
        let [first, second] = &mut scratch;
        let old = BatchView::first(&before).unwrap();
        let new = BatchView::first(&after).unwrap();
        let expected = old.records(first, 1 << 24).unwrap()
            .map(|record| record.unwrap())
            .filter(|record| kept(record.offset_delta));
        let found = new.records(second, 1 << 24).unwrap().map(|record| record.unwrap());
        for (a, b) in expected.zip(found) {
            prop_assert_eq!(a.timestamp_ms(&old.header), b.timestamp_ms(&new.header));
            prop_assert_eq!((a.offset_delta, a.key, a.value), (b.offset_delta, b.key, b.value));
            prop_assert!(a.headers.iter().eq(b.headers.iter()));
        }
        prop_assert_eq!(new.header.last_offset(), old.header.last_offset());
    }
}
