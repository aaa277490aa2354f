//! The write-ahead log: what it covers, what a start makes of it, and what makes it void.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use highwater_disk::{CrashImage, FaultyDisk};
use highwater_types::{Offset, TopicId};

use super::support::*;
use crate::{Commit, LogConfig, LogDir, PartitionLog, StorageError};

const FILE: &str = "/data/highwater-wal-0";

/// Logs whose first records are flushed, so that the next may be committed.
fn running(dir: &Arc<LogDir>, names: &[&str], config: &LogConfig) -> Vec<Arc<PartitionLog>> {
    let config = Arc::new(config.clone());
    dir.keep_up_wal().unwrap();
    let make = |name: &&str| {
        let log = dir.create_partition(&tp(name), TOPIC_ID, Arc::clone(&config));
        let log = log.unwrap();
        append(&log, &[&format!("{name} first")], 1);
        log.flush().unwrap();
        Arc::new(log)
    };
    names.iter().map(make).collect()
}

/// One such log on a disk of its own.
fn one(config: &LogConfig) -> (FaultyDisk, Arc<LogDir>, Arc<PartitionLog>) {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let log = running(&dir, &["t-0"], config).remove(0);
    (disk, dir, log)
}

fn commit(logs: &[Arc<PartitionLog>]) -> Vec<Commit> {
    let logs: Vec<_> = logs.iter().collect();
    let dir = logs[0].log_dir();
    let outcomes = dir.commit(&logs);
    if dir.wants_wal_upkeep() && !dir.is_offline() {
        dir.keep_up_wal().unwrap();
    }
    outcomes
}

/// Up to where the log is on disk, be it in the write-ahead log.
fn durable_end(log: &PartitionLog) -> Offset {
    let committed = log.view.lock().committed;
    committed.map_or(log.flushed_end(), |committed| committed.end)
}

fn values(dir: &Arc<LogDir>, name: &str) -> Vec<String> {
    let config = Arc::new(LogConfig::default());
    let (log, report) = dir.open_partition(&tp(name), config, at(0)).unwrap();
    assert_eq!(
        (&report.damaged, &report.cut),
        (&Vec::new(), &None),
        "{name}"
    );
    let read = read_all(&log, Offset(0)).unwrap();
    read.into_iter().map(|(_, value)| value).collect()
}

fn wal_files(disk: &FaultyDisk) -> usize {
    let files = disk.files();
    let is_wal = |path: &&std::path::PathBuf| path.to_string_lossy().contains("highwater-wal-");
    files.iter().filter(is_wal).count()
}

