//! DeleteRecords: moves the start of logs forward.

use highwater_net::Reply;
use highwater_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use highwater_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_types::{Offset, PartitionIndex, TopicName};

use crate::broker::Broker;
use crate::handlers::errors::error_code;
use crate::hosting::Named;
use crate::service::Call;

/// Stands for the high watermark.
const TO_HIGH_WATERMARK: i64 = -1;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DeleteRecordsRequest = call.decode()?;
    Ok(call.blocking(move |broker, _| {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let index = PartitionIndex(asked.partition_index);
                let outcome = delete(broker, topic.name.as_str(), index, asked.offset);
                let (low_watermark, error) = match outcome {
                    Ok(low_watermark) => (low_watermark.get(), ErrorCode::NONE),
                    Err(error) => (-1, error),
                };
                DeleteRecordsPartitionResult::default()
                    .with_partition_index(asked.partition_index)
                    .with_low_watermark(low_watermark)
                    .with_error_code(error.code())
            });
            DeleteRecordsTopicResult::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        DeleteRecordsResponse::default().with_topics(topics.collect())
    }))
}

fn delete(
    broker: &Broker,
    name: &str,
    index: PartitionIndex,
    before: i64,
) -> Result<Offset, ErrorCode> {
    if TopicName::new(name).is_ok_and(|name| name.is_internal()) {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    let topic = broker.hosted_topic(Named::Name(name))?;
    let partition = topic.partition(broker, index)?;
    let config = partition.config();
    if config.cleanup_policy.compact && !config.cleanup_policy.delete {
        return Err(ErrorCode::POLICY_VIOLATION);
    }
    let before = (before != TO_HIGH_WATERMARK).then_some(Offset(before));
    partition.delete_records(before).map_err(|error| {
        tracing::info!(partition = %partition.name, %error, "DeleteRecords was refused");
        error_code(&error)
    })
}
