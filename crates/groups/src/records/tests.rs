//! Records against bytes that Apache Kafka 4.3 wrote, and against themselves.

use bytes::Bytes;
use highwater_types::{LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};
use proptest::prelude::*;

use super::*;
use crate::ids::{GroupId, InstanceId, MemberId};

fn hex(text: &str) -> Vec<u8> {
    let digit = |c: u8| (c as char).to_digit(16).unwrap() as u8;
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

fn golden_topic_id() -> TopicId {
    TopicId([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
}

fn golden_offset() -> OffsetCommitValue {
    OffsetCommitValue {
        offset: Offset(4242),
        leader_epoch: Some(LeaderEpoch(7)),
        metadata: "méta".into(),
        commit_timestamp_ms: 1_700_000_000_123,
        expire_timestamp_ms: None,
        topic_id: None,
    }
}

const OFFSET_V0: &str = "0000000000000000109200056dc3a974610000018bcfe5687b";
const OFFSET_V1: &str = "0001000000000000109200056dc3a974610000018bcfe5687b0000018bcfe6ee9f";
const OFFSET_V2: &str = "0002000000000000109200056dc3a974610000018bcfe5687b";
const OFFSET_V3: &str = "000300000000000010920000000700056dc3a974610000018bcfe5687b";
const OFFSET_V4: &str = "0004000000000000109200000007066dc3a974610000018bcfe5687b00";
const OFFSET_V4_TOPIC_ID: &str = "0004000000000000109200000007066dc3a974610000018bcfe5687b\
                                  0100100102030405060708090a0b0c0d0e0f10";

#[test]
fn offsets_are_read_as_every_version_of_kafka_wrote_them() {
    let old = OffsetCommitValue {
        leader_epoch: None,
        ..golden_offset()
    };
    let expiring = OffsetCommitValue {
        expire_timestamp_ms: Some(1_700_000_099_999),
        ..old.clone()
    };
    let with_id = OffsetCommitValue {
        topic_id: Some(golden_topic_id()),
        ..golden_offset()
    };
    let table = [
        (OFFSET_V0, old.clone()),
        (OFFSET_V1, expiring),
        (OFFSET_V2, old),
        (OFFSET_V3, golden_offset()),
        (OFFSET_V4, golden_offset()),
        (OFFSET_V4_TOPIC_ID, with_id),
    ];
    for (bytes, value) in table {
        assert_eq!(OffsetCommitValue::decode(&hex(bytes)), Ok(value), "{bytes}");
    }
}

#[test]
fn offsets_are_written_as_kafka_writes_them() {
    let with_id = OffsetCommitValue {
        topic_id: Some(golden_topic_id()),
        ..golden_offset()
    };
    let expiring = OffsetCommitValue {
        expire_timestamp_ms: Some(1_700_000_099_999),
        ..with_id.clone()
    };
    assert_eq!(golden_offset().encode(), hex(OFFSET_V4));
    assert_eq!(with_id.encode(), hex(OFFSET_V4_TOPIC_ID));
    assert_eq!(expiring.encode(), hex(OFFSET_V1));
}

#[test]
fn keys_are_read_and_written_as_kafka_writes_them() {
    let group_id = GroupId::from("group-a");
    let topic = TopicName::new("orders").unwrap();
    let partition = PartitionIndex(3);
    let offset = hex("0001000767726f75702d6100066f726465727300000003");
    assert_eq!(
        RecordKey::offset_commit(&group_id, &topic, partition),
        offset
    );
    let decoded = RecordKey::OffsetCommit {
        group_id: group_id.clone(),
        topic,
        partition,
    };
    assert_eq!(RecordKey::decode(&offset), Ok(decoded.clone()));
    let legacy = hex("0000000767726f75702d6100066f726465727300000003");
    assert_eq!(RecordKey::decode(&legacy), Ok(decoded));
    let group = hex("0002000767726f75702d61");
    assert_eq!(RecordKey::group_metadata(&group_id), group);
    assert_eq!(
        RecordKey::decode(&group),
        Ok(RecordKey::GroupMetadata { group_id })
    );
    assert_eq!(
        RecordKey::decode(&hex("0003ff")),
        Ok(RecordKey::Other { record_type: 3 })
    );
}

fn golden_group() -> GroupMetadataValue {
    GroupMetadataValue {
        protocol_type: Some("consumer".into()),
        generation: 5,
        protocol: Some("range".into()),
        leader: Some("c-1".into()),
        state_timestamp_ms: Some(1_700_000_000_456),
        members: vec![
            MemberMetadata {
                member_id: "c-1".into(),
                group_instance_id: Some("inst".into()),
                client_id: "c".into(),
                client_host: "/127.0.0.1".into(),
                rebalance_timeout_ms: 300_000,
                session_timeout_ms: 10_000,
                subscription: Bytes::from_static(&[0, 1, 2]),
                assignment: Bytes::from_static(&[9]),
            },
            MemberMetadata {
                member_id: "d-2".into(),
                group_instance_id: None,
                client_id: "d".into(),
                client_host: "/10.0.0.2".into(),
                rebalance_timeout_ms: 60_000,
                session_timeout_ms: 45_000,
                subscription: Bytes::new(),
                assignment: Bytes::new(),
            },
        ],
    }
}

const GROUP_V0: &str = "00000008636f6e73756d657200000005000572616e67650003632d3100000002\
    0003632d31000163000a2f3132372e302e302e310000271000000003000102000000010900\
    03642d3200016400092f31302e302e302e320000afc80000000000000000";
const GROUP_V1: &str = "00010008636f6e73756d657200000005000572616e67650003632d3100000002\
    0003632d31000163000a2f3132372e302e302e31000493e000002710000000030001020000\
    0001090003642d3200016400092f31302e302e302e320000ea600000afc80000000000000000";
const GROUP_V2: &str = "00020008636f6e73756d657200000005000572616e67650003632d31\
    0000018bcfe569c8000000020003632d31000163000a2f3132372e302e302e31000493e000\
    0027100000000300010200000001090003642d3200016400092f31302e302e302e32\
    0000ea600000afc80000000000000000";
const GROUP_V3: &str = "00030008636f6e73756d657200000005000572616e67650003632d31\
    0000018bcfe569c8000000020003632d310004696e7374000163000a2f3132372e302e302e\
    31000493e0000027100000000300010200000001090003642d32ffff00016400092f31302e\
    302e302e320000ea600000afc80000000000000000";
const GROUP_V4: &str = "000409636f6e73756d6572000000050672616e676504632d31\
    0000018bcfe569c80304632d3105696e737402630b2f3132372e302e302e31000493e0\
    000027100400010202090004642d320002640a2f31302e302e302e320000ea600000afc8\
    01010000";
const EMPTY_GROUP_V3: &str = "0003000000000000ffffffff0000018bcfe569c800000000";
const EMPTY_GROUP_V4: &str = "0004010000000000000000018bcfe569c80100";

#[test]
fn groups_are_read_as_every_version_of_kafka_wrote_them() {
    let without_instance = |mut group: GroupMetadataValue| {
        group.members[0].group_instance_id = None;
        group
    };
    let without_timestamp = |group: GroupMetadataValue| GroupMetadataValue {
        state_timestamp_ms: None,
        ..without_instance(group)
    };
    let mut oldest = without_timestamp(golden_group());
    for member in &mut oldest.members {
        member.rebalance_timeout_ms = member.session_timeout_ms;
    }
    let table = [
        (GROUP_V0, oldest),
        (GROUP_V1, without_timestamp(golden_group())),
        (GROUP_V2, without_instance(golden_group())),
        (GROUP_V3, golden_group()),
        (GROUP_V4, golden_group()),
    ];
    for (bytes, value) in table {
        assert_eq!(
            GroupMetadataValue::decode(&hex(bytes)),
            Ok(value),
            "{bytes}"
        );
    }
}

#[test]
fn groups_are_written_as_kafka_writes_them() {
    assert_eq!(golden_group().encode(), hex(GROUP_V3));
    let empty = GroupMetadataValue {
        protocol_type: None,
        generation: 0,
        protocol: None,
        leader: None,
        state_timestamp_ms: Some(1_700_000_000_456),
        members: Vec::new(),
    };
    assert_eq!(empty.encode(), hex(EMPTY_GROUP_V3));
    for bytes in [EMPTY_GROUP_V3, EMPTY_GROUP_V4] {
        assert_eq!(GroupMetadataValue::decode(&hex(bytes)), Ok(empty.clone()));
    }
}

#[test]
fn a_count_of_members_that_the_bytes_cannot_hold_is_refused_before_it_allocates() {
    let value = hex("0003000000000000ffffffff0000018bcfe569c87fffffff");
    assert!(matches!(
        GroupMetadataValue::decode(&value),
        Err(Malformed::Truncated {
            field: "members",
            ..
        })
    ));
    let negative = hex("0003000000000000ffffffff0000018bcfe569c8fffffffe");
    assert!(matches!(
        GroupMetadataValue::decode(&negative),
        Err(Malformed::NegativeLength {
            field: "members",
            length: -2
        })
    ));
}

#[test]
fn every_cut_of_a_record_is_damage_and_not_a_panic() {
    for whole in [
        OFFSET_V0,
        OFFSET_V1,
        OFFSET_V3,
        OFFSET_V4,
        OFFSET_V4_TOPIC_ID,
    ] {
        let whole = hex(whole);
        for cut in 0..whole.len() {
            assert!(OffsetCommitValue::decode(&whole[..cut]).is_err(), "{cut}");
        }
    }
    for whole in [GROUP_V0, GROUP_V1, GROUP_V2, GROUP_V3, GROUP_V4] {
        let whole = hex(whole);
        for cut in 0..whole.len() {
            assert!(GroupMetadataValue::decode(&whole[..cut]).is_err(), "{cut}");
        }
    }
}

#[test]
fn the_topics_of_a_subscription_are_read_whatever_follows_them() {
    let metadata = hex("0003000000020001610002626200000000ffffffff");
    assert_eq!(subscribed_topics(&metadata), Ok(vec!["a", "bb"]));
    assert!(subscribed_topics(&hex("00007fffffff")).is_err());
    assert!(subscribed_topics(&hex("ffff00000000")).is_err());
    assert!(subscribed_topics(b"").is_err());
}

#[test]
fn records_are_told_to_people_in_one_line() {
    let describe =
        |key: &str, value: Option<&str>| describe_record(&hex(key), value.map(hex).as_deref());
    let key = "0001000767726f75702d6100066f726465727300000003";
    expect_test::expect![[r#"Some("OffsetCommit group=group-a partition=orders-3 offset=4242 leader_epoch=7 commit_timestamp_ms=1700000000123 topic_id=AQIDBAUGBwgJCgsMDQ4PEA metadata=\"méta\"")"#]]
        .assert_eq(&format!("{:?}", describe(key, Some(OFFSET_V4_TOPIC_ID))));
    expect_test::expect![[r#"Some("OffsetCommit group=group-a partition=orders-3 deleted")"#]]
        .assert_eq(&format!("{:?}", describe(key, None)));
    expect_test::expect![[r#"Some("OffsetCommit group=group-a partition=orders-3 damaged: OffsetCommit has the unknown version 9")"#]]
        .assert_eq(&format!("{:?}", describe(key, Some("0009"))));
    expect_test::expect![[r#"Some("GroupMetadata group=group-a generation=5 protocol_type=consumer protocol=range leader=c-1 state_timestamp_ms=1700000000456 members=2 [c-1 instance=inst client=c host=/127.0.0.1 session_timeout_ms=10000 rebalance_timeout_ms=300000 subscription=3B assignment=1B] [d-2 client=d host=/10.0.0.2 session_timeout_ms=45000 rebalance_timeout_ms=60000 subscription=0B assignment=0B]")"#]]
        .assert_eq(&format!("{:?}", describe("0002000767726f75702d61", Some(GROUP_V3))));
    expect_test::expect![[r#"Some("ConsumerGroupMemberMetadata deleted")"#]]
        .assert_eq(&format!("{:?}", describe("0005", None)));
    assert_eq!(describe("7fff", None), None);
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn blob() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

prop_compose! {
    pub(crate) fn offset_value()(
        offset in 0..i64::MAX,
        leader_epoch in proptest::option::of(0..i32::MAX),
        metadata in text(),
        commit_timestamp_ms: i64,
        topic_id in proptest::option::of(any::<[u8; 16]>()),
    ) -> OffsetCommitValue {
        OffsetCommitValue {
            offset: Offset(offset),
            leader_epoch: leader_epoch.map(LeaderEpoch),
            metadata: metadata.into(),
            commit_timestamp_ms,
            expire_timestamp_ms: None,
            topic_id: topic_id.map(TopicId).filter(|id| !id.is_zero()),
        }
    }
}

prop_compose! {
    fn member()(
        (member_id, client_id, client_host) in (text(), text(), text()),
        instance in proptest::option::of(text()),
        (rebalance_timeout_ms, session_timeout_ms) in (0..i32::MAX, 0..i32::MAX),
        (subscription, assignment) in (blob(), blob()),
    ) -> MemberMetadata {
        MemberMetadata {
            member_id: MemberId::from(member_id),
            group_instance_id: instance.map(InstanceId::from),
            client_id,
            client_host,
            rebalance_timeout_ms,
            session_timeout_ms,
            subscription,
            assignment,
        }
    }
}

prop_compose! {
    pub(crate) fn group_value()(
        protocol_type in text(),
        generation: i32,
        protocol in proptest::option::of(text()),
        leader in proptest::option::of(text()),
        state_timestamp_ms in proptest::option::of(0..i64::MAX),
        members in proptest::collection::vec(member(), 0..4),
    ) -> GroupMetadataValue {
        GroupMetadataValue {
            protocol_type: Some(protocol_type).filter(|text| !text.is_empty()),
            generation,
            protocol,
            leader: leader.map(MemberId::from),
            state_timestamp_ms,
            members,
        }
    }
}

proptest! {
    #[test]
    fn an_offset_survives_its_bytes(value in offset_value()) {
        prop_assert_eq!(OffsetCommitValue::decode(&value.encode()), Ok(value));
    }

    #[test]
    fn an_offset_with_an_expiry_survives_its_bytes(value in offset_value(), at in 0..i64::MAX) {
        let value = OffsetCommitValue {
            expire_timestamp_ms: Some(at),
            leader_epoch: None,
            topic_id: None,
            ..value
        };
        prop_assert_eq!(OffsetCommitValue::decode(&value.encode()), Ok(value));
    }

    #[test]
    fn a_group_survives_its_bytes(value in group_value()) {
        prop_assert_eq!(GroupMetadataValue::decode(&value.encode()), Ok(value));
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(key: Vec<u8>, value: Vec<u8>) {
        let _ = RecordKey::decode(&key);
        let _ = OffsetCommitValue::decode(&value);
        let _ = GroupMetadataValue::decode(&value);
        let _ = subscribed_topics(&value);
        let _ = describe_record(&key, Some(&value));
    }

    #[test]
    fn damaged_groups_never_panic(value in group_value(), at: prop::sample::Index, byte: u8) {
        let mut bytes = value.encode().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = GroupMetadataValue::decode(&bytes);
    }
}
