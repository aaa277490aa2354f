//! Consumer groups and their offsets as pure machines.
//!
//! A [`GroupShard`] is all the groups of one partition of `__consumer_offsets`. It owns no clock,
//! no file and no socket: a request or a passing deadline goes in together with the time, and an
//! [`Output`] comes out that says what to append to the log and whom to answer. What the log says
//! is changed by [`GroupShard::replay`] alone, for records just appended as for those of a load;
//! if an append fails, the driver drops the shard and loads it again.
//!
//! Classic groups and committed offsets are what there is. The other kinds of groups get their
//! own modules beside `classic`, their own variant of [`GroupKind`] and of the shard's inner
//! `Membership`, and their own records; records of kinds that are not kept are counted, and left
//! where they are.

mod classic;
mod config;
mod describe;
mod expiry;
mod ids;
mod offsets;
mod output;
mod records;
mod replies;
mod requests;
mod shard;
mod timers;

#[cfg(test)]
mod tests;

pub use config::GroupConfig;
pub use describe::GroupSummary;
pub use ids::{GroupId, InstanceId, MemberId, Waiter};
pub use output::{Notice, Output, Record};
pub use records::{Malformed, describe_record};
pub use replies::{
    CommittedTopic, DeletedTopic, DescribedGroup, DescribedMember, FetchedOffset, FetchedTopic,
    GroupError, GroupKind, GroupState, JoinReply, JoinedGroup, JoinedMember, LeftMember,
    ListedGroup, Reply, SyncReply,
};
pub use requests::{
    CommitOffsetsRequest, CommitPartition, CommitTopic, DeleteGroupRequest, DeleteOffsetsRequest,
    DescribeRequest, DropTopicsRequest, DroppedTopic, FetchOffsetsRequest, FetchTopic,
    HeartbeatRequest, JoinProtocol, JoinRequest, LeaveRequest, LeavingMember, ListRequest, Request,
    SyncRequest,
};
pub use shard::{GroupShard, ReplayError, ShardStats};
