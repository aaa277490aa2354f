//! Committed offsets: how far a group has read each partition.
//!
//! The store of a group is changed by replay alone; the requests here decide records and read.

use std::collections::BTreeMap;

use highwater_types::{LeaderEpoch, Now, Offset, PartitionIndex, TopicId, TopicName};

use crate::config::GroupConfig;
use crate::ids::GroupId;
use crate::output::Record;
use crate::records::{OffsetCommitValue, RecordKey};
use crate::replies::{CommittedTopic, DeletedTopic, FetchedOffset, FetchedTopic, GroupError};
use crate::requests::{
    CommitOffsetsRequest, CommitPartition, DeleteOffsetsRequest, DroppedTopic, FetchTopic,
};

/// The committed offsets of one group.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupOffsets {
    by_topic: BTreeMap<TopicName, BTreeMap<PartitionIndex, OffsetCommitValue>>,
}

impl GroupOffsets {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_topic.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_topic.values().map(BTreeMap::len).sum()
    }

    /// Every committed offset.
    pub(crate) fn positions(
        &self,
    ) -> impl Iterator<Item = (TopicName, PartitionIndex, Offset)> + '_ {
        self.by_topic.iter().flat_map(|(topic, partitions)| {
            partitions
                .iter()
                .map(|(partition, value)| (topic.clone(), *partition, value.offset))
        })
    }

    pub(crate) fn get(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
    ) -> Option<&OffsetCommitValue> {
        self.by_topic.get(topic)?.get(&partition)
    }

    pub(crate) fn insert(
        &mut self,
        topic: TopicName,
        partition: PartitionIndex,
        value: OffsetCommitValue,
    ) {
        self.by_topic
            .entry(topic)
            .or_default()
            .insert(partition, value);
    }

    pub(crate) fn remove(&mut self, topic: &TopicName, partition: PartitionIndex) {
        if let Some(partitions) = self.by_topic.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.by_topic.remove(topic);
            }
        }
    }

    /// Pushes the records that forget every offset that `which` picks; says how many stay.
    pub(crate) fn tombstones(
        &self,
        id: &GroupId,
        mut which: impl FnMut(&TopicName, PartitionIndex, &OffsetCommitValue) -> bool,
        records: &mut Vec<Record>,
    ) -> usize {
        let mut kept = 0;
        for (topic, partitions) in &self.by_topic {
            for (partition, value) in partitions {
                if which(topic, *partition, value) {
                    records.push(tombstone(id, topic, *partition));
                } else {
                    kept += 1;
                }
            }
        }
        kept
    }

    /// Pushes the records that forget the offsets of deleted topics.
    pub(crate) fn topic_tombstones(
        &self,
        id: &GroupId,
        dropped: &[DroppedTopic],
        records: &mut Vec<Record>,
    ) {
        for topic in dropped {
            let Some(partitions) = self.by_topic.get(&topic.topic) else {
                continue;
            };
            for (partition, value) in partitions {
                if !are_different_topics(value.topic_id, topic.topic_id) {
                    records.push(tombstone(id, &topic.topic, *partition));
                }
            }
        }
    }
}

fn tombstone(id: &GroupId, topic: &TopicName, partition: PartitionIndex) -> Record {
    Record {
        key: RecordKey::offset_commit(id, topic, partition),
        value: None,
    }
}

/// Two ids of a name are of different topics if both are known and differ.
fn are_different_topics(one: Option<TopicId>, other: Option<TopicId>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one != other && !one.is_zero() && !other.is_zero(),
        _ => false,
    }
}

