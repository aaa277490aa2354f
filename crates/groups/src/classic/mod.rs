//! Classic groups: members join, the group settles on a protocol, one member assigns.
//!
//! A group is `Empty` or `Stable` exactly as its last record in the log says, and gets into
//! either state by the replay of that record alone ([`ClassicGroup::install`]). What lies between,
//! preparing and completing a rebalance, is soft: who is parked, who has joined, which generation
//! is coming. A reload from the log forgets it and goes on from the last generation that was
//! written, as Apache Kafka does; members find out by their next heartbeat and join again.

mod group;
mod join;
mod member;
mod membership;
mod rebalance;
mod static_member;
mod sync;

pub(crate) use group::{ClassicGroup, OffsetRetention};