#[test]
fn one_sync_covers_many_logs_and_a_power_cut_takes_nothing_of_it() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let names: Vec<_> = (0..20).map(|nth| format!("t-{nth}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let logs = running(&dir, &names, &LogConfig::default());
    for log in &logs {
        append(log, &["second"], 2);
    }
    commit(&logs[..1]);
    let before = disk.operations();
    assert_eq!(commit(&logs), vec![Commit::Done(Offset(2)); 20]);
    assert_eq!(disk.operations() - before, 2, "a write and a sync");
    for log in &logs {
        assert_eq!(
            (durable_end(log), log.flushed_end()),
            (Offset(2), Offset(1))
        );
    }
    for image in [CrashImage::Synced, CrashImage::All, CrashImage::Torn(3)] {
        let disk = disk.crash(image);
        let dir = open_dir(&disk);
        assert_eq!(wal_files(&disk), 0);
        // The next power cut finds it all in the segment files.
        let again = open_dir(&{
            drop(dir);
            disk.crash(CrashImage::Synced)
        });
        for name in &names {
            assert_eq!(
                values(&again, name),
                [format!("{name} first"), "second".into()]
            );
        }
    }
}

#[test]
fn what_is_too_much_or_lacks_a_name_on_disk_is_declined() {
    let (_, _, log) = one(&LogConfig::default());
    let one = std::slice::from_ref(&log);
    assert_eq!(commit(one), [Commit::Done(Offset(1))], "nothing to do");
    append(&log, &["small"], 2);
    assert!(log.is_for_commit());
    append(&log, &[&"x".repeat(70_000)], 3);
    assert!(!log.is_for_commit());
    assert_eq!(commit(one), [Commit::Declined]);
    log.flush().unwrap();
    log.roll(at(4)).unwrap();
    append(&log, &["in a new segment"], 5);
    assert!(!log.is_for_commit());
    assert_eq!(commit(one), [Commit::Declined]);
    log.flush().unwrap();
    append(&log, &["once its name is on disk"], 6);
    assert_eq!(commit(one), [Commit::Done(Offset(5))]);
    log.delete(at(7)).unwrap();
    assert_eq!(commit(one), [Commit::Declined]);
}

#[test]
fn full_files_are_used_again_once_their_logs_are_flushed() {
    for refuses_direct in [false, true] {
        let disk = FaultyDisk::new();
        disk.set_refuses_direct(refuses_direct);
        use_files_again(&disk);
        assert_eq!(disk.direct_writes() == 0, refuses_direct);
    }
}

fn use_files_again(disk: &FaultyDisk) {
    let dir = open_dir(disk);
    let logs = running(&dir, &["t-0", "t-1"], &LogConfig::default());
    let mut declined = 0;
    for nth in 0..40 {
        for log in &logs {
            append(log, &[&format!("value {nth}")], 2 + nth);
        }
        let outcomes = commit(&logs);
        if outcomes.contains(&Commit::Declined) {
            declined += 1;
        }
        let after = disk.crash(CrashImage::Synced);
        let dir = open_dir(&after);
        for name in ["t-0", "t-1"] {
            assert_eq!(values(&dir, name).len() as i64, nth + 2, "{name}");
        }
    }
    assert_eq!(declined, 0, "there was always a file to go on with");
    assert_eq!(wal_files(disk), 2);
}

#[test]
fn there_is_no_such_file_after_a_clean_stop_nor_where_nothing_small_is_flushed() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    assert!(!dir.wants_wal_upkeep());
    let log = create(&dir, LogConfig::default());
    append(&log, &["first"], 1);
    log.flush().unwrap();
    append(&log, &["second"], 2);
    assert!(!log.is_for_commit());
    assert!(dir.wants_wal_upkeep(), "one flush could have been spared");
    assert!(!dir.wants_wal_upkeep(), "it says so once");
    dir.keep_up_wal().unwrap();
    assert_eq!(wal_files(&disk), 1);
    let log = Arc::new(log);
    assert_eq!(
        commit(std::slice::from_ref(&log)),
        [Commit::Done(Offset(2))]
    );
    log.close().unwrap();
    dir.close_clean(&[]).unwrap();
    assert_eq!(wal_files(&disk), 0);
    drop((log, dir));
    assert_eq!(values(&open_dir(&disk), "t-0").len(), 2);
}

#[test]
fn a_failed_sync_of_it_is_final_for_the_directory() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let logs = running(&dir, &["t-0", "t-1"], &LogConfig::default());
    append(&logs[0], &["lost"], 2);
    disk.fail_syncs_of(Some("highwater-wal"));
    assert_eq!(commit(&logs), [Commit::Failed, Commit::Done(Offset(1))]);
    disk.fail_syncs_of(None);
    assert!(dir.is_offline());
    assert_eq!(durable_end(&logs[0]), Offset(1));
    assert_eq!(commit(&logs), [Commit::Declined, Commit::Declined]);
}

/// Commits records until a file of the write-ahead log cannot be freed, because writing the
/// segment back fails; returns how many were acknowledged.
fn fail_to_drain(disk: &FaultyDisk, dir: &Arc<LogDir>, log: &Arc<PartitionLog>) -> usize {
    disk.fail_write_backs_of(Some("t-0"));
    for committed in 1.. {
        append(log, &[&format!("value {committed}")], 2);
        assert_eq!(dir.commit(&[log]), [Commit::Done(log.log_end())]);
        if dir.wants_wal_upkeep() && dir.keep_up_wal().is_err() {
            return committed + 1;
        }
    }
    unreachable!("there are fewer files than numbers")
}

