//! OffsetFetch: how far groups have read.
//!
//! An answer is made in the shape of version 8, with one entry for each group; versions that
//! know one group only get it turned into theirs.

use std::sync::Arc;

use futures_util::future::join_all;
use highwater_groups::{
    FetchOffsetsRequest, FetchTopic, FetchedOffset, FetchedTopic, GroupId, Reply as GroupReply,
    Request,
};
use highwater_metadata::MetadataImage;
use highwater_net::Reply;
use highwater_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use highwater_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use highwater_protocol::messages::{
    GroupId as WireGroup, OffsetFetchRequest, OffsetFetchResponse, TopicName as WireTopic,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes, Uuid};
use highwater_security::{Operation, RequestContext, Resource};
use highwater_types::{PartitionIndex, TopicName};

use super::plan::find_topic;
use super::{ask, may, mismatch, start};
use crate::broker::Broker;
use crate::handlers::errors;
use crate::handlers::wire::wire_topic;
use crate::service::Call;

/// From here on there is an error for the whole request, and the topics may be null for all.
const TOP_LEVEL_ERROR_FROM: i16 = 2;
/// From here on one request names several groups.
const BATCHED_FROM: i16 = 8;
/// From here on topics are named by their ids.
const TOPIC_IDS_FROM: i16 = 10;
const NO_OFFSET: i64 = -1;

/// What one group is asked for.
struct GroupPlan {
    group_id: WireGroup,
    /// `None` for all topics.
    topics: Option<Vec<TopicPlan>>,
    /// Those of the topics that the machine is asked about.
    asked: Vec<FetchTopic>,
    refused: Option<ErrorCode>,
}

struct TopicPlan {
    name: StrBytes,
    id: Uuid,
    partitions: Vec<i32>,
    /// What is answered without asking the machine.
    settled: Option<ErrorCode>,
}

/// Who asks, for the topics that only the machine's answer names.
struct Asker {
    broker: Arc<Broker>,
    context: RequestContext,
    by_id: bool,
    require_stable: bool,
}

/// Handles the request. A group without name is fine: simple consumers of old used it.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: OffsetFetchRequest = call.decode()?;
    let version = call.version();
    let asker = Asker {
        broker: Arc::clone(call.broker),
        context: call.context.clone(),
        by_id: version >= TOPIC_IDS_FROM,
        require_stable: request.require_stable,
    };
    let image = call.broker.metadata.image();
    let groups = asked_groups(version, request);
    let plans = groups
        .into_iter()
        .map(|group| plan_group(call, &image, asker.by_id, group));
    let plans: Vec<_> = plans.collect();
    let responder = call.responder;
    // The plans keep names, which are slices of the frame.
    let reservation = call.reservation.take();
    Ok(start(call.broker, async move {
        let groups = join_all(plans.into_iter().map(|plan| fetch_group(&asker, plan))).await;
        let response = responder.response(&response(version, groups));
        drop(reservation);
        response
    }))
}

/// The groups of the request in the shape of version 8.
fn asked_groups(version: i16, request: OffsetFetchRequest) -> Vec<OffsetFetchRequestGroup> {
    if version >= BATCHED_FROM {
        return request.groups;
    }
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter().map(|topic| {
            OffsetFetchRequestTopics::default()
                .with_name(topic.name)
                .with_partition_indexes(topic.partition_indexes)
        });
        topics.collect()
    });
    let group = OffsetFetchRequestGroup::default().with_group_id(request.group_id);
    vec![group.with_topics(topics)]
}

