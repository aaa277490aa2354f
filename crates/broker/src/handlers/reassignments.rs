//! AlterPartitionReassignments and ListPartitionReassignments.

use std::sync::Arc;

use highwater_metadata::{BrokerList, OngoingReassignment};
use highwater_net::Reply;
use highwater_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use highwater_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use highwater_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    BrokerId as WireBroker, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_types::{BrokerId, PartitionIndex};

use crate::broker::Broker;
use crate::handlers::errors;
use crate::handlers::produce::wire_topic;
use crate::service::Call;

/// Handles AlterPartitionReassignments.
pub(crate) fn alter(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: AlterPartitionReassignmentsRequest = call.decode()?;
    Ok(call.blocking(move |broker, _| {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let target: Option<Vec<_>> = asked
                    .replicas
                    .as_ref()
                    .map(|replicas| replicas.iter().map(|id| BrokerId(id.0)).collect());
                let index = PartitionIndex(asked.partition_index);
                let (error, message) = reassign(broker, &topic.name, index, target.as_deref());
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

fn reassign(
    broker: &Arc<Broker>,
    topic: &str,
    index: PartitionIndex,
    target: Option<&[BrokerId]>,
) -> (ErrorCode, Option<String>) {
    let submitted =
        broker.try_decide(|controller| controller.reassign_partition(topic, index, target));
    match submitted {
        Ok(Ok(_)) => (ErrorCode::NONE, None),
        Ok(Err(error)) => (errors::reassignment(&error), Some(error.to_string())),
        Err(error) => {
            tracing::error!(%error, topic, partition = %index, "cannot reassign");
            (ErrorCode::KAFKA_STORAGE_ERROR, None)
        }
    }
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
    let ids = |brokers: &BrokerList| -> Vec<WireBroker> {
        brokers.iter().map(|id| WireBroker(id.get())).collect()
    };
    let mut topics: Vec<OngoingTopicReassignment> = Vec::new();
    for one in ongoing {
        let partition = OngoingPartitionReassignment::default()
            .with_partition_index(one.partition.get())
            .with_replicas(ids(&one.replicas))
            .with_adding_replicas(ids(&one.adding))
            .with_removing_replicas(ids(&one.removing));
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
