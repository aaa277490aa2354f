//! Transactional ids that nobody has used for long.

use expect_test::expect;

use super::check;

#[test]
fn idle_ids_are_forgotten_and_others_are_not() {
    check(
        "
        config expiration=10000 check=1000 max=900000
        reload
        init empty
        init committed
        add committed 1001/0 t-0
        commit committed 1001/0
        marked 1
        wait 5000
        init used
        wait 4999
        list
        wait 1
        list
        wait 5000
        add committed 1001/1 t-0
        init committed
        ",
        &expect![[r#"
            config expiration=10000 check=1000 max=900000
            reload
            #1 init empty
              log: empty Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 init committed
              log: committed Empty 1001/0 client=0 v1
              #2: initialised as 1001/0
            #3 add committed 1001/0 t-0
              log: committed Ongoing 1001/0 t-0 since 1 client=2 v1
              #3: t-0 ok
            #4 commit committed 1001/0
              log: committed PrepareCommit 1001/1 t-0 since 1 client=2 v1
              #4: ended, goes on as 1001/1
              job 1: Commit for committed of 1001/1 by coordinator 7 and client 2: t-0
            marked 1
              log: committed CompleteCommit 1001/1 since 1 client=2 v1
            wait 5000
            #5 init used
              log: used Empty 1002/0 client=0 v1
              #5: initialised as 1002/0
            wait 4999
            #6 list
              #6: committed 1001 CompleteCommit; empty 1000 Empty; used 1002 Empty; unknown []
            wait 1
              at 10000 ms:
              TransactionalIdExpired { transactional_id: "empty" }
              log: empty deleted
            #7 list
              #7: committed 1001 CompleteCommit; used 1002 Empty; unknown []
            wait 5000
              at 11000 ms:
              TransactionalIdExpired { transactional_id: "committed" }
              log: committed deleted
              at 15000 ms:
              TransactionalIdExpired { transactional_id: "used" }
              log: used deleted
            #8 add committed 1001/1 t-0
              #8: t-0 InvalidProducerIdMapping
            #9 init committed
              log: committed Empty 1003/0 client=0 v1
              #9: initialised as 1003/0
        "#]],
    );
}

#[test]
fn what_is_open_is_never_forgotten() {
    check(
        "
        config expiration=10000 check=1000 max=900000
        reload
        init open timeout=900000
        add open 1000/0 t-0
        init ending
        add ending 1001/0 t-0
        abort ending 1001/0
        wait 60000
        list
        ",
        &expect![[r#"
            config expiration=10000 check=1000 max=900000
            reload
            #1 init open timeout=900000
              log: open Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            #2 add open 1000/0 t-0
              log: open Ongoing 1000/0 t-0 since 1 client=2 v1
              #2: t-0 ok
            #3 init ending
              log: ending Empty 1001/0 client=0 v1
              #3: initialised as 1001/0
            #4 add ending 1001/0 t-0
              log: ending Ongoing 1001/0 t-0 since 1 client=2 v1
              #4: t-0 ok
            #5 abort ending 1001/0
              log: ending PrepareAbort 1001/1 t-0 since 1 client=2 v1
              #5: ended, goes on as 1001/1
              job 1: Abort for ending of 1001/1 by coordinator 7 and client 2: t-0
            wait 60000
            #6 list
              #6: ending 1001 PrepareAbort; open 1000 Ongoing; unknown []
        "#]],
    );
}

#[test]
fn a_wall_clock_that_jumps_ahead_forgets_nobody() {
    check(
        "
        config expiration=10000 check=1000
        reload
        init tx
        jump 86400000
        wait 9000
        list
        wait 1000
        ",
        &expect![[r#"
            config expiration=10000 check=1000
            reload
            #1 init tx
              log: tx Empty 1000/0 client=0 v1
              #1: initialised as 1000/0
            jump 86400000
            wait 9000
            #2 list
              #2: tx 1000 Empty; unknown []
            wait 1000
              at 10000 ms:
              TransactionalIdExpired { transactional_id: "tx" }
              log: tx deleted
        "#]],
    );
}
