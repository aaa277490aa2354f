//! What a shard answers, in the machine's own types, and why it refuses.

use highwater_types::{ProducerId, TopicPartition};

use crate::ids::{Producer, TransactionalId};
use crate::partition_set::PartitionSet;
use crate::records::TransactionState;

/// Why a transaction refuses; each stands for the Kafka error of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum TransactionError {
    /// INVALID_REQUEST.
    #[error("the transactional id is empty or too long")]
    InvalidRequest,
    /// INVALID_TRANSACTION_TIMEOUT.
    #[error("the transaction timeout is not positive, or longer than allowed")]
    InvalidTransactionTimeout,
    /// INVALID_PRODUCER_ID_MAPPING.
    #[error("the transactional id has another producer id, or there is none of that name")]
    InvalidProducerIdMapping,
    /// PRODUCER_FENCED. The edge answers INVALID_PRODUCER_EPOCH in its place to InitProducerId
    /// below version 4, and to AddPartitionsToTxn, AddOffsetsToTxn and EndTxn below version 2.
    #[error("another producer has taken over the transactional id, or the epoch has ended")]
    ProducerFenced,
    /// CONCURRENT_TRANSACTIONS; the client tries again.
    #[error("the end of the transaction before is not written everywhere yet")]
    ConcurrentTransactions,
    /// INVALID_TXN_STATE.
    #[error("the transaction cannot end so in its state")]
    InvalidTxnState,
    /// TRANSACTION_ABORTABLE. The client aborts and goes on.
    #[error("the partition is not part of the transaction, or there is no room for it")]
    TransactionAbortable,
    /// TRANSACTIONAL_ID_NOT_FOUND.
    #[error("there is no such transactional id")]
    TransactionalIdNotFound,
    /// COORDINATOR_LOAD_IN_PROGRESS: a new producer id is needed and none was lent. The client
    /// tries again; Kafka answers the same.
    #[error("no producer id is at hand")]
    CoordinatorLoadInProgress,
}

/// The answer to one [`crate::Request`], of the variant of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What the producer goes on with.
    InitProducerId(Result<Producer, TransactionError>),
    /// Each partition of the request.
    AddPartitions(Vec<AddedPartition>),
    /// What the producer goes on with, if its version of the protocol tells it.
    End(Result<Option<Producer>, TransactionError>),
    /// The transactional id.
    Describe(Result<DescribedTransaction, TransactionError>),
    /// What passed the filters.
    List(ListedTransactions),
}

/// What became of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// Whether it is part of the transaction.
    pub result: Result<(), TransactionError>,
}

/// A transactional id as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedTransaction {
    /// Its name.
    pub transactional_id: TransactionalId,
    /// Its state.
    pub state: TransactionState,
    /// Its producer.
    pub producer: Producer,
    /// After how long its transactions are aborted.
    pub timeout_ms: i32,
    /// When its last transaction began, in milliseconds since 1970-01-01 UTC; −1 if none has.
    pub start_ms: i64,
    /// The partitions of the transaction whose markers are not written yet.
    pub partitions: PartitionSet,
}

/// The answer to a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedTransactions {
    /// The names in the filter that no state has; they let nothing pass.
    pub unknown_states: Vec<String>,
    /// What passed the filters, in the order of the names.
    pub transactions: Vec<ListedTransaction>,
}

/// One transactional id of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTransaction {
    /// Its name.
    pub transactional_id: TransactionalId,
    /// Its producer id.
    pub producer_id: ProducerId,
    /// Its state.
    pub state: TransactionState,
}
