//! A replica that follows, or is told to: where it cuts, what it asks, when it begins anew.

use expect_test::expect;

use super::check;

#[test]
fn a_follower_asks_again_where_it_does_not_know_the_leaders_epoch() {
    // KIP-279: both have led alone for a while; no epoch of one is known to the other.
    check(
        "
        replica 1 end=30 flushed=30 hw=10 lineage=0@0,2@10,4@20
        state leader=2 epoch=6 pe=9 replicas=1,2 isr=2
        next
        diverged epoch=3 end=25
        cut 20
        next
        diverged epoch=1 end=15
        cut 10
        next
        diverged epoch=0 end=10
        ",
        &expect![[r#"
            replica 1 end=30 flushed=30 hw=10 lineage=0@0,2@10,4@20
            state leader=2 epoch=6 pe=9 replicas=1,2 isr=2
                Follow { leader: BrokerId(2), leader_epoch: LeaderEpoch(6) }
            next
                Some(NextFetch { fetch_offset: Offset(30), last_fetched_epoch: Some(LeaderEpoch(4)), leader_epoch: LeaderEpoch(6), log_start: Offset(0), flushed_end: Offset(30) })
            diverged epoch=3 end=25
                Truncate { to: Offset(20), loses_committed: false }
            cut 20
            next
                Some(NextFetch { fetch_offset: Offset(20), last_fetched_epoch: Some(LeaderEpoch(2)), leader_epoch: LeaderEpoch(6), log_start: Offset(0), flushed_end: Offset(20) })
            diverged epoch=1 end=15
                Truncate { to: Offset(10), loses_committed: false }
            cut 10
            next
                Some(NextFetch { fetch_offset: Offset(10), last_fetched_epoch: Some(LeaderEpoch(0)), leader_epoch: LeaderEpoch(6), log_start: Offset(0), flushed_end: Offset(10) })
            diverged epoch=0 end=10
        "#]],
    );
}

#[test]
fn losing_what_is_committed_is_said_aloud() {
    check(
        "
        replica 1 end=30 flushed=30 hw=20 lineage=0@0
        state leader=2 epoch=1 pe=1 replicas=1,2 isr=2
        diverged epoch=0 end=15
        cut 15
        show
        ",
        &expect![[r#"
            replica 1 end=30 flushed=30 hw=20 lineage=0@0
            state leader=2 epoch=1 pe=1 replicas=1,2 isr=2
                Follow { leader: BrokerId(2), leader_epoch: LeaderEpoch(1) }
            diverged epoch=0 end=15
                Truncate { to: Offset(15), loses_committed: true }
            cut 15
            show
                Follower(BrokerId(2)), log 0..15 flushed 15, high watermark 15, lineage 0@0, low watermark -1
        "#]],
    );
}

#[test]
fn a_partition_without_leader_is_not_fetched() {
    check(
        "
        replica 1 end=3 flushed=3 lineage=0@0
        state leader=-1 epoch=4 pe=2 replicas=1,2 isr=1
        next
        state leader=2 epoch=5 pe=3 replicas=1,2 isr=1
        next
        ",
        &expect![[r#"
            replica 1 end=3 flushed=3 lineage=0@0
            state leader=-1 epoch=4 pe=2 replicas=1,2 isr=1
                StopFetching
            next
                None
            state leader=2 epoch=5 pe=3 replicas=1,2 isr=1
                Follow { leader: BrokerId(2), leader_epoch: LeaderEpoch(5) }
            next
                Some(NextFetch { fetch_offset: Offset(3), last_fetched_epoch: Some(LeaderEpoch(0)), leader_epoch: LeaderEpoch(5), log_start: Offset(0), flushed_end: Offset(3) })
        "#]],
    );
}

#[test]
fn a_log_that_is_no_prefix_of_the_leaders_is_told_so() {
    check(
        "
        replica 1 end=40 flushed=40 lineage=1@5,3@20
        state leader=1 epoch=4 pe=0 replicas=1 isr=1
        append 50
        diverging offset=50 epoch=4
        diverging offset=30 epoch=3
        diverging offset=41 epoch=3
        diverging offset=25 epoch=2
        diverging offset=10 epoch=1
        diverging offset=9 epoch=0
        diverging offset=9 epoch=7
        ",
        &expect![[r#"
            replica 1 end=40 flushed=40 lineage=1@5,3@20
            state leader=1 epoch=4 pe=0 replicas=1 isr=1
                PersistEpoch(EpochEntry { epoch: LeaderEpoch(4), start: Offset(40) })
                HighWatermark(Offset(40))
            append 50
            diverging offset=50 epoch=4
                None
            diverging offset=30 epoch=3
                None
            diverging offset=41 epoch=3
                Some(EpochEnd { epoch: LeaderEpoch(3), end: Offset(40) })
            diverging offset=25 epoch=2
                Some(EpochEnd { epoch: LeaderEpoch(1), end: Offset(20) })
            diverging offset=10 epoch=1
                None
            diverging offset=9 epoch=0
                Some(EpochEnd { epoch: LeaderEpoch(0), end: Offset(5) })
            diverging offset=9 epoch=7
                refused: nothing is known about leader epoch 7
        "#]],
    );
}

#[test]
fn a_follower_that_is_too_far_behind_starts_anew() {
    check(
        "
        replica 1 end=30 flushed=30 hw=20 lineage=0@0
        state leader=2 epoch=1 pe=1 replicas=1,2 isr=2
        restart 50
        next
        told 60
        append 55
        show
        ",
        &expect![[r#"
            replica 1 end=30 flushed=30 hw=20 lineage=0@0
            state leader=2 epoch=1 pe=1 replicas=1,2 isr=2
                Follow { leader: BrokerId(2), leader_epoch: LeaderEpoch(1) }
            restart 50
            next
                Some(NextFetch { fetch_offset: Offset(50), last_fetched_epoch: None, leader_epoch: LeaderEpoch(1), log_start: Offset(50), flushed_end: Offset(50) })
            told 60
            append 55
                high watermark 55
            show
                Follower(BrokerId(2)), log 50..55 flushed 50, high watermark 55, lineage , low watermark -1
        "#]],
    );
}
