//! Configs of topics, brokers and groups: read them with their sources, change single keys.

use std::collections::BTreeMap;

use highwater_protocol::messages::describe_configs_request::DescribeConfigsResource;
use highwater_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use highwater_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use highwater_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use highwater_types::BrokerId;

use super::{Admin, Outcome, text_of, wire_text};
use crate::{ClientError, Deadline, ErrorCode, Refusal, Target};

/// What kind of thing a config belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A topic, by name.
    Topic,
    /// A broker by id, or the defaults of all brokers under the empty name.
    Broker,
    /// A group, by id.
    Group,
}

impl ResourceKind {
    fn wire(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::Group => 32,
        }
    }

    /// `topic`, `broker` or `group`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Broker => "broker",
            Self::Group => "group",
        }
    }
}

/// One thing that has configs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
}

impl ConfigResource {
    /// A single broker's dynamic configs can only be read and changed at that broker.
    fn target(&self) -> Target {
        match (self.kind, self.name.parse()) {
            (ResourceKind::Broker, Ok(id)) => Target::Broker(BrokerId(id)),
            _ => Target::Controller,
        }
    }
}

/// Where a value comes from, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set for the topic.
    Topic,
    /// Set for the group.
    Group,
    /// Set at run time for this broker.
    DynamicBroker,
    /// Set at run time for all brokers.
    DynamicDefaultBroker,
    /// A broker's logger level.
    DynamicBrokerLogger,
    /// Set in the broker's own configuration at start.
    StaticBroker,
    /// Nobody set it.
    Default,
    /// A number that this client does not know.
    Other(i8),
}

impl ConfigSource {
    fn from_wire(code: i8) -> Self {
        match code {
            1 => Self::Topic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            6 => Self::DynamicBrokerLogger,
            8 => Self::Group,
            other => Self::Other(other),
        }
    }

    /// A word for tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Group => "group",
            Self::DynamicBroker => "dynamic-broker",
            Self::DynamicDefaultBroker => "dynamic-default-broker",
            Self::DynamicBrokerLogger => "dynamic-broker-logger",
            Self::StaticBroker => "static-broker",
            Self::Default => "default",
            Self::Other(_) => "unknown",
        }
    }
}

/// A value that would count if a stronger one were not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The key at that place, which may be named differently there.
    pub name: String,
    /// Its value there.
    pub value: Option<String>,
    /// The place.
    pub source: ConfigSource,
}

/// One config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its key.
    pub name: String,
    /// Its value; hidden if sensitive.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it can be changed at run time.
    pub is_read_only: bool,
    /// Whether brokers hide the value.
    pub is_sensitive: bool,
    /// `boolean`, `string`, `int`, … if the broker tells.
    pub value_type: Option<&'static str>,
    /// All places that set it, the strongest first.
    pub synonyms: Vec<ConfigSynonym>,
    /// What it does.
    pub documentation: Option<String>,
}

impl ConfigEntry {
    fn from_wire(result: &DescribeConfigsResourceResult) -> Self {
        const TYPES: [&str; 9] = [
            "boolean", "string", "int", "short", "long", "double", "list", "class", "password",
        ];
        let type_index = usize::try_from(i16::from(result.config_type) - 1).ok();
        let synonyms = result.synonyms.iter().map(|synonym| ConfigSynonym {
            name: synonym.name.to_string(),
            value: text_of(synonym.value.as_ref()),
            source: ConfigSource::from_wire(synonym.source),
        });
        Self {
            name: result.name.to_string(),
            value: text_of(result.value.as_ref()),
            source: ConfigSource::from_wire(result.config_source),
            is_read_only: result.read_only,
            is_sensitive: result.is_sensitive,
            value_type: type_index.and_then(|index| TYPES.get(index)).copied(),
            synonyms: synonyms.collect(),
            documentation: text_of(result.documentation.as_ref()).filter(|text| !text.is_empty()),
        }
    }
}

