//! AddPartitionsToTxn: partitions become part of the transaction, or are looked up in it.

use highwater_types::Now;

use crate::output::Output;
use crate::records::{TransactionState, TransactionValue};
use crate::replies::{AddedPartition, TransactionError};
use crate::requests::{AddMode, AddPartitionsRequest};
use crate::shard::{TransactionShard, check_id, schedule_timeout};

impl TransactionShard {
    pub(crate) fn add_partitions(
        &mut self,
        now: Now,
        request: AddPartitionsRequest,
        out: &mut Output,
    ) -> Vec<AddedPartition> {
        if request.mode == AddMode::VerifyOnly {
            return self.verify_partitions(request);
        }
        let result = self.add_all(now, &request, out);
        let partitions = request.partitions.into_iter();
        partitions
            .map(|partition| AddedPartition { partition, result })
            .collect()
    }

    fn add_all(
        &mut self,
        now: Now,
        request: &AddPartitionsRequest,
        out: &mut Output,
    ) -> Result<(), TransactionError> {
        let value = self.current(request)?;
        let is_ongoing = value.state == TransactionState::Ongoing;
        let is_there = |partition| value.partitions.contains(partition);
        if is_ongoing && request.partitions.iter().all(is_there) {
            return Ok(());
        }
        let mut partitions = value.partitions.clone();
        partitions.extend(request.partitions.iter().cloned());
        if partitions.len() > self.config.transaction_partitions_max {
            return Err(TransactionError::TransactionAbortable);
        }
        let extended = value.extended(now, partitions, request.client_version);
        let id = &request.transactional_id;
        self.write(id, &extended, out);
        if !is_ongoing {
            schedule_timeout(&mut self.timers, now, id, &extended, 0);
        }
        Ok(())
    }

    fn verify_partitions(&self, request: AddPartitionsRequest) -> Vec<AddedPartition> {
        let current = self.current(&request);
        let result = |partition| match current {
            Ok(value) if value.partitions.contains(partition) => Ok(()),
            Ok(_) => Err(TransactionError::TransactionAbortable),
            Err(error) => Err(error),
        };
        let results: Vec<_> = request.partitions.iter().map(result).collect();
        let partitions = request.partitions.into_iter().zip(results);
        partitions
            .map(|(partition, result)| AddedPartition { partition, result })
            .collect()
    }

    /// What the producer may add to, if it is the current one.
    fn current(
        &self,
        request: &AddPartitionsRequest,
    ) -> Result<&TransactionValue, TransactionError> {
        check_id(&request.transactional_id)?;
        let found = self.transactions.get(&request.transactional_id);
        let found = found.ok_or(TransactionError::InvalidProducerIdMapping)?;
        let value = &found.value;
        if value.producer.id != request.producer.id {
            return Err(TransactionError::InvalidProducerIdMapping);
        }
        if value.producer.epoch != request.producer.epoch {
            return Err(TransactionError::ProducerFenced);
        }
        if value.state.is_prepared() {
            return Err(TransactionError::ConcurrentTransactions);
        }
        Ok(value)
    }
}
