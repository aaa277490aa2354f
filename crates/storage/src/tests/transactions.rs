//! Transactions as a reader of committed records needs to know them: which are undecided, and
//! which were aborted, whatever has happened to the disk meanwhile. What the log says is held
//! against the batches that are in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater_disk::{Disk, FaultyDisk, OpenMode};
use highwater_records::{
    BatchSpec, ControlType, EndTxnMarker, RecordBatchBuilder, Scratch, batches,
};
use highwater_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use proptest::prelude::*;

use super::crash_points::images;
use super::support::*;
use crate::{AbortedTransaction, AppendBatch, AppendOrigin, Commit, LogConfig, PartitionLog};

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 700,
        index_interval_bytes: 100,
        ..LogConfig::default()
    }
}

fn append_as(log: &PartitionLog, bytes: &[u8], origin: AppendOrigin) -> Option<Offset> {
    let header = highwater_records::BatchHeader::parse(bytes).unwrap();
    let batch = AppendBatch { header, bytes };
    let now = at(header.max_timestamp_ms);
    let done = log
        .append_leader(&[batch], LeaderEpoch(0), now, origin)
        .ok()?;
    Some(done.base_offset)
}

/// One batch of one record in a transaction; the sequence follows from what the log knows.
fn write(log: &PartitionLog, id: i64) -> Option<Offset> {
    let known = log.producers();
    let last = known
        .iter()
        .find(|known| known.producer_id == ProducerId(id));
    let sequence = last.map_or(0, |known| known.last_sequence + 1);
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        producer: producer(id, 0, sequence),
        transactional: true,
        ..BatchSpec::default()
    });
    builder.append(1000, None, Some(b"value"), &[]).unwrap();
    let verified = AppendOrigin::Verified(log.begin_verification(ProducerId(id)));
    append_as(log, &builder.finish().unwrap(), verified)
}

fn end(log: &PartitionLog, id: i64, outcome: ControlType) -> Option<Offset> {
    let marker = EndTxnMarker {
        outcome,
        coordinator_epoch: 0,
    };
    let bytes = RecordBatchBuilder::end_txn_marker(&marker, 1000, producer(id, 0, -1));
    append_as(log, &bytes.unwrap(), AppendOrigin::Coordinator)
}

/// What the batches of the log say: the first offsets of the open transactions, and what was
/// aborted.
fn read_from_batches(
    log: &PartitionLog,
) -> (BTreeMap<ProducerId, Offset>, Vec<AbortedTransaction>) {
    let (mut open, mut aborted) = (BTreeMap::new(), Vec::new());
    let mut from = log.log_start();
    let mut scratch = Scratch::new();
    while let Some(range) = log.read(from, log.log_end(), 1 << 20, true).unwrap() {
        let mut bytes = vec![0; range.len];
        range.file.read_full_at(&mut bytes, range.position).unwrap();
        for batch in batches(&bytes).flatten() {
            let header = batch.header;
            from = header.next_offset();
            if !header.attributes.is_transactional() {
                continue;
            }
            if !header.attributes.is_control() {
                open.entry(header.producer_id).or_insert(header.base_offset);
                continue;
            }
            let mut records = batch.records(&mut scratch, 1 << 20).unwrap();
            let record = records.next().unwrap().unwrap();
            let marker = EndTxnMarker::decode(record.key, record.value).unwrap();
            let start = open.remove(&header.producer_id);
            if let (Some(first_offset), ControlType::Abort) = (start, marker.outcome) {
                let still_open = open.values().min().copied();
                aborted.push(AbortedTransaction {
                    producer_id: header.producer_id,
                    first_offset,
                    last_offset: header.last_offset(),
                    last_stable_offset: still_open.unwrap_or(header.next_offset()),
                });
            }
        }
    }
    (open, aborted)
}

