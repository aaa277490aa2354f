//! What DescribeConfigs answers: every value with its source and the chain of its synonyms.
//!
//! Sources, synonyms and their order are those of a Kafka 4.3 broker, with its quirk that a chain
//! begins at the first synonym of the key's own name: a broker that sets `log.retention.hours`
//! shows no synonym for a topic's `retention.ms`.

use crate::definition::{KeyDef, KeyKind, ValueType};
use crate::keys;
use crate::node_config::{NodeConfig, Overrides, is_secret};
use crate::value::canonical;

/// Who set a value, as the wire numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// The topic.
    DynamicTopic,
    /// The admin API, for this broker.
    DynamicBroker,
    /// The admin API, for all brokers.
    DynamicDefaultBroker,
    /// File, environment or command line.
    StaticBroker,
    /// Nobody.
    Default,
    /// The subscription.
    DynamicClientMetrics,
    /// The group.
    DynamicGroup,
}

impl ConfigSource {
    /// The number on the wire.
    pub const fn wire_code(self) -> i8 {
        match self {
            Self::DynamicTopic => 1,
            Self::DynamicBroker => 2,
            Self::DynamicDefaultBroker => 3,
            Self::StaticBroker => 4,
            Self::Default => 5,
            Self::DynamicClientMetrics => 7,
            Self::DynamicGroup => 8,
        }
    }
}

/// One value that a key had, has, or would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedSynonym {
    /// The key under which it was set.
    pub name: String,
    /// The value; `None` for secrets.
    pub value: Option<String>,
    /// Who set it.
    pub source: ConfigSource,
}

/// One key as DescribeConfigs shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedConfig {
    /// The key.
    pub name: String,
    /// The value that counts; `None` for Kafka's null and for secrets.
    pub value: Option<String>,
    /// Who set it.
    pub source: ConfigSource,
    /// Whether a change needs a restart.
    pub read_only: bool,
    /// Whether the value is never shown.
    pub sensitive: bool,
    /// All values of the key in the order of their precedence.
    pub synonyms: Vec<DescribedSynonym>,
    /// The type; `None` for keys that only a plug-in knows.
    pub value_type: Option<ValueType>,
    /// What the key does.
    pub documentation: &'static str,
}

impl DescribedConfig {
    /// Whether nobody set the value.
    pub fn is_default(&self) -> bool {
        self.source == ConfigSource::Default
    }

    /// The type on the wire, 0 for unknown.
    pub fn type_code(&self) -> i8 {
        self.value_type.map_or(0, ValueType::wire_code)
    }
}

impl NodeConfig {
    /// Every key of a topic that sets these overrides, by name.
    pub fn describe_topic(&self, overrides: &Overrides) -> Vec<DescribedConfig> {
        self.describe_resource(KeyKind::Topic, ConfigSource::DynamicTopic, overrides)
    }

    /// Every key of a group that sets these overrides, by name.
    pub fn describe_group(&self, overrides: &Overrides) -> Vec<DescribedConfig> {
        self.describe_resource(KeyKind::Group, ConfigSource::DynamicGroup, overrides)
    }

    /// Every key of a subscription to metrics of clients, by name.
    pub fn describe_client_metrics(&self, overrides: &Overrides) -> Vec<DescribedConfig> {
        let source = ConfigSource::DynamicClientMetrics;
        self.describe_resource(KeyKind::ClientMetrics, source, overrides)
    }

    /// Every key of this broker, by name.
    pub fn describe_broker(&self) -> Vec<DescribedConfig> {
        let rows = self.rows(false).into_iter();
        rows.filter(|row| {
            // What exists for the admin API alone is shown once it is set.
            let def = keys::find(KeyKind::Broker, &row.name);
            self.is_set(&row.name) || def.is_some_and(|def| !def.dynamic_only)
        })
        .map(|row| self.describe_broker_key(&row.name, &|_| true))
        .collect()
    }

    /// What was set for all brokers through the admin API, by name.
    pub fn describe_cluster_defaults(&self) -> Vec<DescribedConfig> {
        let names = self.cluster_overrides().keys();
        names
            .map(|name| {
                let only = |s: ConfigSource| s == ConfigSource::DynamicDefaultBroker;
                let mut described = self.describe_broker_key(name, &only);
                described.value = described.synonyms.first().and_then(|s| s.value.clone());
                described
            })
            .collect()
    }

    fn describe_resource(
        &self,
        kind: KeyKind,
        source: ConfigSource,
        overrides: &Overrides,
    ) -> Vec<DescribedConfig> {
        let shown =
            keys::of_kind(kind).filter(|def| !def.internal || overrides.contains_key(def.name));
        shown
            .map(|def| self.describe_key(def, source, overrides))
            .collect()
    }

