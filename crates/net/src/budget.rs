//! One budget of bytes for all requests that are being read or worked on.
//!
//! Memory is taken as bytes arrive, never on the word of a length field: sixty peers that
//! announce 100 MB each and send one byte cost sixty small buffers. A part of the budget is
//! kept back for small requests, so that heartbeats pass while large frames queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

/// A take of up to this many bytes may use the part of the budget kept for small requests.
pub(crate) const SMALL_TAKE_BYTES: usize = 16 * 1024;

/// The shared budget.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    kept_for_small: usize,
    used: AtomicUsize,
    /// Whether a frame is overdrawing.
    is_overdrawn: AtomicBool,
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
            is_overdrawn: AtomicBool::new(false),
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
        self.wake_waiting();
    }

    fn wake_waiting(&self) {
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
    /// Whether this is the one that may overdraw.
    overdraws: bool,
}

/// Whether the bytes are for a frame that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing of it is held yet: it can wait without keeping others from going on.
    Waiting,
    /// A part is held, which only comes back when the rest has come.
    Begun,
}

impl Reservation {
    /// An empty one, to be grown.
    pub fn empty(budget: Arc<Budget>) -> Self {
        Self {
            budget,
            bytes: 0,
            overdraws: false,
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds at least `bytes`, if the budget has room or this one may overdraw.
    pub(crate) fn grow_to(&mut self, bytes: usize, stage: Stage, waker: &Waker) -> bool {
        let Some(more) = bytes.checked_sub(self.bytes).filter(|more| *more > 0) else {
            return true;
        };
        if !self.budget.try_take(more, waker) {
            if stage == Stage::Waiting || !self.may_overdraw() {
                return false;
            }
            self.budget.used.fetch_add(more, Ordering::SeqCst);
        }
        self.bytes = bytes;
        true
    }

    /// The waker is registered already: whoever overdraws wakes all when it is done.
    fn may_overdraw(&mut self) -> bool {
        self.overdraws = self.overdraws || !self.budget.is_overdrawn.swap(true, Ordering::SeqCst);
        self.overdraws
    }

    /// The frame is whole: another one may overdraw.
    pub(crate) fn end_overdraft(&mut self) {
        if std::mem::take(&mut self.overdraws) {
            self.budget.is_overdrawn.store(false, Ordering::SeqCst);
            self.budget.wake_waiting();
        }
    }

    /// Hands `bytes` of it to another holder.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let moved = bytes.min(self.bytes);
        self.bytes -= moved;
        Self {
            budget: Arc::clone(&self.budget),
            bytes: moved,
            overdraws: false,
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
        self.end_overdraft();
        self.budget.give(self.bytes);
    }
}

#[cfg(test)]
mod tests;
