//! Keys of compaction.

use crate::definition::ValueType::{Boolean, Double, Int, Long};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("log.cleaner.backoff.ms", Long)
        .default("15000")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc("How many milliseconds a compaction thread waits when no log needs it."),
    broker("log.cleaner.dedupe.buffer.size", Long)
        .default("134217728")
        .cluster_wide()
        .effective()
        .doc(
            "Memory in bytes, over all compaction threads, for the table of keys. A \
             larger one compacts more in one pass. At least 1 MiB for each thread.",
        ),
    broker("log.cleaner.delete.retention.ms", Long)
        .default("86400000")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(
            "Default of `delete.retention.ms`: how many milliseconds a tombstone stays in \
             a compacted topic.",
        ),
    broker("log.cleaner.enable", Boolean)
        .default("true")
        .effective()
        .doc(
            "Whether topics with `cleanup.policy=compact` are compacted at all. Without \
             it `__consumer_offsets` grows without bound; Kafka has deprecated the key.",
        ),
    broker("log.cleaner.io.buffer.load.factor", Double)
        .default("0.9")
        .cluster_wide()
        .doc("How full the table of keys may become, above 0 and at most 1."),
    broker("log.cleaner.io.buffer.size", Int)
        .default("524288")
        .at_least(0)
        .cluster_wide()
        .doc("Memory in bytes, over all compaction threads, for reading and writing."),
    broker("log.cleaner.io.max.bytes.per.second", Double)
        .default("1.7976931348623157E308")
        .cluster_wide()
        .effective()
        .doc("Most bytes that compaction reads and writes in a second, over all threads."),
    broker("log.cleaner.max.compaction.lag.ms", Long)
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .effective()
        .doc(
            "Default of `max.compaction.lag.ms`: after how many milliseconds a record \
             must have been compacted.",
        ),
    broker("log.cleaner.min.cleanable.ratio", Double)
        .default("0.5")
        .allowed(Allowed::Ratio(0.0, 1.0))
        .cluster_wide()
        .effective()
        .doc(
            "Default of `min.cleanable.dirty.ratio`: the share of bytes not yet \
             compacted, 0 to 1, at which compaction begins.",
        ),
    broker("log.cleaner.min.compaction.lag.ms", Long)
        .default("0")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(
            "Default of `min.compaction.lag.ms`: how many milliseconds a record is safe \
             from compaction.",
        ),
    broker("log.cleaner.threads", Int)
        .default("1")
        .at_least(0)
        .cluster_wide()
        .doc("How many logs the Java broker compacts at the same time. Highwater compacts one at a time."),
];
