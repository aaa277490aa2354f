//! Fetch: records from the segment files, now or when there are some.
//!
//! What the request asks is resolved once into a [`Plan`]. If too little is there, the plan
//! parks in the watchers of its partitions and is tried again whenever one of them moves, until
//! its time is up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use highwater_net::{FileSource, Piece, Reply, Response};
use highwater_protocol::fetch_response::{
    self, AbortedTransaction, EpochEndOffset, FetchPartition, FetchResponse, FetchTopic,
};
use highwater_protocol::messages::FetchRequest;
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_replication::ReadFrom;
use highwater_types::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use parking_lot::Mutex;

use crate::broker::Broker;
use crate::data::{
    FINAL_EPOCH, FetchSession, FetchWait, INITIAL_EPOCH, LogRange, Partition, PartitionError,
    Reader, SessionPartition, SessionStep, Told, TopicKey, TopicsBy, Woken,
};
use crate::handlers::errors::error_code;
use crate::hosting::{Named, in_topic};
use crate::service::{Call, Responder};

/// Record ranges up to this size are copied into the response: `sendfile` would cost more.
const COPIED_BYTES_MAX: usize = 16 * 1024;
/// From so many segments on those of small ranges are let go while the rest is read: a fetch of
/// thousands of partitions must not hold as many files open.
const COPIED_FROM_FILES: usize = 32;
/// Segments that one answer is sent from at most; the next fetch gets the rest.
const FILES_MAX: usize = 256;
const TOPIC_IDS_FROM: i16 = 13;

/// A fetch, resolved.
struct Plan {
    broker: Arc<Broker>,
    responder: Responder,
    min_bytes: usize,
    max_bytes: usize,
    reader: Reader,
    partitions: Vec<Asked>,
    session: Option<Arc<Mutex<FetchSession>>>,
    /// An incremental answer leaves out what the client knows.
    incremental: bool,
}

struct Asked {
    question: SessionPartition,
    found: Result<Arc<Partition>, ErrorCode>,
}

/// The answers of one attempt, in the order of the plan.
struct Attempt {
    answers: Vec<FetchPartition<LogRange>>,
    bytes: usize,
    failed: bool,
    /// Whether there may be more, and no room for it.
    is_full: bool,
}

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: FetchRequest = call.decode()?;
    let max_wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let plan = match plan(call, &request) {
        Ok(plan) => plan,
        Err(error) => return Ok(answer_error(call.responder, error)),
    };
    if plan.may_need_checking() {
        return Ok(Reply::Later(Box::pin(attempt_aside(plan, max_wait))));
    }
    let attempt = plan.attempt();
    if plan.is_satisfied(&attempt) || max_wait.is_zero() {
        return Ok(plan.respond(attempt).map_or(Reply::Close, Reply::Now));
    }
    Ok(Reply::Later(Box::pin(park(plan, max_wait))))
}

/// What was found on disk at the start is verified before it is first sent, which may take
/// longer than other connections should wait for this thread.
async fn attempt_aside(plan: Plan, max_wait: Duration) -> Option<Response> {
    let tried = tokio::task::spawn_blocking(move || {
        let attempt = plan.attempt();
        (plan, attempt)
    });
    let (plan, attempt) = tried.await.ok()?;
    if plan.is_satisfied(&attempt) || max_wait.is_zero() {
        return plan.respond(attempt);
    }
    park(plan, max_wait).await
}

async fn park(plan: Plan, max_wait: Duration) -> Option<Response> {
    let deadline = tokio::time::Instant::now() + max_wait;
    loop {
        let wait = FetchWait::new();
        for asked in &plan.partitions {
            if let Ok(partition) = &asked.found {
                partition.watch(&wait);
            }
        }
        // Between the last look and the registration something may have come.
        let attempt = plan.attempt();
        if plan.is_satisfied(&attempt) || plan.broker.is_stopping() {
            wait.end();
            return plan.respond(attempt);
        }
        if tokio::time::timeout_at(deadline, Woken(&wait))
            .await
            .is_err()
        {
            let attempt = plan.attempt();
            return plan.respond(attempt);
        }
    }
}

