//! Transactions of producers that keep their epoch (KIP-98).

use expect_test::expect;

use super::check;

#[test]
fn a_transaction_is_committed() {
    check(
        "
        config client=0 cluster=0
        init tx
        add tx 1000/0 t-0 t-1
        wait 10
        add tx 1000/0 t-1 u-0
        add tx 1000/0 u-0 t-0
        describe tx
        commit tx 1000/0
        describe tx
        marked 1
        describe tx
        commit tx 1000/0
        abort tx 1000/0
        add tx 1000/0 t-0
        describe tx
        ",
        &expect![[r#"
            config client=0 cluster=0
            #1 init tx
              log: tx Empty 1000/0 previous=-1 client=0 v0
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0 t-1
              log: tx Ongoing 1000/0 previous=-1 t-0,t-1 since 1 client=0 v0
              #2: t-0 ok t-1 ok
            wait 10
            #3 add tx 1000/0 t-1 u-0
              log: tx Ongoing 1000/0 previous=-1 t-0,t-1,u-0 since 1 client=0 v0
              #3: t-1 ok u-0 ok
            #4 add tx 1000/0 u-0 t-0
              #4: u-0 ok t-0 ok
            #5 describe tx
              #5: tx Ongoing 1000/0 timeout=60000 since 1000001 [t-0,t-1,u-0]
            #6 commit tx 1000/0
              log: tx PrepareCommit 1000/0 previous=-1 t-0,t-1,u-0 since 1 client=0 v0
              #6: ended
              job 1: Commit for tx of 1000/0 by coordinator 7 and client 0: t-0,t-1,u-0
            #7 describe tx
              #7: tx PrepareCommit 1000/0 timeout=60000 since 1000001 [t-0,t-1,u-0]
            marked 1
              log: tx CompleteCommit 1000/0 previous=-1 since 1 client=0 v0
            #8 describe tx
              #8: tx CompleteCommit 1000/0 timeout=60000 since 1000001 []
            #9 commit tx 1000/0
              #9: ended
            #10 abort tx 1000/0
              #10: InvalidTxnState
            #11 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 previous=-1 t-0 since 11 client=0 v0
              #11: t-0 ok
            #12 describe tx
              #12: tx Ongoing 1000/0 timeout=60000 since 1000011 [t-0]
        "#]],
    );
}

#[test]
fn a_transaction_is_aborted() {
    check(
        "
        config client=0 cluster=1
        init tx
        add tx 1000/0 t-0
        abort tx 1000/0
        abort tx 1000/0
        commit tx 1000/0
        add tx 1000/0 t-0
        verify tx 1000/0 t-0
        marked 1
        abort tx 1000/0
        commit tx 1000/0
        ",
        &expect![[r#"
            config client=0 cluster=1
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=0 v1
              #2: t-0 ok
            #3 abort tx 1000/0
              log: tx PrepareAbort 1000/0 t-0 since 1 client=0 v1
              #3: ended
              job 1: Abort for tx of 1000/0 by coordinator 7 and client 0: t-0
            #4 abort tx 1000/0
              #4: ConcurrentTransactions
            #5 commit tx 1000/0
              #5: ConcurrentTransactions
            #6 add tx 1000/0 t-0
              #6: t-0 ConcurrentTransactions
            #7 verify tx 1000/0 t-0
              #7: t-0 ConcurrentTransactions
            marked 1
              log: tx CompleteAbort 1000/0 since 1 client=0 v1
            #8 abort tx 1000/0
              #8: ended
            #9 commit tx 1000/0
              #9: InvalidTxnState
        "#]],
    );
}

#[test]
fn what_has_not_begun_cannot_end() {
    check(
        "
        config client=0
        init tx
        commit tx 1000/0
        abort tx 1000/0
        ",
        &expect![[r#"
            config client=0
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 commit tx 1000/0
              #2: InvalidTxnState
            #3 abort tx 1000/0
              #3: InvalidTxnState
        "#]],
    );
}

#[test]
fn who_is_not_the_producer_is_refused() {
    check(
        "
        config client=0
        init tx
        init tx
        add tx 1000/1 t-0
        add tx 1000/0 t-1
        add tx 1000/2 t-1
        add tx 9/1 t-1
        add none 1000/1 t-1
        add '' 1000/1 t-1
        add long 1000/1 t-1
        verify tx 1000/0 t-0
        verify tx 9/1 t-0
        verify none 1000/1 t-0
        verify '' 1000/1 t-0
        commit tx 1000/0
        commit tx 1000/2
        commit tx 9/1
        commit none 1000/1
        commit '' 1000/1
        abort long 1000/1
        ",
        &expect![[r#"
            config client=0
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 init tx
              log: tx Empty 1000/1 client=0 v1
              #2: initialised as 1000/1
            #3 add tx 1000/1 t-0
              log: tx Ongoing 1000/1 t-0 since 1 client=0 v1
              #3: t-0 ok
            #4 add tx 1000/0 t-1
              #4: t-1 ProducerFenced
            #5 add tx 1000/2 t-1
              #5: t-1 ProducerFenced
            #6 add tx 9/1 t-1
              #6: t-1 InvalidProducerIdMapping
            #7 add none 1000/1 t-1
              #7: t-1 InvalidProducerIdMapping
            #8 add '' 1000/1 t-1
              #8: t-1 InvalidRequest
            #9 add long 1000/1 t-1
              #9: t-1 InvalidRequest
            #10 verify tx 1000/0 t-0
              #10: t-0 ProducerFenced
            #11 verify tx 9/1 t-0
              #11: t-0 InvalidProducerIdMapping
            #12 verify none 1000/1 t-0
              #12: t-0 InvalidProducerIdMapping
            #13 verify '' 1000/1 t-0
              #13: t-0 InvalidRequest
            #14 commit tx 1000/0
              #14: ProducerFenced
            #15 commit tx 1000/2
              #15: ProducerFenced
            #16 commit tx 9/1
              #16: InvalidProducerIdMapping
            #17 commit none 1000/1
              #17: InvalidProducerIdMapping
            #18 commit '' 1000/1
              #18: InvalidRequest
            #19 abort long 1000/1
              #19: InvalidRequest
        "#]],
    );
}

#[test]
fn partitions_are_looked_up_without_being_added() {
    check(
        "
        config client=0
        init tx
        verify tx 1000/0 t-0
        add tx 1000/0 t-0
        verify tx 1000/0 t-0 t-1
        commit tx 1000/0
        marked 1
        verify tx 1000/0 t-0
        ",
        &expect![[r#"
            config client=0
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 verify tx 1000/0 t-0
              #2: t-0 TransactionAbortable
            #3 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=0 v1
              #3: t-0 ok
            #4 verify tx 1000/0 t-0 t-1
              #4: t-0 ok t-1 TransactionAbortable
            #5 commit tx 1000/0
              log: tx PrepareCommit 1000/0 t-0 since 1 client=0 v1
              #5: ended
              job 1: Commit for tx of 1000/0 by coordinator 7 and client 0: t-0
            marked 1
              log: tx CompleteCommit 1000/0 since 1 client=0 v1
            #6 verify tx 1000/0 t-0
              #6: t-0 TransactionAbortable
        "#]],
    );
}

#[test]
fn a_transaction_has_no_more_partitions_than_allowed() {
    check(
        "
        config client=0 partitions=2
        init tx
        add tx 1000/0 t-0 t-1 t-2
        add tx 1000/0 t-0 t-1
        add tx 1000/0 t-1 t-2
        add tx 1000/0 t-1 t-0
        ",
        &expect![[r#"
            config client=0 partitions=2
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0 t-1 t-2
              #2: t-0 TransactionAbortable t-1 TransactionAbortable t-2 TransactionAbortable
            #3 add tx 1000/0 t-0 t-1
              log: tx Ongoing 1000/0 t-0,t-1 since 1 client=0 v1
              #3: t-0 ok t-1 ok
            #4 add tx 1000/0 t-1 t-2
              #4: t-1 TransactionAbortable t-2 TransactionAbortable
            #5 add tx 1000/0 t-1 t-0
              #5: t-1 ok t-0 ok
        "#]],
    );
}

#[test]
fn a_transaction_without_partitions_completes_at_once() {
    check(
        "
        config client=0
        init tx
        add tx 1000/0
        commit tx 1000/0
        describe tx
        ",
        &expect![[r#"
            config client=0
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0
              log: tx Ongoing 1000/0 since 1 client=0 v1
              #2:
            #3 commit tx 1000/0
              log: tx PrepareCommit 1000/0 since 1 client=0 v1
              log: tx CompleteCommit 1000/0 since 1 client=0 v1
              #3: ended
            #4 describe tx
              #4: tx CompleteCommit 1000/0 timeout=60000 since 1000001 []
        "#]],
    );
}
