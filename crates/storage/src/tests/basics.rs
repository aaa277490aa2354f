//! What a log does when nothing goes wrong.

use std::sync::Arc;

use highwater_disk::{CrashImage, FaultyDisk};
use highwater_types::{LeaderEpoch, Offset};

use super::support::*;
use crate::{AppendOutcome, LogConfig, ReadError, StorageError};

fn filled(disk: &FaultyDisk, records: i64) -> crate::PartitionLog {
    let dir = open_dir(disk);
    let log = create(&dir, small_segments());
    for nth in 0..records {
        append(&log, &[&format!("value-{nth}")], 1000 + nth);
    }
    log
}

#[test]
fn what_was_appended_is_read_from_every_offset_and_with_every_size() {
    let disk = FaultyDisk::new();
    let log = filled(&disk, 100);
    assert!(log.segment_count() > 3);
    for from in 0..=100 {
        for max_bytes in [0, 1, 100, 777, 100_000] {
            let read = read_with(&log, Offset(from), max_bytes).unwrap();
            let expected: Vec<_> = (from..100)
                .map(|nth| (nth, format!("value-{nth}")))
                .collect();
            assert_eq!(read, expected);
        }
    }
}

#[test]
fn no_read_passes_its_upper_bound() {
    let disk = FaultyDisk::new();
    let log = filled(&disk, 60);
    for from in 0..60 {
        for upper in from..=60 {
            let Some(range) = log
                .read(Offset(from), Offset(upper), 1 << 20, true)
                .unwrap()
            else {
                assert_eq!(from, upper);
                continue;
            };
            let mut bytes = vec![0; range.len];
            range.file.read_full_at(&mut bytes, range.position).unwrap();
            let mut last = None;
            for batch in highwater_records::batches(&bytes) {
                last = Some(batch.unwrap().header.last_offset());
            }
            assert!(last.unwrap() < Offset(upper));
        }
    }
}

#[test]
fn offsets_outside_of_the_log_are_refused() {
    let disk = FaultyDisk::new();
    let log = filled(&disk, 5);
    for offset in [-1, 6, i64::MAX] {
        let read = log.read(Offset(offset), Offset(5), 100, true);
        assert!(matches!(
            read,
            Err(ReadError::OutOfRange {
                log_end: Offset(5),
                ..
            })
        ));
    }
    assert!(log.read(Offset(5), Offset(5), 100, true).unwrap().is_none());
}

#[test]
fn a_clean_stop_is_followed_by_a_start_without_recovery() {
    let disk = FaultyDisk::new();
    let log = filled(&disk, 50);
    let dir = Arc::clone(log.log_dir());
    assert_eq!(log.flush().unwrap(), Offset(50));
    log.close().unwrap();
    assert!(
        append_bytes(&log, &plain(&["late"], 1)).is_err(),
        "a closed log takes nothing"
    );
    dir.close_clean(&[(tp("t-0"), Offset(48))]).unwrap();
    drop((log, dir));
    let disk = disk.crash(CrashImage::Synced);
    let dir = open_dir(&disk);
    assert!(dir.was_clean());
    let found = dir.partitions().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].topic_id, Some(TOPIC_ID));
    let (log, report) = dir
        .open_partition(&tp("t-0"), Arc::default(), at(0))
        .unwrap();
    assert_eq!(report.bytes_checked, 0);
    assert_eq!(report.high_watermark, Some(Offset(48)));
    assert_eq!((log.log_end(), log.flushed_end()), (Offset(50), Offset(50)));
    assert_eq!(read_all(&log, Offset(0)).unwrap().len(), 50);
    assert_eq!(append(&log, &["more"], 2000), Offset(50));
}

#[test]
fn after_a_power_cut_the_flushed_part_is_there_and_the_log_goes_on() {
    let disk = FaultyDisk::new();
    let log = filled(&disk, 30);
    log.flush().unwrap();
    for nth in 30..40 {
        append(&log, &[&format!("value-{nth}")], 1000 + nth);
    }
    drop(log);
    let (log, report) = reopen(&disk.crash(CrashImage::Synced), small_segments());
    assert_eq!(log.log_end(), Offset(30));
    assert_eq!(report.damaged, vec![]);
    let (log, _) = reopen(&disk.crash(CrashImage::All), small_segments());
    assert_eq!(log.log_end(), Offset(40));
    assert_eq!(
        log.flushed_end(),
        Offset(40),
        "what is found is flushed before it is served"
    );
    assert_eq!(read_all(&log, Offset(0)).unwrap().len(), 40);
}

