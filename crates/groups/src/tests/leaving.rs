//! How members go: by leaving, by silence, by a closed connection.

use expect_test::expect;

use super::check;

#[test]
fn members_that_never_sync_are_removed_after_the_rebalance_timeout() {
    check(
        "
        config delay=0
        join g a session=100000 rebalance=30000
        join g b session=100000 rebalance=30000
        join g a id=a-1 session=100000 rebalance=30000
        sync g id=a-1 gen=2 assign=a-1:A,b-2:B
        wait 30000
        join g a id=a-1 session=100000 rebalance=30000
        sync g id=a-1 gen=3 assign=a-1:A
        wait 30000
        describe g
        ",
        &expect![[r#"
            config delay=0
            #1 join g a session=100000 rebalance=30000
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 join g b session=100000 rebalance=30000
              g rebalances after 1: adding member b-2; client reason: not provided
            #3 join g a id=a-1 session=100000 rebalance=30000
              #3: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' b-2:'m'
              #2: b-2 joined generation=2 protocol=range leader=a-1
            #4 sync g id=a-1 gen=2 assign=a-1:A,b-2:B
              log: g generation=2 protocol=range leader=a-1 a-1='A' b-2='B'
              #4: synced consumer range 'A'
            wait 30000
              at 30000 ms:
              g removes b-2: did not fetch its assignment in time
              g rebalances after 2: 1 members did not sync in time
            #5 join g a id=a-1 session=100000 rebalance=30000
              #5: a-1 joined generation=3 protocol=range leader=a-1 a-1:'m'
            #6 sync g id=a-1 gen=3 assign=a-1:A
              log: g generation=3 protocol=range leader=a-1 a-1='A'
              #6: synced consumer range 'A'
            wait 30000
            #7 describe g
              #7: Stable 'consumer' 'range' a-1 client=a host=/10.0.0.1 metadata='m' assignment='A'
        "#]],
    );
}

#[test]
fn a_leader_that_never_assigns_is_removed_and_the_followers_join_again() {
    check(
        "
        config delay=0
        join g a session=100000
        join g b session=100000
        join g a id=a-1 session=100000
        sync g id=b-2 gen=2
        wait 60000
        ",
        &expect![[r#"
            config delay=0
            #1 join g a session=100000
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 join g b session=100000
              g rebalances after 1: adding member b-2; client reason: not provided
            #3 join g a id=a-1 session=100000
              #3: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' b-2:'m'
              #2: b-2 joined generation=2 protocol=range leader=a-1
            #4 sync g id=b-2 gen=2
            wait 60000
              at 60000 ms:
              g removes a-1: did not fetch its assignment in time
              g rebalances after 2: 1 members did not sync in time
              #4: RebalanceInProgress
        "#]],
    );
}

#[test]
fn a_member_that_leaves_starts_a_rebalance_and_the_last_one_empties_the_group() {
    check(
        "
        config delay=0
        join g a
        join g b
        join g a id=a-1
        sync g id=a-1 gen=2 assign=a-1:A,b-2:B
        leave g id=a-1
        join g b id=b-2
        leave g id=b-2 id=x-9
        describe g
        heartbeat g id=b-2 gen=3
        sync g id=b-2 gen=3
        join g c type=connect protocols=sessioned:x
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
            #5 leave g id=a-1
              g rebalances after 2: members left: a-1
              #5: a-1 ok; left
            #6 join g b id=b-2
              #6: b-2 joined generation=3 protocol=range leader=b-2 b-2:'m'
            #7 leave g id=b-2 id=x-9
              g rebalances after 3: members left: b-2
              log: g generation=4
              #7: b-2 ok; x-9 UnknownMemberId; left
            #8 describe g
              #8: Empty 'consumer' ''
            #9 heartbeat g id=b-2 gen=3
              #9: UnknownMemberId
            #10 sync g id=b-2 gen=3
              #10: UnknownMemberId
            #11 join g c type=connect protocols=sessioned:x
              g rebalances after 4: adding member c-11; client reason: not provided
              at 0 ms:
              #11: c-11 joined generation=5 protocol=sessioned leader=c-11 c-11:'x'
        "#]],
    );
}

#[test]
fn a_leaving_member_answers_its_own_parked_join() {
    check(
        "
        config delay=0
        join g a
        sync g id=a-1 gen=1 assign=a-1:A
        join g b
        leave g id=b-3
        join g a id=a-1
        leave g id=a-1
        ",
        &expect![[r#"
            config delay=0
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 sync g id=a-1 gen=1 assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #2: synced consumer range 'A'
            #3 join g b
              g rebalances after 1: adding member b-3; client reason: not provided
            #4 leave g id=b-3
              #3: UnknownMemberId for ''
              #4: b-3 ok; left
            #5 join g a id=a-1
              #5: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m'
            #6 leave g id=a-1
              g rebalances after 2: members left: a-1
              log: g generation=3
              #6: a-1 ok; left
        "#]],
    );
}

#[test]
fn a_given_out_id_may_leave_before_it_joins() {
    check(
        "
        config delay=0
        join g a
        sync g id=a-1 gen=1 assign=a-1:A
        join g b v4
        join g a id=a-1
        leave g id=b-3
        join g b id=b-3
        ",
        &expect![[r#"
            config delay=0
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 sync g id=a-1 gen=1 assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #2: synced consumer range 'A'
            #3 join g b v4
              #3: MemberIdRequired for 'b-3'
            #4 join g a id=a-1
              g rebalances after 1: member a-1 joins again; client reason: not provided
            #5 leave g id=b-3
              #4: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m'
              #5: b-3 ok; left
            #6 join g b id=b-3
              #6: UnknownMemberId for 'b-3'
        "#]],
    );
}

#[test]
fn a_session_ends_without_heartbeats_and_the_group_with_it() {
    check(
        "
        config delay=0
        join g a session=6000
        sync g id=a-1 gen=1 assign=a-1:A
        wait 5000
        heartbeat g id=a-1 gen=1
        wait 5000
        commit g id=a-1 gen=1 t-0=1
        wait 5999
        wait 1
        heartbeat g id=a-1 gen=1
        ",
        &expect![[r#"
            config delay=0
            #1 join g a session=6000
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 sync g id=a-1 gen=1 assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #2: synced consumer range 'A'
            wait 5000
            #3 heartbeat g id=a-1 gen=1
              #3: ok
            wait 5000
            #4 commit g id=a-1 gen=1 t-0=1
              log: g t-0 = 1
              #4: committed t-0 ok
            wait 5999
            wait 1
              at 16000 ms:
              g removes a-1: its session ended
              g rebalances after 1: the session of member a-1 ended
              log: g generation=2
            #5 heartbeat g id=a-1 gen=1
              #5: UnknownMemberId
        "#]],
    );
}

#[test]
fn a_session_does_not_end_while_the_member_waits_for_the_others() {
    check(
        "
        config delay=0
        join g a session=6000 rebalance=50000
        join g b session=100000 rebalance=50000
        join g a id=a-1 session=6000 rebalance=50000
        sync g id=a-1 gen=2 assign=a-1:A,b-2:B
        sync g id=b-2 gen=2
        join g a id=a-1 session=6000 rebalance=50000
        wait 40000
        join g b id=b-2 session=100000 rebalance=50000
        wait 6000
        ",
        &expect![[r#"
            config delay=0
            #1 join g a session=6000 rebalance=50000
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 join g b session=100000 rebalance=50000
              g rebalances after 1: adding member b-2; client reason: not provided
            #3 join g a id=a-1 session=6000 rebalance=50000
              #3: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' b-2:'m'
              #2: b-2 joined generation=2 protocol=range leader=a-1
            #4 sync g id=a-1 gen=2 assign=a-1:A,b-2:B
              log: g generation=2 protocol=range leader=a-1 a-1='A' b-2='B'
              #4: synced consumer range 'A'
            #5 sync g id=b-2 gen=2
              #5: synced consumer range 'B'
            #6 join g a id=a-1 session=6000 rebalance=50000
              g rebalances after 2: member a-1 joins again; client reason: not provided
            wait 40000
            #7 join g b id=b-2 session=100000 rebalance=50000
              #6: a-1 joined generation=3 protocol=range leader=a-1 a-1:'m' b-2:'m'
              #7: b-2 joined generation=3 protocol=range leader=a-1
            wait 6000
              at 46000 ms:
              g removes a-1: its session ended
              g rebalances after 3: the session of member a-1 ended
        "#]],
    );
}

#[test]
fn a_member_that_was_never_told_its_id_is_removed_when_its_connection_closes() {
    check(
        "
        config delay=0
        join g a
        sync g id=a-1 gen=1 assign=a-1:A
        join g b
        join g c v4
        join g c v4 id=c-4
        forget 3
        forget 5
        join g a id=a-1
        describe g
        stats
        ",
        &expect![[r#"
            config delay=0
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 sync g id=a-1 gen=1 assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #2: synced consumer range 'A'
            #3 join g b
              g rebalances after 1: adding member b-3; client reason: not provided
            #4 join g c v4
              #4: MemberIdRequired for 'c-4'
            #5 join g c v4 id=c-4
            forget 3
              at 0 ms:
              g removes b-3: its session ended
            forget 5
            #6 join g a id=a-1
              #6: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' c-4:'m'
            #7 describe g
              #7: CompletingRebalance 'consumer' '' a-1 client=a host=/10.0.0.1 metadata='' assignment='A' c-4 client=c host=/10.0.0.1 metadata='' assignment=''
            stats
              empty=0 preparing=0 completing=1 stable=0 members=2 offsets=0 parked=0 skipped=0
        "#]],
    );
}

#[test]
fn of_those_who_joined_one_who_is_still_connected_leads() {
    check(
        "
        config delay=0
        join g a
        sync g id=a-1 gen=1 assign=a-1:A
        join g b v4
        join g b v4 id=b-3
        join g a id=a-1
        sync g id=a-1 gen=2 assign=a-1:A,b-3:B
        sync g id=b-3 gen=2
        join g a id=a-1
        forget 8
        join g b id=b-3
        sync g id=b-3 gen=3 assign=a-1:A,b-3:B
        join g a id=a-1
        ",
        &expect![[r#"
            config delay=0
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 sync g id=a-1 gen=1 assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #2: synced consumer range 'A'
            #3 join g b v4
              #3: MemberIdRequired for 'b-3'
            #4 join g b v4 id=b-3
              g rebalances after 1: adding member b-3; client reason: not provided
            #5 join g a id=a-1
              #5: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' b-3:'m'
              #4: b-3 joined generation=2 protocol=range leader=a-1
            #6 sync g id=a-1 gen=2 assign=a-1:A,b-3:B
              log: g generation=2 protocol=range leader=a-1 a-1='A' b-3='B'
              #6: synced consumer range 'A'
            #7 sync g id=b-3 gen=2
              #7: synced consumer range 'B'
            #8 join g a id=a-1
              g rebalances after 2: member a-1 joins again; client reason: not provided
            forget 8
            #9 join g b id=b-3
              #9: b-3 joined generation=3 protocol=range leader=b-3 a-1:'m' b-3:'m'
            #10 sync g id=b-3 gen=3 assign=a-1:A,b-3:B
              log: g generation=3 protocol=range leader=b-3 a-1='A' b-3='B'
              #10: synced consumer range 'B'
            #11 join g a id=a-1
              #11: a-1 joined generation=3 protocol=range leader=b-3
        "#]],
    );
}
