//! Keys of logs.

use crate::definition::ValueType::{Boolean, Int, List, Long, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("auto.create.topics.enable", Boolean)
        .default("true")
        .high()
        .effective()
        .doc(""),
    broker("background.threads", Int)
        .default("10")
        .at_least(1)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("compression.gzip.level", Int)
        .default("-1")
        .allowed(Allowed::GzipLevel)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("compression.lz4.level", Int)
        .default("9")
        .between(1, 17)
        .cluster_wide()
        .doc(""),
    broker("compression.type", String)
        .default("producer")
        .allowed(Allowed::OneOf(&[
            "uncompressed",
            "zstd",
            "lz4",
            "snappy",
            "gzip",
            "producer",
        ]))
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("compression.zstd.level", Int)
        .default("3")
        .between(-131072, 22)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("cordoned.log.dirs", List)
        .default("")
        .per_broker()
        .doc(""),
    broker("delete.topic.enable", Boolean)
        .default("true")
        .high()
        .effective()
        .doc(""),
    broker("log.cleanup.policy", List)
        .default("delete")
        .allowed(Allowed::ListOf(&["compact", "delete"]))
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.dir", List)
        .default("/tmp/kafka-logs")
        .high()
        .effective()
        .doc(""),
    broker("log.dir.failure.timeout.ms", Long)
        .default("30000")
        .at_least(1)
        .low()
        .doc(""),
    broker("log.dirs", List)
        .default("./highwater-data")
        .high()
        .effective()
        .doc(""),
    broker("log.flush.interval.messages", Long)
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("log.flush.interval.ms", Long)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("log.flush.offset.checkpoint.interval.ms", Int)
        .default("60000")
        .at_least(0)
        .high()
        .effective()
        .doc(""),
    broker("log.flush.scheduler.interval.ms", Long)
        .default("9223372036854775807")
        .high()
        .effective()
        .doc(""),
    broker("log.flush.start.offset.checkpoint.interval.ms", Int)
        .default("60000")
        .at_least(0)
        .high()
        .effective()
        .doc(""),
    broker("log.index.interval.bytes", Int)
        .default("4096")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.index.size.max.bytes", Int)
        .default("10485760")
        .at_least(4)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.initial.task.delay.ms", Long)
        .default("30000")
        .at_least(0)
        .low()
        .internal()
        .effective()
        .doc(""),
    broker("log.message.timestamp.after.max.ms", Long)
        .default("3600000")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.message.timestamp.before.max.ms", Long)
        .default("9223372036854775807")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.message.timestamp.type", String)
        .default("CreateTime")
        .allowed(Allowed::OneOf(&["CreateTime", "LogAppendTime"]))
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.preallocate", Boolean)
        .default("false")
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.retention.bytes", Long)
        .default("-1")
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("log.retention.check.interval.ms", Long)
        .default("300000")
        .at_least(1)
        .effective()
        .doc(""),
    broker("log.retention.hours", Int)
        .default("168")
        .high()
        .effective()
        .doc(""),
    broker("log.retention.minutes", Int)
        .high()
        .effective()
        .doc(""),
    broker("log.retention.ms", Long)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("log.roll.hours", Int)
        .default("168")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("log.roll.jitter.hours", Int)
        .default("0")
        .at_least(0)
        .high()
        .effective()
        .doc(""),
    broker("log.roll.jitter.ms", Long)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("log.roll.ms", Long)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("log.segment.bytes", Int)
        .default("1073741824")
        .at_least(1048576)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("log.segment.delete.delay.ms", Long)
        .default("60000")
        .at_least(0)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("message.max.bytes", Int)
        .default("1048588")
        .at_least(0)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("num.partitions", Int)
        .default("1")
        .at_least(1)
        .effective()
        .doc(""),
    broker("num.recovery.threads.per.data.dir", Int)
        .default("2")
        .at_least(1)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
];
