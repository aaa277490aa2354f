//! How batches get onto the disk.
//!
//! A flush covers everything that was appended before it began. Segments that were closed
//! since the last one are finished here rather than in the append that closed them: cut to
//! their size, synced with their indexes, and only then given a snapshot at their end. No
//! snapshot is ever written before the log is on disk up to its offset: a valid one therefore
//! proves that all in front of it was.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use highwater_disk::OpenMode;
use highwater_types::Offset;

use crate::aborted::Unsaved;
use crate::checkpoint::{Durable, replace_file};
use crate::error::StorageError;
use crate::log::{Closing, Committed, PartitionLog};
use crate::paths;
use crate::segment::Segment;
use crate::snapshot_file;

/// What one flush has to do.
struct Plan {
    end: Offset,
    /// The last block of the write-ahead log that says anything of the log until then.
    wal_last: u64,
    /// The producers at `end`, if it is time for a snapshot within the segment.
    snapshot: Option<Vec<u8>>,
    stale_snapshot: Option<Offset>,
    closing: Vec<Closing>,
    active: Option<(Arc<Segment>, u64)>,
    dir_is_dirty: bool,
    /// Aborted transactions that the files of their segments do not name yet.
    aborted: Vec<(Arc<Segment>, Unsaved)>,
}

/// What the files of these segments do not say of their aborted transactions.
fn unsaved(
    closing: &[Closing],
    active: Option<&(Arc<Segment>, u64)>,
) -> Vec<(Arc<Segment>, Unsaved)> {
    let closing = closing.iter().map(|closing| &closing.segment);
    let segments = closing.chain(active.map(|(active, _)| active));
    let unsaved = segments.map(|segment| Some((Arc::clone(segment), segment.unsaved_aborted()?)));
    unsaved.flatten().collect()
}

impl PartitionLog {
    /// Puts everything that was appended before the call onto the disk and returns the offset
    /// up to which it is there. Blocks; a second call for the same log waits for the first. A failure is
    /// final and takes the directory offline, because what a failed sync has dropped a second
    /// one would not bring back.
    pub fn flush(&self) -> Result<Offset, StorageError> {
        let _flushing = self.flushing.lock();
        self.flush_alone()
    }

    /// [`PartitionLog::flush`] without holding up the flushes of other logs for long.
    pub(crate) fn flush_gently(&self) -> Result<Offset, StorageError> {
        // Whoever else flushes would sync the same descriptor, which tells of an error once.
        let _flushing = self.flushing.lock();
        self.check_usable()?;
        let active = self.view.lock().segments.last().map(Arc::clone);
        let dir = self.path();
        if let Some(active) = active
            && let Ok(file) = active.file(self.place(&dir))
            && let Err(source) = active.write_back(&*file)
        {
            // The flush would not hear of it again.
            let path = paths::segment_file(&dir, active.base, paths::LOG);
            let error = StorageError::io(&path, source);
            if !self.ends.is_deleted() {
                self.dir.take_offline(&format!("a flush failed: {error}"));
            }
            return Err(error);
        }
        self.flush_alone()
    }

    /// [`PartitionLog::flush`] for whoever holds `flushing`.
    pub(crate) fn flush_alone(&self) -> Result<Offset, StorageError> {
        self.check_usable()?;
        let snapshot_is_due = {
            let view = self.view.lock();
            let size = view.segments.last().map_or(0, |active| active.size());
            size.saturating_sub(view.snapshot_bytes) >= self.dir.options.snapshot_every_bytes
        };
        // A block that is under way may hold more than will have been flushed here.
        let committing = self.committing.lock();
        // Producers and end must be of the same moment, so appends wait for this one.
        let mut writer = snapshot_is_due.then(|| self.writer.lock());
        if let Some(writer) = &mut writer {
            match self.write_epochs(writer) {
                // A start makes the file again, and the flush must not wait for room.
                Err(error) if error.is_passing() => {}
                written => written.map_err(|error| self.judge(error))?,
            }
        }
        let mut plan = {
            let mut view = self.view.lock();
            let end = self.log_end();
            let is_flushed = end == self.flushed_end() && !self.is_ahead();
            let active = view
                .segments
                .last()
                .map(|active| (Arc::clone(active), active.size()));
            let aborted = unsaved(&view.closing, active.as_ref());
            if is_flushed && view.closing.is_empty() && !view.dir_is_dirty && aborted.is_empty() {
                return Ok(end);
            }
            let snapshot =
                writer.map(|writer| snapshot_file::encode(&writer.producers.to_snapshot()));
            if snapshot.is_some() {
                view.snapshot_bytes = active.as_ref().map_or(0, |(_, size)| *size);
            }
            Plan {
                aborted,
                end,
                wal_last: self.ends.wal_last.load(Ordering::Acquire),
                stale_snapshot: view.snapshot.filter(|_| snapshot.is_some()),
                snapshot,
                closing: std::mem::take(&mut view.closing),
                active,
                dir_is_dirty: std::mem::take(&mut view.dir_is_dirty)
                    | std::mem::take(&mut view.names_are_unsure),
            }
        };
        drop(committing);
        let saved = self.save_aborted(&mut plan);
        if let Some(error) = saved.as_ref().err().filter(|error| error.is_passing()) {
            tracing::debug!(tp = %self.ends.tp, %error, "cannot write which transactions were aborted");
            self.restore(plan);
            return saved.map(|()| self.flushed_end());
        }
        if let Err(error) = saved.and_then(|()| self.carry_out(&plan)) {
            if matches!(error, StorageError::Io { .. }) && error.is_passing() {
                // No sync has failed, there was no descriptor left to open a file with.
                self.restore(plan);
                return Err(error);
            }
            if !self.ends.is_deleted.load(Ordering::Acquire) {
                self.dir.take_offline(&format!("a flush failed: {error}"));
            }
            self.check_usable()?;
            return Err(error);
        }
        self.settle(&plan);
        Ok(plan.end)
    }

