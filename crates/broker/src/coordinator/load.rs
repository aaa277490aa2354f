//! Reading the log of a shard into its machine.

use highwater_records::{BatchView, ControlType, Scratch, batches};
use highwater_storage::ReadError;
use highwater_types::Offset;
use highwater_types::limits::DECOMPRESSED_BATCH_BYTES_MAX;

use crate::coordinator::machine::Machine;
use crate::data::{Partition, PartitionError, Reader};

/// Bytes read at a time.
const READ_BYTES: usize = 1024 * 1024;

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Partition(#[from] PartitionError),
    #[error("cannot read a segment: {0}")]
    Io(#[from] std::io::Error),
    #[error("the batch at offset {0} cannot be read")]
    Batch(Offset),
}

/// Replays the whole log; returns the number of records.
pub(super) fn replay_log<M: Machine>(
    partition: &Partition,
    machine: &mut M,
) -> Result<usize, LoadError> {
    let mut records = 0;
    let mut scratch = Scratch::new();
    walk(partition, partition.log.log_start(), &mut |batch| {
        let header = &batch.header;
        if !header.attributes.is_control() {
            records += replay_batch(partition, machine, batch, &mut scratch)?;
        } else if header.attributes.is_transactional() {
            let kind = batch.control_type(&mut scratch, DECOMPRESSED_BATCH_BYTES_MAX);
            let Some(outcome) = kind.and_then(ControlType::outcome) else {
                return Ok(());
            };
            machine.transaction_ended(header.producer_id, outcome);
        }
        Ok(())
    })?;
    Ok(records)
}

/// Shows every batch from an offset on, in the order of the log.
fn walk(
    partition: &Partition,
    from: Offset,
    visit: &mut dyn FnMut(&BatchView<'_>) -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    let mut at = from;
    while at < partition.log.log_end() {
        let range = match partition.read(at, READ_BYTES, true, Reader::Replica) {
            Ok(read) => read.range,
            Err(PartitionError::Read(ReadError::Corrupt {
                path,
                position,
                until,
            })) => {
                tracing::error!(
                    partition = %partition.name, file = %path.display(), position,
                    "a log of a coordinator is damaged; going on behind that"
                );
                at = until;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let Some(range) = range else { break };
        let buffer = range.read()?;
        let before = at;
        for batch in batches(&buffer) {
            let Ok(batch) = batch else { break };
            visit(&batch)?;
            at = batch.header.next_offset();
        }
        if at == before {
            return Err(LoadError::Batch(at));
        }
    }
    Ok(())
}

fn replay_batch<M: Machine>(
    partition: &Partition,
    machine: &mut M,
    batch: &BatchView<'_>,
    scratch: &mut Scratch,
) -> Result<usize, LoadError> {
    let bad = LoadError::Batch(batch.header.base_offset);
    let Ok(records) = batch.records(scratch, DECOMPRESSED_BATCH_BYTES_MAX) else {
        return Err(bad);
    };
    let header = &batch.header;
    let is_transactional = header.attributes.is_transactional();
    let transaction = is_transactional.then_some(header.producer_id);
    let mut count = 0;
    for record in records {
        let Ok(record) = record else { return Err(bad) };
        let Some(key) = record.key else { continue };
        if let Err(error) = machine.replay(transaction, key, record.value) {
            tracing::warn!(
                partition = %partition.name, offset = %batch.header.base_offset, %error,
                "a record of a coordinator cannot be read and is left out"
            );
        }
        count += 1;
    }
    Ok(count)
}