#[test]
fn a_failed_write_back_of_a_log_that_keeps_a_file_is_final_and_loses_nothing() {
    let (disk, dir, log) = one(&LogConfig::default());
    let committed = fail_to_drain(&disk, &dir, &log);
    // A sync would succeed now, and not a byte of what it vouches for would be on the disk.
    assert!(dir.is_offline());
    assert!(log.flush().is_err());
    assert!(log.flushed_end() < log.log_end());
    drop((log, dir));
    for image in [CrashImage::Synced, CrashImage::All] {
        let left = values(&open_dir(&disk.crash(image)), "t-0").len();
        assert!(left >= committed, "{left} of {committed} are left");
    }
}

#[test]
fn a_flush_beside_a_failing_write_back_vouches_for_nothing() {
    let mut failed = 0;
    for _ in 0..20 {
        let (disk, dir, log) = one(&LogConfig::default());
        let is_over = AtomicBool::new(false);
        let acknowledged = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Acquire) && log.flush().is_ok() {
                    std::thread::yield_now();
                }
            });
            let acknowledged = commit_beside(&disk, &dir, &log);
            is_over.store(true, Ordering::Release);
            acknowledged
        });
        failed += usize::from(dir.is_offline());
        let vouched = acknowledged.max(log.flushed_end());
        drop((log, dir));
        let left = values(&open_dir(&disk.crash(CrashImage::Synced)), "t-0").len();
        assert!(left as i64 >= vouched.0, "{left} of {vouched} are left");
    }
    assert!(failed > 0, "no write-back failed");
}

/// Commits until a write-back fails, while somebody else flushes; returns what was committed.
fn commit_beside(disk: &FaultyDisk, dir: &Arc<LogDir>, log: &Arc<PartitionLog>) -> Offset {
    disk.fail_write_backs_of(Some("t-0"));
    let mut committed = Offset(1);
    for time in 2..2000 {
        if append_bytes(log, &plain(&["value"], time)).is_err() {
            break;
        }
        match dir.commit(&[log])[..] {
            [Commit::Done(end)] => committed = end,
            [Commit::Failed] => break,
            _ => {}
        }
        if dir.wants_wal_upkeep() && dir.keep_up_wal().is_err() {
            break;
        }
    }
    committed
}

#[test]
fn a_disk_that_is_too_full_for_it_does_without() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let used: usize = disk
        .files()
        .iter()
        .map(|f| disk.bytes(f).unwrap().len())
        .sum();
    disk.set_capacity_bytes(Some(used as u64 + 14_000));
    dir.keep_up_wal().unwrap();
    assert_eq!(wal_files(&disk), 0);
    assert!(!dir.is_offline());
}

#[test]
fn records_of_a_topic_that_is_gone_do_not_come_back_in_another_of_its_name() {
    let (disk, dir, log) = one(&LogConfig::default());
    append(&log, &["of the first topic"], 2);
    assert_eq!(
        commit(std::slice::from_ref(&log)),
        [Commit::Done(Offset(2))]
    );
    log.delete(at(3)).unwrap();
    let other = TopicId([8; 16]);
    let log = dir.create_partition(&tp("t-0"), other, Arc::new(LogConfig::default()));
    let log = log.unwrap();
    append(&log, &["of the second"], 4);
    log.flush().unwrap();
    let dir = open_dir(&disk.crash(CrashImage::Synced));
    assert_eq!(values(&dir, "t-0"), ["of the second"]);
}

#[test]
fn what_was_truncated_does_not_come_back() {
    let (disk, _, log) = one(&LogConfig::default());
    let one = std::slice::from_ref(&log);
    for nth in 1..6 {
        append(&log, &[&format!("value {nth}")], 2);
        assert_eq!(commit(one), [Commit::Done(Offset(nth + 1))]);
    }
    log.truncate_to(Offset(3), at(9)).unwrap();
    let after = open_dir(&disk.crash(CrashImage::Synced));
    assert_eq!(values(&after, "t-0"), ["t-0 first", "value 1", "value 2"]);
    append(&log, &["instead"], 2);
    log.flush().unwrap();
    append(&log, &["and on"], 2);
    assert_eq!(commit(one), [Commit::Done(Offset(5))]);
    let after = open_dir(&disk.crash(CrashImage::Synced));
    let expected = ["t-0 first", "value 1", "value 2", "instead", "and on"];
    assert_eq!(values(&after, "t-0"), expected);
}

