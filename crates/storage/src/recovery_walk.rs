//! The one pass over the end of a log that gives everything at once: where it ends, the index
//! of its last segment, its producers, its leader epochs.
//!
//! The pass starts at the latest snapshot or at the flushed end, whichever comes first. In
//! front of the flushed end only headers are read; behind it every checksum is verified.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use highwater_records::BatchHeader;
use highwater_types::{LeaderEpoch, Offset};

use crate::aborted::{AbortedTransaction, Saved, saved_below};
use crate::active_index::ActiveIndex;
use crate::append::marker_of;
use crate::config::LogConfig;
use crate::error::StorageError;
use crate::index_file::{self, OFFSET_ENTRY_LEN, TIME_ENTRY_LEN};
use crate::log::Closing;
use crate::paths;
use crate::producer_state::{Marker, ProducerTable};
use crate::recovery::{Cut, newest_snapshot};
use crate::scan::{Found, Scanner};
use crate::segment::{Damage, Place, Segment};
use crate::snapshot_file;

/// What the pass has found.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) end: Offset,
    pub(crate) index: Option<ActiveIndex>,
    pub(crate) producers: ProducerTable,
    /// Leader epochs of the batches that were passed, with the base offset of the first each.
    pub(crate) epochs: Vec<(LeaderEpoch, Offset)>,
    /// Segments that have to be finished, because nobody knows whether they were.
    pub(crate) closing: Vec<Closing>,
    pub(crate) bytes_checked: u64,
    /// The snapshot that was used, if it lies within the last segment.
    pub(crate) snapshot: Option<Offset>,
    pub(crate) cut: Option<Cut>,
    pub(crate) damaged: Vec<(Offset, Offset)>,
    pub(crate) needs_new_segment: bool,
    /// Whether something was cut off or removed, which must be durable before the log grows:
    /// otherwise a later crash could bring back what new records have replaced.
    pub(crate) has_cut: bool,
}

impl Walk {
    /// Takes over losses `within` that were found otherwise, if the pass has not found them too.
    pub(crate) fn add_missing(&mut self, missing: Vec<Range<Offset>>, within: &Range<Offset>) {
        for lost in missing {
            let (from, until) = (lost.start.max(within.start), lost.end);
            let is_known = |known: &(Offset, Offset)| known.0 < until && from < known.1;
            let counts = from < until && until <= within.end;
            if counts && !self.damaged.iter().any(is_known) {
                self.damaged.push((from, until));
            }
        }
        self.damaged.sort_unstable();
    }
}

struct Walker<'a> {
    place: Place<'a>,
    config: &'a LogConfig,
    flushed_end: Offset,
    replay_from: Offset,
    may_cut: bool,
    /// What the producers have aborted in the segment at hand.
    aborted: Vec<AbortedTransaction>,
    walk: Walk,
}

/// How the pass over one segment ended.
enum SegmentEnd {
    Whole,
    /// Everything behind goes.
    Cut,
}

/// Walks over the end of the log. Segments behind a cut are removed from `segments`.
pub(crate) fn walk(
    place: Place<'_>,
    config: &LogConfig,
    segments: &mut Vec<Arc<Segment>>,
    snapshots: &BTreeSet<Offset>,
    flushed_end: Offset,
    may_cut: bool,
) -> Result<Walk, StorageError> {
    let snapshots: Vec<Offset> = snapshots.iter().copied().collect();
    // A snapshot behind the flushed end may speak of records that are about to be cut.
    let bound = if may_cut {
        flushed_end
    } else {
        Offset(i64::MAX)
    };
    let (replay_from, producers) = latest_snapshot(place, &snapshots, bound);
    let end = segments.first().map_or(flushed_end, |segment| segment.base);
    let walk = Walk {
        end,
        producers,
        ..Walk::default()
    };
    let mut walker = Walker {
        place,
        config,
        flushed_end,
        replay_from,
        may_cut,
        aborted: Vec::new(),
        walk,
    };
    let start = replay_from.min(flushed_end);
    let mut at = segments
        .partition_point(|segment| segment.base <= start)
        .saturating_sub(1);
    while at < segments.len() {
        let segment = Arc::clone(&segments[at]);
        let is_last = at + 1 == segments.len();
        let next_base = segments.get(at + 1).map(|next| next.base);
        match walker.segment(&segment, is_last, next_base, start)? {
            // Where segments that were never flushed do not join, the one in front has lost
            // its end.
            SegmentEnd::Whole if walker.has_lost_end(next_base) => {
                walker.remove_behind(segments, at + 1)?;
            }
            SegmentEnd::Whole => walker.finish(&segment, next_base),
            SegmentEnd::Cut => {
                walker.remove_behind(segments, at + 1)?;
            }
        }
        if next_base.is_none_or(|next| next > flushed_end) || at + 1 == segments.len() {
            // What the file says behind this is about records that are not sure to be there.
            // Most logs have no such file, and many logs are opened at a start.
            let saved = match segment.may_have_aborted() {
                true => saved_below(place, segment.base, replay_from),
                false => Saved::default(),
            };
            segment.hold_aborted(saved, &walker.aborted);
        }
        walker.aborted.clear();
        at += 1;
    }
    if let Some(last) = segments.last() {
        walker.walk.snapshot = Some(replay_from).filter(|at| *at > last.base);
        walker.cut_index_files(last)?;
    }
    walker.remove_stray_snapshots(&snapshots, segments)?;
    walker.check_end(segments);
    Ok(walker.walk)
}

