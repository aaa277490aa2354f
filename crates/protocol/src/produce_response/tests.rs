use highwater_types::{BrokerId, LeaderEpoch};
use kafka_protocol::messages::produce_response as codec;
use kafka_protocol::messages::{self, TopicName};
use proptest::prelude::*;

use super::*;

fn mirrored(version: i16, response: &ProduceResponse) -> messages::ProduceResponse {
    let topics = response.topics.iter().map(|topic| {
        let partitions = topic
            .partitions
            .iter()
            .map(|p| mirrored_partition(version, p))
            .collect();
        let mirror = codec::TopicProduceResponse::default().with_partition_responses(partitions);
        if version >= 13 {
            mirror.with_topic_id(uuid::Uuid::from_bytes(topic.topic_id.0))
        } else {
            mirror.with_name(TopicName(topic.name.clone()))
        }
    });
    let mut mirror = messages::ProduceResponse::default()
        .with_responses(topics.collect())
        .with_throttle_time_ms(response.throttle_time_ms);
    if version >= 10 {
        let endpoint = |endpoint: &NodeEndpoint| {
            codec::NodeEndpoint::default()
                .with_node_id(endpoint.node_id.get().into())
                .with_host(endpoint.host.clone())
                .with_port(endpoint.port)
                .with_rack(endpoint.rack.clone())
        };
        mirror.node_endpoints = response.node_endpoints.iter().map(endpoint).collect();
    }
    mirror
}

fn mirrored_partition(version: i16, p: &ProducePartition) -> codec::PartitionProduceResponse {
    let mut mirror = codec::PartitionProduceResponse::default()
        .with_index(p.partition_index.get())
        .with_error_code(p.error_code.code())
        .with_base_offset(p.base_offset.get())
        .with_log_append_time_ms(p.log_append_time_ms)
        .with_log_start_offset(p.log_start_offset.get());
    if version >= 8 {
        let record = |record: &RecordError| {
            codec::BatchIndexAndErrorMessage::default()
                .with_batch_index(record.batch_index)
                .with_batch_index_error_message(record.message.clone())
        };
        mirror.record_errors = p.record_errors.iter().map(record).collect();
        mirror.error_message = p.error_message.clone();
    }
    if let Some(leader) = p.current_leader.filter(|_| version >= 10) {
        mirror.current_leader = codec::LeaderIdAndEpoch::default()
            .with_leader_id(leader.leader_id.get().into())
            .with_leader_epoch(leader.leader_epoch.get());
    }
    mirror
}

prop_compose! {
    fn text()(text in "[a-z ]{0,150}") -> StrBytes {
        StrBytes::from_string(text)
    }
}

prop_compose! {
    fn partition()(
        (index, error) in any::<(i32, i16)>(),
        (base, time, start) in any::<(i64, i64, i64)>(),
        records in prop::collection::vec((any::<i32>(), prop::option::of(text())), 0..3),
        error_message in prop::option::of(text()),
        leader in prop::option::of((0..9_i32, 0..9_i32)),
    ) -> ProducePartition {
        ProducePartition {
            partition_index: index.into(),
            error_code: error.into(),
            base_offset: base.into(),
            log_append_time_ms: time,
            log_start_offset: start.into(),
            record_errors: records
                .into_iter()
                .map(|(batch_index, message)| RecordError { batch_index, message })
                .collect(),
            error_message,
            current_leader: leader.map(|(id, epoch)| LeaderIdAndEpoch {
                leader_id: BrokerId(id),
                leader_epoch: LeaderEpoch(epoch),
            }),
        }
    }
}

prop_compose! {
    fn topic()(
        name in text(),
        id: [u8; 16],
        partitions in prop::collection::vec(partition(), 0..4),
    ) -> ProduceTopic {
        ProduceTopic { name, topic_id: TopicId(id), partitions }
    }
}

prop_compose! {
    fn endpoint()(
        (node, port) in any::<(i32, i32)>(),
        host in text(),
        rack in prop::option::of(text()),
    ) -> NodeEndpoint {
        NodeEndpoint { node_id: BrokerId(node), host, port, rack }
    }
}

prop_compose! {
    fn response()(
        topics in prop::collection::vec(topic(), 0..4),
        throttle_time_ms: i32,
        node_endpoints in prop::collection::vec(endpoint(), 0..3),
    ) -> ProduceResponse {
        ProduceResponse { topics, throttle_time_ms, node_endpoints }
    }
}

proptest! {
    #[test]
    fn every_version_has_the_bytes_of_the_codec(response in response(), correlation_id: i32) {
        for version in VERSIONS {
            let mut expected = BytesMut::from(&b"before"[..]);
            let mirror = mirrored(version, &response);
            crate::encode_response(0, version, correlation_id, &mirror, &mut expected).unwrap();
            let mut out = BytesMut::from(&b"before"[..]);
            encode(version, correlation_id, &response, &mut out).unwrap();
            prop_assert!(out == expected, "v{}", version);
        }
    }
}

#[test]
fn what_cannot_be_encoded_leaves_the_buffer_as_it_was() {
    let partition = ProducePartition::error(PartitionIndex(1), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let long = ProduceTopic {
        name: StrBytes::from_string("x".repeat(32_768)),
        topic_id: TopicId::ZERO,
        partitions: vec![partition],
    };
    let response = ProduceResponse {
        topics: vec![long],
        ..ProduceResponse::default()
    };
    let mut out = BytesMut::from(&b"before"[..]);
    for version in [i16::MIN, 2, 3, 12, 14] {
        assert!(
            encode(version, 1, &response, &mut out).is_err(),
            "v{version}"
        );
        assert_eq!(out, b"before"[..]);
    }
    assert!(encode(13, 1, &response, &mut out).is_ok());
}
