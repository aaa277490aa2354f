//! What a shard remembers when it is dropped and loaded again from its log.

use expect_test::expect;

use super::check;

#[test]
fn a_stable_group_goes_on_after_a_reload() {
    check(
        "
        config delay=0
        join g a
        join g b
        join g a id=a-1
        sync g id=a-1 gen=2 assign=a-1:A,b-2:B
        commit g id=a-1 gen=2 t-0=5
        reload
        describe g
        heartbeat g id=a-1 gen=2
        sync g id=b-2 gen=2
        fetch g
        join g b id=b-2
        wait 10000
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
            #5 commit g id=a-1 gen=2 t-0=5
              log: g t-0 = 5
              #5: committed t-0 ok
            reload
            #6 describe g
              #6: Stable 'consumer' 'range' a-1 client=a host=/10.0.0.1 metadata='m' assignment='A' b-2 client=b host=/10.0.0.1 metadata='m' assignment='B'
            #7 heartbeat g id=a-1 gen=2
              #7: ok
            #8 sync g id=b-2 gen=2
              #8: synced consumer range 'B'
            #9 fetch g
              #9: fetched t-0=5
            #10 join g b id=b-2
              #10: b-2 joined generation=2 protocol=range leader=a-1
            wait 10000
              at 10000 ms:
              g removes a-1: its session ended
              g rebalances after 2: the session of member a-1 ended
              g removes b-2: its session ended
              log: g generation=3
        "#]],
    );
}

#[test]
fn a_rebalance_that_was_not_written_is_forgotten() {
    check(
        "
        config delay=0
        join g a
        sync g id=a-1 gen=1 assign=a-1:A
        join g b
        join g a id=a-1
        reload
        describe g
        sync g id=a-1 gen=2
        heartbeat g id=a-1 gen=1
        heartbeat g id=b-3 gen=2
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
            #4 join g a id=a-1
              #4: a-1 joined generation=2 protocol=range leader=a-1 a-1:'m' b-3:'m'
              #3: b-3 joined generation=2 protocol=range leader=a-1
            reload
            #5 describe g
              #5: Stable 'consumer' 'range' a-1 client=a host=/10.0.0.1 metadata='m' assignment='A'
            #6 sync g id=a-1 gen=2
              #6: IllegalGeneration
            #7 heartbeat g id=a-1 gen=1
              #7: ok
            #8 heartbeat g id=b-3 gen=2
              #8: UnknownMemberId
            stats
              empty=0 preparing=0 completing=0 stable=1 members=1 offsets=0 parked=0 skipped=0
        "#]],
    );
}

#[test]
fn a_group_that_came_into_being_is_there_after_a_reload_and_its_ids_are_not() {
    check(
        "
        join g a v4
        commit s t-0=1
        delete-offsets s t-0
        reload
        list
        join g a v4 id=a-1
        ",
        &expect![[r#"
            #1 join g a v4
              log: g generation=0
              #1: MemberIdRequired for 'a-1'
            #2 commit s t-0=1
              log: s t-0 = 1
              #2: committed t-0 ok
            #3 delete-offsets s t-0
              log: s t-0 deleted
              #3: deleted t-0 ok
            reload
            #4 list
              #4: g classic '' Empty; listed
            #5 join g a v4 id=a-1
              #5: UnknownMemberId for 'a-1'
        "#]],
    );
}
