//! Disks that refuse: full, failing, out of descriptors.

use std::sync::Arc;

use highwater_disk::{CrashImage, Disk, FaultyDisk};
use highwater_types::Offset;

use super::support::*;
use crate::{AppendError, LogConfig, StorageError};

fn running(disk: &FaultyDisk) -> crate::PartitionLog {
    let log = create(&open_dir(disk), LogConfig::default());
    append(&log, &["first"], 1);
    log.flush().unwrap();
    log
}

fn used_bytes(disk: &FaultyDisk) -> u64 {
    let files = disk.files();
    let bytes = |path: &std::path::PathBuf| disk.bytes(path).unwrap().len() as u64;
    files.iter().map(bytes).sum()
}

#[test]
fn a_full_disk_refuses_writes_serves_reads_and_recovers_by_itself() {
    let disk = FaultyDisk::new();
    let log = running(&disk);
    let used = used_bytes(&disk);
    disk.set_capacity_bytes(Some(used + 30));
    let error = append_bytes(&log, &plain(&["does not fit"], 2)).unwrap_err();
    assert!(
        matches!(error, AppendError::Storage(StorageError::OutOfSpace { .. })),
        "{error}"
    );
    assert!(!log.log_dir().is_offline());
    assert_eq!(read_all(&log, Offset(0)).unwrap().len(), 1);
    disk.set_capacity_bytes(None);
    assert_eq!(append(&log, &["fits"], 3), Offset(1));
    log.flush().unwrap();
    let (log, report) = reopen(&disk.crash(CrashImage::Synced), LogConfig::default());
    assert_eq!((log.log_end(), report.cut), (Offset(2), None));
}

#[test]
fn what_a_full_disk_kept_from_the_journal_is_written_down_later() {
    let disk = FaultyDisk::new();
    let log = running(&disk);
    let dir = Arc::clone(log.log_dir());
    let used = used_bytes(&disk);
    disk.set_capacity_bytes(Some(used));
    assert!(dir.persist_flushed_ends().is_err());
    assert!(!dir.is_offline());
    disk.set_capacity_bytes(None);
    assert_eq!(dir.persist_flushed_ends().unwrap(), 1);
    append(&log, &["second"], 2);
    log.flush().unwrap();
    assert_eq!(dir.persist_flushed_ends().unwrap(), 1);
    let dir = open_dir(&disk.crash(CrashImage::Synced));
    let known = dir.known_end(&tp("t-0"), TOPIC_ID).unwrap();
    assert_eq!(known.flushed_end, Offset(2));
}

#[test]
fn a_failed_write_takes_the_directory_offline() {
    let disk = FaultyDisk::new();
    let log = running(&disk);
    disk.fail_writes_of(Some(".log"));
    assert!(append_bytes(&log, &plain(&["a"], 2)).is_err());
    disk.fail_writes_of(None);
    assert!(log.log_dir().is_offline());
    let error = append_bytes(&log, &plain(&["a"], 2)).unwrap_err();
    assert!(
        matches!(error, AppendError::Storage(StorageError::Offline { .. })),
        "{error}"
    );
    assert!(log.read(Offset(0), Offset(1), 1, true).is_err());
    assert!(log.flush().is_err());
}

#[test]
fn a_failed_sync_is_final_and_nothing_it_covered_counts() {
    let disk = FaultyDisk::new();
    let log = running(&disk);
    append(&log, &["lost"], 2);
    disk.fail_syncs_of(Some(".log"));
    assert!(log.flush().is_err());
    disk.fail_syncs_of(None);
    assert!(
        log.flush().is_err(),
        "a second sync would succeed although the data is gone"
    );
    assert_eq!(log.flushed_end(), Offset(1));
    assert!(log.log_dir().is_offline());
    let (log, _) = reopen(&disk.crash(CrashImage::Synced), LogConfig::default());
    assert_eq!(log.log_end(), Offset(1));
}

