//! Things in a data directory that nobody expects, and logs that cannot be opened.

use highwater_disk::{CrashImage, Disk, FaultyDisk, OpenMode};
use highwater_types::Offset;

use super::support::*;
use crate::{LogConfig, RecoveryReport};

fn filled(disk: &FaultyDisk) {
    let dir = open_dir(disk);
    let log = create(&dir, small_segments());
    for nth in 0..60 {
        append(&log, &[&format!("value-{nth}")], nth);
    }
    log.flush().unwrap();
    let other = dir.create_partition(&tp("t-1"), TOPIC_ID, LogConfig::default().into());
    let other = other.unwrap();
    append(&other, &["other"], 1);
    other.flush().unwrap();
    dir.persist_flushed_ends().unwrap();
}

#[test]
fn what_is_no_part_of_a_log_is_left_alone_and_disturbs_nothing() {
    let disk = FaultyDisk::new();
    filled(&disk);
    let disk = disk.crash(CrashImage::All);
    let files = [
        "00000000000000000000.log.bak",
        ".00000000000000000000.log.swp",
        "00000000000000000003",
        "12.log",
        "notes.tmp",
        "notes.swap",
        "notes.cleaned",
        "old.deleted",
        "4913",
        "README~",
    ];
    for name in files {
        let file = disk
            .open(&log_path().join(name), OpenMode::CreateNew)
            .unwrap();
        file.write_all_at(b"mine", 0).unwrap();
    }
    let directories = [
        "backup",
        "00000000000000000030.log",
        "x.swap",
        "00000000000000000000.log.tmp",
    ];
    for name in directories {
        disk.create_dir(&log_path().join(name)).unwrap();
    }
    let dir = open_dir(&disk);
    let (log, report) = dir
        .open_partition(&tp("t-0"), small_segments().into(), at(0))
        .unwrap();
    assert_eq!((report.cut, report.damaged), (None, Vec::new()));
    assert_eq!(read_all(&log, Offset(0)).unwrap().len(), 60);
    log.remove_due_files(at(i64::MAX)).unwrap();
    append(&log, &["more"], 61);
    log.flush().unwrap();
    for name in files {
        assert_eq!(
            disk.bytes(&log_path().join(name)).as_deref(),
            Some(&b"mine"[..]),
            "{name}"
        );
    }
    for name in directories {
        assert!(disk.exists(&log_path().join(name)).unwrap(), "{name}");
    }
}

/// The bases of the segments of the log, in order.
fn bases(disk: &FaultyDisk) -> Vec<i64> {
    let names = disk.list(&log_path()).unwrap();
    let logs = names
        .iter()
        .filter_map(|entry| entry.name.strip_suffix(".log"));
    let mut bases: Vec<i64> = logs.filter_map(|base| base.parse().ok()).collect();
    bases.sort_unstable();
    bases
}

/// Opens the log, lets `check` see what was found, and stops in order.
fn stop(disk: &FaultyDisk, check: impl FnOnce(RecoveryReport)) {
    let dir = open_dir(disk);
    let (log, report) = dir
        .open_partition(&tp("t-0"), small_segments().into(), at(0))
        .unwrap();
    assert_eq!(log.log_end(), Offset(60));
    check(report);
    log.close().unwrap();
    dir.close_clean(&[]).unwrap();
}

#[test]
fn a_segment_that_is_missing_in_the_middle_is_reported_at_every_start() {
    for directory_in_its_place in [false, true] {
        let disk = FaultyDisk::new();
        filled(&disk);
        let disk = disk.crash(CrashImage::All);
        stop(&disk, |_| {});
        let bases = bases(&disk);
        let name = format!("{:020}.log", bases[2]);
        disk.remove(&log_path().join(&name)).unwrap();
        if directory_in_its_place {
            disk.create_dir(&log_path().join(&name)).unwrap();
        }
        for _ in 0..2 {
            stop(&disk, |report| {
                assert_eq!(report.damaged, [(Offset(bases[2]), Offset(bases[3]))]);
            });
        }
        // Where gaps are legal nothing can be said.
        let compacted = LogConfig {
            compact: true,
            ..small_segments()
        };
        let dir = open_dir(&disk);
        let (_, report) = dir
            .open_partition(&tp("t-0"), compacted.into(), at(0))
            .unwrap();
        assert_eq!(report.damaged, []);
    }
}

#[test]
fn an_index_without_a_segment_goes_where_nothing_is_missing() {
    let disk = FaultyDisk::new();
    filled(&disk);
    let disk = disk.crash(CrashImage::All);
    let stray = log_path().join(format!("{:020}.index", bases(&disk)[2] + 1));
    disk.open(&stray, OpenMode::CreateNew).unwrap();
    let dir = open_dir(&disk);
    let (_, report) = dir
        .open_partition(&tp("t-0"), small_segments().into(), at(0))
        .unwrap();
    assert_eq!(report.damaged, []);
    assert!(!disk.exists(&stray).unwrap());
}

#[test]
fn directories_that_are_no_logs_are_neither_opened_nor_removed() {
    let disk = FaultyDisk::new();
    filled(&disk);
    let disk = disk.crash(CrashImage::All);
    let odd = [
        "lost+found",
        "t-007",
        "please-delete",
        "t-0-delete",
        "t-0.old-stray",
        ".snapshot",
    ];
    for name in odd {
        disk.create_dir(&dir_path().join(name)).unwrap();
    }
    let dir = open_dir(&disk);
    let found = dir.partitions().unwrap().into_iter();
    let found: Vec<_> = found.map(|found| found.tp.to_string()).collect();
    assert_eq!(found, ["t-0", "t-1"]);
    assert_eq!(dir.remove_due_dirs(at(i64::MAX)).unwrap(), 0);
    for name in odd {
        assert!(disk.exists(&dir_path().join(name)).unwrap(), "{name}");
    }
}

#[test]
fn a_log_that_cannot_be_read_does_not_keep_the_others_from_being_served() {
    let disk = FaultyDisk::new();
    filled(&disk);
    let disk = disk.crash(CrashImage::All);
    let dir = open_dir(&disk);
    disk.fail_reads_of(Some("t-0/"));
    let open = |name| dir.open_partition(&tp(name), small_segments().into(), at(0));
    assert!(open("t-0").is_err());
    assert!(!dir.is_offline());
    let (log, _) = open("t-1").unwrap();
    append(&log, &["more"], 2);
    assert_eq!(log.flush().unwrap(), Offset(2));
    // The sector may be read the next time.
    disk.fail_reads_of(None);
    assert_eq!(open("t-0").unwrap().0.log_end(), Offset(60));
}
