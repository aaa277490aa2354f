//! Creating and deleting topics.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use highwater_types::limits::PARTITIONS_PER_TOPIC_MAX;
use highwater_types::{BrokerId, NameError, PartitionIndex, TopicId, TopicName};

use super::{AssignmentError, Controller, Decision, Mode, PlacementError};
use crate::{
    ConfigMap, ConfigRecord, ConfigResource, MetadataRecord, PartitionImage, PartitionRecord,
    TopicRecord,
};

/// The topic in which Kafka keeps its own metadata, which nobody may create.
const CLUSTER_METADATA: &str = "__cluster_metadata";

/// A topic that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name, not yet checked.
    pub name: String,
    /// How many partitions; −1 for the default, or if `assignments` say.
    pub partitions: i32,
    /// How many replicas of each; −1 for the default, or if `assignments` say.
    pub replication_factor: i16,
    /// The replicas of each partition, or nothing to have them chosen.
    pub assignments: Vec<(PartitionIndex, Vec<BrokerId>)>,
    /// Its configuration.
    pub configs: Vec<(String, Option<String>)>,
}

/// A topic that will exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many replicas each has.
    pub replication_factor: i16,
    /// What is configured on it.
    pub configs: ConfigMap,
}

/// Why a topic cannot be created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateTopicError {
    /// Not a name.
    #[error("{0}.")]
    InvalidName(#[from] NameError),
    /// Reserved.
    #[error("Creation of the internal topic {0} is prohibited.")]
    Prohibited(TopicName),
    /// The request has it more than once.
    #[error("Topic {0:?} is in the request more than once.")]
    DuplicateInRequest(String),
    /// It is there.
    #[error("Topic '{0}' already exists.")]
    AlreadyExists(TopicName),
    /// Metrics could not tell the two apart.
    #[error("Topic '{name}' collides with existing topic: {existing}")]
    Collides {
        /// The name that is wanted.
        name: TopicName,
        /// The name that is there.
        existing: TopicName,
    },
    /// Both assignments and counts.
    #[error("A manual partition assignment was specified, but {0} was not set to -1.")]
    AssignmentAndCount(&'static str),
    /// Zero, or negative other than −1.
    #[error("Replication factor must be larger than 0, or -1 to use the default value.")]
    InvalidReplicationFactor,
    /// Zero, or negative other than −1.
    #[error("Number of partitions was set to an invalid non-positive value.")]
    InvalidPartitions,
    /// More than a topic may have, or than one request may create.
    #[error("One request can create at most {PARTITIONS_PER_TOPIC_MAX} partitions, not {0}.")]
    TooManyPartitions(usize),
    /// More than all topics may have.
    #[error("The cluster may have at most {max} partitions, and has {present} already.")]
    ClusterFull {
        /// How many there are.
        present: usize,
        /// How many there may be.
        max: usize,
    },
    /// Not enough brokers.
    #[error(transparent)]
    Placement(#[from] PlacementError),
    /// The replicas given cannot be.
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    /// What is configured cannot be.
    #[error("{0}")]
    InvalidConfig(String),
    /// The caller has handed in no unused id.
    #[error("No unused topic id was available.")]
    NoTopicId,
}

/// Which topic is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TopicRef {
    /// By name.
    Name(String),
    /// By id.
    Id(TopicId),
}

/// A topic that will be no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTopic {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: TopicId,
}

/// Why a topic cannot be deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeleteTopicError {
    /// There is none of this name.
    #[error("This server does not host topic {0:?}.")]
    UnknownName(String),
    /// There is none of this id.
    #[error("This server does not host topic ID {0}.")]
    UnknownId(TopicId),
    /// The request has it more than once.
    #[error("The topic is in the request more than once.")]
    DuplicateInRequest,
}

/// What the topics of one request that were decided before mean for the next.
#[derive(Default)]
struct Batch {
    metric_keys: HashMap<String, TopicName>,
    ids: HashSet<TopicId>,
    partitions: usize,
}

