//! One segment: a file of batches and its indexes.
//!
//! A segment remembers which of its bytes this process may serve. Bytes it has written itself
//! are trusted; bytes that were there at start are checked once, piece by piece, before they
//! are first served; bytes found damaged are never served.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use highwater_disk::{Disk, File, OpenMode};
use highwater_types::Offset;
use parking_lot::Mutex;

use crate::aborted::AbortedIndex;
use crate::active_index::MaxTimestamp;
use crate::error::StorageError;
use crate::handles::{Cached, HandleCache, Slot};
use crate::index_file::{self, Extent, MappedIndex};
use crate::paths;

/// What is written back at once.
const WRITE_BACK_PIECE_BYTES: u64 = 256 << 10;

/// A range of a segment that is no longer what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) position: u64,
    /// Where the next good batch starts, or the size of the segment.
    pub(crate) end: u64,
    /// The first offset behind the damage.
    pub(crate) until: Offset,
}

/// One of the two indexes of a segment.
#[derive(Debug, Default)]
struct IndexSlot {
    map: Slot<MappedIndex>,
    /// Whether its entries were looked through. Once is enough: what follows is written by this
    /// process, and an entry that lies is found out when it is used.
    is_checked: bool,
}

/// What an index file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IndexKind {
    Offset,
    Time,
}

#[derive(Debug, Default)]
pub(crate) struct SegmentState {
    log: Slot<Arc<dyn File>>,
    pinned: Option<Arc<Cached<Arc<dyn File>>>>,
    offset_index: IndexSlot,
    time_index: IndexSlot,
    /// Largest time, once it has been looked up or the segment was closed by this process.
    pub(crate) max_timestamp: Option<MaxTimestamp>,
    /// From here on the bytes were written or checked by this process.
    pub(crate) trusted_from: u64,
    /// Checked ranges below `trusted_from`, sorted, not touching.
    verified: Vec<(u64, u64)>,
    pub(crate) damaged: Vec<Damage>,
    pub(crate) aborted: AbortedIndex,
}

/// One segment of a log.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base: Offset,
    size: AtomicU64,
    /// Bytes that were written back or flushed; a hint, so that it is not done twice.
    written_back: AtomicU64,
    pub(crate) state: Mutex<SegmentState>,
}

/// Where the files of a log are and how they are opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) handles: &'a HandleCache,
    pub(crate) dir: &'a Path,
}

impl Segment {
    /// A segment whose first `untrusted` bytes were found on disk.
    pub(crate) fn new(base: Offset, size: u64, untrusted: u64) -> Self {
        let state = SegmentState {
            trusted_from: untrusted,
            ..SegmentState::default()
        };
        Self {
            base,
            size: AtomicU64::new(size),
            written_back: AtomicU64::new(size),
            state: Mutex::new(state),
        }
    }

    /// Bytes of whole batches.
    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    pub(crate) fn set_size(&self, size: u64) {
        self.size.store(size, Ordering::Release);
    }

    /// Everything up to there has been written back.
    pub(crate) fn note_written_back(&self, until: u64) {
        self.written_back.store(until, Ordering::Relaxed);
    }

    /// Writes what was appended since the last flush to the disk, piece by piece. The flushes of
    /// others wait for what is under way on the disk, and so for a piece at most.
    pub(crate) fn write_back(&self, file: &dyn File) -> io::Result<()> {
        let size = self.size();
        let mut position = self.written_back.load(Ordering::Relaxed);
        while position < size {
            let len = (size - position).min(WRITE_BACK_PIECE_BYTES);
            file.write_back(position, len)?;
            position += len;
            self.note_written_back(position);
        }
        Ok(())
    }

    /// The open segment file.
    pub(crate) fn file(&self, place: Place<'_>) -> Result<Arc<dyn File>, StorageError> {
        let mut state = self.state.lock();
        if let Some(pinned) = &state.pinned {
            return Ok(Arc::clone(&pinned.value));
        }
        self.open(place, &mut state, OpenMode::ReadWrite)
            .map(|cached| Arc::clone(&cached.value))
    }

    /// The open segment file, kept open until [`Segment::unpin`].
    pub(crate) fn pin(
        &self,
        place: Place<'_>,
        mode: OpenMode,
    ) -> Result<Arc<dyn File>, StorageError> {
        let mut state = self.state.lock();
        if let Some(pinned) = &state.pinned {
            return Ok(Arc::clone(&pinned.value));
        }
        let cached = self.open(place, &mut state, mode)?;
        let file = Arc::clone(&cached.value);
        state.pinned = Some(cached);
        Ok(file)
    }

    fn open(
        &self,
        place: Place<'_>,
        state: &mut SegmentState,
        mode: OpenMode,
    ) -> Result<Arc<Cached<Arc<dyn File>>>, StorageError> {
        place.handles.get(&mut state.log, || {
            let path = paths::segment_file(place.dir, self.base, paths::LOG);
            place
                .disk
                .open(&path, mode)
                .map_err(|source| StorageError::io(&path, source))
        })
    }

    /// Lets the file be closed again: all of it has been flushed.
    pub(crate) fn unpin(&self) {
        self.state.lock().pinned = None;
    }

    /// The offset index; `None` if it is missing or makes no sense.
    pub(crate) fn offset_index(
        &self,
        place: Place<'_>,
        extent: Extent,
    ) -> Result<Option<Arc<Cached<MappedIndex>>>, StorageError> {
        self.index(place, IndexKind::Offset, extent)
    }