#[test]
fn what_was_compacted_is_not_written_over() {
    let config = LogConfig {
        compact: true,
        delete: false,
        min_cleanable_dirty_ratio: 0.0,
        ..LogConfig::default()
    };
    let (disk, _, log) = one(&config);
    let put = |value: &str| {
        let mut builder = highwater_records::RecordBatchBuilder::new(Default::default());
        let added = builder.append(5, Some(b"key"), Some(value.as_bytes()), &[]);
        added.unwrap();
        append_bytes(&log, &builder.finish().unwrap()).unwrap();
    };
    for nth in 0..20 {
        put(&format!("value {nth}"));
        let done = commit(std::slice::from_ref(&log));
        assert_eq!(done, [Commit::Done(log.log_end())]);
    }
    log.roll(at(6)).unwrap();
    put("the last");
    let end = log.flush().unwrap();
    let mut go_on = |_| std::ops::ControlFlow::Continue(());
    let done = log.compact(at(9), end, crate::CompactionLimits::default(), &mut go_on);
    assert!(done.unwrap().unwrap().bytes_after > 0);
    let bytes = disk.bytes(&segment_file(0)).unwrap();
    assert!(wal_files(&disk) > 0, "their entries are still there");
    let after = disk.crash(CrashImage::Synced);
    let dir = open_dir(&after);
    assert_eq!(after.bytes(&segment_file(0)).unwrap(), bytes);
    assert_eq!(values(&dir, "t-0").last().unwrap(), "the last");
}

#[test]
fn rot_within_it_costs_what_it_hit_and_is_not_taken_for_the_end() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let logs = running(&dir, &["t-0", "t-1"], &LogConfig::default());
    for log in &logs {
        append(log, &["second"], 2);
        assert_eq!(commit(std::slice::from_ref(log)), [Commit::Done(Offset(2))]);
    }
    let rotten = |damage: fn(&mut Vec<u8>)| {
        let disk = disk.crash(CrashImage::Synced);
        disk.damage(Path::new(FILE), damage);
        let dir = open_dir(&disk);
        ["t-0", "t-1"].map(|name| values(&dir, name).len())
    };
    assert_eq!(rotten(|bytes| bytes[4096 + 100] ^= 1), [1, 2]);
    // The page that names the file is there twice.
    assert_eq!(rotten(|bytes| bytes[..4096].fill(0)), [2, 2]);
    assert_eq!(rotten(|bytes| bytes[10] ^= 1), [2, 2]);
    assert_eq!(rotten(|bytes| *bytes.last_mut().unwrap() ^= 1), [2, 2]);
    assert_eq!(rotten(|bytes| bytes.truncate(12_288)), [2, 2]);
}

#[test]
fn a_log_that_cannot_be_written_to_is_not_opened_and_its_entries_wait_for_another_start() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let logs = running(&dir, &["t-0", "t-1"], &LogConfig::default());
    for log in &logs {
        append(log, &["second"], 2);
    }
    assert_eq!(commit(&logs), vec![Commit::Done(Offset(2)); 2]);
    let disk = disk.crash(CrashImage::Synced);
    disk.fail_writes_of(Some("t-0/"));
    let dir = open_dir(&disk);
    disk.fail_writes_of(None);
    let refused = dir.open_partition(&tp("t-0"), Arc::new(LogConfig::default()), at(0));
    let refused = refused.map(|_| ()).unwrap_err();
    assert!(
        matches!(refused, StorageError::Unreplayed { .. }),
        "{refused}"
    );
    assert_eq!(values(&dir, "t-1"), ["t-1 first", "second"]);
    dir.keep_up_wal().unwrap();
    assert_eq!(wal_files(&disk), 2, "nothing is written over");
    dir.close_clean(&[]).unwrap();
    drop(dir);
    let dir = open_dir(&disk.crash(CrashImage::Synced));
    assert_eq!(values(&dir, "t-0"), ["t-0 first", "second"]);
    assert_eq!(values(&dir, "t-1"), ["t-1 first", "second"]);
}

