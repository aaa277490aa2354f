//! The Produce response, written by hand: it answers the most frequent request, and needs one
//! pass and no message in between.

use bytes::{BufMut, BytesMut};
use highwater_types::{Offset, PartitionIndex, TopicId};
use kafka_protocol::protocol::StrBytes;

use crate::ErrorCode;
use crate::frame::EncodeError;
use crate::wire::{ResponseWriter, put_current_leader};

pub use crate::wire::{LeaderIdAndEpoch, NodeEndpoint};

const API_KEY: i16 = 0;
const FLEXIBLE_MIN: i16 = 9;
const VERSIONS: std::ops::RangeInclusive<i16> = 3..=13;

/// A whole response. Fields that a version does not have are left out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProduceResponse {
    /// The topics of the request.
    pub topics: Vec<ProduceTopic>,
    /// How long the client is held back for its quota.
    pub throttle_time_ms: i32,
    /// Where the leaders named in `current_leader` are found (from version 10).
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// One topic of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceTopic {
    /// The name, as the request wrote it (to version 12).
    pub name: StrBytes,
    /// The id (from version 13).
    pub topic_id: TopicId,
    /// The partitions.
    pub partitions: Vec<ProducePartition>,
}

/// One partition of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducePartition {
    /// Which partition.
    pub partition_index: PartitionIndex,
    /// What is wrong with the partition.
    pub error_code: ErrorCode,
    /// The offset of the first record; −1 if none was appended.
    pub base_offset: Offset,
    /// When the broker appended the records, if the topic stamps them so; else −1.
    pub log_append_time_ms: i64,
    /// The first offset of the log; −1 if unknown (from version 5).
    pub log_start_offset: Offset,
    /// The records for which the batch was refused (from version 8).
    pub record_errors: Vec<RecordError>,
    /// Why the batch was refused (from version 8).
    pub error_message: Option<StrBytes>,
    /// Who leads instead (from version 10).
    pub current_leader: Option<LeaderIdAndEpoch>,
}

impl ProducePartition {
    /// A partition to which nothing was appended.
    pub fn error(partition_index: PartitionIndex, error_code: ErrorCode) -> Self {
        Self {
            partition_index,
            error_code,
            base_offset: Offset::UNKNOWN,
            log_append_time_ms: -1,
            log_start_offset: Offset::UNKNOWN,
            record_errors: Vec::new(),
            error_message: None,
            current_leader: None,
        }
    }
}

/// A record that broke a rule (KIP-467).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// The position of the record in its batch.
    pub batch_index: i32,
    /// Which rule.
    pub message: Option<StrBytes>,
}

/// Appends a whole response frame. On an error `out` is as it was.
pub fn encode(
    api_version: i16,
    correlation_id: i32,
    response: &ProduceResponse,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let start = out.len();
    let mut writer = ResponseWriter::new(out, (API_KEY, api_version), FLEXIBLE_MIN, correlation_id);
    let written = put_response(&mut writer, response).and_then(|()| writer.finish(0));
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn put_response(
    writer: &mut ResponseWriter<'_>,
    response: &ProduceResponse,
) -> Result<(), EncodeError> {
    if !VERSIONS.contains(&writer.api_version) {
        return Err(writer.failure("the version is not served"));
    }
    writer.count(response.topics.len())?;
    for topic in &response.topics {
        if writer.api_version >= 13 {
            writer.out.put_slice(&topic.topic_id.0);
        } else {
            writer.text(&topic.name)?;
        }
        writer.count(topic.partitions.len())?;
        for partition in &topic.partitions {
            put_partition(writer, partition)?;
        }
        writer.no_tags();
    }
    writer.out.put_i32(response.throttle_time_ms);
    let said = if writer.api_version >= 10 {
        response.node_endpoints.as_slice()
    } else {
        &[]
    };
    writer.node_endpoints(said)
}

fn put_partition(
    writer: &mut ResponseWriter<'_>,
    partition: &ProducePartition,
) -> Result<(), EncodeError> {
    writer.out.put_i32(partition.partition_index.get());
    writer.out.put_i16(partition.error_code.code());
    writer.out.put_i64(partition.base_offset.get());
    writer.out.put_i64(partition.log_append_time_ms);
    if writer.api_version >= 5 {
        writer.out.put_i64(partition.log_start_offset.get());
    }
    if writer.api_version >= 8 {
        writer.count(partition.record_errors.len())?;
        for record in &partition.record_errors {
            writer.out.put_i32(record.batch_index);
            writer.nullable_text(record.message.as_deref())?;
            writer.no_tags();
        }
        writer.nullable_text(partition.error_message.as_deref())?;
    }
    match partition.current_leader {
        Some(leader) if writer.api_version >= 10 => {
            writer.out.put_u8(1);
            put_current_leader(writer.out, 0, leader);
        }
        _ => writer.no_tags(),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