    fn describe_key(
        &self,
        def: &'static KeyDef,
        source: ConfigSource,
        overrides: &Overrides,
    ) -> DescribedConfig {
        let own = overrides.get(def.name).map(|value| canonical(def, value));
        let mut synonyms = Vec::new();
        if let Some(value) = &own {
            synonyms.push(DescribedSynonym {
                name: def.name.to_owned(),
                value: Some(value.clone()),
                source,
            });
        }
        match def.synonyms.first() {
            Some(first) => synonyms.extend(self.broker_chain(first.name, &|_| true)),
            // What has no broker key shows its own default, except in topics.
            None if def.kind != KeyKind::Topic => synonyms.push(DescribedSynonym {
                name: def.name.to_owned(),
                value: def.default.map(str::to_owned),
                source: ConfigSource::Default,
            }),
            None => {}
        }
        DescribedConfig {
            name: def.name.to_owned(),
            value: own.or_else(|| self.fallback(def)),
            source: synonyms
                .first()
                .map_or(ConfigSource::Default, |first| first.source),
            read_only: false,
            sensitive: def.is_sensitive(),
            synonyms,
            value_type: Some(def.value_type),
            documentation: def.doc,
        }
    }

    fn describe_broker_key(
        &self,
        name: &str,
        filter: &dyn Fn(ConfigSource) -> bool,
    ) -> DescribedConfig {
        let def = match keys::resolve_broker(name) {
            Ok(keys::BrokerName::Key(def) | keys::BrokerName::OfListener(def)) => Some(def),
            _ => None,
        };
        let sensitive = is_secret(name);
        let synonyms = self.broker_chain(name, filter);
        DescribedConfig {
            name: name.to_owned(),
            value: self.get(name).filter(|_| !sensitive).map(|v| shown(def, v)),
            source: synonyms
                .first()
                .map_or(ConfigSource::Default, |first| first.source),
            read_only: def.is_none_or(KeyDef::is_read_only),
            sensitive,
            synonyms,
            value_type: def.map(|def| def.value_type),
            documentation: def.map_or("", |def| def.doc),
        }
    }

    /// The values of a broker key and of those it falls back on: source by source, and within
    /// a source name by name, from the first that carries the key's own name.
    fn broker_chain(
        &self,
        name: &str,
        filter: &dyn Fn(ConfigSource) -> bool,
    ) -> Vec<DescribedSynonym> {
        let names = broker_synonyms(name);
        let mut chain = Vec::new();
        let mut add = |synonym: &str, value: &str, source| {
            let def = keys::find(KeyKind::Broker, synonym);
            let value = (!is_secret(synonym)).then(|| shown(def, value));
            chain.push(DescribedSynonym {
                name: synonym.to_owned(),
                value,
                source,
            });
        };
        for source in [
            ConfigSource::DynamicBroker,
            ConfigSource::DynamicDefaultBroker,
            ConfigSource::StaticBroker,
            ConfigSource::Default,
        ] {
            for synonym in &names {
                if let Some(value) = self.value_of_source(synonym, source) {
                    add(synonym, value, source);
                }
            }
        }
        let own_first = chain.into_iter().skip_while(|synonym| synonym.name != name);
        own_first.filter(|synonym| filter(synonym.source)).collect()
    }

    fn value_of_source(&self, name: &str, source: ConfigSource) -> Option<&str> {
        match source {
            ConfigSource::DynamicBroker => self.broker_overrides().get(name).map(String::as_str),
            ConfigSource::DynamicDefaultBroker => {
                self.cluster_overrides().get(name).map(String::as_str)
            }
            ConfigSource::StaticBroker => {
                self.static_values().get(name).map(|set| set.value.as_str())
            }
            _ => keys::find(KeyKind::Broker, name).and_then(|def| def.default),
        }
    }
}

fn shown(def: Option<&KeyDef>, value: &str) -> String {
    def.map_or_else(|| value.to_owned(), |def| canonical(def, value))
}

/// The broker keys that together make one value, in the order in which they count; for a key of
/// one listener also the key without the listener.
fn broker_synonyms(name: &str) -> Vec<String> {
    const CHAINS: &[&[&str]] = &[
        &[
            "log.retention.ms",
            "log.retention.minutes",
            "log.retention.hours",
        ],
        &["log.roll.ms", "log.roll.hours"],
        &["log.roll.jitter.ms", "log.roll.jitter.hours"],
    ];
    if let Some(chain) = CHAINS.iter().find(|chain| chain.contains(&name)) {
        return chain.iter().map(|&name| name.to_owned()).collect();
    }
    if name == "log.flush.interval.ms" {
        return vec![
            name.to_owned(),
            "log.flush.scheduler.interval.ms".to_owned(),
        ];
    }
    match keys::resolve_broker(name) {
        Ok(keys::BrokerName::OfListener(def)) => vec![name.to_owned(), def.name.to_owned()],
        _ => vec![name.to_owned()],
    }
}

#[cfg(test)]
mod tests;
