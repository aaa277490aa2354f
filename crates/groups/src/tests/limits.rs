//! What is refused at the door, and how large a group may be.

use expect_test::expect;

use super::check;
use crate::*;

#[test]
fn a_full_group_takes_no_more_members() {
    check(
        "
        config delay=0 size=2
        join g a
        join g b
        join g c
        join g a id=a-1
        sync g id=a-1 gen=2 assign=a-1:A,b-2:B
        join g c
        join g b id=b-2
        ",
        &expect![[r#"
            config delay=0 size=2
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 join g b
              g rebalances after 1: adding member b-2; client reason: not provided
            #3 join g c
            #4 join g a id=a-1
              #4: GroupMaxSizeReached for ''
              #2: b-2 joined generation=2 protocol=range leader=b-2 b-2:'m' c-3:'m'
              #3: c-3 joined generation=2 protocol=range leader=b-2
            #5 sync g id=a-1 gen=2 assign=a-1:A,b-2:B
              #5: UnknownMemberId
            #6 join g c
              #6: GroupMaxSizeReached for ''
            #7 join g b id=b-2
              #7: b-2 joined generation=2 protocol=range leader=b-2 b-2:'m' c-3:'m'
        "#]],
    );
}

#[test]
fn a_group_that_is_loaded_over_its_size_sheds_the_members_that_rejoin_last() {
    check(
        "
        config delay=0
        join g a
        join g b
        join g a id=a-1
        sync g id=a-1 gen=2 assign=a-1:A,b-2:B
        config size=1
        reload
        heartbeat g id=a-1 gen=2
        join g b id=b-2
        join g a id=a-1
        describe g
        ",
        &expect![[r#"
            config delay=0
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 join g b
              g rebalances after 1: adding member b-2; client reason: not provided
            #3 join g a id=a-1
              #3: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' b-2:'m'
              #2: b-2 joined generation=2 protocol=range leader=a-1
            #4 sync g id=a-1 gen=2 assign=a-1:A,b-2:B
              log: g generation=2 protocol=range leader=a-1 a-1='A' b-2='B'
              #4: synced consumer range 'A'
            config size=1
            reload
            #5 heartbeat g id=a-1 gen=2
              #5: RebalanceInProgress
            #6 join g b id=b-2
            #7 join g a id=a-1
              #7: GroupMaxSizeReached for ''
              #6: b-2 joined generation=3 protocol=range leader=b-2 b-2:'m'
            #8 describe g
              #8: CompletingRebalance 'consumer' '' b-2 client=b host=/10.0.0.1 metadata='' assignment='B'
        "#]],
    );
}

#[test]
fn an_instance_that_comes_back_finds_its_place_in_a_full_group() {
    check(
        "
        config delay=0 size=1
        join g a instance=i
        sync g id=i-1 instance=i gen=1 assign=i-1:A
        join g b instance=j
        join g a instance=i
        ",
        &expect![[r#"
            config delay=0 size=1
            #1 join g a instance=i
              g rebalances after 0: adding member i-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: i-1 joined generation=1 protocol=range leader=i-1 i-1/i:'m'
            #2 sync g id=i-1 instance=i gen=1 assign=i-1:A
              log: g generation=1 protocol=range leader=i-1 i-1='A'
              #2: synced consumer range 'A'
            #3 join g b instance=j
              #3: GroupMaxSizeReached for ''
            #4 join g a instance=i
              log: g generation=1 protocol=range leader=i-4 i-4='A'
              #4: i-4 joined generation=1 protocol=range leader=i-1
        "#]],
    );
}

#[test]
fn assignments_that_do_not_fit_into_a_record_are_refused_and_the_group_tries_again() {
    check(
        "
        config delay=0
        join g a
        join g b
        join g a id=a-1
        sync g id=b-2 gen=2
        sync g id=a-1 gen=2 assign=a-1:huge,b-2:B
        describe g
        ",
        &expect![[r#"
            config delay=0
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 join g b
              g rebalances after 1: adding member b-2; client reason: not provided
            #3 join g a id=a-1
              #3: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' b-2:'m'
              #2: b-2 joined generation=2 protocol=range leader=a-1
            #4 sync g id=b-2 gen=2
            #5 sync g id=a-1 gen=2 assign=a-1:huge,b-2:B
              g rebalances after 2: the assignments do not fit into one record
              #5: InvalidRequest
              #4: InvalidRequest
            #6 describe g
              #6: PreparingRebalance 'consumer' '' a-1 client=a host=/10.0.0.1 metadata='' assignment='' b-2 client=b host=/10.0.0.1 metadata='' assignment=''
        "#]],
    );
}

#[test]
fn sessions_outside_of_the_allowed_range_are_refused() {
    check(
        "
        join g a session=5999
        join g a session=1800001
        join g a session=1800000
        ",
        &expect![[r#"
            #1 join g a session=5999
              #1: InvalidSessionTimeout for ''
            #2 join g a session=1800001
              #2: InvalidSessionTimeout for ''
            #3 join g a session=1800000
              g rebalances after 0: adding member a-3; client reason: not provided
              log: g generation=0
        "#]],
    );
}

#[test]
fn a_member_id_that_the_group_does_not_know_is_refused() {
    check(
        "
        config delay=0
        join g a id=a-9
        join g a
        join g b id=b-9
        heartbeat g id=b-9 gen=1
        heartbeat h id=b-9 gen=1
        ",
        &expect![[r#"
            config delay=0
            #1 join g a id=a-9
              #1: UnknownMemberId for 'a-9'
            #2 join g a
              g rebalances after 0: adding member a-2; client reason: not provided
              log: g generation=0
              at 0 ms:
              #2: a-2 joined generation=1 protocol=range leader=a-2 a-2:'m'
            #3 join g b id=b-9
              #3: UnknownMemberId for 'b-9'
            #4 heartbeat g id=b-9 gen=1
              #4: UnknownMemberId
            #5 heartbeat h id=b-9 gen=1
              #5: UnknownMemberId
        "#]],
    );
}

#[test]
fn lists_are_filtered_by_state_and_kind() {
    check(
        "
        config delay=0
        join g a
        commit h t-0=1
        list states=empty
        list states=COMPLETINGREBALANCE,stable
        list states=nothing
        list kinds=Classic
        list kinds=consumer
        ",
        &expect![[r#"
            config delay=0
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 commit h t-0=1
              log: h t-0 = 1
              #2: committed t-0 ok
            #3 list states=empty
              #3: h classic '' Empty; listed
            #4 list states=COMPLETINGREBALANCE,stable
              #4: g classic 'consumer' CompletingRebalance; listed
            #5 list states=nothing
              #5: listed
            #6 list kinds=Classic
              #6: g classic 'consumer' CompletingRebalance; h classic '' Empty; listed
            #7 list kinds=consumer
              #7: listed
        "#]],
    );
}

#[test]
fn records_of_kinds_that_are_not_kept_are_counted() {
    check(
        "
        replay 3
        replay 16
        stats
        ",
        &expect![[r#"
            replay 3
            replay 16
            stats
              empty=0 preparing=0 completing=0 stable=0 members=0 offsets=0 parked=0 skipped=2
        "#]],
    );
}

fn names(group_id: &str, client_id: &str) -> Reply {
    let mut shard = GroupShard::new(GroupConfig::default());
    let request = JoinRequest {
        group_id: group_id.into(),
        member_id: MemberId::unknown(),
        member_id_suffix: "x".into(),
        group_instance_id: None,
        client_id: client_id.into(),
        client_host: "/h".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![JoinProtocol {
            name: "range".into(),
            metadata: bytes::Bytes::new(),
        }],
        requires_known_member_id: true,
        supports_skipping_assignment: false,
        reason: None,
    };
    let now = highwater_types::Now::at(0, 0);
    let mut output = shard.handle(now, Waiter(1), Request::Join(request));
    output.replies.remove(0).1
}

#[test]
fn names_that_a_record_cannot_hold_are_refused() {
    let long = "x".repeat(32_001);
    let refused = |reply| match reply {
        Reply::Join(JoinReply {
            result: Err(error), ..
        }) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(names("", "c")), GroupError::InvalidGroupId);
    assert_eq!(refused(names(&long, "c")), GroupError::InvalidGroupId);
    assert_eq!(refused(names("g", &long)), GroupError::InvalidRequest);
    assert_eq!(refused(names("g", "c")), GroupError::MemberIdRequired);
}
