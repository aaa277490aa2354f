//! The keys of records: which transactional id.

use bytes::Bytes;

use super::wire::{Lengths, Malformed, Reader, Writer};
use crate::ids::TransactionalId;

const TRANSACTION_LOG: i16 = 0;

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordKey {
    /// A transactional id.
    Transaction(TransactionalId),
    /// A kind that this crate does not know.
    Other { record_type: i16 },
}

impl RecordKey {
    pub(crate) fn decode(key: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(key);
        match reader.i16("record type")? {
            TRANSACTION_LOG => {
                let id = TransactionalId::from(reader.string("transactional id")?);
                Ok(Self::Transaction(id))
            }
            record_type => Ok(Self::Other { record_type }),
        }
    }

    /// The key of a transactional id.
    pub(crate) fn encode(id: &TransactionalId) -> Bytes {
        let mut writer = Writer::new(TRANSACTION_LOG, Lengths::Fixed);
        writer.string(id.as_str());
        writer.finish()
    }
}
