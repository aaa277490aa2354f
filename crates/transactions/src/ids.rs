//! The names that transactions go by.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use highwater_types::{ProducerEpoch, ProducerId};

/// The name that a producer keeps over its restarts (`transactional.id`).
///
/// Cloning shares the text: it stands in the shard, in its timers and in marker jobs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionalId(Arc<str>);

impl TransactionalId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TransactionalId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for TransactionalId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for TransactionalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TransactionalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Borrow<str> for TransactionalId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// One incarnation of a producer: what it was given by InitProducerId or EndTxn, and shows with
/// every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Producer {
    /// Its id.
    pub id: ProducerId,
    /// How often the id has changed hands.
    pub epoch: ProducerEpoch,
}

/// The last epoch of a producer id that a client is given: the one after it is left for markers.
pub(crate) const LAST_EPOCH: i16 = i16::MAX - 1;

impl Producer {
    /// Whether no client may be given a later epoch of this producer id.
    pub(crate) fn is_exhausted(self) -> bool {
        self.epoch.get() >= LAST_EPOCH
    }

    /// The next epoch of the same id; the last one has none and stays.
    pub(crate) fn bumped(self) -> Self {
        Self {
            id: self.id,
            epoch: ProducerEpoch(self.epoch.get().saturating_add(1)),
        }
    }

    /// The first incarnation of an id.
    pub(crate) fn first_of(id: ProducerId) -> Self {
        Self {
            id,
            epoch: ProducerEpoch(0),
        }
    }
}

impl fmt::Display for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.id, self.epoch)
    }
}

/// One transaction, told apart from every other of the same transactional id.
///
/// Before KIP-890 consecutive transactions of a producer share its epoch; the moment at which it
/// began then tells them apart, of which the shard gives out no two alike in a row. All of it is
/// in the log, so that the name outlives a reload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionRef {
    /// Whose transaction it is.
    pub transactional_id: TransactionalId,
    /// The producer whose epoch the markers carry.
    pub producer: Producer,
    /// When it began, in milliseconds since 1970-01-01 UTC.
    pub start_ms: i64,
}

/// A level of the feature `transaction.version`: what a client speaks, or what the cluster has
/// agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TransactionVersion(pub i16);

impl TransactionVersion {
    /// Transactions as of KIP-98: an epoch lasts over many of them.
    pub const TV_0: Self = Self(0);
    /// The same, in records that may have tagged fields.
    pub const TV_1: Self = Self(1);
    /// Every transaction ends with a new epoch, or producer id, for its producer (KIP-890).
    pub const TV_2: Self = Self(2);

    /// Whether the end of a transaction gives its producer a new epoch.
    pub fn bumps_epochs(self) -> bool {
        self >= Self::TV_2
    }
}

/// The driver's name for one request that waits for its reply.
///
/// The shard never makes one up and never answers one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Waiter(pub u64);
