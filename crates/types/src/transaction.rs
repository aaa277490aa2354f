//! Who writes in a transaction, and how it ends.

use crate::{ProducerEpoch, ProducerId};

/// Who writes in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionalProducer {
    /// The producer.
    pub id: ProducerId,
    /// Its incarnation.
    pub epoch: ProducerEpoch,
}

/// How a transaction has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionOutcome {
    /// What it wrote counts.
    Committed,
    /// What it wrote never was.
    Aborted,
}
