//! What Kafka's metadata records amount to.

use std::collections::{BTreeMap, BTreeSet};

use highwater_types::limits::PARTITIONS_PER_TOPIC_MAX;
use highwater_types::{BrokerId, NameError, TopicId, TopicName};

use super::{KafkaPartitionRecord, KafkaRecord};
use crate::ConfigResourceType;

/// A topic of Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaTopic {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: TopicId,
    /// Its partitions by index; [`KafkaTopic::is_whole`] says whether one is missing.
    pub partitions: BTreeMap<i32, KafkaPartition>,
}

/// A partition of Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaPartition {
    /// All replicas.
    pub replicas: Vec<BrokerId>,
    /// Replicas that a reassignment adds.
    pub adding: Vec<BrokerId>,
    /// Replicas that a reassignment takes away.
    pub removing: Vec<BrokerId>,
    /// The leader; −1 for none.
    pub leader: BrokerId,
    /// How often a leader has been named.
    pub leader_epoch: i32,
    /// How often anything has changed.
    pub partition_epoch: i32,
}

/// A record contradicts those before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KafkaApplyError {
    /// Two topics have one name or one id.
    #[error("topic {name} ({id}) is created twice")]
    DuplicateTopic {
        /// Its name.
        name: TopicName,
        /// Its id.
        id: TopicId,
    },
    /// No topic could have this name.
    #[error("{0}")]
    Name(#[from] NameError),
    /// No topic has this id.
    #[error("topic id {0} does not exist")]
    UnknownTopic(TopicId),
    /// The topic has no such partition.
    #[error("partition {1} of topic id {0} does not exist")]
    UnknownPartition(TopicId, i32),
    /// No topic could have this partition, or has it already.
    #[error("partition {1} of topic id {0} cannot be")]
    InvalidPartition(TopicId, i32),
    /// Begin and end do not alternate.
    #[error("the transactions of the metadata log are in disorder")]
    Transactions,
}

/// A quota of Kafka: the parts of the entity, and the key.
type QuotaName = (Vec<(String, Option<String>)>, String);

/// The metadata of a Kafka cluster, as far as an import needs them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KafkaImage {
    topics: BTreeMap<TopicId, KafkaTopic>,
    names: BTreeMap<TopicName, TopicId>,
    configs: BTreeMap<(i8, String), BTreeMap<String, String>>,
    quotas: BTreeMap<QuotaName, f64>,
    features: BTreeMap<String, i16>,
    brokers: BTreeSet<BrokerId>,
    next_producer_id: i64,
    unsupported: BTreeSet<&'static str>,
    /// The records of a transaction that has not ended.
    open: Option<Vec<KafkaRecord>>,
}

impl KafkaTopic {
    /// Whether no index is missing below the largest, and there is a partition at all.
    pub fn is_whole(&self) -> bool {
        let last = self.partitions.keys().next_back();
        last.is_some_and(|last| *last == self.partitions.len() as i32 - 1)
    }
}

impl KafkaImage {
    /// The image before the first record.
    pub fn new() -> Self {
        Self::default()
    }

    /// All topics in the order of their names.
    pub fn topics(&self) -> impl Iterator<Item = &KafkaTopic> {
        self.names.values().filter_map(|id| self.topics.get(id))
    }

    /// A topic by its id.
    pub fn topic(&self, id: TopicId) -> Option<&KafkaTopic> {
        self.topics.get(&id)
    }

    /// Every configured resource: Kafka's code of its type, its name, keys and values.
    pub fn configs(&self) -> impl Iterator<Item = (i8, &str, &BTreeMap<String, String>)> {
        let configs = self.configs.iter();
        configs.map(|((kind, name), keys)| (*kind, name.as_str(), keys))
    }

    /// What is configured on a topic.
    pub fn topic_config(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        let kind = ConfigResourceType::Topic.code();
        self.configs.get(&(kind, name.to_owned()))
    }

    /// Every client quota: the parts of its entity, its key, its value.
    pub fn quotas(&self) -> impl Iterator<Item = (&[(String, Option<String>)], &str, f64)> {
        let quotas = self.quotas.iter();
        quotas.map(|((entity, key), value)| (entity.as_slice(), key.as_str(), *value))
    }

    /// The level of every feature.
    pub fn features(&self) -> &BTreeMap<String, i16> {
        &self.features
    }

    /// The brokers that are registered.
    pub fn brokers(&self) -> &BTreeSet<BrokerId> {
        &self.brokers
    }