#[test]
fn control_whoever_retries_a_failed_sync_acknowledges_what_is_gone() {
    let disk = FaultyDisk::new();
    let log = running(&disk);
    append(&log, &["lost"], 2);
    disk.fail_syncs_of(Some(".log"));
    let file = log
        .read(Offset(0), Offset(2), 1, true)
        .unwrap()
        .unwrap()
        .file;
    assert!(file.sync_data().is_err());
    disk.fail_syncs_of(None);
    file.sync_data().unwrap();
    let (log, _) = reopen(&disk.crash(CrashImage::Synced), LogConfig::default());
    assert_eq!(
        log.log_end(),
        Offset(1),
        "the disk of these tests must drop what failed to sync"
    );
}

#[test]
fn one_directory_fails_and_the_other_goes_on() {
    let disk = FaultyDisk::new();
    let failing = running(&disk);
    let other = FaultyDisk::new();
    let healthy = running(&other);
    failing.log_dir().take_offline("pulled out");
    assert_eq!(failing.log_dir().offline_reason(), Some("pulled out"));
    assert_eq!(append(&healthy, &["a"], 2), Offset(1));
}

#[test]
fn short_writes_make_no_difference() {
    let disk = FaultyDisk::new();
    let log = running(&disk);
    disk.set_short_writes(true);
    for nth in 1..20 {
        assert_eq!(append(&log, &["a value of some length"], nth), Offset(nth));
    }
    assert_eq!(read_all(&log, Offset(0)).unwrap().len(), 20);
}

#[test]
fn a_clock_that_jumps_deletes_nothing() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let config = LogConfig {
        segment_bytes: 600,
        retention_ms: Some(30 * 60_000),
        ..LogConfig::default()
    };
    let log = create(&dir, config);
    let day = 86_400_000;
    for nth in 0..50 {
        append(&log, &["a value of some length"], day + nth);
    }
    log.flush().unwrap();
    let now = highwater_types::Now::at(1000, day + 100);
    assert_eq!(log.retain(now, Offset(50)).unwrap().segments_deleted, 0);
    let jumped = highwater_types::Now::at(61_000, day + 3_600_000 + 60_100);
    assert_eq!(log.retain(jumped, Offset(50)).unwrap().segments_deleted, 0);
    let later = highwater_types::Now::at(3_600_000, day + 3_600_000);
    assert!(log.retain(later, Offset(50)).unwrap().segments_deleted > 1);
    assert_eq!(log.log_start(), Offset(50));
    assert_eq!(append(&log, &["goes on"], day + 3_600_001), Offset(50));
}

#[test]
fn size_and_log_start_decide_what_is_kept_and_files_go_after_their_delay() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let config = LogConfig {
        segment_bytes: 600,
        retention_ms: None,
        retention_bytes: Some(2000),
        file_delete_delay_ms: 100,
        ..LogConfig::default()
    };
    let log = create(&dir, config.clone());
    for nth in 0..100 {
        append(&log, &["a value of some length"], nth);
    }
    log.flush().unwrap();
    let before = log.size_bytes();
    assert_eq!(
        log.retain(at(1000), Offset(3)).unwrap().segments_deleted,
        0,
        "high watermark"
    );
    let done = log.retain(at(1000), Offset(100)).unwrap();
    assert!(done.bytes_deleted > 0 && log.size_bytes() >= 2000);
    assert_eq!(log.size_bytes(), before - done.bytes_deleted);
    assert!(read_all(&log, log.log_start()).unwrap().len() as i64 == 100 - log.log_start().0);
    let deleted = |disk: &FaultyDisk| {
        disk.files()
            .iter()
            .filter(|path| path.to_string_lossy().ends_with(".deleted"))
            .count()
    };
    assert!(deleted(&disk) > 0);
    assert_eq!(log.remove_due_files(at(1050)).unwrap(), 0);
    assert!(log.remove_due_files(at(1100)).unwrap() > 0);
    assert_eq!(deleted(&disk), 0);
    log.set_config(Arc::new(LogConfig {
        retention_bytes: None,
        ..config
    }));
    log.advance_log_start(Offset(90)).unwrap();
    assert!(log.read(Offset(89), Offset(100), 1, true).is_err());
    log.retain(at(2000), Offset(100)).unwrap();
    assert_eq!(log.log_start(), Offset(90));
    assert_eq!(read_all(&log, Offset(90)).unwrap().len(), 10);
}

