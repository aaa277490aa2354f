//! The DescribeLogDirs response of version 5, which the codec does not know.

use bytes::{BufMut, BytesMut};
use kafka_protocol::messages::DescribeLogDirsResponse;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsResult, DescribeLogDirsTopic,
};

use crate::frame::{EncodeError, encode_response};
use crate::wire::ResponseWriter;

const API_KEY: i16 = 35;
const FLEXIBLE_MIN: i16 = 2;
/// From here on a directory says whether it is cordoned (KIP-1066).
const CORDONED_FROM: i16 = 5;

/// Appends a whole response frame in any version. No directory is ever cordoned, which means
/// that it gets no new partitions.
pub fn encode(
    api_version: i16,
    correlation_id: i32,
    response: &DescribeLogDirsResponse,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    if api_version < CORDONED_FROM {
        return encode_response(API_KEY, api_version, correlation_id, response, out);
    }
    let start = out.len();
    let api = (API_KEY, api_version);
    let mut writer = ResponseWriter::new(out, api, FLEXIBLE_MIN, correlation_id);
    let written = put_response(&mut writer, response).and_then(|()| writer.finish(0));
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn put_response(
    writer: &mut ResponseWriter<'_>,
    response: &DescribeLogDirsResponse,
) -> Result<(), EncodeError> {
    if writer.api_version > CORDONED_FROM {
        return Err(writer.failure("the version is not served"));
    }
    writer.out.put_i32(response.throttle_time_ms);
    writer.out.put_i16(response.error_code);
    writer.count(response.results.len())?;
    for result in &response.results {
        put_dir(writer, result)?;
    }
    writer.no_tags();
    Ok(())
}

fn put_dir(
    writer: &mut ResponseWriter<'_>,
    result: &DescribeLogDirsResult,
) -> Result<(), EncodeError> {
    writer.out.put_i16(result.error_code);
    writer.text(&result.log_dir)?;
    writer.count(result.topics.len())?;
    for topic in &result.topics {
        put_topic(writer, topic)?;
    }
    writer.out.put_i64(result.total_bytes);
    writer.out.put_i64(result.usable_bytes);
    let is_cordoned = false;
    writer.out.put_u8(u8::from(is_cordoned));
    writer.no_tags();
    Ok(())
}

fn put_topic(
    writer: &mut ResponseWriter<'_>,
    topic: &DescribeLogDirsTopic,
) -> Result<(), EncodeError> {
    writer.text(&topic.name)?;
    writer.count(topic.partitions.len())?;
    for partition in &topic.partitions {
        writer.out.put_i32(partition.partition_index);
        writer.out.put_i64(partition.partition_size);
        writer.out.put_i64(partition.offset_lag);
        writer.out.put_u8(u8::from(partition.is_future_key));
        writer.no_tags();
    }
    writer.no_tags();
    Ok(())
}

#[cfg(test)]
mod tests;