    /// Leaves what was planned to the next flush.
    fn restore(&self, plan: Plan) {
        let mut view = self.view.lock();
        view.dir_is_dirty |= plan.dir_is_dirty;
        let later = std::mem::replace(&mut view.closing, plan.closing);
        view.closing.extend(later);
    }

    /// DURABILITY: a segment counts as flushed only once its file of aborted transactions names
    /// all of them, or a start would believe that those which are missing were committed.
    fn save_aborted(&self, plan: &mut Plan) -> Result<(), StorageError> {
        let dir = self.path();
        for (segment, unsaved) in &plan.aborted {
            segment.save_aborted(self.place(&dir), unsaved)?;
            plan.dir_is_dirty |= unsaved.from == 0;
        }
        Ok(())
    }

    fn carry_out(&self, plan: &Plan) -> Result<(), StorageError> {
        let dir = self.path();
        for closing in &plan.closing {
            self.finish_segment(&closing.segment)?;
        }
        if let Some((active, size)) = &plan.active
            && (*size > 0 || plan.dir_is_dirty)
        {
            let path = paths::segment_file(&dir, active.base, paths::LOG);
            let file = active.file(self.place(&dir))?;
            file.sync_data()
                .map_err(|source| StorageError::io(&path, source))?;
        }
        if plan.dir_is_dirty {
            // DURABILITY: a batch is not on disk as long as the name of its file is not.
            self.dir
                .disk
                .sync_dir(&dir)
                .map_err(|source| StorageError::io(&dir, source))?;
        }
        for closing in &plan.closing {
            // DURABILITY: the snapshot comes last, because it vouches for what is before it.
            self.write_snapshot(closing.next_base, &closing.snapshot, closing.stale_snapshot)?;
        }
        if let Some(snapshot) = &plan.snapshot {
            self.write_snapshot(plan.end, snapshot, plan.stale_snapshot)?;
            let mut view = self.view.lock();
            if view
                .segments
                .last()
                .is_some_and(|active| active.base < plan.end)
            {
                view.snapshot = Some(plan.end);
            }
        }
        Ok(())
    }

    /// Writes a snapshot and removes the one it makes superfluous.
    fn write_snapshot(
        &self,
        at: Offset,
        bytes: &[u8],
        stale: Option<Offset>,
    ) -> Result<(), StorageError> {
        let dir = self.path();
        let path = paths::segment_file(&dir, at, paths::SNAPSHOT);
        match replace_file(&*self.dir.disk, &path, bytes, Durable::Yes) {
            Err(StorageError::OutOfSpace { path }) => {
                tracing::warn!(path = %path.display(), "no room for a producer snapshot");
                return Ok(());
            }
            other => other?,
        }
        let Some(stale) = stale.filter(|stale| *stale != at) else {
            return Ok(());
        };
        let path = paths::segment_file(&dir, stale, paths::SNAPSHOT);
        match self.dir.disk.remove(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StorageError::io(&path, error))
            }
            _ => Ok(()),
        }
    }

    /// Cuts a closed segment to its size and puts it and its indexes on disk.
    fn finish_segment(&self, segment: &Segment) -> Result<(), StorageError> {
        let dir = self.path();
        let path = paths::segment_file(&dir, segment.base, paths::LOG);
        let file = segment.file(self.place(&dir))?;
        let cut = file.set_len(segment.size()).and_then(|()| file.sync_data());
        cut.map_err(|source| StorageError::io(&path, source))?;
        for kind in [paths::INDEX, paths::TIME_INDEX] {
            let path = paths::segment_file(&dir, segment.base, kind);
            let synced = match self.dir.disk.open(&path, OpenMode::ReadWrite) {
                // A missing or unsynced index is rebuilt when it turns out wrong.
                Err(error)
                    if error.kind() == std::io::ErrorKind::NotFound
                        || highwater_disk::is_out_of_handles(&error) =>
                {
                    continue;
                }
                Err(error) => Err(error),
                Ok(file) => file.sync_data(),
            };
            synced.map_err(|source| StorageError::io(&path, source))?;
        }
        Ok(())
    }

    /// Lets the flush count.
    fn settle(&self, plan: &Plan) {
        let mut view = self.view.lock();
        self.ends.flushed_end.store(plan.end.0, Ordering::Release);
        self.ends
            .wal_flushed
            .store(plan.wal_last, Ordering::Release);
        for (segment, saved) in &plan.aborted {
            segment.aborted_saved(saved);
        }
        for closing in &plan.closing {
            closing.segment.unpin();
            closing.segment.release_aborted();
        }
        if let Some((active, size)) = &plan.active {
            active.note_written_back(*size);
            if active.size() == *size {
                active.unpin();
            }
            // A commit may have come further while the flush was under way.
            if view
                .committed
                .is_none_or(|committed| committed.end <= plan.end)
            {
                view.committed = Some(Committed {
                    base: active.base,
                    position: *size,
                    end: plan.end,
                });
            }
        }
        drop(view);
        self.note_flushed();
    }

    /// Has the journal told of the new flushed end.
    pub(crate) fn note_flushed(&self) {
        if !self.ends.queued.swap(true, Ordering::AcqRel) {
            self.dir.changed.lock().push(Arc::clone(&self.ends));
        }
    }
}
