//! Offsets that are committed in transactions: when they count, and who may commit them.

use expect_test::expect;

use super::check;

#[test]
fn offsets_of_a_transaction_count_once_it_is_committed() {
    check(
        "
        commit g t-0=5
        commit g t-0=8 t-1=9 txn=7
        fetch g t-0 t-1 t-2
        fetch g
        fetch g t-0 t-1 stable=any
        reload
        fetch g t-0
        end 7 commit
        fetch g t-0 t-1
        reload
        fetch g t-0 t-1
        ",
        &expect![[r#"
            #1 commit g t-0=5
              log: g t-0 = 5
              #1: committed t-0 ok
            #2 commit g t-0=8 t-1=9 txn=7
              log: g t-0 = 8
              log: g t-1 = 9
              #2: committed t-0 ok t-1 ok
            #3 fetch g t-0 t-1 t-2
              #3: fetched t-0=UnstableOffsetCommit t-1=UnstableOffsetCommit t-2=none
            #4 fetch g
              #4: fetched t-0=UnstableOffsetCommit
            #5 fetch g t-0 t-1 stable=any
              #5: fetched t-0=5 t-1=none
            reload
            #6 fetch g t-0
              #6: fetched t-0=UnstableOffsetCommit
            end 7 commit
            #7 fetch g t-0 t-1
              #7: fetched t-0=8 t-1=9
            reload
            #8 fetch g t-0 t-1
              #8: fetched t-0=8 t-1=9
        "#]],
    );
}

#[test]
fn offsets_of_an_aborted_transaction_never_were() {
    check(
        "
        commit g t-0=8 txn=7
        commit h t-0=3
        commit h t-0=4 txn=7
        list
        end 7 abort
        fetch h t-0
        list
        commit h t-0=6 txn=7
        end 8 commit
        fetch h t-0
        end 7 commit
        fetch h t-0
        ",
        &expect![[r#"
            #1 commit g t-0=8 txn=7
              log: g t-0 = 8
              #1: committed t-0 ok
            #2 commit h t-0=3
              log: h t-0 = 3
              #2: committed t-0 ok
            #3 commit h t-0=4 txn=7
              log: h t-0 = 4
              #3: committed t-0 ok
            #4 list
              #4: g classic '' Empty; h classic '' Empty; listed
            end 7 abort
            #5 fetch h t-0
              #5: fetched t-0=3
            #6 list
              #6: h classic '' Empty; listed
            #7 commit h t-0=6 txn=7
              log: h t-0 = 6
              #7: committed t-0 ok
            end 8 commit
            #8 fetch h t-0
              #8: fetched t-0=UnstableOffsetCommit
            end 7 commit
            #9 fetch h t-0
              #9: fetched t-0=6
        "#]],
    );
}

#[test]
fn the_later_of_two_commits_counts_wherever_the_marker_stands() {
    check(
        "
        commit g t-0=1 txn=7
        commit g t-0=2
        end 7 commit
        fetch g t-0
        commit g t-0=3 txn=7
        commit g t-0=4 txn=8
        end 8 commit
        end 7 commit
        fetch g t-0
        reload
        fetch g t-0
        ",
        &expect![[r#"
            #1 commit g t-0=1 txn=7
              log: g t-0 = 1
              #1: committed t-0 ok
            #2 commit g t-0=2
              log: g t-0 = 2
              #2: committed t-0 ok
            end 7 commit
            #3 fetch g t-0
              #3: fetched t-0=2
            #4 commit g t-0=3 txn=7
              log: g t-0 = 3
              #4: committed t-0 ok
            #5 commit g t-0=4 txn=8
              log: g t-0 = 4
              #5: committed t-0 ok
            end 8 commit
            end 7 commit
            #6 fetch g t-0
              #6: fetched t-0=4
            reload
            #7 fetch g t-0
              #7: fetched t-0=4
        "#]],
    );
}

#[test]
fn members_commit_in_their_generation_and_others_by_their_transaction() {
    check(
        "
        config delay=0
        join g a
        commit g t-0=1 txn=7
        commit g t-0=2 txn=7 id=g-1 gen=1
        sync g id=a-1 gen=1 assign=a-1:A
        commit g t-0=3 txn=7 id=a-1 gen=1
        commit g t-0=4 txn=7 id=a-1 gen=0
        commit g t-0=5 txn=7 id=b-9 gen=1
        commit g t-0=6 txn=7 id=b-9
        commit g t-0=7 txn=7
        commit g t-0=8
        commit unknown t-0=9 txn=7 gen=3 id=b-9
        commit unknown t-0=9 txn=7
        ",
        &expect![[r#"
            config delay=0
            #1 join g a
              g rebalances after 0: adding member a-1; client reason: not provided
              log: g generation=0
              at 0 ms:
              #1: a-1 joined generation=1 protocol=range leader=a-1 a-1:'m'
            #2 commit g t-0=1 txn=7
              log: g t-0 = 1
              #2: committed t-0 ok
            #3 commit g t-0=2 txn=7 id=g-1 gen=1
              #3: UnknownMemberId
            #4 sync g id=a-1 gen=1 assign=a-1:A
              log: g generation=1 protocol=range leader=a-1 a-1='A'
              #4: synced consumer range 'A'
            #5 commit g t-0=3 txn=7 id=a-1 gen=1
              log: g t-0 = 3
              #5: committed t-0 ok
            #6 commit g t-0=4 txn=7 id=a-1 gen=0
              #6: IllegalGeneration
            #7 commit g t-0=5 txn=7 id=b-9 gen=1
              #7: UnknownMemberId
            #8 commit g t-0=6 txn=7 id=b-9
              #8: UnknownMemberId
            #9 commit g t-0=7 txn=7
              log: g t-0 = 7
              #9: committed t-0 ok
            #10 commit g t-0=8
              #10: UnknownMemberId
            #11 commit unknown t-0=9 txn=7 gen=3 id=b-9
              #11: IllegalGeneration
            #12 commit unknown t-0=9 txn=7
              log: unknown t-0 = 9
              #12: committed t-0 ok
        "#]],
    );
}

#[test]
fn what_is_deleted_or_expires_spares_open_transactions_or_takes_them_along() {
    check(
        "
        config retention=1000 check=100
        reload
        commit g t-0=1
        commit g t-0=2 txn=7
        commit g t-1=2 txn=7
        wait 3000
        fetch g stable=any
        end 7 abort
        wait 3000
        list
        commit h t-0=1
        commit h t-0=2 txn=7
        commit h t-1=3 txn=7
        delete h
        end 7 commit
        fetch h
        list
        ",
        &expect![[r#"
            config retention=1000 check=100
            reload
            #1 commit g t-0=1
              log: g t-0 = 1
              #1: committed t-0 ok
            #2 commit g t-0=2 txn=7
              log: g t-0 = 2
              #2: committed t-0 ok
            #3 commit g t-1=2 txn=7
              log: g t-1 = 2
              #3: committed t-1 ok
            wait 3000
            #4 fetch g stable=any
              #4: fetched t-0=1
            end 7 abort
            wait 3000
              at 3100 ms:
              g expires 1 offsets
              g is removed
              log: g t-0 deleted
              log: g deleted
            #5 list
              #5: listed
            #6 commit h t-0=1
              log: h t-0 = 1
              #6: committed t-0 ok
            #7 commit h t-0=2 txn=7
              log: h t-0 = 2
              #7: committed t-0 ok
            #8 commit h t-1=3 txn=7
              log: h t-1 = 3
              #8: committed t-1 ok
            #9 delete h
              log: h t-0 deleted
              log: h t-1 deleted
              log: h deleted
              #9: ok
            end 7 commit
            #10 fetch h
              #10: fetched
            #11 list
              #11: listed
        "#]],
    );
}
