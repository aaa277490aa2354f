//! From an offset to a range of a file.
//!
//! A reader gets a file, a position and a length, and moves the bytes itself. Where the offset
//! is one of the last ones the position is known from memory; otherwise an index gives a place
//! in front of it and batch headers lead the rest of the way. Bytes that this process has not
//! written are checked before they are given away.

use std::path::Path;
use std::sync::Arc;

use highwater_disk::File;
use highwater_records::BatchHeader;
use highwater_types::Offset;

use crate::active_index::{ActiveIndex, Hint};
use crate::error::{ReadError, StorageError};
use crate::index_file::{self, Extent, OffsetEntry};
use crate::log::{PartitionLog, View};
use crate::paths;
use crate::scan::{Found, Scanner};
use crate::segment::{Damage, Segment};

/// Batches in a segment file, ready to be sent.
#[derive(Clone, Debug)]
pub struct ReadRange {
    /// The segment file.
    pub file: Arc<dyn File>,
    /// Where the first batch starts.
    pub position: u64,
    /// Bytes to send; may end within a batch.
    pub len: usize,
    /// Base offset of the first batch; may be smaller than the offset that was asked for.
    pub first_batch_offset: Offset,
    /// No record in the range has this offset or a larger one; it may be far behind.
    pub until: Offset,
}

/// A batch within a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) position: u64,
    pub(crate) base_offset: Offset,
    pub(crate) len: u64,
}

/// Where an offset was sought in a segment.
pub(crate) enum Sought {
    Batch(Located),
    /// All batches of the segment are in front of it.
    Behind,
    Damage(Damage),
}

/// What is known of a segment under the view lock.
pub(crate) struct Target {
    pub(crate) segment: Arc<Segment>,
    pub(crate) size: u64,
    /// The offset behind the segment.
    pub(crate) end: Offset,
    pub(crate) is_active: bool,
}

impl View {
    pub(crate) fn target(&self, at: usize, log_end: Offset) -> Option<Target> {
        let segment = Arc::clone(self.segments.get(at)?);
        let end = self.segments.get(at + 1).map_or(log_end, |next| next.base);
        let is_active = at + 1 == self.segments.len();
        Some(Target {
            size: segment.size(),
            segment,
            end,
            is_active,
        })
    }

    /// The segment that an offset falls into.
    pub(crate) fn segment_at(&self, offset: Offset) -> usize {
        self.segments
            .partition_point(|segment| segment.base <= offset)
            .saturating_sub(1)
    }

    /// A batch of the active segment that is remembered.
    fn recent(&self, offset: Offset, size: u64) -> Option<Located> {
        let behind = self.recent.partition_point(|(base, _)| *base <= offset);
        let (base_offset, position) = *self.recent.get(behind.checked_sub(1)?)?;
        let position = u64::from(position);
        let next = self
            .recent
            .get(behind)
            .map_or(size, |(_, next)| u64::from(*next));
        Some(Located {
            position,
            base_offset,
            len: next - position,
        })
    }
}

