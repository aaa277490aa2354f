//! Keys of quotas and throttles.

use crate::definition::ValueType::{Class, Int, Long};
use crate::definition::{KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("alter.log.dirs.replication.quota.window.num", Int)
        .default("11")
        .at_least(1)
        .low()
        .doc(""),
    broker("alter.log.dirs.replication.quota.window.size.seconds", Int)
        .default("1")
        .at_least(1)
        .low()
        .doc(""),
    broker("client.quota.callback.class", Class).low().doc(""),
    broker("controller.quota.window.num", Int)
        .default("11")
        .at_least(1)
        .low()
        .doc(""),
    broker("controller.quota.window.size.seconds", Int)
        .default("1")
        .at_least(1)
        .low()
        .doc(""),
    broker("follower.replication.throttled.rate", Long)
        .default("9223372036854775807")
        .at_least(0)
        .dynamic_only()
        .doc(""),
    broker("leader.replication.throttled.rate", Long)
        .default("9223372036854775807")
        .at_least(0)
        .dynamic_only()
        .doc(""),
    broker("quota.window.num", Int)
        .default("11")
        .at_least(1)
        .low()
        .effective()
        .doc(""),
    broker("quota.window.size.seconds", Int)
        .default("1")
        .at_least(1)
        .low()
        .effective()
        .doc(""),
    broker("replica.alter.log.dirs.io.max.bytes.per.second", Long)
        .default("9223372036854775807")
        .at_least(0)
        .dynamic_only()
        .doc(""),
    broker("replication.quota.window.num", Int)
        .default("11")
        .at_least(1)
        .low()
        .doc(""),
    broker("replication.quota.window.size.seconds", Int)
        .default("1")
        .at_least(1)
        .low()
        .doc(""),
];
