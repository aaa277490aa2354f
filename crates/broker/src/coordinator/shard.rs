//! One partition of `__consumer_offsets` and the machine that its records are the state of.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use highwater_groups::{
    GroupConfig, GroupShard, GroupSummary, Notice, Output, Record, Reply, Request, Waiter,
};
use highwater_protocol::ErrorCode;
use highwater_records::{BatchHeader, BatchSpec, BuildError, HeaderError, RecordBatchBuilder};
use highwater_storage::{AppendBatch, AppendError, AppendOrigin};
use highwater_types::Now;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::broker::Broker;
use crate::data::{AckWait, AllAcked, Partition, PartitionError};

type Answer = Result<Reply, ErrorCode>;

/// Why records of a shard were not written.
#[derive(Debug, thiserror::Error)]
enum ShardError {
    #[error(transparent)]
    Partition(#[from] PartitionError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// How long a shard whose log could not be read is left alone.
const RETRY_LOAD_MS: u64 = 5_000;

/// Shortest time from one loading to the next.
const RELOAD_MS_MIN: u64 = 1_000;

/// Bytes of one batch, unless a single record has more: what Kafka's topics take by default.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Where a shard stands.
enum Phase {
    /// Its log is being read.
    Loading,
    /// It answers.
    Ready,
    /// Its log cannot be read or written. What passes by itself, as a full disk or a lack of
    /// file descriptors, shall not last until a restart, so it is loaded again at that time.
    Failed { retry_at_ms: u64 },
    /// Its partition has been deleted.
    Retired,
}

pub(super) struct State {
    pub(super) machine: GroupShard,
    phase: Phase,
    waiters: HashMap<Waiter, oneshot::Sender<Answer>>,
    next_waiter: u64,
    loaded_ms: u64,
    /// The deadline for which the timer task was last told to wake.
    armed_ms: Option<u64>,
}

/// One shard.
pub(crate) struct Shard {
    pub(crate) partition: Arc<Partition>,
    pub(super) state: Mutex<State>,
    earlier_deadline: AtomicBool,
}

impl Shard {
    pub(super) fn new(partition: Arc<Partition>, config: GroupConfig) -> Self {
        Self {
            partition,
            state: Mutex::new(State {
                machine: GroupShard::new(config),
                phase: Phase::Loading,
                waiters: HashMap::new(),
                next_waiter: 0,
                loaded_ms: 0,
                armed_ms: None,
            }),
            earlier_deadline: AtomicBool::new(false),
        }
    }

    pub(super) fn set_config(&self, config: GroupConfig) {
        self.state.lock().machine.set_config(config);
    }

    /// What keeps the groups of this shard from being served, if anything does.
    pub(crate) fn obstacle(&self) -> Option<&'static str> {
        match self.state.lock().phase {
            Phase::Ready | Phase::Retired => None,
            Phase::Loading => Some("is being loaded"),
            Phase::Failed { .. } => Some("cannot be loaded"),
        }
    }

    /// Its groups, for metrics.
    pub(super) fn summaries(&self) -> Vec<GroupSummary> {
        self.state.lock().machine.summaries()
    }

    /// Reads the log and starts to answer; until then requests are told to come again.
    pub(super) fn load(&self, broker: &Arc<Broker>) {
        let mut machine = GroupShard::new(super::group_config(broker));
        let loaded = super::load::replay_log(&self.partition, &mut machine);
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Retired) {
            return;
        }
        state.loaded_ms = broker.clock.now().mono_ms;
        match loaded {
            Ok(records) => {
                machine.loaded(broker.clock.now());
                state.machine = machine;
                state.phase = Phase::Ready;
                self.note_deadline(&mut state);
                if records > 0 {
                    tracing::debug!(partition = %self.partition.name, records, "loaded groups");
                }
            }
            Err(error) => {
                state.phase = Phase::Failed {
                    retry_at_ms: broker.clock.now().mono_ms + RETRY_LOAD_MS,
                };
                tracing::error!(
                    partition = %self.partition.name, error = %error,
                    "groups cannot be loaded; their members are turned away"
                );
            }
        }
    }

    /// Whether the timer task sleeps too long; resets the mark.
    pub(super) fn take_earlier_deadline(&self) -> bool {
        self.earlier_deadline.swap(false, Ordering::AcqRel)
    }

    fn note_deadline(&self, state: &mut State) {
        let next = state.machine.next_deadline_ms();
        let is_earlier = match (next, state.armed_ms) {
            (Some(next), Some(armed)) => next < armed,
            (next, None) => next.is_some(),
            (None, Some(_)) => false,
        };
        if is_earlier {
            self.earlier_deadline.store(true, Ordering::Release);
        }
    }

