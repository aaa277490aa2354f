//! What the admin API may change, in the words of a Kafka 4.3 broker.

use super::*;
use crate::layers::Layers;

fn node() -> NodeConfig {
    Layers::new().finish().unwrap()
}

#[test]
fn values_of_topics_are_refused_in_kafkas_words() {
    let rows = [
        (
            "retention.ms",
            "abc",
            "Not a number of type LONG; allowed: -1 to 9223372036854775807",
        ),
        ("retention.ms", "-5", "Value must be at least -1"),
        ("segment.bytes", "5", "Value must be at least 1048576"),
        (
            "cleanup.policy",
            "foo",
            "String must be one of: compact, delete",
        ),
        (
            "compression.type",
            "zip",
            "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
        ),
        (
            "min.cleanable.dirty.ratio",
            "2",
            "Value must be no more than 1; allowed: 0 to 1",
        ),
        (
            "preallocate",
            "maybe",
            "Expected value to be either true or false",
        ),
        (
            "message.timestamp.type",
            "x",
            "String must be one of: CreateTime, LogAppendTime",
        ),
        ("min.insync.replicas", "0", "Value must be at least 1"),
        (
            "compression.gzip.level",
            "0",
            "Value must be between 1 and 9 or equal to -1",
        ),
        (
            "max.message.bytes",
            "99999999999",
            "Not a number of type INT; allowed: 0 to 2147483647",
        ),
        (
            "durability",
            "none",
            "String must be one of: fsync, replicated",
        ),
    ];
    for (name, value, reason) in rows {
        let error = validate_topic_override(name, value)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            format!("Invalid value {value} for configuration {name}: {reason}")
        );
    }
}

