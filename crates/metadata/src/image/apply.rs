//! The only writer of images: one record after the other.

use std::sync::Arc;

use highwater_types::limits::PARTITIONS_PER_TOPIC_MAX;
use highwater_types::{BrokerId, PartitionIndex, ProducerId, TopicId, TopicName};

use super::{MetadataDelta, MetadataImage, metric_entry};
use crate::record::{
    BrokerChange, BrokerRegistration, ClientQuotaRecord, ConfigRecord, FeatureLevelRecord,
    MetadataRecord, PartitionChange, PartitionRecord, ProducerIdsRecord, TopicRecord,
};
use crate::{ConfigResource, ConfigResourceType, TopicImage};

/// A record contradicts the image: the log is damaged, or a controller has erred. A broker must
/// not go on past it, because its image would differ from that of its peers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// A topic of this name exists.
    #[error("topic {0} exists already")]
    DuplicateTopic(TopicName),
    /// A topic of this id exists.
    #[error("topic id {0} exists already")]
    DuplicateTopicId(TopicId),
    /// No topic has this id.
    #[error("topic id {0} does not exist")]
    UnknownTopic(TopicId),
    /// Partitions come one after the other.
    #[error("partition {partition} of topic id {topic} cannot follow {count} partitions")]
    PartitionGap {
        /// The topic.
        topic: TopicId,
        /// The partition of the record.
        partition: PartitionIndex,
        /// How many the topic has.
        count: usize,
    },
    /// The topic has no such partition.
    #[error("partition {partition} of topic id {topic} does not exist")]
    UnknownPartition {
        /// The topic.
        topic: TopicId,
        /// The partition of the record.
        partition: PartitionIndex,
    },
    /// No such broker has registered.
    #[error("broker {0} is not registered")]
    UnknownBroker(BrokerId),
    /// Registrations are numbered upwards.
    #[error("broker {id} registers with epoch {given} after {current}")]
    BrokerEpochBack {
        /// The broker.
        id: BrokerId,
        /// The epoch of the record.
        given: i64,
        /// The epoch that it had.
        current: i64,
    },
    /// Producer ids are never given out twice.
    #[error("producer ids go on at {given}, but {current} has been reached")]
    ProducerIdsBack {
        /// What the record says.
        given: ProducerId,
        /// What had been reached.
        current: ProducerId,
    },
    /// Rates are numbers.
    #[error("quota {0} is not a finite number")]
    QuotaNotFinite(Arc<str>),
}

impl MetadataImage {
    /// The image after these records, and what has changed by them.
    ///
    /// All of them or none: after an error there is no new image.
    pub fn apply(&self, records: &[MetadataRecord]) -> Result<(Self, MetadataDelta), ApplyError> {
        let mut replay = Replay {
            image: self.clone(),
            delta: MetadataDelta::default(),
        };
        for record in records {
            replay.record(record)?;
        }
        Ok((replay.image, replay.delta))
    }
}

/// An image in the making.
struct Replay {
    image: MetadataImage,
    delta: MetadataDelta,
}

impl Replay {
    fn record(&mut self, record: &MetadataRecord) -> Result<(), ApplyError> {
        match record {
            MetadataRecord::Cluster(cluster) => {
                self.image.cluster = Some(cluster.clone());
                self.delta.cluster_changed = true;
                Ok(())
            }
            MetadataRecord::RegisterBroker(broker) => self.register_broker(broker),
            MetadataRecord::BrokerChange(change) => self.change_broker(change),
            MetadataRecord::UnregisterBroker(broker) => self.unregister_broker(*broker),
            MetadataRecord::Topic(topic) => self.create_topic(topic),
            MetadataRecord::Partition(partition) => self.create_partition(partition),
            MetadataRecord::PartitionChange(change) => self.change_partition(change),
            MetadataRecord::RemoveTopic(topic) => self.remove_topic(*topic),
            MetadataRecord::Config(config) => {
                self.configure(config);
                Ok(())
            }
            MetadataRecord::ClientQuota(quota) => self.set_quota(quota),
            MetadataRecord::FeatureLevel(feature) => {
                self.set_feature(feature);
                Ok(())
            }
            MetadataRecord::ProducerIds(ids) => self.give_producer_ids(ids),
        }
    }

    fn register_broker(&mut self, broker: &BrokerRegistration) -> Result<(), ApplyError> {
        if let Some(current) = self.image.brokers.get(&broker.id)
            && current.broker_epoch >= broker.broker_epoch
        {
            return Err(ApplyError::BrokerEpochBack {
                id: broker.id,
                given: broker.broker_epoch,
                current: current.broker_epoch,
            });
        }
        self.image
            .brokers
            .insert(broker.id, Arc::new(broker.clone()));
        self.delta.brokers.insert(broker.id);
        Ok(())
    }

    fn change_broker(&mut self, change: &BrokerChange) -> Result<(), ApplyError> {
        let broker = self
            .image
            .brokers
            .get_mut(&change.id)
            .ok_or(ApplyError::UnknownBroker(change.id))?;
        if broker.broker_epoch == change.broker_epoch {
            Arc::make_mut(broker).state = change.state;
            self.delta.brokers.insert(change.id);
        }
        Ok(())
    }

    fn unregister_broker(&mut self, id: BrokerId) -> Result<(), ApplyError> {
        self.image
            .brokers
            .remove(&id)
            .ok_or(ApplyError::UnknownBroker(id))?;
        self.delta.brokers.insert(id);
        Ok(())
    }

