//! AlterPartitionReassignments and ListPartitionReassignments.

use std::collections::HashSet;

use highwater_metadata::{Controller, Decision, OngoingReassignment, ReassignmentError};
use highwater_net::Reply;
use highwater_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use highwater_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use highwater_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_types::{BrokerId, PartitionIndex};

use crate::handlers::errors;
use crate::handlers::wire::{brokers, wire_brokers, wire_topic};
use crate::service::Call;

/// Handles AlterPartitionReassignments.
pub(crate) fn alter(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: AlterPartitionReassignmentsRequest = call.decode()?;
    Ok(call.blocking(move |broker, _| {
        let wanted: Vec<_> = request
            .topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(move |asked| (topic, asked)))
            .map(|(topic, asked)| Wanted {
                topic: topic.name.as_str(),
                partition: PartitionIndex(asked.partition_index),
                target: asked.replicas.as_deref().map(brokers),
            })
            .collect();
        let submitted = broker.decide(|controller| reassign(controller, &wanted));
        let code = |refusal: &Refusal| match refusal {
            Refusal::Twice => ErrorCode::INVALID_REQUEST,
            Refusal::Controller(error) => errors::reassignment(error),
        };
        let outcomes = errors::outcomes("reassignments", submitted, wanted.len(), code);
        let mut outcomes = outcomes.into_iter();
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let unknown = (ErrorCode::UNKNOWN_SERVER_ERROR, None);
                let (error, message) = outcomes.next().unwrap_or(unknown);
                ReassignablePartitionResponse::default()
                    .with_partition_index(asked.partition_index)
                    .with_error_code(error.code())
                    .with_error_message(message.map(StrBytes::from_string))
            });
            ReassignableTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        AlterPartitionReassignmentsResponse::default().with_responses(topics.collect())
    }))
}

/// One partition and where it shall lie; `None` takes back what is under way.
struct Wanted<'a> {
    topic: &'a str,
    partition: PartitionIndex,
    target: Option<Vec<BrokerId>>,
}

/// Why a partition is not reassigned.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// The second decision would be made without knowing of the first.
    #[error("the request names the partition twice")]
    Twice,
    #[error(transparent)]
    Controller(#[from] ReassignmentError),
}

/// All of them as one decision; each is refused on its own.
fn reassign(
    controller: &Controller<'_>,
    wanted: &[Wanted<'_>],
) -> Decision<Vec<Result<(), Refusal>>> {
    let mut records = Vec::new();
    let mut named = HashSet::new();
    let response = wanted.iter().map(|wanted| {
        if !named.insert((wanted.topic, wanted.partition)) {
            return Err(Refusal::Twice);
        }
        let target = wanted.target.as_deref();
        let decided = controller.reassign_partition(wanted.topic, wanted.partition, target)?;
        records.extend(decided.records);
        Ok(())
    });
    let response = response.collect();
    Decision { records, response }
}

/// Handles ListPartitionReassignments.
pub(crate) fn list(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: ListPartitionReassignmentsRequest = call.decode()?;
    let wanted = request.topics.as_ref().map(|topics| {
        topics
            .iter()
            .flat_map(|topic| {
                let name = topic.name.to_string();
                topic
                    .partition_indexes
                    .iter()
                    .map(move |i| (name.clone(), PartitionIndex(*i)))
            })
            .collect::<Vec<_>>()
    });
    let ongoing = call
        .broker
        .look(|controller| controller.ongoing_reassignments(wanted.as_deref()));
    let response = ListPartitionReassignmentsResponse::default().with_topics(by_topic(ongoing));
    Ok(call.reply(&response))
}

fn by_topic(ongoing: Vec<OngoingReassignment>) -> Vec<OngoingTopicReassignment> {
    let mut topics: Vec<OngoingTopicReassignment> = Vec::new();
    for one in ongoing {
        let partition = OngoingPartitionReassignment::default()
            .with_partition_index(one.partition.get())
            .with_replicas(wire_brokers(&one.replicas))
            .with_adding_replicas(wire_brokers(&one.adding))
            .with_removing_replicas(wire_brokers(&one.removing));
        match topics
            .last_mut()
            .filter(|topic| topic.name.as_str() == one.topic.as_str())
        {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(
                OngoingTopicReassignment::default()
                    .with_name(wire_topic(one.topic.as_str()))
                    .with_partitions(vec![partition]),
            ),
        }
    }
    topics
}
