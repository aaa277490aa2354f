//! What changes or goes away while somebody waits for it: limits, coordinators, the broker.

use bytes::Bytes;
use highwater_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use highwater_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use highwater_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use highwater_protocol::messages::{
    ApiVersionsRequest, FetchRequest, GroupId, IncrementalAlterConfigsRequest, JoinGroupRequest,
    MetadataRequest, OffsetCommitRequest,
};
use highwater_protocol::{ErrorCode, StrBytes};

use crate::raw::{BY_NAME, Client, fetch_request, name, produce_request, start};

const BROKER: i8 = 4;

async fn set_for_all_brokers(client: &mut Client, key: &str, value: &str) {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let config = AlterableConfig::default()
        .with_name(text(key))
        .with_config_operation(0)
        .with_value(Some(text(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(BROKER)
        .with_resource_name(StrBytes::new())
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let response = client.call(1, &request).await;
    assert_eq!(response.responses[0].error_code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_of_connections_change_without_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    set_for_all_brokers(&mut client, "max.connections.per.ip", "1").await;
    assert!(broker.connect().await.is_ended().await);
    set_for_all_brokers(&mut client, "max.connections.per.ip", "2").await;
    let mut second = broker.connect().await;
    let versions = ApiVersionsRequest::default();
    assert_eq!(second.call(2, &versions).await.error_code, 0);
    assert!(broker.stop().await);
    // The next start knows, too.
    let broker = start(dir.path(), &[]).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = broker.connect().await;
        assert_eq!(client.call(2, &versions).await.error_code, 0);
        clients.push(client);
    }
    assert!(broker.connect().await.is_ended().await);
    assert!(broker.stop().await);
}

fn join(member_id: &str) -> JoinGroupRequest {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from_static(b"m"));
    JoinGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_session_timeout_ms(60_000)
        .with_rebalance_timeout_ms(300_000)
        .with_member_id(text(member_id))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_may_have_a_limit_of_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = [
        "max.connections.per.ip=1",
        "max.connections.per.ip.overrides=localhost:3,192.0.2.1:7",
    ];
    let broker = start(dir.path(), &settings).await;
    let versions = ApiVersionsRequest::default();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = broker.connect().await;
        assert_eq!(client.call(2, &versions).await.error_code, 0);
        clients.push(client);
    }
    assert!(broker.connect().await.is_ended().await);
    assert!(broker.stop().await);
}

fn commit(metadata: &str) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(7)
        .with_committed_metadata(Some(StrBytes::from_string(metadata.to_owned())));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(name("t"))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("simple")))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_keep_to_the_limits_that_are_configured() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = [
        "group.max.size=1",
        "group.min.session.timeout.ms=5000",
        "group.max.session.timeout.ms=60000",
        "offset.metadata.max.bytes=4",
    ];
    let broker = start(dir.path(), &settings).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    for (session_timeout_ms, expected) in [
        (4_999, ErrorCode::INVALID_SESSION_TIMEOUT),
        (60_001, ErrorCode::INVALID_SESSION_TIMEOUT),
        (60_000, ErrorCode::NONE),
        // The group has its member now.
        (60_000, ErrorCode::GROUP_MAX_SIZE_REACHED),
    ] {
        let request = join("").with_session_timeout_ms(session_timeout_ms);
        let answer = client.call(3, &request).await;
        let error = ErrorCode::from_code(answer.error_code);
        assert_eq!(error, expected, "{session_timeout_ms}");
    }
    for (metadata, expected) in [
        ("four", ErrorCode::NONE),
        ("fives", ErrorCode::OFFSET_METADATA_TOO_LARGE),
    ] {
        let answer = client.call(7, &commit(metadata)).await;
        let error = answer.topics[0].partitions[0].error_code;
        assert_eq!(ErrorCode::from_code(error), expected, "{metadata}");
    }
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_wait_hear_that_their_coordinator_is_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let (mut first, mut second) = (broker.connect().await, broker.connect().await);
    let joined = first.call(3, &join("")).await;
    assert_eq!(joined.error_code, 0);
    // The first member does not come back, so the second waits for it, minutes if need be.
    let parked = second.send(3, &join("")).await;
    let versions = second.send(2, &ApiVersionsRequest::default()).await;
    first.delete("__consumer_offsets").await;
    let answer = second.receive::<JoinGroupRequest>(3, parked).await;
    let error = ErrorCode::from_code(answer.error_code);
    assert_eq!(error, ErrorCode::NOT_COORDINATOR);
    second.receive::<ApiVersionsRequest>(2, versions).await;
    // The next group makes the topic again.
    assert_eq!(first.call(3, &join("")).await.error_code, 0);
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_answers_who_waits_and_keeps_what_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let (mut reader, mut writer) = (broker.connect().await, broker.connect().await);
    writer.create("t", 2).await;
    assert_eq!(writer.produce("t", 0, "a").await, (0, 0));
    let parked = fetch_request(1, i32::MAX, "t", &[(0, 1)]);
    let id = reader.send(BY_NAME, &parked).await;
    // The record shows that the fetch in front of it was taken.
    let behind = produce_request(-1, 30_000, "t", &[(1, "b")]);
    reader.send(9, &behind).await;
    let seen = fetch_request(1, 30_000, "t", &[(1, 0)]);
    assert_eq!(
        writer.fetch(&seen).await.responses[0].partitions[0].high_watermark,
        1
    );
    let (mut first, mut second) = (broker.connect().await, broker.connect().await);
    assert_eq!(first.call(3, &join("")).await.error_code, 0);
    let member = second.send(3, &join("")).await;
    let behind = produce_request(-1, 30_000, "t", &[(1, "c")]);
    second.send(9, &behind).await;
    let seen = fetch_request(1, 30_000, "t", &[(1, 1)]);
    assert_eq!(
        writer.fetch(&seen).await.responses[0].partitions[0].high_watermark,
        2
    );
    let (stopped, (response, joined)) = tokio::join!(broker.stop(), async {
        let response = reader.receive::<FetchRequest>(BY_NAME, id).await;
        (
            response,
            second.receive::<JoinGroupRequest>(3, member).await,
        )
    });
    let error = ErrorCode::from_code(joined.error_code);
    assert_eq!(error, ErrorCode::NOT_COORDINATOR);
    assert!(stopped);
    assert_eq!(response.responses[0].partitions[0].high_watermark, 1);
    assert!(!reader.is_ended().await, "the answer of the record");
    assert!(reader.is_ended().await && writer.is_ended().await);
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    let all = MetadataRequest::default().with_topics(None);
    assert_eq!(client.call(12, &all).await.topics.len(), 2);
    assert_eq!(client.produce("t", 0, "b").await, (0, 1));
    assert!(broker.stop().await);
}
