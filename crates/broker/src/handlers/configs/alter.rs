//! AlterConfigs: a whole configuration at once; what is not named goes back to its default.

use highwater_metadata::{Mode, ResourceKeys};
use highwater_net::Reply;
use highwater_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use highwater_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};

use super::{resource, warn_of_idle};
use crate::handlers::errors;
use crate::handlers::wire::mode;
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: AlterConfigsRequest = call.decode()?;
    Ok(call.blocking(move |broker, _| {
        let wanted: Vec<_> = request
            .resources
            .iter()
            .filter_map(|asked| {
                let keys = asked.configs.iter().map(|config| {
                    (
                        config.name.to_string(),
                        config.value.as_ref().map(|v| v.to_string()),
                    )
                });
                let resource = resource(asked.resource_type, &asked.resource_name)?;
                Some(ResourceKeys {
                    resource,
                    keys: keys.collect(),
                })
            })
            .collect();
        let mode = mode(request.validate_only);
        let submitted = broker.decide(|controller| controller.replace_configs(&wanted, mode));
        let done = errors::outcomes(
            "configuration",
            submitted,
            wanted.len(),
            errors::alter_configs,
        );
        for (ResourceKeys { resource, keys }, (error, _)) in wanted.iter().zip(&done) {
            if mode == Mode::Apply && *error == ErrorCode::NONE {
                warn_of_idle(resource, keys.iter().map(|(key, _)| key.as_str()));
            }
        }
        let mut done = done.into_iter();
        let responses = request.resources.iter().map(|asked| {
            let is_known = resource(asked.resource_type, &asked.resource_name).is_some();
            let outcome = if is_known { done.next() } else { None };
            let (error, message) = outcome.unwrap_or((ErrorCode::INVALID_REQUEST, None));
            AlterConfigsResourceResponse::default()
                .with_resource_type(asked.resource_type)
                .with_resource_name(asked.resource_name.clone())
                .with_error_code(error.code())
                .with_error_message(message.map(StrBytes::from_string))
        });
        AlterConfigsResponse::default().with_responses(responses.collect())
    }))
}
