//! Scenario scripts; `UPDATE_EXPECT=1 cargo test` rewrites the answers.

use expect_test::{Expect, expect};

use super::script::run;

mod following;

fn check(script: &str, expected: &Expect) {
    expected.assert_eq(&run(script));
}

#[test]
fn a_leader_alone_acknowledges_what_is_on_disk() {
    check(
        "
        replica 1
        produce all
        state leader=1 epoch=0 pe=0 replicas=1 isr=1
        produce all
        append 5
        ack 5
        flush 3
        ack 5
        append 9
        flush 9
        ack 9
        show
        ",
        &expect![[r#"
            replica 1
            produce all
                refused: this broker does not lead the partition
            state leader=1 epoch=0 pe=0 replicas=1 isr=1
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(0), start: Offset(0) })
            produce all
                ()
            append 5
            ack 5
                Pending
            flush 3
                high watermark 3
            ack 5
                Pending
            append 9
            flush 9
                high watermark 9
            ack 9
                Done
            show
                Leader, log 0..9 flushed 9, high watermark 9, lineage 0@0, low watermark 0
        "#]],
    );
}

#[test]
fn a_leader_alone_acknowledges_at_once_what_need_not_be_on_disk() {
    check(
        "
        replica 1 durability=replicated
        state leader=1 epoch=0 pe=0 replicas=1 isr=1
        append 5
        ack 5
        flush 5
        ",
        &expect![[r#"
            replica 1 durability=replicated
            state leader=1 epoch=0 pe=0 replicas=1 isr=1
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(0), start: Offset(0) })
            append 5
                high watermark 5
            ack 5
                Done
            flush 5
        "#]],
    );
}

#[test]
fn a_restart_begins_a_new_epoch_at_the_recovered_end() {
    check(
        "
        replica 1 start=10 end=70 flushed=70 hw=90 lineage=0@0,3@50,4@80
        show
        state leader=1 epoch=5 pe=7 replicas=1 isr=1
        ends epoch=3
        ends epoch=4
        ends epoch=5
        ends epoch=6
        ends epoch=0 current=4
        ends epoch=0 current=6
        show
        ",
        &expect![[r#"
            replica 1 start=10 end=70 flushed=70 hw=90 lineage=0@0,3@50,4@80
            show
                Unassigned, log 10..70 flushed 70, high watermark 70, lineage 0@10,3@50, low watermark -1
            state leader=1 epoch=5 pe=7 replicas=1 isr=1
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(5), start: Offset(70) })
            ends epoch=3
                EpochEnd { epoch: LeaderEpoch(3), end: Offset(70) }
            ends epoch=4
                EpochEnd { epoch: LeaderEpoch(3), end: Offset(70) }
            ends epoch=5
                EpochEnd { epoch: LeaderEpoch(5), end: Offset(70) }
            ends epoch=6
                EpochEnd { epoch: LeaderEpoch(-1), end: Offset(-1) }
            ends epoch=0 current=4
                refused: leader epoch 4 is older than the current 5
            ends epoch=0 current=6
                refused: leader epoch 6 is newer than the known 5
            show
                Leader, log 10..70 flushed 70, high watermark 70, lineage 0@10,3@50,5@70, low watermark 10
        "#]],
    );
}

#[test]
fn an_older_state_is_refused_and_the_same_state_does_nothing() {
    check(
        "
        replica 1
        state leader=1 epoch=2 pe=5 replicas=1 isr=1
        state leader=1 epoch=2 pe=5 replicas=1 isr=1
        state leader=1 epoch=1 pe=6 replicas=1 isr=1
        state leader=1 epoch=2 pe=4 replicas=1 isr=1
        check epoch=2
        check epoch=1
        check epoch=3
        ",
        &expect![[r#"
            replica 1
            state leader=1 epoch=2 pe=5 replicas=1 isr=1
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(2), start: Offset(0) })
            state leader=1 epoch=2 pe=5 replicas=1 isr=1
            state leader=1 epoch=1 pe=6 replicas=1 isr=1
                refused: state of leader epoch 1 and partition epoch 6 is older than the known 2 and 5
            state leader=1 epoch=2 pe=4 replicas=1 isr=1
                refused: state of leader epoch 2 and partition epoch 4 is older than the known 2 and 5
            check epoch=2
                ()
            check epoch=1
                refused: leader epoch 1 is older than the current 2
            check epoch=3
                refused: leader epoch 3 is newer than the known 2
        "#]],
    );
}

