//! Large groups and many of them: what must not be quadratic, and what must go in slices.

use bytes::Bytes;
use highwater_types::{Now, Offset, PartitionIndex};

use super::script::{subscription, topic};
use crate::*;

/// Plays the driver: appends nothing, replays at once.
fn step(shard: &mut GroupShard, now: Now, waiter: u64, request: Request) -> Output {
    let output = shard.handle(now, Waiter(waiter), request);
    replay(shard, &output);
    output
}

fn replay(shard: &mut GroupShard, output: &Output) {
    for record in &output.records {
        shard.replay(&record.key, record.value.as_deref()).unwrap();
    }
}

fn join(group: &str, member: u64, id: MemberId) -> Request {
    Request::Join(JoinRequest {
        group_id: group.into(),
        member_id: id,
        member_id_suffix: member.to_string(),
        group_instance_id: None,
        client_id: "c".into(),
        client_host: "/h".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".into(),
        protocols: ["range", "sticky", "cooperative"]
            .map(|name| JoinProtocol {
                name: name.into(),
                metadata: subscription(&["t", "u"]),
            })
            .into(),
        requires_known_member_id: false,
        supports_skipping_assignment: true,
        reason: None,
    })
}

fn joined(output: &Output) -> Vec<(MemberId, JoinedGroup)> {
    let mut joined = Vec::new();
    for (_, reply) in &output.replies {
        if let Reply::Join(JoinReply {
            member_id,
            result: Ok(group),
        }) = reply
        {
            joined.push((member_id.clone(), group.clone()));
        }
    }
    joined
}

fn commit(group: &str, partitions: std::ops::Range<i32>) -> Request {
    let partition = |index| CommitPartition {
        partition: PartitionIndex(index),
        offset: Offset(1),
        leader_epoch: None,
        metadata: None,
    };
    let partitions = partitions.map(partition).collect();
    Request::CommitOffsets(CommitOffsetsRequest {
        group_id: group.into(),
        member_id: MemberId::unknown(),
        group_instance_id: None,
        transaction: None,
        generation: -1,
        retention_ms: None,
        topics: vec![CommitTopic {
            topic: topic("t"),
            topic_id: None,
            partitions,
        }],
    })
}

#[test]
fn a_thousand_members_form_a_group_and_all_are_told() {
    const MEMBERS: u64 = 1_000;
    let mut shard = GroupShard::new(GroupConfig::default());
    shard.loaded(Now::at(0, 0));
    for member in 1..=MEMBERS {
        step(
            &mut shard,
            Now::at(0, 0),
            member,
            join("g", member, MemberId::unknown()),
        );
    }
    let mut now_ms = 0;
    let mut told = Vec::new();
    while told.is_empty() {
        now_ms = shard.next_deadline_ms().unwrap();
        let output = shard.tick(Now::at(now_ms, 0));
        replay(&mut shard, &output);
        told = joined(&output);
    }
    let now = Now::at(now_ms, 0);
    assert_eq!(told.len() as u64, MEMBERS);
    let leaders: Vec<_> = told
        .iter()
        .filter(|(_, group)| !group.members.is_empty())
        .collect();
    assert_eq!(leaders.len(), 1);
    let (leader, group) = leaders[0];
    assert_eq!(group.members.len() as u64, MEMBERS);
    let mut synced = 0;
    let mut assignments = Vec::new();
    for (id, _) in &told {
        assignments.push((id.clone(), Bytes::from(id.to_string())));
    }
    let followers = told.iter().map(|(id, _)| id).filter(|id| *id != leader);
    for (waiter, id) in (MEMBERS + 1..).zip(followers.chain([leader])) {
        let output = step(
            &mut shard,
            now,
            waiter,
            Request::Sync(SyncRequest {
                group_id: "g".into(),
                member_id: id.clone(),
                group_instance_id: None,
                generation: 1,
                protocol_type: None,
                protocol: None,
                assignments: if id == leader {
                    assignments.clone()
                } else {
                    Vec::new()
                },
            }),
        );
        synced += output
            .replies
            .iter()
            .filter(|(_, r)| matches!(r, Reply::Sync(Ok(_))))
            .count();
    }
    assert_eq!(synced as u64, MEMBERS);
    let stats = shard.stats();
    assert_eq!(
        (stats.stable_groups, stats.members, stats.parked_requests),
        (1, 1_000, 0)
    );
}

#[test]
fn expired_offsets_of_many_groups_are_forgotten_in_small_batches() {
    let config = GroupConfig {
        offsets_retention_ms: 1_000,
        ..GroupConfig::default()
    };
    let check_ms = config.offsets_retention_check_interval_ms;
    let mut shard = GroupShard::new(config);
    shard.loaded(Now::at(0, 0));
    for group in 0..500 {
        step(
            &mut shard,
            Now::at(0, 0),
            group,
            commit(&format!("g{group}"), 0..10),
        );
    }
    assert_eq!(shard.stats().offsets, 5_000);
    let mut batches = Vec::new();
    let mut now_ms = check_ms;
    while shard.stats().offsets > 0 {
        assert!(
            shard.next_deadline_ms().unwrap() <= check_ms + 100,
            "the slices follow at once"
        );
        now_ms = now_ms.max(shard.next_deadline_ms().unwrap());
        let output = shard.tick(Now::at(now_ms, now_ms as i64));
        replay(&mut shard, &output);
        batches.push(output.records.len());
    }
    assert_eq!(batches.iter().sum::<usize>(), 5_500);
    assert!(
        batches.iter().all(|records| *records <= 1_010),
        "{batches:?}"
    );
    assert_eq!(shard.stats().empty_groups, 0);
    assert!(shard.next_deadline_ms().unwrap() >= check_ms);
}

#[test]
fn sessions_that_end_together_are_ended_in_batches_that_each_see_the_last() {
    let config = GroupConfig {
        initial_rebalance_delay_ms: 0,
        ..GroupConfig::default()
    };
    let mut shard = GroupShard::new(config);
    shard.loaded(Now::at(0, 0));
    for group in 0..3_000 {
        let name = format!("g{group}");
        step(
            &mut shard,
            Now::at(0, 0),
            group,
            join(&name, group, MemberId::unknown()),
        );
    }
    let mut batches = Vec::new();
    for now_ms in [0, 10_000] {
        while shard
            .next_deadline_ms()
            .is_some_and(|due_ms| due_ms <= now_ms)
        {
            let output = shard.tick(Now::at(now_ms, now_ms as i64));
            replay(&mut shard, &output);
            batches.push(output.records.len());
        }
    }
    assert_eq!(batches.iter().sum::<usize>(), 3_000);
    assert!(
        batches.iter().all(|records| *records <= 1_000),
        "{batches:?}"
    );
    let stats = shard.stats();
    assert_eq!((stats.empty_groups, stats.members), (3_000, 0));
}
