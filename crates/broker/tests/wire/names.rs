//! Names that no topic and no group can have.

use bytes::BytesMut;
use highwater_protocol::messages::create_topics_request::CreatableTopic;
use highwater_protocol::messages::metadata_request::MetadataRequestTopic;
use highwater_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, MetadataRequest, MetadataResponse, ProduceResponse,
};
use highwater_protocol::{
    Decodable, Encodable, ErrorCode, Request, decode_response, encode_request,
    parse_response_header,
};

use crate::raw::{Client, name, produce_request, start};

/// Sends the request with every `*` in it as a byte that begins no UTF-8 character but Latin-1
/// knows, and reads the answer.
async fn call_in_latin1<R: Request + Encodable>(
    client: &mut Client,
    version: i16,
    request: &R,
) -> R::Response
where
    R::Response: Decodable,
{
    let mut frame = BytesMut::new();
    encode_request(R::KEY, version, 7, Some("raw"), request, &mut frame).expect("a request");
    frame.iter_mut().for_each(|byte| {
        if *byte == b'*' {
            *byte = 0xe9;
        }
    });
    client.send_frame(&frame).await;
    let answer = client.receive_frame().await.expect("an answer");
    let mut answer = bytes::Bytes::from(answer);
    assert_eq!(parse_response_header(R::KEY, version, &mut answer), Ok(7));
    decode_response(R::KEY, version, &mut answer).expect("a response")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_not_utf8_is_answered_and_costs_no_connection() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    for version in [1, 12] {
        let topic = MetadataRequestTopic::default().with_name(Some(name("caf*")));
        let request = MetadataRequest::default().with_topics(Some(vec![topic]));
        let answer: MetadataResponse = call_in_latin1(&mut client, version, &request).await;
        let topic = &answer.topics[0];
        let error = ErrorCode::from_code(topic.error_code);
        assert_eq!(error, ErrorCode::INVALID_TOPIC_EXCEPTION, "v{version}");
        let told = topic.name.as_ref().map(|name| name.to_string());
        assert_eq!(told.as_deref(), Some("caf\u{fffd}"), "v{version}");
    }
    let topic = CreatableTopic::default()
        .with_name(name("caf*"))
        .with_num_partitions(1)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]);
    let answer: CreateTopicsResponse = call_in_latin1(&mut client, 7, &request).await;
    let error = ErrorCode::from_code(answer.topics[0].error_code);
    assert_eq!(error, ErrorCode::INVALID_TOPIC_EXCEPTION);
    let request = produce_request(-1, 1000, "caf*", &[(0, "record")]);
    let answer: ProduceResponse = call_in_latin1(&mut client, 9, &request).await;
    let error = answer.responses[0].partition_responses[0].error_code;
    let expected = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(ErrorCode::from_code(error), expected);
    // The connection goes on.
    client.create("t", 1).await;
    assert_eq!(client.produce("t", 0, "a").await, (0, 0));
    assert!(broker.stop().await);
}
