//! Writing records: batched by partition, idempotent unless told otherwise, in order however
//! often a request has to be sent again.
//!
//! [`accumulator`] decides what is sent when and what an answer means, without a clock or a
//! socket; [`driver`] is the task that carries it out; this file is what callers hold.

mod accumulator;
mod driver;
mod partitioner;
mod queue;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use highwater_records::Compression;
use highwater_types::{Offset, PartitionIndex, TopicName, TopicPartition};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{AutoCreate, Client, ClientError, Deadline, ErrorCode};
use driver::{Command, Driver};
use partitioner::Partitioner;

pub use partitioner::partition_of_key;

/// When a broker answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Never: records may be lost without anyone knowing.
    None,
    /// When the leader has appended.
    Leader,
    /// When all replicas in sync have it.
    All,
}

impl Acks {
    fn wire(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// The settings of a [`Producer`].
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// When a broker answers. An idempotent producer wants [`Acks::All`].
    pub acks: Acks,
    /// Whether brokers recognise a batch that was sent twice.
    pub idempotent: bool,
    /// The codec of batches.
    pub compression: Compression,
    /// Its level, or Kafka's default.
    pub compression_level: Option<i32>,
    /// How long a batch that is not full waits for more records.
    pub linger: Duration,
    /// The size at which a batch is full, before compression.
    pub batch_bytes_max: usize,
    /// What all batches of one request may add up to.
    pub request_bytes_max: usize,
    /// Bytes of records that wait at most; `send` waits beyond that.
    pub buffer_bytes_max: usize,
    /// How long a record may take from `send` to its acknowledgement, retries included.
    pub delivery_timeout: Duration,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotent: true,
            compression: Compression::None,
            compression_level: None,
            linger: Duration::from_millis(5),
            batch_bytes_max: 64 * 1024,
            request_bytes_max: 1024 * 1024,
            buffer_bytes_max: 32 * 1024 * 1024,
            delivery_timeout: Duration::from_secs(120),
        }
    }
}

/// A header of a record; keys may repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// UTF-8 by contract, which nobody checks.
    pub key: Bytes,
    /// The value, if there is one.
    pub value: Option<Bytes>,
}

/// A record to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerRecord {
    /// The topic.
    pub topic: TopicName,
    /// The partition; chosen by key, or spread, if absent.
    pub partition: Option<PartitionIndex>,
    /// The key.
    pub key: Option<Bytes>,
    /// The value; none is a tombstone.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: Vec<RecordHeader>,
    /// Milliseconds since 1970; now, if absent.
    pub timestamp_ms: Option<i64>,
}

impl ProducerRecord {
    /// A record with nothing but a value.
    pub fn new(topic: TopicName, value: impl Into<Bytes>) -> Self {
        Self {
            topic,
            partition: None,
            key: None,
            value: Some(value.into()),
            headers: Vec::new(),
            timestamp_ms: None,
        }
    }

    fn size_bytes(&self) -> usize {
        /// What the format adds to a record at most, beside its headers.
        const OVERHEAD_BYTES: usize = 40;
        let of = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers = self.headers.iter().map(|h| h.key.len() + of(&h.value) + 10);
        OVERHEAD_BYTES + of(&self.key) + of(&self.value) + headers.sum::<usize>()
    }
}

/// Where a record went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The partition.
    pub partition: PartitionIndex,
    /// Its offset; unknown without acknowledgement, and for a batch that a broker recognised
    /// as sent twice without remembering where it put it.
    pub offset: Option<Offset>,
}

/// What becomes of one record: a future that a caller may also drop.
#[derive(Debug)]
pub struct Delivery {
    receiver: oneshot::Receiver<Result<Delivered, ClientError>>,
}

impl Future for Delivery {
    type Output = Result<Delivered, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(context).map(|received| {
            received.unwrap_or_else(|_| Err(ClientError::Closed("the producer stopped".to_owned())))
        })
    }
}

/// Who waits for a record, and the room that it takes until then.
pub(crate) struct Waiter {
    sender: oneshot::Sender<Result<Delivered, ClientError>>,
    _room: OwnedSemaphorePermit,
}

