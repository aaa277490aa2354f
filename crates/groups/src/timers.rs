//! The deadlines of all groups of a shard, in order.
//!
//! A heartbeat moves one entry and a tick pops what is due; neither looks at the members that
//! have nothing to do with it.

use std::collections::{BTreeSet, HashMap};

use crate::ids::{GroupId, MemberId};

/// What happens when a deadline passes. There is at most one deadline for each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// The member has not been heard of for its session timeout.
    Session(GroupId, MemberId),
    /// The group has waited long enough for its members to join.
    Join(GroupId),
    /// The group has waited long enough for its members to fetch their assignments.
    Sync(GroupId),
    /// It is time to look for expired offsets.
    Sweep,
}

impl Timer {
    /// The group that the timer belongs to, if it belongs to one.
    pub(crate) fn group(&self) -> Option<&GroupId> {
        match self {
            Self::Session(group, _) | Self::Join(group) | Self::Sync(group) => Some(group),
            Self::Sweep => None,
        }
    }
}

/// Deadlines on the monotonic clock.
#[derive(Default)]
pub(crate) struct Timers {
    by_deadline: BTreeSet<(u64, Timer)>,
    deadlines: HashMap<Timer, u64>,
}

impl Timers {
    /// Sets or moves a deadline.
    pub(crate) fn schedule(&mut self, timer: Timer, deadline_ms: u64) {
        if let Some(old_ms) = self.deadlines.insert(timer.clone(), deadline_ms) {
            if old_ms == deadline_ms {
                return;
            }
            self.by_deadline.remove(&(old_ms, timer.clone()));
        }
        self.by_deadline.insert((deadline_ms, timer));
    }

    /// Takes a deadline back; nothing happens if there is none.
    pub(crate) fn cancel(&mut self, timer: Timer) {
        if let Some(deadline_ms) = self.deadlines.remove(&timer) {
            self.by_deadline.remove(&(deadline_ms, timer));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.by_deadline
            .first()
            .map(|(deadline_ms, _)| *deadline_ms)
    }

    /// The timer that would be popped next.
    pub(crate) fn peek_due(&self, now_ms: u64) -> Option<&Timer> {
        let (deadline_ms, timer) = self.by_deadline.first()?;
        (*deadline_ms <= now_ms).then_some(timer)
    }

    /// Takes out the earliest timer whose deadline has passed.
    pub(crate) fn pop_due(&mut self, now_ms: u64) -> Option<Timer> {
        self.peek_due(now_ms)?;
        let (_, timer) = self.by_deadline.pop_first()?;
        self.deadlines.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(group: &str) -> Timer {
        Timer::Join(GroupId::from(group))
    }

    #[test]
    fn timers_are_popped_in_order_of_their_latest_deadline() {
        let mut timers = Timers::default();
        timers.schedule(join("a"), 10);
        timers.schedule(join("b"), 20);
        timers.schedule(join("a"), 30);
        timers.schedule(Timer::Sweep, 5);
        timers.cancel(Timer::Sweep);
        assert_eq!(timers.next_deadline_ms(), Some(20));
        assert_eq!(timers.pop_due(19), None);
        assert_eq!(timers.pop_due(30), Some(join("b")));
        assert_eq!(timers.pop_due(30), Some(join("a")));
        assert_eq!(timers.next_deadline_ms(), None);
    }
}
