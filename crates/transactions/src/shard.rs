//! The machine of one partition of `__transaction_state`: takes requests, deadlines, records and
//! the news of written markers, and hands each to the transactional id it is for.

use std::collections::BTreeMap;

use highwater_types::{LeaderEpoch, Now, ProducerId, TopicPartition};

use crate::config::{NO_TIMEOUT_MS, TEXT_LEN_MAX, TransactionConfig};
use crate::expiry::Sweep;
use crate::ids::{TransactionRef, TransactionalId, Waiter};
use crate::output::{Context, MarkerJob, Notice, Output, Record, SpareUse, TransactionResult};
use crate::records::{Malformed, RecordKey, TransactionState, TransactionValue};
use crate::replies::{Reply, TransactionError};
use crate::requests::Request;
use crate::timers::{Timer, Timers};
use crate::transaction::{Ending, Transaction};

/// One tick stops once it has this many records to append, so that a batch stays small; what is
/// left stays due.
pub(crate) const TICK_RECORDS_MAX: usize = 1_000;

/// One tick stops once its records have this many bytes; a transaction may have many partitions.
const TICK_BYTES_MAX: usize = 1024 * 1024;

/// How long a timeout waits for a producer id when none was lent.
const SPARE_RETRY_MS: u64 = 1_000;

/// All transactional ids of one partition of `__transaction_state`.
///
/// The driver calls one method at a time. After [`loaded`](Self::loaded),
/// [`handle`](Self::handle), [`tick`](Self::tick) and [`markers_written`](Self::markers_written),
/// before anything else, it appends the records of the output and calls [`replay`](Self::replay)
/// on each; once the log is durable up to there it sends the replies and begins the marker jobs.
/// If the append fails it drops the shard, answers everybody with an error and loads the shard
/// again. A dropped shard's jobs may go on, if they ask the next shard what is missing.
pub struct TransactionShard {
    pub(crate) config: TransactionConfig,
    pub(crate) transactions: BTreeMap<TransactionalId, Transaction>,
    pub(crate) timers: Timers,
    coordinator_epoch: LeaderEpoch,
    sweep: Sweep,
    skipped_records: u64,
}

/// Why a record cannot be replayed. A log that holds one was damaged, or written by something
/// newer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The key cannot be read.
    #[error("the key of the record cannot be read: {0}")]
    Key(#[source] Malformed),
    /// The value cannot be read.
    #[error("the state of transactional id {transactional_id} cannot be read: {source}")]
    Value {
        /// The transactional id.
        transactional_id: TransactionalId,
        /// What is wrong.
        source: Malformed,
    },
}

/// Counts for metrics, taken by one pass over the transactional ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardStats {
    /// Transactional ids in the state `Empty`.
    pub empty: usize,
    /// Transactional ids in the state `Ongoing`.
    pub ongoing: usize,
    /// Transactional ids in the state `PrepareCommit`.
    pub prepare_commit: usize,
    /// Transactional ids in the state `PrepareAbort`.
    pub prepare_abort: usize,
    /// Transactional ids in the state `CompleteCommit`.
    pub complete_commit: usize,
    /// Transactional ids in the state `CompleteAbort`.
    pub complete_abort: usize,
    /// Partitions of transactions that are ongoing.
    pub ongoing_partitions: usize,
    /// Markers that are not written yet.
    pub missing_markers: usize,
    /// Records of kinds that are not kept, seen since the shard was made.
    pub skipped_records: u64,
}

impl TransactionShard {
    /// A shard whose log has not been read yet, on the broker that leads its partition in this
    /// epoch.
    pub fn new(config: TransactionConfig, coordinator_epoch: LeaderEpoch) -> Self {
        Self {
            config,
            transactions: BTreeMap::new(),
            timers: Timers::default(),
            coordinator_epoch,
            sweep: Sweep::default(),
            skipped_records: 0,
        }
    }

    /// Applies changed settings from the next step on; deadlines that are set stay.
    pub fn set_config(&mut self, config: TransactionConfig) {
        self.config = config;
    }