#[test]
fn a_deleted_log_is_gone_and_its_name_is_free() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let log = create(
        &dir,
        LogConfig {
            file_delete_delay_ms: 10,
            ..LogConfig::default()
        },
    );
    append(&log, &["a"], 1);
    log.flush().unwrap();
    dir.persist_flushed_ends().unwrap();
    log.delete(at(0)).unwrap();
    assert!(matches!(
        append_bytes(&log, &plain(&["b"], 1)),
        Err(AppendError::Storage(StorageError::Deleted(_)))
    ));
    assert!(log.flush().is_err() && !dir.is_offline());
    let new_id = highwater_types::TopicId([8; 16]);
    let again = dir
        .create_partition(&tp("t-0"), new_id, Arc::default())
        .unwrap();
    assert_eq!(append(&again, &["new"], 1), Offset(0));
    assert_eq!(dir.remove_due_dirs(at(9)).unwrap(), 0);
    assert_eq!(dir.remove_due_dirs(at(10)).unwrap(), 1);
    again.flush().unwrap();
    let (log, report) = reopen(&disk.crash(CrashImage::Synced), LogConfig::default());
    assert_eq!((report.topic_id, log.log_end()), (Some(new_id), Offset(1)));
}

#[test]
fn a_follower_cuts_where_its_leader_differs_and_the_cut_is_no_loss() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let log = create(&dir, small_segments());
    for nth in 0..60 {
        append(&log, &[&format!("old-{nth}")], nth);
    }
    log.flush().unwrap();
    dir.persist_flushed_ends().unwrap();
    for cut in [55, 30, 7] {
        log.truncate_to(Offset(cut), at(100)).unwrap();
        assert_eq!(
            (log.log_end(), log.flushed_end()),
            (Offset(cut), Offset(cut))
        );
        assert_eq!(read_all(&log, Offset(0)).unwrap().len() as i64, cut);
        let (after, report) = reopen(&disk.crash(CrashImage::Torn(cut as u64)), small_segments());
        assert_eq!(report.damaged, vec![], "cut to {cut}");
        assert!(after.log_end() >= Offset(cut));
    }
    assert_eq!(append(&log, &["new-7"], 200), Offset(7));
    log.flush().unwrap();
    let read = read_all(&log, Offset(6)).unwrap();
    assert_eq!(read, [(6, "old-6".to_owned()), (7, "new-7".to_owned())]);
    log.truncate_to(Offset(0), at(300)).unwrap();
    assert_eq!(append(&log, &["anew"], 400), Offset(0));
}

#[test]
fn a_deletion_is_durable_once_flushed_ends_are_noted_and_marks_a_clean_stop_all_the_same() {
    let disk = FaultyDisk::new();
    let log = running(&disk);
    let dir = Arc::clone(log.log_dir());
    log.delete(at(0)).unwrap();
    log.delete(at(0)).unwrap();
    let found = |image| open_dir(&disk.crash(image)).partitions().unwrap().len();
    assert_eq!(found(CrashImage::Synced), 1);
    dir.persist_flushed_ends().unwrap();
    assert_eq!(found(CrashImage::Synced), 0);
    dir.close_clean(&[]).unwrap();
    assert!(open_dir(&disk.crash(CrashImage::Synced)).was_clean());
}