fn answer_error(responder: Responder, error: ErrorCode) -> Reply {
    let response = FetchResponse::<LogRange> {
        throttle_time_ms: 0,
        error_code: error,
        session_id: 0,
        topics: Vec::new(),
        node_endpoints: Vec::new(),
    };
    encode(responder, response).map_or(Reply::Close, Reply::Now)
}

fn questions(request: &FetchRequest) -> Vec<SessionPartition> {
    let mut out = Vec::new();
    for topic in &request.topics {
        let key = TopicKey {
            id: TopicId(*topic.topic_id.as_bytes()),
            // A slice of the frame would keep all of it as long as the session lives.
            name: StrBytes::from_string(topic.topic.to_string()),
        };
        for partition in &topic.partitions {
            out.push(SessionPartition {
                topic: key.clone(),
                partition: PartitionIndex(partition.partition),
                fetch_offset: Offset(partition.fetch_offset),
                max_bytes: partition.partition_max_bytes,
                current_leader_epoch: LeaderEpoch(partition.current_leader_epoch),
                last_fetched_epoch: LeaderEpoch(partition.last_fetched_epoch),
                told: Told::NOTHING,
            });
        }
    }
    out
}

fn plan(call: &Call<'_>, request: &FetchRequest) -> Result<Plan, ErrorCode> {
    let asked = questions(request);
    let topics_by = match call.version() >= TOPIC_IDS_FROM {
        true => TopicsBy::Id,
        false => TopicsBy::Name,
    };
    let now_ms = call.broker.clock.now().mono_ms;
    let sessions = &call.broker.fetch_sessions;
    let (session, incremental) = match request.session_epoch {
        FINAL_EPOCH | INITIAL_EPOCH => {
            if request.session_id != 0 {
                sessions.close(request.session_id);
            }
            let wanted = request.session_epoch == INITIAL_EPOCH && !asked.is_empty();
            let session = wanted.then(|| sessions.open(now_ms, topics_by, &asked));
            (session.flatten(), false)
        }
        epoch => {
            let id = request.session_id;
            let step = SessionStep { id, epoch };
            (Some(sessions.resume(now_ms, step, topics_by)?), true)
        }
    };
    let questions = match &session {
        Some(session) if incremental => {
            let mut session = session.lock();
            for partition in asked {
                if session.upsert(partition).is_err() {
                    // The client names all again, and goes on without a session.
                    sessions.close(request.session_id);
                    return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
                }
            }
            for topic in &request.forgotten_topics_data {
                let key = TopicKey {
                    id: TopicId(*topic.topic_id.as_bytes()),
                    name: topic.topic.0.clone(),
                };
                for index in &topic.partitions {
                    session.forget(key.clone(), PartitionIndex(*index));
                }
            }
            session.question()
        }
        _ => asked,
    };
    // A session of nothing is none, and its slot goes to others.
    let session = session.filter(|session| {
        let is_over = incremental && session.lock().len() == 0;
        if is_over {
            sessions.close(request.session_id);
        }
        !is_over
    });
    let limit = call.broker.config().network.fetch_max_bytes;
    let max_bytes = usize::try_from(request.max_bytes).unwrap_or(0).min(limit);
    Ok(Plan {
        broker: Arc::clone(call.broker),
        responder: call.responder,
        // More than may be sent is not waited for.
        min_bytes: usize::try_from(request.min_bytes)
            .unwrap_or(0)
            .min(max_bytes),
        max_bytes,
        reader: Reader::of_isolation_level(request.isolation_level),
        partitions: resolve(call.broker, questions, topics_by),
        session,
        incremental,
    })
}

