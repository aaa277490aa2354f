//! Compaction keeps the last record of every key, whatever happens meanwhile.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use highwater_disk::{CrashImage, FaultyDisk};
use highwater_records::{BatchProducer, BatchSpec, BatchView, RecordBatchBuilder, Scratch};
use highwater_types::Offset;
use proptest::prelude::*;

use super::support::*;
use crate::{AppendOutcome, Compacted, CompactionLimits, LogConfig, PartitionLog};

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 700,
        index_interval_bytes: 100,
        compact: true,
        delete: false,
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: 100,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

fn put(log: &PartitionLog, records: &[(u8, Option<&str>)], made: BatchProducer, time_ms: i64) {
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        producer: made,
        ..BatchSpec::default()
    });
    for (key, value) in records {
        let key = format!("key-{key}");
        builder
            .append(time_ms, Some(key.as_bytes()), value.map(str::as_bytes), &[])
            .unwrap();
    }
    append_bytes(log, &builder.finish().unwrap()).unwrap();
}

fn compact(log: &PartitionLog, now_ms: i64, map_bytes_max: usize) -> Option<Compacted> {
    let limits = CompactionLimits { map_bytes_max };
    log.compact(at(now_ms), log.log_end(), limits, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap()
}

/// All records: offset, key, value.
fn records(log: &PartitionLog) -> Vec<(i64, String, Option<String>)> {
    let mut out = Vec::new();
    let mut scratch = Scratch::new();
    let mut from = log.log_start();
    while let Some(range) = log.read(from, log.log_end(), 1 << 20, true).unwrap() {
        let mut bytes = vec![0; range.len];
        range.file.read_full_at(&mut bytes, range.position).unwrap();
        let mut rest = &bytes[..];
        while let Ok(view) = BatchView::first(rest) {
            assert!(view.crc_matches());
            for record in view.records(&mut scratch, 1 << 20).unwrap() {
                let record = record.unwrap();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                out.push((
                    record.offset(&view.header).0,
                    text(record.key.unwrap()),
                    record.value.map(text),
                ));
            }
            from = view.header.next_offset();
            rest = &rest[view.bytes.len()..];
        }
    }
    out
}

fn last_of_each_key(records: &[(i64, String, Option<String>)]) -> BTreeMap<String, (i64, String)> {
    let mut last = BTreeMap::new();
    for (offset, key, value) in records {
        match value {
            Some(value) => drop(last.insert(key.clone(), (*offset, value.clone()))),
            None => drop(last.remove(key)),
        }
    }
    last
}

fn filled(disk: &FaultyDisk) -> PartitionLog {
    let log = create(&open_dir(disk), config());
    for nth in 0..120_u8 {
        let value = format!("value-{nth}");
        put(
            &log,
            &[(nth % 7, Some(&value)), (nth % 5 + 10, Some(&value))],
            BatchProducer::NONE,
            1000,
        );
    }
    log.flush().unwrap();
    log
}

#[test]
fn only_the_last_record_of_each_key_stays_and_offsets_do_not_change() {
    let disk = FaultyDisk::new();
    let log = filled(&disk);
    let before = records(&log);
    let size = log.size_bytes();
    let done = compact(&log, 2000, 1 << 20).unwrap();
    assert!(done.bytes_after < done.bytes_before / 3, "{done:?}");
    let after = records(&log);
    assert_eq!(last_of_each_key(&after), last_of_each_key(&before));
    assert!(after.iter().all(|record| before.contains(record)));
    assert_eq!(log.log_end(), Offset(240));
    assert_eq!(
        log.size_bytes(),
        size - done.bytes_before + done.bytes_after
    );
    let closed = after
        .iter()
        .filter(|record| record.0 < done.clean_until.0)
        .count();
    let keys: std::collections::BTreeSet<_> = after
        .iter()
        .filter(|r| r.0 < done.clean_until.0)
        .map(|r| &r.1)
        .collect();
    assert_eq!(
        closed,
        keys.len(),
        "no key stands twice in the compacted part"
    );
    assert_eq!(
        compact(&log, 2000, 1 << 20),
        None,
        "nothing is dirty any more"
    );
    for offset in 0..240 {
        assert!(
            log.read(Offset(offset), Offset(240), 1, true)
                .unwrap()
                .is_some()
        );
    }
}

#[test]
fn a_map_that_is_too_small_takes_several_rounds() {
    let disk = FaultyDisk::new();
    let log = filled(&disk);
    let before = last_of_each_key(&records(&log));
    let mut rounds = 0;
    while let Some(done) = compact(&log, 2000, 48 * 6) {
        rounds += 1;
        assert!(rounds < 100, "{done:?}");
        assert_eq!(last_of_each_key(&records(&log)), before);
    }
    assert!(rounds > 1);
}

#[test]
fn a_tombstone_outlives_what_it_deletes_by_its_retention() {
    let disk = FaultyDisk::new();
    let log = create(&open_dir(&disk), config());
    put(
        &log,
        &[(1, Some("a")), (2, Some("b"))],
        BatchProducer::NONE,
        1000,
    );
    put(&log, &[(1, None)], BatchProducer::NONE, 1000);
    put(&log, &[(3, Some("c"))], BatchProducer::NONE, 1000);
    log.roll(at(1000)).unwrap();
    put(&log, &[(4, Some("d"))], BatchProducer::NONE, 1000);
    log.flush().unwrap();
    compact(&log, 2000, 1 << 20).unwrap();
    let keys = |log: &PartitionLog| -> Vec<String> {
        records(log).into_iter().map(|record| record.1).collect()
    };
    assert_eq!(
        keys(&log),
        ["key-2", "key-1", "key-3", "key-4"],
        "the tombstone stays at first"
    );
    for (now_ms, expected) in [(2050, 4 + 1), (2150, 3 + 2)] {
        log.roll(at(now_ms)).unwrap();
        put(&log, &[(5, Some("e"))], BatchProducer::NONE, now_ms);
        log.flush().unwrap();
        compact(&log, now_ms, 1 << 20).unwrap();
        assert_eq!(keys(&log).len(), expected, "{:?}", records(&log));
    }
    assert!(!keys(&log).contains(&"key-1".to_owned()));
}

#[test]
fn lags_and_the_dirty_ratio_decide_when() {
    let disk = FaultyDisk::new();
    let log = filled(&disk);
    let with = |change: fn(&mut LogConfig)| {
        let mut changed = config();
        change(&mut changed);
        log.set_config(changed.into());
    };
    with(|config| config.compact = false);
    assert_eq!(compact(&log, 2000, 1 << 20), None);
    with(|config| config.min_compaction_lag_ms = 5000);
    assert_eq!(compact(&log, 2000, 1 << 20), None);
    with(|config| config.min_cleanable_dirty_ratio = 1.1);
    assert_eq!(log.compaction_due(at(2000), log.log_end()).unwrap(), None);
    with(|config| {
        config.min_cleanable_dirty_ratio = 1.1;
        config.max_compaction_lag_ms = 500;
    });
    assert_eq!(
        log.compaction_due(at(2000), log.log_end()).unwrap(),
        Some(1.0)
    );
    with(|config| config.min_cleanable_dirty_ratio = 0.5);
    let nothing = log.compact(
        at(2000),
        Offset(3),
        CompactionLimits::default(),
        &mut |_| ControlFlow::Continue(()),
    );
    assert_eq!(
        nothing.unwrap(),
        None,
        "nothing beyond the high watermark is compacted"
    );
    assert!(compact(&log, 2000, 1 << 20).is_some());
}

#[test]
fn the_sequence_of_a_producer_survives_the_loss_of_its_records() {
    let disk = FaultyDisk::new();
    let log = create(&open_dir(&disk), config());
    put(&log, &[(1, Some("a"))], producer(9, 0, 0), 1000);
    put(&log, &[(1, Some("b"))], producer(9, 0, 1), 1000);
    for _ in 0..40 {
        put(&log, &[(1, Some("later"))], BatchProducer::NONE, 1000);
    }
    log.flush().unwrap();
    compact(&log, 2000, 1 << 20).unwrap();
    assert!(
        !records(&log)
            .iter()
            .any(|record| record.2.as_deref() == Some("b"))
    );
    // Without any snapshot the producers come from the log alone.
    for path in disk.files() {
        if path.extension().is_some_and(|kind| kind == "snapshot") {
            disk.damage(&path, Vec::clear);
        }
    }
    drop(log);
    let (log, _) = reopen(&disk.crash(CrashImage::All), config());
    let mut builder = RecordBatchBuilder::new(BatchSpec {
        producer: producer(9, 0, 1),
        ..BatchSpec::default()
    });
    builder
        .append(1000, Some(b"key-1"), Some(b"b"), &[])
        .unwrap();
    let again = append_bytes(&log, &builder.finish().unwrap()).unwrap();
    assert_eq!(
        (again.outcome, again.base_offset),
        (AppendOutcome::Duplicate, Offset(1))
    );
}

#[test]
fn a_stop_at_any_point_of_a_compaction_keeps_the_last_record_of_each_key() {
    let whole = FaultyDisk::new();
    let log = filled(&whole);
    let expected = last_of_each_key(&records(&log));
    log.log_dir().persist_flushed_ends().unwrap();
    drop(log);
    let start = whole.crash(CrashImage::Synced);
    let mut stop = 0;
    loop {
        let disk = start.crash(CrashImage::All);
        let (log, _) = reopen(&disk, config());
        disk.crash_after(disk.operations() + stop);
        let limits = CompactionLimits {
            map_bytes_max: 48 * 8,
        };
        let mut finished = true;
        for round in 0..3 {
            let done = log.compact(at(2000 + round), log.log_end(), limits, &mut |_| {
                ControlFlow::Continue(())
            });
            finished &= done.is_ok();
            finished &= log.remove_due_files(at(5000)).is_ok();
        }
        drop(log);
        for image in [CrashImage::Synced, CrashImage::All, CrashImage::Torn(stop)] {
            let left = disk.crash(image);
            let (log, report) = reopen(&left, config());
            assert_eq!(report.damaged, vec![], "{stop} {image:?}");
            assert_eq!(log.log_end(), Offset(240), "{stop} {image:?}");
            assert_eq!(
                last_of_each_key(&records(&log)),
                expected,
                "{stop} {image:?}"
            );
            while compact(&log, 9000, 1 << 20).is_some() {}
            assert_eq!(
                last_of_each_key(&records(&log)),
                expected,
                "{stop} {image:?}"
            );
        }
        if finished {
            break;
        }
        stop += 1;
    }
    assert!(stop > 30, "only {stop} operations");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn the_last_record_of_each_key_is_never_lost(
        batches in proptest::collection::vec(
            proptest::collection::vec((0..12_u8, proptest::option::of(0..100_u8)), 1..5), 1..60),
        map_entries in 1..40_usize,
        rounds in 1..4_usize,
    ) {
        let disk = FaultyDisk::new();
        let log = create(&open_dir(&disk), config());
        let per_round = batches.len().div_ceil(rounds);
        for (round, part) in batches.chunks(per_round).enumerate() {
            for batch in part {
                let values: Vec<_> =
                    batch.iter().map(|(key, value)| (*key, value.map(|v| v.to_string()))).collect();
                let records: Vec<_> =
                    values.iter().map(|(key, value)| (*key, value.as_deref())).collect();
                put(&log, &records, BatchProducer::NONE, 1000);
            }
            log.flush().unwrap();
            let before = records(&log);
            compact(&log, 2000 + round as i64 * 80, map_entries * 48);
            let after = records(&log);
            prop_assert_eq!(last_of_each_key(&after), last_of_each_key(&before));
            prop_assert!(after.iter().all(|record| before.contains(record)));
        }
        let now = records(&log);
        drop(log);
        let (log, _) = reopen(&disk.crash(CrashImage::Synced), config());
        prop_assert_eq!(records(&log), now);
    }
}

#[test]
fn a_round_that_is_stopped_leaves_whole_segments_and_can_be_made_again() {
    let mut stopped = 0;
    for steps in (0..400).step_by(7) {
        let disk = FaultyDisk::new();
        let log = filled(&disk);
        let before = records(&log);
        let mut left = steps;
        let done = log.compact(
            at(2000),
            log.log_end(),
            CompactionLimits::default(),
            &mut |_| {
                left -= 1;
                if left < 0 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        stopped += i32::from(done.unwrap().is_none());
        assert!(
            left >= -1,
            "nothing is read or written after the word to stop"
        );
        let unfinished = |path: &std::path::PathBuf| path.to_string_lossy().contains(".cleaned");
        assert!(!disk.files().iter().any(unfinished));
        let (reopened, _) = reopen(&disk.crash(CrashImage::Synced), config());
        for log in [&log, &reopened] {
            assert_eq!(last_of_each_key(&records(log)), last_of_each_key(&before));
            compact(log, 3000, 1 << 20);
            assert_eq!(last_of_each_key(&records(log)), last_of_each_key(&before));
            assert_eq!(
                compact(log, 3000, 1 << 20),
                None,
                "nothing is dirty any more"
            );
        }
    }
    assert!(stopped > 20, "{stopped}");
}

#[test]
fn the_deletion_of_a_log_ends_its_compaction() {
    let disk = FaultyDisk::new();
    let log = filled(&disk);
    let mut calls = 0;
    let done = log.compact(
        at(2000),
        log.log_end(),
        CompactionLimits::default(),
        &mut |_| {
            calls += 1;
            if calls == 5 {
                log.delete(at(2000)).unwrap();
            }
            ControlFlow::Continue(())
        },
    );
    assert_eq!((done.unwrap(), calls), (None, 5));
}
