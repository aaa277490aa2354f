//! Transactional ids and their transactions as a pure machine.

// The machine that makes and reads the records comes next.
#![expect(dead_code, reason = "the machine is not there yet")]
#![cfg_attr(
    not(test),
    expect(unused_imports, reason = "the machine is not there yet")
)]

mod ids;
mod partition_set;
mod records;

pub use ids::{Producer, TransactionRef, TransactionVersion, TransactionalId, Waiter};
pub use partition_set::PartitionSet;
pub use records::{Malformed, TransactionState, describe_record};
