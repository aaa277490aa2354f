//! What a shard answers, in the machine's own types, and why it refuses.

use std::fmt;

use bytes::Bytes;
use highwater_types::{LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};

use crate::ids::{GroupId, InstanceId, MemberId};
use crate::offsets::are_different_topics;

/// Why a group refuses; each stands for the Kafka error of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum GroupError {
    /// INVALID_GROUP_ID.
    #[error("the group id is empty or too long")]
    InvalidGroupId,
    /// INVALID_REQUEST.
    #[error("what the request wants to be stored does not fit into a record")]
    InvalidRequest,
    /// INVALID_SESSION_TIMEOUT.
    #[error("the session timeout is outside of the allowed range")]
    InvalidSessionTimeout,
    /// INCONSISTENT_GROUP_PROTOCOL.
    #[error("the member shares no protocol with the group")]
    InconsistentGroupProtocol,
    /// UNKNOWN_MEMBER_ID.
    #[error("the group does not know the member")]
    UnknownMemberId,
    /// MEMBER_ID_REQUIRED.
    #[error("the member has to come back with the id it was given")]
    MemberIdRequired,
    /// FENCED_INSTANCE_ID.
    #[error("another member has taken over the instance id")]
    FencedInstanceId,
    /// GROUP_MAX_SIZE_REACHED.
    #[error("the group is full")]
    GroupMaxSizeReached,
    /// ILLEGAL_GENERATION.
    #[error("the generation is not the current one")]
    IllegalGeneration,
    /// REBALANCE_IN_PROGRESS.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// GROUP_ID_NOT_FOUND. To OffsetCommit below version 9 the edge answers ILLEGAL_GENERATION
    /// in its place.
    #[error("there is no such group")]
    GroupIdNotFound,
    /// NON_EMPTY_GROUP.
    #[error("the group has members")]
    NonEmptyGroup,
    /// GROUP_SUBSCRIBED_TO_TOPIC.
    #[error("the group is subscribed to the topic")]
    GroupSubscribedToTopic,
    /// UNSTABLE_OFFSET_COMMIT.
    #[error("an open transaction may still change the offset")]
    UnstableOffsetCommit,
    /// OFFSET_METADATA_TOO_LARGE.
    #[error("the metadata of the offset is too long")]
    OffsetMetadataTooLarge,
}

/// The answer to one [`crate::Request`], of the variant of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a join.
    Join(JoinReply),
    /// To a sync.
    Sync(Result<SyncReply, GroupError>),
    /// To a heartbeat.
    Heartbeat(Result<(), GroupError>),
    /// To a leave. Before version 3 the edge answers with the error of the only member.
    Leave(Result<Vec<LeftMember>, GroupError>),
    /// To a commit of offsets.
    CommitOffsets(Result<Vec<CommittedTopic>, GroupError>),
    /// To a fetch of offsets; a group that does not exist has committed nothing.
    FetchOffsets(Vec<FetchedTopic>),
    /// To a deletion of offsets.
    DeleteOffsets(Result<Vec<DeletedTopic>, GroupError>),
    /// To a description.
    Describe(DescribedGroup),
    /// To a list.
    List(Vec<ListedGroup>),
    /// To the deletion of a group.
    DeleteGroup(Result<(), GroupError>),
    /// To dropped topics.
    DropTopics {
        /// How many offsets were forgotten.
        offsets: usize,
    },
}

/// The answer to JoinGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinReply {
    /// The member's id; with an error, what Kafka puts there: the id that was asked with, a new
    /// one (`MemberIdRequired`), or none.
    pub member_id: MemberId,
    /// The generation that the member is now part of.
    pub result: Result<JoinedGroup, GroupError>,
}

/// A generation as a member that joined sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedGroup {
    /// The generation.
    pub generation: i32,
    /// The protocol type of the group.
    pub protocol_type: Option<String>,
    /// The protocol that all members speak and most prefer.
    pub protocol: Option<String>,
    /// The member that assigns.
    pub leader: MemberId,
    /// To the leader: all members. To others: none.
    pub members: Vec<JoinedMember>,
    /// To a leader that came back with its assignment still valid: do not assign (KIP-814).
    pub skip_assignment: bool,
}

