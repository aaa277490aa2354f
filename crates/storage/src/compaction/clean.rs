//! Reading keys, and writing segments without what the map makes obsolete.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use highwater_disk::{File, OpenMode};
use highwater_records::{
    BatchHeader, BatchView, EmptyBatch, FilterError, FilterRules, Filtered, Keep, RecordView,
    Scratch, filter_batch,
};
use highwater_types::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use highwater_types::{Now, Offset, ProducerEpoch, ProducerId};

use super::offset_map::{OffsetMap, Put};
use super::{Round, Scope, Throttle};
use crate::active_index::ActiveIndex;
use crate::error::StorageError;
use crate::log::PartitionLog;
use crate::paths;
use crate::scan::{Found, Scanner};
use crate::segment::Segment;

/// Bytes that are gathered before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// Bytes that are written before they are synced, so that neither the last sync takes long nor
/// the page cache fills with what nobody reads.
const SYNC_BYTES: u64 = 64 << 20;

/// Producers whose last batch must stay, with the offset of its last record.
type LastBatches = HashMap<ProducerId, (Option<Offset>, ProducerEpoch)>;

/// A segment that is being written.
struct Output {
    file: Arc<dyn File>,
    waiting: Vec<u8>,
    written: u64,
    synced: u64,
    index: ActiveIndex,
}

impl Output {
    fn push(&mut self, header: &BatchHeader, bytes: &[u8]) -> io::Result<()> {
        self.index
            .note(header, self.written + self.waiting.len() as u64);
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= WRITE_BYTES {
            self.write()
        } else {
            Ok(())
        }
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.waiting, self.written)?;
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        if self.written - self.synced >= SYNC_BYTES {
            self.file.sync_data()?;
            self.synced = self.written;
        }
        Ok(())
    }
}

impl PartitionLog {
    /// Reads the keys of the dirty part into the map. Returns the offset behind the last batch
    /// that is in it whole, or `None` if it was stopped.
    pub(super) fn fill_map(
        &self,
        scope: &Scope,
        map: &mut OffsetMap,
        throttle: &mut Throttle<'_>,
    ) -> Result<Option<Offset>, StorageError> {
        let mut scratch = Scratch::new();
        let mut end = scope.first_dirty;
        for (at, segment) in scope.segments.iter().enumerate() {
            let segment_end = scope
                .segments
                .get(at + 1)
                .map_or(scope.uncleanable, |next| next.base);
            if segment_end <= scope.first_dirty {
                continue;
            }
            let mut batches = Batches::of(self, segment)?;
            while let Some((header, bytes)) = batches.next()? {
                if self.is_told_to_stop(bytes.len(), throttle) {
                    return Ok(None);
                }
                if header.last_offset() < scope.first_dirty || is_kept_whole(&header) {
                    continue;
                }
                while put_keys(&header, &bytes, scope.first_dirty, map, &mut scratch)
                    .map_err(|_| batches.damaged())?
                    == Put::Full
                {
                    if end > scope.first_dirty {
                        return Ok(Some(end));
                    }
                    map.grow();
                }
                end = header.next_offset();
            }
            end = end.max(segment_end);
        }
        Ok(Some(end))
    }

    /// Writes the segments of a group anew as one and puts it in their place. Returns its size,
    /// or `None` if the log has changed under the compaction or it was stopped.
    pub(super) fn compact_group(
        &self,
        group: &[Arc<Segment>],
        round: &Round<'_>,
        now: Now,
        throttle: &mut Throttle<'_>,
    ) -> Result<Option<u64>, StorageError> {
        let Some(first) = group.first() else {
            return Ok(Some(0));
        };
        let dir = self.path();
        let path = paths::segment_file(&dir, first.base, paths::LOG);
        let path = paths::with_suffix(&path, paths::CLEANED);
        let io = |source| self.judge(StorageError::io(&path, source));
        let opened = self.dir.disk.open(&path, OpenMode::Truncate);
        let mut output = Output {
            file: opened.map_err(io)?,
            waiting: Vec::new(),
            written: 0,
            synced: 0,
            index: ActiveIndex::new(first.base, round.config.index_interval_bytes),
        };
        let last_batches = self.writer.lock().producers.last_data_offsets();
        let filtered = self.filter_group(group, round, &last_batches, &mut output, throttle);
        let finished = filtered.and_then(|went_on| {
            if went_on.is_continue() {
                output.write().map_err(io)?;
                // DURABILITY: the new segment is on disk before it gets a name under which it
                // counts.
                output.file.sync_data().map_err(io)?;
            }
            Ok(went_on)
        });
        if !matches!(finished, Ok(ControlFlow::Continue(()))) {
            // Half a segment is of no use. One that cannot be removed is thrown away at the
            // next start, or written over before.
            if let Err(error) = self.dir.disk.remove(&path) {
                tracing::debug!(path = %path.display(), %error, "an unfinished segment stays behind");
            }
            return finished.map(|_| None);
        }
        output.index.note_time();
        let (size, index) = (output.written, output.index);
        drop(output.file);
        Ok(self.swap_in(group, size, &index, now)?.then_some(size))
    }