#[test]
fn sequences_go_on_where_the_last_process_stopped() {
    let mut disk = FaultyDisk::new();
    let log = running(&open_dir(&disk), &["t-0"], &LogConfig::default()).remove(0);
    drop(log);
    for nth in 1..5 {
        disk = disk.crash(CrashImage::Synced);
        let dir = open_dir(&disk);
        dir.keep_up_wal().unwrap();
        let config = Arc::new(LogConfig::default());
        let (log, _) = dir.open_partition(&tp("t-0"), config, at(0)).unwrap();
        let log = Arc::new(log);
        append(&log, &["flushed"], 2);
        log.flush().unwrap();
        // A block whose sequence an earlier statement knew would be void.
        dir.persist_flushed_ends().unwrap();
        append(&log, &["committed"], 2);
        let done = commit(std::slice::from_ref(&log));
        assert_eq!(done, [Commit::Done(Offset(1 + 2 * nth))]);
    }
    let dir = open_dir(&disk.crash(CrashImage::Synced));
    assert_eq!(values(&dir, "t-0").len(), 9);
}

#[test]
fn records_that_look_like_a_block_are_none() {
    let (disk, _, log) = one(&LogConfig::default());
    let one = std::slice::from_ref(&log);
    append(&log, &["genuine"], 2);
    assert_eq!(commit(one), [Commit::Done(Offset(2))]);
    // What a client could put there who knows everything but the key of the file: a younger
    // block that says something else of the first record.
    let file = disk.bytes(Path::new(FILE)).unwrap();
    let mut forged = crate::wal::block::BlockBuilder::new(1 << 20);
    forged.clear();
    let stretch = crate::wal::block::Stretch {
        base: Offset(0),
        position: 0,
        len: 8,
        end: Offset(2),
    };
    let fill = |bytes: &mut [u8]| {
        bytes.fill(0xff);
        Ok(())
    };
    forged.add(&log.ends, &stretch, fill).unwrap();
    let forged = forged.finish(99, &[0; 16]).to_vec();
    let disk = disk.crash(CrashImage::Synced);
    disk.damage(Path::new(FILE), |bytes| {
        bytes[8192..8192 + forged.len()].copy_from_slice(&forged);
    });
    assert_eq!(file.len(), 20 << 10);
    assert_eq!(values(&open_dir(&disk), "t-0"), ["t-0 first", "genuine"]);
}

#[test]
fn what_a_failed_sync_has_left_in_the_page_cache_is_not_believed() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let logs = running(&dir, &["t-0"], &LogConfig::default());
    append(&logs[0], &["committed"], 2);
    assert_eq!(commit(&logs), [Commit::Done(Offset(2))]);
    append(&logs[0], &["not acknowledged"], 3);
    disk.fail_syncs_of(Some("t-0"));
    assert!(logs[0].flush().is_err());
    disk.fail_syncs_of(None);
    drop((logs, dir));
    // The process is started again, and the machine has not lost power yet.
    let dir = open_dir(&disk);
    assert_eq!(values(&dir, "t-0")[1], "committed");
    drop(dir);
    let dir = open_dir(&disk.crash(CrashImage::Synced));
    assert_eq!(values(&dir, "t-0")[..2], ["t-0 first", "committed"]);
}

#[test]
fn a_damaged_id_of_the_topic_keeps_nothing_from_being_put_back() {
    for journal_is_there in [true, false] {
        let disk = FaultyDisk::new();
        let dir = open_dir(&disk);
        let logs = running(&dir, &["t-0"], &LogConfig::default());
        dir.persist_flushed_ends().unwrap();
        append(&logs[0], &["second"], 2);
        assert_eq!(commit(&logs), [Commit::Done(Offset(2))]);
        let disk = disk.crash(CrashImage::Synced);
        disk.damage(&log_path().join("partition.metadata"), |bytes| {
            bytes.clear();
        });
        if !journal_is_there {
            let journal = dir_path().join("highwater-flushed-ends");
            disk.damage(&journal, |bytes| bytes.clear());
        }
        assert_eq!(values(&open_dir(&disk), "t-0"), ["t-0 first", "second"]);
    }
}

