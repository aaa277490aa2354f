//! Records by time: what ListOffsets asks for.

use std::ops::Range;

use highwater_records::{BatchView, Scratch};
use highwater_types::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use highwater_types::{LeaderEpoch, Offset};

use crate::active_index::MaxTimestamp;
use crate::error::{ReadError, StorageError};
use crate::index_file::{self, Extent, TimeEntry};
use crate::log::PartitionLog;
use crate::paths;
use crate::read::{Located, Sought, Target};
use crate::scan::{Found, Scanner};

/// A record found by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampedOffset {
    /// Its offset.
    pub offset: Offset,
    /// Its time, in milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: i64,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
}

impl PartitionLog {
    /// The first record below `upper` whose time is not before `timestamp_ms`.
    pub fn find_by_timestamp(
        &self,
        timestamp_ms: i64,
        upper: Offset,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        self.first_at_or_after(timestamp_ms, &(self.log_start()..upper))
    }

    fn first_at_or_after(
        &self,
        timestamp_ms: i64,
        within: &Range<Offset>,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        self.check_usable()?;
        let mut at = 0;
        while let Some(target) = self.target_at(at) {
            at += 1;
            if target.segment.base >= within.end {
                break;
            }
            if self.max_timestamp_of(&target)?.timestamp_ms < timestamp_ms {
                continue;
            }
            let found = self.find_in_segment(&target, timestamp_ms, within)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first record below `upper` that has the largest time of the log.
    ///
    /// As in Kafka (KIP-734) records below the log start count as long as their segment is there.
    pub fn max_timestamp(&self, upper: Offset) -> Result<Option<TimestampedOffset>, ReadError> {
        self.check_usable()?;
        let mut best: Option<MaxTimestamp> = None;
        let mut at = 0;
        while let Some(target) = self.target_at(at) {
            at += 1;
            let max = self.max_timestamp_of(&target)?;
            if max.timestamp_ms >= 0 && best.is_none_or(|best| max.timestamp_ms > best.timestamp_ms)
            {
                best = Some(max);
            }
        }
        match best {
            Some(best) => self.first_at_or_after(best.timestamp_ms, &(Offset(0)..upper)),
            None => Ok(None),
        }
    }

    pub(crate) fn target_at(&self, at: usize) -> Option<Target> {
        self.view.lock().target(at, self.log_end())
    }

    /// The largest time of a segment.
    pub(crate) fn max_timestamp_of(&self, target: &Target) -> Result<MaxTimestamp, StorageError> {
        if target.is_active {
            let view = self.view.lock();
            let still = view
                .segments
                .last()
                .is_some_and(|last| last.base == target.segment.base);
            if let Some(index) = view.index.as_ref().filter(|_| still) {
                return Ok(index.max_timestamp);
            }
        }
        if let Some(known) = target.segment.state.lock().max_timestamp {
            return Ok(known);
        }
        let dir = self.path();
        let base = target.segment.base;
        let times = target.segment.time_index(self.place(&dir), Extent::Whole)?;
        let last = times.and_then(|times| index_file::last_time(times.value.bytes()));
        let last = last.map(|last| MaxTimestamp {
            timestamp_ms: last.timestamp_ms,
            offset: base + i64::from(last.relative_offset),
        });
        let file = target.segment.file(self.place(&dir))?;
        let mut scanner = Scanner::new(file, target.size).below(target.end);
        let io = |source| StorageError::io(&dir, source);
        let tail = self.tail_time(target, &mut scanner).map_err(io)?;
        let found = match last {
            Some(last) if last.timestamp_ms >= tail => last,
            // Nothing in the index, or an index that ends too early: the headers know.
            _ => {
                let index = crate::read::index_of(&mut scanner, &target.segment, u64::MAX);
                index.map_err(io)?.max_timestamp
            }
        };
        target.segment.state.lock().max_timestamp = Some(found);
        Ok(found)
    }

    /// The largest time behind the last entry of the offset index.
    fn tail_time(&self, target: &Target, scanner: &mut Scanner) -> std::io::Result<i64> {
        let base = target.segment.base;
        let index = target
            .segment
            .offset_index(self.place(&self.path()), Extent::Whole)
            .ok()
            .flatten();
        let entry =
            index.and_then(|index| index_file::find_offset(index.value.bytes(), base, target.end));
        let (mut position, mut offset_min) = (0, base);
        let mut largest = -1;
        if let Some(entry) = entry {
            position = u64::from(entry.position);
        }
        while let Found::Batch(header) = scanner.header(position, offset_min)? {
            largest = largest.max(header.max_timestamp_ms);
            position += header.total_len() as u64;
            offset_min = header.next_offset();
        }
        Ok(largest)
    }

    fn find_in_segment(
        &self,
        target: &Target,
        timestamp_ms: i64,
        within: &Range<Offset>,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        let dir = self.path();
        let io = |source| {
            let path = paths::segment_file(&dir, target.segment.base, paths::LOG);
            ReadError::from(self.judge_read(StorageError::io(&path, source)))
        };
        let file = target
            .segment
            .file(self.place(&dir))
            .map_err(|error| self.judge_read(error))?;
        let mut scanner = Scanner::new(file, target.size).below(target.end);
        let Some(first) = self.search_start(target, timestamp_ms, within.start, &mut scanner)?
        else {
            return Ok(None);
        };
        let (mut position, mut offset_min) = (first.position, first.base_offset);
        loop {
            match scanner.header(position, offset_min).map_err(io)? {
                Found::End => return Ok(None),
                Found::Bad(why) => {
                    let damage = self.note_damage(target, &mut scanner, position, offset_min, why);
                    return Err(self.corrupt(&target.segment, damage.map_err(io)?));
                }
                Found::Batch(header) if header.base_offset >= within.end => return Ok(None),
                Found::Batch(header) => {
                    if header.max_timestamp_ms >= timestamp_ms {
                        if let Found::Bad(why) =
                            scanner.verified(position, offset_min).map_err(io)?
                        {
                            let damage =
                                self.note_damage(target, &mut scanner, position, offset_min, why);
                            return Err(self.corrupt(&target.segment, damage.map_err(io)?));
                        }
                        let bytes = scanner.batch_bytes(position, &header).map_err(io)?;
                        let found = first_record(&bytes, timestamp_ms, within);
                        if found.is_some() {
                            return Ok(found);
                        }
                    }
                    position += header.total_len() as u64;
                    offset_min = header.next_offset();
                }
            }
        }
    }

    /// The batch where the search for a time begins, of the segment's part from `first` on.
    fn search_start(
        &self,
        target: &Target,
        timestamp_ms: i64,
        first: Offset,
        scanner: &mut Scanner,
    ) -> Result<Option<Located>, ReadError> {
        let start = target.segment.base.max(first);
        if let Some(entry) = self.time_hint(target, timestamp_ms)? {
            let named = target.segment.base + i64::from(entry.relative_offset);
            // The index is believed only if the batch it names has the time it names.
            if named > start
                && let Sought::Batch(located) = self.seek(target, named)?
                && located.base_offset <= named
                && let Ok(Found::Batch(header)) =
                    scanner.header(located.position, located.base_offset)
                && header.max_timestamp_ms == entry.timestamp_ms
            {
                return Ok(Some(located));
            }
        }
        match self.seek(target, start)? {
            Sought::Batch(located) => Ok(Some(located)),
            _ => Ok(None),
        }
    }

    /// The last entry of the time index that is earlier than the time: in front of the batch it
    /// names no record of the segment has reached the time.
    fn time_hint(
        &self,
        target: &Target,
        timestamp_ms: i64,
    ) -> Result<Option<TimeEntry>, StorageError> {
        let base = target.segment.base;
        let mut extent = Extent::Whole;
        if target.is_active {
            let view = self.view.lock();
            let still = view.segments.last().is_some_and(|last| last.base == base);
            if let Some(index) = view.index.as_ref().filter(|_| still) {
                if let Some(entry) = index.find_time_before(timestamp_ms) {
                    return Ok(Some(entry));
                }
                if index.written_time_bytes == 0 {
                    return Ok(None);
                }
                extent = Extent::First(index.written_time_bytes);
            }
        }
        let times = target
            .segment
            .time_index(self.place(&self.path()), extent)
            .map_err(|error| self.judge_read(error))?;
        Ok(times.and_then(|times| index_file::find_time_before(times.value.bytes(), timestamp_ms)))
    }
}

/// The first record of a batch that has reached the time.
fn first_record(
    bytes: &[u8],
    timestamp_ms: i64,
    within: &Range<Offset>,
) -> Option<TimestampedOffset> {
    let batch = BatchView::first(bytes).ok()?;
    let mut scratch = Scratch::new();
    let header = batch.header;
    for record in batch
        .records(&mut scratch, DECOMPRESSED_BATCH_BYTES_MAX)
        .ok()?
    {
        let record = record.ok()?;
        let (offset, time) = (record.offset(&header), record.timestamp_ms(&header));
        if time >= timestamp_ms && within.contains(&offset) {
            let leader_epoch = header.partition_leader_epoch;
            return Some(TimestampedOffset {
                offset,
                timestamp_ms: time,
                leader_epoch,
            });
        }
    }
    None
}
