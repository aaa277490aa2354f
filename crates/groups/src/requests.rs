//! What the driver asks of a shard, in the machine's own types.
//!
//! The driver checks the shape of what came over the wire (topic names, versions); the machine
//! decides everything else. Bytes that are kept (protocol metadata, assignments) should not share
//! the buffer of a large request, or they hold all of it in memory.

use bytes::Bytes;
use highwater_types::{
    LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName, TransactionalProducer,
};

use crate::ids::{GroupId, InstanceId, MemberId};

/// One request to one shard; all but [`Request::List`] and [`Request::DropTopics`] name one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A member wants to take part in the next generation (JoinGroup).
    Join(JoinRequest),
    /// A member hands in or fetches the assignments (SyncGroup).
    Sync(SyncRequest),
    /// A member says that it is alive (Heartbeat).
    Heartbeat(HeartbeatRequest),
    /// Members leave or are removed (LeaveGroup).
    Leave(LeaveRequest),
    /// Positions to remember (OffsetCommit, TxnOffsetCommit).
    CommitOffsets(CommitOffsetsRequest),
    /// Positions to tell (OffsetFetch, one group of it).
    FetchOffsets(FetchOffsetsRequest),
    /// Positions to forget (OffsetDelete).
    DeleteOffsets(DeleteOffsetsRequest),
    /// What a group looks like (DescribeGroups, one group of it).
    Describe(DescribeRequest),
    /// Which groups there are (ListGroups).
    List(ListRequest),
    /// A group to forget (DeleteGroups, one group of it).
    DeleteGroup(DeleteGroupRequest),
    /// Topics were deleted: their positions are forgotten in every group.
    DropTopics(DropTopicsRequest),
}

/// JoinGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// The group.
    pub group_id: GroupId,
    /// The member, unknown if it joins for the first time.
    pub member_id: MemberId,
    /// Random text, made by the driver, for the id of a new member.
    pub member_id_suffix: String,
    /// The name of a static member (version 5 and later).
    pub group_instance_id: Option<InstanceId>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where the client connects from, as Kafka shows it: `/127.0.0.1`.
    pub client_host: String,
    /// How long the member may be silent.
    pub session_timeout_ms: i32,
    /// How long the member may take to rejoin; the session timeout in version 0.
    pub rebalance_timeout_ms: i32,
    /// `consumer`, `connect`, or whatever else the members agree on.
    pub protocol_type: String,
    /// The protocols that the member speaks, the preferred first.
    pub protocols: Vec<JoinProtocol>,
    /// Whether a new dynamic member first gets an id and must come back with it (KIP-394,
    /// version 4 and later).
    pub requires_known_member_id: bool,
    /// Whether the member understands that it leads without having to assign (KIP-814, version 9
    /// and later).
    pub supports_skipping_assignment: bool,
    /// Why the member joins (KIP-800).
    pub reason: Option<String>,
}

/// One protocol of a member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinProtocol {
    /// The name, for consumers that of an assignor.
    pub name: String,
    /// What the leader needs to know of the member, opaque to the coordinator.
    pub metadata: Bytes,
}

/// SyncGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRequest {
    /// The group.
    pub group_id: GroupId,
    /// The member.
    pub member_id: MemberId,
    /// The name of a static member.
    pub group_instance_id: Option<InstanceId>,
    /// The generation that the member joined.
    pub generation: i32,
    /// What the member takes the protocol type to be (version 5 and later).
    pub protocol_type: Option<String>,
    /// What the member takes the chosen protocol to be (version 5 and later).
    pub protocol: Option<String>,
    /// From the leader: what each member is to do.
    pub assignments: Vec<(MemberId, Bytes)>,
}

/// Heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatRequest {
    /// The group.
    pub group_id: GroupId,
    /// The member.
    pub member_id: MemberId,
    /// The name of a static member.
    pub group_instance_id: Option<InstanceId>,
    /// The generation that the member is in.
    pub generation: i32,
}

/// LeaveGroup; before version 3 it names one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveRequest {
    /// The group.
    pub group_id: GroupId,
    /// Who leaves.
    pub members: Vec<LeavingMember>,
}

/// One member that leaves, or that an administrator removes by its instance id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingMember {
    /// The member; unknown if it is named by its instance id alone.
    pub member_id: MemberId,
    /// The name of a static member.
    pub group_instance_id: Option<InstanceId>,
    /// Why it leaves (KIP-800).
    pub reason: Option<String>,
}

/// OffsetCommit, or TxnOffsetCommit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitOffsetsRequest {
    /// The group.
    pub group_id: GroupId,
    /// The positions count once the transaction of this producer is committed; at once if `None`.
    pub transaction: Option<TransactionalProducer>,
    /// The member; unknown for a client that manages its partitions itself.
    pub member_id: MemberId,
    /// The name of a static member.
    pub group_instance_id: Option<InstanceId>,
    /// The generation, −1 for a client that manages its partitions itself.
    pub generation: i32,
    /// How long to keep the offsets, from old clients (versions 2 to 4) that ask for it.
    pub retention_ms: Option<i64>,
    /// The positions.
    pub topics: Vec<CommitTopic>,
}

/// The positions of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitTopic {
    /// The topic.
    pub topic: TopicName,
    /// Its id where the driver knows it.
    pub topic_id: Option<TopicId>,
    /// Its partitions.
    pub partitions: Vec<CommitPartition>,
}

/// The position in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitPartition {
    /// The partition.
    pub partition: PartitionIndex,
    /// The next record to read.
    pub offset: Offset,
    /// The epoch of the last record read, where the client knows it.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Whatever the client wants to find again.
    pub metadata: Option<String>,
}

/// OffsetFetch for one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchOffsetsRequest {
    /// The group.
    pub group_id: GroupId,
    /// Which positions; all of the group if `None`.
    pub topics: Option<Vec<FetchTopic>>,
    /// Whether positions that an open transaction may still change are refused.
    pub require_stable: bool,
}

/// Partitions of one topic whose positions are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchTopic {
    /// The topic.
    pub topic: TopicName,
    /// Its id: a position of an earlier topic of the same name is not told.
    pub topic_id: Option<TopicId>,
    /// Its partitions.
    pub partitions: Vec<PartitionIndex>,
}

/// OffsetDelete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteOffsetsRequest {
    /// The group.
    pub group_id: GroupId,
    /// Which positions.
    pub topics: Vec<(TopicName, Vec<PartitionIndex>)>,
}

/// DescribeGroups for one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeRequest {
    /// The group.
    pub group_id: GroupId,
}

/// ListGroups; an empty filter lets everything pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Names of states, in any case (version 4 and later).
    pub states: Vec<String>,
    /// Names of kinds, in any case (version 5 and later).
    pub kinds: Vec<String>,
}

/// DeleteGroups for one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteGroupRequest {
    /// The group.
    pub group_id: GroupId,
}

/// Deleted topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropTopicsRequest {
    /// The topics.
    pub topics: Vec<DroppedTopic>,
}

/// One deleted topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedTopic {
    /// Its name.
    pub topic: TopicName,
    /// Its id: positions that are known to belong to a later topic of that name stay.
    pub topic_id: Option<TopicId>,
}