#[test]
fn values_of_topics_are_taken_as_kafka_takes_them() {
    for (name, value) in [
        ("cleanup.policy", ""),
        ("cleanup.policy", "compact,delete"),
        ("leader.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "0:1,1:2"),
        ("retention.ms", " 5 "),
        ("durability", "replicated"),
        ("compression.gzip.level", "-1"),
    ] {
        assert_eq!(
            validate_topic_override(name, value),
            Ok(()),
            "{name}={value}"
        );
    }
    assert!(validate_topic_override("leader.replication.throttled.replicas", "foo").is_err());
    assert!(validate_topic_override("nosuch", "1").is_err());
}

#[test]
fn a_running_broker_takes_only_dynamic_keys() {
    use BrokerScope::{Cluster, ThisBroker};
    let rows = [
        ("message.max.bytes", "5", Cluster, ""),
        ("message.max.bytes", "5", ThisBroker, ""),
        (
            "message.max.bytes",
            "-1",
            ThisBroker,
            "Value must be at least 0",
        ),
        ("leader.replication.throttled.rate", "5", ThisBroker, ""),
        (
            "node.id",
            "3",
            ThisBroker,
            "Cannot update these configs dynamically: [node.id]",
        ),
        // Sockets are opened at the start.
        (
            "listeners",
            "PLAINTEXT://h:1",
            ThisBroker,
            "Cannot update these configs dynamically: [listeners]",
        ),
        ("listener.name.x.max.connections", "5", ThisBroker, ""),
        (
            "listener.name.x.max.connections",
            "5",
            Cluster,
            "at default cluster level",
        ),
        (
            "rsm.config.x",
            "5",
            ThisBroker,
            "Cannot update these configs dynamically",
        ),
        (
            "message.max.byte",
            "5",
            ThisBroker,
            "did you mean message.max.bytes?",
        ),
        ("log.durability", "replicated", Cluster, ""),
    ];
    for (name, value, scope, reason) in rows {
        match validate_broker_dynamic(name, value, scope) {
            Ok(()) => assert_eq!(reason, "", "{name} {scope:?}"),
            Err(error) => {
                let text = error.to_string();
                assert!(
                    !reason.is_empty() && text.contains(reason),
                    "{name} {scope:?}: {text}"
                );
            }
        }
    }
}

#[test]
fn dynamic_values_are_checked_together() {
    let set = |name: &str, value: &str| Overrides::from([(name.to_owned(), value.to_owned())]);
    let scope = BrokerScope::ThisBroker;
    let refused = set("log.cleaner.dedupe.buffer.size", "5");
    let error = validate_broker_overrides(&node(), &refused, scope)
        .unwrap_err()
        .to_string();
    assert!(error.contains("at least 1MB per cleaner thread"), "{error}");
    let taken = set("log.cleaner.threads", "2");
    assert_eq!(validate_broker_overrides(&node(), &taken, scope), Ok(()));
    assert_eq!(
        validate_broker_overrides(&node(), &taken, BrokerScope::Cluster),
        Ok(())
    );
}

#[test]
fn threads_are_at_most_doubled_or_halved_at_once() {
    let refused = |value: &str, bound: &str| {
        format!(
            "Dynamic thread count update validation failed for num.io.threads={value}, value \
             should {bound} the current value 8"
        )
    };
    for (value, expected) in [
        ("4", String::new()),
        ("8", String::new()),
        ("16", String::new()),
        ("3", refused("3", "be at least half")),
        ("17", refused("17", "not be greater than double")),
    ] {
        let overrides = Overrides::from([("num.io.threads".to_owned(), value.to_owned())]);
        for scope in [BrokerScope::Cluster, BrokerScope::ThisBroker] {
            let error = validate_broker_change(&node(), &overrides, scope).err();
            let error = error.map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(error, expected, "{value}");
        }
    }
    for key in THREAD_COUNTS {
        let overrides = Overrides::from([(key.to_owned(), "1000".to_owned())]);
        let change = validate_broker_change(&node(), &overrides, BrokerScope::Cluster);
        assert!(change.is_err(), "{key}");
    }
}

#[test]
fn a_way_back_from_an_override_has_bounds_too() {
    let raised = Overrides::from([("num.io.threads".to_owned(), "20".to_owned())]);
    let node = node().with_overrides(raised, Overrides::new());
    let gone = validate_broker_change(&node, &Overrides::new(), BrokerScope::Cluster);
    assert!(gone.is_err());
}

#[test]
fn dynamic_values_make_a_new_configuration_and_leave_the_old_one() {
    let node = node();
    let before = node.broker().unwrap();
    let changed = node.with_overrides(
        Overrides::from([("max.connections".to_owned(), "5".to_owned())]),
        Overrides::new(),
    );
    assert_eq!(changed.broker().unwrap().network.max_connections, 5);
    assert_eq!(node.broker().unwrap(), before);
}

#[test]
fn of_stored_values_only_those_go_that_do_not_fit() {
    let overrides = |pairs: &[(&str, &str)]| -> Overrides {
        let pairs = pairs.iter().copied();
        pairs
            .map(|(key, value)| (key.into(), value.into()))
            .collect()
    };
    let stored = node().with_stored(
        overrides(&[
            ("group.max.session.timeout.ms", "400000"),
            ("group.min.session.timeout.ms", "500000"),
            ("max.connections", "77"),
        ]),
        overrides(&[
            ("log.cleaner.dedupe.buffer.size", "5"),
            ("message.max.bytes", "3000000"),
        ]),
    );
    let refused = stored.refused.iter();
    let refused: Vec<_> = refused
        .map(|refused| (refused.scope, refused.key.as_str(), refused.value.as_str()))
        .collect();
    assert_eq!(
        refused,
        [
            (
                BrokerScope::Cluster,
                "group.min.session.timeout.ms",
                "500000"
            ),
            (
                BrokerScope::ThisBroker,
                "log.cleaner.dedupe.buffer.size",
                "5"
            ),
        ]
    );
    let config = stored.config.unwrap();
    assert_eq!(config.network.max_connections, 77);
    assert_eq!(config.groups.session_timeout_ms_max, 400_000);
    assert_eq!(stored.node.get("message.max.bytes"), Some("3000000"));
    assert_eq!(
        stored.node.get("group.min.session.timeout.ms"),
        Some("6000")
    );
}

#[test]
fn stored_values_that_fit_only_together_are_kept_beside_one_that_does_not() {
    // The default of the largest is below the new smallest.
    let cluster = [
        ("group.initial.rebalance.delay.ms", "5"),
        ("group.min.session.timeout.ms", "2000000"),
        ("log.cleaner.dedupe.buffer.size", "5"),
    ];
    let cluster = cluster.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let own = (
        "group.max.session.timeout.ms".to_owned(),
        "3000000".to_owned(),
    );
    let stored = node().with_stored(cluster.into(), [own].into());
    let refused: Vec<_> = stored.refused.iter().map(|refused| &refused.key).collect();
    assert_eq!(refused, ["log.cleaner.dedupe.buffer.size"]);
    let groups = stored.config.unwrap().groups;
    assert_eq!(
        (groups.session_timeout_ms_min, groups.session_timeout_ms_max),
        (2_000_000, 3_000_000)
    );
}

#[test]
fn groups_stay_within_the_bounds_of_the_broker() {
    let rows = [
        ("consumer.session.timeout.ms", "50000", ""),
        (
            "consumer.session.timeout.ms",
            "5",
            "consumer.session.timeout.ms must be greater than or equal to \
             group.consumer.min.session.timeout.ms",
        ),
        (
            "consumer.session.timeout.ms",
            "100000",
            "consumer.session.timeout.ms must be less than or equal to \
             group.consumer.max.session.timeout.ms",
        ),
        (
            "consumer.heartbeat.interval.ms",
            "x",
            "Invalid value x for configuration consumer.heartbeat.interval.ms: Not a number of \
             type INT; allowed: 1 to 2147483647",
        ),
        (
            "share.isolation.level",
            "z",
            "Invalid value z for configuration share.isolation.level: String must be one of: \
             read_committed, read_uncommitted",
        ),
        (
            "share.delivery.count.limit",
            "11",
            "share.delivery.count.limit must be less than or \
             equal to group.share.max.delivery.count.limit",
        ),
        (
            "streams.num.standby.replicas",
            "3",
            "streams.num.standby.replicas must be less than or \
             equal to group.streams.max.standby.replicas",
        ),
        ("share.auto.offset.reset", "by_duration:PT1H", ""),
        ("share.auto.offset.reset", "earliest", ""),
        (
            "nosuch",
            "1",
            "Unknown group config name: nosuch; docs/configuration.md has all names",
        ),
    ];
    for (name, value, text) in rows {
        let error = validate_group_override(&node(), name, value).err();
        assert_eq!(
            error.map(|e| e.to_string()).unwrap_or_default(),
            text,
            "{name}={value}"
        );
    }
    assert!(validate_group_override(&node(), "share.auto.offset.reset", "by_duration:5").is_err());
}

#[test]
fn lists_grow_and_shrink_and_other_values_do_not() {
    use ListOperation::{Append, Subtract};
    let rows = [
        ("cleanup.policy", Append, None, "compact", "delete,compact"),
        (
            "cleanup.policy",
            Append,
            Some("compact"),
            "compact",
            "compact",
        ),
        (
            "cleanup.policy",
            Subtract,
            Some("compact,delete"),
            "compact",
            "delete",
        ),
        (
            "cleanup.policy",
            Subtract,
            Some("compact"),
            "delete",
            "compact",
        ),
        (
            "leader.replication.throttled.replicas",
            Append,
            Some("0:1"),
            "1:1,0:1",
            "0:1,1:1",
        ),
    ];
    for (name, operation, current, items, expected) in rows {
        let list = apply_list_operation(KeyKind::Topic, name, operation, current, items);
        assert_eq!(list.as_deref(), Ok(expected), "{name}");
    }
    let error = apply_list_operation(KeyKind::Topic, "retention.ms", Append, None, "1");
    assert_eq!(
        error.unwrap_err().to_string(),
        "Can't APPEND to key retention.ms because its type is not LIST."
    );
}
