//! The driver of the coordinators' machines: one shard for each partition of their topic.
//!
//! A step runs under the lock of its shard: the machine decides, the records are appended as
//! one batch, and each is replayed. A reply leaves when the log is durable up to what the
//! shard had written when the reply was made, so that nobody ever sees an offset that a crash
//! could take back. If an append fails the shard is thrown away and loaded from its log again:
//! there is no way back for a state that was never written.

mod groups;
mod load;
mod machine;
pub(crate) mod markers;
mod shard;
mod timers;
pub(crate) mod transactions;

use std::collections::HashMap;
use std::sync::Arc;

use highwater_protocol::ErrorCode;
use highwater_types::PartitionIndex;
use parking_lot::RwLock;
use tokio::sync::Notify;

use crate::broker::Broker;
use crate::data::Partition;
pub(crate) use groups::{GroupCoordinator, OFFSETS_TOPIC, is_offsets_topic};
pub(crate) use machine::Machine;
pub(crate) use shard::Shard;

/// All shards of one kind on this broker.
pub(crate) struct Coordinator<M: Machine> {
    shards: RwLock<HashMap<PartitionIndex, Arc<Shard<M>>>>,
    /// Told when a timer may have to ring earlier than thought.
    rearm: Arc<Notify>,
}

impl<M: Machine> Default for Coordinator<M> {
    fn default() -> Self {
        Self {
            shards: RwLock::default(),
            rearm: Arc::default(),
        }
    }
}

/// The partition of a group or transactional id: Java's hash of it, as every Kafka broker
/// computes it.
pub(crate) fn partition_for(key: &str, partitions: usize) -> PartitionIndex {
    let hash = key.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    // The absolute value, unlike where keys are hashed; −2³¹, which has none, counts as 0.
    let positive = hash.checked_abs().unwrap_or(0);
    PartitionIndex(positive % i32::try_from(partitions.max(1)).unwrap_or(1))
}

impl<M: Machine> Coordinator<M> {
    /// Takes over a partition of the topic; its shard answers once it is loaded.
    pub(crate) fn add(&self, broker: &Arc<Broker>, partition: &Arc<Partition>) {
        let index = partition.name.partition;
        let rearm = Arc::clone(&self.rearm);
        let shard = Arc::new(Shard::new(broker, Arc::clone(partition), rearm));
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
    pub(crate) fn shards(&self) -> Vec<Arc<Shard<M>>> {
        self.shards.read().values().cloned().collect()
    }

    /// The shard of one partition.
    pub(crate) fn shard(&self, index: PartitionIndex) -> Option<Arc<Shard<M>>> {
        self.shards.read().get(&index).cloned()
    }

    fn shard_of(&self, broker: &Broker, key: &str) -> Result<Arc<Shard<M>>, ErrorCode> {
        let image = broker.metadata.image();
        let topic = image
            .topic(M::TOPIC)
            .ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        let index = partition_for(key, topic.partition_count());
        self.shard(index).ok_or(ErrorCode::NOT_COORDINATOR)
    }

    /// Carries out one request on the shard of a group or transactional id.
    pub(crate) async fn call(
        &self,
        broker: &Arc<Broker>,
        key: &str,
        request: M::Request,
    ) -> Result<M::Reply, ErrorCode> {
        let shard = match self.shard_of(broker, key) {
            Err(ErrorCode::COORDINATOR_NOT_AVAILABLE) => {
                // The first of the cluster: its topic is made now.
                let maker = Arc::clone(broker);
                let made = tokio::task::spawn_blocking(move || M::ensure_topic(&maker)).await;
                made.map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE)??;
                self.shard_of(broker, key)?
            }
            found => found?,
        };
        self.call_shard(broker, &shard, request).await
    }

    /// Carries out one request on one shard.
    pub(crate) async fn call_shard(
        &self,
        broker: &Arc<Broker>,
        shard: &Arc<Shard<M>>,
        request: M::Request,
    ) -> Result<M::Reply, ErrorCode> {
        let answer = shard.begin(broker, request)?;
        shard.rearm_if_earlier();
        answer.await
    }

    /// New limits for all shards.
    pub(crate) fn configure(&self, broker: &Broker) {
        for shard in self.shards() {
            shard.configure(broker);
        }
    }

    /// Rings the timers of all shards until the process ends.
    pub(crate) async fn run_timers(&self, broker: &Arc<Broker>) {
        timers::run(self, broker).await;
    }
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
