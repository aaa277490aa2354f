//! The states of a transactional id.

use std::fmt;

use super::wire::Malformed;

/// Where a transactional id is on the way from one transaction to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionState {
    /// No transaction since the producer was initialised.
    Empty,
    /// A transaction has begun: it has partitions.
    Ongoing,
    /// It is decided that the transaction is committed; markers are being written.
    PrepareCommit,
    /// It is decided that the transaction is aborted; markers are being written.
    PrepareAbort,
    /// The last transaction was committed, and all its markers are written.
    CompleteCommit,
    /// The last transaction was aborted, and all its markers are written.
    CompleteAbort,
    /// The transactional id is being forgotten. Kafka has it in memory only.
    Dead,
    /// The producer is being fenced. Kafka has it in memory only.
    PrepareEpochFence,
}

/// In the order of their codes.
const ALL: [TransactionState; 8] = [
    TransactionState::Empty,
    TransactionState::Ongoing,
    TransactionState::PrepareCommit,
    TransactionState::PrepareAbort,
    TransactionState::CompleteCommit,
    TransactionState::CompleteAbort,
    TransactionState::Dead,
    TransactionState::PrepareEpochFence,
];

impl TransactionState {
    pub(crate) fn code(self) -> i8 {
        self as i8
    }

    pub(crate) fn from_code(code: i8) -> Result<Self, Malformed> {
        let index = usize::try_from(code).ok();
        let state = index.and_then(|index| ALL.get(index)).copied();
        state.ok_or(Malformed::State { code })
    }

    /// The name that administrators see and filter by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
            Self::Dead => "Dead",
            Self::PrepareEpochFence => "PrepareEpochFence",
        }
    }

    /// The state of a name; case counts, as in Kafka.
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether the end of a transaction is decided and its markers are being written.
    pub(crate) fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }
}

impl fmt::Display for TransactionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
