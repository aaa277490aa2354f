//! EndTxn: a producer commits or aborts.
//!
//! Before KIP-890 a producer keeps its epoch, and what tells a retry from a mistake is the result
//! of the last transaction alone. Since then every end brings another epoch, or another producer
//! id when the epochs have run out: a request that shows the epoch before is a retry, and is
//! answered with what the first one was answered with.

use crate::ids::Producer;
use crate::output::{Context, Output, TransactionResult};
use crate::records::{TransactionState, TransactionValue};
use crate::replies::TransactionError;
use crate::requests::EndRequest;
use crate::shard::{TransactionShard, check_id, next_producer_id};
use crate::transaction::Ending;

/// What an EndTxn that is not refused comes to.
enum Decision {
    /// The transaction ends by this.
    End,
    /// It has ended so before.
    Ended,
}

impl TransactionShard {
    pub(crate) fn end(
        &mut self,
        context: Context,
        request: &EndRequest,
        out: &mut Output,
    ) -> Result<Option<Producer>, TransactionError> {
        check_id(&request.transactional_id)?;
        let id = &request.transactional_id;
        let found = self.transactions.get(id);
        let value = &found
            .ok_or(TransactionError::InvalidProducerIdMapping)?
            .value;
        let bumps = request.client_version.bumps_epochs();
        let decision = if bumps {
            decide_bumping(value, request)?
        } else {
            decide_keeping(value, request)?
        };
        if let Decision::Ended = decision {
            return Ok(bumps.then_some(value.producer));
        }
        let ending = if bumps {
            Ending::Bump {
                client_version: request.client_version,
                next: next_producer_id(context, id, value, out)?,
            }
        } else {
            Ending::KeepEpoch
        };
        let prepared = value.prepared(context.now, request.result, ending);
        self.write_end(context.now, id, &prepared, out);
        // The producer goes on with what the end of the markers will bring; until then its
        // requests are told to wait.
        let goes_on = prepared.completed(context.now).producer;
        Ok(bumps.then_some(goes_on))
    }
}

/// The rules of producers that keep their epoch.
fn decide_keeping(
    value: &TransactionValue,
    request: &EndRequest,
) -> Result<Decision, TransactionError> {
    if value.producer.id != request.producer.id {
        return Err(TransactionError::InvalidProducerIdMapping);
    }
    if value.producer.epoch != request.producer.epoch {
        return Err(TransactionError::ProducerFenced);
    }
    match value.state {
        TransactionState::Ongoing => Ok(Decision::End),
        TransactionState::CompleteCommit | TransactionState::CompleteAbort
            if value.result() == Some(request.result) =>
        {
            Ok(Decision::Ended)
        }
        // Kafka says so whatever the result: to it the next state is pending.
        TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
            Err(TransactionError::ConcurrentTransactions)
        }
        _ => Err(TransactionError::InvalidTxnState),
    }
}

/// The rules of producers that get another epoch at every end.
///
/// Kafka takes any request for a retry that shows the epoch before the current one. Here the end of
/// the last transaction must have brought the current one: a producer that was fenced by one of the
/// old protocol is not handed the epoch of its successor.
fn decide_bumping(
    value: &TransactionValue,
    request: &EndRequest,
) -> Result<Decision, TransactionError> {
    let (current, shown) = (value.producer, request.producer);
    let is_current = shown == current;
    let is_retry = value.before_end() == Some(shown);
    if shown.id != current.id && !is_retry {
        return Err(TransactionError::InvalidProducerIdMapping);
    }
    use TransactionState::{CompleteAbort, CompleteCommit, Empty, Ongoing};
    match value.state {
        state if state.is_prepared() && is_retry => Err(TransactionError::ConcurrentTransactions),
        CompleteCommit | CompleteAbort if is_retry => {
            let is_same = value.result() == Some(request.result);
            let ended = is_same.then_some(Decision::Ended);
            ended.ok_or(TransactionError::InvalidTxnState)
        }
        state if state.is_prepared() || !is_current => Err(TransactionError::ProducerFenced),
        Ongoing => Ok(Decision::End),
        // A producer that is not sure whether it has begun may abort, and is given another epoch
        // by it: what it may have sent is fenced.
        Empty | CompleteCommit | CompleteAbort if request.result == TransactionResult::Abort => {
            Ok(Decision::End)
        }
        _ => Err(TransactionError::InvalidTxnState),
    }
}
