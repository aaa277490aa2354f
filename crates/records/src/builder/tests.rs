use super::*;
use crate::samples::{OwnedRecord, build, codec, records};
use crate::{BatchView, ControlType, Records, Scratch, control_type};
use proptest::prelude::*;

fn owned(batch: &[u8]) -> Vec<OwnedRecord> {
    let mut scratch = Scratch::new();
    let view = BatchView::first(batch).unwrap();
    assert!(view.crc_matches());
    let records: Records<'_> = view.records(&mut scratch, 1 << 24).unwrap();
    records
        .map(|record| record.unwrap())
        .map(|record| OwnedRecord {
            timestamp_ms: record.timestamp_ms(&view.header),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record
                .headers
                .iter()
                .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
                .collect(),
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_built_is_read_back_with_every_codec(records in records(), codec in codec()) {
        let spec = BatchSpec { compression: codec, ..BatchSpec::default() };
        let batch = build(&records, spec);
        prop_assert_eq!(owned(&batch), records.clone());
        let header = BatchHeader::parse(&batch).unwrap();
        let max = records.iter().map(|record| record.timestamp_ms).max();
        prop_assert_eq!(Some(header.max_timestamp_ms), max);
        prop_assert_eq!(header.base_timestamp_ms, records[0].timestamp_ms);
        prop_assert_eq!(header.last_offset_delta, header.record_count - 1);
    }

    #[test]
    fn the_size_is_known_before_the_batch_is_made(records in records()) {
        let mut builder = RecordBatchBuilder::new(BatchSpec::default());
        for record in &records {
            let before = builder.size_bytes();
            let headers: Vec<_> = record.headers.iter()
                .map(|(key, value)| HeaderView { key, value: value.as_deref() })
                .collect();
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            builder.append(record.timestamp_ms, key, value, &headers).unwrap();
            let most = RecordBatchBuilder::record_size_bytes_max(key, value, &headers);
            prop_assert!(builder.size_bytes() - before <= most);
        }
        let size = builder.size_bytes();
        prop_assert_eq!(builder.finish().unwrap().len(), size);
    }

    #[test]
    fn a_record_is_encoded_again_to_the_same_bytes(records in records()) {
        let batch = build(&records, BatchSpec::default());
        let view = BatchView::first(&batch).unwrap();
        let mut again = Vec::new();
        for record in Records::new(view.payload(), view.header.record_count) {
            let record = record.unwrap();
            put_record(&mut again, &record, record.timestamp_delta);
        }
        prop_assert_eq!(view.payload(), again);
    }
}

#[test]
fn offsets_may_leave_gaps_but_not_go_back() {
    let mut builder = RecordBatchBuilder::new(BatchSpec::default());
    assert_eq!(builder.append_at(3, 5, None, None, &[]), Ok(3));
    assert_eq!(builder.append(5, None, None, &[]), Ok(4));
    let error = BuildError::OffsetOrder {
        offset_delta: 4,
        last: 4,
    };
    assert_eq!(builder.append_at(4, 5, None, None, &[]), Err(error));
    assert_eq!(
        builder.append_at(i32::MAX, 5, None, None, &[]),
        Ok(i32::MAX)
    );
    assert_eq!(
        builder.append(5, None, None, &[]),
        Err(BuildError::TooLarge)
    );
    assert_eq!(builder.record_count(), 3);
}

#[test]
fn a_batch_without_records_is_not_built() {
    let builder = RecordBatchBuilder::new(BatchSpec::default());
    assert!(builder.is_empty());
    assert_eq!(builder.finish(), Err(BuildError::Empty));
}

#[test]
fn a_marker_is_a_transactional_control_batch_without_a_sequence() {
    let marker = EndTxnMarker {
        outcome: ControlType::Commit,
        coordinator_epoch: 4,
    };
    let producer = BatchProducer {
        id: ProducerId(7),
        epoch: ProducerEpoch(2),
        base_sequence: 9,
    };
    let batch = RecordBatchBuilder::end_txn_marker(&marker, 11, producer).unwrap();
    let view = BatchView::first(&batch).unwrap();
    let header = view.header;
    assert!(header.attributes.is_control() && header.attributes.is_transactional());
    assert_eq!((header.producer_id.0, header.base_sequence), (7, -1));
    let record = Records::new(view.payload(), 1).next().unwrap().unwrap();
    assert_eq!(control_type(record.key), Ok(ControlType::Commit));
    assert_eq!(EndTxnMarker::decode(record.key, record.value), Ok(marker));
}
