//! What administrators see of the transactions.

use highwater_types::Now;

use crate::ids::{Producer, TransactionalId};
use crate::records::{TransactionState, TransactionValue};
use crate::replies::{
    DescribedTransaction, ListedTransaction, ListedTransactions, TransactionError,
};
use crate::requests::ListRequest;
use crate::shard::{TransactionShard, check_id};

/// A transactional id as metrics see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionSummary {
    /// Its name.
    pub transactional_id: TransactionalId,
    /// Its state.
    pub state: TransactionState,
    /// Its producer.
    pub producer: Producer,
    /// When its last transaction began, in milliseconds since 1970-01-01 UTC; −1 if none has.
    pub start_ms: i64,
    /// How many partitions its transaction has, or still waits for.
    pub partitions: usize,
}

impl TransactionShard {
    /// Every transactional id in few words. Unlike a reply, this may tell of what is not on disk
    /// yet.
    pub fn summaries(&self) -> Vec<TransactionSummary> {
        let transactions = self.transactions.iter();
        transactions
            .map(|(id, transaction)| TransactionSummary {
                transactional_id: id.clone(),
                state: transaction.value.state,
                producer: transaction.value.producer,
                start_ms: transaction.value.start_ms,
                partitions: if transaction.value.state.is_prepared() {
                    transaction.unmarked.len()
                } else {
                    transaction.value.partitions.len()
                },
            })
            .collect()
    }

    pub(crate) fn describe(
        &self,
        transactional_id: TransactionalId,
    ) -> Result<DescribedTransaction, TransactionError> {
        check_id(&transactional_id)?;
        let found = self.transactions.get(&transactional_id);
        let found = found.ok_or(TransactionError::TransactionalIdNotFound)?;
        let value = &found.value;
        let partitions = if value.state.is_prepared() {
            &found.unmarked
        } else {
            &value.partitions
        };
        Ok(DescribedTransaction {
            transactional_id,
            state: value.state,
            producer: value.producer,
            timeout_ms: value.timeout_ms,
            start_ms: value.start_ms,
            partitions: partitions.clone(),
        })
    }

    pub(crate) fn list(&self, now: Now, request: ListRequest) -> ListedTransactions {
        let ListRequest {
            states,
            producer_ids,
            running_longer_than_ms,
        } = request;
        let any_state = states.is_empty();
        let (known, unknown): (Vec<_>, Vec<_>) = states
            .into_iter()
            .partition(|name| TransactionState::from_name(name).is_some());
        let passes = |value: &TransactionValue| {
            let producer_id = value.producer.id;
            let age_ms = now.wall_ms.saturating_sub(value.start_ms);
            (any_state || known.iter().any(|name| name == value.state.name()))
                && (producer_ids.is_empty() || producer_ids.contains(&producer_id))
                && running_longer_than_ms.is_none_or(|limit_ms| age_ms > limit_ms)
        };
        let mut transactions = Vec::new();
        for (id, transaction) in &self.transactions {
            if passes(&transaction.value) {
                transactions.push(ListedTransaction {
                    transactional_id: id.clone(),
                    producer_id: transaction.value.producer.id,
                    state: transaction.value.state,
                });
            }
        }
        ListedTransactions {
            unknown_states: unknown,
            transactions,
        }
    }
}
