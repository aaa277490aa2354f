//! The replication of one partition, seen from one of its replicas, as a pure machine.
//!
//! [`Replica`] knows where its own log ends in memory and on disk, which epoch began where, and,
//! while it leads, how far every follower has come. From that follow the two offsets that carry
//! every promise of the broker: the *high watermark*, below which nothing is ever lost or
//! changed, and the *divergence point*, to which a follower cuts its log after a change of
//! leadership. The machine owns no file, clock or socket: a driver tells it what happened and
//! carries out the [`Effect`]s it returns, in their order.
//!
//! # The rules
//!
//! * The high watermark is the minimum, over the in-sync replicas, of what is on disk
//!   ([`Durability::Fsync`]) or in memory ([`Durability::Replicated`]). It does not move while
//!   the in-sync set is smaller than `min.insync.replicas`, and it never goes back, except where
//!   an unclean election has cut the log below it, which is reported as such.
//! * A replica counts towards that minimum as soon as it has been *proposed* for the in-sync
//!   set, and until its removal has been *confirmed*: whichever of the two sets the controller
//!   believes in, the high watermark is safe.
//! * Every leader begins its epoch by noting at which offset it starts (KIP-101). A follower
//!   cuts at the point where the epochs differ (KIP-279), never at the high watermark, which
//!   may lag behind what has been acknowledged.
//! * Who asks with an older leader epoch than ours is fenced; who asks with a newer one must
//!   wait until we have heard of it (KIP-320).
//!
//! # Who calls
//!
//! One owner, under the lock of its partition. [`Replica::appended`] and [`Replica::flushed`]
//! run for every produce request: they allocate nothing and cost a pass over the replicas.
//! DURABILITY: a flush that is in flight while the log is cut says nothing about what is
//! appended afterwards, so the driver lets flushes end before it carries out a truncation.

mod checks;
mod follower;
mod leader;
mod lineage;
mod replica;
mod state;

pub use checks::{Acknowledgement, Acks, ReadFrom, ReplicationError};
pub use follower::NextFetch;
pub use leader::FollowerFetch;
pub use lineage::{EpochEnd, EpochEntry, EpochLineage};
pub use replica::{Replica, Role};
pub use state::{
    Durability, Effect, Effects, IsrProposal, LogEnds, PartitionState, ReplicaSettings, StaleState,
};

#[cfg(test)]
mod tests;
