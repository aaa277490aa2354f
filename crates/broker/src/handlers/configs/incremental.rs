//! IncrementalAlterConfigs: single keys set, removed, appended to or subtracted from.

use highwater_metadata::{ConfigChange, Mode, ResourceKeys};
use highwater_net::Reply;
use highwater_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use highwater_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use highwater_protocol::messages::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};

use super::{resource, warn_of_idle};
use crate::handlers::errors;
use crate::handlers::wire::mode;
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: IncrementalAlterConfigsRequest = call.decode()?;
    Ok(call.blocking(move |broker, _| {
        let parsed: Vec<_> = request.resources.iter().map(changes).collect();
        let wanted: Vec<_> = parsed
            .iter()
            .filter_map(|parsed| parsed.as_ref().ok())
            .cloned()
            .collect();
        let mode = mode(request.validate_only);
        let submitted = broker.decide(|controller| controller.alter_configs(&wanted, mode));
        let done = errors::outcomes(
            "configuration",
            submitted,
            wanted.len(),
            errors::alter_configs,
        );
        for (ResourceKeys { resource, keys }, (error, _)) in wanted.iter().zip(&done) {
            if mode == Mode::Apply && *error == ErrorCode::NONE {
                let is_set =
                    |(_, change): &&(String, ConfigChange)| *change != ConfigChange::Delete;
                warn_of_idle(
                    resource,
                    keys.iter().filter(is_set).map(|(key, _)| key.as_str()),
                );
            }
        }
        let mut done = done.into_iter();
        let responses = request
            .resources
            .iter()
            .zip(&parsed)
            .map(|(asked, parsed)| {
                let (error, message) = match parsed {
                    Ok(_) => done
                        .next()
                        .unwrap_or((ErrorCode::UNKNOWN_SERVER_ERROR, None)),
                    Err((error, message)) => (*error, Some(message.clone())),
                };
                AlterConfigsResourceResponse::default()
                    .with_resource_type(asked.resource_type)
                    .with_resource_name(asked.resource_name.clone())
                    .with_error_code(error.code())
                    .with_error_message(message.map(StrBytes::from_string))
            });
        IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
    }))
}

fn changes(
    asked: &AlterConfigsResource,
) -> Result<ResourceKeys<ConfigChange>, (ErrorCode, String)> {
    let Some(resource) = resource(asked.resource_type, &asked.resource_name) else {
        let message = format!("Unknown resource type {}.", asked.resource_type);
        return Err((ErrorCode::INVALID_REQUEST, message));
    };
    let keys = asked.configs.iter().map(|config| {
        let value = config.value.as_ref().map(|value| value.to_string());
        let change = match config.config_operation {
            0 => ConfigChange::Set(value),
            1 => ConfigChange::Delete,
            2 => ConfigChange::Append(value),
            3 => ConfigChange::Subtract(value),
            other => {
                let message = format!("Unknown operation type {other}.");
                return Err((ErrorCode::INVALID_REQUEST, message));
            }
        };
        Ok((config.name.to_string(), change))
    });
    Ok(ResourceKeys {
        resource,
        keys: keys.collect::<Result<_, _>>()?,
    })
}
