//! One partition on this broker: where the log on disk and the replication machine meet.
//!
//! Storage knows bytes and files, the machine knows who holds what; neither knows the other.
//! Everything that happens to the log is told to the machine here, and whatever the machine
//! answers is carried out here. The locks are taken in the order log, machine, queues, and
//! none is held during an fsync.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arc_swap::ArcSwap;
use highwater_config::{Durability, TopicConfig};
use highwater_disk::File;
use highwater_protocol::ErrorCode;
use highwater_protocol::fetch_response::FileRange;
use highwater_replication::{
    Acks, Effect, Effects, EpochEnd, EpochEntry, EpochLineage, LogEnds, PartitionState, ReadFrom,
    Replica, ReplicaSettings, ReplicationError,
};
use highwater_storage::{
    AbortedTransaction, AppendBatch, AppendError, AppendOrigin, AppendOutcome, Appended,
    PartitionLog, ReadError, StorageError,
};
use highwater_types::{BrokerId, LeaderEpoch, Now, Offset, TopicId, TopicPartition};
use parking_lot::Mutex;

use crate::data::waits::{AckQueue, FetchWatchers};
use crate::data::{AckWait, FetchWait, FlushState};
use crate::metrics::Traffic;

/// Why a partition does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartitionError {
    #[error(transparent)]
    Replication(#[from] ReplicationError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl PartitionError {
    /// Whether the disk refused, rather than a rule; a log that was deleted is neither.
    pub(crate) fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Append(AppendError::Storage(error))
            | Self::Read(ReadError::Storage(error))
            | Self::Storage(error) => !matches!(error, StorageError::Deleted(_)),
            _ => false,
        }
    }
}

/// A range of a segment file that holds whole records of one partition.
#[derive(Clone)]
pub(crate) struct LogRange {
    pub(crate) file: Arc<dyn File>,
    pub(crate) position: u64,
    pub(crate) len: usize,
}

impl LogRange {
    /// Reads the whole range into memory.
    pub(crate) fn read(&self) -> std::io::Result<Vec<u8>> {
        let mut buffer = vec![0; self.len];
        let read = self.file.read_full_at(&mut buffer, self.position)?;
        if read < self.len {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(buffer)
    }
}

impl FileRange for LogRange {
    fn len(&self) -> usize {
        self.len
    }
}

/// What one read of a partition found.
pub(crate) struct PartitionRead {
    pub(crate) range: Option<LogRange>,
    pub(crate) high_watermark: Offset,
    /// In front of which every transaction is decided.
    pub(crate) last_stable: Offset,
    pub(crate) log_start: Offset,
    /// The transactions that a reader of committed records must leave out.
    pub(crate) aborted: Vec<AbortedTransaction>,
}

/// Which end a reader may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A consumer: up to the high watermark.
    Consumer,
    /// A consumer of committed records: up to the last stable offset.
    Committed,
    /// The broker itself, or a follower: up to the log end.
    Replica,
}

impl Reader {
    /// Who reads with this isolation level of the wire: 1 stands for committed records.
    pub(crate) fn of_isolation_level(level: i8) -> Self {
        match level {
            1 => Self::Committed,
            _ => Self::Consumer,
        }
    }
}

/// A partition on this broker.
pub(crate) struct Partition {
    pub(crate) name: TopicPartition,
    pub(crate) topic_id: TopicId,
    pub(crate) log: Arc<PartitionLog>,
    config: ArcSwap<TopicConfig>,
    replica: Mutex<Replica>,
    /// What the machine said last, for readers that need no lock.
    high_watermark: AtomicI64,
    acks: AckQueue,
    watchers: FetchWatchers,
    flushes: FlushState,
    deleted: AtomicBool,
    /// What lies before was found on disk, and is checked when it is first read.
    recovered_end: Offset,
    /// What clients have written and read.
    pub(crate) traffic: Traffic,
}

fn settings(config: &TopicConfig, replica_lag_ms_max: u64) -> ReplicaSettings {
    ReplicaSettings {
        durability: match config.durability {
            Durability::Fsync => highwater_replication::Durability::Fsync,
            Durability::Replicated => highwater_replication::Durability::Replicated,
        },
        min_insync_replicas: u32::try_from(config.min_insync_replicas).unwrap_or(1),
        replica_lag_ms_max,
    }
}

