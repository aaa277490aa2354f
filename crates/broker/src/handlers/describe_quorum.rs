//! DescribeQuorum: the metadata log, of which a broker on its own is the only voter.

use highwater_net::Reply;
use highwater_protocol::messages::describe_quorum_response::{
    Listener, Node, PartitionData, ReplicaState, TopicData,
};
use highwater_protocol::messages::{
    BrokerId as WireBroker, DescribeQuorumRequest, DescribeQuorumResponse,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use uuid::Uuid;

use crate::metadata_store::METADATA_TOPIC;
use crate::service::Call;

/// Older versions have no place for nodes and directories.
const NODES_FROM: i16 = 2;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DescribeQuorumRequest = call.decode()?;
    let topics = request.topics.iter().map(|topic| {
        let is_metadata = topic.topic_name.as_str() == METADATA_TOPIC;
        let partitions = topic.partitions.iter().map(|partition| {
            if is_metadata && partition.partition_index == 0 {
                return quorum(call);
            }
            PartitionData::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.code())
        });
        TopicData::default()
            .with_topic_name(topic.topic_name.clone())
            .with_partitions(partitions.collect())
    });
    let mut response = DescribeQuorumResponse::default().with_topics(topics.collect());
    let image = call.broker.metadata.image();
    if call.version() >= NODES_FROM
        && let Some(known) = image.broker(call.broker.id)
    {
        let listeners = known.listeners.iter().map(|listener| {
            Listener::default()
                .with_name(StrBytes::from_string(listener.name.to_string()))
                .with_host(StrBytes::from_string(listener.host.to_string()))
                .with_port(listener.port)
        });
        response.nodes.push(
            Node::default()
                .with_node_id(WireBroker(known.id.get()))
                .with_listeners(listeners.collect()),
        );
    }
    Ok(call.reply(&response))
}

fn quorum(call: &Call<'_>) -> PartitionData {
    let end = call.broker.metadata.offset().get();
    let now_ms = call.broker.clock.now().wall_ms;
    let directory = call
        .broker
        .log_dirs
        .first()
        .map_or([0; 16], |dir| dir.directory_id().0);
    let mut voter = ReplicaState::default()
        .with_replica_id(WireBroker(call.broker.id.get()))
        .with_log_end_offset(end)
        .with_last_fetch_timestamp(now_ms)
        .with_last_caught_up_timestamp(now_ms);
    if call.version() >= NODES_FROM {
        voter.replica_directory_id = Uuid::from_bytes(directory);
    }
    PartitionData::default()
        .with_partition_index(0)
        .with_leader_id(WireBroker(call.broker.id.get()))
        .with_leader_epoch(1)
        .with_high_watermark(end)
        .with_current_voters(vec![voter])
}