    /// When the timers must look again; remembers that they will.
    pub(super) fn arm(&self) -> Option<u64> {
        let mut state = self.state.lock();
        // Nothing comes due in a machine that is not asked: a deadline that is past would keep
        // the timers spinning.
        state.armed_ms = match state.phase {
            Phase::Ready => state.machine.next_deadline_ms(),
            Phase::Failed { retry_at_ms } => Some(retry_at_ms),
            Phase::Loading | Phase::Retired => None,
        };
        state.armed_ms
    }

    /// The partition is gone: nobody who waits here will be answered, and nobody else gets in.
    pub(super) fn retire(&self) {
        let mut state = self.state.lock();
        state.phase = Phase::Retired;
        for (_, sender) in state.waiters.drain() {
            let _ = sender.send(Err(ErrorCode::NOT_COORDINATOR));
        }
    }

    /// Starts a request; its answer comes through the future.
    pub(super) fn begin(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        request: Request,
    ) -> Result<impl Future<Output = Answer> + use<>, ErrorCode> {
        let mut state = self.state.lock();
        match state.phase {
            Phase::Ready => {}
            Phase::Loading => return Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            Phase::Failed { .. } => return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
            Phase::Retired => return Err(ErrorCode::NOT_COORDINATOR),
        }
        state.next_waiter += 1;
        let waiter = Waiter(state.next_waiter);
        let (sender, receiver) = oneshot::channel();
        state.waiters.insert(waiter, sender);
        let now = broker.clock.now();
        let output = state.machine.handle(now, waiter, request);
        self.carry_out(broker, &mut state, now, output);
        self.note_deadline(&mut state);
        drop(state);
        let guard = ForgetOnDrop {
            shard: Arc::clone(self),
            broker: Arc::clone(broker),
            waiter,
        };
        Ok(async move {
            let _guard = guard;
            receiver
                .await
                .unwrap_or(Err(ErrorCode::COORDINATOR_NOT_AVAILABLE))
        })
    }

    /// Lets time pass.
    pub(super) fn tick(self: &Arc<Self>, broker: &Arc<Broker>, now: Now) {
        let mut state = self.state.lock();
        match state.phase {
            Phase::Ready => {
                let output = state.machine.tick(now);
                self.carry_out(broker, &mut state, now, output);
            }
            Phase::Failed { retry_at_ms } if now.mono_ms >= retry_at_ms => {
                self.load_again(broker, &mut state);
            }
            Phase::Failed { .. } | Phase::Loading | Phase::Retired => {}
        }
    }

    fn carry_out(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        state: &mut State,
        now: Now,
        output: Output,
    ) {
        for notice in output.notices {
            log_notice(&notice);
        }
        if !output.records.is_empty()
            && let Err(error) = self.append(broker, &output.records, now)
        {
            tracing::error!(
                partition = %self.partition.name, %error,
                "group records could not be written; loading the groups again"
            );
            self.start_over(broker, state);
            return;
        }
        for record in &output.records {
            if let Err(error) = state.machine.replay(&record.key, record.value.as_deref()) {
                tracing::error!(partition = %self.partition.name, %error, "a fresh record");
            }
        }
        self.send_when_durable(broker, state, output.replies);
    }

    /// Appends records in as many batches as they take: a commit of many offsets must not be
    /// refused for its size, since the machine has decided already and knows no way back.
    fn append(&self, broker: &Arc<Broker>, records: &[Record], now: Now) -> Result<(), ShardError> {
        let leader_epoch = self
            .partition
            .check_produce(highwater_replication::Acks::All)?;
        let built = batches_of(records, now)?;
        let batches = built.iter().map(|bytes| {
            let header = BatchHeader::parse(bytes)?;
            Ok::<_, HeaderError>(AppendBatch { header, bytes })
        });
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        let append = |batches: &[AppendBatch<'_>]| {
            let origin = AppendOrigin::Coordinator;
            self.partition.append(batches, leader_epoch, now, origin)
        };
        // All or nothing, unless that is more than a segment takes.
        match append(&batches) {
            Err(PartitionError::Append(AppendError::TooLarge { .. })) if batches.len() > 1 => {
                for batch in batches.chunks(1) {
                    append(batch)?;
                }
            }
            appended => drop(appended?),
        }
        if self.partition.wants_flush() {
            broker.flusher.request(&self.partition);
        }
        Ok(())
    }