/// The latest snapshot that can be read and is not behind `until`.
pub(crate) fn latest_snapshot(
    place: Place<'_>,
    snapshots: &[Offset],
    until: Offset,
) -> (Offset, ProducerTable) {
    let usable = snapshots.iter().copied().filter(|at| *at <= until);
    match newest_snapshot(place.disk, place.dir, usable) {
        Some((at, entries)) => (at, ProducerTable::from_snapshot(&entries)),
        None => (Offset::ZERO, ProducerTable::default()),
    }
}

/// The leader epoch of the first batch of a segment.
pub(crate) fn header_epoch(
    place: Place<'_>,
    segment: &Segment,
) -> Result<Option<LeaderEpoch>, StorageError> {
    let mut scanner = Scanner::new(segment.file(place)?, segment.size());
    match scanner
        .header(0, segment.base)
        .map_err(|source| StorageError::io(place.dir, source))?
    {
        Found::Batch(header) => Ok(Some(header.partition_leader_epoch)),
        _ => Ok(None),
    }
}

/// What the marker in a control batch says.
pub(crate) fn marker_at(
    scanner: &Scanner,
    position: u64,
    header: &BatchHeader,
) -> std::io::Result<Option<Marker>> {
    if !header.attributes.is_control() {
        return Ok(None);
    }
    Ok(marker_of(header, &scanner.batch_bytes(position, header)?))
}

