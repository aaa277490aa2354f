//! Indexes are mapped once, bounded in number, and go with what they belong to.

use std::sync::Arc;

use highwater_disk::{Disk, FaultyDisk};
use highwater_types::Offset;

use super::support::*;
use crate::{LogConfig, LogDir, PartitionLog, StorageOptions};

/// One index entry for each batch but the first.
fn dense() -> LogConfig {
    LogConfig {
        index_interval_bytes: 0,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

fn bounded_dir(disk: &FaultyDisk, open_files_max: usize) -> Arc<LogDir> {
    let options = StorageOptions {
        open_files_max,
        ..StorageOptions::default()
    };
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    LogDir::open(disk, &dir_path(), &identity(), Arc::new(options)).unwrap()
}

fn fill(log: &PartitionLog, records: i64) {
    for nth in log.log_end().0..log.log_end().0 + records {
        append(log, &[&format!("value-{nth}")], 1000 + nth);
    }
}

fn first_of(log: &PartitionLog, from: i64) -> Offset {
    let found = log.read(Offset(from), log.log_end(), 1, true);
    found.unwrap().unwrap().first_batch_offset
}

/// Files opened and reads made by a call.
fn cost(disk: &FaultyDisk, call: impl FnOnce()) -> (u64, u64) {
    let before = (disk.opened_files(), disk.reads());
    call();
    (disk.opened_files() - before.0, disk.reads() - before.1)
}

#[test]
fn a_reader_far_behind_in_the_segment_that_is_written_opens_no_index_each_time() {
    let disk = FaultyDisk::new();
    let log = create(&open_dir(&disk), dense());
    fill(&log, 1500);
    assert_eq!(first_of(&log, 700), Offset(700));
    for from in [1, 300, 699, 700] {
        let (opened, reads) = cost(&disk, || assert_eq!(first_of(&log, from), Offset(from)));
        assert_eq!(opened, 0, "offset {from}");
        assert!(reads <= 3, "offset {from} took {reads} reads");
    }
    // The map follows the file as that grows.
    fill(&log, 1500);
    for from in [700, 2000, 2500] {
        assert_eq!(first_of(&log, from), Offset(from));
    }
    assert_eq!(disk.live_maps(), 1);
}

#[test]
fn records_of_closed_segments_are_found_by_time_without_reading_the_index_again() {
    let disk = FaultyDisk::new();
    let log = create(&open_dir(&disk), dense());
    fill(&log, 600);
    log.roll(at(0)).unwrap();
    fill(&log, 10);
    let find = |time_ms| {
        let found = log.find_by_timestamp(time_ms, log.log_end());
        found.unwrap().unwrap().offset
    };
    assert_eq!(find(1500), Offset(500));
    let (opened, reads) = cost(&disk, || assert_eq!(find(1400), Offset(400)));
    assert_eq!(opened, 0);
    assert!(reads <= 12, "{reads} reads");
}

#[test]
fn a_segment_that_was_closed_is_looked_up_in_the_whole_of_its_index() {
    let disk = FaultyDisk::new();
    let log = create(&open_dir(&disk), dense());
    fill(&log, 900);
    assert_eq!(first_of(&log, 100), Offset(100));
    log.roll(at(0)).unwrap();
    fill(&log, 1);
    assert_eq!(first_of(&log, 880), Offset(880));
    let (_, reads) = cost(&disk, || assert_eq!(first_of(&log, 870), Offset(870)));
    assert!(reads <= 3, "{reads} reads");
}

#[test]
fn open_files_and_maps_together_stay_within_the_bound() {
    let disk = FaultyDisk::new();
    let dir = bounded_dir(&disk, 8);
    let log = create(&dir, small_segments());
    fill(&log, 400);
    log.flush().unwrap();
    assert!(log.segment_count() > 20);
    for from in 0..400 {
        let found = log.find_by_timestamp(1000 + from, log.log_end());
        assert_eq!(found.unwrap().unwrap().offset, Offset(from));
        let open = disk.open_files() as usize + disk.live_maps();
        assert!(open <= 9, "{open} open"); // One more for the segment that is written.
    }
}

#[test]
fn deleted_segments_and_logs_keep_neither_files_nor_maps() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let config = LogConfig {
        retention_bytes: Some(0),
        file_delete_delay_ms: 0,
        ..small_segments()
    };
    let log = create(&dir, config);
    fill(&log, 200);
    log.flush().unwrap();
    for from in 0..200 {
        assert_eq!(first_of(&log, from), Offset(from));
    }
    let before = disk.live_maps();
    assert!(before > 5);
    log.retain(at(0), log.log_end()).unwrap();
    log.remove_due_files(at(0)).unwrap();
    let segments = log.segment_count();
    assert!(disk.live_maps() <= segments);
    assert!(
        disk.open_files() <= 1 + segments as u64,
        "{}",
        disk.open_files()
    );
    log.delete(at(0)).unwrap();
    drop(log);
    // The journal of flushed ends stays open.
    assert_eq!((disk.open_files(), disk.live_maps()), (1, 0));
}

#[test]
fn a_mapped_index_is_replaced_and_never_cut() {
    let disk = FaultyDisk::new();
    let log = create(&open_dir(&disk), dense());
    fill(&log, 600);
    log.roll(at(0)).unwrap();
    fill(&log, 600);
    let held = [first_of(&log, 10), first_of(&log, 620)];
    assert_eq!(held, [Offset(10), Offset(620)]);
    assert_eq!(disk.live_maps(), 2);
    log.truncate_to(Offset(300), at(0)).unwrap();
    assert_eq!(disk.maps_cut(), 0);
    fill(&log, 900);
    for from in [5, 299, 300, 500, 1100] {
        assert_eq!(first_of(&log, from), Offset(from));
    }
    assert_eq!(disk.maps_cut(), 0);
}

#[test]
fn a_time_index_that_names_the_wrong_batch_is_not_believed() {
    let disk = FaultyDisk::new();
    let log = create(&open_dir(&disk), dense());
    fill(&log, 100);
    log.roll(at(0)).unwrap();
    fill(&log, 1);
    log.flush().unwrap();
    let path = crate::paths::segment_file(&log_path(), Offset(0), "timeindex");
    disk.damage(&path, |bytes| {
        // Entry 40 stays larger than the one in front, but is far too early for its batch.
        let entry = &mut bytes[40 * 12..41 * 12];
        entry[..8].copy_from_slice(&1041_i64.to_be_bytes());
        entry[8..].copy_from_slice(&80_u32.to_be_bytes());
        bytes.truncate(41 * 12);
    });
    let found = log.find_by_timestamp(1050, log.log_end());
    assert_eq!(found.unwrap().unwrap().offset, Offset(50));
}

#[test]
fn an_index_on_a_bad_sector_is_done_without() {
    let disk = FaultyDisk::new();
    let log = create(&open_dir(&disk), dense());
    fill(&log, 600);
    log.roll(at(2000)).unwrap();
    fill(&log, 5);
    log.close().unwrap();
    log.log_dir().close_clean(&[]).unwrap();
    drop(log);
    let (log, _) = reopen(&disk, dense());
    for bad in [".index", ".timeindex"] {
        disk.fail_reads_of(Some(bad));
        assert_eq!(first_of(&log, 300), Offset(300));
        let found = log.find_by_timestamp(1400, log.log_end()).unwrap();
        assert_eq!(found.map(|found| found.offset), Some(Offset(400)));
    }
    assert_eq!(
        disk.live_maps(),
        1,
        "of the offset index, once it could be read"
    );
}
