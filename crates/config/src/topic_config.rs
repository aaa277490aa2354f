//! The values of one topic on which storage and partitions act.

use std::str::FromStr;

use crate::definition::KeyKind;
use crate::error::ConfigError;
use crate::keys;
use crate::node_config::{NodeConfig, Overrides};
use crate::value::{check, list_items, parse_bool};

/// What happens to old segments. Both may hold, and with neither nothing is ever removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CleanupPolicy {
    /// Segments past their retention are deleted.
    pub delete: bool,
    /// Of each key the last record is kept.
    pub compact: bool,
}

/// How batches are compressed on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CompressionType {
    /// As the producer sent them.
    #[default]
    Producer,
    /// Not at all.
    Uncompressed,
    /// With gzip.
    Gzip,
    /// With snappy.
    Snappy,
    /// With LZ4.
    Lz4,
    /// With Zstandard.
    Zstd,
}

/// Which clock stamps a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// The producer's.
    #[default]
    CreateTime,
    /// The broker's, when the record is appended.
    LogAppendTime,
}

/// When `acks=all` is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// Once every in-sync replica has the batch on disk.
    #[default]
    Fsync,
    /// Once every in-sync replica has the batch in memory, as Kafka does.
    Replicated,
}

impl Durability {
    /// The word of the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fsync => "fsync",
            Self::Replicated => "replicated",
        }
    }
}

/// The configuration of one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// What happens to old segments.
    pub cleanup_policy: CleanupPolicy,
    /// How batches are compressed on disk.
    pub compression_type: CompressionType,
    /// The level if gzip is forced; −1 is the codec's default.
    pub compression_gzip_level: i32,
    /// The level if LZ4 is forced.
    pub compression_lz4_level: i32,
    /// The level if Zstandard is forced.
    pub compression_zstd_level: i32,
    /// How long a tombstone stays after compaction could have removed it.
    pub delete_retention_ms: u64,
    /// When `acks=all` is answered.
    pub durability: Durability,
    /// How long a deleted file stays on disk under another name.
    pub file_delete_delay_ms: u64,
    /// After how many records a flush is forced; `None` for never.
    pub flush_messages: Option<u64>,
    /// After which time a flush is forced; `None` for never.
    pub flush_ms: Option<u64>,
    /// How many bytes lie between two entries of the offset index.
    pub index_interval_bytes: u64,
    /// Longest time that a record stays uncompacted; `None` for no limit.
    pub max_compaction_lag_ms: Option<u64>,
    /// Largest batch, as it is stored.
    pub max_message_bytes: usize,
    /// How far a record's time may be ahead of the broker's; `None` for any.
    pub message_timestamp_after_max_ms: Option<u64>,
    /// How far a record's time may be behind the broker's; `None` for any.
    pub message_timestamp_before_max_ms: Option<u64>,
    /// Which clock stamps a record.
    pub message_timestamp_type: TimestampType,
    /// Share of dirty bytes at which compaction begins, 0 to 1.
    pub min_cleanable_dirty_ratio: f64,
    /// Shortest time that a record stays uncompacted.
    pub min_compaction_lag_ms: u64,
    /// How many replicas must be in sync for `acks=all` to be accepted.
    pub min_insync_replicas: i32,
    /// Largest size of a partition; `None` for no limit.
    pub retention_bytes: Option<u64>,
    /// Longest age of a record; `None` for no limit.
    pub retention_ms: Option<u64>,
    /// Size at which a segment is closed.
    pub segment_bytes: u64,
    /// Largest size of an index file.
    pub segment_index_bytes: u64,
    /// Up to how much earlier than `segment_ms` a segment may be closed.
    pub segment_jitter_ms: u64,
    /// Age at which a segment is closed.
    pub segment_ms: u64,
    /// Whether a replica that is not in sync may lead when no other is left.
    pub unclean_leader_election_enable: bool,
}

