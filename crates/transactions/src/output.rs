//! What one step of a shard asks its driver to do, and what the driver lends it for that.

use bytes::Bytes;
use highwater_types::{LeaderEpoch, Now, ProducerId};

use crate::ids::{Producer, TransactionRef, TransactionVersion, TransactionalId, Waiter};
use crate::partition_set::PartitionSet;
use crate::records::TransactionState;
use crate::replies::{Reply, TransactionError};

/// What a step may use besides its own state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The time.
    pub now: Now,
    /// A producer id that nobody has been given. [`Output::spare`] says what became of it.
    pub spare: Option<ProducerId>,
}

/// What became of the producer id that was lent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpareUse {
    /// It was not needed; it may be lent again.
    #[default]
    Kept,
    /// It is in a record of the output. Whatever becomes of the record, it is not lent again.
    Taken,
    /// One was needed, and none was lent: the client was told to come back, or a timeout waits.
    Missing,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionResult {
    /// Its records become visible.
    Commit,
    /// Its records stay hidden.
    Abort,
}

impl TransactionResult {
    /// The state in which markers of this result are being written.
    pub(crate) fn prepared(self) -> TransactionState {
        match self {
            Self::Commit => TransactionState::PrepareCommit,
            Self::Abort => TransactionState::PrepareAbort,
        }
    }

    /// The state in which all markers of this result are written.
    pub(crate) fn completed(self) -> TransactionState {
        match self {
            Self::Commit => TransactionState::CompleteCommit,
            Self::Abort => TransactionState::CompleteAbort,
        }
    }
}

/// One record of `__transaction_state`, key and value exactly as they lie there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The key, with its type in front.
    pub key: Bytes,
    /// The value, with its version in front; `None` deletes the key.
    pub value: Option<Bytes>,
}

impl Record {
    /// The bytes of key and value.
    pub(crate) fn len(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// Markers to be written: one into each partition, which ends the transaction there.
///
/// The driver writes those that [`crate::TransactionShard::awaits_marker`], until each is there or
/// its partition is gone for ever, and tells [`crate::TransactionShard::markers_written`] of them,
/// in any portions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkerJob {
    /// Which transaction; it names the producer id and the epoch that the markers carry.
    pub transaction: TransactionRef,
    /// The epoch in which this broker leads the partition of the shard; a partition refuses
    /// markers of an earlier one.
    pub coordinator_epoch: LeaderEpoch,
    /// What the markers say.
    pub result: TransactionResult,
    /// Where they go.
    pub partitions: PartitionSet,
    /// What the client spoke that ended the transaction. With [`TransactionVersion::TV_2`] the
    /// epoch of the markers is later than that of the transaction's records.
    pub client_version: TransactionVersion,
}

/// What one step asks for, in this order: append the records, replay each of them, and once the
/// log is durable up to here send the replies and begin the jobs.
///
/// A reply waits even if its own step has no records: it may tell of what an earlier step wrote.
/// DURABILITY: a marker must not be written before the record that decides it is on disk, or the
/// next load could decide otherwise. Records may go into several batches, as each prefix of them
/// is a state that a reload can start from.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The records to append; often none.
    pub records: Vec<Record>,
    /// The replies.
    pub replies: Vec<(Waiter, Reply)>,
    /// The markers to write.
    pub jobs: Vec<MarkerJob>,
    /// What a person who watches the broker may want to know.
    pub notices: Vec<Notice>,
    /// What became of the producer id that was lent.
    pub spare: SpareUse,
}

impl Output {
    /// Takes the producer id that was lent; each step may take one.
    pub(crate) fn take_spare(&mut self, context: Context) -> Result<ProducerId, TransactionError> {
        match (self.spare, context.spare) {
            (SpareUse::Kept, Some(id)) => {
                self.spare = SpareUse::Taken;
                return Ok(id);
            }
            (SpareUse::Taken, _) => {}
            (SpareUse::Kept | SpareUse::Missing, _) => self.spare = SpareUse::Missing,
        }
        Err(TransactionError::CoordinatorLoadInProgress)
    }
}

/// Something worth a log line or a count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A transaction was open for longer than its producer had allowed, and is aborted.
    TransactionTimedOut {
        /// Whose.
        transactional_id: TransactionalId,
        /// The producer that had begun it, which is fenced by this.
        producer: Producer,
        /// The timeout.
        timeout_ms: i32,
    },
    /// A producer came while another one of its name had a transaction open, which is aborted.
    ProducerFenced {
        /// Whose.
        transactional_id: TransactionalId,
        /// The producer that had begun it.
        producer: Producer,
    },
    /// The epochs of a producer id have run out, and another id takes its place.
    ProducerIdReplaced {
        /// Whose.
        transactional_id: TransactionalId,
        /// The producer whose id has run out.
        producer: Producer,
        /// The producer id that follows.
        next: ProducerId,
    },
    /// A transactional id that nobody has used for long is forgotten.
    TransactionalIdExpired {
        /// Which.
        transactional_id: TransactionalId,
    },
}
