//! Sizing the active segment ahead, so that a flush has less to put on disk than the batches.
//!
//! A flush of a file that has grown must also commit its new length and blocks to the journal
//! of the file system. Where flushes are large that costs little, and reserved blocks make it
//! cheaper still. Where they are small it is most of the work, and all partitions wait for the
//! same journal; there the file is written ahead with zeros, so that a flush finds length and
//! blocks as they were and only writes the batches. The zeros cost as much as the batches do,
//! which is why they are written in front of small flushes only.

use std::io::IoSlice;
use std::sync::atomic::{AtomicU64, Ordering};

use highwater_disk::{Allocation, File};

use crate::config::LogConfig;
use crate::error::StorageError;
use crate::log::{PartitionLog, Writer};
use crate::segment::Segment;

/// Small flushes that one piece of zeros is to last for.
const FLUSHES_AHEAD: u64 = 16;
/// Bounds of a piece of zeros.
const ZEROS_MIN: u64 = 64 << 10;
const ZEROS_MAX: u64 = 1 << 20;
/// What flushes are taken to cover before any was seen: a log that is never flushed on its own
/// shall not be written twice.
const FIRST_GUESS_BYTES: u64 = 1 << 20;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// How far the active segment is ahead of its batches.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Up to where blocks are reserved.
    reserved: u64,
    /// Up to where zeros are written, and so how long the file may be.
    zeroed: u64,
}

impl Ahead {
    /// Whether the file is longer than its batches, or holds more blocks.
    pub(crate) fn is_beyond(&self, size: u64) -> bool {
        self.reserved.max(self.zeroed) > size
    }

    /// The file has been cut to its batches, or is another.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// How much the flushes of one log cover.
#[derive(Debug)]
pub(crate) struct FlushSizes {
    appended: AtomicU64,
    flushed: AtomicU64,
    typical: AtomicU64,
}

impl Default for FlushSizes {
    fn default() -> Self {
        Self {
            appended: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            typical: AtomicU64::new(FIRST_GUESS_BYTES),
        }
    }
}

impl FlushSizes {
    /// More has been appended.
    pub(crate) fn appended(&self, bytes: u64) {
        self.appended.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Everything that has been appended until now.
    pub(crate) fn mark(&self) -> u64 {
        self.appended.load(Ordering::Relaxed)
    }

    /// Everything up to a mark has been flushed. Flushes of one log follow each other.
    pub(crate) fn flushed(&self, mark: u64) {
        let covered = mark.saturating_sub(self.flushed.swap(mark, Ordering::Relaxed));
        if covered == 0 {
            return;
        }
        let typical = self.typical.load(Ordering::Relaxed);
        // The mean of about the last eight.
        let typical = typical - typical / 8 + covered / 8;
        self.typical.store(typical, Ordering::Relaxed);
    }

    fn typical(&self) -> u64 {
        self.typical.load(Ordering::Relaxed)
    }
}

/// The piece of zeros to write for a log of this size with flushes of this size.
fn zeros_for(typical_flush: u64, size: u64, chunk_max: u64) -> u64 {
    typical_flush
        .saturating_mul(FLUSHES_AHEAD)
        .clamp(ZEROS_MIN, ZEROS_MAX)
        .next_power_of_two()
        // Small logs shall not be mostly zeros.
        .min(size.next_power_of_two())
        .min(chunk_max)
}

impl PartitionLog {
    /// Whether flushes of this log cover so little that what they cost is mostly their number.
    pub fn flushes_are_small(&self) -> bool {
        self.flush_sizes.typical() <= self.dir.options.small_flush_bytes
    }

    /// Sizes the file ahead for batches that will end at `end`. Only a help: where the file
    /// system cannot, or has no room, the write itself will tell.
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
        let limit = config.segment_bytes.max(end);
        if self.flushes_are_small() {
            let typical = self.flush_sizes.typical();
            if end > ahead.zeroed {
                let until = (end + zeros_for(typical, end, chunk_max)).min(limit);
                // What could not be written is not tried again for this stretch, and must not
                // take the room that the batches need.
                if write_zeros(file, end, until).is_err() {
                    let _ = file.set_len(position);
                }
                ahead.zeroed = until;
            }
        } else if end > ahead.reserved.max(ahead.zeroed) {
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

fn write_zeros(file: &dyn File, from: u64, until: u64) -> std::io::Result<()> {
    let mut left = (until - from) as usize;
    let mut parts = Vec::with_capacity(left / ZEROS.len() + 1);
    while left > 0 {
        let len = left.min(ZEROS.len());
        parts.push(IoSlice::new(&ZEROS[..len]));
        left -= len;
    }
    file.write_all_vectored_at(&mut parts, from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_flushes_make_the_typical_one_small_and_a_large_one_does_not_undo_it_at_once() {
        let sizes = FlushSizes::default();
        let mut flushes = 0;
        while sizes.typical() > 64 << 10 {
            sizes.appended(1000);
            sizes.flushed(sizes.mark());
            flushes += 1;
        }
        assert!((10..40).contains(&flushes), "{flushes}");
        for _ in 0..40 {
            sizes.appended(1000);
            sizes.flushed(sizes.mark());
        }
        sizes.appended(100_000);
        sizes.flushed(sizes.mark());
        assert!(sizes.typical() < 64 << 10);
    }

    #[test]
    fn a_flush_that_covers_nothing_says_nothing() {
        let sizes = FlushSizes::default();
        sizes.flushed(sizes.mark());
        assert_eq!(sizes.typical(), FIRST_GUESS_BYTES);
    }

    #[test]
    fn zeros_grow_with_flushes_and_with_the_log_within_bounds() {
        assert_eq!(zeros_for(1000, 10 << 20, 16 << 20), ZEROS_MIN);
        assert_eq!(zeros_for(16 << 10, 10 << 20, 16 << 20), 256 << 10);
        assert_eq!(zeros_for(24 << 10, 1 << 30, 16 << 20), 512 << 10);
        assert_eq!(zeros_for(u64::MAX, 1 << 30, 16 << 20), ZEROS_MAX);
        assert_eq!(zeros_for(24 << 10, 5000, 16 << 20), 8192);
        assert_eq!(zeros_for(24 << 10, 1 << 30, 4096), 4096);
    }
}