    fn create_topic(&mut self, topic: &TopicRecord) -> Result<(), ApplyError> {
        if self.image.topic_ids.contains_key(&topic.name) {
            return Err(ApplyError::DuplicateTopic(topic.name.clone()));
        }
        if self.image.topics.contains_key(&topic.id) {
            return Err(ApplyError::DuplicateTopicId(topic.id));
        }
        let image = Arc::new(TopicImage::new(topic.name.clone(), topic.id));
        self.image.topics.insert(topic.id, image);
        self.image.topic_ids.insert(topic.name.clone(), topic.id);
        if has_metric_key(&topic.name) {
            self.image
                .metric_keys
                .insert(metric_entry(&topic.name, topic.name.as_str()), topic.id);
        }
        self.delta.topics.entry(topic.id).or_default().is_new = true;
        Ok(())
    }

    fn create_partition(&mut self, record: &PartitionRecord) -> Result<(), ApplyError> {
        let topic = self
            .image
            .topics
            .get_mut(&record.topic)
            .ok_or(ApplyError::UnknownTopic(record.topic))?;
        let count = topic.partition_count();
        if usize::try_from(record.partition.get()) != Ok(count)
            || record.partition.get() >= PARTITIONS_PER_TOPIC_MAX
        {
            return Err(ApplyError::PartitionGap {
                topic: record.topic,
                partition: record.partition,
                count,
            });
        }
        Arc::make_mut(topic).push(record.image.clone());
        self.image.partition_count += 1;
        self.delta
            .topics
            .entry(record.topic)
            .or_default()
            .partitions
            .insert(record.partition);
        Ok(())
    }

    fn change_partition(&mut self, change: &PartitionChange) -> Result<(), ApplyError> {
        let topic = self
            .image
            .topics
            .get_mut(&change.topic)
            .ok_or(ApplyError::UnknownTopic(change.topic))?;
        let partition = Arc::make_mut(topic).partition_mut(change.partition).ok_or(
            ApplyError::UnknownPartition {
                topic: change.topic,
                partition: change.partition,
            },
        )?;
        partition.change(change);
        self.delta
            .topics
            .entry(change.topic)
            .or_default()
            .partitions
            .insert(change.partition);
        Ok(())
    }

    fn remove_topic(&mut self, id: TopicId) -> Result<(), ApplyError> {
        let topic = self
            .image
            .topics
            .remove(&id)
            .ok_or(ApplyError::UnknownTopic(id))?;
        self.image.topic_ids.remove(&topic.name);
        self.image
            .metric_keys
            .remove(&metric_entry(&topic.name, topic.name.as_str()));
        let resource = ConfigResource::topic(topic.name.as_str());
        self.image.configs.remove(&resource);
        self.delta.configs.remove(&resource);
        self.image.partition_count -= topic.partition_count();
        let was_new = self
            .delta
            .topics
            .remove(&id)
            .is_some_and(|delta| delta.is_new);
        if !was_new {
            self.delta.deleted_topics.push(topic);
        }
        Ok(())
    }

    fn configure(&mut self, record: &ConfigRecord) {
        // A topic's configuration ends with it; what comes late for one that is gone would be
        // inherited by a successor of the same name.
        if record.resource.kind == ConfigResourceType::Topic
            && !self.image.topic_ids.contains_key(&*record.resource.name)
        {
            return;
        }
        let mut keys = self
            .image
            .configs
            .get(&record.resource)
            .cloned()
            .unwrap_or_default();
        let map = Arc::make_mut(&mut keys);
        match &record.value {
            Some(value) => map.insert(record.key.clone(), value.clone()),
            None => map.remove(&record.key),
        };
        if map.is_empty() {
            self.image.configs.remove(&record.resource);
        } else {
            self.image.configs.insert(record.resource.clone(), keys);
        }
        self.delta.configs.insert(record.resource.clone());
    }

    fn set_quota(&mut self, record: &ClientQuotaRecord) -> Result<(), ApplyError> {
        if record.value.is_some_and(|value| !value.is_finite()) {
            return Err(ApplyError::QuotaNotFinite(record.key.clone()));
        }
        let mut keys = self
            .image
            .quotas
            .get(&record.entity)
            .cloned()
            .unwrap_or_default();
        let map = Arc::make_mut(&mut keys);
        match record.value {
            Some(value) => map.insert(record.key.clone(), value),
            None => map.remove(&record.key),
        };
        if map.is_empty() {
            self.image.quotas.remove(&record.entity);
        } else {
            self.image.quotas.insert(record.entity.clone(), keys);
        }
        self.delta.quotas.insert(record.entity.clone());
        Ok(())
    }

    fn set_feature(&mut self, record: &FeatureLevelRecord) {
        let features = Arc::make_mut(&mut self.image.features);
        if record.level == 0 {
            features.remove(&record.name);
        } else {
            features.insert(record.name.clone(), record.level);
        }
        self.delta.features_changed = true;
    }

    fn give_producer_ids(&mut self, record: &ProducerIdsRecord) -> Result<(), ApplyError> {
        if record.next <= self.image.next_producer_id {
            return Err(ApplyError::ProducerIdsBack {
                given: record.next,
                current: self.image.next_producer_id,
            });
        }
        self.image.next_producer_id = record.next;
        self.delta.producer_ids_changed = true;
        Ok(())
    }
}

fn has_metric_key(name: &TopicName) -> bool {
    name.as_str().contains(['.', '_'])
}