impl TopicConfig {
    /// The values of a topic without overrides.
    pub fn defaults(node: &NodeConfig) -> Result<Self, ConfigError> {
        let mut config = Self::unset();
        for def in keys::of_kind(KeyKind::Topic) {
            if let Some(value) = node.fallback(def) {
                config.apply(def.name, &value)?;
            }
        }
        Ok(config)
    }

    /// These values with the overrides of a topic laid over them.
    pub fn with_overrides(mut self, overrides: &Overrides) -> Result<Self, ConfigError> {
        for (name, value) in overrides {
            let def = keys::find(KeyKind::Topic, name)
                .ok_or_else(|| keys::unknown(KeyKind::Topic, name))?;
            check(def, value)?;
            self.apply(name, value)?;
        }
        // A test's own size goes before the public one, whose minimum is too large for it.
        if let Some(bytes) = overrides.get("internal.segment.bytes") {
            self.segment_bytes = number("internal.segment.bytes", bytes)?;
        }
        if overrides
            .get("remote.storage.enable")
            .is_some_and(|value| value.trim() == "true")
        {
            let text = "remote.storage.enable cannot be true: there is no tiered storage";
            return Err(ConfigError::Conflict(text.to_owned()));
        }
        self.check_together()?;
        Ok(self)
    }

    /// These values with what can be read of the overrides of a topic, and what cannot. What is
    /// stored has been valid once, and a value that no longer is, or that no longer goes with
    /// those of the broker, must not take the others with it: without its own retention a topic
    /// would lose its records.
    pub fn with_stored(mut self, overrides: &Overrides) -> (Self, Vec<ConfigError>) {
        let mut errors = Vec::new();
        for (name, value) in overrides {
            if let Err(error) = self.apply(name, value) {
                errors.push(error);
            }
        }
        if let Some(bytes) = overrides.get("internal.segment.bytes") {
            match number("internal.segment.bytes", bytes) {
                Ok(bytes) => self.segment_bytes = bytes,
                Err(error) => errors.push(error),
            }
        }
        errors.extend(self.check_together().err());
        (self, errors)
    }

    fn check_together(&self) -> Result<(), ConfigError> {
        match self.max_compaction_lag_ms {
            Some(max_ms) if self.min_compaction_lag_ms > max_ms => {
                Err(ConfigError::Conflict(format!(
                    "conflict topic config setting min.compaction.lag.ms ({}) > \
                     max.compaction.lag.ms ({max_ms})",
                    self.min_compaction_lag_ms
                )))
            }
            _ => Ok(()),
        }
    }

    /// What stands before the broker's values are applied; the table's defaults replace all.
    fn unset() -> Self {
        Self {
            cleanup_policy: CleanupPolicy {
                delete: true,
                compact: false,
            },
            compression_type: CompressionType::default(),
            compression_gzip_level: -1,
            compression_lz4_level: 9,
            compression_zstd_level: 3,
            delete_retention_ms: 0,
            durability: Durability::default(),
            file_delete_delay_ms: 0,
            flush_messages: None,
            flush_ms: None,
            index_interval_bytes: 0,
            max_compaction_lag_ms: None,
            max_message_bytes: 0,
            message_timestamp_after_max_ms: None,
            message_timestamp_before_max_ms: None,
            message_timestamp_type: TimestampType::default(),
            min_cleanable_dirty_ratio: 0.0,
            min_compaction_lag_ms: 0,
            min_insync_replicas: 1,
            retention_bytes: None,
            retention_ms: None,
            segment_bytes: 0,
            segment_index_bytes: 0,
            segment_jitter_ms: 0,
            segment_ms: 0,
            unclean_leader_election_enable: false,
        }
    }

