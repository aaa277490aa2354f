//! The node itself, replication and quota windows.

use crate::settings::settings;

settings! {
    /// Who the node is and how long it waits for its controller.
    pub struct NodeSettings {
        /// The number of the node in its cluster.
        node_id: i32 = "node.id",
        /// The same number under its older name.
        broker_id: i32 = "broker.id",
        /// What the node does: `broker`, `controller` or both.
        process_roles: Vec<String> = "process.roles",
        /// The rack on which it stands.
        broker_rack: Option<String> = "broker.rack",
        /// How often a broker tells the controller that it lives.
        broker_heartbeat_interval_ms: u64 = "broker.heartbeat.interval.ms",
        /// After which silence the controller takes a broker for dead.
        broker_session_timeout_ms: u64 = "broker.session.timeout.ms",
        /// Whether leadership moves away before the broker stops.
        controlled_shutdown_enable: bool = "controlled.shutdown.enable",
        /// Names of the listeners for controllers.
        controller_listener_names: Vec<String> = "controller.listener.names",
        /// Where the metadata log lies, if not in the first log directory.
        metadata_log_dir: Option<String> = "metadata.log.dir",
        /// Bytes of metadata records after which a snapshot is written.
        metadata_snapshot_bytes_max: u64 = "metadata.log.max.record.bytes.between.snapshots",
        /// Time after which a snapshot is written; 0 for never.
        metadata_snapshot_interval_ms_max: u64 = "metadata.log.max.snapshot.interval.ms",
        /// Size at which a segment of the metadata log is closed.
        metadata_log_segment_bytes: u64 = "metadata.log.segment.bytes",
    }
}

settings! {
    /// In-sync replicas, and defaults of new topics that concern replicas.
    pub struct ReplicationSettings {
        /// Replicas of a topic that does not say.
        default_replication_factor: i16 = "default.replication.factor",
        /// How often high watermarks are written down.
        high_watermark_checkpoint_interval_ms: u64 = "replica.high.watermark.checkpoint.interval.ms",
        /// After which lag a follower leaves the in-sync replicas.
        replica_lag_time_ms_max: u64 = "replica.lag.time.max.ms",
    }
}

settings! {
    /// Windows over which quotas are measured.
    pub struct QuotaSettings {
        /// How many samples are kept.
        window_num: usize = "quota.window.num",
        /// How long one sample lasts.
        window_size_seconds: u64 = "quota.window.size.seconds",
    }
}
