//! How batches get into the log.
//!
//! Of a batch only the header is looked at and rewritten; the records behind it go to the file
//! as they came. All batches of a call are written in one vectored write, and none of them
//! counts unless that write succeeds.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use highwater_disk::OpenMode;
use highwater_records::{BatchHeader, EndTxnMarker, HEADER_LEN, TimestampType};
use highwater_types::{LeaderEpoch, Now, Offset};

use crate::active_index::ActiveIndex;
use crate::config::LogConfig;
use crate::error::{AppendError, StorageError};
use crate::log::{Closing, PartitionLog, View, Writer};
use crate::paths;
use crate::producer_state::{Marker, RememberedBatch, StagedProducers, Verification};
use crate::segment::Segment;
use crate::snapshot_file;

/// Batches of the active segment whose position is remembered.
const RECENT_MAX: usize = 256;

/// A batch to append.
#[derive(Clone, Copy, Debug)]
pub struct AppendBatch<'a> {
    /// The header to write; it may differ from that in `bytes` in timestamps, flags and CRC.
    pub header: BatchHeader,
    /// The whole batch; only what follows the header is used.
    pub bytes: &'a [u8],
}

/// Who sends a batch, and so how far it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A client: producer epoch and sequence are checked. It opens no transaction.
    Client,
    /// A client whose transaction was found to be open and to have this partition: its first
    /// batch opens the transaction here, unless a marker has come since it was asked for.
    Verified(Verification),
    /// A coordinator of this broker: the producer epoch is checked. It opens no transaction.
    Coordinator,
    /// A coordinator that writes in the transaction of a producer, which was found to be open and
    /// to have this partition.
    CoordinatorVerified(Verification),
    /// The leader of a follower, who has checked already.
    Leader,
}

impl AppendOrigin {
    pub(crate) fn is_client(self) -> bool {
        matches!(self, Self::Client | Self::Verified(_))
    }
}

/// Whether an append added something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// The batches stand in the log.
    Written,
    /// The batch had been appended before; the offsets are those of then.
    Duplicate,
}

/// Where batches stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// The end of the log after the append.
    pub log_end: Offset,
    /// The start of the log.
    pub log_start: Offset,
    /// The time the broker gave to the records, −1 if they keep the producer's.
    pub append_time_ms: i64,
    /// Whether something was added.
    pub outcome: AppendOutcome,
}

/// Who assigns the offsets.
#[derive(Clone, Copy)]
enum Offsets {
    Assign(LeaderEpoch),
    AsTheyCome,
}

/// A batch with its final header.
struct Prepared<'a> {
    header: BatchHeader,
    body: &'a [u8],
}

