//! Keys of tiered storage.

use crate::definition::ValueType::{Boolean, Double, Int, Long, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("follower.fetch.last.tiered.offset.enable", Boolean).default("false").cluster_wide().doc(""),
    broker("log.local.retention.bytes", Long).default("-2").at_least(-2).cluster_wide().doc(""),
    broker("log.local.retention.ms", Long).default("-2").at_least(-2).cluster_wide().doc(""),
    broker("remote.fetch.max.wait.ms", Int).default("500").at_least(1).cluster_wide().doc(""),
    broker("remote.list.offsets.request.timeout.ms", Long).default("30000").at_least(1).cluster_wide().doc(""),
    broker("remote.log.index.file.cache.total.size.bytes", Long).default("1073741824").at_least(1).cluster_wide().low().doc(""),
    broker("remote.log.index.file.cache.ttl.ms", Long).default("900000").at_least(-1).low().internal().doc(""),
    broker("remote.log.manager.copier.thread.pool.size", Int).default("10").at_least(1).cluster_wide().doc(""),
    broker("remote.log.manager.copy.max.bytes.per.second", Long).default("9223372036854775807").at_least(1).cluster_wide().doc(""),
    broker("remote.log.manager.copy.quota.window.num", Int).default("11").at_least(1).doc(""),
    broker("remote.log.manager.copy.quota.window.size.seconds", Int).default("1").at_least(1).doc(""),
    broker("remote.log.manager.expiration.thread.pool.size", Int).default("10").at_least(1).cluster_wide().doc(""),
    broker("remote.log.manager.fetch.max.bytes.per.second", Long).default("9223372036854775807").at_least(1).cluster_wide().doc(""),
    broker("remote.log.manager.fetch.quota.window.num", Int).default("11").at_least(1).doc(""),
    broker("remote.log.manager.fetch.quota.window.size.seconds", Int).default("1").at_least(1).doc(""),
    broker("remote.log.manager.follower.thread.pool.size", Int).default("2").at_least(1).cluster_wide().doc(""),
    broker("remote.log.manager.task.interval.ms", Long).default("30000").at_least(1).low().doc(""),
    broker("remote.log.manager.task.retry.backoff.max.ms", Long).default("30000").at_least(1).low().internal().doc(""),
    broker("remote.log.manager.task.retry.backoff.ms", Long).default("500").at_least(1).low().internal().doc(""),
    broker("remote.log.manager.task.retry.jitter", Double).default("0.2").allowed(Allowed::Ratio(0.0, 0.5)).low().internal().doc(""),
    broker("remote.log.manager.thread.pool.size", Int).default("2").at_least(1).doc(""),
    broker("remote.log.metadata.custom.metadata.max.bytes", Int).default("128").at_least(0).low().doc(""),
    broker("remote.log.metadata.manager.class.name", String).default("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager").allowed(Allowed::NonEmpty).doc(""),
    broker("remote.log.metadata.manager.class.path", String).doc(""),
    broker("remote.log.metadata.manager.impl.prefix", String).default("rlmm.config.").allowed(Allowed::NonEmpty).doc(""),
    broker("remote.log.metadata.manager.listener.name", String).allowed(Allowed::NonEmpty).doc(""),
    broker("remote.log.reader.max.pending.tasks", Int).default("100").at_least(1).doc(""),
    broker("remote.log.reader.threads", Int).default("10").at_least(1).cluster_wide().doc(""),
    broker("remote.log.storage.manager.class.name", String).allowed(Allowed::NonEmpty).doc(""),
    broker("remote.log.storage.manager.class.path", String).doc(""),
    broker("remote.log.storage.manager.impl.prefix", String).default("rsm.config.").allowed(Allowed::NonEmpty).doc(""),
    broker("remote.log.storage.system.enable", Boolean).default("false").doc(""),
];
