//! What others may look at while the broker runs: health and metrics.

use std::sync::Arc;

use highwater_metadata::{BrokerState, MetadataImage};
use highwater_net::{Budget, ConnectionCounts};
use highwater_storage::WalCounts;
use highwater_types::{BrokerId, Offset, PartitionIndex, TopicName, TopicPartition};

use crate::broker::Broker;
use crate::coordinator::{Coordinator, Machine};
use crate::data::Partition;
use crate::metrics::{ApiSnapshot, DurationsSnapshot, TrafficSnapshot};
use crate::startup::StartReport;

/// Partitions that are named in a reason not to be ready; the others are counted.
const NAMED_MAX: usize = 3;

/// One partition of this broker at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// First offset.
    pub log_start: Offset,
    /// Offset behind the last record.
    pub log_end: Offset,
    /// Offset behind the last committed record.
    pub high_watermark: Offset,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Segments on disk.
    pub segments: usize,
    /// The broker that leads it, or −1.
    pub leader: BrokerId,
    /// The broker that leads it if it can.
    pub preferred_leader: BrokerId,
    /// Brokers that hold or shall hold it.
    pub replicas: usize,
    /// Those of them that are in sync.
    pub in_sync: usize,
    /// As many must be in sync for a write with `acks=all`.
    pub min_in_sync: usize,
    /// Whether fewer are.
    pub is_under_min_isr: bool,
    /// Whether this broker leads it.
    pub is_leader: bool,
    /// Whether its directory is offline.
    pub is_offline: bool,
    /// What clients have written and read since the start.
    pub traffic: TrafficSnapshot,
}

/// One group at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Its id.
    pub group: String,
    /// Its state, as Kafka's tools call it.
    pub state: &'static str,
    /// Its members.
    pub members: usize,
    /// Topic, partition and committed offset, sorted.
    pub offsets: Vec<(TopicName, PartitionIndex, Offset)>,
}

/// What the cluster agrees on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterView {
    /// Brokers that take part, with the address of their first listener.
    pub brokers: Vec<(BrokerId, String)>,
    /// Brokers that are known and do not take part.
    pub fenced: usize,
    /// Topics.
    pub topics: usize,
    /// Partitions of all topics.
    pub partitions: usize,
    /// Partitions that nobody leads.
    pub without_leader: usize,
}

/// One log directory at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirView {
    /// Where it is.
    pub path: String,
    /// Whether it can be used.
    pub is_online: bool,
    /// Bytes that could still be written to its file system, where that can be told.
    pub free_bytes: Option<u64>,
    /// What its write-ahead log has done.
    pub wal: WalCounts,
}

/// Memory for requests that are being read or worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestMemory {
    /// Bytes taken.
    pub used_bytes: usize,
    /// The bound.
    pub limit_bytes: usize,
}

/// A read-only handle on the broker.
#[derive(Clone)]
pub struct BrokerView {
    pub(crate) broker: Arc<Broker>,
    pub(crate) connections: Arc<dyn Fn() -> ConnectionCounts + Send + Sync>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) start: Arc<StartReport>,
}