impl PartitionLog {
    /// Appends batches as the leader of the partition: assigns offsets and the leader epoch,
    /// and checks producers. The batches are validated already, except for what only the log
    /// knows. They are in the page cache when this returns; [`PartitionLog::flush`] puts them
    /// on disk.
    pub fn append_leader(
        &self,
        batches: &[AppendBatch<'_>],
        leader_epoch: LeaderEpoch,
        now: Now,
        origin: AppendOrigin,
    ) -> Result<Appended, AppendError> {
        self.append(batches, Offsets::Assign(leader_epoch), now, origin)
    }

    /// Appends batches that a leader sent, with the offsets and epochs they carry; they must
    /// not start before the end of the log.
    pub fn append_follower(
        &self,
        batches: &[AppendBatch<'_>],
        now: Now,
    ) -> Result<Appended, AppendError> {
        self.append(batches, Offsets::AsTheyCome, now, AppendOrigin::Leader)
    }

    fn append(
        &self,
        batches: &[AppendBatch<'_>],
        offsets: Offsets,
        now: Now,
        origin: AppendOrigin,
    ) -> Result<Appended, AppendError> {
        if batches.is_empty() {
            return Err(AppendError::Malformed("there is no batch"));
        }
        let mut writer = self.writer.lock();
        self.check_usable()?;
        if self.ends.is_closed.load(Ordering::Acquire) {
            return Err(StorageError::Closed(self.ends.tp.clone()).into());
        }
        let config = self.config();
        if origin.is_client() {
            let duplicate = batches.iter().filter(|batch| batch.header.has_producer());
            let known = |batch: &AppendBatch<'_>| writer.producers.duplicate_of(&batch.header);
            if let Some(original) = duplicate.into_iter().find_map(known) {
                return Ok(self.answer_duplicate(&original));
            }
        }
        let mut staged = StagedProducers::default();
        let prepared = self.prepare(&writer, batches, offsets, origin, &mut staged)?;
        let total: u64 = prepared
            .iter()
            .map(|batch| batch.header.total_len() as u64)
            .sum();
        if total > config.segment_bytes {
            return Err(AppendError::TooLarge {
                len: total,
                max: config.segment_bytes,
            });
        }
        let active = self.segment_for(&mut writer, &config, &prepared, total, now)?;
        self.write(&mut writer, &config, &active, &prepared, total)?;
        // Before the batches can be read: what they open is unstable, what they abort is known.
        let producers_max = self.dir.options.producers_per_log_max;
        for aborted in writer.producers.commit(staged, producers_max) {
            active.note_aborted(aborted);
            self.ends.has_aborted.store(true, Ordering::Release);
        }
        self.ends.note_transactions(&writer.producers);
        self.publish(&mut writer, &active, &prepared, total);
        self.write_index_if_due(&active)?;
        Ok(self.answer(&prepared, now))
    }

    fn answer_duplicate(&self, original: &RememberedBatch) -> Appended {
        Appended {
            base_offset: original.first_offset(),
            last_offset: original.last_offset,
            log_end: self.log_end(),
            log_start: self.log_start(),
            append_time_ms: original.timestamp_ms,
            outcome: AppendOutcome::Duplicate,
        }
    }

    fn answer(&self, prepared: &[Prepared<'_>], now: Now) -> Appended {
        let log_end = self.log_end();
        let first = prepared.first().map(|batch| batch.header);
        let by_broker = first.is_some_and(|header| {
            header.attributes.timestamp_type() == TimestampType::LogAppendTime
        });
        Appended {
            base_offset: first.map_or(log_end, |header| header.base_offset),
            last_offset: log_end + -1,
            log_end,
            log_start: self.log_start(),
            append_time_ms: if by_broker { now.wall_ms } else { -1 },
            outcome: AppendOutcome::Written,
        }
    }

    /// Gives the batches their final headers and checks their producers.
    fn prepare<'a>(
        &self,
        writer: &Writer,
        batches: &[AppendBatch<'a>],
        offsets: Offsets,
        origin: AppendOrigin,
        staged: &mut StagedProducers,
    ) -> Result<Vec<Prepared<'a>>, AppendError> {
        let mut next = self.log_end();
        let mut prepared = Vec::with_capacity(batches.len());
        for batch in batches {
            let mut header = batch.header;
            if header.total_len() != batch.bytes.len() || batch.bytes.len() < HEADER_LEN {
                return Err(AppendError::Malformed(
                    "its length is not that of its bytes",
                ));
            }
            if header.last_offset_delta < 0 {
                return Err(AppendError::Malformed(
                    "its last offset is before its first",
                ));
            }
            match offsets {
                Offsets::Assign(leader_epoch) => {
                    header.base_offset = next;
                    header.partition_leader_epoch = leader_epoch;
                }
                Offsets::AsTheyCome if header.base_offset < next => {
                    let (got, log_end) = (header.base_offset, next);
                    return Err(AppendError::OffsetOutOfOrder { got, log_end });
                }
                Offsets::AsTheyCome => {}
            }
            if header
                .base_offset
                .0
                .checked_add(i64::from(header.last_offset_delta) + 1)
                .is_none()
            {
                return Err(AppendError::Malformed(
                    "its offsets do not fit into 63 bits",
                ));
            }
            next = header.next_offset();
            if header.has_producer() {
                let marker = marker_of(&header, batch.bytes);
                writer.producers.stage(staged, &header, marker, origin)?;
            }
            prepared.push(Prepared {
                header,
                body: &batch.bytes[HEADER_LEN..],
            });
        }
        Ok(prepared)
    }

    /// The segment to write to: the active one, or a new one if that is full.
    fn segment_for(
        &self,
        writer: &mut Writer,
        config: &LogConfig,
        prepared: &[Prepared<'_>],
        total: u64,
        now: Now,
    ) -> Result<Arc<Segment>, StorageError> {
        let last = prepared
            .last()
            .map_or(self.log_end(), |batch| batch.header.last_offset());
        let max_time = prepared
            .iter()
            .map(|batch| batch.header.max_timestamp_ms)
            .max();
        let first = prepared
            .first()
            .map_or(self.log_end(), |batch| batch.header.base_offset);
        let full = {
            let view = self.view.lock();
            match view.segments.last() {
                None => None,
                Some(active) => {
                    let full = is_full(&view, writer, config, active, total, last)
                        || is_old(&view, writer, config, active, max_time, now);
                    if !full {
                        return Ok(Arc::clone(active));
                    }
                    Some(())
                }
            }
        };
        // A follower's first batch may lie behind the end of an empty log.
        let base = if full.is_some() {
            self.log_end()
        } else {
            first
        };
        self.start_segment(writer, config, base, now)
            .map_err(|error| self.judge(error))
    }

    /// Closes the active segment, if there is one, and starts a new one at `base`.
    pub(crate) fn start_segment(
        &self,
        writer: &mut Writer,
        config: &LogConfig,
        base: Offset,
        now: Now,
    ) -> Result<Arc<Segment>, StorageError> {
        let dir = self.path();
        let old = self.view.lock().segments.last().cloned();
        if let Some(old) = &old {
            // Zeros between two segments would look as if the first were torn.
            self.cut_ahead(writer, old)?;
        }
        self.write_epochs(writer)?;
        // Nothing is closed before the new file is there, since a full disk must leave all as it
        // was; and nothing may fail behind it, since an empty segment would hide what the old
        // one still takes.
        let fresh = Arc::new(Segment::new(base, 0, 0));
        fresh.pin(self.place(&dir), OpenMode::Truncate)?;
        if let Some(old) = &old {
            if let Some(index) = self.view.lock().index.as_mut() {
                index.note_time();
                old.state.lock().max_timestamp = Some(index.max_timestamp);
            }
            self.write_index(old)?;
        }
        let mut view = self.view.lock();
        if let Some(segment) = old {
            let snapshot = snapshot_file::encode(&writer.producers.to_snapshot());
            let stale_snapshot = view.snapshot.take();
            view.closing.push(Closing {
                segment,
                snapshot,
                next_base: base,
                stale_snapshot,
            });
        } else {
            self.ends.first_base.store(base.0, Ordering::Release);
        }
        view.segments.push(Arc::clone(&fresh));
        view.recent.clear();
        view.snapshot_bytes = 0;
        view.index = Some(Box::new(ActiveIndex::new(
            base,
            config.index_interval_bytes,
        )));
        view.dir_is_dirty = true;
        writer.ahead.reset();
        writer.segment_made_ms = now.wall_ms;
        writer.jitter_ms = match config.segment_jitter_ms.min(config.segment_ms) {
            jitter if jitter > 0 => (now.wall_ms ^ base.0).rem_euclid(jitter),
            _ => 0,
        };
        Ok(fresh)
    }

    fn write(
        &self,
        writer: &mut Writer,
        config: &LogConfig,
        active: &Arc<Segment>,
        prepared: &[Prepared<'_>],
        total: u64,
    ) -> Result<(), StorageError> {
        let dir = self.path();
        let file = active.pin(self.place(&dir), OpenMode::ReadWrite);
        let file = file.map_err(|error| self.judge(error))?;
        let position = active.size();
        self.size_ahead(
            &mut writer.ahead,
            config,
            &*file,
            position,
            position + total,
        );
        let headers: Vec<[u8; HEADER_LEN]> = prepared
            .iter()
            .map(|batch| batch.header.to_bytes())
            .collect();
        let mut parts = Vec::with_capacity(prepared.len() * 2);
        for (header, batch) in headers.iter().zip(prepared) {
            parts.push(IoSlice::new(header));
            parts.push(IoSlice::new(batch.body));
        }
        let Err(source) = file.write_all_vectored_at(&mut parts, position) else {
            return Ok(());
        };
        let path = paths::segment_file(&dir, active.base, paths::LOG);
        let error = StorageError::io(&path, source);
        // A full disk may have taken the front of the write. It must not stay, or the next
        // write would have to be as long to cover it.
        if let (StorageError::OutOfSpace { .. }, Err(source)) = (&error, file.set_len(position)) {
            return Err(self.judge(StorageError::Io { path, source }));
        }
        writer.ahead.reset();
        Err(self.judge(error))
    }

    /// Lets readers see what was written.
    fn publish(
        &self,
        writer: &mut Writer,
        active: &Arc<Segment>,
        prepared: &[Prepared<'_>],
        total: u64,
    ) {
        let mut position = active.size();
        let mut view = self.view.lock();
        for batch in prepared {
            let header = &batch.header;
            writer
                .epochs
                .assign(header.partition_leader_epoch, header.base_offset);
            if view.recent.len() == RECENT_MAX {
                view.recent.pop_front();
            }
            view.recent.push_back((header.base_offset, position as u32));
            if let Some(index) = view.index.as_mut() {
                index.note(header, position);
            }
            position += header.total_len() as u64;
        }
        active.set_size(position);
        self.size_bytes.fetch_add(total, Ordering::AcqRel);
        if let Some(last) = prepared.last() {
            self.ends
                .log_end
                .store(last.header.next_offset().0, Ordering::Release);
        }
    }

    fn write_index_if_due(&self, active: &Segment) -> Result<(), StorageError> {
        let due = self
            .view
            .lock()
            .index
            .as_ref()
            .is_some_and(|index| index.should_write());
        if due {
            self.write_index(active)
        } else {
            Ok(())
        }
    }

    /// Writes the waiting entries of the active segment. The writer lock is held.
    pub(crate) fn write_index(&self, active: &Segment) -> Result<(), StorageError> {
        let waiting = self.view.lock().index.as_ref().map(|index| {
            let (offsets, times) = index.waiting();
            (
                offsets,
                index.written_offset_bytes,
                times,
                index.written_time_bytes,
            )
        });
        let Some((offsets, offsets_at, times, times_at)) = waiting else {
            return Ok(());
        };
        let dir = self.path();
        for (kind, bytes, at) in [
            (paths::INDEX, &offsets, offsets_at),
            (paths::TIME_INDEX, &times, times_at),
        ] {
            let path = paths::segment_file(&dir, active.base, kind);
            let mode = if at == 0 {
                OpenMode::Truncate
            } else {
                OpenMode::Create
            };
            let file = self.dir.disk.open(&path, mode);
            let written = file.and_then(|file| file.write_all_at(bytes, at));
            match written.map_err(|source| StorageError::io(&path, source)) {
                // An index can be rebuilt; a full disk is no reason to refuse what is written.
                Err(error) if error.is_passing() => return Ok(()),
                Err(error) => return Err(self.judge(error)),
                Ok(()) => {}
            }
        }
        let mut view = self.view.lock();
        view.dir_is_dirty |= offsets_at == 0 || times_at == 0;
        if let Some(index) = view.index.as_mut() {
            index.written(offsets.len(), times.len());
        }
        Ok(())
    }
}

/// What the marker in a control batch says, as far as it can be read.
pub(crate) fn marker_of(header: &BatchHeader, bytes: &[u8]) -> Option<Marker> {
    if !header.attributes.is_control() {
        return None;
    }
    let mut records = bytes.get(HEADER_LEN..)?;
    let record = highwater_records::RecordView::take(&mut records).ok()?;
    let marker = EndTxnMarker::decode(record.key, record.value).ok()?;
    Some(Marker {
        coordinator_epoch: marker.coordinator_epoch,
        outcome: marker.outcome.outcome()?,
    })
}

fn is_full(
    view: &View,
    _writer: &Writer,
    config: &LogConfig,
    active: &Segment,
    total: u64,
    last: Offset,
) -> bool {
    let index_is_full = view
        .index
        .as_ref()
        .is_some_and(|index| index.is_full(config.segment_index_bytes));
    let size = active.size();
    size > 0
        && (size + total > config.segment_bytes
            || index_is_full
            || last - active.base > i64::from(i32::MAX))
}

/// Whether the span of record time is over; by the clock only where records have no time.
fn is_old(
    view: &View,
    writer: &Writer,
    config: &LogConfig,
    active: &Segment,
    max_time: Option<i64>,
    now: Now,
) -> bool {
    let first = view
        .index
        .as_ref()
        .and_then(|index| index.first_timestamp_ms);
    let waited = match (first.filter(|first| *first >= 0), max_time) {
        (Some(first), Some(max_time)) => max_time.saturating_sub(first),
        _ => now.wall_ms.saturating_sub(writer.segment_made_ms),
    };
    let span_ms = match config.compact {
        // The active segment is never compacted, so it must not stay active longer than that.
        true => config.segment_ms.min(config.max_compaction_lag_ms),
        false => config.segment_ms,
    };
    active.size() > 0 && waited > span_ms.saturating_sub(writer.jitter_ms)
}
