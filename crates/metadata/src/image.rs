//! What the cluster agrees on at one point of the metadata log.

mod apply;
mod delta;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater_types::{BrokerId, PartitionIndex, ProducerId, TopicId, TopicName};

use crate::tree::SharedMap;
use crate::{
    BrokerRegistration, BrokerState, ClusterRecord, ConfigMap, ConfigResource, PartitionImage,
    QuotaEntity, QuotaFilter, QuotaMap, TopicImage,
};

pub use apply::ApplyError;
pub use delta::{MetadataDelta, TopicDelta};

/// The metadata of the cluster, immutable.
///
/// A clone costs a few reference counts and shares everything. Readers hold one for as long as
/// a request takes; [`MetadataImage::apply`] makes the next one and leaves this as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetadataImage {
    cluster: Option<ClusterRecord>,
    brokers: SharedMap<BrokerId, Arc<BrokerRegistration>>,
    topics: SharedMap<TopicId, Arc<TopicImage>>,
    topic_ids: SharedMap<TopicName, TopicId>,
    /// The names in which `.` and `_` occur, in the order in which metrics see them; see
    /// [`metric_entry`].
    metric_keys: SharedMap<String, TopicId>,
    configs: SharedMap<ConfigResource, Arc<ConfigMap>>,
    quotas: SharedMap<QuotaEntity, Arc<QuotaMap>>,
    features: Arc<BTreeMap<Arc<str>, i16>>,
    next_producer_id: ProducerId,
    partition_count: usize,
}

impl MetadataImage {
    /// The image before the first record.
    pub fn new() -> Self {
        Self::default()
    }

    /// The cluster's id and format, once a record has named them.
    pub fn cluster(&self) -> Option<&ClusterRecord> {
        self.cluster.as_ref()
    }

    /// A broker that has registered, fenced or not.
    pub fn broker(&self, id: BrokerId) -> Option<&Arc<BrokerRegistration>> {
        self.brokers.get(&id)
    }

    /// Every broker that has registered, in the order of their ids.
    pub fn brokers(&self) -> impl Iterator<Item = &Arc<BrokerRegistration>> {
        self.brokers.values()
    }

    /// Whether a broker may lead and may get new replicas.
    pub fn is_active(&self, id: BrokerId) -> bool {
        self.broker(id)
            .is_some_and(|broker| broker.state == BrokerState::Active)
    }

    /// A topic by name.
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.get(self.topic_ids.get(name)?)
    }

    /// A topic by id.
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.topics.get(&id)
    }

    /// The id of a topic.
    pub fn topic_id(&self, name: &str) -> Option<TopicId> {
        self.topic_ids.get(name).copied()
    }

    /// A partition by topic name and index.
    pub fn partition(&self, topic: &str, index: PartitionIndex) -> Option<&PartitionImage> {
        self.topic(topic)?.partition(index)
    }

    /// All topics in the order of their names.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.topic_ids.values().filter_map(|id| self.topics.get(id))
    }

    /// The topics whose names are not below `name`, in the order of their names.
    pub fn topics_from(&self, name: &str) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.topic_ids
            .iter_from(name)
            .filter_map(|(_, id)| self.topics.get(id))
    }

    /// How many topics there are.
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// How many partitions there are in all topics.
    pub fn partition_count(&self) -> usize {
        self.partition_count
    }

    /// A topic that metrics could not tell from one of the given name; not that topic itself.
    pub fn colliding_topic(&self, name: &TopicName) -> Option<&Arc<TopicImage>> {
        let key = metric_entry(name, "");
        let itself = metric_entry(name, name.as_str());
        let (_, id) = self
            .metric_keys
            .iter_from(&key)
            .take_while(|(entry, _)| entry.starts_with(&key))
            .find(|(entry, _)| **entry != itself)?;
        self.topics.get(id)
    }

    /// What has been configured on a resource; `None` if nothing has.
    pub fn configs(&self, resource: &ConfigResource) -> Option<&Arc<ConfigMap>> {
        self.configs.get(resource)
    }

    /// One configured value; `None` if its default is in force.
    pub fn config(&self, resource: &ConfigResource, key: &str) -> Option<&Arc<str>> {
        self.configs.get(resource)?.get(key)
    }

    /// Every resource on which something has been configured.
    pub fn configured(&self) -> impl Iterator<Item = (&ConfigResource, &Arc<ConfigMap>)> {
        self.configs.iter()
    }

    /// The quotas of one entity.
    pub fn quotas(&self, entity: &QuotaEntity) -> Option<&Arc<QuotaMap>> {
        self.quotas.get(entity)
    }

    /// The entities that a filter asks for, with their quotas.
    pub fn find_quotas(
        &self,
        filter: &QuotaFilter,
    ) -> impl Iterator<Item = (&QuotaEntity, &Arc<QuotaMap>)> {
        self.quotas
            .iter()
            .filter(|(entity, _)| filter.matches(entity))
    }

    /// The level of every finalised feature.
    pub fn features(&self) -> &BTreeMap<Arc<str>, i16> {
        &self.features
    }

    /// The level of a feature; 0 if it is not in use.
    pub fn feature(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or(0)
    }

    /// The first producer id that has not been given out.
    pub fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id
    }
}

/// The entry of a topic among the metric keys: what metrics see, and behind a byte that no name
/// contains, the name.
fn metric_entry(name: &TopicName, suffix: &str) -> String {
    format!("{}\0{suffix}", name.metric_key())
}
