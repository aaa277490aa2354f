//! InitProducerId: an id for an idempotent producer, or the next epoch of one (KIP-360).

use highwater_net::Reply;
use highwater_protocol::messages::{
    InitProducerIdRequest, InitProducerIdResponse, ProducerId as WireProducer,
};
use highwater_protocol::{DecodeError, ErrorCode};

use crate::service::{Call, Responder};

/// Handles the request. Without a transactional id nobody else can use the producer id, so
/// every producer simply gets a fresh one, epoch 0.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: InitProducerIdRequest = call.decode()?;
    if let Some(id) = &request.transactional_id {
        let error = if id.is_empty() {
            ErrorCode::INVALID_REQUEST
        } else {
            ErrorCode::COORDINATOR_NOT_AVAILABLE
        };
        return Ok(refuse(call.responder, error));
    }
    let is_paired = (request.producer_id.0 == -1) == (request.producer_epoch == -1);
    if !is_paired {
        return Ok(refuse(call.responder, ErrorCode::INVALID_REQUEST));
    }
    if let Some(id) = call.broker.producer_ids.take() {
        return Ok(call.reply(&success(id.get())));
    }
    Ok(
        call.blocking(|broker, _| match broker.producer_ids.next(broker) {
            Ok(id) => success(id.get()),
            Err(error) => {
                tracing::error!(%error, "no producer id can be given out");
                failure(ErrorCode::COORDINATOR_NOT_AVAILABLE)
            }
        }),
    )
}

fn success(id: i64) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_producer_id(WireProducer(id))
        .with_producer_epoch(0)
}

fn failure(error: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(error.code())
        .with_producer_id(WireProducer(-1))
        .with_producer_epoch(-1)
}

fn refuse(responder: Responder, error: ErrorCode) -> Reply {
    responder.reply(&failure(error))
}
