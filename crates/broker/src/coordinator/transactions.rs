//! The machine of transactions behind its shards.

use std::sync::Arc;

use highwater_protocol::ErrorCode;
use highwater_transactions::{
    Context, MarkerJob, Notice, Output, ReplayError, Reply, Request, SpareUse, TransactionConfig,
    TransactionRef, TransactionShard, TransactionVersion, Waiter,
};
use highwater_types::{Now, ProducerId, TopicName, TopicPartition, TransactionOutcome};

use super::machine::{Machine, Step, Ticket};
use super::{Coordinator, Shard, markers};
use crate::broker::Broker;
use crate::features::TRANSACTION_VERSION;
use crate::producer_ids::ProducerIds;

/// The topic that holds transactional ids and their transactions.
pub(crate) const TRANSACTIONS_TOPIC: &str = "__transaction_state";

/// How long an answer may wait for the disk, as long as producers by default wait for one.
const DURABILITY_TIMEOUT_MS: u64 = 30_000;

/// The transactions of this broker.
pub(crate) type TransactionCoordinator = Coordinator<TransactionMachine>;

/// Whether a topic belongs to the coordinator of transactions.
pub(crate) fn is_transactions_topic(name: &TopicName) -> bool {
    name.as_str() == TRANSACTIONS_TOPIC
}

/// The machine and the producer id that it may use next.
pub(crate) struct TransactionMachine {
    pub(super) shard: TransactionShard,
    ids: Arc<ProducerIds>,
    spare: Option<ProducerId>,
}

/// What a shard is asked.
pub(crate) enum TransactionRequest {
    /// By a client.
    Ask(Request),
    /// By a job that has written markers, or found that there is nothing to write them into.
    MarkersWritten(TransactionRef, Vec<TopicPartition>),
}

/// What is to be done aside.
pub(crate) enum TransactionJob {
    /// Writing markers.
    Markers(MarkerJob),
    /// Reserving more producer ids.
    ProducerIds,
}

impl TransactionMachine {
    fn context(&mut self, now: Now) -> Context {
        if self.spare.is_none() {
            self.spare = self.ids.take();
        }
        let spare = self.spare;
        Context { now, spare }
    }

    fn step(&mut self, output: Output) -> Step<Self> {
        for notice in &output.notices {
            log_notice(notice);
        }
        let markers = output.jobs.into_iter().map(TransactionJob::Markers);
        let mut jobs: Vec<_> = markers.collect();
        match output.spare {
            SpareUse::Kept => {}
            SpareUse::Taken => self.spare = None,
            SpareUse::Missing => jobs.push(TransactionJob::ProducerIds),
        }
        let records = output.records.into_iter();
        let replies = output.replies.into_iter();
        Step {
            records: records.map(|record| (record.key, record.value)).collect(),
            transaction: None,
            replies: replies
                .map(|(waiter, reply)| (Ticket(waiter.0), reply))
                .collect(),
            jobs,
        }
    }
}

impl Machine for TransactionMachine {
    type Request = TransactionRequest;
    type Reply = Reply;
    type Job = TransactionJob;
    type ReplayError = ReplayError;

    const TOPIC: &'static str = TRANSACTIONS_TOPIC;
    const CONTENT: &'static str = "transactions";

    fn new(broker: &Broker, partition: &crate::data::Partition) -> Self {
        Self {
            shard: TransactionShard::new(config(broker), partition.leader_epoch()),
            ids: Arc::clone(&broker.producer_ids),
            spare: None,
        }
    }

    fn configure(&mut self, broker: &Broker) {
        self.shard.set_config(config(broker));
    }

    fn replay(
        &mut self,
        _: Option<ProducerId>,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), ReplayError> {
        self.shard.replay(key, value)
    }

    /// Nothing is written here in a transaction.
    fn transaction_ended(&mut self, _: ProducerId, _: TransactionOutcome) {}

    fn loaded(&mut self, now: Now) -> Step<Self> {
        let output = self.shard.loaded(now);
        self.step(output)
    }

    fn handle(&mut self, now: Now, ticket: Ticket, request: TransactionRequest) -> Step<Self> {
        let output = match request {
            TransactionRequest::Ask(request) => {
                let context = self.context(now);
                self.shard.handle(context, Waiter(ticket.0), request)
            }
            TransactionRequest::MarkersWritten(transaction, partitions) => {
                self.shard.markers_written(now, &transaction, &partitions)
            }
        };
        self.step(output)
    }

    fn tick(&mut self, now: Now) -> Step<Self> {
        let context = self.context(now);
        let output = self.shard.tick(context);
        self.step(output)
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        self.shard.next_deadline_ms()
    }

    /// Nothing waits in this machine.
    fn forget(&mut self, _: Now, _: Ticket) {}

    fn ensure_topic(broker: &Arc<Broker>) -> Result<(), ErrorCode> {
        broker.ensure_topic(TRANSACTIONS_TOPIC, Broker::transactions_topic)
    }

    fn durability_timeout_ms(_: &Broker) -> u64 {
        DURABILITY_TIMEOUT_MS
    }

    fn begin(broker: &Arc<Broker>, shard: &Arc<Shard<Self>>, job: TransactionJob) {
        match job {
            TransactionJob::Markers(job) => markers::begin(broker, shard, job),
            TransactionJob::ProducerIds => {
                let broker = Arc::clone(broker);
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = broker.producer_ids.reserve(&broker) {
                        tracing::error!(%error, "no producer ids can be reserved");
                    }
                });
            }
        }
    }
}

/// The limits of transactions as the machine wants them.
fn config(broker: &Broker) -> TransactionConfig {
    let config = broker.config();
    let settings = &config.transactions;
    let level = broker.metadata.image().feature(TRANSACTION_VERSION);
    TransactionConfig {
        transaction_timeout_ms_max: i32::try_from(settings.timeout_ms_max).unwrap_or(i32::MAX),
        transactional_id_expiration_ms: i64::try_from(settings.transactional_id_expiration_ms)
            .unwrap_or(i64::MAX),
        expiration_check_interval_ms: settings.remove_expired_interval_ms,
        transaction_version: TransactionVersion(level),
        ..TransactionConfig::default()
    }
}

fn log_notice(notice: &Notice) {
    match notice {
        Notice::TransactionTimedOut {
            transactional_id,
            producer,
            timeout_ms,
        } => {
            tracing::info!(
                %transactional_id, %producer, timeout_ms,
                "a transaction was open for too long and is aborted"
            );
        }
        Notice::ProducerFenced {
            transactional_id,
            producer,
        } => {
            tracing::info!(
                %transactional_id, %producer,
                "a producer was fenced, and its transaction is aborted"
            );
        }
        other => tracing::debug!(notice = ?other, "transactions"),
    }
}
