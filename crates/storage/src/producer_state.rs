//! What a log knows of its producers and their transactions (KIP-98, KIP-360).
//!
//! A batch is taken only if its sequence number follows the last one of its producer; one of
//! the last five batches, sent again, is recognised and answered with its first offset. A
//! transaction is open from its first batch to its marker, and undecided until the marker is
//! below the high watermark: readers of committed records stop in front of the first that is
//! undecided. The state is a function of the log: snapshots only shorten the replay.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use highwater_records::BatchHeader;
use highwater_types::limits::PRODUCER_BATCHES_REMEMBERED;
use highwater_types::{Offset, ProducerEpoch, ProducerId, TransactionOutcome};

use crate::aborted::AbortedTransaction;
use crate::append::AppendOrigin;
use crate::error::AppendError;
use crate::snapshot_file::SnapshotEntry;

/// One batch that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RememberedBatch {
    pub(crate) last_sequence: i32,
    pub(crate) last_offset: Offset,
    pub(crate) offset_delta: i32,
    pub(crate) timestamp_ms: i64,
}

impl RememberedBatch {
    pub(crate) fn first_offset(&self) -> Offset {
        self.last_offset + -i64::from(self.offset_delta)
    }

    /// Sequence numbers wrap from `i32::MAX` to 0.
    fn first_sequence(&self) -> i32 {
        let first = i64::from(self.last_sequence) - i64::from(self.offset_delta);
        (first & i64::from(i32::MAX)) as i32
    }
}

/// One producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProducerState {
    producer_epoch: ProducerEpoch,
    coordinator_epoch: i32,
    last_timestamp_ms: i64,
    /// First offset of the open transaction; the last stable offset stays in front of it.
    transaction_start: Option<Offset>,
    /// Oldest first.
    batches: Vec<RememberedBatch>,
}

impl ProducerState {
    fn unknown() -> Self {
        Self {
            producer_epoch: ProducerEpoch::NONE,
            coordinator_epoch: -1,
            last_timestamp_ms: -1,
            transaction_start: None,
            batches: Vec::new(),
        }
    }

    fn duplicate_of(&self, header: &BatchHeader) -> Option<RememberedBatch> {
        if header.producer_epoch != self.producer_epoch {
            return None;
        }
        let (first, last) = (header.base_sequence, header.last_sequence());
        let same = |b: &&RememberedBatch| b.first_sequence() == first && b.last_sequence == last;
        self.batches.iter().find(same).copied()
    }

    /// Whether the batch may follow; the rules are those of Kafka 4.
    fn check(&self, header: &BatchHeader, origin: AppendOrigin) -> Result<(), AppendError> {
        let producer_id = header.producer_id;
        if header.producer_epoch < self.producer_epoch {
            let (got, current) = (header.producer_epoch, self.producer_epoch);
            return Err(AppendError::InvalidProducerEpoch {
                producer_id,
                got,
                current,
            });
        }
        if header.attributes.is_control() {
            return Ok(());
        }
        if self.transaction_start.is_some() && !header.attributes.is_transactional() {
            return Err(AppendError::InvalidTransactionState { producer_id });
        }
        if !origin.is_client() {
            return Ok(());
        }
        let got = header.base_sequence;
        // Nothing is known of a producer whose records have all been deleted: any sequence
        // number may follow. A new epoch of a known one starts at 0.
        let last = self.batches.last().map(|batch| batch.last_sequence);
        let follows = if self.producer_epoch == ProducerEpoch::NONE {
            true
        } else if header.producer_epoch != self.producer_epoch {
            got == 0
        } else {
            match last {
                None => got == 0,
                Some(i32::MAX) => got == 0,
                Some(last) => got == last + 1,
            }
        };
        if follows {
            return Ok(());
        }
        let last = last.filter(|_| header.producer_epoch == self.producer_epoch);
        Err(AppendError::OutOfOrderSequence {
            producer_id,
            got,
            last,
        })
    }

    fn is_open_for(&self, epoch: ProducerEpoch) -> bool {
        self.transaction_start.is_some() && self.producer_epoch == epoch
    }