fn resolve(broker: &Broker, questions: Vec<SessionPartition>, topics_by: TopicsBy) -> Vec<Asked> {
    let mut topic = Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let mut key: Option<TopicKey> = None;
    let mut out = Vec::with_capacity(questions.len());
    for question in questions {
        if key.as_ref() != Some(&question.topic) {
            topic = broker.hosted_topic(match topics_by {
                TopicsBy::Id => Named::Id(question.topic.id),
                TopicsBy::Name => Named::Name(question.topic.name.as_str()),
            });
            key = Some(question.topic.clone());
        }
        let found = in_topic(broker, &topic, question.partition.get());
        out.push(Asked { question, found });
    }
    out
}

impl Plan {
    fn may_need_checking(&self) -> bool {
        self.partitions.iter().any(|asked| {
            let offset = asked.question.fetch_offset;
            asked
                .found
                .as_ref()
                .is_ok_and(|partition| partition.may_need_checking(offset))
        })
    }

    fn attempt(&self) -> Attempt {
        let mut attempt = Attempt {
            answers: Vec::with_capacity(self.partitions.len()),
            bytes: 0,
            failed: false,
            is_full: false,
        };
        let mut files = 0;
        for asked in &self.partitions {
            let left = match files {
                0..FILES_MAX => self.max_bytes.saturating_sub(attempt.bytes),
                _ => 0,
            };
            let mut answer = self.read(asked, left, attempt.bytes == 0);
            if files >= COPIED_FROM_FILES {
                copy_small(&mut answer);
            }
            let is_file = |piece: &&_| matches!(piece, fetch_response::Piece::File(_));
            files += answer.records.iter().filter(is_file).count();
            attempt.bytes += answer
                .records
                .iter()
                .map(fetch_response::Piece::len)
                .sum::<usize>();
            attempt.failed |= answer.error_code.is_error() || answer.diverging_epoch.is_some();
            attempt.answers.push(answer);
        }
        attempt.is_full = files >= FILES_MAX;
        attempt
    }

    fn is_satisfied(&self, attempt: &Attempt) -> bool {
        attempt.failed
            || attempt.is_full
            || attempt.bytes >= self.min_bytes
            || self.partitions.is_empty()
    }

    /// Reads one partition; the first that has anything gives a whole batch whatever its size.
    fn read(&self, asked: &Asked, left: usize, first: bool) -> FetchPartition<LogRange> {
        let index = asked.question.partition;
        let partition = match &asked.found {
            Ok(partition) => partition,
            Err(error) => return FetchPartition::error(index, *error),
        };
        // The disk may have failed since it was looked up.
        if partition.log.log_dir().is_offline() {
            return FetchPartition::error(index, ErrorCode::KAFKA_STORAGE_ERROR);
        }
        match read_partition(partition, &asked.question, left, first, self.reader) {
            Ok(answer) => answer,
            Err(error) => {
                let code = error_code(&error);
                if !code.is_retriable() && code != ErrorCode::OFFSET_OUT_OF_RANGE {
                    tracing::warn!(
                        partition = %partition.name, offset = %asked.question.fetch_offset,
                        %error, "a fetch failed"
                    );
                }
                FetchPartition::error(index, code)
            }
        }
    }

    fn respond(self, attempt: Attempt) -> Option<Response> {
        let mut topics: Vec<FetchTopic<LogRange>> = Vec::new();
        let mut session = self.session.as_ref().map(|session| session.lock());
        for (asked, mut answer) in self.partitions.iter().zip(attempt.answers) {
            let question = &asked.question;
            count(&self.broker, asked, &answer);
            if let Some(session) = session.as_mut() {
                let told = Told {
                    error: answer.error_code,
                    high_watermark: answer.high_watermark,
                    log_start: answer.log_start_offset,
                };
                let key = (question.topic.clone(), question.partition);
                let is_news = session.tell(&key, told);
                let is_empty = answer.records.is_empty() && answer.diverging_epoch.is_none();
                if self.incremental && !is_news && is_empty {
                    continue;
                }
            }
            copy_small(&mut answer);
            match topics.last_mut() {
                Some(topic)
                    if topic.topic_id == question.topic.id && topic.name == question.topic.name =>
                {
                    topic.partitions.push(answer);
                }
                _ => topics.push(FetchTopic {
                    name: question.topic.name.clone(),
                    topic_id: question.topic.id,
                    partitions: vec![answer],
                }),
            }
        }
        let session_id = session.as_ref().map_or(0, |session| session.id);
        drop(session);
        encode(
            self.responder,
            FetchResponse {
                throttle_time_ms: 0,
                error_code: ErrorCode::NONE,
                session_id,
                topics,
                node_endpoints: Vec::new(),
            },
        )
    }
}

