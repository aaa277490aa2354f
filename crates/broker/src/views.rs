//! What others may look at while the broker runs: health and metrics.

use std::sync::Arc;

use highwater_net::ConnectionCounts;
use highwater_types::{Offset, PartitionIndex, TopicName};

use crate::broker::Broker;
use crate::metrics::MetricsSnapshot;

/// One partition at one moment.
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
    /// Whether this broker leads it.
    pub is_leader: bool,
    /// Whether too few replicas are in sync.
    pub is_under_min_isr: bool,
    /// Whether its directory is offline.
    pub is_offline: bool,
}

/// One group at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Its id.
    pub group: String,
    /// Its state.
    pub state: String,
    /// Its members.
    pub members: usize,
    /// Topic, partition and committed offset.
    pub offsets: Vec<(TopicName, PartitionIndex, Offset)>,
}

/// A read-only handle on the broker.
#[derive(Clone)]
pub struct BrokerView {
    pub(crate) broker: Arc<Broker>,
    pub(crate) connections: Arc<dyn Fn() -> ConnectionCounts + Send + Sync>,
}

impl BrokerView {
    /// Whether every local partition is recovered and can be served: why not, if not.
    pub fn readiness(&self) -> Result<(), String> {
        let offline = self.broker.log_dirs.iter().find(|dir| dir.is_offline());
        if let Some(dir) = offline {
            let reason = dir.offline_reason().unwrap_or("unknown");
            return Err(format!(
                "log directory {} is offline: {reason}",
                dir.path().display()
            ));
        }
        Ok(())
    }

    /// The node's number.
    pub fn node_id(&self) -> i32 {
        self.broker.id.get()
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> &str {
        &self.broker.cluster_id
    }

    /// The counters of the hot paths.
    pub fn metrics(&self) -> MetricsSnapshot {
        self.broker.metrics.snapshot()
    }

    /// Open and past connections.
    pub fn connections(&self) -> ConnectionCounts {
        (self.connections)()
    }

    /// Fetch sessions, and the partitions that they cover.
    pub fn fetch_sessions(&self) -> (usize, usize) {
        self.broker.fetch_sessions.counts()
    }

    /// How many topics the cluster has.
    pub fn topic_count(&self) -> usize {
        self.broker.metadata.image().topic_count()
    }

    /// How many log directories are offline.
    pub fn offline_log_dirs(&self) -> usize {
        self.broker
            .log_dirs
            .iter()
            .filter(|dir| dir.is_offline())
            .count()
    }

    /// Every partition that is here.
    pub fn partitions(&self) -> Vec<PartitionView> {
        let view = |partition: Arc<crate::data::Partition>| PartitionView {
            topic: partition.name.topic.clone(),
            partition: partition.name.partition,
            log_start: partition.log.log_start(),
            log_end: partition.log.log_end(),
            high_watermark: partition.high_watermark(),
            size_bytes: partition.log.size_bytes(),
            segments: partition.log.segment_count(),
            is_leader: partition.is_leader(),
            is_under_min_isr: partition.is_under_min_isr(),
            is_offline: partition.log.log_dir().is_offline(),
        };
        self.broker.partitions.all().into_iter().map(view).collect()
    }

    /// Every group that this broker coordinates, with its committed offsets.
    pub async fn groups(&self) -> Vec<GroupView> {
        self.broker.groups.views(&self.broker).await
    }
}
