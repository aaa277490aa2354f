//! One partition of a coordinator's topic and the machine that its records are the state of.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use highwater_protocol::ErrorCode;
use highwater_records::{
    BatchHeader, BatchProducer, BatchSpec, BuildError, HeaderError, RecordBatchBuilder,
};
use highwater_storage::{AppendBatch, AppendError, AppendOrigin};
use highwater_types::{Now, TransactionalProducer};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::broker::Broker;
use crate::coordinator::machine::{Machine, Step, Ticket};
use crate::data::{AckWait, AllAcked, Partition, PartitionError};

type Answer<M> = Result<<M as Machine>::Reply, ErrorCode>;

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

impl ShardError {
    /// The answer to a step whose transaction has ended meanwhile, or whose producer was fenced.
    fn fences<M: Machine>(&self, step: &Step<M>) -> Option<ErrorCode> {
        step.transaction?;
        match self {
            Self::Partition(PartitionError::Append(error)) => match error {
                AppendError::InvalidProducerEpoch { .. } => Some(ErrorCode::INVALID_PRODUCER_EPOCH),
                AppendError::InvalidTransactionState { .. }
                | AppendError::UnverifiedTransaction { .. } => Some(ErrorCode::INVALID_TXN_STATE),
                _ => None,
            },
            _ => None,
        }
    }
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

pub(super) struct State<M: Machine> {
    pub(super) machine: M,
    phase: Phase,
    waiters: HashMap<Ticket, oneshot::Sender<Answer<M>>>,
    next_ticket: u64,
    loaded_ms: u64,
    /// The deadline for which the timer task was last told to wake.
    armed_ms: Option<u64>,
}

impl<M: Machine> State<M> {
    fn check_ready(&self) -> Result<(), ErrorCode> {
        match self.phase {
            Phase::Ready => Ok(()),
            Phase::Loading => Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            Phase::Failed { .. } => Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
            Phase::Retired => Err(ErrorCode::NOT_COORDINATOR),
        }
    }
}

/// One shard.
pub(crate) struct Shard<M: Machine> {
    pub(crate) partition: Arc<Partition>,
    pub(super) state: Mutex<State<M>>,
    earlier_deadline: AtomicBool,
    /// Told when the timers may have to ring earlier than thought.
    rearm: Arc<Notify>,
}

impl<M: Machine> Shard<M> {
    pub(super) fn new(broker: &Broker, partition: Arc<Partition>, rearm: Arc<Notify>) -> Self {
        Self {
            state: Mutex::new(State {
                machine: M::new(broker, &partition),
                phase: Phase::Loading,
                waiters: HashMap::new(),
                next_ticket: 0,
                loaded_ms: 0,
                armed_ms: None,
            }),
            partition,
            earlier_deadline: AtomicBool::new(false),
            rearm,
        }
    }

    pub(super) fn configure(&self, broker: &Broker) {
        self.state.lock().machine.configure(broker);
    }

    /// What keeps this shard from answering, if anything does.
    pub(crate) fn obstacle(&self) -> Option<&'static str> {
        match self.state.lock().phase {
            Phase::Ready | Phase::Retired => None,
            Phase::Loading => Some("is being loaded"),
            Phase::Failed { .. } => Some("cannot be loaded"),
        }
    }

