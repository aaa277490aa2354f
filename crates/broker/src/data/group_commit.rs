//! When a partition is flushed: the machine behind group commit.
//!
//! A flush covers whatever was appended before it began, so the fewer flushes the more each of
//! them covers. When the answers of a flush have gone out, those who got them send their next
//! requests within moments; a flush that starts at once for the first of them leaves the others
//! to another flush, and with many producers the broker ends up flushing for each request. So
//! a partition that several wait for at once gathers: the next flush begins when as many have
//! come as were there before, or when twice the time has passed that the flush took, which
//! bounds what gathering can cost. Where each flush covers much, a larger one would not be
//! cheaper by the byte, and nothing is gained by waiting. A lone producer, and one that comes to
//! an idle partition, is flushed for at once.

use std::time::Duration;

/// However slow the disk, requests do not wait longer than this for others to join them.
const GATHER_MAX: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nobody wants a flush.
    #[default]
    Idle,
    /// Waiting for a thread.
    Queued,
    /// A thread is at it.
    Running,
    /// The thread waits for company.
    Gathering { expected: u32 },
}

/// What a request for a flush calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing: it will be covered.
    Covered,
    /// The partition has to be queued.
    Enqueue,
    /// The thread that gathers has to go on.
    Wake,
}

/// What a thread does after a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing more to do here.
    Release,
    /// Others come first; then this partition again.
    Enqueue,
    /// Flush again at once.
    Flush,
    /// Wait for [`Asked::Wake`], at most this long; then [`GroupCommit::gathered`].
    Gather(Duration),
}

/// Where one partition stands with its flushes.
#[derive(Debug, Default)]
pub(super) struct GroupCommit {
    phase: Phase,
    /// Requests since the last flush began.
    waiting: u32,
    /// Requests that the flush under way covers.
    taken: u32,
}

impl GroupCommit {
    /// Something was appended.
    pub(super) fn request(&mut self) -> Asked {
        self.waiting = self.waiting.saturating_add(1);
        match self.phase {
            Phase::Idle => {
                self.phase = Phase::Queued;
                Asked::Enqueue
            }
            Phase::Gathering { expected } if self.waiting == expected => Asked::Wake,
            Phase::Queued | Phase::Running | Phase::Gathering { .. } => Asked::Covered,
        }
    }

    /// A flush begins; it covers all that was appended until now.
    pub(super) fn start(&mut self) {
        self.phase = Phase::Running;
        self.taken = std::mem::take(&mut self.waiting);
    }

    /// A flush has ended. `pressed` says that other partitions wait for a thread, `is_small`
    /// that flushes cover little.
    pub(super) fn finish(&mut self, took: Duration, pressed: bool, is_small: bool) -> Next {
        let there = self.taken.saturating_add(self.waiting);
        if pressed || there < 2 {
            return self.leave();
        }
        if !is_small || self.taken == 0 {
            return self.gathered();
        }
        self.phase = Phase::Gathering { expected: there };
        Next::Gather((took * 2).min(GATHER_MAX))
    }

    /// Gathering is over, because all have come or the time is up.
    pub(super) fn gathered(&mut self) -> Next {
        if self.waiting > 0 {
            return Next::Flush;
        }
        self.leave()
    }

    /// Whether as many have come as are expected.
    pub(super) fn is_complete(&self) -> bool {
        !matches!(self.phase, Phase::Gathering { expected } if self.waiting < expected)
    }

    fn leave(&mut self) -> Next {
        if self.waiting > 0 {
            self.phase = Phase::Queued;
            return Next::Enqueue;
        }
        self.phase = Phase::Idle;
        Next::Release
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_micros(300);

    #[test]
    fn a_lone_producer_never_waits_for_company() {
        let mut commit = GroupCommit::default();
        for _ in 0..3 {
            assert_eq!(commit.request(), Asked::Enqueue);
            commit.start();
            assert_eq!(commit.finish(TOOK, false, true), Next::Release);
        }
    }

    #[test]
    fn many_that_come_one_by_one_end_up_in_one_flush() {
        let mut commit = GroupCommit::default();
        assert_eq!(commit.request(), Asked::Enqueue);
        commit.start();
        assert_eq!(commit.request(), Asked::Covered);
        assert_eq!(commit.request(), Asked::Covered);
        assert_eq!(commit.finish(TOOK, false, true), Next::Gather(TOOK * 2));
        assert!(!commit.is_complete());
        assert_eq!(commit.request(), Asked::Wake);
        assert!(commit.is_complete());
        assert_eq!(commit.gathered(), Next::Flush);
        commit.start();
        assert_eq!(commit.finish(TOOK, false, true), Next::Gather(TOOK * 2));
        assert_eq!(commit.request(), Asked::Covered);
        assert_eq!(commit.request(), Asked::Covered);
        assert_eq!(commit.request(), Asked::Wake);
    }

    #[test]
    fn those_who_stay_away_are_not_expected_again() {
        let mut commit = GroupCommit::default();
        for _ in 0..5 {
            commit.request();
        }
        commit.start();
        assert_eq!(commit.finish(TOOK, false, true), Next::Gather(TOOK * 2));
        commit.request();
        assert_eq!(commit.gathered(), Next::Flush);
        commit.start();
        assert_eq!(commit.finish(TOOK, false, true), Next::Release);
    }

    #[test]
    fn gathering_ends_in_idleness_if_nobody_comes_and_is_bounded_on_a_slow_disk() {
        let mut commit = GroupCommit::default();
        commit.request();
        commit.request();
        commit.start();
        let slow = Duration::from_millis(12);
        assert_eq!(commit.finish(slow, false, true), Next::Gather(GATHER_MAX));
        assert_eq!(commit.gathered(), Next::Release);
        assert_eq!(commit.request(), Asked::Enqueue);
    }

    #[test]
    fn where_each_flush_covers_much_none_is_put_off() {
        let mut commit = GroupCommit::default();
        commit.request();
        commit.request();
        commit.start();
        commit.request();
        assert_eq!(commit.finish(TOOK, false, false), Next::Flush);
        commit.start();
        assert_eq!(commit.finish(TOOK, false, false), Next::Release);
    }

    #[test]
    fn other_partitions_come_first_when_threads_are_short() {
        let mut commit = GroupCommit::default();
        commit.request();
        commit.request();
        commit.start();
        commit.request();
        assert_eq!(commit.finish(TOOK, true, true), Next::Enqueue);
        assert_eq!(commit.request(), Asked::Covered);
        commit.start();
        assert_eq!(commit.finish(TOOK, true, true), Next::Release);
    }
}
