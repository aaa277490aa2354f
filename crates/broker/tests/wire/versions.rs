//! Every version that is advertised is answered: in the version that was asked for, readable by
//! the codec, whatever the request carries.

use std::path::PathBuf;

use bytes::BytesMut;
use highwater_protocol::messages::describe_groups_request::DescribeGroupsRequest;
use highwater_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use highwater_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use highwater_protocol::messages::metadata_request::MetadataRequestTopic;
use highwater_protocol::messages::{
    DescribeQuorumRequest, GroupId, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
    MetadataResponse,
};
use highwater_protocol::{
    ErrorCode, StrBytes, api_name, encode_request, served, with_request_type,
};

use crate::raw::{name, start};

/// Requests that a client sends again and again until it has read all of its answers.
const FETCH: i16 = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_request_of_every_version_is_answered() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    for api in served() {
        for version in api.decodable_min..=api.max {
            let frame = with_request_type!(api.key, Request => {
                let mut frame = BytesMut::new();
                let request = Request::default();
                encode_request(api.key, version, 7, None, &request, &mut frame)
                    .map(|()| frame.freeze())
            }, _ => panic!("{} has no request type", api.name));
            // The codec cannot write the last version of two requests.
            let Ok(frame) = frame else {
                assert!([8, 9].contains(&api.key), "{} v{version}", api.name);
                continue;
            };
            // Without acks a default produce request is not answered at all.
            if api.key == 0 {
                continue;
            }
            client.send_frame(&frame).await;
            let answer = client.receive_frame().await;
            assert!(answer.is_some(), "{} v{version} is not answered", api.name);
        }
    }
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_real_clients_sent_is_answered() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &["group.initial.rebalance.delay.ms=0"]).await;
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let mut frames = 0;
    for entry in std::fs::read_dir(golden).expect("golden frames") {
        let path = entry.expect("a file").path();
        if path
            .extension()
            .is_none_or(|extension| extension != "golden")
        {
            continue;
        }
        let body = std::fs::read(&path).expect("a frame");
        let api_key = i16::from_be_bytes([body[0], body[1]]);
        let version = i16::from_be_bytes([body[2], body[3]]);
        // A version from the future is refused, except for the one by which clients find out.
        let is_served = highwater_protocol::range(api_key).is_some_and(|api| api.serves(version));
        assert!(is_served || api_key == 18, "{}", path.display());
        let mut client = broker.connect().await;
        let length = i32::try_from(body.len()).expect("a short frame");
        let frame = [&length.to_be_bytes()[..], &body].concat();
        client.send_frame(&frame).await;
        let answer = client.receive_frame().await;
        assert!(answer.is_some(), "{} is not answered", path.display());
        frames += 1;
    }
    assert!(frames > 150, "only {frames} frames");
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_with_something_in_them_fit_every_version() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    client.create("t", 1).await;
    assert_eq!(client.produce("t", 0, "a record").await.0, 0);
    for version in range(2) {
        for timestamp in [-1, -2, -3, -4, -5, -6, -7, 0] {
            let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
            let topic = ListOffsetsTopic::default()
                .with_name(name("t"))
                .with_partitions(vec![partition]);
            let request = ListOffsetsRequest::default().with_topics(vec![topic]);
            let answer: ListOffsetsResponse = client.call(version, &request).await;
            let found = &answer.topics[0].partitions[0];
            let (error, offset) = match timestamp {
                // The largest timestamp may be asked for since version 7, and so on (KIP-734,
                // 405, 1005, 1023); nothing is in tiered storage.
                -3 if version < 7 => (ErrorCode::UNSUPPORTED_VERSION, -1),
                -4 if version < 8 => (ErrorCode::UNSUPPORTED_VERSION, -1),
                -5 if version < 9 => (ErrorCode::UNSUPPORTED_VERSION, -1),
                -6 if version < 11 => (ErrorCode::UNSUPPORTED_VERSION, -1),
                -7 => (ErrorCode::UNSUPPORTED_VERSION, -1),
                -5 | -6 => (ErrorCode::NONE, -1),
                _ => (ErrorCode::NONE, i64::from(timestamp == -1)),
            };
            let got = (ErrorCode::from_code(found.error_code), found.offset);
            assert_eq!(got, (error, offset), "v{version} {timestamp}");
        }
    }
    for version in range(3) {
        let topic = MetadataRequestTopic::default().with_name(Some(name("t")));
        let mut request = MetadataRequest::default().with_topics(Some(vec![topic]));
        if (8..=10).contains(&version) {
            request.include_cluster_authorized_operations = true;
            request.include_topic_authorized_operations = true;
        }
        let answer: MetadataResponse = client.call(version, &request).await;
        assert_eq!(answer.topics[0].partitions.len(), 1, "v{version}");
    }
    for version in range(15) {
        let groups = vec![GroupId(StrBytes::from_static_str("nobody"))];
        let answer = client
            .call(
                version,
                &DescribeGroupsRequest::default().with_groups(groups),
            )
            .await;
        assert_eq!(answer.groups.len(), 1, "v{version}");
    }
    for version in range(55) {
        let topic = TopicData::default()
            .with_topic_name(name("__cluster_metadata"))
            .with_partitions(vec![PartitionData::default()]);
        let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
        let answer = client.call(version, &request).await;
        assert_eq!(answer.topics[0].partitions[0].leader_id.0, 1, "v{version}");
    }
    assert!(broker.stop().await);
}

fn range(api_key: i16) -> std::ops::RangeInclusive<i16> {
    assert_ne!(api_key, FETCH, "{} has tests of its own", api_name(api_key));
    let api = highwater_protocol::range(api_key).expect("a served API");
    api.decodable_min..=api.max
}
