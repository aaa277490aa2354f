//! What the versions of one API carry, and where.

use bytes::{Bytes, BytesMut};
use highwater_groups::{
    DescribedGroup, GroupError, GroupId, GroupState, JoinReply, JoinedGroup, JoinedMember,
    LeftMember, MemberId, Reply as GroupReply,
};
use highwater_metadata::{
    MetadataImage, MetadataRecord, PartitionImage, PartitionRecord, TopicImage, TopicRecord,
};
use highwater_net::Reply;
use highwater_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use highwater_protocol::messages::{DescribeGroupsResponse, GroupId as WireGroup};
use highwater_protocol::{Encodable, ErrorCode, StrBytes, Uuid, encode_response};
use highwater_types::{BrokerId, PartitionIndex, TopicId, TopicName};

use super::plan::Plan;
use super::*;

/// Every answer must be one that the codec can write in its version.
fn assert_encodes<M: Encodable>(api_key: i16, version: i16, body: &M) {
    let written = encode_response(api_key, version, 1, body, &mut BytesMut::new());
    assert!(
        written.is_ok(),
        "api {api_key} version {version}: {written:?}"
    );
}

fn joined() -> JoinReply {
    JoinReply {
        member_id: MemberId::from("m"),
        result: Ok(JoinedGroup {
            generation: 3,
            protocol_type: Some("consumer".to_owned()),
            protocol: Some("range".to_owned()),
            leader: MemberId::from("m"),
            members: vec![JoinedMember {
                member_id: MemberId::from("m"),
                group_instance_id: Some(InstanceId::from("i")),
                metadata: Bytes::from_static(b"meta"),
            }],
            skip_assignment: true,
        }),
    }
}

#[test]
fn a_join_is_answered_in_every_version() {
    for version in 0..=9 {
        let response = join::answer(version, joined());
        assert_encodes(11, version, &response);
        assert_eq!(response.skip_assignment, version == 9, "version {version}");
        assert_eq!(response.generation_id, 3);
    }
}

#[test]
fn a_refused_join_has_a_null_protocol_only_where_null_is_allowed() {
    for version in 0..=9 {
        let refused = JoinReply {
            member_id: MemberId::from("m"),
            result: Err(GroupError::MemberIdRequired),
        };
        let response = join::answer(version, refused);
        assert_encodes(11, version, &response);
        assert_eq!(
            response.protocol_name.is_none(),
            version >= 7,
            "version {version}"
        );
        assert_eq!(response.error_code, ErrorCode::MEMBER_ID_REQUIRED.code());
        assert_eq!(response.member_id.as_str(), "m");
        assert_eq!(response.generation_id, -1);
    }
}

#[test]
fn the_error_of_the_only_leaving_member_is_at_the_top_before_version_3() {
    for version in 0..=5 {
        let left = LeftMember {
            member_id: MemberId::from("m"),
            group_instance_id: None,
            result: Err(GroupError::UnknownMemberId),
        };
        let response = leave::answer(version, Ok(vec![left]));
        assert_encodes(13, version, &response);
        let unknown = ErrorCode::UNKNOWN_MEMBER_ID.code();
        let of_members: Vec<_> = response.members.iter().map(|m| m.error_code).collect();
        if version < 3 {
            assert_eq!(
                (response.error_code, of_members),
                (unknown, vec![]),
                "{version}"
            );
        } else {
            assert_eq!(
                (response.error_code, of_members),
                (0, vec![unknown]),
                "{version}"
            );
        }
    }
}

#[test]
fn a_member_of_a_loading_group_is_content_with_its_heartbeat() {
    let table = [
        (
            Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            ErrorCode::NONE,
        ),
        (Err(ErrorCode::NOT_COORDINATOR), ErrorCode::NOT_COORDINATOR),
        (Ok(GroupReply::Heartbeat(Ok(()))), ErrorCode::NONE),
        (
            Ok(GroupReply::Heartbeat(Err(GroupError::RebalanceInProgress))),
            ErrorCode::REBALANCE_IN_PROGRESS,
        ),
    ];
    for (answer, code) in table {
        assert_eq!(heartbeat::code(answer.clone()), code, "{answer:?}");
    }
}

