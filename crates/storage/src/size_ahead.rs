//! Reserving blocks ahead of the active segment, so that a flush has less to commit.
//!
//! A flush of a file that has grown must also commit its new length and blocks to the journal
//! of the file system. Reserved blocks make that cheaper. (Where flushes are small it is most of
//! the work; there the write-ahead log takes them.)

use highwater_disk::{Allocation, File};

use crate::config::LogConfig;
use crate::error::StorageError;
use crate::log::{PartitionLog, Writer};
use crate::segment::Segment;

/// How far the active segment is ahead of its batches.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Up to where blocks are reserved.
    reserved: u64,
}

impl Ahead {
    /// Whether the file holds more blocks than its batches need.
    pub(crate) fn is_beyond(&self, size: u64) -> bool {
        self.reserved > size
    }

    /// The file has been cut to its batches, or is another.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

impl PartitionLog {
    /// Reserves blocks for batches that will end at `end`. Only a help: where the file system
    /// cannot, or has no room, the write itself will tell.
    pub(crate) fn size_ahead(
        &self,
        ahead: &mut Ahead,
        config: &LogConfig,
        file: &dyn File,
        position: u64,
        end: u64,
    ) {
        let options = &self.dir.options;
        let chunk_max = options.preallocate_chunk_bytes;
        if chunk_max == 0 || !config.preallocate || end < options.preallocate_from_bytes {
            return;
        }
        if end > ahead.reserved {
            let limit = config.segment_bytes.max(end);
            let chunk = end.next_power_of_two().min(chunk_max).max(end - position);
            let until = (end + chunk).min(limit);
            let from = ahead.reserved.max(position);
            if until > from {
                let _ = file.allocate(from, until - from, Allocation::KeepLength);
            }
            ahead.reserved = until;
        }
    }

    /// Cuts the active segment to its batches.
    pub(crate) fn cut_ahead(
        &self,
        writer: &mut Writer,
        active: &Segment,
    ) -> Result<(), StorageError> {
        if !writer.ahead.is_beyond(active.size()) {
            return Ok(());
        }
        let dir = self.path();
        let file = active.file(self.place(&dir))?;
        file.set_len(active.size())
            .map_err(|source| StorageError::io(&dir, source))?;
        writer.ahead.reset();
        Ok(())
    }
}
