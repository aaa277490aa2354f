//! A topic's configuration in the words of storage.

use highwater_config::TopicConfig;
use highwater_storage::LogConfig;

fn ms(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The part of a topic's configuration that its logs obey.
pub(crate) fn log_config(topic: &TopicConfig) -> LogConfig {
    LogConfig {
        segment_bytes: topic.segment_bytes,
        segment_ms: ms(topic.segment_ms),
        segment_jitter_ms: ms(topic.segment_jitter_ms),
        segment_index_bytes: topic.segment_index_bytes,
        index_interval_bytes: topic.index_interval_bytes,
        retention_ms: topic.retention_ms.map(ms),
        retention_bytes: topic.retention_bytes,
        delete: topic.cleanup_policy.delete,
        compact: topic.cleanup_policy.compact,
        min_compaction_lag_ms: ms(topic.min_compaction_lag_ms),
        max_compaction_lag_ms: topic.max_compaction_lag_ms.map_or(i64::MAX, ms),
        min_cleanable_dirty_ratio: topic.min_cleanable_dirty_ratio,
        delete_retention_ms: ms(topic.delete_retention_ms),
        file_delete_delay_ms: ms(topic.file_delete_delay_ms),
        max_message_bytes: topic.max_message_bytes as u64,
        ..LogConfig::default()
    }
}
