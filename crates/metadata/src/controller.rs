//! The decisions of the controller.
//!
//! Each is a function of an image and a request. It yields records and a response; the caller
//! appends the records, applies them once they are committed, and only then gives the response.
//! Errors are of one enum per family of requests and are meant to be read by people; which code
//! of the protocol each becomes is decided where the protocol is spoken.

mod brokers;
mod configs;
mod elections;
mod features;
mod import;
mod partitions;
mod placement;
mod producer_ids;
mod quotas;
mod reassignments;
mod replicas;
#[cfg(test)]
mod tests;
mod topics;

pub use brokers::{BrokerError, PreviousStop, RegistrationError};
pub use configs::{AlterConfigsError, ConfigChange, ResourceKeys};
pub use elections::{ElectLeadersError, Election, ElectionResult};
pub use features::{FeatureUpdate, UpdateDirection, UpdateFeaturesError};
pub use import::{ConfigLeftOut, Import, ImportError, ImportedPartition, ImportedTopic};
pub use partitions::{CreatePartitionsError, PartitionIncrease};
pub use placement::{AssignmentError, PlacementError};
pub use producer_ids::{ProducerIdBlock, ProducerIdsError};
pub use quotas::{QuotaAlteration, QuotaError};
pub use reassignments::{OngoingReassignment, ReassignmentError};
pub use replicas::{AlterPartitionError, IsrChange};
pub use topics::{
    CreateTopicError, CreatedTopic, DeleteTopicError, DeletedTopic, NewTopic, TopicRef,
};

use crate::limits::{CONFIG_VALUE_LEN_MAX, NAME_LEN_MAX, PARTITIONS_TOTAL_MAX};
use crate::{
    ConfigMap, ConfigResource, ConfigResourceType, FeatureRange, MetadataImage, MetadataRecord,
};

/// What has been decided: nothing has happened yet.
#[must_use = "a decision does nothing until its records are appended"]
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<R> {
    /// The records to append, all of them or none; none if there is nothing to change.
    pub records: Vec<MetadataRecord>,
    /// What to answer once they are committed.
    pub response: R,
}

impl<R, E> Decision<Result<R, E>> {
    /// A decision that may have been refused as a whole; a refusal changes nothing.
    pub fn or_refusal(decided: Result<Decision<R>, E>) -> Self {
        match decided {
            Ok(decision) => Self {
                records: decision.records,
                response: Ok(decision.response),
            },
            Err(error) => Self {
                records: Vec::new(),
                response: Err(error),
            },
        }
    }
}

/// Whether a request is to be carried out or only checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Carried out.
    Apply,
    /// Only checked: the decision has no records.
    ValidateOnly,
}

/// The settings that decisions follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerSettings {
    /// `num.partitions`.
    pub default_partitions: i32,
    /// `default.replication.factor`.
    pub default_replication_factor: i16,
    /// Most partitions that all topics together may have.
    pub partitions_total_max: usize,
    /// The features that this version can work with.
    pub features: Vec<FeatureRange>,
}

impl Default for ControllerSettings {
    fn default() -> Self {
        Self {
            default_partitions: 1,
            default_replication_factor: 1,
            partitions_total_max: PARTITIONS_TOTAL_MAX,
            features: Vec::new(),
        }
    }
}

/// What the controller needs to know about configuration keys, which are defined elsewhere.
pub trait ConfigRules {
    /// Checks what a resource would be configured with, `changed` being the keys that the
    /// request sets; says what is wrong in words for a person.
    fn validate(
        &self,
        resource: &ConfigResource,
        resulting: &ConfigMap,
        changed: &[&str],
    ) -> Result<(), String>;

    /// Checks the way from what is in effect to what a resource would be configured with; what
    /// is taken over from elsewhere need not have such a way.
    fn validate_change(
        &self,
        resource: &ConfigResource,
        resulting: &ConfigMap,
    ) -> Result<(), String>;

    /// Whether the value of a key is a list, to which can be appended.
    fn is_list(&self, kind: ConfigResourceType, key: &str) -> bool;

    /// What holds if a key is not configured, to which is appended then.
    fn default_value(&self, kind: ConfigResourceType, key: &str) -> Option<String>;
}

/// The controller at one image.
#[derive(Clone, Copy)]
pub struct Controller<'a> {
    image: &'a MetadataImage,
    settings: &'a ControllerSettings,
    rules: &'a dyn ConfigRules,
}

impl<'a> Controller<'a> {
    /// Looks at `image`, which must be the latest: a decision on an older one may contradict
    /// what has been decided since.
    pub fn new(
        image: &'a MetadataImage,
        settings: &'a ControllerSettings,
        rules: &'a dyn ConfigRules,
    ) -> Self {
        Self {
            image,
            settings,
            rules,
        }
    }

    /// Checks one key and value against the limits.
    fn check_lengths(key: &str, value: Option<&str>) -> Result<(), String> {
        if key.is_empty() {
            return Err("A configuration key is empty.".to_owned());
        }
        if key.len() > NAME_LEN_MAX {
            return Err(format!("A configuration key has {} bytes.", key.len()));
        }
        match value {
            Some(value) if value.len() > CONFIG_VALUE_LEN_MAX => Err(format!(
                "The value of {key} has {} bytes, the most allowed is {CONFIG_VALUE_LEN_MAX}.",
                value.len()
            )),
            Some(_) | None => Ok(()),
        }
    }
}

impl<R> Decision<R> {
    /// A decision that changes nothing.
    fn unchanged(response: R) -> Self {
        Self {
            records: Vec::new(),
            response,
        }
    }

    fn in_mode(mut self, mode: Mode) -> Self {
        if mode == Mode::ValidateOnly {
            self.records.clear();
        }
        self
    }
}
