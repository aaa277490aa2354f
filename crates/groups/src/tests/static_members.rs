//! Static members: instances that keep their place over restarts (KIP-345, KIP-814).

use expect_test::expect;

use super::check;

#[test]
fn an_instance_that_comes_back_takes_up_its_assignment_without_a_rebalance() {
    check(
        "
        config delay=0
        join g a instance=i
        join g b instance=j
        join g a id=i-1 instance=i
        sync g id=i-1 instance=i gen=2 assign=i-1:A,j-2:B
        join g b instance=j
        sync g id=j-5 instance=j gen=2
        heartbeat g id=j-2 instance=j gen=2
        heartbeat g id=j-2 gen=2
        heartbeat g id=j-5 instance=j gen=2
        commit g id=j-2 instance=j gen=2 t-0=1
        sync g id=j-2 instance=j gen=2
        join g b id=j-2 instance=j
        heartbeat g id=j-5 instance=k gen=2
        describe g
        ",
        &expect![[r#"
            config delay=0
            #1 join g a instance=i
              g rebalances after 0: adding member i-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: i-1 joined generation=1 protocol=range leader=i-1 i-1/i:'m'
            #2 join g b instance=j
              g rebalances after 1: adding member j-2; client reason: not provided
            #3 join g a id=i-1 instance=i
              #3: i-1 joined generation=2 protocol=range leader=i-1 i-1/i:'m' j-2/j:'m'
              #2: j-2 joined generation=2 protocol=range leader=i-1
            #4 sync g id=i-1 instance=i gen=2 assign=i-1:A,j-2:B
              log: g generation=2 protocol=range leader=i-1 i-1='A' j-2='B'
              #4: synced consumer range 'A'
            #5 join g b instance=j
              log: g generation=2 protocol=range leader=i-1 i-1='A' j-5='B'
              #5: j-5 joined generation=2 protocol=range leader=i-1
            #6 sync g id=j-5 instance=j gen=2
              #6: synced consumer range 'B'
            #7 heartbeat g id=j-2 instance=j gen=2
              #7: FencedInstanceId
            #8 heartbeat g id=j-2 gen=2
              #8: UnknownMemberId
            #9 heartbeat g id=j-5 instance=j gen=2
              #9: ok
            #10 commit g id=j-2 instance=j gen=2 t-0=1
              #10: FencedInstanceId
            #11 sync g id=j-2 instance=j gen=2
              #11: FencedInstanceId
            #12 join g b id=j-2 instance=j
              #12: FencedInstanceId for 'j-2'
            #13 heartbeat g id=j-5 instance=k gen=2
              #13: UnknownMemberId
            #14 describe g
              #14: Stable 'consumer' 'range' i-1/i client=a host=/10.0.0.1 metadata='m' assignment='A' j-5/j client=b host=/10.0.0.1 metadata='m' assignment='B'
        "#]],
    );
}

#[test]
fn a_leader_that_comes_back_is_told_to_skip_the_assignment_if_it_understands() {
    check(
        "
        config delay=0
        join g a instance=i
        sync g id=i-1 instance=i gen=1 assign=i-1:A
        join g a instance=i
        join g a instance=i v9
        sync g id=i-4 instance=i gen=1
        ",
        &expect![[r#"
            config delay=0
            #1 join g a instance=i
              g rebalances after 0: adding member i-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: i-1 joined generation=1 protocol=range leader=i-1 i-1/i:'m'
            #2 sync g id=i-1 instance=i gen=1 assign=i-1:A
              log: g generation=1 protocol=range leader=i-1 i-1='A'
              #2: synced consumer range 'A'
            #3 join g a instance=i
              log: g generation=1 protocol=range leader=i-3 i-3='A'
              #3: i-3 joined generation=1 protocol=range leader=i-1
            #4 join g a instance=i v9
              log: g generation=1 protocol=range leader=i-4 i-4='A'
              #4: i-4 joined generation=1 protocol=range leader=i-4 i-4/i:'m' skip-assignment
            #5 sync g id=i-4 instance=i gen=1
              #5: synced consumer range 'A'
        "#]],
    );
}

#[test]
fn an_instance_that_comes_back_with_another_protocol_starts_a_rebalance() {
    check(
        "
        config delay=0
        join g a instance=i protocols=x:1,y:1
        sync g id=i-1 instance=i gen=1 assign=i-1:A
        join g a instance=i protocols=y:2,x:2
        ",
        &expect![[r#"
            config delay=0
            #1 join g a instance=i protocols=x:1,y:1
              g rebalances after 0: adding member i-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: i-1 joined generation=1 protocol=x leader=i-1 i-1/i:'1'
            #2 sync g id=i-1 instance=i gen=1 assign=i-1:A
              log: g generation=1 protocol=x leader=i-1 i-1='A'
              #2: synced consumer x 'A'
            #3 join g a instance=i protocols=y:2,x:2
              g rebalances after 1: static member i-3 of instance i joins; client reason: not provided
              #3: i-3 joined generation=2 protocol=y leader=i-3 i-3/i:'2'
        "#]],
    );
}

#[test]
fn an_instance_that_comes_back_amid_a_rebalance_fences_the_old_member() {
    check(
        "
        config delay=0
        join g a
        join g b instance=j
        join g b instance=j
        join g a id=a-1
        sync g id=j-3 instance=j gen=2
        join g b instance=j
        join g a id=a-1
        sync g id=a-1 gen=3 assign=a-1:A,j-6:B
        ",
        &expect![[r#"
            config delay=0
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 join g b instance=j
              g rebalances after 1: adding member j-2; client reason: not provided
            #3 join g b instance=j
              #2: FencedInstanceId for 'j-2'
            #4 join g a id=a-1
              #4: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' j-3/j:'m'
              #3: j-3 joined generation=2 protocol=range leader=a-1
            #5 sync g id=j-3 instance=j gen=2
            #6 join g b instance=j
              g rebalances after 2: static member j-6 of instance j joins; client reason: not provided
              #5: FencedInstanceId
            #7 join g a id=a-1
              #7: a-1 joined generation=3 protocol=range leader=a-1 a-1:'m' j-6/j:'m'
              #6: j-6 joined generation=3 protocol=range leader=a-1
            #8 sync g id=a-1 gen=3 assign=a-1:A,j-6:B
              log: g generation=3 protocol=range leader=a-1 a-1='A' j-6='B'
              #8: synced consumer range 'A'
        "#]],
    );
}

#[test]
fn a_leader_that_comes_back_amid_a_rebalance_leads_on() {
    check(
        "
        config delay=0
        join g a instance=i
        join g b instance=h
        join g a instance=i
        sync g id=h-2 instance=h gen=2
        forget 4
        join g a instance=i
        join g b instance=h
        ",
        &expect![[r#"
            config delay=0
            #1 join g a instance=i
              g rebalances after 0: adding member i-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: i-1 joined generation=1 protocol=range leader=i-1 i-1/i:'m'
            #2 join g b instance=h
              g rebalances after 1: adding member h-2; client reason: not provided
            #3 join g a instance=i
              #2: h-2 joined generation=2 protocol=range leader=i-3
              #3: i-3 joined generation=2 protocol=range leader=i-3 h-2/h:'m' i-3/i:'m'
            #4 sync g id=h-2 instance=h gen=2
            forget 4
            #5 join g a instance=i
              g rebalances after 2: static member i-5 of instance i joins; client reason: not provided
            #6 join g b instance=h
              #6: h-6 joined generation=3 protocol=range leader=i-5
              #5: i-5 joined generation=3 protocol=range leader=i-5 h-6/h:'m' i-5/i:'m'
        "#]],
    );
}

#[test]
fn an_instance_keeps_its_place_when_it_does_not_rejoin_until_its_session_ends() {
    check(
        "
        config delay=0
        join g a
        join g b instance=j session=100000
        join g a id=a-1
        sync g id=a-1 gen=2 assign=a-1:A,j-2:B
        sync g id=j-2 instance=j gen=2
        join g a id=a-1
        wait 60000
        sync g id=a-1 gen=3 assign=a-1:A,j-2:B
        heartbeat g id=a-1 gen=3
        wait 9000
        heartbeat g id=a-1 gen=3
        ",
        &expect![[r#"
            config delay=0
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 join g b instance=j session=100000
              g rebalances after 1: adding member j-2; client reason: not provided
            #3 join g a id=a-1
              #3: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' j-2/j:'m'
              #2: j-2 joined generation=2 protocol=range leader=a-1
            #4 sync g id=a-1 gen=2 assign=a-1:A,j-2:B
              log: g generation=2 protocol=range leader=a-1 a-1='A' j-2='B'
              #4: synced consumer range 'A'
            #5 sync g id=j-2 instance=j gen=2
              #5: synced consumer range 'B'
            #6 join g a id=a-1
              g rebalances after 2: member a-1 joins again; client reason: not provided
            wait 60000
              at 60000 ms:
              #6: a-1 joined generation=3 protocol=range leader=a-1 a-1:'m' j-2/j:'m'
            #7 sync g id=a-1 gen=3 assign=a-1:A,j-2:B
              log: g generation=3 protocol=range leader=a-1 a-1='A' j-2='B'
              #7: synced consumer range 'A'
            #8 heartbeat g id=a-1 gen=3
              #8: ok
            wait 9000
            #9 heartbeat g id=a-1 gen=3
              #9: ok
        "#]],
    );
}

#[test]
fn a_group_of_absent_instances_waits_for_one_of_them() {
    check(
        "
        config delay=0
        join g a instance=i session=200000 rebalance=5000
        sync g id=i-1 instance=i gen=1 assign=i-1:A
        join g b rebalance=5000
        leave g id=b-3
        wait 12000
        describe g
        join g a instance=i session=200000
        ",
        &expect![[r#"
            config delay=0
            #1 join g a instance=i session=200000 rebalance=5000
              g rebalances after 0: adding member i-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: i-1 joined generation=1 protocol=range leader=i-1 i-1/i:'m'
            #2 sync g id=i-1 instance=i gen=1 assign=i-1:A
              log: g generation=1 protocol=range leader=i-1 i-1='A'
              #2: synced consumer range 'A'
            #3 join g b rebalance=5000
              g rebalances after 1: adding member b-3; client reason: not provided
            #4 leave g id=b-3
              #3: UnknownMemberId for ''
              #4: b-3 ok; left
            wait 12000
            #5 describe g
              #5: PreparingRebalance 'consumer' '' i-1/i client=a host=/10.0.0.1 metadata='' assignment='A'
            #6 join g a instance=i session=200000
              #6: i-6 joined generation=2 protocol=range leader=i-6 i-6/i:'m'
        "#]],
    );
}

#[test]
fn an_administrator_removes_instances_by_name() {
    check(
        "
        config delay=0
        join g a instance=i
        sync g id=i-1 instance=i gen=1 assign=i-1:A
        leave g instance=x id=i-2/i id=i-1/k id=i-1/i
        leave g instance=i
        leave h instance=i id=m-1
        ",
        &expect![[r#"
            config delay=0
            #1 join g a instance=i
              g rebalances after 0: adding member i-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: i-1 joined generation=1 protocol=range leader=i-1 i-1/i:'m'
            #2 sync g id=i-1 instance=i gen=1 assign=i-1:A
              log: g generation=1 protocol=range leader=i-1 i-1='A'
              #2: synced consumer range 'A'
            #3 leave g instance=x id=i-2/i id=i-1/k id=i-1/i
              g rebalances after 1: members left: i-1
              log: g generation=2
              #3: /x UnknownMemberId; i-2/i FencedInstanceId; i-1/k UnknownMemberId; i-1/i ok; left
            #4 leave g instance=i
              #4: /i UnknownMemberId; left
            #5 leave h instance=i id=m-1
              #5: /i UnknownMemberId; m-1 UnknownMemberId; left
        "#]],
    );
}

#[test]
fn an_instance_name_survives_a_reload() {
    check(
        "
        config delay=0
        join g a instance=i
        sync g id=i-1 instance=i gen=1 assign=i-1:A
        reload
        join g a instance=i
        reload
        heartbeat g id=i-1 instance=i gen=1
        heartbeat g id=i-3 instance=i gen=1
        ",
        &expect![[r#"
            config delay=0
            #1 join g a instance=i
              g rebalances after 0: adding member i-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: i-1 joined generation=1 protocol=range leader=i-1 i-1/i:'m'
            #2 sync g id=i-1 instance=i gen=1 assign=i-1:A
              log: g generation=1 protocol=range leader=i-1 i-1='A'
              #2: synced consumer range 'A'
            reload
            #3 join g a instance=i
              log: g generation=1 protocol=range leader=i-3 i-3='A'
              #3: i-3 joined generation=1 protocol=range leader=i-1
            reload
            #4 heartbeat g id=i-1 instance=i gen=1
              #4: FencedInstanceId
            #5 heartbeat g id=i-3 instance=i gen=1
              #5: ok
        "#]],
    );
}
