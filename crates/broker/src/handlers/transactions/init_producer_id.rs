//! InitProducerId: an id for an idempotent producer, or the next incarnation of a transactional
//! one (KIP-98, KIP-360).

use std::sync::Arc;

use highwater_net::Reply;
use highwater_protocol::messages::{
    InitProducerIdRequest, InitProducerIdResponse, ProducerId as WireProducer,
};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_security::Operation;
use highwater_transactions::{
    InitProducerIdRequest as MachineRequest, Producer, Reply as MachineReply, Request,
    TransactionError, TransactionalId,
};

use super::topic;
use super::{Fencing, ask, code_for, may, mismatch, producer};
use crate::broker::Broker;
use crate::handlers::groups::start_on;
use crate::service::{Call, Responder};

/// From here on a client knows PRODUCER_FENCED.
const FENCED_FROM: i16 = 4;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: InitProducerIdRequest = call.decode()?;
    let is_paired = (request.producer_id.0 == -1) == (request.producer_epoch == -1);
    if !is_paired {
        return Ok(refuse(call.responder, ErrorCode::INVALID_REQUEST));
    }
    match &request.transactional_id {
        Some(id) => Ok(begin(call, id.as_str(), &request)),
        None => Ok(idempotent(call)),
    }
}

/// Without a transactional id nobody else can use the producer id, so every producer simply gets
/// a fresh one, epoch 0.
fn idempotent(call: &mut Call<'_>) -> Reply {
    if let Some(id) = call.broker.producer_ids.take() {
        return call.reply(&success(producer(id.get(), 0)));
    }
    call.blocking(|broker, _| match broker.producer_ids.next(broker) {
        Ok(id) => success(producer(id.get(), 0)),
        Err(error) => {
            tracing::error!(%error, "no producer id can be given out");
            failure(ErrorCode::COORDINATOR_NOT_AVAILABLE)
        }
    })
}

fn begin(call: &mut Call<'_>, id: &str, request: &InitProducerIdRequest) -> Reply {
    if !may(call.broker, call.context, Operation::Write, id) {
        let error = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        return refuse(call.responder, error);
    }
    let recovers = request.producer_id.0 != -1;
    let expected = recovers.then(|| producer(request.producer_id.0, request.producer_epoch));
    let fencing = Fencing::from_version(call.version(), FENCED_FROM);
    let asked = MachineRequest {
        transactional_id: TransactionalId::from(id),
        timeout_ms: request.transaction_timeout_ms,
        expected,
    };
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    start_on(topic(call.broker), async move {
        let response = match ask_with_ids(&broker, asked).await {
            Ok(MachineReply::InitProducerId(Ok(producer))) => success(producer),
            Ok(MachineReply::InitProducerId(Err(error))) => failure(code_for(error, fencing)),
            Ok(other) => failure(mismatch(&other)),
            Err(error) => failure(error),
        };
        responder.response(&response)
    })
}

/// Asks again if the broker had run out of producer ids.
async fn ask_with_ids(
    broker: &Arc<Broker>,
    asked: MachineRequest,
) -> Result<MachineReply, ErrorCode> {
    let id = asked.transactional_id.clone();
    let request = Request::InitProducerId(asked);
    let answer = ask(broker, id.as_str(), request.clone()).await?;
    let has_none = Err(TransactionError::CoordinatorLoadInProgress);
    if answer != MachineReply::InitProducerId(has_none) {
        return Ok(answer);
    }
    let reserver = Arc::clone(broker);
    let reserved =
        tokio::task::spawn_blocking(move || reserver.producer_ids.reserve(&reserver)).await;
    match reserved {
        Ok(Ok(())) => ask(broker, id.as_str(), request).await,
        Ok(Err(error)) => {
            tracing::error!(%error, "no producer ids can be reserved");
            Err(ErrorCode::COORDINATOR_NOT_AVAILABLE)
        }
        Err(_) => Err(ErrorCode::COORDINATOR_NOT_AVAILABLE),
    }
}

fn success(producer: Producer) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_producer_id(WireProducer(producer.id.get()))
        .with_producer_epoch(producer.epoch.get())
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
