//! Moving the ends of a log: DeleteRecords at the front, divergence from a leader at the back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use highwater_types::{Now, Offset};

use crate::aborted::Saved;
use crate::active_index::ActiveIndex;
use crate::error::{ReadError, StorageError};
use crate::flush_journal::FlushedEnd;
use crate::log::{PartitionLog, Writer};
use crate::paths;
use crate::read::Sought;
use crate::recovery::load_producers;
use crate::segment::Segment;

impl PartitionLog {
    /// Makes everything below `offset` unreadable; durable when it returns. The segments go
    /// with the next [`PartitionLog::retain`]. Never goes back, and never beyond the end of
    /// the log. Returns the start of the log.
    pub fn advance_log_start(&self, offset: Offset) -> Result<Offset, StorageError> {
        let mut writer = self.writer.lock();
        self.check_usable()?;
        let target = offset.min(self.log_end());
        if target <= self.log_start() {
            return Ok(self.log_start());
        }
        // DURABILITY: a record that was said to be deleted must not come back.
        self.state_log_start(target)
            .map_err(|error| self.judge(error))?;
        writer.epochs.truncate_start(target);
        Ok(target)
    }

    /// Writes down where the log begins, and lets it begin there. Under the lock of the journal,
    /// so that nobody writes down behind it where the log began before.
    pub(crate) fn state_log_start(&self, log_start: Offset) -> Result<(), StorageError> {
        let mut journal = self.dir.journal.lock();
        let known = self.ends.known();
        let known = FlushedEnd {
            log_start: log_start.max(known.log_start),
            ..known
        };
        journal.record(&[(&self.ends.tp, known)])?;
        let stated = known.log_start.0;
        self.ends.log_start.fetch_max(stated, Ordering::AcqRel);
        Ok(())
    }

    /// Starts a new segment, unless the active one is empty.
    pub fn roll(&self, now: Now) -> Result<(), StorageError> {
        let mut writer = self.writer.lock();
        self.check_usable()?;
        let has_records = self
            .view
            .lock()
            .segments
            .last()
            .is_some_and(|last| last.size() > 0);
        if has_records {
            let config = self.config();
            self.start_segment(&mut writer, &config, self.log_end(), now)
                .map_err(|error| self.judge(error))?;
        }
        Ok(())
    }

    /// Forgets everything from `offset` on, as a follower does where its leader differs. A
    /// batch that reaches over `offset` goes whole. Nothing happens if the log ends before.
    pub fn truncate_to(&self, offset: Offset, now: Now) -> Result<(), ReadError> {
        let _flushing = self.flushing.lock();
        let _committing = loop {
            // The statement below makes void what the write-ahead log says of what stays, too.
            self.flush_alone()?;
            let committing = self.committing.lock();
            if !self.is_ahead() {
                break committing;
            }
        };
        let mut writer = self.writer.lock();
        self.check_usable()?;
        if offset >= self.log_end() {
            return Ok(());
        }
        // DURABILITY: the flushed end is lowered on disk before the bytes go, or a crash would
        // take the cut for a loss.
        let flushed_end = self.flushed_end().min(offset);
        let log_start = self.log_start().min(offset);
        let known = FlushedEnd {
            flushed_end,
            log_start,
            ..self.ends.known()
        };
        let recorded = {
            let mut journal = self.dir.journal.lock();
            let recorded = journal.record(&[(&self.ends.tp, known)]);
            if recorded.is_ok() {
                let ends = &self.ends;
                ends.log_start.store(log_start.0, Ordering::Release);
                ends.flushed_end.store(flushed_end.0, Ordering::Release);
            }
            recorded
        };
        recorded.map_err(|error| self.judge(error))?;
        self.drop_snapshots_behind(offset)?;
        self.drop_segments_from(&mut writer, offset)?;
        let at = self.view.lock().segments.len().checked_sub(1);
        let kept = match at.and_then(|at| self.target_at(at)) {
            Some(mut target) => {
                target.is_active = false;
                let position = match self.seek(&target, offset)? {
                    Sought::Batch(batch) => batch.position,
                    Sought::Behind => target.size,
                    Sought::Damage(damage) => damage.position,
                };
                self.cut_segment(&target.segment, position)
                    .and_then(|()| self.cut_aborted(&target.segment, offset))
                    .map_err(|error| self.judge(error))?;
                Some(target.segment)
            }
            None => None,
        };
        self.ends.log_end.store(offset.0, Ordering::Release);
        writer.epochs.truncate_end(offset);
        self.write_epochs(&mut writer)?;
        writer.ahead.reset();
        if kept.is_none() {
            let config = self.config();
            self.start_segment(&mut writer, &config, offset, now)
                .map_err(|error| self.judge(error))?;
        }
        let segments = self.view.lock().segments.clone();
        let dir = self.path();
        let loaded = load_producers(self.place(&dir), &segments, offset);
        writer.producers = loaded.map_err(|error| self.judge(error))?;
        self.ends.note_transactions(&writer.producers);
        self.size_bytes
            .store(segments.iter().map(|s| s.size()).sum(), Ordering::Release);
        self.note_flushed();
        Ok(())
    }

