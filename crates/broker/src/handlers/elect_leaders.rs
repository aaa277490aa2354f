//! ElectLeaders: somebody wants other leaders.

use highwater_metadata::{Election, ElectionResult};
use highwater_net::Reply;
use highwater_protocol::messages::elect_leaders_response::{
    PartitionResult, ReplicaElectionResult,
};
use highwater_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_types::PartitionIndex;

use crate::handlers::errors;
use crate::handlers::wire::wire_topic;
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: ElectLeadersRequest = call.decode()?;
    let election = match request.election_type {
        0 => Election::Preferred,
        1 => Election::Unclean,
        _ => {
            let response =
                ElectLeadersResponse::default().with_error_code(ErrorCode::INVALID_REQUEST.code());
            return Ok(call.reply(&response));
        }
    };
    Ok(call.blocking(move |broker, _| {
        let wanted = request.topic_partitions.as_ref().map(|topics| {
            topics
                .iter()
                .flat_map(|topic| {
                    let name = topic.topic.to_string();
                    topic
                        .partitions
                        .iter()
                        .map(move |index| (name.clone(), PartitionIndex(*index)))
                })
                .collect::<Vec<_>>()
        });
        match broker.decide(|controller| controller.elect_leaders(election, wanted.as_deref())) {
            Ok(done) => {
                ElectLeadersResponse::default().with_replica_election_results(by_topic(done))
            }
            Err(error) => {
                tracing::error!(%error, "no election could be held");
                ElectLeadersResponse::default()
                    .with_error_code(ErrorCode::KAFKA_STORAGE_ERROR.code())
            }
        }
    }))
}

fn by_topic(results: Vec<ElectionResult>) -> Vec<ReplicaElectionResult> {
    let mut topics: Vec<ReplicaElectionResult> = Vec::new();
    for result in results {
        let (error, message) = match &result.result {
            Ok(()) => (ErrorCode::NONE, None),
            Err(error) => (errors::election(error), Some(error.to_string())),
        };
        let partition = PartitionResult::default()
            .with_partition_id(result.partition.get())
            .with_error_code(error.code())
            .with_error_message(message.map(StrBytes::from_string));
        match topics
            .iter_mut()
            .find(|topic| topic.topic.as_str() == result.topic)
        {
            Some(topic) => topic.partition_result.push(partition),
            None => topics.push(
                ReplicaElectionResult::default()
                    .with_topic(wire_topic(&result.topic))
                    .with_partition_result(vec![partition]),
            ),
        }
    }
    topics
}
