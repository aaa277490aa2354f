//! CreateTopics.

use highwater_metadata::{CreateTopicError, CreatedTopic, Mode, NewTopic};
use highwater_net::Reply;
use highwater_protocol::messages::create_topics_request::CreatableTopic;
use highwater_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use highwater_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_types::PartitionIndex;
use uuid::Uuid;

use crate::broker::{Broker, random_id};
use crate::handlers::errors;
use crate::handlers::wire::{brokers, mode};
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: CreateTopicsRequest = call.decode()?;
    Ok(call.blocking(move |broker, _| {
        let wanted: Vec<_> = request.topics.iter().map(new_topic).collect();
        let mode = mode(request.validate_only);
        let start = broker.next_placement();
        let submitted = broker.decide(|controller| {
            let mut ids = std::iter::repeat_with(random_id);
            controller.create_topics(&wanted, &mut ids, start, mode)
        });
        let topics = match submitted {
            Ok(done) => request
                .topics
                .iter()
                .zip(done)
                .map(|(topic, outcome)| result(broker, topic, outcome, mode))
                .collect(),
            Err(error) => {
                tracing::error!(%error, "topics could not be created");
                request.topics.iter().map(storage_error).collect()
            }
        };
        CreateTopicsResponse::default().with_topics(topics)
    }))
}

fn new_topic(topic: &CreatableTopic) -> NewTopic {
    NewTopic {
        name: topic.name.to_string(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: topic
            .assignments
            .iter()
            .map(|assignment| {
                let index = PartitionIndex(assignment.partition_index);
                (index, brokers(&assignment.broker_ids))
            })
            .collect(),
        configs: topic
            .configs
            .iter()
            .map(|config| {
                (
                    config.name.to_string(),
                    config.value.as_ref().map(|v| v.to_string()),
                )
            })
            .collect(),
    }
}

fn storage_error(topic: &CreatableTopic) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_name(topic.name.clone())
        .with_error_code(ErrorCode::KAFKA_STORAGE_ERROR.code())
        .with_num_partitions(-1)
        .with_replication_factor(-1)
}

fn result(
    broker: &Broker,
    topic: &CreatableTopic,
    outcome: Result<CreatedTopic, CreateTopicError>,
    mode: Mode,
) -> CreatableTopicResult {
    let response = CreatableTopicResult::default()
        .with_name(topic.name.clone())
        .with_error_message(None);
    let created = match outcome {
        Ok(created) => created,
        Err(error) => {
            return response
                .with_error_code(errors::create_topic(&error).code())
                .with_error_message(Some(StrBytes::from_string(error.to_string())))
                .with_num_partitions(-1)
                .with_replication_factor(-1);
        }
    };
    let overrides = created
        .configs
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    let described = broker.node.load().describe_topic(&overrides);
    let configs = described.into_iter().map(|config| {
        CreatableTopicConfigs::default()
            .with_name(StrBytes::from_string(config.name))
            .with_value(config.value.map(StrBytes::from_string))
            .with_read_only(config.read_only)
            .with_config_source(config.source.wire_code())
            .with_is_sensitive(config.sensitive)
    });
    let id = if mode == Mode::Apply {
        created.id.0
    } else {
        [0; 16]
    };
    response
        .with_topic_id(Uuid::from_bytes(id))
        .with_num_partitions(created.partitions)
        .with_replication_factor(created.replication_factor)
        .with_configs(Some(configs.collect()))
}
