//! Opening a log: what is there, what of it is whole, what follows from it.
//!
//! Up to the known flushed end the log is believed to be there, and damage in it is kept and
//! never served. Behind it, after a stop that was not clean, every batch is checked, and the
//! log is cut at the first that is not whole: nothing there was ever acknowledged. The two are
//! never confused. Where the log ends is read from the segments alone, never from an index.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use highwater_disk::Disk;
use highwater_types::{LeaderEpoch, Now, Offset, TopicId, TopicPartition};

use crate::aborted::AbortedTransaction;
use crate::active_index::ActiveIndex;
use crate::checkpoint::{self, read_or_warn};
use crate::config::LogConfig;
use crate::epochs::EpochLineage;
use crate::error::StorageError;
use crate::log::{LogEnds, PartitionLog, View, Writer};
use crate::log_dir::LogDir;
use crate::paths;
use crate::producer_state::ProducerTable;
use crate::recovery_files::{Files, take_stock};
use crate::recovery_walk::{Walk, header_epoch, walk};
use crate::scan::{Found, Scanner};
use crate::segment::{Place, Segment};
use crate::size_ahead::Ahead;
use crate::snapshot_file;

/// Bytes that were cut off the end of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment file.
    pub path: PathBuf,
    /// Where it ends now.
    pub position: u64,
    /// Bytes that went.
    pub bytes: u64,
}

/// What opening a log has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// The id in `partition.metadata`, if that could be read.
    pub topic_id: Option<TopicId>,
    /// Bytes whose checksums were verified.
    pub bytes_checked: u64,
    /// What was cut off as torn.
    pub cut: Option<Cut>,
    /// Ranges of offsets that were flushed once and are damaged or missing.
    pub damaged: Vec<(Offset, Offset)>,
    /// The high watermark that was written down last.
    pub high_watermark: Option<Offset>,
}

/// What is being put together.
struct Opening<'a> {
    dir: &'a Arc<LogDir>,
    tp: &'a TopicPartition,
    place: Place<'a>,
    config: &'a LogConfig,
    report: RecoveryReport,
}

/// Opens the log of a partition.
pub(crate) fn open(
    dir: &Arc<LogDir>,
    tp: &TopicPartition,
    config: Arc<LogConfig>,
    now: Now,
) -> Result<(PartitionLog, RecoveryReport), StorageError> {
    let path = dir.path().join(tp.to_string());
    let place = Place {
        disk: &*dir.disk,
        handles: &dir.handles,
        dir: &path,
    };
    let files = take_stock(place, tp, &config)?;
    let topic_id = checkpoint::read_topic_id(place.disk, &path);
    let report = RecoveryReport {
        topic_id,
        high_watermark: dir.high_watermark_at_start(tp),
        ..RecoveryReport::default()
    };
    let mut opening = Opening {
        dir,
        tp,
        place,
        config: &config,
        report,
    };
    let (ends, writer, view) = opening.recover(files, topic_id.unwrap_or_default(), now)?;
    let report = opening.report;
    let log = PartitionLog::assemble(dir, ends, config, writer, view);
    if log.log_end() > log.flushed_end() || log.view.lock().dir_is_dirty {
        // DURABILITY: what was found behind the flushed end may so far be in the page cache
        // alone; it must be on disk before anybody reads it.
        if let Err(error) = log.flush() {
            dir.logs.lock().remove(tp);
            return Err(error);
        }
    }
    log.note_flushed();
    Ok((log, report))
}

