//! Committed offsets: how far a group has read each partition.
//!
//! The store of a group is changed by replay alone; the requests here decide records and read.

use std::collections::{BTreeMap, BTreeSet};

use highwater_types::{
    LeaderEpoch, Now, Offset, PartitionIndex, ProducerId, TopicId, TopicName, TransactionOutcome,
};

use crate::config::GroupConfig;
use crate::ids::GroupId;
use crate::output::Record;
use crate::records::{OffsetCommitValue, RecordKey};
use crate::replies::{CommittedTopic, DeletedTopic, FetchedOffset, FetchedTopic, GroupError};
use crate::requests::{
    CommitOffsetsRequest, CommitPartition, DeleteOffsetsRequest, DroppedTopic, FetchOffsetsRequest,
    FetchTopic,
};

/// A committed offset and the place of its record among all that were replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) value: OffsetCommitValue,
    pub(crate) order: u64,
}

type ByPartition = BTreeMap<TopicName, BTreeMap<PartitionIndex, Committed>>;

/// The committed offsets of one group.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupOffsets {
    by_topic: ByPartition,
    /// What open transactions have committed, which does not count yet.
    pending: BTreeMap<ProducerId, ByPartition>,
}

fn remove_from(offsets: &mut ByPartition, topic: &TopicName, partition: PartitionIndex) {
    if let Some(partitions) = offsets.get_mut(topic) {
        partitions.remove(&partition);
        if partitions.is_empty() {
            offsets.remove(topic);
        }
    }
}

