//! Keys of quotas and throttles.

use crate::definition::ValueType::{Class, Int, Long};
use crate::definition::{KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("alter.log.dirs.replication.quota.window.num", Int)
        .default("11")
        .at_least(1)
        .low()
        .doc(
            "How many samples are kept to measure the copying of replicas between log \
             directories.",
        ),
    broker("alter.log.dirs.replication.quota.window.size.seconds", Int)
        .default("1")
        .at_least(1)
        .low()
        .doc("Length of one such sample, in seconds."),
    broker("client.quota.callback.class", Class)
        .low()
        .doc("Java class that computes quotas. Highwater cannot load it."),
    broker("controller.quota.window.num", Int)
        .default("11")
        .at_least(1)
        .low()
        .doc(
            "How many samples are kept to measure how fast clients create and delete \
             topics.",
        ),
    broker("controller.quota.window.size.seconds", Int)
        .default("1")
        .at_least(1)
        .low()
        .doc("Length of one such sample, in seconds."),
    broker("follower.replication.throttled.rate", Long)
        .default("9223372036854775807")
        .at_least(0)
        .dynamic_only()
        .doc(
            "Most bytes that this broker fetches in a second as a follower, of the \
             replicas in the topics' `follower.replication.throttled.replicas`.",
        ),
    broker("leader.replication.throttled.rate", Long)
        .default("9223372036854775807")
        .at_least(0)
        .dynamic_only()
        .doc(
            "Most bytes that this broker sends to followers in a second, of the replicas \
             in the topics' `leader.replication.throttled.replicas`.",
        ),
    broker("quota.window.num", Int)
        .default("11")
        .at_least(1)
        .low()
        .doc("How many samples are kept to measure the quotas of clients."),
    broker("quota.window.size.seconds", Int)
        .default("1")
        .at_least(1)
        .low()
        .doc("Length of one sample for the quotas of clients, in seconds."),
    broker("replica.alter.log.dirs.io.max.bytes.per.second", Long)
        .default("9223372036854775807")
        .at_least(0)
        .dynamic_only()
        .doc("Most bytes that this broker copies between its log directories in a second."),
    broker("replication.quota.window.num", Int)
        .default("11")
        .at_least(1)
        .low()
        .doc("How many samples are kept to measure replication."),
    broker("replication.quota.window.size.seconds", Int)
        .default("1")
        .at_least(1)
        .low()
        .doc("Length of one such sample, in seconds."),
];