impl Opening<'_> {
    fn recover(
        &mut self,
        files: Files,
        topic_id: TopicId,
        now: Now,
    ) -> Result<(LogEnds, Writer, View), StorageError> {
        let known = self.dir.known_end(self.tp, topic_id);
        let flushed_end = self.known_flushed_end(&files, known.map(|known| known.flushed_end));
        let mut segments = files.segments;
        let first_base = segments.first().map_or(flushed_end, |segment| segment.base);
        let written_start = known.map(|known| known.log_start);
        let log_start = written_start.or_else(|| self.dir.log_start_at_start(self.tp));
        let may_cut = !self.dir.was_clean();
        let mut walked = walk(
            self.place,
            self.config,
            &mut segments,
            &files.snapshots,
            flushed_end,
            may_cut,
        )?;
        let missing = log_start.map(|start| (start, first_base.min(walked.end)));
        // The start of a log is written down before anything in front of it is removed.
        if let Some(missing) = missing.filter(|(from, until)| from < until) {
            walked.damaged.insert(0, missing);
        }
        // A crash may have undone some of the removals in front of the log start; behind the
        // flushed end the walk has cut the log where segments do not join.
        let readable = log_start.unwrap_or(first_base)..flushed_end;
        walked.add_missing(files.missing, &readable);
        self.take_over(&mut walked);
        let log_end = walked.end;
        let log_start = log_start.unwrap_or(first_base).max(first_base).min(log_end);
        let mut epochs = self.read_epochs(&segments, &walked, log_start)?;
        epochs.truncate_end(log_end);
        epochs.truncate_start(log_start);
        let ends = LogEnds::new(self.tp, topic_id, log_start, log_end);
        let sure = if may_cut {
            flushed_end.min(log_end)
        } else {
            log_end
        };
        ends.flushed_end
            .store(sure.0, std::sync::atomic::Ordering::Release);
        ends.first_base
            .store(first_base.0, std::sync::atomic::Ordering::Release);
        let mut view = View {
            segments,
            recent: VecDeque::new(),
            index: walked.index.map(Box::new),
            closing: walked.closing,
            committed: None,
            snapshot: walked.snapshot,
            snapshot_bytes: 0,
            dir_is_dirty: walked.has_cut,
            names_are_unsure: may_cut,
        };
        let mut writer = Writer {
            producers: walked.producers,
            epochs,
            ahead: Ahead::default(),
            segment_made_ms: now.wall_ms,
            jitter_ms: 0,
            due_files: files.due,
        };
        if walked.needs_new_segment {
            self.add_segment(&mut writer, &mut view, log_end)?;
        }
        Ok((ends, writer, view))
    }

    /// Up to where everything was on disk at the last stop, as far as anything tells.
    fn known_flushed_end(&self, files: &Files, journal: Option<Offset>) -> Offset {
        // A snapshot is written only once all in front of it is on disk.
        let found = files.snapshots.iter().copied();
        let proven = newest_snapshot(self.place.disk, self.place.dir, found).map(|(at, _)| at);
        let first = files.segments.first().map(|segment| segment.base);
        let noted = journal.or_else(|| self.dir.recovery_points().get(self.tp).copied());
        noted.max(proven).max(first).unwrap_or(Offset::ZERO)
    }

    /// Reports what the walk has found.
    fn take_over(&mut self, walked: &mut Walk) {
        self.report.bytes_checked = walked.bytes_checked;
        self.report.damaged = std::mem::take(&mut walked.damaged);
        self.report.cut = walked.cut.clone();
        let tp = self.tp;
        if let Some(cut) = &walked.cut {
            tracing::warn!(
                %tp, path = %cut.path.display(), position = cut.position, bytes = cut.bytes,
                log_end = walked.end.0, "cut off a torn end that had never been flushed"
            );
        }
        for (from, until) in &self.report.damaged {
            tracing::error!(
                %tp, from = from.0, until = until.0,
                "records that had been flushed are damaged or missing; they are not served"
            );
        }
    }

    /// The leader epochs: from the file where it agrees with the segments, else from them.
    fn read_epochs(
        &self,
        segments: &[Arc<Segment>],
        walked: &Walk,
        log_start: Offset,
    ) -> Result<EpochLineage, StorageError> {
        let path = self.place.dir.join(checkpoint::LEADER_EPOCHS);
        let read = read_or_warn(self.place.disk, &path, checkpoint::parse_leader_epochs);
        let mut lineage = EpochLineage::from_entries(read.unwrap_or_default());
        lineage.truncate_end(walked.end);
        let Some((first_epoch, first_offset)) = walked.epochs.first().copied() else {
            if self.dir.was_clean() && !lineage.entries().is_empty() {
                return Ok(lineage);
            }
            // No batch was passed that the file could be held against.
            let mut rebuilt = rebuild_epochs(self.place, segments, walked.end, None)?;
            rebuilt.is_dirty = rebuilt.entries() != lineage.entries();
            return Ok(rebuilt);
        };
        let agrees = lineage
            .entries()
            .iter()
            .rev()
            .find(|(_, start)| *start <= first_offset)
            .is_some_and(|(epoch, _)| *epoch == first_epoch);
        // A crash may have undone the removal of segments, but not what was said after it.
        let entries = lineage.entries();
        let begins_late = entries.first().is_some_and(|(_, start)| *start > log_start);
        if !agrees || begins_late {
            lineage = rebuild_epochs(self.place, segments, first_offset, Some(first_epoch))?;
        }
        for (epoch, start) in &walked.epochs {
            lineage.assign(*epoch, *start);
        }
        lineage.is_dirty = true;
        Ok(lineage)
    }

    /// Starts a segment behind damage that reaches to the end of the log, so that no offset
    /// that was ever acknowledged is given to another record.
    fn add_segment(
        &self,
        writer: &mut Writer,
        view: &mut View,
        base: Offset,
    ) -> Result<(), StorageError> {
        let segment = Arc::new(Segment::new(base, 0, 0));
        segment.pin(self.place, highwater_disk::OpenMode::Truncate)?;
        view.segments.push(segment);
        view.index = Some(Box::new(ActiveIndex::new(
            base,
            self.config.index_interval_bytes,
        )));
        view.dir_is_dirty = true;
        writer.ahead.reset();
        Ok(())
    }
}

