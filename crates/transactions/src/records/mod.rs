//! The records of `__transaction_state`, byte for byte as Apache Kafka 4.3 writes them.
//!
//! A key starts with two bytes that say what kind of record it is, of which Kafka has one; a value
//! starts with two bytes that say its version. Version 1, which has tagged fields, is written once
//! the cluster has `transaction.version` 1 or more, whatever the client speaks, and version 0
//! before that; version 1 all the same, where version 0 would lose how a transaction ends, which
//! Kafka refuses. Each record holds all that is known of a transactional id.

mod key;
mod state;
mod text;
mod value;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use key::RecordKey;
pub use state::TransactionState;
pub use text::describe_record;
pub(crate) use value::{NO_TIMESTAMP_MS, TransactionValue};
pub use wire::Malformed;
