//! Keys that each group may override.

use crate::definition::ValueType::{Boolean, Int, String};
use crate::definition::{Allowed, KeyDef, group, same};

pub(super) const KEYS: &[KeyDef] = &[
    group("consumer.assignment.interval.ms", Int)
        .default("1000")
        .at_least(0)
        .falls_back_on(&[same("group.consumer.assignment.interval.ms")])
        .doc(
            "Least time, in milliseconds, between two assignments of the group, in the \
             `consumer` protocol.",
        ),
    group("consumer.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .falls_back_on(&[same("group.consumer.heartbeat.interval.ms")])
        .doc(
            "How often, in milliseconds, members are told to send heartbeats, in the \
             `consumer` protocol.",
        ),
    group("consumer.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .falls_back_on(&[same("group.consumer.session.timeout.ms")])
        .doc(
            "After how many milliseconds without a heartbeat a member is removed, in the \
             `consumer` protocol.",
        ),
    group("share.assignment.interval.ms", Int)
        .default("1000")
        .at_least(0)
        .falls_back_on(&[same("group.share.assignment.interval.ms")])
        .doc("Least time, in milliseconds, between two assignments of the share group."),
    group("share.auto.offset.reset", String)
        .default("latest")
        .allowed(Allowed::OffsetReset)
        .doc(
            "Where a share group begins in a partition that it has not read: at the end, \
             at the start, or at records of a given age.",
        ),
    group("share.delivery.count.limit", Int)
        .default("5")
        .at_least(2)
        .falls_back_on(&[same("group.share.delivery.count.limit")])
        .doc("How often a record is delivered to the share group before it is given up."),
    group("share.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .falls_back_on(&[same("group.share.heartbeat.interval.ms")])
        .doc(
            "How often, in milliseconds, members of the share group are told to send \
             heartbeats.",
        ),
    group("share.isolation.level", String)
        .default("read_uncommitted")
        .allowed(Allowed::OneOf(&["read_committed", "read_uncommitted"]))
        .doc(
            "Whether the share group gets records of transactions that are open or \
             aborted.",
        ),
    group("share.partition.max.record.locks", Int)
        .default("2000")
        .at_least(100)
        .falls_back_on(&[same("group.share.partition.max.record.locks")])
        .doc("Most records of one partition that the share group may hold unacknowledged."),
    group("share.record.lock.duration.ms", Int)
        .default("30000")
        .at_least(1000)
        .falls_back_on(&[same("group.share.record.lock.duration.ms")])
        .doc(
            "How many milliseconds a member of the share group has to acknowledge a \
             record before others get it.",
        ),
    group("share.renew.acknowledge.enable", Boolean)
        .default("true")
        .doc("Whether members of the share group may ask for more time for a record."),
    group("share.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .falls_back_on(&[same("group.share.session.timeout.ms")])
        .doc(
            "After how many milliseconds without a heartbeat a member of the share group \
             is removed.",
        ),
    group("streams.assignment.interval.ms", Int)
        .default("1000")
        .at_least(0)
        .falls_back_on(&[same("group.streams.assignment.interval.ms")])
        .doc("Least time, in milliseconds, between two assignments of the streams group."),
    group("streams.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .falls_back_on(&[same("group.streams.heartbeat.interval.ms")])
        .doc(
            "How often, in milliseconds, members of the streams group are told to send \
             heartbeats.",
        ),
    group("streams.initial.rebalance.delay.ms", Int)
        .default("3000")
        .at_least(0)
        .falls_back_on(&[same("group.streams.initial.rebalance.delay.ms")])
        .doc(
            "How many milliseconds the first assignment of the streams group waits for \
             more members.",
        ),
    group("streams.num.standby.replicas", Int)
        .default("0")
        .at_least(0)
        .falls_back_on(&[same("group.streams.num.standby.replicas")])
        .doc("Standby copies of each task of the streams group."),
    group("streams.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .falls_back_on(&[same("group.streams.session.timeout.ms")])
        .doc(
            "After how many milliseconds without a heartbeat a member of the streams \
             group is removed.",
        ),
];
