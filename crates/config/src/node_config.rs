//! All values of one broker with where they came from: static layers and dynamic overrides.

use std::collections::BTreeMap;

use crate::alter::BrokerScope;
use crate::broker_config::BrokerConfig;
use crate::definition::{Effect, KeyDef, KeyKind};
use crate::error::{ConfigError, ConfigErrors};
use crate::keys;
use crate::origin::Origin;
use crate::topic_config::TopicConfig;
use crate::value::canonical;

/// Values that were set through the admin API for one resource, by key.
pub type Overrides = BTreeMap<String, String>;

/// A value of a file, the environment or the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticValue {
    /// The value.
    pub value: String,
    /// Where it was set.
    pub origin: Origin,
}

/// One row of the effective configuration, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveRow {
    /// The key.
    pub name: String,
    /// The value; `None` if the key has none; passwords are masked.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

/// The configuration of one broker.
///
/// Static values never change while it runs; the overrides follow the metadata log. Of several
/// values the one for this broker wins, then the one for all brokers, then the static one, then
/// the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeConfig {
    static_values: BTreeMap<String, StaticValue>,
    cluster_overrides: Overrides,
    broker_overrides: Overrides,
}

/// A stored override that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedOverride {
    /// Whether it is one of all brokers.
    pub scope: BrokerScope,
    /// The key.
    pub key: String,
    /// The value, unless it is secret.
    pub value: String,
    /// What does not fit.
    pub errors: ConfigErrors,
}

/// What has become of the overrides that are stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The configuration with those that fit.
    pub node: NodeConfig,
    /// Its typed values; `None` if the static values alone do not fit together.
    pub config: Option<BrokerConfig>,
    /// Those that do not fit.
    pub refused: Vec<RefusedOverride>,
}

impl NodeConfig {
    /// Older names lend their value to the newer ones where only they are set, and the id of
    /// the node goes by both of its names, as in Kafka.
    pub(crate) fn new(mut static_values: BTreeMap<String, StaticValue>) -> Self {
        const LENT: &[(&str, &str)] = &[
            ("log.dir", "log.dirs"),
            ("broker.id", "node.id"),
            ("node.id", "broker.id"),
        ];
        for (from, to) in LENT {
            if !static_values.contains_key(*to)
                && let Some(set) = static_values
                    .get(*from)
                    .filter(|set| set.value != "-1")
                    .cloned()
            {
                static_values.insert((*to).to_owned(), set);
            }
        }
        Self {
            static_values,
            ..Self::default()
        }
    }

    /// The same static values with these overrides for all brokers and for this one.
    pub fn with_overrides(&self, cluster: Overrides, broker: Overrides) -> Self {
        Self {
            static_values: self.static_values.clone(),
            cluster_overrides: cluster,
            broker_overrides: broker,
        }
    }

    /// The same static values with what is stored of overrides, as far as it can be used, and what
    /// cannot. What is stored has been valid once; after a change of the file, or under another
    /// version, a value may not be, and must not take the others with it.
    pub fn with_stored(&self, cluster: Overrides, broker: Overrides) -> Stored {
        let whole = self.with_overrides(cluster, broker);
        if let Ok(config) = whole.broker() {
            return Stored {
                node: whole,
                config: Some(config),
                refused: Vec::new(),
            };
        }
        let of = |values: Overrides, scope| values.into_iter().map(move |pair| (scope, pair));
        let mut waiting: Vec<_> = of(whole.cluster_overrides, BrokerScope::Cluster)
            .chain(of(whole.broker_overrides, BrokerScope::ThisBroker))
            .collect();
        let mut node = self.with_overrides(Overrides::new(), Overrides::new());
        let mut config = node.broker().ok();
        // What does not fit alone may fit together with one that comes later.
        loop {
            let before = waiting.len();
            let mut refused = Vec::new();
            for (scope, (key, value)) in waiting {
                let with = node.with_one(scope, &key, &value);
                match with.broker() {
                    Ok(fits) => (node, config) = (with, Some(fits)),
                    Err(errors) => refused.push((scope, (key, value), errors)),
                }
            }
            if refused.is_empty() || refused.len() == before {
                let refused = refused.into_iter();
                let refused = refused.map(|(scope, (key, value), errors)| RefusedOverride {
                    scope,
                    value: if is_secret(&key) {
                        "[hidden]".into()
                    } else {
                        value
                    },
                    key,
                    errors,
                });
                return Stored {
                    node,
                    config,
                    refused: refused.collect(),
                };
            }
            let again = refused.into_iter();
            waiting = again.map(|(scope, pair, _)| (scope, pair)).collect();
        }
    }

    fn with_one(&self, scope: BrokerScope, key: &str, value: &str) -> Self {
        let mut with = self.clone();
        let overrides = match scope {
            BrokerScope::Cluster => &mut with.cluster_overrides,
            BrokerScope::ThisBroker => &mut with.broker_overrides,
        };
        overrides.insert(key.to_owned(), value.to_owned());
        with
    }

    /// What was set for all brokers through the admin API.
    pub fn cluster_overrides(&self) -> &Overrides {
        &self.cluster_overrides
    }