fn plan_group(
    call: &Call<'_>,
    image: &MetadataImage,
    by_id: bool,
    group: OffsetFetchRequestGroup,
) -> GroupPlan {
    let allowed = may(
        call.broker,
        call.context,
        Operation::Describe,
        &group.group_id,
    );
    let mut asked = Vec::new();
    let topics = group.topics.map(|topics| {
        let topics = topics.into_iter().map(|topic| {
            let settled = match machine_topic(call, image, by_id, &topic) {
                Ok(topic) => {
                    asked.push(topic);
                    None
                }
                Err(error) => Some(error),
            };
            TopicPlan {
                name: topic.name.0,
                id: topic.topic_id,
                partitions: topic.partition_indexes,
                settled,
            }
        });
        topics.collect()
    });
    GroupPlan {
        group_id: group.group_id,
        topics,
        asked,
        refused: (!allowed).then_some(ErrorCode::GROUP_AUTHORIZATION_FAILED),
    }
}

/// What the machine is asked about a topic, or what is answered without it.
fn machine_topic(
    call: &Call<'_>,
    image: &MetadataImage,
    by_id: bool,
    topic: &OffsetFetchRequestTopics,
) -> Result<FetchTopic, ErrorCode> {
    let id = by_id.then_some(topic.topic_id);
    let found = find_topic(call, image, Operation::Describe, (topic.name.as_str(), id));
    let (name, topic_id) = match found {
        Ok(found) => (found.name.clone(), Some(found.id)),
        // Offsets may outlive their topic for a moment; that it is gone is no error. Under a
        // name that no topic can have nothing was ever committed.
        Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => (
            TopicName::new(&topic.name).map_err(|_| ErrorCode::NONE)?,
            None,
        ),
        Err(error) => return Err(error),
    };
    let partitions = topic.partition_indexes.iter().copied().map(PartitionIndex);
    Ok(FetchTopic {
        topic: name,
        topic_id,
        partitions: partitions.collect(),
    })
}

async fn fetch_group(asker: &Asker, mut plan: GroupPlan) -> OffsetFetchResponseGroup {
    if let Some(error) = plan.refused {
        return failed(plan, error);
    }
    let asked = std::mem::take(&mut plan.asked);
    let request = Request::FetchOffsets(FetchOffsetsRequest {
        group_id: GroupId::from(plan.group_id.as_str()),
        topics: plan.topics.is_some().then_some(asked),
        require_stable: asker.require_stable,
    });
    let fetched = match ask(&asker.broker, &plan.group_id, request).await {
        Ok(GroupReply::FetchOffsets(fetched)) => fetched,
        Ok(other) => return failed(plan, mismatch(&other)),
        Err(error) => return failed(plan, fetch_error(error)),
    };
    let topics = match plan.topics {
        Some(topics) => named_topics(topics, fetched),
        None => all_topics(asker, fetched),
    };
    OffsetFetchResponseGroup::default()
        .with_group_id(plan.group_id)
        .with_topics(topics)
}

/// Consumers before 3.9 give up for good on an error that they do not expect here; this one
/// makes them look for the coordinator again.
pub(super) fn fetch_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::COORDINATOR_NOT_AVAILABLE => ErrorCode::NOT_COORDINATOR,
        error => error,
    }
}

fn named_topics(
    plans: Vec<TopicPlan>,
    fetched: Vec<FetchedTopic>,
) -> Vec<OffsetFetchResponseTopics> {
    let mut fetched = fetched.into_iter();
    let topics = plans.into_iter().map(|plan| {
        let partitions = match plan.settled {
            Some(error) => same(&plan.partitions, error),
            None => match fetched.next() {
                Some(fetched) => fetched_partitions(fetched),
                None => same(&plan.partitions, ErrorCode::UNKNOWN_SERVER_ERROR),
            },
        };
        OffsetFetchResponseTopics::default()
            .with_name(WireTopic(plan.name))
            .with_topic_id(plan.id)
            .with_partitions(partitions)
    });
    topics.collect()
}

