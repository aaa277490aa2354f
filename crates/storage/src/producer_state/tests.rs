//! The rules by which a batch may follow another of its producer.

use highwater_records::{Attributes, BatchHeader, MAGIC};
use highwater_types::LeaderEpoch;

use super::*;

fn header(epoch: i16, base_sequence: i32, records: i32, base_offset: i64) -> BatchHeader {
    BatchHeader {
        base_offset: Offset(base_offset),
        batch_length: 100,
        partition_leader_epoch: LeaderEpoch(0),
        magic: MAGIC,
        crc: 0,
        attributes: Attributes(0),
        last_offset_delta: records - 1,
        base_timestamp_ms: 5,
        max_timestamp_ms: 10,
        producer_id: ProducerId(1),
        producer_epoch: ProducerEpoch(epoch),
        base_sequence,
        record_count: records,
    }
}

fn append(table: &mut ProducerTable, header: &BatchHeader) -> Result<(), AppendError> {
    let mut staged = StagedProducers::default();
    table.stage(&mut staged, header, None, AppendOrigin::Client)?;
    table.commit(staged, 100);
    Ok(())
}

#[test]
fn what_may_follow_what() {
    // Batches that are appended, the one that is tried, and whether it is taken.
    type Row = (&'static [(i16, i32)], (i16, i32), bool);
    let rows: [Row; 12] = [
        (&[], (0, 0), true),
        (&[], (0, 7), true),
        (&[(0, 0)], (0, 1), true),
        (&[(0, 0)], (0, 2), false),
        (&[(0, 0)], (1, 0), true),
        (&[(0, 0)], (1, 1), false),
        (&[(3, 0)], (2, 1), false),
        (&[(0, 0), (1, 0)], (1, 1), true),
        (&[(0, 0), (1, 0)], (0, 1), false),
        (&[(0, i32::MAX)], (0, 0), true),
        (&[(0, i32::MAX)], (0, i32::MIN), false),
        (&[(0, 5), (0, 6)], (0, 6), false),
    ];
    for (before, (epoch, sequence), taken) in rows {
        let mut table = ProducerTable::default();
        for (at, (epoch, sequence)) in before.iter().enumerate() {
            append(&mut table, &header(*epoch, *sequence, 1, at as i64)).unwrap();
        }
        let result = append(&mut table, &header(epoch, sequence, 1, 10));
        assert_eq!(
            result.is_ok(),
            taken,
            "{before:?} then {epoch}/{sequence}: {result:?}"
        );
    }
}

#[test]
fn the_last_five_batches_are_recognised_also_where_sequences_wrap() {
    let mut table = ProducerTable::default();
    let mut sequence = i32::MAX - 3;
    let mut sent = Vec::new();
    for nth in 0..6 {
        let batch = header(0, sequence, 3, nth * 3);
        append(&mut table, &batch).unwrap();
        sequence = batch.last_sequence().checked_add(1).unwrap_or(0);
        sent.push(batch);
    }
    assert_eq!(
        table.duplicate_of(&sent[0]),
        None,
        "the sixth last is forgotten"
    );
    for batch in &sent[1..] {
        let found = table.duplicate_of(batch).unwrap();
        assert_eq!(found.first_offset(), batch.base_offset);
        assert_eq!(found.last_offset, batch.last_offset());
    }
    let other_epoch = BatchHeader {
        producer_epoch: ProducerEpoch(1),
        ..sent[5]
    };
    assert_eq!(table.duplicate_of(&other_epoch), None);
    let shorter = BatchHeader {
        last_offset_delta: 1,
        ..sent[5]
    };
    assert_eq!(table.duplicate_of(&shorter), None);
}

#[test]
fn batches_of_one_call_are_checked_one_after_the_other() {
    let table = ProducerTable::default();
    let mut staged = StagedProducers::default();
    let mut stage = |h: BatchHeader| table.stage(&mut staged, &h, None, AppendOrigin::Client);
    stage(header(0, 0, 2, 0)).unwrap();
    stage(header(0, 2, 2, 2)).unwrap();
    assert!(stage(header(0, 3, 1, 4)).is_err());
}

#[test]
fn the_idle_are_forgotten_and_open_transactions_are_not() {
    let mut table = ProducerTable::default();
    append(&mut table, &header(0, 0, 1, 0)).unwrap();
    let attributes = Attributes(0).with_transactional(true);
    let open = BatchHeader {
        attributes,
        producer_id: ProducerId(2),
        ..header(0, 0, 1, 7)
    };
    let verification = AppendOrigin::Verified(table.begin_verification(ProducerId(2)));
    let mut staged = StagedProducers::default();
    table.stage(&mut staged, &open, None, verification).unwrap();
    table.commit(staged, 100);
    assert_eq!(table.first_unstable_offset(), Some(Offset(7)));
    table.expire(109, 100);
    assert_eq!(table.views().len(), 2);
    table.expire(110, 100);
    let left: Vec<_> = table.views().iter().map(|view| view.producer_id).collect();
    assert_eq!(left, [ProducerId(2)]);
    let plain = BatchHeader {
        producer_id: ProducerId(2),
        ..header(0, 1, 1, 8)
    };
    let refused = append(&mut table, &plain);
    assert!(matches!(
        refused,
        Err(AppendError::InvalidTransactionState { .. })
    ));
}

#[test]
fn memory_is_bounded_by_forgetting_who_was_idle_longest() {
    let mut table = ProducerTable::default();
    for id in 0..1000 {
        let batch = BatchHeader {
            producer_id: ProducerId(id),
            max_timestamp_ms: id,
            ..header(0, 0, 1, id)
        };
        append(&mut table, &batch).unwrap();
        assert!(table.views().len() <= 100);
    }
    assert!(
        table
            .views()
            .iter()
            .any(|view| view.producer_id == ProducerId(999))
    );
    assert!(
        table
            .views()
            .iter()
            .all(|view| view.producer_id > ProducerId(800))
    );
}

#[test]
fn a_snapshot_brings_back_all_but_the_older_batches() {
    let mut table = ProducerTable::default();
    append(&mut table, &header(2, 0, 4, 0)).unwrap();
    append(&mut table, &header(2, 4, 4, 4)).unwrap();
    let mut again = ProducerTable::from_snapshot(&table.to_snapshot());
    assert_eq!(again.views(), table.views());
    assert!(again.duplicate_of(&header(2, 4, 4, 0)).is_some());
    assert!(append(&mut again, &header(2, 9, 1, 8)).is_err());
    append(&mut again, &header(2, 8, 1, 8)).unwrap();
}
