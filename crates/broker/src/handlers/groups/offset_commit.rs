//! OffsetCommit: how far a group has read is remembered.

use std::sync::Arc;

use highwater_groups::{
    CommitOffsetsRequest, CommitPartition, CommitTopic, CommittedTopic, GroupError, GroupId,
    MemberId, Reply as GroupReply, Request,
};
use highwater_metadata::TopicImage;
use highwater_net::Reply;
use highwater_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use highwater_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use highwater_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, TopicName as WireTopic,
};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_security::Operation;
use highwater_types::{LeaderEpoch, Offset, PartitionIndex};

use super::plan::{Plan, find_topic};
use super::{ask, code_of, instance_id, may, mismatch, start};
use crate::handlers::errors;
use crate::service::Call;

/// From here on a client knows what it means that there is no such group (KIP-848).
const GROUP_ID_NOT_FOUND_FROM: i16 = 9;
/// From here on topics are named by their ids.
const TOPIC_IDS_FROM: i16 = 10;

/// Handles the request. A group without name is fine: simple consumers of old used it.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: OffsetCommitRequest = call.decode()?;
    let version = call.version();
    if !may(
        call.broker,
        call.context,
        Operation::Read,
        &request.group_id,
    ) {
        let plan = refuse_all(&request, ErrorCode::GROUP_AUTHORIZATION_FAILED);
        return Ok(call.reply(&response(plan)));
    }
    let (mut plan, topics) = plan_commit(call, &request);
    if plan.is_settled() {
        return Ok(call.reply(&response(plan)));
    }
    let commit = commit_request(&request, topics);
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    // The plan keeps the names of the topics, which are slices of the frame.
    let reservation = call.reservation.take();
    Ok(start(call.broker, async move {
        let group_id = commit.group_id.clone();
        match ask(&broker, group_id.as_str(), Request::CommitOffsets(commit)).await {
            Ok(GroupReply::CommitOffsets(reply)) => settle(version, &mut plan, reply),
            Ok(other) => plan.settle(std::iter::repeat(mismatch(&other))),
            Err(error) => plan.settle(std::iter::repeat(error)),
        }
        let response = responder.response(&response(plan));
        drop(reservation);
        response
    }))
}

fn plan_commit(call: &Call<'_>, request: &OffsetCommitRequest) -> (Plan, Vec<CommitTopic>) {
    let image = call.broker.metadata.image();
    let by_id = call.version() >= TOPIC_IDS_FROM;
    let mut plan = Plan::default();
    let mut topics = Vec::new();
    for topic in &request.topics {
        let id = by_id.then_some(topic.topic_id);
        let found = find_topic(call, &image, Operation::Read, (topic.name.as_str(), id));
        let indexes = topic
            .partitions
            .iter()
            .map(|partition| partition.partition_index);
        let known = found.map(|topic| &**topic);
        let accepted = plan.add((topic.name.0.clone(), topic.topic_id), known, indexes);
        if let Ok(found) = found
            && !accepted.is_empty()
        {
            topics.push(commit_topic(found, &topic.partitions, &accepted));
        }
    }
    (plan, topics)
}

fn commit_topic(
    topic: &TopicImage,
    partitions: &[OffsetCommitRequestPartition],
    accepted: &[usize],
) -> CommitTopic {
    let partitions = accepted.iter().filter_map(|place| {
        let asked = partitions.get(*place)?;
        let epoch = LeaderEpoch(asked.committed_leader_epoch);
        Some(CommitPartition {
            partition: PartitionIndex(asked.partition_index),
            offset: Offset(asked.committed_offset),
            leader_epoch: (epoch.get() >= 0).then_some(epoch),
            metadata: asked.committed_metadata.as_ref().map(ToString::to_string),
        })
    });
    CommitTopic {
        topic: topic.name.clone(),
        topic_id: Some(topic.id),
        partitions: partitions.collect(),
    }
}

fn commit_request(request: &OffsetCommitRequest, topics: Vec<CommitTopic>) -> CommitOffsetsRequest {
    let retention_ms = request.retention_time_ms;
    CommitOffsetsRequest {
        transaction: None,
        group_id: GroupId::from(request.group_id.as_str()),
        member_id: MemberId::from(request.member_id.as_str()),
        group_instance_id: instance_id(request.group_instance_id.as_ref()),
        generation: request.generation_id_or_member_epoch,
        // −1 leaves it to the broker, as do the versions that cannot say.
        retention_ms: (retention_ms >= 0).then_some(retention_ms),
        topics,
    }
}

fn refuse_all(request: &OffsetCommitRequest, error: ErrorCode) -> Plan {
    let mut plan = Plan::default();
    for topic in &request.topics {
        let indexes = topic
            .partitions
            .iter()
            .map(|partition| partition.partition_index);
        plan.add((topic.name.0.clone(), topic.topic_id), Err(error), indexes);
    }
    plan
}

fn settle(version: i16, plan: &mut Plan, reply: Result<Vec<CommittedTopic>, GroupError>) {
    match reply {
        Ok(topics) => {
            let partitions = topics.iter().flat_map(|topic| &topic.partitions);
            plan.settle(partitions.map(|(_, result)| code_of(result)));
        }
        Err(error) => plan.settle(std::iter::repeat(commit_error(version, error))),
    }
}

/// No version has an error for the whole request, so every partition carries it.
pub(super) fn commit_error(version: i16, error: GroupError) -> ErrorCode {
    match error {
        GroupError::GroupIdNotFound if version < GROUP_ID_NOT_FOUND_FROM => {
            ErrorCode::ILLEGAL_GENERATION
        }
        error => errors::group(error),
    }
}

fn response(plan: Plan) -> OffsetCommitResponse {
    let topics = plan.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|(index, error)| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(error.code())
        });
        OffsetCommitResponseTopic::default()
            .with_name(WireTopic(topic.name))
            .with_topic_id(topic.id)
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}
