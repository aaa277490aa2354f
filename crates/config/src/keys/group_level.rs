//! Keys that each group may override.

use crate::definition::ValueType::{Boolean, Int, String};
use crate::definition::{Allowed, KeyDef, group, same};

pub(super) const KEYS: &[KeyDef] = &[
    group("consumer.assignment.interval.ms", Int)
        .default("1000")
        .at_least(0)
        .falls_back_on(&[same("group.consumer.assignment.interval.ms")])
        .doc(""),
    group("consumer.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .falls_back_on(&[same("group.consumer.heartbeat.interval.ms")])
        .doc(""),
    group("consumer.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .falls_back_on(&[same("group.consumer.session.timeout.ms")])
        .doc(""),
    group("share.assignment.interval.ms", Int)
        .default("1000")
        .at_least(0)
        .falls_back_on(&[same("group.share.assignment.interval.ms")])
        .doc(""),
    group("share.auto.offset.reset", String)
        .default("latest")
        .allowed(Allowed::OffsetReset)
        .doc(""),
    group("share.delivery.count.limit", Int)
        .default("5")
        .at_least(2)
        .falls_back_on(&[same("group.share.delivery.count.limit")])
        .doc(""),
    group("share.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .falls_back_on(&[same("group.share.heartbeat.interval.ms")])
        .doc(""),
    group("share.isolation.level", String)
        .default("read_uncommitted")
        .allowed(Allowed::OneOf(&["read_committed", "read_uncommitted"]))
        .doc(""),
    group("share.partition.max.record.locks", Int)
        .default("2000")
        .at_least(100)
        .falls_back_on(&[same("group.share.partition.max.record.locks")])
        .doc(""),
    group("share.record.lock.duration.ms", Int)
        .default("30000")
        .at_least(1000)
        .falls_back_on(&[same("group.share.record.lock.duration.ms")])
        .doc(""),
    group("share.renew.acknowledge.enable", Boolean)
        .default("true")
        .doc(""),
    group("share.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .falls_back_on(&[same("group.share.session.timeout.ms")])
        .doc(""),
    group("streams.assignment.interval.ms", Int)
        .default("1000")
        .at_least(0)
        .falls_back_on(&[same("group.streams.assignment.interval.ms")])
        .doc(""),
    group("streams.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .falls_back_on(&[same("group.streams.heartbeat.interval.ms")])
        .doc(""),
    group("streams.initial.rebalance.delay.ms", Int)
        .default("3000")
        .at_least(0)
        .falls_back_on(&[same("group.streams.initial.rebalance.delay.ms")])
        .doc(""),
    group("streams.num.standby.replicas", Int)
        .default("0")
        .at_least(0)
        .falls_back_on(&[same("group.streams.num.standby.replicas")])
        .doc(""),
    group("streams.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .falls_back_on(&[same("group.streams.session.timeout.ms")])
        .doc(""),
];
