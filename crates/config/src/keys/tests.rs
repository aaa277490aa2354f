//! The tables keep their own rules.

use std::collections::BTreeSet;

use super::*;
use crate::definition::{Effect, UpdateMode, ValueType};
use crate::settings::{coordinators, network, node, storage};
use crate::value::check;

/// The keys from which typed fields are read.
fn keys_of_fields() -> BTreeSet<&'static str> {
    let groups = [
        coordinators::GroupSettings::KEYS,
        coordinators::ShareGroupSettings::KEYS,
        coordinators::TransactionSettings::KEYS,
        network::NetworkSettings::KEYS,
        node::NodeSettings::KEYS,
        node::QuotaSettings::KEYS,
        node::ReplicationSettings::KEYS,
        storage::CleanerSettings::KEYS,
        storage::LogSettings::KEYS,
        storage::ProducerStateSettings::KEYS,
        // Read by functions of `broker_config`.
        &[
            "advertised.listeners",
            "inter.broker.listener.name",
            "listener.security.protocol.map",
            "listeners",
            "log.dir",
            "log.dirs",
            "security.inter.broker.protocol",
        ],
    ];
    let mut keys: BTreeSet<_> = groups.into_iter().flatten().copied().collect();
    let effective_topic_keys =
        of_kind(KeyKind::Topic).filter(|def| def.effect == Effect::Effective);
    keys.extend(
        effective_topic_keys
            .flat_map(|def| def.synonyms)
            .map(|synonym| synonym.name),
    );
    keys
}

/// Beginnings of keys that have a typed field although nothing acts on it yet.
const AHEAD: &[&str] = &[
    "background.threads",
    "broker.heartbeat.",
    "broker.session.",
    "controlled.shutdown.",
    "group.consumer.",
    "group.coordinator.rebalance.",
    "inter.broker.",
    "log.cleaner.io.buffer.",
    "log.cleaner.threads",
    "log.flush.offset.checkpoint.",
    "log.flush.start.offset.checkpoint.",
    "max.connection.creation.",
    "metadata.log.dir",
    "metadata.log.max.snapshot.",
    "metadata.log.segment.",
    "num.io.threads",
    "num.network.threads",
    "offsets.load.buffer.",
    "offsets.topic.compression.",
    "queued.max.requests",
    "quota.window.",
    "replica.lag.",
    "request.timeout.",
    "security.inter.",
    "share.coordinator.state.",
    "socket.listen.backlog.",
    "transaction.abort.timed.",
    "transaction.state.log.load.",
];

#[test]
fn a_broker_key_is_effective_exactly_if_a_field_is_read_from_it_and_used() {
    let effective: BTreeSet<_> = of_kind(KeyKind::Broker)
        .filter(|def| def.effect == Effect::Effective)
        .map(|def| def.name)
        .collect();
    let is_ahead = |name: &str| AHEAD.iter().any(|ahead| name.starts_with(ahead));
    let mut fields = keys_of_fields();
    fields.retain(|name| !is_ahead(name));
    assert_eq!(
        effective.difference(&fields).collect::<Vec<_>>(),
        Vec::<&&str>::new()
    );
    assert_eq!(
        fields.difference(&effective).collect::<Vec<_>>(),
        Vec::<&&str>::new()
    );
}

#[test]
fn no_key_is_there_twice() {
    let mut seen = BTreeSet::new();
    for def in all() {
        assert!(seen.insert((def.kind, def.name)), "{}", def.name);
    }
    assert!(seen.len() > 400, "{}", seen.len());
}

#[test]
fn every_default_is_a_value_that_its_key_takes() {
    for def in all() {
        if let Some(value) = def.default {
            assert_eq!(check(def, value), Ok(()), "{}", def.name);
        }
    }
}

#[test]
fn every_key_is_explained_in_whole_sentences() {
    for def in all() {
        assert!(
            def.doc.len() > 15 && def.doc.ends_with('.'),
            "{}: {}",
            def.name,
            def.doc
        );
        assert!(!def.doc.contains("  "), "{}: {}", def.name, def.doc);
    }
}

#[test]
fn a_number_with_a_unit_in_its_name_has_it_in_its_text() {
    for def in all().filter(|def| def.value_type != ValueType::Boolean) {
        let unit = [
            (".ms", "millisecond"),
            (".seconds", "second"),
            (".minutes", "minute"),
        ]
        .into_iter()
        .find(|(suffix, _)| def.name.ends_with(suffix));
        if let Some((_, word)) = unit {
            assert!(
                def.doc.to_lowercase().contains(word)
                    || def.doc.contains("Largest value")
                    || def.doc.contains("Smallest value"),
                "{}: {}",
                def.name,
                def.doc
            );
        }
    }
}

#[test]
fn synonyms_are_broker_keys_of_the_same_meaning() {
    for def in all() {
        for synonym in def.synonyms {
            let broker = find(KeyKind::Broker, synonym.name);
            assert!(broker.is_some(), "{} of {}", synonym.name, def.name);
            let effect = broker.map(|broker| broker.effect);
            if def.kind == KeyKind::Topic {
                assert_eq!(effect, Some(def.effect), "{} of {}", synonym.name, def.name);
            }
        }
        let falls_back = def.kind == KeyKind::Broker && !def.synonyms.is_empty();
        assert!(!falls_back, "{}", def.name);
        let dynamic = def.kind == KeyKind::Broker || def.update == UpdateMode::AtStart;
        assert!(dynamic, "{}", def.name);
    }
}

#[test]
fn a_removed_key_has_not_come_back() {
    for kind in [
        KeyKind::Broker,
        KeyKind::Topic,
        KeyKind::Group,
        KeyKind::ClientMetrics,
    ] {
        for def in of_kind(kind) {
            assert_eq!(removed(def.name), None, "{}", def.name);
        }
    }
    assert!(removed("zookeeper.session.timeout.ms").is_some());
}

#[test]
fn names_resolve_with_and_without_a_listener() {
    let rows = [
        ("num.partitions", "key"),
        ("listener.name.external.max.connections", "listener"),
        (
            "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config",
            "listener",
        ),
        ("rlmm.config.x", "plug-in"),
        ("config.providers.vault.class", "plug-in"),
        ("listener.name..max.connections", "unknown"),
        ("listener.name.x", "unknown"),
        ("num.partition", "unknown"),
    ];
    for (name, expected) in rows {
        let found = match resolve_broker(name) {
            Ok(BrokerName::Key(_)) => "key",
            Ok(BrokerName::OfListener(_)) => "listener",
            Ok(BrokerName::OfPlugin) => "plug-in",
            Err(_) => "unknown",
        };
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn an_unknown_name_comes_with_the_nearest_known_one() {
    let rows = [
        (
            KeyKind::Broker,
            "num.partition",
            "Unknown broker config name: num.partition; did you mean num.partitions?",
        ),
        (
            KeyKind::Topic,
            "retention_ms",
            "Unknown topic config name: retention_ms; did you mean retention.ms?",
        ),
        (
            KeyKind::Topic,
            "log.retention.ms",
            "Unknown topic config name: log.retention.ms; did you mean local.retention.ms?",
        ),
        (
            KeyKind::Group,
            "zzz",
            "Unknown group config name: zzz; docs/configuration.md has all names",
        ),
        (
            KeyKind::Broker,
            "port",
            "Configuration port no longer exists: set listeners",
        ),
    ];
    for (kind, name, text) in rows {
        assert_eq!(unknown(kind, name).to_string(), text);
    }
}
