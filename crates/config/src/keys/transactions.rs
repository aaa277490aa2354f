//! Keys of transactions and idempotent producers.

use crate::definition::ValueType::{Boolean, Int, Short};
use crate::definition::{KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("add.partitions.to.txn.retry.backoff.max.ms", Int)
        .default("100")
        .at_least(0)
        .high()
        .doc(""),
    broker("add.partitions.to.txn.retry.backoff.ms", Int)
        .default("20")
        .at_least(1)
        .high()
        .doc(""),
    broker("producer.id.expiration.check.interval.ms", Int)
        .default("600000")
        .at_least(1)
        .low()
        .internal()
        .effective()
        .doc(""),
    broker("producer.id.expiration.ms", Int)
        .default("86400000")
        .at_least(1)
        .cluster_wide()
        .low()
        .effective()
        .doc(""),
    broker(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        Int,
    )
    .default("10000")
    .at_least(1)
    .low()
    .effective()
    .doc(""),
    broker("transaction.max.timeout.ms", Int)
        .default("900000")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("transaction.partition.verification.enable", Boolean)
        .default("true")
        .cluster_wide()
        .low()
        .effective()
        .doc(""),
    broker(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        Int,
    )
    .default("3600000")
    .at_least(1)
    .low()
    .effective()
    .doc(""),
    broker("transaction.state.log.load.buffer.size", Int)
        .default("5242880")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("transaction.state.log.min.isr", Int)
        .default("1")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("transaction.state.log.num.partitions", Int)
        .default("50")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("transaction.state.log.replication.factor", Short)
        .default("1")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("transaction.state.log.segment.bytes", Int)
        .default("104857600")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("transaction.two.phase.commit.enable", Boolean)
        .default("false")
        .low()
        .doc(""),
    broker("transactional.id.expiration.ms", Int)
        .default("604800000")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
];
