//! The records of the metadata log: every change of what the cluster agrees on.
//!
//! A record says what is so from now on. It never depends on a clock or on who reads it, so
//! that every broker that has read the same records holds the same image.

use std::sync::Arc;

use highwater_types::{BrokerId, PartitionIndex, ProducerId, TopicId, TopicName};

use crate::{BrokerList, ConfigResource, PartitionImage, QuotaEntity};

/// One change of the cluster's metadata; [`crate::codec`] says how it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum MetadataRecord {
    /// Names the cluster and the version of the format of what follows.
    Cluster(ClusterRecord),
    /// A broker has joined, or has come back as a new incarnation.
    RegisterBroker(BrokerRegistration),
    /// A broker may or may no longer lead.
    BrokerChange(BrokerChange),
    /// A broker has left for good.
    UnregisterBroker(BrokerId),
    /// A topic exists from now on; its partitions follow.
    Topic(TopicRecord),
    /// The next partition of a topic exists from now on.
    Partition(PartitionRecord),
    /// Something about a partition has changed.
    PartitionChange(PartitionChange),
    /// A topic, its partitions and its configuration are no more.
    RemoveTopic(TopicId),
    /// A configuration has been set or removed.
    Config(ConfigRecord),
    /// A client quota has been set or removed.
    ClientQuota(ClientQuotaRecord),
    /// A feature has been set to a level; 0 takes it away.
    FeatureLevel(FeatureLevelRecord),
    /// Producer ids below this one have been given out.
    ProducerIds(ProducerIdsRecord),
}

/// See [`MetadataRecord::Cluster`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterRecord {
    /// The cluster's id, as it is in every `meta.properties`.
    pub cluster_id: Arc<str>,
    /// Which records may occur; a reader that knows a smaller one must not go on.
    pub format_version: u16,
}

/// An address at which a broker can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name in `advertised.listeners`.
    pub name: Arc<str>,
    /// A host name or address that clients can resolve.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// Kafka's code of the security protocol: 0 plaintext, 1 TLS, 2 SASL, 3 SASL under TLS.
    pub security_protocol: i16,
}

/// The levels of a feature that a broker can work with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureRange {
    /// The feature.
    pub name: Arc<str>,
    /// Its lowest level.
    pub min: i16,
    /// Its highest level.
    pub max: i16,
}

/// What a broker says of itself when it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerRegistration {
    /// Its `node.id`.
    pub id: BrokerId,
    /// A random value of this run of the process, which tells a restart from a repeated request.
    pub incarnation: [u8; 16],
    /// The number of this registration, larger than that of any earlier one.
    pub broker_epoch: i64,
    /// Its `broker.rack`.
    pub rack: Option<Arc<str>>,
    /// Whether it may lead and get new replicas.
    pub state: BrokerState,
    /// Where it can be reached.
    pub listeners: Vec<Listener>,
    /// What it can work with.
    pub features: Vec<FeatureRange>,
    /// The ids of its log directories.
    pub log_dirs: Vec<[u8; 16]>,
}

/// Whether a broker takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerState {
    /// Known, but not to be relied on: it leads nothing and gets nothing new.
    Fenced,
    /// Takes part.
    Active,
    /// Takes part still, but is about to leave: it gets nothing new.
    ShuttingDown,
}

/// See [`MetadataRecord::BrokerChange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerChange {
    /// The broker.
    pub id: BrokerId,
    /// The registration that is meant; a change for an older one is ignored.
    pub broker_epoch: i64,
    /// What it is from now on.
    pub state: BrokerState,
}

/// See [`MetadataRecord::Topic`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// Its name, which no other topic has now.
    pub name: TopicName,
    /// Its id, which no other topic has ever had.
    pub id: TopicId,
}

/// See [`MetadataRecord::Partition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRecord {
    /// The topic.
    pub topic: TopicId,
    /// The number of partitions that the topic has had so far.
    pub partition: PartitionIndex,
    /// The partition as it begins.
    pub image: PartitionImage,
}

/// See [`MetadataRecord::PartitionChange`]; what is `None` stays as it is.
///
/// Every change begins a new partition epoch, and naming a leader, be it the same again, begins
/// a new leader epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionChange {
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The leader of a new leader epoch; [`BrokerId::NONE`] if there is none.
    pub leader: Option<BrokerId>,
    /// The replicas that are in sync.
    pub isr: Option<BrokerList>,
    /// All replicas, the preferred leader first.
    pub replicas: Option<BrokerList>,
    /// The replicas that a reassignment adds.
    pub adding: Option<BrokerList>,
    /// The replicas that a reassignment takes away.
    pub removing: Option<BrokerList>,
}

impl PartitionChange {
    /// A change of nothing but the partition epoch, to be filled in.
    pub fn new(topic: TopicId, partition: PartitionIndex) -> Self {
        Self {
            topic,
            partition,
            leader: None,
            isr: None,
            replicas: None,
            adding: None,
            removing: None,
        }
    }
}

/// See [`MetadataRecord::Config`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigRecord {
    /// What is configured.
    pub resource: ConfigResource,
    /// The key.
    pub key: Arc<str>,
    /// The value; `None` takes the key away, so that its default is in force.
    pub value: Option<Arc<str>>,
}

/// See [`MetadataRecord::ClientQuota`].
#[derive(Clone, Debug, PartialEq)]
pub struct ClientQuotaRecord {
    /// Whose quota it is.
    pub entity: QuotaEntity,
    /// The key, for example `producer_byte_rate`.
    pub key: Arc<str>,
    /// The value; `None` takes the key away.
    pub value: Option<f64>,
}

/// See [`MetadataRecord::FeatureLevel`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureLevelRecord {
    /// The feature.
    pub name: Arc<str>,
    /// Its level from now on.
    pub level: i16,
}

/// See [`MetadataRecord::ProducerIds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdsRecord {
    /// To whom the last block was given.
    pub broker: BrokerId,
    /// To which registration of it.
    pub broker_epoch: i64,
    /// The first id that has not been given out.
    pub next: ProducerId,
}