/// Decides the records of a commit that the group has allowed.
pub(crate) fn commit(
    now: Now,
    config: &GroupConfig,
    request: CommitOffsetsRequest,
    records: &mut Vec<Record>,
) -> Vec<CommittedTopic> {
    let retention_ms = request
        .retention_ms
        .filter(|retention_ms| *retention_ms >= 0);
    let expire_timestamp_ms = retention_ms.map(|ms| now.wall_ms.saturating_add(ms));
    let mut committed = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for CommitPartition {
            partition,
            offset,
            leader_epoch,
            metadata,
        } in topic.partitions
        {
            let metadata = metadata.unwrap_or_default();
            if is_too_long(config, &metadata) {
                partitions.push((partition, Err(GroupError::OffsetMetadataTooLarge)));
                continue;
            }
            let value = OffsetCommitValue {
                offset,
                leader_epoch: leader_epoch.filter(|epoch| *epoch >= LeaderEpoch(0)),
                metadata: metadata.into(),
                commit_timestamp_ms: now.wall_ms,
                expire_timestamp_ms,
                topic_id: topic.topic_id.filter(|id| !id.is_zero()),
            };
            records.push(Record {
                key: RecordKey::offset_commit(&request.group_id, &topic.topic, partition),
                value: Some(value.encode()),
            });
            partitions.push((partition, Ok(())));
        }
        committed.push(CommittedTopic {
            topic: topic.topic,
            topic_id: topic.topic_id,
            partitions,
        });
    }
    committed
}

/// Kafka counts the UTF-16 code units; the record has room for 32,767 bytes whatever is configured.
fn is_too_long(config: &GroupConfig, metadata: &str) -> bool {
    let length_max = config.offset_metadata_len_max;
    metadata.len() > i16::MAX as usize
        || (metadata.len() > length_max && metadata.encode_utf16().count() > length_max)
}

/// Tells the offsets that are asked for, or all of them.
pub(crate) fn fetch(
    offsets: Option<&GroupOffsets>,
    topics: Option<Vec<FetchTopic>>,
) -> Vec<FetchedTopic> {
    match (topics, offsets) {
        (Some(topics), _) => topics
            .into_iter()
            .map(|topic| fetch_topic(offsets, topic))
            .collect(),
        (None, Some(offsets)) => fetch_all(offsets),
        (None, None) => Vec::new(),
    }
}

fn fetch_topic(offsets: Option<&GroupOffsets>, topic: FetchTopic) -> FetchedTopic {
    let find = |partition| {
        let value = offsets.and_then(|offsets| offsets.get(&topic.topic, partition));
        let value = value.filter(|value| !are_different_topics(value.topic_id, topic.topic_id));
        (partition, value.map(fetched))
    };
    let partitions = topic.partitions.into_iter().map(find).collect();
    FetchedTopic {
        topic: topic.topic,
        topic_id: topic.topic_id,
        partitions,
    }
}

fn fetch_all(offsets: &GroupOffsets) -> Vec<FetchedTopic> {
    let mut topics = Vec::with_capacity(offsets.by_topic.len());
    for (topic, partitions) in &offsets.by_topic {
        topics.push(FetchedTopic {
            topic: topic.clone(),
            topic_id: partitions.values().find_map(|value| value.topic_id),
            partitions: partitions
                .iter()
                .map(|(index, value)| (*index, Some(fetched(value))))
                .collect(),
        });
    }
    topics
}

fn fetched(value: &OffsetCommitValue) -> FetchedOffset {
    FetchedOffset {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata.to_string(),
    }
}

/// Decides the records that forget offsets of topics that nobody in the group reads.
pub(crate) fn delete(
    offsets: &GroupOffsets,
    is_subscribed: impl Fn(&str) -> bool,
    request: DeleteOffsetsRequest,
    records: &mut Vec<Record>,
) -> Vec<DeletedTopic> {
    let mut deleted = Vec::with_capacity(request.topics.len());
    for (topic, asked) in request.topics {
        let result = match is_subscribed(topic.as_str()) {
            true => Err(GroupError::GroupSubscribedToTopic),
            false => Ok(()),
        };
        let mut partitions = Vec::with_capacity(asked.len());
        for partition in asked {
            if result.is_ok() && offsets.get(&topic, partition).is_some() {
                records.push(tombstone(&request.group_id, &topic, partition));
            }
            partitions.push((partition, result));
        }
        deleted.push(DeletedTopic { topic, partitions });
    }
    deleted
}
