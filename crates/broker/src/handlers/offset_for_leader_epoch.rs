//! OffsetForLeaderEpoch: where an epoch ends, so that a client notices a truncation (KIP-320).

use highwater_net::Reply;
use highwater_protocol::DecodeError;
use highwater_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use highwater_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use highwater_types::LeaderEpoch;

use crate::handlers::errors::error_code;
use crate::hosting::{Named, in_topic};
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: OffsetForLeaderEpochRequest = call.decode()?;
    let broker = call.broker;
    let topics = request.topics.iter().map(|topic| {
        let found = broker.hosted_topic(Named::Name(topic.topic.as_str()));
        let partitions = topic.partitions.iter().map(|asked| {
            let response = EpochEndOffset::default().with_partition(asked.partition);
            let partition = match in_topic(broker, &found, asked.partition) {
                Ok(partition) => partition,
                Err(error) => return response.with_error_code(error.code()),
            };
            let current = LeaderEpoch(asked.current_leader_epoch);
            let current = (current.get() >= 0).then_some(current);
            match partition.end_offset_for(LeaderEpoch(asked.leader_epoch), current) {
                Ok(end) => response
                    .with_leader_epoch(end.epoch.get())
                    .with_end_offset(end.end.get()),
                Err(error) => response.with_error_code(error_code(&error).code()),
            }
        });
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic.clone())
            .with_partitions(partitions.collect())
    });
    let response = OffsetForLeaderEpochResponse::default().with_topics(topics.collect());
    Ok(call.reply(&response))
}
