//! What a shard knows when it is dropped and loaded again from its log.

use expect_test::expect;
use highwater_types::LeaderEpoch;

use super::check;
use super::script::foreign_record;
use crate::*;

#[test]
fn records_that_no_shard_writes_are_told_apart_from_damage() {
    let mut shard = TransactionShard::new(TransactionConfig::default(), LeaderEpoch(0));
    let mut replay = |key: &[u8], value: Option<&[u8]>| {
        let replayed = shard.replay(key, value);
        (replayed.map_err(|error| error.to_string()), shard.stats())
    };
    let of_state = |state| foreign_record("tx", state);
    let ongoing = of_state("Ongoing");
    let ongoing_value = ongoing.value.as_deref();
    let (replayed, stats) = replay(&ongoing.key, ongoing_value);
    assert_eq!((replayed, stats.ongoing), (Ok(()), 1));
    let (replayed, stats) = replay(&[0, 9, 1], None);
    assert_eq!((replayed, stats.skipped_records), (Ok(()), 1));
    let (replayed, stats) = replay(&ongoing.key, of_state("Dead").value.as_deref());
    assert_eq!((replayed, stats.ongoing), (Ok(()), 0));
    let fenced = of_state("PrepareEpochFence").value;
    let table = [
        (
            (&[0][..], None),
            "the key of the record cannot be read: record type ends after 1 of 2 bytes",
        ),
        (
            (&ongoing.key, fenced.as_deref()),
            "the state of transactional id tx cannot be read: there is no state with the code 7",
        ),
        (
            (&ongoing.key, Some(&[0, 2])),
            "the state of transactional id tx cannot be read: the value has the unknown version 2",
        ),
        (
            (&ongoing.key, ongoing_value.map(|value| &value[..9])),
            "the state of transactional id tx cannot be read: producer id ends after 7 of 8 bytes",
        ),
    ];
    for ((key, value), expected) in table {
        assert_eq!(replay(key, value).0, Err(expected.to_owned()));
    }
}

