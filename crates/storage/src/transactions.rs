//! Which records of transactions a reader may see.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use highwater_types::{Offset, ProducerEpoch, ProducerId};

use crate::aborted::{AbortedTransaction, Saved};
use crate::error::StorageError;
use crate::log::PartitionLog;
use crate::producer_state::Verification;
use crate::recovery::{load_producers, replay_segment};
use crate::segment::Segment;

impl PartitionLog {
    /// First offset of the oldest undecided transaction; readers of committed records stop there.
    /// Whoever compares it with a high watermark reads that one first.
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        let first = self.ends.first_unstable.load(Ordering::Acquire);
        // DeleteRecords may have gone past it.
        (first != i64::MAX).then(|| Offset(first).max(self.log_start()))
    }

    /// Whether a producer has a transaction open in this log.
    pub fn has_open_transaction(&self, id: ProducerId, epoch: ProducerEpoch) -> bool {
        self.writer.lock().producers.is_open(id, epoch)
    }

    /// Whoever wants to open a transaction here asks for this, then its coordinator, and shows it
    /// with the batch.
    pub fn begin_verification(&self, id: ProducerId) -> Verification {
        self.writer.lock().producers.begin_verification(id)
    }

    /// Transactions whose markers lie below the high watermark are decided. Cheap if there are
    /// none that were not.
    pub fn decide_transactions(&self, high_watermark: Offset) {
        if self.ends.next_marker.load(Ordering::Acquire) < high_watermark.get() {
            let mut writer = self.writer.lock();
            writer.producers.decide(high_watermark);
            self.ends.note_transactions(&writer.producers);
        }
    }

    /// The aborted transactions that may have records from `from` on and below `until`, by their
    /// first offsets. A reader that skips their records and the markers sees what was committed.
    pub fn aborted_transactions(
        &self,
        from: Offset,
        until: Offset,
    ) -> Result<Vec<AbortedTransaction>, StorageError> {
        if !self.ends.has_aborted.load(Ordering::Acquire) {
            return Ok(Vec::new());
        }
        let segments: Vec<Arc<Segment>> = {
            let view = self.view.lock();
            view.segments[view.segment_at(from).min(view.segments.len())..].to_vec()
        };
        let mut found: Vec<AbortedTransaction> = Vec::new();
        'segments: for segment in segments {
            for entry in self.aborted_in(&segment, from)? {
                if entry.first_offset < until && found.last() != Some(&entry) {
                    found.push(entry);
                }
                // Whatever ends behind this one began there too.
                if entry.last_stable_offset >= until {
                    break 'segments;
                }
            }
        }
        found.sort_unstable_by_key(|entry| (entry.first_offset, entry.producer_id));
        found.dedup();
        Ok(found)
    }

    /// The transactions that were aborted in a segment and end at `from` or behind.
    pub(crate) fn aborted_in(
        &self,
        segment: &Segment,
        from: Offset,
    ) -> Result<Vec<AbortedTransaction>, StorageError> {
        let dir = self.path();
        let place = self.place(&dir);
        if let Some(entries) = segment
            .aborted_from(place, from)
            .map_err(|error| self.judge_read(error))?
        {
            return Ok(entries);
        }
        let mut all = self.rebuild_aborted(segment)?;
        all.retain(|entry| entry.last_offset >= from);
        Ok(all)
    }

    /// Reads from the batches of a closed segment which transactions were aborted in it.
    fn rebuild_aborted(&self, segment: &Segment) -> Result<Vec<AbortedTransaction>, StorageError> {
        let dir = self.path();
        let place = self.place(&dir);
        // Two that write the same file would take it from each other.
        let _indexing = self.indexing.lock();
        tracing::warn!(
            dir = %dir.display(), base = segment.base.0,
            "a list of aborted transactions is damaged, rebuilding it"
        );
        let segments = self.view.lock().segments.clone();
        let mut producers = load_producers(place, &segments, segment.base)?;
        let whole = segment.base..Offset(i64::MAX);
        let aborted = replay_segment(place, segment, whole, &mut producers)?;
        segment.hold_aborted(Saved::unknown(), &aborted);
        if let Some(unsaved) = segment.unsaved_aborted() {
            match segment.save_aborted(place, &unsaved) {
                Ok(()) => {
                    segment.aborted_saved(&unsaved);
                    segment.release_aborted();
                }
                // It stays in memory, and is found out again by the next start.
                Err(error) => tracing::warn!(%error, "cannot write a list of aborted transactions"),
            }
        }
        Ok(aborted)
    }
}
