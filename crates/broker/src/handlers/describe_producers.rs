//! DescribeProducers: the idempotent producers that a partition remembers.

use highwater_net::Reply;
use highwater_protocol::DecodeError;
use highwater_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use highwater_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse, ProducerId as WireProducer,
};

use crate::hosting::{Named, in_topic};
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DescribeProducersRequest = call.decode()?;
    let broker = call.broker;
    let topics = request.topics.iter().map(|topic| {
        let found = broker.hosted_topic(Named::Name(topic.name.as_str()));
        let partitions = topic.partition_indexes.iter().map(|index| {
            let response = PartitionResponse::default().with_partition_index(*index);
            let partition = match in_topic(broker, &found, *index) {
                Ok(partition) => partition,
                Err(error) => return response.with_error_code(error.code()),
            };
            let producers = partition.log.producers().into_iter().map(|producer| {
                ProducerState::default()
                    .with_producer_id(WireProducer(producer.producer_id.get()))
                    .with_producer_epoch(i32::from(producer.producer_epoch.get()))
                    .with_last_sequence(producer.last_sequence)
                    .with_last_timestamp(producer.last_timestamp_ms)
                    .with_coordinator_epoch(producer.coordinator_epoch)
                    .with_current_txn_start_offset(
                        producer.transaction_start.map_or(-1, |offset| offset.get()),
                    )
            });
            response.with_active_producers(producers.collect())
        });
        TopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    let response = DescribeProducersResponse::default().with_topics(topics.collect());
    Ok(call.reply(&response))
}
