//! What is forgotten with time: offsets, and groups that nothing is left of.

use expect_test::expect;

use super::check;

#[test]
fn offsets_without_a_group_expire_from_their_commit() {
    check(
        "
        config retention=5000 check=1000
        wait 600000
        commit g t-0=1
        wait 3000
        commit g t-1=1
        wait 3000
        fetch g
        wait 3000
        list
        ",
        &expect![[r#"
            config retention=5000 check=1000
            wait 600000
            #1 commit g t-0=1
              log: g t-0 = 1
              #1: committed t-0 ok
            wait 3000
            #2 commit g t-1=1
              log: g t-1 = 1
              #2: committed t-1 ok
            wait 3000
              at 605000 ms:
              g expires 1 offsets
              log: g t-0 deleted
            #3 fetch g
              #3: fetched t-1=1
            wait 3000
              at 608000 ms:
              g expires 1 offsets
              g is removed
              log: g t-1 deleted
              log: g deleted
            #4 list
              #4: listed
        "#]],
    );
}

#[test]
fn offsets_of_a_group_expire_from_when_it_became_empty() {
    check(
        "
        config delay=0 retention=5000 check=1000
        wait 600000
        join g a session=100000
        sync g id=a-1 gen=1 assign=a-1:A
        commit g id=a-1 gen=1 t-0=1
        wait 8000
        leave g id=a-1
        wait 4000
        fetch g
        wait 2000
        list
        ",
        &expect![[r#"
            config delay=0 retention=5000 check=1000
            wait 600000
            #1 join g a session=100000
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 600000 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 sync g id=a-1 gen=1 assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #2: synced consumer range 'A'
            #3 commit g id=a-1 gen=1 t-0=1
              log: g t-0 = 1
              #3: committed t-0 ok
            wait 8000
            #4 leave g id=a-1
              g rebalances after 1: members left: a-1
              log: g generation=2
              #4: a-1 ok; left
            wait 4000
            #5 fetch g
              #5: fetched t-0=1
            wait 2000
              at 613000 ms:
              g expires 1 offsets
              g is removed
              log: g t-0 deleted
              log: g deleted
            #6 list
              #6: listed
        "#]],
    );
}

#[test]
fn a_commit_to_a_group_that_was_left_long_ago_is_kept_for_its_own_time() {
    check(
        "
        config delay=0 retention=5000 check=1000
        wait 600000
        join g a
        sync g id=a-1 gen=1 assign=a-1:A
        commit g id=a-1 gen=1 t-0=1
        leave g id=a-1
        wait 4000
        commit g t-1=2
        wait 4000
        fetch g
        wait 1000
        list
        ",
        &expect![[r#"
            config delay=0 retention=5000 check=1000
            wait 600000
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 600000 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 sync g id=a-1 gen=1 assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #2: synced consumer range 'A'
            #3 commit g id=a-1 gen=1 t-0=1
              log: g t-0 = 1
              #3: committed t-0 ok
            #4 leave g id=a-1
              g rebalances after 1: members left: a-1
              log: g generation=2
              #4: a-1 ok; left
            wait 4000
            #5 commit g t-1=2
              log: g t-1 = 2
              #5: committed t-1 ok
            wait 4000
              at 605000 ms:
              g expires 1 offsets
              log: g t-0 deleted
            #6 fetch g
              #6: fetched t-1=2
            wait 1000
              at 609000 ms:
              g expires 1 offsets
              g is removed
              log: g t-1 deleted
              log: g deleted
            #7 list
              #7: listed
        "#]],
    );
}

#[test]
fn a_stable_group_of_consumers_keeps_the_offsets_of_its_topics_alone() {
    check(
        "
        config delay=0 retention=5000 check=1000
        wait 600000
        join g a session=100000 topics=t
        sync g id=a-1 gen=1 assign=a-1:A
        commit g id=a-1 gen=1 t-0=1 u-0=1
        join c w session=100000 type=connect
        sync c id=w-4 gen=1 assign=w-4:A
        commit c id=w-4 gen=1 t-0=1
        wait 8000
        fetch g
        fetch c
        ",
        &expect![[r#"
            config delay=0 retention=5000 check=1000
            wait 600000
            #1 join g a session=100000 topics=t
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 600000 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'\x00\x00\x00\x00\x00\x01\x00\x01t\xff\xff\xff\xff'
            #2 sync g id=a-1 gen=1 assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #2: synced consumer range 'A'
            #3 commit g id=a-1 gen=1 t-0=1 u-0=1
              log: g t-0 = 1
              log: g u-0 = 1
              #3: committed t-0 ok u-0 ok
            #4 join c w session=100000 type=connect
              c rebalances after 0: adding member w-4; client reason: not provided
              log: c generation=0
              at 600000 ms:
              #4: w-4 joined generation=1 protocol=range leader=w-4 w-4:'m'
            #5 sync c id=w-4 gen=1 assign=w-4:A
              log: c generation=1 protocol=range leader=w-4 w-4='A'
              #5: synced connect range 'A'
            #6 commit c id=w-4 gen=1 t-0=1
              log: c t-0 = 1
              #6: committed t-0 ok
            wait 8000
              at 605000 ms:
              g expires 1 offsets
              log: g u-0 deleted
            #7 fetch g
              #7: fetched t-0=1
            #8 fetch c
              #8: fetched t-0=1
        "#]],
    );
}

#[test]
fn an_expiry_that_an_old_client_asked_for_counts_for_its_offset() {
    check(
        "
        config check=1000
        wait 600000
        commit g t-0=1 retention=3000
        commit g t-1=1 retention=-1
        wait 4000
        fetch g
        ",
        &expect![[r#"
            config check=1000
            wait 600000
            #1 commit g t-0=1 retention=3000
              log: g t-0 = 1 until 1603000
              #1: committed t-0 ok
            #2 commit g t-1=1 retention=-1
              log: g t-1 = 1
              #2: committed t-1 ok
            wait 4000
              at 603000 ms:
              g expires 1 offsets
              log: g t-0 deleted
            #3 fetch g
              #3: fetched t-1=1
        "#]],
    );
}

#[test]
fn an_empty_group_without_offsets_is_forgotten_at_the_next_search() {
    check(
        "
        config delay=0 check=1000
        wait 600000
        join g a
        leave g id=a-1
        join h b v4
        wait 2000
        list
        wait 10000
        list
        ",
        &expect![[r#"
            config delay=0 check=1000
            wait 600000
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 600000 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 leave g id=a-1
              g rebalances after 1: members left: a-1
              log: g generation=2
              #2: a-1 ok; left
            #3 join h b v4
              log: h generation=0
              #3: MemberIdRequired for 'b-3'
            wait 2000
              at 601000 ms:
              g is removed
              log: g deleted
            #4 list
              #4: h classic '' Empty; listed
            wait 10000
              at 610000 ms:
              h removes b-3: did not come back with its id in time
              h is removed
              log: h deleted
            #5 list
              #5: listed
        "#]],
    );
}

#[test]
fn a_wall_clock_that_jumps_ahead_expires_nothing_before_its_time() {
    check(
        "
        config retention=5000 check=1000
        wait 600000
        commit g t-0=1
        jump 36000000
        wait 3000
        fetch g
        jump -36000000
        wait 1000
        fetch g
        wait 2000
        list
        ",
        &expect![[r#"
            config retention=5000 check=1000
            wait 600000
            #1 commit g t-0=1
              log: g t-0 = 1
              #1: committed t-0 ok
            jump 36000000
            wait 3000
            #2 fetch g
              #2: fetched t-0=1
            jump -36000000
            wait 1000
            #3 fetch g
              #3: fetched t-0=1
            wait 2000
              at 605000 ms:
              g expires 1 offsets
              g is removed
              log: g t-0 deleted
              log: g deleted
            #4 list
              #4: listed
        "#]],
    );
}
