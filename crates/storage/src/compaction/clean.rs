//! Reading keys, and writing segments without what the map makes obsolete.

use std::collections::{HashMap, HashSet};
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
use super::swap::Fresh;
use super::trail::{Left, Trail};
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
    /// The markers of transactions that stay.
    markers: HashSet<Offset>,
}

impl Output {
    fn push(&mut self, header: &BatchHeader, bytes: &[u8]) -> io::Result<()> {
        if header.attributes.is_control() {
            self.markers.insert(header.base_offset);
        }
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
        trail: &Trail,
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
                let counts = !header.attributes.is_control() && !trail.is_aborted(&header);
                if header.last_offset() < scope.first_dirty || !counts {
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
        trail: &mut Trail,
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
            markers: HashSet::new(),
        };
        let mut filter = Filter {
            round,
            trail,
            last_batches: self.writer.lock().producers.last_data_offsets(),
            scratch: Scratch::new(),
        };
        let filtered = self.filter_group(group, &mut filter, &mut output, throttle);
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
        let fresh = Fresh {
            size: output.written,
            index: output.index,
            markers: output.markers,
        };
        drop(output.file);
        let is_in_place = self.swap_in(group, &fresh, now)?;
        Ok(is_in_place.then_some(fresh.size))
    }

    fn filter_group(
        &self,
        group: &[Arc<Segment>],
        filter: &mut Filter<'_>,
        output: &mut Output,
        throttle: &mut Throttle<'_>,
    ) -> Result<ControlFlow<()>, StorageError> {
        for segment in group {
            self.check_usable()?;
            let mut batches = Batches::of(self, segment)?;
            while let Some((header, bytes)) = batches.next()? {
                if self.is_told_to_stop(bytes.len(), throttle) {
                    return Ok(ControlFlow::Break(()));
                }
                let filtered = filter.batch(&header, &bytes);
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

/// What becomes of the batches of a group.
struct Filter<'a> {
    round: &'a Round<'a>,
    trail: &'a mut Trail,
    last_batches: LastBatches,
    scratch: Scratch,
}

impl Filter<'_> {
    fn batch(&mut self, header: &BatchHeader, bytes: &[u8]) -> Result<Filtered, FilterError> {
        self.trail.pass(header);
        if header.attributes.is_control() {
            return self.control(header, bytes);
        }
        if header.base_offset >= self.round.end {
            return Ok(Filtered::Unchanged(Default::default()));
        }
        let (round, is_aborted) = (self.round, self.trail.is_aborted(header));
        let rules = self.rules(header);
        filter_batch(bytes, &rules, &mut self.scratch, |header, record| {
            match is_aborted && record.offset(header) < round.end {
                true => Keep::No,
                false => keep(header, record, round),
            }
        })
    }

    /// A marker stays as long as its transaction has batches, and for a while after that, so that
    /// whoever has begun to read the transaction finds its end.
    fn control(&mut self, header: &BatchHeader, bytes: &[u8]) -> Result<Filtered, FilterError> {
        let is_marker = header.attributes.is_transactional();
        if !is_marker
            || self.trail.end(header) == Left::Some
            || header.base_offset >= self.round.end
        {
            return Ok(Filtered::Unchanged(Default::default()));
        }
        let is_due = header.attributes.has_delete_horizon()
            && self.round.wall_ms >= header.base_timestamp_ms;
        let rules = FilterRules {
            empty_transaction_marker: true,
            ..self.rules(header)
        };
        let goes = is_due && rules.empty_batch == EmptyBatch::Drop;
        filter_batch(bytes, &rules, &mut self.scratch, |_, _| match goes {
            true => Keep::No,
            false => Keep::Yes,
        })
    }

    fn rules(&self, header: &BatchHeader) -> FilterRules {
        FilterRules {
            empty_batch: if self.must_stay(header) {
                EmptyBatch::Retain
            } else {
                EmptyBatch::Drop
            },
            delete_horizon_ms: self
                .round
                .wall_ms
                .saturating_add(self.round.config.delete_retention_ms),
            empty_transaction_marker: false,
            decompressed_bytes_max: DECOMPRESSED_BATCH_BYTES_MAX,
        }
    }

    /// The last batch of a producer carries its sequence number, or its epoch if that is a
    /// marker; the last batch of the round the end of its offsets. Either stays, be it as a header
    /// alone.
    fn must_stay(&self, header: &BatchHeader) -> bool {
        let last = self.last_batches.get(&header.producer_id);
        let is_last_of_producer = last.is_some_and(|(last, epoch)| match last {
            Some(last) => *last == header.last_offset(),
            None => header.attributes.is_control() && *epoch == header.producer_epoch,
        });
        is_last_of_producer || header.next_offset() == self.round.end
    }
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