#[test]
fn retention_takes_the_high_watermark_along() {
    check(
        "
        replica 1 end=20 flushed=20 hw=5 lineage=0@0,1@10
        start 15
        show
        state leader=1 epoch=2 pe=0 replicas=1 isr=1
        start 18
        show
        ",
        &expect![[r#"
            replica 1 end=20 flushed=20 hw=5 lineage=0@0,1@10
            start 15
                high watermark 15
            show
                Unassigned, log 15..20 flushed 20, high watermark 15, lineage 1@15, low watermark -1
            state leader=1 epoch=2 pe=0 replicas=1 isr=1
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(2), start: Offset(20) })
                HighWatermark(Offset(20))
            start 18
            show
                Leader, log 18..20 flushed 20, high watermark 20, lineage 1@18,2@20, low watermark 18
        "#]],
    );
}

#[test]
fn the_high_watermark_waits_for_the_disk_of_every_member() {
    check(
        "
        replica 1 min=2
        state at=0 leader=1 epoch=0 pe=0 replicas=1,2,3 isr=1,2,3
        append 10
        flush 10
        fetch at=1 from=2 end=10 flushed=10 epoch=0
        fetch at=1 from=3 end=10 flushed=0 epoch=0
        fetch at=2 from=3 end=10 flushed=4 epoch=0
        fetch at=3 from=3 end=10 flushed=10 epoch=0
        show
        ",
        &expect![[r#"
            replica 1 min=2
            state at=0 leader=1 epoch=0 pe=0 replicas=1,2,3 isr=1,2,3
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(0), start: Offset(0) })
            append 10
            flush 10
            fetch at=1 from=2 end=10 flushed=10 epoch=0
            fetch at=1 from=3 end=10 flushed=0 epoch=0
            fetch at=2 from=3 end=10 flushed=4 epoch=0
                HighWatermark(Offset(4))
            fetch at=3 from=3 end=10 flushed=10 epoch=0
                HighWatermark(Offset(10))
            show
                Leader, log 0..10 flushed 10, high watermark 10, lineage 0@0, low watermark 0
        "#]],
    );
}

#[test]
fn a_member_that_is_late_leaves_once_the_controller_agrees() {
    check(
        "
        replica 1 min=2
        state at=0 leader=1 epoch=0 pe=0 replicas=1,2,3 isr=1,2,3
        append 10
        flush 10
        fetch at=20 from=2 end=10 flushed=10 epoch=0
        tick at=30
        tick at=31
        tick at=32
        state at=33 leader=1 epoch=0 pe=1 replicas=1,2,3 isr=1,2
        produce all
        tick at=90
        state at=91 leader=1 epoch=0 pe=2 replicas=1,2,3 isr=1
        produce all
        produce one
        append 12
        flush 12
        ack 10
        ack 12
        ",
        &expect![[r#"
            replica 1 min=2
            state at=0 leader=1 epoch=0 pe=0 replicas=1,2,3 isr=1,2,3
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(0), start: Offset(0) })
            append 10
            flush 10
            fetch at=20 from=2 end=10 flushed=10 epoch=0
            tick at=30
            tick at=31
                ProposeIsr(IsrProposal { leader_epoch: LeaderEpoch(0), partition_epoch: 0, isr: [BrokerId(1), BrokerId(2)] })
            tick at=32
            state at=33 leader=1 epoch=0 pe=1 replicas=1,2,3 isr=1,2
                HighWatermark(Offset(10))
            produce all
                ()
            tick at=90
                ProposeIsr(IsrProposal { leader_epoch: LeaderEpoch(0), partition_epoch: 1, isr: [BrokerId(1)] })
            state at=91 leader=1 epoch=0 pe=2 replicas=1,2,3 isr=1
            produce all
                refused: 1 replicas are in sync, 2 are required
            produce one
                ()
            append 12
            flush 12
            ack 10
                Failed(NotEnoughReplicasAfterAppend { in_sync: 1, required: 2 })
            ack 12
                Pending
        "#]],
    );
}

