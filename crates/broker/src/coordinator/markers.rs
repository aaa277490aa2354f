//! Ending transactions where their records are: one marker on each partition.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use highwater_protocol::ErrorCode;
use highwater_records::{BatchHeader, BatchProducer, EndTxnMarker, RecordBatchBuilder};
use highwater_storage::{AppendBatch, AppendError, AppendOrigin};
use highwater_transactions::{MarkerJob, TransactionRef, TransactionResult};
use highwater_types::{Offset, ProducerEpoch, ProducerId, TopicPartition, TransactionOutcome};

use super::groups::is_offsets_topic;
use super::transactions::{TransactionMachine, TransactionRequest};
use super::{Shard, machine::Machine};
use crate::broker::Broker;
use crate::data::{AckWait, AllAcked, Partition, PartitionError};
use crate::handlers::errors::error_code;
use crate::hosting::{Named, in_topic};

/// First and longest pause before a marker that could not be written is tried again.
const RETRY: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];

/// How a transaction ends on one partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marker {
    pub(crate) producer_id: ProducerId,
    pub(crate) producer_epoch: ProducerEpoch,
    pub(crate) coordinator_epoch: i32,
    pub(crate) outcome: TransactionOutcome,
}

impl Marker {
    fn of(job: &MarkerJob) -> Self {
        Self {
            producer_id: job.transaction.producer.id,
            producer_epoch: job.transaction.producer.epoch,
            coordinator_epoch: job.coordinator_epoch.get(),
            outcome: match job.result {
                TransactionResult::Commit => TransactionOutcome::Committed,
                TransactionResult::Abort => TransactionOutcome::Aborted,
            },
        }
    }

    fn to_batch(self, wall_ms: i64) -> Result<Vec<u8>, ErrorCode> {
        let marker = EndTxnMarker {
            outcome: self.outcome.into(),
            coordinator_epoch: self.coordinator_epoch,
        };
        let producer = BatchProducer {
            id: self.producer_id,
            epoch: self.producer_epoch,
            base_sequence: -1,
        };
        let built = RecordBatchBuilder::end_txn_marker(&marker, wall_ms, producer);
        built.map_err(|error| {
            tracing::error!(%error, "a marker could not be built");
            ErrorCode::UNKNOWN_SERVER_ERROR
        })
    }
}

/// Appends a marker as the leader of a partition; returns the high watermark at which it counts.
/// Offsets of groups come into force or go with it.
pub(crate) fn append_marker(
    broker: &Arc<Broker>,
    partition: &Arc<Partition>,
    marker: Marker,
) -> Result<Offset, ErrorCode> {
    if !is_offsets_topic(&partition.name.topic) {
        return append(broker, partition, marker).map_err(|error| error_code(&error));
    }
    let shard = broker.groups.shard(partition.name.partition);
    let shard = shard.ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)?;
    shard.with_machine(|machine| {
        let needed = append(broker, partition, marker).map_err(|error| error_code(&error))?;
        Machine::transaction_ended(machine, marker.producer_id, marker.outcome);
        Ok(needed)
    })?
}

fn append(
    broker: &Arc<Broker>,
    partition: &Arc<Partition>,
    marker: Marker,
) -> Result<Offset, PartitionError> {
    let leader_epoch = partition.check_produce(highwater_replication::Acks::All)?;
    let now = broker.clock.now();
    let malformed = |_| AppendError::Malformed("it is no marker");
    let bytes = marker.to_batch(now.wall_ms).map_err(malformed)?;
    let header = BatchHeader::parse(&bytes);
    let header = header.map_err(|_| AppendError::Malformed("it is no marker"))?;
    let batch = AppendBatch {
        header,
        bytes: &bytes,
    };
    let appended = partition.append(&[batch], leader_epoch, now, AppendOrigin::Coordinator)?;
    if partition.wants_flush() {
        broker.flusher.request(partition);
    }
    Ok(appended.log_end)
}

/// Writes the markers of a job until all are there or their partitions are gone.
pub(super) fn begin(broker: &Arc<Broker>, shard: &Arc<Shard<TransactionMachine>>, job: MarkerJob) {
    let (broker, shard) = (Arc::clone(broker), Arc::clone(shard));
    tokio::spawn(async move {
        let mut missing: BTreeSet<TopicPartition> = job.partitions.iter().collect();
        let mut pause = RETRY[0];
        loop {
            let round = Round::write(&broker, &shard, &job, &missing);
            let Some(done) = round.settle().await else {
                return;
            };
            for partition in &done {
                missing.remove(partition);
            }
            if !done.is_empty() && report(&broker, &shard, &job.transaction, done).is_err() {
                // The shard is being loaded, and begins anew.
                return;
            }
            if missing.is_empty() {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY[1]);
        }
    });
}

fn report(
    broker: &Arc<Broker>,
    shard: &Arc<Shard<TransactionMachine>>,
    transaction: &TransactionRef,
    partitions: Vec<TopicPartition>,
) -> Result<(), ErrorCode> {
    let request = TransactionRequest::MarkersWritten(transaction.clone(), partitions);
    shard.begin(broker, request).map(drop)
}

/// What one attempt has written.
struct Round {
    written: Vec<TopicPartition>,
    /// Whether the shard is still the one that asked.
    is_current: bool,
    wait: Arc<AckWait>,
}

impl Round {
    fn write(
        broker: &Arc<Broker>,
        shard: &Arc<Shard<TransactionMachine>>,
        job: &MarkerJob,
        missing: &BTreeSet<TopicPartition>,
    ) -> Self {
        let mut round = Self {
            written: Vec::new(),
            is_current: true,
            wait: AckWait::new(),
        };
        for name in missing {
            let found = broker.hosted_topic(Named::Name(name.topic.as_str()));
            let partition = in_topic(broker, &found, name.partition.get());
            let partition = match partition {
                Ok(partition) => partition,
                Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
                    // Its records went with it.
                    round.written.push(name.clone());
                    continue;
                }
                Err(_) => continue,
            };
            let appended = shard.with_machine(|machine| {
                let is_missing = machine.shard.awaits_marker(&job.transaction, name);
                is_missing.then(|| append_marker(broker, &partition, Marker::of(job)))
            });
            match appended {
                Err(_) => round.is_current = false,
                Ok(None) => round.written.push(name.clone()),
                Ok(Some(Ok(needed))) => {
                    partition.wait_for_ack(needed, round.written.len(), &round.wait);
                    round.written.push(name.clone());
                }
                Ok(Some(Err(error))) if is_overtaken(error) => {
                    tracing::error!(
                        partition = %name, %error, transaction = ?job.transaction,
                        "a marker was refused: a newer producer is at work"
                    );
                    round.written.push(name.clone());
                }
                Ok(Some(Err(error))) => {
                    tracing::debug!(partition = %name, %error, "a marker is tried again");
                }
            }
        }
        round.wait.done();
        round
    }

    /// The partitions on which the markers are durable; `None` if somebody else has taken over.
    async fn settle(mut self) -> Option<Vec<TopicPartition>> {
        AllAcked(&self.wait).await;
        let mut failed: Vec<usize> = self.wait.failures().iter().map(|(slot, _)| *slot).collect();
        failed.sort_unstable();
        for slot in failed.into_iter().rev() {
            self.written.remove(slot);
        }
        self.is_current.then_some(self.written)
    }
}

/// Whether the partition knows of a later incarnation, so that no marker can follow.
fn is_overtaken(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::TRANSACTION_COORDINATOR_FENCED
    )
}
