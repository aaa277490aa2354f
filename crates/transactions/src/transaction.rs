//! One transactional id, and the steps from one of its records to the next.

use highwater_types::{Now, ProducerEpoch, ProducerId};

use crate::ids::{LAST_EPOCH, Producer, TransactionRef, TransactionVersion, TransactionalId};
use crate::output::TransactionResult;
use crate::partition_set::PartitionSet;
use crate::records::{NO_TIMESTAMP_MS, TransactionState, TransactionValue};

/// How far what is written may be ahead of the wall clock.
const CLOCK_STEP_MS_MAX: i64 = 1_000;

/// What the log says of a transactional id, and what only the memory knows.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) value: TransactionValue,
    /// Where markers are missing, while they are being written. A load begins with all of them
    /// again: a marker that is written twice does no harm.
    pub(crate) unmarked: PartitionSet,
    recovered: Option<Recovered>,
}

/// How the producer came by its epoch, if it had shown an earlier one. The log has no room for
/// it; after a load a producer that did not hear the answer is fenced, as in Kafka.
#[derive(Clone, Copy, Debug)]
struct Recovered {
    producer: Producer,
    from: ProducerEpoch,
}

impl Transaction {
    pub(crate) fn new(value: TransactionValue) -> Self {
        let mut transaction = Self {
            value,
            unmarked: PartitionSet::default(),
            recovered: None,
        };
        transaction.list_unmarked();
        transaction
    }

    /// Takes over a record.
    pub(crate) fn install(&mut self, value: TransactionValue) {
        self.value = value;
        self.list_unmarked();
    }

    fn list_unmarked(&mut self) {
        self.unmarked = if self.value.state.is_prepared() {
            self.value.partitions.clone()
        } else {
            PartitionSet::default()
        };
    }

    /// Remembers for a retry that the producer is about to be given an epoch in place of another.
    pub(crate) fn will_recover(&mut self, producer: Producer, from: ProducerEpoch) {
        self.recovered = Some(Recovered { producer, from });
    }

    /// The epoch that the producer showed when it was given the current one, if it showed any.
    pub(crate) fn last_epoch(&self) -> Option<ProducerEpoch> {
        let producer = self.value.producer;
        match self.recovered {
            Some(recovered) if recovered.producer == producer => Some(recovered.from),
            _ => self.value.before_end().map(|before| before.epoch),
        }
    }
}

/// What becomes of the producer's epoch at the end of a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// It stays: the client speaks no later version of the protocol.
    KeepEpoch,
    /// It ends, so that the producer is fenced, without being given to anybody.
    Fence,
    /// It ends and the producer is given the next, or the first of another producer id.
    Bump {
        client_version: TransactionVersion,
        next: Option<ProducerId>,
    },
}

impl TransactionValue {
    /// A transactional id that nobody has used yet; it is not written in this state.
    pub(crate) fn unused(producer_id: ProducerId) -> Self {
        Self {
            producer: Producer {
                id: producer_id,
                epoch: ProducerEpoch::NONE,
            },
            previous_producer_id: ProducerId::NONE,
            next_producer_id: ProducerId::NONE,
            timeout_ms: 0,
            state: TransactionState::Empty,
            partitions: PartitionSet::default(),
            last_update_ms: NO_TIMESTAMP_MS,
            start_ms: NO_TIMESTAMP_MS,
            client_version: TransactionVersion::TV_0,
        }
    }

    /// The same in another state.
    fn moved(&self, now: Now, state: TransactionState, partitions: PartitionSet) -> Self {
        Self {
            producer: self.producer,
            previous_producer_id: self.producer.id,
            next_producer_id: self.next_producer_id,
            timeout_ms: self.timeout_ms,
            state,
            partitions,
            last_update_ms: Self::stamp_ms(now, self.latest_ms()),
            start_ms: self.start_ms,
            client_version: self.client_version,
        }
    }

    /// A producer begins.
    pub(crate) fn initialised(&self, now: Now, producer: Producer, timeout_ms: i32) -> Self {
        Self {
            producer,
            timeout_ms,
            start_ms: NO_TIMESTAMP_MS,
            ..self.moved(now, TransactionState::Empty, PartitionSet::default())
        }
    }