/// Whether the log says what its batches say.
fn check(log: &PartitionLog) -> Result<(), String> {
    log.decide_transactions(log.log_end());
    let (open, aborted) = read_from_batches(log);
    let unstable = log.first_unstable_offset();
    if unstable != open.values().min().copied() {
        return Err(format!("first unstable {unstable:?}, open {open:?}"));
    }
    let (start, end) = (log.log_start().0, log.log_end().0);
    for from in (start..end).step_by(3) {
        for until in [from + 1, from + 7, end] {
            let (from, until) = (Offset(from), Offset(until));
            let said = log.aborted_transactions(from, until);
            let said = said.map_err(|error| error.to_string())?;
            let touches = |entry: &&AbortedTransaction| {
                entry.last_offset >= from && entry.first_offset < until
            };
            let mut wanted: Vec<_> = aborted.iter().filter(touches).copied().collect();
            wanted.sort_unstable_by_key(|entry| entry.first_offset);
            if said != wanted {
                return Err(format!("{from}..{until}: said {said:?}, wanted {wanted:?}"));
            }
        }
    }
    Ok(())
}

#[test]
fn a_transaction_is_unstable_until_its_marker_is_below_the_high_watermark() {
    let log = create(&open_dir(&FaultyDisk::new()), config());
    assert_eq!(log.first_unstable_offset(), None);
    append(&log, &["before"], 1000);
    assert_eq!(write(&log, 1), Some(Offset(1)));
    assert_eq!(write(&log, 2), Some(Offset(2)));
    assert_eq!(end(&log, 1, ControlType::Commit), Some(Offset(3)));
    log.decide_transactions(Offset(3));
    assert_eq!(log.first_unstable_offset(), Some(Offset(1)));
    log.decide_transactions(Offset(4));
    assert_eq!(log.first_unstable_offset(), Some(Offset(2)));
    log.advance_log_start(Offset(3)).unwrap();
    assert_eq!(log.first_unstable_offset(), Some(Offset(3)));
    assert_eq!(end(&log, 2, ControlType::Abort), Some(Offset(4)));
    log.decide_transactions(Offset(5));
    assert_eq!(log.first_unstable_offset(), None);
    // A marker without a transaction ends nothing.
    assert_eq!(end(&log, 2, ControlType::Abort), Some(Offset(5)));
    let aborted = log.aborted_transactions(Offset(3), Offset(6)).unwrap();
    let expected = AbortedTransaction {
        producer_id: ProducerId(2),
        first_offset: Offset(2),
        last_offset: Offset(4),
        last_stable_offset: Offset(5),
    };
    assert_eq!(aborted, [expected]);
    assert_eq!(log.aborted_transactions(Offset(5), Offset(6)).unwrap(), []);
}

#[test]
fn a_transaction_is_opened_by_those_who_know_that_it_may_be() {
    let log = create(&open_dir(&FaultyDisk::new()), config());
    let batch = |sequence| {
        let mut builder = RecordBatchBuilder::new(BatchSpec {
            producer: producer(1, 0, sequence),
            transactional: true,
            ..BatchSpec::default()
        });
        builder.append(1000, None, Some(b"value"), &[]).unwrap();
        builder.finish().unwrap()
    };
    assert_eq!(append_as(&log, &batch(0), AppendOrigin::Client), None);
    let before = log.begin_verification(ProducerId(1));
    assert_eq!(log.begin_verification(ProducerId(1)), before);
    // The transaction ends while it is asked for.
    end(&log, 1, ControlType::Abort).unwrap();
    let late = append_as(&log, &batch(0), AppendOrigin::Verified(before));
    assert_eq!(late, None);
    let anew = AppendOrigin::Verified(log.begin_verification(ProducerId(1)));
    append_as(&log, &batch(0), anew).unwrap();
    // It is open now.
    append_as(&log, &batch(1), AppendOrigin::Client).unwrap();
    assert!(log.has_open_transaction(ProducerId(1), ProducerEpoch(0)));
    assert!(!log.has_open_transaction(ProducerId(1), ProducerEpoch(1)));
    end(&log, 1, ControlType::Commit).unwrap();
    assert_eq!(append_as(&log, &batch(2), anew), None);
    assert!(!log.has_open_transaction(ProducerId(1), ProducerEpoch(0)));
}