#[test]
fn a_missing_group_is_an_illegal_generation_to_old_committers() {
    for version in 2..=10 {
        let expected = if version < 9 {
            ErrorCode::ILLEGAL_GENERATION
        } else {
            ErrorCode::GROUP_ID_NOT_FOUND
        };
        let code = offset_commit::commit_error(version, GroupError::GroupIdNotFound);
        assert_eq!(code, expected, "version {version}");
    }
    let other = offset_commit::commit_error(2, GroupError::UnknownMemberId);
    assert_eq!(other, ErrorCode::UNKNOWN_MEMBER_ID);
}

fn fetched(error: ErrorCode) -> OffsetFetchResponseGroup {
    let partition = OffsetFetchResponsePartitions::default()
        .with_partition_index(7)
        .with_committed_offset(-1)
        .with_error_code(error.code());
    let topic = OffsetFetchResponseTopics::default()
        .with_topic_id(Uuid::from_u128(1))
        .with_partitions(vec![partition]);
    OffsetFetchResponseGroup::default()
        .with_group_id(WireGroup(StrBytes::from_static_str("g")))
        .with_error_code(error.code())
        .with_topics(vec![topic])
}

#[test]
fn an_error_of_offset_fetch_is_where_its_version_carries_it() {
    let error = ErrorCode::NOT_COORDINATOR;
    for version in 1..=10 {
        let response = offset_fetch::response(version, vec![fetched(error)]);
        assert_encodes(9, version, &response);
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        let of_partitions: Vec<_> = partitions.map(|p| p.error_code).collect();
        let of_groups: Vec<_> = response
            .groups
            .iter()
            .map(|g| (g.error_code, g.topics.len()))
            .collect();
        match version {
            1 => assert_eq!(of_partitions, [error.code()]),
            2..=7 => assert_eq!((response.error_code, of_partitions), (error.code(), vec![])),
            _ => assert_eq!(of_groups, [(error.code(), 0)], "version {version}"),
        }
    }
}

#[test]
fn fetched_offsets_are_answered_in_every_version() {
    for version in 1..=10 {
        let response = offset_fetch::response(version, vec![fetched(ErrorCode::NONE)]);
        assert_encodes(9, version, &response);
        let single = response
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .count();
        let batched = response.groups.iter().flat_map(|group| &group.topics);
        let batched = batched.flat_map(|topic| &topic.partitions).count();
        let expected = if version < 8 { (1, 0) } else { (0, 1) };
        assert_eq!((single, batched), expected, "version {version}");
    }
}

