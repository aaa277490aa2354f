//! Produce: validate, append, and answer when the promise of `acks` is kept.
//!
//! Everything that fixes an order happens before the handler returns: the batches are in the
//! log when the next request of the connection is read. What is left is to wait.

use std::sync::Arc;
use std::time::Duration;

use highwater_net::{Reply, Response};
use highwater_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use highwater_protocol::messages::{ProduceRequest, ProduceResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_replication::Acks;
use highwater_security::{Operation, Resource};
use highwater_types::{Offset, PartitionIndex, TopicId};

use crate::broker::Broker;
use crate::data::{AckWait, AllAcked, Partition};
use crate::handlers::append::{AppendFailure, AppendJob, append_produced};
use crate::hosting::{HostedTopic, Named};
use crate::service::{Call, Responder};

const TOPIC_IDS_FROM: i16 = 13;

/// One partition of the answer, and where it stands in it.
struct Slot {
    topic: usize,
    partition: usize,
    waits_on: Arc<Partition>,
    needed: Offset,
}

struct Answer {
    topics: Vec<TopicProduceResponse>,
    /// Those that wait, by the number under which they were registered.
    waiting: Vec<Slot>,
    wait: Arc<AckWait>,
    failed: bool,
}

/// How long a request may wait for the disk of this broker, whatever it says. The time it brings is
/// for the followers; where the leader is alone Kafka never lets it pass, and a producer that is
/// told so writes the same records again.
const FLUSH_TIME: Duration = Duration::from_secs(5);

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: ProduceRequest = call.decode()?;
    let acks = match request.acks {
        0 => Some(Acks::None),
        1 => Some(Acks::Leader),
        -1 => Some(Acks::All),
        _ => None,
    };
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let timeout = timeout.max(FLUSH_TIME);
    let answer = append_all(call, &request, acks);
    drop(request);
    call.reservation = None;
    let responder = call.responder;
    if acks == Some(Acks::None) {
        // A producer that wants no answer learns of an error by losing its connection.
        return Ok(if answer.failed {
            Reply::Close
        } else {
            Reply::Nothing
        });
    }
    answer.wait.done();
    if answer.wait.is_done() {
        return Ok(finish(responder, answer).map_or(Reply::Close, Reply::Now));
    }
    Ok(Reply::Later(Box::pin(async move {
        let acked = tokio::time::timeout(timeout, AllAcked(&answer.wait)).await;
        if acked.is_err() {
            return time_out(responder, answer);
        }
        finish(responder, answer)
    })))
}

fn append_all(call: &Call<'_>, request: &ProduceRequest, acks: Option<Acks>) -> Answer {
    let mut answer = Answer {
        topics: Vec::with_capacity(request.topic_data.len()),
        waiting: Vec::new(),
        wait: AckWait::new(),
        failed: false,
    };
    let by_id = call.version() >= TOPIC_IDS_FROM;
    for topic in &request.topic_data {
        let named = if by_id {
            Named::Id(TopicId(*topic.topic_id.as_bytes()))
        } else {
            Named::Name(topic.name.as_str())
        };
        let found = find_topic(call, named);
        let mut response = TopicProduceResponse::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic.topic_id);
        for data in &topic.partition_data {
            let index = PartitionIndex(data.index);
            let mut partition = PartitionProduceResponse::default().with_index(data.index);
            let outcome = match (&found, acks) {
                (_, None) => Err(AppendFailure::plain(ErrorCode::INVALID_REQUIRED_ACKS)),
                (Err(error), _) => Err(AppendFailure::plain(*error)),
                (Ok(topic), Some(acks)) => append_produced(AppendJob {
                    broker: call.broker,
                    topic,
                    index,
                    records: data.records.as_deref(),
                    transactional: request.transactional_id.is_some(),
                    acks,
                    version: call.version(),
                }),
            };
            match outcome {
                Ok(done) => {
                    partition.base_offset = done.base_offset.get();
                    partition.log_append_time_ms = done.log_append_time_ms;
                    partition.log_start_offset = done.log_start.get();
                    if acks == Some(Acks::All) && done.partition.high_watermark() < done.needed {
                        let slot = answer.waiting.len();
                        answer.waiting.push(Slot {
                            topic: answer.topics.len(),
                            partition: response.partition_responses.len(),
                            waits_on: Arc::clone(&done.partition),
                            needed: done.needed,
                        });
                        done.partition.wait_for_ack(done.needed, slot, &answer.wait);
                    }
                }
                Err(failure) => {
                    answer.failed = true;
                    count_failure(call.broker, &found, index);
                    put_failure(&mut partition, failure);
                }
            }
            response.partition_responses.push(partition);
        }
        answer.topics.push(response);
    }
    answer
}

fn count_failure(broker: &Broker, topic: &Result<HostedTopic, ErrorCode>, index: PartitionIndex) {
    broker.metrics.traffic.produce_failed();
    if let Ok(topic) = topic
        && let Ok(partition) = topic.partition(broker, index)
    {
        partition.traffic.produce_failed();
    }
}

fn find_topic(call: &Call<'_>, named: Named<'_>) -> Result<HostedTopic, ErrorCode> {
    let broker: &Broker = call.broker;
    let found = broker.hosted_topic(named)?;
    let resource = Resource::topic(found.name().as_str());
    if !broker
        .authorizer
        .authorize(call.context, Operation::Write, &resource)
        .is_allowed()
    {
        return Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    }
    if found.name().is_internal() {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    Ok(found)
}

fn put_failure(partition: &mut PartitionProduceResponse, failure: AppendFailure) {
    partition.error_code = failure.error.code();
    partition.base_offset = Offset::UNKNOWN.get();
    partition.log_append_time_ms = -1;
    partition.log_start_offset = failure.log_start.get();
    partition.error_message = failure.message.map(StrBytes::from_string);
    partition.record_errors = failure
        .record_errors
        .into_iter()
        .map(|(index, message)| {
            BatchIndexAndErrorMessage::default()
                .with_batch_index(index)
                .with_batch_index_error_message(Some(StrBytes::from_string(message)))
        })
        .collect();
}

fn finish(responder: Responder, mut answer: Answer) -> Option<Response> {
    for (slot, error) in answer.wait.failures() {
        fail_slot(&mut answer, slot, error);
    }
    responder.response(&ProduceResponse::default().with_responses(answer.topics))
}

/// What is still not committed when the time is up is answered as such: it is in the log and
/// may yet be committed.
fn time_out(responder: Responder, mut answer: Answer) -> Option<Response> {
    for slot in 0..answer.waiting.len() {
        let late = |slot: &Slot| slot.waits_on.high_watermark() < slot.needed;
        if answer.waiting.get(slot).is_some_and(late) {
            fail_slot(&mut answer, slot, ErrorCode::REQUEST_TIMED_OUT);
        }
    }
    finish(responder, answer)
}

fn fail_slot(answer: &mut Answer, slot: usize, error: ErrorCode) {
    let Some(Slot {
        topic, partition, ..
    }) = answer.waiting.get(slot)
    else {
        return;
    };
    let partition = answer
        .topics
        .get_mut(*topic)
        .and_then(|topic| topic.partition_responses.get_mut(*partition));
    if let Some(partition) = partition {
        put_failure(partition, AppendFailure::plain(error));
    }
}