#[test]
fn a_damaged_list_of_aborted_transactions_is_made_anew() {
    let disk = FaultyDisk::new();
    let log = create(&open_dir(&disk), config());
    for round in 0..12 {
        write(&log, round % 3);
        end(&log, round % 3, ControlType::Abort);
    }
    log.roll(at(2000)).unwrap();
    log.flush().unwrap();
    let path = crate::paths::segment_file(&log_path(), Offset(0), "txnindex");
    let good = disk.read_file(&path, 1 << 20).unwrap();
    assert!(good.len() >= 2 * crate::aborted::ABORTED_ENTRY_LEN);
    drop(log);
    for damaged in [
        [good.as_slice(), &[7]].concat(),
        good[..good.len() - 3].to_vec(),
        vec![0; good.len()],
    ] {
        let file = disk.open(&path, OpenMode::Truncate).unwrap();
        file.write_all_at(&damaged, 0).unwrap();
        let (log, _) = reopen(&disk, config());
        check(&log).unwrap();
        assert_eq!(disk.read_file(&path, 1 << 20).unwrap(), good);
    }
}

#[test]
fn what_is_cut_off_was_neither_aborted_nor_left_open() {
    let disk = FaultyDisk::new();
    let log = create(&open_dir(&disk), config());
    for id in 0..20 {
        write(&log, id);
        write(&log, 100 + id);
        end(&log, id, ControlType::Abort);
    }
    for cut in [50, 31, 30, 2] {
        log.truncate_to(Offset(cut), at(3000)).unwrap();
        check(&log).unwrap();
        write(&log, 500 + cut);
        end(&log, 500 + cut, ControlType::Commit);
        check(&log).unwrap();
        log.flush().unwrap();
    }
    drop(log);
    check(&reopen(&disk, config()).0).unwrap();
}

type Step = Result<(), Box<dyn std::error::Error>>;

/// Interleaved transactions with flushes of every kind. Ends early when the disk dies.
fn live(disk: &FaultyDisk) -> Step {
    let dir = try_open_dir(disk)?;
    let log = Arc::new(dir.create_partition(&tp("t-0"), TOPIC_ID, config().into())?);
    let outcomes = [ControlType::Abort, ControlType::Commit, ControlType::Abort];
    for round in 0..14_i64 {
        let id = round % 4;
        write(&log, id).ok_or("it cannot be written")?;
        write(&log, 50).ok_or("it cannot be written")?;
        let ends = if round % 5 == 4 { 50 } else { (round + 3) % 4 };
        let outcome = outcomes[round as usize % 3];
        end(&log, ends, outcome).ok_or("it cannot be ended")?;
        match round % 4 {
            0 => drop(log.flush()?),
            1 => match dir.commit(&[&log])[..] {
                [Commit::Done(_) | Commit::Declined] => drop(dir.persist_flushed_ends()?),
                _ => return Err("the commit failed".into()),
            },
            2 if round == 10 => log.truncate_to(log.log_end() + -4, at(2000))?,
            _ => {}
        }
        if dir.wants_wal_upkeep() {
            dir.keep_up_wal()?;
        }
        if round == 7 {
            log.roll(at(2000))?;
        }
    }
    log.close()?;
    dir.close_clean(&[(tp("t-0"), log.log_end())])?;
    Ok(())
}

fn check_image(disk: &FaultyDisk) -> Result<(), String> {
    let dir = try_open_dir(disk).map_err(|error| error.to_string())?;
    let Ok((log, _)) = dir.open_partition(&tp("t-0"), config().into(), at(0)) else {
        // It was not made yet.
        return Ok(());
    };
    check(&log)?;
    write(&log, 60).ok_or("the log does not go on")?;
    end(&log, 60, ControlType::Commit).ok_or("the log does not go on")?;
    log.flush().map_err(|error| error.to_string())?;
    check(&log)
}

fn operations_of_a_life() -> u64 {
    let disk = FaultyDisk::new();
    live(&disk).unwrap();
    disk.operations()
}

#[test]
fn what_was_aborted_is_known_wherever_the_machine_stops() {
    for stop in 0..=operations_of_a_life() {
        let disk = FaultyDisk::new();
        disk.crash_after(stop);
        let _ = live(&disk);
        for image in images() {
            let left = disk.crash(image);
            if let Err(why) = check_image(&left) {
                panic!("stopped after {stop} operations, {image:?}: {why}");
            }
            // And once more, with what the first recovery has written.
            if let Err(why) = check_image(&left.crash(image)) {
                panic!("stopped after {stop} operations, {image:?}, again: {why}");
            }
        }
    }
}