    /// Sends replies once everything that the shard has written until now is on disk, or says
    /// that the coordinator is not available when that takes too long.
    fn send_when_durable(
        self: &Arc<Self>,
        broker: &Broker,
        state: &mut State,
        replies: Vec<(Waiter, Reply)>,
    ) {
        let answers: Vec<_> = replies
            .into_iter()
            .filter_map(|(waiter, reply)| Some((state.waiters.remove(&waiter)?, reply)))
            .collect();
        if answers.is_empty() {
            return;
        }
        let needed = self.partition.log.log_end();
        if self.partition.high_watermark() >= needed {
            for (sender, reply) in answers {
                let _ = sender.send(Ok(reply));
            }
            return;
        }
        let wait = AckWait::new();
        self.partition.wait_for_ack(needed, 0, &wait);
        wait.done();
        let timeout_ms = broker.config().groups.offsets_commit_timeout_ms;
        tokio::spawn(async move {
            let timeout = Duration::from_millis(timeout_ms);
            let is_late = tokio::time::timeout(timeout, AllAcked(&wait))
                .await
                .is_err();
            let failed = is_late || !wait.failures().is_empty();
            for (sender, reply) in answers {
                let answer = if failed {
                    Err(ErrorCode::COORDINATOR_NOT_AVAILABLE)
                } else {
                    Ok(reply)
                };
                let _ = sender.send(answer);
            }
        });
    }

    /// Throws the state away and reads it from the log again, aside.
    fn start_over(self: &Arc<Self>, broker: &Arc<Broker>, state: &mut State) {
        for (_, sender) in state.waiters.drain() {
            let _ = sender.send(Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
        }
        // A disk that stays full must not have the whole log read for every request.
        let now_ms = broker.clock.now().mono_ms;
        let retry_at_ms = state.loaded_ms + RELOAD_MS_MIN;
        if now_ms < retry_at_ms {
            state.phase = Phase::Failed { retry_at_ms };
            broker.groups.rearm.notify_one();
        } else {
            self.load_again(broker, state);
        }
    }

    fn load_again(self: &Arc<Self>, broker: &Arc<Broker>, state: &mut State) {
        state.phase = Phase::Loading;
        let (shard, broker) = (Arc::clone(self), Arc::clone(broker));
        tokio::task::spawn_blocking(move || {
            shard.load(&broker);
            broker.groups.rearm.notify_one();
        });
    }
}

fn batches_of(records: &[Record], now: Now) -> Result<Vec<Vec<u8>>, BuildError> {
    let mut batches = Vec::new();
    let mut builder = RecordBatchBuilder::new(BatchSpec::default());
    for record in records {
        let (key, value) = (Some(&*record.key), record.value.as_deref());
        let more = RecordBatchBuilder::record_size_bytes_max(key, value, &[]);
        if !builder.is_empty() && builder.size_bytes() + more > BATCH_BYTES_MAX {
            let full =
                std::mem::replace(&mut builder, RecordBatchBuilder::new(BatchSpec::default()));
            batches.push(full.finish()?);
        }
        builder.append(now.wall_ms, key, value, &[])?;
    }
    batches.push(builder.finish()?);
    Ok(batches)
}

/// A request whose client has gone need not be answered; the machine is told.
struct ForgetOnDrop {
    shard: Arc<Shard>,
    broker: Arc<Broker>,
    waiter: Waiter,
}

impl Drop for ForgetOnDrop {
    fn drop(&mut self) {
        let mut state = self.shard.state.lock();
        if state.waiters.remove(&self.waiter).is_some() {
            state.machine.forget(self.broker.clock.now(), self.waiter);
            self.shard.note_deadline(&mut state);
            drop(state);
            self.broker.groups.rearm_if_earlier(&self.shard);
        }
    }
}

fn log_notice(notice: &Notice) {
    match notice {
        Notice::RebalanceStarted {
            group_id,
            generation,
            reason,
        } => {
            tracing::info!(group = %group_id, generation, reason, "a rebalance began");
        }
        Notice::GenerationStarted {
            group_id,
            generation,
            members,
        } => {
            tracing::info!(group = %group_id, generation, members, "a generation began");
        }
        Notice::MemberRemoved {
            group_id,
            member_id,
            reason,
        } => {
            tracing::info!(group = %group_id, member = %member_id, reason, "a member was removed");
        }
        other => tracing::debug!(notice = ?other, "groups"),
    }
}

#[cfg(test)]
mod tests;