impl BrokerView {
    /// Whether every partition of this broker is recovered and can be served: why not, if not.
    pub fn readiness(&self) -> Result<(), String> {
        let offline = self.broker.log_dirs.iter().find(|dir| dir.is_offline());
        if let Some(dir) = offline {
            let reason = dir.offline_reason().unwrap_or("unknown");
            let path = dir.path().display();
            return Err(format!("log directory {path} is offline: {reason}"));
        }
        let configured = self.broker.config().log_dirs.len();
        if self.broker.log_dirs.len() < configured {
            let opened = self.broker.log_dirs.len();
            return Err(format!(
                "only {opened} of {configured} log directories could be opened"
            ));
        }
        let missing = self.unserved();
        if !missing.is_empty() {
            let names = missing.iter().take(NAMED_MAX);
            let named: Vec<_> = names.map(ToString::to_string).collect();
            let count = missing.len();
            return Err(format!(
                "{count} partitions could not be opened: {}{}",
                named.join(", "),
                if count > NAMED_MAX { ", …" } else { "" }
            ));
        }
        match stuck(&self.broker.groups).or_else(|| stuck(&self.broker.transactions)) {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// Partitions that the image gives to this broker and that are not there: their logs could
    /// not be opened or made.
    pub fn unserved(&self) -> Vec<TopicPartition> {
        let find = |image: &MetadataImage| {
            let mut missing = Vec::new();
            for topic in image.topics() {
                let local = self.broker.partitions.topic_by_id(topic.id);
                for (index, partition) in topic.partitions() {
                    let is_here = || local.as_ref()?.partition(index).map(|_| ());
                    if partition.replicas.contains(&self.broker.id) && is_here().is_none() {
                        missing.push(TopicPartition::new(topic.name.clone(), index));
                    }
                }
            }
            missing
        };
        let missing = find(&self.broker.metadata.image());
        if missing.is_empty() {
            return missing;
        }
        // What is just being created is in the image before it is here, and nobody was told of
        // it yet.
        let settled = self.broker.metadata.while_settled(find);
        settled.unwrap_or_default()
    }

    /// The node's number.
    pub fn node_id(&self) -> i32 {
        self.broker.id.get()
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> &str {
        &self.broker.cluster_id
    }

    /// What the start found and did.
    pub fn start(&self) -> &StartReport {
        &self.start
    }

    /// The requests of each API.
    pub fn apis(&self) -> Vec<ApiSnapshot> {
        self.broker.metrics.apis()
    }

    /// What clients have written and read since the start, of topics that are gone too.
    pub fn traffic(&self) -> TrafficSnapshot {
        self.broker.metrics.traffic.snapshot()
    }

    /// How long flushes of partitions have taken.
    pub fn flushes(&self) -> DurationsSnapshot {
        self.broker.flusher.durations()
    }

    /// Partitions that wait for a thread to flush them.
    pub fn flushes_queued(&self) -> usize {
        self.broker.flusher.queued()
    }

    /// Open and past connections.
    pub fn connections(&self) -> ConnectionCounts {
        (self.connections)()
    }

    /// Memory for requests.
    pub fn request_memory(&self) -> RequestMemory {
        RequestMemory {
            used_bytes: self.budget.used_bytes(),
            limit_bytes: self.budget.limit_bytes(),
        }
    }

    /// Fetch sessions, and the partitions that they cover.
    pub fn fetch_sessions(&self) -> (usize, usize) {
        self.broker.fetch_sessions.counts()
    }

    /// The log directories. Asks the file systems, and so may block.
    pub fn log_dirs(&self) -> Vec<LogDirView> {
        let dirs = self.broker.log_dirs.iter();
        dirs.map(|dir| LogDirView {
            path: dir.path().display().to_string(),
            is_online: !dir.is_offline(),
            free_bytes: dir.free_bytes().ok(),
            wal: dir.wal_counts(),
        })
        .collect()
    }

    /// What the cluster agrees on.
    pub fn cluster(&self) -> ClusterView {
        let image = self.broker.metadata.image();
        let active = image.brokers().filter(|broker| image.is_active(broker.id));
        let partitions = image.topics().flat_map(|topic| topic.partitions());
        ClusterView {
            brokers: active
                .map(|broker| {
                    let listener = broker.listeners.first();
                    let address = listener.map(|at| format!("{}:{}", at.host, at.port));
                    (broker.id, address.unwrap_or_default())
                })
                .collect(),
            fenced: image
                .brokers()
                .filter(|broker| broker.state == BrokerState::Fenced)
                .count(),
            topics: image.topic_count(),
            partitions: image.partition_count(),
            without_leader: partitions
                .filter(|(_, partition)| partition.leader == BrokerId::NONE)
                .count(),
        }
    }

    /// Every partition that is here, sorted by topic and number.
    pub fn partitions(&self) -> Vec<PartitionView> {
        let image = self.broker.metadata.image();
        let mut here = self.broker.partitions.all();
        here.sort_by(|one, other| one.name.cmp(&other.name));
        here.iter()
            .filter_map(|partition| view(&image, partition))
            .collect()
    }

    /// Every group that this broker coordinates, with its committed offsets.
    pub fn groups(&self) -> Vec<GroupView> {
        self.broker.groups.views()
    }
}

/// `None` for a partition whose topic has just been deleted.
fn view(image: &MetadataImage, partition: &Partition) -> Option<PartitionView> {
    let name = &partition.name;
    let agreed = image.partition(name.topic.as_str(), name.partition)?;
    let log = &partition.log;
    let min_in_sync = partition.config().min_insync_replicas;
    Some(PartitionView {
        topic: name.topic.clone(),
        partition: name.partition,
        log_start: log.log_start(),
        log_end: log.log_end(),
        high_watermark: partition.high_watermark(),
        size_bytes: log.size_bytes(),
        segments: log.segment_count(),
        leader: agreed.leader,
        preferred_leader: agreed.preferred_leader(),
        replicas: agreed.replicas.len(),
        in_sync: agreed.isr.len(),
        min_in_sync: usize::try_from(min_in_sync)
            .unwrap_or(1)
            .min(agreed.replicas.len()),
        is_under_min_isr: partition.is_under_min_isr(),
        is_leader: partition.is_leader(),
        is_offline: log.log_dir().is_offline(),
        traffic: partition.traffic.snapshot(),
    })
}

/// The first shard of a coordinator that does not answer, and why.
fn stuck<M: Machine>(coordinator: &Coordinator<M>) -> Option<String> {
    let shards = coordinator.shards().into_iter();
    let stuck = shards.filter_map(|shard| Some((shard.obstacle()?, shard)));
    let first = stuck.min_by_key(|(_, shard)| shard.partition.name.partition);
    first.map(|(why, shard)| format!("{} {why}", shard.partition.name))
}
