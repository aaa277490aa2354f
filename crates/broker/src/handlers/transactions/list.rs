//! ListTransactions.

use std::sync::Arc;

use highwater_net::Reply;
use highwater_protocol::messages::list_transactions_response::TransactionState;
use highwater_protocol::messages::{
    ListTransactionsRequest, ListTransactionsResponse, ProducerId as WireProducer,
    TransactionalId as WireId,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_security::{Operation, RequestContext};
use highwater_transactions::{
    ListRequest, ListedTransaction, Reply as MachineReply, Request, TransactionState as States,
};
use highwater_types::ProducerId;
use regex::Regex;

use super::{may, mismatch};
use crate::broker::Broker;
use crate::coordinator::transactions::TransactionRequest;
use crate::handlers::groups::{Topic, start_on};
use crate::service::Call;

/// Most bytes that a pattern may take once it is compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: ListTransactionsRequest = call.decode()?;
    let pattern = request.transactional_id_pattern.as_ref();
    let pattern = match pattern.filter(|pattern| !pattern.is_empty()).map(compile) {
        Some(Err(error)) => {
            tracing::debug!(%error, "a pattern of transactional ids is none");
            let response = ListTransactionsResponse::default()
                .with_error_code(ErrorCode::INVALID_REGULAR_EXPRESSION.code());
            return Ok(call.reply(&response));
        }
        Some(Ok(pattern)) => Some(pattern),
        None => None,
    };
    let filter = ListRequest {
        states: request
            .state_filters
            .iter()
            .map(ToString::to_string)
            .collect(),
        producer_ids: request
            .producer_id_filters
            .iter()
            .map(|id| ProducerId(id.0))
            .collect(),
        running_longer_than_ms: (request.duration_filter >= 0).then_some(request.duration_filter),
    };
    let (broker, context) = (Arc::clone(call.broker), call.context.clone());
    let responder = call.responder;
    Ok(start_on(Topic::Made, async move {
        let response = list(&broker, &context, filter, pattern.as_ref()).await;
        responder.response(&response)
    }))
}

/// Kafka takes RE2's syntax, and a pattern has to match the whole id.
fn compile(pattern: &StrBytes) -> Result<Regex, regex::Error> {
    let whole = format!("^(?:{})$", pattern.as_str());
    let mut builder = regex::RegexBuilder::new(&whole);
    builder.size_limit(PATTERN_BYTES_MAX).build()
}

async fn list(
    broker: &Arc<Broker>,
    context: &RequestContext,
    filter: ListRequest,
    pattern: Option<&Regex>,
) -> ListTransactionsResponse {
    let mut response = ListTransactionsResponse::default();
    let unknown = filter.states.iter();
    let unknown = unknown.filter(|name| States::from_name(name).is_none());
    response.unknown_state_filters = unknown.cloned().map(StrBytes::from_string).collect();
    for shard in broker.transactions.shards() {
        let request = TransactionRequest::Ask(Request::List(filter.clone()));
        let listed = match broker
            .transactions
            .call_shard(broker, &shard, request)
            .await
        {
            Ok(MachineReply::List(listed)) => listed,
            Ok(other) => return response.with_error_code(mismatch(&other).code()),
            Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => {
                return response.with_error_code(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.code());
            }
            // It is somebody else's now, or has no state to show.
            Err(_) => continue,
        };
        let seen = listed.transactions.iter().filter(|listed| {
            let id = listed.transactional_id.as_str();
            may(broker, context, Operation::Describe, id)
                && pattern.is_none_or(|pattern| pattern.is_match(id))
        });
        response.transaction_states.extend(seen.map(state));
    }
    response
}

fn state(listed: &ListedTransaction) -> TransactionState {
    let id = StrBytes::from_string(listed.transactional_id.to_string());
    TransactionState::default()
        .with_transactional_id(WireId(id))
        .with_producer_id(WireProducer(listed.producer_id.get()))
        .with_transaction_state(StrBytes::from_static_str(listed.state.name()))
}
