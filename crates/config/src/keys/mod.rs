//! The tables of all keys, one file per theme, and how a name is found in them.

mod cleaner;
mod client_metrics;
mod group_level;
mod groups;
mod jvm;
mod log;
mod network;
mod node;
mod own;
mod quotas;
mod replication;
mod sasl;
mod security;
mod share_and_streams;
mod tiered;
mod tls;
mod topic;
mod transactions;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::definition::{KeyDef, KeyKind};
use crate::error::ConfigError;
use crate::suggest::nearest;

/// Keys of one theme, in the order in which documents show them.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// Its keys.
    pub keys: &'static [KeyDef],
}

/// All keys, by theme.
pub const SECTIONS: &[Section] = &[
    Section {
        title: "Highwater's own",
        keys: own::KEYS,
    },
    Section {
        title: "Node, controller and metadata log",
        keys: node::KEYS,
    },
    Section {
        title: "Network and requests",
        keys: network::KEYS,
    },
    Section {
        title: "Logs",
        keys: log::KEYS,
    },
    Section {
        title: "Compaction",
        keys: cleaner::KEYS,
    },
    Section {
        title: "Replication",
        keys: replication::KEYS,
    },
    Section {
        title: "Consumer groups and offsets",
        keys: groups::KEYS,
    },
    Section {
        title: "Share and streams groups",
        keys: share_and_streams::KEYS,
    },
    Section {
        title: "Transactions and idempotent producers",
        keys: transactions::KEYS,
    },
    Section {
        title: "Quotas and throttles",
        keys: quotas::KEYS,
    },
    Section {
        title: "Authentication, authorisation, tokens",
        keys: security::KEYS,
    },
    Section {
        title: "TLS",
        keys: tls::KEYS,
    },
    Section {
        title: "SASL",
        keys: sasl::KEYS,
    },
    Section {
        title: "Tiered storage",
        keys: tiered::KEYS,
    },
    Section {
        title: "Metrics and plug-ins of the Java broker",
        keys: jvm::KEYS,
    },
    Section {
        title: "Topics",
        keys: topic::KEYS,
    },
    Section {
        title: "Groups",
        keys: group_level::KEYS,
    },
    Section {
        title: "Subscriptions to metrics of clients",
        keys: client_metrics::KEYS,
    },
];

/// Every key, in the order of the sections.
pub fn all() -> impl Iterator<Item = &'static KeyDef> {
    SECTIONS.iter().flat_map(|section| section.keys)
}

/// Every key of a kind, by name.
pub fn of_kind(kind: KeyKind) -> impl Iterator<Item = &'static KeyDef> {
    let index = &*BY_NAME;
    index
        .sorted
        .iter()
        .copied()
        .filter(move |def| def.kind == kind)
}

struct Index {
    by_name: HashMap<(KeyKind, &'static str), &'static KeyDef>,
    sorted: Vec<&'static KeyDef>,
}

static BY_NAME: LazyLock<Index> = LazyLock::new(|| {
    let mut sorted: Vec<_> = all().collect();
    sorted.sort_by_key(|def| def.name);
    Index {
        by_name: all().map(|def| ((def.kind, def.name), def)).collect(),
        sorted,
    }
});

/// The definition of exactly this name.
pub fn find(kind: KeyKind, name: &str) -> Option<&'static KeyDef> {
    // The lifetime of the map's keys would otherwise be asked of `name`.
    let index: &HashMap<(KeyKind, &str), &'static KeyDef> = &BY_NAME.by_name;
    index.get(&(kind, name)).copied()
}

