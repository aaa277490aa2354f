use super::*;
use highwater_protocol::messages::ProducerId as WireProducerId;
use highwater_protocol::messages::fetch_response::AbortedTransaction;
use highwater_records::{BatchProducer, BatchSpec, EndTxnMarker, RecordBatchBuilder};
use highwater_types::{ProducerEpoch, ProducerId};

fn partition() -> TopicPartition {
    TopicPartition::from_dir_name("t-0").unwrap()
}

fn producer(id: i64) -> BatchProducer {
    BatchProducer {
        id: ProducerId(id),
        epoch: ProducerEpoch(0),
        base_sequence: 0,
    }
}

fn batch(base_offset: i64, id: i64, transactional: bool, values: &[&str]) -> Vec<u8> {
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        base_offset: Offset(base_offset),
        producer: producer(id),
        transactional,
        ..BatchSpec::default()
    });
    for value in values {
        builder
            .append(1, None, Some(value.as_bytes()), &[])
            .unwrap();
    }
    builder.finish().unwrap()
}

fn marker_at(base_offset: i64, id: i64, outcome: ControlType) -> Vec<u8> {
    let marker = EndTxnMarker {
        outcome,
        coordinator_epoch: 0,
    };
    let mut bytes = RecordBatchBuilder::end_txn_marker(&marker, 1, producer(id)).unwrap();
    // The base offset is not covered by the CRC: leaders assign it.
    bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
    bytes
}

fn read(
    isolation: IsolationLevel,
    from: i64,
    bytes: Vec<u8>,
    aborted: &[(i64, i64)],
) -> Result<(Vec<String>, i64), ClientError> {
    let aborted = aborted.iter().map(|(producer, first)| {
        AbortedTransaction::default()
            .with_producer_id(WireProducerId(*producer))
            .with_first_offset(*first)
    });
    let data = PartitionData::default()
        .with_records(Some(bytes.into()))
        .with_aborted_transactions(Some(aborted.collect()));
    let fetched = records(isolation, &partition(), Offset(from), &data)?;
    let text = |record: &ConsumedRecord| {
        let value = record.value.as_deref().unwrap_or_default();
        format!("{}={}", record.offset, String::from_utf8_lossy(value))
    };
    Ok((
        fetched.records.iter().map(text).collect(),
        fetched.next.get(),
    ))
}

#[test]
fn records_before_the_offset_asked_for_are_dropped_and_the_rest_of_a_cut_batch_is_left() {
    let mut bytes = batch(10, -1, false, &["a", "b", "c"]);
    let whole = bytes.len();
    bytes.extend(batch(13, -1, false, &["d"]));
    bytes.truncate(whole + 30);
    let (records, next) = read(IsolationLevel::ReadUncommitted, 11, bytes, &[]).unwrap();
    assert_eq!(
        (records, next),
        (vec!["11=b".to_owned(), "12=c".to_owned()], 13)
    );
}

#[test]
fn a_committed_reader_sees_nothing_of_aborted_transactions() {
    let log = [
        batch(0, 1, true, &["a"]),
        batch(1, 2, true, &["b"]),
        marker_at(2, 1, ControlType::Abort),
        batch(3, 1, true, &["c"]),
        marker_at(4, 2, ControlType::Commit),
        marker_at(5, 1, ControlType::Commit),
        batch(6, -1, false, &["d"]),
    ]
    .concat();
    let aborted = [(1, 0)];
    let (records, next) = read(IsolationLevel::ReadCommitted, 0, log.clone(), &aborted).unwrap();
    assert_eq!((records.join(" "), next), ("1=b 3=c 6=d".to_owned(), 7));
    let (records, next) = read(IsolationLevel::ReadUncommitted, 0, log, &[]).unwrap();
    assert_eq!((records.join(" "), next), ("0=a 1=b 3=c 6=d".to_owned(), 7));
}

#[test]
fn a_batch_with_a_wrong_crc_is_an_error() {
    let mut bytes = batch(0, -1, false, &["a"]);
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    assert!(read(IsolationLevel::ReadUncommitted, 0, bytes, &[]).is_err());
}
