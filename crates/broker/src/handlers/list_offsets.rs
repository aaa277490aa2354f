//! ListOffsets: the ends of a log, and offsets by timestamp.

use std::sync::Arc;
use std::time::Duration;

use highwater_net::Reply;
use highwater_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use highwater_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_replication::ReadFrom;
use highwater_types::{LeaderEpoch, Offset};

use crate::broker::Broker;
use crate::data::{AckWait, AllAcked, Partition, PartitionError, Reader};
use crate::handlers::errors::error_code;
use crate::hosting::{Named, in_topic};
use crate::service::Call;

/// Older versions have no place for the leader epoch.
const LEADER_EPOCH_FROM: i16 = 4;
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
/// The first offset on local disks, which without tiered storage is the first of all.
const EARLIEST_LOCAL: i64 = -4;
/// The last offset in tiered storage, of which there is none.
const LATEST_TIERED: i64 = -5;
/// The first offset that is not in tiered storage yet (KIP-1023), which there is none without.
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// How long an answer may wait for the disk.
const LATEST_WAIT_MAX: Duration = Duration::from_secs(1);

struct Found {
    offset: i64,
    timestamp: i64,
    leader_epoch: LeaderEpoch,
}

/// Handles the request. Looking for a timestamp may read a segment, so it is done aside.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: ListOffsetsRequest = call.decode()?;
    let version = call.version();
    let needs_disk = |timestamp: i64| timestamp >= 0 || timestamp == MAX_TIMESTAMP;
    let aside = request
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .any(|partition| needs_disk(partition.timestamp));
    if aside {
        return Ok(call.blocking(move |broker, _| answer(broker, &request, version)));
    }
    let wait = wait_for_latest(call.broker, &request);
    if wait.is_done() {
        return Ok(call.reply(&answer(call.broker, &request, version)));
    }
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    Ok(Reply::Later(Box::pin(async move {
        // Whether or not it has come so far: the answer is what is true then.
        let _ = tokio::time::timeout(LATEST_WAIT_MAX, AllAcked(&wait)).await;
        responder.response(&answer(&broker, &request, version))
    })))
}

/// Waits until everything is on disk that the logs hold now whose latest offset is asked for. Who
/// has just been told that a record was appended, without waiting for the disk (acks=1), would
/// otherwise be shown an end in front of it.
fn wait_for_latest(broker: &Broker, request: &ListOffsetsRequest) -> Arc<AckWait> {
    let wait = AckWait::new();
    for topic in &request.topics {
        let found = broker.hosted_topic(Named::Name(topic.name.as_str()));
        let asked = topic.partitions.iter();
        for asked in asked.filter(|asked| asked.timestamp == LATEST) {
            if let Ok(partition) = in_topic(broker, &found, asked.partition_index) {
                let end = partition.log.log_end();
                if partition.high_watermark() < end {
                    partition.wait_for_ack(end, 0, &wait);
                }
            }
        }
    }
    wait.done();
    wait
}

fn answer(broker: &Broker, request: &ListOffsetsRequest, version: i16) -> ListOffsetsResponse {
    let reader = Reader::of_isolation_level(request.isolation_level);
    let topics = request.topics.iter().map(|topic| {
        let found = broker.hosted_topic(Named::Name(topic.name.as_str()));
        let partitions = topic.partitions.iter().map(|asked| {
            let response =
                ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
            let partition = match in_topic(broker, &found, asked.partition_index) {
                Ok(partition) => partition,
                Err(error) => return response.with_error_code(error.code()),
            };
            let current = LeaderEpoch(asked.current_leader_epoch);
            let found = match is_known(asked.timestamp, version) {
                true => look(&partition, current, asked.timestamp, reader),
                false => Err(ErrorCode::UNSUPPORTED_VERSION),
            };
            match found {
                Ok(found) => {
                    let mut response = response
                        .with_offset(found.offset)
                        .with_timestamp(found.timestamp);
                    if version >= LEADER_EPOCH_FROM {
                        response.leader_epoch = found.leader_epoch.get();
                    }
                    response
                }
                Err(code) => response.with_error_code(code.code()),
            }
        });
        ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

/// Whether a version has this special timestamp.
fn is_known(timestamp: i64, version: i16) -> bool {
    match timestamp {
        LATEST | EARLIEST => true,
        MAX_TIMESTAMP => version >= 7,
        EARLIEST_LOCAL => version >= 8,
        LATEST_TIERED => version >= 9,
        EARLIEST_PENDING_UPLOAD => version >= 11,
        other => other >= 0,
    }
}

fn look(
    partition: &Partition,
    current: LeaderEpoch,
    timestamp: i64,
    reader: Reader,
) -> Result<Found, ErrorCode> {
    let code = |error: PartitionError| {
        let code = error_code(&error);
        tracing::debug!(partition = %partition.name, %error, "ListOffsets failed");
        code
    };
    let current = (current.get() >= 0).then_some(current);
    partition
        .check_fetch(current, ReadFrom::Leader)
        .map_err(code)?;
    let at = |offset: Offset| Found {
        offset: offset.get(),
        timestamp: -1,
        leader_epoch: partition.epoch_at(offset),
    };
    // Only what a consumer may read exists for it.
    let visible = partition.visible_end(reader);
    match timestamp {
        LATEST => Ok(Found {
            leader_epoch: partition.leader_epoch(),
            ..at(visible)
        }),
        EARLIEST | EARLIEST_LOCAL => Ok(at(partition.log.log_start())),
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok(Found {
            offset: -1,
            timestamp: -1,
            leader_epoch: LeaderEpoch::UNKNOWN,
        }),
        MAX_TIMESTAMP => by_time(partition, partition.log.max_timestamp(visible)),
        wanted => by_time(partition, partition.log.find_by_timestamp(wanted, visible)),
    }
}

fn by_time(
    partition: &Partition,
    found: Result<Option<highwater_storage::TimestampedOffset>, highwater_storage::ReadError>,
) -> Result<Found, ErrorCode> {
    let none = Found {
        offset: -1,
        timestamp: -1,
        leader_epoch: LeaderEpoch::UNKNOWN,
    };
    match found {
        Ok(Some(found)) => Ok(Found {
            offset: found.offset.get(),
            timestamp: found.timestamp_ms,
            leader_epoch: partition.epoch_at(found.offset),
        }),
        Ok(None) => Ok(none),
        Err(error) => Err(error_code(&error.into())),
    }
}