fn count(broker: &Broker, asked: &Asked, answer: &FetchPartition<LogRange>) {
    let partition = asked.found.as_ref().ok();
    let traffics = [
        Some(&broker.metrics.traffic),
        partition.map(|partition| &partition.traffic),
    ];
    for traffic in traffics.into_iter().flatten() {
        if answer.error_code.is_error() {
            traffic.fetch_failed();
        } else {
            traffic.fetched(answer.records.iter().map(fetch_response::Piece::len).sum());
        }
    }
}

fn read_partition(
    partition: &Partition,
    question: &SessionPartition,
    left: usize,
    first: bool,
    reader: Reader,
) -> Result<FetchPartition<LogRange>, PartitionError> {
    let current =
        (question.current_leader_epoch.get() >= 0).then_some(question.current_leader_epoch);
    partition.check_fetch(current, ReadFrom::Leader)?;
    let mut answer = FetchPartition::error(question.partition, ErrorCode::NONE);
    if question.last_fetched_epoch.get() >= 0
        && let Some(end) =
            partition.diverging(question.fetch_offset, question.last_fetched_epoch)?
    {
        answer.diverging_epoch = Some(EpochEndOffset {
            leader_epoch: end.epoch,
            end_offset: end.end,
        });
        return Ok(answer);
    }
    let limit = usize::try_from(question.max_bytes).unwrap_or(0).min(left);
    let read = if limit == 0 && !first {
        partition.look()
    } else {
        partition.read(question.fetch_offset, limit, first, reader)?
    };
    answer.high_watermark = read.high_watermark;
    answer.last_stable_offset = read.last_stable;
    answer.log_start_offset = read.log_start;
    answer.aborted_transactions = (reader == Reader::Committed).then(|| {
        let aborted = read.aborted.iter();
        let to_skip = aborted.map(|transaction| AbortedTransaction {
            producer_id: transaction.producer_id,
            first_offset: transaction.first_offset,
        });
        to_skip.collect()
    });
    answer.records = read
        .range
        .map(fetch_response::Piece::File)
        .into_iter()
        .collect();
    Ok(answer)
}

/// Copies a small range into memory; a short read leaves the file piece, whose sending will
/// end the connection rather than send less than was promised.
fn copy_small(answer: &mut FetchPartition<LogRange>) {
    for piece in &mut answer.records {
        let fetch_response::Piece::File(range) = piece else {
            continue;
        };
        if range.len > COPIED_BYTES_MAX {
            continue;
        }
        if let Ok(buffer) = range.read() {
            *piece = fetch_response::Piece::Bytes(Bytes::from(buffer));
        }
    }
}

impl FileSource for LogRange {
    fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.file.as_fd()
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> std::io::Result<usize> {
        self.file.read_at(buffer, position)
    }
}

fn encode(responder: Responder, response: FetchResponse<LogRange>) -> Option<Response> {
    let encoded = fetch_response::encode(responder.api_version, responder.correlation_id, response);
    let pieces = match encoded {
        Ok(pieces) => pieces,
        Err(error) => {
            tracing::error!(%error, "a fetch response could not be encoded");
            return None;
        }
    };
    let pieces = pieces.into_iter().map(|piece| match piece {
        fetch_response::Piece::Bytes(bytes) => Piece::Bytes(bytes),
        fetch_response::Piece::File(range) => Piece::File {
            position: range.position,
            len: range.len,
            source: Box::new(range),
        },
    });
    Some(Response {
        pieces: pieces.collect(),
    })
}
