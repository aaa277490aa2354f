//! Keys that each topic may override.

use crate::definition::ValueType::{Boolean, Double, Int, List, Long, String};
use crate::definition::{Allowed, KeyDef, hours, minutes, same, topic};

pub(super) const KEYS: &[KeyDef] = &[
    topic("cleanup.policy", List)
        .default("delete")
        .allowed(Allowed::ListOf(&["compact", "delete"]))
        .falls_back_on(&[same("log.cleanup.policy")])
        .effective()
        .doc(""),
    topic("compression.gzip.level", Int)
        .default("-1")
        .allowed(Allowed::GzipLevel)
        .falls_back_on(&[same("compression.gzip.level")])
        .effective()
        .doc(""),
    topic("compression.lz4.level", Int)
        .default("9")
        .between(1, 17)
        .falls_back_on(&[same("compression.lz4.level")])
        .doc(""),
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
        .doc(""),
    topic("compression.zstd.level", Int)
        .default("3")
        .between(-131072, 22)
        .falls_back_on(&[same("compression.zstd.level")])
        .effective()
        .doc(""),
    topic("delete.retention.ms", Long)
        .default("86400000")
        .at_least(0)
        .falls_back_on(&[same("log.cleaner.delete.retention.ms")])
        .effective()
        .doc(""),
    topic("durability", String)
        .default("fsync")
        .allowed(Allowed::OneOf(&["fsync", "replicated"]))
        .high()
        .falls_back_on(&[same("log.durability")])
        .effective()
        .doc(""),
    topic("file.delete.delay.ms", Long)
        .default("60000")
        .at_least(0)
        .falls_back_on(&[same("log.segment.delete.delay.ms")])
        .effective()
        .doc(""),
    topic("flush.messages", Long)
        .default("9223372036854775807")
        .at_least(1)
        .falls_back_on(&[same("log.flush.interval.messages")])
        .effective()
        .doc(""),
    topic("flush.ms", Long)
        .default("9223372036854775807")
        .at_least(0)
        .falls_back_on(&[
            same("log.flush.interval.ms"),
            same("log.flush.scheduler.interval.ms"),
        ])
        .effective()
        .doc(""),
    topic("follower.replication.throttled.replicas", List)
        .default("")
        .allowed(Allowed::ThrottledReplicas)
        .doc(""),
    topic("index.interval.bytes", Int)
        .default("4096")
        .at_least(0)
        .falls_back_on(&[same("log.index.interval.bytes")])
        .effective()
        .doc(""),
    topic("internal.segment.bytes", Int)
        .internal()
        .effective()
        .doc(""),
    topic("leader.replication.throttled.replicas", List)
        .default("")
        .allowed(Allowed::ThrottledReplicas)
        .doc(""),
    topic("local.retention.bytes", Long)
        .default("-2")
        .at_least(-2)
        .falls_back_on(&[same("log.local.retention.bytes")])
        .doc(""),
    topic("local.retention.ms", Long)
        .default("-2")
        .at_least(-2)
        .falls_back_on(&[same("log.local.retention.ms")])
        .doc(""),
    topic("max.compaction.lag.ms", Long)
        .default("9223372036854775807")
        .at_least(1)
        .falls_back_on(&[same("log.cleaner.max.compaction.lag.ms")])
        .effective()
        .doc(""),
    topic("max.message.bytes", Int)
        .default("1048588")
        .at_least(0)
        .falls_back_on(&[same("message.max.bytes")])
        .effective()
        .doc(""),
    topic("message.timestamp.after.max.ms", Long)
        .default("3600000")
        .at_least(0)
        .falls_back_on(&[same("log.message.timestamp.after.max.ms")])
        .effective()
        .doc(""),
    topic("message.timestamp.before.max.ms", Long)
        .default("9223372036854775807")
        .at_least(0)
        .falls_back_on(&[same("log.message.timestamp.before.max.ms")])
        .effective()
        .doc(""),
    topic("message.timestamp.type", String)
        .default("CreateTime")
        .allowed(Allowed::OneOf(&["CreateTime", "LogAppendTime"]))
        .falls_back_on(&[same("log.message.timestamp.type")])
        .effective()
        .doc(""),
    topic("min.cleanable.dirty.ratio", Double)
        .default("0.5")
        .allowed(Allowed::Ratio(0.0, 1.0))
        .falls_back_on(&[same("log.cleaner.min.cleanable.ratio")])
        .effective()
        .doc(""),
    topic("min.compaction.lag.ms", Long)
        .default("0")
        .at_least(0)
        .falls_back_on(&[same("log.cleaner.min.compaction.lag.ms")])
        .effective()
        .doc(""),
    topic("min.insync.replicas", Int)
        .default("1")
        .at_least(1)
        .falls_back_on(&[same("min.insync.replicas")])
        .effective()
        .doc(""),
    topic("preallocate", Boolean)
        .default("false")
        .falls_back_on(&[same("log.preallocate")])
        .effective()
        .doc(""),
    topic("remote.log.copy.disable", Boolean)
        .default("false")
        .doc(""),
    topic("remote.log.delete.on.disable", Boolean)
        .default("false")
        .doc(""),
    topic("remote.storage.enable", Boolean)
        .default("false")
        .doc(""),
    topic("retention.bytes", Long)
        .default("-1")
        .falls_back_on(&[same("log.retention.bytes")])
        .effective()
        .doc(""),
    topic("retention.ms", Long)
        .default("604800000")
        .at_least(-1)
        .falls_back_on(&[
            same("log.retention.ms"),
            minutes("log.retention.minutes"),
            hours("log.retention.hours"),
        ])
        .effective()
        .doc(""),
    topic("segment.bytes", Int)
        .default("1073741824")
        .at_least(1048576)
        .falls_back_on(&[same("log.segment.bytes")])
        .effective()
        .doc(""),
    topic("segment.index.bytes", Int)
        .default("10485760")
        .at_least(4)
        .falls_back_on(&[same("log.index.size.max.bytes")])
        .effective()
        .doc(""),
    topic("segment.jitter.ms", Long)
        .default("0")
        .at_least(0)
        .falls_back_on(&[same("log.roll.jitter.ms"), hours("log.roll.jitter.hours")])
        .effective()
        .doc(""),
    topic("segment.ms", Long)
        .default("604800000")
        .at_least(1)
        .falls_back_on(&[same("log.roll.ms"), hours("log.roll.hours")])
        .effective()
        .doc(""),
    topic("unclean.leader.election.enable", Boolean)
        .default("false")
        .falls_back_on(&[same("unclean.leader.election.enable")])
        .effective()
        .doc(""),
];
