//! Taking over topics that another broker has made, with their ids and epochs.

use std::collections::HashMap;
use std::sync::Arc;

use highwater_types::{BrokerId, LeaderEpoch, PartitionIndex, ProducerId, TopicId, TopicName};

use super::{Controller, Decision};
use crate::{
    BrokerList, ClientQuotaRecord, ClusterRecord, ConfigMap, ConfigRecord, ConfigResource,
    MetadataRecord, PartitionImage, PartitionRecord, ProducerIdsRecord, QuotaEntity, TopicRecord,
};

/// A partition whose log is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportedPartition {
    /// The leader epoch that begins with the import, above all in its log.
    pub leader_epoch: LeaderEpoch,
    /// The partition epoch that begins with it.
    pub partition_epoch: i32,
}

/// A topic to be taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedTopic {
    /// Its name.
    pub name: TopicName,
    /// Its id, which it keeps.
    pub id: TopicId,
    /// Its partitions in order.
    pub partitions: Vec<ImportedPartition>,
}

/// What is to be taken over, all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// The broker that holds every log.
    pub node: Option<BrokerId>,
    /// The cluster and format, if the image names none yet.
    pub cluster: Option<ClusterRecord>,
    /// The topics.
    pub topics: Vec<ImportedTopic>,
    /// What is configured on topics and others.
    pub configs: Vec<(ConfigResource, Vec<(String, String)>)>,
    /// Client quotas.
    pub quotas: Vec<(QuotaEntity, String, f64)>,
    /// Producer ids below have been given out.
    pub next_producer_id: ProducerId,
}

/// A configuration that is not taken over, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigLeftOut {
    /// What it is configured on.
    pub resource: ConfigResource,
    /// The key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Why, for a person.
    pub reason: String,
}

/// Why nothing is taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// There is a topic of that name.
    #[error("topic {0} exists already")]
    TopicExists(TopicName),
    /// A topic of another name has that id: the same topic was taken over and renamed, or an
    /// id was given out twice.
    #[error("topic {name} has the id {id}, which a topic that exists has too")]
    TopicIdExists {
        /// The topic to be taken over.
        name: TopicName,
        /// The id.
        id: TopicId,
    },
    /// Metrics could not tell the two apart.
    #[error("topic {name} collides with the topic {existing}, which exists already")]
    Collides {
        /// The topic to be taken over.
        name: TopicName,
        /// The topic that is there.
        existing: TopicName,
    },
    /// More than all topics may have.
    #[error("the cluster may have at most {max} partitions, and would have {wanted}")]
    ClusterFull {
        /// How many there would be.
        wanted: usize,
        /// How many there may be.
        max: usize,
    },
}

impl Controller<'_> {
    /// Decides about topics that are taken over. Configuration that is not valid here is left
    /// out and named; everything else is taken over, or nothing.
    pub fn import(&self, import: &Import) -> Result<Decision<Vec<ConfigLeftOut>>, ImportError> {
        self.check_import(import)?;
        let mut records: Vec<_> = Vec::new();
        if self.image.cluster().is_none() {
            records.extend(import.cluster.clone().map(MetadataRecord::Cluster));
        }
        let node = import.node.unwrap_or(BrokerId::NONE);
        for topic in &import.topics {
            let (name, id) = (topic.name.clone(), topic.id);
            records.push(MetadataRecord::Topic(TopicRecord { name, id }));
            records.extend((0..).zip(&topic.partitions).map(|(index, partition)| {
                let replicas = BrokerList::from([node]);
                let mut image = PartitionImage::new(replicas.clone(), replicas, node);
                image.leader_epoch = partition.leader_epoch;
                image.partition_epoch = partition.partition_epoch;
                MetadataRecord::Partition(PartitionRecord {
                    topic: id,
                    partition: PartitionIndex(index),
                    image,
                })
            }));
        }
        if import.next_producer_id > self.image.next_producer_id() {
            records.push(MetadataRecord::ProducerIds(ProducerIdsRecord {
                broker: BrokerId::NONE,
                broker_epoch: -1,
                next: import.next_producer_id,
            }));
        }
        for (entity, key, value) in &import.quotas {
            records.push(MetadataRecord::ClientQuota(ClientQuotaRecord {
                entity: entity.clone(),
                key: key.as_str().into(),
                value: Some(*value),
            }));
        }
        let mut left_out = Vec::new();
        for (resource, keys) in &import.configs {
            let taken = self.valid_configs(resource, keys, &mut left_out);
            records.extend(taken.into_iter().map(|(key, value)| {
                MetadataRecord::Config(ConfigRecord {
                    resource: resource.clone(),
                    key,
                    value: Some(value),
                })
            }));
        }
        Ok(Decision {
            records,
            response: left_out,
        })
    }

    fn check_import(&self, import: &Import) -> Result<(), ImportError> {
        let mut metric_keys: HashMap<String, &TopicName> = HashMap::new();
        let mut wanted = self.image.partition_count();
        for topic in &import.topics {
            let (name, id) = (topic.name.clone(), topic.id);
            if self.image.topic_id(name.as_str()).is_some() {
                return Err(ImportError::TopicExists(name));
            }
            if self.image.topic_by_id(id).is_some() {
                return Err(ImportError::TopicIdExists { name, id });
            }
            let there = self.image.colliding_topic(&name).map(|there| &there.name);
            let there = there.or_else(|| metric_keys.get(&name.metric_key()).copied());
            if let Some(existing) = there.cloned() {
                return Err(ImportError::Collides { name, existing });
            }
            metric_keys.insert(name.metric_key(), &topic.name);
            wanted = wanted.saturating_add(topic.partitions.len());
        }
        let max = self.settings.partitions_total_max;
        if wanted > max {
            return Err(ImportError::ClusterFull { wanted, max });
        }
        Ok(())
    }

    /// Those of the keys that are valid here, each for itself and all together with what is
    /// configured already.
    fn valid_configs(
        &self,
        resource: &ConfigResource,
        keys: &[(String, String)],
        left_out: &mut Vec<ConfigLeftOut>,
    ) -> ConfigMap {
        let mut taken = ConfigMap::new();
        for (key, value) in keys {
            let checked = Self::check_lengths(key, Some(value)).and_then(|()| {
                let mut resulting = self
                    .image
                    .configs(resource)
                    .map(|known| (**known).clone())
                    .unwrap_or_default();
                resulting.extend(taken.clone());
                resulting.insert(Arc::from(key.as_str()), Arc::from(value.as_str()));
                self.rules.validate(resource, &resulting, &[key.as_str()])
            });
            match checked {
                Ok(()) => drop(taken.insert(key.as_str().into(), value.as_str().into())),
                Err(reason) => left_out.push(ConfigLeftOut {
                    resource: resource.clone(),
                    key: key.clone(),
                    value: value.clone(),
                    reason,
                }),
            }
        }
        taken
    }
}
