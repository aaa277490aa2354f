//! Produce: validate, append, and answer when the promise of `acks` is kept.
//!
//! Everything that fixes an order happens before the handler returns: the batches are in the
//! log when the next request of the connection is read. What is left is to wait.

use std::sync::Arc;
use std::time::Duration;

use highwater_net::{Reply, Response};
use highwater_protocol::messages::produce_request::TopicProduceData;
use highwater_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use highwater_protocol::messages::{ProduceRequest, ProduceResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_records::BatchHeader;
use highwater_replication::Acks;
use highwater_security::{Operation, RequestContext, Resource};
use highwater_types::{Offset, PartitionIndex, TopicId, TopicPartition};

use crate::broker::Broker;
use crate::data::{AckWait, AllAcked, Partition};
use crate::handlers::append::{AppendDone, AppendFailure, AppendJob, Transaction, append_produced};
use crate::handlers::transactions::verify::{Teller, Unverified, Verified, opener, verify};
use crate::hosting::{HostedTopic, Named};
use crate::service::{Call, Responder};

const TOPIC_IDS_FROM: i16 = 13;
/// From here on the broker tells the coordinator of the partitions of a transaction (KIP-890).
const ADDED_HERE_FROM: i16 = 12;

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
    let produced = Produced {
        broker: call.broker,
        context: call.context,
        version: call.version(),
        request: &request,
        acks,
    };
    if let Some(unverified) = produced.unverified() {
        return Ok(verify_first(call, request, acks, unverified, timeout));
    }
    let answer = produced.append_all(&Verified::new());
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
    Ok(Reply::Later(Box::pin(settle(responder, answer, timeout))))
}

/// The first batch of a transaction on a partition: its coordinator is asked before anything is
/// appended, and later requests of the connection wait until that is done.
fn verify_first(
    call: &mut Call<'_>,
    request: ProduceRequest,
    acks: Option<Acks>,
    unverified: Unverified,
    timeout: Duration,
) -> Reply {
    if acks == Some(Acks::None) {
        tracing::debug!("a transactional producer wants no answers; it is sent away");
        return Reply::Close;
    }
    let (broker, context) = (Arc::clone(call.broker), call.context.clone());
    let (responder, version) = (call.responder, call.version());
    let reservation = call.reservation.take();
    Reply::Aside(Box::pin(async move {
        let verified = verify(&broker, unverified).await;
        let produced = Produced {
            broker: &broker,
            context: &context,
            version,
            request: &request,
            acks,
        };
        let answer = produced.append_all(&verified);
        drop((request, reservation));
        answer.wait.done();
        settle(responder, answer, timeout).await
    }))
}

/// Answers once everything is acknowledged, or when the time is up.
async fn settle(responder: Responder, answer: Answer, timeout: Duration) -> Option<Response> {
    let acked = tokio::time::timeout(timeout, AllAcked(&answer.wait)).await;
    if acked.is_err() {
        return time_out(responder, answer);
    }
    finish(responder, answer)
}

/// A request that is being carried out.
struct Produced<'a> {
    broker: &'a Arc<Broker>,
    context: &'a RequestContext,
    version: i16,
    request: &'a ProduceRequest,
    acks: Option<Acks>,
}

