//! ApiVersions: what this broker speaks, and which features are on.

use highwater_net::Reply;
use highwater_protocol::messages::api_versions_response::{
    ApiVersion, FinalizedFeatureKey, SupportedFeatureKey,
};
use highwater_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use highwater_protocol::{ErrorCode, StrBytes, served};

use highwater_protocol::DecodeError;

use crate::service::{Call, Responder};

/// Features are told with a minimum of 0 only to clients that can read that (version 4).
const ZERO_MINIMUM_FROM: i16 = 4;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: ApiVersionsRequest = call.decode()?;
    let mut response = table(ErrorCode::NONE);
    if call.version() >= 3 && !is_software_name_valid(&request) {
        return Ok(call.reply(&table(ErrorCode::INVALID_REQUEST)));
    }
    let image = call.broker.metadata.image();
    for feature in crate::features::supported() {
        if feature.min > 0 || call.version() >= ZERO_MINIMUM_FROM {
            response.supported_features.push(
                SupportedFeatureKey::default()
                    .with_name(StrBytes::from_string(feature.name.to_string()))
                    .with_min_version(feature.min)
                    .with_max_version(feature.max),
            );
        }
    }
    for (name, level) in image.features() {
        response.finalized_features.push(
            FinalizedFeatureKey::default()
                .with_name(StrBytes::from_string(name.to_string()))
                .with_min_version_level(*level)
                .with_max_version_level(*level),
        );
    }
    response.finalized_features_epoch = call.broker.metadata.offset().get();
    Ok(call.reply(&response))
}

/// KIP-511: names that a metric could carry.
fn is_software_name_valid(request: &ApiVersionsRequest) -> bool {
    let valid = |text: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        text.bytes().all(inner)
            && text
                .bytes()
                .next()
                .is_some_and(|b| b.is_ascii_alphanumeric())
            && text
                .bytes()
                .last()
                .is_some_and(|b| b.is_ascii_alphanumeric())
    };
    valid(&request.client_software_name) && valid(&request.client_software_version)
}

fn table(error: ErrorCode) -> ApiVersionsResponse {
    let keys = served().iter().map(|api| {
        ApiVersion::default()
            .with_api_key(api.key)
            .with_min_version(api.min)
            .with_max_version(api.max)
    });
    ApiVersionsResponse::default()
        .with_error_code(error.code())
        .with_api_keys(keys.collect())
        .with_finalized_features_epoch(-1)
}

/// A version from the future is answered in version 0, which every client can read, with what
/// is spoken here.
pub(crate) fn unsupported_version(call: &Call<'_>) -> Reply {
    Responder {
        api_version: 0,
        ..call.responder
    }
    .reply(&table(ErrorCode::UNSUPPORTED_VERSION))
}
