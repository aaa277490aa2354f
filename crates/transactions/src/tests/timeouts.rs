//! Transactions that are open for too long.

use expect_test::expect;

use super::check;

#[test]
fn the_transaction_is_aborted_and_its_producer_fenced() {
    check(
        "
        init tx timeout=1000
        add tx 1000/0 t-0
        wait 500
        add tx 1000/0 t-1
        wait 499
        wait 1
        commit tx 1000/0
        marked 1
        commit tx 1000/0
        abort tx 1000/0
        wait 5000
        ",
        &expect![[r##"
            #1 init tx timeout=1000
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            wait 500
            #3 add tx 1000/0 t-1
              log: tx Ongoing 1000/0 t-0,t-1 since 1 client=2 v1
              #3: t-1 ok
            wait 499
            wait 1
              at 1000 ms:
              TransactionTimedOut { transactional_id: "tx", producer: Producer { id: ProducerId(1000), epoch: ProducerEpoch(0) }, timeout_ms: 1000 }
              log: tx PrepareAbort 1000/1 t-0,t-1 since 1 client=2 v1
              job 1: Abort for tx of 1000/1 by coordinator 7 and client 2: t-0,t-1
            #4 commit tx 1000/0
              #4: ConcurrentTransactions
            marked 1
              log: tx CompleteAbort 1000/1 since 1 client=2 v1
            #5 commit tx 1000/0
              #5: InvalidTxnState
            #6 abort tx 1000/0
              #6: ended, goes on as 1000/1
            wait 5000
        "##]],
    );
}

#[test]
fn the_transaction_is_aborted_in_a_cluster_of_the_old_protocol() {
    check(
        "
        config client=0 cluster=0
        init tx timeout=1000
        add tx 1000/0 t-0
        wait 1000
        commit tx 1000/0
        marked 1
        abort tx 1000/0
        init tx
        ",
        &expect![[r#"
            config client=0 cluster=0
            #1 init tx timeout=1000
              log: tx Empty 1000/0 previous=-1 client=0 v0
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 previous=-1 t-0 since 1 client=0 v0
              #2: t-0 ok
            wait 1000
              at 1000 ms:
              TransactionTimedOut { transactional_id: "tx", producer: Producer { id: ProducerId(1000), epoch: ProducerEpoch(0) }, timeout_ms: 1000 }
              log: tx PrepareAbort 1000/1 previous=-1 t-0 since 1 client=0 v0
              job 1: Abort for tx of 1000/1 by coordinator 7 and client 0: t-0
            #3 commit tx 1000/0
              #3: ProducerFenced
            marked 1
              log: tx CompleteAbort 1000/1 previous=-1 since 1 client=0 v0
            #4 abort tx 1000/0
              #4: ProducerFenced
            #5 init tx
              log: tx Empty 1000/2 previous=-1 client=0 v0
              #5: initialised as 1000/2
        "#]],
    );
}

#[test]
fn a_transaction_that_has_ended_does_not_time_out() {
    check(
        "
        config client=0
        init tx timeout=1000
        add tx 1000/0 t-0
        wait 900
        commit tx 1000/0
        wait 200
        marked 1
        add tx 1000/0 t-0
        wait 999
        wait 1
        ",
        &expect![[r#"
            config client=0
            #1 init tx timeout=1000
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=0 v1
              #2: t-0 ok
            wait 900
            #3 commit tx 1000/0
              log: tx PrepareCommit 1000/0 t-0 since 1 client=0 v1
              #3: ended
              job 1: Commit for tx of 1000/0 by coordinator 7 and client 0: t-0
            wait 200
            marked 1
              log: tx CompleteCommit 1000/0 since 1 client=0 v1
            #4 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1101 client=0 v1
              #4: t-0 ok
            wait 999
            wait 1
              at 2100 ms:
              TransactionTimedOut { transactional_id: "tx", producer: Producer { id: ProducerId(1000), epoch: ProducerEpoch(0) }, timeout_ms: 1000 }
              log: tx PrepareAbort 1000/1 t-0 since 1101 client=2 v1
              job 2: Abort for tx of 1000/1 by coordinator 7 and client 2: t-0
        "#]],
    );
}

#[test]
fn a_clock_that_jumps_ends_nothing() {
    check(
        "
        init tx timeout=1000
        add tx 1000/0 t-0
        jump 3600000
        wait 999
        jump -7200000
        wait 1
        ",
        &expect![[r##"
            #1 init tx timeout=1000
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            jump 3600000
            wait 999
            jump -7200000
            wait 1
              at 1000 ms:
              TransactionTimedOut { transactional_id: "tx", producer: Producer { id: ProducerId(1000), epoch: ProducerEpoch(0) }, timeout_ms: 1000 }
              log: tx PrepareAbort 1000/1 t-0 since 1 client=2 v1
              job 1: Abort for tx of 1000/1 by coordinator 7 and client 2: t-0
        "##]],
    );
}

#[test]
fn after_a_reload_what_is_left_goes_by_the_wall_clock() {
    check(
        "
        init tx timeout=1000
        add tx 1000/0 t-0
        wait 400
        reload
        wait 599
        wait 1
        ",
        &expect![[r#"
            #1 init tx timeout=1000
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            wait 400
            reload
            wait 599
            wait 1
        "#]],
    );
}

#[test]
fn after_a_reload_an_overdue_transaction_is_aborted_at_once() {
    check(
        "
        init tx timeout=1000
        add tx 1000/0 t-0
        jump 5000
        reload
        ",
        &expect![[r##"
            #1 init tx timeout=1000
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            jump 5000
            reload
              at 0 ms:
              TransactionTimedOut { transactional_id: "tx", producer: Producer { id: ProducerId(1000), epoch: ProducerEpoch(0) }, timeout_ms: 1000 }
              log: tx PrepareAbort 1000/1 t-0 since 1 client=2 v1
              job 1: Abort for tx of 1000/1 by coordinator 7 and client 2: t-0
        "##]],
    );
}

#[test]
fn after_a_reload_a_clock_that_has_gone_back_gives_no_more_than_all_the_time() {
    check(
        "
        init tx timeout=1000
        add tx 1000/0 t-0
        jump -3600000
        reload
        wait 999
        wait 1
        ",
        &expect![[r##"
            #1 init tx timeout=1000
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            jump -3600000
            reload
            wait 999
            wait 1
              at 1000 ms:
              TransactionTimedOut { transactional_id: "tx", producer: Producer { id: ProducerId(1000), epoch: ProducerEpoch(0) }, timeout_ms: 1000 }
              log: tx PrepareAbort 1000/1 t-0 since 1 client=2 v1
              job 1: Abort for tx of 1000/1 by coordinator 7 and client 2: t-0
        "##]],
    );
}

#[test]
fn a_producer_may_go_without_a_timeout() {
    check(
        "
        config max=2147483647 check=100000000000 expiration=100000000000
        init tx timeout=2147483647
        add tx 1000/0 t-0
        wait 90000000
        reload
        wait 3000000000
        describe tx
        ",
        &expect![[r#"
            config max=2147483647 check=100000000000 expiration=100000000000
            #1 init tx timeout=2147483647
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            wait 90000000
            reload
            wait 3000000000
            #3 describe tx
              #3: tx Ongoing 1000/0 timeout=2147483647 since 1000001 [t-0]
        "#]],
    );
}

#[test]
fn a_timeout_at_the_end_of_the_epochs_waits_for_a_producer_id() {
    check(
        "
        record tx 5/32766 Ongoing t-0 client=2
        record uy 6/32766 Ongoing t-0 client=2
        spares none
        reload
        wait 60000
        spares 2000
        wait 999
        wait 1
        marked 1
        marked 2
        ",
        &expect![[r#"
            record tx 5/32766 Ongoing t-0 client=2
              log: tx Ongoing 5/32766 t-0 since 0 client=2 v1
            record uy 6/32766 Ongoing t-0 client=2
              log: uy Ongoing 6/32766 t-0 since 0 client=2 v1
            spares none
            reload
            wait 60000
              at 60000 ms:
              a producer id is missing
            spares 2000
            wait 999
            wait 1
              at 61000 ms:
              ProducerIdReplaced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) }, next: ProducerId(2000) }
              TransactionTimedOut { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) }, timeout_ms: 60000 }
              log: tx PrepareAbort 5/32767 next=2000 t-0 since 0 client=2 v1
              job 1: Abort for tx of 5/32767 by coordinator 7 and client 2: t-0
              at 61000 ms:
              ProducerIdReplaced { transactional_id: "uy", producer: Producer { id: ProducerId(6), epoch: ProducerEpoch(32766) }, next: ProducerId(2001) }
              TransactionTimedOut { transactional_id: "uy", producer: Producer { id: ProducerId(6), epoch: ProducerEpoch(32766) }, timeout_ms: 60000 }
              log: uy PrepareAbort 6/32767 next=2001 t-0 since 0 client=2 v1
              job 2: Abort for uy of 6/32767 by coordinator 7 and client 2: t-0
            marked 1
              log: tx CompleteAbort 2000/0 previous=5 since 0 client=2 v1
            marked 2
              log: uy CompleteAbort 2001/0 previous=6 since 0 client=2 v1
        "#]],
    );
}

#[test]
fn an_old_record_without_a_sensible_timeout_is_overdue() {
    check(
        "
        record tx 5/3 Ongoing t-0 timeout=-5
        reload
        ",
        &expect![[r#"
            record tx 5/3 Ongoing t-0 timeout=-5
              log: tx Ongoing 5/3 t-0 since 0 client=0 v1
            reload
              at 0 ms:
              TransactionTimedOut { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(3) }, timeout_ms: -5 }
              log: tx PrepareAbort 5/4 t-0 since 0 client=2 v1
              job 1: Abort for tx of 5/4 by coordinator 7 and client 2: t-0
        "#]],
    );
}