/// What to do to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigOperation {
    /// Give it this value.
    Set(String),
    /// Go back to what would count without it.
    Unset,
    /// Add to a list.
    Append(String),
    /// Take from a list.
    Subtract(String),
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// The key.
    pub name: String,
    /// What to do to it.
    pub operation: ConfigOperation,
}

impl ConfigChange {
    fn wire(&self) -> AlterableConfig {
        let (operation, value) = match &self.operation {
            ConfigOperation::Set(value) => (0, Some(value)),
            ConfigOperation::Unset => (1, None),
            ConfigOperation::Append(value) => (2, Some(value)),
            ConfigOperation::Subtract(value) => (3, Some(value)),
        };
        AlterableConfig::default()
            .with_name(wire_text(&self.name))
            .with_config_operation(operation)
            .with_value(value.map(|value| wire_text(value)))
    }
}

impl Admin {
    /// Whom to ask about a resource. A broker that does not exist is not waited for.
    async fn target_of(
        &self,
        resource: &ConfigResource,
        deadline: Deadline,
    ) -> Result<Target, ClientError> {
        let target = resource.target();
        if let Target::Broker(id) = target {
            self.client.expect_broker(id, deadline).await?;
        }
        Ok(target)
    }

    /// Every config of a resource, by key, with synonyms and documentation.
    pub async fn describe_configs(
        &self,
        resource: &ConfigResource,
    ) -> Result<Outcome<BTreeMap<String, ConfigEntry>>, ClientError> {
        let build = |_| {
            let wanted = DescribeConfigsResource::default()
                .with_resource_type(resource.kind.wire())
                .with_resource_name(wire_text(&resource.name))
                .with_configuration_keys(None);
            DescribeConfigsRequest::default()
                .with_resources(vec![wanted])
                .with_include_synonyms(true)
                .with_include_documentation(true)
        };
        let deadline = self.client.deadline();
        let target = match self.target_of(resource, deadline).await? {
            // Any broker knows what is not a broker's own.
            Target::Controller => Target::Any,
            target => target,
        };
        self.client
            .ask(&target, deadline, build, |_, response| {
                let result =
                    response
                        .results
                        .into_iter()
                        .next()
                        .ok_or_else(|| ClientError::Malformed {
                            what: "DescribeConfigs",
                            reason: "no entry for the resource".to_owned(),
                        })?;
                let outcome = Refusal::check(result.error_code, result.error_message.as_deref());
                Ok(outcome.map(|()| {
                    let entries = result.configs.iter().map(ConfigEntry::from_wire);
                    entries.map(|entry| (entry.name.clone(), entry)).collect()
                }))
            })
            .await
    }

    /// Changes single keys and leaves the others; all of the changes or none.
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &[ConfigChange],
        validate_only: bool,
    ) -> Result<Outcome<()>, ClientError> {
        let build = |_| {
            let altered = AlterConfigsResource::default()
                .with_resource_type(resource.kind.wire())
                .with_resource_name(wire_text(&resource.name))
                .with_configs(changes.iter().map(ConfigChange::wire).collect());
            IncrementalAlterConfigsRequest::default()
                .with_resources(vec![altered])
                .with_validate_only(validate_only)
        };
        let deadline = self.client.deadline();
        let target = self.target_of(resource, deadline).await?;
        self.client
            .ask(&target, deadline, build, |_, response| {
                let result = response
                    .responses
                    .first()
                    .ok_or_else(|| ClientError::Malformed {
                        what: "IncrementalAlterConfigs",
                        reason: "no entry for the resource".to_owned(),
                    })?;
                if ErrorCode::from_code(result.error_code) == ErrorCode::NOT_CONTROLLER {
                    ClientError::check("IncrementalAlterConfigs", result.error_code, None)?;
                }
                Ok(Refusal::check(
                    result.error_code,
                    result.error_message.as_deref(),
                ))
            })
            .await
    }
}
