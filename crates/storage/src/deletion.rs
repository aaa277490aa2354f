//! How a log goes, and what is removed later because readers may still be at it.
//!
//! The directory of a deleted log is renamed first, so that another log of the name can be
//! made, and removed when `file.delete.delay.ms` is over. One sync makes all renames of a while
//! durable. Removing is never the only thing that keeps deleted records away, so a refusal of
//! the disk is no reason to end the work on a directory: what failed is kept and tried again.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use highwater_types::{Now, TopicId, TopicPartition};

use crate::error::StorageError;
use crate::log::{DueFile, LogEnds, PartitionLog};
use crate::log_dir::LogDir;
use crate::paths;

impl PartitionLog {
    /// Deletes the log. From here on nobody can use it, whether or not this succeeds; after an
    /// error it may be called again to finish.
    ///
    /// DURABILITY: its directory has another name when this returns, durably so once
    /// [`LogDir::persist_flushed_ends`] has returned the next time. A start that finds it under
    /// the old name knows it by the id of a topic that is gone.
    pub fn delete(&self, now: Now) -> Result<(), StorageError> {
        // Said before the rename: what a flush then cannot find is no failure of the disk.
        let is_retry = self.ends.is_deleted.swap(true, Ordering::AcqRel);
        // A flush under way names its files by the directory, which may soon be another's.
        let _flushing = self.flushing.lock();
        let _writer = self.writer.lock();
        self.dir.check_online()?;
        if self.ends.is_removed.load(Ordering::Acquire) {
            return Ok(());
        }
        let other = |id| id != self.ends.topic_id;
        if is_retry && self.dir.read_topic_id(&self.ends.tp).is_some_and(other) {
            // A newer log has the name, so this one must have left it.
            self.ends.is_removed.store(true, Ordering::Release);
            return Ok(());
        }
        let renamed = self.rename_for_deletion()?;
        self.ends.is_removed.store(true, Ordering::Release);
        let delay_ms = self.config().file_delete_delay_ms.max(0) as u64;
        let due_ms = now.mono_ms.saturating_add(delay_ms);
        self.dir.due_dirs.lock().push((due_ms, renamed));
        self.dir.entries_are_dirty.store(true, Ordering::Release);
        self.dir.forget(&self.ends)
    }

    fn rename_for_deletion(&self) -> Result<PathBuf, StorageError> {
        self.dir
            .rename_for_deletion(&self.ends.tp, self.ends.topic_id)
    }

    /// Removes files whose delay is over; returns how many. What cannot be removed is kept for
    /// the next call, and the first reason returned once the others are gone.
    pub fn remove_due_files(&self, now: Now) -> Result<usize, StorageError> {
        self.check_usable()?;
        let due: Vec<DueFile> = {
            let mut writer = self.writer.lock();
            if writer.due_files.is_empty() {
                return Ok(0);
            }
            let (due, later) = writer
                .due_files
                .drain(..)
                .partition(|file| file.at_mono_ms <= now.mono_ms);
            writer.due_files = later;
            due
        };
        let total = due.len();
        let (mut kept, mut first_error) = (Vec::new(), None);
        for file in due {
            match self.dir.disk.remove(&file.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    first_error.get_or_insert(StorageError::io(&file.path, error));
                    kept.push(file);
                }
                _ => {}
            }
        }
        let removed = total - kept.len();
        self.writer.lock().due_files.extend(kept);
        first_error.map_or(Ok(removed), Err)
    }
}

impl LogDir {
    /// Deletes the directory of a log that is not open, if it is there and not known to be of
    /// another topic; returns whether there was one. Durable as [`PartitionLog::delete`] is;
    /// nobody reads the log, so its files go at the next occasion.
    pub fn delete_unopened(
        &self,
        tp: &TopicPartition,
        topic_id: TopicId,
        now: Now,
    ) -> Result<bool, StorageError> {
        self.check_online()?;
        let dir = self.path().join(tp.to_string());
        let is_there = self.disk.exists(&dir);
        let is_there = is_there.map_err(|source| StorageError::io(&dir, source))?;
        let other = |id| id != topic_id;
        if !is_there
            || self.logs.lock().contains_key(tp)
            || self.read_topic_id(tp).is_some_and(other)
        {
            return Ok(false);
        }
        let renamed = self.rename_for_deletion(tp, topic_id)?;
        self.due_dirs.lock().push((now.mono_ms, renamed));
        self.entries_are_dirty.store(true, Ordering::Release);
        self.forget_cleaner_offset(tp);
        Ok(true)
    }

    fn rename_for_deletion(
        &self,
        tp: &TopicPartition,
        topic_id: TopicId,
    ) -> Result<PathBuf, StorageError> {
        let (disk, from) = (&*self.disk, self.path().join(tp.to_string()));
        let io = |source| StorageError::io(&from, source);
        let mut unique = topic_id;
        for attempt in 0..=u8::MAX {
            // The id of a topic is deleted once from one directory, save by reassignments.
            unique.0[15] = topic_id.0[15].wrapping_add(attempt);
            let to = self.path().join(paths::delete_dir_name(tp, unique));
            if disk.exists(&to).map_err(io)? {
                continue;
            }
            disk.rename(&from, &to).map_err(io)?;
            return Ok(to);
        }
        Err(StorageError::Exists(tp.clone()))
    }

    /// Forgets a log that was deleted, unless a newer one has its place.
    fn forget(&self, gone: &Arc<LogEnds>) -> Result<(), StorageError> {
        let mut logs = self.logs.lock();
        let is_own = |ends: &Arc<LogEnds>| Arc::ptr_eq(ends, gone);
        if !logs.get(&gone.tp).is_some_and(is_own) {
            return Ok(());
        }
        logs.remove(&gone.tp);
        drop(logs);
        self.forget_cleaner_offset(&gone.tp);
        match self.journal.lock().forget(&gone.tp) {
            // An entry of a log that is gone does no harm.
            Err(error) if error.is_passing() => Ok(()),
            other => other.map_err(|error| self.judge(error)),
        }
    }

    /// Makes the renames of deleted logs durable, all of them at once.
    pub(crate) fn sync_deletions(&self) -> Result<(), StorageError> {
        if !self.entries_are_dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let synced = self.disk.sync_dir(self.path());
        synced.map_err(|source| {
            let error = StorageError::io(self.path(), source);
            if error.is_passing() {
                self.entries_are_dirty.store(true, Ordering::Release);
            }
            self.judge(error)
        })
    }

    /// Removes the directories of deleted logs whose delay is over; returns how many. What
    /// cannot be removed is kept for the next call, and the first reason returned once the
    /// others are gone.
    pub fn remove_due_dirs(&self, now: Now) -> Result<usize, StorageError> {
        let due: Vec<_> = {
            let mut waiting = self.due_dirs.lock();
            let (due, later) = waiting.drain(..).partition(|(at, _)| *at <= now.mono_ms);
            *waiting = later;
            due
        };
        let total = due.len();
        let (mut kept, mut first_error) = (Vec::new(), None);
        for (at, path) in due {
            match self.disk.remove_dir_all(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    first_error.get_or_insert(StorageError::io(&path, error));
                    kept.push((at, path));
                }
                _ => {}
            }
        }
        let removed = total - kept.len();
        self.due_dirs.lock().extend(kept);
        first_error.map_or(Ok(removed), Err)
    }
}
