//! What a shard is asked, in the machine's own types.

use highwater_types::{ProducerId, TopicPartition};

use crate::ids::{Producer, TransactionVersion, TransactionalId};
use crate::output::TransactionResult;

/// One request to a shard; its [`crate::Reply`] has the variant of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A producer begins, or recovers from an error.
    InitProducerId(InitProducerIdRequest),
    /// A producer, or a broker that it produces to, has partitions for the transaction.
    AddPartitions(AddPartitionsRequest),
    /// A producer commits or aborts.
    End(EndRequest),
    /// An administrator asks for one transactional id.
    Describe(DescribeRequest),
    /// An administrator asks for all transactional ids.
    List(ListRequest),
}

/// InitProducerId with a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitProducerIdRequest {
    /// Whose producer.
    pub transactional_id: TransactionalId,
    /// After how long its transactions are aborted. [`i32::MAX`] means never, if the
    /// configuration lets it pass.
    pub timeout_ms: i32,
    /// What a producer that recovers was before; another producer may have come since (KIP-360).
    pub expected: Option<Producer>,
}

/// Whether partitions are to be added or only looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddMode {
    /// Add what is not there yet.
    Add,
    /// Tell which are there (KIP-890).
    VerifyOnly,
}

/// AddPartitionsToTxn for one transaction, and AddOffsetsToTxn for the partition of
/// `__consumer_offsets` that it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPartitionsRequest {
    /// Whose transaction.
    pub transactional_id: TransactionalId,
    /// Who asks.
    pub producer: Producer,
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
    /// What to do with them.
    pub mode: AddMode,
    /// What the client speaks. Kafka takes [`TransactionVersion::TV_2`] from version 4 of
    /// AddPartitionsToTxn on, and [`TransactionVersion::TV_0`] for AddOffsetsToTxn.
    pub client_version: TransactionVersion,
}

/// EndTxn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndRequest {
    /// Whose transaction.
    pub transactional_id: TransactionalId,
    /// Who asks.
    pub producer: Producer,
    /// How it shall end.
    pub result: TransactionResult,
    /// What the client speaks. Kafka takes [`TransactionVersion::TV_2`] from version 5 of EndTxn
    /// on, and [`TransactionVersion::TV_0`] before.
    pub client_version: TransactionVersion,
}

/// DescribeTransactions for one transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeRequest {
    /// The transactional id.
    pub transactional_id: TransactionalId,
}

/// ListTransactions. A pattern for transactional ids is left to the driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Names of states to be listed; none means all.
    pub states: Vec<String>,
    /// Producer ids to be listed; none means all.
    pub producer_ids: Vec<ProducerId>,
    /// Only what began longer ago than this. As in Kafka, what never began counts as older than
    /// everything, and what is complete counts from when it began.
    pub running_longer_than_ms: Option<i64>,
}
