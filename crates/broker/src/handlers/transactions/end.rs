//! EndTxn: a producer commits or aborts. The answer leaves when the decision is on disk.

use std::sync::Arc;

use highwater_net::Reply;
use highwater_protocol::messages::{EndTxnRequest, EndTxnResponse, ProducerId as WireProducer};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_security::Operation;
use highwater_transactions::{
    EndRequest, Producer, Reply as MachineReply, Request, TransactionResult, TransactionVersion,
    TransactionalId,
};

use super::topic;
use super::{Fencing, ask, code_for, may, mismatch, producer};
use crate::handlers::groups::start_on;
use crate::service::Call;

/// From here on a client knows PRODUCER_FENCED.
const FENCED_FROM: i16 = 2;
/// From here on the producer gets a new epoch with the end of its transaction (KIP-890).
const EPOCH_BUMPED_FROM: i16 = 5;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: EndTxnRequest = call.decode()?;
    let id = request.transactional_id.as_str();
    if !may(call.broker, call.context, Operation::Write, id) {
        let error = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        return Ok(call.reply(&failure(error)));
    }
    let fencing = Fencing::from_version(call.version(), FENCED_FROM);
    let asked = EndRequest {
        transactional_id: TransactionalId::from(id),
        producer: producer(request.producer_id.0, request.producer_epoch),
        result: match request.committed {
            true => TransactionResult::Commit,
            false => TransactionResult::Abort,
        },
        client_version: match call.version() {
            EPOCH_BUMPED_FROM.. => TransactionVersion::TV_2,
            _ => TransactionVersion::TV_0,
        },
    };
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    let topic = topic(call.broker);
    Ok(start_on(topic, async move {
        let id = asked.transactional_id.clone();
        let response = match ask(&broker, id.as_str(), Request::End(asked)).await {
            Ok(MachineReply::End(Ok(producer))) => success(producer),
            Ok(MachineReply::End(Err(error))) => failure(code_for(error, fencing)),
            Ok(other) => failure(mismatch(&other)),
            Err(error) => failure(error),
        };
        responder.response(&response)
    }))
}

fn success(producer: Option<Producer>) -> EndTxnResponse {
    let (id, epoch) = producer.map_or((-1, -1), |producer| {
        (producer.id.get(), producer.epoch.get())
    });
    EndTxnResponse::default()
        .with_producer_id(WireProducer(id))
        .with_producer_epoch(epoch)
}

fn failure(error: ErrorCode) -> EndTxnResponse {
    success(None).with_error_code(error.code())
}