    /// Takes over a batch whose offsets are assigned; returns the transaction that it ends.
    fn apply(&mut self, header: &BatchHeader, marker: Option<Marker>) -> Option<Ended> {
        if header.producer_epoch > self.producer_epoch {
            self.producer_epoch = header.producer_epoch;
            self.batches.clear();
        }
        self.last_timestamp_ms = header.max_timestamp_ms;
        if header.attributes.is_control() {
            // Control records that say nothing of transactions end none.
            let marker = marker?;
            self.coordinator_epoch = marker.coordinator_epoch;
            return self.transaction_start.take().map(|start| Ended {
                producer_id: header.producer_id,
                start,
                marker: header.last_offset(),
                outcome: marker.outcome,
            });
        }
        if header.attributes.is_transactional() && self.transaction_start.is_none() {
            self.transaction_start = Some(header.base_offset);
        }
        if self.batches.len() == PRODUCER_BATCHES_REMEMBERED {
            self.batches.remove(0);
        }
        self.batches.push(RememberedBatch {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp_ms: header.max_timestamp_ms,
        });
        None
    }
}

/// What a transaction marker says that state depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) coordinator_epoch: i32,
    pub(crate) outcome: TransactionOutcome,
}

/// A transaction whose marker is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ended {
    producer_id: ProducerId,
    start: Offset,
    marker: Offset,
    outcome: TransactionOutcome,
}

/// One producer, as DescribeProducers shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerStateView {
    /// The producer.
    pub producer_id: ProducerId,
    /// Its latest incarnation.
    pub producer_epoch: ProducerEpoch,
    /// Its last sequence number, −1 if none is known.
    pub last_sequence: i32,
    /// Largest time of its last batch.
    pub last_timestamp_ms: i64,
    /// Epoch of the coordinator that ended its last transaction, −1 for none.
    pub coordinator_epoch: i32,
    /// First offset of its open transaction.
    pub transaction_start: Option<Offset>,
}

/// Changes that wait for the write they describe.
#[derive(Debug, Default)]
pub(crate) struct StagedProducers {
    states: Vec<(ProducerId, ProducerState)>,
    ended: Vec<Ended>,
}

/// Most producers whose transactions are looked up at a time.
const VERIFICATIONS_MAX: usize = 16_384;

/// A look-up of whether a transaction is open, told apart from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Verification(u64);

/// The look-ups that are under way (KIP-890). A marker ends that of its producer: a batch that
/// comes behind it would open a transaction that nobody ends.
#[derive(Clone, Debug, Default)]
struct Verifications {
    next: u64,
    under_way: BTreeMap<ProducerId, Verification>,
}

impl Verifications {
    fn begin(&mut self, id: ProducerId) -> Verification {
        if self.under_way.len() >= VERIFICATIONS_MAX {
            // Those who ask for them come again.
            self.under_way.clear();
        }
        *self.under_way.entry(id).or_insert_with(|| {
            self.next += 1;
            Verification(self.next)
        })
    }

    fn end(&mut self, id: ProducerId) {
        self.under_way.remove(&id);
    }

    fn check(&self, header: &BatchHeader, origin: AppendOrigin) -> Result<(), AppendError> {
        let producer_id = header.producer_id;
        match (origin, self.under_way.get(&producer_id)) {
            (
                AppendOrigin::Verified(shown) | AppendOrigin::CoordinatorVerified(shown),
                Some(known),
            ) if shown == *known => Ok(()),
            _ => Err(AppendError::UnverifiedTransaction { producer_id }),
        }
    }
}

/// All producers of one log.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProducerTable {
    producers: HashMap<ProducerId, ProducerState>,
    /// First offsets of the open transactions.
    open: BTreeSet<(Offset, ProducerId)>,
    /// Transactions whose markers may lie beyond the high watermark, in the order of those.
    undecided: VecDeque<Ended>,
    verifications: Verifications,
}

impl ProducerTable {
    /// Whether this very batch has been appended before.
    pub(crate) fn duplicate_of(&self, header: &BatchHeader) -> Option<RememberedBatch> {
        self.producers
            .get(&header.producer_id)?
            .duplicate_of(header)
    }

