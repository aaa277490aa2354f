//! What a request must satisfy before it may touch the log, and when a produce request may be
//! answered.

use highwater_types::{BrokerId, LeaderEpoch, Offset};

use crate::{EpochEnd, Replica};

/// Whose acknowledgement a producer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Nobody's: there is no answer.
    None,
    /// The leader's append.
    Leader,
    /// That of every in-sync replica.
    All,
}

/// Which replicas may answer a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// Only the leader: followers, and consumers that have not said where they are.
    Leader,
    /// Any replica: consumers that look for a near one (KIP-392), and tools that look at one.
    AnyReplica,
}

/// Why a request cannot be served by this replica now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplicationError {
    /// Another broker leads, or none.
    #[error("this broker does not lead the partition")]
    NotLeader,
    /// The asker has missed an election.
    #[error("leader epoch {given} is older than the current {current}")]
    FencedLeaderEpoch {
        /// What the request said.
        given: LeaderEpoch,
        /// What is known here.
        current: LeaderEpoch,
    },
    /// We have missed an election.
    #[error("leader epoch {given} is newer than the known {current}")]
    UnknownLeaderEpoch {
        /// What the request said.
        given: LeaderEpoch,
        /// What is known here.
        current: LeaderEpoch,
    },
    /// `acks=all` could not be honoured, so nothing was appended.
    #[error("{in_sync} replicas are in sync, {required} are required")]
    NotEnoughReplicas {
        /// How many are in sync.
        in_sync: usize,
        /// How many `min.insync.replicas` asks for.
        required: usize,
    },
    /// The record is in the log of every replica in sync, but they have become too few.
    #[error("appended, but only {in_sync} replicas are in sync, {required} are required")]
    NotEnoughReplicasAfterAppend {
        /// How many are in sync.
        in_sync: usize,
        /// How many `min.insync.replicas` asks for.
        required: usize,
    },
    /// A fetch as a follower came from a broker that holds no replica.
    #[error("broker {0} holds no replica of the partition")]
    NotReplica(BrokerId),
    /// The log has been trimmed or cut so far that nothing can be said about the given epoch.
    #[error("nothing is known about leader epoch {0}")]
    OffsetOutOfRange(LeaderEpoch),
}

/// Whether a produce request with `acks=all` may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    /// Not yet.
    Pending,
    /// Yes: every replica in sync holds it.
    Done,
    /// With an error.
    Failed(ReplicationError),
}

impl Replica {
    /// Whether a producer may append now.
    pub fn check_produce(&self, acks: Acks) -> Result<(), ReplicationError> {
        self.check_leader(None)?;
        if acks == Acks::All && self.is_under_min_isr() {
            return Err(ReplicationError::NotEnoughReplicas {
                in_sync: self.state.isr.len(),
                required: self.required_in_sync(),
            });
        }
        Ok(())
    }

    /// Whether records up to `end` (exclusive), appended by this leader, may be acknowledged to
    /// a producer that wants `acks=all`.
    ///
    /// After [`crate::Effect::FailWaiters`] no waiter may be asked about again: if this replica
    /// leads anew, the records at those offsets may be others.
    pub fn acknowledgement(&self, end: Offset) -> Acknowledgement {
        if !self.is_leader() {
            return Acknowledgement::Failed(ReplicationError::NotLeader);
        }
        if self.high_watermark < end {
            return Acknowledgement::Pending;
        }
        if self.is_under_min_isr() {
            return Acknowledgement::Failed(ReplicationError::NotEnoughReplicasAfterAppend {
                in_sync: self.state.isr.len(),
                required: self.required_in_sync(),
            });
        }
        Acknowledgement::Done
    }

    /// Whether a read may be served here. `current` is the leader epoch the asker believes in;
    /// the −1 of the wire is `None`.
    pub fn check_fetch(
        &self,
        current: Option<LeaderEpoch>,
        from: ReadFrom,
    ) -> Result<(), ReplicationError> {
        self.check_epoch(current)?;
        match from {
            ReadFrom::AnyReplica => Ok(()),
            ReadFrom::Leader if self.is_leader() => Ok(()),
            ReadFrom::Leader => Err(ReplicationError::NotLeader),
        }
    }

    /// Whether this replica leads, in the epoch the asker believes in if it says so.
    pub fn check_leader(&self, current: Option<LeaderEpoch>) -> Result<(), ReplicationError> {
        self.check_fetch(current, ReadFrom::Leader)
    }

    fn check_epoch(&self, given: Option<LeaderEpoch>) -> Result<(), ReplicationError> {
        let current = self.state.leader_epoch;
        match given {
            Some(given) if given < current => {
                Err(ReplicationError::FencedLeaderEpoch { given, current })
            }
            Some(given) if given > current => {
                Err(ReplicationError::UnknownLeaderEpoch { given, current })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Where `requested` ends in this leader's log: the answer to OffsetForLeaderEpoch.
    pub fn end_offset_for(
        &self,
        requested: LeaderEpoch,
        current: Option<LeaderEpoch>,
        from: ReadFrom,
    ) -> Result<EpochEnd, ReplicationError> {
        self.check_fetch(current, from)?;
        Ok(self.lineage.end_offset_for(requested, self.ends.log_end))
    }

    /// Whether a log that ends at `fetch_offset` with a record of `last_fetched_epoch` is a
    /// prefix of ours. If not, the fetch is answered with what is returned instead of records;
    /// follower and consumer cut or complain accordingly (KIP-595, KIP-320).
    pub fn diverging(
        &self,
        fetch_offset: Offset,
        last_fetched_epoch: LeaderEpoch,
    ) -> Result<Option<EpochEnd>, ReplicationError> {
        let ours = self
            .lineage
            .end_offset_for(last_fetched_epoch, self.ends.log_end);
        if ours.is_unknown() {
            return Err(ReplicationError::OffsetOutOfRange(last_fetched_epoch));
        }
        let differs = ours.epoch < last_fetched_epoch || ours.end < fetch_offset;
        Ok(differs.then_some(ours))
    }

    fn required_in_sync(&self) -> usize {
        (self.settings.min_insync_replicas as usize).min(self.state.replicas.len())
    }
}
