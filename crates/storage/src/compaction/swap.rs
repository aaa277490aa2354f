//! Putting a compacted segment in the place of those it was made from.
//!
//! `.cleaned` is work in progress and is thrown away after a crash. `.swap` is whole and on
//! disk: a start that finds it carries the replacement out. The old files go only after the
//! `.swap` name is durable, so at every moment the disk holds the old records or the new ones.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use highwater_disk::OpenMode;
use highwater_types::{Now, Offset};

use crate::aborted::to_bytes;
use crate::active_index::ActiveIndex;
use crate::checkpoint::{Durable, replace_file};
use crate::error::StorageError;
use crate::log::{PartitionLog, Writer};
use crate::paths;
use crate::read::write_index_files;
use crate::segment::Segment;

/// A segment that was written in the place of others.
pub(super) struct Fresh {
    pub(super) size: u64,
    pub(super) index: ActiveIndex,
    /// The markers in it.
    pub(super) markers: HashSet<Offset>,
}

impl PartitionLog {
    /// Replaces a group of segments by the one that was written from them. Returns `false`, and
    /// changes nothing, if the group is no longer in the log as it was.
    pub(super) fn swap_in(
        &self,
        group: &[Arc<Segment>],
        made: &Fresh,
        now: Now,
    ) -> Result<bool, StorageError> {
        let mut writer = self.writer.lock();
        self.check_usable()?;
        let dir = self.path();
        let Some(first) = group.first() else {
            return Ok(true);
        };
        let log = paths::segment_file(&dir, first.base, paths::LOG);
        let is_unchanged = {
            let view = self.view.lock();
            view.segments.windows(group.len()).any(|window| {
                window
                    .iter()
                    .zip(group)
                    .all(|(now, then)| Arc::ptr_eq(now, then))
            })
        };
        if !is_unchanged {
            let cleaned = paths::with_suffix(&log, paths::CLEANED);
            let removed = self.dir.disk.remove(&cleaned);
            removed.map_err(|source| self.judge(StorageError::io(&cleaned, source)))?;
            return Ok(false);
        }
        // Readers that hold an old segment keep its file, whatever its name will stand for.
        for segment in group {
            segment.pin(self.place(&dir), OpenMode::ReadWrite)?;
        }
        let has_aborted = self
            .join_aborted(group, &made.markers)
            .map_err(|error| self.judge(error))?;
        self.swap_files(&mut writer, group, &made.index, now)
            .map_err(|error| self.judge(error))?;
        let fresh = Arc::new(Segment::new(first.base, made.size, 0));
        if has_aborted {
            fresh.read_aborted_from_file();
        }
        fresh.state.lock().max_timestamp = Some(made.index.max_timestamp);
        let mut view = self.view.lock();
        let Some(at) = view
            .segments
            .iter()
            .position(|segment| Arc::ptr_eq(segment, first))
        else {
            return Ok(false);
        };
        view.segments.splice(at..at + group.len(), [fresh]);
        drop(view);
        let before: u64 = group.iter().map(|segment| segment.size()).sum();
        self.size_bytes.fetch_add(made.size, Ordering::AcqRel);
        self.size_bytes.fetch_sub(before, Ordering::AcqRel);
        Ok(true)
    }

    /// Lets the first segment of a group say which transactions were aborted in all of it and
    /// have their marker still; returns whether there are any. That does no harm if the group stays
    /// what it is: of one whose marker goes there are no records left.
    fn join_aborted(
        &self,
        group: &[Arc<Segment>],
        markers: &HashSet<Offset>,
    ) -> Result<bool, StorageError> {
        let Some(first) = group.first() else {
            return Ok(false);
        };
        if !group.iter().any(|segment| segment.may_have_aborted()) {
            return Ok(false);
        }
        let mut all = Vec::new();
        for segment in group {
            all.extend(self.aborted_in(segment, Offset::ZERO)?);
        }
        all.sort_unstable_by_key(|entry| entry.last_offset);
        all.dedup();
        all.retain(|entry| markers.contains(&entry.last_offset));
        let path = paths::segment_file(&self.path(), first.base, paths::TXN_INDEX);
        // DURABILITY: it is there before the segments are one.
        replace_file(&*self.dir.disk, &path, &to_bytes(&all), Durable::Yes)?;
        Ok(!all.is_empty())
    }

    fn swap_files(
        &self,
        writer: &mut Writer,
        group: &[Arc<Segment>],
        index: &ActiveIndex,
        now: Now,
    ) -> Result<(), StorageError> {
        let (disk, dir) = (&*self.dir.disk, self.path());
        let Some((first, others)) = group.split_first() else {
            return Ok(());
        };
        let io = |source| StorageError::io(&dir, source);
        let log = paths::segment_file(&dir, first.base, paths::LOG);
        let swap = paths::with_suffix(&log, paths::SWAP);
        disk.rename(&paths::with_suffix(&log, paths::CLEANED), &swap)
            .map_err(io)?;
        // DURABILITY: from here on a start finds the new segment and finishes the replacement.
        disk.sync_dir(&dir).map_err(io)?;
        for segment in others {
            self.rename_for_removal(writer, segment.base, now)?;
        }
        let _indexing = self.indexing.lock();
        disk.rename(&swap, &log).map_err(io)?;
        write_index_files(disk, &dir, first.base, index)?;
        // DURABILITY: the next group may drop tombstones that still hide records of this one.
        disk.sync_dir(&dir).map_err(io)
    }
}
