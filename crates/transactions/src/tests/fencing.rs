//! Producers that come while another one has a transaction open.

use expect_test::expect;

use super::check;

#[test]
fn the_open_transaction_is_aborted_and_the_producer_comes_back() {
    check(
        "
        init tx
        add tx 1000/0 t-0
        init tx
        init tx
        add tx 1000/0 t-1
        marked 1
        init tx
        add tx 1000/0 t-1
        commit tx 1000/0
        commit tx 1000/1
        add tx 1000/2 t-1
        ",
        &expect![[r##"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            #3 init tx
              ProducerFenced { transactional_id: "tx", producer: Producer { id: ProducerId(1000), epoch: ProducerEpoch(0) } }
              log: tx PrepareAbort 1000/1 t-0 since 1 client=2 v1
              #3: ConcurrentTransactions
              job 1: Abort for tx of 1000/1 by coordinator 7 and client 2: t-0
            #4 init tx
              #4: ConcurrentTransactions
            #5 add tx 1000/0 t-1
              #5: t-1 ProducerFenced
            marked 1
              log: tx CompleteAbort 1000/1 since 1 client=2 v1
            #6 init tx
              log: tx Empty 1000/2 client=2 v1
              #6: initialised as 1000/2
            #7 add tx 1000/0 t-1
              #7: t-1 ProducerFenced
            #8 commit tx 1000/0
              #8: ProducerFenced
            #9 commit tx 1000/1
              #9: ProducerFenced
            #10 add tx 1000/2 t-1
              log: tx Ongoing 1000/2 t-1 since 2 client=2 v1
              #10: t-1 ok
        "##]],
    );
}

#[test]
fn the_open_transaction_is_aborted_in_a_cluster_of_the_old_protocol() {
    check(
        "
        config client=0 cluster=0
        init tx
        add tx 1000/0 t-0
        init tx
        commit tx 1000/0
        marked 1
        abort tx 1000/0
        abort tx 1000/1
        init tx
        add tx 1000/2 t-0
        ",
        &expect![[r#"
            config client=0 cluster=0
            #1 init tx
              log: tx Empty 1000/0 previous=-1 client=0 v0
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 previous=-1 t-0 since 1 client=0 v0
              #2: t-0 ok
            #3 init tx
              ProducerFenced { transactional_id: "tx", producer: Producer { id: ProducerId(1000), epoch: ProducerEpoch(0) } }
              log: tx PrepareAbort 1000/1 previous=-1 t-0 since 1 client=0 v0
              #3: ConcurrentTransactions
              job 1: Abort for tx of 1000/1 by coordinator 7 and client 0: t-0
            #4 commit tx 1000/0
              #4: ProducerFenced
            marked 1
              log: tx CompleteAbort 1000/1 previous=-1 since 1 client=0 v0
            #5 abort tx 1000/0
              #5: ProducerFenced
            #6 abort tx 1000/1
              #6: ended
            #7 init tx
              log: tx Empty 1000/2 previous=-1 client=0 v0
              #7: initialised as 1000/2
            #8 add tx 1000/2 t-0
              log: tx Ongoing 1000/2 previous=-1 t-0 since 2 client=0 v0
              #8: t-0 ok
        "#]],
    );
}

#[test]
fn a_producer_may_abort_its_own_transaction_so() {
    check(
        "
        init tx
        add tx 1000/0 t-0
        init tx as=1000/0
        marked 1
        init tx as=1000/0
        add tx 1000/1 t-0
        ",
        &expect![[r##"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            #3 init tx as=1000/0
              ProducerFenced { transactional_id: "tx", producer: Producer { id: ProducerId(1000), epoch: ProducerEpoch(0) } }
              log: tx PrepareAbort 1000/1 t-0 since 1 client=2 v1
              #3: ConcurrentTransactions
              job 1: Abort for tx of 1000/1 by coordinator 7 and client 2: t-0
            marked 1
              log: tx CompleteAbort 1000/1 since 1 client=2 v1
            #4 init tx as=1000/0
              log: tx Empty 1000/1 client=2 v1
              #4: initialised as 1000/1
            #5 add tx 1000/1 t-0
              log: tx Ongoing 1000/1 t-0 since 2 client=2 v1
              #5: t-0 ok
        "##]],
    );
}

#[test]
fn a_producer_that_is_fenced_does_not_abort_the_transaction_of_its_successor() {
    check(
        "
        init tx
        init tx
        add tx 1000/1 t-0
        init tx as=1000/0
        init tx as=9/1
        describe tx
        ",
        &expect![[r#"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 init tx
              log: tx Empty 1000/1 client=0 v1
              #2: initialised as 1000/1
            #3 add tx 1000/1 t-0
              log: tx Ongoing 1000/1 t-0 since 1 client=2 v1
              #3: t-0 ok
            #4 init tx as=1000/0
              #4: ProducerFenced
            #5 init tx as=9/1
              #5: ProducerFenced
            #6 describe tx
              #6: tx Ongoing 1000/1 timeout=60000 since 1000001 [t-0]
        "#]],
    );
}

#[test]
fn a_producer_that_is_late_to_abort_learns_its_next_epoch() {
    check(
        "
        init tx
        add tx 1000/0 t-0
        init tx
        marked 1
        abort tx 1000/0
        commit tx 1000/0
        add tx 1000/1 t-0
        init tx
        ",
        &expect![[r##"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            #3 init tx
              ProducerFenced { transactional_id: "tx", producer: Producer { id: ProducerId(1000), epoch: ProducerEpoch(0) } }
              log: tx PrepareAbort 1000/1 t-0 since 1 client=2 v1
              #3: ConcurrentTransactions
              job 1: Abort for tx of 1000/1 by coordinator 7 and client 2: t-0
            marked 1
              log: tx CompleteAbort 1000/1 since 1 client=2 v1
            #4 abort tx 1000/0
              #4: ended, goes on as 1000/1
            #5 commit tx 1000/0
              #5: InvalidTxnState
            #6 add tx 1000/1 t-0
              log: tx Ongoing 1000/1 t-0 since 2 client=2 v1
              #6: t-0 ok
            #7 init tx
              ProducerFenced { transactional_id: "tx", producer: Producer { id: ProducerId(1000), epoch: ProducerEpoch(1) } }
              log: tx PrepareAbort 1000/2 t-0 since 2 client=2 v1
              #7: ConcurrentTransactions
              job 2: Abort for tx of 1000/2 by coordinator 7 and client 2: t-0
        "##]],
    );
}

#[test]
fn fencing_at_the_end_of_the_epochs_brings_another_producer_id() {
    check(
        "
        record tx 5/32766 Ongoing t-0 client=2
        spares none
        init tx
        spares 2000
        init tx
        marked 1
        abort tx 5/32766
        init tx
        ",
        &expect![[r#"
            record tx 5/32766 Ongoing t-0 client=2
              log: tx Ongoing 5/32766 t-0 since 0 client=2 v1
            spares none
            #1 init tx
              a producer id is missing
              #1: CoordinatorLoadInProgress
            spares 2000
            #2 init tx
              ProducerIdReplaced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) }, next: ProducerId(2000) }
              ProducerFenced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) } }
              log: tx PrepareAbort 5/32767 next=2000 t-0 since 0 client=2 v1
              #2: ConcurrentTransactions
              job 1: Abort for tx of 5/32767 by coordinator 7 and client 2: t-0
            marked 1
              log: tx CompleteAbort 2000/0 previous=5 since 0 client=2 v1
            #3 abort tx 5/32766
              #3: ended, goes on as 2000/0
            #4 init tx
              log: tx Empty 2000/1 client=2 v1
              #4: initialised as 2000/1
        "#]],
    );
}

#[test]
fn fencing_at_the_end_of_the_epochs_in_a_cluster_of_the_old_protocol() {
    check(
        "
        config client=0 cluster=0
        record tx 5/32766 Ongoing t-0
        init tx
        marked 1
        init tx
        ",
        &expect![[r#"
            config client=0 cluster=0
            record tx 5/32766 Ongoing t-0
              log: tx Ongoing 5/32766 t-0 since 0 client=0 v1
            #1 init tx
              ProducerFenced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) } }
              log: tx PrepareAbort 5/32767 previous=-1 t-0 since 0 client=0 v0
              #1: ConcurrentTransactions
              job 1: Abort for tx of 5/32767 by coordinator 7 and client 0: t-0
            marked 1
              log: tx CompleteAbort 5/32767 previous=-1 since 0 client=0 v0
            #2 init tx
              ProducerIdReplaced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32767) }, next: ProducerId(1000) }
              log: tx Empty 1000/0 previous=-1 client=0 v0
              #2: initialised as 1000/0
        "#]],
    );
}

#[test]
fn a_transaction_without_partitions_is_aborted_at_once() {
    check(
        "
        config client=0
        init tx
        add tx 1000/0
        init tx
        init tx
        ",
        &expect![[r#"
            config client=0
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0
              log: tx Ongoing 1000/0 since 1 client=0 v1
              #2:
            #3 init tx
              ProducerFenced { transactional_id: "tx", producer: Producer { id: ProducerId(1000), epoch: ProducerEpoch(0) } }
              log: tx PrepareAbort 1000/1 since 1 client=2 v1
              log: tx CompleteAbort 1000/1 since 1 client=2 v1
              #3: ConcurrentTransactions
            #4 init tx
              log: tx Empty 1000/2 client=2 v1
              #4: initialised as 1000/2
        "#]],
    );
}
