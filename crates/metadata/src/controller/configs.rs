//! Changing configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use highwater_types::{BrokerId, NameError, TopicName};

use super::{Controller, Decision, Mode};
use crate::{ConfigMap, ConfigRecord, ConfigResource, ConfigResourceType, MetadataRecord};

/// What shall happen to one key; the wire allows values to be missing where they are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// Has this value from now on.
    Set(Option<String>),
    /// Has its default from now on.
    Delete,
    /// Has these elements, separated by commas, in its list too.
    Append(Option<String>),
    /// Has these elements, separated by commas, in its list no more.
    Subtract(Option<String>),
}

/// What shall happen to keys of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceKeys<C> {
    /// What is configured.
    pub resource: ConfigResource,
    /// Its keys, and for each a [`ConfigChange`] or a new value.
    pub keys: Vec<(String, C)>,
}

/// Why configuration cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlterConfigsError {
    /// The request has the resource more than once.
    #[error("Each resource must appear at most once.")]
    DuplicateResource,
    /// The request has a key more than once.
    #[error("Key {0} is in the request more than once.")]
    DuplicateKey(String),
    /// There is no such topic.
    #[error("The topic '{0}' does not exist.")]
    UnknownTopic(TopicName),
    /// Not a name of a topic.
    #[error("{0}.")]
    InvalidTopicName(#[from] NameError),
    /// Brokers have numbers.
    #[error("Node id must be an integer, but it is: {0}")]
    InvalidBrokerId(String),
    /// There is no such broker.
    #[error("Broker {0} is not registered.")]
    UnknownBroker(BrokerId),
    /// The resource needs a name.
    #[error("The name of a {0} must not be empty.")]
    EmptyName(ConfigResourceType),
    /// Only a deletion needs no value.
    #[error("Null value not supported for : {0}")]
    MissingValue(String),
    /// Only lists can be appended to.
    #[error("Key {0} cannot be appended to or subtracted from: its type is not a list.")]
    NotAList(String),
    /// A value that cannot be.
    #[error("{0}")]
    InvalidConfig(String),
    /// The same of a broker or a subscription, for which Kafka has another code.
    #[error("{0}")]
    Inapplicable(String),
}

type Results = Vec<Result<(), AlterConfigsError>>;
/// The new value of each key that is given one, `None` standing for its default.
type Changes = BTreeMap<Arc<str>, Option<Arc<str>>>;