    /// Removes whole segments behind the cut, last first, so that a crash leaves no gap.
    fn drop_segments_from(&self, writer: &mut Writer, offset: Offset) -> Result<(), StorageError> {
        let dir = self.path();
        let doomed: Vec<Arc<Segment>> = {
            let mut view = self.view.lock();
            let kept = view
                .segments
                .partition_point(|segment| segment.base < offset);
            let doomed = view.segments.split_off(kept);
            view.closing.retain(|closing| closing.next_base <= offset);
            view.committed = None;
            view.recent.clear();
            view.index = None;
            view.dir_is_dirty = true;
            doomed
        };
        for segment in doomed.iter().rev() {
            segment.unpin();
            for kind in paths::SEGMENT_FILES {
                let path = paths::segment_file(&dir, segment.base, kind);
                match self.dir.disk.remove(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(self.judge(StorageError::io(&path, error)));
                    }
                    _ => {}
                }
            }
        }
        writer.ahead.reset();
        if !doomed.is_empty() {
            let synced = self.dir.disk.sync_dir(&dir);
            synced.map_err(|source| self.judge(StorageError::io(&dir, source)))?;
        }
        Ok(())
    }

    /// Removes the snapshots behind the cut.
    fn drop_snapshots_behind(&self, offset: Offset) -> Result<(), StorageError> {
        let dir = self.path();
        let io = |source| self.judge(StorageError::io(&dir, source));
        {
            let mut view = self.view.lock();
            view.snapshot = None;
            view.snapshot_bytes = 0;
        }
        let mut removed = false;
        for entry in self.dir.disk.list(&dir).map_err(io)? {
            let snapshot = paths::parse_segment_file(&entry.name)
                .filter(|(at, kind)| *kind == paths::SNAPSHOT && *at > offset);
            if snapshot.is_some() {
                self.dir.disk.remove(&dir.join(&entry.name)).map_err(io)?;
                removed = true;
            }
        }
        if removed {
            // DURABILITY: a snapshot says that the log was on disk up to its offset; it must be
            // gone before the log is shorter.
            self.dir.disk.sync_dir(&dir).map_err(io)?;
        }
        Ok(())
    }

    /// Cuts the last segment and makes it the active one, with indexes made anew.
    fn cut_segment(&self, segment: &Arc<Segment>, position: u64) -> Result<(), StorageError> {
        let dir = self.path();
        let path = paths::segment_file(&dir, segment.base, paths::LOG);
        let io = |source| StorageError::io(&path, source);
        let file = segment.pin(self.place(&dir), highwater_disk::OpenMode::ReadWrite)?;
        // DURABILITY: what is cut must not come back behind the records that take its place.
        file.set_len(position)
            .and_then(|()| file.sync_data())
            .map_err(io)?;
        segment.set_size(position);
        segment.state.lock().cut(position);
        let mut scanner = crate::scan::Scanner::new(file, position);
        let interval_bytes = self.config().index_interval_bytes;
        let mut index: ActiveIndex =
            crate::read::index_of(&mut scanner, segment, interval_bytes).map_err(io)?;
        // In the place of the old files and not into them: a reader may have those mapped.
        match crate::read::write_index_files(&*self.dir.disk, &dir, segment.base, &index) {
            Ok(()) => {
                let (offsets, times) = index.waiting();
                index.written(offsets.len(), times.len());
            }
            // They wait in memory for the room they need; the old files must not wait for them.
            Err(error) if error.is_passing() => self.remove_index_files(segment)?,
            Err(error) => return Err(error),
        }
        segment.drop_indexes();
        self.view.lock().index = Some(Box::new(index));
        Ok(())
    }

    /// Forgets the aborted transactions whose markers were cut.
    fn cut_aborted(&self, segment: &Segment, offset: Offset) -> Result<(), StorageError> {
        let dir = self.path();
        let mut kept = self.aborted_in(segment, Offset::ZERO)?;
        kept.retain(|entry| entry.last_offset < offset);
        segment.hold_aborted(Saved::unknown(), &kept);
        // DURABILITY: other records take the offsets that the file would speak of.
        if let Some(unsaved) = segment.unsaved_aborted() {
            segment.save_aborted(self.place(&dir), &unsaved)?;
            segment.aborted_saved(&unsaved);
        }
        Ok(())
    }

    fn remove_index_files(&self, segment: &Segment) -> Result<(), StorageError> {
        for kind in [paths::INDEX, paths::TIME_INDEX] {
            let path = paths::segment_file(&self.path(), segment.base, kind);
            match self.dir.disk.remove(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StorageError::io(&path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