    /// Takes one value; keys without effect are passed over.
    fn apply(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        match name {
            "cleanup.policy" => {
                let has = |word| list_items(value).any(|item| item == word);
                self.cleanup_policy = CleanupPolicy {
                    delete: has("delete"),
                    compact: has("compact"),
                };
            }
            "compression.gzip.level" => self.compression_gzip_level = number(name, value)?,
            "compression.lz4.level" => self.compression_lz4_level = number(name, value)?,
            "compression.type" => self.compression_type = compression(value)?,
            "compression.zstd.level" => self.compression_zstd_level = number(name, value)?,
            "delete.retention.ms" => self.delete_retention_ms = number(name, value)?,
            "durability" => self.durability = durability(name, value)?,
            "file.delete.delay.ms" => self.file_delete_delay_ms = number(name, value)?,
            "flush.messages" => self.flush_messages = bounded(name, value)?,
            "flush.ms" => self.flush_ms = bounded(name, value)?,
            "index.interval.bytes" => self.index_interval_bytes = number(name, value)?,
            "max.compaction.lag.ms" => self.max_compaction_lag_ms = bounded(name, value)?,
            "max.message.bytes" => self.max_message_bytes = number(name, value)?,
            "message.timestamp.after.max.ms" => {
                self.message_timestamp_after_max_ms = bounded(name, value)?;
            }
            "message.timestamp.before.max.ms" => {
                self.message_timestamp_before_max_ms = bounded(name, value)?;
            }
            "message.timestamp.type" => {
                self.message_timestamp_type = if value.trim() == "LogAppendTime" {
                    TimestampType::LogAppendTime
                } else {
                    TimestampType::CreateTime
                };
            }
            "min.cleanable.dirty.ratio" => self.min_cleanable_dirty_ratio = number(name, value)?,
            "min.compaction.lag.ms" => self.min_compaction_lag_ms = number(name, value)?,
            "min.insync.replicas" => self.min_insync_replicas = number(name, value)?,
            "retention.bytes" => self.retention_bytes = unlimited_below_zero(name, value)?,
            "retention.ms" => self.retention_ms = unlimited_below_zero(name, value)?,
            "segment.bytes" => self.segment_bytes = number(name, value)?,
            "segment.index.bytes" => self.segment_index_bytes = number(name, value)?,
            "segment.jitter.ms" => self.segment_jitter_ms = number(name, value)?,
            "segment.ms" => self.segment_ms = number(name, value)?,
            "unclean.leader.election.enable" => {
                self.unclean_leader_election_enable = flag(name, value)?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, ConfigError> {
    let fault = || ConfigError::invalid(name, value, "Not a number in the range of this key");
    value.trim().parse().map_err(|_| fault())
}

/// Kafka writes "never" as the largest number of the type.
fn bounded(name: &str, value: &str) -> Result<Option<u64>, ConfigError> {
    let number: i64 = number(name, value)?;
    Ok(u64::try_from(number).ok().filter(|_| number != i64::MAX))
}

fn unlimited_below_zero(name: &str, value: &str) -> Result<Option<u64>, ConfigError> {
    let number: i64 = number(name, value)?;
    Ok(u64::try_from(number).ok())
}

fn flag(name: &str, value: &str) -> Result<bool, ConfigError> {
    let fault = || ConfigError::invalid(name, value, "Expected value to be either true or false");
    parse_bool(value).ok_or_else(fault)
}

fn compression(value: &str) -> Result<CompressionType, ConfigError> {
    match value.trim() {
        "producer" => Ok(CompressionType::Producer),
        "uncompressed" => Ok(CompressionType::Uncompressed),
        "gzip" => Ok(CompressionType::Gzip),
        "snappy" => Ok(CompressionType::Snappy),
        "lz4" => Ok(CompressionType::Lz4),
        "zstd" => Ok(CompressionType::Zstd),
        _ => Err(ConfigError::invalid(
            "compression.type",
            value,
            "String must be one of: producer, uncompressed, gzip, snappy, lz4, zstd",
        )),
    }
}

fn durability(name: &str, value: &str) -> Result<Durability, ConfigError> {
    match value.trim() {
        "fsync" => Ok(Durability::Fsync),
        "replicated" => Ok(Durability::Replicated),
        _ => Err(ConfigError::invalid(
            name,
            value,
            "String must be one of: fsync, replicated",
        )),
    }
}

#[cfg(test)]
mod tests;
