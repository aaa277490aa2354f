//! What is sent when, and what an answer means. Time comes in as an argument.

use std::collections::BTreeMap;

use bytes::Bytes;
use highwater_records::{BuildError, Compression};
use highwater_types::{Offset, ProducerEpoch, ProducerId, TopicPartition};

use super::queue::{Batch, Identity, Queue};
use super::{ProducerOptions, ProducerRecord};
use crate::backoff::BackoffPolicy;
use crate::{ClientError, ErrorCode, Refusal};

/// Requests of one partition that an idempotent producer may have in flight: so many batches
/// does a broker remember.
const IDEMPOTENT_IN_FLIGHT_MAX: usize = 5;

/// The settings of the machine.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(super) linger_ms: u64,
    pub(super) batch_bytes_max: usize,
    pub(super) delivery_timeout_ms: u64,
    pub(super) in_flight_max: usize,
    pub(super) idempotent: bool,
    pub(super) compression: Compression,
    pub(super) compression_level: Option<i32>,
    pub(super) backoff: BackoffPolicy,
}

impl Settings {
    pub(super) fn new(options: &ProducerOptions, backoff: BackoffPolicy) -> Self {
        let ms = |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX / 2);
        Self {
            linger_ms: ms(options.linger),
            batch_bytes_max: options.batch_bytes_max,
            delivery_timeout_ms: ms(options.delivery_timeout),
            // Without numbers only waiting for each answer keeps the order.
            in_flight_max: if options.idempotent {
                IDEMPOTENT_IN_FLIGHT_MAX
            } else {
                1
            },
            idempotent: options.idempotent,
            compression: options.compression,
            compression_level: options.compression_level,
            backoff,
        }
    }
}

/// A batch to send.
pub(super) struct Sendable {
    pub(super) partition: TopicPartition,
    pub(super) ordinal: u64,
    pub(super) bytes: Bytes,
}

/// What became of a batch that was sent.
#[derive(Clone, Debug)]
pub(super) enum BatchOutcome {
    /// The broker has it, and said where if it knows.
    Appended(Option<Offset>),
    /// The broker refused it.
    Refused(Refusal),
    /// Nobody knows.
    Lost(ClientError),
}

/// Records that are settled: who waits for them, and the offset of the first or the error.
pub(super) struct Settled<W> {
    pub(super) partition: TopicPartition,
    pub(super) waiters: Vec<W>,
    pub(super) outcome: Result<Option<Offset>, ClientError>,
}

/// All partitions of a producer.
pub(super) struct Accumulator<W> {
    settings: Settings,
    identity: Option<Identity>,
    queues: BTreeMap<TopicPartition, Queue<W>>,
    flushing: bool,
}

