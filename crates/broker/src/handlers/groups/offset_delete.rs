//! OffsetDelete: a group forgets how far it has read topics that nobody in it reads any more.

use std::sync::Arc;

use highwater_groups::{DeleteOffsetsRequest, DeletedTopic, GroupId, Reply as GroupReply, Request};
use highwater_net::Reply;
use highwater_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use highwater_protocol::messages::{
    OffsetDeleteRequest, OffsetDeleteResponse, TopicName as WireTopic,
};
use highwater_protocol::{DecodeError, ErrorCode, Uuid};
use highwater_security::Operation;
use highwater_types::{PartitionIndex, TopicName};

use super::plan::{Plan, find_topic};
use super::{ask, check, code_of, mismatch, start};
use crate::handlers::errors;
use crate::service::Call;

/// Handles the request. The machine is asked even if no partition is left: an error of the
/// group comes before those of its partitions.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: OffsetDeleteRequest = call.decode()?;
    if let Err(error) = check(call, Operation::Delete, &request.group_id) {
        return Ok(call.reply(&refusal(error)));
    }
    let (plan, topics) = plan_deletion(call, &request);
    let delete = DeleteOffsetsRequest {
        group_id: GroupId::from(request.group_id.as_str()),
        topics,
    };
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    // The plan keeps the names of the topics, which are slices of the frame.
    let reservation = call.reservation.take();
    Ok(start(call.broker, async move {
        let group_id = delete.group_id.clone();
        let response = match ask(&broker, group_id.as_str(), Request::DeleteOffsets(delete)).await {
            Ok(GroupReply::DeleteOffsets(Ok(deleted))) => answer(plan, &deleted),
            Ok(GroupReply::DeleteOffsets(Err(error))) => refusal(errors::group(error)),
            Ok(other) => refusal(mismatch(&other)),
            Err(error) => refusal(error),
        };
        let response = responder.response(&response);
        drop(reservation);
        response
    }))
}

fn plan_deletion(
    call: &Call<'_>,
    request: &OffsetDeleteRequest,
) -> (Plan, Vec<(TopicName, Vec<PartitionIndex>)>) {
    let image = call.broker.metadata.image();
    let mut plan = Plan::default();
    let mut topics = Vec::new();
    for topic in &request.topics {
        let found = find_topic(call, &image, Operation::Read, (topic.name.as_str(), None));
        let indexes = topic
            .partitions
            .iter()
            .map(|partition| partition.partition_index);
        let known = found.map(|topic| &**topic);
        // A position may be left of a partition that the topic no longer has.
        let name = (topic.name.0.clone(), Uuid::nil());
        let accepted = plan.add_if(name, known, indexes, |_, index| index >= 0);
        if let Ok(found) = found
            && !accepted.is_empty()
        {
            let asked = accepted
                .iter()
                .filter_map(|place| topic.partitions.get(*place));
            let asked = asked.map(|partition| PartitionIndex(partition.partition_index));
            topics.push((found.name.clone(), asked.collect()));
        }
    }
    (plan, topics)
}

fn answer(mut plan: Plan, deleted: &[DeletedTopic]) -> OffsetDeleteResponse {
    let partitions = deleted.iter().flat_map(|topic| &topic.partitions);
    plan.settle(partitions.map(|(_, result)| code_of(result)));
    let topics = plan.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|(index, error)| {
            OffsetDeleteResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(error.code())
        });
        OffsetDeleteResponseTopic::default()
            .with_name(WireTopic(topic.name))
            .with_partitions(partitions.collect())
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}

fn refusal(error: ErrorCode) -> OffsetDeleteResponse {
    OffsetDeleteResponse::default().with_error_code(error.code())
}
