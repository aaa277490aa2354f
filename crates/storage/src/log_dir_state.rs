//! What a directory writes for its next start, and how it goes offline.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use highwater_types::{Offset, TopicPartition};

use crate::checkpoint::{self, Durable, format_offsets, replace_file};
use crate::error::StorageError;
use crate::log_dir::{CLEAN_SHUTDOWN, LogDir};

/// What Kafka writes into the marker of a clean stop; the epoch −1 is none.
const CLEAN_SHUTDOWN_TEXT: &str = "{\"version\":0,\"brokerEpoch\":-1}";

impl LogDir {
    /// Whether work on this directory has ended.
    pub fn is_offline(&self) -> bool {
        self.offline.get().is_some()
    }

    /// Why work on this directory has ended.
    pub fn offline_reason(&self) -> Option<&str> {
        self.offline.get().map(String::as_str)
    }

    /// Ends all work on this directory until a restart; the first reason counts.
    pub fn take_offline(&self, reason: &str) {
        if self.offline.set(reason.to_owned()).is_ok() {
            tracing::error!(dir = %self.path().display(), reason, "a data directory goes offline");
        }
    }

    /// Refuses work on a directory that is offline.
    pub(crate) fn check_online(&self) -> Result<(), StorageError> {
        match self.offline.get() {
            None => Ok(()),
            Some(reason) => Err(StorageError::Offline {
                path: self.path().to_path_buf(),
                reason: reason.clone(),
            }),
        }
    }

    /// Lets a failed write end the work on this directory, unless the failure passes by itself.
    pub(crate) fn judge(&self, error: StorageError) -> StorageError {
        if matches!(error, StorageError::Io { .. }) && !error.is_passing() {
            self.take_offline(&error.to_string());
        }
        error
    }

    /// Writes down, durably and in one piece, up to where logs were flushed since the last
    /// call; also makes durable which logs were deleted. To be called several times a second;
    /// it costs nothing if nothing changed. Returns the number of logs written.
    pub fn persist_flushed_ends(&self) -> Result<usize, StorageError> {
        self.sync_deletions()?;
        self.write_cleaner_offsets()?;
        let mut changed = std::mem::take(&mut *self.changed.lock());
        changed.retain(|ends| !ends.is_deleted.load(Ordering::Acquire));
        if changed.is_empty() {
            return Ok(0);
        }
        self.check_online()?;
        for ends in &changed {
            ends.queued.store(false, Ordering::Release);
        }
        let mut journal = self.journal.lock();
        // Read under the lock: what somebody has stated since must not be taken back.
        let statements: Vec<_> = changed
            .iter()
            .map(|ends| (&ends.tp, ends.known()))
            .collect();
        let recorded = journal.record(&statements);
        drop(journal);
        let count = changed.len();
        if let Err(error) = recorded {
            // A full disk passes, and then these must be written down as well.
            for ends in changed {
                if !ends.queued.swap(true, Ordering::AcqRel) {
                    self.changed.lock().push(ends);
                }
            }
            return Err(self.judge(error));
        }
        Ok(count)
    }

    /// Rewrites the checkpoints that Kafka keeps: flushed ends, log starts, high watermarks.
    pub fn write_checkpoints(
        &self,
        high_watermarks: &[(TopicPartition, Offset)],
    ) -> Result<(), StorageError> {
        self.check_online()?;
        let (flushed, starts): (Vec<_>, Vec<_>) = {
            let logs = self.logs.lock();
            let live = logs.iter().filter(|(_, ends)| !ends.is_deleted());
            let flushed = live
                .clone()
                .map(|(tp, ends)| (tp.clone(), ends.flushed_end()))
                .collect();
            let moved = live.filter(|(_, ends)| ends.starts_within_segment());
            (
                flushed,
                moved
                    .map(|(tp, ends)| (tp.clone(), ends.log_start()))
                    .collect(),
            )
        };
        let write = |name: &str, offsets: &[(TopicPartition, Offset)]| {
            let text = format_offsets(offsets.iter().map(|(tp, offset)| (tp, *offset)));
            replace_file(
                &*self.disk,
                &self.path().join(name),
                text.as_bytes(),
                Durable::Yes,
            )
            .map_err(|error| self.judge(error))
        };
        write(checkpoint::RECOVERY_POINTS, &flushed)?;
        write(checkpoint::LOG_STARTS, &starts)?;
        write(checkpoint::HIGH_WATERMARKS, high_watermarks)
    }

