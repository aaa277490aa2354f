//! The keys of records: which group, and within it which offset or which piece of metadata.

use bytes::Bytes;
use highwater_types::{PartitionIndex, TopicName};

use super::wire::{Lengths, Malformed, Reader, Writer};
use crate::ids::GroupId;

const LEGACY_OFFSET_COMMIT: i16 = 0;
const OFFSET_COMMIT: i16 = 1;
const GROUP_METADATA: i16 = 2;

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordKey {
    /// A committed offset. Kafka 0.8 wrote type 0, later versions type 1, in the same shape.
    OffsetCommit {
        group_id: GroupId,
        topic: TopicName,
        partition: PartitionIndex,
    },
    /// A classic group.
    GroupMetadata { group_id: GroupId },
    /// A kind that this crate does not keep.
    Other { record_type: i16 },
}

impl RecordKey {
    pub(crate) fn decode(key: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(key);
        match reader.i16("record type")? {
            LEGACY_OFFSET_COMMIT | OFFSET_COMMIT => Ok(Self::OffsetCommit {
                group_id: GroupId::from(reader.string("group")?),
                topic: TopicName::new(reader.string("topic")?)?,
                partition: PartitionIndex(reader.i32("partition")?),
            }),
            GROUP_METADATA => Ok(Self::GroupMetadata {
                group_id: GroupId::from(reader.string("group")?),
            }),
            record_type => Ok(Self::Other { record_type }),
        }
    }

    /// The key of a committed offset.
    pub(crate) fn offset_commit(
        group_id: &GroupId,
        topic: &TopicName,
        partition: PartitionIndex,
    ) -> Bytes {
        let mut writer = Writer::new(OFFSET_COMMIT, Lengths::Fixed);
        writer.string(group_id.as_str());
        writer.string(topic.as_str());
        writer.i32(partition.get());
        writer.finish()
    }

    /// The key of a classic group.
    pub(crate) fn group_metadata(group_id: &GroupId) -> Bytes {
        let mut writer = Writer::new(GROUP_METADATA, Lengths::Fixed);
        writer.string(group_id.as_str());
        writer.finish()
    }
}

/// Kafka's name for a type of record, for people who look into a log.
pub(super) fn type_name(record_type: i16) -> Option<&'static str> {
    Some(match record_type {
        0 => "LegacyOffsetCommit",
        1 => "OffsetCommit",
        2 => "GroupMetadata",
        3 => "ConsumerGroupMetadata",
        4 => "ConsumerGroupPartitionMetadata",
        5 => "ConsumerGroupMemberMetadata",
        6 => "ConsumerGroupTargetAssignmentMetadata",
        7 => "ConsumerGroupTargetAssignmentMember",
        8 => "ConsumerGroupCurrentMemberAssignment",
        10 => "ShareGroupMemberMetadata",
        11 => "ShareGroupMetadata",
        12 => "ShareGroupTargetAssignmentMetadata",
        13 => "ShareGroupTargetAssignmentMember",
        14 => "ShareGroupCurrentMemberAssignment",
        15 => "ShareGroupStatePartitionMetadata",
        16 => "ConsumerGroupRegularExpression",
        17 => "StreamsGroupMetadata",
        19 => "StreamsGroupMemberMetadata",
        20 => "StreamsGroupTargetAssignmentMetadata",
        21 => "StreamsGroupTargetAssignmentMember",
        22 => "StreamsGroupCurrentMemberAssignment",
        23 => "StreamsGroupTopology",
        _ => return None,
    })
}
