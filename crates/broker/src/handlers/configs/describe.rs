//! DescribeConfigs.

use highwater_config::DescribedConfig;
use highwater_metadata::{ConfigResource, ConfigResourceType};
use highwater_net::Reply;
use highwater_protocol::messages::describe_configs_request::DescribeConfigsResource;
use highwater_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use highwater_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_types::TopicName;

use super::resource;
use crate::broker::{Broker, overrides_of};
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DescribeConfigsRequest = call.decode()?;
    let results = request.resources.iter().map(|asked| {
        let response = DescribeConfigsResult::default()
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name.clone());
        match look(call.broker, asked) {
            Ok(configs) => response.with_configs(shown(&request, asked, configs)),
            Err((error, message)) => response
                .with_error_code(error.code())
                .with_error_message(Some(StrBytes::from_string(message))),
        }
    });
    let response = DescribeConfigsResponse::default().with_results(results.collect());
    Ok(call.reply(&response))
}

type Refusal = (ErrorCode, String);

fn look(broker: &Broker, asked: &DescribeConfigsResource) -> Result<Vec<DescribedConfig>, Refusal> {
    let name = asked.resource_name.as_str();
    let Some(resource) = resource(asked.resource_type, name) else {
        let message = format!("Unsupported resource type: {}", asked.resource_type);
        return Err((ErrorCode::INVALID_REQUEST, message));
    };
    match resource.kind {
        ConfigResourceType::Topic => of_topic(broker, &resource),
        ConfigResourceType::Group if name.is_empty() => Err((
            ErrorCode::INVALID_REQUEST,
            "Group name must not be empty".to_owned(),
        )),
        ConfigResourceType::Group => {
            let overrides = overrides_of(&broker.metadata.image(), &resource);
            Ok(broker.node.load().describe_group(&overrides))
        }
        ConfigResourceType::Broker if name.is_empty() => {
            Ok(broker.node.load().describe_cluster_defaults())
        }
        ConfigResourceType::Broker if name == broker.id.to_string() => {
            Ok(broker.node.load().describe_broker())
        }
        ConfigResourceType::Broker => {
            let message = format!(
                "Unexpected broker id, expected {} but received {name}",
                broker.id
            );
            Err((ErrorCode::INVALID_REQUEST, message))
        }
        ConfigResourceType::ClientMetrics if name.is_empty() => Err((
            ErrorCode::INVALID_REQUEST,
            "Client metrics subscription name must not be empty".to_owned(),
        )),
        ConfigResourceType::ClientMetrics => {
            let overrides = overrides_of(&broker.metadata.image(), &resource);
            Ok(broker.node.load().describe_client_metrics(&overrides))
        }
    }
}

fn of_topic(broker: &Broker, resource: &ConfigResource) -> Result<Vec<DescribedConfig>, Refusal> {
    if let Err(error) = TopicName::new(&resource.name) {
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string()));
    }
    let image = broker.metadata.image();
    if image.topic(&resource.name).is_none() {
        let message = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.message().to_owned();
        return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message));
    }
    Ok(broker
        .node
        .load()
        .describe_topic(&overrides_of(&image, resource)))
}

fn shown(
    request: &DescribeConfigsRequest,
    asked: &DescribeConfigsResource,
    configs: Vec<DescribedConfig>,
) -> Vec<DescribeConfigsResourceResult> {
    let is_wanted = |config: &DescribedConfig| match &asked.configuration_keys {
        Some(keys) if !keys.is_empty() => keys.iter().any(|key| key.as_str() == config.name),
        _ => true,
    };
    let results = configs.into_iter().filter(is_wanted).map(|config| {
        let mut result = DescribeConfigsResourceResult::default()
            .with_config_type(config.type_code())
            .with_config_source(config.source.wire_code())
            .with_read_only(config.read_only)
            .with_is_sensitive(config.sensitive);
        if request.include_documentation {
            result.documentation = Some(StrBytes::from_static_str(config.documentation));
        }
        if request.include_synonyms {
            let synonyms = config.synonyms.into_iter().map(|synonym| {
                DescribeConfigsSynonym::default()
                    .with_name(StrBytes::from_string(synonym.name))
                    .with_value(synonym.value.map(StrBytes::from_string))
                    .with_source(synonym.source.wire_code())
            });
            result.synonyms = synonyms.collect();
        }
        result
            .with_name(StrBytes::from_string(config.name))
            .with_value(config.value.map(StrBytes::from_string))
    });
    results.collect()
}