#[test]
fn old_consumers_are_sent_to_look_for_a_coordinator_that_is_not_available() {
    let code = offset_fetch::fetch_error(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(code, ErrorCode::NOT_COORDINATOR);
    let loading = offset_fetch::fetch_error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    assert_eq!(loading, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
}

#[test]
fn a_missing_group_is_dead_and_from_version_6_an_error() {
    for version in 0..=6 {
        let missing = DescribedGroup {
            group_id: GroupId::from("g"),
            error: Some(GroupError::GroupIdNotFound),
            state: GroupState::Dead,
            protocol_type: String::new(),
            protocol: String::new(),
            members: Vec::new(),
        };
        let described = describe::answer(version, missing);
        assert_eq!(described.group_state.as_str(), "Dead");
        let error = (described.error_code, described.error_message.as_deref());
        if version < 6 {
            assert_eq!(error, (0, None), "version {version}");
        } else {
            let not_found = ErrorCode::GROUP_ID_NOT_FOUND.code();
            assert_eq!(error, (not_found, Some("Group g not found.")));
        }
        let response = DescribeGroupsResponse::default().with_groups(vec![described]);
        assert_encodes(15, version, &response);
    }
}

#[test]
fn a_group_named_twice_is_deleted_once() {
    let group = |id| WireGroup(StrBytes::from_static_str(id));
    let distinct = delete::distinct(vec![group("b"), group("a"), group("b")]);
    assert_eq!(distinct, [group("b"), group("a")]);
}

fn errors_of(plan: &Plan) -> Vec<Vec<(i32, ErrorCode)>> {
    plan.topics
        .iter()
        .map(|topic| topic.partitions.clone())
        .collect()
}

#[test]
fn a_refused_topic_is_settled_without_the_machine() {
    let mut plan = Plan::default();
    let name = (StrBytes::from_static_str("t"), Uuid::nil());
    let accepted = plan.add(name, Err(ErrorCode::UNKNOWN_TOPIC_ID), [4, 2].into_iter());
    assert!(accepted.is_empty());
    assert!(plan.is_settled());
    plan.settle(std::iter::repeat(ErrorCode::NONE));
    let unknown = ErrorCode::UNKNOWN_TOPIC_ID;
    assert_eq!(errors_of(&plan), [[(4, unknown), (2, unknown)]]);
}

fn topic_of(partitions: i32) -> TopicImage {
    let id = TopicId([7; 16]);
    let name = TopicName::new("t").unwrap();
    let mut records = vec![MetadataRecord::Topic(TopicRecord { name, id })];
    for index in 0..partitions {
        records.push(MetadataRecord::Partition(PartitionRecord {
            topic: id,
            partition: PartitionIndex(index),
            image: PartitionImage::new([BrokerId(1)].into(), [BrokerId(1)].into(), BrokerId(1)),
        }));
    }
    let (image, _) = MetadataImage::new().apply(&records).unwrap();
    TopicImage::clone(image.topic_by_id(id).unwrap())
}

#[test]
fn results_of_the_machine_go_between_those_of_the_edge_in_the_order_of_the_request() {
    let topic = topic_of(3);
    let name = || (StrBytes::from_static_str("t"), Uuid::nil());
    let mut plan = Plan::default();
    assert_eq!(
        plan.add(name(), Ok(&topic), [9, 1, -1, 0].into_iter()),
        [1, 3]
    );
    let denied = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    assert!(plan.add(name(), Err(denied), [0].into_iter()).is_empty());
    assert_eq!(plan.add(name(), Ok(&topic), [2, 1].into_iter()), [0, 1]);
    let mut of_old = Plan::default();
    let accepted = of_old.add_if(name(), Ok(&topic), [9, -1].into_iter(), |_, at| at >= 0);
    assert_eq!(accepted, [0]);
    assert!(!plan.is_settled());
    let too_large = ErrorCode::OFFSET_METADATA_TOO_LARGE;
    plan.settle([ErrorCode::NONE, too_large, ErrorCode::NONE].into_iter());
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    // The machine was silent about the last one, which must not look like success.
    let silent = ErrorCode::UNKNOWN_SERVER_ERROR;
    let expected: [&[(i32, ErrorCode)]; 3] = [
        &[
            (9, unknown),
            (1, ErrorCode::NONE),
            (-1, unknown),
            (0, too_large),
        ],
        &[(0, denied)],
        &[(2, ErrorCode::NONE), (1, silent)],
    ];
    assert_eq!(errors_of(&plan), expected);
}

#[test]
fn reasons_are_cut_and_empty_ones_left_out() {
    assert_eq!(reason(None), None);
    assert_eq!(reason(Some(&StrBytes::new())), None);
    let long = StrBytes::from_string("ä".repeat(300));
    assert_eq!(reason(Some(&long)), Some("ä".repeat(255)));
}

#[test]
fn unexpected_errors_of_the_coordinator_mean_that_it_is_not_available() {
    let table = [
        (ErrorCode::NOT_COORDINATOR, ErrorCode::NOT_COORDINATOR),
        (
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ),
        (
            ErrorCode::KAFKA_STORAGE_ERROR,
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ),
        (
            ErrorCode::INVALID_REPLICATION_FACTOR,
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ),
    ];
    for (error, code) in table {
        assert_eq!(coordinator_error(error), code, "{error:?}");
    }
}

#[test]
fn work_starts_before_the_next_request_and_is_answered_now_if_it_is_done() {
    let begun = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mark = Arc::clone(&begun);
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let work = async move {
        mark.store(true, std::sync::atomic::Ordering::SeqCst);
        receiver.await.ok()?;
        Some(Response::from_bytes(Bytes::new()))
    };
    let later = start_on(Topic::Made, work);
    assert!(begun.load(std::sync::atomic::Ordering::SeqCst));
    assert!(matches!(later, Reply::Later(_)));
    drop(sender);
    let done = async { Some(Response::from_bytes(Bytes::new())) };
    let now = start_on(Topic::Made, done);
    assert!(matches!(now, Reply::Now(_)));
    assert!(matches!(
        start_on(Topic::Made, async { None }),
        Reply::Close
    ));
}

#[test]
fn a_member_whose_rebalance_was_forgotten_joins_again() {
    for (error, told) in [
        (
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::REBALANCE_IN_PROGRESS,
        ),
        (ErrorCode::NOT_COORDINATOR, ErrorCode::NOT_COORDINATOR),
        (
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ),
    ] {
        assert_eq!(sync::sync_error(error), told);
    }
}
