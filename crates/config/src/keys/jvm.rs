//! Keys of metrics and plug-ins that only the Java broker can load.

use crate::definition::ValueType::{Class, Int, List, Long, String};
use crate::definition::{KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("alter.config.policy.class.name", Class)
        .low()
        .doc("Java class that may veto changes of configuration. Highwater cannot load it."),
    broker("config.providers", List)
        .default("")
        .cluster_wide()
        .low()
        .doc(
            "Names of Java classes that fetch values such as passwords from elsewhere. \
             Highwater cannot load them.",
        ),
    broker("create.topic.policy.class.name", Class)
        .low()
        .doc("Java class that may veto the creation of topics. Highwater cannot load it."),
    broker("kafka.metrics.polling.interval.secs", Int)
        .default("10")
        .at_least(1)
        .low()
        .doc(
            "How often, in seconds, reporters of the Java broker collect metrics. \
             Highwater serves metrics over HTTP at `admin.listener`.",
        ),
    broker("kafka.metrics.reporters", List)
        .default("")
        .low()
        .doc(
            "Java classes that report metrics. Highwater cannot load them and serves \
             metrics over HTTP at `admin.listener`.",
        ),
    broker("metric.reporters", List)
        .default("org.apache.kafka.common.metrics.JmxReporter")
        .cluster_wide()
        .low()
        .doc(
            "Java classes that report metrics. Highwater cannot load them and serves \
             metrics over HTTP at `admin.listener`.",
        ),
    broker("metrics.num.samples", Int)
        .default("2")
        .at_least(1)
        .low()
        .doc("How many samples the Java broker keeps for each metric."),
    broker("metrics.recording.level", String)
        .default("INFO")
        .low()
        .doc("How much the Java broker measures: INFO, DEBUG or TRACE."),
    broker("metrics.sample.window.ms", Long)
        .default("30000")
        .at_least(1)
        .low()
        .doc("Length of one sample of a metric of the Java broker, in milliseconds."),
    broker("security.providers", String)
        .low()
        .doc("Java classes that provide security algorithms. Highwater cannot load them."),
    broker("telemetry.max.bytes", Int)
        .default("1048576")
        .at_least(1)
        .low()
        .doc(
            "Most bytes of metrics that a client may push at a time. Highwater takes no \
             metrics from clients.",
        ),
];
