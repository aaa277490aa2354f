//! How a metadata record is written, byte by byte.
//!
//! ```text
//! record        = type u8, version u8, body
//! text          = length varint, that many bytes of UTF-8
//! optional X    = 0 u8 | 1 u8, X
//! list of X     = count varint, that many X
//! brokers       = list of i32
//! id            = 16 bytes
//! varint        = unsigned LEB128 of at most 5 bytes, no value above 2³² − 1
//! u16, i32, ... = big endian
//! ```
//!
//! | type | name             | body of version 0                                             |
//! |------|------------------|---------------------------------------------------------------|
//! | 1    | Cluster          | cluster id text, format version u16                           |
//! | 2    | RegisterBroker   | broker i32, incarnation id, broker epoch i64, rack optional text, state u8, listeners list of (name text, host text, port u16, security protocol i16), features list of (name text, min i16, max i16), log directories list of id |
//! | 3    | BrokerChange     | broker i32, broker epoch i64, state u8                        |
//! | 4    | UnregisterBroker | broker i32                                                    |
//! | 5    | Topic            | name text, topic id                                           |
//! | 6    | Partition        | topic id, partition i32, leader i32, leader epoch i32, partition epoch i32, replicas brokers, in-sync brokers, adding brokers, removing brokers |
//! | 7    | PartitionChange  | topic id, partition i32, leader optional i32, in-sync optional brokers, replicas optional brokers, adding optional brokers, removing optional brokers |
//! | 8    | RemoveTopic      | topic id                                                      |
//! | 9    | Config           | resource type i8, resource name text, key text, value optional text |
//! | 10   | ClientQuota      | entity list of (type text, name optional text), key text, value optional f64 |
//! | 11   | FeatureLevel     | name text, level i16                                          |
//! | 12   | ProducerIds      | broker i32, broker epoch i64, next id i64                     |
//!
//! The state of a broker is 0 fenced, 1 active, 2 shutting down. A body that goes on after its
//! last field is an error, so a field can only be added with a new version. A type or version
//! that is not known is an error that names it: a broker that skipped a record would go on with
//! another image than its peers. Length and checksum of a record are the matter of the log that
//! holds it; nevertheless no length or count is believed before it has been compared with the
//! bytes that remain and with [`crate::limits`].

mod reader;
mod records;
#[cfg(test)]
mod tests;

use crate::MetadataRecord;
use reader::Reader;

/// Why bytes are not a metadata record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A newer version wrote it, or it is damage.
    #[error("metadata record type {0} is not known to this version")]
    UnknownType(u8),
    /// A newer version wrote it, or it is damage.
    #[error("version {version} of metadata record {record} is not known to this version")]
    UnknownVersion {
        /// The name of the record's type.
        record: &'static str,
        /// The version it has.
        version: u8,
    },
    /// The bytes end within a field.
    #[error("the record ends within {0}")]
    Short(&'static str),
    /// The record goes on after its last field.
    #[error("{0} bytes follow the last field")]
    TrailingBytes(usize),
    /// A length or count is above its bound.
    #[error("{field} has a length of {len}, the most allowed is {max}")]
    TooLong {
        /// What is too long.
        field: &'static str,
        /// The length it declares.
        len: usize,
        /// The length it may have.
        max: usize,
    },
    /// A field has a value that it cannot have.
    #[error("{field} is invalid: {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl MetadataRecord {
    /// Appends the record to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        records::encode(self, out);
    }

    /// The record as bytes of its own.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        self.encode(&mut out);
        out
    }

    /// Reads the one record that `bytes` are.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let record = records::decode(&mut reader)?;
        match reader.remaining() {
            0 => Ok(record),
            rest => Err(DecodeError::TrailingBytes(rest)),
        }
    }
}