    /// Says that everything is on disk, once every log has been closed. A log that is still
    /// open, or a directory that is offline, makes the next start a recovery.
    pub fn close_clean(
        &self,
        high_watermarks: &[(TopicPartition, Offset)],
    ) -> Result<(), StorageError> {
        self.check_online()?;
        let io = |source| StorageError::io(self.path(), source);
        // DURABILITY: closing logs leaves index ends and snapshots unsynced; the marker vouches
        // for them.
        self.disk
            .sync_file_system(self.path())
            .map_err(io)
            .map_err(|error| self.judge(error))?;
        self.persist_flushed_ends()?;
        self.write_checkpoints(high_watermarks)?;
        if self.has_unopened.load(Ordering::Acquire) {
            return Ok(());
        }
        if self
            .logs
            .lock()
            .values()
            .any(|ends| !ends.is_closed.load(Ordering::Acquire) && !ends.is_deleted())
        {
            return Ok(());
        }
        self.wal.remove().map_err(|error| self.judge(error))?;
        let path = self.path().join(CLEAN_SHUTDOWN);
        replace_file(
            &*self.disk,
            &path,
            CLEAN_SHUTDOWN_TEXT.as_bytes(),
            Durable::Yes,
        )
        .map_err(|error| self.judge(error))?;
        self.handles.close_all();
        Ok(())
    }

    /// Writes down up to where a log has been compacted.
    pub(crate) fn set_cleaner_offset(
        &self,
        tp: &TopicPartition,
        offset: Offset,
    ) -> Result<(), StorageError> {
        let mut marks = self.cleaner_offsets.lock();
        marks.is_dirty |= marks.offsets.insert(tp.clone(), offset) != Some(offset);
        drop(marks);
        self.write_cleaner_offsets()
    }

    /// Forgets up to where a log was compacted, for a log of the same name may follow.
    pub(crate) fn forget_cleaner_offset(&self, tp: &TopicPartition) {
        let mut marks = self.cleaner_offsets.lock();
        marks.is_dirty |= marks.offsets.remove(tp).is_some();
    }

    fn write_cleaner_offsets(&self) -> Result<(), StorageError> {
        let mut marks = self.cleaner_offsets.lock();
        if !marks.is_dirty {
            return Ok(());
        }
        let text = format_offsets(marks.offsets.iter().map(|(tp, offset)| (tp, *offset)));
        let path = self.path().join(checkpoint::CLEANER_OFFSETS);
        replace_file(&*self.disk, &path, text.as_bytes(), Durable::Yes)
            .map_err(|error| self.judge(error))?;
        marks.is_dirty = false;
        Ok(())
    }

    /// Up to where a log has been compacted.
    pub(crate) fn cleaner_offset(&self, tp: &TopicPartition) -> Option<Offset> {
        self.cleaner_offsets.lock().offsets.get(tp).copied()
    }

    /// The high watermark that was written down before the start.
    pub fn high_watermark_at_start(&self, tp: &TopicPartition) -> Option<Offset> {
        self.start.high_watermarks.get(tp).copied()
    }

    /// Log starts that were written down before the start.
    pub(crate) fn log_start_at_start(&self, tp: &TopicPartition) -> Option<Offset> {
        self.start.log_starts.get(tp).copied()
    }

    /// The recovery points that were written down before the start.
    pub(crate) fn recovery_points(&self) -> &HashMap<TopicPartition, Offset> {
        &self.start.recovery_points
    }
}
