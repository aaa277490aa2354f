//! The task of a producer: carries out what the accumulator decides.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use highwater_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use highwater_protocol::messages::{
    InitProducerIdRequest, ProduceRequest, ProduceResponse, ProducerId as WireProducerId,
};
use highwater_types::{
    BrokerId, Offset, PartitionIndex, ProducerEpoch, ProducerId, TopicId, TopicName, TopicPartition,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::accumulator::{Accumulator, BatchOutcome, Sendable, Settings, Settled};
use super::queue::Identity;
use super::{Acks, Delivered, ProducerOptions, ProducerRecord, Waiter};
use crate::backoff::random;
use crate::client::wire_topic;
use crate::code::Verdict as _;
use crate::{AutoCreate, Client, ClientError, ErrorCode, Lane, Refusal, Target};

/// What callers ask of the task.
pub(super) enum Command {
    Append {
        partition: TopicPartition,
        record: ProducerRecord,
        timestamp_ms: i64,
        waiter: Waiter,
    },
    Flush(oneshot::Sender<()>),
}

/// What an asynchronous piece of work came to.
enum Done {
    Sent {
        leader: BrokerId,
        outcomes: Vec<(TopicPartition, u64, BatchOutcome)>,
    },
    Identity(Result<Identity, ClientError>),
    Metadata,
}

type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Requests in flight to one broker.
const IN_FLIGHT_PER_BROKER_MAX: usize = 5;
/// From here on topics go by id.
const PRODUCE_BY_ID: i16 = 13;
/// How soon to look again when something cannot be sent for want of a leader or of room.
const BLOCKED_WAIT: Duration = Duration::from_millis(10);

pub(super) struct Driver {
    client: Client,
    acks: Acks,
    request_bytes_max: usize,
    commands: mpsc::Receiver<Command>,
    machine: Accumulator<Waiter>,
    work: FuturesUnordered<Work>,
    in_flight: HashMap<BrokerId, usize>,
    asks_identity: bool,
    asks_metadata: bool,
    flushes: Vec<oneshot::Sender<()>>,
    started: Instant,
}

impl Driver {
    pub(super) fn new(
        client: Client,
        options: &ProducerOptions,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        let settings = Settings::new(options, client.options().backoff);
        Self {
            client,
            acks: options.acks,
            request_bytes_max: options.request_bytes_max,
            commands,
            machine: Accumulator::new(settings),
            work: FuturesUnordered::new(),
            in_flight: HashMap::new(),
            asks_identity: false,
            asks_metadata: false,
            flushes: Vec::new(),
            started: Instant::now(),
        }
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    pub(super) async fn run(mut self) {
        let mut open = true;
        loop {
            let blocked = self.pump();
            if self.machine.is_empty() {
                for flush in self.flushes.drain(..) {
                    let _ = flush.send(());
                }
                if !open {
                    return;
                }
            }
            let wake_at_ms = self.machine.wake_at_ms();
            let mut wake = wake_at_ms.map(|ms| self.started + Duration::from_millis(ms));
            if blocked {
                wake = wake.map(|wake| wake.max(Instant::now() + BLOCKED_WAIT));
            }
            let sleep = async {
                match wake {
                    Some(wake) => sleep_until(wake).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = self.commands.recv(), if open => match command {
                    Some(command) => self.accept(command),
                    None => {
                        open = false;
                        self.machine.flush();
                    }
                },
                Some(done) = self.work.next() => self.finish(done),
                () = sleep => {}
            }
            // One pass over the partitions serves all that has come meanwhile.
            while let Ok(command) = self.commands.try_recv() {
                self.accept(command);
            }
        }
    }

    fn accept(&mut self, command: Command) {
        match command {
            Command::Append {
                partition,
                record,
                timestamp_ms,
                waiter,
            } => {
                let now_ms = self.now_ms();
                let refused = self
                    .machine
                    .append(now_ms, partition, &record, timestamp_ms, waiter);
                refused.into_iter().for_each(settle);
            }
            Command::Flush(sender) => {
                self.flushes.push(sender);
                self.machine.flush();
            }
        }
    }

    /// Starts whatever can be started; whether something could not for want of a leader or of
    /// room in flight.
    fn pump(&mut self) -> bool {
        let now_ms = self.now_ms();
        self.machine.expire(now_ms).into_iter().for_each(settle);
        if self.machine.wants_identity() && !self.asks_identity {
            self.asks_identity = true;
            self.work.push(Box::pin(ask_identity(self.client.clone())));
        }
        let leaderless: BTreeSet<_> = self
            .machine
            .partitions()
            .filter(|partition| self.client.cached_leader(partition).is_none())
            .map(|partition| partition.topic.clone())
            .collect();
        let mut blocked = self.asks_identity || !leaderless.is_empty();
        if !leaderless.is_empty() && !self.asks_metadata {
            self.asks_metadata = true;
            self.work
                .push(Box::pin(ask_metadata(self.client.clone(), leaderless)));
        }
        loop {
            let in_flight = &self.in_flight;
            let full = |leader: BrokerId| {
                in_flight
                    .get(&leader)
                    .is_some_and(|n| *n >= IN_FLIGHT_PER_BROKER_MAX)
            };
            let client = &self.client;
            let can_send = |partition: &TopicPartition| {
                client
                    .cached_leader(partition)
                    .is_some_and(|(leader, _)| !full(leader))
            };
            let mut settled = Vec::new();
            let ready = self.machine.ready(now_ms, can_send, &mut settled);
            settled.into_iter().for_each(settle);
            if ready.is_empty() {
                break;
            }
            self.send(ready);
        }
        blocked |= self
            .in_flight
            .values()
            .any(|n| *n >= IN_FLIGHT_PER_BROKER_MAX);
        blocked
    }

    /// One request per leader, or more where they would grow too large.
    fn send(&mut self, ready: Vec<Sendable>) {
        let mut by_leader: BTreeMap<BrokerId, Vec<(Sendable, TopicId)>> = BTreeMap::new();
        for sendable in ready {
            match self.client.cached_leader(&sendable.partition) {
                Some((leader, id)) => by_leader.entry(leader).or_default().push((sendable, id)),
                None => {
                    let unknown = Refusal::from(ErrorCode::LEADER_NOT_AVAILABLE);
                    let outcome = BatchOutcome::Refused(unknown);
                    self.complete(&sendable.partition, sendable.ordinal, outcome);
                }
            }
        }
        for (leader, batches) in by_leader {
            let mut request = Vec::new();
            let mut bytes = 0;
            for (sendable, id) in batches {
                if bytes > 0 && bytes + sendable.bytes.len() > self.request_bytes_max {
                    self.start_request(leader, std::mem::take(&mut request));
                    bytes = 0;
                }
                bytes += sendable.bytes.len();
                request.push((sendable, id));
            }
            self.start_request(leader, request);
        }
    }

    fn start_request(&mut self, leader: BrokerId, batches: Vec<(Sendable, TopicId)>) {
        *self.in_flight.entry(leader).or_default() += 1;
        let client = self.client.clone();
        let acks = self.acks;
        self.work.push(Box::pin(async move {
            let sent = send_request(&client, leader, acks, &batches).await;
            let outcomes = batches.into_iter().map(|(sendable, _)| {
                let outcome = match &sent {
                    Ok(answers) => answers
                        .get(&sendable.partition)
                        .cloned()
                        .unwrap_or_else(|| {
                            BatchOutcome::Lost(ClientError::ConnectionLost {
                                address: format!("broker {leader}"),
                                reason: "the answer leaves a partition out".to_owned(),
                            })
                        }),
                    Err(e) => BatchOutcome::Lost(e.clone()),
                };
                (sendable.partition, sendable.ordinal, outcome)
            });
            Done::Sent {
                leader,
                outcomes: outcomes.collect(),
            }
        }));
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Sent { leader, outcomes } => {
                if let Some(count) = self.in_flight.get_mut(&leader) {
                    *count = count.saturating_sub(1);
                }
                for (partition, ordinal, outcome) in outcomes {
                    self.complete(&partition, ordinal, outcome);
                }
            }
            Done::Identity(outcome) => {
                self.asks_identity = false;
                match outcome {
                    Ok(identity) => self.machine.set_identity(identity),
                    // The next pass asks again, until the records expire.
                    Err(e) => tracing::debug!(error = %e, "no producer id yet"),
                }
            }
            Done::Metadata => self.asks_metadata = false,
        }
    }

    fn complete(&mut self, partition: &TopicPartition, ordinal: u64, outcome: BatchOutcome) {
        let stale = match &outcome {
            BatchOutcome::Refused(refusal) => refusal.code.is_stale_metadata(),
            BatchOutcome::Lost(_) => true,
            BatchOutcome::Appended(_) => false,
        };
        if stale {
            self.client.forget_topic(&partition.topic);
        }
        let now_ms = self.now_ms();
        let settled = self
            .machine
            .complete(now_ms, partition, ordinal, outcome, random());
        settled.into_iter().for_each(settle);
    }
}

fn settle(settled: Settled<Waiter>) {
    let partition = settled.partition.partition;
    for (position, waiter) in settled.waiters.into_iter().enumerate() {
        let outcome = settled.outcome.clone().map(|first| Delivered {
            partition,
            offset: first.map(|first| first + position as i64),
        });
        waiter.tell(outcome);
    }
}

async fn ask_identity(client: Client) -> Done {
    let build = |_| {
        InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id(WireProducerId(ProducerId::NONE.get()))
            .with_producer_epoch(ProducerEpoch::NONE.get())
    };
    let asked = client.ask(&Target::Any, client.deadline(), build, |_, response| {
        ClientError::check("InitProducerId", response.error_code, None)?;
        Ok((
            ProducerId(response.producer_id.0),
            ProducerEpoch(response.producer_epoch),
        ))
    });
    Done::Identity(asked.await)
}

async fn ask_metadata(client: Client, topics: BTreeSet<TopicName>) -> Done {
    let fetched = client.topics(&topics, AutoCreate::Yes).await;
    let leaderless = |t: &crate::TopicMetadata| t.partitions.iter().any(|p| p.leader.is_none());
    let complete = fetched.is_ok_and(|found| {
        topics.iter().all(|name| {
            found
                .get(name)
                .is_some_and(|t| t.code.is_none() && !leaderless(t))
        })
    });
    if !complete {
        // Asked again at once, the broker would only say the same.
        tokio::time::sleep(client.options().backoff.wait(2, random())).await;
    }
    Done::Metadata
}

type Answers = HashMap<TopicPartition, BatchOutcome>;

async fn send_request(
    client: &Client,
    leader: BrokerId,
    acks: Acks,
    batches: &[(Sendable, TopicId)],
) -> Result<Answers, ClientError> {
    let connection = client
        .connection(&Target::Broker(leader), Lane::Produce)
        .await?;
    let by_id = batches.iter().all(|(_, id)| !id.is_zero());
    let version = connection.version::<ProduceRequest>()?;
    let version = if by_id {
        version
    } else {
        version.min(PRODUCE_BY_ID - 1)
    };
    let timeout = client.options().request_timeout;
    let request = request(batches, acks, timeout);
    if acks == Acks::None {
        connection.send_unanswered(version, &request).await?;
        let appended = |(sendable, _): &(Sendable, TopicId)| {
            (sendable.partition.clone(), BatchOutcome::Appended(None))
        };
        return Ok(batches.iter().map(appended).collect());
    }
    // The broker has the same time-out for its replicas; it gets a little longer to say so.
    let limit = timeout + Duration::from_secs(2);
    let response = connection.call(version, &request, limit).await?;
    Ok(answers(&response, batches))
}

fn request(batches: &[(Sendable, TopicId)], acks: Acks, timeout: Duration) -> ProduceRequest {
    let mut topics: BTreeMap<&TopicName, TopicProduceData> = BTreeMap::new();
    for (sendable, id) in batches {
        let name = &sendable.partition.topic;
        let topic = topics.entry(name).or_insert_with(|| {
            TopicProduceData::default()
                .with_name(wire_topic(name))
                .with_topic_id(highwater_protocol::Uuid::from_bytes(id.0))
        });
        let data = PartitionProduceData::default()
            .with_index(sendable.partition.partition.get())
            .with_records(Some(sendable.bytes.clone()));
        topic.partition_data.push(data);
    }
    ProduceRequest::default()
        .with_acks(acks.wire())
        .with_timeout_ms(i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX))
        .with_topic_data(topics.into_values().collect())
}

fn answers(response: &ProduceResponse, batches: &[(Sendable, TopicId)]) -> Answers {
    let by_id: HashMap<TopicId, &TopicName> = batches
        .iter()
        .map(|(sendable, id)| (*id, &sendable.partition.topic))
        .collect();
    let mut answers = HashMap::new();
    for topic in &response.responses {
        let id = TopicId(topic.topic_id.into_bytes());
        let name = match by_id.get(&id) {
            Some(name) if !id.is_zero() => (*name).clone(),
            _ => match TopicName::new(&topic.name) {
                Ok(name) => name,
                Err(_) => continue,
            },
        };
        for p in &topic.partition_responses {
            let first = p.record_errors.first();
            let message = p
                .error_message
                .as_deref()
                .or_else(|| first.and_then(|error| error.batch_index_error_message.as_deref()));
            let outcome = match Refusal::check(p.error_code, message) {
                Ok(()) => {
                    BatchOutcome::Appended((p.base_offset >= 0).then_some(Offset(p.base_offset)))
                }
                Err(refusal) => BatchOutcome::Refused(refusal),
            };
            let partition = TopicPartition::new(name.clone(), PartitionIndex(p.index));
            answers.insert(partition, outcome);
        }
    }
    answers
}
