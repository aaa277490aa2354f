//! One budget of bytes for all requests that are being read or worked on.
//!
//! Memory is taken as bytes arrive, never on the word of a length field: sixty peers that
//! announce 100 MB each and send one byte cost sixty small buffers. A part of the budget is
//! kept back for small requests, so that heartbeats pass while large frames queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use std::task::Waker;

/// A take of up to this many bytes may use the part of the budget kept for small requests.
pub(crate) const SMALL_TAKE_BYTES: usize = 16 * 1024;

/// The shared budget.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    kept_for_small: usize,
    used: AtomicUsize,
    waiting: Mutex<Vec<Waker>>,
    waiters: AtomicUsize,
}

impl Budget {
    /// A budget of this many bytes.
    pub fn new(limit_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            limit: limit_bytes,
            kept_for_small: limit_bytes / 8,
            used: AtomicUsize::new(0),
            waiting: Mutex::new(Vec::new()),
            waiters: AtomicUsize::new(0),
        })
    }

    /// Bytes taken at this moment.
    pub fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The bound.
    pub fn limit_bytes(&self) -> usize {
        self.limit
    }

    /// Takes `bytes` if there is room; otherwise remembers the waker for when there is.
    pub(crate) fn try_take(&self, bytes: usize, waker: &Waker) -> bool {
        if self.take_now(bytes) {
            return true;
        }
        self.waiters.fetch_add(1, Ordering::SeqCst);
        self.waiting.lock().push(waker.clone());
        // What was given back between the two looks would otherwise wake nobody.
        self.take_now(bytes)
    }

    fn take_now(&self, bytes: usize) -> bool {
        let limit = if bytes <= SMALL_TAKE_BYTES {
            self.limit
        } else {
            self.limit - self.kept_for_small
        };
        self.used
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |used| {
                // Even a frame larger than the whole budget passes when it is alone.
                let fits = used.saturating_add(bytes) <= limit || used == 0;
                fits.then(|| used.saturating_add(bytes))
            })
            .is_ok()
    }

    pub(crate) fn give(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.used.fetch_sub(bytes, Ordering::SeqCst);
        if self.waiters.load(Ordering::SeqCst) > 0 {
            let woken = std::mem::take(&mut *self.waiting.lock());
            self.waiters.fetch_sub(woken.len(), Ordering::SeqCst);
            for waker in woken {
                waker.wake();
            }
        }
    }
}

/// Bytes of the budget that somebody holds; dropping gives them back.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Reservation {
    /// An empty one, to be grown.
    pub fn empty(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds at least `bytes`, if the budget has room.
    pub(crate) fn grow_to(&mut self, bytes: usize, waker: &Waker) -> bool {
        if bytes <= self.bytes {
            return true;
        }
        if !self.budget.try_take(bytes - self.bytes, waker) {
            return false;
        }
        self.bytes = bytes;
        true
    }

    /// Hands `bytes` of it to another holder.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let moved = bytes.min(self.bytes);
        self.bytes -= moved;
        Self {
            budget: Arc::clone(&self.budget),
            bytes: moved,
        }
    }

    /// Gives back what is above `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        if bytes < self.bytes {
            self.budget.give(self.bytes - bytes);
            self.bytes = bytes;
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    struct Flag(AtomicBool);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn what_is_dropped_comes_back_and_wakes_who_waits() {
        let budget = Budget::new(100_000);
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut large = Reservation::empty(Arc::clone(&budget));
        assert!(large.grow_to(80_000, &waker));
        let mut other = Reservation::empty(Arc::clone(&budget));
        assert!(
            !other.grow_to(20_000, &waker),
            "the rest is kept for small takes"
        );
        assert!(other.grow_to(10_000, &waker));
        drop(large);
        assert!(flag.0.load(Ordering::SeqCst));
        assert_eq!(budget.used_bytes(), 10_000);
        assert!(other.grow_to(60_000, &waker));
        drop(other);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn a_frame_larger_than_the_budget_passes_alone() {
        let budget = Budget::new(10);
        let mut only = Reservation::empty(Arc::clone(&budget));
        assert!(only.grow_to(1000, Waker::noop()));
        let mut next = Reservation::empty(budget);
        assert!(!next.grow_to(1, Waker::noop()));
    }
}
