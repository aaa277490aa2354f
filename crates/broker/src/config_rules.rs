//! What the controller needs to know of configuration keys, answered from their definitions.

use std::sync::Arc;

use highwater_config::definition::{KeyKind, ValueType};
use highwater_config::{
    BrokerScope, NodeConfig, Overrides, Stored, keys, validate_broker_change,
    validate_broker_overrides, validate_client_metrics, validate_group_override,
    validate_topic_override,
};
use highwater_metadata::{
    ConfigMap, ConfigResource, ConfigResourceType, ConfigRules, MetadataImage,
};
use highwater_types::BrokerId;

use crate::broker::overrides_of;

/// The rules on this broker.
pub(crate) struct BrokerConfigRules {
    pub(crate) node: Arc<NodeConfig>,
}

fn key_kind(kind: ConfigResourceType) -> KeyKind {
    match kind {
        ConfigResourceType::Topic => KeyKind::Topic,
        ConfigResourceType::Broker => KeyKind::Broker,
        ConfigResourceType::Group => KeyKind::Group,
        ConfigResourceType::ClientMetrics => KeyKind::ClientMetrics,
    }
}

impl ConfigRules for BrokerConfigRules {
    fn validate(
        &self,
        resource: &ConfigResource,
        resulting: &ConfigMap,
        changed: &[&str],
    ) -> Result<(), String> {
        let value = |key: &str| resulting.get(key).map(|value| value.to_string());
        let text = |error: highwater_config::ConfigError| error.to_string();
        match resource.kind {
            ConfigResourceType::Topic => {
                for key in changed {
                    if let Some(value) = value(key) {
                        validate_topic_override(key, &value).map_err(text)?;
                    }
                }
                self.node
                    .topic(&overrides(resulting))
                    .map(|_| ())
                    .map_err(text)
            }
            ConfigResourceType::Group => changed.iter().try_for_each(|key| match value(key) {
                Some(value) => validate_group_override(&self.node, key, &value).map_err(text),
                None => Ok(()),
            }),
            ConfigResourceType::Broker => {
                validate_broker_overrides(&self.node, &overrides(resulting), scope_of(resource))
                    .map_err(|errors| errors.to_string())
            }
            ConfigResourceType::ClientMetrics => {
                changed.iter().try_for_each(|key| match value(key) {
                    Some(value) => validate_client_metrics(key, &value).map_err(text),
                    None => Ok(()),
                })
            }
        }
    }

    fn validate_change(
        &self,
        resource: &ConfigResource,
        resulting: &ConfigMap,
    ) -> Result<(), String> {
        if resource.kind != ConfigResourceType::Broker {
            return Ok(());
        }
        validate_broker_change(&self.node, &overrides(resulting), scope_of(resource))
            .map_err(|error| error.to_string())
    }

    fn is_list(&self, kind: ConfigResourceType, key: &str) -> bool {
        keys::find(key_kind(kind), key).is_some_and(|def| def.value_type == ValueType::List)
    }

    fn default_value(&self, kind: ConfigResourceType, key: &str) -> Option<String> {
        let def = keys::find(key_kind(kind), key)?;
        match kind {
            ConfigResourceType::Broker => self.node.get(key).map(str::to_owned),
            _ => self.node.fallback(def),
        }
    }
}

fn scope_of(broker: &ConfigResource) -> BrokerScope {
    if broker.name.is_empty() {
        BrokerScope::Cluster
    } else {
        BrokerScope::ThisBroker
    }
}

fn overrides(map: &ConfigMap) -> Overrides {
    map.iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

/// The resource that stands for one broker.
pub(crate) fn broker_resource(id: BrokerId) -> ConfigResource {
    ConfigResource {
        kind: ConfigResourceType::Broker,
        name: id.to_string().into(),
    }
}

/// The configuration with the dynamic values that are stored for this broker and for all; those
/// that do not fit are named and have no effect.
pub(crate) fn stored_config(node: &NodeConfig, image: &MetadataImage, id: BrokerId) -> Stored {
    let stored = node.with_stored(
        overrides_of(image, &ConfigResource::all_brokers()),
        overrides_of(image, &broker_resource(id)),
    );
    for refused in &stored.refused {
        tracing::error!(
            key = refused.key, value = refused.value, scope = refused.scope.name(),
            error = %refused.errors, "a dynamic value does not fit and has no effect"
        );
    }
    stored
}
