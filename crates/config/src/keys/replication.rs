//! Keys of replication.

use crate::definition::ValueType::{Boolean, Int, Long, String};
use crate::definition::{KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("auto.leader.rebalance.enable", Boolean)
        .default("true")
        .high()
        .doc(""),
    broker("default.replication.factor", Int)
        .default("1")
        .effective()
        .doc(""),
    broker("leader.imbalance.check.interval.seconds", Long)
        .default("300")
        .at_least(1)
        .high()
        .doc(""),
    broker("min.insync.replicas", Int)
        .default("1")
        .at_least(1)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("num.replica.alter.log.dirs.threads", Int)
        .high()
        .doc(""),
    broker("num.replica.fetchers", Int)
        .default("1")
        .at_least(1)
        .cluster_wide()
        .high()
        .doc(""),
    broker("replica.fetch.backoff.ms", Int)
        .default("1000")
        .at_least(0)
        .doc(""),
    broker("replica.fetch.max.bytes", Int)
        .default("1048576")
        .at_least(0)
        .doc(""),
    broker("replica.fetch.min.bytes", Int)
        .default("1")
        .high()
        .doc(""),
    broker("replica.fetch.response.max.bytes", Int)
        .default("10485760")
        .at_least(0)
        .doc(""),
    broker("replica.fetch.wait.max.ms", Int)
        .default("500")
        .high()
        .doc(""),
    broker("replica.high.watermark.checkpoint.interval.ms", Long)
        .default("5000")
        .high()
        .effective()
        .doc(""),
    broker("replica.lag.time.max.ms", Long)
        .default("30000")
        .high()
        .effective()
        .doc(""),
    broker("replica.selector.class", String).doc(""),
    broker("replica.socket.receive.buffer.bytes", Int)
        .default("65536")
        .high()
        .doc(""),
    broker("replica.socket.timeout.ms", Int)
        .default("30000")
        .high()
        .doc(""),
    broker("unclean.leader.election.enable", Boolean)
        .default("false")
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("unclean.leader.election.interval.ms", Long)
        .default("300000")
        .at_least(1)
        .internal()
        .doc(""),
];