    /// Takes over one record of the log, in the order of the log: while loading, and of each
    /// output once it is appended.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), ReplayError> {
        let id = match RecordKey::decode(key).map_err(ReplayError::Key)? {
            RecordKey::Transaction(id) => id,
            RecordKey::Other { .. } => {
                self.skipped_records += 1;
                return Ok(());
            }
        };
        let decoded = value.map(TransactionValue::decode).transpose();
        let value = decoded.and_then(check_state);
        match value {
            Ok(Some(value)) => {
                if let Some(transaction) = self.transactions.get_mut(&id) {
                    transaction.install(value);
                } else {
                    self.transactions.insert(id, Transaction::new(value));
                }
            }
            Ok(None) => {
                self.transactions.remove(&id);
                self.timers.cancel(Timer::Timeout(id.clone()));
                self.timers.cancel(Timer::Complete(id));
            }
            Err(source) => {
                return Err(ReplayError::Value {
                    transactional_id: id,
                    source,
                });
            }
        }
        Ok(())
    }

    /// The whole log has been replayed: starts the clocks of open transactions with what the wall
    /// clock says is left, begins the markers of decided ones once more, and the search for
    /// expired transactional ids.
    pub fn loaded(&mut self, now: Now) -> Output {
        let mut out = Output::default();
        for (id, transaction) in &self.transactions {
            let value = &transaction.value;
            match value.state {
                TransactionState::Ongoing => {
                    let elapsed_ms = now.wall_ms.saturating_sub(value.start_ms);
                    schedule_timeout(&mut self.timers, now, id, value, elapsed_ms);
                }
                state if !state.is_prepared() => {}
                _ if value.partitions.is_empty() => {
                    let timer = Timer::Complete(id.clone());
                    self.timers.schedule(timer, now.mono_ms);
                }
                _ => out.jobs.extend(self.marker_job(id, value)),
            }
        }
        self.sweep.watch(now);
        let in_ms = self.config.expiration_check_interval_ms;
        self.timers
            .schedule(Timer::Sweep, now.mono_ms.saturating_add(in_ms));
        out
    }

    /// Takes one request; its reply is in the output.
    pub fn handle(&mut self, context: Context, waiter: Waiter, request: Request) -> Output {
        let mut out = Output::default();
        let reply = match request {
            Request::InitProducerId(request) => {
                Reply::InitProducerId(self.init_producer_id(context, &request, &mut out))
            }
            Request::AddPartitions(request) => {
                Reply::AddPartitions(self.add_partitions(context.now, request, &mut out))
            }
            Request::End(request) => Reply::End(self.end(context, &request, &mut out)),
            Request::Describe(request) => Reply::Describe(self.describe(request.transactional_id)),
            Request::List(request) => Reply::List(self.list(context.now, request)),
        };
        out.replies.push((waiter, reply));
        out
    }

    /// Whether the marker of a transaction is still missing on a partition. The driver asks right
    /// before it writes one and lets nothing happen in between: a second marker could end the
    /// transaction that follows.
    pub fn awaits_marker(&self, transaction: &TransactionRef, partition: &TopicPartition) -> bool {
        let id = &transaction.transactional_id;
        self.transactions.get(id).is_some_and(|found| {
            found.value.state.is_prepared()
                && found.value.reference(id) == *transaction
                && found.unmarked.contains(partition)
        })
    }

    /// Markers of a transaction are written, or their partitions are gone for ever. News of
    /// another transaction than the current one of that name is old, and passed over.
    pub fn markers_written(
        &mut self,
        now: Now,
        transaction: &TransactionRef,
        partitions: &[TopicPartition],
    ) -> Output {
        let mut out = Output::default();
        let id = &transaction.transactional_id;
        let Some(found) = self.transactions.get_mut(id) else {
            return out;
        };
        if !found.value.state.is_prepared() || found.value.reference(id) != *transaction {
            return out;
        }
        for partition in partitions {
            found.unmarked.remove(partition);
        }
        if found.unmarked.is_empty() {
            let completed = found.value.completed(now);
            self.write(id, &completed, &mut out);
        }
        out
    }

    /// Does what is due. Call it again at once while [`next_deadline_ms`](Self::next_deadline_ms)
    /// is not after now: one tick takes one producer id, and stops when a batch is full.
    pub fn tick(&mut self, context: Context) -> Output {
        let mut out = Output::default();
        let mut bytes = 0;
        while let Some(due) = self.timers.peek_due(context.now.mono_ms) {
            // What expires is looked for in what the records of this tick have made of it.
            let must_wait = *due == Timer::Sweep && !out.records.is_empty();
            if must_wait || out.records.len() >= TICK_RECORDS_MAX || bytes >= TICK_BYTES_MAX {
                break;
            }
            let Some(timer) = self.timers.pop_due(context.now.mono_ms) else {
                break;
            };
            let records = out.records.len();
            if self.fire(context, &timer, &mut out).is_err() {
                let now_ms = context.now.mono_ms;
                if out.spare == SpareUse::Taken {
                    // Another transactional id has taken the one of this tick.
                    self.timers.schedule(timer, now_ms);
                    break;
                }
                let at_ms = now_ms.saturating_add(SPARE_RETRY_MS);
                self.timers.schedule(timer, at_ms);
            }
            bytes += out.records[records..]
                .iter()
                .map(Record::len)
                .sum::<usize>();
        }
        out
    }

    fn fire(
        &mut self,
        context: Context,
        timer: &Timer,
        out: &mut Output,
    ) -> Result<(), TransactionError> {
        match timer {
            Timer::Timeout(id) => self.time_out(context, id, out)?,
            Timer::Complete(id) => {
                if let Some(found) = self.transactions.get(id)
                    && found.value.state.is_prepared()
                {
                    let completed = found.value.completed(context.now);
                    self.write(id, &completed, out);
                }
            }
            Timer::Sweep => {
                let now = context.now;
                let in_ms = self.sweep.run(now, &self.config, &self.transactions, out);
                self.timers
                    .schedule(Timer::Sweep, now.mono_ms.saturating_add(in_ms));
            }
        }
        Ok(())
    }

    /// Aborts a transaction that has been open for too long.
    fn time_out(
        &mut self,
        context: Context,
        id: &TransactionalId,
        out: &mut Output,
    ) -> Result<(), TransactionError> {
        let Some(found) = self.transactions.get(id) else {
            return Ok(());
        };
        let value = &found.value;
        if value.state != TransactionState::Ongoing {
            return Ok(());
        }
        let notice = Notice::TransactionTimedOut {
            transactional_id: id.clone(),
            producer: value.producer,
            timeout_ms: value.timeout_ms,
        };
        let prepared = self.fenced(context, id, value, out)?;
        out.notices.push(notice);
        self.write_end(context.now, id, &prepared, out);
        Ok(())
    }

    /// The abort of a transaction whose producer has not asked for it, and may not go on with its
    /// epoch. Where the end of a transaction brings a new epoch anyway, that is all it takes.
    pub(crate) fn fenced(
        &self,
        context: Context,
        id: &TransactionalId,
        value: &TransactionValue,
        out: &mut Output,
    ) -> Result<TransactionValue, TransactionError> {
        let client_version = self.config.transaction_version;
        let ending = if client_version.bumps_epochs() {
            Ending::Bump {
                client_version,
                next: next_producer_id(context, id, value, out)?,
            }
        } else {
            Ending::Fence
        };
        Ok(value.prepared(context.now, TransactionResult::Abort, ending))
    }

    /// Writes that the end of a transaction is decided, and all that follows from it at once: its
    /// markers, or if it has no partitions that it is complete.
    pub(crate) fn write_end(
        &mut self,
        now: Now,
        id: &TransactionalId,
        prepared: &TransactionValue,
        out: &mut Output,
    ) {
        self.timers.cancel(Timer::Timeout(id.clone()));
        self.write(id, prepared, out);
        if prepared.partitions.is_empty() {
            self.write(id, &prepared.completed(now), out);
        } else {
            out.jobs.extend(self.marker_job(id, prepared));
        }
    }

    pub(crate) fn write(&self, id: &TransactionalId, value: &TransactionValue, out: &mut Output) {
        out.records.push(Record {
            key: RecordKey::encode(id),
            value: Some(value.encode(self.config.transaction_version)),
        });
    }

    fn marker_job(&self, id: &TransactionalId, value: &TransactionValue) -> Option<MarkerJob> {
        Some(MarkerJob {
            transaction: value.reference(id),
            coordinator_epoch: self.coordinator_epoch,
            result: value.result()?,
            partitions: value.partitions.clone(),
            client_version: value.client_version,
        })
    }

    /// When the next [`tick`](Self::tick) has something to do, on [`Now::mono_ms`]. Any step may
    /// bring it forward.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.timers.next_deadline_ms()
    }

    /// Counts for metrics.
    pub fn stats(&self) -> ShardStats {
        let mut stats = ShardStats {
            skipped_records: self.skipped_records,
            ..ShardStats::default()
        };
        for transaction in self.transactions.values() {
            match transaction.value.state {
                TransactionState::Empty => stats.empty += 1,
                TransactionState::Ongoing => {
                    stats.ongoing += 1;
                    stats.ongoing_partitions += transaction.value.partitions.len();
                }
                TransactionState::PrepareCommit => stats.prepare_commit += 1,
                TransactionState::PrepareAbort => stats.prepare_abort += 1,
                TransactionState::CompleteCommit => stats.complete_commit += 1,
                TransactionState::CompleteAbort => stats.complete_abort += 1,
                TransactionState::Dead | TransactionState::PrepareEpochFence => {}
            }
            stats.missing_markers += transaction.unmarked.len();
        }
        stats
    }
}

