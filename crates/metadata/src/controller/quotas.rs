//! Changing client quotas.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Controller, Decision, Mode};
use crate::limits::NAME_LEN_MAX;
use crate::{ClientQuotaRecord, MetadataRecord, QuotaEntity, QuotaEntityType};

/// Quotas of one entity that shall change.
#[derive(Clone, Debug, PartialEq)]
pub struct QuotaAlteration {
    /// Whose quotas: names by type, not yet checked; `None` stands for the default of a type.
    pub entity: Vec<(String, Option<String>)>,
    /// The new value of each key; `None` takes it away.
    pub values: Vec<(String, Option<f64>)>,
}

/// Why quotas cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// Nobody's quota.
    #[error("Invalid empty client quota entity.")]
    EmptyEntity,
    /// No such type.
    #[error("Unhandled client quota entity type: {0}")]
    UnknownEntityType(String),
    /// A type more than once.
    #[error("Invalid client quota entity, duplicate entity entry {0}.")]
    DuplicateEntityType(&'static str),
    /// A name that cannot be.
    #[error("The {0} name of a client quota entity is empty, too long, or no address.")]
    InvalidEntityName(&'static str),
    /// Addresses cannot be combined with other types.
    #[error("Invalid quota entity combination: an IP entity cannot be combined with others.")]
    InvalidCombination,
    /// The request has the entity more than once.
    #[error("Client quota entity {0} is in the request more than once.")]
    DuplicateEntity(QuotaEntity),
    /// The request has a key more than once.
    #[error("Duplicate quota key {0}.")]
    DuplicateKey(String),
    /// The entity has no such quota.
    #[error("Invalid configuration key {0}.")]
    UnknownKey(String),
    /// A quota that nobody could keep, or not a number.
    #[error("Quota {0} must be greater than 0.")]
    NotPositive(String),
    /// Only whole numbers.
    #[error("{0} cannot be a fractional value.")]
    Fractional(String),
    /// Larger than its type.
    #[error("Proposed value for {0} is too large.")]
    TooLarge(String),
}

/// What values a quota can have.
#[derive(Clone, Copy)]
enum ValueType {
    Fraction,
    Whole { max: f64 },
}

fn value_type(is_ip: bool, key: &str) -> Option<ValueType> {
    match (is_ip, key) {
        (false, "producer_byte_rate" | "consumer_byte_rate") => Some(ValueType::Whole {
            max: i64::MAX as f64,
        }),
        (false, "request_percentage" | "controller_mutation_rate") => Some(ValueType::Fraction),
        (true, "connection_creation_rate") => Some(ValueType::Whole {
            max: f64::from(i32::MAX),
        }),
        _ => None,
    }
}

impl Controller<'_> {
    /// Decides about quotas; results are in the order of the request, and an entity's quotas are
    /// changed together or not at all.
    pub fn alter_client_quotas(
        &self,
        alterations: &[QuotaAlteration],
        mode: Mode,
    ) -> Decision<Vec<Result<(), QuotaError>>> {
        let mut seen = BTreeSet::new();
        let mut records = Vec::new();
        let response = alterations
            .iter()
            .map(|alteration| {
                let entity = checked_entity(&alteration.entity)?;
                if !seen.insert(entity.clone()) {
                    return Err(QuotaError::DuplicateEntity(entity));
                }
                let values = checked_values(&entity, &alteration.values)?;
                let current = self.image.quotas(&entity);
                records.extend(
                    values
                        .into_iter()
                        .filter(|(key, value)| {
                            current.and_then(|map| map.get(*key)).copied() != *value
                        })
                        .map(|(key, value)| {
                            let (entity, key) = (entity.clone(), Arc::from(key));
                            MetadataRecord::ClientQuota(ClientQuotaRecord { entity, key, value })
                        }),
                );
                Ok(())
            })
            .collect();
        Decision { records, response }.in_mode(mode)
    }
}

fn checked_entity(parts: &[(String, Option<String>)]) -> Result<QuotaEntity, QuotaError> {
    let mut entity = BTreeMap::new();
    for (kind, name) in parts {
        let kind = QuotaEntityType::from_name(kind)
            .ok_or_else(|| QuotaError::UnknownEntityType(kind.clone()))?;
        let is_name = |name: &String| !name.is_empty() && name.len() <= NAME_LEN_MAX;
        if !name.as_ref().is_none_or(is_name) {
            return Err(QuotaError::InvalidEntityName(kind.name()));
        }
        // An address, or the name of a host that has one.
        let is_host = |name: &String| {
            name.parse::<IpAddr>().is_ok()
                || name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        if kind == QuotaEntityType::Ip && !name.as_ref().is_none_or(is_host) {
            return Err(QuotaError::InvalidEntityName(kind.name()));
        }
        if entity
            .insert(kind, name.as_deref().map(Arc::from))
            .is_some()
        {
            return Err(QuotaError::DuplicateEntityType(kind.name()));
        }
    }
    if entity.is_empty() {
        return Err(QuotaError::EmptyEntity);
    }
    if entity.contains_key(&QuotaEntityType::Ip) && entity.len() > 1 {
        return Err(QuotaError::InvalidCombination);
    }
    Ok(QuotaEntity(entity))
}

fn checked_values<'v>(
    entity: &QuotaEntity,
    values: &'v [(String, Option<f64>)],
) -> Result<BTreeMap<&'v str, Option<f64>>, QuotaError> {
    let is_ip = entity.0.contains_key(&QuotaEntityType::Ip);
    let mut checked = BTreeMap::new();
    for (key, value) in values {
        let kind = value_type(is_ip, key).ok_or_else(|| QuotaError::UnknownKey(key.clone()))?;
        if let Some(value) = value {
            check_value(key, kind, *value)?;
        }
        if checked.insert(key.as_str(), *value).is_some() {
            return Err(QuotaError::DuplicateKey(key.clone()));
        }
    }
    Ok(checked)
}

fn check_value(key: &str, kind: ValueType, value: f64) -> Result<(), QuotaError> {
    if !(value.is_finite() && value > 0.0) {
        return Err(QuotaError::NotPositive(key.to_owned()));
    }
    match kind {
        ValueType::Whole { .. } if value.fract().abs() > 1e-6 => {
            Err(QuotaError::Fractional(key.to_owned()))
        }
        ValueType::Whole { max } if value > max => Err(QuotaError::TooLarge(key.to_owned())),
        ValueType::Whole { .. } | ValueType::Fraction => Ok(()),
    }
}
