//! OffsetCommit and OffsetFetch requests of version 10, which name topics by id alone.

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{GroupId, OffsetCommitRequest, OffsetFetchRequest};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::wire::{ReadError, read_bytes, read_unsigned_varint, skip_tagged_fields};

/// Why a body cannot be read, although its shape was found right.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// A count or length is wrong after all.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A string is null that must not be.
    #[error("a string is null")]
    Null,
    /// A string is not UTF-8.
    #[error("a string is not UTF-8: {0}")]
    Utf8(#[from] std::str::Utf8Error),
}

impl From<TryGetError> for BodyError {
    fn from(error: TryGetError) -> Self {
        Self::Read(error.into())
    }
}

pub(super) fn offset_commit(body: &mut Bytes) -> Result<OffsetCommitRequest, BodyError> {
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text(body)?))
        .with_generation_id_or_member_epoch(body.try_get_i32()?)
        .with_member_id(text(body)?)
        .with_group_instance_id(nullable_text(body)?)
        .with_topics(array(body, commit_topic)?.unwrap_or_default());
    skip_tagged_fields(body)?;
    Ok(request)
}

fn commit_topic(body: &mut Bytes) -> Result<OffsetCommitRequestTopic, BodyError> {
    let topic = OffsetCommitRequestTopic::default()
        .with_topic_id(id(body)?)
        .with_partitions(array(body, commit_partition)?.unwrap_or_default());
    skip_tagged_fields(body)?;
    Ok(topic)
}

fn commit_partition(body: &mut Bytes) -> Result<OffsetCommitRequestPartition, BodyError> {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(body.try_get_i32()?)
        .with_committed_offset(body.try_get_i64()?)
        .with_committed_leader_epoch(body.try_get_i32()?)
        .with_committed_metadata(nullable_text(body)?);
    skip_tagged_fields(body)?;
    Ok(partition)
}

pub(super) fn offset_fetch(body: &mut Bytes) -> Result<OffsetFetchRequest, BodyError> {
    let request = OffsetFetchRequest::default()
        .with_groups(array(body, fetch_group)?.unwrap_or_default())
        .with_require_stable(body.try_get_u8()? != 0);
    skip_tagged_fields(body)?;
    Ok(request)
}

fn fetch_group(body: &mut Bytes) -> Result<OffsetFetchRequestGroup, BodyError> {
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(text(body)?))
        .with_member_id(nullable_text(body)?)
        .with_member_epoch(body.try_get_i32()?)
        .with_topics(array(body, fetch_topic)?);
    skip_tagged_fields(body)?;
    Ok(group)
}

fn fetch_topic(body: &mut Bytes) -> Result<OffsetFetchRequestTopics, BodyError> {
    let topic = OffsetFetchRequestTopics::default()
        .with_topic_id(id(body)?)
        .with_partition_indexes(array(body, |body| Ok(body.try_get_i32()?))?.unwrap_or_default());
    skip_tagged_fields(body)?;
    Ok(topic)
}

fn id(body: &mut Bytes) -> Result<Uuid, BodyError> {
    Ok(Uuid::from_u128(body.try_get_u128()?))
}

fn text(body: &mut Bytes) -> Result<StrBytes, BodyError> {
    nullable_text(body)?.ok_or(BodyError::Null)
}

fn nullable_text(body: &mut Bytes) -> Result<Option<StrBytes>, BodyError> {
    let Some(len) = length(body)? else {
        return Ok(None);
    };
    Ok(Some(StrBytes::from_utf8(read_bytes(body, len)?)?))
}

/// An array whose count has been checked against the body; null is none.
fn array<T>(
    body: &mut Bytes,
    element: impl Fn(&mut Bytes) -> Result<T, BodyError>,
) -> Result<Option<Vec<T>>, BodyError> {
    let Some(count) = length(body)? else {
        return Ok(None);
    };
    let mut elements = Vec::with_capacity(count.min(body.len()));
    for _ in 0..count {
        elements.push(element(body)?);
    }
    Ok(Some(elements))
}

/// A compact length, where 0 stands for null.
fn length(body: &mut Bytes) -> Result<Option<usize>, BodyError> {
    Ok((read_unsigned_varint(body)? as usize).checked_sub(1))
}
