//! Changes through the admin API: what may be set, and what lists become.

use crate::definition::{KeyDef, KeyKind, UpdateMode, ValueType};
use crate::error::{ConfigError, ConfigErrors};
use crate::keys::{self, BrokerName};
use crate::node_config::{NodeConfig, Overrides};
use crate::value::{check, list_items};

/// For which brokers a dynamic value is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerScope {
    /// All of them.
    Cluster,
    /// One.
    ThisBroker,
}

impl BrokerScope {
    /// For log lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cluster => "all brokers",
            Self::ThisBroker => "this broker",
        }
    }
}

/// Whether a topic may set the value. The values of one topic are checked together by
/// [`NodeConfig::topic`].
pub fn validate_topic_override(name: &str, value: &str) -> Result<(), ConfigError> {
    let def =
        keys::find(KeyKind::Topic, name).ok_or_else(|| keys::unknown(KeyKind::Topic, name))?;
    check(def, value)
}

/// Whether a running broker takes the value. [`validate_broker_overrides`] checks all of them
/// together.
pub fn validate_broker_dynamic(
    name: &str,
    value: &str,
    scope: BrokerScope,
) -> Result<(), ConfigError> {
    let (def, is_listener_key) = match keys::resolve_broker(name)? {
        BrokerName::Key(def) => (def, false),
        BrokerName::OfListener(def) => (def, true),
        BrokerName::OfPlugin => return Err(ConfigError::NotDynamic(name.to_owned())),
    };
    match (def.update, scope) {
        (UpdateMode::AtStart, _) => return Err(ConfigError::NotDynamic(name.to_owned())),
        (UpdateMode::PerBroker, BrokerScope::Cluster) => {
            return Err(ConfigError::PerBrokerOnly(name.to_owned()));
        }
        (UpdateMode::ClusterWide, BrokerScope::Cluster) if is_listener_key => {
            return Err(ConfigError::PerBrokerOnly(name.to_owned()));
        }
        _ => {}
    }
    check(def, value)
}

/// Whether the broker could run with these overrides: each by itself, then all together.
pub fn validate_broker_overrides(
    node: &NodeConfig,
    overrides: &Overrides,
    scope: BrokerScope,
) -> Result<(), ConfigErrors> {
    let mut errors = ConfigErrors::default();
    for (name, value) in overrides {
        if let Err(error) = validate_broker_dynamic(name, value, scope) {
            errors.push(None, error);
        }
    }
    errors.into_result()?;
    with_scope(node, overrides, scope).broker().map(drop)
}

/// The pools of threads of the Java broker, which may not grow or shrink too much at once.
const THREAD_COUNTS: [&str; 5] = [
    "background.threads",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
];

/// Whether a running broker may go from its values to those that `overrides` make. Unlike
/// [`validate_broker_overrides`] this depends on what is in effect now.
pub fn validate_broker_change(
    node: &NodeConfig,
    overrides: &Overrides,
    scope: BrokerScope,
) -> Result<(), ConfigError> {
    let changed = with_scope(node, overrides, scope);
    let number = |node: &NodeConfig, key: &str| node.get(key)?.trim().parse::<i64>().ok();
    for key in THREAD_COUNTS {
        let (Some(new), Some(old)) = (number(&changed, key), number(node, key)) else {
            continue;
        };
        let bound = if new < old / 2 {
            "be at least half"
        } else if new > old.saturating_mul(2) {
            "not be greater than double"
        } else {
            continue;
        };
        return Err(ConfigError::Conflict(format!(
            "Dynamic thread count update validation failed for {key}={new}, value should {bound} \
             the current value {old}"
        )));
    }
    Ok(())
}

fn with_scope(node: &NodeConfig, overrides: &Overrides, scope: BrokerScope) -> NodeConfig {
    match scope {
        BrokerScope::Cluster => {
            node.with_overrides(overrides.clone(), node.broker_overrides().clone())
        }
        BrokerScope::ThisBroker => {
            node.with_overrides(node.cluster_overrides().clone(), overrides.clone())
        }
    }
}

/// Whether a group may set the value, within the bounds that the broker sets.
pub fn validate_group_override(
    node: &NodeConfig,
    name: &str,
    value: &str,
) -> Result<(), ConfigError> {
    let def =
        keys::find(KeyKind::Group, name).ok_or_else(|| keys::unknown(KeyKind::Group, name))?;
    check(def, value)?;
    let Ok(number) = value.trim().parse::<i64>() else {
        return Ok(());
    };
    let bound = |word: &str| {
        let (family, rest) = name.split_once('.')?;
        let rest = rest.strip_prefix("num.").unwrap_or(rest);
        let key = format!("group.{family}.{word}.{rest}");
        let limit: i64 = node.get(&key)?.trim().parse().ok()?;
        Some((key, limit))
    };
    if let Some((key, min)) = bound("min")
        && number < min
    {
        return Err(ConfigError::Conflict(format!(
            "{name} must be greater than or equal to {key}"
        )));
    }
    if let Some((key, max)) = bound("max")
        && number > max
    {
        return Err(ConfigError::Conflict(format!(
            "{name} must be less than or equal to {key}"
        )));
    }
    Ok(())
}

/// Whether a subscription to metrics of clients takes the value.
pub fn validate_client_metrics(name: &str, value: &str) -> Result<(), ConfigError> {
    let kind = KeyKind::ClientMetrics;
    let def = keys::find(kind, name).ok_or_else(|| keys::unknown(kind, name))?;
    check(def, value)
}

/// What APPEND and SUBTRACT do to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOperation {
    /// Adds the items that are not in it.
    Append,
    /// Removes the items that are in it.
    Subtract,
}

/// The value of a list key after an operation; `current` is what was set before, without which
/// the key's default is the start.
pub fn apply_list_operation(
    kind: KeyKind,
    name: &str,
    operation: ListOperation,
    current: Option<&str>,
    items: &str,
) -> Result<String, ConfigError> {
    let def = definition(kind, name)?;
    if def.value_type != ValueType::List {
        let operation = match operation {
            ListOperation::Append => "APPEND",
            ListOperation::Subtract => "SUBTRACT",
        };
        return Err(ConfigError::NotAList {
            name: name.to_owned(),
            operation,
        });
    }
    let start = current.or(def.default).unwrap_or_default();
    let mut list: Vec<&str> = list_items(start).collect();
    for item in list_items(items) {
        let position = list.iter().position(|present| *present == item);
        match (operation, position) {
            (ListOperation::Append, None) => list.push(item),
            (ListOperation::Subtract, Some(position)) => {
                list.remove(position);
            }
            _ => {}
        }
    }
    Ok(list.join(","))
}

fn definition(kind: KeyKind, name: &str) -> Result<&'static KeyDef, ConfigError> {
    if kind == KeyKind::Broker {
        return match keys::resolve_broker(name)? {
            BrokerName::Key(def) | BrokerName::OfListener(def) => Ok(def),
            BrokerName::OfPlugin => Err(ConfigError::NotDynamic(name.to_owned())),
        };
    }
    keys::find(kind, name).ok_or_else(|| keys::unknown(kind, name))
}

#[cfg(test)]
mod tests;