impl<W> Accumulator<W> {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            identity: None,
            queues: BTreeMap::new(),
            flushing: false,
        }
    }

    pub(super) fn append(
        &mut self,
        now_ms: u64,
        partition: TopicPartition,
        record: &ProducerRecord,
        timestamp_ms: i64,
        waiter: W,
    ) -> Option<Settled<W>> {
        let queue = self.queues.entry(partition.clone()).or_default();
        let appended = queue.append(now_ms, &self.settings, record, timestamp_ms, waiter);
        appended
            .err()
            .map(|(waiter, e)| unbuildable(partition, vec![waiter], &e))
    }

    /// Whether nothing can be sent before an id has been asked for.
    pub(super) fn wants_identity(&self) -> bool {
        self.settings.idempotent && self.identity.is_none() && !self.is_empty()
    }

    pub(super) fn set_identity(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.values().all(Queue::is_empty)
    }

    /// From now on until nothing is left, no batch waits for more records.
    pub(super) fn flush(&mut self) {
        self.flushing = !self.is_empty();
    }

    /// Every batch that may go now, oldest first per partition. `settled` receives what cannot
    /// be built.
    pub(super) fn ready(
        &mut self,
        now_ms: u64,
        can_send: impl Fn(&TopicPartition) -> bool,
        settled: &mut Vec<Settled<W>>,
    ) -> Vec<Sendable> {
        let mut ready = Vec::new();
        if self.settings.idempotent && self.identity.is_none() {
            return ready;
        }
        for (partition, queue) in &mut self.queues {
            if self.flushing {
                queue.seal();
            }
            if queue.wants_new_epoch() && queue.identity() == self.identity {
                self.identity = next_epoch(self.identity);
                if self.identity.is_none() {
                    return ready;
                }
            }
            if !can_send(partition) {
                continue;
            }
            match queue.take(now_ms, &self.settings, self.identity) {
                Some((ordinal, Ok(bytes))) => {
                    ready.push(Sendable {
                        partition: partition.clone(),
                        ordinal,
                        bytes,
                    });
                }
                Some((_, Err((waiters, e)))) => {
                    settled.push(unbuildable(partition.clone(), waiters, &e));
                }
                None => {}
            }
        }
        ready
    }

    /// Partitions with something to send now or soon.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.queues
            .iter()
            .filter(|(_, queue)| !queue.is_empty())
            .map(|(partition, _)| partition)
    }

    /// When `ready` or `expire` may next have something to do.
    pub(super) fn wake_at_ms(&self) -> Option<u64> {
        let of = |queue: &Queue<W>| {
            let expiry = queue
                .oldest_ms()
                .map(|ms| ms + self.settings.delivery_timeout_ms);
            let ready = queue.ready_at_ms(&self.settings);
            expiry.into_iter().chain(ready).min()
        };
        self.queues.values().filter_map(of).min()
    }

    /// Takes in what became of a batch; gives the records that are settled by it.
    pub(super) fn complete(
        &mut self,
        now_ms: u64,
        partition: &TopicPartition,
        ordinal: u64,
        outcome: BatchOutcome,
        random: u64,
    ) -> Option<Settled<W>> {
        let settings = &self.settings;
        let queue = self.queues.get_mut(partition)?;
        let settled = |batch: Batch<W>, outcome| Settled {
            partition: partition.clone(),
            waiters: batch.waiters,
            outcome,
        };
        let code = match &outcome {
            BatchOutcome::Appended(offset) => {
                return queue
                    .acknowledged(ordinal)
                    .map(|batch| settled(batch, Ok(*offset)));
            }
            BatchOutcome::Refused(refusal) => Some(refusal.code),
            BatchOutcome::Lost(_) => None,
        };
        let wait = settings
            .backoff
            .wait(queue.failures + 1, random)
            .as_millis() as u64;
        match (code, outcome) {
            (Some(ErrorCode::DUPLICATE_SEQUENCE_NUMBER), _) => {
                return queue
                    .acknowledged(ordinal)
                    .map(|batch| settled(batch, Ok(None)));
            }
            (
                Some(
                    ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
                    | ErrorCode::UNKNOWN_PRODUCER_ID
                    | ErrorCode::INVALID_PRODUCER_EPOCH,
                ),
                _,
            ) if settings.idempotent => queue.out_of_order(ordinal),
            (None, BatchOutcome::Lost(e)) if e.is_retriable() || is_late(&e) => {
                queue.again(ordinal, true);
            }
            (Some(code), _) if code.is_retriable() => queue.again(ordinal, may_have_it(code)),
            (_, outcome) => {
                let error = match outcome {
                    BatchOutcome::Lost(e) => e,
                    BatchOutcome::Refused(refusal) => {
                        ClientError::refused(format!("write to {partition}"), refusal)
                    }
                    BatchOutcome::Appended(_) => return None,
                };
                return queue
                    .given_up(ordinal)
                    .map(|batch| settled(batch, Err(error)));
            }
        }
        queue.failures += 1;
        queue.not_before_ms = now_ms + wait;
        None
    }

    /// Gives up what has waited too long and is not on the wire.
    pub(super) fn expire(&mut self, now_ms: u64) -> Vec<Settled<W>> {
        let limit_ms = self.settings.delivery_timeout_ms;
        let Some(created_before_ms) = now_ms.checked_sub(limit_ms) else {
            return Vec::new();
        };
        let mut expired = Vec::new();
        for (partition, queue) in &mut self.queues {
            expired.extend(
                queue
                    .expire(created_before_ms)
                    .into_iter()
                    .map(|batch| Settled {
                        partition: partition.clone(),
                        waiters: batch.waiters,
                        outcome: Err(ClientError::TimedOut {
                            what: format!("write to {partition}"),
                            after: std::time::Duration::from_millis(limit_ms),
                            cause: None,
                        }),
                    }),
            );
        }
        self.queues
            .retain(|_, queue| !queue.is_empty() || queue.identity().is_some());
        if self.is_empty() {
            self.flushing = false;
        }
        expired
    }
}

/// The next incarnation; none if the epochs of the id are used up, and a new id is needed.
fn next_epoch(identity: Option<Identity>) -> Option<Identity> {
    let (id, ProducerEpoch(epoch)) = identity?;
    (id != ProducerId::NONE).then_some(())?;
    epoch.checked_add(1).map(|epoch| (id, ProducerEpoch(epoch)))
}

fn is_late(error: &ClientError) -> bool {
    matches!(error, ClientError::TimedOut { .. })
}

/// Whether a broker that answers so may have the batch in its log.
fn may_have_it(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::REQUEST_TIMED_OUT
            | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
            | ErrorCode::NETWORK_EXCEPTION
            | ErrorCode::KAFKA_STORAGE_ERROR
    )
}

fn unbuildable<W>(partition: TopicPartition, waiters: Vec<W>, e: &BuildError) -> Settled<W> {
    let error = ClientError::Invalid(format!("record for {partition}: {e}"));
    Settled {
        partition,
        waiters,
        outcome: Err(error),
    }
}

#[cfg(test)]
mod tests;