impl Waiter {
    fn tell(self, outcome: Result<Delivered, ClientError>) {
        // A caller that is not interested has dropped its end.
        let _ = self.sender.send(outcome);
    }
}

/// A producer. Dropping it stops its task after what is buffered has been sent.
pub struct Producer {
    client: Client,
    options: ProducerOptions,
    commands: mpsc::Sender<Command>,
    room: Arc<Semaphore>,
    partitioner: Partitioner,
}

/// Commands that wait for the task; more make `send` wait.
const COMMANDS_MAX: usize = 1024;

impl Producer {
    /// Starts a producer on the runtime of the caller.
    pub fn start(client: Client, options: ProducerOptions) -> Result<Self, ClientError> {
        if options.idempotent && options.acks != Acks::All {
            let what = "an idempotent producer needs acknowledgements of all replicas in sync";
            return Err(ClientError::Invalid(what.to_owned()));
        }
        let (commands, queue) = mpsc::channel(COMMANDS_MAX);
        let driver = Driver::new(client.clone(), &options, queue);
        tokio::spawn(driver.run());
        Ok(Self {
            client,
            room: Arc::new(Semaphore::new(options.buffer_bytes_max)),
            partitioner: Partitioner::new(options.batch_bytes_max),
            options,
            commands,
        })
    }

    /// Takes a record, waiting for metadata and for room if need be, and gives the future of
    /// its delivery. Records of one partition are written in the order of these calls.
    pub async fn send(&self, record: ProducerRecord) -> Result<Delivery, ClientError> {
        let deadline = Deadline::after(self.options.delivery_timeout);
        let partition = self.choose_partition(&record, deadline).await?;
        let size_bytes = record.size_bytes();
        if size_bytes > self.options.buffer_bytes_max {
            let what = format!("a record of {size_bytes} bytes does not fit into the buffer");
            return Err(ClientError::Invalid(what));
        }
        let permits = u32::try_from(size_bytes).unwrap_or(u32::MAX);
        let acquired = Arc::clone(&self.room).acquire_many_owned(permits);
        let room = match tokio::time::timeout(deadline.remaining(), acquired).await {
            Ok(Ok(room)) => room,
            Ok(Err(_)) => return Err(stopped()),
            Err(_) => return Err(deadline.error("room in the producer's buffer", None)),
        };
        let (sender, receiver) = oneshot::channel();
        let waiter = Waiter {
            sender,
            _room: room,
        };
        let timestamp_ms = record.timestamp_ms.unwrap_or_else(wall_clock_ms);
        let command = Command::Append {
            partition,
            record,
            timestamp_ms,
            waiter,
        };
        self.commands.send(command).await.map_err(|_| stopped())?;
        Ok(Delivery { receiver })
    }

    /// Waits until nothing is under way any more: all that was sent has been acknowledged or has
    /// failed. Until then batches do not linger.
    pub async fn flush(&self) -> Result<(), ClientError> {
        let (sender, receiver) = oneshot::channel();
        self.commands
            .send(Command::Flush(sender))
            .await
            .map_err(|_| stopped())?;
        receiver.await.map_err(|_| stopped())
    }

    async fn choose_partition(
        &self,
        record: &ProducerRecord,
        deadline: Deadline,
    ) -> Result<TopicPartition, ClientError> {
        let name = &record.topic;
        if let Some(index) = record.partition {
            return Ok(TopicPartition::new(name.clone(), index));
        }
        let names = BTreeSet::from([name.clone()]);
        let count = || async {
            let topics = self.client.topics(&names, AutoCreate::Yes).await?;
            let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            let what = || format!("topic {name}");
            let topic = topics
                .get(name)
                .ok_or_else(|| ClientError::refused(what(), unknown))?;
            ClientError::check(what(), topic.code.code(), None)?;
            Ok(topic.partitions.len())
        };
        let partitions = match self.client.cached_partition_count(name) {
            Some(count) => count,
            None => self.client.retrying("Metadata", deadline, count).await?,
        };
        let index = self.partitioner.choose(record, partitions);
        Ok(TopicPartition::new(name.clone(), index))
    }
}

fn stopped() -> ClientError {
    ClientError::Closed("the producer stopped".to_owned())
}

fn wall_clock_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
