//! DeleteTopics, by name or by id.

use highwater_metadata::{DeleteTopicError, DeletedTopic, TopicRef};
use highwater_net::Reply;
use highwater_protocol::messages::delete_topics_response::DeletableTopicResult;
use highwater_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_types::TopicId;
use uuid::Uuid;

use crate::handlers::errors;
use crate::handlers::wire::wire_topic;
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DeleteTopicsRequest = call.decode()?;
    let named = request
        .topic_names
        .iter()
        .map(|name| TopicRef::Name(name.to_string()));
    let listed = request.topics.iter().map(|topic| match &topic.name {
        Some(name) => TopicRef::Name(name.to_string()),
        None => TopicRef::Id(TopicId(*topic.topic_id.as_bytes())),
    });
    let wanted: Vec<_> = named.chain(listed).collect();
    if !call.broker.config().log.delete_topic_enable {
        let responses = wanted
            .iter()
            .map(|topic| failed(topic, ErrorCode::TOPIC_DELETION_DISABLED, None));
        let response = DeleteTopicsResponse::default().with_responses(responses.collect());
        return Ok(call.reply(&response));
    }
    Ok(call.blocking(move |broker, _| {
        let responses = match broker.decide(|controller| controller.delete_topics(&wanted)) {
            Ok(done) => wanted
                .iter()
                .zip(done)
                .map(|(topic, done)| result(topic, done))
                .collect(),
            Err(error) => {
                tracing::error!(%error, "topics could not be deleted");
                let code = ErrorCode::KAFKA_STORAGE_ERROR;
                wanted
                    .iter()
                    .map(|topic| failed(topic, code, None))
                    .collect()
            }
        };
        DeleteTopicsResponse::default().with_responses(responses)
    }))
}

fn result(
    topic: &TopicRef,
    outcome: Result<DeletedTopic, DeleteTopicError>,
) -> DeletableTopicResult {
    match outcome {
        Ok(deleted) => DeletableTopicResult::default()
            .with_name(Some(wire_topic(deleted.name.as_str())))
            .with_topic_id(Uuid::from_bytes(deleted.id.0)),
        Err(error) => failed(topic, errors::delete_topic(&error), Some(error.to_string())),
    }
}

fn failed(topic: &TopicRef, error: ErrorCode, message: Option<String>) -> DeletableTopicResult {
    let response = DeletableTopicResult::default()
        .with_error_code(error.code())
        .with_error_message(message.map(StrBytes::from_string));
    match topic {
        TopicRef::Name(name) => response.with_name(Some(wire_topic(name))),
        TopicRef::Id(id) => response
            .with_name(None)
            .with_topic_id(Uuid::from_bytes(id.0)),
    }
}
