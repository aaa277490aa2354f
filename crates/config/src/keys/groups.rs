//! Keys of consumer groups and committed offsets.

use crate::definition::ValueType::{Int, List, Long, Short, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("group.consumer.assignment.interval.ms", Int)
        .default("1000")
        .at_least(0)
        .cluster_wide()
        .doc(
            "Least time, in milliseconds, between two assignments of a group of the \
             `consumer` protocol.",
        ),
    broker("group.consumer.assignors", List)
        .default("uniform,range")
        .doc(
            "Names of the assignors that the broker offers to groups of the `consumer` \
             protocol; the first is used where a client names none.",
        ),
    broker("group.consumer.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .doc(
            "How often, in milliseconds, members of a group of the `consumer` protocol \
             are told to send heartbeats.",
        ),
    broker("group.consumer.max.assignment.interval.ms", Int)
        .default("15000")
        .at_least(0)
        .doc("Largest value that a group may set for `consumer.assignment.interval.ms`."),
    broker("group.consumer.max.heartbeat.interval.ms", Int)
        .default("15000")
        .at_least(1)
        .doc("Largest value that a group may set for `consumer.heartbeat.interval.ms`."),
    broker("group.consumer.max.session.timeout.ms", Int)
        .default("60000")
        .at_least(1)
        .doc("Largest value that a group may set for `consumer.session.timeout.ms`."),
    broker("group.consumer.max.size", Int)
        .default("2147483647")
        .at_least(1)
        .doc("Most members of one group of the `consumer` protocol."),
    broker("group.consumer.migration.policy", String)
        .default("bidirectional")
        .allowed(Allowed::OneOfAnyCase(&[
            "DISABLED",
            "DOWNGRADE",
            "UPGRADE",
            "BIDIRECTIONAL",
        ]))
        .doc(
            "Whether a group with members may change between the classic and the \
             `consumer` protocol: in both directions, only up, only down, or not at all. \
             Empty groups always may.",
        ),
    broker("group.consumer.min.assignment.interval.ms", Int)
        .default("0")
        .at_least(0)
        .doc("Smallest value that a group may set for `consumer.assignment.interval.ms`."),
    broker("group.consumer.min.heartbeat.interval.ms", Int)
        .default("5000")
        .at_least(1)
        .doc("Smallest value that a group may set for `consumer.heartbeat.interval.ms`."),
    broker("group.consumer.min.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .doc("Smallest value that a group may set for `consumer.session.timeout.ms`."),
    broker("group.consumer.regex.refresh.interval.ms", Int)
        .default("600000")
        .at_least(10000)
        .internal()
        .doc(
            "How often, in milliseconds, subscriptions by pattern are matched against the \
             topics again.",
        ),
    broker("group.consumer.session.timeout.ms", Int)
        .default("45000")
        .at_least(1)
        .doc(
            "After how many milliseconds without a heartbeat a member of a group of the \
             `consumer` protocol is removed.",
        ),
    broker("group.coordinator.append.linger.ms", Int)
        .default("-1")
        .at_least(-1)
        .doc(
            "How many milliseconds the Java coordinator collects records before it writes \
             them; −1 adapts. Highwater never waits: whatever arrives during one flush is \
             covered by the next.",
        ),
    broker("group.coordinator.background.threads", Int)
        .default("2")
        .at_least(1)
        .high()
        .doc("Threads of the Java coordinator for assignments and patterns."),
    broker("group.coordinator.cached.buffer.max.bytes", Int)
        .default("1048588")
        .at_least(524288)
        .cluster_wide()
        .doc(
            "Largest write buffer that the Java coordinator keeps for later use, in \
             bytes.",
        ),
    broker("group.coordinator.rebalance.protocols", List)
        .default("classic,consumer,streams")
        .allowed(Allowed::ListOf(&[
            "consumer", "classic", "share", "streams",
        ]))
        .doc(
            "Group protocols that clients may use. Kafka has deprecated the key. A \
             protocol that Highwater does not serve yet is not offered even if it is \
             listed.",
        ),
    broker("group.coordinator.threads", Int)
        .default("4")
        .at_least(1)
        .high()
        .doc(
            "Threads of the Java coordinator. Highwater shares its threads among all \
             work.",
        ),
    broker("group.initial.rebalance.delay.ms", Int)
        .default("3000")
        .effective()
        .doc(
            "How many milliseconds the first rebalance of an empty group waits for more \
             members to join. Longer means fewer rebalances when many consumers start at \
             once, and a later first record.",
        ),
    broker("group.max.session.timeout.ms", Int)
        .default("1800000")
        .effective()
        .doc(
            "Longest session timeout, in milliseconds, that a member of a classic group \
             may ask for.",
        ),
    broker("group.max.size", Int)
        .default("2147483647")
        .at_least(1)
        .effective()
        .doc("Most members of one classic group."),
    broker("group.min.session.timeout.ms", Int)
        .default("6000")
        .effective()
        .doc(
            "Shortest session timeout, in milliseconds, that a member of a classic group \
             may ask for.",
        ),
    broker("offset.metadata.max.bytes", Int)
        .default("4096")
        .high()
        .effective()
        .doc("Longest text, in bytes, that a client may store beside a committed offset."),
    broker("offsets.commit.timeout.ms", Int)
        .default("5000")
        .at_least(1)
        .high()
        .effective()
        .doc(
            "How many milliseconds the answer to a member of a group may wait until all it \
             is based on is on disk; then it is told to try again.",
        ),
    broker("offsets.load.buffer.size", Int)
        .default("5242880")
        .at_least(1)
        .high()
        .doc(
            "Bytes that are read at a time when groups are loaded; a larger batch is read \
             all the same.",
        ),
    broker("offsets.retention.check.interval.ms", Long)
        .default("600000")
        .at_least(1)
        .high()
        .effective()
        .doc("How often, in milliseconds, it is looked for offsets past their retention."),
    broker("offsets.retention.minutes", Int)
        .default("10080")
        .at_least(1)
        .high()
        .effective()
        .doc(
            "How many minutes the committed offsets of a group are kept once it has no \
             members.",
        ),
    broker("offsets.topic.compression.codec", Int)
        .default("0")
        .high()
        .doc(
            "Compression of `__consumer_offsets`: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 \
             zstd. Highwater compresses none of it.",
        ),
    broker("offsets.topic.num.partitions", Int)
        .default("50")
        .at_least(1)
        .high()
        .effective()
        .doc(
            "Partitions of `__consumer_offsets`. Must not change once the topic exists, \
             because groups are assigned by it.",
        ),
    broker("offsets.topic.replication.factor", Short)
        .default("1")
        .at_least(1)
        .high()
        .effective()
        .doc(
            "Replicas of `__consumer_offsets`. Highwater's default is 1, which a single \
             node can meet; Kafka's is 3.",
        ),
    broker("offsets.topic.segment.bytes", Int)
        .default("104857600")
        .at_least(1)
        .high()
        .effective()
        .doc(
            "Size in bytes at which a segment of `__consumer_offsets` is closed; small \
             ones make compaction and loading quicker.",
        ),
];
