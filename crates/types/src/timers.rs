//! Deadlines in order, for machines that are told the time.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Deadlines on the monotonic clock, at most one for each timer.
///
/// Moving one moves one entry and popping looks at what is due; neither touches the timers that have
/// nothing to do with it.
#[derive(Debug)]
pub struct Timers<T> {
    by_deadline: BTreeSet<(u64, T)>,
    deadlines: HashMap<T, u64>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self {
            by_deadline: BTreeSet::new(),
            deadlines: HashMap::new(),
        }
    }
}

impl<T: Clone + Ord + Hash> Timers<T> {
    /// Sets or moves a deadline.
    pub fn schedule(&mut self, timer: T, deadline_ms: u64) {
        if let Some(old_ms) = self.deadlines.insert(timer.clone(), deadline_ms) {
            if old_ms == deadline_ms {
                return;
            }
            self.by_deadline.remove(&(old_ms, timer.clone()));
        }
        self.by_deadline.insert((deadline_ms, timer));
    }

    /// Takes a deadline back; nothing happens if there is none.
    pub fn cancel(&mut self, timer: T) {
        if let Some(deadline_ms) = self.deadlines.remove(&timer) {
            self.by_deadline.remove(&(deadline_ms, timer));
        }
    }

    /// The earliest deadline.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.by_deadline
            .first()
            .map(|(deadline_ms, _)| *deadline_ms)
    }

    /// The timer that would be popped next.
    pub fn peek_due(&self, now_ms: u64) -> Option<&T> {
        let (deadline_ms, timer) = self.by_deadline.first()?;
        (*deadline_ms <= now_ms).then_some(timer)
    }

    /// Takes out the earliest timer whose deadline has passed.
    pub fn pop_due(&mut self, now_ms: u64) -> Option<T> {
        self.peek_due(now_ms)?;
        let (_, timer) = self.by_deadline.pop_first()?;
        self.deadlines.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_are_popped_in_order_of_their_latest_deadline() {
        let mut timers = Timers::default();
        timers.schedule("a", 10);
        timers.schedule("b", 20);
        timers.schedule("a", 30);
        timers.schedule("c", 5);
        timers.cancel("c");
        assert_eq!(timers.next_deadline_ms(), Some(20));
        assert_eq!(timers.pop_due(19), None);
        assert_eq!(timers.pop_due(30), Some("b"));
        assert_eq!(timers.pop_due(30), Some("a"));
        assert_eq!(timers.next_deadline_ms(), None);
    }
}