impl Partition {
    pub(crate) fn new(
        local: BrokerId,
        name: TopicPartition,
        topic_id: TopicId,
        log: PartitionLog,
        config: Arc<TopicConfig>,
        high_watermark: Offset,
    ) -> Self {
        let ends = LogEnds {
            log_start: log.log_start(),
            log_end: log.log_end(),
            flushed_end: log.flushed_end(),
        };
        let entries = log
            .epochs()
            .into_iter()
            .map(|(epoch, start)| EpochEntry { epoch, start });
        let lineage = EpochLineage::from_entries(entries);
        let recovered_end = ends.log_end;
        let replica = Replica::new(
            local,
            ends,
            high_watermark,
            lineage,
            settings(&config, 30_000),
        );
        log.decide_transactions(replica.high_watermark());
        Self {
            name,
            topic_id,
            log: Arc::new(log),
            high_watermark: AtomicI64::new(replica.high_watermark().get()),
            replica: Mutex::new(replica),
            config: ArcSwap::new(config),
            acks: AckQueue::default(),
            watchers: FetchWatchers::default(),
            flushes: FlushState::default(),
            deleted: AtomicBool::new(false),
            recovered_end,
            traffic: Traffic::default(),
        }
    }

    pub(crate) fn flush_state(&self) -> &FlushState {
        &self.flushes
    }

    pub(crate) fn config(&self) -> Arc<TopicConfig> {
        self.config.load_full()
    }

    pub(crate) fn high_watermark(&self) -> Offset {
        Offset(self.high_watermark.load(Ordering::Acquire))
    }

    /// In front of it lies what a reader of committed records may see.
    pub(crate) fn last_stable_offset(&self) -> Offset {
        // In this order: what was opened before the watermark moved is seen.
        let high_watermark = self.high_watermark();
        let unstable = self.log.first_unstable_offset();
        unstable.map_or(high_watermark, |unstable| unstable.min(high_watermark))
    }

