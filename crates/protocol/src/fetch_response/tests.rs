use kafka_protocol::messages::fetch_response as codec;
use kafka_protocol::messages::{self, TopicName};
use proptest::prelude::*;

use super::*;

/// Stands for a file range: the test puts its bytes where the socket would.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range(Bytes);

impl FileRange for Range {
    fn len(&self) -> usize {
        self.0.len()
    }
}

fn on_the_wire(pieces: &[Piece<Range>]) -> Vec<u8> {
    let bytes = pieces.iter().map(|piece| match piece {
        Piece::Bytes(bytes) => bytes,
        Piece::File(range) => &range.0,
    });
    bytes.flatten().copied().collect()
}

fn records_of(pieces: &[Piece<Range>]) -> Bytes {
    on_the_wire(pieces).into()
}

fn mirrored(version: i16, response: &FetchResponse<Range>) -> messages::FetchResponse {
    let mut mirror = messages::FetchResponse::default()
        .with_throttle_time_ms(response.throttle_time_ms)
        .with_responses(
            response
                .topics
                .iter()
                .map(|t| mirrored_topic(version, t))
                .collect(),
        );
    if version >= 7 {
        mirror.error_code = response.error_code.code();
        mirror.session_id = response.session_id;
    }
    if version >= 16 {
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

fn mirrored_topic(version: i16, topic: &FetchTopic<Range>) -> codec::FetchableTopicResponse {
    let partitions = topic
        .partitions
        .iter()
        .map(|p| mirrored_partition(version, p))
        .collect();
    let mirror = codec::FetchableTopicResponse::default().with_partitions(partitions);
    if version >= 13 {
        mirror.with_topic_id(uuid::Uuid::from_bytes(topic.topic_id.0))
    } else {
        mirror.with_topic(TopicName(topic.name.clone()))
    }
}

fn mirrored_partition(version: i16, partition: &FetchPartition<Range>) -> codec::PartitionData {
    let mut mirror = codec::PartitionData::default()
        .with_partition_index(partition.partition_index.get())
        .with_error_code(partition.error_code.code())
        .with_high_watermark(partition.high_watermark.get())
        .with_last_stable_offset(partition.last_stable_offset.get())
        .with_log_start_offset(partition.log_start_offset.get())
        .with_records(Some(records_of(&partition.records)));
    let aborted = |aborted: &AbortedTransaction| {
        codec::AbortedTransaction::default()
            .with_producer_id(aborted.producer_id.get().into())
            .with_first_offset(aborted.first_offset.get())
    };
    mirror.aborted_transactions = partition
        .aborted_transactions
        .as_ref()
        .map(|transactions| transactions.iter().map(aborted).collect());
    if version >= 11 {
        mirror.preferred_read_replica = partition.preferred_read_replica.get().into();
    }
    if version >= 12 {
        if let Some(diverging) = partition.diverging_epoch {
            mirror.diverging_epoch = codec::EpochEndOffset::default()
                .with_epoch(diverging.leader_epoch.get())
                .with_end_offset(diverging.end_offset.get());
        }
        if let Some(leader) = partition.current_leader {
            mirror.current_leader = codec::LeaderIdAndEpoch::default()
                .with_leader_id(leader.leader_id.get().into())
                .with_leader_epoch(leader.leader_epoch.get());
        }
        if let Some(snapshot) = partition.snapshot_id {
            mirror.snapshot_id = codec::SnapshotId::default()
                .with_epoch(snapshot.leader_epoch.get())
                .with_end_offset(snapshot.end_offset.get());
        }
    }
    mirror
}

fn codec_frame(version: i16, correlation_id: i32, response: &FetchResponse<Range>) -> Vec<u8> {
    let mut out = BytesMut::new();
    let mirror = mirrored(version, response);
    crate::encode_response(API_KEY, version, correlation_id, &mirror, &mut out).unwrap();
    out.to_vec()
}

prop_compose! {
    fn piece()(
        in_file: bool,
        len in prop_oneof![0..64_usize, 1000..1100_usize, 5_000..6_000_usize],
        fill: u8,
    ) -> Piece<Range> {
        let bytes = Bytes::from(vec![fill; len]);
        if in_file { Piece::File(Range(bytes)) } else { Piece::Bytes(bytes) }
    }
}

prop_compose! {
    fn partition()(
        (index, error, preferred) in any::<(i32, i16, i32)>(),
        (high, stable, start) in any::<(i64, i64, i64)>(),
        aborted in prop::option::of(prop::collection::vec(any::<(i64, i64)>(), 0..3)),
        diverging in prop::option::of((0..9_i32, 0..99_i64)),
        leader in prop::option::of((0..9_i32, 0..9_i32)),
        snapshot in prop::option::of((0..99_i64, 0..9_i32)),
        records in prop::collection::vec(piece(), 0..4),
    ) -> FetchPartition<Range> {
        let aborted_transaction = |(producer, offset): (i64, i64)| AbortedTransaction {
            producer_id: producer.into(),
            first_offset: offset.into(),
        };
        FetchPartition {
            partition_index: index.into(),
            error_code: error.into(),
            high_watermark: high.into(),
            last_stable_offset: stable.into(),
            log_start_offset: start.into(),
            aborted_transactions: aborted
                .map(|all| all.into_iter().map(aborted_transaction).collect()),
            preferred_read_replica: preferred.into(),
            diverging_epoch: diverging.map(|(epoch, offset)| EpochEndOffset {
                leader_epoch: epoch.into(),
                end_offset: offset.into(),
            }),
            current_leader: leader.map(|(id, epoch)| LeaderIdAndEpoch {
                leader_id: id.into(),
                leader_epoch: epoch.into(),
            }),
            snapshot_id: snapshot.map(|(offset, epoch)| SnapshotId {
                end_offset: offset.into(),
                leader_epoch: epoch.into(),
            }),
            records,
        }
    }
}

prop_compose! {
    fn topic()(
        name in "[a-z]{1,200}",
        id: [u8; 16],
        partitions in prop::collection::vec(partition(), 0..4),
    ) -> FetchTopic<Range> {
        FetchTopic { name: StrBytes::from_string(name), topic_id: TopicId(id), partitions }
    }
}

prop_compose! {
    fn endpoint()(
        node: i32,
        host in "[a-z.]{0,140}",
        port: i32,
        rack in prop::option::of("[a-z]{0,9}"),
    ) -> NodeEndpoint {
        NodeEndpoint {
            node_id: node.into(),
            host: StrBytes::from_string(host),
            port,
            rack: rack.map(StrBytes::from_string),
        }
    }
}

prop_compose! {
    fn response()(
        (throttle, error, session) in any::<(i32, i16, i32)>(),
        topics in prop::collection::vec(topic(), 0..4),
        node_endpoints in prop::collection::vec(endpoint(), 0..3),
    ) -> FetchResponse<Range> {
        FetchResponse {
            throttle_time_ms: throttle,
            error_code: error.into(),
            session_id: session,
            topics,
            node_endpoints,
        }
    }
}

proptest! {
    #[test]
    fn every_version_has_the_bytes_of_the_codec(response in response(), correlation_id: i32) {
        for version in VERSIONS {
            let expected = codec_frame(version, correlation_id, &response);
            let pieces = encode(version, correlation_id, response.clone()).unwrap();
            prop_assert!(on_the_wire(&pieces) == expected, "v{}", version);
        }
    }

    #[test]
    fn files_and_large_records_keep_their_memory_and_no_piece_is_empty(response in response()) {
        let kept = |piece: &&Piece<Range>| match piece {
            Piece::Bytes(bytes) => bytes.len() > COPIED_BYTES_MAX,
            Piece::File(range) => !range.is_empty(),
        };
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        let given: Vec<_> =
            partitions.flat_map(|partition| &partition.records).filter(kept).cloned().collect();
        let address = |piece: &Piece<Range>| match piece {
            Piece::Bytes(bytes) => bytes.as_ptr(),
            Piece::File(range) => range.0.as_ptr(),
        };
        let pieces = encode(18, 1, response).unwrap();
        prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
        let sent: Vec<_> = pieces.iter().map(address).collect();
        for piece in &given {
            prop_assert!(sent.contains(&address(piece)));
        }
    }
}

#[test]
fn a_partition_in_error_is_what_the_codec_makes_of_one() {
    let partition = FetchPartition::error(PartitionIndex(3), ErrorCode::UNKNOWN_TOPIC_ID);
    let response = FetchResponse {
        throttle_time_ms: 0,
        error_code: ErrorCode::NONE,
        session_id: 0,
        topics: vec![FetchTopic {
            name: StrBytes::from_static_str("t"),
            topic_id: TopicId([7; 16]),
            partitions: vec![partition],
        }],
        node_endpoints: vec![],
    };
    for version in VERSIONS {
        let pieces = encode(version, 1, response.clone()).unwrap();
        assert_eq!(pieces.len(), 1);
        assert_eq!(on_the_wire(&pieces), codec_frame(version, 1, &response));
    }
}

#[test]
fn versions_that_are_not_served_and_names_that_do_not_fit_are_refused() {
    let response = |name: String| FetchResponse::<Range> {
        throttle_time_ms: 0,
        error_code: ErrorCode::NONE,
        session_id: 0,
        topics: vec![FetchTopic {
            name: StrBytes::from_string(name),
            topic_id: TopicId::ZERO,
            partitions: vec![],
        }],
        node_endpoints: vec![],
    };
    for version in [i16::MIN, 3, 19, i16::MAX] {
        assert!(encode(version, 1, response("t".to_owned())).is_err());
    }
    assert!(encode(12, 1, response("t".repeat(32_767))).is_ok());
    assert!(encode(12, 1, response("t".repeat(32_768))).is_err());
}

/// A range that is longer than a frame can say, without the bytes to prove it.
struct Huge;

impl FileRange for Huge {
    fn len(&self) -> usize {
        i32::MAX as usize
    }
}

#[test]
fn more_records_than_a_frame_can_hold_are_refused() {
    let mut partition = FetchPartition::error(PartitionIndex(0), ErrorCode::NONE);
    partition.records = vec![Piece::File(Huge)];
    let response = FetchResponse {
        throttle_time_ms: 0,
        error_code: ErrorCode::NONE,
        session_id: 0,
        topics: vec![FetchTopic {
            name: StrBytes::default(),
            topic_id: TopicId::ZERO,
            partitions: vec![partition],
        }],
        node_endpoints: vec![],
    };
    assert!(matches!(
        encode(18, 1, response),
        Err(EncodeError::TooLong { api_key: 1, .. })
    ));
}