/// A member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// The member.
    pub member_id: MemberId,
    /// The name of a static member.
    pub group_instance_id: Option<InstanceId>,
    /// Its metadata for the chosen protocol.
    pub metadata: Bytes,
}

/// The answer to SyncGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncReply {
    /// The protocol type of the group.
    pub protocol_type: Option<String>,
    /// The chosen protocol.
    pub protocol: Option<String>,
    /// What the leader assigned to the member.
    pub assignment: Bytes,
}

/// What became of one member of a LeaveGroup request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftMember {
    /// The member as the request named it.
    pub member_id: MemberId,
    /// The instance id as the request named it.
    pub group_instance_id: Option<InstanceId>,
    /// Whether it left.
    pub result: Result<(), GroupError>,
}

/// What became of the positions of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedTopic {
    /// The topic.
    pub topic: TopicName,
    /// Its id as the request had it.
    pub topic_id: Option<TopicId>,
    /// Each partition in the order of the request.
    pub partitions: Vec<(PartitionIndex, Result<(), GroupError>)>,
}

/// The positions in one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedTopic {
    /// The topic.
    pub topic: TopicName,
    /// Its id: that of the request, or where all topics were asked for, the one it was committed
    /// with.
    pub topic_id: Option<TopicId>,
    /// Each partition; `None` if nothing was committed, which Kafka answers with offset −1.
    pub partitions: Vec<(PartitionIndex, Result<Option<FetchedOffset>, GroupError>)>,
}

impl FetchedTopic {
    /// Leaves out what was committed for other topics of the same name, which have been deleted.
    pub fn keep_those_of(&mut self, topic_id: TopicId) {
        self.partitions.retain(|(_, fetched)| {
            let found = fetched.as_ref().ok().and_then(Option::as_ref);
            let committed_for = found.and_then(|found| found.topic_id);
            !are_different_topics(committed_for, Some(topic_id))
        });
        self.topic_id = Some(topic_id);
    }
}

/// A committed position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    /// The next record to read.
    pub offset: Offset,
    /// The epoch of the last record read, if the client told it.
    pub leader_epoch: Option<LeaderEpoch>,
    /// What the client wanted to find again.
    pub metadata: String,
    /// The id of the topic for which it was committed, if that was known.
    pub topic_id: Option<TopicId>,
}

/// What became of the deletion of positions in one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTopic {
    /// The topic.
    pub topic: TopicName,
    /// Each partition in the order of the request.
    pub partitions: Vec<(PartitionIndex, Result<(), GroupError>)>,
}

/// A group as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedGroup {
    /// The group.
    pub group_id: GroupId,
    /// `GroupIdNotFound` for a group that does not exist; versions below 6 leave it out and only
    /// show the state `Dead`.
    pub error: Option<GroupError>,
    /// The state.
    pub state: GroupState,
    /// The protocol type, empty if the group never had members.
    pub protocol_type: String,
    /// The chosen protocol, told of stable groups only.
    pub protocol: String,
    /// The members.
    pub members: Vec<DescribedMember>,
}

/// A member as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// The member.
    pub member_id: MemberId,
    /// The name of a static member.
    pub group_instance_id: Option<InstanceId>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub client_host: String,
    /// Its metadata for the chosen protocol, told of stable groups only.
    pub metadata: Bytes,
    /// Its assignment.
    pub assignment: Bytes,
}

/// One line of a list of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// The group.
    pub group_id: GroupId,
    /// The protocol type, empty if the group never had members.
    pub protocol_type: String,
    /// The state.
    pub state: GroupState,
    /// The kind.
    pub kind: GroupKind,
}

/// The states of a classic group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupState {
    /// No members; there may be offsets.
    Empty,
    /// Members are joining.
    PreparingRebalance,
    /// The members have joined, the leader is assigning.
    CompletingRebalance,
    /// Every member has its assignment or may fetch it.
    Stable,
    /// The group does not exist.
    Dead,
}

impl GroupState {
    /// The name that the wire and the tools use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kinds of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKind {
    /// Members rebalance by joining and syncing, a leader assigns; also groups without members
    /// that only store offsets.
    Classic,
}

impl GroupKind {
    /// The name that the wire and the tools use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
        }
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