    /// The time index; `None` if it is missing or makes no sense.
    pub(crate) fn time_index(
        &self,
        place: Place<'_>,
        extent: Extent,
    ) -> Result<Option<Arc<Cached<MappedIndex>>>, StorageError> {
        self.index(place, IndexKind::Time, extent)
    }

    fn index(
        &self,
        place: Place<'_>,
        kind: IndexKind,
        extent: Extent,
    ) -> Result<Option<Arc<Cached<MappedIndex>>>, StorageError> {
        let size = self.size();
        let mut state = self.state.lock();
        let (slot, suffix) = match kind {
            IndexKind::Offset => (&mut state.offset_index, paths::INDEX),
            IndexKind::Time => (&mut state.time_index, paths::TIME_INDEX),
        };
        if slot.map.peek().is_some_and(|map| !map.value.serves(extent)) {
            slot.map = Slot::default();
        }
        let is_checked = slot.is_checked;
        let path = paths::segment_file(place.dir, self.base, suffix);
        let opened = place.handles.get(&mut slot.map, || {
            let index = MappedIndex::open(place.disk, &path, extent)?;
            if !is_checked {
                index.read_in()?;
            }
            let is_sound = is_checked
                || match kind {
                    IndexKind::Offset => index_file::is_offset_index(index.bytes(), size),
                    IndexKind::Time => index_file::is_time_index(index.bytes()),
                };
            is_sound
                .then_some(index)
                .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidData))
        });
        match opened {
            Ok(index) => {
                slot.is_checked = true;
                Ok(Some(index))
            }
            // These say nothing about the file.
            Err(error)
                if highwater_disk::is_out_of_handles(&error)
                    || error.kind() == std::io::ErrorKind::OutOfMemory =>
            {
                Err(StorageError::io(&path, error))
            }
            Err(_) => Ok(None),
        }
    }

    /// Forgets the mapped indexes, because their files were replaced.
    pub(crate) fn drop_indexes(&self) {
        self.state.lock().drop_indexes();
    }
}

impl SegmentState {
    /// Whether all bytes of a range may be served.
    pub(crate) fn is_trusted(&self, start: u64, end: u64) -> bool {
        if start >= self.trusted_from {
            return true;
        }
        let end = end.min(self.trusted_from);
        let at = self.verified.partition_point(|(from, _)| *from <= start);
        at.checked_sub(1)
            .is_some_and(|at| self.verified[at].1 >= end)
    }

    /// How far the bytes from `start` on have been checked.
    pub(crate) fn trusted_until(&self, start: u64) -> u64 {
        if start >= self.trusted_from {
            return u64::MAX;
        }
        let at = self.verified.partition_point(|(from, _)| *from <= start);
        let end = at
            .checked_sub(1)
            .map_or(start, |at| self.verified[at].1.max(start));
        if end >= self.trusted_from {
            u64::MAX
        } else {
            end
        }
    }

    /// Remembers that a range was checked.
    pub(crate) fn add_verified(&mut self, start: u64, end: u64) {
        let first = self.verified.partition_point(|(_, to)| *to < start);
        let behind = self.verified.partition_point(|(from, _)| *from <= end);
        let mut joined = (start, end);
        for (from, to) in self.verified.drain(first..behind) {
            joined = (joined.0.min(from), joined.1.max(to));
        }
        self.verified.insert(first, joined);
    }

    /// The damage that covers a position, or the next one in front of `end`.
    pub(crate) fn damage_between(&self, start: u64, end: u64) -> Option<Damage> {
        let touches = |d: &&Damage| d.position < end.max(start + 1) && d.end > start;
        self.damaged.iter().find(touches).copied()
    }

    pub(crate) fn add_damage(&mut self, damage: Damage) {
        if !self.damaged.contains(&damage) {
            self.damaged.push(damage);
            self.damaged.sort_unstable_by_key(|damage| damage.position);
        }
    }

    /// Forgets what was known of the bytes behind a cut.
    pub(crate) fn cut(&mut self, size: u64) {
        self.trusted_from = self.trusted_from.min(size);
        self.verified.retain(|(from, _)| *from < size);
        if let Some(last) = self.verified.last_mut() {
            last.1 = last.1.min(size);
        }
        self.damaged.retain(|damage| damage.position < size);
        self.max_timestamp = None;
        self.drop_indexes();
    }

    fn drop_indexes(&mut self) {
        self.offset_index = IndexSlot::default();
        self.time_index = IndexSlot::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checked_ranges_grow_together() {
        let mut state = SegmentState {
            trusted_from: 100,
            ..SegmentState::default()
        };
        assert!(state.is_trusted(100, 200) && !state.is_trusted(99, 200));
        state.add_verified(10, 20);
        state.add_verified(40, 60);
        assert!(state.is_trusted(10, 20) && !state.is_trusted(10, 21));
        state.add_verified(20, 40);
        assert!(state.is_trusted(12, 60) && !state.is_trusted(9, 12));
        assert_eq!(state.verified, [(10, 60)]);
        assert_eq!(state.trusted_until(30), 60);
        state.add_verified(55, 100);
        assert!(state.is_trusted(10, 500));
        assert_eq!(state.trusted_until(30), u64::MAX);
        state.cut(50);
        assert!(state.is_trusted(50, 60) && state.is_trusted(10, 50) && !state.is_trusted(0, 10));
    }
}
