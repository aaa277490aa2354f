//! Rot: bytes that were good once. It is never served, never cut, and named.

use highwater_disk::{CrashImage, FaultyDisk};
use highwater_types::Offset;

use super::support::*;
use crate::{LogConfig, ReadError};

const RECORDS: i64 = 24;

/// A log of several segments, stopped cleanly or not.
fn stopped(clean: bool) -> FaultyDisk {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let log = create(&dir, small_segments());
    for nth in 0..RECORDS {
        append(&log, &[&format!("value-{nth}")], 1000 + nth);
    }
    log.flush().unwrap();
    dir.persist_flushed_ends().unwrap();
    if clean {
        log.close().unwrap();
        dir.close_clean(&[]).unwrap();
    }
    drop((log, dir));
    disk.crash(CrashImage::Synced)
}

/// Records by offset and ranges of offsets that cannot be read.
type ReadAndGaps = (Vec<(i64, String)>, Vec<(i64, i64)>);

/// Reads like a consumer that steps over damage, and gives what it could read and the gaps.
fn read_around(log: &crate::PartitionLog) -> ReadAndGaps {
    let (mut read, mut gaps) = (Vec::new(), Vec::new());
    let mut from = log.log_start();
    while from < log.log_end() {
        match read_all(log, from) {
            Ok(rest) => {
                read.extend(rest);
                break;
            }
            Err(_) => {
                // Step by step up to the damage, then over it.
                while let Ok(Some(range)) = log.read(from, log.log_end(), 1, true) {
                    let mut bytes = vec![0; range.len];
                    range.file.read_full_at(&mut bytes, range.position).unwrap();
                    let header = highwater_records::BatchHeader::parse(&bytes).unwrap();
                    let value = format!("value-{}", header.base_offset);
                    read.push((header.base_offset.0, value));
                    from = header.next_offset();
                }
                match log.read(from, log.log_end(), 1, true) {
                    Err(ReadError::Corrupt { until, path, .. }) => {
                        assert!(path.starts_with(log_path()));
                        assert!(until > from, "damage must have an end");
                        gaps.push((from.0, until.0));
                        from = until;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    (read, gaps)
}

#[test]
fn a_flipped_byte_anywhere_in_a_segment_costs_its_batch_and_nothing_else() {
    for clean in [true, false] {
        let whole = stopped(clean);
        let segments: Vec<_> = whole
            .files()
            .into_iter()
            .filter(|path| path.extension().is_some_and(|kind| kind == "log"))
            .collect();
        assert!(segments.len() > 1);
        for path in segments {
            for at in 0..without_space(&whole.bytes(&path).unwrap()) {
                let disk = whole.crash(CrashImage::All);
                disk.damage(&path, |bytes| bytes[at] ^= 0x55);
                let (log, report) = reopen(&disk, small_segments());
                assert_eq!(
                    report.cut, None,
                    "flushed bytes may not be cut: {path:?} {at}"
                );
                assert_eq!(log.log_end(), Offset(RECORDS), "{path:?} {at}");
                let (read, gaps) = read_around(&log);
                let missing = RECORDS - read.len() as i64;
                // The leader epoch is the one field that no checksum covers.
                assert!(missing <= 1, "{path:?} {at}: {missing} of {gaps:?}");
                for (offset, value) in read {
                    assert_eq!(value, format!("value-{offset}"));
                }
                assert_eq!(append(&log, &["more"], 5000), Offset(RECORDS));
            }
        }
    }
}

#[test]
fn damaged_indexes_snapshots_and_checkpoints_are_rebuilt() {
    for clean in [true, false] {
        let whole = stopped(clean);
        let small: Vec<_> = whole
            .files()
            .into_iter()
            .filter(|path| path.extension().is_none_or(|kind| kind != "log"))
            .filter(|path| !path.ends_with("meta.properties") && !path.ends_with(".lock"))
            .filter(|path| !path.ends_with("partition.metadata"))
            .collect();
        assert!(small.len() >= 5, "{small:?}");
        for path in small {
            for kind in 0..4 {
                let disk = whole.crash(CrashImage::All);
                disk.damage(&path, |bytes| match kind {
                    0 => bytes.clear(),
                    1 => bytes.iter_mut().for_each(|byte| *byte = 0),
                    2 => bytes.iter_mut().for_each(|byte| *byte ^= 0xa5),
                    _ => bytes.truncate(bytes.len() / 2),
                });
                let (log, _) = reopen(&disk, small_segments());
                assert_eq!(log.log_end(), Offset(RECORDS), "{path:?} {kind}");
                for from in 0..RECORDS {
                    let read = read_all(&log, Offset(from)).unwrap();
                    assert_eq!(read.len() as i64, RECORDS - from, "{path:?} {kind}");
                }
                for nth in 0..RECORDS {
                    let found = log.find_by_timestamp(1000 + nth, Offset(RECORDS)).unwrap();
                    assert_eq!(found.unwrap().offset, Offset(nth), "{path:?} {kind}");
                }
                assert_eq!(log.epochs(), [(EPOCH, Offset(0))], "{path:?} {kind}");
                assert_eq!(append(&log, &["more"], 5000), Offset(RECORDS));
            }
        }
    }
}

/// The length of a segment file without the zeros by which it is sized ahead. Every batch of
/// these tests ends in a single zero, the count of headers of its last record.
fn without_space(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 2)
        .min(bytes.len())
}

#[test]
fn a_torn_end_is_cut_at_the_last_whole_batch() {
    let disk = stopped(false);
    let dir = open_dir(&disk);
    let (log, _) = dir
        .open_partition(&tp("t-0"), small_segments().into(), at(0))
        .unwrap();
    append(&log, &["unflushed"], 3000);
    let base = log.view.lock().segments.last().unwrap().base;
    drop((log, dir));
    let path = segment_file(base.0);
    let whole = without_space(&disk.bytes(&path).unwrap());
    let batch = plain(&["unflushed"], 3000).len();
    // The first bytes of a batch are those of its offset, zeros that look like free space.
    for cut in 1..batch - 8 {
        let disk = disk.crash(CrashImage::All);
        disk.damage(&path, |bytes| bytes.truncate(whole - cut));
        let (log, report) = reopen(&disk, small_segments());
        assert_eq!(log.log_end(), Offset(RECORDS));
        let found = report.cut.unwrap();
        assert_eq!(
            (found.path, found.bytes),
            (path.clone(), (batch - cut) as u64)
        );
        assert_eq!(report.damaged, vec![]);
    }
}

#[test]
fn zeros_behind_the_end_are_space_and_no_damage() {
    let disk = stopped(false);
    let last = disk
        .files()
        .into_iter()
        .rfind(|p| p.extension().is_some_and(|k| k == "log"));
    disk.damage(&last.unwrap(), |bytes| bytes.resize(bytes.len() + 5000, 0));
    let (log, report) = reopen(&disk, small_segments());
    assert_eq!((log.log_end(), report.cut), (Offset(RECORDS), None));
    assert_eq!(append(&log, &["more"], 5000), Offset(RECORDS));
}

#[test]
fn an_end_that_was_flushed_and_is_missing_is_named_and_its_offsets_are_not_used_again() {
    let disk = stopped(false);
    let last = disk
        .files()
        .into_iter()
        .rfind(|p| p.extension().is_some_and(|k| k == "log"));
    disk.damage(&last.unwrap(), |bytes| bytes.clear());
    let (log, report) = reopen(&disk, LogConfig::default());
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    assert_eq!(report.damaged[0].1, Offset(RECORDS));
    assert_eq!(append(&log, &["more"], 5000), Offset(RECORDS));
}

#[test]
fn damage_in_front_does_not_let_damage_behind_it_pass_unverified() {
    let disk = FaultyDisk::new();
    let dir = open_dir(&disk);
    let log = create(&dir, LogConfig::default());
    let mut starts = Vec::new();
    for nth in 0..8 {
        starts.push(log.size_bytes() as usize);
        append(&log, &[&format!("value-{nth}")], 1000 + nth);
    }
    log.flush().unwrap();
    dir.persist_flushed_ends().unwrap();
    drop((log, dir));
    let disk = disk.crash(CrashImage::Synced);
    disk.damage(&segment_file(0), |bytes| {
        // A length that lies, which the start sees, and a value, which only a checksum shows.
        bytes[starts[2] + 8] = 0x7f;
        bytes[starts[6] - 1] ^= 1;
    });
    let (log, report) = reopen(&disk, LogConfig::default());
    assert_eq!(report.damaged, [(Offset(2), Offset(3))]);
    let (read, gaps) = read_around(&log);
    let offsets: Vec<i64> = read.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(
        (offsets, gaps),
        (vec![0, 1, 3, 4, 6, 7], vec![(2, 3), (5, 6)])
    );
}

#[test]
fn an_offset_beyond_the_next_segment_is_damage_and_not_the_end_of_the_log() {
    let disk = FaultyDisk::new();
    let log = create(&open_dir(&disk), LogConfig::default());
    let mut last = 0;
    for nth in 0..8 {
        last = log.size_bytes() as usize;
        append(&log, &[&format!("value-{nth}")], 1000 + nth);
    }
    log.roll(at(0)).unwrap();
    append(&log, &["value-8"], 1008);
    // Nothing was flushed, and only the process dies.
    drop(log);
    let disk = disk.crash(CrashImage::All);
    disk.damage(&segment_file(0), |bytes| bytes[last + 4] = 0x79);
    let (log, report) = reopen(&disk, LogConfig::default());
    assert_eq!(log.log_end(), Offset(7), "{report:?}");
    assert_eq!(read_all(&log, Offset(0)).unwrap().len(), 7);
}
