//! Keys of transactions and idempotent producers.

use crate::definition::ValueType::{Boolean, Int, Short};
use crate::definition::{KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("add.partitions.to.txn.retry.backoff.max.ms", Int)
        .default("100")
        .at_least(0)
        .high()
        .doc(
            "Longest pause, in milliseconds, between two attempts of the broker to add a \
             partition to a transaction on behalf of a producer.",
        ),
    broker("add.partitions.to.txn.retry.backoff.ms", Int)
        .default("20")
        .at_least(1)
        .high()
        .doc(
            "First pause, in milliseconds, before the broker tries again to add a \
             partition to a transaction.",
        ),
    broker("producer.id.expiration.check.interval.ms", Int)
        .default("600000")
        .at_least(1)
        .low()
        .internal()
        .effective()
        .doc("How often, in milliseconds, it is looked for silent producers."),
    broker("producer.id.expiration.ms", Int)
        .default("86400000")
        .at_least(1)
        .cluster_wide()
        .low()
        .effective()
        .doc(
            "After how many milliseconds of silence a partition forgets an idempotent \
             producer. Not while one of its transactions is open.",
        ),
    broker(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        Int,
    )
    .default("10000")
    .at_least(1)
    .low()
    .doc(
        "How often, in milliseconds, it is looked for transactions past their \
             timeout, which are then aborted.",
    ),
    broker("transaction.max.timeout.ms", Int)
        .default("900000")
        .at_least(1)
        .high()
        .effective()
        .doc("Longest transaction timeout, in milliseconds, that a producer may ask for."),
    broker("transaction.partition.verification.enable", Boolean)
        .default("true")
        .cluster_wide()
        .low()
        .effective()
        .doc(
            "Whether a partition asks the coordinator if a transaction is open before it \
             takes the first batch of it.",
        ),
    broker(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        Int,
    )
    .default("3600000")
    .at_least(1)
    .low()
    .effective()
    .doc(
        "How often, in milliseconds, it is looked for transactional ids past \
             `transactional.id.expiration.ms`.",
    ),
    broker("transaction.state.log.load.buffer.size", Int)
        .default("5242880")
        .at_least(1)
        .high()
        .doc("Bytes that are read at a time when transactions are loaded."),
    broker("transaction.state.log.min.isr", Int)
        .default("1")
        .at_least(1)
        .high()
        .effective()
        .doc(
            "`min.insync.replicas` of `__transaction_state`. Highwater's default is 1, \
             which a single node can meet; Kafka's is 2.",
        ),
    broker("transaction.state.log.num.partitions", Int)
        .default("50")
        .at_least(1)
        .high()
        .effective()
        .doc("Partitions of `__transaction_state`. Must not change once the topic exists."),
    broker("transaction.state.log.replication.factor", Short)
        .default("1")
        .at_least(1)
        .high()
        .effective()
        .doc(
            "Replicas of `__transaction_state`. Highwater's default is 1, which a single \
             node can meet; Kafka's is 3.",
        ),
    broker("transaction.state.log.segment.bytes", Int)
        .default("104857600")
        .at_least(1)
        .high()
        .effective()
        .doc("Size in bytes at which a segment of `__transaction_state` is closed."),
    broker("transaction.two.phase.commit.enable", Boolean)
        .default("false")
        .low()
        .doc("Whether producers may take part in two-phase commits (KIP-939)."),
    broker("transactional.id.expiration.ms", Int)
        .default("604800000")
        .at_least(1)
        .high()
        .effective()
        .doc("How many milliseconds an unused transactional id is kept."),
];
