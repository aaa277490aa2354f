//! One fetch from one leader, and the records in its answer.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use highwater_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use highwater_protocol::messages::fetch_response::PartitionData;
use highwater_protocol::messages::{FetchRequest, FetchResponse};
use highwater_records::{BatchView, BatchesError, ControlType, RecordView, Scratch, batches};
use highwater_types::limits::DECOMPRESSED_BATCH_BYTES_MAX;
use highwater_types::{BrokerId, Offset, PartitionIndex, TopicId, TopicName, TopicPartition};

use super::{ConsumedRecord, ConsumerOptions};
use crate::client::wire_topic;
use crate::{Client, ClientError, IsolationLevel, Lane, RecordHeader, Refusal, Target};

/// A marker has a key of 4 and a value of 6 bytes.
const MARKER_BYTES_MAX: usize = 64 * 1024;

/// What to fetch.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) partition: TopicPartition,
    pub(super) topic_id: TopicId,
    pub(super) offset: Offset,
}

/// What came of one partition.
pub(super) struct FetchedData {
    pub(super) records: Vec<ConsumedRecord>,
    /// Where to go on.
    pub(super) next: Offset,
    /// Where reading ends for now.
    pub(super) end: Offset,
}

pub(super) struct FetchedPartition {
    pub(super) partition: TopicPartition,
    /// The offset that was asked for.
    pub(super) offset: Offset,
    pub(super) outcome: Result<FetchedData, Refusal>,
}

/// From here on topics go by id.
const FETCH_BY_ID: i16 = 13;

pub(super) async fn fetch(
    client: &Client,
    options: &ConsumerOptions,
    leader: BrokerId,
    wanted: &[Wanted],
) -> Result<Vec<FetchedPartition>, ClientError> {
    let connection = client
        .connection(&Target::Broker(leader), Lane::Fetch)
        .await?;
    let version = connection.version::<FetchRequest>()?;
    let by_id = wanted.iter().all(|wanted| !wanted.topic_id.is_zero());
    let version = if by_id {
        version
    } else {
        version.min(FETCH_BY_ID - 1)
    };
    let limit = client.options().request_timeout + options.fetch_wait;
    let response = connection
        .call(version, &request(options, wanted), limit)
        .await?;
    ClientError::check("Fetch", response.error_code, None)?;
    // Decompressing may take long; other tasks of the thread get a turn before it.
    tokio::task::yield_now().await;
    decode(options, wanted, response)
}

fn request(options: &ConsumerOptions, wanted: &[Wanted]) -> FetchRequest {
    let mut topics: BTreeMap<&TopicName, FetchTopic> = BTreeMap::new();
    for wanted in wanted {
        let name = &wanted.partition.topic;
        let topic = topics.entry(name).or_insert_with(|| {
            FetchTopic::default()
                .with_topic(wire_topic(name))
                .with_topic_id(highwater_protocol::Uuid::from_bytes(wanted.topic_id.0))
        });
        let partition = FetchPartition::default()
            .with_partition(wanted.partition.partition.get())
            .with_current_leader_epoch(-1)
            .with_fetch_offset(wanted.offset.get())
            .with_partition_max_bytes(options.partition_bytes_max);
        topic.partitions.push(partition);
    }
    let wait_ms = |duration: Duration| i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
    FetchRequest::default()
        .with_max_wait_ms(wait_ms(options.fetch_wait))
        .with_min_bytes(options.fetch_bytes_min)
        .with_max_bytes(options.fetch_bytes_max)
        .with_isolation_level(options.isolation.wire())
        .with_session_id(0)
        .with_session_epoch(-1)
        .with_topics(topics.into_values().collect())
}

fn decode(
    options: &ConsumerOptions,
    wanted: &[Wanted],
    response: FetchResponse,
) -> Result<Vec<FetchedPartition>, ClientError> {
    let offsets: HashMap<_, _> = wanted.iter().map(|w| (&w.partition, w.offset)).collect();
    let names: HashMap<_, _> = wanted
        .iter()
        .map(|w| (w.topic_id, &w.partition.topic))
        .collect();
    let mut fetched = Vec::new();
    for topic in response.responses {
        let id = TopicId(topic.topic_id.into_bytes());
        let name = match names.get(&id) {
            Some(name) if !id.is_zero() => (*name).clone(),
            _ => TopicName::new(&topic.topic)?,
        };
        for data in topic.partitions {
            let partition = TopicPartition::new(name.clone(), PartitionIndex(data.partition_index));
            let Some(offset) = offsets.get(&partition).copied() else {
                continue;
            };
            let outcome = match Refusal::check(data.error_code, None) {
                Ok(()) => Ok(records(options.isolation, &partition, offset, &data)?),
                Err(refusal) => Err(refusal),
            };
            fetched.push(FetchedPartition {
                partition,
                offset,
                outcome,
            });
        }
    }
    Ok(fetched)
}

