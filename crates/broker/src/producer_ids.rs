//! Producer ids, handed out from blocks that the metadata log has reserved.

use std::sync::Arc;

use highwater_metadata::{ProducerIdBlock, ProducerIdsError};
use highwater_types::ProducerId;
use parking_lot::Mutex;

use crate::broker::Broker;
use crate::metadata_store::MetadataError;

/// What is left of the current block.
#[derive(Default)]
pub(crate) struct ProducerIds(Mutex<Option<ProducerIdBlock>>);

/// Why there is no producer id.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoProducerId {
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error(transparent)]
    Controller(#[from] ProducerIdsError),
}

impl ProducerIds {
    /// An id from the block at hand, if it has any left and nobody waits for the next one.
    pub(crate) fn take(&self) -> Option<ProducerId> {
        take_from(&mut *self.0.try_lock()?)
    }

    /// An id that was never given out before; blocks on the disk when a new block is needed.
    pub(crate) fn next(&self, broker: &Arc<Broker>) -> Result<ProducerId, NoProducerId> {
        let mut block = self.0.lock();
        loop {
            if let Some(id) = take_from(&mut block) {
                return Ok(id);
            }
            *block = Some(broker.allocate_producer_ids()?);
        }
    }
}

impl ProducerIds {
    /// Makes sure that there is an id to take; blocks on the disk.
    pub(crate) fn reserve(&self, broker: &Arc<Broker>) -> Result<(), NoProducerId> {
        let mut block = self.0.lock();
        if block.as_ref().is_none_or(|block| block.len == 0) {
            *block = Some(broker.allocate_producer_ids()?);
        }
        Ok(())
    }
}

fn take_from(block: &mut Option<ProducerIdBlock>) -> Option<ProducerId> {
    let block = block.as_mut().filter(|block| block.len > 0)?;
    let id = block.first;
    block.first = ProducerId(id.get() + 1);
    block.len -= 1;
    Some(id)
}