    /// Checks a batch and keeps its effect aside. The header carries its final offsets.
    pub(crate) fn stage(
        &self,
        staged: &mut StagedProducers,
        header: &BatchHeader,
        marker: Option<Marker>,
        origin: AppendOrigin,
    ) -> Result<(), AppendError> {
        let id = header.producer_id;
        let states = &mut staged.states;
        let at = match states.iter().position(|(known, _)| *known == id) {
            Some(at) => at,
            None => {
                let known = self.producers.get(&id).cloned();
                states.push((id, known.unwrap_or_else(ProducerState::unknown)));
                states.len() - 1
            }
        };
        let state = &mut states[at].1;
        if origin != AppendOrigin::Leader {
            state.check(header, origin)?;
            let opens = header.attributes.is_transactional() && !header.attributes.is_control();
            if opens && !state.is_open_for(header.producer_epoch) {
                self.verifications.check(header, origin)?;
            }
            if let Some(marker) = marker
                && marker.coordinator_epoch < state.coordinator_epoch
            {
                let (got, current) = (marker.coordinator_epoch, state.coordinator_epoch);
                return Err(AppendError::CoordinatorFenced { got, current });
            }
        }
        staged.ended.extend(state.apply(header, marker));
        Ok(())
    }

    /// Lets the staged changes count; returns the transactions that they abort.
    pub(crate) fn commit(
        &mut self,
        staged: StagedProducers,
        producers_max: usize,
    ) -> Vec<AbortedTransaction> {
        for (id, state) in staged.states {
            // A batch has opened the transaction, or a marker has ended it.
            self.verifications.end(id);
            if !self.producers.contains_key(&id) && self.producers.len() >= producers_max {
                self.evict(producers_max);
            }
            self.set(id, state);
        }
        let ended = staged.ended.into_iter();
        ended.filter_map(|ended| self.end(ended)).collect()
    }

    fn set(&mut self, id: ProducerId, state: ProducerState) {
        let start = state.transaction_start;
        let before = self.producers.insert(id, state);
        let start_before = before.and_then(|before| before.transaction_start);
        if start_before != start {
            if let Some(start) = start_before {
                self.open.remove(&(start, id));
            }
            if let Some(start) = start {
                self.open.insert((start, id));
            }
        }
    }

    /// Takes over one batch of a log that is being replayed; returns the transaction that it
    /// aborts.
    pub(crate) fn replay(
        &mut self,
        header: &BatchHeader,
        marker: Option<Marker>,
    ) -> Option<AbortedTransaction> {
        if !header.has_producer() {
            return None;
        }
        let id = header.producer_id;
        let known = self.producers.get(&id).cloned();
        let mut state = known.unwrap_or_else(ProducerState::unknown);
        let ended = state.apply(header, marker);
        self.set(id, state);
        self.end(ended?)
    }

    /// The marker of a transaction is in the log.
    fn end(&mut self, ended: Ended) -> Option<AbortedTransaction> {
        self.undecided.push_back(ended);
        let first_open = self.open.first().map(|(start, _)| *start);
        (ended.outcome == TransactionOutcome::Aborted).then(|| AbortedTransaction {
            producer_id: ended.producer_id,
            first_offset: ended.start,
            last_offset: ended.marker,
            last_stable_offset: first_open.unwrap_or(ended.marker.next()),
        })
    }

    /// Whether a producer has a transaction open here.
    pub(crate) fn is_open(&self, id: ProducerId, epoch: ProducerEpoch) -> bool {
        let state = self.producers.get(&id);
        state.is_some_and(|state| state.is_open_for(epoch))
    }

    /// Somebody is about to ask whether a transaction is open and has this partition.
    pub(crate) fn begin_verification(&mut self, id: ProducerId) -> Verification {
        self.verifications.begin(id)
    }

    /// Everything below is decided.
    pub(crate) fn decide(&mut self, high_watermark: Offset) {
        while self
            .undecided
            .front()
            .is_some_and(|ended| ended.marker < high_watermark)
        {
            self.undecided.pop_front();
        }
    }

