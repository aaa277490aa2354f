//! Requests of one connection take effect in their order, though none waits for the answer of
//! the one before.

use bytes::Bytes;
use highwater_protocol::messages::create_topics_request::CreatableTopic;
use highwater_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use highwater_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use highwater_protocol::messages::metadata_request::MetadataRequestTopic;
use highwater_protocol::messages::{
    CreateTopicsRequest, FetchRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
    ListOffsetsRequest, MetadataRequest, ProduceRequest,
};
use highwater_protocol::{ErrorCode, StrBytes};

use crate::raw::{BY_NAME, fetch_request, name, produce_request, start};

const PRODUCE: i16 = 9;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_there_for_the_request_behind_its_creation() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    // What waits for records, or for a disk, holds nothing back.
    let parked = fetch_request(1, i32::MAX, "t", &[(0, 0)]);
    let parked = client.send(BY_NAME, &parked).await;
    let wanted = CreatableTopic::default()
        .with_name(name("made"))
        .with_num_partitions(1)
        .with_replication_factor(1);
    let create = CreateTopicsRequest::default()
        .with_topics(vec![wanted])
        .with_timeout_ms(10_000);
    let create = client.send(7, &create).await;
    let asked = MetadataRequestTopic::default().with_name(Some(name("asked-for")));
    let metadata = MetadataRequest::default()
        .with_topics(Some(vec![asked]))
        .with_allow_auto_topic_creation(true);
    let metadata = client.send(12, &metadata).await;
    let mut produced = Vec::new();
    for topic in ["made", "asked-for", "t"] {
        let request = produce_request(-1, 30_000, topic, &[(0, "record")]);
        produced.push((topic, client.send(PRODUCE, &request).await));
    }
    client.receive::<FetchRequest>(BY_NAME, parked).await;
    let created = client.receive::<CreateTopicsRequest>(7, create).await;
    assert_eq!(created.topics[0].error_code, 0);
    client.receive::<MetadataRequest>(12, metadata).await;
    for (topic, id) in produced {
        let answer = client.receive::<ProduceRequest>(PRODUCE, id).await;
        let error = answer.responses[0].partition_responses[0].error_code;
        assert_eq!(ErrorCode::from_code(error), ErrorCode::NONE, "{topic}");
    }
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_by_time_does_not_find_what_was_produced_behind_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    let partition = ListOffsetsPartition::default().with_timestamp(0);
    let topic = ListOffsetsTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![partition]);
    let search = ListOffsetsRequest::default().with_topics(vec![topic]);
    let search = client.send(5, &search).await;
    let request = produce_request(-1, 30_000, "t", &[(0, "record")]);
    let produce = client.send(PRODUCE, &request).await;
    let found = client.receive::<ListOffsetsRequest>(5, search).await;
    assert_eq!(found.topics[0].partitions[0].offset, -1);
    client.receive::<ProduceRequest>(PRODUCE, produce).await;
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_member_of_a_cluster_joins_before_its_next_request() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from_static(b"m"));
    // An instance is a member under the name it brings, so the next request can name it.
    let join = JoinGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_session_timeout_ms(60_000)
        .with_rebalance_timeout_ms(60_000)
        .with_group_instance_id(Some(text("i")))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    let join = client.send(5, &join).await;
    let heartbeat = HeartbeatRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_generation_id(1)
        .with_member_id(text("somebody else"))
        .with_group_instance_id(Some(text("i")));
    let heartbeat = client.send(3, &heartbeat).await;
    let joined = client.receive::<JoinGroupRequest>(5, join).await;
    assert_eq!(joined.error_code, 0);
    let answer = client.receive::<HeartbeatRequest>(3, heartbeat).await;
    let error = ErrorCode::from_code(answer.error_code);
    // Of an instance that the group did not know it would say that the member is unknown.
    assert_eq!(error, ErrorCode::FENCED_INSTANCE_ID);
    assert!(broker.stop().await);
}
