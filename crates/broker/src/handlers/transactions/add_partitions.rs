//! AddPartitionsToTxn: partitions that a transaction is going to write to, or a look at those
//! that it has (KIP-890).

use std::collections::HashMap;
use std::sync::Arc;

use highwater_metadata::MetadataImage;
use highwater_net::Reply;
use highwater_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use highwater_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use highwater_protocol::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_security::{Operation, Resource};
use highwater_transactions::{
    AddMode, AddPartitionsRequest, Producer, Reply as MachineReply, Request, TransactionVersion,
    TransactionalId,
};
use highwater_types::{PartitionIndex, TopicName, TopicPartition};

use super::topic;
use super::{Fencing, ask, code_for, may, mismatch, producer};
use crate::broker::Broker;
use crate::handlers::groups::start_on;
use crate::service::Call;

/// From here on brokers ask, for several transactions at once.
const BATCHED_FROM: i16 = 4;
/// From here on a client knows PRODUCER_FENCED.
const FENCED_FROM: i16 = 2;

/// One transaction of the request, and what is settled of it already.
struct Plan {
    asked: AddPartitionsToTxnTransaction,
    refused: HashMap<TopicPartition, ErrorCode>,
    /// An error for all partitions that have none of their own.
    all: Option<ErrorCode>,
}

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: AddPartitionsToTxnRequest = call.decode()?;
    let version = call.version();
    let transactions = if version >= BATCHED_FROM {
        request.transactions
    } else {
        let single = AddPartitionsToTxnTransaction::default()
            .with_transactional_id(request.v3_and_below_transactional_id)
            .with_producer_id(request.v3_and_below_producer_id)
            .with_producer_epoch(request.v3_and_below_producer_epoch)
            .with_topics(request.v3_and_below_topics);
        vec![single]
    };
    let image = call.broker.metadata.image();
    let plans = transactions
        .into_iter()
        .map(|transaction| plan(call, &image, transaction));
    let plans: Vec<_> = plans.collect();
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    let reservation = call.reservation.take();
    let topic = topic(call.broker);
    Ok(start_on(topic, async move {
        let mut results = Vec::with_capacity(plans.len());
        for plan in plans {
            results.push(carry_out(&broker, version, plan).await);
        }
        let response = AddPartitionsToTxnResponse::default();
        let response = if version >= BATCHED_FROM {
            response.with_results_by_transaction(results)
        } else {
            let topics = results.pop().map(|result| result.topic_results);
            response.with_results_by_topic_v3_and_below(topics.unwrap_or_default())
        };
        let response = responder.response(&response);
        drop(reservation);
        response
    }))
}

fn plan(call: &Call<'_>, image: &MetadataImage, asked: AddPartitionsToTxnTransaction) -> Plan {
    let id = asked.transactional_id.as_str();
    if !may(call.broker, call.context, Operation::Write, id) {
        return Plan {
            asked,
            refused: HashMap::new(),
            all: Some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        };
    }
    let mut refused = HashMap::new();
    for (topic, index) in pairs(&asked.topics) {
        let Some(name) = partition_of(topic, index) else {
            continue;
        };
        let resource = Resource::topic(topic.name.as_str());
        let authorizer = &call.broker.authorizer;
        let is_allowed = authorizer
            .authorize(call.context, Operation::Write, &resource)
            .is_allowed();
        // Whoever asks for a client has looked at the topic itself.
        let is_internal = name.topic.is_internal() && call.version() < BATCHED_FROM;
        if !is_allowed || is_internal {
            refused.insert(name, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
        } else if image
            .partition(name.topic.as_str(), name.partition)
            .is_none()
        {
            refused.insert(name, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        }
    }
    let is_known = pairs(&asked.topics).all(|(topic, index)| partition_of(topic, index).is_some());
    let is_fine = refused.is_empty() && is_known;
    Plan {
        asked,
        refused,
        all: (!is_fine).then_some(ErrorCode::OPERATION_NOT_ATTEMPTED),
    }
}

fn pairs(
    topics: &[AddPartitionsToTxnTopic],
) -> impl Iterator<Item = (&AddPartitionsToTxnTopic, i32)> {
    let of_topic = |topic| {
        let topic: &AddPartitionsToTxnTopic = topic;
        topic.partitions.iter().map(move |index| (topic, *index))
    };
    topics.iter().flat_map(of_topic)
}

fn partition_of(topic: &AddPartitionsToTxnTopic, index: i32) -> Option<TopicPartition> {
    let name = TopicName::new(topic.name.as_str()).ok()?;
    Some(TopicPartition::new(name, PartitionIndex(index)))
}

async fn carry_out(broker: &Arc<Broker>, version: i16, plan: Plan) -> AddPartitionsToTxnResult {
    let asked = &plan.asked;
    let mut codes = plan.refused;
    let mut all = plan.all;
    if all.is_none() {
        let mode = match asked.verify_only {
            true => AddMode::VerifyOnly,
            false => AddMode::Add,
        };
        let partitions = pairs(&asked.topics);
        let partitions = partitions.filter_map(|(topic, index)| partition_of(topic, index));
        let request = Adding {
            id: asked.transactional_id.as_str(),
            producer: producer(asked.producer_id.0, asked.producer_epoch),
            partitions: partitions.collect(),
            mode,
            client_version: match version {
                BATCHED_FROM.. => TransactionVersion::TV_2,
                _ => TransactionVersion::TV_0,
            },
        };
        let fencing = Fencing::from_version(version, FENCED_FROM);
        match add(broker, request, fencing).await {
            Ok(added) => codes.extend(added),
            Err(error) => all = Some(error),
        }
    }
    let code = |topic: &AddPartitionsToTxnTopic, index| {
        let own = partition_of(topic, index).map(|name| codes.get(&name).copied());
        match own {
            None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            Some(own) => own.or(all).unwrap_or(ErrorCode::NONE),
        }
    };
    let topics = asked.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|index| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*index)
                .with_partition_error_code(code(topic, *index).code())
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(partitions.collect())
    });
    AddPartitionsToTxnResult::default()
        .with_transactional_id(asked.transactional_id.clone())
        .with_topic_results(topics.collect())
}

/// What a transaction is asked.
pub(super) struct Adding<'a> {
    pub(super) id: &'a str,
    pub(super) producer: Producer,
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) mode: AddMode,
    pub(super) client_version: TransactionVersion,
}

/// Adds partitions to a transaction or looks for them in it; the answer names each.
pub(super) async fn add(
    broker: &Arc<Broker>,
    adding: Adding<'_>,
    fencing: Fencing,
) -> Result<Vec<(TopicPartition, ErrorCode)>, ErrorCode> {
    let request = Request::AddPartitions(AddPartitionsRequest {
        transactional_id: TransactionalId::from(adding.id),
        producer: adding.producer,
        partitions: adding.partitions,
        mode: adding.mode,
        client_version: adding.client_version,
    });
    match ask(broker, adding.id, request).await? {
        MachineReply::AddPartitions(added) => {
            let added = added.into_iter().map(|added| {
                let code = added.result.err().map(|error| code_for(error, fencing));
                (added.partition, code.unwrap_or(ErrorCode::NONE))
            });
            Ok(added.collect())
        }
        other => Err(mismatch(&other)),
    }
}
