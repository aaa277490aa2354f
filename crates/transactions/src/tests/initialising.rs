//! InitProducerId: beginnings, recoveries (KIP-360), and the end of epochs.

use expect_test::expect;

use super::check;

#[test]
fn a_producer_is_given_an_id_and_then_later_epochs() {
    check(
        "
        init tx
        init tx timeout=1000
        describe tx
        init other
        ",
        &expect![[r#"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 init tx timeout=1000
              log: tx Empty 1000/1 client=0 v1
              #2: initialised as 1000/1
            #3 describe tx
              #3: tx Empty 1000/1 timeout=1000 since -1 []
            #4 init other
              log: other Empty 1001/0 client=0 v1
              #4: initialised as 1001/0
        "#]],
    );
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    check(
        "
        config max=1000
        init '' timeout=1
        init long timeout=1
        init tx timeout=0
        init tx timeout=-1
        init tx timeout=1001
        init tx timeout=1000
        ",
        &expect![[r#"
            config max=1000
            #1 init '' timeout=1
              #1: InvalidRequest
            #2 init long timeout=1
              #2: InvalidRequest
            #3 init tx timeout=0
              #3: InvalidTransactionTimeout
            #4 init tx timeout=-1
              #4: InvalidTransactionTimeout
            #5 init tx timeout=1001
              #5: InvalidTransactionTimeout
            #6 init tx timeout=1000
              log: tx Empty 1000/0 client=0 v1
              #6: initialised as 1000/0
        "#]],
    );
}

#[test]
fn a_producer_recovers_with_the_epoch_it_has_and_a_retry_is_answered_alike() {
    check(
        "
        init tx
        init tx as=1000/0
        init tx as=1000/0
        init tx as=1000/0
        init tx as=1000/1
        init tx as=1000/0
        init tx as=1000/5
        init tx as=999/2
        ",
        &expect![[r#"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 init tx as=1000/0
              log: tx Empty 1000/1 client=0 v1
              #2: initialised as 1000/1
            #3 init tx as=1000/0
              log: tx Empty 1000/1 client=0 v1
              #3: initialised as 1000/1
            #4 init tx as=1000/0
              log: tx Empty 1000/1 client=0 v1
              #4: initialised as 1000/1
            #5 init tx as=1000/1
              log: tx Empty 1000/2 client=0 v1
              #5: initialised as 1000/2
            #6 init tx as=1000/0
              #6: ProducerFenced
            #7 init tx as=1000/5
              #7: ProducerFenced
            #8 init tx as=999/2
              #8: ProducerFenced
        "#]],
    );
}

#[test]
fn a_producer_that_came_since_fences_the_one_that_recovers() {
    check(
        "
        init tx
        init tx
        init tx as=1000/0
        init tx as=1000/1
        ",
        &expect![[r#"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 init tx
              log: tx Empty 1000/1 client=0 v1
              #2: initialised as 1000/1
            #3 init tx as=1000/0
              #3: ProducerFenced
            #4 init tx as=1000/1
              log: tx Empty 1000/2 client=0 v1
              #4: initialised as 1000/2
        "#]],
    );
}

#[test]
fn a_producer_whose_name_was_forgotten_begins_anew() {
    check(
        "
        init tx as=77/9
        init tx as=77/9
        ",
        &expect![[r#"
            #1 init tx as=77/9
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 init tx as=77/9
              #2: ProducerFenced
        "#]],
    );
}

#[test]
fn a_retry_is_not_recognised_after_a_reload() {
    check(
        "
        init tx
        init tx as=1000/0
        reload
        init tx as=1000/0
        init tx as=1000/1
        ",
        &expect![[r#"
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 init tx as=1000/0
              log: tx Empty 1000/1 client=0 v1
              #2: initialised as 1000/1
            reload
            #3 init tx as=1000/0
              #3: ProducerFenced
            #4 init tx as=1000/1
              log: tx Empty 1000/2 client=0 v1
              #4: initialised as 1000/2
        "#]],
    );
}

#[test]
fn the_end_of_the_epochs_brings_another_producer_id() {
    check(
        "
        record tx 5/32765 Empty
        init tx
        init tx
        init tx
        ",
        &expect![[r#"
            record tx 5/32765 Empty
              log: tx Empty 5/32765 since 0 client=0 v1
            #1 init tx
              log: tx Empty 5/32766 client=0 v1
              #1: initialised as 5/32766
            #2 init tx
              ProducerIdReplaced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) }, next: ProducerId(1000) }
              log: tx Empty 1000/0 previous=5 client=0 v1
              #2: initialised as 1000/0
            #3 init tx
              log: tx Empty 1000/1 client=0 v1
              #3: initialised as 1000/1
        "#]],
    );
}

#[test]
fn a_retry_over_the_end_of_the_epochs_is_answered_alike() {
    check(
        "
        record tx 5/32766 Empty
        init tx as=5/32765
        init tx as=5/32766
        init tx as=5/32766
        init tx as=5/32765
        ",
        &expect![[r#"
            record tx 5/32766 Empty
              log: tx Empty 5/32766 since 0 client=0 v1
            #1 init tx as=5/32765
              #1: ProducerFenced
            #2 init tx as=5/32766
              ProducerIdReplaced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) }, next: ProducerId(1000) }
              log: tx Empty 1000/0 previous=5 client=0 v1
              #2: initialised as 1000/0
            #3 init tx as=5/32766
              log: tx Empty 1000/0 client=0 v1
              #3: initialised as 1000/0
            #4 init tx as=5/32765
              #4: ProducerFenced
        "#]],
    );
}

#[test]
fn another_producer_ends_the_retries_over_the_end_of_the_epochs() {
    check(
        "
        record tx 5/32766 Empty
        init tx
        init tx as=5/32766
        ",
        &expect![[r#"
            record tx 5/32766 Empty
              log: tx Empty 5/32766 since 0 client=0 v1
            #1 init tx
              ProducerIdReplaced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) }, next: ProducerId(1000) }
              log: tx Empty 1000/0 previous=5 client=0 v1
              #1: initialised as 1000/0
            #2 init tx as=5/32766
              #2: ProducerFenced
        "#]],
    );
}

#[test]
fn without_a_producer_id_at_hand_the_client_comes_back() {
    check(
        "
        record tx 5/32766 Empty
        spares none
        init new
        init tx
        spares 2000
        init new
        init tx
        ",
        &expect![[r#"
            record tx 5/32766 Empty
              log: tx Empty 5/32766 since 0 client=0 v1
            spares none
            #1 init new
              a producer id is missing
              #1: CoordinatorLoadInProgress
            #2 init tx
              a producer id is missing
              #2: CoordinatorLoadInProgress
            spares 2000
            #3 init new
              log: new Empty 2000/0 client=0 v1
              #3: initialised as 2000/0
            #4 init tx
              ProducerIdReplaced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) }, next: ProducerId(2001) }
              log: tx Empty 2001/0 previous=5 client=0 v1
              #4: initialised as 2001/0
        "#]],
    );
}

#[test]
fn while_markers_are_written_a_producer_waits() {
    check(
        "
        init tx
        add tx 1000/0 t-0
        commit tx 1000/0
        init tx
        init tx as=1/1
        marked 1
        init tx
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
            #4 init tx
              #4: ConcurrentTransactions
            #5 init tx as=1/1
              #5: ConcurrentTransactions
            marked 1
              log: tx CompleteCommit 1000/1 since 1 client=2 v1
            #6 init tx
              log: tx Empty 1000/2 client=2 v1
              #6: initialised as 1000/2
        "#]],
    );
}

#[test]
fn a_retry_of_the_end_may_recover_instead() {
    check(
        "
        init tx
        add tx 1000/0 t-0
        commit tx 1000/0
        marked 1
        reload
        init tx as=1000/0
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
            reload
            #4 init tx as=1000/0
              log: tx Empty 1000/1 client=2 v1
              #4: initialised as 1000/1
        "#]],
    );
}

#[test]
fn a_retry_of_the_end_over_the_end_of_the_epochs_may_recover_instead() {
    check(
        "
        record tx 5/32766 Ongoing t-0 client=2
        commit tx 5/32766
        marked 1
        init tx as=5/32766
        init tx as=5/32766
        init tx as=5/32765
        ",
        &expect![[r#"
            record tx 5/32766 Ongoing t-0 client=2
              log: tx Ongoing 5/32766 t-0 since 0 client=2 v1
            #1 commit tx 5/32766
              ProducerIdReplaced { transactional_id: "tx", producer: Producer { id: ProducerId(5), epoch: ProducerEpoch(32766) }, next: ProducerId(1000) }
              log: tx PrepareCommit 5/32767 next=1000 t-0 since 0 client=2 v1
              #1: ended, goes on as 1000/0
              job 1: Commit for tx of 5/32767 by coordinator 7 and client 2: t-0
            marked 1
              log: tx CompleteCommit 1000/0 previous=5 since 0 client=2 v1
            #2 init tx as=5/32766
              log: tx Empty 1000/0 client=2 v1
              #2: initialised as 1000/0
            #3 init tx as=5/32766
              #3: ProducerFenced
            #4 init tx as=5/32765
              #4: ProducerFenced
        "#]],
    );
}
