//! Giving out producer ids.

use highwater_types::{BrokerId, ProducerId};

use super::{Controller, Decision};
use crate::limits::PRODUCER_ID_BLOCK_LEN;
use crate::{MetadataRecord, ProducerIdsRecord};

/// Producer ids that belong to one broker; whatever of them it has not used when it stops is
/// never used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdBlock {
    /// The first id.
    pub first: ProducerId,
    /// How many follow each other.
    pub len: i64,
}

/// Why no producer ids can be given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProducerIdsError {
    /// There is no such broker, or it has registered anew.
    #[error("broker {0} is not registered with this epoch")]
    StaleBrokerEpoch(BrokerId),
    /// 2⁶³ have been given out.
    #[error("all producer ids have been given out")]
    Exhausted,
}

impl Controller<'_> {
    /// Decides about the next block of producer ids.
    pub fn allocate_producer_ids(
        &self,
        broker: BrokerId,
        broker_epoch: i64,
    ) -> Result<Decision<ProducerIdBlock>, ProducerIdsError> {
        let is_current = self
            .image
            .broker(broker)
            .is_some_and(|known| known.broker_epoch == broker_epoch);
        if !is_current {
            return Err(ProducerIdsError::StaleBrokerEpoch(broker));
        }
        let first = self.image.next_producer_id();
        let next = first
            .get()
            .checked_add(PRODUCER_ID_BLOCK_LEN)
            .map(ProducerId)
            .ok_or(ProducerIdsError::Exhausted)?;
        let record = ProducerIdsRecord {
            broker,
            broker_epoch,
            next,
        };
        Ok(Decision {
            records: vec![MetadataRecord::ProducerIds(record)],
            response: ProducerIdBlock {
                first,
                len: PRODUCER_ID_BLOCK_LEN,
            },
        })
    }
}
