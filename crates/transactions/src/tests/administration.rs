//! What administrators see.

use expect_test::expect;

use super::check;

#[test]
fn transactions_are_listed_by_state_producer_and_age() {
    check(
        "
        init a
        init b
        add b 1001/0 t-0
        wait 100
        init c
        add c 1002/0 t-0
        commit c 1002/0
        list
        list states=Ongoing
        list states=Ongoing,Empty,Nonsense
        list states=nonsense
        list ids=1000,1002
        list states=Ongoing ids=1000
        list longer=99
        list longer=100
        list longer=0
        ",
        &expect![[r##"
            #1 init a
              log: a Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 init b
              log: b Empty 1001/0 client=0 v1
              #2: initialised as 1001/0
            #3 add b 1001/0 t-0
              log: b Ongoing 1001/0 t-0 since 1 client=2 v1
              #3: t-0 ok
            wait 100
            #4 init c
              log: c Empty 1002/0 client=0 v1
              #4: initialised as 1002/0
            #5 add c 1002/0 t-0
              log: c Ongoing 1002/0 t-0 since 101 client=2 v1
              #5: t-0 ok
            #6 commit c 1002/0
              log: c PrepareCommit 1002/1 t-0 since 101 client=2 v1
              #6: ended, goes on as 1002/1
              job 1: Commit for c of 1002/1 by coordinator 7 and client 2: t-0
            #7 list
              #7: a 1000 Empty; b 1001 Ongoing; c 1002 PrepareCommit; unknown []
            #8 list states=Ongoing
              #8: b 1001 Ongoing; unknown []
            #9 list states=Ongoing,Empty,Nonsense
              #9: a 1000 Empty; b 1001 Ongoing; unknown ["Nonsense"]
            #10 list states=nonsense
              #10: unknown ["nonsense"]
            #11 list ids=1000,1002
              #11: a 1000 Empty; c 1002 PrepareCommit; unknown []
            #12 list states=Ongoing ids=1000
              #12: unknown []
            #13 list longer=99
              #13: a 1000 Empty; unknown []
            #14 list longer=100
              #14: a 1000 Empty; unknown []
            #15 list longer=0
              #15: a 1000 Empty; b 1001 Ongoing; unknown []
        "##]],
    );
}

#[test]
fn transactions_are_described() {
    check(
        "
        describe ''
        describe long
        describe tx
        init tx
        describe tx
        add tx 1000/0 t-0
        describe tx
        ",
        &expect![[r#"
            #1 describe ''
              #1: InvalidRequest
            #2 describe long
              #2: InvalidRequest
            #3 describe tx
              #3: TransactionalIdNotFound
            #4 init tx
              log: tx Empty 1000/0 client=0 v1
              #4: initialised as 1000/0
            #5 describe tx
              #5: tx Empty 1000/0 timeout=60000 since -1 []
            #6 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #6: t-0 ok
            #7 describe tx
              #7: tx Ongoing 1000/0 timeout=60000 since 1000001 [t-0]
        "#]],
    );
}

#[test]
fn transactions_are_counted() {
    check(
        "
        init a
        init b
        add b 1001/0 t-0 t-1
        init c
        add c 1002/0 t-0
        commit c 1002/0
        init d
        add d 1003/0 t-0
        abort d 1003/0
        init e
        abort e 1004/0
        stats
        ",
        &expect![[r#"
            #1 init a
              log: a Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 init b
              log: b Empty 1001/0 client=0 v1
              #2: initialised as 1001/0
            #3 add b 1001/0 t-0 t-1
              log: b Ongoing 1001/0 t-0,t-1 since 1 client=2 v1
              #3: t-0 ok t-1 ok
            #4 init c
              log: c Empty 1002/0 client=0 v1
              #4: initialised as 1002/0
            #5 add c 1002/0 t-0
              log: c Ongoing 1002/0 t-0 since 1 client=2 v1
              #5: t-0 ok
            #6 commit c 1002/0
              log: c PrepareCommit 1002/1 t-0 since 1 client=2 v1
              #6: ended, goes on as 1002/1
              job 1: Commit for c of 1002/1 by coordinator 7 and client 2: t-0
            #7 init d
              log: d Empty 1003/0 client=0 v1
              #7: initialised as 1003/0
            #8 add d 1003/0 t-0
              log: d Ongoing 1003/0 t-0 since 1 client=2 v1
              #8: t-0 ok
            #9 abort d 1003/0
              log: d PrepareAbort 1003/1 t-0 since 1 client=2 v1
              #9: ended, goes on as 1003/1
              job 2: Abort for d of 1003/1 by coordinator 7 and client 2: t-0
            #10 init e
              log: e Empty 1004/0 client=0 v1
              #10: initialised as 1004/0
            #11 abort e 1004/0
              log: e PrepareAbort 1004/1 since 1 client=2 v1
              log: e CompleteAbort 1004/1 since 1 client=2 v1
              #11: ended, goes on as 1004/1
            stats
              ShardStats { empty: 1, ongoing: 1, prepare_commit: 1, prepare_abort: 1, complete_commit: 0, complete_abort: 1, ongoing_partitions: 2, missing_markers: 2, skipped_records: 0 }
        "#]],
    );
}
