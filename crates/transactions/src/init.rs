//! InitProducerId: a producer begins under its transactional id, or recovers (KIP-98, KIP-360).

use highwater_types::ProducerEpoch;

use crate::ids::Producer;
use crate::output::{Context, Notice, Output};
use crate::records::{TransactionState, TransactionValue};
use crate::replies::TransactionError;
use crate::requests::InitProducerIdRequest;
use crate::shard::{TransactionShard, check_id};
use crate::transaction::Transaction;

/// What a producer is given.
enum Grant {
    /// What it was given before, and did not hear of.
    Again,
    /// The next epoch.
    NextEpoch,
    /// The first epoch of another producer id.
    NextId,
}

impl TransactionShard {
    pub(crate) fn init_producer_id(
        &mut self,
        context: Context,
        request: &InitProducerIdRequest,
        out: &mut Output,
    ) -> Result<Producer, TransactionError> {
        check_id(&request.transactional_id)?;
        let allowed = 1..=self.config.transaction_timeout_ms_max;
        if !allowed.contains(&request.timeout_ms) {
            return Err(TransactionError::InvalidTransactionTimeout);
        }
        let Some(found) = self.transactions.get(&request.transactional_id) else {
            let unused = TransactionValue::unused(out.take_spare(context)?);
            let producer = Producer::first_of(unused.producer.id);
            self.write_initialised(context, request, &unused, producer, out);
            return Ok(producer);
        };
        if found.value.state.is_prepared() {
            return Err(TransactionError::ConcurrentTransactions);
        }
        if !request
            .expected
            .is_none_or(|expected| is_known(&found.value, expected))
        {
            return Err(TransactionError::ProducerFenced);
        }
        if found.value.state == TransactionState::Ongoing {
            self.fence(context, request, out)?;
            return Err(TransactionError::ConcurrentTransactions);
        }
        let grant = granted(found, request.expected)?;
        self.grant(context, request, &grant, out)
    }

    fn grant(
        &mut self,
        context: Context,
        request: &InitProducerIdRequest,
        grant: &Grant,
        out: &mut Output,
    ) -> Result<Producer, TransactionError> {
        let id = &request.transactional_id;
        let found = self.transactions.get_mut(id);
        let found = found.ok_or(TransactionError::InvalidProducerIdMapping)?;
        let before = found.value.producer;
        let producer = match grant {
            Grant::Again => before,
            Grant::NextEpoch => before.bumped(),
            Grant::NextId => Producer::first_of(out.take_spare(context)?),
        };
        let last_epoch = match grant {
            Grant::Again => found.last_epoch(),
            Grant::NextEpoch | Grant::NextId => request.expected.map(|_| before.epoch),
        };
        if let Some(epoch) = last_epoch {
            found.will_recover(producer, epoch);
        }
        if producer.id != before.id {
            out.notices.push(Notice::ProducerIdReplaced {
                transactional_id: id.clone(),
                producer: before,
                next: producer.id,
            });
        }
        if let Some(found) = self.transactions.get(id) {
            self.write_initialised(context, request, &found.value, producer, out);
        }
        Ok(producer)
    }

    fn write_initialised(
        &self,
        context: Context,
        request: &InitProducerIdRequest,
        before: &TransactionValue,
        producer: Producer,
        out: &mut Output,
    ) {
        let value = before.initialised(context.now, producer, request.timeout_ms);
        self.write(&request.transactional_id, &value, out);
    }

    /// Aborts the transaction that another producer of the name has open, or this one before it
    /// failed. The epoch that this takes is given to nobody: the client comes back for one.
    fn fence(
        &mut self,
        context: Context,
        request: &InitProducerIdRequest,
        out: &mut Output,
    ) -> Result<(), TransactionError> {
        let id = &request.transactional_id;
        let found = self.transactions.get(id);
        let value = &found
            .ok_or(TransactionError::InvalidProducerIdMapping)?
            .value;
        let producer = value.producer;
        // Kafka does not look at the epoch here, and lets a producer that is fenced already abort
        // the transaction of its successor.
        let is_current = |expected: Producer| expected.epoch == producer.epoch;
        if !request.expected.is_none_or(is_current) {
            return Err(TransactionError::ProducerFenced);
        }
        let prepared = self.fenced(context, id, value, out)?;
        out.notices.push(Notice::ProducerFenced {
            transactional_id: id.clone(),
            producer,
        });
        self.write_end(context.now, id, &prepared, out);
        Ok(())
    }
}

/// Whether the producer id is the current one, or the one before it at the end of its epochs: the
/// producer may not have heard that it was given another.
fn is_known(value: &TransactionValue, expected: Producer) -> bool {
    expected.id == value.producer.id
        || expected.id == value.previous_producer_id && expected.is_exhausted()
        || value.producer.epoch == ProducerEpoch::NONE
}

fn granted(found: &Transaction, expected: Option<Producer>) -> Result<Grant, TransactionError> {
    let producer = found.value.producer;
    let is_current = |expected: Producer| expected.epoch == producer.epoch;
    if expected.is_none_or(is_current) || producer.epoch == ProducerEpoch::NONE {
        let is_exhausted = producer.is_exhausted();
        return Ok(if is_exhausted {
            Grant::NextId
        } else {
            Grant::NextEpoch
        });
    }
    // Nobody else has come since: a producer without an expectation would have cleared it.
    if expected.map(|expected| expected.epoch) == found.last_epoch() {
        return Ok(Grant::Again);
    }
    Err(TransactionError::ProducerFenced)
}