    fn filter_group(
        &self,
        group: &[Arc<Segment>],
        round: &Round<'_>,
        last_batches: &LastBatches,
        output: &mut Output,
        throttle: &mut Throttle<'_>,
    ) -> Result<ControlFlow<()>, StorageError> {
        let mut scratch = Scratch::new();
        for segment in group {
            self.check_usable()?;
            let mut batches = Batches::of(self, segment)?;
            while let Some((header, bytes)) = batches.next()? {
                if self.is_told_to_stop(bytes.len(), throttle) {
                    return Ok(ControlFlow::Break(()));
                }
                let filtered = filter(&header, &bytes, round, last_batches, &mut scratch);
                let kept = match filtered.map_err(|_| batches.damaged())? {
                    Filtered::Dropped(_) => continue,
                    Filtered::Unchanged(_) => bytes,
                    Filtered::Rewritten(bytes, _) => bytes,
                };
                let header = BatchHeader::parse(&kept).map_err(|_| batches.damaged())?;
                if self.is_told_to_stop(kept.len(), throttle) {
                    return Ok(ControlFlow::Break(()));
                }
                let pushed = output.push(&header, &kept);
                pushed.map_err(|source| self.judge(StorageError::io(&batches.path, source)))?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn is_told_to_stop(&self, bytes: usize, throttle: &mut Throttle<'_>) -> bool {
        self.ends.is_deleted() || throttle(bytes as u64).is_break()
    }
}

/// Control batches and those of transactions, whose fate this round cannot know.
fn is_kept_whole(header: &BatchHeader) -> bool {
    header.attributes.is_control() || header.attributes.is_transactional()
}

fn put_keys(
    header: &BatchHeader,
    bytes: &[u8],
    first_dirty: Offset,
    map: &mut OffsetMap,
    scratch: &mut Scratch,
) -> Result<Put, FilterError> {
    let records = BatchView::first(bytes)?.records(scratch, DECOMPRESSED_BATCH_BYTES_MAX)?;
    for (index, record) in records.enumerate() {
        let record = record.map_err(|fault| FilterError::Record { index, fault })?;
        let offset = record.offset(header);
        if let Some(key) = record.key
            && offset >= first_dirty
            && map.put(key, offset) == Put::Full
        {
            return Ok(Put::Full);
        }
    }
    Ok(Put::Done)
}

fn filter(
    header: &BatchHeader,
    bytes: &[u8],
    round: &Round<'_>,
    last_batches: &LastBatches,
    scratch: &mut Scratch,
) -> Result<Filtered, FilterError> {
    if header.base_offset >= round.end || is_kept_whole(header) {
        return Ok(Filtered::Unchanged(Default::default()));
    }
    // The last batch of a producer carries its sequence number, the last batch of the round the
    // end of its offsets; either stays, be it as a header alone.
    let is_last_of_producer = last_batches
        .get(&header.producer_id)
        .is_some_and(|(last, _)| *last == Some(header.last_offset()));
    let must_stay = is_last_of_producer || header.next_offset() == round.end;
    let rules = FilterRules {
        empty_batch: if must_stay {
            EmptyBatch::Retain
        } else {
            EmptyBatch::Drop
        },
        delete_horizon_ms: round
            .wall_ms
            .saturating_add(round.config.delete_retention_ms),
        empty_transaction_marker: false,
        decompressed_bytes_max: DECOMPRESSED_BATCH_BYTES_MAX,
    };
    filter_batch(bytes, &rules, scratch, |header, record| {
        keep(header, record, round)
    })
}

fn keep(header: &BatchHeader, record: &RecordView<'_>, round: &Round<'_>) -> Keep {
    let offset = record.offset(header);
    if offset >= round.end {
        return Keep::Yes;
    }
    let Some(key) = record.key else {
        return Keep::No;
    };
    let is_due =
        header.attributes.has_delete_horizon() && round.wall_ms >= header.base_timestamp_ms;
    if round.map.has_later(key, offset) || (record.value.is_none() && is_due) {
        Keep::No
    } else {
        Keep::Yes
    }
}

/// The whole batches of a segment, every one verified.
struct Batches {
    scanner: Scanner,
    path: std::path::PathBuf,
    position: u64,
    offset_min: Offset,
}

impl Batches {
    fn of(log: &PartitionLog, segment: &Segment) -> Result<Self, StorageError> {
        let dir = log.path();
        let path = paths::segment_file(&dir, segment.base, paths::LOG);
        let scanner = Scanner::new(segment.file(log.place(&dir))?, segment.size());
        Ok(Self {
            scanner,
            path,
            position: 0,
            offset_min: segment.base,
        })
    }

    fn next(&mut self) -> Result<Option<(BatchHeader, Vec<u8>)>, StorageError> {
        let found = self.scanner.verified(self.position, self.offset_min);
        match found.map_err(|source| StorageError::io(&self.path, source))? {
            Found::End => Ok(None),
            // A damaged log is not compacted: what lies behind the damage could not be told
            // from what is missing.
            Found::Bad(_) => Err(self.damaged()),
            Found::Batch(header) => {
                let bytes = self.scanner.batch_bytes(self.position, &header);
                let bytes = bytes.map_err(|source| StorageError::io(&self.path, source))?;
                self.position += bytes.len() as u64;
                self.offset_min = header.next_offset();
                Ok(Some((header, bytes)))
            }
        }
    }

    fn damaged(&self) -> StorageError {
        StorageError::Damaged {
            path: self.path.clone(),
            position: self.position,
        }
    }
}