impl PartitionLog {
    /// Finds the batches from `from` on that lie below `upper`, the high watermark or the end
    /// of the log. `None` means that there is nothing to read there yet, or, unless
    /// `at_least_one`, that the first batch is longer than `max_bytes`. The range ends with
    /// its segment, with the next damage, or, if bytes had to be checked first, with those
    /// that were: a short answer does not mean the end of the log.
    pub fn read(
        &self,
        from: Offset,
        upper: Offset,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Result<Option<ReadRange>, ReadError> {
        self.check_usable()?;
        let view = self.view.lock();
        let (log_start, log_end) = (self.log_start(), self.log_end());
        if from < log_start || from > log_end {
            return Err(ReadError::OutOfRange { log_start, log_end });
        }
        let upper = upper.min(log_end);
        if from >= upper {
            return Ok(None);
        }
        let mut at = view.segment_at(from);
        let Some(mut target) = view.target(at, log_end) else {
            return Ok(None);
        };
        // The common case: a reader near the end finds all in memory.
        let recent = target
            .is_active
            .then(|| view.recent(from, target.size))
            .flatten();
        let mut known_end = match recent {
            Some(_) if upper < log_end => {
                view.recent(upper, target.size).map(|batch| batch.position)
            }
            _ => None,
        };
        drop(view);
        let mut first = match recent {
            Some(located) => Sought::Batch(located),
            None => self.seek(&target, from)?,
        };
        while matches!(first, Sought::Behind) {
            at += 1;
            let Some(next) = self.view.lock().target(at, log_end) else {
                return Ok(None);
            };
            target = next;
            known_end = None;
            first = self.seek(&target, from)?;
        }
        let first = match first {
            Sought::Batch(first) => first,
            Sought::Damage(damage) => return Err(self.corrupt(&target.segment, damage)),
            Sought::Behind => return Ok(None),
        };
        let end = match known_end {
            _ if upper >= target.end => target.size,
            Some(known) => known,
            None => self.upper_position(&target, upper)?,
        };
        let range = self.range(&target, first, end, max_bytes, at_least_one)?;
        Ok(range.map(|range| ReadRange {
            until: upper.min(target.end),
            ..range
        }))
    }

    /// Where the first batch starts that is not wholly below `upper`.
    fn upper_position(&self, target: &Target, upper: Offset) -> Result<u64, ReadError> {
        Ok(match self.seek(target, upper)? {
            Sought::Batch(batch) => batch.position,
            Sought::Behind => target.size,
            Sought::Damage(damage) => damage.position,
        })
    }

    fn range(
        &self,
        target: &Target,
        first: Located,
        end: u64,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Result<Option<ReadRange>, ReadError> {
        let first_len = first.len;
        if first.position + first_len > end || (!at_least_one && first_len > max_bytes as u64) {
            return Ok(None);
        }
        let wanted = (max_bytes as u64).max(if at_least_one { first_len } else { 0 });
        let stop = end.min(first.position.saturating_add(wanted));
        let stop = self.check_before_serving(target, first, stop)?;
        let dir = self.path();
        let file = target
            .segment
            .file(self.place(&dir))
            .map_err(|error| self.judge_read(error))?;
        Ok(Some(ReadRange {
            file,
            position: first.position,
            len: (stop - first.position) as usize,
            first_batch_offset: first.base_offset,
            until: target.end,
        }))
    }

    /// A failed read does not end the work on a directory; what it hits may be one bad sector.
    pub(crate) fn judge_read(&self, error: StorageError) -> StorageError {
        match self.check_usable() {
            Ok(()) => error,
            Err(reason) => reason,
        }
    }

    pub(crate) fn corrupt(&self, segment: &Segment, damage: Damage) -> ReadError {
        ReadError::Corrupt {
            path: paths::segment_file(&self.path(), segment.base, paths::LOG),
            position: damage.position,
            until: damage.until,
        }
    }

    /// Finds the first batch of a segment whose last offset is not below `offset`.
    pub(crate) fn seek(&self, target: &Target, offset: Offset) -> Result<Sought, ReadError> {
        let dir = self.path();
        let read_error = |source| {
            let path = paths::segment_file(&dir, target.segment.base, paths::LOG);
            self.judge_read(StorageError::io(&path, source))
        };
        let file = target
            .segment
            .file(self.place(&dir))
            .map_err(|error| self.judge_read(error))?;
        let mut scanner = Scanner::new(file, target.size).below(target.end);
        let (mut position, mut offset_min) = (0, target.segment.base);
        if let Some(entry) = self.index_entry(target, &dir, offset)? {
            // The index is believed only if it points to the very batch it names.
            let named = target.segment.base + i64::from(entry.relative_offset);
            let at = u64::from(entry.position);
            match scanner
                .header(at, target.segment.base)
                .map_err(read_error)?
            {
                Found::Batch(header) if header.last_offset() == named => {
                    (position, offset_min) = (at, header.base_offset);
                }
                _ => self.rebuild_index(target, &dir)?,
            }
        }
        loop {
            let damage = target
                .segment
                .state
                .lock()
                .damage_between(position, position + 1);
            if let Some(damage) = damage {
                if offset < damage.until {
                    return Ok(Sought::Damage(damage));
                }
                (position, offset_min) = (damage.end, damage.until);
            }
            match scanner.header(position, offset_min).map_err(read_error)? {
                Found::End => return Ok(Sought::Behind),
                Found::Batch(header) if header.last_offset() < offset => {
                    position += header.total_len() as u64;
                    offset_min = header.next_offset();
                }
                Found::Batch(header) => {
                    let len = header.total_len() as u64;
                    let base_offset = header.base_offset;
                    return Ok(Sought::Batch(Located {
                        position,
                        base_offset,
                        len,
                    }));
                }
                Found::Bad(why) => {
                    self.note_damage(target, &mut scanner, position, offset_min, why)
                        .map_err(read_error)?;
                }
            }
        }
    }

    /// Remembers that a range is damaged, once it is known where good batches go on.
    pub(crate) fn note_damage(
        &self,
        target: &Target,
        scanner: &mut Scanner,
        position: u64,
        offset_min: Offset,
        why: &str,
    ) -> std::io::Result<Damage> {
        let next = scanner.resync(position + 1, offset_min)?;
        let (end, until) = match next {
            Some((at, header)) => (at, header.base_offset),
            None => (target.size, target.end),
        };
        let damage = Damage {
            position,
            end,
            until,
        };
        let path = paths::segment_file(&self.path(), target.segment.base, paths::LOG);
        tracing::error!(
            path = %path.display(), position, end, from = offset_min.0, until = until.0, why,
            "a segment is damaged; these offsets are not served"
        );
        target.segment.state.lock().add_damage(damage);
        Ok(damage)
    }

    /// The index entry in front of an offset.
    fn index_entry(
        &self,
        target: &Target,
        dir: &Path,
        offset: Offset,
    ) -> Result<Option<OffsetEntry>, ReadError> {
        let (segment, base) = (&target.segment, target.segment.base);
        let hint = target.is_active.then(|| {
            let view = self.view.lock();
            // It may have been closed since.
            let is_active = view.segments.last().is_some_and(|last| last.base == base);
            let index = view.index.as_ref().filter(|_| is_active);
            index.map(|index| index.find_offset(offset))
        });
        let index = match hint.flatten() {
            Some(Hint::At(entry)) => return Ok(Some(entry)),
            Some(Hint::InFile(0)) => return Ok(None),
            Some(Hint::InFile(bytes)) => {
                segment.offset_index(self.place(dir), Extent::First(bytes))
            }
            None => match segment.offset_index(self.place(dir), Extent::Whole) {
                Ok(None) if !target.is_active => {
                    self.rebuild_index(target, dir)?;
                    segment.offset_index(self.place(dir), Extent::Whole)
                }
                found => found,
            },
        };
        let index = index.map_err(|error| self.judge_read(error))?;
        Ok(index.and_then(|index| index_file::find_offset(index.value.bytes(), base, offset)))
    }

    /// Writes the indexes of a closed segment anew from its batch headers.
    fn rebuild_index(&self, target: &Target, dir: &Path) -> Result<(), ReadError> {
        if target.is_active {
            return Ok(());
        }
        let segment = &target.segment;
        // Two that write the same files would take them from each other.
        let _indexing = self.indexing.lock();
        tracing::warn!(dir = %dir.display(), base = segment.base.0, "an index is missing or wrong, rebuilding it");
        let file = segment
            .file(self.place(dir))
            .map_err(|error| self.judge_read(error))?;
        let mut scanner = Scanner::new(file, target.size).below(target.end);
        let interval_bytes = self.config().index_interval_bytes;
        let index = index_of(&mut scanner, segment, interval_bytes)
            .map_err(|source| self.judge_read(StorageError::io(dir, source)))?;
        if let Err(error) = write_index_files(&*self.dir.disk, dir, segment.base, &index) {
            // Reading takes longer without, and nothing is lost.
            tracing::warn!(dir = %dir.display(), base = segment.base.0, %error, "cannot write an index");
        }
        segment.drop_indexes();
        Ok(())
    }
}

/// The index of the batches of a segment; damage is stepped over.
pub(crate) fn index_of(
    scanner: &mut Scanner,
    segment: &Segment,
    interval_bytes: u64,
) -> std::io::Result<ActiveIndex> {
    let mut index = ActiveIndex::new(segment.base, interval_bytes);
    let (mut position, mut offset_min) = (0, segment.base);
    loop {
        match scanner.header(position, offset_min)? {
            Found::End => break,
            Found::Batch(header) => note(&mut index, &header, &mut position, &mut offset_min),
            Found::Bad(_) => match scanner.resync(position + 1, offset_min)? {
                Some((at, _)) => position = at,
                None => break,
            },
        }
    }
    index.note_time();
    Ok(index)
}

fn note(index: &mut ActiveIndex, header: &BatchHeader, position: &mut u64, min: &mut Offset) {
    index.note(header, *position);
    *position += header.total_len() as u64;
    *min = header.next_offset();
}

/// Replaces both index files. A reader that has the old ones mapped is not disturbed.
pub(crate) fn write_index_files(
    disk: &dyn highwater_disk::Disk,
    dir: &Path,
    base: Offset,
    index: &ActiveIndex,
) -> Result<(), StorageError> {
    let (offsets, times) = index.waiting();
    for (kind, bytes) in [(paths::INDEX, offsets), (paths::TIME_INDEX, times)] {
        let path = paths::segment_file(dir, base, kind);
        crate::checkpoint::replace_file(disk, &path, &bytes, crate::checkpoint::Durable::No)?;
    }
    Ok(())
}

impl PartitionLog {
    /// Checks bytes that were found on disk before they are served for the first time. Returns
    /// how far the range may be served; the first batch is whole.
    fn check_before_serving(
        &self,
        target: &Target,
        first: Located,
        stop: u64,
    ) -> Result<u64, ReadError> {
        let start = first.position;
        let mut stop = stop;
        {
            let state = target.segment.state.lock();
            if let Some(damage) = state.damage_between(start, stop) {
                if damage.position <= start {
                    drop(state);
                    return Err(self.corrupt(&target.segment, damage));
                }
                stop = damage.position;
            }
            if state.is_trusted(start, stop) {
                return Ok(stop);
            }
        }
        let dir = self.path();
        let io = |source| {
            let path = paths::segment_file(&dir, target.segment.base, paths::LOG);
            ReadError::from(self.judge_read(StorageError::io(&path, source)))
        };
        let file = target
            .segment
            .file(self.place(&dir))
            .map_err(|error| self.judge_read(error))?;
        let mut scanner = Scanner::new(file, target.size).below(target.end);
        let (mut position, mut offset_min) = (start, first.base_offset);
        let mut damage = None;
        while position < stop {
            let known = target.segment.state.lock().trusted_until(position);
            if known > position {
                // Batches that were checked before are whole up to there.
                position = known;
                offset_min = target.segment.base;
                continue;
            }
            match scanner.verified(position, offset_min).map_err(io)? {
                Found::Batch(header) => {
                    position += header.total_len() as u64;
                    offset_min = header.next_offset();
                }
                Found::End => break,
                Found::Bad(why) => {
                    let min = offset_min.max(target.segment.base);
                    let found = self.note_damage(target, &mut scanner, position, min, why);
                    damage = Some(found.map_err(io)?);
                    break;
                }
            }
        }
        let checked = position.min(target.size);
        if checked > start {
            target.segment.state.lock().add_verified(start, checked);
        }
        match damage {
            Some(damage) if damage.position == start => Err(self.corrupt(&target.segment, damage)),
            _ => Ok(stop.min(checked)),
        }
    }
}
