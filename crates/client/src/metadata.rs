//! What the client knows about the cluster: brokers, topics, leaders.

use std::collections::BTreeMap;

use highwater_protocol::messages::MetadataResponse;
use highwater_types::{BrokerId, LeaderEpoch, PartitionIndex, TopicId, TopicName};

use crate::{ClientError, ErrorCode};

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerEndpoint {
    /// Its id.
    pub id: BrokerId,
    /// The advertised host.
    pub host: String,
    /// The advertised port.
    pub port: i32,
    /// The rack, if one is configured.
    pub rack: Option<String>,
}

impl BrokerEndpoint {
    /// `host:port`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// One partition, as the metadata shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// Its index.
    pub index: PartitionIndex,
    /// What is wrong with it, if anything.
    pub code: ErrorCode,
    /// Who leads it, if anyone does.
    pub leader: Option<BrokerId>,
    /// The epoch of that leadership.
    pub leader_epoch: LeaderEpoch,
    /// All replicas, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// The replicas that are in sync.
    pub isr: Vec<BrokerId>,
    /// The replicas that cannot be reached.
    pub offline: Vec<BrokerId>,
}

/// One topic, as the metadata shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Its name.
    pub name: TopicName,
    /// Its id; zero from a broker that does not know ids.
    pub id: TopicId,
    /// What is wrong with it, if anything.
    pub code: ErrorCode,
    /// Whether it belongs to the brokers themselves.
    pub is_internal: bool,
    /// Its partitions by index.
    pub partitions: Vec<PartitionMetadata>,
}

impl TopicMetadata {
    /// The partition of that index.
    pub fn partition(&self, index: PartitionIndex) -> Option<&PartitionMetadata> {
        self.partitions.iter().find(|p| p.index == index)
    }
}

/// The brokers of a cluster and some of its topics, as one response gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterMetadata {
    /// The cluster's id, if the broker tells.
    pub cluster_id: Option<String>,
    /// The controller, or the broker that stands for it.
    pub controller: Option<BrokerId>,
    /// The brokers that are up.
    pub brokers: BTreeMap<BrokerId, BrokerEndpoint>,
    /// The topics that were asked for.
    pub topics: BTreeMap<TopicName, TopicMetadata>,
}

fn broker_id(id: i32) -> Option<BrokerId> {
    (id >= 0).then_some(BrokerId(id))
}

fn broker_ids(ids: &[highwater_protocol::messages::BrokerId]) -> Vec<BrokerId> {
    ids.iter().map(|id| BrokerId(id.0)).collect()
}

impl ClusterMetadata {
    pub(crate) fn from_response(response: &MetadataResponse) -> Result<Self, ClientError> {
        let brokers = response.brokers.iter().map(|b| {
            let endpoint = BrokerEndpoint {
                id: BrokerId(b.node_id.0),
                host: b.host.to_string(),
                port: b.port,
                rack: b.rack.as_ref().map(ToString::to_string),
            };
            (endpoint.id, endpoint)
        });
        let mut topics = BTreeMap::new();
        for topic in &response.topics {
            // A topic asked for by an id that is unknown comes back without a name.
            let Some(name) = &topic.name else { continue };
            let name = match TopicName::new(name) {
                Ok(name) => name,
                // The broker echoes a name that it refuses; there is nothing to keep of it.
                Err(_) if topic.error_code != 0 => continue,
                Err(e) => return Err(e.into()),
            };
            let mut partitions: Vec<_> = topic
                .partitions
                .iter()
                .map(|p| PartitionMetadata {
                    index: PartitionIndex(p.partition_index),
                    code: ErrorCode::from_code(p.error_code),
                    leader: broker_id(p.leader_id.0),
                    leader_epoch: LeaderEpoch(p.leader_epoch),
                    replicas: broker_ids(&p.replica_nodes),
                    isr: broker_ids(&p.isr_nodes),
                    offline: broker_ids(&p.offline_replicas),
                })
                .collect();
            partitions.sort_by_key(|p| p.index);
            let metadata = TopicMetadata {
                name: name.clone(),
                id: TopicId(topic.topic_id.into_bytes()),
                code: ErrorCode::from_code(topic.error_code),
                is_internal: topic.is_internal,
                partitions,
            };
            topics.insert(name, metadata);
        }
        Ok(Self {
            cluster_id: response.cluster_id.as_ref().map(ToString::to_string),
            controller: broker_id(response.controller_id.0),
            brokers: brokers.collect(),
            topics,
        })
    }
}