impl Controller<'_> {
    /// Decides about changes of single keys (IncrementalAlterConfigs); results are in the order
    /// of the request, and a resource is changed as a whole or not at all.
    pub fn alter_configs(
        &self,
        resources: &[ResourceKeys<ConfigChange>],
        mode: Mode,
    ) -> Decision<Results> {
        self.each_resource(resources, mode, |resource, changes| {
            let current = self.image.configs(resource);
            let mut new = Changes::new();
            for (key, change) in changes {
                let present = current.and_then(|map| map.get(key.as_str()));
                let value = self.changed_value(resource.kind, key, change, present)?;
                if new.insert(Arc::from(key.as_str()), value).is_some() {
                    return Err(AlterConfigsError::DuplicateKey(key.clone()));
                }
            }
            Ok(new)
        })
    }

    /// Decides about new configurations as a whole (AlterConfigs): what is not named has its
    /// default from now on.
    pub fn replace_configs(
        &self,
        resources: &[ResourceKeys<Option<String>>],
        mode: Mode,
    ) -> Decision<Results> {
        self.each_resource(resources, mode, |resource, entries| {
            let current = self.image.configs(resource);
            let mut new: Changes = current
                .map(|map| map.keys().map(|key| (key.clone(), None)).collect())
                .unwrap_or_default();
            let mut named = BTreeSet::new();
            for (key, value) in entries {
                if !named.insert(key) {
                    return Err(AlterConfigsError::DuplicateKey(key.clone()));
                }
                let value = value
                    .as_deref()
                    .ok_or_else(|| AlterConfigsError::MissingValue(key.clone()))?;
                new.insert(Arc::from(key.as_str()), Some(Arc::from(value)));
            }
            Ok(new)
        })
    }

    fn each_resource<C>(
        &self,
        resources: &[ResourceKeys<C>],
        mode: Mode,
        changes_of: impl Fn(&ConfigResource, &[(String, C)]) -> Result<Changes, AlterConfigsError>,
    ) -> Decision<Results> {
        let mut occurrences: BTreeMap<&ConfigResource, usize> = BTreeMap::new();
        for ResourceKeys { resource, .. } in resources {
            *occurrences.entry(resource).or_default() += 1;
        }
        let mut records = Vec::new();
        let response = resources
            .iter()
            .map(|ResourceKeys { resource, keys }| {
                if occurrences.get(resource).is_some_and(|times| *times > 1) {
                    return Err(AlterConfigsError::DuplicateResource);
                }
                self.check_resource(resource)?;
                let changes = changes_of(resource, keys)?;
                self.check_result(resource, &changes)?;
                self.config_records(resource, changes, &mut records);
                Ok(())
            })
            .collect();
        Decision { records, response }.in_mode(mode)
    }

    fn changed_value(
        &self,
        kind: ConfigResourceType,
        key: &str,
        change: &ConfigChange,
        present: Option<&Arc<str>>,
    ) -> Result<Option<Arc<str>>, AlterConfigsError> {
        let missing = || AlterConfigsError::MissingValue(key.to_owned());
        let (elements, is_append) = match change {
            ConfigChange::Delete => return Ok(None),
            ConfigChange::Set(value) => {
                return Ok(Some(Arc::from(value.as_deref().ok_or_else(missing)?)));
            }
            ConfigChange::Append(value) => (value.as_deref().ok_or_else(missing)?, true),
            ConfigChange::Subtract(value) => (value.as_deref().ok_or_else(missing)?, false),
        };
        if !self.rules.is_list(kind, key) {
            return Err(AlterConfigsError::NotAList(key.to_owned()));
        }
        let present = match present {
            Some(value) => Some(value.to_string()),
            None => self.rules.default_value(kind, key),
        };
        let present = present.unwrap_or_default();
        let mut list: Vec<&str> = present.split(',').filter(|part| !part.is_empty()).collect();
        for element in elements
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let at = list.iter().position(|part| part.trim() == element);
            match (at, is_append) {
                (None, true) => list.push(element),
                (Some(at), false) => {
                    list.remove(at);
                }
                (Some(_), true) | (None, false) => {}
            }
        }
        Ok(Some(Arc::from(list.join(","))))
    }

    fn check_resource(&self, resource: &ConfigResource) -> Result<(), AlterConfigsError> {
        match resource.kind {
            ConfigResourceType::Topic => {
                let name = TopicName::new(&resource.name)?;
                match self.image.topic_id(name.as_str()) {
                    Some(_) => Ok(()),
                    None => Err(AlterConfigsError::UnknownTopic(name)),
                }
            }
            ConfigResourceType::Broker if resource.name.is_empty() => Ok(()),
            ConfigResourceType::Broker => {
                let id =
                    resource.name.parse().map(BrokerId).map_err(|_| {
                        AlterConfigsError::InvalidBrokerId(resource.name.to_string())
                    })?;
                match self.image.broker(id) {
                    Some(_) => Ok(()),
                    None => Err(AlterConfigsError::UnknownBroker(id)),
                }
            }
            ConfigResourceType::ClientMetrics | ConfigResourceType::Group
                if resource.name.is_empty() =>
            {
                Err(AlterConfigsError::EmptyName(resource.kind))
            }
            ConfigResourceType::ClientMetrics | ConfigResourceType::Group => {
                Self::check_lengths(&resource.name, None).map_err(AlterConfigsError::InvalidConfig)
            }
        }
    }

    fn check_result(
        &self,
        resource: &ConfigResource,
        changes: &Changes,
    ) -> Result<(), AlterConfigsError> {
        let mut resulting: ConfigMap = self
            .image
            .configs(resource)
            .map(|map| (**map).clone())
            .unwrap_or_default();
        for (key, value) in changes {
            Self::check_lengths(key, value.as_deref()).map_err(AlterConfigsError::InvalidConfig)?;
            match value {
                Some(value) => resulting.insert(key.clone(), value.clone()),
                None => resulting.remove(key),
            };
        }
        let changed: Vec<&str> = changes.keys().map(|key| &**key).collect();
        self.rules
            .validate(resource, &resulting, &changed)
            .and_then(|()| self.rules.validate_change(resource, &resulting))
            .map_err(|reason| match resource.kind {
                ConfigResourceType::Broker | ConfigResourceType::ClientMetrics => {
                    AlterConfigsError::Inapplicable(reason)
                }
                ConfigResourceType::Topic | ConfigResourceType::Group => {
                    AlterConfigsError::InvalidConfig(reason)
                }
            })
    }

    fn config_records(
        &self,
        resource: &ConfigResource,
        changes: Changes,
        records: &mut Vec<MetadataRecord>,
    ) {
        for (key, value) in changes {
            // A broker's key that is set to what it is already makes the broker read again what
            // the value names, such as a key store.
            let is_same = self.image.config(resource, &key) == value.as_ref();
            if is_same && (resource.kind != ConfigResourceType::Broker || value.is_none()) {
                continue;
            }
            let resource = resource.clone();
            records.push(MetadataRecord::Config(ConfigRecord {
                resource,
                key,
                value,
            }));
        }
    }
}
