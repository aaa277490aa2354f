//! Keys that each topic may override.

use crate::definition::ValueType::{Boolean, Double, Int, List, Long, String};
use crate::definition::{Allowed, KeyDef, hours, minutes, same, topic};

pub(super) const KEYS: &[KeyDef] = &[
    topic("cleanup.policy", List)
        .default("delete")
        .allowed(Allowed::ListOf(&["compact", "delete"]))
        .falls_back_on(&[same("log.cleanup.policy")])
        .effective()
        .doc(
            "What happens to old segments: `delete` removes those past their retention, \
             `compact` keeps the last record of each key, both do both, an empty list \
             keeps everything.",
        ),
    topic("compression.gzip.level", Int)
        .default("-1")
        .allowed(Allowed::GzipLevel)
        .falls_back_on(&[same("compression.gzip.level")])
        .effective()
        .doc(
            "Level with which the broker compresses where `compression.type` is gzip: 1 \
             is fastest, 9 is smallest, −1 is the default of the codec.",
        ),
    topic("compression.lz4.level", Int)
        .default("9")
        .between(1, 17)
        .falls_back_on(&[same("compression.lz4.level")])
        .effective()
        .doc(
            "Level with which the broker compresses where `compression.type` is lz4, 1 to \
             17; a higher one is slower and smaller.",
        ),
    topic("compression.type", String)
        .default("producer")
        .allowed(Allowed::OneOf(&[
            "uncompressed",
            "zstd",
            "lz4",
            "snappy",
            "gzip",
            "producer",
        ]))
        .falls_back_on(&[same("compression.type")])
        .effective()
        .doc(
            "How batches are compressed on disk: `producer` keeps what the producer sent, \
             `uncompressed` stores plain, a codec recompresses whatever came in another.",
        ),
    topic("compression.zstd.level", Int)
        .default("3")
        .between(-131072, 22)
        .falls_back_on(&[same("compression.zstd.level")])
        .effective()
        .doc(
            "Level with which the broker compresses where `compression.type` is zstd; up \
             to 22, negative ones trade size for speed.",
        ),
    topic("delete.retention.ms", Long)
        .default("86400000")
        .at_least(0)
        .falls_back_on(&[same("log.cleaner.delete.retention.ms")])
        .effective()
        .doc(
            "How many milliseconds a tombstone stays after compaction has reached it. A \
             consumer that reads from the start within this time sees every deletion.",
        ),
    topic("durability", String)
        .default("fsync")
        .allowed(Allowed::OneOf(&["fsync", "replicated"]))
        .high()
        .falls_back_on(&[same("log.durability")])
        .effective()
        .doc(
            "When acks=all is answered for this topic: `fsync` once every in-sync replica \
             has the batch on disk, `replicated` once every one has it in memory. With \
             `replicated`, a power cut that hits all replicas may take the latest \
             records.",
        ),
    topic("file.delete.delay.ms", Long)
        .default("60000")
        .at_least(0)
        .falls_back_on(&[same("log.segment.delete.delay.ms")])
        .effective()
        .doc(
            "How many milliseconds a deleted segment stays on disk, for readers that \
             still use it.",
        ),
    topic("flush.messages", Long)
        .default("9223372036854775807")
        .at_least(1)
        .falls_back_on(&[same("log.flush.interval.messages")])
        .effective()
        .doc(
            "After how many records a flush is forced; the largest number means never. \
             Only matters with durability `replicated`.",
        ),
    topic("flush.ms", Long)
        .default("9223372036854775807")
        .at_least(0)
        .falls_back_on(&[
            same("log.flush.interval.ms"),
            same("log.flush.scheduler.interval.ms"),
        ])
        .effective()
        .doc(
            "After how many milliseconds unflushed records are flushed; the largest \
             number means never. Highwater flushes them within a second or two as soon as \
             any other number is set. Only matters with durability `replicated`, where it \
             bounds what a power cut may take.",
        ),
    topic("follower.replication.throttled.replicas", List)
        .default("")
        .allowed(Allowed::ThrottledReplicas)
        .doc(
            "Replicas whose fetching is throttled on the follower, as partition:broker \
             entries, or `*` for all.",
        ),
    topic("index.interval.bytes", Int)
        .default("4096")
        .at_least(0)
        .falls_back_on(&[same("log.index.interval.bytes")])
        .effective()
        .doc(
            "Bytes of records between two entries of the offset index. Fewer find a \
             position quicker and make the index larger.",
        ),
    topic("internal.segment.bytes", Int)
        .internal()
        .effective()
        .doc(
            "Size in bytes at which a segment is closed, below the public minimum; for \
             tests.",
        ),
    topic("leader.replication.throttled.replicas", List)
        .default("")
        .allowed(Allowed::ThrottledReplicas)
        .doc(
            "Replicas whose fetching is throttled on the leader, as partition:broker \
             entries, or `*` for all.",
        ),
    topic("local.retention.bytes", Long)
        .default("-2")
        .at_least(-2)
        .falls_back_on(&[same("log.local.retention.bytes")])
        .doc(
            "Bytes of a partition that stay on local disk once they are in tiered \
             storage; −2 means `retention.bytes`.",
        ),
    topic("local.retention.ms", Long)
        .default("-2")
        .at_least(-2)
        .falls_back_on(&[same("log.local.retention.ms")])
        .doc(
            "Milliseconds that records stay on local disk once they are in tiered \
             storage; −2 means `retention.ms`.",
        ),
    topic("max.compaction.lag.ms", Long)
        .default("9223372036854775807")
        .at_least(1)
        .falls_back_on(&[same("log.cleaner.max.compaction.lag.ms")])
        .effective()
        .doc(
            "After how many milliseconds a record must have been compacted, whatever the \
             share of dirty bytes.",
        ),
    topic("max.message.bytes", Int)
        .default("1048588")
        .at_least(0)
        .falls_back_on(&[same("message.max.bytes")])
        .effective()
        .doc(
            "Largest batch, as it is stored, in bytes. A larger one is refused with \
             MESSAGE_TOO_LARGE.",
        ),
    topic("message.timestamp.after.max.ms", Long)
        .default("3600000")
        .at_least(0)
        .falls_back_on(&[same("log.message.timestamp.after.max.ms")])
        .effective()
        .doc(
            "How many milliseconds a record's time may be ahead of the broker's clock; \
             beyond it the record is refused. Without meaning for LogAppendTime.",
        ),
    topic("message.timestamp.before.max.ms", Long)
        .default("9223372036854775807")
        .at_least(0)
        .falls_back_on(&[same("log.message.timestamp.before.max.ms")])
        .effective()
        .doc(
            "How many milliseconds a record's time may be behind the broker's clock; \
             beyond it the record is refused. Without meaning for LogAppendTime.",
        ),
    topic("message.timestamp.type", String)
        .default("CreateTime")
        .allowed(Allowed::OneOf(&["CreateTime", "LogAppendTime"]))
        .falls_back_on(&[same("log.message.timestamp.type")])
        .effective()
        .doc(
            "Whether records carry the time that the producer gave them, or that at which \
             the broker appended them.",
        ),
    topic("min.cleanable.dirty.ratio", Double)
        .default("0.5")
        .allowed(Allowed::Ratio(0.0, 1.0))
        .falls_back_on(&[same("log.cleaner.min.cleanable.ratio")])
        .effective()
        .doc(
            "Share of bytes not yet compacted, 0 to 1, at which compaction begins. Higher \
             means less work and more space.",
        ),
    topic("min.compaction.lag.ms", Long)
        .default("0")
        .at_least(0)
        .falls_back_on(&[same("log.cleaner.min.compaction.lag.ms")])
        .effective()
        .doc("How many milliseconds a record is safe from compaction."),
    topic("min.insync.replicas", Int)
        .default("1")
        .at_least(1)
        .falls_back_on(&[same("min.insync.replicas")])
        .effective()
        .doc(
            "How many replicas must be in sync for acks=all to be accepted. With fewer \
             the producer gets NOT_ENOUGH_REPLICAS.",
        ),
    topic("preallocate", Boolean)
        .default("false")
        .falls_back_on(&[same("log.preallocate")])
        .doc(
            "Whether a new segment takes its whole size on disk at once in the Java broker. \
             Highwater reserves room for the active segment in chunks, whatever is set.",
        ),
    topic("remote.log.copy.disable", Boolean)
        .default("false")
        .doc("Stops copying to tiered storage while what is there stays readable."),
    topic("remote.log.delete.on.disable", Boolean)
        .default("false")
        .doc(
            "Whether data in tiered storage is deleted when `remote.storage.enable` is \
             set to false.",
        ),
    topic("remote.storage.enable", Boolean)
        .default("false")
        .doc("Whether the topic uses tiered storage, which Highwater does not have."),
    topic("retention.bytes", Long)
        .default("-1")
        .falls_back_on(&[same("log.retention.bytes")])
        .effective()
        .doc(
            "Bytes at which the oldest segments of a partition are deleted, for each \
             partition; −1 for no limit. Only with cleanup policy `delete`.",
        ),
    topic("retention.ms", Long)
        .default("604800000")
        .at_least(-1)
        .falls_back_on(&[
            same("log.retention.ms"),
            minutes("log.retention.minutes"),
            hours("log.retention.hours"),
        ])
        .effective()
        .doc(
            "Age in milliseconds at which a segment is deleted, counted from its latest \
             record; −1 for no limit. Only with cleanup policy `delete`.",
        ),
    topic("segment.bytes", Int)
        .default("1073741824")
        .at_least(1048576)
        .falls_back_on(&[same("log.segment.bytes")])
        .effective()
        .doc(
            "Size in bytes at which a segment is closed and a new one begun. Retention \
             and compaction work on closed segments.",
        ),
    topic("segment.index.bytes", Int)
        .default("10485760")
        .at_least(4)
        .falls_back_on(&[same("log.index.size.max.bytes")])
        .effective()
        .doc("Largest size of an index file in bytes; a full index closes the segment."),
    topic("segment.jitter.ms", Long)
        .default("0")
        .at_least(0)
        .falls_back_on(&[same("log.roll.jitter.ms"), hours("log.roll.jitter.hours")])
        .effective()
        .doc(
            "Up to how many milliseconds earlier than `segment.ms` a segment may be \
             closed, so that not all are closed at once.",
        ),
    topic("segment.ms", Long)
        .default("604800000")
        .at_least(1)
        .falls_back_on(&[same("log.roll.ms"), hours("log.roll.hours")])
        .effective()
        .doc(
            "Age in milliseconds at which a segment is closed even if it is not full, so \
             that retention and compaction can reach it.",
        ),
    topic("unclean.leader.election.enable", Boolean)
        .default("false")
        .falls_back_on(&[same("unclean.leader.election.enable")])
        .doc(
            "Whether a replica that is not in sync may lead when no other is left, at the \
             price of acknowledged records.",
        ),
];
