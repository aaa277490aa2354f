//! What goes into the machine and what comes out of it.

use highwater_types::{BrokerId, LeaderEpoch, Offset};

use crate::EpochEntry;

/// When a record counts as held by a replica (topic setting `durability`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// Once an fsync that covers it has returned.
    #[default]
    Fsync,
    /// Once it has been written to memory, as in Kafka.
    Replicated,
}

/// How far a local log reaches; what storage found when it opened the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnds {
    /// The first offset that is still there.
    pub log_start: Offset,
    /// The offset that the next record will get.
    pub log_end: Offset,
    /// The offset below which everything is on disk; at most `log_end`.
    pub flushed_end: Offset,
}

/// The settings of a topic and its broker that the machine obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaSettings {
    /// When a record counts as held.
    pub durability: Durability,
    /// `min.insync.replicas`; more than there are replicas means all of them.
    pub min_insync_replicas: u32,
    /// `replica.lag.time.max.ms`: how long a member may be behind before it is to leave.
    pub replica_lag_ms_max: u64,
}

impl Default for ReplicaSettings {
    fn default() -> Self {
        Self {
            durability: Durability::Fsync,
            min_insync_replicas: 1,
            replica_lag_ms_max: 30_000,
        }
    }
}

/// What the controller has decided about a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// The leader, or [`BrokerId::NONE`].
    pub leader: BrokerId,
    /// Grows with every election.
    pub leader_epoch: LeaderEpoch,
    /// Grows with every change of this state, elections included.
    pub partition_epoch: i32,
    /// Every broker that holds or shall hold a replica, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Those of them that are in sync.
    pub isr: Vec<BrokerId>,
}

/// A change of the in-sync set that only the controller can make true (AlterPartition).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrProposal {
    /// The epoch in which the leader proposes; the controller refuses any other.
    pub leader_epoch: LeaderEpoch,
    /// The state that the proposal replaces; the controller refuses any other.
    pub partition_epoch: i32,
    /// The in-sync set as it should be.
    pub isr: Vec<BrokerId>,
}

/// Something that the driver must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Note this entry in the checkpoint of the lineage.
    ///
    /// DURABILITY: it must be on disk before the recovery point moves past its start. Until then
    /// the batches themselves, which carry their epoch, prove it to a recovery that reads them
    /// again; so ten thousand partitions that change their leader need no ten thousand flushes.
    PersistEpoch(EpochEntry),
    /// The high watermark has reached this offset: answer those who wait for it, acknowledged
    /// produce requests and consumers alike.
    HighWatermark(Offset),
    /// This replica leads no longer: answer every waiting produce request with
    /// [`crate::ReplicationError::NotLeader`] and end every parked fetch.
    FailWaiters,
    /// Ask the controller for this in-sync set.
    ProposeIsr(IsrProposal),
    /// Fetch from this leader, beginning at the log end; see [`crate::Replica::next_fetch`].
    Follow {
        /// Whom to fetch from.
        leader: BrokerId,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
    },
    /// Stop fetching: the partition has no leader.
    StopFetching,
    /// Cut the log, then call [`crate::Replica::truncated`].
    Truncate {
        /// The new log end.
        to: Offset,
        /// Set if records below the high watermark are lost by it, which only an unclean
        /// election can cause and which a person must hear of.
        loses_committed: bool,
    },
}

/// What the driver must do, in this order.
pub type Effects = Vec<Effect>;

/// The state handed in is older than the one already known, and was ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "state of leader epoch {given_leader_epoch} and partition epoch {given_partition_epoch} is \
     older than the known {leader_epoch} and {partition_epoch}"
)]
pub struct StaleState {
    /// The leader epoch of the ignored state.
    pub given_leader_epoch: LeaderEpoch,
    /// The partition epoch of the ignored state.
    pub given_partition_epoch: i32,
    /// The leader epoch that is known.
    pub leader_epoch: LeaderEpoch,
    /// The partition epoch that is known.
    pub partition_epoch: i32,
}
