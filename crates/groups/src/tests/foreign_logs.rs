//! Logs that something else wrote: any that can be read can be loaded and lived with.

use bytes::Bytes;
use highwater_types::{Now, PartitionIndex};
use proptest::prelude::*;

use super::script::topic;
use crate::records::tests::{group_value, offset_value};
use crate::records::{GroupMetadataValue, OffsetCommitValue, RecordKey};
use crate::*;

/// One record as some broker might have left it.
#[derive(Clone, Debug)]
enum Foreign {
    Group(u8, Option<GroupMetadataValue>),
    Offset(u8, i32, Option<OffsetCommitValue>),
    Other(i16),
    Damaged(Vec<u8>, Option<Vec<u8>>),
}

fn foreign() -> impl Strategy<Value = Foreign> {
    let timeout = prop_oneof![Just(i32::MIN), Just(-1), Just(0), 1..60_000, Just(i32::MAX)];
    let group = (group_value(), timeout.clone(), timeout, any::<bool>()).prop_map(
        |(mut value, session_timeout_ms, rebalance_timeout_ms, is_static)| {
            for member in &mut value.members {
                member.session_timeout_ms = session_timeout_ms;
                member.rebalance_timeout_ms = rebalance_timeout_ms;
                if !is_static {
                    member.group_instance_id = None;
                }
            }
            value
        },
    );
    prop_oneof![
        4 => (0..3_u8, proptest::option::weighted(0.8, group))
            .prop_map(|(group, value)| Foreign::Group(group, value)),
        4 => (0..3_u8, 0..3, proptest::option::weighted(0.8, offset_value()))
            .prop_map(|(group, partition, value)| Foreign::Offset(group, partition, value)),
        1 => (3..30_i16).prop_map(Foreign::Other),
        1 => (any::<Vec<u8>>(), any::<Option<Vec<u8>>>())
            .prop_map(|(key, value)| Foreign::Damaged(key, value)),
    ]
}

fn group_id(group: u8) -> GroupId {
    GroupId::from(format!("g{group}"))
}

fn replay(shard: &mut GroupShard, foreign: &Foreign) {
    let (key, value) = match foreign {
        Foreign::Group(group, value) => {
            let value = value.as_ref().map(GroupMetadataValue::encode);
            (RecordKey::group_metadata(&group_id(*group)), value)
        }
        Foreign::Offset(group, partition, value) => {
            let partition = PartitionIndex(*partition);
            let key = RecordKey::offset_commit(&group_id(*group), &topic("t"), partition);
            (key, value.as_ref().map(OffsetCommitValue::encode))
        }
        Foreign::Other(record_type) => (Bytes::copy_from_slice(&record_type.to_be_bytes()), None),
        Foreign::Damaged(key, value) => {
            let value = value.clone().map(Bytes::from);
            (Bytes::from(key.clone()), value)
        }
    };
    let replayed = shard.replay(&key, value.as_deref());
    assert!(
        replayed.is_ok() || matches!(foreign, Foreign::Damaged(..)),
        "{replayed:?}"
    );
}

/// Lives through an hour, in which all sessions of reasonable length end; the number of ticks
/// that this takes is bounded.
fn live(shard: &mut GroupShard) {
    let until_ms = 3_600_000;
    let mut now_ms = 0;
    for _ in 0..20_000 {
        let Some(due_ms) = shard
            .next_deadline_ms()
            .filter(|due_ms| *due_ms <= until_ms)
        else {
            return;
        };
        now_ms = now_ms.max(due_ms);
        let output = shard.tick(Now::at(now_ms, now_ms as i64));
        for record in &output.records {
            shard.replay(&record.key, record.value.as_deref()).unwrap();
        }
    }
    panic!("the deadlines do not end");
}

fn join(group: u8, protocol: &GroupMetadataValue) -> Request {
    Request::Join(JoinRequest {
        group_id: group_id(group),
        member_id: MemberId::unknown(),
        member_id_suffix: "x".into(),
        group_instance_id: None,
        client_id: "c".into(),
        client_host: "/h".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: protocol
            .protocol_type
            .clone()
            .unwrap_or_else(|| "consumer".into()),
        protocols: vec![JoinProtocol {
            name: protocol.protocol.clone().unwrap_or_default(),
            metadata: Bytes::new(),
        }],
        requires_known_member_id: false,
        supports_skipping_assignment: true,
        reason: None,
    })
}

proptest! {
    #[test]
    fn any_log_that_can_be_read_can_be_lived_with(
        log in proptest::collection::vec(foreign(), 0..20),
    ) {
        let mut shard = GroupShard::new(GroupConfig::default());
        for foreign in &log {
            replay(&mut shard, foreign);
        }
        shard.loaded(Now::at(0, 0));
        // Somebody joins each group with whatever its last record speaks.
        let mut joined = 0;
        for foreign in &log {
            if let Foreign::Group(group, Some(value)) = foreign {
                joined += 1;
                let output = shard.handle(Now::at(0, 0), Waiter(joined), join(*group, value));
                for record in &output.records {
                    shard.replay(&record.key, record.value.as_deref()).unwrap();
                }
            }
        }
        let list = shard.handle(Now::at(0, 0), Waiter(0), Request::List(ListRequest::default()));
        prop_assert_eq!(list.replies.len(), 1);
        live(&mut shard);
        prop_assert_eq!(shard.stats().parked_requests, 0);
    }
}
