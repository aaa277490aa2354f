//! When what has been appended is committed: the machine behind group commit.
//!
//! A commit covers whatever was appended before it began, so the fewer commits the more each of
//! them covers. When the answers of a commit have gone out, those who got them send their next
//! requests within moments; a commit that starts at once for the first of them leaves the others
//! to another, and with many producers the broker ends up flushing for each request. So when
//! several have waited at once, the next commit gathers: it begins when as many have come as
//! were there before, or when twice the time has passed that the last one took, which bounds
//! what gathering can cost. A lone producer, and one that comes to an idle broker, is committed
//! for at once.

use std::time::Duration;

/// However slow the disk, requests do not wait longer than this for others to join them.
const GATHER_MAX: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nobody waits for a commit.
    #[default]
    Resting,
    /// A commit is under way, or about to be.
    Running,
    /// The thread waits for company.
    Gathering { expected: u32 },
}

/// When to commit.
#[derive(Debug, Default)]
pub(super) struct GroupCommit {
    phase: Phase,
    /// Requests since the last commit began.
    waiting: u32,
    /// Requests that the commit under way covers.
    taken: u32,
}

impl GroupCommit {
    /// Something was appended; true if the thread has to be woken for it.
    pub(super) fn request(&mut self) -> bool {
        self.waiting = self.waiting.saturating_add(1);
        match self.phase {
            Phase::Resting => {
                self.phase = Phase::Running;
                true
            }
            Phase::Running => false,
            Phase::Gathering { expected } => self.waiting == expected,
        }
    }

    /// A commit begins; it covers all that was appended until now.
    pub(super) fn start(&mut self) {
        self.phase = Phase::Running;
        self.taken = std::mem::take(&mut self.waiting);
    }

    /// A commit has ended; says how long to gather for the next one at most.
    pub(super) fn finish(&mut self, took: Duration) -> Option<Duration> {
        let expected = self.taken.saturating_add(self.waiting);
        if expected < 2 || self.taken == 0 {
            return None;
        }
        self.phase = Phase::Gathering { expected };
        Some((took * 2).min(GATHER_MAX))
    }

    /// Whether as many have come as are expected.
    pub(super) fn is_complete(&self) -> bool {
        !matches!(self.phase, Phase::Gathering { expected } if self.waiting < expected)
    }

    /// Nobody waits.
    pub(super) fn rest(&mut self) {
        self.phase = Phase::Resting;
        self.waiting = 0;
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
            assert!(commit.request());
            commit.start();
            assert_eq!(commit.finish(TOOK), None);
            commit.rest();
        }
    }

    #[test]
    fn many_that_come_one_by_one_end_up_in_one_commit() {
        let mut commit = GroupCommit::default();
        assert!(commit.request());
        commit.start();
        assert!(!commit.request());
        assert!(!commit.request());
        assert_eq!(commit.finish(TOOK), Some(TOOK * 2));
        assert!(!commit.is_complete());
        assert!(commit.request());
        assert!(commit.is_complete());
        commit.start();
        assert_eq!(commit.finish(TOOK), Some(TOOK * 2));
        assert!(!commit.request());
        assert!(!commit.request());
        assert!(commit.request());
        assert!(commit.is_complete());
    }

    #[test]
    fn those_who_stay_away_are_not_expected_again() {
        let mut commit = GroupCommit::default();
        for _ in 0..5 {
            commit.request();
        }
        commit.start();
        assert_eq!(commit.finish(TOOK), Some(TOOK * 2));
        commit.request();
        commit.start();
        assert_eq!(commit.finish(TOOK), None);
    }

    #[test]
    fn gathering_ends_in_rest_if_nobody_comes_and_is_bounded_on_a_slow_disk() {
        let mut commit = GroupCommit::default();
        commit.request();
        commit.request();
        commit.start();
        assert_eq!(commit.finish(Duration::from_millis(12)), Some(GATHER_MAX));
        commit.rest();
        assert!(commit.request());
    }

    #[test]
    fn a_commit_that_covered_nothing_is_not_gathered_for() {
        let mut commit = GroupCommit::default();
        commit.start();
        commit.request();
        commit.request();
        assert_eq!(commit.finish(TOOK), None);
    }
}
