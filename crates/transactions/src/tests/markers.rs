//! The end of a transaction that is written into its partitions.

use expect_test::expect;

use super::check;

#[test]
fn the_transaction_is_complete_when_the_last_marker_is_written() {
    check(
        "
        init tx
        add tx 1000/0 t-0 t-1 u-0
        commit tx 1000/0
        marked 1 t-1
        describe tx
        stats
        marked 1 t-1 u-0 x-9
        describe tx
        marked 1 t-0
        describe tx
        ",
        &expect![[r#"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0 t-1 u-0
              log: tx Ongoing 1000/0 t-0,t-1,u-0 since 1 client=2 v1
              #2: t-0 ok t-1 ok u-0 ok
            #3 commit tx 1000/0
              log: tx PrepareCommit 1000/1 t-0,t-1,u-0 since 1 client=2 v1
              #3: ended, goes on as 1000/1
              job 1: Commit for tx of 1000/1 by coordinator 7 and client 2: t-0,t-1,u-0
            marked 1 t-1
            #4 describe tx
              #4: tx PrepareCommit 1000/1 timeout=60000 since 1000001 [t-0,u-0]
            stats
              ShardStats { empty: 0, ongoing: 0, prepare_commit: 1, prepare_abort: 0, complete_commit: 0, complete_abort: 0, ongoing_partitions: 0, missing_markers: 2, skipped_records: 0 }
            marked 1 t-1 u-0 x-9
            #5 describe tx
              #5: tx PrepareCommit 1000/1 timeout=60000 since 1000001 [t-0]
            marked 1 t-0
              log: tx CompleteCommit 1000/1 since 1 client=2 v1
            #6 describe tx
              #6: tx CompleteCommit 1000/1 timeout=60000 since 1000001 []
        "#]],
    );
}

#[test]
fn news_that_comes_twice_or_late_does_no_harm() {
    check(
        "
        config client=0
        init tx
        add tx 1000/0 t-0
        commit tx 1000/0
        marked 1
        marked 1
        add tx 1000/0 t-0
        marked 1
        abort tx 1000/0
        marked 1
        describe tx
        marked 2
        ",
        &expect![[r#"
            config client=0
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=0 v1
              #2: t-0 ok
            #3 commit tx 1000/0
              log: tx PrepareCommit 1000/0 t-0 since 1 client=0 v1
              #3: ended
              job 1: Commit for tx of 1000/0 by coordinator 7 and client 0: t-0
            marked 1
              log: tx CompleteCommit 1000/0 since 1 client=0 v1
            marked 1
            #4 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 2 client=0 v1
              #4: t-0 ok
            marked 1
            #5 abort tx 1000/0
              log: tx PrepareAbort 1000/0 t-0 since 2 client=0 v1
              #5: ended
              job 2: Abort for tx of 1000/0 by coordinator 7 and client 0: t-0
            marked 1
            #6 describe tx
              #6: tx PrepareAbort 1000/0 timeout=60000 since 1000002 [t-0]
            marked 2
              log: tx CompleteAbort 1000/0 since 2 client=0 v1
        "#]],
    );
}

#[test]
fn transactions_of_one_moment_and_epoch_are_told_apart() {
    check(
        "
        config client=0
        init tx
        add tx 1000/0 t-0
        commit tx 1000/0
        marked 1
        add tx 1000/0 t-0
        commit tx 1000/0
        marked 1
        marked 2
        add tx 1000/0 t-0
        ",
        &expect![[r#"
            config client=0
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=0 v1
              #2: t-0 ok
            #3 commit tx 1000/0
              log: tx PrepareCommit 1000/0 t-0 since 1 client=0 v1
              #3: ended
              job 1: Commit for tx of 1000/0 by coordinator 7 and client 0: t-0
            marked 1
              log: tx CompleteCommit 1000/0 since 1 client=0 v1
            #4 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 2 client=0 v1
              #4: t-0 ok
            #5 commit tx 1000/0
              log: tx PrepareCommit 1000/0 t-0 since 2 client=0 v1
              #5: ended
              job 2: Commit for tx of 1000/0 by coordinator 7 and client 0: t-0
            marked 1
            marked 2
              log: tx CompleteCommit 1000/0 since 2 client=0 v1
            #6 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 3 client=0 v1
              #6: t-0 ok
        "#]],
    );
}

#[test]
fn news_of_an_epoch_or_a_name_that_is_gone_does_no_harm() {
    check(
        "
        config expiration=1000 check=1000
        reload
        init tx
        add tx 1000/0 t-0
        commit tx 1000/0
        marked 1
        add tx 1000/1 t-0
        abort tx 1000/1
        marked 1
        marked 2
        wait 2000
        marked 2
        ",
        &expect![[r#"
            config expiration=1000 check=1000
            reload
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            #3 commit tx 1000/0
              log: tx PrepareCommit 1000/1 t-0 since 1 client=2 v1
              #3: ended, goes on as 1000/1
              job 1: Commit for tx of 1000/1 by coordinator 7 and client 2: t-0
            marked 1
              log: tx CompleteCommit 1000/1 since 1 client=2 v1
            #4 add tx 1000/1 t-0
              log: tx Ongoing 1000/1 t-0 since 2 client=2 v1
              #4: t-0 ok
            #5 abort tx 1000/1
              log: tx PrepareAbort 1000/2 t-0 since 2 client=2 v1
              #5: ended, goes on as 1000/2
              job 2: Abort for tx of 1000/2 by coordinator 7 and client 2: t-0
            marked 1
            marked 2
              log: tx CompleteAbort 1000/2 since 2 client=2 v1
            wait 2000
              at 2000 ms:
              TransactionalIdExpired { transactional_id: "tx" }
              log: tx deleted
            marked 2
        "#]],
    );
}
