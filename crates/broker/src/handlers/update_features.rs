//! UpdateFeatures.

use highwater_metadata::{FeatureUpdate, UpdateDirection};
use highwater_net::Reply;
use highwater_protocol::messages::update_features_request::FeatureUpdateKey;
use highwater_protocol::messages::update_features_response::UpdatableFeatureResult;
use highwater_protocol::messages::{UpdateFeaturesRequest, UpdateFeaturesResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};

use crate::handlers::errors;
use crate::handlers::wire::mode;
use crate::service::Call;

/// From here on there is one error for the whole request and no result per feature.
const WITHOUT_RESULTS_FROM: i16 = 2;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: UpdateFeaturesRequest = call.decode()?;
    let version = call.version();
    Ok(call.blocking(move |broker, _| {
        let updates: Vec<_> = request
            .feature_updates
            .iter()
            .map(|u| update(u, version))
            .collect();
        let mode = mode(request.validate_only);
        let results = match broker.decide(|c| c.update_features(&updates, mode)) {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "features could not be updated");
                return UpdateFeaturesResponse::default()
                    .with_error_code(ErrorCode::KAFKA_STORAGE_ERROR.code());
            }
        };
        if version >= WITHOUT_RESULTS_FROM {
            let Some(Err(error)) = results.into_iter().find(Result::is_err) else {
                return UpdateFeaturesResponse::default();
            };
            return UpdateFeaturesResponse::default()
                .with_error_code(errors::feature(&error).code())
                .with_error_message(Some(StrBytes::from_string(error.to_string())));
        }
        let results = updates.iter().zip(results).map(|(update, result)| {
            let response = UpdatableFeatureResult::default()
                .with_feature(StrBytes::from_string(update.name.clone()));
            match result {
                Ok(()) => response,
                Err(error) => response
                    .with_error_code(errors::feature(&error).code())
                    .with_error_message(Some(StrBytes::from_string(error.to_string()))),
            }
        });
        UpdateFeaturesResponse::default().with_results(results.collect())
    }))
}

fn update(asked: &FeatureUpdateKey, version: i16) -> FeatureUpdate {
    let direction = match (version, asked.upgrade_type, asked.allow_downgrade) {
        (0, _, true) | (1.., 2, _) => UpdateDirection::SafeDowngrade,
        (1.., 3, _) => UpdateDirection::UnsafeDowngrade,
        _ => UpdateDirection::Upgrade,
    };
    FeatureUpdate {
        name: asked.feature.to_string(),
        level: asked.max_version_level,
        direction,
    }
}
