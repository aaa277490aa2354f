//! Reading a log of group records into a machine.

use highwater_groups::GroupShard;
use highwater_records::{BatchView, Scratch, batches};
use highwater_storage::ReadError;
use highwater_types::Offset;
use highwater_types::limits::DECOMPRESSED_BATCH_BYTES_MAX;

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
pub(super) fn replay_log(
    partition: &Partition,
    machine: &mut GroupShard,
) -> Result<usize, LoadError> {
    let mut at = partition.log.log_start();
    let mut records = 0;
    let mut scratch = Scratch::new();
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
                    "group records are damaged; going on behind them"
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
            records += replay_batch(partition, machine, &batch, &mut scratch)?;
            at = batch.header.next_offset();
        }
        if at == before {
            return Err(LoadError::Batch(at));
        }
    }
    Ok(records)
}

fn replay_batch(
    partition: &Partition,
    machine: &mut GroupShard,
    batch: &BatchView<'_>,
    scratch: &mut Scratch,
) -> Result<usize, LoadError> {
    if batch.header.attributes.is_control() {
        return Ok(0);
    }
    let bad = LoadError::Batch(batch.header.base_offset);
    let Ok(records) = batch.records(scratch, DECOMPRESSED_BATCH_BYTES_MAX) else {
        return Err(bad);
    };
    let mut count = 0;
    for record in records {
        let Ok(record) = record else { return Err(bad) };
        let Some(key) = record.key else { continue };
        if let Err(error) = machine.replay(key, record.value) {
            tracing::warn!(
                partition = %partition.name, offset = %batch.header.base_offset, %error,
                "a group record cannot be read and is left out"
            );
        }
        count += 1;
    }
    Ok(count)
}