/// What a name of a broker key turned out to be.
#[derive(Clone, Copy, Debug)]
pub enum BrokerName {
    /// A key of the tables.
    Key(&'static KeyDef),
    /// A key of the tables behind `listener.name.<listener>.`, perhaps with a SASL mechanism.
    OfListener(&'static KeyDef),
    /// A name that belongs to a plug-in, which alone knows what it means.
    OfPlugin,
}

/// Prefixes whose keys go to plug-ins of the Java broker unseen.
const PLUGIN_PREFIXES: &[&str] = &[
    "config.providers.",
    "confluent.",
    "kafka.metrics.",
    "log4j.",
    "metrics.context.",
    "metrics.jmx.",
    "rlmm.config.",
    "rsm.config.",
    "security.providers.",
];

/// Keys that Kafka once had and what to do about them; a trailing `*` stands for any rest.
const REMOVED: &[(&str, &str)] = &[
    ("advertised.host.name", "set advertised.listeners"),
    ("advertised.port", "set advertised.listeners"),
    ("auto.include.jmx.reporter", "remove it"),
    ("broker.id.generation.enable", "set node.id"),
    (
        "control.plane.listener.name",
        "remove it, it belonged to ZooKeeper mode",
    ),
    (
        "controlled.shutdown.max.retries",
        "remove it, it belonged to ZooKeeper mode",
    ),
    (
        "controlled.shutdown.retry.backoff.ms",
        "remove it, it belonged to ZooKeeper mode",
    ),
    (
        "delegation.token.master.key",
        "set delegation.token.secret.key",
    ),
    (
        "group.coordinator.new.enable",
        "remove it, there is one coordinator",
    ),
    ("host.name", "set listeners"),
    (
        "inter.broker.protocol.version",
        "remove it, features take its place",
    ),
    (
        "log.message.downconversion.enable",
        "remove it, old formats are no longer served",
    ),
    (
        "log.message.format.version",
        "remove it, there is one format",
    ),
    (
        "log.message.timestamp.difference.max.ms",
        "set log.message.timestamp.before.max.ms and log.message.timestamp.after.max.ms",
    ),
    (
        "message.downconversion.enable",
        "remove it, old formats are no longer served",
    ),
    ("message.format.version", "remove it, there is one format"),
    (
        "message.timestamp.difference.max.ms",
        "set message.timestamp.before.max.ms and message.timestamp.after.max.ms",
    ),
    (
        "offsets.commit.required.acks",
        "remove it, all in-sync replicas are always asked",
    ),
    (
        "password.encoder.*",
        "remove it, it belonged to ZooKeeper mode",
    ),
    ("port", "set listeners"),
    ("reserved.broker.max.id", "set node.id"),
    ("zookeeper.*", "remove it, there is no ZooKeeper"),
];

fn removed(name: &str) -> Option<&'static str> {
    let is_meant = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    };
    REMOVED
        .iter()
        .find(|(pattern, _)| is_meant(pattern))
        .map(|(_, advice)| *advice)
}

/// Finds out what a broker key's name means.
pub fn resolve_broker(name: &str) -> Result<BrokerName, ConfigError> {
    if let Some(def) = find(KeyKind::Broker, name) {
        return Ok(BrokerName::Key(def));
    }
    if let Some(def) = listener_key(name) {
        return Ok(BrokerName::OfListener(def));
    }
    if PLUGIN_PREFIXES
        .iter()
        .any(|prefix| name.starts_with(prefix))
    {
        return Ok(BrokerName::OfPlugin);
    }
    Err(unknown(KeyKind::Broker, name))
}

/// The key behind `listener.name.<listener>.` and, for SASL, `<mechanism>.`.
fn listener_key(name: &str) -> Option<&'static KeyDef> {
    let (listener, rest) = name.strip_prefix("listener.name.")?.split_once('.')?;
    if listener.is_empty() {
        return None;
    }
    find(KeyKind::Broker, rest).or_else(|| {
        let (_mechanism, rest) = rest.split_once('.')?;
        find(KeyKind::Broker, rest)
    })
}

/// The error for a name that is in no table.
pub(crate) fn unknown(kind: KeyKind, name: &str) -> ConfigError {
    if let Some(advice) = removed(name) {
        return ConfigError::RemovedKey {
            name: name.to_owned(),
            advice,
        };
    }
    let word = match kind {
        KeyKind::Broker => "broker",
        KeyKind::Topic => "topic",
        KeyKind::Group => "group",
        KeyKind::ClientMetrics => "client-metrics",
    };
    let candidates = of_kind(kind)
        .filter(|def| !def.internal)
        .map(|def| def.name);
    ConfigError::UnknownKey {
        name: name.to_owned(),
        kind: word,
        nearest: nearest(name, candidates),
    }
}

#[cfg(test)]
mod tests;