/// The lineage of everything in front of `until`, from the batch headers. Between two batches
/// of the same epoch, be they the first of their segments or that at `until`, nothing needs to
/// be read, because epochs never fall.
fn rebuild_epochs(
    place: Place<'_>,
    segments: &[Arc<Segment>],
    until: Offset,
    epoch_at_until: Option<LeaderEpoch>,
) -> Result<EpochLineage, StorageError> {
    let mut lineage = EpochLineage::default();
    let mut firsts: Vec<(usize, LeaderEpoch)> = Vec::new();
    for (at, segment) in segments
        .iter()
        .enumerate()
        .take_while(|(_, s)| s.base <= until)
    {
        if let Some(epoch) = header_epoch(place, segment)? {
            firsts.push((at, epoch));
        }
    }
    for (nth, (at, epoch)) in firsts.iter().enumerate() {
        let next = firsts
            .get(nth + 1)
            .map(|(_, next)| *next)
            .or(epoch_at_until);
        let same_until_next = next == Some(*epoch);
        let segment = &segments[*at];
        lineage.assign(*epoch, segment.base);
        if same_until_next {
            continue;
        }
        let io = |source| StorageError::io(place.dir, source);
        let mut scanner = Scanner::new(segment.file(place)?, segment.size());
        let (mut position, mut offset_min) = (0, segment.base);
        while let Found::Batch(header) = scanner.header(position, offset_min).map_err(io)? {
            if header.base_offset >= until {
                break;
            }
            lineage.assign(header.partition_leader_epoch, header.base_offset);
            position += header.total_len() as u64;
            offset_min = header.next_offset();
        }
    }
    Ok(lineage)
}

/// The offsets of the snapshots of a log.
pub(crate) fn snapshots_in(disk: &dyn Disk, dir: &Path) -> std::io::Result<Vec<Offset>> {
    let list = disk.list(dir)?;
    let files = list
        .iter()
        .filter_map(|entry| paths::parse_segment_file(&entry.name));
    let snapshots = files.filter(|(_, kind)| *kind == paths::SNAPSHOT);
    Ok(snapshots.map(|(at, _)| at).collect())
}

/// The newest of these snapshots that can be read.
pub(crate) fn newest_snapshot(
    disk: &dyn Disk,
    dir: &Path,
    snapshots: impl Iterator<Item = Offset>,
) -> Option<(Offset, Vec<snapshot_file::SnapshotEntry>)> {
    let mut snapshots: Vec<Offset> = snapshots.collect();
    snapshots.sort_unstable();
    snapshots.into_iter().rev().find_map(|at| {
        let path = paths::segment_file(dir, at, paths::SNAPSHOT);
        Some((at, read_snapshot(disk, &path)?))
    })
}

/// Reads a snapshot; a damaged one is reported and counts as missing.
fn read_snapshot(disk: &dyn Disk, path: &Path) -> Option<Vec<snapshot_file::SnapshotEntry>> {
    let bytes = disk.read_file(path, checkpoint::FILE_BYTES_MAX).ok()?;
    match snapshot_file::decode(&bytes) {
        Ok(entries) => Some(entries),
        Err(why) => {
            tracing::warn!(path = %path.display(), why, "a producer snapshot is damaged, passing over it");
            None
        }
    }
}

/// The producers right before `until`: the latest snapshot and what follows it in the log.
pub(crate) fn load_producers(
    place: Place<'_>,
    segments: &[Arc<Segment>],
    until: Offset,
) -> Result<ProducerTable, StorageError> {
    let io = |source| StorageError::io(place.dir, source);
    let snapshots = snapshots_in(place.disk, place.dir).map_err(io)?;
    let (from, mut producers) = crate::recovery_walk::latest_snapshot(place, &snapshots, until);
    let first = segments
        .partition_point(|segment| segment.base <= from)
        .saturating_sub(1);
    for segment in segments.iter().skip(first) {
        replay_segment(place, segment, from..until, &mut producers)?;
    }
    Ok(producers)
}

/// Replays the batches of a segment that lie within `range`, stepping over damage; returns the
/// transactions that they abort.
pub(crate) fn replay_segment(
    place: Place<'_>,
    segment: &Segment,
    range: Range<Offset>,
    producers: &mut ProducerTable,
) -> Result<Vec<AbortedTransaction>, StorageError> {
    let io = |source| StorageError::io(place.dir, source);
    let mut scanner = Scanner::new(segment.file(place)?, segment.size());
    let (mut position, mut offset_min) = (0, segment.base);
    let mut aborted = Vec::new();
    loop {
        match scanner.header(position, offset_min).map_err(io)? {
            Found::End => return Ok(aborted),
            Found::Bad(_) => match scanner.resync(position + 1, offset_min).map_err(io)? {
                Some((at, _)) => position = at,
                None => return Ok(aborted),
            },
            Found::Batch(header) => {
                if header.base_offset >= range.start && header.last_offset() < range.end {
                    let marker = crate::recovery_walk::marker_at(&scanner, position, &header);
                    aborted.extend(producers.replay(&header, marker.map_err(io)?));
                }
                position += header.total_len() as u64;
                offset_min = header.next_offset();
            }
        }
    }
}