impl GroupOffsets {
    /// Whether there are none, not even in an open transaction.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_topic.is_empty() && self.pending.is_empty()
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
                .map(|(partition, found)| (topic.clone(), *partition, found.value.offset))
        })
    }

    pub(crate) fn get(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
    ) -> Option<&OffsetCommitValue> {
        let found = self.by_topic.get(topic)?.get(&partition);
        found.map(|committed| &committed.value)
    }

    /// Whether an open transaction may still change the offset.
    pub(crate) fn is_unstable(&self, topic: &TopicName, partition: PartitionIndex) -> bool {
        let has = |pending: &ByPartition| {
            let partitions = pending.get(topic);
            partitions.is_some_and(|partitions| partitions.contains_key(&partition))
        };
        self.pending.values().any(has)
    }

    pub(crate) fn insert(
        &mut self,
        topic: TopicName,
        partition: PartitionIndex,
        committed: Committed,
    ) {
        self.by_topic
            .entry(topic)
            .or_default()
            .insert(partition, committed);
    }

    pub(crate) fn insert_pending(
        &mut self,
        producer: ProducerId,
        topic: TopicName,
        partition: PartitionIndex,
        committed: Committed,
    ) {
        let pending = self.pending.entry(producer).or_default();
        let partitions = pending.entry(topic).or_default();
        partitions.insert(partition, committed);
    }

    /// Forgets an offset, also where a transaction has yet to commit it.
    pub(crate) fn remove(&mut self, topic: &TopicName, partition: PartitionIndex) {
        remove_from(&mut self.by_topic, topic, partition);
        self.pending.retain(|_, pending| {
            remove_from(pending, topic, partition);
            !pending.is_empty()
        });
    }

    /// Lets what a transaction has committed count, or forgets it.
    pub(crate) fn end_transaction(&mut self, producer: ProducerId, outcome: TransactionOutcome) {
        let ended = self.pending.remove(&producer).unwrap_or_default();
        if outcome == TransactionOutcome::Aborted {
            return;
        }
        for (topic, partitions) in ended {
            let known = self.by_topic.entry(topic).or_default();
            for (partition, committed) in partitions {
                let is_later = |known: &Committed| known.order > committed.order;
                if !known.get(&partition).is_some_and(is_later) {
                    known.insert(partition, committed);
                }
            }
        }
    }

    /// The partitions that only open transactions have offsets of.
    fn only_pending(&self) -> impl Iterator<Item = (&TopicName, PartitionIndex)> + '_ {
        let all = self.pending.values().flatten();
        let all = all.flat_map(|(topic, partitions)| partitions.keys().map(move |at| (topic, *at)));
        let mut seen = BTreeSet::new();
        all.filter(move |(topic, partition)| {
            self.get(topic, *partition).is_none() && seen.insert((*topic, *partition))
        })
    }

    /// Pushes the records that forget every offset that `which` picks, of those that no open
    /// transaction may still change; says how many stay.
    pub(crate) fn tombstones(
        &self,
        id: &GroupId,
        mut which: impl FnMut(&TopicName, &OffsetCommitValue) -> bool,
        records: &mut Vec<Record>,
    ) -> usize {
        let mut kept = self.only_pending().count();
        for (topic, partitions) in &self.by_topic {
            for (partition, found) in partitions {
                if which(topic, &found.value) && !self.is_unstable(topic, *partition) {
                    records.push(tombstone(id, topic, *partition));
                } else {
                    kept += 1;
                }
            }
        }
        kept
    }

    /// Pushes the records that forget every offset.
    pub(crate) fn all_tombstones(&self, id: &GroupId, records: &mut Vec<Record>) {
        for (topic, partitions) in &self.by_topic {
            let partitions = partitions.keys();
            records.extend(partitions.map(|partition| tombstone(id, topic, *partition)));
        }
        let pending = self.only_pending();
        records.extend(pending.map(|(topic, partition)| tombstone(id, topic, partition)));
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
            for (partition, found) in partitions {
                if !are_different_topics(found.value.topic_id, topic.topic_id) {
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
pub(crate) fn are_different_topics(one: Option<TopicId>, other: Option<TopicId>) -> bool {
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
    request: FetchOffsetsRequest,
) -> Vec<FetchedTopic> {
    let look = Look {
        offsets,
        require_stable: request.require_stable,
    };
    match (request.topics, offsets) {
        (Some(topics), _) => topics.into_iter().map(|topic| look.topic(topic)).collect(),
        (None, Some(offsets)) => look.all(offsets),
        (None, None) => Vec::new(),
    }
}

/// How offsets are told.
struct Look<'a> {
    offsets: Option<&'a GroupOffsets>,
    require_stable: bool,
}

impl Look<'_> {
    fn topic(&self, topic: FetchTopic) -> FetchedTopic {
        let find = |partition| {
            let found = self.offset(&topic.topic, partition);
            let found = found.map(|value| {
                let value =
                    value.filter(|value| !are_different_topics(value.topic_id, topic.topic_id));
                value.map(fetched)
            });
            (partition, found)
        };
        let partitions = topic.partitions.into_iter().map(find).collect();
        FetchedTopic {
            topic: topic.topic,
            topic_id: topic.topic_id,
            partitions,
        }
    }

    fn offset(
        &self,
        topic: &TopicName,
        partition: PartitionIndex,
    ) -> Result<Option<&OffsetCommitValue>, GroupError> {
        let Some(offsets) = self.offsets else {
            return Ok(None);
        };
        if self.require_stable && offsets.is_unstable(topic, partition) {
            return Err(GroupError::UnstableOffsetCommit);
        }
        Ok(offsets.get(topic, partition))
    }

    fn all(&self, offsets: &GroupOffsets) -> Vec<FetchedTopic> {
        let mut topics = Vec::with_capacity(offsets.by_topic.len());
        for (topic, partitions) in &offsets.by_topic {
            let told = partitions.keys().map(|index| {
                let found = self.offset(topic, *index);
                (*index, found.map(|value| value.map(fetched)))
            });
            topics.push(FetchedTopic {
                topic: topic.clone(),
                topic_id: partitions.values().find_map(|found| found.value.topic_id),
                partitions: told.collect(),
            });
        }
        topics
    }
}

fn fetched(value: &OffsetCommitValue) -> FetchedOffset {
    FetchedOffset {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata.to_string(),
        topic_id: value.topic_id,
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
            let is_there =
                offsets.get(&topic, partition).is_some() || offsets.is_unstable(&topic, partition);
            if result.is_ok() && is_there {
                records.push(tombstone(&request.group_id, &topic, partition));
            }
            partitions.push((partition, result));
        }
        deleted.push(DeletedTopic { topic, partitions });
    }
    deleted
}
