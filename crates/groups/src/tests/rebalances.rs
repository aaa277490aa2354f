//! How groups form, go from generation to generation, and empty.

use expect_test::expect;

use super::check;

#[test]
fn two_members_form_a_group_and_read() {
    check(
        "
        join g a
        wait 1000
        join g b
        describe g
        wait 5999
        heartbeat g id=a-1 gen=1
        sync g id=b-2 gen=1
        commit g id=a-1 gen=1 t-0=5
        describe g
        sync g id=a-1 gen=1 assign=a-1:A,b-2:B
        describe g
        heartbeat g id=b-2 gen=1
        commit g id=a-1 gen=1 t-0=5
        sync g id=b-2 gen=1
        list
        ",
        &expect![[r#"
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
            wait 1000
            #2 join g b
            #3 describe g
              #3: PreparingRebalance 'consumer' '' a-1 client=a host=/10.0.0.1 metadata='' assignment='' b-2 client=b host=/10.0.0.1 metadata='' assignment=''
            wait 5999
              at 6000 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m' b-2:'m'
              #2: b-2 joined generation=1 protocol=range leader=a-1
            #4 heartbeat g id=a-1 gen=1
              #4: ok
            #5 sync g id=b-2 gen=1
            #6 commit g id=a-1 gen=1 t-0=5
              #6: RebalanceInProgress
            #7 describe g
              #7: CompletingRebalance 'consumer' '' a-1 client=a host=/10.0.0.1 metadata='' assignment='' b-2 client=b host=/10.0.0.1 metadata='' assignment=''
            #8 sync g id=a-1 gen=1 assign=a-1:A,b-2:B
              log: g generation=1 protocol=range leader=a-1 a-1='A' b-2='B'
              #8: synced consumer range 'A'
              #5: synced consumer range 'B'
            #9 describe g
              #9: Stable 'consumer' 'range' a-1 client=a host=/10.0.0.1 metadata='m' assignment='A' b-2 client=b host=/10.0.0.1 metadata='m' assignment='B'
            #10 heartbeat g id=b-2 gen=1
              #10: ok
            #11 commit g id=a-1 gen=1 t-0=5
              log: g t-0 = 5
              #11: committed t-0 ok
            #12 sync g id=b-2 gen=1
              #12: synced consumer range 'B'
            #13 list
              #13: g classic 'consumer' Stable; listed
        "#]],
    );
}

#[test]
fn a_first_join_with_a_known_member_id_gets_one_and_comes_back_with_it() {
    check(
        "
        join g a v4
        describe g
        join g a v4 id=a-1
        wait 3000
        sync g id=a-1 gen=1 assign=a-1:A
        ",
        &expect![[r#"
            #1 join g a v4
              log: g generation=0
              #1: MemberIdRequired for 'a-1'
            #2 describe g
              #2: Empty '' ''
            #3 join g a v4 id=a-1
              g rebalances after 0: adding member a-1; client reason: not provided
            wait 3000
              at 3000 ms:
              #3: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #4 sync g id=a-1 gen=1 assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #4: synced consumer range 'A'
        "#]],
    );
}

#[test]
fn a_given_out_id_that_does_not_come_back_holds_up_a_rebalance_only_for_its_session() {
    check(
        "
        config delay=0
        join g a
        sync g id=a-1 gen=1 assign=a-1:A
        join g b v4
        join g a id=a-1
        wait 9999
        heartbeat g id=a-1 gen=1
        wait 1
        join g c id=b-3
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
            wait 9999
            #5 heartbeat g id=a-1 gen=1
              #5: RebalanceInProgress
            wait 1
              at 10000 ms:
              g removes b-3: did not come back with its id in time
              #4: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m'
            #6 join g c id=b-3
              #6: UnknownMemberId for 'b-3'
        "#]],
    );
}

#[test]
fn an_empty_group_waits_longer_while_members_come_but_not_beyond_the_rebalance_timeout() {
    check(
        "
        join g a rebalance=7000
        wait 2000
        join g b
        wait 3000
        join g c
        wait 2000
        describe g
        ",
        &expect![[r#"
            #1 join g a rebalance=7000
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
            wait 2000
            #2 join g b
            wait 3000
            #3 join g c
            wait 2000
              at 7000 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m' b-2:'m' c-3:'m'
              #2: b-2 joined generation=1 protocol=range leader=a-1
              #3: c-3 joined generation=1 protocol=range leader=a-1
            #4 describe g
              #4: CompletingRebalance 'consumer' '' a-1 client=a host=/10.0.0.1 metadata='' assignment='' b-2 client=b host=/10.0.0.1 metadata='' assignment='' c-3 client=c host=/10.0.0.1 metadata='' assignment=''
        "#]],
    );
}

#[test]
fn a_rebalance_goes_on_without_those_that_do_not_rejoin_in_time() {
    check(
        "
        config delay=0
        join g a rebalance=5000 session=20000
        sync g id=a-1 gen=1 assign=a-1:A
        join g b rebalance=4000 session=20000
        heartbeat g id=a-1 gen=1
        commit g id=a-1 gen=1 t-0=7
        sync g id=a-1 gen=1
        heartbeat g id=b-3 gen=1
        wait 4999
        wait 1
        heartbeat g id=a-1 gen=1
        heartbeat g id=a-1 gen=2
        ",
        &expect![[r#"
            config delay=0
            #1 join g a rebalance=5000 session=20000
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 sync g id=a-1 gen=1 assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #2: synced consumer range 'A'
            #3 join g b rebalance=4000 session=20000
              g rebalances after 1: adding member b-3; client reason: not provided
            #4 heartbeat g id=a-1 gen=1
              #4: RebalanceInProgress
            #5 commit g id=a-1 gen=1 t-0=7
              log: g t-0 = 7
              #5: committed t-0 ok
            #6 sync g id=a-1 gen=1
              #6: RebalanceInProgress
            #7 heartbeat g id=b-3 gen=1
              #7: RebalanceInProgress
            wait 4999
            wait 1
              at 5000 ms:
              g removes a-1: did not rejoin in time
              #3: b-3 joined generation=2 protocol=range leader=b-3 b-3:'m'
            #8 heartbeat g id=a-1 gen=1
              #8: UnknownMemberId
            #9 heartbeat g id=a-1 gen=2
              #9: UnknownMemberId
        "#]],
    );
}

#[test]
fn the_slowest_member_sets_the_rebalance_timeout_and_all_rejoining_ends_it() {
    check(
        "
        config delay=0
        join g a rebalance=5000
        join g b rebalance=300000
        join g a id=a-1
        sync g id=a-1 gen=2 assign=a-1:A,b-2:B
        ",
        &expect![[r#"
            config delay=0
            #1 join g a rebalance=5000
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 join g b rebalance=300000
              g rebalances after 1: adding member b-2; client reason: not provided
            #3 join g a id=a-1
              #3: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' b-2:'m'
              #2: b-2 joined generation=2 protocol=range leader=a-1
            #4 sync g id=a-1 gen=2 assign=a-1:A,b-2:B
              log: g generation=2 protocol=range leader=a-1 a-1='A' b-2='B'
              #4: synced consumer range 'A'
        "#]],
    );
}

#[test]
fn a_follower_that_joins_again_unchanged_gets_the_generation_it_is_in() {
    check(
        "
        config delay=0
        join g a
        join g b
        join g a id=a-1
        join g b id=b-2
        join g a id=a-1
        sync g id=a-1 gen=2 assign=a-1:A,b-2:B
        join g b id=b-2
        sync g id=b-2 gen=2
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
            #4 join g b id=b-2
              #4: b-2 joined generation=2 protocol=range leader=a-1
            #5 join g a id=a-1
              #5: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' b-2:'m'
            #6 sync g id=a-1 gen=2 assign=a-1:A,b-2:B
              log: g generation=2 protocol=range leader=a-1 a-1='A' b-2='B'
              #6: synced consumer range 'A'
            #7 join g b id=b-2
              #7: b-2 joined generation=2 protocol=range leader=a-1
            #8 sync g id=b-2 gen=2
              #8: synced consumer range 'B'
        "#]],
    );
}

#[test]
fn a_leader_that_joins_again_and_a_follower_that_changed_start_a_rebalance() {
    check(
        "
        config delay=0
        join g a
        join g b
        join g a id=a-1
        sync g id=b-2 gen=2
        join g b id=b-2 protocols=range:new
        join g a id=a-1
        sync g id=a-1 gen=3 assign=a-1:A,b-2:B
        join g b id=b-2 protocols=range:newer
        join g a id=a-1
        sync g id=a-1 gen=4 assign=a-1:A,b-2:B
        join g a id=a-1
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
            #5 join g b id=b-2 protocols=range:new
              g rebalances after 2: member b-2 joins again; client reason: not provided
              #4: RebalanceInProgress
            #6 join g a id=a-1
              #6: a-1 joined generation=3 protocol=range leader=a-1 a-1:'m' b-2:'new'
              #5: b-2 joined generation=3 protocol=range leader=a-1
            #7 sync g id=a-1 gen=3 assign=a-1:A,b-2:B
              log: g generation=3 protocol=range leader=a-1 a-1='A' b-2='B'
              #7: synced consumer range 'A'
            #8 join g b id=b-2 protocols=range:newer
              g rebalances after 3: member b-2 joins again; client reason: not provided
            #9 join g a id=a-1
              #9: a-1 joined generation=4 protocol=range leader=a-1 a-1:'m' b-2:'newer'
              #8: b-2 joined generation=4 protocol=range leader=a-1
            #10 sync g id=a-1 gen=4 assign=a-1:A,b-2:B
              log: g generation=4 protocol=range leader=a-1 a-1='A' b-2='B'
              #10: synced consumer range 'A'
            #11 join g a id=a-1
              g rebalances after 4: member a-1 joins again; client reason: not provided
        "#]],
    );
}

#[test]
fn the_protocol_that_most_members_prefer_and_all_speak_is_chosen() {
    check(
        "
        config delay=0
        join g a protocols=x:1,y:1,z:1
        join g b protocols=z:2,y:2
        join g a id=a-1 protocols=x:1,y:1,z:1
        join g c protocols=y:3,z:3
        join g a id=a-1 protocols=x:1,y:1,z:1
        join g b id=b-2 protocols=z:2,y:2
        join g d protocols=x:4
        join g d protocols=y:4 type=connect
        join h e protocols=
        join h e type= protocols=y
        describe h
        ",
        &expect![[r#"
            config delay=0
            #1 join g a protocols=x:1,y:1,z:1
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=x leader=a-1 a-1:'1'
            #2 join g b protocols=z:2,y:2
              g rebalances after 1: adding member b-2; client reason: not provided
            #3 join g a id=a-1 protocols=x:1,y:1,z:1
              #3: a-1 joined generation=2 protocol=y leader=a-1 a-1:'1' b-2:'2'
              #2: b-2 joined generation=2 protocol=y leader=a-1
            #4 join g c protocols=y:3,z:3
              g rebalances after 2: adding member c-4; client reason: not provided
            #5 join g a id=a-1 protocols=x:1,y:1,z:1
            #6 join g b id=b-2 protocols=z:2,y:2
              #5: a-1 joined generation=3 protocol=y leader=a-1 a-1:'1' b-2:'2' c-4:'3'
              #6: b-2 joined generation=3 protocol=y leader=a-1
              #4: c-4 joined generation=3 protocol=y leader=a-1
            #7 join g d protocols=x:4
              #7: InconsistentGroupProtocol for ''
            #8 join g d protocols=y:4 type=connect
              #8: InconsistentGroupProtocol for ''
            #9 join h e protocols=
              #9: InconsistentGroupProtocol for ''
            #10 join h e type= protocols=y
              #10: InconsistentGroupProtocol for ''
            #11 describe h
              #11: Dead '' '' GroupIdNotFound
        "#]],
    );
}

#[test]
fn a_sync_has_to_name_what_the_group_agreed_on() {
    check(
        "
        config delay=0
        join g a
        sync g id=a-1 gen=1 type=connect
        sync g id=a-1 gen=1 protocol=roundrobin
        sync g id=a-1 gen=2
        sync g id=x-1 gen=1
        sync h id=x-1 gen=1
        sync g id=a-1 gen=1 type=consumer protocol=range assign=a-1:A
        ",
        &expect![[r#"
            config delay=0
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 sync g id=a-1 gen=1 type=connect
              #2: InconsistentGroupProtocol
            #3 sync g id=a-1 gen=1 protocol=roundrobin
              #3: InconsistentGroupProtocol
            #4 sync g id=a-1 gen=2
              #4: IllegalGeneration
            #5 sync g id=x-1 gen=1
              #5: UnknownMemberId
            #6 sync h id=x-1 gen=1
              #6: UnknownMemberId
            #7 sync g id=a-1 gen=1 type=consumer protocol=range assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #7: synced consumer range 'A'
        "#]],
    );
}

#[test]
fn members_that_the_leader_forgets_get_nothing_to_do() {
    check(
        "
        config delay=0
        join g a
        join g b
        join g a id=a-1
        sync g id=b-2 gen=2
        sync g id=a-1 gen=2 assign=a-1:A,stranger:S
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
            #5 sync g id=a-1 gen=2 assign=a-1:A,stranger:S
              log: g generation=2 protocol=range leader=a-1 a-1='A' b-2=''
              #5: synced consumer range 'A'
              #4: synced consumer range ''
        "#]],
    );
}

#[test]
fn a_request_that_a_member_repeats_over_another_connection_takes_the_place_of_the_first() {
    check(
        "
        config delay=0
        join g a
        sync g id=a-1 gen=1 assign=a-1:A
        join g b
        join g b id=b-3
        join g a id=a-1
        sync g id=b-3 gen=2
        sync g id=b-3 gen=2
        sync g id=a-1 gen=2 assign=b-3:B
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
            #4 join g b id=b-3
              #3: RebalanceInProgress for 'b-3'
            #5 join g a id=a-1
              #5: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' b-3:'m'
              #4: b-3 joined generation=2 protocol=range leader=a-1
            #6 sync g id=b-3 gen=2
            #7 sync g id=b-3 gen=2
              #6: RebalanceInProgress
            #8 sync g id=a-1 gen=2 assign=b-3:B
              log: g generation=2 protocol=range leader=a-1 a-1='' b-3='B'
              #8: synced consumer range ''
              #7: synced consumer range 'B'
        "#]],
    );
}
