//! Logs, compaction and the memory of idempotent producers.

use crate::settings::settings;

settings! {
    /// Creation, flushing, retention and recovery of logs.
    pub struct LogSettings {
        /// Whether a request for metadata creates the topics that it names.
        auto_create_topics_enable: bool = "auto.create.topics.enable",
        /// Threads for work that no client waits for.
        background_threads: usize = "background.threads",
        /// Whether topics may be deleted.
        delete_topic_enable: bool = "delete.topic.enable",
        /// Partitions of a topic that does not say.
        num_partitions: i32 = "num.partitions",
        /// Threads for each log directory that recover logs at the start.
        num_recovery_threads_per_data_dir: usize = "num.recovery.threads.per.data.dir",
        /// How often the recovery points are written down.
        recovery_point_checkpoint_interval_ms: u64 = "log.flush.offset.checkpoint.interval.ms",
        /// How often the log start offsets are written down.
        start_offset_checkpoint_interval_ms: u64 = "log.flush.start.offset.checkpoint.interval.ms",
        /// How often it is looked for segments past their retention.
        retention_check_interval_ms: u64 = "log.retention.check.interval.ms",
        /// How long such work waits after the start.
        initial_task_delay_ms: u64 = "log.initial.task.delay.ms",
    }
}

settings! {
    /// Compaction.
    pub struct CleanerSettings {
        /// Whether logs are compacted at all.
        enable: bool = "log.cleaner.enable",
        /// How many logs are compacted at a time.
        threads: usize = "log.cleaner.threads",
        /// Memory for the keys, over all threads.
        dedupe_buffer_bytes: usize = "log.cleaner.dedupe.buffer.size",
        /// How full that memory may become, 0 to 1.
        dedupe_buffer_load_factor: f64 = "log.cleaner.io.buffer.load.factor",
        /// Memory for reading and writing, over all threads.
        io_buffer_bytes: usize = "log.cleaner.io.buffer.size",
        /// Most bytes read and written in a second, over all threads.
        io_bytes_per_second_max: f64 = "log.cleaner.io.max.bytes.per.second",
        /// How long a thread waits when nothing is to be compacted.
        backoff_ms: u64 = "log.cleaner.backoff.ms",
    }
}

settings! {
    /// Memory of idempotent producers.
    pub struct ProducerStateSettings {
        /// How long a silent producer is remembered.
        expiration_ms: u64 = "producer.id.expiration.ms",
        /// How often it is looked for such producers.
        expiration_check_interval_ms: u64 = "producer.id.expiration.check.interval.ms",
    }
}
