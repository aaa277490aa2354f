//! A scripted life of a log, stopped after every single operation on the disk.
//!
//! Each stop is looked at as a dead process leaves it, as a power cut leaves it, and torn by
//! many seeds. What the script was told is durable must be there, byte for byte; what else is
//! there must be what was appended; and the log must go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater_disk::{CrashImage, FaultyDisk};
use highwater_types::{LeaderEpoch, Offset};

use super::support::*;
use crate::{AppendOrigin, AppendOutcome, Commit, LogConfig, PartitionLog};

const SEEDS: u64 = 6;

/// What the script knows: all it appended, and what it was told.
#[derive(Clone, Default)]
pub(super) struct Known {
    pub(super) appended: BTreeMap<i64, String>,
    pub(super) flushed_end: i64,
    pub(super) log_start: i64,
    /// Where the log may start at most, because that much was asked to be deleted.
    pub(super) log_start_max: i64,
    pub(super) created: bool,
    /// The last flushed batch of the producer: sequence, offset, value.
    pub(super) produced: Option<(i32, i64, String)>,
    staged: Option<(i32, i64, String)>,
    sequence: i32,
    /// How often the write-ahead log was used.
    commits: u32,
}

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 600,
        index_interval_bytes: 100,
        retention_bytes: Some(1500),
        retention_ms: None,
        file_delete_delay_ms: 10,
        ..LogConfig::default()
    }
}

pub(super) struct Script<'a> {
    pub(super) known: &'a mut Known,
    log: Arc<PartitionLog>,
    epoch: LeaderEpoch,
}

type Step = Result<(), Box<dyn std::error::Error>>;

