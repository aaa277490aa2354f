//! What is answered about transactions as long as there are none.

use highwater_net::Reply;
use highwater_protocol::messages::describe_transactions_response::TransactionState;
use highwater_protocol::messages::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, ListTransactionsRequest,
    ListTransactionsResponse,
};
use highwater_protocol::{DecodeError, ErrorCode};

use crate::service::Call;

/// The states that Kafka knows; a filter by any other is reported as unknown.
const STATES: [&str; 8] = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
];

/// DescribeTransactions: every transactional id is unknown.
pub(crate) fn describe(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DescribeTransactionsRequest = call.decode()?;
    let states = request.transactional_ids.iter().map(|id| {
        TransactionState::default()
            .with_error_code(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND.code())
            .with_transactional_id(id.clone())
    });
    let response =
        DescribeTransactionsResponse::default().with_transaction_states(states.collect());
    Ok(call.reply(&response))
}

/// ListTransactions: there are none.
pub(crate) fn list(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: ListTransactionsRequest = call.decode()?;
    let unknown = request
        .state_filters
        .iter()
        .filter(|state| !STATES.contains(&state.as_str()));
    let response =
        ListTransactionsResponse::default().with_unknown_state_filters(unknown.cloned().collect());
    Ok(call.reply(&response))
}
