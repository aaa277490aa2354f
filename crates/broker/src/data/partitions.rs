//! All partitions of this broker, found by the name or the id of their topic.

use std::collections::HashMap;
use std::sync::Arc;

use highwater_storage::LogDir;
use highwater_types::{Now, PartitionIndex, TopicId, TopicName, TopicPartition};
use parking_lot::{Mutex, RwLock};

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

struct Doomed {
    partition: Arc<Partition>,
    /// Whether the disk has refused already.
    was_refused: bool,
}

/// The partitions of this broker.
#[derive(Default)]
pub(crate) struct Partitions {
    topics: RwLock<Topics>,
    /// Partitions of deleted topics whose logs have to go from the disk.
    doomed: Mutex<Vec<Doomed>>,
}

impl Partitions {
    /// A topic by name.
    pub(crate) fn topic(&self, name: &str) -> Option<Arc<LocalTopic>> {
        self.topics.read().by_name.get(name).cloned()
    }

    /// A topic by id.
    pub(crate) fn topic_by_id(&self, id: TopicId) -> Option<Arc<LocalTopic>> {
        self.topics.read().by_id.get(&id).cloned()
    }

    /// One partition.
    pub(crate) fn get(&self, name: &TopicPartition) -> Option<Arc<Partition>> {
        self.topic(name.topic.as_str())?.partition(name.partition)
    }

    /// Every partition, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        let topics: Vec<_> = self.topics.read().by_id.values().cloned().collect();
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
        let mut topics = self.topics.write();
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
        let mut topics = self.topics.write();
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

    /// Notes that the logs of partitions have to go. Costs nothing on the disk, so that a topic
    /// can be deleted with thousands of them while everything waits for the metadata.
    pub(crate) fn doom(&self, gone: impl IntoIterator<Item = Arc<Partition>>) {
        let gone = gone.into_iter().map(|partition| Doomed {
            partition,
            was_refused: false,
        });
        self.doomed.lock().extend(gone);
    }

    /// Deletes the logs that have to go; blocks on the disk. What that refuses is tried again
    /// the next time. Every name that could be freed is free when this returns.
    pub(crate) fn delete_doomed(&self, now: Now) {
        // Held throughout: who makes a partition of the same name must find the name free.
        let mut doomed = self.doomed.lock();
        doomed.retain_mut(|Doomed { partition, was_refused }| {
            if partition.log.log_dir().is_offline() {
                return true;
            }
            let name = &partition.name;
            match partition.log.delete(now) {
                Ok(()) if *was_refused => tracing::info!(partition = %name, "deleted a log at last"),
                Ok(()) => {}
                // It is tried again every second; saying so once is enough.
                Err(_) if *was_refused => return true,
                Err(error) => {
                    tracing::error!(partition = %name, %error, "cannot delete a log, trying again");
                    *was_refused = true;
                    return true;
                }
            }
            false
        });
        if doomed.is_empty() {
            doomed.shrink_to(64);
        }
    }
}

#[cfg(test)]
mod tests {
    use highwater_disk::{CrashImage, FaultyDisk};

    use super::*;
    use crate::data::partition::tests::{lead, now, open_dir};

    #[test]
    fn a_log_that_the_disk_does_not_let_go_is_deleted_later() {
        let disk = FaultyDisk::new();
        let dir = open_dir(&disk);
        let partitions = Partitions::default();
        for name in ["t-0", "t-1", "t-2"] {
            partitions.insert(lead(&dir, name));
        }
        let id = partitions.all()[0].topic_id;
        let left = || {
            let found = dir.partitions().unwrap().into_iter();
            found.map(|found| found.tp.to_string()).collect::<Vec<_>>()
        };
        partitions.doom(partitions.remove(id));
        assert_eq!(left().len(), 3, "nothing is touched before it is asked for");
        disk.fail_moves_of(Some("t-1"));
        partitions.delete_doomed(now());
        assert_eq!(left(), ["t-1"]);
        partitions.delete_doomed(now());
        assert!(!dir.is_offline());
        disk.fail_moves_of(None);
        partitions.delete_doomed(now());
        assert!(left().is_empty() && partitions.doomed.lock().is_empty());
        dir.persist_flushed_ends().unwrap();
        let dir = open_dir(&disk.crash(CrashImage::Synced));
        assert!(dir.partitions().unwrap().is_empty());
    }

    #[test]
    fn a_hundred_logs_are_deleted_with_one_sync() {
        let disk = FaultyDisk::new();
        let dir = open_dir(&disk);
        let partitions = Partitions::default();
        let names = (0..100).map(|nth| format!("t-{nth}"));
        names.for_each(|name| partitions.insert(lead(&dir, &name)));
        let id = partitions.all()[0].topic_id;
        partitions.doom(partitions.remove(id));
        let before = disk.operations();
        partitions.delete_doomed(now());
        dir.persist_flushed_ends().unwrap();
        // Each has its rename and its line in the journal; the sync is one.
        assert_eq!(disk.operations() - before, 2 * 100 + 1);
    }
}
