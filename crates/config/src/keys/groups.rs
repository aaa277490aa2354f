//! Keys of consumer groups and committed offsets.

use crate::definition::ValueType::{Int, List, Long, Short, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("group.consumer.assignment.interval.ms", Int)
        .default("1000")
        .at_least(0)
        .cluster_wide()
        .doc(""),
    broker("group.consumer.assignors", List)
        .default("uniform,range")
        .effective()
        .doc(""),
    broker("group.consumer.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .effective()
        .doc(""),
    broker("group.consumer.max.assignment.interval.ms", Int)
        .default("15000")
        .at_least(0)
        .doc(""),
    broker("group.consumer.max.heartbeat.interval.ms", Int)
        .default("15000")
        .at_least(1)
        .effective()
        .doc(""),
    broker("group.consumer.max.session.timeout.ms", Int)
        .default("60000")
        .at_least(1)
        .effective()
        .doc(""),
    broker("group.consumer.max.size", Int)
        .default("2147483647")
        .at_least(1)
        .effective()
        .doc(""),
    broker("group.consumer.migration.policy", String)
        .default("bidirectional")
        .allowed(Allowed::OneOfAnyCase(&[
            "DISABLED",
            "DOWNGRADE",
            "UPGRADE",
            "BIDIRECTIONAL",
        ]))
        .effective()
        .doc(""),
    broker("group.consumer.min.assignment.interval.ms", Int)
        .default("0")
        .at_least(0)
        .doc(""),
    broker("group.consumer.min.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .effective()
        .doc(""),
    broker("group.consumer.min.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .effective()
        .doc(""),
    broker("group.consumer.regex.refresh.interval.ms", Int)
        .default("600000")
        .at_least(10000)
        .internal()
        .doc(""),
    broker("group.consumer.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .effective()
        .doc(""),
    broker("group.coordinator.append.linger.ms", Int)
        .default("-1")
        .at_least(-1)
        .doc(""),
    broker("group.coordinator.background.threads", Int)
        .default("2")
        .at_least(1)
        .high()
        .doc(""),
    broker("group.coordinator.cached.buffer.max.bytes", Int)
        .default("1048588")
        .at_least(524288)
        .cluster_wide()
        .doc(""),
    broker("group.coordinator.rebalance.protocols", List)
        .default("classic,consumer,streams")
        .allowed(Allowed::ListOf(&[
            "consumer", "classic", "share", "streams",
        ]))
        .effective()
        .doc(""),
    broker("group.coordinator.threads", Int)
        .default("4")
        .at_least(1)
        .high()
        .doc(""),
    broker("group.initial.rebalance.delay.ms", Int)
        .default("3000")
        .effective()
        .doc(""),
    broker("group.max.session.timeout.ms", Int)
        .default("1800000")
        .effective()
        .doc(""),
    broker("group.max.size", Int)
        .default("2147483647")
        .at_least(1)
        .effective()
        .doc(""),
    broker("group.min.session.timeout.ms", Int)
        .default("6000")
        .effective()
        .doc(""),
    broker("offset.metadata.max.bytes", Int)
        .default("4096")
        .high()
        .effective()
        .doc(""),
    broker("offsets.commit.timeout.ms", Int)
        .default("5000")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("offsets.load.buffer.size", Int)
        .default("5242880")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("offsets.retention.check.interval.ms", Long)
        .default("600000")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("offsets.retention.minutes", Int)
        .default("10080")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("offsets.topic.compression.codec", Int)
        .default("0")
        .high()
        .effective()
        .doc(""),
    broker("offsets.topic.num.partitions", Int)
        .default("50")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("offsets.topic.replication.factor", Short)
        .default("1")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("offsets.topic.segment.bytes", Int)
        .default("104857600")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
];