impl Walker<'_> {
    fn segment(
        &mut self,
        segment: &Arc<Segment>,
        is_last: bool,
        next_base: Option<Offset>,
        start: Offset,
    ) -> Result<SegmentEnd, StorageError> {
        let path = paths::segment_file(self.place.dir, segment.base, paths::LOG);
        let io = |source| StorageError::io(&path, source);
        let size = segment.size();
        let limit = next_base.unwrap_or(Offset(i64::MAX));
        let mut scanner = Scanner::new(segment.file(self.place)?, size).below(limit);
        let mut index = ActiveIndex::new(segment.base, self.config.index_interval_bytes);
        let mut position = self.continue_index(segment, &mut scanner, &mut index, start)?;
        let mut offset_min = segment.base;
        let mut trusted_from = None;
        let ended = loop {
            // The first batch of which any record may be unflushed is where checking begins.
            let found = scanner.header(position, offset_min).map_err(io)?;
            let is_flushed =
                matches!(found, Found::Batch(header) if header.next_offset() <= self.flushed_end);
            let found = if is_flushed {
                // Only its header was looked at.
                trusted_from = None;
                found
            } else if matches!(found, Found::End) {
                found
            } else if self.reaches_over_flushed_end(&found, offset_min.max(self.walk.end)) {
                trusted_from.get_or_insert(position);
                Found::Bad("a batch across the flushed end")
            } else {
                trusted_from.get_or_insert(position);
                match scanner.verified(position, offset_min).map_err(io)? {
                    Found::Batch(header) if self.is_older(&header) => {
                        Found::Bad("a leader epoch lower than that of the batch in front")
                    }
                    found => found,
                }
            };
            match found {
                Found::End => break SegmentEnd::Whole,
                Found::Batch(header) => {
                    if !is_flushed {
                        self.walk.bytes_checked += header.total_len() as u64;
                    }
                    let marker = marker_at(&scanner, position, &header).map_err(io)?;
                    self.note(&header, marker);
                    index.note(&header, position);
                    position += header.total_len() as u64;
                    offset_min = header.next_offset();
                }
                Found::Bad(why) => {
                    let expected = offset_min.max(self.walk.end);
                    if self.may_cut && expected >= self.flushed_end {
                        self.cut(segment, &mut scanner, position, size, path.clone())?;
                        break SegmentEnd::Cut;
                    }
                    let until = next_base.unwrap_or(self.flushed_end).max(expected);
                    let damage = Self::damage(&mut scanner, position, offset_min, size, until)
                        .map_err(io)?;
                    tracing::error!(path = %path.display(), position, why, "a segment is damaged");
                    segment.state.lock().add_damage(damage);
                    self.walk.damaged.push((expected, damage.until));
                    (position, offset_min) = (damage.end, damage.until);
                    trusted_from = None;
                    self.walk.end = self.walk.end.max(damage.until);
                    self.walk.needs_new_segment = is_last && damage.end == size;
                }
            }
        };
        segment.state.lock().trusted_from = trusted_from.unwrap_or(size).min(segment.size());
        self.walk.end = self.walk.end.max(offset_min);
        self.walk.index = Some(index);
        Ok(ended)
    }

    /// Whether a batch is left over from before a cut that newer records have followed.
    fn is_older(&self, header: &BatchHeader) -> bool {
        let last = self.walk.epochs.last().map(|(epoch, _)| *epoch);
        self.may_cut && last.is_some_and(|last| header.partition_leader_epoch < last)
    }

    fn has_lost_end(&self, next_base: Option<Offset>) -> bool {
        let unflushed = next_base.filter(|next| self.may_cut && *next > self.flushed_end);
        unflushed.is_some_and(|next| self.walk.end < next)
    }

    /// Whether a batch cannot be where it is: a flush ends between two batches, never within.
    fn reaches_over_flushed_end(&self, found: &Found, offset_min: Offset) -> bool {
        matches!(found, Found::Batch(header)
            if offset_min < self.flushed_end && header.next_offset() > self.flushed_end)
    }

    /// Takes over as much of the index files of a segment as lies in front of `start` and is
    /// true, and says where to go on.
    fn continue_index(
        &self,
        segment: &Segment,
        scanner: &mut Scanner,
        index: &mut ActiveIndex,
        start: Offset,
    ) -> Result<u64, StorageError> {
        let read = |kind| {
            let path = paths::segment_file(self.place.dir, segment.base, kind);
            self.place
                .disk
                .read_file(&path, 1 << 30)
                .unwrap_or_default()
        };
        let offsets = index_file::parse_offset_index(&read(paths::INDEX), segment.size());
        let times = index_file::parse_time_index(&read(paths::TIME_INDEX));
        let (mut offsets, mut times) = match (offsets, times) {
            (Some(offsets), Some(times)) => (offsets, times),
            _ => (Vec::new(), Vec::new()),
        };
        offsets.retain(|entry| segment.base + i64::from(entry.relative_offset) < start);
        let Some(last) = offsets.last().copied() else {
            return Ok(0);
        };
        let io = |source| StorageError::io(self.place.dir, source);
        let position = u64::from(last.position);
        let Found::Batch(header) = scanner.header(position, segment.base).map_err(io)? else {
            return Ok(0);
        };
        let named = segment.base + i64::from(last.relative_offset);
        let latest_time = times
            .iter()
            .rfind(|time| time.relative_offset <= last.relative_offset);
        let knows_time = header.max_timestamp_ms < 0
            || latest_time.is_some_and(|time| time.timestamp_ms >= header.max_timestamp_ms);
        if header.last_offset() != named || !knows_time {
            return Ok(0);
        }
        if let Found::Batch(first) = scanner.header(0, segment.base).map_err(io)? {
            index.first_timestamp_ms = Some(first.max_timestamp_ms);
        }
        times.retain(|entry| entry.relative_offset <= last.relative_offset);
        let time_bytes = (times.len() * TIME_ENTRY_LEN) as u64;
        // The entry of this batch is made again as the walk passes it, if it is due.
        let offset_bytes = (offsets.len() * OFFSET_ENTRY_LEN) as u64;
        index.continue_files(offset_bytes, times.last().copied(), time_bytes);
        Ok(position)
    }

    fn note(&mut self, header: &BatchHeader, marker: Option<Marker>) {
        if header.base_offset >= self.replay_from {
            let aborted = self.walk.producers.replay(header, marker);
            self.aborted.extend(aborted);
        }
        let epoch = header.partition_leader_epoch;
        // Epochs never fall; no checksum covers them, so one that is too high was changed.
        while self
            .walk
            .epochs
            .last()
            .is_some_and(|(last, _)| *last > epoch)
        {
            self.walk.epochs.pop();
        }
        if self
            .walk
            .epochs
            .last()
            .is_none_or(|(last, _)| epoch > *last)
        {
            self.walk.epochs.push((epoch, header.base_offset));
        }
        self.walk.end = self.walk.end.max(header.next_offset());
    }

    fn damage(
        scanner: &mut Scanner,
        position: u64,
        offset_min: Offset,
        size: u64,
        until: Offset,
    ) -> std::io::Result<Damage> {
        Ok(match scanner.resync(position + 1, offset_min)? {
            Some((end, header)) => Damage {
                position,
                end,
                until: header.base_offset,
            },
            None => Damage {
                position,
                end: size,
                until,
            },
        })
    }

    fn cut(
        &mut self,
        segment: &Arc<Segment>,
        scanner: &mut Scanner,
        position: u64,
        size: u64,
        path: std::path::PathBuf,
    ) -> Result<(), StorageError> {
        let io = |source| StorageError::io(&path, source);
        let is_space = scanner.is_zero_from(position).map_err(io)?;
        let file = segment.pin(self.place, highwater_disk::OpenMode::ReadWrite)?;
        file.set_len(position).map_err(io)?;
        segment.set_size(position);
        self.walk.has_cut = true;
        if !is_space && self.walk.cut.is_none() {
            self.walk.cut = Some(Cut {
                path,
                position,
                bytes: size - position,
            });
        }
        Ok(())
    }

    /// A segment that is not the last and reaches behind the flushed end is finished again.
    fn finish(&mut self, segment: &Arc<Segment>, next_base: Option<Offset>) {
        let Some(next_base) = next_base.filter(|next| *next > self.flushed_end) else {
            return;
        };
        let snapshot = snapshot_file::encode(&self.walk.producers.to_snapshot());
        if let Some(index) = self.walk.index.as_mut() {
            index.note_time();
            segment.state.lock().max_timestamp = Some(index.max_timestamp);
            let written = self.write_index(segment);
            if let Err(error) = written {
                tracing::warn!(%error, "cannot write an index; it is rebuilt when it is needed");
            }
        }
        let segment = Arc::clone(segment);
        self.walk.closing.push(Closing {
            segment,
            snapshot,
            next_base,
            stale_snapshot: None,
        });
    }

    /// Writes the index of a segment that is not the last.
    fn write_index(&self, segment: &Segment) -> Result<(), StorageError> {
        let mut scanner = Scanner::new(segment.file(self.place)?, segment.size());
        let index = crate::read::index_of(&mut scanner, segment, self.config.index_interval_bytes)
            .map_err(|source| StorageError::io(self.place.dir, source))?;
        crate::read::write_index_files(self.place.disk, self.place.dir, segment.base, &index)
    }

    /// Cuts the index files of the active segment to the entries that were taken over, so that
    /// none of before is left behind those that are yet to be written.
    fn cut_index_files(&self, segment: &Segment) -> Result<(), StorageError> {
        let Some(index) = &self.walk.index else {
            return Ok(());
        };
        for (kind, kept) in [
            (paths::INDEX, index.written_offset_bytes),
            (paths::TIME_INDEX, index.written_time_bytes),
        ] {
            let path = paths::segment_file(self.place.dir, segment.base, kind);
            let cut = match self.place.disk.metadata(&path) {
                Ok(found) if found.len > kept => self
                    .place
                    .disk
                    .open(&path, highwater_disk::OpenMode::ReadWrite)
                    .and_then(|file| file.set_len(kept)),
                _ => Ok(()),
            };
            cut.map_err(|source| StorageError::io(&path, source))?;
        }
        Ok(())
    }

    /// Removes the segments behind a cut, last first, so that a crash leaves no gap.
    fn remove_behind(
        &mut self,
        segments: &mut Vec<Arc<Segment>>,
        from: usize,
    ) -> Result<(), StorageError> {
        for segment in segments.drain(from..).rev() {
            self.walk.has_cut = true;
            for kind in paths::SEGMENT_FILES {
                let path = paths::segment_file(self.place.dir, segment.base, kind);
                match self.place.disk.remove(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(StorageError::io(&path, error));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// A snapshot behind the end speaks of records that are gone, and their offsets will be
    /// given to others; one within a segment is superfluous once there is a later one.
    fn remove_stray_snapshots(
        &self,
        snapshots: &[Offset],
        segments: &[Arc<Segment>],
    ) -> Result<(), StorageError> {
        let is_base = |at: &Offset| segments.iter().any(|segment| segment.base == *at);
        let is_stray =
            |at: &&Offset| **at > self.walk.end || (**at < self.replay_from && !is_base(at));
        for at in snapshots.iter().filter(is_stray) {
            let path = paths::segment_file(self.place.dir, *at, paths::SNAPSHOT);
            self.place
                .disk
                .remove(&path)
                .map_err(|source| StorageError::io(&path, source))?;
        }
        Ok(())
    }

    /// No offset that was flushed may be used again, even if its record is gone.
    fn check_end(&mut self, segments: &[Arc<Segment>]) {
        let end = self.walk.end;
        if end < self.flushed_end {
            self.walk.damaged.push((end, self.flushed_end));
            self.walk.end = self.flushed_end;
            self.walk.needs_new_segment = true;
        }
        if segments.is_empty() {
            self.walk.index = None;
            self.walk.needs_new_segment = self.walk.end > Offset::ZERO;
        }
    }
}
