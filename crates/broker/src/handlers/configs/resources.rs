//! ListConfigResources: everything that has or may have configuration.

use highwater_metadata::ConfigResourceType;
use highwater_net::Reply;
use highwater_protocol::messages::list_config_resources_response::ConfigResource;
use highwater_protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};

use crate::service::Call;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

/// Handles the request. Version 0 knows client metrics only.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: ListConfigResourcesRequest = call.decode()?;
    let all = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];
    let kinds: Vec<i8> = match (call.version(), request.resource_types.is_empty()) {
        (0, _) => vec![CLIENT_METRICS],
        (_, true) => all.to_vec(),
        (_, false) => request.resource_types.clone(),
    };
    if kinds.iter().any(|kind| !all.contains(kind)) {
        let response = ListConfigResourcesResponse::default()
            .with_error_code(ErrorCode::UNSUPPORTED_VERSION.code());
        return Ok(call.reply(&response));
    }
    let image = call.broker.metadata.image();
    let configured = |wanted: ConfigResourceType| {
        image
            .configured()
            .filter(move |(resource, _)| resource.kind == wanted)
            .map(|(resource, _)| resource.name.to_string())
            .collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for kind in kinds {
        let names: Vec<String> = match kind {
            TOPIC => image.topics().map(|topic| topic.name.to_string()).collect(),
            // Levels of loggers cannot be changed while the broker runs, so there are none.
            BROKER_LOGGER => Vec::new(),
            BROKER => image.brokers().map(|b| b.id.to_string()).collect(),
            GROUP => configured(ConfigResourceType::Group),
            _ => configured(ConfigResourceType::ClientMetrics),
        };
        found.extend(names.into_iter().map(|name| {
            ConfigResource::default()
                .with_resource_name(StrBytes::from_string(name))
                .with_resource_type(kind)
        }));
    }
    Ok(call.reply(&ListConfigResourcesResponse::default().with_config_resources(found)))
}