#[test]
fn a_partition_without_records_has_no_file_but_its_metadata() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let log = create(&dir, LogConfig::default());
    let in_partition: Vec<_> = disk
        .files()
        .into_iter()
        .filter(|path| path.starts_with(log_path()))
        .collect();
    assert_eq!(in_partition, [log_path().join("partition.metadata")]);
    assert_eq!((log.log_start(), log.log_end()), (Offset(0), Offset(0)));
    assert!(log.read(Offset(0), Offset(0), 1, true).unwrap().is_none());
    drop((log, dir));
    let (log, _) = reopen(&disk.crash(CrashImage::Synced), LogConfig::default());
    assert_eq!(append(&log, &["a"], 1), Offset(0));
}

#[test]
fn many_partitions_are_durable_when_created() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let config: Arc<LogConfig> = Arc::default();
    let wanted: Vec<_> = (0..50)
        .map(|nth| (tp(&format!("t-{nth}")), TOPIC_ID, Arc::clone(&config)))
        .collect();
    assert_eq!(dir.create_partitions(&wanted).unwrap().len(), 50);
    let again = dir.create_partition(&tp("t-3"), highwater_types::TopicId([1; 16]), config);
    assert!(matches!(again, Err(StorageError::Exists(_))));
    let after = open_dir(&disk.crash(CrashImage::Synced));
    let found = after.partitions().unwrap();
    assert_eq!(found.len(), 50);
    assert!(found.iter().all(|found| found.topic_id == Some(TOPIC_ID)));
}

#[test]
fn a_directory_in_use_is_refused_by_name() {
    let disk = FaultyDisk::new();
    let _dir = open_dir(&disk);
    let error = try_open_dir(&disk).unwrap_err();
    assert!(error.to_string().contains("/data is in use"), "{error}");
}

#[test]
fn records_are_found_by_time() {
    let disk = FaultyDisk::new();
    let log = filled(&disk, 80);
    for nth in 0..80 {
        let found = log
            .find_by_timestamp(1000 + nth, Offset(80))
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.offset, found.timestamp_ms),
            (Offset(nth), 1000 + nth)
        );
    }
    assert_eq!(
        log.find_by_timestamp(0, Offset(80))
            .unwrap()
            .unwrap()
            .offset,
        Offset(0)
    );
    assert_eq!(log.find_by_timestamp(1080, Offset(80)).unwrap(), None);
    assert_eq!(log.find_by_timestamp(1079, Offset(79)).unwrap(), None);
    assert_eq!(
        log.max_timestamp(Offset(80)).unwrap().unwrap().offset,
        Offset(79)
    );
}

#[test]
fn the_largest_time_counts_as_long_as_its_segment_is_there() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let log = create(&dir, small_segments());
    for nth in 0..80 {
        let time_ms = if nth == 1 { 9000 } else { 1000 + nth };
        append(&log, &["value"], time_ms);
    }
    log.flush().unwrap();
    let largest = || log.max_timestamp(Offset(80)).unwrap().unwrap();
    log.advance_log_start(Offset(2)).unwrap();
    assert_eq!(
        (largest().offset, largest().timestamp_ms),
        (Offset(1), 9000)
    );
    assert_eq!(log.find_by_timestamp(9000, Offset(80)).unwrap(), None);

    log.advance_log_start(Offset(70)).unwrap();
    log.retain(at(2000), Offset(80)).unwrap();
    assert_eq!(
        (largest().offset, largest().timestamp_ms),
        (Offset(79), 1079)
    );
}

#[test]
fn a_resent_batch_is_answered_with_its_first_offset() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let log = create(&dir, small_segments());
    for nth in 0..7 {
        let bytes = batch_of(&["a", "b"], 1000, producer(5, 0, nth * 2));
        assert_eq!(
            append_bytes(&log, &bytes).unwrap().base_offset,
            Offset(i64::from(nth) * 2)
        );
    }
    for nth in 2..7 {
        let bytes = batch_of(&["a", "b"], 1000, producer(5, 0, nth * 2));
        let again = append_bytes(&log, &bytes).unwrap();
        assert_eq!(again.outcome, AppendOutcome::Duplicate);
        assert_eq!(again.base_offset, Offset(i64::from(nth) * 2));
        assert_eq!(again.last_offset, Offset(i64::from(nth) * 2 + 1));
    }
    assert_eq!(log.log_end(), Offset(14));
    assert!(append_bytes(&log, &batch_of(&["a", "b"], 1000, producer(5, 0, 2))).is_err());
}

#[test]
fn leader_epochs_are_kept_and_survive() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let log = create(&dir, small_segments());
    append(&log, &["a"], 1);
    log.assign_epoch(LeaderEpoch(4), Offset(1));
    log.flush().unwrap();
    assert_eq!(
        log.epochs(),
        [(EPOCH, Offset(0)), (LeaderEpoch(4), Offset(1))]
    );
}