#[test]
fn a_lost_journal_does_not_bring_old_records_back() {
    let (disk, _, log) = one(&LogConfig::default());
    let one = std::slice::from_ref(&log);
    append(&log, &["second"], 2);
    assert_eq!(commit(one), [Commit::Done(Offset(2))]);
    // The snapshot at the new segment proves all in front of it.
    log.roll(at(3)).unwrap();
    append(&log, &["third"], 4);
    log.flush().unwrap();
    let disk = disk.crash(CrashImage::Synced);
    disk.damage(&dir_path().join("highwater-flushed-ends"), |bytes| {
        bytes.clear();
    });
    // As a compaction leaves it.
    disk.damage(&segment_file(0), |bytes| {
        let at = bytes.len() - 6;
        bytes[at..].fill(b'X');
    });
    let before = disk.bytes(&segment_file(0)).unwrap();
    drop(open_dir(&disk));
    assert_eq!(disk.bytes(&segment_file(0)).unwrap(), before);
}

#[test]
fn a_segment_that_a_killed_process_has_made_is_on_disk_before_anything_in_it_counts() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let log = create(&dir, LogConfig::default());
    append(&log, &["never flushed"], 1);
    drop((log, dir));
    let dir = open_dir(&disk);
    let config = Arc::new(LogConfig::default());
    let (log, _) = dir.open_partition(&tp("t-0"), config, at(0)).unwrap();
    assert_eq!(log.flush().unwrap(), Offset(1));
    dir.keep_up_wal().unwrap();
    let log = Arc::new(log);
    append(&log, &["flushed"], 2);
    if commit(std::slice::from_ref(&log)) == [Commit::Declined] {
        log.flush().unwrap();
    }
    append(&log, &["committed"], 3);
    let done = commit(std::slice::from_ref(&log));
    assert_eq!(done, [Commit::Done(Offset(3))]);
    let dir = open_dir(&disk.crash(CrashImage::Synced));
    assert_eq!(
        values(&dir, "t-0"),
        ["never flushed", "flushed", "committed"]
    );
}

#[test]
fn a_log_that_is_only_ahead_expires_all_the_same() {
    let config = LogConfig {
        retention_ms: Some(1000),
        ..LogConfig::default()
    };
    let (_, _, log) = one(&config);
    append(&log, &["second"], 2);
    let done = commit(std::slice::from_ref(&log));
    assert_eq!(done, [Commit::Done(Offset(2))]);
    let kept = log.retain(at(10_000), Offset(2)).unwrap();
    assert_eq!(kept.log_start, Offset(2));
}

#[test]
fn it_goes_on_once_there_is_room_or_its_logs_are_flushed() {
    let (disk, dir, log) = one(&LogConfig::default());
    let logs = [&log];
    let used: usize = disk
        .files()
        .iter()
        .map(|f| disk.bytes(f).unwrap().len())
        .sum();
    disk.set_capacity_bytes(Some(used as u64 + 20_000));
    let mut declined = 0;
    for nth in 1..30 {
        append(&log, &["x"], 2 + nth);
        match dir.commit(&logs)[..] {
            [Commit::Done(end)] => assert_eq!(end, Offset(nth + 1)),
            _ => {
                declined += 1;
                log.flush().unwrap();
                // There is no room for a second file, but the first can be used again.
                dir.keep_up_wal().unwrap();
            }
        }
    }
    assert!((3..12).contains(&declined), "{declined}");
    assert_eq!(wal_files(&disk), 1);
}

#[test]
fn a_full_disk_keeps_no_log_that_is_ahead_from_making_room() {
    let config = LogConfig {
        retention_ms: Some(1000),
        ..LogConfig::default()
    };
    let (disk, dir, log) = one(&config);
    log.roll(at(3)).unwrap();
    append(&log, &["new"], 100_000);
    log.flush().unwrap();
    for nth in 0..2 {
        append(&log, &[&"x".repeat(200)], 100_000 + nth);
        let done = commit(std::slice::from_ref(&log));
        assert_eq!(done, [Commit::Done(log.log_end())]);
    }
    // A flush would write a snapshot and the epochs down now.
    log.assign_epoch(highwater_types::LeaderEpoch(3), log.log_end());
    let used: usize = disk
        .files()
        .iter()
        .map(|f| disk.bytes(f).unwrap().len())
        .sum();
    disk.set_capacity_bytes(Some(used as u64));
    let kept = log.retain(at(100_500), log.log_end()).unwrap();
    assert_eq!((kept.segments_deleted, kept.log_start), (1, Offset(1)));
    assert!(!dir.is_offline());
}
