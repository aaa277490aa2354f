//! Sets of partitions, grouped by topic as the log and the wire have them.

use std::collections::{BTreeMap, BTreeSet};

use highwater_types::{PartitionIndex, TopicName, TopicPartition};

/// Partitions of any topics, each once, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionSet {
    topics: BTreeMap<TopicName, BTreeSet<PartitionIndex>>,
    len: usize,
}

impl PartitionSet {
    /// How many partitions there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The topics with their partitions; none is without.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = (&TopicName, &BTreeSet<PartitionIndex>)> {
        self.topics.iter()
    }

    /// Every partition.
    pub fn iter(&self) -> impl Iterator<Item = TopicPartition> + '_ {
        self.topics.iter().flat_map(|(topic, partitions)| {
            let of_topic =
                |partition: &PartitionIndex| TopicPartition::new(topic.clone(), *partition);
            partitions.iter().map(of_topic)
        })
    }

    /// Whether the partition is there.
    pub fn contains(&self, partition: &TopicPartition) -> bool {
        self.topics
            .get(&partition.topic)
            .is_some_and(|partitions| partitions.contains(&partition.partition))
    }

    pub(crate) fn insert(&mut self, topic: TopicName, partition: PartitionIndex) {
        if self.topics.entry(topic).or_default().insert(partition) {
            self.len += 1;
        }
    }

    pub(crate) fn remove(&mut self, partition: &TopicPartition) {
        let Some(partitions) = self.topics.get_mut(&partition.topic) else {
            return;
        };
        if partitions.remove(&partition.partition) {
            self.len -= 1;
        }
        if partitions.is_empty() {
            self.topics.remove(&partition.topic);
        }
    }
}

impl Extend<TopicPartition> for PartitionSet {
    fn extend<I: IntoIterator<Item = TopicPartition>>(&mut self, partitions: I) {
        for partition in partitions {
            self.insert(partition.topic, partition.partition);
        }
    }
}

impl FromIterator<TopicPartition> for PartitionSet {
    fn from_iter<I: IntoIterator<Item = TopicPartition>>(partitions: I) -> Self {
        let mut set = Self::default();
        set.extend(partitions);
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(text: &str) -> TopicPartition {
        TopicPartition::from_dir_name(text).unwrap()
    }

    #[test]
    fn a_partition_counts_once_and_a_topic_goes_with_its_last_partition() {
        let mut set: PartitionSet = ["a-1", "b-0", "a-1", "a-0"]
            .map(partition)
            .into_iter()
            .collect();
        assert_eq!(set.len(), 3);
        let printed: Vec<String> = set.iter().map(|partition| partition.to_string()).collect();
        assert_eq!(printed, ["a-0", "a-1", "b-0"]);
        set.remove(&partition("b-0"));
        set.remove(&partition("b-0"));
        set.remove(&partition("c-0"));
        assert_eq!((set.len(), set.topics().len()), (2, 1));
        assert!(set.contains(&partition("a-1")) && !set.contains(&partition("b-0")));
    }
}