#[test]
fn a_log_whose_directory_cannot_be_renamed_is_deleted_for_everybody_and_can_be_renamed_later() {
    let disk = FaultyDisk::new();
    let log = running(&disk);
    let dir = Arc::clone(log.log_dir());
    disk.fail_moves_of(Some("t-0"));
    assert!(log.delete(at(0)).is_err());
    assert!(append_bytes(&log, &plain(&["a"], 1)).is_err() && log.flush().is_err());
    assert!(!dir.is_offline());
    disk.fail_moves_of(None);
    log.delete(at(0)).unwrap();
    assert!(dir.partitions().unwrap().is_empty());
    // The name may belong to another log by then; a late call must not touch that.
    create(&dir, LogConfig::default());
    log.delete(at(0)).unwrap();
    assert_eq!(dir.partitions().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_removed_is_kept_and_tried_again() {
    let disk = FaultyDisk::new();
    let config = LogConfig {
        retention_bytes: Some(0),
        file_delete_delay_ms: 0,
        ..small_segments()
    };
    let log = create(&open_dir(&disk), config);
    let dir = Arc::clone(log.log_dir());
    for nth in 0..60 {
        append(&log, &[&format!("value-{nth}")], nth);
    }
    log.flush().unwrap();
    assert!(log.retain(at(0), log.log_end()).unwrap().segments_deleted > 2);
    let left = || {
        let names = disk.files().into_iter();
        let deleted = names.filter(|path| path.to_string_lossy().ends_with(".deleted"));
        deleted.count()
    };
    let all = left();
    disk.fail_moves_of(Some("00000000000000000000.log"));
    assert!(log.remove_due_files(at(0)).is_err());
    assert!(all > 5 && left() == 1, "the others are removed: {}", left());
    assert!(log.remove_due_files(at(0)).is_err() && !dir.is_offline());
    disk.fail_moves_of(None);
    assert_eq!(log.remove_due_files(at(0)).unwrap(), 1);
    assert_eq!(left(), 0);

    log.delete(at(0)).unwrap();
    let other = dir.create_partition(&tp("u-0"), TOPIC_ID, Arc::default());
    other.unwrap().delete(at(0)).unwrap();
    disk.fail_moves_of(Some("t-0."));
    assert!(dir.remove_due_dirs(at(100_000)).is_err());
    disk.fail_moves_of(None);
    assert_eq!(dir.remove_due_dirs(at(100_000)).unwrap(), 1);
    assert!(
        disk.files()
            .iter()
            .all(|path| !path.to_string_lossy().contains("-delete"))
    );
}

#[test]
fn retention_makes_room_on_a_disk_that_has_none_for_another_name() {
    let disk = FaultyDisk::new();
    let config = LogConfig {
        segment_bytes: 200,
        retention_bytes: Some(1),
        retention_ms: None,
        ..LogConfig::default()
    };
    let log = create(&open_dir(&disk), config);
    for round in 0..5 {
        append(&log, &[&"x".repeat(100)], round);
    }
    log.flush().unwrap();
    let before = disk.files().len();
    disk.set_full_directories(true);
    // The lineage of epochs is written under another name, too; it is made again from the log.
    let done = log.retain(at(10), log.log_end()).unwrap();
    assert!(done.segments_deleted > 0);
    assert!(!log.log_dir().is_offline());
    assert!(disk.files().len() < before, "{:?}", disk.files());
    let segments = disk.files();
    let segments = segments
        .iter()
        .filter(|path| path.extension().is_some_and(|ext| ext == "log"));
    assert_eq!(
        segments.count(),
        log.segment_count(),
        "nothing is left behind"
    );
    assert_eq!(read_all(&log, log.log_start()).unwrap().len(), 1);
}

#[test]
fn a_partition_that_a_full_disk_refused_is_made_later_without_a_word_about_damage() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    disk.set_capacity_bytes(Some(0));
    let tp = highwater_types::TopicPartition::from_dir_name("later-0").unwrap();
    let id = highwater_types::TopicId([5; 16]);
    let refused = dir.create_partition(&tp, id, Arc::default()).unwrap_err();
    assert!(
        matches!(refused, StorageError::OutOfSpace { .. }),
        "{refused}"
    );
    let metadata = std::path::Path::new("/data/later-0/partition.metadata");
    assert_eq!(
        disk.bytes(metadata).as_deref(),
        Some(&[][..]),
        "made, and not written"
    );
    assert_eq!(dir.written_topic_id(&tp), None);
    disk.set_capacity_bytes(None);
    dir.create_partition(&tp, id, Arc::default()).unwrap();
    assert_eq!(dir.written_topic_id(&tp), Some(id));
}

#[test]
fn a_roll_that_fails_leaves_no_segment_that_hides_what_comes_next() {
    let disk = FaultyDisk::new();
    let config = LogConfig {
        segment_bytes: 400,
        ..LogConfig::default()
    };
    let log = create(&open_dir(&disk), config.clone());
    append(&log, &["first"], 1);
    log.flush().unwrap();
    let epoch = highwater_types::LeaderEpoch(5);
    log.assign_epoch(epoch, log.log_end());
    let append_in = |bytes: &[u8]| {
        let header = highwater_records::BatchHeader::parse(bytes).unwrap();
        let batch = crate::AppendBatch { header, bytes };
        log.append_leader(&[batch], epoch, at(2), crate::AppendOrigin::Client)
    };
    let small = plain(&["small"], 2);
    append_in(&small).unwrap();
    // No room for the leader epochs, which are written down at a roll.
    disk.set_capacity_bytes(Some(used_bytes(&disk) + 5));
    let large = "x".repeat(200);
    assert!(append_in(&plain(&[&large], 2)).is_err());
    assert_eq!(disk.bytes(&segment_file(2)), None);
    disk.set_capacity_bytes(None);
    append_in(&small).unwrap();
    log.flush().unwrap();
    append_in(&plain(&[&large], 2)).unwrap();
    log.flush().unwrap();
    drop(log);
    let (log, _) = reopen(&disk, config);
    assert_eq!(read_all(&log, Offset(0)).unwrap().len(), 4);
}

#[test]
fn a_start_removes_snapshots_that_were_never_finished_and_keeps_whole_ones() {
    let disk = FaultyDisk::new();
    drop(running(&disk));
    let disk = disk.crash(CrashImage::All);
    let path = |name: &str| log_path().join(name);
    let (whole, half) = (path("5-1.checkpoint"), path("7-1.checkpoint.tmp"));
    for path in [&whole, &half] {
        let file = disk
            .open(path, highwater_disk::OpenMode::CreateNew)
            .unwrap();
        file.write_all_at(b"records", 0).unwrap();
    }
    drop(reopen(&disk, LogConfig::default()));
    let exists = |path| disk.bytes(path).is_some();
    assert_eq!((exists(&whole), exists(&half)), (true, false));
}

#[test]
fn a_stop_is_not_clean_while_a_log_could_not_be_opened() {
    let disk = FaultyDisk::new();
    drop(running(&disk));
    let disk = disk.crash(CrashImage::All);
    let dir = open_dir(&disk);
    disk.fail_reads_of(Some("t-0"));
    let config = LogConfig::default();
    assert!(
        dir.open_partition(&tp("t-0"), config.into(), at(0))
            .is_err()
    );
    disk.fail_reads_of(None);
    assert!(!dir.is_offline());
    dir.close_clean(&[]).unwrap();
    let marker = dir_path().join(crate::log_dir::CLEAN_SHUTDOWN);
    assert_eq!(disk.bytes(&marker), None);
}

#[test]
fn a_log_that_was_made_again_does_not_begin_where_the_other_ended() {
    let disk = FaultyDisk::new();
    let log = running(&disk);
    let dir = Arc::clone(log.log_dir());
    dir.persist_flushed_ends().unwrap();
    dir.write_checkpoints(&[]).unwrap();
    log.delete(at(1)).unwrap();
    let other = highwater_types::TopicId([8; 16]);
    let config = Arc::new(LogConfig::default());
    drop(dir.create_partition(&tp("t-0"), other, config).unwrap());
    let (log, report) = reopen(&disk.crash(CrashImage::All), LogConfig::default());
    assert_eq!((log.log_end(), report.damaged), (Offset(0), vec![]));
}

#[test]
fn a_log_that_was_never_opened_is_deleted_by_the_id_of_its_topic() {
    let disk = FaultyDisk::new();
    drop(running(&disk));
    let dir = open_dir(&disk);
    let other = highwater_types::TopicId([1; 16]);
    assert!(!dir.delete_unopened(&tp("t-0"), other, at(1)).unwrap());
    assert!(!dir.delete_unopened(&tp("t-1"), TOPIC_ID, at(1)).unwrap());
    assert_eq!(dir.partitions().unwrap().len(), 1);
    assert!(dir.delete_unopened(&tp("t-0"), TOPIC_ID, at(1)).unwrap());
    let log = create(&dir, LogConfig::default());
    assert!(
        !dir.delete_unopened(&tp("t-0"), TOPIC_ID, at(1)).unwrap(),
        "an open log is deleted by itself"
    );
    assert_eq!(dir.remove_due_dirs(at(1)).unwrap(), 1);
    append(&log, &["of the new log"], 2);
    log.flush().unwrap();
}
