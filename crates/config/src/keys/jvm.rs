//! Keys of metrics and plug-ins that only the Java broker can load.

use crate::definition::ValueType::{Class, Int, List, Long, String};
use crate::definition::{KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("alter.config.policy.class.name", Class)
        .low()
        .doc(""),
    broker("config.providers", List)
        .default("")
        .cluster_wide()
        .low()
        .doc(""),
    broker("create.topic.policy.class.name", Class)
        .low()
        .doc(""),
    broker("kafka.metrics.polling.interval.secs", Int)
        .default("10")
        .at_least(1)
        .low()
        .doc(""),
    broker("kafka.metrics.reporters", List)
        .default("")
        .low()
        .doc(""),
    broker("metric.reporters", List)
        .default("org.apache.kafka.common.metrics.JmxReporter")
        .cluster_wide()
        .low()
        .doc(""),
    broker("metrics.num.samples", Int)
        .default("2")
        .at_least(1)
        .low()
        .doc(""),
    broker("metrics.recording.level", String)
        .default("INFO")
        .low()
        .doc(""),
    broker("metrics.sample.window.ms", Long)
        .default("30000")
        .at_least(1)
        .low()
        .doc(""),
    broker("security.providers", String).low().doc(""),
    broker("telemetry.max.bytes", Int)
        .default("1048576")
        .at_least(1)
        .low()
        .doc(""),
];
