//! FindCoordinator: which broker looks after a group.

use highwater_net::Reply;
use highwater_protocol::messages::find_coordinator_response::Coordinator;
use highwater_protocol::messages::{
    BrokerId as WireBroker, FindCoordinatorRequest, FindCoordinatorResponse,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};

use crate::broker::Broker;
use crate::coordinator::{OFFSETS_TOPIC, partition_for};
use crate::handlers::metadata::endpoint;
use crate::service::Call;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// From here on one request names several groups.
const BATCHED_FROM: i16 = 4;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: FindCoordinatorRequest = call.decode()?;
    let batched = call.version() >= BATCHED_FROM;
    let needs_topic =
        request.key_type == GROUP && call.broker.metadata.image().topic(OFFSETS_TOPIC).is_none();
    let listener = call.context.listener.clone();
    if !needs_topic {
        return Ok(call.reply(&answer(call.broker, &listener, &request, batched)));
    }
    Ok(call.blocking(move |broker, _| {
        // A failure to make the topic shows in the answer: there is no coordinator.
        let _ = broker.ensure_topic(OFFSETS_TOPIC, Broker::offsets_topic);
        answer(broker, &listener, &request, batched)
    }))
}

fn answer(
    broker: &Broker,
    listener: &str,
    request: &FindCoordinatorRequest,
    batched: bool,
) -> FindCoordinatorResponse {
    if batched {
        let found = request
            .coordinator_keys
            .iter()
            .map(|key| find(broker, listener, request.key_type, key));
        return FindCoordinatorResponse::default().with_coordinators(found.collect());
    }
    let found = find(broker, listener, request.key_type, &request.key);
    FindCoordinatorResponse::default()
        .with_error_code(found.error_code)
        .with_error_message(found.error_message)
        .with_node_id(found.node_id)
        .with_host(found.host)
        .with_port(found.port)
}

fn find(broker: &Broker, listener: &str, key_type: i8, key: &StrBytes) -> Coordinator {
    let response = Coordinator::default().with_key(key.clone());
    let refuse = |error: ErrorCode| {
        response
            .clone()
            .with_error_code(error.code())
            .with_error_message(Some(StrBytes::from_static_str(error.message())))
            .with_node_id(WireBroker(-1))
            .with_port(-1)
    };
    match key_type {
        GROUP => {}
        TRANSACTION => return refuse(ErrorCode::COORDINATOR_NOT_AVAILABLE),
        _ => return refuse(ErrorCode::INVALID_REQUEST),
    }
    let image = broker.metadata.image();
    let leader = image.topic(OFFSETS_TOPIC).and_then(|topic| {
        let index = partition_for(key, topic.partition_count());
        let (leader, _) = broker.known_leader(topic.id, index, topic.partition(index)?);
        image.broker(leader)
    });
    let Some(leader) = leader else {
        return refuse(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    };
    let (host, port) = endpoint(leader, listener);
    response
        .with_node_id(WireBroker(leader.id.get()))
        .with_host(host)
        .with_port(port)
}
