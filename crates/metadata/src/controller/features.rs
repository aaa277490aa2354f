//! Finalising features.

use std::collections::BTreeSet;

use super::{Controller, Decision, Mode};
use crate::{FeatureLevelRecord, MetadataRecord};

/// In which direction a feature may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateDirection {
    /// Upwards only.
    Upgrade,
    /// Downwards, if nothing is lost by it.
    SafeDowngrade,
    /// Downwards, even if something is lost by it.
    UnsafeDowngrade,
}

/// A feature that shall have another level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureUpdate {
    /// The feature.
    pub name: String,
    /// Its level; 0 takes it away.
    pub level: i16,
    /// Where that may be, seen from the present level.
    pub direction: UpdateDirection,
}

/// Why a feature cannot have a level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateFeaturesError {
    /// The request has it more than once.
    #[error("Feature {0} is in the request more than once.")]
    DuplicateFeature(String),
    /// The level cannot be.
    #[error("Invalid update version {level} for feature {feature}. {reason}")]
    InvalidLevel {
        /// The feature.
        feature: String,
        /// The level.
        level: i16,
        /// Why not.
        reason: String,
    },
    /// Another feature of the request cannot have its level, and all are updated or none.
    #[error("The features of a request are updated together, and another one was refused.")]
    Together,
}

impl Controller<'_> {
    /// Decides about levels of features, about all or none; results are in the order of the
    /// request.
    pub fn update_features(
        &self,
        updates: &[FeatureUpdate],
        mode: Mode,
    ) -> Decision<Vec<Result<(), UpdateFeaturesError>>> {
        let mut seen = BTreeSet::new();
        let mut response: Vec<Result<(), UpdateFeaturesError>> = updates
            .iter()
            .map(|update| {
                if !seen.insert(&update.name) {
                    return Err(UpdateFeaturesError::DuplicateFeature(update.name.clone()));
                }
                self.check_level(update)
                    .map_err(|reason| UpdateFeaturesError::InvalidLevel {
                        feature: update.name.clone(),
                        level: update.level,
                        reason,
                    })
            })
            .collect();
        if response.iter().any(Result::is_err) {
            for result in response.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(UpdateFeaturesError::Together);
            }
            return Decision::unchanged(response);
        }
        let records = updates
            .iter()
            .filter(|update| self.image.feature(&update.name) != update.level)
            .map(|update| {
                MetadataRecord::FeatureLevel(FeatureLevelRecord {
                    name: update.name.as_str().into(),
                    level: update.level,
                })
            })
            .collect();
        Decision { records, response }.in_mode(mode)
    }

    fn check_level(&self, update: &FeatureUpdate) -> Result<(), String> {
        let (name, level) = (update.name.as_str(), update.level);
        if level < 0 {
            return Err("A feature version cannot be less than 0.".to_owned());
        }
        let supported = |who: &str, features: &[crate::FeatureRange]| {
            let range = features.iter().find(|range| &*range.name == name);
            match range {
                Some(range) if level == 0 || (range.min..=range.max).contains(&level) => Ok(()),
                Some(range) => Err(format!(
                    "{who} only supports versions {}-{}.",
                    range.min, range.max
                )),
                None => Err(format!("{who} does not support this feature.")),
            }
        };
        supported("The controller", &self.settings.features)?;
        for broker in self.image.brokers() {
            supported(&format!("Broker {}", broker.id), &broker.features)?;
        }
        let present = self.image.feature(name);
        match update.direction {
            UpdateDirection::Upgrade if level < present => {
                Err("A lower version needs a safe or unsafe downgrade to be asked for.".to_owned())
            }
            UpdateDirection::SafeDowngrade | UpdateDirection::UnsafeDowngrade
                if level > present =>
            {
                Err("A downgrade cannot lead to a newer version.".to_owned())
            }
            UpdateDirection::Upgrade
            | UpdateDirection::SafeDowngrade
            | UpdateDirection::UnsafeDowngrade => Ok(()),
        }
    }
}
