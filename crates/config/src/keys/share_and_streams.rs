//! Keys of share groups and streams groups.

use crate::definition::ValueType::{Int, List, Short, String};
use crate::definition::{KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("group.share.assignment.interval.ms", Int)
        .default("1000")
        .at_least(0)
        .cluster_wide()
        .doc("Least time, in milliseconds, between two assignments of a share group."),
    broker("group.share.assignors", List)
        .default("simple")
        .doc("The assignor of share groups; exactly one name."),
    broker("group.share.delivery.count.limit", Int)
        .default("5")
        .between(2, 10)
        .doc("How often a record is delivered to a share group before it is given up."),
    broker("group.share.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .doc(
            "How often, in milliseconds, members of a share group are told to send \
             heartbeats.",
        ),
    broker("group.share.initialize.retry.interval.ms", Int)
        .default("30000")
        .at_least(1)
        .low()
        .internal()
        .doc(
            "Pause, in milliseconds, before the state of a share group is initialised \
             again after a failure.",
        ),
    broker("group.share.max.assignment.interval.ms", Int)
        .default("15000")
        .at_least(0)
        .doc("Largest value that a group may set for `share.assignment.interval.ms`."),
    broker("group.share.max.delivery.count.limit", Int)
        .default("10")
        .between(5, 25)
        .doc("Largest value that a group may set for `share.delivery.count.limit`."),
    broker("group.share.max.heartbeat.interval.ms", Int)
        .default("15000")
        .at_least(1)
        .doc("Largest value that a group may set for `share.heartbeat.interval.ms`."),
    broker("group.share.max.partition.max.record.locks", Int)
        .default("4000")
        .between(2000, 10000)
        .doc("Largest value that a group may set for `share.partition.max.record.locks`."),
    broker("group.share.max.record.lock.duration.ms", Int)
        .default("60000")
        .between(30000, 3600000)
        .doc("Largest value that a group may set for `share.record.lock.duration.ms`."),
    broker("group.share.max.session.timeout.ms", Int)
        .default("60000")
        .at_least(1)
        .doc("Largest value that a group may set for `share.session.timeout.ms`."),
    broker("group.share.max.share.sessions", Int)
        .default("2000")
        .at_least(1)
        .doc("Most share sessions that a broker keeps."),
    broker("group.share.max.size", Int)
        .default("200")
        .between(1, 1000)
        .doc("Most members of one share group."),
    broker("group.share.min.assignment.interval.ms", Int)
        .default("0")
        .at_least(0)
        .doc("Smallest value that a group may set for `share.assignment.interval.ms`."),
    broker("group.share.min.delivery.count.limit", Int)
        .default("2")
        .between(2, 5)
        .doc("Smallest value that a group may set for `share.delivery.count.limit`."),
    broker("group.share.min.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .doc("Smallest value that a group may set for `share.heartbeat.interval.ms`."),
    broker("group.share.min.partition.max.record.locks", Int)
        .default("100")
        .between(100, 2000)
        .doc("Smallest value that a group may set for `share.partition.max.record.locks`."),
    broker("group.share.min.record.lock.duration.ms", Int)
        .default("15000")
        .between(1000, 30000)
        .doc("Smallest value that a group may set for `share.record.lock.duration.ms`."),
    broker("group.share.min.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .doc("Smallest value that a group may set for `share.session.timeout.ms`."),
    broker("group.share.partition.max.record.locks", Int)
        .default("2000")
        .between(100, 10000)
        .doc("Most records of one partition that a share group may hold unacknowledged."),
    broker("group.share.persister.class.name", String)
        .default(
            "org.apache.kafka.server.share.persister.\
             DefaultStatePersister",
        )
        .internal()
        .doc("Java class that keeps the state of share groups. Highwater cannot load it."),
    broker("group.share.record.lock.duration.ms", Int)
        .default("30000")
        .between(1000, 3600000)
        .doc(
            "How many milliseconds a member of a share group has to acknowledge a record \
             before others get it.",
        ),
    broker("group.share.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .doc(
            "After how many milliseconds without a heartbeat a member of a share group is \
             removed.",
        ),
    broker("group.streams.assignment.interval.ms", Int)
        .default("1000")
        .at_least(0)
        .cluster_wide()
        .doc("Least time, in milliseconds, between two assignments of a streams group."),
    broker("group.streams.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .doc(
            "How often, in milliseconds, members of a streams group are told to send \
             heartbeats.",
        ),
    broker("group.streams.initial.rebalance.delay.ms", Int)
        .default("3000")
        .at_least(0)
        .doc(
            "How many milliseconds the first assignment of a streams group waits for more \
             members.",
        ),
    broker("group.streams.max.assignment.interval.ms", Int)
        .default("15000")
        .at_least(0)
        .doc("Largest value that a group may set for `streams.assignment.interval.ms`."),
    broker("group.streams.max.heartbeat.interval.ms", Int)
        .default("15000")
        .at_least(1)
        .doc("Largest value that a group may set for `streams.heartbeat.interval.ms`."),
    broker("group.streams.max.session.timeout.ms", Int)
        .default("60000")
        .at_least(1)
        .doc("Largest value that a group may set for `streams.session.timeout.ms`."),
    broker("group.streams.max.size", Int)
        .default("2147483647")
        .at_least(1)
        .doc("Most members of one streams group."),
    broker("group.streams.max.standby.replicas", Int)
        .default("2")
        .at_least(0)
        .doc("Largest value that a group may set for `streams.num.standby.replicas`."),
    broker("group.streams.min.assignment.interval.ms", Int)
        .default("0")
        .at_least(0)
        .doc("Smallest value that a group may set for `streams.assignment.interval.ms`."),
    broker("group.streams.min.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .doc("Smallest value that a group may set for `streams.heartbeat.interval.ms`."),
    broker("group.streams.min.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .doc("Smallest value that a group may set for `streams.session.timeout.ms`."),
    broker("group.streams.num.standby.replicas", Int)
        .default("0")
        .at_least(0)
        .doc("Standby copies of each task of a streams group."),
    broker("group.streams.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .doc(
            "After how many milliseconds without a heartbeat a member of a streams group \
             is removed.",
        ),
    broker("share.coordinator.append.linger.ms", Int)
        .default("-1")
        .at_least(-1)
        .doc(
            "How many milliseconds the share coordinator collects records before it \
             writes them; −1 adapts.",
        ),
    broker("share.coordinator.cached.buffer.max.bytes", Int)
        .default("1048588")
        .at_least(524288)
        .cluster_wide()
        .doc(
            "Largest write buffer that the share coordinator keeps for later use, in \
             bytes.",
        ),
    broker("share.coordinator.cold.partition.snapshot.interval.ms", Int)
        .default("300000")
        .at_least(1)
        .low()
        .internal()
        .doc(
            "How often, in milliseconds, the state of a share group without traffic is \
             written in full.",
        ),
    broker("share.coordinator.load.buffer.size", Int)
        .default("5242880")
        .at_least(1)
        .high()
        .doc("Bytes that are read at a time when share groups are loaded."),
    broker(
        "share.coordinator.snapshot.update.records.per.snapshot",
        Int,
    )
    .default("500")
    .between(0, 500)
    .doc(
        "How many changes of a share group are written between two full copies of its \
             state.",
    ),
    broker("share.coordinator.state.topic.compression.codec", Int)
        .default("0")
        .high()
        .doc(
            "Compression of `__share_group_state`: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 \
             zstd.",
        ),
    broker("share.coordinator.state.topic.min.isr", Short)
        .default("1")
        .at_least(1)
        .high()
        .doc(
            "`min.insync.replicas` of `__share_group_state`. Highwater's default is 1, \
             which a single node can meet; Kafka's is 2.",
        ),
    broker("share.coordinator.state.topic.num.partitions", Int)
        .default("50")
        .at_least(1)
        .high()
        .doc("Partitions of `__share_group_state`. Must not change once the topic exists."),
    broker("share.coordinator.state.topic.prune.interval.ms", Int)
        .default("300000")
        .at_least(1)
        .low()
        .internal()
        .doc(
            "How often, in milliseconds, obsolete records of `__share_group_state` are \
             deleted.",
        ),
    broker("share.coordinator.state.topic.replication.factor", Short)
        .default("1")
        .at_least(1)
        .high()
        .doc(
            "Replicas of `__share_group_state`. Highwater's default is 1, which a single \
             node can meet; Kafka's is 3.",
        ),
    broker("share.coordinator.state.topic.segment.bytes", Int)
        .default("104857600")
        .at_least(1)
        .high()
        .doc("Size in bytes at which a segment of `__share_group_state` is closed."),
    broker("share.coordinator.threads", Int)
        .default("1")
        .at_least(1)
        .doc("Threads of the share coordinator."),
    broker("share.coordinator.write.timeout.ms", Int)
        .default("5000")
        .at_least(1)
        .high()
        .doc(
            "How many milliseconds a write to `__share_group_state` may wait for the \
             replicas.",
        ),
    broker("share.fetch.purgatory.purge.interval.requests", Int)
        .default("1000")
        .doc(
            "After how many finished requests the Java broker clears its list of waiting \
             share fetches.",
        ),
];