#[test]
fn a_follower_joins_once_it_has_all_that_is_committed_and_counts_from_the_proposal_on() {
    check(
        "
        replica 1
        state at=0 leader=1 epoch=0 pe=0 replicas=1,2 isr=1
        append 10
        flush 10
        fetch at=1 from=2 end=4 flushed=4 epoch=0
        append 11
        flush 11
        fetch at=2 from=2 end=11 flushed=9 epoch=0
        fetch at=3 from=2 end=11 flushed=11 epoch=0
        append 15
        flush 15
        refused
        fetch at=4 from=2 end=15 flushed=15 epoch=0
        state at=5 leader=1 epoch=0 pe=1 replicas=1,2 isr=1,2
        append 20
        flush 20
        fetch at=6 from=2 end=20 flushed=20 epoch=0
        ",
        &expect![[r#"
            replica 1
            state at=0 leader=1 epoch=0 pe=0 replicas=1,2 isr=1
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(0), start: Offset(0) })
            append 10
            flush 10
                high watermark 10
            fetch at=1 from=2 end=4 flushed=4 epoch=0
            append 11
            flush 11
                high watermark 11
            fetch at=2 from=2 end=11 flushed=9 epoch=0
            fetch at=3 from=2 end=11 flushed=11 epoch=0
                ProposeIsr(IsrProposal { leader_epoch: LeaderEpoch(0), partition_epoch: 0, isr: [BrokerId(1), BrokerId(2)] })
            append 15
            flush 15
            refused
                HighWatermark(Offset(15))
            fetch at=4 from=2 end=15 flushed=15 epoch=0
                ProposeIsr(IsrProposal { leader_epoch: LeaderEpoch(0), partition_epoch: 0, isr: [BrokerId(1), BrokerId(2)] })
            state at=5 leader=1 epoch=0 pe=1 replicas=1,2 isr=1,2
            append 20
            flush 20
            fetch at=6 from=2 end=20 flushed=20 epoch=0
                HighWatermark(Offset(20))
        "#]],
    );
}

#[test]
fn a_zombie_leader_fails_its_waiters_when_it_hears() {
    check(
        "
        replica 1 end=10 flushed=10 hw=10 lineage=0@0
        state leader=1 epoch=1 pe=0 replicas=1,2 isr=1,2
        append 15
        flush 15
        ack 15
        state leader=2 epoch=2 pe=1 replicas=1,2 isr=1,2
        ack 15
        produce all
        check epoch=1
        next
        diverged epoch=0 end=10
        cut 10
        next
        told 12
        append 14
        told 14
        show
        ",
        &expect![[r#"
            replica 1 end=10 flushed=10 hw=10 lineage=0@0
            state leader=1 epoch=1 pe=0 replicas=1,2 isr=1,2
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(1), start: Offset(10) })
            append 15
            flush 15
            ack 15
                Pending
            state leader=2 epoch=2 pe=1 replicas=1,2 isr=1,2
                FailWaiters
                Follow { leader: BrokerId(2), leader_epoch: LeaderEpoch(2) }
            ack 15
                Failed(NotLeader)
            produce all
                refused: this broker does not lead the partition
            check epoch=1
                refused: leader epoch 1 is older than the current 2
            next
                Some(NextFetch { fetch_offset: Offset(15), last_fetched_epoch: Some(LeaderEpoch(1)), leader_epoch: LeaderEpoch(2), log_start: Offset(0), flushed_end: Offset(15) })
            diverged epoch=0 end=10
                Truncate { to: Offset(10), loses_committed: false }
            cut 10
            next
                Some(NextFetch { fetch_offset: Offset(10), last_fetched_epoch: Some(LeaderEpoch(0)), leader_epoch: LeaderEpoch(2), log_start: Offset(0), flushed_end: Offset(10) })
            told 12
            append 14
                high watermark 12
            told 14
                high watermark 14
            show
                Follower(BrokerId(2)), log 0..14 flushed 10, high watermark 14, lineage 0@0, low watermark -1
        "#]],
    );
}

