//! CreatePartitions: topics that shall have more of them.

use highwater_metadata::PartitionIncrease;
use highwater_net::Reply;
use highwater_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use highwater_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use highwater_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use highwater_protocol::{DecodeError, StrBytes};

use crate::handlers::errors;
use crate::handlers::wire::{brokers, mode};
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: CreatePartitionsRequest = call.decode()?;
    Ok(call.blocking(move |broker, _| {
        let wanted: Vec<_> = request.topics.iter().map(increase).collect();
        let mode = mode(request.validate_only);
        let start = broker.next_placement();
        let submitted =
            broker.decide(|controller| controller.create_partitions(&wanted, start, mode));
        let outcomes = errors::outcomes(
            "more partitions",
            submitted,
            wanted.len(),
            errors::create_partitions,
        );
        let results = request
            .topics
            .iter()
            .zip(outcomes)
            .map(|(topic, (error, message))| {
                CreatePartitionsTopicResult::default()
                    .with_name(topic.name.clone())
                    .with_error_code(error.code())
                    .with_error_message(message.map(StrBytes::from_string))
            });
        CreatePartitionsResponse::default().with_results(results.collect())
    }))
}

fn increase(topic: &CreatePartitionsTopic) -> PartitionIncrease {
    PartitionIncrease {
        topic: topic.name.to_string(),
        count: topic.count,
        assignments: topic.assignments.as_ref().map(|assignments| {
            assignments
                .iter()
                .map(|assignment| brokers(&assignment.broker_ids))
                .collect()
        }),
    }
}