/// What the log may hold: a transactional id that is dead is as good as deleted, and no log says
/// that a producer is only about to be fenced.
fn check_state(value: Option<TransactionValue>) -> Result<Option<TransactionValue>, Malformed> {
    let state = value.as_ref().map(|value| value.state);
    match state {
        Some(TransactionState::Dead) => Ok(None),
        Some(state @ TransactionState::PrepareEpochFence) => {
            Err(Malformed::State { code: state.code() })
        }
        _ => Ok(value),
    }
}

/// Sets the deadline of an open transaction, of whose time some is over. A wall clock that has
/// gone back gives it no more than all of its time.
pub(crate) fn schedule_timeout(
    timers: &mut Timers,
    now: Now,
    id: &TransactionalId,
    value: &TransactionValue,
    elapsed_ms: i64,
) {
    if value.timeout_ms == NO_TIMEOUT_MS {
        return;
    }
    let timeout_ms = i64::from(value.timeout_ms.max(0));
    let left_ms = timeout_ms.saturating_sub(elapsed_ms).clamp(0, timeout_ms);
    let deadline_ms = now.mono_ms.saturating_add(left_ms.unsigned_abs());
    timers.schedule(Timer::Timeout(id.clone()), deadline_ms);
}

/// The producer id that a transaction switches to at its end, if its epochs have run out.
pub(crate) fn next_producer_id(
    context: Context,
    id: &TransactionalId,
    value: &TransactionValue,
    out: &mut Output,
) -> Result<Option<ProducerId>, TransactionError> {
    if !value.producer.is_exhausted() {
        return Ok(None);
    }
    let next = out.take_spare(context)?;
    out.notices.push(Notice::ProducerIdReplaced {
        transactional_id: id.clone(),
        producer: value.producer,
        next,
    });
    Ok(Some(next))
}

pub(crate) fn check_id(id: &TransactionalId) -> Result<(), TransactionError> {
    let is_valid = !id.as_str().is_empty() && id.as_str().len() <= TEXT_LEN_MAX;
    is_valid
        .then_some(())
        .ok_or(TransactionError::InvalidRequest)
}