#[test]
fn a_change_of_settings_takes_nothing_back() {
    check(
        "
        replica 1 durability=replicated
        state leader=1 epoch=0 pe=0 replicas=1,2 isr=1
        append 10
        flush 4
        configure durability=fsync
        append 12
        flush 12
        configure durability=fsync min=2
        produce all
        append 14
        flush 14
        configure durability=fsync min=1
        ",
        &expect![[r#"
            replica 1 durability=replicated
            state leader=1 epoch=0 pe=0 replicas=1,2 isr=1
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(0), start: Offset(0) })
            append 10
                high watermark 10
            flush 4
            configure durability=fsync
            append 12
            flush 12
                high watermark 12
            configure durability=fsync min=2
            produce all
                refused: 1 replicas are in sync, 2 are required
            append 14
            flush 14
            configure durability=fsync min=1
                high watermark 14
        "#]],
    );
}

#[test]
fn fewer_replicas_than_the_minimum_in_sync_are_enough_if_they_are_all() {
    check(
        "
        replica 1 min=3
        state leader=1 epoch=0 pe=0 replicas=1 isr=1
        produce all
        append 1
        flush 1
        ack 1
        ",
        &expect![[r#"
            replica 1 min=3
            state leader=1 epoch=0 pe=0 replicas=1 isr=1
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(0), start: Offset(0) })
            produce all
                ()
            append 1
            flush 1
                high watermark 1
            ack 1
                Done
        "#]],
    );
}

#[test]
fn a_fetch_from_a_stranger_or_from_beyond_the_end_proves_nothing() {
    check(
        "
        replica 1 end=10 flushed=10 lineage=0@0
        state leader=1 epoch=1 pe=0 replicas=1,2 isr=1,2
        fetch at=1 from=3 end=10 flushed=10 epoch=1
        fetch at=1 from=2 end=10 flushed=10 epoch=0
        fetch at=1 from=2 end=99 flushed=99 epoch=1
        append 20
        flush 20
        fetch at=2 from=2 end=20 epoch=1
        ",
        &expect![[r#"
            replica 1 end=10 flushed=10 lineage=0@0
            state leader=1 epoch=1 pe=0 replicas=1,2 isr=1,2
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(1), start: Offset(10) })
            fetch at=1 from=3 end=10 flushed=10 epoch=1
                refused: broker 3 holds no replica of the partition
            fetch at=1 from=2 end=10 flushed=10 epoch=0
                refused: leader epoch 0 is older than the current 1
            fetch at=1 from=2 end=99 flushed=99 epoch=1
            append 20
            flush 20
            fetch at=2 from=2 end=20 epoch=1
        "#]],
    );
}

#[test]
fn a_flush_that_overtakes_the_append_it_covers_is_not_forgotten() {
    check(
        "
        replica 1
        state leader=1 epoch=0 pe=0 replicas=1 isr=1
        append 5
        flush 9
        append 9
        ack 9
        append 7
        show
        ",
        &expect![[r#"
            replica 1
            state leader=1 epoch=0 pe=0 replicas=1 isr=1
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(0), start: Offset(0) })
            append 5
            flush 9
                high watermark 9
            append 9
            ack 9
                Done
            append 7
            show
                Leader, log 0..9 flushed 9, high watermark 9, lineage 0@0, low watermark 0
        "#]],
    );
}
