//! TxnOffsetCommit: positions of a group that count once a transaction is committed.

use std::sync::Arc;

use highwater_groups::{
    CommitOffsetsRequest, CommitPartition, CommitTopic, GroupId, MemberId, Reply as GroupReply,
    Request,
};
use highwater_net::Reply;
use highwater_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestTopic;
use highwater_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use highwater_protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_security::{Operation, Resource};
use highwater_types::{LeaderEpoch, Offset, PartitionIndex, TopicName, TransactionalProducer};

use super::add_offsets::offsets_partition;
use super::topic;
use super::verify::{Teller, Unverified, verify};
use super::{may, producer};
use crate::broker::Broker;
use crate::handlers::errors;
use crate::handlers::groups;
use crate::handlers::groups::start_on;
use crate::hosting::{Named, in_topic};
use crate::service::Call;

/// From here on the broker tells the coordinator of the group's partition (KIP-890).
const ADDED_HERE_FROM: i16 = 5;
/// From here on a client knows TRANSACTION_ABORTABLE.
const ABORTABLE_FROM: i16 = 4;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: TxnOffsetCommitRequest = call.decode()?;
    let id = request.transactional_id.as_str();
    let group = Resource::group(request.group_id.as_str());
    let authorizer = &call.broker.authorizer;
    let refused = if !may(call.broker, call.context, Operation::Write, id) {
        Some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    } else if !authorizer
        .authorize(call.context, Operation::Read, &group)
        .is_allowed()
    {
        Some(ErrorCode::GROUP_AUTHORIZATION_FAILED)
    } else if request.group_id.is_empty() {
        Some(ErrorCode::INVALID_GROUP_ID)
    } else {
        None
    };
    let topics = plan(call, &request, refused);
    let version = call.version();
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    let reservation = call.reservation.take();
    let topic = topic(call.broker);
    Ok(start_on(topic, async move {
        let topics = carry_out(&broker, &request, topics, version).await;
        let response = responder.response(&response(&request, &topics));
        drop(reservation);
        response
    }))
}

/// What is settled of each partition of the request, in its order.
type Settled = Vec<Vec<Option<ErrorCode>>>;

fn plan(call: &Call<'_>, request: &TxnOffsetCommitRequest, refused: Option<ErrorCode>) -> Settled {
    let image = call.broker.metadata.image();
    let topic = |topic: &TxnOffsetCommitRequestTopic| {
        let resource = Resource::topic(topic.name.as_str());
        let authorizer = &call.broker.authorizer;
        let is_allowed = authorizer
            .authorize(call.context, Operation::Read, &resource)
            .is_allowed();
        let partition = |index: i32| {
            let is_there = image
                .partition(topic.name.as_str(), PartitionIndex(index))
                .is_some();
            match (refused, is_allowed, is_there) {
                (Some(error), _, _) => Some(error),
                (None, false, _) => Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
                (None, true, false) => Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                (None, true, true) => None,
            }
        };
        let partitions = topic.partitions.iter();
        partitions
            .map(|asked| partition(asked.partition_index))
            .collect()
    };
    request.topics.iter().map(topic).collect()
}

async fn carry_out(
    broker: &Arc<Broker>,
    request: &TxnOffsetCommitRequest,
    mut settled: Settled,
    version: i16,
) -> Settled {
    if settled.iter().flatten().all(Option::is_some) {
        return settled;
    }
    let codes = commit(broker, request, &settled, version).await;
    let mut given = codes.as_ref().map(|codes| codes.iter());
    for slot in settled.iter_mut().flatten().filter(|slot| slot.is_none()) {
        *slot = Some(match &mut given {
            Ok(codes) => codes
                .next()
                .copied()
                .unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR),
            Err(error) => **error,
        });
    }
    settled
}