impl Script<'_> {
    fn append(&mut self, values: i64) -> Step {
        for _ in 0..values {
            let next = self.log.log_end().0;
            let value = format!("value-{next}-{}", "x".repeat((next % 7) as usize * 9));
            let by_producer = next % 3 == 0;
            let made = match by_producer {
                true => producer(77, 0, self.known.sequence),
                false => highwater_records::BatchProducer::NONE,
            };
            // Known before it is tried: a write that fails may still have reached the disk.
            self.known.appended.insert(next, value.clone());
            let bytes = batch_of(&[&value], 1000 + next, made);
            let header = highwater_records::BatchHeader::parse(&bytes)?;
            let batch = crate::AppendBatch {
                header,
                bytes: &bytes,
            };
            let now = at(1000 + next);
            let done = self
                .log
                .append_leader(&[batch], self.epoch, now, AppendOrigin::Client)?;
            assert_eq!(done.base_offset, Offset(next));
            if by_producer {
                self.known.staged = Some((self.known.sequence, next, value));
                self.known.sequence += 1;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Step {
        let staged = self.known.staged.clone();
        self.known.flushed_end = self.log.flush()?.0;
        self.known.produced = staged;
        Ok(())
    }

    /// By way of the write-ahead log, if that can be.
    fn commit(&mut self) -> Step {
        let staged = self.known.staged.clone();
        let dir = Arc::clone(self.log.log_dir());
        let outcomes = dir.commit(&[&self.log]);
        if dir.wants_wal_upkeep() {
            dir.keep_up_wal()?;
        }
        match outcomes[..] {
            [Commit::Done(end)] => {
                self.known.flushed_end = end.0;
                self.known.produced = staged;
                self.known.commits += 1;
                Ok(())
            }
            [Commit::Declined] => self.flush(),
            _ => Err("the commit failed".into()),
        }
    }

    fn delete_records(&mut self, offset: i64) -> Step {
        self.known.log_start_max = self.known.log_start_max.max(offset);
        self.known.log_start = self.log.advance_log_start(Offset(offset))?.0;
        Ok(())
    }

    fn retain(&mut self) -> Step {
        self.known.log_start_max = self.known.log_start_max.max(self.log.log_end().0);
        self.log.retain(at(5000), self.log.flushed_end())?;
        self.log.remove_due_files(at(5005))?;
        Ok(())
    }
}

/// The life of a log. Returns early when the disk dies.
pub(super) fn live(disk: &FaultyDisk, known: &mut Known) -> Step {
    let dir = try_open_dir(disk)?;
    let log = dir.create_partition(&tp("t-0"), TOPIC_ID, config().into())?;
    known.created = true;
    let mut script = Script {
        known,
        log: Arc::new(log),
        epoch: EPOCH,
    };
    script.append(3)?;
    script.flush()?;
    dir.keep_up_wal()?;
    script.append(1)?;
    script.commit()?;
    script.append(9)?;
    dir.persist_flushed_ends()?;
    script.flush()?;
    script.epoch = LeaderEpoch(2);
    script.log.assign_epoch(script.epoch, script.log.log_end());
    script.append(2)?;
    script.commit()?;
    script.append(6)?;
    script.flush()?;
    for _ in 0..5 {
        script.append(1)?;
        script.commit()?;
    }
    dir.keep_up_wal()?;
    script.append(2)?;
    script.commit()?;
    script.log.roll(at(2000))?;
    script.append(2)?;
    dir.persist_flushed_ends()?;
    dir.write_checkpoints(&[(tp("t-0"), Offset(5))])?;
    script.delete_records(4)?;
    script.flush()?;
    script.retain()?;
    script.append(5)?;
    script.flush()?;
    script.log.remove_due_files(at(9000))?;
    script.append(1)?;
    script.commit()?;
    dir.persist_flushed_ends()?;
    script.append(1)?;
    script.commit()?;
    script.log.close()?;
    dir.close_clean(&[(tp("t-0"), Offset(20))])?;
    let epoch = LeaderEpoch(5);
    drop((script, dir));
    let dir = try_open_dir(disk)?;
    let (log, _) = dir.open_partition(&tp("t-0"), config().into(), at(0))?;
    let log = Arc::new(log);
    let mut script = Script { known, log, epoch };
    script.append(4)?;
    script.flush()?;
    dir.keep_up_wal()?;
    script.append(1)?;
    script.commit()?;
    script.append(12)?;
    Ok(())
}

/// Opens what a crash has left and checks every promise.
pub(super) fn check(disk: &FaultyDisk, known: &Known) -> Result<(), String> {
    let dir = try_open_dir(disk).map_err(|error| format!("the directory: {error}"))?;
    if !known.created {
        return Ok(());
    }
    let (log, report) = dir
        .open_partition(&tp("t-0"), config().into(), at(0))
        .map_err(|error| format!("the log: {error}"))?;
    if !report.damaged.is_empty() {
        return Err(format!("damage where there is none: {:?}", report.damaged));
    }
    let (start, end) = (log.log_start(), log.log_end());
    if end.0 < known.flushed_end {
        return Err(format!(
            "the log ends at {end}, {} was flushed",
            known.flushed_end
        ));
    }
    if start.0 < known.log_start || start.0 > known.log_start_max {
        return Err(format!(
            "the log starts at {start}, between {} and {} is expected",
            known.log_start, known.log_start_max
        ));
    }
    let read = read_all(&log, start).map_err(|error| format!("reading: {error}"))?;
    let expected: Vec<_> = (start.0..end.0)
        .map(|at| (at, known.appended.get(&at).cloned()))
        .collect();
    let read: Vec<_> = read
        .into_iter()
        .map(|(at, value)| (at, Some(value)))
        .collect();
    if let Some((read, expected)) = read.iter().zip(&expected).find(|(a, b)| a != b) {
        return Err(format!("read {read:?}, expected {expected:?}"));
    }
    if read.len() != expected.len() {
        return Err(format!("read {} records of {}", read.len(), expected.len()));
    }
    check_epochs(&log)?;
    if let Some((sequence, offset, value)) = &known.produced {
        check_producer(&log, *sequence, *offset, value)?;
    }
    let bytes = plain(&["after"], 9000);
    let header = highwater_records::BatchHeader::parse(&bytes).unwrap();
    let batch = crate::AppendBatch {
        header,
        bytes: &bytes,
    };
    let next = log
        .append_leader(&[batch], LeaderEpoch(9), at(9000), AppendOrigin::Client)
        .map_err(|error| error.to_string())?;
    log.flush().map_err(|error| error.to_string())?;
    if next.last_offset != log.log_end() + -1 {
        return Err("the log does not go on".to_owned());
    }
    Ok(())
}

/// The lineage must say of every batch what its header says.
fn check_epochs(log: &PartitionLog) -> Result<(), String> {
    let lineage = log.epochs();
    let mut from = log.log_start();
    while let Ok(Some(range)) = log.read(from, log.log_end(), 1 << 20, true) {
        let mut bytes = vec![0; range.len];
        range.file.read_full_at(&mut bytes, range.position).unwrap();
        for batch in highwater_records::batches(&bytes).flatten() {
            let header = batch.header;
            let at = header.base_offset.max(log.log_start());
            let says = lineage
                .iter()
                .rev()
                .find(|(_, start)| *start <= at)
                .map(|(epoch, _)| *epoch);
            if says != Some(header.partition_leader_epoch) {
                return Err(format!("offset {at}: {says:?} in {lineage:?}, {header:?}"));
            }
            from = header.next_offset();
        }
    }
    Ok(())
}

fn check_producer(
    log: &PartitionLog,
    sequence: i32,
    offset: i64,
    value: &str,
) -> Result<(), String> {
    if offset < log.log_start().0 {
        return Ok(());
    }
    // The last flushed batch may since have been followed by unflushed ones that survived.
    let last = log
        .producers()
        .first()
        .map_or(-1, |producer| producer.last_sequence);
    if last < sequence {
        return Err(format!(
            "the producer's last sequence is {last}, {sequence} was flushed"
        ));
    }
    if last == sequence {
        let bytes = batch_of(&[value], 1000 + offset, producer(77, 0, sequence));
        let again = append_bytes(log, &bytes).map_err(|error| error.to_string())?;
        if again.outcome != AppendOutcome::Duplicate || again.base_offset != Offset(offset) {
            return Err(format!(
                "sequence {sequence} again: {again:?}, expected {offset}"
            ));
        }
    }
    let gap = batch_of(&["gap"], 9000, producer(77, 0, last + 2));
    match append_bytes(log, &gap) {
        Err(_) => Ok(()),
        Ok(done) => Err(format!("a gap in the sequence was taken: {done:?}")),
    }
}

pub(super) fn images() -> impl Iterator<Item = CrashImage> {
    [CrashImage::Synced, CrashImage::All]
        .into_iter()
        .chain((0..SEEDS).map(CrashImage::Torn))
}

fn operations_of_a_life() -> u64 {
    let (disk, mut known) = (FaultyDisk::new(), Known::default());
    live(&disk, &mut known).unwrap();
    assert!(known.commits > 6, "the write-ahead log was hardly used");
    disk.operations()
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_machine_stops() {
    for stop in 0..=operations_of_a_life() {
        let disk = FaultyDisk::new();
        disk.crash_after(stop);
        let mut known = Known::default();
        let _ = live(&disk, &mut known);
        for image in images() {
            if let Err(why) = check(&disk.crash(image), &known) {
                panic!("stopped after {stop} operations, {image:?}: {why}");
            }
        }
    }
}

#[test]
fn a_second_stop_during_recovery_loses_nothing_either() {
    let total = operations_of_a_life();
    for stop in (0..=total).step_by(9) {
        let disk = FaultyDisk::new();
        disk.crash_after(stop);
        let mut known = Known::default();
        let _ = live(&disk, &mut known);
        let first = disk.crash(CrashImage::Torn(stop));
        let before = first.operations();
        for again in (0..40).step_by(2) {
            let second = disk.crash(CrashImage::Torn(stop));
            second.crash_after(before + again);
            let finished = check(&second, &known).is_ok();
            for image in [CrashImage::Synced, CrashImage::Torn(again)] {
                // What the check itself appended behind the log may be there too.
                let left = second.crash(image);
                let mut allowed = known.clone();
                let end = first_free(&left);
                if let Some((at, value)) = end {
                    allowed.appended.insert(at, value);
                }
                if let Err(why) = check(&left, &allowed) {
                    panic!("stopped after {stop}, then {again} more, {image:?}: {why}");
                }
            }
            if finished {
                break;
            }
        }
    }
}

/// The record that a check appended, if it is the last of the log.
fn first_free(disk: &FaultyDisk) -> Option<(i64, String)> {
    let copy = disk.crash(CrashImage::All);
    let dir = try_open_dir(&copy).ok()?;
    let (log, _) = dir
        .open_partition(&tp("t-0"), config().into(), at(0))
        .ok()?;
    let last = read_all(&log, log.log_end() + -1).ok()?.pop()?;
    (last.1 == "after").then_some(last)
}

/// Whether any stop of a life with this fault is found out by the checks.
fn is_found_out(fault: impl Fn(&FaultyDisk)) -> bool {
    (0..=operations_of_a_life()).any(|stop| {
        let disk = FaultyDisk::new();
        fault(&disk);
        disk.crash_after(stop);
        let mut known = Known::default();
        let _ = live(&disk, &mut known);
        images().any(|image| check(&disk.crash(image), &known).is_err())
    })
}

#[test]
fn control_a_sync_that_does_nothing_is_found_out() {
    assert!(is_found_out(|disk| disk.ignore_syncs(true)));
}

#[test]
fn control_a_lost_producer_state_is_found_out() {
    let disk = FaultyDisk::new();
    let mut known = Known::default();
    live(&disk, &mut known).unwrap();
    let dir = open_dir(&disk);
    let (log, _) = dir
        .open_partition(&tp("t-0"), config().into(), at(0))
        .unwrap();
    let (sequence, offset, value) = known.produced.clone().unwrap();
    assert!(check_producer(&log, sequence, offset, &value).is_ok());
    log.writer.lock().producers = crate::producer_state::ProducerTable::default();
    assert!(check_producer(&log, sequence, offset, &value).is_err());
}
