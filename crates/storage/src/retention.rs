//! What is deleted, when, and how: by age, by size, and below the start of the log.
//!
//! Files are renamed first and removed after a delay, so that a reader that has just been
//! given a segment can finish. Readers hold the open file, so even a removed one can be read
//! to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use highwater_types::{Now, Offset};

use crate::config::LogConfig;
use crate::error::StorageError;
use crate::log::{DueFile, PartitionLog, Writer};
use crate::paths;
use crate::segment::Segment;

/// What a round of retention has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Segments deleted.
    pub segments_deleted: usize,
    /// Their bytes.
    pub bytes_deleted: u64,
    /// The start of the log afterwards.
    pub log_start: Offset,
}

impl PartitionLog {
    /// Deletes what is too old, too much, or below the start of the log; nothing that reaches
    /// to the high watermark or beyond. Ages are judged by a clock that a jump of the wall
    /// clock hardly moves.
    pub fn retain(&self, now: Now, high_watermark: Offset) -> Result<Retained, StorageError> {
        let wall_ms = self.dir.clock.wall_ms(now);
        let config = self.config();
        let _flushing = self.flushing.lock();
        if self.is_ahead() {
            // Nothing goes before it is on disk in its own file, and on an idle broker nobody
            // else would see to that.
            match self.flush_alone() {
                // What is in its own file already may go all the same, and makes room.
                Err(error) if error.is_passing() => {}
                flushed => drop(flushed?),
            }
        }
        let mut writer = self.writer.lock();
        self.check_usable()?;
        let count = self.deletable(&config, wall_ms, high_watermark)?;
        let mut done = Retained {
            log_start: self.log_start(),
            ..Retained::default()
        };
        if count == 0 {
            return Ok(done);
        }
        if count == self.view.lock().segments.len() {
            self.start_segment(&mut writer, &config, self.log_end(), now)
                .map_err(|error| self.judge(error))?;
            // DURABILITY: the name of the new segment carries the end of the log; it must be on
            // disk before the old segments go.
            let dir = self.path();
            let synced = self.dir.disk.sync_dir(&dir);
            synced.map_err(|source| self.judge(StorageError::io(&dir, source)))?;
        }
        let (doomed, next_base) = {
            let view = self.view.lock();
            let next = view.segments.get(count).map(|next| next.base);
            (view.segments[..count].to_vec(), next)
        };
        self.state_log_start_unless_full(next_base.unwrap_or(self.log_end()))?;
        for segment in &doomed {
            done.bytes_deleted += segment.size();
        }
        done.segments_deleted = doomed.len();
        self.remove_segments(&mut writer, &doomed, now)
            .map_err(|error| self.judge(error))?;
        done.log_start = self.log_start();
        Ok(done)
    }

    /// Writes down where the log is to begin.
    fn state_log_start_unless_full(&self, log_start: Offset) -> Result<(), StorageError> {
        // DURABILITY: of several segments that were removed a crash may bring back any, and with
        // the first but not the second the log would have a hole.
        match self.state_log_start(log_start) {
            // Removing is what makes room again.
            Err(error) if error.is_passing() => Ok(()),
            recorded => recorded.map_err(|error| self.judge(error)),
        }
    }

    /// How many of the first segments may go.
    fn deletable(
        &self,
        config: &LogConfig,
        wall_ms: i64,
        high_watermark: Offset,
    ) -> Result<usize, StorageError> {
        let mut excess = match config.retention_bytes {
            Some(max) if config.delete => self.size_bytes().saturating_sub(max),
            _ => 0,
        };
        let mut count = 0;
        while let Some(target) = self.target_at(count) {
            let is_empty = target.is_active && target.size == 0;
            if is_empty || target.end > high_watermark.min(self.flushed_end()) {
                break;
            }
            let below_start = target.end <= self.log_start() && !target.is_active;
            let too_much = excess >= target.size && excess > 0 && !target.is_active;
            let too_old = match config.retention_ms {
                Some(age_max) if config.delete => {
                    let newest = self.max_timestamp_of(&target)?.timestamp_ms;
                    let newest = if newest >= 0 {
                        newest
                    } else {
                        self.modified_ms(&target.segment)
                    };
                    wall_ms.saturating_sub(newest) > age_max
                }
                _ => false,
            };
            if !(below_start || too_much || too_old) {
                break;
            }
            excess = excess.saturating_sub(target.size);
            count += 1;
        }
        Ok(count)
    }

    fn modified_ms(&self, segment: &Segment) -> i64 {
        let path = paths::segment_file(&self.path(), segment.base, paths::LOG);
        self.dir
            .disk
            .metadata(&path)
            .map_or(i64::MAX, |found| found.modified_ms)
    }

    /// Takes the first segments out of the log. The writer lock is held.
    fn remove_segments(
        &self,
        writer: &mut Writer,
        doomed: &[Arc<Segment>],
        now: Now,
    ) -> Result<(), StorageError> {
        let (first_base, removed_bytes) = {
            let mut view = self.view.lock();
            view.segments.drain(..doomed.len());
            view.closing.retain(|closing| {
                !doomed
                    .iter()
                    .any(|segment| Arc::ptr_eq(segment, &closing.segment))
            });
            let first = view
                .segments
                .first()
                .map_or(self.log_end(), |segment| segment.base);
            (
                first,
                doomed.iter().map(|segment| segment.size()).sum::<u64>(),
            )
        };
        self.size_bytes.fetch_sub(removed_bytes, Ordering::AcqRel);
        self.ends.first_base.store(first_base.0, Ordering::Release);
        self.ends
            .log_start
            .fetch_max(first_base.0, Ordering::AcqRel);
        writer.epochs.truncate_start(self.log_start());
        self.note_flushed();
        for segment in doomed {
            // Readers that hold the segment keep its file.
            let dir = self.path();
            drop(segment.pin(self.place(&dir), highwater_disk::OpenMode::ReadWrite));
            self.rename_for_removal(writer, segment.base, now)?;
        }
        match self.write_epochs(writer) {
            // What is to be said is that segments are gone. The file is written when there is
            // room; a start before that makes it again.
            Err(error) if error.is_passing() => Ok(()),
            written => written,
        }
    }

    /// Renames the files of a segment, and its snapshot, to be removed later.
    pub(crate) fn rename_for_removal(
        &self,
        writer: &mut Writer,
        base: Offset,
        now: Now,
    ) -> Result<(), StorageError> {
        let delay_ms = self.config().file_delete_delay_ms.max(0) as u64;
        let at_mono_ms = now.mono_ms.saturating_add(delay_ms);
        let dir = self.path();
        for kind in paths::SEGMENT_FILES.into_iter().chain([paths::SNAPSHOT]) {
            let path = paths::segment_file(&dir, base, kind);
            let renamed = paths::with_suffix(&path, paths::DELETED);
            match self.dir.disk.rename(&path, &renamed) {
                Ok(()) => writer.due_files.push(DueFile {
                    at_mono_ms,
                    path: renamed,
                }),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                // A full disk may have no room for the longer name, and this is what makes room.
                // Readers hold the file open and can finish.
                Err(error) if highwater_disk::is_out_of_space(&error) => {
                    let removed = self.dir.disk.remove(&path);
                    removed.map_err(|source| StorageError::io(&path, source))?;
                }
                Err(source) => return Err(StorageError::io(&path, source)),
            }
        }
        Ok(())
    }
}
