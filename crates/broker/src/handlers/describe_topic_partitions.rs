//! DescribeTopicPartitions: topics page by page (KIP-966).

use highwater_metadata::{MetadataImage, TopicImage};
use highwater_net::Reply;
use highwater_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use highwater_protocol::messages::{
    BrokerId as WireBroker, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_security::{Resource, authorized_operations};
use highwater_types::TopicName;
use uuid::Uuid;

use crate::handlers::wire::{wire_brokers, wire_topic};
use crate::service::Call;

/// Where the page begins, and how much of it is left.
struct Page {
    topic: String,
    partition: i32,
    left: usize,
    next: Option<Cursor>,
}

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DescribeTopicPartitionsRequest = call.decode()?;
    let limit = call
        .broker
        .config()
        .network
        .max_request_partition_size_limit;
    let asked = usize::try_from(request.response_partition_limit)
        .unwrap_or(0)
        .max(1);
    let mut page = Page {
        topic: request
            .cursor
            .as_ref()
            .map(|c| c.topic_name.to_string())
            .unwrap_or_default(),
        partition: request
            .cursor
            .as_ref()
            .map_or(0, |cursor| cursor.partition_index),
        left: asked.min(limit),
        next: None,
    };
    let image = call.broker.metadata.image();
    let mut topics = Vec::new();
    if request.topics.is_empty() {
        for topic in image.topics_from(&page.topic.clone()) {
            if !put(call, &mut page, (&image, topic), &mut topics) {
                break;
            }
        }
    } else {
        let mut names: Vec<_> = request
            .topics
            .iter()
            .map(|topic| topic.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| *name >= page.topic.as_str());
        for name in names {
            let Some(topic) = image.topic(name) else {
                topics.push(unknown(name));
                continue;
            };
            if !put(call, &mut page, (&image, topic), &mut topics) {
                break;
            }
        }
    }
    let response = DescribeTopicPartitionsResponse::default()
        .with_topics(topics)
        .with_next_cursor(page.next);
    Ok(call.reply(&response))
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error = if TopicName::new(name).is_err() {
        ErrorCode::INVALID_TOPIC_EXCEPTION
    } else {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    };
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(wire_topic(name)))
}

/// Puts a topic on the page; false if the page is full.
fn put(
    call: &Call<'_>,
    page: &mut Page,
    (image, topic): (&MetadataImage, &TopicImage),
    out: &mut Vec<DescribeTopicPartitionsResponseTopic>,
) -> bool {
    let name = topic.name.as_str();
    let first = if name == page.topic {
        page.partition
    } else {
        0
    };
    let cursor = |index: i32| {
        Cursor::default()
            .with_topic_name(wire_topic(name))
            .with_partition_index(index)
    };
    if page.left == 0 {
        page.next = Some(cursor(first));
        return false;
    }
    let mut partitions = Vec::new();
    for (index, partition) in topic.partitions().filter(|(index, _)| index.get() >= first) {
        if page.left == 0 {
            page.next = Some(cursor(index.get()));
            break;
        }
        page.left -= 1;
        let (leader, error) = call.broker.known_leader(topic.id, index, partition);
        partitions.push(
            DescribeTopicPartitionsResponsePartition::default()
                .with_error_code(error.code())
                .with_partition_index(index.get())
                .with_leader_id(WireBroker(leader.get()))
                .with_leader_epoch(partition.leader_epoch.get())
                .with_replica_nodes(wire_brokers(&partition.replicas))
                .with_isr_nodes(wire_brokers(&partition.isr))
                .with_offline_replicas(wire_brokers(
                    &call
                        .broker
                        .offline_replicas(image, topic.id, index, partition),
                ))
                .with_eligible_leader_replicas(Some(Vec::new()))
                .with_last_known_elr(Some(Vec::new())),
        );
    }
    let resource = Resource::topic(name);
    out.push(
        DescribeTopicPartitionsResponseTopic::default()
            .with_name(Some(wire_topic(name)))
            .with_topic_id(Uuid::from_bytes(topic.id.0))
            .with_is_internal(topic.name.is_internal())
            .with_partitions(partitions)
            .with_topic_authorized_operations(authorized_operations(
                call.broker.authorizer.as_ref(),
                call.context,
                &resource,
            )),
    );
    page.next.is_none()
}