#[test]
fn what_is_decided_is_begun_again() {
    check(
        "
        init a
        add a 1000/0 t-0 t-1
        commit a 1000/0
        init b
        add b 1001/0 t-0
        abort b 1001/0
        init c
        add c 1002/0 t-0
        marked 1 t-0
        reload
        marked 1
        marked 3
        marked 4
        describe c
        commit c 1002/0
        ",
        &expect![[r#"
            #1 init a
              log: a Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add a 1000/0 t-0 t-1
              log: a Ongoing 1000/0 t-0,t-1 since 1 client=2 v1
              #2: t-0 ok t-1 ok
            #3 commit a 1000/0
              log: a PrepareCommit 1000/1 t-0,t-1 since 1 client=2 v1
              #3: ended, goes on as 1000/1
              job 1: Commit for a of 1000/1 by coordinator 7 and client 2: t-0,t-1
            #4 init b
              log: b Empty 1001/0 client=0 v1
              #4: initialised as 1001/0
            #5 add b 1001/0 t-0
              log: b Ongoing 1001/0 t-0 since 1 client=2 v1
              #5: t-0 ok
            #6 abort b 1001/0
              log: b PrepareAbort 1001/1 t-0 since 1 client=2 v1
              #6: ended, goes on as 1001/1
              job 2: Abort for b of 1001/1 by coordinator 7 and client 2: t-0
            #7 init c
              log: c Empty 1002/0 client=0 v1
              #7: initialised as 1002/0
            #8 add c 1002/0 t-0
              log: c Ongoing 1002/0 t-0 since 1 client=2 v1
              #8: t-0 ok
            marked 1 t-0
            reload
              job 3: Commit for a of 1000/1 by coordinator 7 and client 2: t-0,t-1
              job 4: Abort for b of 1001/1 by coordinator 7 and client 2: t-0
            marked 1
              log: a CompleteCommit 1000/1 since 1 client=2 v1
            marked 3
            marked 4
              log: b CompleteAbort 1001/1 since 1 client=2 v1
            #9 describe c
              #9: c Ongoing 1002/0 timeout=60000 since 1000001 [t-0]
            #10 commit c 1002/0
              log: c PrepareCommit 1002/1 t-0 since 1 client=2 v1
              #10: ended, goes on as 1002/1
              job 5: Commit for c of 1002/1 by coordinator 7 and client 2: t-0
        "#]],
    );
}

#[test]
fn what_is_decided_without_partitions_is_completed() {
    check(
        "
        record a 5/1 PrepareAbort
        record b 6/1 PrepareCommit client=2 next=7
        reload
        commit b 6/0
        add b 7/0 t-0
        ",
        &expect![[r#"
            record a 5/1 PrepareAbort
              log: a PrepareAbort 5/1 since 0 client=0 v1
            record b 6/1 PrepareCommit client=2 next=7
              log: b PrepareCommit 6/1 next=7 since 0 client=2 v1
            reload
              at 0 ms:
              log: a CompleteAbort 5/1 since 0 client=0 v1
              log: b CompleteCommit 7/0 previous=6 since 0 client=2 v1
            #1 commit b 6/0
              #1: InvalidProducerIdMapping
            #2 add b 7/0 t-0
              log: b Ongoing 7/0 t-0 since 1 client=2 v1
              #2: t-0 ok
        "#]],
    );
}

#[test]
fn a_compacted_log_says_the_same() {
    check(
        "
        init a
        add a 1000/0 t-0
        commit a 1000/0
        marked 1
        add a 1000/1 t-0 t-1
        init b
        init c
        add c 1002/0 t-0
        abort c 1002/0
        list
        compact
        reload
        list
        describe a
        marked 3
        commit a 1000/1
        ",
        &expect![[r#"
            #1 init a
              log: a Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add a 1000/0 t-0
              log: a Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            #3 commit a 1000/0
              log: a PrepareCommit 1000/1 t-0 since 1 client=2 v1
              #3: ended, goes on as 1000/1
              job 1: Commit for a of 1000/1 by coordinator 7 and client 2: t-0
            marked 1
              log: a CompleteCommit 1000/1 since 1 client=2 v1
            #4 add a 1000/1 t-0 t-1
              log: a Ongoing 1000/1 t-0,t-1 since 2 client=2 v1
              #4: t-0 ok t-1 ok
            #5 init b
              log: b Empty 1001/0 client=0 v1
              #5: initialised as 1001/0
            #6 init c
              log: c Empty 1002/0 client=0 v1
              #6: initialised as 1002/0
            #7 add c 1002/0 t-0
              log: c Ongoing 1002/0 t-0 since 1 client=2 v1
              #7: t-0 ok
            #8 abort c 1002/0
              log: c PrepareAbort 1002/1 t-0 since 1 client=2 v1
              #8: ended, goes on as 1002/1
              job 2: Abort for c of 1002/1 by coordinator 7 and client 2: t-0
            #9 list
              #9: a 1000 Ongoing; b 1001 Empty; c 1002 PrepareAbort; unknown []
            compact
            reload
              job 3: Abort for c of 1002/1 by coordinator 7 and client 2: t-0
            #10 list
              #10: a 1000 Ongoing; b 1001 Empty; c 1002 PrepareAbort; unknown []
            #11 describe a
              #11: a Ongoing 1000/1 timeout=60000 since 1000002 [t-0,t-1]
            marked 3
              log: c CompleteAbort 1002/1 since 1 client=2 v1
            #12 commit a 1000/1
              log: a PrepareCommit 1000/2 t-0,t-1 since 2 client=2 v1
              #12: ended, goes on as 1000/2
              job 4: Commit for a of 1000/2 by coordinator 7 and client 2: t-0,t-1
        "#]],
    );
}
