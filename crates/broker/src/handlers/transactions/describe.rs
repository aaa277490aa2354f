//! DescribeTransactions.

use std::sync::Arc;

use highwater_net::Reply;
use highwater_protocol::messages::describe_transactions_response::{TopicData, TransactionState};
use highwater_protocol::messages::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, ProducerId as WireProducer,
    TransactionalId as WireId,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_security::Operation;
use highwater_transactions::{
    DescribeRequest, DescribedTransaction, Reply as MachineReply, Request, TransactionalId,
};

use super::topic;
use super::{ask, may, mismatch};
use crate::broker::Broker;
use crate::handlers::errors;
use crate::handlers::groups::{Topic, start_on};
use crate::handlers::wire::wire_topic;
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DescribeTransactionsRequest = call.decode()?;
    let allowed = |id: &WireId| may(call.broker, call.context, Operation::Describe, id.as_str());
    let ids = request.transactional_ids.into_iter();
    let ids: Vec<_> = ids.map(|id| (allowed(&id), id)).collect();
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    let reservation = call.reservation.take();
    // Looking makes no topic.
    let has_machine = topic(call.broker) == Topic::Made;
    Ok(start_on(Topic::Made, async move {
        let mut states = Vec::with_capacity(ids.len());
        for (is_allowed, id) in ids {
            let state = match (is_allowed, has_machine) {
                (false, _) => Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
                (true, false) => Err(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND),
                (true, true) => describe(&broker, id.as_str()).await,
            };
            let state = state
                .unwrap_or_else(|error| TransactionState::default().with_error_code(error.code()));
            states.push(state.with_transactional_id(id));
        }
        let response = DescribeTransactionsResponse::default().with_transaction_states(states);
        let response = responder.response(&response);
        drop(reservation);
        response
    }))
}

async fn describe(broker: &Arc<Broker>, id: &str) -> Result<TransactionState, ErrorCode> {
    let request = Request::Describe(DescribeRequest {
        transactional_id: TransactionalId::from(id),
    });
    match ask(broker, id, request).await? {
        MachineReply::Describe(Ok(found)) => Ok(state(&found)),
        MachineReply::Describe(Err(error)) => Err(errors::transaction(error)),
        other => Err(mismatch(&other)),
    }
}

fn state(found: &DescribedTransaction) -> TransactionState {
    let topics = found.partitions.topics().map(|(topic, partitions)| {
        let partitions = partitions.iter().map(|index| index.get());
        TopicData::default()
            .with_topic(wire_topic(topic.as_str()))
            .with_partitions(partitions.collect())
    });
    TransactionState::default()
        .with_transaction_state(StrBytes::from_static_str(found.state.name()))
        .with_transaction_timeout_ms(found.timeout_ms)
        .with_transaction_start_time_ms(found.start_ms)
        .with_producer_id(WireProducer(found.producer.id.get()))
        .with_producer_epoch(found.producer.epoch.get())
        .with_topics(topics.collect())
}