    /// Reads the log and starts to answer; until then requests are told to come again.
    pub(super) fn load(self: &Arc<Self>, broker: &Arc<Broker>) {
        let mut machine = M::new(broker, &self.partition);
        let loaded = super::load::replay_log(&self.partition, &mut machine);
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Retired) {
            return;
        }
        state.loaded_ms = broker.clock.now().mono_ms;
        match loaded {
            Ok(records) => {
                let now = broker.clock.now();
                let step = machine.loaded(now);
                state.machine = machine;
                state.phase = Phase::Ready;
                self.carry_out(broker, &mut state, now, step);
                self.note_deadline(&mut state);
                if records > 0 {
                    let (partition, content) = (&self.partition.name, M::CONTENT);
                    tracing::debug!(%partition, records, content, "loaded a shard");
                }
            }
            Err(error) => {
                state.phase = Phase::Failed {
                    retry_at_ms: broker.clock.now().mono_ms + RETRY_LOAD_MS,
                };
                tracing::error!(
                    partition = %self.partition.name, %error,
                    "{} cannot be loaded; their clients are turned away", M::CONTENT
                );
            }
        }
    }

    /// Whether the timer task sleeps too long; resets the mark.
    fn take_earlier_deadline(&self) -> bool {
        self.earlier_deadline.swap(false, Ordering::AcqRel)
    }

    /// Wakes the timers if there now is a deadline before the one they sleep for.
    pub(super) fn rearm_if_earlier(&self) {
        if self.take_earlier_deadline() {
            self.rearm.notify_one();
        }
    }

    fn note_deadline(&self, state: &mut State<M>) {
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

    /// Does something with the machine while nothing else happens to it, if it is loaded.
    pub(super) fn with_machine<T>(&self, work: impl FnOnce(&mut M) -> T) -> Result<T, ErrorCode> {
        let mut state = self.state.lock();
        state.check_ready()?;
        Ok(work(&mut state.machine))
    }

    /// Starts a request; its answer comes through the future.
    pub(super) fn begin(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        request: M::Request,
    ) -> Result<impl Future<Output = Answer<M>> + use<M>, ErrorCode> {
        self.begin_as(broker, request, AppendOrigin::Coordinator)
    }

    /// [`Shard::begin`] with leave to open a transaction.
    pub(super) fn begin_as(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        request: M::Request,
        origin: AppendOrigin,
    ) -> Result<impl Future<Output = Answer<M>> + use<M>, ErrorCode> {
        let mut state = self.state.lock();
        state.check_ready()?;
        state.next_ticket += 1;
        let ticket = Ticket(state.next_ticket);
        let (sender, receiver) = oneshot::channel();
        state.waiters.insert(ticket, sender);
        let now = broker.clock.now();
        let step = state.machine.handle(now, ticket, request);
        self.carry_out_as(broker, &mut state, now, step, origin);
        self.note_deadline(&mut state);
        drop(state);
        let guard = ForgetOnDrop {
            shard: Arc::clone(self),
            broker: Arc::clone(broker),
            ticket,
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
                let step = state.machine.tick(now);
                self.carry_out(broker, &mut state, now, step);
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
        state: &mut State<M>,
        now: Now,
        step: Step<M>,
    ) {
        self.carry_out_as(broker, state, now, step, AppendOrigin::Coordinator);
    }

    fn carry_out_as(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        state: &mut State<M>,
        now: Now,
        step: Step<M>,
        origin: AppendOrigin,
    ) {
        if let Err(error) = self.append(broker, &step, now, origin) {
            if let Some(code) = error.fences(&step) {
                return answer_all(state, step.replies, code);
            }
            tracing::error!(
                partition = %self.partition.name, %error,
                "records of {} could not be written; loading them again", M::CONTENT
            );
            self.start_over(broker, state);
            return;
        }
        let transaction = step.transaction.map(|producer| producer.id);
        for (key, value) in &step.records {
            if let Err(error) = state.machine.replay(transaction, key, value.as_deref()) {
                tracing::error!(partition = %self.partition.name, %error, "a fresh record");
            }
        }
        self.go_on_when_durable(broker, state, step.replies, step.jobs);
    }

    /// Appends records in as many batches as they take: a commit of many offsets must not be
    /// refused for its size, since the machine has decided already and knows no way back.
    fn append(
        &self,
        broker: &Broker,
        step: &Step<M>,
        now: Now,
        origin: AppendOrigin,
    ) -> Result<(), ShardError> {
        if step.records.is_empty() {
            return Ok(());
        }
        let leader_epoch = self
            .partition
            .check_produce(highwater_replication::Acks::All)?;
        let built = batches_of(step, now)?;
        let batches = built.iter().map(|bytes| {
            let header = BatchHeader::parse(bytes)?;
            Ok::<_, HeaderError>(AppendBatch { header, bytes })
        });
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        let append =
            |batches: &[AppendBatch<'_>]| self.partition.append(batches, leader_epoch, now, origin);
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

    /// Sends replies and begins jobs once everything that the shard has written until now is on
    /// disk. When that takes too long the coordinator is said not to be available; a job waits.
    fn go_on_when_durable(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        state: &mut State<M>,
        replies: Vec<(Ticket, M::Reply)>,
        jobs: Vec<M::Job>,
    ) {
        let answers: Vec<_> = replies
            .into_iter()
            .filter_map(|(ticket, reply)| Some((state.waiters.remove(&ticket)?, reply)))
            .collect();
        if answers.is_empty() && jobs.is_empty() {
            return;
        }
        let needed = self.partition.log.log_end();
        if self.partition.high_watermark() >= needed {
            for (sender, reply) in answers {
                let _ = sender.send(Ok(reply));
            }
            for job in jobs {
                M::begin(broker, self, job);
            }
            return;
        }
        let wait = AckWait::new();
        self.partition.wait_for_ack(needed, 0, &wait);
        wait.done();
        let timeout = Duration::from_millis(M::durability_timeout_ms(broker));
        let (broker, shard) = (Arc::clone(broker), Arc::clone(self));
        tokio::spawn(async move {
            let all = AllAcked(&wait);
            let is_late = tokio::time::timeout(timeout, all).await.is_err();
            let failed = is_late || !wait.failures().is_empty();
            for (sender, reply) in answers {
                let answer = if failed {
                    Err(ErrorCode::COORDINATOR_NOT_AVAILABLE)
                } else {
                    Ok(reply)
                };
                let _ = sender.send(answer);
            }
            if jobs.is_empty() {
                return;
            }
            AllAcked(&wait).await;
            if wait.failures().is_empty() {
                for job in jobs {
                    M::begin(&broker, &shard, job);
                }
            }
        });
    }

    /// Throws the state away and reads it from the log again, aside.
    fn start_over(self: &Arc<Self>, broker: &Arc<Broker>, state: &mut State<M>) {
        for (_, sender) in state.waiters.drain() {
            let _ = sender.send(Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
        }
        // A disk that stays full must not have the whole log read for every request.
        let now_ms = broker.clock.now().mono_ms;
        let retry_at_ms = state.loaded_ms + RELOAD_MS_MIN;
        if now_ms < retry_at_ms {
            state.phase = Phase::Failed { retry_at_ms };
            self.rearm.notify_one();
        } else {
            self.load_again(broker, state);
        }
    }

    fn load_again(self: &Arc<Self>, broker: &Arc<Broker>, state: &mut State<M>) {
        state.phase = Phase::Loading;
        let (shard, broker) = (Arc::clone(self), Arc::clone(broker));
        tokio::task::spawn_blocking(move || {
            shard.load(&broker);
            shard.rearm.notify_one();
        });
    }
}

/// Answers requests that were refused where they were to be written.
fn answer_all<M: Machine>(state: &mut State<M>, replies: Vec<(Ticket, M::Reply)>, code: ErrorCode) {
    for (ticket, _) in replies {
        if let Some(sender) = state.waiters.remove(&ticket) {
            let _ = sender.send(Err(code));
        }
    }
}

fn batches_of<M: Machine>(step: &Step<M>, now: Now) -> Result<Vec<Vec<u8>>, BuildError> {
    let spec = match step.transaction {
        None => BatchSpec::default(),
        Some(TransactionalProducer { id, epoch }) => BatchSpec {
            producer: BatchProducer {
                id,
                epoch,
                base_sequence: 0,
            },
            transactional: true,
            ..BatchSpec::default()
        },
    };
    let mut batches = Vec::new();
    let mut builder = RecordBatchBuilder::new(spec.clone());
    for (key, value) in &step.records {
        let (key, value) = (Some(&**key), value.as_deref());
        let more = RecordBatchBuilder::record_size_bytes_max(key, value, &[]);
        if !builder.is_empty() && builder.size_bytes() + more > BATCH_BYTES_MAX {
            let full = std::mem::replace(&mut builder, RecordBatchBuilder::new(spec.clone()));
            batches.push(full.finish()?);
        }
        builder.append(now.wall_ms, key, value, &[])?;
    }
    batches.push(builder.finish()?);
    Ok(batches)
}

/// A request whose client has gone need not be answered; the machine is told.
struct ForgetOnDrop<M: Machine> {
    shard: Arc<Shard<M>>,
    broker: Arc<Broker>,
    ticket: Ticket,
}

impl<M: Machine> Drop for ForgetOnDrop<M> {
    fn drop(&mut self) {
        let mut state = self.shard.state.lock();
        if state.waiters.remove(&self.ticket).is_some() {
            state.machine.forget(self.broker.clock.now(), self.ticket);
            self.shard.note_deadline(&mut state);
            drop(state);
            self.shard.rearm_if_earlier();
        }
    }
}

#[cfg(test)]
mod tests;
