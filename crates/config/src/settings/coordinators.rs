//! Group, share and transaction coordination with their internal topics.

use crate::settings::settings;

settings! {
    /// Group coordination and committed offsets.
    pub struct GroupSettings {
        /// How long the first rebalance of an empty group waits for more members.
        initial_rebalance_delay_ms: u64 = "group.initial.rebalance.delay.ms",
        /// Longest session timeout that a classic member may ask for.
        session_timeout_ms_max: u64 = "group.max.session.timeout.ms",
        /// Shortest session timeout that a classic member may ask for.
        session_timeout_ms_min: u64 = "group.min.session.timeout.ms",
        /// Most members of a classic group.
        size_max: usize = "group.max.size",
        /// Protocols that groups may use.
        rebalance_protocols: Vec<String> = "group.coordinator.rebalance.protocols",
        /// Longest text beside a committed offset.
        offset_metadata_bytes_max: usize = "offset.metadata.max.bytes",
        /// How long an answer may wait for the disk and the replicas.
        offsets_commit_timeout_ms: u64 = "offsets.commit.timeout.ms",
        /// How much is read at a time when groups are loaded.
        offsets_load_buffer_bytes: usize = "offsets.load.buffer.size",
        /// How often it is looked for offsets past their retention.
        offsets_retention_check_interval_ms: u64 = "offsets.retention.check.interval.ms",
        /// How long the offsets of an empty group are kept.
        offsets_retention_minutes: u64 = "offsets.retention.minutes",
        /// Compression of the offsets topic, by its number in a batch.
        offsets_topic_compression_codec: i32 = "offsets.topic.compression.codec",
        /// Partitions of the offsets topic.
        offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions",
        /// Replicas of the offsets topic.
        offsets_topic_replication_factor: i16 = "offsets.topic.replication.factor",
        /// Size at which a segment of the offsets topic is closed.
        offsets_topic_segment_bytes: u64 = "offsets.topic.segment.bytes",
        /// Names of the assignors for groups of the new protocol, the default first.
        consumer_assignors: Vec<String> = "group.consumer.assignors",
        /// Heartbeat interval of groups of the new protocol.
        consumer_heartbeat_interval_ms: u64 = "group.consumer.heartbeat.interval.ms",
        /// Longest heartbeat interval that a group may set.
        consumer_heartbeat_interval_ms_max: u64 = "group.consumer.max.heartbeat.interval.ms",
        /// Shortest heartbeat interval that a group may set.
        consumer_heartbeat_interval_ms_min: u64 = "group.consumer.min.heartbeat.interval.ms",
        /// Session timeout of groups of the new protocol.
        consumer_session_timeout_ms: u64 = "group.consumer.session.timeout.ms",
        /// Longest session timeout that a group may set.
        consumer_session_timeout_ms_max: u64 = "group.consumer.max.session.timeout.ms",
        /// Shortest session timeout that a group may set.
        consumer_session_timeout_ms_min: u64 = "group.consumer.min.session.timeout.ms",
        /// Most members of a group of the new protocol.
        consumer_size_max: usize = "group.consumer.max.size",
        /// Which conversions between the protocols are allowed.
        consumer_migration_policy: String = "group.consumer.migration.policy",
    }
}

settings! {
    /// The internal topic of share groups.
    pub struct ShareGroupSettings {
        /// Partitions of the topic.
        state_topic_num_partitions: i32 = "share.coordinator.state.topic.num.partitions",
        /// Replicas of the topic.
        state_topic_replication_factor: i16 = "share.coordinator.state.topic.replication.factor",
        /// In-sync replicas that a write to the topic needs.
        state_topic_min_isr: i16 = "share.coordinator.state.topic.min.isr",
        /// Size at which a segment of the topic is closed.
        state_topic_segment_bytes: u64 = "share.coordinator.state.topic.segment.bytes",
    }
}

settings! {
    /// Transaction coordination.
    pub struct TransactionSettings {
        /// Longest transaction timeout that a producer may ask for.
        timeout_ms_max: u64 = "transaction.max.timeout.ms",
        /// How often it is looked for transactions past their timeout.
        abort_timed_out_interval_ms: u64 = "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        /// How often it is looked for transactional ids past their retention.
        remove_expired_interval_ms: u64 = "transaction.remove.expired.transaction.cleanup.interval.ms",
        /// How long an unused transactional id is kept.
        transactional_id_expiration_ms: u64 = "transactional.id.expiration.ms",
        /// Whether a partition asks the coordinator before it takes a transactional batch.
        partition_verification_enable: bool = "transaction.partition.verification.enable",
        /// How much is read at a time when transactions are loaded.
        state_log_load_buffer_bytes: usize = "transaction.state.log.load.buffer.size",
        /// In-sync replicas that a write to the topic needs.
        state_log_min_isr: i32 = "transaction.state.log.min.isr",
        /// Partitions of the topic.
        state_log_num_partitions: i32 = "transaction.state.log.num.partitions",
        /// Replicas of the topic.
        state_log_replication_factor: i16 = "transaction.state.log.replication.factor",
        /// Size at which a segment of the topic is closed.
        state_log_segment_bytes: u64 = "transaction.state.log.segment.bytes",
    }
}