impl Controller<'_> {
    /// Decides about topics that somebody wants; results are in the order of the request.
    ///
    /// `ids` yields random ids; `placement_start` decides which broker gets the first replica,
    /// and should differ from request to request.
    pub fn create_topics(
        &self,
        topics: &[NewTopic],
        ids: &mut dyn Iterator<Item = TopicId>,
        placement_start: usize,
        mode: Mode,
    ) -> Decision<Vec<Result<CreatedTopic, CreateTopicError>>> {
        let mut occurrences: HashMap<&str, usize> = HashMap::new();
        for topic in topics {
            *occurrences.entry(&topic.name).or_default() += 1;
        }
        let mut batch = Batch::default();
        let mut records = Vec::new();
        let mut create = |(position, topic): (usize, &NewTopic)| {
            if occurrences
                .get(topic.name.as_str())
                .is_some_and(|times| *times > 1)
            {
                return Err(CreateTopicError::DuplicateInRequest(topic.name.clone()));
            }
            let start = placement_start.wrapping_add(position);
            self.create_topic(topic, ids, start, &mut batch, &mut records)
        };
        let response = topics.iter().enumerate().map(&mut create).collect();
        Decision { records, response }.in_mode(mode)
    }

    fn create_topic(
        &self,
        topic: &NewTopic,
        ids: &mut dyn Iterator<Item = TopicId>,
        placement_start: usize,
        batch: &mut Batch,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<CreatedTopic, CreateTopicError> {
        let name = self.check_new_name(&topic.name, batch)?;
        let resource = ConfigResource::topic(name.as_str());
        let configs = self.check_new_configs(&resource, &topic.configs)?;
        let partitions = self.new_partitions(topic, placement_start, batch)?;
        let id = ids
            .take(16)
            .find(|id| {
                !id.is_zero() && self.image.topic_by_id(*id).is_none() && !batch.ids.contains(id)
            })
            .ok_or(CreateTopicError::NoTopicId)?;
        batch.ids.insert(id);
        batch.partitions += partitions.len();
        batch.metric_keys.insert(name.metric_key(), name.clone());
        let created = CreatedTopic {
            id,
            partitions: partitions.len() as i32,
            replication_factor: partitions
                .first()
                .map_or(0, |first| first.replicas.len() as i16),
            configs,
        };
        records.push(MetadataRecord::Topic(TopicRecord { name, id }));
        records.extend(created.configs.iter().map(|(key, value)| {
            MetadataRecord::Config(ConfigRecord {
                resource: resource.clone(),
                key: key.clone(),
                value: Some(value.clone()),
            })
        }));
        records.extend((0..).zip(partitions).map(|(index, image)| {
            let partition = PartitionIndex(index);
            MetadataRecord::Partition(PartitionRecord {
                topic: id,
                partition,
                image,
            })
        }));
        Ok(created)
    }

    fn check_new_name(&self, name: &str, batch: &Batch) -> Result<TopicName, CreateTopicError> {
        let name = TopicName::new(name)?;
        if name.as_str() == CLUSTER_METADATA {
            return Err(CreateTopicError::Prohibited(name));
        }
        if self.image.topic_id(name.as_str()).is_some() {
            return Err(CreateTopicError::AlreadyExists(name));
        }
        let colliding = self
            .image
            .colliding_topic(&name)
            .map(|topic| topic.name.clone());
        match colliding.or_else(|| batch.metric_keys.get(&name.metric_key()).cloned()) {
            Some(existing) => Err(CreateTopicError::Collides { name, existing }),
            None => Ok(name),
        }
    }

    fn check_new_configs(
        &self,
        resource: &ConfigResource,
        given: &[(String, Option<String>)],
    ) -> Result<ConfigMap, CreateTopicError> {
        let nulls: Vec<&str> = given
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(key, _)| key.as_str())
            .collect();
        if !nulls.is_empty() {
            return Err(CreateTopicError::InvalidConfig(format!(
                "Null value not supported for topic configs: {}",
                nulls.join(",")
            )));
        }
        let mut configs = ConfigMap::new();
        for (key, value) in given {
            Self::check_lengths(key, value.as_deref()).map_err(CreateTopicError::InvalidConfig)?;
            if let Some(value) = value {
                configs.insert(Arc::from(key.as_str()), Arc::from(value.as_str()));
            }
        }
        let changed: Vec<&str> = configs.keys().map(|key| &**key).collect();
        self.rules
            .validate(resource, &configs, &changed)
            .map_err(CreateTopicError::InvalidConfig)?;
        Ok(configs)
    }

    fn new_partitions(
        &self,
        topic: &NewTopic,
        placement_start: usize,
        batch: &Batch,
    ) -> Result<Vec<PartitionImage>, CreateTopicError> {
        if !topic.assignments.is_empty() {
            return self.manual_partitions(topic, batch);
        }
        let replicas = match topic.replication_factor {
            -1 => self.settings.default_replication_factor,
            given => given,
        };
        let replicas = usize::try_from(replicas)
            .ok()
            .filter(|replicas| *replicas > 0)
            .ok_or(CreateTopicError::InvalidReplicationFactor)?;
        let count = match topic.partitions {
            -1 => self.settings.default_partitions,
            given => given,
        };
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count > 0)
            .ok_or(CreateTopicError::InvalidPartitions)?;
        self.check_room(count, batch)?;
        let placement = self.placement(replicas, placement_start)?;
        (0..count)
            .map(|index| {
                self.new_partition(placement.place(index))
                    .ok_or(CreateTopicError::Placement(PlacementError::NoBroker(
                        replicas,
                    )))
            })
            .collect()
    }

    fn manual_partitions(
        &self,
        topic: &NewTopic,
        batch: &Batch,
    ) -> Result<Vec<PartitionImage>, CreateTopicError> {
        if topic.replication_factor != -1 {
            return Err(CreateTopicError::AssignmentAndCount("replication factor"));
        }
        if topic.partitions != -1 {
            return Err(CreateTopicError::AssignmentAndCount("numPartitions"));
        }
        self.check_room(topic.assignments.len(), batch)?;
        let mut sorted: Vec<_> = topic.assignments.iter().collect();
        sorted.sort_by_key(|(index, _)| *index);
        let is_consecutive = (0..)
            .zip(&sorted)
            .all(|(expected, (index, _))| index.get() == expected);
        if !is_consecutive {
            return Err(AssignmentError::NotConsecutive.into());
        }
        let replicas: Vec<&[BrokerId]> = sorted
            .iter()
            .map(|(_, replicas)| replicas.as_slice())
            .collect();
        Ok(self.assigned_partitions(&replicas, 0, None)?)
    }

    fn check_room(&self, added: usize, batch: &Batch) -> Result<(), CreateTopicError> {
        // Also over all topics of the request, whose records are all in memory at once.
        let in_request = batch.partitions.saturating_add(added);
        if in_request > PARTITIONS_PER_TOPIC_MAX as usize {
            return Err(CreateTopicError::TooManyPartitions(in_request));
        }
        let present = self.image.partition_count() + batch.partitions;
        let max = self.settings.partitions_total_max;
        if present.saturating_add(added) > max {
            return Err(CreateTopicError::ClusterFull { present, max });
        }
        Ok(())
    }

    /// Decides about topics that somebody wants gone; results are in the order of the request.
    /// A topic goes with its configuration.
    pub fn delete_topics(
        &self,
        topics: &[TopicRef],
    ) -> Decision<Vec<Result<DeletedTopic, DeleteTopicError>>> {
        let find = |wanted: &TopicRef| match wanted {
            TopicRef::Name(name) => self
                .image
                .topic(name)
                .ok_or_else(|| DeleteTopicError::UnknownName(name.clone())),
            TopicRef::Id(id) => self
                .image
                .topic_by_id(*id)
                .ok_or(DeleteTopicError::UnknownId(*id)),
        };
        let mut occurrences: HashMap<TopicId, usize> = HashMap::new();
        for topic in topics.iter().filter_map(|wanted| find(wanted).ok()) {
            *occurrences.entry(topic.id).or_default() += 1;
        }
        let mut records = Vec::new();
        let response = topics
            .iter()
            .map(|wanted| {
                let topic = find(wanted)?;
                // Nobody knows what is meant, so none of them is deleted.
                if occurrences.get(&topic.id).is_some_and(|times| *times > 1) {
                    return Err(DeleteTopicError::DuplicateInRequest);
                }
                records.push(MetadataRecord::RemoveTopic(topic.id));
                Ok(DeletedTopic {
                    name: topic.name.clone(),
                    id: topic.id,
                })
            })
            .collect();
        Decision { records, response }
    }
}