    /// What was set for this broker through the admin API.
    pub fn broker_overrides(&self) -> &Overrides {
        &self.broker_overrides
    }

    /// What file, environment and command line set.
    pub fn static_values(&self) -> &BTreeMap<String, StaticValue> {
        &self.static_values
    }

    /// The value that counts, or `None` for Kafka's null.
    pub fn get(&self, name: &str) -> Option<&str> {
        let overridden = self
            .broker_overrides
            .get(name)
            .or(self.cluster_overrides.get(name));
        overridden
            .or_else(|| self.static_values.get(name).map(|set| &set.value))
            .map(String::as_str)
            .or_else(|| keys::find(KeyKind::Broker, name).and_then(|def| def.default))
    }

    /// Where the value that counts came from.
    pub fn origin(&self, name: &str) -> Origin {
        if self.broker_overrides.contains_key(name) {
            Origin::DynamicBroker
        } else if self.cluster_overrides.contains_key(name) {
            Origin::DynamicDefault
        } else {
            self.static_values
                .get(name)
                .map_or(Origin::Default, |set| set.origin.clone())
        }
    }

    /// Whether somebody set the key.
    pub fn is_set(&self, name: &str) -> bool {
        self.origin(name) != Origin::Default
    }

    /// The broker's own value for a topic or group key: that of the first synonym that has one,
    /// converted, otherwise the default of the key.
    pub fn fallback(&self, def: &KeyDef) -> Option<String> {
        let from_broker = def.synonyms.iter().find_map(|synonym| {
            let value = self.get(synonym.name)?;
            let factor = synonym.scale.factor();
            if factor == 1 {
                return Some(value.to_owned());
            }
            let number: i64 = value.trim().parse().ok()?;
            // A negative number of hours means what −1 means: no limit.
            Some(
                if number < 0 {
                    -1
                } else {
                    number.saturating_mul(factor)
                }
                .to_string(),
            )
        });
        from_broker
            .or_else(|| def.default.map(str::to_owned))
            .map(|value| canonical(def, &value))
    }

    /// The typed values on which the daemon acts.
    ///
    /// Every value is valid by itself, because it was checked where it entered; what is refused
    /// here are values that do not fit together.
    pub fn broker(&self) -> Result<BrokerConfig, ConfigErrors> {
        BrokerConfig::read(self)
    }

    /// The typed values of a topic that sets these overrides. Whoever needs those of many topics
    /// takes `BrokerConfig::topic_defaults` and lays each topic's overrides over a copy.
    pub fn topic(&self, overrides: &Overrides) -> Result<TopicConfig, ConfigError> {
        TopicConfig::defaults(self)?.with_overrides(overrides)
    }

    /// The configuration of a topic that exists, and what of its overrides is not valid.
    pub fn stored_topic(
        &self,
        overrides: &Overrides,
    ) -> Result<(TopicConfig, Vec<ConfigError>), ConfigError> {
        Ok(TopicConfig::defaults(self)?.with_stored(overrides))
    }

    /// The effective configuration, by name; `only_set` leaves out what nobody set.
    pub fn rows(&self, only_set: bool) -> Vec<EffectiveRow> {
        let mut names: Vec<&str> = keys::of_kind(KeyKind::Broker)
            .filter(|def| !def.internal || self.is_set(def.name))
            .map(|def| def.name)
            .collect();
        names.extend(self.static_values.keys().map(String::as_str));
        names.extend(self.cluster_overrides.keys().map(String::as_str));
        names.extend(self.broker_overrides.keys().map(String::as_str));
        names.sort_unstable();
        names.dedup();
        let shown = names
            .into_iter()
            .filter(|name| !only_set || self.is_set(name));
        shown.map(|name| self.row(name)).collect()
    }

    /// The keys that somebody has set to other than their defaults and that have no effect.
    pub fn idle_settings(&self) -> Vec<&str> {
        let names = self.static_values.keys().map(String::as_str);
        names.filter(|name| self.is_idle(name)).collect()
    }

    fn is_idle(&self, name: &str) -> bool {
        idle_key(name).is_some_and(|def| self.get(name) != def.default)
    }

    fn row(&self, name: &str) -> EffectiveRow {
        let value = self.get(name).map(|value| {
            if is_secret(name) {
                "[hidden]".to_owned()
            } else {
                value.to_owned()
            }
        });
        EffectiveRow {
            name: name.to_owned(),
            value,
            origin: self.origin(name),
        }
    }
}

/// The definition of a broker key that is checked, kept and described, and has no effect.
pub fn idle_key(name: &str) -> Option<&'static KeyDef> {
    match keys::resolve_broker(name) {
        Ok(keys::BrokerName::Key(def) | keys::BrokerName::OfListener(def)) => {
            Some(def).filter(|def| def.effect == Effect::Accepted)
        }
        _ => None,
    }
}

/// Whether the value of a name must not be shown; what only a plug-in understands might be a
/// password.
pub(crate) fn is_secret(name: &str) -> bool {
    match keys::resolve_broker(name) {
        Ok(keys::BrokerName::Key(def) | keys::BrokerName::OfListener(def)) => def.is_sensitive(),
        Ok(keys::BrokerName::OfPlugin) | Err(_) => true,
    }
}