/// Which producers' records are of no account, as the list of aborted transactions tells.
struct Aborted {
    /// First offset and producer, the last first.
    upcoming: Vec<(i64, i64)>,
    open: HashSet<i64>,
}

impl Aborted {
    fn new(isolation: IsolationLevel, data: &PartitionData) -> Self {
        let mut upcoming: Vec<_> = match (isolation, &data.aborted_transactions) {
            (IsolationLevel::ReadCommitted, Some(aborted)) => aborted
                .iter()
                .map(|a| (a.first_offset, a.producer_id.0))
                .collect(),
            _ => Vec::new(),
        };
        upcoming.sort_unstable_by(|a, b| b.cmp(a));
        Self {
            upcoming,
            open: HashSet::new(),
        }
    }

    /// Whether a batch is to be dropped; control batches always are.
    fn drops(&mut self, batch: &BatchView<'_>, marker: Option<ControlType>) -> bool {
        let last = batch.header.last_offset().get();
        while self
            .upcoming
            .last()
            .is_some_and(|(first, _)| *first <= last)
        {
            self.open
                .extend(self.upcoming.pop().map(|(_, producer)| producer));
        }
        let producer = batch.header.producer_id.get();
        if batch.header.attributes.is_control() {
            if marker == Some(ControlType::Abort) {
                self.open.remove(&producer);
            }
            return true;
        }
        batch.header.attributes.is_transactional() && self.open.contains(&producer)
    }
}

fn records(
    isolation: IsolationLevel,
    partition: &TopicPartition,
    from: Offset,
    data: &PartitionData,
) -> Result<FetchedData, ClientError> {
    let end = match isolation {
        IsolationLevel::ReadCommitted => data.last_stable_offset,
        IsolationLevel::ReadUncommitted => data.high_watermark,
    };
    let bytes = data.records.clone().unwrap_or_default();
    let mut fetched = FetchedData {
        records: Vec::new(),
        next: from,
        end: Offset(end),
    };
    let mut aborted = Aborted::new(isolation, data);
    let mut scratch = Scratch::new();
    for batch in batches(&bytes) {
        let batch = match batch {
            Ok(batch) => batch,
            // A broker cuts the last batch where the limit falls; the next fetch brings it.
            Err(BatchesError::Truncated { .. }) => break,
            Err(e) => return Err(damaged(partition, &e)),
        };
        if !batch.crc_matches() {
            return Err(damaged(
                partition,
                &format!("CRC at {}", batch.header.base_offset),
            ));
        }
        let marker = batch.control_type(&mut scratch, MARKER_BYTES_MAX);
        if !aborted.drops(&batch, marker) {
            let limit_bytes = DECOMPRESSED_BATCH_BYTES_MAX;
            let records = batch.records(&mut scratch, limit_bytes);
            for record in records.map_err(|e| damaged(partition, &e))? {
                let record = record.map_err(|e| damaged(partition, &e))?;
                if record.offset(&batch.header) >= from {
                    fetched.records.push(owned(partition, &batch, &record));
                }
            }
        }
        // What compaction removed at the end of a batch is not asked for again.
        fetched.next = fetched.next.max(batch.header.next_offset());
    }
    Ok(fetched)
}

fn owned(
    partition: &TopicPartition,
    batch: &BatchView<'_>,
    record: &RecordView<'_>,
) -> ConsumedRecord {
    let headers = record.headers.iter().map(|header| RecordHeader {
        key: Bytes::copy_from_slice(header.key),
        value: header.value.map(Bytes::copy_from_slice),
    });
    ConsumedRecord {
        partition: partition.clone(),
        offset: record.offset(&batch.header),
        leader_epoch: batch.header.partition_leader_epoch,
        timestamp_ms: record.timestamp_ms(&batch.header),
        timestamp_type: batch.header.attributes.timestamp_type(),
        key: record.key.map(Bytes::copy_from_slice),
        value: record.value.map(Bytes::copy_from_slice),
        headers: headers.collect(),
    }
}

fn damaged(partition: &TopicPartition, reason: &dyn std::fmt::Display) -> ClientError {
    ClientError::Malformed {
        what: "record batch",
        reason: format!("{partition}: {reason}"),
    }
}

#[cfg(test)]
mod tests;