    /// The first producer id that has not been given out.
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// What there is or was that cannot be taken over.
    pub fn unsupported(&self) -> &BTreeSet<&'static str> {
        &self.unsupported
    }

    /// Carries out one record. A transaction that never ends counts for nothing, as with Kafka.
    pub fn apply(&mut self, record: KafkaRecord) -> Result<(), KafkaApplyError> {
        match record {
            KafkaRecord::BeginTransaction => match self.open.replace(Vec::new()) {
                None => Ok(()),
                Some(_) => Err(KafkaApplyError::Transactions),
            },
            KafkaRecord::AbortTransaction => match self.open.take() {
                Some(_) => Ok(()),
                None => Err(KafkaApplyError::Transactions),
            },
            KafkaRecord::EndTransaction => {
                let held = self.open.take().ok_or(KafkaApplyError::Transactions)?;
                held.into_iter().try_for_each(|record| self.settle(record))
            }
            record => match &mut self.open {
                Some(held) => {
                    held.push(record);
                    Ok(())
                }
                None => self.settle(record),
            },
        }
    }

    fn settle(&mut self, record: KafkaRecord) -> Result<(), KafkaApplyError> {
        match record {
            KafkaRecord::RegisterBroker(id) => drop(self.brokers.insert(id)),
            KafkaRecord::UnregisterBroker(id) => drop(self.brokers.remove(&id)),
            KafkaRecord::Topic { name, id } => self.create_topic(&name, id)?,
            KafkaRecord::Partition(partition) => self.create_partition(partition)?,
            change @ KafkaRecord::PartitionChange { .. } => self.change_partition(change)?,
            KafkaRecord::RemoveTopic(id) => self.remove_topic(id)?,
            KafkaRecord::Config {
                kind,
                resource,
                key,
                value,
            } => self.configure((kind, resource), key, value),
            KafkaRecord::FeatureLevel { name, level: 0 } => drop(self.features.remove(&name)),
            KafkaRecord::FeatureLevel { name, level } => drop(self.features.insert(name, level)),
            KafkaRecord::ClientQuota { entity, key, value } => match value {
                Some(value) => drop(self.quotas.insert((entity, key), value)),
                None => drop(self.quotas.remove(&(entity, key))),
            },
            KafkaRecord::ProducerIds(next) => {
                self.next_producer_id = self.next_producer_id.max(next);
            }
            KafkaRecord::Unsupported(what) => drop(self.unsupported.insert(what)),
            KafkaRecord::BeginTransaction
            | KafkaRecord::EndTransaction
            | KafkaRecord::AbortTransaction
            | KafkaRecord::Irrelevant => {}
        }
        Ok(())
    }

    fn create_topic(&mut self, name: &str, id: TopicId) -> Result<(), KafkaApplyError> {
        let name = TopicName::new(name)?;
        if self.topics.contains_key(&id) || self.names.contains_key(&name) {
            return Err(KafkaApplyError::DuplicateTopic { name, id });
        }
        self.names.insert(name.clone(), id);
        let partitions = BTreeMap::new();
        let topic = KafkaTopic {
            name,
            id,
            partitions,
        };
        self.topics.insert(id, topic);
        Ok(())
    }

    fn create_partition(&mut self, record: KafkaPartitionRecord) -> Result<(), KafkaApplyError> {
        let (id, index) = (record.topic, record.partition);
        let topic = self.topics.get_mut(&id);
        let topic = topic.ok_or(KafkaApplyError::UnknownTopic(id))?;
        let is_new = !topic.partitions.contains_key(&index);
        if !is_new || !(0..PARTITIONS_PER_TOPIC_MAX).contains(&index) {
            return Err(KafkaApplyError::InvalidPartition(id, index));
        }
        let partition = KafkaPartition {
            replicas: record.replicas,
            adding: record.adding,
            removing: record.removing,
            leader: record.leader,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
        };
        topic.partitions.insert(index, partition);
        Ok(())
    }

    fn change_partition(&mut self, record: KafkaRecord) -> Result<(), KafkaApplyError> {
        let KafkaRecord::PartitionChange {
            topic: id,
            partition: index,
            leader,
            replicas,
            adding,
            removing,
        } = record
        else {
            return Ok(());
        };
        let topic = self.topics.get_mut(&id);
        let topic = topic.ok_or(KafkaApplyError::UnknownTopic(id))?;
        let partition = topic.partitions.get_mut(&index);
        let partition = partition.ok_or(KafkaApplyError::UnknownPartition(id, index))?;
        partition.partition_epoch = partition.partition_epoch.saturating_add(1);
        if let Some(leader) = leader {
            partition.leader = leader;
            partition.leader_epoch = partition.leader_epoch.saturating_add(1);
        }
        for (field, change) in [
            (&mut partition.replicas, replicas),
            (&mut partition.adding, adding),
            (&mut partition.removing, removing),
        ] {
            if let Some(change) = change {
                *field = change;
            }
        }
        Ok(())
    }

    fn remove_topic(&mut self, id: TopicId) -> Result<(), KafkaApplyError> {
        let topic = self.topics.remove(&id);
        let topic = topic.ok_or(KafkaApplyError::UnknownTopic(id))?;
        self.names.remove(&topic.name);
        let kind = ConfigResourceType::Topic.code();
        self.configs.remove(&(kind, topic.name.as_str().to_owned()));
        Ok(())
    }

    fn configure(&mut self, resource: (i8, String), key: String, value: Option<String>) {
        match value {
            Some(value) => {
                let keys = self.configs.entry(resource).or_default();
                keys.insert(key, value);
            }
            None => {
                let keys = self.configs.get_mut(&resource);
                let is_empty = keys.is_some_and(|keys| {
                    keys.remove(&key);
                    keys.is_empty()
                });
                if is_empty {
                    self.configs.remove(&resource);
                }
            }
        }
    }
}