#[test]
fn control_a_sync_that_does_nothing_is_found_out() {
    let found_out = (0..=operations_of_a_life()).any(|stop| {
        let disk = FaultyDisk::new();
        disk.ignore_syncs(true);
        disk.crash_after(stop);
        let _ = live(&disk);
        images().any(|image| check_image(&disk.crash(image)).is_err())
    });
    assert!(found_out);
}

#[derive(Clone, Debug)]
enum Action {
    Write(i64),
    Commit(i64),
    Abort(i64),
    Flush,
    Roll,
    Reopen,
    Truncate(i64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (0..4_i64).prop_map(Action::Write),
        2 => (0..4_i64).prop_map(Action::Commit),
        3 => (0..4_i64).prop_map(Action::Abort),
        2 => Just(Action::Flush),
        1 => Just(Action::Roll),
        1 => Just(Action::Reopen),
        1 => (0..9_i64).prop_map(Action::Truncate),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_life_of_a_log_leaves_it_knowing_what_its_batches_say(
        actions in proptest::collection::vec(action(), 1..60)
    ) {
        let mut disk = FaultyDisk::new();
        let mut log = create(&open_dir(&disk), config());
        for action in actions {
            match action {
                Action::Write(id) => drop(write(&log, id)),
                Action::Commit(id) => drop(end(&log, id, ControlType::Commit)),
                Action::Abort(id) => drop(end(&log, id, ControlType::Abort)),
                Action::Flush => drop(log.flush().unwrap()),
                Action::Roll => log.roll(at(2000)).unwrap(),
                Action::Reopen => {
                    drop(log);
                    disk = disk.crash(highwater_disk::CrashImage::All);
                    log = reopen(&disk, config()).0;
                }
                Action::Truncate(back) => {
                    let to = Offset((log.log_end().0 - back).max(0));
                    log.truncate_to(to, at(2000)).unwrap();
                }
            }
            prop_assert_eq!(check(&log), Ok(()));
        }
    }
}

/// A keyed record, in a transaction or not.
fn put(log: &PartitionLog, key: u8, id: Option<i64>) -> Option<Offset> {
    let known = log.producers();
    let last = |id| {
        known
            .iter()
            .find(|known| known.producer_id == ProducerId(id))
    };
    let spec = match id {
        None => BatchSpec::default(),
        Some(id) => BatchSpec {
            producer: producer(id, 0, last(id).map_or(0, |known| known.last_sequence + 1)),
            transactional: true,
            ..BatchSpec::default()
        },
    };
    let mut builder = RecordBatchBuilder::new(spec);
    builder
        .append(1000, Some(&[key]), Some(b"value"), &[])
        .unwrap();
    let origin = id.map_or(AppendOrigin::Client, |id| {
        AppendOrigin::Verified(log.begin_verification(ProducerId(id)))
    });
    append_as(log, &builder.finish().unwrap(), origin)
}

/// The offset of the last record of each key that a reader of committed records sees.
fn committed(log: &PartitionLog) -> BTreeMap<u8, i64> {
    let mut last = BTreeMap::new();
    let mut from = log.log_start();
    let mut scratch = Scratch::new();
    let upper = log.first_unstable_offset().unwrap_or(log.log_end());
    while let Some(range) = log.read(from, upper, 1 << 20, true).unwrap() {
        let mut bytes = vec![0; range.len];
        range.file.read_full_at(&mut bytes, range.position).unwrap();
        let aborted = log.aborted_transactions(from, range.until).unwrap();
        for batch in batches(&bytes).flatten() {
            let header = batch.header;
            from = header.next_offset();
            let is_skipped = header.attributes.is_control()
                || (header.attributes.is_transactional()
                    && aborted.iter().any(|entry| {
                        entry.producer_id == header.producer_id
                            && entry.first_offset <= header.base_offset
                            && header.base_offset < entry.last_offset
                    }));
            if is_skipped {
                continue;
            }
            for record in batch.records(&mut scratch, 1 << 20).unwrap() {
                let record = record.unwrap();
                last.insert(record.key.unwrap()[0], record.offset(&header).0);
            }
        }
    }
    last
}

/// What was written and how it ended.
#[derive(Default)]
struct Written {
    committed: BTreeMap<u8, i64>,
    open: BTreeMap<i64, Vec<(u8, i64)>>,
}

impl Written {
    fn end(&mut self, id: i64, outcome: ControlType) {
        let records = self.open.remove(&id).unwrap_or_default();
        if outcome == ControlType::Commit {
            for (key, offset) in records {
                let last = self.committed.entry(key).or_insert(offset);
                *last = (*last).max(offset);
            }
        }
    }
}

fn compacted() -> LogConfig {
    LogConfig {
        compact: true,
        delete: false,
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: 100,
        file_delete_delay_ms: 0,
        ..config()
    }
}

fn compact(log: &PartitionLog, now_ms: i64) {
    log.roll(at(now_ms)).unwrap();
    log.flush().unwrap();
    log.decide_transactions(log.log_end());
    let limits = crate::CompactionLimits::default();
    let mut go_on = |_| std::ops::ControlFlow::Continue(());
    log.compact(at(now_ms), log.log_end(), limits, &mut go_on)
        .unwrap();
}

#[test]
fn nothing_is_left_of_transactions_but_their_last_records() {
    let disk = FaultyDisk::new();
    let log = create(&open_dir(&disk), compacted());
    for round in 0..40_i64 {
        let id = round % 3;
        put(&log, 1, Some(id)).unwrap();
        put(&log, 2, Some(id)).unwrap();
        let outcome = [ControlType::Commit, ControlType::Abort][(round % 2) as usize];
        end(&log, id, outcome).unwrap();
    }
    log.decide_transactions(log.log_end());
    let before = committed(&log);
    assert_eq!(before.len(), 2);
    for round in 0..6 {
        // There is nothing to do where nothing is new.
        put(&log, 3, None).unwrap();
        compact(&log, 10_000 + round * 1000);
        let mut now = committed(&log);
        now.remove(&3);
        assert_eq!(now, before);
    }
    // Three records, and what carries the sequences and the ends of three producers.
    assert!(
        log.size_bytes() < 1200,
        "{} bytes are left",
        log.size_bytes()
    );
    drop(log);
    let (log, _) = reopen(&disk, compacted());
    log.decide_transactions(log.log_end());
    assert_eq!(log.first_unstable_offset(), None);
    assert_eq!(committed(&log).len(), 3);
}

#[derive(Clone, Debug)]
enum KeyedAction {
    Put(u8, Option<i64>),
    End(i64, bool),
    Compact,
    Reopen,
}

fn keyed_action() -> impl Strategy<Value = KeyedAction> {
    prop_oneof![
        6 => (0..4_u8, proptest::option::of(0..3_i64))
            .prop_map(|(key, id)| KeyedAction::Put(key, id)),
        4 => (0..3_i64, any::<bool>()).prop_map(|(id, commits)| KeyedAction::End(id, commits)),
        1 => Just(KeyedAction::Compact),
        1 => Just(KeyedAction::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn compaction_changes_nothing_for_readers_of_committed_records(
        actions in proptest::collection::vec(keyed_action(), 1..80)
    ) {
        let mut disk = FaultyDisk::new();
        let mut log = create(&open_dir(&disk), compacted());
        let (mut written, mut now_ms) = (Written::default(), 10_000);
        for action in actions {
            now_ms += 60;
            match action {
                KeyedAction::Put(key, id) => {
                    let offset = put(&log, key, id).unwrap().0;
                    match id {
                        Some(id) => written.open.entry(id).or_default().push((key, offset)),
                        None => drop(written.committed.insert(key, offset)),
                    }
                }
                KeyedAction::End(id, commits) => {
                    let outcome = if commits { ControlType::Commit } else { ControlType::Abort };
                    end(&log, id, outcome).unwrap();
                    written.end(id, outcome);
                }
                KeyedAction::Compact => compact(&log, now_ms),
                KeyedAction::Reopen => {
                    log.flush().unwrap();
                    drop(log);
                    disk = disk.crash(highwater_disk::CrashImage::Synced);
                    log = reopen(&disk, compacted()).0;
                }
            }
        }
        for id in 0..3 {
            end(&log, id, ControlType::Abort).unwrap();
            written.end(id, ControlType::Abort);
        }
        for _ in 0..3 {
            now_ms += 200;
            compact(&log, now_ms);
            prop_assert_eq!(log.first_unstable_offset(), None);
            prop_assert_eq!(&committed(&log), &written.committed);
        }
    }
}
