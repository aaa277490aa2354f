//! What a log is told about its topic, and what a directory is told about the broker.

/// How one log keeps its records; the defaults are Kafka's.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// Size at which a segment is closed (`segment.bytes`).
    pub segment_bytes: u64,
    /// Span of record time after which a segment is closed (`segment.ms`).
    pub segment_ms: i64,
    /// Upper bound of what is taken off `segment_ms`, so that logs do not roll at once.
    pub segment_jitter_ms: i64,
    /// Most bytes of an index file (`segment.index.bytes`).
    pub segment_index_bytes: u64,
    /// Bytes of records between two index entries (`index.interval.bytes`).
    pub index_interval_bytes: u64,
    /// Age at which a segment is deleted; `None` keeps it forever (`retention.ms` = −1).
    pub retention_ms: Option<i64>,
    /// Size above which old segments are deleted; `None` sets no bound (`retention.bytes` = −1).
    pub retention_bytes: Option<u64>,
    /// Whether old segments are deleted (`cleanup.policy` contains `delete`).
    pub delete: bool,
    /// Whether the last record of each key is kept (`cleanup.policy` contains `compact`).
    pub compact: bool,
    /// Age below which a record is not compacted away (`min.compaction.lag.ms`).
    pub min_compaction_lag_ms: i64,
    /// Age at which a record is compacted whatever the dirty ratio (`max.compaction.lag.ms`).
    pub max_compaction_lag_ms: i64,
    /// Share of uncompacted bytes that makes a compaction worthwhile.
    pub min_cleanable_dirty_ratio: f64,
    /// How long a tombstone outlives the record it deletes (`delete.retention.ms`).
    pub delete_retention_ms: i64,
    /// How long a deleted file stays under another name (`file.delete.delay.ms`).
    pub file_delete_delay_ms: i64,
    /// Largest batch that was ever allowed in; bounds the buffers of compaction.
    pub max_message_bytes: u64,
    /// Whether the blocks of a segment are reserved ahead of the writes.
    pub preallocate: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: Some(7 * 24 * 3_600_000),
            retention_bytes: None,
            delete: true,
            compact: false,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            min_cleanable_dirty_ratio: 0.5,
            delete_retention_ms: 24 * 3_600_000,
            file_delete_delay_ms: 60_000,
            max_message_bytes: 1_048_588,
            preallocate: true,
        }
    }
}

/// What all logs of a directory share.
#[derive(Clone, Debug, PartialEq)]
pub struct StorageOptions {
    /// Files that may be open at once beyond those with unflushed bytes.
    pub open_files_max: usize,
    /// Largest piece by which the active segment is sized ahead; 0 never sizes ahead. A segment
    /// is sized ahead by about as much as it holds, so that small logs reserve little.
    pub preallocate_chunk_bytes: u64,
    /// Size from which a segment is sized ahead.
    pub preallocate_from_bytes: u64,
    /// Size of a file of the write-ahead log.
    pub wal_file_bytes: u64,
    /// Files of the write-ahead log.
    pub wal_files_max: usize,
    /// A log that has to flush more than this is flushed by itself.
    pub wal_entry_bytes_max: u64,
    /// Largest block of the write-ahead log.
    pub wal_block_bytes_max: u64,
    /// Flushes a write-ahead log could have spared before one is made.
    pub wal_after_flushes: u32,
    /// Producers that one log remembers; beyond it the one idle longest is forgotten.
    pub producers_per_log_max: usize,
    /// Bytes of the active segment after which a flush writes its producers down, so that a
    /// start need not read the headers of all of it.
    pub snapshot_every_bytes: u64,
    /// Size above which the journal of flushed ends may be rewritten.
    pub flush_journal_bytes_max: u64,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            open_files_max: 4096,
            preallocate_chunk_bytes: 16 << 20,
            preallocate_from_bytes: 64 << 10,
            wal_file_bytes: 16 << 20,
            wal_files_max: 4,
            wal_entry_bytes_max: 64 << 10,
            wal_block_bytes_max: 1 << 20,
            wal_after_flushes: 64,
            producers_per_log_max: 100_000,
            snapshot_every_bytes: 64 << 20,
            flush_journal_bytes_max: 4 << 20,
        }
    }
}

/// Whose data a directory holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeIdentity {
    /// `cluster.id`, 22 characters of URL-safe base64.
    pub cluster_id: String,
    /// `node.id`.
    pub node_id: i32,
    /// The id a directory gets if it has none yet: fresh randomness from the caller.
    pub directory_id: highwater_types::TopicId,
}