    /// The offset behind what a reader may see.
    pub(crate) fn visible_end(&self, reader: Reader) -> Offset {
        match reader {
            Reader::Consumer => self.high_watermark(),
            Reader::Committed => self.last_stable_offset(),
            Reader::Replica => self.log.log_end(),
        }
    }

    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        self.replica.lock().leader_epoch()
    }

    pub(crate) fn is_leader(&self) -> bool {
        self.replica.lock().is_leader()
    }

    pub(crate) fn is_under_min_isr(&self) -> bool {
        self.replica.lock().is_under_min_isr()
    }

    /// The settings of the topic have changed.
    pub(crate) fn set_config(&self, config: Arc<TopicConfig>) {
        let mut replica = self.replica.lock();
        let lag_ms_max = replica.settings().replica_lag_ms_max;
        let moved = replica.configure(settings(&config, lag_ms_max));
        drop(replica);
        self.config.store(config);
        self.announce(moved);
    }

    /// The controller has decided something about this partition.
    pub(crate) fn set_state(&self, now: Now, state: PartitionState) {
        let outcome = self.replica.lock().state_changed(now, state);
        match outcome {
            Ok(effects) => self.carry_out(now, effects),
            Err(stale) => {
                tracing::debug!(partition = %self.name, %stale, "ignored an old partition state");
            }
        }
    }

    fn carry_out(&self, now: Now, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::PersistEpoch(entry) => {
                    // The log writes it down with the first batch that carries the epoch, and
                    // rebuilds it from that batch if need be.
                    self.log.assign_epoch(entry.epoch, entry.start);
                }
                Effect::HighWatermark(offset) => self.announce(Some(offset)),
                Effect::FailWaiters => {
                    self.acks.fail_all(ErrorCode::NOT_LEADER_OR_FOLLOWER);
                    self.watchers.wake_all();
                }
                Effect::Truncate {
                    to,
                    loses_committed,
                } => {
                    if loses_committed {
                        tracing::error!(
                            partition = %self.name, offset = %to,
                            "an unclean election cuts records that were committed"
                        );
                    }
                    self.truncate(now, to);
                }
                // A broker on its own follows nobody and asks nobody.
                Effect::ProposeIsr(_) | Effect::Follow { .. } | Effect::StopFetching => {}
            }
        }
    }

    fn truncate(&self, now: Now, to: Offset) {
        match self.log.truncate_to(to, now) {
            Ok(()) => self.replica.lock().truncated(self.log.log_end()),
            Err(error) => {
                tracing::error!(partition = %self.name, offset = %to, %error, "cannot truncate");
            }
        }
    }

    /// The high watermark has moved: readers see it before anybody is woken.
    pub(crate) fn announce(&self, moved: Option<Offset>) {
        if let Some(offset) = moved {
            self.high_watermark
                .fetch_max(offset.get(), Ordering::AcqRel);
            self.log.decide_transactions(offset);
            self.acks.reached(offset);
            self.watchers.wake_all();
        }
    }

    /// Whether a producer may append now.
    pub(crate) fn check_produce(&self, acks: Acks) -> Result<LeaderEpoch, PartitionError> {
        if self.deleted.load(Ordering::Acquire) {
            return Err(ReplicationError::NotLeader.into());
        }
        let replica = self.replica.lock();
        replica.check_produce(acks)?;
        Ok(replica.leader_epoch())
    }

    /// Appends as the leader. The caller asks the flusher for a flush if the log has grown.
    pub(crate) fn append(
        &self,
        batches: &[AppendBatch<'_>],
        leader_epoch: LeaderEpoch,
        now: Now,
        origin: AppendOrigin,
    ) -> Result<Appended, PartitionError> {
        let appended = self.log.append_leader(batches, leader_epoch, now, origin)?;
        if appended.outcome == AppendOutcome::Written {
            let moved = self.replica.lock().appended(appended.log_end);
            self.announce(moved);
        }
        Ok(appended)
    }

    /// Up to where the machine knows the log to be on disk. The log may be further: it is
    /// flushed for reasons of its own as well, and the machine hears of that with the next
    /// flush that somebody asks for.
    fn known_flushed_end(&self) -> Offset {
        self.replica.lock().flushed_end()
    }

    /// Whether the log holds more than what is known to be on disk.
    pub(crate) fn is_behind(&self) -> bool {
        self.known_flushed_end() < self.log.log_end()
    }

    /// Whether the log has anything that is not known to be on disk, and a promise to keep, or
    /// more than its topic allows (`flush.messages`).
    pub(crate) fn wants_flush(&self) -> bool {
        let waiting = self.log.log_end() - self.known_flushed_end();
        let Some(waiting) = u64::try_from(waiting).ok().filter(|waiting| *waiting > 0) else {
            return false;
        };
        let config = self.config.load();
        config.durability == Durability::Fsync
            || config.flush_messages.is_some_and(|max| waiting >= max)
    }

    /// Registers a produce request that waits until everything below `needed` is committed.
    pub(crate) fn wait_for_ack(&self, needed: Offset, slot: usize, wait: &Arc<AckWait>) {
        self.acks.push(needed, slot, wait);
        let high_watermark = self.high_watermark();
        if high_watermark >= needed {
            self.acks.reached(high_watermark);
        }
        // Those who failed all that waited may have come before this.
        if self.deleted.load(Ordering::Acquire) {
            self.acks.fail_all(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        } else if self.log.log_dir().is_offline() {
            self.acks.fail_all(ErrorCode::KAFKA_STORAGE_ERROR);
        }
    }

    /// Registers a fetch that waits for anything new.
    pub(crate) fn watch(&self, wait: &Arc<FetchWait>) {
        self.watchers.push(wait);
    }

    /// Lets every fetch that waits here look again.
    pub(crate) fn wake_fetches(&self) {
        self.watchers.wake_all();
    }

    /// Flushes what has been appended until now; called by flush threads only. Returns the high
    /// watermark if it has moved, for the caller to announce.
    pub(crate) fn flush(&self) -> Option<Offset> {
        match self.log.flush() {
            Ok(end) => return self.replica.lock().flushed(end),
            Err(_) if self.deleted.load(Ordering::Acquire) => {
                self.fail(ErrorCode::NOT_LEADER_OR_FOLLOWER);
            }
            Err(error) if error.is_passing() && !self.log.log_dir().is_offline() => {
                // The records are in the log, so those who wait for them go on waiting.
                tracing::warn!(partition = %self.name, %error, "a flush has to be tried again");
            }
            Err(error) => {
                tracing::error!(partition = %self.name, %error, "a flush failed");
                self.fail(ErrorCode::KAFKA_STORAGE_ERROR);
            }
        }
        None
    }

    /// Everything below `end` is on disk together with what others have appended; called by
    /// the threads that commit only. Returns the high watermark if it has moved.
    pub(crate) fn committed(&self, end: Offset) -> Option<Offset> {
        self.replica.lock().flushed(end)
    }

    /// Nobody who waits here will get what they wait for.
    pub(crate) fn fail(&self, error: ErrorCode) {
        self.acks.fail_all(error);
        self.watchers.wake_all();
    }

    /// Whether a fetch from here is in order.
    pub(crate) fn check_fetch(
        &self,
        current: Option<LeaderEpoch>,
        from: ReadFrom,
    ) -> Result<(), PartitionError> {
        if self.deleted.load(Ordering::Acquire) {
            return Err(ReplicationError::NotLeader.into());
        }
        Ok(self.replica.lock().check_fetch(current, from)?)
    }

    /// Where a consumer's log has left ours, if it has.
    pub(crate) fn diverging(
        &self,
        fetch_offset: Offset,
        last_fetched_epoch: LeaderEpoch,
    ) -> Result<Option<EpochEnd>, PartitionError> {
        Ok(self
            .replica
            .lock()
            .diverging(fetch_offset, last_fetched_epoch)?)
    }

    /// Where a leader epoch ends in this log.
    pub(crate) fn end_offset_for(
        &self,
        requested: LeaderEpoch,
        current: Option<LeaderEpoch>,
    ) -> Result<EpochEnd, PartitionError> {
        Ok(self
            .replica
            .lock()
            .end_offset_for(requested, current, ReadFrom::Leader)?)
    }

    /// The leader epoch in which the record at `offset` was appended.
    pub(crate) fn epoch_at(&self, offset: Offset) -> LeaderEpoch {
        self.replica
            .lock()
            .lineage()
            .epoch_at(offset)
            .unwrap_or(LeaderEpoch::UNKNOWN)
    }

    /// Whether reading from `offset` may have to verify checksums first.
    pub(crate) fn may_need_checking(&self, offset: Offset) -> bool {
        offset < self.recovered_end
    }

    /// What a reader is told of the partition when there is no room for records.
    pub(crate) fn look(&self) -> PartitionRead {
        PartitionRead {
            range: None,
            high_watermark: self.high_watermark(),
            last_stable: self.last_stable_offset(),
            log_start: self.log.log_start(),
            aborted: Vec::new(),
        }
    }

    /// Reads from `offset` up to `max_bytes`, but a whole batch if `at_least_one`.
    pub(crate) fn read(
        &self,
        offset: Offset,
        max_bytes: usize,
        at_least_one: bool,
        reader: Reader,
    ) -> Result<PartitionRead, PartitionError> {
        // First, so that what is said of the partition covers what is read.
        let upper = self.visible_end(reader);
        let look = self.look();
        let log_start = look.log_start;
        // A consumer may know of records before they are committed, from a producer that waits
        // for less: for now there is nothing for it, but it has not lost its place.
        if offset >= upper.max(log_start) && offset <= self.log.log_end() {
            return Ok(look);
        }
        if offset < log_start || offset > upper {
            let out = ReadError::OutOfRange {
                log_start,
                log_end: upper,
            };
            return Err(out.into());
        }
        let Some(found) = self.log.read(offset, upper, max_bytes, at_least_one)? else {
            return Ok(look);
        };
        let aborted = match reader {
            Reader::Committed => self.log.aborted_transactions(offset, found.until)?,
            Reader::Consumer | Reader::Replica => Vec::new(),
        };
        let range = LogRange {
            file: found.file,
            position: found.position,
            len: found.len,
        };
        Ok(PartitionRead {
            range: Some(range),
            aborted,
            ..look
        })
    }

    /// Moves the start of the log (DeleteRecords); `None` stands for the high watermark.
    pub(crate) fn delete_records(&self, before: Option<Offset>) -> Result<Offset, PartitionError> {
        self.replica.lock().check_leader(None)?;
        let high_watermark = self.high_watermark();
        let before = before.unwrap_or(high_watermark);
        if before > high_watermark || before < Offset::ZERO {
            let log_start = self.log.log_start();
            return Err(ReadError::OutOfRange {
                log_start,
                log_end: high_watermark,
            }
            .into());
        }
        self.log.advance_log_start(before)?;
        self.log_start_moved();
        Ok(self.replica.lock().low_watermark())
    }

    /// Retention or DeleteRecords has moved the start of the log.
    pub(crate) fn log_start_moved(&self) {
        let moved = self.replica.lock().log_start_advanced(self.log.log_start());
        self.announce(moved);
    }

    /// The topic is being deleted: nobody gets in any more, and who waits is sent away.
    pub(crate) fn retire(&self) {
        self.deleted.store(true, Ordering::Release);
        self.fail(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    }
}

#[cfg(test)]
pub(crate) mod tests;
