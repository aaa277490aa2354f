//! Transactional ids and their transactions as a pure machine.
//!
//! A [`TransactionShard`] is all the transactional ids of one partition of `__transaction_state`.
//! It owns no clock, no file and no socket: a request, a passing deadline or the news that markers
//! are written goes in together with the time, and an [`Output`] comes out that says what to
//! append to the log, whom to answer and where to write markers. What the log says is changed by
//! [`TransactionShard::replay`] alone, for records just appended as for those of a load; if an
//! append fails, the driver drops the shard and loads it again.
//!
//! Both generations of the protocol are here (KIP-98 with KIP-360, and KIP-890, whose producers get
//! a new epoch at the end of every transaction); [`TransactionVersion`] tells them apart.

mod add;
mod config;
mod describe;
mod end;
mod expiry;
mod ids;
mod init;
mod output;
mod partition_set;
mod records;
mod replies;
mod requests;
mod shard;
mod timers;
mod transaction;

#[cfg(test)]
mod tests;

pub use config::TransactionConfig;
pub use describe::TransactionSummary;
pub use ids::{Producer, TransactionRef, TransactionVersion, TransactionalId, Waiter};
pub use output::{Context, MarkerJob, Notice, Output, Record, SpareUse, TransactionResult};
pub use partition_set::PartitionSet;
pub use records::{Malformed, TransactionState, describe_record};
pub use replies::{
    AddedPartition, DescribedTransaction, ListedTransaction, ListedTransactions, Reply,
    TransactionError,
};
pub use requests::{
    AddMode, AddPartitionsRequest, DescribeRequest, EndRequest, InitProducerIdRequest, ListRequest,
    Request,
};
pub use shard::{ReplayError, ShardStats, TransactionShard};
