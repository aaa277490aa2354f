use bytes::{BufMut, BytesMut};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{GroupId, TopicName};
use kafka_protocol::protocol::{Encodable, StrBytes};
use uuid::Uuid;

use super::*;
use crate::decode_request;

const ID: Uuid = Uuid::from_bytes([9; 16]);

fn commit() -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(3)
        .with_committed_offset(1 << 40)
        .with_committed_leader_epoch(7)
        .with_committed_metadata(Some(StrBytes::from_static_str("metadata")));
    let bare = OffsetCommitRequestPartition::default().with_committed_metadata(None);
    let topic = OffsetCommitRequestTopic::default().with_partitions(vec![partition, bare]);
    OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("group")))
        .with_generation_id_or_member_epoch(5)
        .with_member_id(StrBytes::from_static_str("member"))
        .with_group_instance_id(Some(StrBytes::from_static_str("instance")))
        .with_topics(vec![topic])
}

fn fetch() -> OffsetFetchRequest {
    let topic = OffsetFetchRequestTopics::default().with_partition_indexes(vec![1, 2, 3]);
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(StrBytes::from_static_str("group")))
        .with_member_id(Some(StrBytes::from_static_str("member")))
        .with_member_epoch(4)
        .with_topics(Some(vec![topic]));
    let all = OffsetFetchRequestGroup::default().with_topics(None);
    OffsetFetchRequest::default()
        .with_groups(vec![group, all])
        .with_require_stable(true)
}

/// The body that version 10 has instead of version 9: where the mark stood as the name of the
/// topic, there is its id.
fn by_id<M: Encodable>(by_name: &M) -> Bytes {
    let mut body = BytesMut::new();
    by_name.encode(&mut body, 9).unwrap();
    let at = body
        .windows(5)
        .position(|bytes| bytes == b"\x05MARK")
        .unwrap();
    let rest = body.split_off(at).split_off(5);
    body.put_slice(ID.as_bytes());
    body.put_slice(&rest);
    body.freeze()
}

fn mark() -> TopicName {
    TopicName(StrBytes::from_static_str("MARK"))
}

#[test]
fn an_offset_commit_by_topic_id_is_read_to_its_last_byte() {
    let mut by_name = commit();
    by_name.topics[0].name = mark();
    let body = by_id(&by_name);
    assert_eq!(crate::shape::measure_request(8, 10, &body), Ok(body.len()));
    let mut expected = commit();
    expected.topics[0].topic_id = ID;
    assert_eq!(
        decode_request::<OffsetCommitRequest>(8, 10, &mut body.clone()).unwrap(),
        expected
    );
}

#[test]
fn an_offset_fetch_by_topic_id_is_read_to_its_last_byte() {
    let mut by_name = fetch();
    by_name.groups[0].topics.as_mut().unwrap()[0].name = mark();
    let body = by_id(&by_name);
    assert_eq!(crate::shape::measure_request(9, 10, &body), Ok(body.len()));
    let mut expected = fetch();
    expected.groups[0].topics.as_mut().unwrap()[0].topic_id = ID;
    assert_eq!(
        decode_request::<OffsetFetchRequest>(9, 10, &mut body.clone()).unwrap(),
        expected
    );
}

#[test]
fn unknown_tagged_fields_of_version_10_are_passed_over() {
    let mut body = BytesMut::from(&b"\x01\x01"[..]);
    body.put_slice(&[2, 7, 3, 1, 2, 3, 9, 0]);
    let request = decode_request::<OffsetFetchRequest>(9, 10, &mut body.freeze()).unwrap();
    assert!(request.groups.is_empty() && request.require_stable);
}

#[test]
fn a_request_is_not_decoded_as_another() {
    let refused = decode_request::<OffsetFetchRequest>(8, 2, &mut Bytes::new());
    assert!(matches!(
        refused,
        Err(crate::DecodeError::WrongType {
            api_key: 8,
            expected: 9
        })
    ));
}

#[test]
fn every_served_api_has_its_request_type_and_no_other_api_has_one() {
    for key in -1..100_i16 {
        let found = crate::with_request_type!(key, Request => Some(Request::KEY), _ => None);
        assert_eq!(found, crate::range(key).map(|range| range.key), "{key}");
    }
}
