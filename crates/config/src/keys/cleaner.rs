//! Keys of compaction.

use crate::definition::ValueType::{Boolean, Double, Int, Long};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("log.cleaner.backoff.ms", Long)
        .default("15000")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.cleaner.dedupe.buffer.size", Long)
        .default("134217728")
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.cleaner.delete.retention.ms", Long)
        .default("86400000")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.cleaner.enable", Boolean)
        .default("true")
        .effective()
        .doc(""),
    broker("log.cleaner.io.buffer.load.factor", Double)
        .default("0.9")
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.cleaner.io.buffer.size", Int)
        .default("524288")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.cleaner.io.max.bytes.per.second", Double)
        .default("1.7976931348623157E308")
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.cleaner.max.compaction.lag.ms", Long)
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.cleaner.min.cleanable.ratio", Double)
        .default("0.5")
        .allowed(Allowed::Ratio(0.0, 1.0))
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.cleaner.min.compaction.lag.ms", Long)
        .default("0")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("log.cleaner.threads", Int)
        .default("1")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(""),
];