/// Commits what is not settled; the answer has a code for each of these, in their order.
async fn commit(
    broker: &Arc<Broker>,
    request: &TxnOffsetCommitRequest,
    settled: &Settled,
    version: i16,
) -> Result<Vec<ErrorCode>, ErrorCode> {
    let name = offsets_partition(broker, request.group_id.as_str()).await?;
    let found = broker.hosted_topic(Named::Name(name.topic.as_str()));
    let partition = in_topic(broker, &found, name.partition.get());
    let partition = partition.map_err(|_| ErrorCode::NOT_COORDINATOR)?;
    let producer = producer(request.producer_id.0, request.producer_epoch);
    let mut verification = None;
    if !partition
        .log
        .has_open_transaction(producer.id, producer.epoch)
    {
        let unverified = Unverified {
            transactional_id: request.transactional_id.to_string(),
            producer,
            teller: match version {
                ADDED_HERE_FROM.. => Teller::Broker,
                _ => Teller::Client,
            },
            partitions: vec![Arc::clone(&partition)],
        };
        let mut verified = verify(broker, unverified).await;
        let outcome = verified.remove(&name).transpose();
        verification = outcome.map_err(|error| told(error, version))?;
    }
    let asked = Request::CommitOffsets(CommitOffsetsRequest {
        group_id: GroupId::from(request.group_id.as_str()),
        transaction: Some(TransactionalProducer {
            id: producer.id,
            epoch: producer.epoch,
        }),
        member_id: MemberId::from(request.member_id.as_str()),
        group_instance_id: groups::instance_id(request.group_instance_id.as_ref()),
        generation: request.generation_id,
        retention_ms: None,
        topics: commit_topics(broker, request, settled),
    });
    let group_id = request.group_id.as_str();
    let answer = broker
        .groups
        .call_verified(broker, group_id, asked, verification);
    match answer.await {
        Ok(GroupReply::CommitOffsets(Ok(topics))) => {
            let partitions = topics.into_iter().flat_map(|topic| topic.partitions);
            let codes =
                partitions.map(|(_, result)| result.err().map_or(ErrorCode::NONE, errors::group));
            Ok(codes.collect())
        }
        Ok(GroupReply::CommitOffsets(Err(error))) => Err(errors::group(error)),
        Ok(other) => Err(groups::mismatch(&other)),
        Err(error) => Err(error),
    }
}

fn commit_topics(
    broker: &Broker,
    request: &TxnOffsetCommitRequest,
    settled: &Settled,
) -> Vec<CommitTopic> {
    let image = broker.metadata.image();
    let topics = request
        .topics
        .iter()
        .zip(settled)
        .filter_map(|(topic, settled)| {
            let name = TopicName::new(topic.name.as_str()).ok()?;
            let open = topic.partitions.iter().zip(settled);
            let partitions = open
                .filter(|(_, settled)| settled.is_none())
                .map(|(asked, _)| CommitPartition {
                    partition: PartitionIndex(asked.partition_index),
                    offset: Offset(asked.committed_offset),
                    leader_epoch: Some(LeaderEpoch(asked.committed_leader_epoch)),
                    metadata: asked.committed_metadata.as_ref().map(ToString::to_string),
                });
            Some(CommitTopic {
                topic_id: image.topic_id(name.as_str()),
                topic: name,
                partitions: partitions.collect(),
            })
        });
    topics.collect()
}

/// Clients are told what they know how to go on from.
fn told(error: ErrorCode, version: i16) -> ErrorCode {
    match error {
        ErrorCode::CONCURRENT_TRANSACTIONS => ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::TRANSACTION_ABORTABLE if version < ABORTABLE_FROM => {
            ErrorCode::INVALID_TXN_STATE
        }
        error => error,
    }
}

fn response(request: &TxnOffsetCommitRequest, settled: &Settled) -> TxnOffsetCommitResponse {
    let topics = request.topics.iter().zip(settled).map(|(topic, settled)| {
        let partitions = topic.partitions.iter().zip(settled).map(|(asked, code)| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(code.unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR).code())
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}
