//! The deadlines of all transactional ids of a shard, in order.

use std::collections::{BTreeSet, HashMap};

use crate::ids::TransactionalId;

/// What happens when a deadline passes. There is at most one deadline for each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// The transaction has been open for as long as its producer allowed.
    Timeout(TransactionalId),
    /// A transaction without partitions was found whose end is decided: nothing is left to do
    /// for it but to say so in the log.
    Complete(TransactionalId),
    /// It is time to look for expired transactional ids.
    Sweep,
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

    fn timeout(id: &str) -> Timer {
        Timer::Timeout(TransactionalId::from(id))
    }

    #[test]
    fn timers_are_popped_in_order_of_their_latest_deadline() {
        let mut timers = Timers::default();
        timers.schedule(timeout("a"), 10);
        timers.schedule(timeout("b"), 20);
        timers.schedule(timeout("a"), 30);
        timers.schedule(Timer::Sweep, 5);
        timers.cancel(Timer::Sweep);
        assert_eq!(timers.next_deadline_ms(), Some(20));
        assert_eq!(timers.pop_due(19), None);
        assert_eq!(timers.pop_due(30), Some(timeout("b")));
        assert_eq!(timers.pop_due(30), Some(timeout("a")));
        assert_eq!(timers.next_deadline_ms(), None);
    }
}
