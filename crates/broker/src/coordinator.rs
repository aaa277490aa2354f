//! The driver of the group machines: one shard for each partition of `__consumer_offsets`.
//!
//! A step runs under the lock of its shard: the machine decides, the records are appended as
//! one batch, and each is replayed. A reply leaves when the log is durable up to what the
//! shard had written when the reply was made, so that nobody ever sees an offset that a crash
//! could take back. If an append fails the shard is thrown away and loaded from its log again:
//! there is no way back for a state that was never written.

mod load;
mod shard;
mod timers;

use std::collections::HashMap;
use std::sync::Arc;

use highwater_groups::{DropTopicsRequest, DroppedTopic, GroupConfig, Reply, Request};
use highwater_protocol::ErrorCode;
use highwater_types::{PartitionIndex, TopicName};
use parking_lot::RwLock;

use crate::broker::Broker;
use crate::data::Partition;
use crate::views::GroupView;
pub(crate) use shard::Shard;

/// The topic that holds groups and their offsets.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// All shards of this broker.
#[derive(Default)]
pub(crate) struct GroupCoordinator {
    shards: RwLock<HashMap<PartitionIndex, Arc<Shard>>>,
    /// Told when a timer may have to ring earlier than thought.
    rearm: tokio::sync::Notify,
}

/// The partition of a group: Java's hash of its id, as every Kafka broker computes it.
pub(crate) fn partition_for(group_id: &str, partitions: usize) -> PartitionIndex {
    let hash = group_id.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    // The absolute value, unlike where keys are hashed; −2³¹, which has none, counts as 0.
    let positive = hash.checked_abs().unwrap_or(0);
    PartitionIndex(positive % i32::try_from(partitions.max(1)).unwrap_or(1))
}

impl GroupCoordinator {
    /// Takes over a partition of the offsets topic; its groups answer once they are loaded.
    pub(crate) fn add(&self, broker: &Arc<Broker>, partition: &Arc<Partition>) {
        let index = partition.name.partition;
        let shard = Arc::new(Shard::new(Arc::clone(partition), group_config(broker)));
        self.shards.write().insert(index, Arc::clone(&shard));
        shard.load(broker);
        self.rearm.notify_one();
    }

    /// Gives up a partition.
    pub(crate) fn remove(&self, index: PartitionIndex) {
        if let Some(shard) = self.shards.write().remove(&index) {
            shard.retire();
        }
    }

    /// Gives up all partitions: the broker stops.
    pub(crate) fn retire(&self) {
        for shard in self.shards() {
            shard.retire();
        }
    }

    /// Every shard.
    pub(crate) fn shards(&self) -> Vec<Arc<Shard>> {
        self.shards.read().values().cloned().collect()
    }

    fn shard_of(&self, broker: &Broker, group_id: &str) -> Result<Arc<Shard>, ErrorCode> {
        let image = broker.metadata.image();
        let topic = image
            .topic(OFFSETS_TOPIC)
            .ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let index = partition_for(group_id, topic.partition_count());
        self.shards
            .read()
            .get(&index)
            .cloned()
            .ok_or(ErrorCode::NOT_COORDINATOR)
    }

    /// Carries out one request on the shard of its group.
    pub(crate) async fn call(
        &self,
        broker: &Arc<Broker>,
        group_id: &str,
        request: Request,
    ) -> Result<Reply, ErrorCode> {
        let shard = match self.shard_of(broker, group_id) {
            Err(ErrorCode::COORDINATOR_NOT_AVAILABLE) => {
                // The first group of the cluster: its topic is made now.
                let maker = Arc::clone(broker);
                let made = tokio::task::spawn_blocking(move || maker.ensure_offsets_topic()).await;
                made.map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE)??;
                self.shard_of(broker, group_id)?
            }
            found => found?,
        };
        self.call_shard(broker, &shard, request).await
    }

    /// Carries out one request on one shard.
    pub(crate) async fn call_shard(
        &self,
        broker: &Arc<Broker>,
        shard: &Arc<Shard>,
        request: Request,
    ) -> Result<Reply, ErrorCode> {
        let answer = shard.begin(broker, request)?;
        self.rearm_if_earlier(shard);
        answer.await
    }

    /// Wakes the timers if a shard now has a deadline before the one they sleep for.
    fn rearm_if_earlier(&self, shard: &Shard) {
        if shard.take_earlier_deadline() {
            self.rearm.notify_one();
        }
    }

    /// Deleted topics take their committed offsets with them.
    pub(crate) fn drop_topics(&self, broker: &Arc<Broker>, topics: &[DroppedTopic]) {
        for shard in self.shards() {
            let request = Request::DropTopics(DropTopicsRequest {
                topics: topics.to_vec(),
            });
            // Nobody waits for it: a shard that is not loaded yet will expire them.
            let _ = shard.begin(broker, request);
        }
    }

    /// New limits for all groups.
    pub(crate) fn set_config(&self, broker: &Broker) {
        for shard in self.shards() {
            shard.set_config(group_config(broker));
        }
    }

    /// Every group with its state and its committed offsets, for metrics.
    pub(crate) fn views(&self) -> Vec<GroupView> {
        let shards = self.shards();
        let groups = shards.iter().flat_map(|shard| shard.summaries());
        groups
            .map(|group| GroupView {
                group: group.group_id.to_string(),
                state: group.state.name(),
                members: group.members,
                offsets: group.offsets,
            })
            .collect()
    }

    /// Rings the timers of all shards until the process ends.
    pub(crate) async fn run_timers(broker: Arc<Broker>) {
        timers::run(broker).await;
    }
}

/// The limits of groups as the machine wants them.
fn group_config(broker: &Broker) -> GroupConfig {
    let config = broker.config();
    let groups = &config.groups;
    let timeout = |ms: u64| i32::try_from(ms).unwrap_or(i32::MAX);
    GroupConfig {
        session_timeout_ms_min: timeout(groups.session_timeout_ms_min),
        session_timeout_ms_max: timeout(groups.session_timeout_ms_max),
        group_size_max: groups.size_max,
        initial_rebalance_delay_ms: groups.initial_rebalance_delay_ms,
        offset_metadata_len_max: groups.offset_metadata_bytes_max,
        offsets_retention_ms: i64::try_from(
            groups.offsets_retention_minutes.saturating_mul(60_000),
        )
        .unwrap_or(i64::MAX),
        offsets_retention_check_interval_ms: groups.offsets_retention_check_interval_ms,
    }
}

/// Whether a topic belongs to the coordinator.
pub(crate) fn is_offsets_topic(name: &TopicName) -> bool {
    name.as_str() == OFFSETS_TOPIC
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_lie_where_kafka_puts_them() {
        for (group, partitions, partition) in [
            ("", 50, 0),
            ("a", 50, 47),
            // Negative hashes; the first two as Kafka 4.3 placed them.
            ("classic-readers", 5, 0),
            ("new-readers", 5, 2),
            ("my-group", 50, 12),
            // The hash is the least there is.
            ("polygenelubricants", 50, 0),
        ] {
            let found = partition_for(group, partitions);
            assert_eq!(found.get(), partition, "{group}");
        }
    }
}
