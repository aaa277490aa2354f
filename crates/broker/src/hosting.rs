//! What this broker hosts of a topic, and what is said of a partition that it does not.
//!
//! A partition may exist and not be here: another broker has it, it is just being made, or the
//! disk under it has failed. Clients do something else in each case, so a partition is unknown
//! only if the metadata does not know it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use highwater_metadata::{MetadataImage, PartitionImage, TopicImage};
use highwater_protocol::ErrorCode;
use highwater_types::{BrokerId, PartitionIndex, TopicId, TopicName};
use parking_lot::RwLock;

use crate::broker::Broker;
use crate::data::{LocalTopic, Partition};

/// Partitions of this broker whose log could not be opened or made.
#[derive(Default)]
pub(crate) struct Unserved {
    partitions: RwLock<HashSet<(TopicId, PartitionIndex)>>,
    /// How many there are, for everybody who would find none.
    count: AtomicUsize,
}

impl Unserved {
    pub(crate) fn add(&self, topic: TopicId, partition: PartitionIndex) {
        self.change(|partitions| {
            partitions.insert((topic, partition));
        });
    }

    /// The partition is served now.
    pub(crate) fn remove(&self, topic: TopicId, partition: PartitionIndex) {
        if !self.is_empty() {
            self.change(|partitions| {
                partitions.remove(&(topic, partition));
            });
        }
    }

    /// The topic is gone; returns its partitions that were not served.
    pub(crate) fn remove_topic(&self, topic: TopicId) -> Vec<PartitionIndex> {
        let mut gone = Vec::new();
        if !self.is_empty() {
            self.change(|partitions| {
                partitions.retain(|(of, index)| {
                    if *of == topic {
                        gone.push(*index);
                    }
                    *of != topic
                });
            });
        }
        gone
    }

    fn change(&self, change: impl FnOnce(&mut HashSet<(TopicId, PartitionIndex)>)) {
        let mut partitions = self.partitions.write();
        change(&mut partitions);
        self.count.store(partitions.len(), Ordering::Release);
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    fn contains(&self, topic: TopicId, partition: PartitionIndex) -> bool {
        !self.is_empty() && self.partitions.read().contains(&(topic, partition))
    }
}

/// How a request names a topic.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'a> {
    Name(&'a str),
    Id(TopicId),
}

/// A topic that exists.
pub(crate) enum HostedTopic {
    /// Something of it is here.
    Here(Arc<LocalTopic>),
    /// Nothing of it is.
    Elsewhere(Arc<TopicImage>),
}

impl HostedTopic {
    pub(crate) fn name(&self) -> &TopicName {
        match self {
            Self::Here(topic) => &topic.name,
            Self::Elsewhere(topic) => &topic.name,
        }
    }

    /// One partition of it, or why it cannot be asked for anything here.
    pub(crate) fn partition(
        &self,
        broker: &Broker,
        index: PartitionIndex,
    ) -> Result<Arc<Partition>, ErrorCode> {
        match self {
            Self::Here(topic) => match topic.partition(index) {
                Some(partition) if partition.log.log_dir().is_offline() => {
                    Err(ErrorCode::KAFKA_STORAGE_ERROR)
                }
                Some(partition) => Ok(partition),
                None => Err(broker.why_absent(topic.id, index)),
            },
            Self::Elsewhere(topic) => Err(broker.why_absent(topic.id, index)),
        }
    }
}

/// One partition of a topic that was looked for.
pub(crate) fn in_topic(
    broker: &Broker,
    topic: &Result<HostedTopic, ErrorCode>,
    index: i32,
) -> Result<Arc<Partition>, ErrorCode> {
    match topic {
        Ok(topic) => topic.partition(broker, PartitionIndex(index)),
        Err(error) => Err(*error),
    }
}

impl Broker {
    /// The topic that a request names.
    pub(crate) fn hosted_topic(&self, named: Named<'_>) -> Result<HostedTopic, ErrorCode> {
        let here = match named {
            Named::Name(name) => self.partitions.topic(name),
            Named::Id(id) => self.partitions.topic_by_id(id),
        };
        if let Some(topic) = here {
            return Ok(HostedTopic::Here(topic));
        }
        let image = self.metadata.image();
        let (known, unknown) = match named {
            Named::Name(name) => (image.topic(name), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            Named::Id(id) => (image.topic_by_id(id), ErrorCode::UNKNOWN_TOPIC_ID),
        };
        let topic = known.ok_or(unknown)?;
        Ok(HostedTopic::Elsewhere(Arc::clone(topic)))
    }

    fn why_absent(&self, topic: TopicId, index: PartitionIndex) -> ErrorCode {
        let image = self.metadata.image();
        let known = image.topic_by_id(topic);
        if known.and_then(|topic| topic.partition(index)).is_none() {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        } else if self.unserved.contains(topic, index) {
            ErrorCode::KAFKA_STORAGE_ERROR
        } else {
            ErrorCode::NOT_LEADER_OR_FOLLOWER
        }
    }

    /// Whether the disk under a partition of this broker has failed, so that nobody leads it.
    pub(crate) fn is_on_failed_disk(&self, topic: TopicId, index: PartitionIndex) -> bool {
        if self.unserved.contains(topic, index) {
            return true;
        }
        if !self.log_dirs.iter().any(|dir| dir.is_offline()) {
            return false;
        }
        let local = self.partitions.topic_by_id(topic);
        let partition = local.and_then(|topic| topic.partition(index));
        partition.is_some_and(|partition| partition.log.log_dir().is_offline())
    }
    /// Who leads a partition as far as clients are told, and what they are told if nobody does.
    pub(crate) fn known_leader(
        &self,
        topic: TopicId,
        index: PartitionIndex,
        partition: &PartitionImage,
    ) -> (BrokerId, ErrorCode) {
        let leader = partition.leader;
        let has_leader =
            leader.get() >= 0 && !(leader == self.id && self.is_on_failed_disk(topic, index));
        if has_leader {
            (leader, ErrorCode::NONE)
        } else {
            (BrokerId::NONE, ErrorCode::LEADER_NOT_AVAILABLE)
        }
    }
    /// The replicas that nobody can reach: their broker is away, or its disk has failed.
    pub(crate) fn offline_replicas(
        &self,
        image: &MetadataImage,
        topic: TopicId,
        index: PartitionIndex,
        partition: &PartitionImage,
    ) -> Vec<BrokerId> {
        let is_offline = |id: BrokerId| {
            !image.is_active(id) || (id == self.id && self.is_on_failed_disk(topic, index))
        };
        let replicas = partition.replicas.iter().copied();
        replicas.filter(|id| is_offline(*id)).collect()
    }
}