    /// The marker that decides the next transaction once it is below the high watermark.
    pub(crate) fn next_marker(&self) -> Option<Offset> {
        self.undecided.front().map(|ended| ended.marker)
    }

    /// Forgets a sixteenth, those idle longest first; an open transaction is never forgotten.
    fn evict(&mut self, producers_max: usize) {
        let closed = self
            .producers
            .iter()
            .filter(|(_, state)| state.transaction_start.is_none());
        let mut idle: Vec<_> = closed
            .map(|(id, state)| (state.last_timestamp_ms, *id))
            .collect();
        idle.sort_unstable();
        for (_, id) in idle.into_iter().take((producers_max / 16).max(1)) {
            self.producers.remove(&id);
        }
    }

    /// Forgets producers that have been idle too long.
    pub(crate) fn expire(&mut self, wall_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, state| {
            state.transaction_start.is_some()
                || wall_ms.saturating_sub(state.last_timestamp_ms) < expiration_ms
        });
    }

    pub(crate) fn views(&self) -> Vec<ProducerStateView> {
        let mut views: Vec<_> = self
            .producers
            .iter()
            .map(|(id, state)| ProducerStateView {
                producer_id: *id,
                producer_epoch: state.producer_epoch,
                last_sequence: state.batches.last().map_or(-1, |batch| batch.last_sequence),
                last_timestamp_ms: state.last_timestamp_ms,
                coordinator_epoch: state.coordinator_epoch,
                transaction_start: state.transaction_start,
            })
            .collect();
        views.sort_unstable_by_key(|view| view.producer_id);
        views
    }

    /// First offset of the oldest undecided transaction.
    pub(crate) fn first_unstable_offset(&self) -> Option<Offset> {
        let open = self.open.first().map(|(start, _)| *start);
        let ended = self.undecided.iter().map(|ended| ended.start);
        ended.chain(open).min()
    }

    /// Last data offset of each producer, or `None` where only a marker is known: the batches
    /// that compaction must not remove.
    pub(crate) fn last_data_offsets(&self) -> HashMap<ProducerId, (Option<Offset>, ProducerEpoch)> {
        let last = |state: &ProducerState| state.batches.last().map(|batch| batch.last_offset);
        let entries = self.producers.iter();
        entries
            .map(|(id, state)| (*id, (last(state), state.producer_epoch)))
            .collect()
    }

    pub(crate) fn to_snapshot(&self) -> Vec<SnapshotEntry> {
        let mut entries: Vec<SnapshotEntry> = self
            .producers
            .iter()
            .map(|(id, state)| {
                let last = state.batches.last();
                SnapshotEntry {
                    producer_id: *id,
                    producer_epoch: state.producer_epoch,
                    last_sequence: last.map_or(-1, |batch| batch.last_sequence),
                    last_offset: last.map_or(Offset::UNKNOWN, |batch| batch.last_offset),
                    offset_delta: last.map_or(0, |batch| batch.offset_delta),
                    timestamp_ms: state.last_timestamp_ms,
                    coordinator_epoch: state.coordinator_epoch,
                    transaction_start: state.transaction_start,
                }
            })
            .collect();
        entries.sort_unstable_by_key(|entry| entry.producer_id);
        entries
    }

    pub(crate) fn from_snapshot(entries: &[SnapshotEntry]) -> Self {
        let producers = entries.iter().map(|entry| {
            let batch = (entry.last_offset.0 >= 0).then_some(RememberedBatch {
                last_sequence: entry.last_sequence,
                last_offset: entry.last_offset,
                offset_delta: entry.offset_delta.max(0),
                timestamp_ms: entry.timestamp_ms,
            });
            let state = ProducerState {
                producer_epoch: entry.producer_epoch,
                coordinator_epoch: entry.coordinator_epoch,
                last_timestamp_ms: entry.timestamp_ms,
                transaction_start: entry.transaction_start,
                batches: batch.into_iter().collect(),
            };
            (entry.producer_id, state)
        });
        let mut table = Self::default();
        for (id, state) in producers {
            table.set(id, state);
        }
        table
    }
}

#[cfg(test)]
mod tests;
