//! All partitions of this broker, found by the name or the id of their topic.

use std::collections::HashMap;
use std::sync::Arc;

use highwater_storage::LogDir;
use highwater_types::{PartitionIndex, TopicId, TopicName, TopicPartition};
use parking_lot::RwLock;

use crate::data::Partition;

/// A topic of which this broker holds partitions.
pub(crate) struct LocalTopic {
    pub(crate) name: TopicName,
    pub(crate) id: TopicId,
    partitions: RwLock<Vec<Option<Arc<Partition>>>>,
}

impl LocalTopic {
    /// The partition, if it is here.
    pub(crate) fn partition(&self, index: PartitionIndex) -> Option<Arc<Partition>> {
        let at = usize::try_from(index.get()).ok()?;
        self.partitions.read().get(at).cloned().flatten()
    }

    /// All that are here.
    pub(crate) fn partitions(&self) -> Vec<Arc<Partition>> {
        self.partitions.read().iter().flatten().cloned().collect()
    }

    fn insert(&self, partition: Arc<Partition>) {
        let Ok(at) = usize::try_from(partition.name.partition.get()) else {
            return;
        };
        let mut partitions = self.partitions.write();
        if partitions.len() <= at {
            partitions.resize(at + 1, None);
        }
        partitions[at] = Some(partition);
    }
}

#[derive(Default)]
struct Topics {
    by_name: HashMap<TopicName, Arc<LocalTopic>>,
    by_id: HashMap<TopicId, Arc<LocalTopic>>,
}

/// The partitions of this broker.
#[derive(Default)]
pub(crate) struct Partitions(RwLock<Topics>);

impl Partitions {
    /// A topic by name.
    pub(crate) fn topic(&self, name: &str) -> Option<Arc<LocalTopic>> {
        self.0.read().by_name.get(name).cloned()
    }

    /// A topic by id.
    pub(crate) fn topic_by_id(&self, id: TopicId) -> Option<Arc<LocalTopic>> {
        self.0.read().by_id.get(&id).cloned()
    }

    /// One partition.
    pub(crate) fn get(&self, name: &TopicPartition) -> Option<Arc<Partition>> {
        self.topic(name.topic.as_str())?.partition(name.partition)
    }

    /// Every partition, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        let topics: Vec<_> = self.0.read().by_id.values().cloned().collect();
        topics.iter().flat_map(|topic| topic.partitions()).collect()
    }

    /// How many partitions lie in a directory.
    pub(crate) fn count_in(&self, dir: &Arc<LogDir>) -> usize {
        self.all()
            .iter()
            .filter(|partition| Arc::ptr_eq(partition.log.log_dir(), dir))
            .count()
    }

    /// Makes a partition findable.
    pub(crate) fn insert(&self, partition: Arc<Partition>) {
        let mut topics = self.0.write();
        let id = partition.topic_id;
        let name = partition.name.topic.clone();
        let topic = topics.by_id.entry(id).or_insert_with(|| {
            let partitions = RwLock::new(Vec::new());
            Arc::new(LocalTopic {
                name: name.clone(),
                id,
                partitions,
            })
        });
        let topic = Arc::clone(topic);
        topics.by_name.insert(name, Arc::clone(&topic));
        drop(topics);
        topic.insert(partition);
    }

    /// Forgets a topic and returns what was here of it.
    pub(crate) fn remove(&self, id: TopicId) -> Vec<Arc<Partition>> {
        let mut topics = self.0.write();
        let Some(topic) = topics.by_id.remove(&id) else {
            return Vec::new();
        };
        if topics
            .by_name
            .get(topic.name.as_str())
            .is_some_and(|other| other.id == id)
        {
            topics.by_name.remove(topic.name.as_str());
        }
        drop(topics);
        topic.partitions()
    }
}