    /// The transaction, begun by this if need be, has these partitions.
    pub(crate) fn extended(
        &self,
        now: Now,
        partitions: PartitionSet,
        client_version: TransactionVersion,
    ) -> Self {
        let start_ms = match self.state {
            TransactionState::Ongoing => self.start_ms,
            _ => self.next_start_ms(now),
        };
        Self {
            start_ms,
            client_version,
            ..self.moved(now, TransactionState::Ongoing, partitions)
        }
    }

    /// The end of the transaction is decided. A producer may abort what it has not begun.
    pub(crate) fn prepared(&self, now: Now, result: TransactionResult, ending: Ending) -> Self {
        let (producer, client_version, next) = match ending {
            Ending::KeepEpoch => (self.producer, TransactionVersion::TV_0, None),
            Ending::Fence => (self.producer.bumped(), TransactionVersion::TV_0, None),
            Ending::Bump {
                client_version,
                next,
            } => (self.producer.bumped(), client_version, next),
        };
        let start_ms = match self.state {
            TransactionState::Ongoing => self.start_ms,
            _ => self.next_start_ms(now),
        };
        Self {
            producer,
            next_producer_id: next.unwrap_or(ProducerId::NONE),
            start_ms,
            client_version,
            ..self.moved(now, result.prepared(), self.partitions.clone())
        }
    }

    /// All markers are written.
    pub(crate) fn completed(&self, now: Now) -> Self {
        let result = self.result().unwrap_or(TransactionResult::Abort);
        let producer =
            if self.client_version.bumps_epochs() && self.next_producer_id != ProducerId::NONE {
                Producer::first_of(self.next_producer_id)
            } else {
                self.producer
            };
        Self {
            producer,
            next_producer_id: ProducerId::NONE,
            ..self.moved(now, result.completed(), PartitionSet::default())
        }
    }

    /// How the transaction ends or has ended, if that is decided.
    pub(crate) fn result(&self) -> Option<TransactionResult> {
        use TransactionState::{CompleteAbort, CompleteCommit, PrepareAbort, PrepareCommit};
        match self.state {
            PrepareCommit | CompleteCommit => Some(TransactionResult::Commit),
            PrepareAbort | CompleteAbort => Some(TransactionResult::Abort),
            _ => None,
        }
    }

    /// The name of the transaction among those of its transactional id.
    pub(crate) fn reference(&self, transactional_id: &TransactionalId) -> TransactionRef {
        TransactionRef {
            transactional_id: transactional_id.clone(),
            producer: self.producer,
            start_ms: self.start_ms,
        }
    }

    /// When a transaction begins that begins now: later than the one before, which may have the
    /// same producer epoch.
    fn next_start_ms(&self, now: Now) -> i64 {
        Self::stamp_ms(now, self.latest_ms().saturating_add(1))
    }

    /// The time, or what it is at least if the wall clock is only a little behind. A clock that
    /// was set back by more is followed all the same, lest one that was wrong once be wrong for
    /// ever.
    fn stamp_ms(now: Now, at_least_ms: i64) -> i64 {
        let behind_ms = at_least_ms.saturating_sub(now.wall_ms);
        if (1..=CLOCK_STEP_MS_MAX).contains(&behind_ms) {
            at_least_ms
        } else {
            now.wall_ms
        }
    }

    fn latest_ms(&self) -> i64 {
        self.start_ms.max(self.last_update_ms)
    }

    /// As what the producer asked for the end of its last transaction, if the end has brought it
    /// the current epoch, or will have done so.
    pub(crate) fn before_end(&self) -> Option<Producer> {
        if self.result().is_none() || !self.client_version.bumps_epochs() {
            return None;
        }
        let (id, epoch) = match self.producer.epoch.get() {
            0 if self.previous_producer_id != self.producer.id => {
                (self.previous_producer_id, LAST_EPOCH)
            }
            epoch => (self.producer.id, epoch.saturating_sub(1)),
        };
        (epoch >= 0).then_some(Producer {
            id,
            epoch: ProducerEpoch(epoch),
        })
    }
}
