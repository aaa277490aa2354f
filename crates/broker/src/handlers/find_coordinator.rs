//! FindCoordinator: which broker looks after a group or a transactional id.

use highwater_net::Reply;
use highwater_protocol::messages::find_coordinator_response::Coordinator;
use highwater_protocol::messages::{
    BrokerId as WireBroker, FindCoordinatorRequest, FindCoordinatorResponse,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};

use crate::broker::Broker;
use crate::coordinator::transactions::TRANSACTIONS_TOPIC;
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
    let image = call.broker.metadata.image();
    let topic = topic_of(request.key_type);
    let needs_topic = topic.is_some_and(|topic| image.topic(topic).is_none());
    let listener = call.context.listener.clone();
    if !needs_topic {
        return Ok(call.reply(&answer(call.broker, &listener, &request, batched)));
    }
    Ok(call.blocking(move |broker, _| {
        // A failure to make the topic shows in the answer: there is no coordinator.
        let _ = match request.key_type {
            TRANSACTION => broker.ensure_topic(TRANSACTIONS_TOPIC, Broker::transactions_topic),
            _ => broker.ensure_topic(OFFSETS_TOPIC, Broker::offsets_topic),
        };
        answer(broker, &listener, &request, batched)
    }))
}

/// The topic whose leaders look after keys of a type.
fn topic_of(key_type: i8) -> Option<&'static str> {
    match key_type {
        GROUP => Some(OFFSETS_TOPIC),
        TRANSACTION => Some(TRANSACTIONS_TOPIC),
        _ => None,
    }
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
    let Some(topic) = topic_of(key_type) else {
        return refuse(ErrorCode::INVALID_REQUEST);
    };
    let image = broker.metadata.image();
    let leader = image.topic(topic).and_then(|topic| {
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
