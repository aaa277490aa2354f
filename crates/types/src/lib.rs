//! The vocabulary that every other crate speaks: identifiers, offsets, epochs and limits.
//!
//! It exists so that a leader epoch cannot be passed where a partition index is meant, and so that
//! each bound of the system is written in one place. The little that does anything is about time.

mod ids;
pub mod limits;
mod name;
mod time;
mod timers;
mod transaction;

pub use ids::{BrokerId, LeaderEpoch, Offset, PartitionIndex, ProducerEpoch, ProducerId, TopicId};
pub use name::{NameError, TopicName, TopicPartition};
pub use time::{Now, TrustedClock};
pub use timers::Timers;
pub use transaction::{TransactionOutcome, TransactionalProducer};
