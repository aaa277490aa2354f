//! AddOffsetsToTxn: a transaction is going to commit offsets of a group.

use std::sync::Arc;

use highwater_net::Reply;
use highwater_protocol::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_security::{Operation, Resource};
use highwater_transactions::{AddMode, TransactionVersion};
use highwater_types::TopicPartition;

use super::add_partitions::{Adding, add};
use super::topic;
use super::{Fencing, may, producer};
use crate::broker::Broker;
use crate::coordinator::{OFFSETS_TOPIC, partition_for};
use crate::handlers::groups;
use crate::handlers::groups::start_on;
use crate::service::Call;

/// From here on a client knows PRODUCER_FENCED.
const FENCED_FROM: i16 = 2;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: AddOffsetsToTxnRequest = call.decode()?;
    let group = Resource::group(request.group_id.as_str());
    let authorizer = &call.broker.authorizer;
    let id = request.transactional_id.as_str();
    let refused = if !may(call.broker, call.context, Operation::Write, id) {
        Some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    } else if !authorizer
        .authorize(call.context, Operation::Read, &group)
        .is_allowed()
    {
        Some(ErrorCode::GROUP_AUTHORIZATION_FAILED)
    } else {
        None
    };
    if let Some(error) = refused {
        return Ok(call.reply(&response(error)));
    }
    let fencing = Fencing::from_version(call.version(), FENCED_FROM);
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    let topic = topic(call.broker);
    Ok(start_on(topic, async move {
        let error = carry_out(&broker, &request, fencing).await.err();
        responder.response(&response(error.unwrap_or(ErrorCode::NONE)))
    }))
}

async fn carry_out(
    broker: &Arc<Broker>,
    request: &AddOffsetsToTxnRequest,
    fencing: Fencing,
) -> Result<(), ErrorCode> {
    let partition = offsets_partition(broker, request.group_id.as_str()).await?;
    let adding = Adding {
        id: request.transactional_id.as_str(),
        producer: producer(request.producer_id.0, request.producer_epoch),
        partitions: vec![partition],
        mode: AddMode::Add,
        client_version: TransactionVersion::TV_0,
    };
    let added = add(broker, adding, fencing).await?;
    let failed = added.iter().find(|(_, code)| code.is_error());
    failed.map_or(Ok(()), |(_, code)| Err(*code))
}

/// The partition that the offsets of a group lie in.
pub(super) async fn offsets_partition(
    broker: &Arc<Broker>,
    group_id: &str,
) -> Result<TopicPartition, ErrorCode> {
    if broker.metadata.image().topic(OFFSETS_TOPIC).is_none() {
        let maker = Arc::clone(broker);
        let made = tokio::task::spawn_blocking(move || {
            maker.ensure_topic(OFFSETS_TOPIC, Broker::offsets_topic)
        });
        made.await
            .map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE)?
            .map_err(groups::coordinator_error)?;
    }
    let image = broker.metadata.image();
    let topic = image.topic(OFFSETS_TOPIC);
    let topic = topic.ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
    let index = partition_for(group_id, topic.partition_count());
    Ok(TopicPartition::new(topic.name.clone(), index))
}

fn response(error: ErrorCode) -> AddOffsetsToTxnResponse {
    AddOffsetsToTxnResponse::default().with_error_code(error.code())
}
