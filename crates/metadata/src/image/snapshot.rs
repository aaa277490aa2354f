//! An image as the records that make it from nothing.

use highwater_types::BrokerId;

use super::MetadataImage;
use crate::record::{
    ClientQuotaRecord, ConfigRecord, FeatureLevelRecord, MetadataRecord, PartitionRecord,
    ProducerIdsRecord, TopicRecord,
};

impl MetadataImage {
    /// The records that lead from the empty image to this one, in an order that depends on
    /// nothing but the image: equal images have equal snapshots.
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let mut records = Vec::with_capacity(2 * self.topic_count() + self.partition_count + 16);
        records.extend(self.cluster.clone().map(MetadataRecord::Cluster));
        for (name, level) in self.features.iter() {
            let feature = FeatureLevelRecord {
                name: name.clone(),
                level: *level,
            };
            records.push(MetadataRecord::FeatureLevel(feature));
        }
        for broker in self.brokers() {
            records.push(MetadataRecord::RegisterBroker((**broker).clone()));
        }
        if self.next_producer_id.get() > 0 {
            records.push(MetadataRecord::ProducerIds(ProducerIdsRecord {
                broker: BrokerId::NONE,
                broker_epoch: -1,
                next: self.next_producer_id,
            }));
        }
        self.topic_records(&mut records);
        for (resource, keys) in &self.configs {
            for (key, value) in keys.iter() {
                records.push(MetadataRecord::Config(ConfigRecord {
                    resource: resource.clone(),
                    key: key.clone(),
                    value: Some(value.clone()),
                }));
            }
        }
        for (entity, keys) in &self.quotas {
            for (key, value) in keys.iter() {
                records.push(MetadataRecord::ClientQuota(ClientQuotaRecord {
                    entity: entity.clone(),
                    key: key.clone(),
                    value: Some(*value),
                }));
            }
        }
        records
    }

    fn topic_records(&self, records: &mut Vec<MetadataRecord>) {
        for topic in self.topics() {
            records.push(MetadataRecord::Topic(TopicRecord {
                name: topic.name.clone(),
                id: topic.id,
            }));
            records.extend(topic.partitions().map(|(partition, image)| {
                MetadataRecord::Partition(PartitionRecord {
                    topic: topic.id,
                    partition,
                    image: image.clone(),
                })
            }));
        }
    }
}