/// Clients see only topics that they may describe, and by id only those that have one. What was
/// committed for a topic that has been deleted since is not told of its successor.
fn all_topics(asker: &Asker, fetched: Vec<FetchedTopic>) -> Vec<OffsetFetchResponseTopics> {
    let image = asker.broker.metadata.image();
    let topics = fetched.into_iter().filter_map(|mut topic| {
        let resource = Resource::topic(topic.topic.as_str());
        let authorizer = &asker.broker.authorizer;
        if !authorizer
            .authorize(&asker.context, Operation::Describe, &resource)
            .is_allowed()
        {
            return None;
        }
        if let Some(current) = image.topic_id(topic.topic.as_str()) {
            topic.keep_those_of(current);
        }
        let id = topic.topic_id;
        if topic.partitions.is_empty() || (asker.by_id && id.is_none()) {
            return None;
        }
        let response = OffsetFetchResponseTopics::default()
            .with_name(wire_topic(topic.topic.as_str()))
            .with_topic_id(id.map_or(Uuid::nil(), |id| Uuid::from_bytes(id.0)));
        Some(response.with_partitions(fetched_partitions(topic)))
    });
    topics.collect()
}

fn fetched_partitions(topic: FetchedTopic) -> Vec<OffsetFetchResponsePartitions> {
    let partitions = topic
        .partitions
        .into_iter()
        .map(|(index, fetched)| match fetched {
            Ok(Some(fetched)) => committed(index.get(), fetched),
            Ok(None) => nothing(index.get(), ErrorCode::NONE),
            Err(error) => nothing(index.get(), errors::group(error)),
        });
    partitions.collect()
}

fn committed(index: i32, fetched: FetchedOffset) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions::default()
        .with_partition_index(index)
        .with_committed_offset(fetched.offset.get())
        .with_committed_leader_epoch(fetched.leader_epoch.map_or(-1, |epoch| epoch.get()))
        .with_metadata(Some(StrBytes::from_string(fetched.metadata)))
}

fn nothing(index: i32, error: ErrorCode) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions::default()
        .with_partition_index(index)
        .with_committed_offset(NO_OFFSET)
        .with_committed_leader_epoch(-1)
        .with_metadata(Some(StrBytes::new()))
        .with_error_code(error.code())
}

fn same(partitions: &[i32], error: ErrorCode) -> Vec<OffsetFetchResponsePartitions> {
    partitions
        .iter()
        .map(|index| nothing(*index, error))
        .collect()
}

/// The group's error, and that same error for each partition asked for: version 1 has no other
/// place for it.
fn failed(plan: GroupPlan, error: ErrorCode) -> OffsetFetchResponseGroup {
    let topics = plan.topics.unwrap_or_default().into_iter().map(|topic| {
        OffsetFetchResponseTopics::default()
            .with_partitions(same(&topic.partitions, error))
            .with_name(WireTopic(topic.name))
            .with_topic_id(topic.id)
    });
    OffsetFetchResponseGroup::default()
        .with_group_id(plan.group_id)
        .with_error_code(error.code())
        .with_topics(topics.collect())
}

/// Puts errors where the version carries them: at the partitions, at the top, at the group.
pub(super) fn response(
    version: i16,
    mut groups: Vec<OffsetFetchResponseGroup>,
) -> OffsetFetchResponse {
    for group in &mut groups {
        if group.error_code != 0 && version >= TOP_LEVEL_ERROR_FROM {
            group.topics.clear();
        }
    }
    if version >= BATCHED_FROM {
        return OffsetFetchResponse::default().with_groups(groups);
    }
    let Some(group) = groups.into_iter().next() else {
        return OffsetFetchResponse::default();
    };
    let topics = group.topics.into_iter().map(|topic| {
        OffsetFetchResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(topic.partitions.into_iter().map(single_partition).collect())
    });
    OffsetFetchResponse::default()
        .with_topics(topics.collect())
        .with_error_code(group.error_code)
}

fn single_partition(partition: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition::default()
        .with_partition_index(partition.partition_index)
        .with_committed_offset(partition.committed_offset)
        .with_committed_leader_epoch(partition.committed_leader_epoch)
        .with_metadata(partition.metadata)
        .with_error_code(partition.error_code)
}
