//! What a machine must be for a [`Shard`](super::Shard) to drive it.

use std::sync::Arc;

use highwater_protocol::ErrorCode;
use highwater_types::{Now, ProducerId, TransactionOutcome, TransactionalProducer};

use crate::broker::Broker;
use crate::data::Partition;

/// A request on its way through a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(pub(crate) u64);

/// A record as it lies in the log: key, and value unless it deletes the key.
pub(crate) type LogRecord = (bytes::Bytes, Option<bytes::Bytes>);

/// What one step asks for, in this order.
pub(crate) struct Step<M: Machine> {
    /// Appended as one batch if that can be, and replayed.
    pub(crate) records: Vec<LogRecord>,
    /// In whose transaction they are appended. Such a step has changed nothing yet, so that it
    /// can be refused.
    pub(crate) transaction: Option<TransactionalProducer>,
    /// Sent once the log is durable up to here.
    pub(crate) replies: Vec<(Ticket, M::Reply)>,
    /// Begun once the log is durable up to here.
    pub(crate) jobs: Vec<M::Job>,
}

/// A pure machine whose state is what the records of one partition say.
pub(crate) trait Machine: Send + Sized + 'static {
    /// What is asked of it.
    type Request;
    /// What it answers.
    type Reply: Send + 'static;
    /// What else is to be done once its decisions are durable.
    type Job: Send + 'static;
    /// Why a record cannot be replayed.
    type ReplayError: std::error::Error;

    /// The topic that it keeps its records in.
    const TOPIC: &'static str;
    /// What it holds, for messages.
    const CONTENT: &'static str;

    /// A machine that has seen no record of its partition yet.
    fn new(broker: &Broker, partition: &Partition) -> Self;

    /// Takes over what has changed in the configuration.
    fn configure(&mut self, broker: &Broker);

    /// Takes over one record, which may be part of the transaction of a producer.
    fn replay(
        &mut self,
        transaction: Option<ProducerId>,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), Self::ReplayError>;

    /// The log says how the transaction of a producer has ended.
    fn transaction_ended(&mut self, producer: ProducerId, outcome: TransactionOutcome);

    /// All records of the log have been replayed.
    fn loaded(&mut self, now: Now) -> Step<Self>;

    /// Takes a request.
    fn handle(&mut self, now: Now, ticket: Ticket, request: Self::Request) -> Step<Self>;

    /// Lets time pass.
    fn tick(&mut self, now: Now) -> Step<Self>;

    /// When [`Machine::tick`] has something to do.
    fn next_deadline_ms(&self) -> Option<u64>;

    /// Nobody waits for the answer any more.
    fn forget(&mut self, now: Now, ticket: Ticket);

    /// Makes the topic if there is none. Blocks on the disk.
    fn ensure_topic(broker: &Arc<Broker>) -> Result<(), ErrorCode>;

    /// How long an answer may wait for the disk.
    fn durability_timeout_ms(broker: &Broker) -> u64;

    /// Begins what was asked for, aside.
    fn begin(broker: &Arc<Broker>, shard: &Arc<super::Shard<Self>>, job: Self::Job);
}
