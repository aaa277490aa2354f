//! Keys of replication.

use crate::definition::ValueType::{Boolean, Int, Long, String};
use crate::definition::{KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("auto.leader.rebalance.enable", Boolean)
        .default("true")
        .high()
        .doc(
            "Whether leadership returns by itself to the preferred replica of each \
             partition. Without meaning on one node.",
        ),
    broker("default.replication.factor", Int)
        .default("1")
        .effective()
        .doc(
            "Replicas of a topic that is created without saying how many. On one node \
             only 1 can be met.",
        ),
    broker("leader.imbalance.check.interval.seconds", Long)
        .default("300")
        .at_least(1)
        .high()
        .doc(
            "How often, in seconds, the controller looks for leaderships that should \
             return to the preferred replica.",
        ),
    broker("min.insync.replicas", Int)
        .default("1")
        .at_least(1)
        .cluster_wide()
        .high()
        .effective()
        .doc(
            "How many replicas must be in sync for acks=all to be accepted. With fewer \
             the producer gets NOT_ENOUGH_REPLICAS. Default of the topic key of the same \
             name.",
        ),
    broker("num.replica.alter.log.dirs.threads", Int)
        .high()
        .doc(
            "Threads that move replicas between log directories. Not set, one for each \
             directory.",
        ),
    broker("num.replica.fetchers", Int)
        .default("1")
        .at_least(1)
        .cluster_wide()
        .high()
        .doc("Connections over which a follower fetches from each leader."),
    broker("replica.fetch.backoff.ms", Int)
        .default("1000")
        .at_least(0)
        .doc("How many milliseconds a follower waits after a failed fetch of a partition."),
    broker("replica.fetch.max.bytes", Int)
        .default("1048576")
        .at_least(0)
        .doc(
            "Bytes that a follower asks for from each partition; the first batch comes \
             even if it is larger.",
        ),
    broker("replica.fetch.min.bytes", Int)
        .default("1")
        .high()
        .doc("Bytes for which a fetch of a follower waits."),
    broker("replica.fetch.response.max.bytes", Int)
        .default("10485760")
        .at_least(0)
        .doc(
            "Most bytes that a follower asks for in one fetch; the first batch comes even \
             if it is larger.",
        ),
    broker("replica.fetch.wait.max.ms", Int)
        .default("500")
        .high()
        .doc(
            "Longest wait, in milliseconds, of a fetch of a follower. Must be less than \
             `replica.lag.time.max.ms`.",
        ),
    broker("replica.high.watermark.checkpoint.interval.ms", Long)
        .default("5000")
        .high()
        .effective()
        .doc("How often, in milliseconds, high watermarks are written down."),
    broker("replica.lag.time.max.ms", Long)
        .default("30000")
        .high()
        .doc(
            "After how many milliseconds without catching up a follower leaves the \
             in-sync replicas.",
        ),
    broker("replica.selector.class", String).doc(
        "Java class that chooses the replica from which a consumer reads. Highwater \
             cannot load it; consumers read from the leader.",
    ),
    broker("replica.socket.receive.buffer.bytes", Int)
        .default("65536")
        .high()
        .doc("Size in bytes of the receive buffer of a follower's connection."),
    broker("replica.socket.timeout.ms", Int)
        .default("30000")
        .high()
        .doc("How many milliseconds a follower waits for the answer of a leader."),
    broker("unclean.leader.election.enable", Boolean)
        .default("false")
        .cluster_wide()
        .high()
        .doc(
            "Whether a replica that is not in sync may lead when no other is left, at the \
             price of acknowledged records. Default of the topic key of the same name.",
        ),
    broker("unclean.leader.election.interval.ms", Long)
        .default("300000")
        .at_least(1)
        .internal()
        .doc(
            "How often, in milliseconds, the controller looks for partitions that need \
             such an election.",
        ),
];
