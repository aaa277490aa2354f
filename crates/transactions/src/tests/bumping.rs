//! Transactions of producers that get another epoch at every end (KIP-890).

use expect_test::expect;

use super::check;

#[test]
fn a_transaction_is_committed_and_the_producer_goes_on_with_the_next_epoch() {
    check(
        "
        init tx
        add tx 1000/0 t-0
        commit tx 1000/0
        add tx 1000/1 t-0
        marked 1
        add tx 1000/0 t-0
        add tx 1000/1 t-0
        abort tx 1000/1
        marked 2
        add tx 1000/2 t-0
        ",
        &expect![[r#"
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
            #4 add tx 1000/1 t-0
              #4: t-0 ConcurrentTransactions
            marked 1
              log: tx CompleteCommit 1000/1 since 1 client=2 v1
            #5 add tx 1000/0 t-0
              #5: t-0 ProducerFenced
            #6 add tx 1000/1 t-0
              log: tx Ongoing 1000/1 t-0 since 2 client=2 v1
              #6: t-0 ok
            #7 abort tx 1000/1
              log: tx PrepareAbort 1000/2 t-0 since 2 client=2 v1
              #7: ended, goes on as 1000/2
              job 2: Abort for tx of 1000/2 by coordinator 7 and client 2: t-0
            marked 2
              log: tx CompleteAbort 1000/2 since 2 client=2 v1
            #8 add tx 1000/2 t-0
              log: tx Ongoing 1000/2 t-0 since 3 client=2 v1
              #8: t-0 ok
        "#]],
    );
}

#[test]
fn a_retry_is_answered_as_the_first_request_was() {
    check(
        "
        init tx
        add tx 1000/0 t-0
        commit tx 1000/0
        commit tx 1000/0
        abort tx 1000/0
        commit tx 1000/1
        marked 1
        commit tx 1000/0
        abort tx 1000/0
        reload
        commit tx 1000/0
        ",
        &expect![[r#"
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
            #4 commit tx 1000/0
              #4: ConcurrentTransactions
            #5 abort tx 1000/0
              #5: ConcurrentTransactions
            #6 commit tx 1000/1
              #6: ProducerFenced
            marked 1
              log: tx CompleteCommit 1000/1 since 1 client=2 v1
            #7 commit tx 1000/0
              #7: ended, goes on as 1000/1
            #8 abort tx 1000/0
              #8: InvalidTxnState
            reload
            #9 commit tx 1000/0
              #9: ended, goes on as 1000/1
        "#]],
    );
}

#[test]
fn a_retry_of_an_abort_is_answered_as_the_first_request_was() {
    check(
        "
        init tx
        add tx 1000/0 t-0
        abort tx 1000/0
        abort tx 1000/0
        marked 1
        abort tx 1000/0
        commit tx 1000/0
        commit tx 1000/1
        ",
        &expect![[r#"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            #3 abort tx 1000/0
              log: tx PrepareAbort 1000/1 t-0 since 1 client=2 v1
              #3: ended, goes on as 1000/1
              job 1: Abort for tx of 1000/1 by coordinator 7 and client 2: t-0
            #4 abort tx 1000/0
              #4: ConcurrentTransactions
            marked 1
              log: tx CompleteAbort 1000/1 since 1 client=2 v1
            #5 abort tx 1000/0
              #5: ended, goes on as 1000/1
            #6 commit tx 1000/0
              #6: InvalidTxnState
            #7 commit tx 1000/1
              #7: InvalidTxnState
        "#]],
    );
}

#[test]
fn what_has_not_begun_may_be_aborted() {
    check(
        "
        init tx
        commit tx 1000/0
        abort tx 1000/0
        abort tx 1000/0
        commit tx 1000/1
        abort tx 1000/1
        add tx 1000/2 t-0
        commit tx 1000/2
        marked 1
        commit tx 1000/3
        abort tx 1000/3
        describe tx
        ",
        &expect![[r#"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 commit tx 1000/0
              #2: InvalidTxnState
            #3 abort tx 1000/0
              log: tx PrepareAbort 1000/1 since 1 client=2 v1
              log: tx CompleteAbort 1000/1 since 1 client=2 v1
              #3: ended, goes on as 1000/1
            #4 abort tx 1000/0
              #4: ended, goes on as 1000/1
            #5 commit tx 1000/1
              #5: InvalidTxnState
            #6 abort tx 1000/1
              log: tx PrepareAbort 1000/2 since 2 client=2 v1
              log: tx CompleteAbort 1000/2 since 2 client=2 v1
              #6: ended, goes on as 1000/2
            #7 add tx 1000/2 t-0
              log: tx Ongoing 1000/2 t-0 since 3 client=2 v1
              #7: t-0 ok
            #8 commit tx 1000/2
              log: tx PrepareCommit 1000/3 t-0 since 3 client=2 v1
              #8: ended, goes on as 1000/3
              job 1: Commit for tx of 1000/3 by coordinator 7 and client 2: t-0
            marked 1
              log: tx CompleteCommit 1000/3 since 3 client=2 v1
            #9 commit tx 1000/3
              #9: InvalidTxnState
            #10 abort tx 1000/3
              log: tx PrepareAbort 1000/4 since 4 client=2 v1
              log: tx CompleteAbort 1000/4 since 4 client=2 v1
              #10: ended, goes on as 1000/4
            #11 describe tx
              #11: tx CompleteAbort 1000/4 timeout=60000 since 1000004 []
        "#]],
    );
}

#[test]
fn who_is_not_the_producer_is_refused() {
    check(
        "
        init tx
        init tx
        abort tx 1000/0
        abort tx 1000/2
        abort tx 9/1
        abort none 1000/1
        abort '' 1000/1
        add tx 1000/1 t-0
        commit tx 1000/0
        commit tx 1000/2
        commit tx 9/1
        commit tx 1000/1
        commit tx 1000/0
        marked 1
        commit tx 1000/0
        commit tx 1000/3
        commit tx 9/2
        ",
        &expect![[r#"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 init tx
              log: tx Empty 1000/1 client=0 v1
              #2: initialised as 1000/1
            #3 abort tx 1000/0
              #3: ProducerFenced
            #4 abort tx 1000/2
              #4: ProducerFenced
            #5 abort tx 9/1
              #5: InvalidProducerIdMapping
            #6 abort none 1000/1
              #6: InvalidProducerIdMapping
            #7 abort '' 1000/1
              #7: InvalidRequest
            #8 add tx 1000/1 t-0
              log: tx Ongoing 1000/1 t-0 since 1 client=2 v1
              #8: t-0 ok
            #9 commit tx 1000/0
              #9: ProducerFenced
            #10 commit tx 1000/2
              #10: ProducerFenced
            #11 commit tx 9/1
              #11: InvalidProducerIdMapping
            #12 commit tx 1000/1
              log: tx PrepareCommit 1000/2 t-0 since 1 client=2 v1
              #12: ended, goes on as 1000/2
              job 1: Commit for tx of 1000/2 by coordinator 7 and client 2: t-0
            #13 commit tx 1000/0
              #13: ProducerFenced
            marked 1
              log: tx CompleteCommit 1000/2 since 1 client=2 v1
            #14 commit tx 1000/0
              #14: ProducerFenced
            #15 commit tx 1000/3
              #15: ProducerFenced
            #16 commit tx 9/2
              #16: InvalidProducerIdMapping
        "#]],
    );
}

#[test]
fn the_end_of_the_epochs_brings_another_producer_id() {
    check(
        "
        record tx 5/32765 Ongoing t-0 client=2
        commit tx 5/32765
        marked 1
        add tx 5/32766 t-0
        abort tx 5/32766
        abort tx 5/32766
        commit tx 1000/0
        marked 2
        abort tx 5/32766
        commit tx 5/32766
        abort tx 5/32765
        add tx 5/32766 t-0
        add tx 1000/0 t-0
        abort tx 5/32766
        ",
        &expect![[r#"
            record tx 5/32765 Ongoing t-0 client=2
              log: tx Ongoing 5/32765 t-0 since 0 client=2 v1
            #1 commit tx 5/32765
              log: tx PrepareCommit 5/32766 t-0 since 0 client=2 v1
              #1: ended, goes on as 5/32766
              job 1: Commit for tx of 5/32766 by coordinator 7 and client 2: t-0
            marked 1
              log: tx CompleteCommit 5/32766 since 0 client=2 v1
            #2 add tx 5/32766 t-0
              log: tx Ongoing 5/32766 t-0 since 1 client=2 v1
              #2: t-0 ok
            #3 abort tx 5/32766
              ProducerIdReplaced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) }, next: ProducerId(1000) }
              log: tx PrepareAbort 5/32767 next=1000 t-0 since 1 client=2 v1
              #3: ended, goes on as 1000/0
              job 2: Abort for tx of 5/32767 by coordinator 7 and client 2: t-0
            #4 abort tx 5/32766
              #4: ConcurrentTransactions
            #5 commit tx 1000/0
              #5: InvalidProducerIdMapping
            marked 2
              log: tx CompleteAbort 1000/0 previous=5 since 1 client=2 v1
            #6 abort tx 5/32766
              #6: ended, goes on as 1000/0
            #7 commit tx 5/32766
              #7: InvalidTxnState
            #8 abort tx 5/32765
              #8: InvalidProducerIdMapping
            #9 add tx 5/32766 t-0
              #9: t-0 InvalidProducerIdMapping
            #10 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 2 client=2 v1
              #10: t-0 ok
            #11 abort tx 5/32766
              #11: InvalidProducerIdMapping
        "#]],
    );
}

#[test]
fn without_a_producer_id_at_hand_the_client_comes_back() {
    check(
        "
        record tx 5/32766 Ongoing t-0 client=2
        spares none
        commit tx 5/32766
        spares 2000
        commit tx 5/32766
        ",
        &expect![[r#"
            record tx 5/32766 Ongoing t-0 client=2
              log: tx Ongoing 5/32766 t-0 since 0 client=2 v1
            spares none
            #1 commit tx 5/32766
              a producer id is missing
              #1: CoordinatorLoadInProgress
            spares 2000
            #2 commit tx 5/32766
              ProducerIdReplaced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) }, next: ProducerId(2000) }
              log: tx PrepareCommit 5/32767 next=2000 t-0 since 0 client=2 v1
              #2: ended, goes on as 2000/0
              job 1: Commit for tx of 5/32767 by coordinator 7 and client 2: t-0
        "#]],
    );
}

#[test]
fn an_epoch_that_should_not_be_ends_all_the_same() {
    check(
        "
        record tx 5/32767 Ongoing t-0 client=2
        commit tx 5/32767
        marked 1
        add tx 1000/0 t-0
        ",
        &expect![[r#"
            record tx 5/32767 Ongoing t-0 client=2
              log: tx Ongoing 5/32767 t-0 since 0 client=2 v1
            #1 commit tx 5/32767
              ProducerIdReplaced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32767) }, next: ProducerId(1000) }
              log: tx PrepareCommit 5/32767 next=1000 t-0 since 0 client=2 v1
              #1: ended, goes on as 1000/0
              job 1: Commit for tx of 5/32767 by coordinator 7 and client 2: t-0
            marked 1
              log: tx CompleteCommit 1000/0 previous=5 since 0 client=2 v1
            #2 add tx 1000/0 t-0
              log: tx Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
        "#]],
    );
}

#[test]
fn a_retry_is_not_mistaken_for_one_of_an_id_at_its_first_epoch() {
    check(
        "
        record tx 5/0 CompleteCommit client=2
        commit tx 5/32766
        commit tx 5/-1
        ",
        &expect![[r#"
            record tx 5/0 CompleteCommit client=2
              log: tx CompleteCommit 5/0 since 0 client=2 v1
            #1 commit tx 5/32766
              #1: ProducerFenced
            #2 commit tx 5/-1
              #2: ProducerFenced
        "#]],
    );
}

#[test]
fn a_client_of_the_old_protocol_may_follow_one_of_the_new() {
    check(
        "
        init tx
        add tx 1000/0 t-0
        commit tx 1000/0
        marked 1
        config client=0
        add tx 1000/1 t-0
        commit tx 1000/1
        marked 2
        commit tx 1000/1
        config client=2
        add tx 1000/1 t-0
        commit tx 1000/1
        ",
        &expect![[r#"
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
            config client=0
            #4 add tx 1000/1 t-0
              log: tx Ongoing 1000/1 t-0 since 2 client=0 v1
              #4: t-0 ok
            #5 commit tx 1000/1
              log: tx PrepareCommit 1000/1 t-0 since 2 client=0 v1
              #5: ended
              job 2: Commit for tx of 1000/1 by coordinator 7 and client 0: t-0
            marked 2
              log: tx CompleteCommit 1000/1 since 2 client=0 v1
            #6 commit tx 1000/1
              #6: ended
            config client=2
            #7 add tx 1000/1 t-0
              log: tx Ongoing 1000/1 t-0 since 3 client=2 v1
              #7: t-0 ok
            #8 commit tx 1000/1
              log: tx PrepareCommit 1000/2 t-0 since 3 client=2 v1
              #8: ended, goes on as 1000/2
              job 3: Commit for tx of 1000/2 by coordinator 7 and client 2: t-0
        "#]],
    );
}

#[test]
fn a_producer_that_one_of_the_old_protocol_has_fenced_does_not_pass_for_a_retry() {
    check(
        "
        init tx
        init tx
        config client=0
        add tx 1000/1 t-0
        abort tx 1000/1
        marked 1
        config client=2
        abort tx 1000/0
        ",
        &expect![[r#"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 init tx
              log: tx Empty 1000/1 client=0 v1
              #2: initialised as 1000/1
            config client=0
            #3 add tx 1000/1 t-0
              log: tx Ongoing 1000/1 t-0 since 1 client=0 v1
              #3: t-0 ok
            #4 abort tx 1000/1
              log: tx PrepareAbort 1000/1 t-0 since 1 client=0 v1
              #4: ended
              job 1: Abort for tx of 1000/1 by coordinator 7 and client 0: t-0
            marked 1
              log: tx CompleteAbort 1000/1 since 1 client=0 v1
            config client=2
            #5 abort tx 1000/0
              #5: ProducerFenced
        "#]],
    );
}

#[test]
fn the_end_is_not_lost_to_records_without_tagged_fields() {
    check(
        "
        config cluster=0
        record tx 5/32766 Ongoing t-0
        commit tx 5/32766
        reload
        marked 2
        ",
        &expect![[r#"
            config cluster=0
            record tx 5/32766 Ongoing t-0
              log: tx Ongoing 5/32766 t-0 since 0 client=0 v1
            #1 commit tx 5/32766
              ProducerIdReplaced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) }, next: ProducerId(1000) }
              log: tx PrepareCommit 5/32767 next=1000 t-0 since 0 client=2 v1
              #1: ended, goes on as 1000/0
              job 1: Commit for tx of 5/32767 by coordinator 7 and client 2: t-0
            reload
              job 2: Commit for tx of 5/32767 by coordinator 7 and client 2: t-0
            marked 2
              log: tx CompleteCommit 1000/0 previous=5 since 0 client=2 v1
        "#]],
    );
}