impl Produced<'_> {
    fn find_topic(&self, topic: &TopicProduceData) -> Result<HostedTopic, ErrorCode> {
        find_topic(
            self.broker,
            self.context,
            match self.version {
                TOPIC_IDS_FROM.. => Named::Id(TopicId(*topic.topic_id.as_bytes())),
                _ => Named::Name(topic.name.as_str()),
            },
        )
    }

    /// The partitions on which the transaction of the request is not open yet.
    fn unverified(&self) -> Option<Unverified> {
        let id = self.request.transactional_id.as_ref()?;
        let mut unverified: Option<Unverified> = None;
        for topic in &self.request.topic_data {
            let Ok(found) = self.find_topic(topic) else {
                continue;
            };
            for data in &topic.partition_data {
                let header = data.records.as_deref().map(BatchHeader::parse);
                let partition = found.partition(self.broker, PartitionIndex(data.index));
                let (Some(Ok(header)), Ok(partition)) = (header, partition) else {
                    continue;
                };
                let Some(producer) = opener(&partition, &header) else {
                    continue;
                };
                let asked = unverified.get_or_insert_with(|| Unverified {
                    transactional_id: id.to_string(),
                    producer,
                    teller: match self.version {
                        ADDED_HERE_FROM.. => Teller::Broker,
                        _ => Teller::Client,
                    },
                    partitions: Vec::new(),
                });
                // A request has one producer; what another has sent is refused by its partition.
                if asked.producer == producer {
                    asked.partitions.push(partition);
                }
            }
        }
        unverified
    }

    fn append_all(&self, verified: &Verified) -> Answer {
        let mut answer = Answer {
            topics: Vec::with_capacity(self.request.topic_data.len()),
            waiting: Vec::new(),
            wait: AckWait::new(),
            failed: false,
        };
        for topic in &self.request.topic_data {
            let found = self.find_topic(topic);
            let mut response = TopicProduceResponse::default()
                .with_name(topic.name.clone())
                .with_topic_id(topic.topic_id);
            for data in &topic.partition_data {
                let index = PartitionIndex(data.index);
                let mut partition = PartitionProduceResponse::default().with_index(data.index);
                let outcome = match (&found, self.acks) {
                    (_, None) => Err(AppendFailure::plain(ErrorCode::INVALID_REQUIRED_ACKS)),
                    (Err(error), _) => Err(AppendFailure::plain(*error)),
                    (Ok(topic), Some(acks)) => append_produced(AppendJob {
                        broker: self.broker,
                        topic,
                        index,
                        records: data.records.as_deref(),
                        transaction: self.transaction_of(topic, index, verified),
                        acks,
                        version: self.version,
                    }),
                };
                match outcome {
                    Ok(done) => self.note(&mut answer, &mut partition, &response, &done),
                    Err(failure) => {
                        answer.failed = true;
                        count_failure(self.broker, &found, index);
                        put_failure(&mut partition, failure);
                    }
                }
                response.partition_responses.push(partition);
            }
            answer.topics.push(response);
        }
        answer
    }

    fn transaction_of(
        &self,
        topic: &HostedTopic,
        index: PartitionIndex,
        verified: &Verified,
    ) -> Transaction {
        let Some(id) = &self.request.transactional_id else {
            return Transaction::None;
        };
        let resource = Resource::transactional_id(id.as_str());
        let authorizer = &self.broker.authorizer;
        if !authorizer
            .authorize(self.context, Operation::Write, &resource)
            .is_allowed()
        {
            return Transaction::None;
        }
        if verified.is_empty() {
            return Transaction::Open;
        }
        let name = TopicPartition::new(topic.name().clone(), index);
        let asked = verified.get(&name);
        asked.map_or(Transaction::Open, |asked| Transaction::Asked(*asked))
    }

    /// A partition has taken its records.
    fn note(
        &self,
        answer: &mut Answer,
        partition: &mut PartitionProduceResponse,
        response: &TopicProduceResponse,
        done: &AppendDone,
    ) {
        partition.base_offset = done.base_offset.get();
        partition.log_append_time_ms = done.log_append_time_ms;
        partition.log_start_offset = done.log_start.get();
        if self.acks == Some(Acks::All) && done.partition.high_watermark() < done.needed {
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
}

fn count_failure(broker: &Broker, topic: &Result<HostedTopic, ErrorCode>, index: PartitionIndex) {
    broker.metrics.traffic.produce_failed();
    if let Ok(topic) = topic
        && let Ok(partition) = topic.partition(broker, index)
    {
        partition.traffic.produce_failed();
    }
}

fn find_topic(
    broker: &Broker,
    context: &RequestContext,
    named: Named<'_>,
) -> Result<HostedTopic, ErrorCode> {
    let found = broker.hosted_topic(named)?;
    let resource = Resource::topic(found.name().as_str());
    if !broker
        .authorizer
        .authorize(context, Operation::Write, &resource)
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
